//! How long records are kept, and what holds them for longer: the rules, and what of a record they go by.
//!
//! Never: lets a record go that a hold covers, or one of the program's own events: those say what became of the others.

mod act;
mod facts;
mod hold;
mod names;
mod person;
#[cfg(test)]
mod tests;

use crate::ids::ClassName;
use crate::ids::TenantPath;

pub use act::Act;
pub use act::Erased;
pub use act::Order;
pub use act::Pruned;
pub use act::number_leaf;
pub use facts::Facts;
pub use hold::Hold;
pub use hold::Holds;
pub use names::Named;
pub use names::Names;
pub use person::Person;

/// How long records are kept, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those that nothing else names; for ever where it says nothing.
    pub default_ms: Option<u64>,
    /// Those in the books of these tenants and of the ones below; the nearest counts.
    pub tenants: Vec<(TenantPath, u64)>,
    /// Those that carry these data classes, or ones within them; the nearest counts for each, and of several the longest.
    pub classes: Vec<(ClassName, u64)>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'h> {
    /// It stays, by its age or by what it is.
    Kept,
    /// It is past its time, and this hold keeps it.
    Held(&'h str),
    /// It is past its time.
    Due,
}

/// The text of the rule that names the nearest of what encloses a name.
fn nearest(rules: &[(impl std::borrow::Borrow<str>, u64)], name: &str, separator: char) -> Option<u64> {
    let mut at = Some(name);
    while let Some(name) = at {
        if let Some((_, ms)) = rules.iter().find(|(rule, _)| rule.borrow() == name) {
            return Some(*ms);
        }
        at = name.rsplit_once(separator).map(|(outer, _)| outer);
    }
    None
}

impl Retention {
    /// Is anything to go at all?
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.default_ms.is_some() || !self.tenants.is_empty() || !self.classes.is_empty()
    }

    /// How long a record is kept; `None` for ever.
    #[must_use]
    pub fn of(&self, facts: &Facts<'_>) -> Option<u64> {
        let classes = facts.classes.iter().filter_map(|class| nearest(&self.classes, class, '.'));
        classes.max().or_else(|| nearest(&self.tenants, facts.book, '/')).or(self.default_ms)
    }

    /// What becomes of a record at a time.
    #[must_use]
    pub fn fate<'h>(&self, facts: &Facts<'_>, holds: &'h Holds, now_ms: u64) -> Fate<'h> {
        if facts.is_own() || self.of(facts).is_none_or(|ms| now_ms.saturating_sub(facts.time_ms) <= ms) {
            return Fate::Kept;
        }
        holds.on(facts).map_or(Fate::Due, |hold| Fate::Held(&hold.hold))
    }

    /// How long anything is kept at most; `None` where something is for ever.
    #[must_use]
    pub fn longest_ms(&self) -> Option<u64> {
        let tenants = self.tenants.iter().map(|(_, ms)| *ms);
        let classes = self.classes.iter().map(|(_, ms)| *ms);
        self.default_ms.map(|default| tenants.chain(classes).fold(default, u64::max))
    }

    /// How long anything is kept at least; `None` where nothing ever goes.
    #[must_use]
    pub fn shortest_ms(&self) -> Option<u64> {
        let tenants = self.tenants.iter().map(|(_, ms)| *ms);
        self.classes.iter().map(|(_, ms)| *ms).chain(tenants).chain(self.default_ms).min()
    }

    /// Is it past the time that the program's own events are kept? They go with a whole segment, or not at all.
    #[must_use]
    pub fn is_past(&self, time_ms: u64, now_ms: u64) -> bool {
        self.default_ms.is_some_and(|ms| now_ms.saturating_sub(time_ms) > ms)
    }
}
