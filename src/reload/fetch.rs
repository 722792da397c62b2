//! What is fetched beside the files: the keys of issuers.
//!
//! Threads of their own fetch, so that neither a request nor an edit ever waits for a server. What they have takes the same
//! way as a file: it is part of a reading, checked whole, and live as a new snapshot.
//! Never: fetches on a request's path, or keeps what is older than its bound.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;

use crate::background;
use crate::config::Files;
use crate::identity::Wanted;
use crate::problem::Problem;
use crate::snapshot::Role;
use crate::snapshot::Settings;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

use super::Wake;

mod canonical;
mod keys;
mod provider;
mod told;

pub use told::FETCHED;
pub use told::Fetched;

use keys::Keys;

/// Everything that is fetched.
#[derive(Debug)]
pub(super) struct Fetches {
    keys: Vec<Arc<Keys>>,
}

/// What there is of it now.
#[derive(Debug, Clone, Default)]
pub(super) struct Fresh {
    pub(super) sources: Vec<SourceFile>,
}

impl Fetches {
    /// What the config says is fetched; `None` where that is nothing. Nobody is asked yet.
    pub(super) fn open(files: &Files) -> Option<Arc<Self>> {
        let keys: Vec<_> = files.fetched_keys.iter().map(|config| Arc::new(Keys::new(config))).collect();
        (!keys.is_empty()).then(|| Arc::new(Self { keys }))
    }

    /// Fetches everything once, all at the same time.
    pub(super) fn ask(&self) {
        std::thread::scope(|scope| {
            for keys in &self.keys {
                scope.spawn(|| keys.fetch());
            }
        });
    }

    /// What there is now, and is not too old.
    pub(super) fn fresh(&self) -> Fresh {
        Fresh { sources: self.keys.iter().filter_map(|keys| keys.source()).collect() }
    }

    /// What could not be fetched, for `check`.
    pub(super) fn away(&self) -> Vec<Problem> {
        self.keys.iter().filter_map(|keys| keys.away()).collect()
    }

    /// How each stands.
    pub(super) fn told(&self) -> Vec<Fetched> {
        self.keys.iter().map(|keys| keys.told()).collect()
    }

    /// Is a file of this role fetched?
    fn brings(&self, role: &Role) -> bool {
        self.keys.iter().any(|keys| *role == keys.role())
    }

    /// These files, with what is fetched now in the place of what was; `None` where that is the same.
    pub(super) fn renewed(&self, good: &Sources, now: &Sources) -> Option<Sources> {
        let (old, kept): (Vec<_>, Vec<_>) =
            good.files().iter().cloned().partition(|file| self.brings(&file.role));
        let new: Vec<_> = now.files().iter().filter(|file| self.brings(&file.role)).cloned().collect();
        (old != new).then(|| Sources::new([kept, new].concat(), Vec::new()))
    }
}

/// A thread that fetches. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Fetching {
    ended: Option<SyncSender<()>>,
    wanted: Arc<Wanted>,
}

impl Fetching {
    /// Asks it to fetch as soon as it may.
    pub(super) fn ask(&self) {
        self.wanted.ask();
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.ended = None;
        // It may be waiting for a wish.
        self.wanted.ask();
    }
}

/// Starts a thread for each.
pub(super) fn start(
    fetches: &Fetches,
    settings: &Settings,
    wake: &SyncSender<Wake>,
) -> std::io::Result<Vec<Fetching>> {
    let mut threads = Vec::new();
    for keys in &fetches.keys {
        let wanted = settings.issuers.get(keys.at()).and_then(|issuer| issuer.fetched.clone());
        let wanted = wanted.unwrap_or_default();
        let (heard, (ended, end)) = (wanted.listen(), sync_channel(1));
        let (keys, wake) = (Arc::clone(keys), wake.clone());
        background::start("keys", move || keys.run(&heard, &end, &wake))?;
        threads.push(Fetching { ended: Some(ended), wanted });
    }
    Ok(threads)
}

#[cfg(test)]
mod tests;
