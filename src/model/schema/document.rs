//! An OpenAPI document, and where its references lead.
//!
//! Never: follows a reference out of the document.

use std::collections::HashMap;

use crate::model::tree::At;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;
use crate::problem::Problem;

/// How long a chain of references may be.
const CHAIN_MAX: usize = 32;
/// Maps of up to this many keys are searched from end to end.
const SMALL_MAP: usize = 16;

/// An OpenAPI document whose references can be followed.
pub(in crate::model) struct Document<'n> {
    pub(in crate::model) root: &'n Node,
    resolved: HashMap<&'n str, Option<&'n Node>>,
    /// The keys of the large maps that references lead through, by the address of the map.
    keys: HashMap<*const Node, HashMap<&'n str, &'n Node>>,
}

impl<'n> Document<'n> {
    pub(in crate::model) fn new(root: &'n Node) -> Self {
        Self { root, resolved: HashMap::new(), keys: HashMap::new() }
    }

    /// The node that a reference names.
    pub(in crate::model) fn resolve(
        &mut self,
        reader: &mut Reader,
        text: &'n str,
        at: At,
    ) -> Option<&'n Node> {
        if let Some(found) = self.resolved.get(text) {
            return *found;
        }
        let found = self.look_up(text);
        if found.is_none() {
            let message = format!("`{}` is not in this document", text.escape_debug());
            let hint = if text.starts_with('#') {
                "a reference is `#/` and the keys from the top of the document"
            } else {
                "only references within the document, `#/...`, are followed: bundle the documents into one"
            };
            reader.add(at, |place| Problem::error("bad-reference", place, message).hint(hint));
        }
        self.resolved.insert(text, found);
        found
    }

    fn look_up(&mut self, text: &str) -> Option<&'n Node> {
        let pointer = text.strip_prefix('#')?;
        if pointer.is_empty() {
            return Some(self.root);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self.root, |node, token| self.step(node, &unescape(token)))
    }

    fn step(&mut self, node: &'n Node, token: &str) -> Option<&'n Node> {
        match &node.value {
            Value::List(items) => items.get(token.parse::<usize>().ok()?),
            Value::Map(entries) if entries.len() > SMALL_MAP => {
                let index = || entries.iter().map(|(key, node)| (key.text.as_str(), node)).collect();
                self.keys.entry(std::ptr::from_ref(node)).or_insert_with(index).get(token).copied()
            }
            Value::Map(_) => node.get(token),
            Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Bool(_) | Value::Null => None,
        }
    }

    /// The node itself, or what its `$ref` names.
    pub(in crate::model) fn follow(&mut self, reader: &mut Reader, node: &'n Node) -> Option<&'n Node> {
        let mut node = node;
        for _ in 0..CHAIN_MAX {
            let Some(reference) = node.get("$ref") else { return Some(node) };
            let text = reader_text(reader, reference)?;
            node = self.resolve(reader, text, reference.at)?;
        }
        reader.error("bad-reference", node.at, "the references go round, or on for too long");
        None
    }

    /// Does the schema promise an array?
    pub(in crate::model) fn is_array(&mut self, reader: &mut Reader, schema: &'n Node) -> bool {
        let is_array = |node: &Node| node.as_text() == Some("array");
        self.follow(reader, schema)
            .and_then(|schema| schema.get("type"))
            .is_some_and(|kind| is_array(kind) || kind.items().iter().any(is_array))
    }
}

pub(super) fn reader_text<'n>(reader: &mut Reader, node: &'n Node) -> Option<&'n str> {
    reader.text(node, "`$ref`")
}

/// One token of a JSON pointer in a URI fragment (RFC 6901 section 6).
fn unescape(token: &str) -> String {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        if let (b'%', [high, low, beyond @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.push(high << 4 | low);
            rest = beyond;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}
