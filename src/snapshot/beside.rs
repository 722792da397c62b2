//! Policies that are looked at beside the live ones and decide nothing: a candidate's, and those in shadow mode.
//!
//! Each is a snapshot that shares model, keys and settings with the live one that it was made beside, so an index of one
//! means the same in the other, and what differs is the policies alone.
//! Never: goes live. What may is made by [`super::Draft`] and nothing else.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::ids::Digest;
use crate::policy::Alone;
use crate::policy::Hands;
use crate::policy::Policies;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Role;
use super::Snapshot;
use super::SourceFile;
use super::Sources;

/// Where policies that are only looked at come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The candidate's folder.
    Candidate,
    /// The enforced folder: its policies of `@mode("shadow")` are among the others.
    Mode,
}

impl Origin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Candidate, Self::Mode];

    /// `candidate` or `mode`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Mode => "mode",
        }
    }
}

/// One snapshot that is looked at beside the live one.
#[derive(Debug)]
pub struct Shadowed {
    /// Where its policies come from.
    pub origin: Origin,
    /// What it would decide by.
    pub snapshot: Arc<Snapshot>,
    /// The digest of its policies' text alone: while it is the same, what was stopped stays stopped.
    pub text: Digest,
    stopped: AtomicBool,
}

impl Shadowed {
    /// Was it stopped?
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// All that is looked at beside one live snapshot.
#[derive(Debug)]
pub struct Beside {
    /// The generation of that snapshot.
    pub generation: u64,
    /// At most one of each origin.
    pub all: Vec<Shadowed>,
}

impl Beside {
    /// What is looked at beside a live snapshot: its policies in shadow mode and a candidate, where there are such.
    /// A candidate that is what is live anyway is left out.
    #[must_use]
    pub fn new(live: &Snapshot, candidate: Option<Arc<Snapshot>>) -> Option<Self> {
        let candidate = candidate.filter(|candidate| candidate.digest != live.digest);
        let mode = live.with_shadow().map(Arc::new);
        let sets = [(Origin::Candidate, candidate), (Origin::Mode, mode)];
        let all: Vec<Shadowed> = sets
            .into_iter()
            .filter_map(|(origin, snapshot)| {
                let snapshot = snapshot?;
                let text = snapshot.policies.digest();
                Some(Shadowed { origin, snapshot, text, stopped: AtomicBool::new(false) })
            })
            .collect();
        (!all.is_empty()).then_some(Self { generation: live.generation, all })
    }

    /// Is any of them looked at?
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.all.iter().all(Shadowed::is_stopped)
    }

    /// The one of this origin.
    #[must_use]
    pub fn of(&self, origin: Origin) -> Option<&Shadowed> {
        self.all.iter().find(|one| one.origin == origin)
    }

    pub(super) fn stop(&self, origin: Origin) {
        if let Some(one) = self.of(origin) {
            one.stopped.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn start_counting(&self, before: Option<&Self>, now_ms: u64) {
        for one in &self.all {
            let before =
                before.and_then(|before| before.of(one.origin)).map(|known| &*known.snapshot.policies);
            one.snapshot.policies.start_counting(before, now_ms);
        }
    }

    /// What another stopped, and has the same text here, is stopped here too.
    pub(super) fn keep_stopped(&self, before: &Self) {
        for one in before.all.iter().filter(|one| one.is_stopped()) {
            if self.of(one.origin).is_some_and(|now| now.text == one.text) {
                self.stop(one.origin);
            }
        }
    }
}

impl Snapshot {
    /// This snapshot with its policies in shadow mode among the others, where there are any.
    fn with_shadow(&self) -> Option<Self> {
        let policies = Arc::clone(self.policies.with_shadow()?);
        let digest = Digest::of_parts([&b"palisade policies in shadow mode v1"[..], self.digest.as_bytes()]);
        Some(Self { policies, digest, ..self.share() })
    }

    /// The snapshot that this one would be with other policies. `files` are those of the policies; whatever else they
    /// are is passed over.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn with_policies(&self, files: &[SourceFile]) -> Result<Self, Vec<Problem>> {
        self.with_policies_after(None, &Alone, files)
    }

    /// The same, at the cost of what changed: what `before` says of files that are as they were is taken over.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn with_policies_after(
        &self,
        before: Option<&Self>,
        hands: &dyn Hands,
        files: &[SourceFile],
    ) -> Result<Self, Vec<Problem>> {
        let is_policy = |file: &&SourceFile| matches!(file.role, Role::Policies { .. });
        let others = self.sources.files().iter().filter(|file| !is_policy(file));
        let files = others.chain(files.iter().filter(is_policy)).cloned().collect();
        let sources = Sources::new(files, Vec::new());
        let Some(schema) = sources.schema() else { return Err(Vec::new()) };
        let before = before.map(Self::policies);
        let (policies, warnings) =
            Policies::compile_after(before, hands, &schema, &sources.policies(), &self.model)?;
        if warnings.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(warnings);
        }
        let digest = sources.digest(&self.settings);
        Ok(Self { policies: Arc::new(policies), digest, sources, warnings, ..self.share() })
    }

    /// The same again, by reference but for the list of files.
    fn share(&self) -> Self {
        Self {
            generation: self.generation,
            digest: self.digest,
            loaded_at_ms: self.loaded_at_ms,
            model: Arc::clone(&self.model),
            policies: Arc::clone(&self.policies),
            keyring: Arc::clone(&self.keyring),
            settings: Arc::clone(&self.settings),
            warnings: Vec::new(),
            of_tenants: Arc::clone(&self.of_tenants),
            sources: self.sources.clone(),
            mask_keys: Arc::clone(&self.mask_keys),
            signer: self.signer.clone(),
            shards: self.shards.clone(),
        }
    }
}
