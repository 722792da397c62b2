//! What looking at decisions beside those that are enforced promises.

use std::cell::RefCell;
use std::sync::Arc;

use http::Method;
use proptest::prelude::*;
use proptest::sample::select;

use super::beside::Again;
use super::beside::Chosen;
use super::beside::Direction;
use super::beside::Disagreement;
use super::beside::StopRule;
use super::beside::Window;
use super::beside::again;
use super::tests::checked;
use crate::identity::Auth;
use crate::identity::Kind;
use crate::identity::Principal;
use crate::ids::DataKey;
use crate::ids::DecisionId;
use crate::ids::TenantPath;
use crate::policy::Memory;
use crate::request::About;
use crate::request::Job;
use crate::request::question;
use crate::snapshot::Live;
use crate::snapshot::Role;
use crate::snapshot::Snapshot;
use crate::snapshot::SourceFile;

const NOW_MS: u64 = 1_800_000_000_000;
pub(crate) const READ: &str =
    "@id(\"read\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource);\n";
const SEE: &str = "@id(\"see\")\npermit(principal in Role::\"r\", action == Action::\"reveal\", resource in DataClass::\"pii\");\n";
const NONE: &str = "@id(\"none\")\npermit(principal in Role::\"nobody\", action, resource);\n";
const FORBID: &str = "@id(\"no\")\nforbid(principal in Role::\"r\", action == Action::\"read\", resource);\n";
const FAILS: &str = "@id(\"fails\")\npermit(principal in Role::\"r\", action == Action::\"read\", resource) when { 9223372036854775807 + context.now.toTime().toMilliseconds() + resource.level > 0 };\n";
const CROSS: &str = "@id(\"cross\")\n@pathway(\"p\")\npermit(principal in Tenant::\"globex\", action == Action::\"read\", resource in DataKey::\"acme\");\n";

pub(crate) fn live(text: &str) -> Arc<Snapshot> {
    Live::new(checked(&[("p.cedar", text)])).current()
}

fn beside(live: &Snapshot, text: &str) -> Snapshot {
    let role = Role::Policies { confined_to: None };
    let file = SourceFile { role, name: "p.cedar".into(), file: "c/p.cedar".into(), text: text.into() };
    live.with_policies(&[file]).unwrap()
}

fn caller(tenant: &str, roles: &[&str]) -> Arc<Principal> {
    Arc::new(Principal {
        kind: Kind::User,
        id: "ann".into(),
        tenant: Some(TenantPath::parse(tenant).unwrap()),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        groups: Vec::new(),
        scopes: Vec::new(),
        auth: Auth::ApiKey { id: "k".into() },
        actor: None,
    })
}

/// A call of `getA`, as a worker hands it on once it is decided.
pub(crate) fn job(snapshot: &Arc<Snapshot>, tenant: &str, data_key: &str, roles: &[&str]) -> Job {
    let model = snapshot.model();
    let key = DataKey::parse(data_key).unwrap();
    let route = model.routes.iter().find(|(_, route)| &*route.id == "getA").unwrap().1;
    let mut job = Job {
        id: DecisionId::new(NOW_MS, [1; 10]),
        snapshot: Arc::clone(snapshot),
        principal: caller(tenant, roles),
        about: About::Placed {
            caller: model.tenants.find(tenant).unwrap(),
            target: model.tenants.owner(&key).unwrap(),
            route: route.ix,
            action: route.action,
            data_key: key.clone(),
        },
        method: Method::GET,
        path: "/a/7".into(),
        host: "localhost".into(),
        purpose: None,
        source_ip: None,
        now_ms: NOW_MS,
        code: "allowed",
        verdict: crate::policy::Verdict::default(),
        revealed: Vec::new(),
        hidden: Vec::new(),
        unsettable: Vec::new(),
        carried: None,
    };
    let facts = crate::policy::Facts {
        principal: &job.principal,
        caller: model.tenants.find(tenant).unwrap(),
        target: model.tenants.owner(&key).unwrap(),
        action: route.action,
        route,
        data_key: &key,
        method: &job.method,
        path: &job.path,
        host: &job.host,
        purpose: None,
        source_ip: None,
        now_ms: NOW_MS,
    };
    let judged = question::judge(snapshot, &facts);
    job.code = judged.refusal().map_or("allowed", |refusal| refusal.row().code);
    for shown in judged.classes {
        if shown.set.is_some_and(|set| !set.may) {
            job.unsettable.push(shown.class);
        }
        match shown.mask {
            Some(mask) => job.hidden.push((shown.class, mask)),
            None => job.revealed.push(shown.class),
        }
    }
    job.verdict = judged.verdict;
    job
}

fn differs(job: &Job, other: &Snapshot) -> Disagreement {
    match again(job, other, &mut Memory::new()) {
        Again::Differs(found) => *found,
        other @ (Again::Same | Again::Unknown) => panic!("{other:?}"),
    }
}

#[test]
fn each_direction_is_told_with_the_policies_that_make_it() {
    use Direction::Error;
    use Direction::NewAllow;
    use Direction::NewDenial;
    use Direction::OtherMask;
    use Direction::ShowsLess;
    use Direction::ShowsMore;
    let mask = "@id(\"hide\")\n@mask(\"drop\")\nforbid(principal, action == Action::\"reveal\", resource in DataClass::\"billing\");\n";
    let both = format!("{READ}{SEE}");
    let cases: [(&str, String, &[Direction], &[&str]); 8] = [
        (READ, NONE.to_owned(), &[NewDenial], &["read"]),
        (READ, format!("{READ}{FORBID}"), &[NewDenial], &["no"]),
        (NONE, READ.to_owned(), &[NewAllow], &["read"]),
        (READ, both.clone(), &[ShowsMore], &["see"]),
        (&both, READ.to_owned(), &[ShowsLess], &[]),
        (READ, format!("{READ}{mask}"), &[OtherMask], &["hide"]),
        (READ, format!("{READ}{FAILS}"), &[NewDenial, Error], &["fails"]),
        (NONE, FAILS.to_owned(), &[Error], &["fails"]),
    ];
    for (enforced, candidate, directions, policies) in cases {
        let live = live(enforced);
        let other = beside(&live, &candidate);
        let job = job(&live, "acme", "acme", &["r"]);
        let found = differs(&job, &other);
        assert_eq!(found.directions, directions, "{enforced} {candidate}");
        assert_eq!(found.policies(&job, &other), policies, "{enforced} {candidate}");
        assert_eq!((&*found.route, found.tenant.as_str()), ("getA", "acme"));
    }
}

#[test]
fn a_pathway_that_is_not_enforced_yet_is_a_new_allow() {
    let live = live(READ);
    let other = beside(&live, &format!("{READ}{CROSS}"));
    let target = TenantPath::parse("acme").unwrap();
    let refused = Job {
        about: About::Tenancy { header: Some(target.clone()), target: Some(target) },
        code: "tenant_mismatch",
        verdict: crate::policy::Verdict::default(),
        ..job(&live, "globex", "globex", &[])
    };
    let found = differs(&refused, &other);
    assert_eq!(found.directions, [Direction::NewAllow]);
    assert_eq!(found.policies(&refused, &other), ["cross"]);
    assert_eq!(found.tenant.as_str(), "acme");
    assert_eq!(again(&refused, &live, &mut Memory::new()), Again::Same);
}

#[test]
fn a_decision_of_another_generation_is_not_looked_at() {
    let live = live(READ);
    let later = Live::new(checked(&[("p.cedar", READ)]));
    later.publish(checked(&[("p.cedar", NONE)]));
    let job = job(&live, "acme", "acme", &["r"]);
    assert_eq!(again(&job, &later.current(), &mut Memory::new()), Again::Unknown);
}

proptest! {
    #[test]
    fn a_decision_made_again_is_the_same(
        parts in proptest::collection::btree_set(select(vec![READ, SEE, NONE, FORBID, CROSS]), 1..5),
        tenant in select(vec!["acme", "acme/west", "globex"]),
        key in select(vec!["acme", "acme/west", "globex"]),
        roles in select(vec![&[][..], &["r"], &["nobody"]]),
    ) {
        let text: String = parts.into_iter().collect();
        let live = live(&text);
        let job = job(&live, tenant, key, roles);
        let memory = RefCell::new(Memory::new());
        for _ in 0..2 {
            prop_assert_eq!(again(&job, &live, &mut memory.borrow_mut()), Again::Same);
            prop_assert_eq!(again(&job, &beside(&live, &text), &mut memory.borrow_mut()), Again::Same);
        }
    }

    #[test]
    fn the_same_id_is_always_chosen_or_never_and_as_many_as_were_asked_for(percent in 1_u64..=100, seed: u64) {
        let chosen = Chosen { tenants: Vec::new(), percent };
        let ids = (0..2_000_u64).map(|number| {
            let mixed = (seed ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            let mut unique = [7; 10];
            unique[..8].copy_from_slice(&mixed);
            DecisionId::new(NOW_MS, unique)
        });
        let ids: Vec<DecisionId> = ids.collect();
        let taken = |chosen: &Chosen| ids.iter().filter(|id| chosen.takes(**id, [None, None])).count();
        let count = taken(&chosen);
        prop_assert_eq!(count, taken(&chosen.clone()));
        let wanted = usize::try_from(percent).unwrap() * 20;
        prop_assert!(count.abs_diff(wanted) <= 120, "{} of {}", count, wanted);
        // Whoever was chosen stays so as the share grows.
        let more = Chosen { tenants: Vec::new(), percent: 100 };
        prop_assert!(ids.iter().all(|id| more.takes(*id, [None, None])));
    }

    #[test]
    fn a_window_stops_exactly_where_a_count_of_all_says_so(
        steps in proptest::collection::vec((0_u64..400, any::<bool>()), 1..60),
        new_denials in 0_u64..12,
        percent in 0_u64..=100,
    ) {
        let rule = StopRule { new_denials, percent, window_ms: 1_600 };
        let mut window = Window::new(rule);
        let mut all: Vec<(u64, bool)> = Vec::new();
        let mut now = 0;
        for (wait, denial) in steps {
            now += wait;
            all.push((now, denial));
            // The window moves in parts of 100 ms.
            let within = all.iter().filter(|(at, _)| at / 100 + 16 > now / 100);
            let looked = u64::try_from(within.clone().count()).unwrap();
            let denials = u64::try_from(within.filter(|(_, denial)| *denial).count()).unwrap();
            let stops = new_denials > 0 && denials >= new_denials && denials * 100 >= looked * percent;
            prop_assert_eq!(window.note(now, denial), stops.then_some((looked, denials)));
        }
    }
}

#[test]
fn tenants_are_chosen_with_those_below_them_as_caller_or_as_owner() {
    let tenant = |text: &str| TenantPath::parse(text).unwrap();
    let chosen = Chosen { tenants: vec![tenant("acme/west")], percent: 100 };
    let id = DecisionId::new(NOW_MS, [3; 10]);
    let takes = |caller: &str, target: &str| chosen.takes(id, [Some(&tenant(caller)), Some(&tenant(target))]);
    assert!(
        takes("acme/west", "acme/west") && takes("acme", "acme/west/sf1") && takes("acme/west", "globex")
    );
    assert!(!takes("acme", "acme") && !takes("acme/west2", "globex") && !chosen.takes(id, [None, None]));
}
