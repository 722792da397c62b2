//! What `@mode("shadow")` promises: what is enforced is as if the policy were not there, and what is looked at is as if it
//! had no mode.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use super::*;

const PARTS: [&str; 6] = [
    "permit(principal in Role::\"r\", action, resource);",
    "permit(principal in Role::\"s\", action == Action::\"read\", resource) when { context has purpose };",
    "forbid(principal in Role::\"s\", action, resource) unless { context has purpose };",
    "@pathway(\"p\") permit(principal in Tenant::\"globex\", action, resource in DataKey::\"acme\");",
    "@mask(\"drop\") forbid(principal, action == Action::\"reveal\", resource) when { resource.level > 1 };",
    "permit(principal in Role::\"r\", action, resource) when { resource.level + 9223372036854775807 > 0 };",
];

/// The parts with these numbers, each in this mode.
fn text(of: &[usize], mode: impl Fn(usize) -> Option<&'static str>) -> String {
    let one = |at: &usize| {
        let mode = mode(*at).map_or(String::new(), |mode| format!("@mode(\"{mode}\") "));
        format!("@id(\"p{at}\") {mode}{}\n", PARTS[*at])
    };
    of.iter().map(one).collect()
}

fn told(policies: &Policies, verdict: &Verdict) -> (bool, Vec<String>, Vec<String>) {
    (verdict.allowed, ids(policies, &verdict.reasons), ids(policies, &verdict.errors))
}

proptest! {
    // Each compiles three sets of policies.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_policy_in_shadow_mode_is_enforced_as_if_it_were_not_there(
        shadow in subsequence((0..PARTS.len()).collect::<Vec<usize>>(), 1..PARTS.len()),
        tenant in select(vec!["acme", "globex"]),
        key in select(vec!["acme", "acme/claims", "globex"]),
        roles in subsequence(vec!["r", "s"], 0..=2),
        purpose in select(vec![None, Some("audit")]),
    ) {
        let model = model(TENANTS);
        let all: Vec<usize> = (0..PARTS.len()).collect();
        let others: Vec<usize> = all.iter().copied().filter(|at| !shadow.contains(at)).collect();
        let with = policies(&model, &text(&all, |at| Some(if shadow.contains(&at) { "shadow" } else { "enforce" })));
        let without = policies(&model, &text(&others, |_| None));
        let enforced = policies(&model, &text(&all, |_| None));
        let looked_at = with.with_shadow().unwrap();
        prop_assert!(without.with_shadow().is_none());
        let user = user("u", tenant, &roles);
        let call = Call { purpose, ..Call::new(&user, Action::Read, key) };
        let both = |one: &Policies, other: &Policies| {
            let decided = [one, other].map(|policies| told(policies, &call.decide(policies, &model)));
            let shown = [one, other].map(|policies| told(policies, &call.reveal(policies, &model, "pii.name")));
            [decided, shown]
        };
        for [a, b] in both(&with, &without).into_iter().chain(both(looked_at, &enforced)) {
            prop_assert_eq!(a, b);
        }
        let tenants = ["acme", "globex"].map(|tenant| model.tenants.find(tenant).unwrap());
        let explains = |policies: &Policies| policies.explains(&model, tenants[1], tenants[0]);
        prop_assert_eq!(explains(&with), explains(&without));
        prop_assert!(explains(looked_at));
        let expected: Vec<String> = shadow.iter().map(|at| format!("p{at}")).collect();
        prop_assert_eq!(with.shadow_ids().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_mode_that_there_is_not_is_an_error_where_it_stands() {
    let found = problems(
        &model(TENANTS),
        &[source("p.cedar", "@id(\"x\")\n@mode(\"audit\") permit(principal, action, resource);")],
    );
    let found: Vec<_> = found.iter().map(|one| (one.code, one.place.line, one.place.column)).collect();
    assert_eq!(found, [("bad-mode", 2, 1)]);
}

#[test]
fn links_of_a_template_in_shadow_mode_are_too() {
    let sources = [
        source(
            "t.cedar",
            "@id(\"t\") @mode(\"shadow\") permit(principal == ?principal, action, resource in ?resource);",
        ),
        source(
            "l.links.yaml",
            "links:\n  - {id: l, template: t, principal: 'User::\"u\"', resource: 'DataKey::\"acme\"'}\n",
        ),
    ];
    let policies = compile(&model(TENANTS), &sources);
    assert_eq!((policies.len(), policies.shadow_ids().collect::<Vec<_>>()), (0, vec!["l"]));
}
