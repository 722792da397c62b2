//! JSON documents, walked as they are parsed: no tree of values is made.
//!
//! Never: keeps a value longer than it takes to count it.

use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::learn::names;
use crate::learn::node::Look;
use crate::learn::node::Node;
use crate::learn::node::add;
use crate::limits;

/// A body is not what its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Counts one document at a node, below a key. What came before a flaw is counted.
pub(super) fn document(node: &mut Node, key: &str, look: &mut Look, text: &[u8]) -> Result<(), Unreadable> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let depth = look.depth;
    let value = Value { node, key, look: &mut *look };
    let read = value.deserialize(&mut reader).and_then(|()| reader.end());
    // A flaw may stand deep.
    look.depth = depth;
    read.map_err(|_| Unreadable)
}

/// Counts a text, or the document that it holds.
pub(super) fn text(node: &mut Node, key: &str, look: &mut Look, text: &str) {
    let trimmed = text.trim();
    if trimmed.starts_with(['{', '['])
        && look.nested < limits::JSON_IN_STRINGS_MAX
        && serde_json::from_str::<IgnoredAny>(trimmed).is_ok()
    {
        add(&mut node.documents, 1);
        add(&mut node.types.string, 1);
        look.nested += 1;
        // It was just read, so it can be.
        document(node, key, look, trimmed.as_bytes()).ok();
        look.nested -= 1;
        return;
    }
    node.text(text, key, look);
}

/// The value that comes next, counted at a node.
struct Value<'a> {
    node: &'a mut Node,
    /// The nearest key around it.
    key: &'a str,
    look: &'a mut Look,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.node.enter(self.look);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        add(&mut self.node.types.null, 1);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        add(&mut self.node.types.boolean, 1);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.node.number(Some(&value.unsigned_abs().to_string()), self.key, self.look);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.node.number(Some(&value.to_string()), self.key, self.look);
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.node.number(None, self.key, self.look);
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        text(self.node, self.key, self.look, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { node, key, look } = self;
        add(&mut node.types.array, 1);
        if look.depth >= limits::LEARNED_DEPTH_MAX {
            look.over.depth += 1;
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        look.depth += 1;
        loop {
            let more = match node.items(look) {
                Some(node) => items.next_element_seed(Value { node, key, look })?.is_some(),
                None => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        look.depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { node, key: _, look } = self;
        add(&mut node.types.object, 1);
        if look.depth >= limits::LEARNED_DEPTH_MAX {
            look.over.depth += 1;
            while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        look.depth += 1;
        while let Some(key) = members.next_key::<String>()? {
            let is_name = names::is_name(&key);
            match node.member(&key, is_name, look) {
                Some(node) => members.next_value_seed(Value { node, key: &key, look })?,
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        look.depth -= 1;
        Ok(())
    }
}
