//! E-mail addresses (RFC 5322, 6531): what people write, without comments and quoted names.
//!
//! Never: takes a name of a file or of a package for one.

use super::Found;
use super::Kind;
use super::part;

/// Longest name before the `@`, and longest domain, in bytes.
const NAME_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 255;

/// Finds all addresses.
pub(super) fn find(text: &[u8], found: &mut Vec<Found>) {
    let mut end = 0;
    for at in memchr::memchr_iter(b'@', text) {
        if let Some((from, to)) = around(text, at).filter(|(from, _)| *from >= end) {
            found.push(Found { from, to, kind: Kind::Email });
            end = to;
        }
    }
}

/// The address around the `@` at this place.
pub(super) fn around(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let name = part(text, at.saturating_sub(NAME_BYTES_MAX), at);
    let length = name.iter().rev().take_while(|byte| is_name(**byte)).count();
    let name = part(name, name.len() - length, name.len());
    // What surrounds an address in a sentence is no part of it.
    let trimmed =
        name.iter().take_while(|byte| matches!(byte, b'.' | b'\'' | b'`' | b'*' | b'=' | b'/')).count();
    let name = part(name, trimmed, name.len());
    let last = name.last()?;
    if *last == b'.' || name.windows(2).any(|two| two == b"..") || name == b"git" {
        return None;
    }
    let to = domain(text, at + 1)?;
    Some((at - name.len(), to))
}

/// Where the domain ends that begins here.
fn domain(text: &[u8], from: usize) -> Option<usize> {
    let window = part(text, from, text.len().min(from + DOMAIN_BYTES_MAX));
    let length = window.iter().take_while(|byte| is_label(**byte) || **byte == b'.').count();
    let mut domain = part(window, 0, length);
    while let Some((b'.' | b'-', rest)) = domain.split_last() {
        domain = rest;
    }
    // The domain ends before the first label that is none, and with one that can be a top level.
    let mut end = None;
    let mut at = 0;
    for (number, label) in domain.split(|byte| *byte == b'.').enumerate() {
        if label.is_empty() || label.first() == Some(&b'-') || label.last() == Some(&b'-') {
            break;
        }
        at += label.len() + usize::from(number > 0);
        if number > 0 && is_top(label) {
            end = Some((at, label));
        }
    }
    let (end, top) = end?;
    let names = part(domain, 0, end - top.len());
    // `icon@2x.png`
    let is_scale = matches!(names, [b'1'..=b'9', b'x', b'.']);
    // `name@registry.example:5000/image` is still an address; `git@host:path` is not (see `around`).
    (!is_scale).then_some(from + end)
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'.' | b'_'
                | b'%'
                | b'+'
                | b'-'
                | b'\''
                | b'!'
                | b'#'
                | b'$'
                | b'&'
                | b'*'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

const fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80
}

fn is_top(label: &[u8]) -> bool {
    label.starts_with(b"xn--")
        || label.len() >= 2 && label.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text.as_bytes(), &mut found);
        found.iter().map(|found| text.get(found.from..found.to).unwrap()).collect()
    }

    #[test]
    fn an_address_is_found_without_what_stands_around_it() {
        for (text, address) in [
            ("ada@example.org", "ada@example.org"),
            ("<ada.lovelace+x@mail.example.co.uk>.", "ada.lovelace+x@mail.example.co.uk"),
            ("Mail ada@example.org, or", "ada@example.org"),
            ("mailto:o'neil@example.org?subject=x", "o'neil@example.org"),
            ("'ada@example.org'", "ada@example.org"),
            ("jürgen@müller.de", "jürgen@müller.de"),
            ("почта@пример.рф", "почта@пример.рф"),
            ("a@b.xn--p1ai", "a@b.xn--p1ai"),
            ("ada@example.org.", "ada@example.org"),
            ("user@host.example:25", "user@host.example"),
        ] {
            assert_eq!(all(text), [address], "{text}");
        }
        assert_eq!(all("a@b.de,c@d.fr"), ["a@b.de", "c@d.fr"]);
    }

    #[test]
    fn what_only_has_an_at_sign_is_none() {
        for text in [
            "@",
            "a@",
            "@b.de",
            "user@host",
            "lodash@4.17.21",
            "icon@2x.png",
            "@scope/pkg@1.2.3",
            "a @ b.de",
            "git@github.com:org/repo.git",
            "x@-a.de",
            "a@b..de",
            "a.@b.de",
            "a@b.c",
        ] {
            assert!(all(text).is_empty(), "{text}");
        }
    }
}
