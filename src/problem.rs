//! A problem in a file that somebody wrote: what, where (file, line, column), and what to do.
//!
//! Never: stops at the first one. Whoever checks, collects.

use std::sync::Arc;

/// How bad a problem is. Only [`Severity::Error`] keeps a snapshot from going live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look; the snapshot is usable.
    Warning,
    /// The snapshot must not go live.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// The file, as the operator named it.
    pub file: Arc<str>,
    /// Line, from 1. `0` where the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1. `0` where the whole line is meant.
    pub column: u32,
    /// How many characters are meant, from `column` on.
    pub length: u32,
}

impl Place {
    /// A whole file.
    #[must_use]
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: 0, column: 0, length: 0 }
    }

    /// The place of the bytes `offset..offset + length` of `text`.
    #[must_use]
    pub fn span(file: impl Into<Arc<str>>, text: &str, offset: usize, length: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |at| at + 1);
        // For each problem of a file, so it had better be fast.
        let line = memchr::memchr_iter(b'\n', before.as_bytes()).count();
        Self::in_line(file.into(), text, (line, line_start), offset, length)
    }

    /// `line` counts from 0 and begins at that byte.
    fn in_line(
        file: Arc<str>,
        text: &str,
        (line, line_start): (usize, usize),
        offset: usize,
        length: usize,
    ) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        let meant = text.get(offset..).unwrap_or("").get(..length).unwrap_or("").lines().next().unwrap_or("");
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { file, line: number(line + 1), column: number(column), length: number(meant.chars().count()) }
    }
}

/// Where the lines of a text end, for who asks for many places in it.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    ends: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Reads the text once.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        Self { text, ends: memchr::memchr_iter(b'\n', text.as_bytes()).collect() }
    }

    /// What [`Place::span`] says, without reading the text again.
    #[must_use]
    pub fn span(&self, file: impl Into<Arc<str>>, offset: usize, length: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text).len();
        let line = self.ends.partition_point(|end| *end < before);
        let start = line.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| end + 1);
        Place::in_line(file.into(), self.text, (line, start), offset, length)
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// A stable name of the kind of problem, in kebab case: `unknown-class`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What is wrong: lower case, the user's words in backticks, no type names, one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// An error without a hint.
    #[must_use]
    pub fn error(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, place, message: message.into(), hint: None }
    }

    /// A warning without a hint.
    #[must_use]
    pub fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The name in `names` that `word` was most likely meant to be, for "did you mean".
#[must_use]
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = word.chars().count() / 3 + 1;
    names
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance, by the two-row method of Wagner and Fischer (1974).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for ((to, above_left), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (above_left + usize::from(from != *to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_counted_in_lines_and_characters_from_one() {
        let place = Place::span("f", "aä\nxöyz\n", 7, 2);
        assert_eq!((place.line, place.column, place.length), (2, 3, 2));
        let past = Place::span("f", "ab", 9, 1);
        assert_eq!((past.line, past.column, past.length), (1, 3, 0));
    }

    #[test]
    fn who_knows_the_lines_of_a_text_finds_the_same_places() {
        for text in ["", "\n", "aä\nxöyz\n", "a\r\n\n\nb", "ab"] {
            let lines = Lines::of(text);
            for (offset, length) in (0..=text.len() + 2).flat_map(|at| (0..4).map(move |length| (at, length)))
            {
                assert_eq!(
                    lines.span("f", offset, length),
                    Place::span("f", text, offset, length),
                    "{text:?}"
                );
            }
        }
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_a_foreign_one_finds_none() {
        let names = ["pii.contact", "pii.name", "billing"];
        assert_eq!(nearest("pii.contcat", names), Some("pii.contact"));
        assert_eq!(nearest("zebra", names), None);
    }
}
