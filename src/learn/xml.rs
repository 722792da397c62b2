//! XML, as far as elements, attributes and texts go: each element counts like the member of its local name, the root like
//! the document.
//!
//! Never: reads an entity but XML's own five, or follows a document type.

use crate::learn::json;
use crate::learn::json::Unreadable;
use crate::learn::names;
use crate::learn::node::Look;
use crate::learn::node::Node;
use crate::learn::node::add;
use crate::learn::tables::cell_at;
use crate::limits;

/// Counts a document. What came before a flaw is counted.
pub(super) fn document(root: &mut Node, look: &mut Look, text: &str) -> Result<(), Unreadable> {
    let mut reader = Reader { rest: text };
    loop {
        match reader.next() {
            Some(Piece::Open { name: _, attributes, is_empty }) => {
                return element(root, "", look, &mut reader, attributes, is_empty);
            }
            Some(Piece::Text(text)) if text.trim().trim_start_matches('\u{feff}').is_empty() => {}
            Some(Piece::Text(_) | Piece::Close) | None => return Err(Unreadable),
        }
    }
}

enum Piece<'t> {
    Open { name: &'t str, attributes: &'t str, is_empty: bool },
    Close,
    Text(&'t str),
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// What comes up to a mark; the mark goes too.
    fn until(&mut self, mark: &str) -> Option<&'t str> {
        let (text, rest) = self.rest.split_once(mark)?;
        self.rest = rest;
        Some(text)
    }

    fn next(&mut self) -> Option<Piece<'t>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let Some(tag) = self.rest.strip_prefix('<') else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at_checked(end)?;
                self.rest = rest;
                return Some(Piece::Text(text));
            };
            if let Some(rest) = tag.strip_prefix("!--") {
                self.rest = rest;
                self.until("-->")?;
            } else if let Some(rest) = tag.strip_prefix("![CDATA[") {
                self.rest = rest;
                return self.until("]]>").map(Piece::Text);
            } else if tag.starts_with('?') {
                self.until("?>")?;
            } else if tag.starts_with('!') {
                // A document type may define what any name stands for.
                return None;
            } else {
                self.rest = tag;
                return self.tag();
            }
        }
    }

    fn tag(&mut self) -> Option<Piece<'t>> {
        let mut quote = None;
        let end = self.rest.find(|c| {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                (None, '>') => return true,
                _ => {}
            }
            false
        })?;
        let tag = self.rest.get(..end)?;
        self.rest = self.rest.get(end + 1..)?;
        if tag.starts_with('/') {
            return Some(Piece::Close);
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        Some(Piece::Open { name, attributes, is_empty })
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Counts an element whose tag was just read, to its end.
fn element(
    node: &mut Node,
    key: &str,
    look: &mut Look,
    reader: &mut Reader<'_>,
    attributes: &str,
    is_empty: bool,
) -> Result<(), Unreadable> {
    node.enter(look);
    let mut text = String::new();
    let mut has_parts = attribute(node, look, attributes);
    let mut is_open = !is_empty;
    while is_open {
        match reader.next().ok_or(Unreadable)? {
            Piece::Close => is_open = false,
            Piece::Text(part) => text.push_str(part),
            Piece::Open { name, attributes, is_empty } => {
                has_parts = true;
                if look.depth >= limits::LEARNED_DEPTH_MAX {
                    look.over.depth += 1;
                    // Deeper than that nothing is counted, and the stack is bounded too.
                    return Err(Unreadable);
                }
                let name = local(name);
                let is_name = names::is_name(name);
                let mut nowhere = Node::default();
                look.depth += 1;
                let inner = node.member(name, is_name, look).unwrap_or(&mut nowhere);
                element(inner, name, look, reader, attributes, is_empty)?;
                look.depth -= 1;
            }
        }
    }
    add(&mut node.types.object, u64::from(has_parts));
    let text = plain(text.trim());
    if !text.is_empty() {
        json::text(node, key, look, &text);
    } else if !has_parts {
        add(&mut node.types.null, 1);
    }
    Ok(())
}

/// Counts the attributes; are there any?
fn attribute(node: &mut Node, look: &mut Look, attributes: &str) -> bool {
    let mut rest = attributes.trim();
    let mut any = false;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, next)) = after.strip_prefix(quote).and_then(|after| after.split_once(quote)) else {
            break;
        };
        rest = next.trim_start();
        let name = name.trim();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        any = true;
        let key = local(name);
        if let Some(inner) = node.member(key, names::is_name(key), look) {
            cell_at(inner, key, look, &plain(value));
        }
    }
    any
}

fn plain(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, c);
    }
    text
}
