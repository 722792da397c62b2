//! The keys of one issuer, fetched again and again by a thread of their own.
//!
//! INVARIANT: from one fetch to the next passes at least `jwks_cool_down`, whoever asks
//! (`reload::fetch::tests::however_many_ask_there_is_one_fetch_in_a_cool_down`).
//! Never: gives keys up for something that cannot be used, or gives out any that are older than `jwks_max_stale`.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use std::time::Instant;

use http::Uri;

use crate::config::FetchedKeys;
use crate::config::KeyPlace;
use crate::identity::Keyring;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::remote;
use crate::remote::Tag;
use crate::snapshot::Role;
use crate::snapshot::SourceFile;

use super::super::Wake;
use super::super::now_ms;
use super::Fetched;
use super::canonical::canonical;
use super::provider;

/// What becomes of requests while an issuer has no keys.
const OTHERWISE: &str = "its tokens are refused";

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    config: Arc<FetchedKeys>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The last good set, and when the server last had it.
    good: Option<(Arc<str>, Instant)>,
    /// What to ask by the next time, and where it is from.
    tag: Option<(Uri, Tag)>,
    /// For how long the server says that it stays so.
    fresh_for: Option<Duration>,
    /// When the last fetch began.
    asked: Instant,
    failures: u32,
    told: Fetched,
}

/// What a fetch brings.
struct Got {
    /// `None`: what there is already.
    new: Option<(Arc<str>, Option<Tag>)>,
    from: Uri,
    fresh_for: Option<Duration>,
}

impl Keys {
    pub(super) fn new(config: &Arc<FetchedKeys>) -> Self {
        let told = Fetched {
            what: format!("keys of `{}`", config.issuer),
            label: config.issuer.to_string(),
            otherwise: OTHERWISE,
            ..Fetched::default()
        };
        let state =
            State { good: None, tag: None, fresh_for: None, asked: Instant::now(), failures: 0, told };
        Self { config: Arc::clone(config), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn at(&self) -> usize {
        self.config.at
    }

    pub(super) fn role(&self) -> Role {
        Role::Jwks(self.config.at)
    }

    /// The last good set, where it is not too old.
    fn text(&self) -> Option<Arc<str>> {
        let state = self.state();
        let (text, since) = state.good.as_ref()?;
        (since.elapsed() <= self.config.max_stale).then(|| Arc::clone(text))
    }

    /// The same as a file of a snapshot.
    pub(super) fn source(&self) -> Option<SourceFile> {
        let shown = &self.config.shown;
        let (name, file) = (Arc::clone(shown), Arc::clone(shown));
        Some(SourceFile { role: self.role(), name, file, text: self.text()? })
    }

    pub(super) fn told(&self) -> Fetched {
        Fetched { is_usable: self.text().is_some(), ..self.state().told.clone() }
    }

    /// What `check` says where there are none.
    pub(super) fn away(&self) -> Option<Problem> {
        let told = self.told();
        let why = told.failed.filter(|_| !told.is_usable)?;
        let message = format!("the {} cannot be fetched, and {OTHERWISE} until they can: {why}", told.what);
        Some(Problem::warning("keys-unreachable", Place::file(Arc::clone(&self.config.shown)), message))
    }

    /// Fetches them; true when something else is given out than before.
    pub(super) fn fetch(&self) -> bool {
        let before = self.text();
        self.state().asked = Instant::now();
        match self.get() {
            Ok(got) => self.took(got),
            Err(why) => self.failed(why),
        }
        self.text() != before
    }

    fn get(&self) -> Result<Got, String> {
        let FetchedKeys { access, shown, algorithms, .. } = &*self.config;
        let document = |url: &Uri, tag: Option<&Tag>| {
            remote::document(url, access, tag, limits::JWKS_BYTES_MAX).map_err(|failed| failed.to_string())
        };
        let from = match &self.config.place {
            KeyPlace::Url(url) => url.clone(),
            KeyPlace::Discovery(at) => {
                let said = document(at, None)?.new.map(|(bytes, _)| bytes).unwrap_or_default();
                provider::keys_of(&self.config.issuer, &said)?
            }
        };
        let tag = self.state().tag.clone().filter(|(of, _)| *of == from);
        let found = document(&from, tag.as_ref().map(|(_, tag)| tag))?;
        let Some((bytes, tag)) = found.new else {
            return Ok(Got { new: None, from, fresh_for: found.fresh_for });
        };
        let unusable = |why: &str| format!("what the server has cannot be used: {why}");
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is not text"))?;
        if let Err(problems) = Keyring::usable(shown, &text, algorithms) {
            let first = problems.first().map_or("it is no JWKS", |problem| &*problem.message);
            return Err(unusable(first));
        }
        let text = canonical(&text).ok_or_else(|| unusable("it is no JWKS"))?;
        Ok(Got { new: Some((text.into(), tag)), from, fresh_for: found.fresh_for })
    }

    fn took(&self, got: Got) {
        let mut state = self.state();
        let before = state.good.take().map(|(text, _)| text);
        let same = |text: &Arc<str>| before.as_ref() == Some(text);
        let is_same = got.new.as_ref().is_none_or(|(text, _)| same(text));
        let text = match got.new {
            Some((text, tag)) => {
                state.tag = tag.map(|tag| (got.from, tag));
                Some(text).filter(|text| !same(text)).or(before)
            }
            None => before,
        };
        state.good = text.map(|text| (text, Instant::now()));
        state.fresh_for = got.fresh_for;
        state.failures = 0;
        state.told.fetched_ms = Some(now_ms());
        let [new, same, _] = &mut state.told.counts;
        *if is_same { same } else { new } += 1;
        let issuer = &*self.config.issuer;
        if state.told.failed.take().is_some() {
            tracing::info!(issuer, "the issuer's keys can be fetched again");
        } else if !is_same {
            tracing::info!(issuer, "the issuer's keys were fetched");
        }
    }

    fn failed(&self, why: String) {
        let usable = self.text().is_some();
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.told.counts[2] += 1;
        if state.told.failed.as_deref() != Some(&why) {
            let issuer = &*self.config.issuer;
            if usable {
                tracing::warn!(issuer, why, "the issuer's keys cannot be fetched; the last good ones stay");
            } else {
                tracing::error!(
                    issuer,
                    why,
                    "the issuer's keys cannot be fetched, and its tokens are refused"
                );
            }
        }
        state.told.failed = Some(why);
    }

    /// Fetches again and again, until the other end of `end` is gone.
    pub(super) fn run(&self, wanted: &Receiver<()>, end: &Receiver<()>, wake: &SyncSender<Wake>) {
        let _watched = Watched(self);
        let tell = || wake.try_send(Wake::Now).ok();
        loop {
            let due = self.left(self.pause());
            let stale = self.stale_in();
            match wanted.recv_timeout(stale.map_or(due, |stale| stale.min(due))) {
                Ok(()) => {}
                // Somebody else listens now.
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) if stale.is_some_and(|stale| stale < due) => {
                    tracing::error!(
                        issuer = &*self.config.issuer,
                        "the issuer's keys are too old, and its tokens are refused"
                    );
                    tell();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Who asks meanwhile is not heard: the wish stays where it is and wakes nobody.
            match end.recv_timeout(self.left(self.config.cool_down)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // A wish from before this fetch is granted by it.
            wanted.try_recv().ok();
            if self.fetch() {
                tell();
            }
        }
    }

    /// What is left of a time since the last fetch.
    fn left(&self, time: Duration) -> Duration {
        time.saturating_sub(self.state().asked.elapsed())
    }

    /// In how long what there is will be too old; `None` where there is none, or it is already.
    fn stale_in(&self) -> Option<Duration> {
        let state = self.state();
        let (_, since) = state.good.as_ref()?;
        let left = self.config.max_stale.saturating_sub(since.elapsed());
        (!left.is_zero()).then_some(left + Duration::from_millis(1))
    }

    /// How long after a fetch the next one is due: up to a tenth less by chance, so that a fleet does not ask as one.
    pub(super) fn pause(&self) -> Duration {
        let FetchedKeys { refresh, cool_down, .. } = *self.config;
        let (failures, fresh_for) = {
            let state = self.state();
            (state.failures, state.fresh_for)
        };
        let pause = match failures {
            0 => fresh_for.unwrap_or(refresh),
            failures => cool_down.saturating_mul(1 << (failures - 1).min(16)),
        };
        let chance = std::hash::RandomState::new().hash_one(0) % 1_000;
        let pause = pause.min(refresh);
        (pause - pause.mul_f64(chance as f64 / 10_000.0)).max(cool_down)
    }
}

/// Tells of the end of the thread that fetches, where that is a panic.
struct Watched<'k>(&'k Keys);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().told.is_dead = true;
            tracing::error!(
                issuer = &*self.0.config.issuer,
                "the thread that fetches the issuer's keys died"
            );
        }
    }
}
