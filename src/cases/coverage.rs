//! What of the policies the tests have tried: whether each ever applied, and whether each test in its condition was once
//! true and once false.
//!
//! Never: counts what was not looked at, or what the loader added: authors test what they wrote.

use std::collections::BTreeMap;

use crate::policy::Facts;
use crate::policy::Fate;
use crate::policy::Memory;
use crate::policy::Part;
use crate::policy::PartKind;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::policy::Seen;
use crate::policy::Trace;
use crate::problem::Place;
use crate::request::question::Judgement;
use crate::snapshot::Snapshot;

/// What was tried of all policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// In the order of their ids.
    pub policies: Vec<Covered>,
}

/// What was tried of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub place: Place,
    /// To how many questions it applied.
    pub applied: u64,
    /// The tests in its condition: operands of `&&` and `||`, parts of `if`, clauses.
    pub branches: Vec<Branch>,
}

/// One test in a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// How often it was true.
    pub held: u64,
    /// How often it was false.
    pub failed: u64,
}

impl Covered {
    /// How much of it was tried, of how much.
    #[must_use]
    pub fn tried(&self) -> (u64, u64) {
        let sides = self.branches.iter().flat_map(|branch| [branch.held, branch.failed]);
        let (mut tried, mut all) = (0, 0);
        for count in sides.chain([self.applied]) {
            tried += u64::from(count > 0);
            all += 1;
        }
        (tried, all)
    }
}

impl Coverage {
    /// Nothing of these policies has been tried yet.
    #[must_use]
    pub fn new(policies: &Policies) -> Self {
        let one = |ix| {
            let trace = policies.parts(ix)?;
            let branches = tests(&trace).map(|part| Branch {
                text: part.text(),
                place: trace.place(part),
                held: 0,
                failed: 0,
            });
            Some(Covered {
                id: policies.id(ix).to_owned(),
                place: policies.place(ix)?.clone(),
                applied: 0,
                branches: branches.collect(),
            })
        };
        Self { policies: numbers(policies).filter_map(one).collect() }
    }

    /// Notes one question that was put to the policies, and those about the classes of its bodies.
    pub fn note(&mut self, snapshot: &Snapshot, facts: &Facts<'_>, judgement: &Judgement) {
        let policies = snapshot.policies();
        let mut memory = Memory::new();
        let asked = policies.ask(snapshot.model(), facts, &mut memory);
        for (ix, covered) in numbers(policies).zip(&mut self.policies) {
            let of_classes = judgement.classes.iter().filter_map(|shown| asked.trace_reveal(shown.class, ix));
            let set = judgement.classes.iter().filter(|shown| shown.set.is_some());
            let of_sets = set.filter_map(|shown| asked.trace_write(shown.class, ix));
            for trace in asked.trace(ix).into_iter().chain(of_classes).chain(of_sets) {
                covered.applied += u64::from(trace.fate == Fate::Applies);
                for (part, branch) in tests(&trace).zip(&mut covered.branches) {
                    branch.held += u64::from(part.value == Seen::True);
                    branch.failed += u64::from(part.value == Seen::False);
                }
            }
        }
    }

    /// How much was tried, of how much: each policy once for having applied, each test twice, for true and for false.
    #[must_use]
    pub fn tried(&self) -> (u64, u64) {
        let each = self.policies.iter().map(Covered::tried);
        each.fold((0, 0), |(tried, all), (more, of)| (tried + more, all + of))
    }

    /// The same for machines that draw coverage: LCOV's text, with policies as functions.
    #[must_use]
    pub fn lcov(&self) -> String {
        let mut files: BTreeMap<&str, Vec<&Covered>> = BTreeMap::new();
        for covered in &self.policies {
            files.entry(&covered.place.file).or_default().push(covered);
        }
        files.into_iter().map(|(file, covered)| lcov(file, &covered)).collect()
    }
}

fn lcov(file: &str, policies: &[&Covered]) -> String {
    let (mut functions, mut branches) = (String::new(), String::new());
    let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut blocks, mut taken) = (0, 0);
    for policy in policies {
        let Covered { id, place, applied, .. } = policy;
        functions += &format!("FN:{},{id}\nFNDA:{applied},{id}\n", place.line);
        *lines.entry(place.line).or_default() += applied;
        // A link's tests stand in the template's file.
        for branch in policy.branches.iter().filter(|branch| branch.place.file == place.file) {
            let Branch { place, held, failed, .. } = branch;
            *lines.entry(place.line).or_default() += held + failed;
            for (side, count) in [held, failed].into_iter().enumerate() {
                // A hyphen: the test was never looked at.
                let count_text = if held + failed == 0 { "-".to_owned() } else { count.to_string() };
                branches += &format!("BRDA:{},{blocks},{side},{count_text}\n", place.line);
                taken += u64::from(*count > 0);
            }
            blocks += 1;
        }
    }
    let applied = policies.iter().filter(|policy| policy.applied > 0).count();
    let hit = lines.values().filter(|count| **count > 0).count();
    let lines_text: String = lines.iter().map(|(line, count)| format!("DA:{line},{count}\n")).collect();
    format!(
        "TN:\nSF:{file}\n{functions}FNF:{}\nFNH:{applied}\n{branches}BRF:{}\nBRH:{taken}\n{lines_text}LF:{}\nLH:{hit}\nend_of_record\n",
        policies.len(),
        blocks * 2,
        lines.len()
    )
}

fn numbers(policies: &Policies) -> impl Iterator<Item = PolicyIx> + use<> {
    (0..).map(PolicyIx).take(policies.len())
}

/// The tests of an author's condition, in the order of its text.
fn tests(trace: &Trace) -> impl Iterator<Item = &Part> {
    trace.conditions.iter().flat_map(Part::all).filter(|part| part.kind == PartKind::Test)
}
