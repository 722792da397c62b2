//! Legal holds: which records may not go, why, and on whose word. They stand in the log as events, one that begins or goes on with a hold
//! and one that ends it.
//!
//! Never: ends a hold but by its name.

use serde::Deserialize;
use serde::Serialize;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::audit::keeping::Facts;

/// One hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// What it is called by.
    pub hold: String,
    /// Only records of this tenant and of those below it, in whose book they may stand; all where it names none.
    pub tenant: Option<String>,
    /// Only those that carry this class or one within it, or that say nothing of classes.
    pub class: Option<String>,
    /// Only those of this time on, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Only those before.
    pub until_ms: Option<u64>,
    /// What it is for.
    pub reason: String,
    /// Who is said to have asked for it.
    pub by: String,
}

/// Is this name the outer one or below it?
fn within(inner: &str, outer: &str, separator: char) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

impl Hold {
    /// May this record not go?
    #[must_use]
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        let time = self.since_ms.unwrap_or(0)..self.until_ms.unwrap_or(u64::MAX);
        let of_tenant = self.tenant.as_deref().is_none_or(|tenant| {
            facts.tenants.iter().chain([&facts.book]).any(|name| within(name, tenant, '/'))
        });
        // What ends a request does not repeat its classes, and is held with it.
        let of_class = self.class.as_deref().is_none_or(|class| {
            facts.classes.is_empty() || facts.classes.iter().any(|name| within(name, class, '.'))
        });
        of_tenant && of_class && time.contains(&facts.time_ms)
    }

    fn read(entry: &Entry<'_>) -> Option<Self> {
        let text = |name| match entry.field(name) {
            Some(Value::Text(text, _)) => Some(text.to_owned()),
            _ => None,
        };
        let time = |name| match entry.field(name) {
            Some(Value::Time(time)) => Some(time),
            _ => None,
        };
        Some(Self {
            hold: text("hold")?,
            tenant: text("tenant"),
            class: text("class"),
            since_ms: time("since"),
            until_ms: time("until"),
            reason: text("reason").unwrap_or_default(),
            by: text("by").unwrap_or_default(),
        })
    }
}

/// The holds that stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Holds(pub Vec<Hold>);

impl Holds {
    /// Takes note of an event of a log; whether it was one of a hold.
    pub fn saw(&mut self, entry: &Entry<'_>) -> bool {
        let is_hold = entry.kind == Kind::Event
            && entry.book.is_empty()
            && entry.field("event") == Some(Value::Text("hold", false));
        let hold = if is_hold { Hold::read(entry) } else { None };
        let Some(hold) = hold else { return false };
        if entry.field("action") == Some(Value::Text("release", false)) {
            self.release(&hold.hold);
        } else {
            self.add(hold);
        }
        true
    }

    /// Adds one, or puts it in place of that of the same name.
    pub fn add(&mut self, hold: Hold) {
        self.release(&hold.hold);
        self.0.push(hold);
    }

    /// Ends one; whether it stood.
    pub fn release(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|hold| hold.hold != name);
        self.0.len() < before
    }

    /// The first that covers a record.
    #[must_use]
    pub fn on(&self, facts: &Facts<'_>) -> Option<&Hold> {
        self.0.iter().find(|hold| hold.covers(facts))
    }

    /// The one of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Hold> {
        self.0.iter().find(|hold| hold.hold == name)
    }
}
