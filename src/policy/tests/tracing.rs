//! A trace ends as the evaluation does, its parts are the author's text, and what failed is told with its values.

use proptest::prelude::*;

use super::laws::a_model;
use super::laws::asks;
use super::laws::compiled;
use super::laws::facts;
use super::laws::policy;
use super::*;
use crate::policy::engine::Outcome;

/// Every policy's trace against what the evaluation said about all of them.
fn agrees(
    policies: &Policies,
    said: &Outcome,
    trace: impl Fn(PolicyIx) -> Option<Trace>,
) -> Result<(), TestCaseError> {
    for number in 0..u32::try_from(policies.len()).unwrap() {
        let Some(trace) = trace(PolicyIx(number)) else { continue };
        let applies = said.permits.contains(&number) || said.forbids.contains(&number);
        let fate = match (said.errors.contains(&number), applies) {
            (true, _) => Fate::Errs,
            (false, true) => Fate::Applies,
            (false, false) => Fate::Stopped,
        };
        prop_assert_eq!(trace.fate, fate, "{:#?}", trace);
        prop_assert_eq!(trace.failing().is_empty(), fate == Fate::Applies, "{:#?}", trace);
        // The same parts, in the same places, as where nothing is asked.
        let unasked = policies.parts(PolicyIx(number)).unwrap();
        let names = |trace: &Trace| trace.parts().map(|part| (part.kind, part.span)).collect::<Vec<_>>();
        prop_assert_eq!(names(&trace), names(&unasked));
        prop_assert!(unasked.parts().all(|part| part.value == Seen::Unseen && part.reads.is_empty()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_ends_as_the_evaluation_does(
        tenants in a_model(),
        texts in proptest::collection::vec(policy(), 1..9),
        all in proptest::collection::vec(asks(), 1..7),
    ) {
        let model = model(&tenants);
        let policies = compiled(&model, &texts);
        let mut memory = Memory::new();
        for asks in &all {
            let data_key = DataKey::parse(asks.key).unwrap();
            let asked = policies.ask(&model, &facts(&model, asks, &data_key), &mut memory);
            agrees(&policies, &asked.said(), |policy| asked.trace(policy))?;
            for (class, _) in model.classes.iter() {
                agrees(&policies, &asked.said_of(class), |policy| asked.trace_reveal(class, policy))?;
            }
        }
    }
}

/// The trace of one policy for a read of `acme/west` by a user of `acme/west` with these roles.
fn traced(text: &str, roles: &[&str], purpose: Option<&str>) -> Trace {
    let model = model(TENANTS);
    let policies = policies(&model, text);
    let anna = user("anna", "acme/west", roles);
    let call = Call { purpose, ..Call::new(&anna, Action::Read, "acme/west") };
    call.ask(&policies, &model, |asked| asked.trace(PolicyIx(0)).unwrap())
}

fn told(trace: &Trace) -> Vec<String> {
    let part = |part: &&Part| {
        let place = trace.place(part);
        let reads: Vec<String> = part
            .all_reads()
            .iter()
            .map(|read| {
                let value = read.value.as_deref().unwrap_or("nothing");
                let within =
                    if read.within.is_empty() { String::new() } else { format!(" in {:?}", read.within) };
                format!("{} = {value}{within}", read.text)
            })
            .collect();
        format!("{}:{}: {} [{}]", place.line, place.column, part.text(), reads.join(", "))
    };
    trace.failing().iter().map(part).collect()
}

#[test]
fn the_condition_that_failed_is_told_with_the_values_that_made_it_fail() {
    let text = "@id(\"p\")\npermit (principal in Role::\"clinician\", action, resource)\nwhen {\n  resource.level <= 9 && // enough\n  context has purpose && context.purpose == \"audit\"\n}\nunless { principal.tenant.status == \"active\" };";
    let tell = |roles: &[&str], purpose| told(&traced(text, roles, purpose));
    let expected =
        ["2:22: principal in Role::\"clinician\" [principal = User::\"anna\" in [\"Role::\\\"desk\\\"\"]]"];
    assert_eq!(tell(&["desk"], None), expected);
    assert_eq!(tell(&["clinician"], None), ["5:3: context has purpose [context.purpose = nothing]"]);
    let expected = ["5:26: context.purpose == \"audit\" [context.purpose = \"care\"]"];
    assert_eq!(tell(&["clinician"], Some("care")), expected);
    let expected =
        ["7:1: unless { principal.tenant.status == \"active\" } [principal.tenant.status = \"active\"]"];
    assert_eq!(tell(&["clinician"], Some("audit")), expected);
}

#[test]
fn a_forbid_that_fires_tells_what_of_its_proof_failed() {
    let text = "@id(\"p\") forbid(principal, action, resource) when { resource.level > 0 } unless { principal has tenant.status && principal.tenant.status == \"closed\" };";
    let trace = traced(text, &[], None);
    assert_eq!(trace.fate, Fate::Applies);
    let texts: Vec<_> = trace.holding().iter().map(|part| part.text()).collect();
    assert_eq!(texts, ["resource.level > 0", "principal.tenant.status == \"closed\""]);
    assert_eq!(trace.holding()[1].reads[0].value.as_deref(), Some("\"active\""));
}

#[test]
fn the_guard_is_told_as_the_loaders_word_and_before_the_authors() {
    let model = model(TENANTS);
    let policies =
        policies(&model, "@id(\"p\") permit(principal, action, resource) when { resource.level > 0 };");
    let gus = user("gus", "globex", &[]);
    let trace = Call::new(&gus, Action::Read, "acme")
        .ask(&policies, &model, |asked| asked.trace(PolicyIx(0)).unwrap());
    let failing = trace.failing();
    assert_eq!((failing.len(), failing[0].kind, failing[0].span), (1, PartKind::Guard, None));
    assert_eq!(failing[0].text(), "resource in principal.dataKey");
    assert_eq!(failing[0].reads[1].value.as_deref(), Some("DataKey::\"globex\""));
    assert_eq!(failing[0].reads[0].within, ["DataKey::\"acme\""]);
    assert_eq!((trace.conditions.len(), &trace.conditions[1].value), (2, &Seen::Unseen));
    assert_eq!(trace.place(failing[0]).line, 1, "what stands nowhere is at its policy");
}

#[test]
fn each_operand_is_told_by_itself_and_what_was_not_looked_at_is_unseen() {
    let text = "@id(\"p\") permit(principal, action, resource) when { (resource.level > 9 || principal has issuer || context.path == \"x\") && !(if resource.level > 1 then context.host == \"h\" else true) };";
    let trace = traced(text, &[], None);
    let all: Vec<_> = trace.conditions[1..].iter().flat_map(Part::all).collect();
    let kinds: Vec<_> = all.iter().map(|part| part.kind).collect();
    use PartKind::*;
    assert_eq!(kinds, [Any, Test, Test, Test, Not, If, Test, Test, Test]);
    let values: Vec<_> = all.iter().map(|part| part.value.clone()).collect();
    use Seen::*;
    assert_eq!(values, [True, False, True, Unseen, True, False, True, False, Unseen]);
    assert!(all.iter().all(|part| part.span.is_some()));
    let spans: std::collections::BTreeSet<_> = all.iter().map(|part| (part.span, part.kind)).collect();
    assert_eq!(spans.len(), all.len(), "no two parts have the same name");
}

#[test]
fn an_error_is_told_where_it_happened() {
    let text = "@id(\"p\") forbid(principal, action, resource) when { resource.level >= 0 && (resource.level + 9223372036854775807 > 0 || true) };";
    let trace = traced(text, &[], None);
    assert_eq!(trace.fate, Fate::Errs);
    let failing = trace.failing();
    assert_eq!(failing.len(), 1);
    assert_eq!(failing[0].text(), "resource.level + 9223372036854775807 > 0");
    assert!(matches!(&failing[0].value, Seen::Error(why) if why.contains("overflow")), "{failing:?}");
}

#[test]
fn a_part_of_a_link_stands_in_its_template_but_for_what_the_link_fills_in() {
    let model = model(TENANTS);
    let template = source(
        "t.cedar",
        "@id(\"t\") permit(principal == ?principal, action, resource in ?resource)\nwhen { resource.level > 9 };",
    );
    let links = source(
        "l.links.yaml",
        "links:\n  - {id: one, template: t, principal: 'User::\"anna\"', resource: 'DataKey::\"acme\"'}\n",
    );
    let policies = compile(&model, &[template, links]);
    let anna = user("anna", "acme", &[]);
    let trace = Call::new(&anna, Action::Read, "acme")
        .ask(&policies, &model, |asked| asked.trace(PolicyIx(0)).unwrap());
    let failing = trace.failing();
    let place = trace.place(failing[0]);
    assert_eq!((&*place.file, place.line, place.column), ("t.cedar", 2, 8));
    let principal = trace.place(&trace.scope[0]);
    assert_eq!(
        (&*principal.file, principal.line),
        ("l.links.yaml", 2),
        "what the link fills in is the link's"
    );
    assert_eq!(trace.scope[0].text(), "principal == User::\"anna\"");
}

#[test]
fn a_huge_condition_is_told_within_bounds() {
    let one = |from: usize| {
        let tests: Vec<String> = (from..from + 100).map(|n| format!("context.path != \"{n}\"")).collect();
        format!("({})", tests.join(" && "))
    };
    let groups: Vec<String> = (0..25).map(|n| one(n * 100)).collect();
    let text = format!("@id(\"p\") permit(principal, action, resource) when {{ {} }};", groups.join(" || "));
    let trace = traced(&text, &[], None);
    assert_eq!(trace.fate, Fate::Applies);
    assert!(trace.parts().count() <= crate::limits::TRACE_PARTS_MAX + 128);
    let longest = trace.parts().map(|part| part.text().chars().count()).max().unwrap();
    assert!(longest <= crate::limits::TRACE_TEXT_CHARS_MAX + 1);
}
