//! `lint` only calls useless what is: over random policies and requests.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::lint::Looked;
use crate::policy::lint::lint;

fn condition() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "resource.level <= 2",
        "resource.level < 3",
        "resource.level > 2",
        "resource.level == 2",
        "resource.level <= 9",
        "context.now < datetime(\"2023-11-14T22:13:20.100Z\")",
        "context.now >= datetime(\"2023-11-14T22:13:20Z\")",
        "context.now > datetime(\"2023-11-14T22:13:20.100Z\")",
        "context has purpose",
        "context has purpose && context.purpose == \"audit\"",
        "context has purpose && [\"audit\", \"x\"].contains(context.purpose)",
        "context has purpose && context.purpose like \"a*\"",
        "context.method == \"GET\"",
        "context.method != \"PUT\"",
        "principal is User",
        "principal is Service",
        "principal in Role::\"r0\"",
        "principal.tenant in Tenant::\"acme\"",
        "principal in Tenant::\"acme/west\"",
        "principal in Tenant::\"globex\"",
        "resource in DataKey::\"acme/west\"",
        "resource in DataKey::\"acme\"",
        "resource in DataKey::\"globex\"",
        "resource in DataClass::\"pii.contact\"",
        "resource in DataClass::\"billing\"",
        "resource.tenant.status == \"active\"",
        "principal.auth == \"jwt\"",
        "1 < 2",
        "true",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
        ]
    })
}

prop_compose! {
    fn policy()(
        effect in select(vec!["permit", "permit", "permit", "@pathway(\"p\") permit", "forbid"]),
        scope in (laws::principal_scope(), laws::action_scope(), laws::resource_scope()),
        when in proptest::option::weighted(0.8, condition()),
        unless in proptest::option::weighted(0.2, condition()),
        folder in proptest::option::weighted(0.2, select(vec!["acme", "acme/west", "globex"])),
    ) -> (String, Option<&'static str>) {
        let when = when.map_or(String::new(), |text| format!("when {{ {text} }}"));
        let unless = unless.map_or(String::new(), |text| format!("unless {{ {text} }}"));
        (format!("{effect}({}, {}, {}) {when} {unless};", scope.0, scope.1, scope.2), folder)
    }
}

/// What is said to change nothing, by policy. Whether a route asks for something is another question.
fn useless(problems: &[Problem]) -> BTreeSet<String> {
    let codes = ["never-applies", "forbids-nothing", "covered", "always-forbidden", "expired"];
    let all =
        problems.iter().filter(|one| codes.contains(&one.code) && !one.message.contains("never asked for"));
    all.map(|one| one.place.file.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Without the policies that are found to change nothing, every request is decided as it was.
    #[test]
    fn what_is_said_to_change_nothing_changes_nothing(
        tenants in laws::a_model(),
        texts in proptest::collection::vec(policy(), 1..9),
        all in proptest::collection::vec(laws::asks(), 1..9),
    ) {
        let model = model(&tenants);
        let sources = laws::valid(&model, &texts);
        let policies = compile(&model, &sources);
        let looked = Looked { now_ms: 1_700_000_000_000, roles: None, roles_from: "", tested: None, left_out: &[] };
        let useless = useless(&lint(&policies, &sources, &model, &looked));
        let rest: Vec<Source> = sources.iter().filter(|one| !useless.contains(&*one.file)).cloned().collect();
        let without = compile(&model, &rest);
        for asks in &all {
            let call = Call { purpose: asks.purpose, now_ms: asks.now_ms, ..Call::new(&asks.principal, asks.action, asks.key) };
            let ask = |policies: &Policies| {
                call.ask(policies, &model, |asked| {
                    let reveals = model.classes.iter().map(|(class, _)| asked.reveal(class).allowed);
                    (asked.decide().allowed, reveals.collect::<Vec<_>>())
                })
            };
            prop_assert_eq!(ask(&policies), ask(&without), "without {:?} of {:#?}", useless, texts);
        }
    }

    /// Two policies of one scope whose conditions speak of the same few values: what one of them adds is what it says.
    #[test]
    fn what_is_said_of_conditions_alone_holds_for_every_level_and_time(
        conditions in proptest::collection::vec(close(), 2),
        all in proptest::collection::vec((0_u64..4, select(vec!["acme", "acme/west", "acme/west/sf1"]), any::<bool>()), 4),
    ) {
        let model = model(TENANTS);
        let texts: Vec<_> = conditions
            .iter()
            .map(|condition| (format!("permit(principal in Tenant::\"acme\", action, resource in DataKey::\"acme\") when {{ {condition} }};"), None))
            .collect();
        let sources = laws::valid(&model, &texts);
        let policies = compile(&model, &sources);
        let looked = Looked { now_ms: 1_700_000_000_000, roles: None, roles_from: "", tested: None, left_out: &[] };
        let found = lint(&policies, &sources, &model, &looked);
        let useless = useless(&found);
        // A condition that always holds can be left out.
        let always = |source: &Source| {
            let whole = |one: &Problem| one.code == "always-true" && one.message.starts_with("the condition of");
            found.iter().any(|one| one.place.file == source.file && whole(one))
        };
        let rest: Vec<Source> = sources
            .iter()
            .filter(|one| !useless.contains(&*one.file))
            .map(|one| {
                let text = if always(one) { one.text.split(" when ").next().unwrap().to_owned() + ";" } else { one.text.to_string() };
                Source { text: text.into(), ..one.clone() }
            })
            .collect();
        let without = compile(&model, &rest);
        for (now, key, purpose) in &all {
            let ann = user("ann", "acme", &["r0"]);
            let call = Call {
                purpose: purpose.then_some("audit"),
                now_ms: 1_700_000_000_000 + now * 100,
                ..Call::new(&ann, Action::Read, key)
            };
            let ask = |policies: &Policies| {
                call.ask(policies, &model, |asked| {
                    let reveals = model.classes.iter().map(|(class, _)| asked.reveal(class).allowed);
                    (asked.decide().allowed, reveals.collect::<Vec<_>>())
                })
            };
            prop_assert_eq!(ask(&policies), ask(&without), "{:?} {:#?}", texts, found);
        }
    }
}

/// A condition over few values, so that its parts often have to do with each other.
fn close() -> impl Strategy<Value = String> {
    let op = || select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let time = select(vec!["00.000Z", "00.100Z", "00.200Z", "00.300+0000"]);
    let leaf = prop_oneof![
        4 => (op(), -1_i64..6).prop_map(|(op, n)| format!("resource.level {op} {n}")),
        1 => (op(), 0_i64..6).prop_map(|(op, n)| format!("{n} {op} resource.level")),
        1 => proptest::collection::vec(0_i64..5, 1..4).prop_map(|all| format!("{all:?}.contains(resource.level)")),
        1 => (op(), time).prop_map(|(op, time)| format!("context.now {op} datetime(\"2023-11-14T22:13:{}\")", time.replace("00.", "20."))),
        1 => select(vec!["acme", "acme/west", "acme/west/sf1", "globex"]).prop_map(|key| format!("resource in DataKey::\"{key}\"")),
        1 => select(vec!["pii", "pii.contact", "billing"]).prop_map(|name| format!("resource in DataClass::\"{name}\"")),
        1 => Just("context has purpose".to_owned()),
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            4 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
        ]
    })
}
