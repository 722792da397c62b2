//! What comparing promises.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::request::question::Question;
use crate::snapshot::Checked;
use crate::snapshot::Draft;
use crate::snapshot::Role;
use crate::snapshot::Snapshot;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

const NOW_MS: u64 = 1_800_000_000_000;
const TENANTS: &str =
    "tenants: {acme: {region: eu, tier: gold, tenants: {west: {}}}, globex: {region: eu, tier: gold}}\n";
const CLASSES: &str = "classes: {pii: {level: 2, classes: {name: {}}}, billing: {level: 1}}\n";
const ROUTES: &str = "routes:
  - {method: GET, path: '/a/{id}', id: getA, groups: [chart], response: {classes: {'$.name': pii.name, '$.bill': billing}}}
  - {method: POST, path: /a, id: postA}
  - {method: GET, path: /health, id: health, public: true}
";
const BASE: &str = "@id(\"read\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource);
@id(\"see\")\npermit(principal in Role::\"r\", action == Action::\"reveal\", resource in DataClass::\"pii\");
@id(\"cross\")\n@pathway(\"p\")\npermit(principal in Tenant::\"globex\", action == Action::\"read\", resource in DataKey::\"acme/claims\")
when { context has purpose && context.purpose == \"audit\" && context.now < datetime(\"2027-06-01\") };
";

pub(super) fn checked(policies: &[(&str, &str)]) -> Checked {
    let text = "upstream: {address: 'a:1'}\npolicies: {directory: p}\nmodel: {tenants: t}\n";
    let settings = crate::config::Config::read("p.yaml", text, &[], &|_| None).unwrap().0.settings;
    let source = |role: Role, name: &str, text: &str| SourceFile {
        role,
        name: name.into(),
        file: name.into(),
        text: text.into(),
    };
    let mut files = vec![
        source(Role::Schema, "palisade.cedarschema", crate::policy::SCHEMA),
        source(Role::Tenants, "tenants.yaml", TENANTS),
        source(Role::Classes, "classes.yaml", CLASSES),
        source(Role::Routes, "routes.yaml", ROUTES),
    ];
    let of =
        |name: &str| name.strip_prefix("tenants/").and_then(|rest| rest.split('/').next()).map(str::to_owned);
    files.extend(policies.iter().map(|(name, text)| {
        let confined_to = of(name).map(|tenant| crate::ids::TenantPath::parse(&tenant).unwrap());
        source(Role::Policies { confined_to }, name, text)
    }));
    Draft { sources: Sources::new(files, Vec::new()), settings, problems: Vec::new() }.check(0).unwrap()
}

fn plan(old: &Snapshot, new: &Snapshot, most: usize) -> Plan {
    let changes = text::changes(&old.sources().policies(), &new.sources().policies());
    let changed = changes.iter().map(|change| change.id().to_owned()).collect();
    Plan::new([old, new], &changed, NOW_MS, most)
}

fn effects(old: &Snapshot, new: &Snapshot) -> Effects {
    let mut effects = Effects::default();
    for (_, question) in plan(old, new, 100_000).questions() {
        effects.ask([old, new], &question);
    }
    effects
}

#[test]
fn requests_are_made_of_what_policies_name_each_once_and_always_the_same() {
    let checked = checked(&[("p.cedar", BASE)]);
    let snapshot = checked.snapshot();
    let all = plan(snapshot, snapshot, usize::MAX);
    // Three tenants with nobody's role and `r`; two routes; four DataKeys; no purpose and one; now and twice more.
    let [(_, of)] = &*all.steps else { panic!("nothing changed") };
    assert_eq!(of.made_of().map(|(count, _)| count), [6, 2, 4, 2, 3]);
    let words = |plan: &Plan| plan.questions().map(|one| format!("{one:?}")).collect::<Vec<_>>();
    let every = words(&all);
    assert_eq!((every.len(), of.possible(), all.len_max()), (288, 288, 288));
    assert_eq!(every.iter().collect::<BTreeSet<_>>().len(), 288);
    assert_eq!(every, words(&all));
    let some = plan(snapshot, snapshot, 100);
    assert_eq!(some.len_max(), 100);
    let some = words(&some);
    assert_eq!(some.iter().collect::<BTreeSet<_>>().len(), 100);
    // Spread evenly: each value of each kind is among them.
    for value in [
        "roles: []",
        "roles: [\"r\"]",
        "getA",
        "postA",
        "acme/claims",
        "purpose: None",
        "purpose: Some(\"audit\")",
    ] {
        let count = some.iter().filter(|one| one.contains(value)).count();
        assert!(count > 10, "{value}: {count}");
    }
}

#[test]
fn requests_about_what_changed_come_first_and_none_comes_twice() {
    let narrower = BASE.replace("2027-06-01", "2027-05-01");
    let (old, new) = (checked(&[("p.cedar", BASE)]), checked(&[("p.cedar", &narrower)]));
    let asked = |most: usize| plan(old.snapshot(), new.snapshot(), most).questions().collect::<Vec<_>>();
    let words = |all: &[(usize, Question)]| all.iter().map(|(_, one)| format!("{one:?}")).collect::<Vec<_>>();
    let all = asked(usize::MAX);
    assert!(
        all.is_sorted_by_key(|(step, _)| *step)
            && [0, 1].iter().all(|step| all.iter().any(|one| one.0 == *step))
    );
    assert_eq!(words(&all).iter().collect::<BTreeSet<_>>().len(), all.len());
    // However few are asked for, they begin with those.
    let first = all.iter().take_while(|(step, _)| *step == 0).count();
    assert_eq!(words(&asked(first)), words(&all)[..first]);
    let mut found = Effects::default();
    for (_, question) in asked(first) {
        found.ask([old.snapshot(), new.snapshot()], &question);
    }
    assert!(found.newly_denied.count > 0, "{found:?}");
    // What a forbid holds back from a role that it does not name comes next.
    let held = BASE.to_owned() + "@id(\"hold\") forbid(principal, action == Action::\"read\", resource);";
    let held = checked(&[("p.cedar", &held)]);
    let mut found = [Effects::default(), Effects::default(), Effects::default()];
    for (step, question) in plan(held.snapshot(), old.snapshot(), usize::MAX).questions() {
        found[step].ask([held.snapshot(), old.snapshot()], &question);
    }
    assert_eq!(found[0].newly_allowed.count, 0);
    assert!(found[1].newly_allowed.count > 0);
}

#[test]
fn the_same_twice_differs_in_nothing() {
    let checked = checked(&[("p.cedar", BASE)]);
    let effects = effects(checked.snapshot(), checked.snapshot());
    assert!(!effects.is_other() && !effects.is_wider());
    assert_eq!((effects.asked, effects.allowed_before), (288, effects.allowed_after));
    assert!(effects.allowed_before > 0);
    let sources = checked.snapshot().sources().policies();
    assert!(text::changes(&sources, &sources).is_empty());
}

#[test]
fn each_part_of_a_policy_that_differs_is_named_and_layout_and_place_are_no_part() {
    let old = [
        ("p.cedar", BASE),
        (
            "q.cedar",
            "@id(\"q\") forbid(principal, action, resource in DataKey::\"acme\") when { resource.level > 3 };",
        ),
    ];
    let parts = |name: &'static str, text: &str| {
        let (old, new) = (checked(&old), checked(&[("p.cedar", BASE), (name, text)]));
        let changes =
            text::changes(&old.snapshot().sources().policies(), &new.snapshot().sources().policies());
        changes
            .into_iter()
            .map(|change| match change {
                Change::Added(one) => format!("+{}", one.id),
                Change::Removed(one) => format!("-{}", one.id),
                Change::Changed(_, one, parts) => {
                    format!(
                        "{} {}",
                        one.id,
                        parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(" ")
                    )
                }
            })
            .collect::<Vec<_>>()
    };
    let same = "// Moved and laid out.\n@id(\"q\")\nforbid (principal, action, resource in DataKey::\"acme\")\nwhen { resource.level > 3 };";
    assert_eq!(parts("r.cedar", same), Vec::<String>::new());
    assert_eq!(parts("q.cedar", &same.replace("> 3", "> 2")), ["q condition"]);
    assert_eq!(parts("q.cedar", &same.replace("principal,", "principal in Role::\"r\",")), ["q scope"]);
    assert_eq!(parts("q.cedar", &same.replace("forbid", "permit")), ["q effect"]);
    assert_eq!(parts("q.cedar", &same.replace("\nforbid", "\n@mask(\"null\")\nforbid")), ["q annotation"]);
    assert_eq!(parts("tenants/acme/q.cedar", same), ["q folder"]);
    assert_eq!(parts("q.cedar", &same.replace("\"q\"", "\"s\"")), ["-q", "+s"]);
}

#[test]
fn what_is_newly_allowed_and_shown_is_counted_by_what_makes_it_so() {
    let wider = BASE.replace(
        "action == Action::\"read\", resource);",
        "action in [Action::\"read\", Action::\"create\"], resource);",
    ) + "@id(\"bill\") permit(principal in Role::\"r\", action == Action::\"reveal\", resource in DataClass::\"billing\");";
    let (old, new) = (checked(&[("p.cedar", BASE)]), checked(&[("p.cedar", &wider)]));
    let found = effects(old.snapshot(), new.snapshot());
    assert!(found.is_wider());
    assert_eq!((found.newly_denied.count, found.newly_hidden.count), (0, 0));
    // `r` in acme creates in its three keys, in west in its own, in globex in its own; two purposes, three times.
    assert_eq!(found.newly_allowed.count, (3 + 1 + 1) * 6);
    assert_eq!(found.newly_allowed.by_policy, [("read".to_owned(), 30)].into());
    assert_eq!(found.newly_allowed.by_action, [("create".to_owned(), 30)].into());
    // Acme's own data by acme, and `acme/claims`; west's by acme and by west; globex's.
    let by_tenant =
        [("acme", 12), ("acme/west", 12), ("globex", 6)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(found.newly_allowed.by_tenant, by_tenant.into());
    assert_eq!(found.newly_shown.by_class, [("billing".to_owned(), 30)].into());
    assert_eq!(found.newly_shown.by_policy, [("bill".to_owned(), 30)].into());
    assert_eq!(found.newly_allowed.examples.len(), 1);
    // A forbid that goes is named beside what then allows.
    let held = BASE.to_owned()
        + "@id(\"hold\") forbid(principal, action == Action::\"read\", resource) unless { resource.level > 5 };";
    let held = checked(&[("p.cedar", &held)]);
    let found = effects(held.snapshot(), old.snapshot());
    assert!(
        found.newly_allowed.by_policy.contains_key("hold")
            && found.newly_allowed.by_policy.contains_key("read")
    );
    assert_eq!(found.newly_allowed.by_policy["hold"], found.newly_allowed.count);
}

#[test]
fn a_record_is_asked_again_if_it_says_enough_and_else_counted() {
    let line = |principal: &str| {
        format!(
            "{{\"type\":\"decision\",\"decision\":\"allow\",\"principal\":{principal},\"tenant\":\"acme\",\"data_key\":\"acme/claims\",\"http\":{{\"method\":\"GET\",\"host\":\"h\",\"path\":\"/a/1\"}},\"source_ip\":\"10.0.0.1\",\"now\":\"2026-06-01T00:00:00.100Z\"}}"
        )
    };
    let ann = "{\"type\":\"User\",\"id\":\"ann\",\"tenant\":\"acme\",\"auth_method\":\"jwt\",\"issuer\":\"i\",\"roles\":[\"r\"],\"actor\":{\"type\":\"Service\",\"id\":\"s\"}}";
    let mut recorded = Recorded::default();
    let asked = recorded.read(&line(ann)).unwrap();
    assert!(asked.allowed);
    let principal = asked.question.principal.as_ref().unwrap();
    assert_eq!(
        (&*principal.id, principal.roles.len(), principal.actor.as_ref().map(|actor| &*actor.id)),
        ("ann", 1, Some("s"))
    );
    assert_eq!(asked.question.now_ms, 1_780_272_000_100);
    let checked = checked(&[("p.cedar", BASE)]);
    let outcome = effect::Outcome::of(checked.snapshot(), &asked.question);
    assert_eq!((outcome.allowed, outcome.policies), (true, vec!["read".to_owned()]));
    for bad in [
        line("null"),
        line(&ann.replace(",\"roles\":[\"r\"]", "")),
        line(&ann.replace("\"acme\"", "\"ACME\"")),
        "{".to_owned(),
        "{\"type\":\"decision\"}".to_owned(),
    ] {
        assert!(recorded.read(&bad).is_none(), "{bad}");
    }
    for other in ["", "{\"type\":\"outcome\"}", "{\"type\":\"event\",\"event\":\"start\"}"] {
        assert!(recorded.read(other).is_none());
    }
    let why: Vec<_> = recorded.unusable.iter().map(|(why, count)| (*why, *count)).collect();
    assert_eq!(
        why,
        [
            ("it does not say the caller's roles", 1),
            ("it does not say who called", 1),
            ("it has a name that is none", 1),
            ("it is no record", 2)
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// What one direction allows the other denies, and as often.
    #[test]
    fn there_and_back_is_the_same_the_other_way_round(
        texts in proptest::collection::vec(
            (
                select(vec!["permit", "forbid"]),
                select(vec!["principal", "principal in Role::\"r\"", "principal in Tenant::\"acme\""]),
                select(vec!["action", "action == Action::\"read\"", "action == Action::\"reveal\""]),
                select(vec!["resource", "resource in DataKey::\"acme/west\"", "resource in DataClass::\"pii\""]),
                select(vec!["", "when { context has purpose }", "when { resource.level <= 1 }"]),
            ),
            1..4,
        ),
    ) {
        let text = |at: usize, (effect, principal, action, resource, when): &(&str, &str, &str, &str, &str)| {
            format!("@id(\"x{at}\") {effect}({principal}, {action}, {resource}) {when};\n")
        };
        let more: String = texts.iter().enumerate().map(|(at, one)| text(at, one)).collect();
        let (old, new) = (checked(&[("p.cedar", BASE)]), checked(&[("p.cedar", &format!("{BASE}{more}"))]));
        let (there, back) = (effects(old.snapshot(), new.snapshot()), effects(new.snapshot(), old.snapshot()));
        let counts = |effects: &Effects| {
            [&effects.newly_allowed, &effects.newly_denied, &effects.newly_shown, &effects.newly_hidden].map(|group| group.count)
        };
        let [allowed, denied, shown, hidden] = counts(&there);
        prop_assert_eq!(counts(&back), [denied, allowed, hidden, shown]);
        prop_assert_eq!(there.allowed_before + allowed, there.allowed_after + denied);
        for group in [&there.newly_allowed, &there.newly_denied, &there.newly_shown, &there.newly_hidden] {
            prop_assert_eq!(group.by_tenant.values().sum::<u64>(), group.count);
            prop_assert_eq!(group.count == 0, group.examples.is_empty());
        }
    }
}
