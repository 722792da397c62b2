//! The thread that reloads: it looks at the files, and makes them the live snapshot where they have changed.
//!
//! INVARIANT: what is fetched takes effect whatever is wrong with the files
//! (`reload::fetch::tests::a_broken_edit_keeps_no_fetched_keys_from_going`).
//! Never: publishes what has not been checked, or keeps quiet about what could not be.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Files;
use crate::ids::Digest;
use crate::limits;
use crate::snapshot::Checked;
use crate::snapshot::Live;
use crate::snapshot::Settings;

use super::Candidate;
use super::Change;
use super::Reading;
use super::Refused;
use super::Status;
use super::Wake;
use super::beside::Aside;
use super::checked_after;
use super::expiring::Expiring;
use super::log;
use super::now_ms;
use super::read;
use super::retired;
use super::supply;
use super::watch;
use super::watch::QUIET;
use super::watch::wait_until_quiet;

/// So often files that are written without a pause are left for a little later; then they are a problem.
pub(super) const RESTLESS_MAX: u32 = 10;

pub(super) struct Worker {
    watch: watch::Watch,
    files: Files,
    settings: Arc<Settings>,
    live: Arc<Live>,
    on_change: Box<dyn Fn(&Change) + Send>,
    status: Arc<ArcSwap<Status>>,
    /// The files that are live.
    good: Reading,
    /// The fingerprint of the files that were looked at last, good or bad.
    seen: Digest,
    aside: Aside,
    retired: retired::Retired,
    expiring: Expiring,
}

/// The files and what they become: where to, what for, and how it stands.
pub(super) type Parts = (Files, Arc<Settings>, Arc<Live>, Arc<ArcSwap<Status>>);

impl Worker {
    /// `reading` is what is live.
    pub(super) fn new(
        (files, settings, live, status): Parts,
        reading: &Reading,
        wake: SyncSender<Wake>,
        on_change: Box<dyn Fn(&Change) + Send>,
    ) -> Self {
        let mut worker = Self {
            watch: watch::Watch::new(&files, wake),
            files,
            settings,
            live,
            on_change,
            status,
            good: reading.clone(),
            seen: reading.fingerprint,
            aside: Aside::default(),
            retired: retired::Retired::default(),
            expiring: Expiring::default(),
        };
        worker.share();
        worker.watch.follow(reading.folders());
        worker
    }

    pub(super) fn run(&mut self, woken: &Receiver<Wake>, stop: &AtomicBool, poll: Duration) {
        let mut restless = 0;
        loop {
            // The first look finds what was written between the first reading and now.
            restless = if self.look(restless < RESTLESS_MAX) { 0 } else { restless + 1 };
            self.expiring.look(&self.live.current(), now_ms());
            match self.retired.wait(woken, if restless == 0 { poll } else { QUIET }) {
                Ok(Wake::Written) => wait_until_quiet(woken),
                Ok(Wake::Now) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if stop.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// Looks at the files; false when they would not hold still and `patient` says to come back.
    fn look(&mut self, patient: bool) -> bool {
        let read = || (read::read_like(&self.files, &self.good), Aside::read(&self.files));
        let (mut reading, mut candidate) = read();
        let mut folders = reading.folders();
        folders.extend(candidate.iter().flat_map(Candidate::folders));
        if self.watch.follow(folders) {
            // A folder that was not watched until now may have been written to in between.
            (reading, candidate) = read();
        }
        if !reading.settled && patient {
            return false;
        }
        self.enforce(&reading);
        // The candidate comes second: what is enforced never waits for it.
        for change in self.aside.look(&self.live, candidate.as_ref()) {
            self.tell(&Change::Beside(change));
        }
        true
    }

    /// Makes the files the live snapshot, where they have changed.
    fn enforce(&mut self, reading: &Reading) {
        if reading.fingerprint == self.seen {
            return;
        }
        self.seen = reading.fingerprint;
        let change = if reading.fingerprint == self.good.fingerprint {
            Change::Restored { live: self.live.current().digest() }
        } else {
            let checked = checked_after(Some(&self.live.current()), reading, &self.settings);
            let accepted = checked.and_then(|checked| match supply::accept(reading) {
                Ok(()) => Ok(checked),
                Err(problem) => Err(vec![problem]),
            });
            match accepted {
                Ok(checked) => self.publish(checked, reading),
                Err(mut problems) => {
                    self.renew(reading);
                    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
                    problems.truncate(limits::PROBLEMS_KEPT_MAX);
                    Change::Refused { live: self.live.current().digest(), problems }
                }
            }
        };
        self.tell(&change);
        if let Change::Applied { .. } = change {
            // Going live waits for no disk.
            supply::keep(reading);
        }
    }

    /// The files of a reading are bad, and the last good ones stay; what is fetched must not stay with them.
    fn renew(&mut self, reading: &Reading) {
        let Some(renewed) = self.good.renewed(reading) else { return };
        let checked = checked_after(Some(&self.live.current()), &renewed, &self.settings);
        match checked {
            Ok(checked) => {
                let change = self.publish(checked, &renewed);
                self.tell(&change);
            }
            // What is wrong with it is told with what is wrong with the files.
            Err(problems) => tracing::error!(problems = problems.len(), "what was fetched cannot go live"),
        }
    }

    /// Keeps the texts that the live snapshot keeps, and no second copy.
    fn share(&mut self) {
        self.good.sources = self.live.current().sources().clone();
    }

    fn tell(&self, change: &Change) {
        self.note(change);
        log::change(change);
        (self.on_change)(change);
    }

    fn publish(&mut self, checked: Checked, reading: &Reading) -> Change {
        let (before, after) = self.live.publish(checked);
        self.good = reading.clone();
        self.share();
        let change = Change::Applied {
            before: before.digest(),
            after: after.digest(),
            generation: after.generation(),
            cause: self.aside.cause(before.digest(), after.digest()),
            bundle: reading.bundle(),
            changes: before.changes(&after),
            warnings: after.warnings().to_vec(),
        };
        self.retired.take(before);
        change
    }

    fn note(&self, change: &Change) {
        let mut status = Status::clone(&self.status.load());
        let now = now_ms();
        match change {
            Change::Applied { .. } => {
                let current = self.live.current();
                status.live = current.digest();
                status.generation = current.generation();
                status.loaded_at_ms = current.loaded_at_ms();
                status.refused = None;
                status.applied_total += 1;
            }
            Change::Refused { problems, .. } => {
                let since_ms = status.refused.as_ref().map_or(now, |refused| refused.since_ms);
                status.refused = Some(Refused { since_ms, at_ms: now, problems: problems.clone() });
                status.refused_total += 1;
            }
            Change::Restored { .. } => status.refused = None,
            Change::Beside(change) => {
                if let Some(problems) = change.candidate_problems() {
                    status.candidate_problems = problems.to_vec();
                }
            }
        }
        self.status.store(Arc::new(status));
    }
}
