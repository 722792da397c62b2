//! API keys that end soon, told once each in the log.
//!
//! Never: tells of one whose principal has another that lasts, or of a secret.

use std::collections::HashSet;
use std::time::Duration;
use std::time::Instant;

use crate::limits;
use crate::snapshot::Snapshot;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);

/// What was told already.
#[derive(Debug, Default)]
pub(super) struct Expiring {
    looked: Option<Instant>,
    told: HashSet<Box<str>>,
}

impl Expiring {
    /// Looks at the live keys, where that is due.
    pub(super) fn look(&mut self, live: &Snapshot, now_ms: u64) {
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let now = now_ms / 1_000;
        let ending = live.keyring().expiring_api_keys(now, limits::API_KEY_WARNING_SECONDS);
        for key in ending.iter().filter(|key| !self.told.contains(&key.id)) {
            let days = key.expires.saturating_sub(now) / 86_400;
            tracing::warn!(
                id = &*key.id,
                days,
                "an API key ends soon; `palisade key new --like` makes another"
            );
        }
        // One that was renewed and is about to end again is told again.
        self.told = ending.into_iter().map(|key| key.id).collect();
    }
}
