//! Tags of XML: their names and attributes, read strictly.
//!
//! Never: takes a tag apart that parsers would take apart differently.

use std::collections::BTreeSet;

use super::text;
use crate::limits;

#[derive(Debug)]
pub(super) enum Tag<'a> {
    Start(Start<'a>),
    End(&'a str),
}

#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// What stands between the last attribute and the end.
    pub(super) tail: &'a str,
    /// Is it an element without content?
    pub(super) is_empty: bool,
}

#[derive(Debug)]
pub(super) struct Attribute<'a> {
    /// The space before it, and all of it as it is written.
    pub(super) raw: &'a str,
    /// The space before it, its name, what stands up to its quote, and the quote.
    pub(super) before: &'a str,
    pub(super) name: &'a str,
    /// What it spells.
    pub(super) value: String,
}

impl Attribute<'_> {
    /// Does it declare a namespace?
    pub(super) fn is_declaration(&self) -> bool {
        self.name == "xmlns" || self.name.starts_with("xmlns:")
    }
}

pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// May a name begin with this character (production 4)?
const fn begins_name(c: char) -> bool {
    matches!(c,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

const fn is_of_name(c: char) -> bool {
    begins_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// A name with at most one prefix (Namespaces in XML 1.0), and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let mut parts = name.split(':');
    let is_part = |part: &str| part.chars().next().is_some_and(begins_name);
    let is_sound = parts.by_ref().take(2).all(is_part) && parts.next().is_none();
    (is_sound && name.len() <= limits::JSON_KEY_BYTES_MAX).then_some((name, rest))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

impl<'a> Tag<'a> {
    /// Reads a tag, from `<` to `>`.
    pub(super) fn parse(tag: &'a str) -> Option<Self> {
        let inside = tag.strip_prefix('<')?.strip_suffix('>')?;
        if let Some(end) = inside.strip_prefix('/') {
            let (name, rest) = name(end)?;
            return skip_space(rest).is_empty().then_some(Self::End(name));
        }
        // A slash before the end may also be the last byte of what it follows: only quotes could hide it.
        let (inside, is_empty) = match inside.strip_suffix('/') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let (name, mut rest) = name(inside)?;
        let (mut attributes, mut names) = (Vec::new(), BTreeSet::new());
        while !skip_space(rest).is_empty() {
            let (attribute, after) = attribute(rest)?;
            if !names.insert(attribute.name) {
                return None;
            }
            attributes.push(attribute);
            rest = after;
        }
        Some(Self::Start(Start { name, attributes, tail: rest, is_empty }))
    }
}

fn attribute(text: &str) -> Option<(Attribute<'_>, &str)> {
    let start = skip_space(text);
    if start.len() == text.len() {
        return None;
    }
    let (name, rest) = name(start)?;
    let rest = skip_space(skip_space(rest).strip_prefix('=')?);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = rest.strip_prefix(quote)?;
    let (raw_value, after) = inside.split_once(quote)?;
    let before = text.get(..text.len() - inside.len())?;
    let raw = text.get(..text.len() - after.len())?;
    // What ends a CDATA section may stand in an attribute.
    let value = raw_value.split("]]>").map(text::decode).collect::<Option<Vec<_>>>()?.join("]]>");
    Some((Attribute { raw, before, name, value }, after))
}

impl Start<'_> {
    /// The name and the declarations of namespaces, without which it would mean something else.
    pub(super) fn bare(&self) -> String {
        let declarations = self.attributes.iter().filter(|attribute| attribute.is_declaration());
        declarations.fold(self.name.to_owned(), |head, attribute| head + attribute.raw)
    }
}

/// Is this, from `<?xml` to `?>`, a declaration of XML 1.0 in UTF-8?
pub(super) fn is_declaration(text: &str) -> bool {
    let Some(inside) = text.strip_prefix("<?xml").and_then(|text| text.strip_suffix("?>")) else {
        return false;
    };
    let (mut rest, mut next) = (inside, 0);
    while !skip_space(rest).is_empty() {
        let Some((attribute, after)) = attribute(rest) else { return false };
        let value = attribute.value.to_ascii_lowercase();
        // In this order, each at most once.
        let (place, is_sound) = match attribute.name {
            "version" => (1, value == "1.0"),
            "encoding" => (2, matches!(&*value, "utf-8" | "utf8" | "us-ascii")),
            "standalone" => (3, matches!(&*attribute.value, "yes" | "no")),
            _ => return false,
        };
        if place <= next || !is_sound || (next == 0 && place != 1) {
            return false;
        }
        (next, rest) = (place, after);
    }
    next > 0
}
