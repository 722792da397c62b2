//! What the other forms of a record share: its fields by name, and what tells it from all others.
//!
//! Never: performs I/O, or says what the record's line does not.

use serde_json::Map;
use serde_json::Value;

use crate::audit::entry::Malformed;
use crate::audit::entry::line;

/// Fields of a record, or members of what is made of it.
pub(super) type Fields = Map<String, Value>;

/// A record's fields, as its line has them.
pub(super) fn fields(record: &[u8]) -> Result<Fields, Malformed> {
    let mut text = Vec::new();
    line(record, &mut text)?;
    // What was just written as JSON is JSON.
    serde_json::from_slice(&text).map_err(|_| Malformed { at: 0 })
}

/// The text of a field; empty where it has none.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What tells one record from all others, wherever it is sent and however often: by it receivers leave out what they have.
#[must_use]
pub fn uid(log_id: &str, seq: u64) -> String {
    format!("{log_id}/{seq}")
}

/// Gives an object one member more.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Appends a value as JSON. A tree with string keys can always be written into memory.
pub(super) fn put(value: &impl serde::Serialize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    serde_json::to_writer(out, value).map_err(|_| Malformed { at: 0 })
}
