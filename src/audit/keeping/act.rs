//! What is done to a log by those who keep it, before it is done: each act is on record first.
//!
//! Never: carries what a record said.

use serde::Deserialize;
use serde::Serialize;

use crate::audit::event::Kept;
use crate::audit::keeping::Hold;
use crate::audit::tree;
use crate::audit::tree::Hash;

/// Records that go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruned {
    /// The number of the first: 0 where all up to the last are gone, the first of a segment where some of it are.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// `size`, `retention`, `erasure`, or `archive` for rows of that alone.
    pub reason: String,
    /// How many of a segment are gone by then; nothing where all are.
    pub count: Option<u64>,
    /// Which: the root (RFC 6962) of the tree over their numbers, each eight bytes with the little end first. 64 hexadecimal digits.
    pub gone: Option<String>,
}

/// A person's name goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erased {
    /// The tenant that the person is of. Who it was is said nowhere.
    pub tenant: String,
    /// How many records name the person.
    pub count: u64,
    /// The person's pseudonyms, whose names are forgotten.
    #[serde(default)]
    pub pseudonyms: Vec<String>,
    /// What for, as the number of a request.
    pub reason: String,
    /// Who is said to have asked for it.
    pub by: String,
}

/// The leaf that stands for a record in the tree of those that are gone.
#[must_use]
pub fn number_leaf(seq: u64) -> Hash {
    tree::leaf_hash(&seq.to_le_bytes())
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// A hold begins.
    Hold(Hold),
    /// A hold that stands is said again, for the record of its beginning is about to go.
    Stands(Hold),
    /// A hold ends.
    Release {
        /// Which.
        hold: String,
        /// Why.
        reason: String,
        /// Who is said to have asked for it.
        by: String,
    },
    /// Records go.
    Prune(Pruned),
    /// All that names a person is to go. What was written until now is closed, so that nothing of it is out of reach.
    Erase(Erased),
}

impl Act {
    /// How it stands on record, asked for by this account of the machine.
    #[must_use]
    pub fn event(&self, uid: u32) -> Kept<'_> {
        match self {
            Self::Hold(hold) => Kept::Hold { action: "add", hold, uid },
            Self::Stands(hold) => Kept::Hold { action: "stands", hold, uid },
            Self::Release { hold, reason, by } => Kept::Released { hold, reason, by, uid },
            Self::Prune(pruned) => Kept::Prune(pruned),
            Self::Erase(erased) => Kept::Erase { erased, uid },
        }
    }
}

/// Acts that are to be put on record together, as somebody asks for them beside a running sidecar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// In this order.
    pub acts: Vec<Act>,
}
