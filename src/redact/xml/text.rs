//! Text of XML: which characters may stand in it, references, and how a text is written.
//!
//! Never: knows an entity that is not XML's own.

/// Longest reference, in bytes: `&#x10FFFF;` with some zeros before its digits.
pub(super) const REFERENCE_BYTES_MAX: usize = 32;

/// May this character stand in XML (production 2)?
pub(super) const fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// What a text spells. `None` if it has a reference that is not known or not whole, or `]]>`.
pub(super) fn decode(raw: &str) -> Option<String> {
    if raw.contains("]]>") {
        return None;
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let (name, after) = after.split_once(';')?;
        if name.len() + 2 > REFERENCE_BYTES_MAX {
            return None;
        }
        text.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => numbered(name.strip_prefix('#')?)?,
        });
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn numbered(digits: &str) -> Option<char> {
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|c| is_character(*c))
}

/// How much of an unfinished text is sure to hold no part of `]]>`.
pub(super) fn before_brackets(text: &str) -> usize {
    text.trim_end_matches(']').len().max(text.len().saturating_sub(2))
}

/// How much of an unfinished text is sure to hold no part of a reference or of `]]>`.
pub(super) fn sure(text: &str) -> usize {
    let brackets = before_brackets(text);
    match text.rfind('&') {
        Some(open) if !text.get(open..).is_some_and(|rest| rest.contains(';')) => open.min(brackets),
        Some(_) | None => brackets,
    }
}

/// Writes a text so that it stands as well in an element as in an attribute's quotes.
pub(super) fn encode(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Line ends and attributes are normalised by readers, unless they are written so.
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(c))),
            c if is_character(c) => out.push(c),
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
}
