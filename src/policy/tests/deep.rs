//! No text overflows a stack: what passes the scan at its bound is parsed, checked, evaluated and freed on 1 MiB.

use super::*;
use crate::limits;
use crate::policy::scan;
use crate::policy::scan::Kind::Policy;
use crate::policy::scan::Kind::Schema as SchemaText;

/// Conditions that nest or chain in every way that Cedar's grammar has, each at a given size.
pub(super) fn forms(n: usize) -> Vec<(&'static str, String)> {
    let wrap = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    vec![
        ("parentheses", wrap("(", "true", ")")),
        ("sets", format!("{}.isEmpty()", wrap("[", "1", "]"))),
        ("records", format!("{} has a", wrap("{a: ", "1", "}"))),
        ("not", wrap("!(", "true", ")")),
        ("minus", format!("{} == 1", wrap("-(", "1", ")"))),
        ("not not", wrap("!!!(", "true", ")")),
        ("calls", wrap("[1].contains(1) == (", "true", ")")),
        ("else if", format!("{} true", "if principal has tenant then true else ".repeat(n))),
        ("then if", format!("{}true{}", "if true then ".repeat(n), " else false".repeat(n))),
        ("if if", format!("{}true{}", "if ".repeat(n), " then true else false".repeat(n))),
        ("index", format!("({}){} == 1", wrap("{\"a\": ", "1", "}"), "[\"a\"]".repeat(n))),
        ("in sets", format!("principal in {}", wrap("[", "principal", "]"))),
        ("and", vec!["principal has tenant"; n + 1].join(" && ")),
        ("or", vec!["context.method == \"a\""; n + 1].join(" || ")),
        ("plus", format!("{} == 1", vec!["1"; n + 1].join(" + "))),
        ("minus chain", format!("{} == 1", vec!["1"; n + 1].join(" - "))),
        ("times", format!("{} == 1", vec!["1"; n + 1].join(" * "))),
        ("dots", format!("principal.tenant{}.status == \"a\"", ".dataKey.tenant".repeat(n / 2))),
        ("has dots", format!("principal has tenant{}", ".dataKey.tenant".repeat(n / 2))),
        (
            "mixed",
            wrap("(context.method == \"a\" || principal has tenant && 1 + 2 * 3 == 7 && ", "true", ")"),
        ),
        ("clauses", format!("true }} {} unless {{ false", "when { true }".repeat(n))),
    ]
}

pub(super) fn policy(condition: &str) -> String {
    format!("@id(\"x\") permit(principal, action, resource) when {{ {condition} }};")
}

/// The largest size of a form that passes the scan.
pub(super) fn at_the_bound(form: usize) -> (&'static str, String) {
    let passes = |n: &usize| scan::check(&policy(&forms(*n).swap_remove(form).1), Policy).is_ok();
    let n = (1..4096).take_while(passes).last().unwrap();
    assert!(n < 4000, "nothing bounds {}", forms(n)[form].0);
    forms(n).swap_remove(form)
}

#[test]
fn a_text_at_the_bound_neither_overflows_one_mebibyte_of_stack_nor_errs_for_want_of_it() {
    for form in 0..forms(1).len() {
        let (name, condition) = at_the_bound(form);
        for stack in [1 << 20, 2 << 20] {
            let text = policy(&condition);
            let thread = std::thread::Builder::new().stack_size(stack).spawn(move || {
                let model = model(TENANTS);
                match Policies::compile(&schema(), &[source("p.cedar", &text)], &model) {
                    Ok((policies, _)) => {
                        let anna = user("anna", "acme", &[]);
                        let verdict = Call::new(&anna, Action::Read, "acme/west").decide(&policies, &model);
                        let _text = policies.effective_text("x").unwrap();
                        Ok(verdict.errors.is_empty())
                    }
                    Err(problems) => Err(problems.first().map(|one| one.message.clone())),
                }
            });
            let evaluated = thread.unwrap().join().unwrap();
            // Two of the forms are not well typed; they still go through parser and validator.
            assert!(evaluated == Ok(true) || ["in sets", "dots"].contains(&name), "{name}: {evaluated:?}");
        }
    }
}

#[test]
fn one_more_than_the_bound_is_a_problem_with_its_place() {
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    let found = problems(&model(TENANTS), &[source("deep.cedar", &policy(&deep))]);
    assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), ["policy-too-deep"]);
    assert_eq!((found[0].place.line, found[0].place.length), (1, 1));
    let long = vec!["true"; 200].join(" && ");
    let found = problems(&model(TENANTS), &[source("long.cedar", &policy(&long))]);
    assert_eq!(found[0].code, "policy-too-long");
}

#[test]
fn strings_and_comments_do_not_nest_and_do_not_hide() {
    let brackets = "(".repeat(100);
    assert!(scan::check(&policy(&format!("context.path == \"{brackets}\"")), Policy).is_ok());
    assert!(scan::check(&policy(&format!("true // {brackets}\n")), Policy).is_ok());
    assert!(scan::check(&policy(&format!("context.path == \"\\\"{brackets}\"")), Policy).is_ok());
    // A quote in a comment opens no string, a slash in a string no comment, and a carriage return ends one.
    assert!(scan::check(&policy(&format!("true // \"\n && {brackets}")), Policy).is_err());
    assert!(scan::check(&policy(&format!("context.path == \"//\" && {brackets}")), Policy).is_err());
    assert!(scan::check(&policy(&format!("true // x\r && {brackets}")), Policy).is_err());
    assert!(scan::check(&policy(&format!("context.path == \"\\\\\" && {brackets}")), Policy).is_err());
}

#[test]
fn many_shallow_policies_are_not_deep() {
    let one =
        policy("!(context has purpose) && (if true then -1 == -1 else !true) && [1, 2, -3].contains(1)");
    assert!(scan::check(&one.repeat(1_000), Policy).is_ok());
    assert!(scan::check(SCHEMA, SchemaText).is_ok());
    let baseline = include_str!("../../../policies/baseline.cedar");
    assert!(scan::check(baseline, Policy).is_ok());
}

#[test]
fn a_schema_nests_by_angle_brackets_too() {
    let deep = |n: usize| format!("entity A = {{ a: {}Long{} }};", "Set<".repeat(n), ">".repeat(n));
    assert!(scan::check(&deep(limits::POLICY_NESTING_MAX), SchemaText).is_err());
    let text = deep(limits::POLICY_NESTING_MAX - 1);
    assert!(scan::check(&text, SchemaText).is_ok());
    let thread = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || Policies::compile(&source("s", &text), &[], &model(TENANTS)).unwrap_err().len());
    assert!(thread.unwrap().join().unwrap() > 0);
}

#[test]
fn links_that_nest_are_refused_on_a_small_stack() {
    let flow = |n: usize| format!("links: {}{}", "[".repeat(n), "]".repeat(n));
    let block = |n: usize| {
        (0..n).fold(String::new(), |text, at| text + &" ".repeat(at) + "links:\n") + &" ".repeat(n) + "x"
    };
    let dashes = |n: usize| format!("links:\n{}x", "- ".repeat(n));
    for text in [flow(9), flow(100_000), block(9), block(2_000), dashes(9), dashes(100_000)] {
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
            let found = problems(&model(TENANTS), &[source("x.links.yaml", &text)]);
            found.into_iter().map(|one| one.code).collect::<Vec<_>>()
        });
        assert_eq!(thread.unwrap().join().unwrap(), ["links-syntax"]);
    }
}
