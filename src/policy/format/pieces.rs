//! A policy text in pieces: each policy with what stands before it. And all comments of a text.
//!
//! Splits as Cedar's lexer does: strings in `"` with `\`, comments from `//` to the line's end. Outside of those a `;`
//! ends a policy and stands nowhere else.
//! Never: loses a byte other than white space at the ends.

/// A policy and what stands before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    /// Comments and white space.
    pub(super) before: &'t str,
    /// The policy up to its `;`, with the comment that follows it on its last line. Empty after the last policy.
    pub(super) policy: &'t str,
    /// Where the policy begins, in bytes.
    pub(super) at: usize,
}

/// A word of the text, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Comment,
    End,
    Other,
}

/// All policies of a text with what is before each, and then what is after the last, if it says something.
pub(super) fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut begins) = (0, None);
    let mut words = words(text).peekable();
    while let Some((at, end, word)) = words.next() {
        match word {
            Word::Comment => {}
            Word::Other => drop(begins.get_or_insert(at)),
            Word::End => {
                let begin = begins.take().unwrap_or(at);
                let mut end = end;
                // A comment behind it on the same line speaks of this policy.
                if let Some((at, after, Word::Comment)) = words.peek()
                    && !text.get(end..*at).unwrap_or("").contains('\n')
                {
                    end = *after;
                    words.next();
                }
                pieces.push(piece(text, from, begin, end));
                from = end;
            }
        }
    }
    let rest = piece(text, from, begins.unwrap_or(text.len()), text.len());
    if !rest.policy.is_empty() || !rest.before.trim().is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn piece(text: &str, from: usize, begin: usize, end: usize) -> Piece<'_> {
    let before = text.get(from..begin).unwrap_or("");
    // What ends the line of the policy before is no empty line.
    let before = before.strip_prefix("\r\n").or_else(|| before.strip_prefix('\n')).unwrap_or(before);
    Piece { before, policy: text.get(begin..end).unwrap_or("").trim(), at: begin }
}

/// Every comment, in order, without the white space around it.
pub(super) fn comments(text: &str) -> impl Iterator<Item = &str> {
    let comments = words(text).filter(|(_, _, word)| *word == Word::Comment);
    comments.map(|(at, end, _)| text.get(at..end).unwrap_or("").trim())
}

/// Where each word begins and ends, and what it is. White space is none.
fn words(text: &str) -> impl Iterator<Item = (usize, usize, Word)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while bytes.get(at)?.is_ascii_whitespace() {
            at += 1;
        }
        let from = at;
        let byte = *bytes.get(at)?;
        at += 1;
        let word = match byte {
            b'/' if bytes.get(at) == Some(&b'/') => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
                Word::Comment
            }
            b'"' => {
                at = string(bytes, at);
                Word::Other
            }
            b';' => Word::End,
            _ => Word::Other,
        };
        Some((from, at, word))
    })
}

/// The place just after the closing quote, or the text's end.
fn string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        at += if *byte == b'\\' { 2 } else { 1 };
        if *byte == b'"' {
            break;
        }
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_policies_with_what_is_before_each() {
        let text =
            "// head\n\n// one\n@id(\"a;//b\")\npermit(x); // tail\n// two\r\nforbid(y);permit(z);\n// end\n";
        let found: Vec<_> = split(text).into_iter().map(|piece| (piece.before, piece.policy)).collect();
        assert_eq!(
            found,
            [
                ("// head\n\n// one\n", "@id(\"a;//b\")\npermit(x); // tail"),
                ("// two\r\n", "forbid(y);"),
                ("", "permit(z);"),
                ("// end\n", ""),
            ]
        );
        assert_eq!(comments(text).collect::<Vec<_>>(), ["// head", "// one", "// tail", "// two", "// end"]);
        assert_eq!(split(" \n"), []);
        assert_eq!(split("a \"\\").first().map(|piece| piece.policy), Some("a \"\\"));
    }
}
