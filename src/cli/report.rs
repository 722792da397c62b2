//! Problems for people: what, where, the line itself with a caret, and what to do.
//!
//! Never: cuts the list, or prints a control character that stands in somebody's file.

use crate::problem::Problem;
use crate::problem::Severity;

use super::out::BAD;
use super::out::BOLD;
use super::out::DIM;
use super::out::GOOD;
use super::out::WARN;
use super::out::paint;

/// The longest part of a source line that is shown.
const LINE_CHARS_MAX: usize = 160;

/// One problem; `text` gives the text of a file.
pub(super) fn problem(problem: &Problem, text: &dyn Fn(&str) -> Option<String>) -> String {
    let (style, word) = match problem.severity {
        Severity::Error => (BAD, "error"),
        Severity::Warning => (WARN, "warning"),
    };
    let place = &problem.place;
    let head = paint(style, format!("{word}[{}]", problem.code));
    let mut out = format!("{head}{}\n", paint(BOLD, format!(": {}", printable(&problem.message))));
    let at = match (place.line, place.column) {
        (0, _) => printable(&place.file),
        (line, 0) => format!("{}:{line}", printable(&place.file)),
        (line, column) => format!("{}:{line}:{column}", printable(&place.file)),
    };
    let margin = place.line.max(1).to_string().len();
    out += &format!("{}{} {at}\n", " ".repeat(margin), paint(DIM, "-->"));
    let line = usize::try_from(place.line).ok().and_then(|line| line.checked_sub(1));
    let text = text(&place.file);
    if let Some(source) = line.zip(text.as_deref()).and_then(|(line, text)| text.lines().nth(line)) {
        out += &snippet(place.line, place.column, place.length, source, margin, style);
    }
    if let Some(hint) = &problem.hint {
        out += &format!(
            "{} {} {}: {}\n",
            " ".repeat(margin),
            paint(DIM, "="),
            paint(BOLD, "help"),
            printable(hint)
        );
    }
    out
}

fn snippet(
    line: u32,
    column: u32,
    length: u32,
    source: &str,
    margin: usize,
    style: anstyle::Style,
) -> String {
    let bar = paint(DIM, "|");
    let pad = " ".repeat(margin);
    let mut column = usize::try_from(column).unwrap_or(usize::MAX);
    let mut shown = source;
    // A long line (a JSON file in one line) is shown from shortly before the place.
    if source.chars().count() > LINE_CHARS_MAX && column > LINE_CHARS_MAX / 2 {
        let from = source.char_indices().nth(column - LINE_CHARS_MAX / 2).map_or(0, |(at, _)| at);
        shown = source.get(from..).unwrap_or(source);
        column = LINE_CHARS_MAX / 2;
    }
    let shown: String = printable(&without_secrets(shown).take(LINE_CHARS_MAX).collect::<String>());
    let mut out = format!("{pad} {bar}\n{} {bar} {}\n", paint(DIM, line), shown.trim_end());
    if column > 0 {
        let most = shown.chars().count().saturating_sub(column - 1).max(1);
        let carets = usize::try_from(length).unwrap_or(1).clamp(1, most);
        let carets = paint(style, "^".repeat(carets));
        out += &format!("{pad} {bar} {}{carets}\n", " ".repeat(column - 1));
    }
    out
}

/// A line whose URLs have stars for a user before their host and for their query: a log keeps what is printed here.
fn without_secrets(line: &str) -> impl Iterator<Item = char> {
    let mut shown: Vec<char> = line.chars().collect();
    let mut at = 0;
    while let Some(start) =
        shown.get(at..).and_then(|rest| rest.windows(3).position(|w| w == [':', '/', '/']))
    {
        let url = at + start + 3;
        let rest = shown.get(url..).unwrap_or_default();
        let ends = |c: &char| c.is_whitespace() || matches!(c, '"' | '\'');
        let end = url + rest.iter().position(ends).unwrap_or(rest.len());
        let rest = shown.get(url..end).unwrap_or_default();
        let authority = rest.iter().position(|c| matches!(c, '/' | '?' | '#')).unwrap_or(rest.len());
        let user = rest.iter().take(authority).rposition(|c| *c == '@').unwrap_or(0);
        let query = rest.iter().position(|c| *c == '?').map_or(end, |at| url + at + 1);
        for secret in [url..url + user, query..end] {
            shown.get_mut(secret).unwrap_or_default().fill('*');
        }
        at = end;
    }
    shown.into_iter()
}

/// The last line: how many there are.
pub(super) fn summary(problems: &[Problem]) -> String {
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let words = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let style = if errors > 0 {
        BAD
    } else if warnings > 0 {
        WARN
    } else {
        GOOD
    };
    match (errors, warnings) {
        (0, 0) => paint(style, "no problems"),
        (0, n) => paint(style, words(n, "warning")),
        (n, 0) => paint(style, words(n, "error")),
        (n, m) => paint(style, format!("{}, {}", words(n, "error"), words(m, "warning"))),
    }
}

/// Control characters and marks that reorder text, as their code points; a tab as one space, so that columns hold.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders =
            matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c == '\t' {
            out.push(' ');
        } else if c.is_control() || reorders {
            out.push('\u{fffd}');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Place;

    #[test]
    fn a_line_is_shown_without_the_user_and_the_query_of_its_urls() {
        for (line, shown) in [
            ("source: https://h/b?sig=a/b%2C # c", "source: https://h/b?********** # c"),
            (
                "{source: 'https://u:p@h:1/b', x: \"http://h?k\"}",
                "{source: 'https://***@h:1/b', x: \"http://h?*\"}",
            ),
            ("://", "://"),
            ("a://b://c?d e", "a://b://c?* e"),
        ] {
            assert_eq!(without_secrets(line).collect::<String>(), shown);
        }
        let problem = Problem::error("c", Place { file: "f".into(), line: 1, column: 9, length: 30 }, "m");
        let printed = super::problem(&problem, &|_| Some("source: https://h/b?sig=s3cret".to_owned()));
        assert!(!printed.contains("s3cret"), "{printed}");
    }

    #[test]
    fn a_problem_shows_its_line_and_a_caret_under_it() {
        let text = "a: 1\n  colour: réd\n";
        let place = Place { file: "p.yaml".into(), line: 2, column: 11, length: 3 };
        let shown = problem(
            &Problem::error("bad", place, "`réd` is no colour").hint("did you mean `red`?"),
            &|_| Some(text.into()),
        );
        let plain = anstream::adapter::strip_str(&shown).to_string();
        let expected = "error[bad]: `réd` is no colour\n --> p.yaml:2:11\n  |\n2 |   colour: réd\n  |           ^^^\n  = help: did you mean `red`?\n";
        assert_eq!(plain, expected);
    }

    #[test]
    fn a_place_outside_of_the_text_is_no_panic_and_control_characters_do_not_reach_the_terminal() {
        for (line, column, length) in
            [(0, 0, 0), (9, 9, 9), (1, 900, 900), (1, 0, 0), (u32::MAX, u32::MAX, u32::MAX)]
        {
            let place = Place { file: "p\u{1b}[2J".into(), line, column, length };
            let long = format!("{}\u{1b}\u{202e}", "x".repeat(500));
            let shown = problem(&Problem::warning("w", place, "m\u{7}"), &|_| Some(long.clone()));
            let plain = anstream::adapter::strip_str(&shown).to_string();
            assert!(!plain.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{plain:?}");
        }
    }
}
