//! Which documents are read, and which are refused because another reader may read them otherwise.

use super::*;
use crate::limits;
use proptest::prelude::*;

fn flaw(document: &str) -> Option<Flaw> {
    match ask(&graph("", SCHEMA), document) {
        Ok(operation) => operation.flaw,
        Err(flaw) => Some(flaw),
    }
}

#[test]
fn what_has_one_reading_is_read() {
    for document in [
        "{version}",
        "# a comment, { ssn }\nquery Q ($a: [ID!]! = [\"1\"], $b: Int = -1.5e+3 @upper) @upper { , version , }",
        "query { patients(ssn: \"\\u0041 \\\" \\\\ #\") { id } }",
        "query { patients(ssn: \"\"\"\n many { lines }\n\"\"\") { id } }",
        "{ patients(ssn: \"\") { id } }",
        "{ patients(ssn: \"é\") { id } }",
        "{ version }\r\n# end",
        "subscription S { admitted { id } }",
        "{ version } fragment unused on Patient { ssn }",
    ] {
        assert_eq!(flaw(document), None, "{document}");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    for document in [
        "",
        "  # nothing",
        "{",
        "{}",
        "{ version",
        "{ version } }",
        "version",
        "query Q",
        "query { }",
        "{ version: }",
        "{ patient() { id } }",
        "{ patient(id 1) { id } }",
        "{ patient(id: ) { id } }",
        "{ patient(id: 01) { id } }",
        "{ patient(id: 1.) { id } }",
        "{ patient(id: 1x) { id } }",
        "{ patient(id: \"a\nb\") { id } }",
        "{ patient(id: \"\\x\") { id } }",
        "{ patient(id: \"\\u12\") { id } }",
        "{ naïve }",
        "{ vеrsion }",
        "{ version\u{a0}}",
        "\u{feff}{ version }",
        "{ version .. }",
        "fragment on on Query { version }",
        "{ ...F } fragment F { version }",
        "{ ...F } fragment F($a: Int) on Query { version }",
        "type Query { a: Int }",
        "extend type Query { a: Int }",
        "\"a description\" query { version }",
        "query ($a) { version }",
        "query ($a: Int = $b) { version }",
        "{ version } garbage",
        "{ version; patient }",
        "{ patient(id: {a: 1) { id } }",
    ] {
        assert!(
            matches!(flaw(document), Some(Flaw::Syntax | Flaw::Operation)),
            "{document:?}: {:?}",
            flaw(document)
        );
    }
}

#[test]
fn what_other_readers_read_otherwise_is_refused() {
    for document in [
        // To who takes only a line feed for the end of a line the comment goes on.
        "{ version # \r patient(id: 1) { ssn } \n }",
        "{ version # \u{2028} patient\n }",
        "{ version # \u{85} patient\n }",
        "{ patients(ssn: \"\u{2029}\") { id } }",
        "{ patients(ssn: \"a\u{feff}\") { id } }",
        "{ patients(ssn: \"a\u{0}\") { id } }",
        // To who knows no texts of many lines these are three texts, and what is between them is not one.
        "{ patients(ssn: \"\"\" \" ] \"\"\") { id } }",
        "{ patients(ssn: \"\"\" \\\"\"\" \"\"\") { id } }",
        "{ patients(ssn: \"\"\"a\"\"\"\") { id } }",
        "{ patients(ssn: \"\\u{41}\") { id } }",
        "query A { version } query A { patient(id: 1) { ssn } }",
        "{ ...F } fragment F on Query { version } fragment F on Query { patient(id: 1) { ssn } }",
        "{ patient(id: 1, id: 2) { id } }",
        "mutation { admit(patients: [{name: \"a\", name: \"b\"}]) { id } }",
        "query ($a: Int, $a: String) { version }",
    ] {
        assert_eq!(flaw(document), Some(Flaw::Unclear), "{document:?}");
    }
}

#[test]
fn the_operation_that_is_meant_must_be_clear() {
    let graph = graph("", SCHEMA);
    let two = "query A { version } query B { patient(id: 1) { ssn } }";
    for (document, name, wanted) in [
        (two, None, None),
        (two, Some(""), None),
        (two, Some("C"), None),
        (two, Some("A"), Some(0)),
        (two, Some("B"), Some(1)),
        ("{ version } query A { version }", None, None),
        ("{ version } query A { version }", Some("A"), None),
        ("{ version }", Some("A"), None),
        ("{ version }", Some(""), Some(0)),
        ("query A { version }", None, Some(0)),
        ("fragment F on Query { version }", None, None),
    ] {
        let found = graph.operation(&[Asked { document, operation: name }]);
        let classes = found.map(|operation| operation.classes.len());
        assert_eq!(classes, wanted.ok_or(Flaw::Operation), "{document} {name:?}");
    }
}

#[test]
fn what_is_too_large_is_refused_at_once() {
    let deep = |depth: usize| {
        format!("{{ patient(id: 1) {} id {} }}", "{ friends ".repeat(depth) + "{", "}".repeat(depth + 1))
    };
    assert_eq!(flaw(&deep(50)), None);
    assert_eq!(flaw(&deep(limits::GRAPHQL_DEPTH_MAX)), Some(Flaw::TooLarge));
    assert_eq!(flaw(&"{ a ".repeat(100_000)), Some(Flaw::TooLarge));
    let lists = format!("{{ patient(id: {}1{}) {{ id }} }}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(flaw(&lists), Some(Flaw::TooLarge));
    assert_eq!(
        flaw(&format!("{{ {} }}", "version ".repeat(limits::GRAPHQL_SELECTED_MAX + 1))),
        Some(Flaw::TooLarge)
    );
    assert_eq!(
        flaw(&format!("{{ version # {}\n }}", "x".repeat(limits::GRAPHQL_DOCUMENT_BYTES_MAX))),
        Some(Flaw::TooLarge)
    );
    assert_eq!(
        flaw(&format!("{{ patients(ssn: [{}]) {{ id }} }}", "1 ".repeat(limits::GRAPHQL_TOKENS_MAX))),
        Some(Flaw::TooLarge)
    );
}

#[test]
fn what_a_batch_may_have_is_bounded_together() {
    let graph = graph("", SCHEMA);
    let document = format!("{{ patients(ssn: [{}]) {{ id }} }}", "1 ".repeat(limits::GRAPHQL_TOKENS_MAX / 3));
    let asked = Asked { document: &document, operation: None };
    assert!(graph.operation(&[asked; 2]).is_ok());
    assert_eq!(graph.operation(&[asked; 4]).unwrap_err(), Flaw::TooLarge);
}

#[test]
fn what_is_there_twice_is_found_among_many() {
    let many = |one: &dyn Fn(usize) -> String| (0..8_000).map(one).collect::<String>();
    let started = std::time::Instant::now();
    let arguments = many(&|n| format!("a{n}: 1 "));
    assert_eq!(flaw(&format!("{{ version({arguments}) }}")), Some(Flaw::Mismatch));
    assert_eq!(flaw(&format!("{{ version({arguments} a0: 2) }}")), Some(Flaw::Unclear));
    assert_eq!(flaw(&format!("{{ version(a: {{{arguments} a7999: 2}}) }}")), Some(Flaw::Unclear));
    let fragments: String = (0..3_000).map(|n| format!("fragment F{n} on Query {{ version }} ")).collect();
    let spreads: String = (0..3_000).map(|n| format!("...F{n} ")).collect();
    assert_eq!(flaw(&format!("{{ {spreads} }} {fragments}")), None);
    let again = "fragment F0 on Query { version }";
    assert_eq!(flaw(&format!("{{ {spreads} }} {fragments} {again}")), Some(Flaw::Unclear));
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn fragments_that_double_with_each_step_cost_one_step_each() {
    let mut document = "{ ...F0 } ".to_owned();
    for at in 0..60 {
        document += &format!("fragment F{at} on Query {{ ...F{} ...F{} }} ", at + 1, at + 1);
    }
    document += "fragment F60 on Query { patient(id: 1) { x: ssn } }";
    assert_eq!(data(&document, json!({"patient": {"x": "078"}})), json!({"patient": {}}));
}

#[test]
fn fragments_that_nest_in_a_long_chain_are_too_deep() {
    let mut document = "{ ...F0 } ".to_owned();
    for at in 0..3_000 {
        document += &format!("fragment F{at} on Query {{ ...F{} }} ", at + 1);
    }
    assert_eq!(flaw(&(document.clone() + "fragment F3000 on Query { version }")), Some(Flaw::TooLarge));
    let of_schema = document.replace("{ ...F0 }", "{ __schema { ...F0 } }").replace("on Query", "on __Type");
    assert_eq!(flaw(&(of_schema + "fragment F3000 on __Type { name }")), Some(Flaw::TooLarge));
}

#[test]
fn a_document_that_would_take_too_long_is_refused() {
    // Each field merges with every other in another way: the states of its answer double.
    let mut document = "{ ".to_owned();
    for at in 0..14 {
        document += &format!("...A{at} ");
    }
    document += "}";
    for at in 0..14 {
        let mut inner = "{ name }".to_owned();
        for level in (0..14).rev() {
            let other = if level == at { "" } else { "a: friends" };
            inner = format!(
                "{{ {other} {} b: friends {inner} }}",
                if other.is_empty() { "" } else { inner.as_str() }
            );
            if inner.len() > 12_000 {
                break;
            }
        }
        document += &format!(" fragment A{at} on Query {{ patient(id: 1) {inner} }}");
    }
    let started = std::time::Instant::now();
    let _ = flaw(&document);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail(text in "[a-z {}()\\[\\]:$!@#.|&=\"\\\\\n\r,0-9é-]{0,80}") {
        let graph = graph("", SCHEMA);
        drop(ask(&graph, &text));
        drop(Schema::read("x", &text, &classes()));
    }
}
