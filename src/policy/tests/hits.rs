//! What the counters of policies promise.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::hits::Hits;
use super::*;

const TEXT: &str = "
@id(\"a\") permit(principal in Role::\"r\", action, resource);
@id(\"b\") permit(principal in Role::\"r\", action == Action::\"read\", resource) when { context has purpose };
@id(\"c\") forbid(principal in Role::\"s\", action == Action::\"read\", resource) when { context.path like \"/pat*\" };
@id(\"d\") permit(principal in Role::\"e\", action == Action::\"read\", resource) when { resource.level + 9223372036854775807 > 0 };
@id(\"e\") forbid(principal, action == Action::\"reveal\", resource) when { resource.level > 2 };
@id(\"f\") permit(principal in Role::\"nobody\", action, resource);
";

/// What every verdict of a call says, one by one.
fn note(verdict: &Verdict, counts: &mut [Hits]) {
    let mut count = |policies: &[PolicyIx], of: fn(&mut Hits) -> &mut u64| {
        policies.iter().for_each(|policy| *of(&mut counts[usize::try_from(policy.0).unwrap()]) += 1);
    };
    count(&verdict.reasons, |hits| &mut hits.matched);
    count(&verdict.errors, |hits| &mut hits.errored);
    count(&verdict.overridden, |hits| &mut hits.overridden);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_counted_is_what_was_answered(
        calls in proptest::collection::vec(
            (select(vec![&[][..], &["r"], &["r", "s"], &["e"], &["r", "e"]]), select(vec![None, Some("x")]), select(vec!["acme", "acme/west"]), any::<bool>()),
            1..40,
        ),
        keeps in any::<bool>(),
    ) {
        let model = model(TENANTS);
        let policies = policies(&model, TEXT);
        policies.start_counting(None, 7);
        let users: Vec<_> = calls.iter().map(|(roles, ..)| user("u", "acme", roles)).collect();
        let mut memory = if keeps { Memory::new() } else { Memory::without_answers() };
        let mut counts = vec![Hits { since_ms: 7, ..Hits::default() }; policies.len()];
        for (at, (roles, purpose, key, counted)) in calls.iter().enumerate() {
            // The same caller again where there was one with these roles.
            let known = calls.iter().position(|(known, ..)| known == roles).unwrap_or(at);
            let call = Call { purpose: *purpose, ..Call::new(&users[known], Action::Read, key) };
            call.ask_with(&policies, &model, &mut memory, |asked| {
                let verdict = asked.decide();
                note(&verdict, &mut counts);
                if verdict.allowed {
                    for class in &route(&model, "getPatient").classes {
                        note(&asked.reveal(*class), &mut counts);
                    }
                }
            });
            if *counted {
                memory.count();
            }
        }
        memory.count();
        memory.count();
        let told: Vec<Hits> = (0..policies.len()).map(|at| policies.hits(PolicyIx(u32::try_from(at).unwrap())).unwrap()).collect();
        prop_assert_eq!(told, counts);
    }
}

#[test]
fn an_edit_goes_on_counting_what_it_did_not_touch() {
    let model = model(TENANTS);
    let before = policies(&model, TEXT);
    before.start_counting(None, 1);
    let user = user("u", "acme", &["r"]);
    let mut memory = Memory::new();
    let call = Call { purpose: Some("x"), ..Call::new(&user, Action::Read, "acme") };
    call.ask_with(&before, &model, &mut memory, |asked| asked.decide());
    // Only layout, and the condition of one policy.
    let text = format!("// moved down\n{}", TEXT.replace("context has purpose", "context has actor"));
    let after = policies(&model, &text);
    after.start_counting(Some(&before), 2);
    // A worker that has not turned to the new policies yet loses nothing.
    memory.count();
    let hits = |id: &str| after.hits(after.find(id).unwrap()).unwrap();
    assert_eq!((hits("a").matched, hits("a").since_ms), (1, 1));
    assert_eq!((hits("b").matched, hits("b").since_ms), (0, 2));
    call.ask_with(&after, &model, &mut memory, |asked| asked.decide());
    memory.count();
    assert_eq!((hits("a").matched, hits("b").matched), (2, 0));
    assert_eq!(before.hits(before.find("b").unwrap()).unwrap().matched, 1);
}

#[test]
fn a_permit_that_held_while_a_forbid_decided_was_overridden_and_an_error_decides_alone() {
    let model = model(TENANTS);
    let policies = policies(&model, TEXT);
    let told = |roles: &[&str]| {
        let user = user("u", "acme", roles);
        let verdict = Call::new(&user, Action::Read, "acme").decide(&policies, &model);
        [&verdict.reasons, &verdict.overridden, &verdict.errors].map(|all| ids(&policies, all).join(","))
    };
    assert_eq!(told(&["r"]), ["a", "", ""]);
    assert_eq!(told(&["r", "s"]), ["c", "a", ""]);
    assert_eq!(told(&["r", "e"]), ["", "", "d"]);
}

#[test]
fn the_answer_that_fills_the_list_is_counted_like_the_others() {
    let model = model(TENANTS);
    let policies = policies(&model, "@id(\"a\") permit(principal, action, resource);");
    policies.start_counting(None, 1);
    let user = user("u", "acme", &[]);
    let call = Call::new(&user, Action::Read, "acme");
    // Each is an answer of its own.
    let mut memory = Memory::without_answers();
    let calls = u64::try_from(crate::limits::ANSWERS_COUNTED_MAX).unwrap() + 1;
    for _ in 0..calls {
        assert!(call.ask_with(&policies, &model, &mut memory, |asked| asked.decide()).allowed);
    }
    memory.count();
    assert_eq!(policies.hits(PolicyIx(0)).unwrap().matched, calls);
}
