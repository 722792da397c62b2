//! Writes one JSON object (RFC 8259) as one line, straight into a buffer.
//!
//! Never: lets a character out that ends a line, moves a terminal's cursor or reorders what a reader sees; lets one
//! text grow past its bound. What was cut is named in the line itself.
//! INVARIANT: a line holds exactly one `\n`, its last byte (`any_content_is_one_line_that_reads_back_equal`).
//! Callers: `audit::entry::render`, and nobody else.

mod numbers;
mod plain;

use std::net::IpAddr;

use crate::ids::DecisionId;
use crate::ids::hex8;
use crate::limits;

use plain::all_plain;

/// How long most lines are at most: room made at once, so that no field has to.
const USUAL_BYTES: usize = 2 << 10;

/// The name of a member as it is written: quoted, with its colon, and with the comma that parts it from what stands before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) first: &'static str,
    pub(super) next: &'static str,
}

/// One line that is being written: names and values in turn. What was cut or is not UTF-8 is marked with the name that
/// the value was given.
pub(super) struct Line<'v> {
    out: &'v mut Vec<u8>,
    start: usize,
    comma: bool,
    second: Option<numbers::Second>,
    cut: Vec<&'static str>,
    not_utf8: Vec<&'static str>,
}

impl<'v> Line<'v> {
    /// Begins a line.
    pub(super) fn open(out: &'v mut Vec<u8>) -> Self {
        out.reserve(USUAL_BYTES);
        let start = out.len();
        out.push(b'{');
        Self { out, start, comma: false, second: None, cut: Vec::new(), not_utf8: Vec::new() }
    }

    /// How long it is so far, in bytes.
    pub(super) const fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// Ends the line, naming what was cut and what was not UTF-8.
    pub(super) fn close(mut self) {
        for (name, names) in
            [("cut", std::mem::take(&mut self.cut)), ("not_utf8", std::mem::take(&mut self.not_utf8))]
        {
            for (at, marked) in names.iter().enumerate() {
                if at == 0 {
                    self.out.extend_from_slice(b",\"");
                    self.out.extend_from_slice(name.as_bytes());
                    self.out.extend_from_slice(b"\":[");
                } else {
                    self.out.push(b',');
                }
                self.out.push(b'"');
                self.out.extend_from_slice(marked.as_bytes());
                self.out.push(b'"');
            }
            if !names.is_empty() {
                self.out.push(b']');
            }
        }
        self.out.extend_from_slice(b"}\n");
    }

    /// The name of the next member.
    #[inline]
    pub(super) fn key(&mut self, key: &Key) {
        self.out.extend_from_slice(if self.comma { key.next } else { key.first }.as_bytes());
        self.comma = true;
    }

    /// The place of the next item of a list.
    pub(super) fn item(&mut self) {
        if std::mem::replace(&mut self.comma, true) {
            self.out.push(b',');
        }
    }

    /// Begins an object (`{`) or a list (`[`).
    pub(super) fn begin(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = false;
    }

    /// Ends an object (`}`) or a list (`]`).
    pub(super) fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// This field ended early.
    pub(super) fn was_cut(&mut self, name: &'static str) {
        mark(&mut self.cut, name);
    }

    /// A word of our own vocabulary: it needs no escaping.
    pub(super) fn word(&mut self, word: &'static str) {
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    pub(super) fn number(&mut self, number: u64) {
        numbers::decimal(self.out, number);
    }

    pub(super) fn id(&mut self, id: DecisionId) {
        self.out.push(b'"');
        self.out.extend_from_slice(&id.text());
        self.out.push(b'"');
    }

    /// At most 32 bytes, a multiple of four.
    pub(super) fn hex(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        for four in bytes.as_chunks().0 {
            self.out.extend_from_slice(&hex8(*four));
        }
        self.out.push(b'"');
    }

    /// A time in milliseconds since 1970 as RFC 3339 in UTC.
    pub(super) fn time(&mut self, time_ms: u64) {
        numbers::time(self.out, &mut self.second, time_ms);
    }

    /// An IP address, in its usual spelling.
    pub(super) fn ip(&mut self, ip: IpAddr) {
        self.out.push(b'"');
        match ip {
            IpAddr::V4(ip) => {
                for (at, octet) in ip.octets().into_iter().enumerate() {
                    if at > 0 {
                        self.out.push(b'.');
                    }
                    numbers::decimal(self.out, octet.into());
                }
            }
            IpAddr::V6(ip) => self.out.extend_from_slice(ip.to_string().as_bytes()),
        }
        self.out.push(b'"');
    }

    /// Text that somebody else made, and that may not be UTF-8; `name` is what a cut or a wrong byte is marked with.
    pub(super) fn text(&mut self, name: &'static str, bytes: &[u8]) {
        self.out.push(b'"');
        if all_plain(bytes) && bytes.len() <= limits::RECORD_FIELD_BYTES_MAX {
            self.out.extend_from_slice(bytes);
        } else {
            self.escaped(name, bytes);
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, name: &'static str, bytes: &[u8]) {
        // The bound is on what is written, so that a text of control characters does not grow sixfold.
        let end = self.out.len() + limits::RECORD_FIELD_BYTES_MAX;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let mut spelling = Spelling::default();
                spelling.character(c);
                if !self.fits(&spelling, end, name) {
                    return;
                }
            }
            for byte in chunk.invalid() {
                mark(&mut self.not_utf8, name);
                let mut spelling = Spelling::default();
                spelling.push(&[b'\\', b'\\', b'x', hex_digit(byte >> 4), hex_digit(byte & 15)]);
                if !self.fits(&spelling, end, name) {
                    return;
                }
            }
        }
    }

    fn fits(&mut self, spelling: &Spelling, end: usize, name: &'static str) -> bool {
        let bytes = spelling.bytes.get(..spelling.length).unwrap_or_default();
        let fits = self.out.len() + bytes.len() <= end;
        if fits {
            self.out.extend_from_slice(bytes);
        } else {
            mark(&mut self.cut, name);
        }
        fits
    }
}

fn mark(names: &mut Vec<&'static str>, name: &'static str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// Does this character change how a reader or a terminal shows the text around it?
const fn misleads(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'                       // C0, DEL, C1
        | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' // zero width, marks, line ends, bidi
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' // isolates, BOM, annotations
        | '\u{e0000}'..='\u{e007f}') // tags
}

/// How one character is written: at most two escapes of four hexadecimal digits each.
#[derive(Default)]
struct Spelling {
    bytes: [u8; 12],
    length: usize,
}

impl Spelling {
    fn push(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *to = *from;
            self.length += 1;
        }
    }

    fn character(&mut self, c: char) {
        match c {
            '"' => self.push(b"\\\""),
            '\\' => self.push(b"\\\\"),
            '\n' => self.push(b"\\n"),
            '\r' => self.push(b"\\r"),
            '\t' => self.push(b"\\t"),
            c if misleads(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    let digits = [high >> 4, high & 15, low >> 4, low & 15].map(hex_digit);
                    self.push(b"\\u");
                    self.push(&digits);
                }
            }
            c => self.push(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut out = Vec::new();
        let mut line = Line::open(&mut out);
        write(&mut line);
        line.close();
        String::from_utf8(out).unwrap()
    }

    const TEXT: Key = Key { name: "text", first: "\"text\":", next: ",\"text\":" };

    fn named(line: &mut Line<'_>, bytes: &[u8]) {
        line.key(&TEXT);
        line.text(TEXT.name, bytes);
    }

    proptest! {
        #[test]
        fn any_text_stays_on_its_line_and_reads_back_equal(text: String) {
            let line = written(|line| named(line, text.as_bytes()));
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read["text"].as_str(), Some(text.as_str()));
            prop_assert!(!line.trim_end_matches('\n').chars().any(misleads));
        }

        #[test]
        fn any_bytes_stay_on_their_line(bytes: Vec<u8>) {
            let line = written(|line| named(line, &bytes));
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(read.get("not_utf8").is_some(), std::str::from_utf8(&bytes).is_err());
            prop_assert!(!line.trim_end_matches('\n').chars().any(misleads));
        }
    }

    #[test]
    fn what_could_mislead_a_reader_is_escaped() {
        let line = written(|line| {
            named(line, "\r\n\u{1b}[2J\u{7f}\u{85}\u{2028}\u{202e}\u{2066}\u{e0041}é".as_bytes())
        });
        let escaped = r#""text":"\r\n\u001b[2J\u007f\u0085\u2028\u202e\u2066\udb40\udc41é""#;
        assert!(line.contains(escaped), "{line}");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_named() {
        let line = written(|line| named(line, b"a\xffb\xc3"));
        assert_eq!(line, "{\"text\":\"a\\\\xffb\\\\xc3\",\"not_utf8\":[\"text\"]}\n");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_named() {
        for unit in ["x", "é", "\u{1}", "\u{10ffff}", "\""] {
            let text = unit.repeat(limits::RECORD_FIELD_BYTES_MAX + 1);
            let line = written(|line| named(line, text.as_bytes()));
            assert!(line.len() <= limits::RECORD_FIELD_BYTES_MAX + 60, "{}", line.len());
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(text.starts_with(read["text"].as_str().unwrap()));
            assert_eq!(read["cut"][0], "text");
        }
        let exact = "x".repeat(limits::RECORD_FIELD_BYTES_MAX);
        assert!(!written(|line| named(line, exact.as_bytes())).contains("cut"));
    }
}
