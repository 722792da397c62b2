//! How something that is fetched stands, for people and metrics.
//!
//! Never: holds a credential, or what was fetched.

use super::super::now_ms;

/// How something that is fetched stands.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// What it is, for people.
    pub what: String,
    /// Its label in metrics, from the config.
    pub label: String,
    /// When the source last said that it is so, in milliseconds since 1970; `None`: not since the start.
    pub fetched_ms: Option<u64>,
    /// Why the last fetch brought nothing that can be used.
    pub failed: Option<String>,
    /// Is there something that is not too old?
    pub is_usable: bool,
    /// Did the thread that fetches die? Nobody fetches it then.
    pub is_dead: bool,
    /// How often a fetch brought something new, the same, nothing that can be used.
    pub counts: [u64; 3],
    /// What becomes of requests while nothing is usable.
    pub otherwise: &'static str,
}

/// The names of [`Fetched::counts`].
pub const FETCHED: [&str; 3] = ["new", "same", "failed"];

impl Fetched {
    /// What people are told of it, and whether all is well.
    #[must_use]
    pub fn line(&self) -> (bool, String) {
        let now = now_ms();
        let mut line = match self.fetched_ms {
            Some(ms) => format!("{} fetched {} s ago", self.what, now.saturating_sub(ms) / 1_000),
            None => format!("{} never fetched", self.what),
        };
        if !self.is_usable {
            line += if self.fetched_ms.is_some() { ", which is too long; " } else { "; " };
            line += self.otherwise;
        }
        if let Some(why) = &self.failed {
            line += ": ";
            line += why;
        }
        if self.is_dead {
            line += "; the thread that fetches died: restart";
        }
        (self.is_usable && self.failed.is_none() && !self.is_dead, line)
    }
}
