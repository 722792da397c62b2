//! The oracle of redaction: finds the bytes of each classified value by its path and splices in what its mask says.
//!
//! Never: uses `redact`, or reads a value as anything but the bytes that it is.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::ops::Range;

use aws_lc_rs::hmac;

pub(crate) const SECRET: &str = "a secret of pseudonyms for this test alone";
pub(crate) const TENANT: &str = "acme/west";

/// What stands at a path, and what hides it. Where two stand at one value, the first holds.
pub(crate) type Rule = (&'static str, &'static str, Mask);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mask {
    Fixed(&'static str),
    Drop,
    Null,
    Last(usize),
    Pseudonym,
}

/// One walk over a text.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    /// The keys on the way here. Arrays add none.
    keys: Vec<String>,
    rules: Vec<(Vec<&'a str>, &'a Rule)>,
    edits: Vec<(Range<usize>, String, &'a str)>,
}

impl<'a> Walk<'a> {
    fn byte(&mut self) -> u8 {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
        self.text.as_bytes()[self.at]
    }

    fn rule(&self, is_array: bool) -> Option<&'a Rule> {
        let fits = |wanted: &[&str], path: &str| {
            let from = if path.starts_with("$..") { self.keys.len().saturating_sub(wanted.len()) } else { 0 };
            let keys = &self.keys[from..];
            keys.len() == wanted.len()
                && wanted.iter().zip(keys).all(|(wanted, key)| *wanted == "*" || wanted == key)
                && !(is_array && path.ends_with("[*]"))
        };
        self.rules.iter().find(|(wanted, rule)| fits(wanted, rule.0)).map(|(_, rule)| *rule)
    }

    /// Walks over a value; tells whether it has to go with its key.
    fn value(&mut self) -> bool {
        let first = self.byte();
        let (from, before, rule) = (self.at, self.edits.len(), self.rule(first == b'['));
        match first {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => drop(self.string()),
            _ => {
                self.at +=
                    self.text[from..].find([',', ']', '}', '\n', '\r', ' ']).unwrap_or(self.text.len() - from)
            }
        }
        let Some((_, class, mask)) = rule else { return false };
        self.edits.truncate(before);
        self.edits.push((from..self.at, masked(*mask, class, &self.text[from..self.at]), class));
        *mask == Mask::Drop
    }

    fn string(&mut self) -> String {
        let (from, bytes) = (self.at, self.text.as_bytes());
        self.at += 1;
        while bytes[self.at] != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(&self.text[from..self.at]).unwrap()
    }

    fn array(&mut self) {
        self.at += 1;
        while self.byte() != b']' {
            self.value();
            if self.byte() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// A member goes with the comma before it; the first that stays needs none.
    fn object(&mut self) {
        let (mut comma, mut any_kept) = (None, false);
        self.at += 1;
        while self.byte() != b'}' {
            let member = comma.unwrap_or_else(|| self.text[..self.at].rfind('{').unwrap() + 1);
            let key = self.string();
            self.keys.push(key);
            assert_eq!(self.byte(), b':');
            self.at += 1;
            if self.value() {
                let edit = self.edits.last_mut().unwrap();
                *edit = (member..edit.0.end, String::new(), edit.2);
            } else {
                if let Some(comma) = comma.filter(|_| !any_kept) {
                    self.edits.push((comma..comma + 1, String::new(), ""));
                }
                any_kept = true;
            }
            self.keys.pop();
            comma = (self.byte() == b',').then_some(self.at);
            self.at += usize::from(comma.is_some());
        }
        self.at += 1;
    }
}

fn masked(mask: Mask, class: &str, raw: &str) -> String {
    match (mask, serde_json::from_str::<String>(raw)) {
        (Mask::Drop | Mask::Null, _) => "null".to_owned(),
        (Mask::Fixed(fixed), _) => serde_json::to_string(fixed).unwrap(),
        (Mask::Last(count), Ok(text)) if 3 * count <= text.chars().count() => {
            let hidden = text.chars().count() - count;
            let tail: String = text.chars().skip(hidden).collect();
            serde_json::to_string(&("*".repeat(hidden) + &tail)).unwrap()
        }
        (Mask::Pseudonym, Ok(text)) => pseudonym(class, &text),
        (Mask::Pseudonym, Err(_)) if raw.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            pseudonym(class, raw)
        }
        (Mask::Last(_) | Mask::Pseudonym, _) => "\"[redacted]\"".to_owned(),
    }
}

/// HMAC-SHA-256 twice: the tenant's key out of the secret, then class and text under it.
fn pseudonym(class: &str, text: &str) -> String {
    let sign =
        |key: &[u8], text: String| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let key = sign(SECRET.as_bytes(), format!("palisade pseudonym v1\0{TENANT}"));
    let tag = sign(key.as_ref(), format!("{class}\0{text}"));
    let hex = tag.as_ref()[..16].iter().fold(String::new(), |all, byte| format!("{all}{byte:02x}"));
    format!("\"ps_{hex}\"")
}

/// The text as one who does not see the classes `hidden` has to get it, and how often each is hidden.
pub(crate) fn spliced(
    text: &str,
    rules: &[Rule],
    hides: impl Fn(&str) -> bool,
) -> (String, BTreeMap<String, u64>) {
    let steps = |rule: &Rule| {
        rule.0.trim_start_matches(['$', '.']).split('.').map(|step| step.trim_end_matches("[*]")).collect()
    };
    let rules = rules.iter().filter(|rule| hides(rule.1)).map(|rule| (steps(rule), rule)).collect();
    let mut walk = Walk { text, at: 0, keys: Vec::new(), rules, edits: Vec::new() };
    walk.value();
    assert_eq!(text[walk.at..].trim(), "");
    walk.edits.sort_by_key(|edit| edit.0.start);
    let (mut out, mut at, mut counts) = (String::with_capacity(text.len()), 0, BTreeMap::new());
    for (range, replacement, class) in walk.edits {
        out += &text[at..range.start];
        out += &replacement;
        at = range.end;
        if !class.is_empty() {
            *counts.entry(class.to_owned()).or_default() += 1;
        }
    }
    (out + &text[at..], counts)
}
