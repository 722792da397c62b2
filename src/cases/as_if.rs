//! The tenants as if: a request of a test may say that a tenant is in another state than its file does.
//!
//! What follows from a state is said in policies (`baseline.cedar`), and those have to be tested before it happens. The
//! snapshot is made anew with that tree, by everything that a snapshot goes through.
//! Never: changes the snapshot that it starts from, or adds a tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::limits;
use crate::model::Isolation;
use crate::model::Tenants;
use crate::policy::Alone;
use crate::policy::Facts;
use crate::request::question::Judgement;
use crate::snapshot::Checked;
use crate::snapshot::Draft;
use crate::snapshot::Role;
use crate::snapshot::Settings;
use crate::snapshot::Snapshot;

use super::Case;
use super::Ran;

/// Tenants by their paths, with what is said of them.
pub type States = BTreeMap<String, State>;

/// What a test says of a tenant; what it leaves open is as the tenant's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Its status.
    pub status: Option<&'static str>,
    /// Its isolation.
    pub isolation: Option<&'static str>,
    /// Its region.
    pub region: Option<String>,
    /// Its tier.
    pub tier: Option<String>,
}

/// A snapshot, and those that are made of it for tests that say other states.
#[derive(Debug)]
pub struct Worlds<'s> {
    base: &'s Snapshot,
    settings: Arc<Settings>,
    made: BTreeMap<States, Result<Checked, String>>,
}

impl<'s> Worlds<'s> {
    /// The worlds around one snapshot, which was checked with these settings.
    #[must_use]
    pub fn new(base: &'s Snapshot, settings: &Arc<Settings>) -> Self {
        Self { base, settings: Arc::clone(settings), made: BTreeMap::new() }
    }

    /// Runs a test in the world that it speaks of. `seen` is shown what the policies were asked about.
    pub fn run(&mut self, case: &Case, seen: &mut dyn FnMut(&Snapshot, &Facts<'_>, &Judgement)) -> Ran {
        if case.states.is_empty() {
            let base = self.base;
            return case.run(base, &mut |facts, judgement| seen(base, facts, judgement));
        }
        if self.made.len() >= limits::TEST_WORLDS_MAX && !self.made.contains_key(&case.states) {
            self.made.clear();
        }
        let made = self
            .made
            .entry(case.states.clone())
            .or_insert_with_key(|states| as_if(self.base, &self.settings, states));
        match made {
            Ok(checked) => {
                let snapshot = checked.snapshot();
                case.run(snapshot, &mut |facts, judgement| seen(snapshot, facts, judgement))
            }
            Err(why) => Ran { allowed: false, code: None, failures: vec![why.clone()] },
        }
    }
}

fn as_if(base: &Snapshot, settings: &Arc<Settings>, states: &States) -> Result<Checked, String> {
    let why = |text: &str| format!("the tenants cannot be as the test says: {text}");
    let file = base.sources().files().iter().find(|source| source.role == Role::Tenants);
    let file = file.ok_or_else(|| why("they stand in no file"))?;
    let text = text(&base.model().tenants, states);
    let sources = base.sources().edited(&file.file, 0..file.text.len(), &text);
    let sources = sources.ok_or_else(|| why("they stand in no file"))?;
    Draft { sources, settings: Arc::clone(settings), problems: Vec::new() }
        .check_after(Some(base), &Alone, base.loaded_at_ms())
        .map_err(|problems| why(problems.first().map_or("", |problem| problem.message.as_str())))
}

/// The tree of tenants as a file, with what a test says over it. A part says nothing that the whole says already, so that
/// what is said of the whole holds for it.
fn text(tenants: &Tenants, states: &States) -> String {
    let mut all = Map::new();
    for (at, tenant) in tenants.iter() {
        let above = tenant.parent.map(|above| tenants.get(above));
        let said = states.get(tenant.path.as_str()).cloned().unwrap_or_default();
        let mut entry = Map::new();
        let mut put = |key: &str, own: Option<&str>, said: Option<&str>| {
            if let Some(word) = said.or(own) {
                entry.insert(key.to_owned(), word.into());
            }
        };
        let region = above.is_none_or(|above| above.region != tenant.region).then_some(&*tenant.region);
        let tier = above.is_none_or(|above| above.tier != tenant.tier).then_some(&*tenant.tier);
        let status = above.is_none_or(|above| above.status != tenant.status);
        // Where isolation is strict, its boundary is the tenant that says so.
        let around = above.is_some_and(|above| above.isolation == Isolation::Strict);
        let isolation = tenant.boundary == at && (around || tenant.isolation == Isolation::Strict);
        put("region", region.filter(|word| !word.is_empty()), said.region.as_deref());
        put("tier", tier.filter(|word| !word.is_empty()), said.tier.as_deref());
        put("status", status.then(|| tenant.status.as_str()), said.status);
        put("isolation", isolation.then(|| tenant.isolation.as_str()), said.isolation);
        put("data_key", tenant.app_key.as_deref(), None);
        all.insert(tenant.path.as_str().to_owned(), Json::Object(entry));
    }
    json!({ "tenants": all }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    const TREE: &str = "
tenants:
  acme:
    region: eu
    isolation: strict
    tenants:
      west: {status: maintenance, tenants: {sf1: {tier: gold, isolation: shared}}}
      east: {isolation: strict, data_key: '1.2.'}
  globex: {tier: t, status: suspended, tenants: {north: {}}}
";

    fn parsed(text: &str) -> Tenants {
        Tenants::parse("t", text).unwrap().0
    }

    fn facts(tenants: &Tenants) -> Vec<String> {
        tenants.iter().map(|(_, tenant)| format!("{tenant:?}")).collect()
    }

    #[test]
    fn a_tree_of_which_nothing_is_said_stays_as_it_is() {
        let tenants = parsed(TREE);
        assert_eq!(facts(&parsed(&text(&tenants, &States::new()))), facts(&tenants));
    }

    #[test]
    fn what_is_said_of_the_whole_holds_for_its_parts_that_say_nothing_themselves() {
        let tenants = parsed(TREE);
        let quarantined =
            State { status: Some("quarantined"), region: Some("us".into()), ..State::default() };
        let shared = State { isolation: Some("shared"), ..State::default() };
        let states = States::from([("acme".into(), quarantined), ("globex/north".into(), shared.clone())]);
        let next = parsed(&text(&tenants, &states));
        let of = |path: &str| next.get(next.find(path).unwrap());
        assert_eq!((of("acme").status, of("acme/east").status), (Status::Quarantined, Status::Quarantined));
        assert_eq!((of("acme/west").status, &*of("acme/west").region), (Status::Maintenance, "us"));
        assert_eq!(
            (of("globex/north").status, of("globex/north").isolation),
            (Status::Suspended, Isolation::Shared)
        );
        assert_eq!(of("acme/west").boundary, next.find("acme").unwrap());
        let states = States::from([("acme".into(), shared)]);
        let next = parsed(&text(&tenants, &states));
        let of = |path: &str| next.get(next.find(path).unwrap());
        assert_eq!(
            (of("acme/west").isolation, of("acme/east").isolation),
            (Isolation::Shared, Isolation::Strict)
        );
    }
}
