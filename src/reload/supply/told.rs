//! How a bundle stands, for people and metrics.
//!
//! Never: holds a credential.

use crate::ids::Digest;

use super::super::now_ms;

/// How a bundle stands.
#[derive(Debug, Clone, Default)]
pub struct Supplied {
    /// Where it comes from.
    pub source: String,
    /// `name@version` of the one that is live.
    pub title: String,
    /// Its version.
    pub version: u64,
    /// `name@version` of the last one that the source had and that is proven.
    pub offered: String,
    /// The digest of its manifest.
    pub digest: Option<Digest>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When the source last answered, in milliseconds since 1970; `None`: not since the start.
    pub contacted_ms: Option<u64>,
    /// Why the source did not answer the last time.
    pub unreachable: Option<String>,
    /// Why the one that is live is not kept on disk.
    pub unkept: Option<String>,
    /// Why it is not known what was taken before; no newer one is taken then.
    pub unknown: Option<String>,
    /// Did the thread that asks the source die? Nobody asks it then.
    pub is_dead: bool,
    /// How often the source had a newer one, had the same, had one that is refused, did not answer.
    pub asked: [u64; 4],
}

/// The names of [`Supplied::asked`].
pub const ASKED: [&str; 4] = ["new", "same", "refused", "failed"];

impl Supplied {
    /// What people are told of it, each line with whether all is well.
    #[must_use]
    pub fn lines(&self) -> Vec<(bool, String)> {
        let now = now_ms();
        let ago = |ms: u64| format!("{} s ago", now.saturating_sub(ms) / 1_000);
        let mut lines = vec![(true, format!("bundle {}, made {}", self.title, ago(self.created_ms)))];
        let contact = self.contacted_ms.map(ago);
        lines.push(match (&self.unreachable, contact) {
            (_, contact) if self.is_dead => {
                let last =
                    contact.map_or("it never answered".to_owned(), |ago| format!("it last answered {ago}"));
                (
                    false,
                    format!(
                        "bundle source is no longer asked, and {last}: the thread that asks died; restart"
                    ),
                )
            }
            (None, Some(ago)) => (true, format!("bundle source answered {ago}")),
            (Some(why), Some(ago)) => (false, format!("bundle source last answered {ago}: {why}")),
            (Some(why), None) => (false, format!("bundle source has not answered since the start: {why}")),
            (None, None) => (false, "bundle source was not asked yet".to_owned()),
        });
        if !self.offered.is_empty() && self.offered != self.title {
            lines.push((false, format!("bundle source has {}, which is not live", self.offered)));
        }
        lines.extend(self.unknown.as_ref().map(|why| (false, format!("bundle: {why}"))));
        lines.extend(self.unkept.as_ref().map(|why| (false, format!("bundle is not kept: {why}"))));
        lines
    }
}
