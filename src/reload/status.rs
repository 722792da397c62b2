//! How reloading stands, for whoever asks.
//!
//! Never: changes what it tells of.

use crate::ids::Digest;
#[cfg(doc)]
use crate::limits;
use crate::problem::Problem;

/// How reloading stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// The digest that is live.
    pub live: Digest,
    /// Its generation.
    pub generation: u64,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_at_ms: u64,
    /// The last edit, if it was refused and has not been mended since.
    pub refused: Option<Refused>,
    /// What is wrong with the candidate, if it is not looked at for that.
    pub candidate_problems: Vec<Problem>,
    /// How many edits went live since the start.
    pub applied_total: u64,
    /// How many edits were refused since the start.
    pub refused_total: u64,
}

/// A refused edit.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Since when the files are not what is live, in milliseconds since 1970.
    pub since_ms: u64,
    /// When this edit was refused, in milliseconds since 1970.
    pub at_ms: u64,
    /// What is wrong, at most [`limits::PROBLEMS_KEPT_MAX`].
    pub problems: Vec<Problem>,
}
