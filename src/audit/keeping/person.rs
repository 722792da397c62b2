//! Does a record name a person?
//!
//! Never: takes a longer name for the one that is meant, or passes over a text of the record.

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::entry::Value;
use crate::audit::keeping::Facts;

/// Somebody whose name is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The tenant that the person is of.
    pub tenant: String,
    /// The id by which the person calls.
    pub id: String,
    /// What stands for it in a log that is written with pseudonyms.
    pub pseudonyms: Vec<String>,
}

impl Person {
    /// Does this record name the person? One of the person's tenant is looked through, in whose book it may stand, and of the program's
    /// own events each reading, for what was asked is text.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    pub fn is_in(&self, entry: &Entry<'_>, facts: &Facts<'_>) -> Result<bool, Malformed> {
        let reading = entry.kind == Kind::Event && entry.field("event") == Some(Value::Text("query", false));
        let of_tenant =
            facts.book == self.tenant || facts.tenants.iter().any(|tenant| *tenant == self.tenant);
        let looked_through = reading || (of_tenant && !facts.is_own());
        if !looked_through {
            return Ok(false);
        }
        for token in entry.tokens() {
            let (_, value) = token?;
            let said = match value {
                Value::Text(text, _) => self.is_named(text.as_bytes()),
                Value::Bytes(bytes, _) => self.is_named(bytes),
                Value::Number(_)
                | Value::Id(_)
                | Value::Hex(_)
                | Value::Time(_)
                | Value::Ip(_)
                | Value::Object
                | Value::ObjectEnd
                | Value::List
                | Value::ListEnd(_) => false,
            };
            if said {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Does a pseudonym of the person stand in this record?
    #[must_use]
    pub fn is_behind(&self, entry: &Entry<'_>) -> bool {
        let stands = |text: &str| self.pseudonyms.iter().any(|one| one == text);
        entry.tokens().flatten().any(|(_, value)| matches!(value, Value::Text(text, _) if stands(text)))
    }

    /// Does a text name the person, as a word of its own?
    #[must_use]
    pub fn is_named(&self, text: &[u8]) -> bool {
        let name = self.id.as_bytes();
        let is_part =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        text.windows(name.len().max(1)).enumerate().any(|(at, window)| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            window == name && !is_part(before) && !is_part(text.get(at + name.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_and_not_within_another() {
        let (tenant, id) = ("acme".to_owned(), "ann".to_owned());
        let ann = Person { tenant, id, pseudonyms: Vec::new() };
        for text in ["ann", "/users/ann/notes", "principal = 'ann'", "ann@acme.example", "x:ann"] {
            assert!(ann.is_named(text.as_bytes()), "{text}");
        }
        for text in ["", "anna", "joann", "ann2", "ännann", "AN N", "an"] {
            assert!(!ann.is_named(text.as_bytes()), "{text}");
        }
        let empty = Person { id: String::new(), ..ann };
        assert!(!empty.is_named(b"a"));
    }
}
