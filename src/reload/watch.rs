//! The system's watcher over the folders of a snapshot's files.
//!
//! It only ever says "look": what changed, and whether, is found by reading. So a lost event costs time, never truth.
//! Never: fails. Where the system cannot watch, polling is left.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher as _;
use notify::event::AccessKind;
use notify::event::AccessMode;

use crate::config::Files;

use super::Wake;
use super::read::matches;

/// A folder as the system knows it, by device, number and birth: one that was replaced by another of its name is not
/// the same, not even where the new one got the number of the old.
pub(super) type Identity = (u64, u64, Option<SystemTime>);

pub(super) fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino(), metadata.created().ok())
}

pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: HashMap<PathBuf, Identity>,
}

impl Watch {
    pub(super) fn new(files: &Files, wake: SyncSender<Wake>) -> Self {
        let interest = Interest::new(files);
        let told = move |event: notify::Result<notify::Event>| {
            let look = event
                .is_ok_and(|event| writes(event.kind) && event.paths.iter().any(|path| interest.takes(path)));
            if look {
                // A full queue means that a look is due anyway.
                wake.try_send(Wake::Written).ok();
            }
        };
        let watcher = notify::recommended_watcher(told);
        if let Err(error) = &watcher {
            tracing::warn!(%error, "files cannot be watched here; edits are found by polling");
        }
        Self { watcher: watcher.ok(), folders: HashMap::new() }
    }

    /// Watches exactly these folders from now on; true when one of them was not watched before.
    pub(super) fn follow(&mut self, folders: HashMap<PathBuf, Identity>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        for (folder, identity) in &self.folders {
            if folders.get(folder) != Some(identity) {
                // It may be gone already, and the watch with it.
                drop(watcher.unwatch(folder));
            }
        }
        let mut new = false;
        for (folder, identity) in &folders {
            if self.folders.get(folder) != Some(identity) {
                match watcher.watch(folder, RecursiveMode::NonRecursive) {
                    Ok(()) => new = true,
                    Err(error) => {
                        tracing::warn!(folder = %folder.display(), %error, "the folder cannot be watched; its edits are found by polling");
                    }
                }
            }
        }
        self.folders = folders;
        new
    }
}

/// Did somebody write? Our own reading opens and closes files too, and must not wake us.
const fn writes(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

/// Which paths matter: a decision log that is written beside the config must not wake us with every line.
struct Interest {
    /// Those of policies: the enforced ones and a candidate's.
    all: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Interest {
    fn new(files: &Files) -> Self {
        let all = files.policies.iter().chain(&files.candidate);
        Self {
            all: all.map(|folder| super::read::absolute(folder)).collect(),
            files: super::read::single(files).collect(),
        }
    }

    fn takes(&self, path: &Path) -> bool {
        // `..data` and its kind are what a ConfigMap swaps.
        let swapped = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
        swapped
            || self.all.iter().any(|folder| path.starts_with(folder) || folder.starts_with(path))
            || self.files.iter().any(|file| file.starts_with(path) || matches(file, path))
    }
}

/// An edit is over when nothing was written for this long.
pub(super) const QUIET: Duration = Duration::from_millis(50);
/// However long the writing goes on, it is looked at after this.
const QUIET_MAX: Duration = Duration::from_millis(200);

/// Returns when nothing was written for [`QUIET`], at the latest after [`QUIET_MAX`].
pub(super) fn wait_until_quiet(woken: &Receiver<Wake>) {
    let end = Instant::now() + QUIET_MAX;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match woken.recv_timeout(QUIET.min(left)) {
            Ok(Wake::Written) if !left.is_zero() => {}
            Ok(Wake::Written | Wake::Now) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_log_beside_the_files_wakes_nobody_and_what_belongs_to_them_does() {
        let dir = crate::reload::tests::folder();
        let interest = Interest::new(&crate::reload::tests::config(dir.path()).files);
        let takes = |name: &str| interest.takes(&dir.path().join(name));
        assert!(
            takes("policies/new/x.cedar") && takes("tenants.yaml") && takes("policies") && takes("..data")
        );
        assert!(!takes("decisions.jsonl") && !takes("policies2") && !takes(".tenants.yaml.swp"));
        assert!(!writes(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!writes(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(writes(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }
}
