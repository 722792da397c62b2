//! `--mutate`: each policy is changed a little, one change at a time, and the tests run again. A change that no test
//! notices is a test that is missing.
//!
//! Never: writes a changed policy anywhere.

use std::sync::Arc;

use crate::cases::Case;
use crate::cases::Worlds;
use crate::config::Config;
use crate::policy::Alone;
use crate::policy::Mutation;
use crate::problem::Place;
use crate::snapshot::Checked;
use crate::snapshot::Draft;
use crate::snapshot::Snapshot;

/// What became of all changes.
pub(super) struct Mutants {
    /// Changes that some test noticed.
    pub(super) noticed: usize,
    /// Changes that `check` would have refused: no test can notice those.
    pub(super) refused: usize,
    /// Changes that nothing noticed.
    pub(super) survived: Vec<Survivor>,
}

/// A change that nothing noticed.
pub(super) struct Survivor {
    pub(super) policy: String,
    pub(super) what: String,
    pub(super) place: Place,
}

impl Mutants {
    /// How many changes were noticed, of how many that could be.
    pub(super) fn noticed(&self) -> (u64, u64) {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        (number(self.noticed), number(self.noticed + self.survived.len()))
    }
}

/// Tries every change. The tests must all pass on the policies as they are.
pub(super) fn try_all(config: &Config, snapshot: &Snapshot, cases: &[Case]) -> Mutants {
    let policies = snapshot.policies();
    let mut found = Mutants { noticed: 0, refused: 0, survived: Vec::new() };
    // The test that noticed the last change of a policy is likely to notice the next.
    let mut first = 0;
    for mutation in policies.mutations() {
        let Some(checked) = changed(config, snapshot, &mutation) else {
            found.refused += 1;
            continue;
        };
        let mut worlds = Worlds::new(checked.snapshot(), &config.settings);
        let mut notices = |case: &Case| !worlds.run(case, &mut |_, _, _| {}).failures.is_empty();
        let (before, after) = cases.split_at_checked(first).unwrap_or((cases, &[]));
        let mut order = after.iter().chain(before).enumerate();
        match order.find(|(_, case)| notices(case)) {
            Some((at, _)) => {
                first = (first + at) % cases.len().max(1);
                found.noticed += 1;
            }
            None => found.survived.push(Survivor {
                policy: policies.id(mutation.policy).to_owned(),
                what: mutation.what,
                place: mutation.place,
            }),
        }
    }
    found
}

/// The snapshot with one policy changed; nothing where it is refused.
fn changed(config: &Config, snapshot: &Snapshot, mutation: &Mutation) -> Option<Checked> {
    let file = &mutation.place.file;
    let sources = snapshot.sources().edited(file, mutation.bytes.clone(), &mutation.with)?;
    let settings = Arc::clone(&config.settings);
    Draft { sources, settings, problems: Vec::new() }.check_after(Some(snapshot), &Alone, 0).ok()
}
