//! What differs between two texts, as people read it.
//!
//! Never: prints a control character that stands in somebody's file.

use std::time::Duration;

use similar::TextDiff;

use super::out::BAD;
use super::out::BOLD;
use super::out::DIM;
use super::out::GOOD;
use super::out::paint;
use super::report::printable;

/// After this long a difference need no longer be the smallest there is.
const LONGEST: Duration = Duration::from_secs(2);
/// How many lines are shown around what differs.
const AROUND: usize = 3;

/// A unified difference, without colours.
pub(super) fn unified(names: (&str, &str), old: &str, new: &str) -> String {
    let diff = TextDiff::configure().timeout(LONGEST).diff_lines(old, new);
    diff.unified_diff()
        .context_radius(AROUND)
        .header(names.0, names.1)
        .missing_newline_hint(false)
        .to_string()
}

/// A unified difference for a terminal.
pub(super) fn painted(unified: &str) -> String {
    let line = |line: &str| {
        let text = printable(line);
        let style = if line.starts_with("---") || line.starts_with("+++") {
            BOLD
        } else if line.starts_with('+') {
            GOOD
        } else if line.starts_with('-') {
            BAD
        } else if line.starts_with("@@") {
            DIM
        } else {
            return text;
        };
        paint(style, text)
    };
    unified.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_both_texts_and_shows_what_is_around_it() {
        let found = unified(("a", "b"), "1\n2\n3\n4\n5\n", "1\n2\n3\nfour\u{7}\n5\n");
        assert_eq!(found, "--- a\n+++ b\n@@ -1,5 +1,5 @@\n 1\n 2\n 3\n-4\n+four\u{7}\n 5\n");
        assert!(!painted(&found).contains('\u{7}'));
        assert_eq!(unified(("a", "b"), "x", "x"), "");
    }
}
