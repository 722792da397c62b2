//! The places of a text: bytes, as we count; lines and characters, as problems do; lines and UTF-16 code units, as editors do.
//!
//! An editor's line ends with LF, CR LF or CR; a problem's with LF alone, so a lone CR parts the two. Never: fails. A
//! place outside of the text is its nearest one inside.

use std::ops::Range;

use crate::problem::Place;

use super::protocol;
use super::protocol::Position;

/// A text that knows where its lines begin.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Where each line begins, as editors count.
    starts: Vec<usize>,
    /// Where each line begins, as problems count.
    after_feeds: Vec<usize>,
    /// Every so many bytes: the byte, and what has been counted before it. A file may be one long line.
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    byte: usize,
    units: usize,
    chars: usize,
}

/// So many bytes lie between two marks, or a few more.
const APART: usize = 4096;

impl<'t> Lines<'t> {
    /// Looks through a text once.
    #[must_use]
    pub(super) fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let after_feeds: Vec<usize> =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1)).collect();
        let lone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
        let lone: Vec<usize> = memchr::memchr_iter(b'\r', bytes).filter(lone).map(|at| at + 1).collect();
        let mut starts = after_feeds.clone();
        if !lone.is_empty() {
            starts.extend(lone);
            starts.sort_unstable();
        }
        Self { text, starts, after_feeds, marks: marks(text) }
    }

    /// What has been counted before a byte.
    fn before(&self, byte: usize) -> Mark {
        let at = self.marks.partition_point(|mark| mark.byte <= byte).saturating_sub(1);
        let mark = self.marks.get(at).copied().unwrap_or_default();
        let between = self.text.get(mark.byte..byte).unwrap_or("");
        let units = mark.units + between.encode_utf16().count();
        Mark { byte, units, chars: mark.chars + between.chars().count() }
    }

    /// Where the character begins that so many come before; the end of the text where there are not so many.
    fn character(&self, chars: usize) -> usize {
        let at = self.marks.partition_point(|mark| mark.chars <= chars).saturating_sub(1);
        let mark = self.marks.get(at).copied().unwrap_or_default();
        let rest = self.text.get(mark.byte..).unwrap_or("");
        rest.char_indices().nth(chars - mark.chars).map_or(self.text.len(), |(at, _)| mark.byte + at)
    }

    /// The place of a byte.
    #[must_use]
    pub(super) fn position(&self, byte: usize) -> Position {
        let byte = self.boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let units = self.before(byte).units - self.before(start).units;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), character: number(units) }
    }

    /// The byte of a place. In the middle of a character it is that character's first.
    #[must_use]
    pub(super) fn byte(&self, position: Position) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line).copied() else { return self.text.len() };
        let end = self.starts.get(line.saturating_add(1)).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            units += c.len_utf16();
            if units > wanted {
                return start + at;
            }
        }
        start + line.len()
    }

    /// The places of a run of bytes.
    #[must_use]
    pub(super) fn range(&self, bytes: &Range<usize>) -> protocol::Range {
        protocol::Range { start: self.position(bytes.start), end: self.position(bytes.end) }
    }

    /// The bytes that a problem means: where it means a line, all of it; a file, its first line.
    #[must_use]
    pub(super) fn meant(&self, place: &Place) -> Range<usize> {
        let number = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let line = number(place.line).saturating_sub(1);
        let Some(start) = self.after_feeds.get(line).copied() else {
            return self.text.len()..self.text.len();
        };
        let end = self.after_feeds.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("").trim_end_matches(['\r', '\n']);
        if place.column == 0 || place.line == 0 {
            let indent = text.len() - text.trim_start().len();
            return start + indent..start + text.len();
        }
        let last = start + text.len();
        let column = self.before(start).chars + number(place.column) - 1;
        let from = self.character(column).min(last);
        // Nothing cannot be pointed at: then it is the character that stands there.
        let to = self.character(column.saturating_add(number(place.length).max(1)));
        from..to.min(last)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

fn marks(text: &str) -> Vec<Mark> {
    let (mut marks, mut now) = (vec![Mark::default()], Mark::default());
    for (at, c) in text.char_indices() {
        if at - marks.last().map_or(0, |mark: &Mark| mark.byte) >= APART {
            marks.push(Mark { byte: at, ..now });
        }
        now.units += c.len_utf16();
        now.chars += 1;
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn places_are_lines_and_utf_16_units_whatever_ends_the_lines() {
        // An a with dots is one unit of two bytes, the face two units of four bytes.
        let text = "ä😀b\r\nc\rd\ne";
        let lines = Lines::of(text);
        let known = [
            (0, at(0, 0)),
            (2, at(0, 1)),
            (6, at(0, 3)),
            (7, at(0, 4)),
            (9, at(1, 0)),
            (10, at(1, 1)),
            (11, at(2, 0)),
            (13, at(3, 0)),
            (14, at(3, 1)),
        ];
        for (byte, position) in known {
            assert_eq!(lines.position(byte), position, "byte {byte}");
            assert_eq!(lines.byte(position), byte, "{position:?}");
        }
    }

    #[test]
    fn a_place_outside_of_the_text_is_its_nearest_one_inside() {
        let lines = Lines::of("😀\r\nb");
        assert_eq!(lines.byte(at(0, 1)), 0, "the middle of a character");
        assert_eq!(lines.byte(at(0, 99)), 4, "past the line, before what ends it");
        assert_eq!(lines.byte(at(9, 9)), 7);
        assert_eq!(lines.byte(at(u32::MAX, u32::MAX)), 7);
        assert_eq!(lines.position(2), at(0, 0));
        assert_eq!(lines.position(99), at(1, 1));
        assert_eq!(Lines::of("").byte(at(0, 0)), 0);
    }

    #[test]
    fn what_a_problem_means_is_counted_in_characters() {
        let text = "x\r\n  ä😀 wrong;\r\n";
        let lines = Lines::of(text);
        let meant = |line, column, length| {
            text.get(lines.meant(&Place { file: "f".into(), line, column, length })).unwrap()
        };
        assert_eq!(meant(2, 6, 5), "wrong");
        assert_eq!(meant(2, 4, 1), "😀");
        assert_eq!(meant(2, 4, 0), "😀", "nothing cannot be pointed at");
        assert_eq!(meant(2, 6, 99), "wrong;");
        assert_eq!(meant(2, 0, 0), "ä😀 wrong;", "a whole line");
        assert_eq!(meant(0, 0, 0), "x", "a whole file");
        assert_eq!((meant(9, 9, 9), meant(3, 1, 1), meant(2, 99, 1)), ("", "", ""));
    }

    #[test]
    fn a_long_line_is_counted_as_a_short_one() {
        let text = "ä😀b".repeat(30_000);
        let lines = Lines::of(&text);
        // Any place in it costs as much as at its beginning.
        for number in (0..30_000).step_by(7) {
            let byte = number * 7;
            let character = u32::try_from(number).unwrap() * 4;
            assert_eq!(lines.position(byte), at(0, character));
            let column = u32::try_from(number).unwrap() * 3 + 2;
            let place = Place { file: "f".into(), line: 1, column, length: 2 };
            assert_eq!(lines.meant(&place), byte + 2..byte + 7);
        }
        assert_eq!(lines.byte(at(0, 4 * 29_999 + 3)), 7 * 29_999 + 6);
    }
}
