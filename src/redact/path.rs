//! The paths that people write by hand: the part of RFC 9535 (JSONPath) that a stream can follow.
//!
//! Never: guesses. What it does not know (filters, slices, indexes) is an error with its position.

use std::fmt;

use crate::limits;

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The byte of the text at which it was noticed, from 0.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`, `['name']`
    Member(String),
    /// `[*]`
    Items,
    /// `.*`
    Children,
    /// The second dot of `..`: here or anywhere below.
    Deeper,
}

/// Parses a path; `$` in front may be left out.
pub(super) fn parse(path: &str) -> Result<Vec<Step>, PathError> {
    let mut rest = Rest { path, at: 0 };
    let mut steps = Vec::new();
    if path.is_empty() {
        return Err(rest.error("a path is empty; the whole body is `$`"));
    }
    // `a.b` is short for `$.a.b`.
    let bare = !rest.eat("$") && !matches!(rest.peek(), Some('.' | '['));
    if bare {
        steps.push(rest.name()?);
    }
    while let Some(c) = rest.peek() {
        if steps.len() > limits::JSON_DEPTH_MAX {
            return Err(rest.error(format!("a path has at most {} steps", limits::JSON_DEPTH_MAX)));
        }
        match c {
            '.' if rest.eat("..") => {
                steps.push(Step::Deeper);
                steps.push(if rest.peek() == Some('[') { rest.bracket()? } else { rest.name()? });
            }
            '.' => {
                rest.eat(".");
                steps.push(rest.name()?);
            }
            '[' => steps.push(rest.bracket()?),
            _ => return Err(rest.error("a path goes on with `.` or `[`")),
        }
    }
    // `..[*]` selects members too.
    for at in 1..steps.len() {
        if let Some([Step::Deeper, step @ Step::Items]) = steps.get_mut(at - 1..=at) {
            *step = Step::Children;
        }
    }
    Ok(steps)
}

/// A key as a step of a path.
#[must_use]
pub fn written(key: &str) -> String {
    let is_name = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if is_name {
        format!(".{key}")
    } else {
        format!("['{}']", key.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

struct Rest<'a> {
    path: &'a str,
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<char> {
        self.path.get(self.at..)?.chars().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.path.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        if found {
            self.at += text.len();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn error(&self, message: impl Into<String>) -> PathError {
        PathError { at: self.at, message: message.into() }
    }

    /// A name after a dot, or `*`.
    fn name(&mut self) -> Result<Step, PathError> {
        if self.eat("*") {
            return Ok(Step::Children);
        }
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-' || !c.is_ascii()) {
            self.next();
        }
        match self.path.get(from..self.at) {
            Some(name) if !name.is_empty() => Ok(Step::Member(name.to_owned())),
            _ => Err(self.error(
                "a name is missing here; other characters than letters, digits, `_` and `-` need \
                                 quotes, as in `$['first name']`",
            )),
        }
    }

    /// `[*]`, `['name']`, `["name"]`.
    fn bracket(&mut self) -> Result<Step, PathError> {
        let open = self.at;
        self.eat("[");
        let step = match self.next() {
            Some('*') => Step::Items,
            Some(quote @ ('\'' | '"')) => Step::Member(self.quoted(quote)?),
            Some('?') => return Err(PathError { at: open, message: "filters are not supported".to_owned() }),
            Some('0'..='9' | '-' | ':') => {
                let message = "indexes and slices are not supported; `[*]` means every item".to_owned();
                return Err(PathError { at: open, message });
            }
            _ => return Err(self.error("`[` is followed by `*` or a quoted name")),
        };
        if self.eat("]") { Ok(step) } else { Err(self.error("`]` is missing; unions are not supported")) }
    }

    fn quoted(&mut self, quote: char) -> Result<String, PathError> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(name),
                Some('\\') => match self.next() {
                    Some(c @ ('\\' | '\'' | '"')) => name.push(c),
                    _ => return Err(self.error("only a quote or a backslash may follow a backslash here")),
                },
                Some(c) => name.push(c),
                None => return Err(self.error("the closing quote is missing")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Step {
        Step::Member(name.to_owned())
    }

    #[test]
    fn the_supported_paths_are_read() {
        assert_eq!(parse("$"), Ok(vec![]));
        for path in ["$.a.b", "a.b", ".a.b", "$['a'][\"b\"]", "['a'].b"] {
            assert_eq!(parse(path), Ok(vec![member("a"), member("b")]), "{path}");
        }
        assert_eq!(parse("a[*].*"), Ok(vec![member("a"), Step::Items, Step::Children]));
        assert_eq!(parse("..ssn"), Ok(vec![Step::Deeper, member("ssn")]));
        assert_eq!(parse("$..[*]"), Ok(vec![Step::Deeper, Step::Children]));
        assert_eq!(parse(r"$['it\'s é.x']"), Ok(vec![member("it's é.x")]));
    }

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for key in ["a", "a b", "it's", "b\\c", "é-1", ""] {
            assert_eq!(parse(&format!("${}", written(key))), Ok(vec![member(key)]), "{key}");
        }
    }

    #[test]
    fn everything_else_is_an_error_at_its_byte() {
        let wrong = [
            ("", 0),
            ("$x", 1),
            ("a.", 2),
            ("a..", 3),
            ("a[0]", 1),
            ("$[?@.a]", 1),
            ("a[1:2]", 1),
            ("a[*", 3),
        ];
        for (path, at) in
            wrong.into_iter().chain([("a b", 1), ("$['a", 4), ("a['b','c']", 5), ("$[", 2), ("$.'a'", 2)])
        {
            assert_eq!(parse(path).map_err(|error| error.at), Err(at), "{path}");
        }
    }
}
