//! What happens to the files, on record and in the metrics.
//!
//! Never: decides whether an edit takes effect; it is told what did.

use std::sync::Arc;

use crate::audit::Event;
use crate::disk::Disk;
use crate::disk::Snapshots;
use crate::reload::Change;
use crate::reload::Shadowing;
use crate::shadow;
use crate::snapshot::Changes;
use crate::snapshot::Live;
use crate::telemetry::Metrics;

use super::throttling::Throttling;

/// Where it is told.
pub(super) struct Told {
    pub(super) live: Arc<Live>,
    pub(super) disk: Arc<Disk>,
    pub(super) metrics: Metrics,
    pub(super) throttling: Arc<Throttling>,
    /// Where snapshots are kept for those who ask later.
    pub(super) kept: Option<Snapshots>,
}

impl Told {
    /// A snapshot went live.
    pub(super) fn loaded(&self) {
        let snapshot = self.live.current();
        if let Err(error) = self.keep() {
            tracing::error!(%error, "the snapshot could not be kept: its decisions cannot be made again");
        }
        self.throttling.loaded(&self.live);
        let since = snapshot.loaded_at_ms() / 1_000;
        self.metrics.reload_applied(&snapshot.digest(), snapshot.generation(), since);
    }

    /// Keeps the snapshot that is live.
    pub(super) fn keep(&self) -> std::io::Result<()> {
        let snapshot = self.live.current();
        let parts = snapshot.sources().shown(snapshot.settings());
        self.kept.as_ref().map_or(Ok(()), |kept| kept.keep(&snapshot.digest(), parts))
    }

    /// Something happened to the files.
    pub(super) fn change(&self, change: &Change) {
        match change {
            Change::Applied { before, after, generation, cause, bundle, changes, .. } => {
                self.loaded();
                let [added, removed, changed] = &ids(changes);
                let (generation, cause) = (*generation, cause.as_str());
                self.disk.event(&Event::ReloadApplied {
                    before,
                    after,
                    generation,
                    cause,
                    bundle: bundle.as_ref().map(|(title, manifest)| (&**title, manifest)),
                    added,
                    removed,
                    changed,
                });
            }
            Change::Refused { live, problems } => {
                self.metrics.reload_refused();
                self.disk.event(&Event::ReloadRefused { stays: live, problems });
            }
            // The files are again what is live: nothing changed for any request.
            Change::Restored { .. } => {}
            Change::Beside(change) => self.beside(change),
        }
    }

    fn beside(&self, change: &Shadowing) {
        shadow::show(&self.metrics, self.live.beside().as_deref());
        match change {
            Shadowing::Started { origin, live, candidate, changes } => {
                let [added, removed, changed] = &ids(changes);
                let origin = origin.as_str();
                self.disk.event(&Event::ShadowStarted {
                    origin,
                    snapshot: live,
                    candidate,
                    added,
                    removed,
                    changed,
                });
            }
            Shadowing::Refused { live, problems } => {
                self.metrics.shadow_refused();
                self.disk.event(&Event::ShadowRefused { stays: live, problems });
            }
            // It was never looked at.
            Shadowing::Withdrawn => {}
            Shadowing::Ended { origin, candidate } => {
                self.disk.event(&Event::ShadowEnded { origin: origin.as_str(), candidate });
            }
        }
    }
}

fn ids(changes: &Changes) -> [Vec<&str>; 3] {
    [&changes.added, &changes.removed, &changes.changed].map(|ids| ids.iter().map(String::as_str).collect())
}
