//! `${VAR}` and `${VAR:default}` in the scalars of a config; `$${` stands for `${`.
//!
//! What comes in is text and stays text: it can never add a key, because the tree is read before it is expanded.
//! Never: reads the environment itself; the caller says what a variable holds.

use crate::problem::Problem;

use super::tree::Node;
use super::tree::Value;

/// Expands every scalar of a tree in place.
pub(super) fn expand(
    node: &mut Node,
    variable: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) {
    match &mut node.value {
        Value::Scalar { text, written, .. } => {
            if text.contains("${") {
                match scalar(text, variable) {
                    Ok(expanded) => *written = Some(std::mem::replace(text, expanded)),
                    Err((message, hint)) => {
                        problems.push(Problem::error("variable", node.place.clone(), message).hint(hint));
                    }
                }
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| expand(item, variable, problems)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, item)| expand(item, variable, problems)),
    }
}

fn scalar(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            return Err((
                "a `${` is not closed by `}`".to_owned(),
                "write `$${` where `${` itself is meant".to_owned(),
            ));
        };
        let (name, default) =
            inside.split_once(':').map_or((inside, None), |(name, default)| (name, Some(default)));
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err((
                format!("`{name}` is not the name of a variable"),
                "names are letters, digits and `_`".to_owned(),
            ));
        }
        match variable(name).as_deref().or(default) {
            Some(value) => out.push_str(value),
            None => {
                let hint = format!("set it, or give a default: `${{{name}:default}}`");
                return Err((format!("the environment variable `{name}` is not set"), hint));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<String, (String, String)> {
        scalar(text, &|name| (name == "HOST").then(|| "db".to_owned()))
    }

    #[test]
    fn a_variable_its_default_and_the_escape() {
        assert_eq!(with("${HOST}:${PORT:80}").unwrap(), "db:80");
        assert_eq!(with("${HOST:x}").unwrap(), "db");
        assert_eq!(with("${PORT:}").unwrap(), "");
        assert_eq!(with("$${HOST} $5").unwrap(), "${HOST} $5");
    }

    #[test]
    fn an_unset_or_broken_variable_is_a_problem() {
        for text in ["${PORT}", "${HOST", "${}", "${A-B}"] {
            assert!(with(text).is_err(), "{text}");
        }
    }
}
