//! Measures how deep a policy or schema text nests, before Cedar's parser sees it.
//!
//! Cedar's parser, validator and evaluator recurse without a bound, and an overflown stack aborts the process. So the
//! text is read once, by itself, with the lexical rules of Cedar and none of its grammar.
//! Never: accepts what it does not understand as shallow. A text that Cedar would not even split into words is left
//! for Cedar to report: its lexer fails before anything recurses.

use crate::limits;

/// Where a text goes too deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDeep {
    /// The byte at which the bound is passed.
    pub(super) at: usize,
    /// Is it a chain (`a && b && …`, `a.b.c…`), not nesting?
    pub(super) chain: bool,
}

/// One pair of brackets, or the whole text.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// `if`s since the last `,` or `;`: each `else` may hold the next.
    ifs: usize,
    /// `&&` and `||` since the last `,` or `;`: each nests the tree by one.
    joints: usize,
    /// Other operators, accesses and closed brackets since the last `&&`, `||`, `,` or `;`.
    links: usize,
}

/// What kind of text is read: only in a schema are `<` and `>` brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Policy,
    Schema,
}

/// Checks one text against [`limits::POLICY_NESTING_MAX`] and [`limits::POLICY_CHAIN_MAX`].
///
/// # Errors
/// At the first byte where one of them is passed.
pub(super) fn check(text: &str, kind: Kind) -> Result<(), TooDeep> {
    let mut scan = Scan { outer: Vec::new(), frame: Frame::default(), prefix: 0, ifs: 0, links: 0 };
    let mut words = Words { text, kind, at: 0 };
    while let Some((at, word)) = words.next() {
        scan.take(word);
        if scan.outer.len() + scan.ifs + scan.prefix > limits::POLICY_NESTING_MAX {
            return Err(TooDeep { at, chain: false });
        }
        if scan.links > limits::POLICY_CHAIN_MAX {
            return Err(TooDeep { at, chain: true });
        }
    }
    Ok(())
}

struct Scan {
    outer: Vec<Frame>,
    frame: Frame,
    /// Length of the present run of `!` and `-`.
    prefix: usize,
    /// Sum over all frames.
    ifs: usize,
    /// Sum of joints and links over all frames.
    links: usize,
}

impl Scan {
    fn take(&mut self, word: Word) {
        self.prefix = if word == Word::Prefix { self.prefix + 1 } else { 0 };
        match word {
            Word::Open => self.outer.push(std::mem::take(&mut self.frame)),
            Word::Close => {
                self.forget();
                self.frame = self.outer.pop().unwrap_or_default();
                self.link();
            }
            Word::If => {
                self.frame.ifs += 1;
                self.ifs += 1;
            }
            Word::Joint => {
                self.links -= self.frame.links;
                self.frame.links = 0;
                self.frame.joints += 1;
                self.links += 1;
            }
            Word::Prefix | Word::Link => self.link(),
            Word::Separator => {
                self.forget();
                self.frame = Frame::default();
            }
            Word::Other => {}
        }
    }

    fn link(&mut self) {
        self.frame.links += 1;
        self.links += 1;
    }

    fn forget(&mut self) {
        self.ifs -= self.frame.ifs;
        self.links -= self.frame.links + self.frame.joints;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Open,
    Close,
    If,
    /// `!` or `-`.
    Prefix,
    /// `&&` or `||`.
    Joint,
    /// Whatever else makes a tree one deeper: `.`, `+`, `==`.
    Link,
    Separator,
    Other,
}

/// Splits a text as Cedar's lexer does: identifiers, strings in `"` with `\`, comments from `//` to the line's end.
struct Words<'a> {
    text: &'a str,
    kind: Kind,
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<(usize, Word)> {
        let bytes = self.text.as_bytes();
        loop {
            let at = self.at;
            let byte = *bytes.get(at)?;
            let next = bytes.get(at + 1).copied();
            self.at += 1;
            let word = match byte {
                b'/' if next == Some(b'/') => {
                    self.skip(|byte| byte != b'\n' && byte != b'\r');
                    continue;
                }
                b'"' => {
                    self.string();
                    Word::Other
                }
                b'(' | b'[' | b'{' => Word::Open,
                b'<' if self.kind == Kind::Schema => Word::Open,
                b'>' if self.kind == Kind::Schema => Word::Close,
                b')' | b']' | b'}' => Word::Close,
                b',' | b';' => Word::Separator,
                b'!' if next == Some(b'=') => Word::Other,
                b'!' | b'-' => Word::Prefix,
                b'&' | b'|' => {
                    self.skip(|byte| byte == b'&' || byte == b'|');
                    Word::Joint
                }
                b'=' | b'<' | b'>' => {
                    self.skip(|byte| byte == b'=');
                    Word::Link
                }
                b'+' | b'*' | b'/' | b'%' | b'.' => Word::Link,
                byte if is_name(byte) => {
                    self.skip(is_name);
                    if bytes.get(at..self.at) == Some(b"if") { Word::If } else { Word::Other }
                }
                _ => Word::Other,
            };
            return Some((at, word));
        }
    }

    fn skip(&mut self, keep_on: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| keep_on(**byte)).count();
    }

    /// To just after the closing quote, or the text's end.
    fn string(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                return;
            }
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
