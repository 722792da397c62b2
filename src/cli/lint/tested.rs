//! What the tests beside the policies say of them: which policies a test names or needs, and which roles its principals
//! have.
//!
//! Never: judges whether a test passes; `test` does.

use std::collections::BTreeSet;

use crate::cases::Asks;
use crate::cases::Case;
use crate::cases::Cases;
use crate::cases::TestFile;
use crate::cases::Worlds;
use crate::config::Config;
use crate::request::question::Judgement;
use crate::snapshot::Snapshot;

/// What was found in the tests.
#[derive(Debug, Default)]
pub(super) struct Tested {
    /// How many tests there are.
    pub(super) tests: usize,
    /// The policies that an expectation names, that alone decide a request, or that decide over a class of data of which
    /// an expectation speaks.
    pub(super) policies: BTreeSet<String>,
    /// The roles of the principals.
    pub(super) roles: BTreeSet<String>,
}

/// Reads the tests; `check` tells what is wrong in their files.
pub(super) fn read(config: &Config, snapshot: &Snapshot, files: &[TestFile], now_ms: u64) -> Tested {
    let mut found = Tested::default();
    let mut worlds = Worlds::new(snapshot, &config.settings);
    let read = files.iter().filter_map(|file| Cases::parse(file, now_ms).ok());
    for case in read.flat_map(|cases| cases.all) {
        found.tests += 1;
        if let Asks::Request(question) = &case.asks {
            let roles = question.principal.iter().flat_map(|principal| &principal.roles);
            found.roles.extend(roles.map(ToString::to_string));
        }
        found.policies.extend(case.expect.policies.iter().flatten().cloned());
        let policies = &mut found.policies;
        // Its failures are not asked for here.
        drop(worlds.run(&case, &mut |snapshot, _, judgement| decided(snapshot, &case, judgement, policies)));
    }
    found
}

/// The policies that decide over the classes of which a test speaks, for no expectation can name those; and the one that
/// alone decides the request, for without it the test would fail.
fn decided(snapshot: &Snapshot, case: &Case, judgement: &Judgement, policies: &mut BTreeSet<String>) {
    if let [alone] = &*judgement.verdict.reasons {
        policies.insert(snapshot.policies().id(*alone).to_owned());
    }
    let (reveal, hide) = (&case.expect.reveal, &case.expect.hide);
    let all = case.expect.body.is_some() || reveal.others || hide.others;
    for shown in &judgement.classes {
        let Some(class) = snapshot.model().classes.get(shown.class) else { continue };
        let is_named = |name: &str| {
            let rest = class.name.as_str().strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if all || reveal.classes.iter().chain(&hide.classes).any(|(name, _)| is_named(name)) {
            let deciding = shown.verdict.reasons.iter().chain(&shown.verdict.errors);
            policies.extend(deciding.map(|policy| snapshot.policies().id(*policy).to_owned()));
        }
        let of_sets = case.expect.settable.iter().chain(&case.expect.unsettable);
        if let Some(set) = &shown.set
            && (case.expect.body.is_some() || of_sets.into_iter().any(|name| is_named(name)))
        {
            let deciding = set.verdict.reasons.iter().chain(&set.verdict.errors);
            policies.extend(deciding.map(|policy| snapshot.policies().id(*policy).to_owned()));
        }
    }
}
