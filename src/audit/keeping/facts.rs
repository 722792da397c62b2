//! What of a record says how long it is kept and which holds cover it.
//!
//! Never: passes over a class or a tenant that the record names.

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::entry::Value;
use crate::audit::entry::key;

/// What rules and holds go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What it is.
    pub kind: Kind,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The tenant in whose book it stands; empty for the program's own.
    pub book: &'a str,
    /// The tenant whose data was meant, and the caller's.
    pub tenants: Vec<&'a str>,
    /// Every data class that it names.
    pub classes: Vec<&'a str>,
}

/// Lists whose items are classes.
const LISTS: [u8; 4] = [key!("revealed"), key!("settable"), key!("unsettable"), key!("classes")];

impl<'a> Facts<'a> {
    /// Those of a record.
    ///
    /// # Errors
    /// Where it cannot be read to its end.
    pub fn of(entry: &Entry<'a>) -> Result<Self, Malformed> {
        let Entry { kind, time_ms, book, .. } = *entry;
        let mut facts = Self { kind, time_ms, book, tenants: Vec::new(), classes: Vec::new() };
        let mut open: Vec<u8> = Vec::new();
        for token in entry.tokens() {
            let (key, value) = token?;
            match value {
                Value::Object | Value::List => open.push(key),
                Value::ObjectEnd | Value::ListEnd(_) => drop(open.pop()),
                Value::Text(text, _) => {
                    let within = open.last().copied();
                    let listed = key == 0 && within.is_some_and(|within| LISTS.contains(&within));
                    if key == key!("class") || listed {
                        facts.classes.push(text);
                    } else if key == key!("tenant") && within.is_none_or(|within| within == key!("principal"))
                    {
                        facts.tenants.push(text);
                    }
                }
                Value::Bytes(..)
                | Value::Number(_)
                | Value::Id(_)
                | Value::Hex(_)
                | Value::Time(_)
                | Value::Ip(_) => {}
            }
        }
        Ok(facts)
    }

    /// Is it an event of the program itself?
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.kind == Kind::Event && self.book.is_empty()
    }
}
