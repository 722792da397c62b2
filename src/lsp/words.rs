//! The words of a Cedar text, also of one that is only half written.
//!
//! As Cedar's lexer, but that a text without its closing quote ends with its line: who is typing one has not written the
//! quote yet, and the rest of the file must not become part of it. Never: fails.

use std::ops::Range;

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `permit`, `principal`, `Tenant`.
    Name,
    /// `"…"`, with its quotes; the last may be missing.
    Text,
    /// Digits.
    Number,
    /// `::`, `==`, `(`.
    Sign,
    /// `// …`, to the line's end.
    Comment,
}

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'t> {
    pub(super) kind: Kind,
    /// Its first byte.
    pub(super) at: usize,
    pub(super) text: &'t str,
}

impl<'t> Word<'t> {
    pub(super) const fn end(&self) -> usize {
        self.at + self.text.len()
    }

    pub(super) const fn bytes(&self) -> Range<usize> {
        self.at..self.end()
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Text && self.text == text
    }

    pub(super) fn is_name(&self) -> bool {
        self.kind == Kind::Name
    }

    /// What stands between the quotes of a text.
    pub(super) fn inner(&self) -> Option<&'t str> {
        let inner = self.text.strip_prefix('"').filter(|_| self.kind == Kind::Text)?;
        Some(if self.is_closed() { inner.strip_suffix('"').unwrap_or(inner) } else { inner })
    }

    /// Does a text have its second quote?
    pub(super) fn is_closed(&self) -> bool {
        let inner = self.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        // After an odd number of backslashes a quote is part of the text.
        inner.is_some_and(|inner| inner.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 0)
    }

    /// Is the cursor within the word or at one of its ends?
    pub(super) const fn touches(&self, byte: usize) -> bool {
        self.at <= byte && byte <= self.end()
    }
}

const PAIRS: [&[u8]; 7] = [b"::", b"==", b"!=", b"<=", b">=", b"&&", b"||"];

/// All words of a text, in order.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(at).copied() {
        let rest = bytes.get(at..).unwrap_or_default();
        let run = |is: fn(&u8) -> bool| rest.iter().take_while(|byte| is(byte)).count();
        let (kind, length) = match byte {
            _ if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'/' if rest.starts_with(b"//") => (Kind::Comment, run(|b| !matches!(b, b'\n' | b'\r'))),
            b'"' => (Kind::Text, quoted(rest)),
            _ if byte.is_ascii_digit() => (Kind::Number, run(u8::is_ascii_digit)),
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                (Kind::Name, run(|b| b.is_ascii_alphanumeric() || *b == b'_'))
            }
            _ if PAIRS.iter().any(|pair| rest.starts_with(pair)) => (Kind::Sign, 2),
            _ => (Kind::Sign, text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)),
        };
        found.extend(text.get(at..at + length).map(|text| Word { kind, at, text }));
        at += length;
    }
    found
}

/// How many bytes a text takes with its quotes; without the second one, what is left of the line.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            b'\n' | b'\r' => break,
            _ => at += 1,
        }
    }
    // An escape at the very end, or before what ends the line, reaches past it.
    let line = rest.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
    at.min(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(Kind, &str)> {
        words(text).into_iter().map(|word| (word.kind, word.text)).collect()
    }

    #[test]
    fn a_text_falls_into_words_as_cedar_has_it() {
        use Kind::*;
        assert_eq!(
            said("@id(\"a//\\\"\")permit // x\r\n(A::B==\"ä\")|é1"),
            [
                (Sign, "@"),
                (Name, "id"),
                (Sign, "("),
                (Text, "\"a//\\\"\""),
                (Sign, ")"),
                (Name, "permit"),
                (Comment, "// x"),
                (Sign, "("),
                (Name, "A"),
                (Sign, "::"),
                (Name, "B"),
                (Sign, "=="),
                (Text, "\"ä\""),
                (Sign, ")"),
                (Sign, "|"),
                (Sign, "é"),
                (Number, "1"),
            ]
        );
    }

    #[test]
    fn a_text_without_its_second_quote_ends_with_its_line() {
        use Kind::*;
        for (text, wanted) in [
            ("\"ab\nc", vec![(Text, "\"ab"), (Name, "c")]),
            ("\"ab\\\nc", vec![(Text, "\"ab\\"), (Name, "c")]),
            ("\"", vec![(Text, "\"")]),
            ("\"\\", vec![(Text, "\"\\")]),
        ] {
            assert_eq!(said(text), wanted);
            assert!(!words(text).first().unwrap().is_closed(), "{text:?}");
        }
        assert_eq!(words("\"ab").first().unwrap().inner(), Some("ab"));
        for (text, inner) in [("\"\"", ""), ("\"a\"", "a"), ("\"a\\\\\"", "a\\\\")] {
            assert!(words(text).first().unwrap().is_closed(), "{text}");
            assert_eq!(words(text).first().unwrap().inner(), Some(inner));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_words_that_stand_where_they_say(text in r#"[ -~äß😀\n\r"\\]{0,60}"#) {
            let mut before = 0;
            for word in words(&text) {
                proptest::prop_assert!(word.at >= before && !word.text.is_empty());
                proptest::prop_assert_eq!(text.get(word.bytes()), Some(word.text));
                proptest::prop_assert!(text.get(before..word.at).unwrap().trim().is_empty());
                before = word.end();
            }
            proptest::prop_assert!(text.get(before..).unwrap().trim().is_empty());
        }
    }
}
