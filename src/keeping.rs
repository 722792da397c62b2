//! What goes of a log by the rules of its configuration, and what holds keep: first a plan, which reads all and changes nothing; then the
//! same, once it is on record.
//!
//! A segment that has nothing left to keep goes whole, from the log's beginning on. Within the others what a record said goes and its leaf
//! stays, so every tree is grown as before: [`crate::audit::entry::Withheld`].
//! Never: changes a segment before a signed record says how; touches one that is written to; takes away what a hold covers.

mod apply;
mod plan;

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::audit::entry::Entry;
use crate::audit::entry::Malformed;
use crate::audit::keeping::Facts;
use crate::audit::keeping::Fate;
use crate::audit::keeping::Holds;
use crate::audit::keeping::Person;
use crate::audit::keeping::Retention;
use crate::evidence::Folder;
use crate::evidence::Left;
use crate::evidence::Unreadable;

pub use apply::apply;
pub use plan::Goes;
pub use plan::Plan;
pub use plan::plan;

/// What records are judged by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How long they are kept.
    pub retention: Retention,
    /// What keeps them longer.
    pub holds: Holds,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// Somebody all of whose records go, whatever their age; then nothing else does.
    pub person: Option<Person>,
}

impl Rules {
    /// What becomes of a record.
    ///
    /// # Errors
    /// Where it is none.
    pub fn fate(&self, record: &[u8]) -> Result<Fate<'_>, Malformed> {
        let entry = Entry::read(record)?;
        let facts = Facts::of(&entry)?;
        let Some(person) = &self.person else {
            return Ok(self.retention.fate(&facts, &self.holds, self.now_ms));
        };
        let held = self.holds.on(&facts).map(|hold| Fate::Held(&hold.hold));
        if person.is_in(&entry, &facts)? {
            return Ok(held.unwrap_or(Fate::Due));
        }
        // Behind a pseudonym the record stays; but who is held stays known.
        Ok(held.filter(|_| person.is_behind(&entry)).unwrap_or(Fate::Kept))
    }
}

/// Why nothing goes, or not all that should.
#[derive(Debug)]
pub enum NotPruned {
    /// The log cannot be read.
    Unreadable(Unreadable),
    /// A segment is not what was written.
    Damaged(String),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
}

impl fmt::Display for NotPruned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::Damaged(segment) => {
                write!(f, "`{segment}` is damaged: run `verify`, which says what is wrong")
            }
            Self::File(path, why) => write!(f, "`{}`: {why}", path.display()),
        }
    }
}

impl std::error::Error for NotPruned {}

impl From<Unreadable> for NotPruned {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

/// The holds that stand: those that the log's events say, and any more that the file beside it names.
///
/// # Errors
/// When the log cannot be read.
pub fn holds(folder: &Folder) -> Result<Holds, Unreadable> {
    let mut holds = Holds::default();
    crate::evidence::all(folder, 0..u64::MAX, &mut |left| {
        if let Left::Record(entry, _) = left {
            holds.saw(&entry);
        }
        true
    })?;
    for hold in folder.holds()?.unwrap_or_default().0 {
        if holds.get(&hold.hold).is_none() {
            holds.add(hold);
        }
    }
    Ok(holds)
}
