//! What the index leaves out and what is kept between requests never shows, except in what an answer costs.

use proptest::prelude::*;

use super::laws::a_model;
use super::laws::asks;
use super::laws::compiled;
use super::laws::facts;
use super::laws::policy;
use super::*;
use crate::redact::ClassIx;

/// Puts the same question at two times, with one memory.
fn twice(text: &str, ms: [u64; 2], memory: &mut Memory) -> [Verdict; 2] {
    let model = model(TENANTS);
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    ms.map(|now_ms| {
        let call = Call { now_ms, ..Call::new(&anna, Action::Read, "acme/west") };
        call.ask_with(&policies, &model, memory, |asked| asked.decide())
    })
}

#[test]
fn a_policy_is_looked_at_wherever_something_before_its_place_may_err() {
    let model = model(TENANTS);
    let policies = policies(
        &model,
        "@id(\"all\") permit(principal, action, resource);
         @id(\"errs\") forbid(principal, action, resource)
           when { resource.level + 9223372036854775807 > 0 && principal == User::\"nobody\" };",
    );
    let anna = user("anna", "acme", &[]);
    let verdict = Call::new(&anna, Action::Read, "acme").decide(&policies, &model);
    assert_eq!((verdict.allowed, ids(&policies, &verdict.errors)), (false, vec!["errs".to_owned()]));
}

#[test]
fn a_condition_that_begins_with_a_place_is_found_by_it() {
    let model = model(TENANTS);
    let text: String = (0..500)
        .map(|n| {
            format!(
                "@id(\"p{n}\") permit(principal, action, resource)
                   when {{ resource in DataKey::\"acme/k{n}\" && principal in Role::\"r{n}\" }};"
            )
        })
        .collect();
    let policies = policies(&model, &text);
    let anna = user("anna", "acme", &["r7", "r8"]);
    let verdict = Call::new(&anna, Action::Read, "acme/k7").decide(&policies, &model);
    assert_eq!(ids(&policies, &verdict.reasons), ["p7"]);
    Call::new(&anna, Action::Read, "acme/k7").ask(&policies, &model, |asked| {
        assert_eq!(asked.candidates(), 1, "of five hundred");
    });
}

#[test]
fn a_folders_policies_are_found_by_its_tenant_whatever_their_scope() {
    let model = model(TENANTS);
    let sources: Vec<Source> = ["acme", "acme/east", "globex", "initech"]
        .iter()
        .map(|tenant| Source {
            confined_to: Some(TenantPath::parse(tenant).unwrap()),
            ..source(tenant, &format!("@id(\"{tenant}\") permit(principal, action, resource);"))
        })
        .collect();
    let policies = compile(&model, &sources);
    let anna = user("anna", "acme", &[]);
    Call::new(&anna, Action::Read, "acme/west")
        .ask(&policies, &model, |asked| assert_eq!(asked.candidates(), 1));
    Call::new(&anna, Action::Read, "acme/east")
        .ask(&policies, &model, |asked| assert_eq!(asked.candidates(), 2));
}

#[test]
fn an_answer_ends_at_the_date_that_its_policies_name() {
    let until = 1_700_000_000_300_u64;
    let text = "@id(\"until\") permit(principal, action, resource)
                  when { context.now < datetime(\"2023-11-14T22:13:20.300Z\") };";
    let [before, after] = twice(text, [until - 100, until], &mut Memory::new());
    assert_eq!((before.allowed, after.allowed), (true, false));
}

#[test]
fn a_condition_on_the_context_as_a_whole_is_asked_each_time() {
    let text = "@id(\"whole\") permit(principal, action, resource)
                  when { (if principal is User then context else context).now < datetime(\"2023-11-14T22:13:20.300Z\") };";
    let [before, after] = twice(text, [1_700_000_000_200, 1_700_000_000_300], &mut Memory::new());
    assert_eq!((before.allowed, after.allowed), (true, false));
}

#[test]
fn a_memory_that_keeps_no_answers_gives_the_same_ones() {
    let text = "@id(\"until\") permit(principal, action, resource)
                  when { context.now < datetime(\"2023-11-14T22:13:20.300Z\") };";
    let times = [1_700_000_000_200, 1_700_000_000_300];
    assert_eq!(twice(text, times, &mut Memory::new()), twice(text, times, &mut Memory::without_answers()));
}

#[test]
fn a_long_purpose_is_answered_and_not_kept() {
    let model = model(TENANTS);
    let text = "@id(\"for\") permit(principal, action, resource) when { context has purpose };";
    let policies = policies(&model, text);
    let anna = user("anna", "acme", &[]);
    let mut memory = Memory::new();
    for (purpose, kept) in [("x".repeat(30_000), 0), ("audit".to_owned(), 1), ("y".repeat(257), 1)] {
        let call = Call { purpose: Some(&purpose), ..Call::new(&anna, Action::Read, "acme") };
        call.ask_with(&policies, &model, &mut memory, |asked| {
            assert!(asked.decide().allowed);
            assert_eq!(asked.kept(), kept, "{} bytes", purpose.len());
        });
    }
    for number in 0..100 {
        let purpose = format!("p{number}");
        let call = Call { purpose: Some(&purpose), ..Call::new(&anna, Action::Read, "acme") };
        call.ask_with(&policies, &model, &mut memory, |asked| {
            assert!(asked.kept() <= crate::limits::ANSWERS_KEPT_MAX);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_memory_never_changes_a_verdict_of_the_next_snapshot(
        worlds in proptest::collection::vec((a_model(), proptest::collection::vec(policy(), 1..5)), 2),
        all in proptest::collection::vec(asks(), 1..5),
    ) {
        let mut kept = Memory::new();
        for (tenants, texts) in &worlds {
            let model = model(tenants);
            let policies = compiled(&model, texts);
            for asks in &all {
                let data_key = DataKey::parse(asks.key).unwrap();
                let facts = facts(&model, asks, &data_key);
                let mut fresh = Memory::new();
                let fresh = policies.ask(&model, &facts, &mut fresh);
                let fresh = (fresh.decide(), fresh.reveal(ClassIx(0)));
                let asked = policies.ask(&model, &facts, &mut kept);
                prop_assert_eq!(fresh, (asked.decide(), asked.reveal(ClassIx(0))));
            }
        }
    }
}
