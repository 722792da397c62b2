//! The bundle that the files come from: asked for, proven, never older than what was taken before.
//!
//! A thread of its own asks the source, so that neither a request nor an edit of a local file ever waits for it. What it
//! finds is an [`Offer`]; whether that goes live is for the one check that files go through too. What is kept on disk is
//! proven again when it is read: the disk is believed no more than the network.
//! Never: offers what is not proven, or goes back to an older version.
//! INVARIANT: no version is taken after a higher one (`reload::supply::tests::an_older_version_is_refused_also_after_a_restart`).

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;

use crate::background;
use crate::bundle::BadBundle;
use crate::bundle::Opened;
use crate::bundle::Verified;
use crate::config::Bundle;
use crate::config::Files;
use crate::ids::Digest;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::remote;
use crate::remote::Found;
use crate::remote::Tag;
use crate::snapshot::Checked;
use crate::snapshot::Settings;

use super::Reading;
use super::Wake;
use super::now_ms;
use super::read;

mod asking;
mod floor;
mod keep;
mod told;
mod trust;

pub use told::ASKED;
pub use told::Supplied;

use floor::Floor;
use keep::Keep;
use trust::kept;
use trust::trust;

/// What the source has.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    /// The newest bundle that is proven; none was found yet where it is `None`.
    pub(super) bundle: Option<Arc<Verified>>,
    /// Why what is there now is not taken.
    pub(super) problems: Vec<Problem>,
}

/// The bundle that the files come from.
#[derive(Debug)]
pub(super) struct Supply {
    config: Arc<Bundle>,
    keep: Option<Keep>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    offer: Offer,
    /// The last one that went live, or was kept.
    good: Option<Arc<Verified>>,
    /// Nothing below this is taken.
    floor: Floor,
    tag: Option<Tag>,
    /// Why what was kept could not be used.
    unusable: Option<String>,
    told: Supplied,
}

impl Supply {
    /// Reads what is kept, and asks nobody.
    pub(super) fn open(config: &Arc<Bundle>) -> Self {
        let keep = config.keep.as_deref().map(Keep::new);
        let mut state = State::default();
        state.told.source.clone_from(&config.source);
        if let Some(keep) = &keep {
            state.floor = Floor::read(keep, &config.name);
            state.told.unknown = state.floor.unknown();
            match kept(keep, config, state.floor.known()) {
                Ok(None) => {}
                Ok(Some(bundle)) => {
                    let bundle = Arc::new(bundle);
                    // It is written before what is said of it, so it may be the newer of the two.
                    state.floor.raise(&bundle);
                    state.good = Some(Arc::clone(&bundle));
                    state.offer.bundle = Some(bundle);
                }
                Err(why) => state.unusable = Some(why),
            }
        }
        Self { config: Arc::clone(config), keep, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn problem(&self, code: &'static str, why: &str) -> Problem {
        Problem::error(code, Place::file(&*self.config.source), why.to_owned())
    }

    /// What the source has; where nothing was ever found, the problem that this is.
    pub(super) fn offer(&self) -> Offer {
        let state = self.state();
        let mut offer = state.offer.clone();
        if offer.bundle.is_none() && offer.problems.is_empty() {
            let why = state.told.unreachable.as_deref().unwrap_or("it was not asked yet");
            let kept = match (&state.unusable, &self.keep) {
                (Some(why), _) => format!("what is kept cannot be used: {why}"),
                (None, Some(_)) => "none is kept yet".to_owned(),
                (None, None) => "none is kept".to_owned(),
            };
            offer
                .problems
                .push(self.problem("bundle-unreachable", &format!("there is no bundle: {why}; {kept}")));
        }
        offer
    }

    /// The source gives nothing, and what is kept is used: what `check` says of it.
    pub(super) fn away(&self) -> Option<Problem> {
        let state = self.state();
        let (bundle, why) = (state.offer.bundle.as_ref()?, state.told.unreachable.as_ref()?);
        let message = format!("{why}; `{}`, which is kept, is used", bundle.title());
        Some(Problem { severity: Severity::Warning, ..self.problem("bundle-unreachable", &message) })
    }

    /// The last good one, to start with where what the source has is bad.
    pub(super) fn last_good(&self) -> Option<Offer> {
        let bundle = self.state().good.clone()?;
        Some(Offer { bundle: Some(bundle), problems: Vec::new() })
    }

    /// How it stands.
    pub(super) fn told(&self) -> Supplied {
        self.state().told.clone()
    }

    /// Asks the source; true when it has something else than before.
    pub(super) fn ask(&self) -> bool {
        self.learn();
        let tag = self.state().tag.clone();
        let found = remote::get(&self.config.remote, &self.config.access, tag.as_ref());
        match found {
            Err(failed) => {
                self.failed(&failed.to_string());
                false
            }
            Ok(Found::Same) => {
                self.answered(1);
                false
            }
            Ok(Found::New(bytes, tag)) => {
                let taken = self.prove(&bytes);
                let mut state = self.state();
                // What is refused is looked at again: a key that was missing may be there by then.
                state.tag = tag.filter(|_| taken.is_ok());
                let before =
                    (state.offer.bundle.as_ref().map(|bundle| bundle.digest()), state.offer.problems.clone());
                let kind = match taken {
                    Ok(bundle) => {
                        let same = before.0 == Some(bundle.digest());
                        state.told.offered = bundle.title();
                        state.offer = Offer { bundle: Some(Arc::new(bundle)), problems: Vec::new() };
                        usize::from(same)
                    }
                    Err(problem) => {
                        state.offer.problems = vec![problem];
                        2
                    }
                };
                let after = state.offer.bundle.as_ref().map(|bundle| bundle.digest());
                let changed = before != (after, state.offer.problems.clone());
                drop(state);
                self.answered(kind);
                changed
            }
        }
    }

    /// Reads again what was taken before, where it could not be read: somebody may have mended it.
    fn learn(&self) {
        let Some(keep) = self.keep.as_ref().filter(|_| self.state().floor.is_unknown()) else { return };
        let floor = Floor::read(keep, &self.config.name);
        let mut state = self.state();
        state.floor = floor.not_below(state.good.as_deref());
        state.told.unknown = state.floor.unknown();
        if !state.floor.is_unknown() {
            tracing::info!(source = %self.config.source, "what was taken of the bundle before is known again");
            drop(state);
            self.keep_now();
        }
    }

    /// Proves what came, and that it is no older than what was taken before.
    fn prove(&self, bytes: &[u8]) -> Result<Verified, Problem> {
        let bad = |bad: BadBundle| self.problem(bad.code(), &bad.to_string());
        let trust = trust(&self.config).map_err(|why| self.problem("bundle-key", &why))?;
        let bundle = Opened::open(bytes).and_then(|opened| opened.verify(&trust)).map_err(bad)?;
        self.allowed(&self.state(), &bundle)?;
        Ok(bundle)
    }

    fn allowed(&self, state: &State, bundle: &Verified) -> Result<(), Problem> {
        let allowed = state.floor.allows(bundle, state.good.as_deref());
        allowed.map_err(|refused| self.problem(refused.code, &refused.why).hint(refused.hint))
    }

    fn answered(&self, kind: usize) {
        let mut state = self.state();
        if let Some(count) = state.told.asked.get_mut(kind) {
            *count += 1;
        }
        state.told.contacted_ms = Some(now_ms());
        if state.told.unreachable.take().is_some() {
            tracing::info!(source = %self.config.source, "the bundle's source answers again");
        }
    }

    fn failed(&self, why: &str) {
        let mut state = self.state();
        state.told.asked[3] += 1;
        if state.told.unreachable.as_deref() != Some(why) {
            let bundle = state.good.as_ref().map(|bundle| bundle.title()).unwrap_or_default();
            tracing::warn!(source = %self.config.source, why, %bundle, "the bundle's source gives nothing; the last good bundle stays");
        }
        state.told.unreachable = Some(why.to_owned());
    }

    /// A bundle goes live: nothing older is taken from now on; once it is kept, also after a restart.
    ///
    /// # Errors
    /// It is older than one that went live while it was checked; it must not.
    pub(super) fn accept(&self, bundle: &Arc<Verified>) -> Result<(), Problem> {
        let mut state = self.state();
        self.allowed(&state, bundle)?;
        let told = &mut state.told;
        (told.title, told.version) = (bundle.title(), bundle.header().version);
        (told.digest, told.created_ms) = (Some(bundle.digest()), bundle.header().created_ms);
        state.good = Some(Arc::clone(bundle));
        state.floor.raise(bundle);
        Ok(())
    }

    /// Writes the last good bundle down, however long the disk takes: it is live already.
    pub(super) fn keep_now(&self) {
        if self.state().floor.is_unknown() {
            // What cannot be read may be all that tells what was taken before: it is not written over.
            return;
        }
        let Some(keep) = &self.keep else { return };
        // What was read again meanwhile may forbid what is live; the floor on the disk never falls either.
        let stored = keep.store(|| {
            let state = self.state();
            state.good.clone().filter(|good| state.floor.allows(good, None).is_ok())
        });
        if let Err(why) = &stored {
            tracing::error!(why, "the bundle cannot be kept; a start without its source would not have it");
        }
        self.state().told.unkept = stored.err();
    }

    /// Tries again to keep what could not be kept.
    fn keep_again(&self) {
        let unkept = self.state().told.unkept.is_some();
        if unkept {
            self.keep_now();
        }
    }
}

impl Reading {
    /// The bundle that brought some of it, `name@version`, and the digest of its manifest.
    #[must_use]
    pub fn bundle(&self) -> Option<(String, Digest)> {
        self.bundle.as_ref().map(|bundle| (bundle.title(), bundle.digest()))
    }
}

/// The files of a reading are live: where a bundle brought them, it is kept.
pub(super) fn keep(reading: &Reading) {
    if let (Some(supply), Some(_)) = (&reading.supply, &reading.bundle) {
        supply.keep_now();
    }
}

/// The files of a reading are good: where a bundle brought them, it is the last good one from now on.
///
/// # Errors
/// The bundle is older than one that went live meanwhile.
pub(super) fn accept(reading: &Reading) -> Result<(), Problem> {
    match (&reading.supply, &reading.bundle) {
        (Some(supply), Some(bundle)) => supply.accept(bundle),
        (None, _) | (_, None) => Ok(()),
    }
}

/// Starts the thread that asks the source; the reading is what is live. The thread ends when its wake is dropped.
pub(super) fn start(
    supply: &Arc<Supply>,
    reading: &Reading,
    wake: SyncSender<Wake>,
) -> std::io::Result<SyncSender<()>> {
    accept(reading).map_err(|problem| std::io::Error::other(problem.message))?;
    keep(reading);
    let (ask, told) = sync_channel(1);
    let supply = Arc::clone(supply);
    background::start("bundle", move || supply.run(&told, &wake))?;
    Ok(ask)
}

/// The last good bundle, where what the source has is bad: what is wrong with it comes along as warnings.
pub(super) fn instead(
    files: &Files,
    settings: &Arc<Settings>,
    reading: Reading,
    problems: Vec<Problem>,
) -> (Reading, Result<Checked, Vec<Problem>>) {
    let Some((supply, offer)) =
        reading.supply.as_ref().and_then(|supply| Some((supply, supply.last_good()?)))
    else {
        return (reading, Err(problems));
    };
    let mut kept = read::read_offered(files, Some(&offer), reading.fetches.as_ref())
        .of(Some(supply), reading.fetches.as_ref());
    let title = offer.bundle.as_ref().map(|bundle| bundle.title()).unwrap_or_default();
    let bad = problems.iter().filter(|problem| problem.severity == Severity::Error);
    kept.problems.extend(bad.map(|problem| Problem {
        severity: Severity::Warning,
        message: format!("{}; `{title}`, which is kept, is used instead", problem.message),
        ..problem.clone()
    }));
    match super::checked(&kept, settings) {
        Ok(checked) => (kept, Ok(checked)),
        Err(_) => (reading, Err(problems)),
    }
}

#[cfg(test)]
mod tests;
