//! What mutations set, by variables and by values in the document.

use super::*;
use crate::redact::held::places;

fn set(document: &str) -> Vec<(String, String)> {
    let operation = ask(&graph("", SCHEMA), document).unwrap();
    assert_eq!(operation.flaw, None, "{document}");
    operation.sets.iter().map(|set| (names(&[set.class]).remove(0), set.pointer.to_string())).collect()
}

/// Where variables stand that are of a class.
fn places_of(document: &str, body: Json) -> Vec<String> {
    let operation = ask(&graph("", SCHEMA), document).unwrap();
    assert_eq!(operation.flaw, None, "{document}");
    let Some(shape) = &operation.request else { return Vec::new() };
    let all = operation.request_classes.iter().map(|class| (*class, Mask::Drop));
    let plan = Plan::new(shape, all.collect::<Vec<_>>(), None);
    places(&plan, body.to_string().as_bytes()).into_iter().map(|place| place.pointer).collect()
}

#[test]
fn a_value_in_the_document_is_of_the_class_of_its_place() {
    let one = |class: &str, at: &str| (class.to_owned(), at.to_owned());
    assert_eq!(
        set("mutation { rename(id: 1, name: \"Ada\") { id } }"),
        [one("pii.name", "/query/rename/name")]
    );
    assert_eq!(
        set("mutation { x: rename(id: 1, name: null) { id } }"),
        [one("pii.name", "/query/rename/name")]
    );
    let nested = "mutation { admit(patients: [{name: \"Ada\", contact: {mail: \"x\", next: {mail: $m}}, kind: IN}]) { id } }";
    let nested = nested.replace("mutation", "mutation($m: Email)");
    let at = "/query/admit/patients";
    assert_eq!(
        set(&nested),
        [one("pii.name", &format!("{at}/name")), one("pii.mail", &format!("{at}/contact/mail"))]
    );
    assert_eq!(set("mutation { ping(times: 3) }"), []);
    // What only asks sets nothing.
    assert_eq!(set("{ patients(ssn: \"078\") { id } }"), []);
}

#[test]
fn a_variable_is_of_what_it_is_declared_as_and_of_what_it_stands_for() {
    let body = json!({"query": "…", "variables": {"n": "Ada", "i": 7, "a": [{"name": "x", "contact": {"next": {"mail": "y"}}, "kind": "IN"}], "m": "z"}});
    let document = "mutation($n: String!, $i: ID!, $a: [Admission!]!, $m: Email) { rename(id: $i, name: $n) { id } admit(patients: $a) { id } }";
    assert_eq!(
        places_of(document, body.clone()),
        ["/variables/n", "/variables/a/0/name", "/variables/a/0/contact/next/mail", "/variables/m"]
    );
    // In a field of a value, in a list, and once more by its default.
    let document = "mutation($n: String = \"Eve\", $i: ID!, $a: String, $m: Contact) { admit(patients: [{name: $n}, {contact: $m}]) { id } }";
    assert_eq!(
        places_of(document, json!({"variables": {"n": "Ada", "a": "x", "m": {"next": {"mail": "y"}}}})),
        ["/variables/n", "/variables/m/next/mail"]
    );
    assert_eq!(set(document), [("pii.name".to_owned(), "/query/admit/patients/name".to_owned())]);
    assert_eq!(places_of("{ version }", body), Vec::<String>::new());
}

#[test]
fn what_a_directive_is_given_is_of_the_class_of_its_argument() {
    let schema = SCHEMA.to_owned()
        + "directive @note(by: String @class(name: \"pii.name\"), to: Email, n: Int) on FIELD | MUTATION | VARIABLE_DEFINITION";
    let graph = graph("", &schema);
    let ping = "ping(times: 1)";
    for (document, wanted) in [
        (format!("mutation {{ {ping} @note(by: \"Ada\", n: 1) }}"), vec!["/query/@note/by"]),
        (format!("mutation @note(to: \"x\") {{ {ping} }}"), vec!["/query/@note/to"]),
        (format!("mutation($a: Int @note(by: \"Ada\")) {{ {ping} }}"), vec!["/query/@note/by"]),
        (
            "mutation { ...F } fragment F on Mutation { ping @note(by: \"Ada\") }".to_owned(),
            vec!["/query/@note/by"],
        ),
        ("{ version @note(by: \"Ada\") }".to_owned(), vec![]),
    ] {
        let operation = ask(&graph, &document).unwrap();
        let set: Vec<&str> = operation.sets.iter().map(|set| &*set.pointer).collect();
        assert_eq!((set, operation.flaw), (wanted, None), "{document}");
    }
    let by_variable = ask(&graph, "mutation($v: String) { ping @note(by: $v) }").unwrap();
    assert_eq!(names(&by_variable.request_classes), ["pii.name"]);
    // Of a mutation that does not fit, everything is taken to be set.
    for document in ["mutation { ping @note(x: 1) }", "mutation($a: Int @nobody) { ping }"] {
        assert_eq!(ask(&graph, document).unwrap().flaw, Some(Flaw::Mismatch), "{document}");
    }
    let only = "type Query { a: Int } type Mutation { b: Int } directive @note(by: String @class(name: \"pii.name\")) on FIELD";
    let operation = ask(&self::graph("", only), "mutation { b nothing }").unwrap();
    assert_eq!(names(&operation.request_classes), ["pii.name"]);
}

#[test]
fn a_batch_has_the_variables_of_all_its_documents() {
    let graph = graph("", SCHEMA);
    let asked = |document| Asked { document, operation: None };
    let rename = asked("mutation($a: String!) { rename(id: 1, name: $a) { id } }");
    let ping = asked("mutation($a: Int) { ping(times: $a) }");
    let operation = graph.operation(&[ping, rename]).unwrap();
    assert_eq!(names(&operation.request_classes), ["pii.name"]);
}

#[test]
fn a_mutation_that_does_not_fit_is_taken_to_set_everything() {
    for document in [
        "mutation { admit(patients: [{nam: \"Ada\"}]) { id } }",
        "mutation { rename(id: 1, name: $nobody) { id } }",
        "mutation($a: Nothing) { ping(times: $a) }",
    ] {
        let operation = ask(&graph("", SCHEMA), document).unwrap();
        assert_eq!(operation.flaw, Some(Flaw::Mismatch), "{document}");
        assert_eq!(names(&operation.request_classes), ["pii.mail", "pii.name"], "{document}");
    }
}

#[test]
fn types_of_variables_are_not_gone_through_without_end() {
    let fields: String = (0..crate::limits::GRAPHQL_INPUTS_MAX).map(|n| format!("f{n}: Int ")).collect();
    let schema = format!(
        "type Query {{ a: Int }} type Mutation {{ b(of: Wide): Int }} input Wide {{ {fields} }} \
         input Wider {{ name: String @class(name: \"pii.name\") wide: Wide, again: Wider }}"
    );
    let of = |schema: &str, kind: &str| {
        let graph = graph("", schema);
        ask(&graph, &format!("mutation($v: {kind}) {{ b(of: $v) }}")).unwrap().flaw
    };
    // Nothing in it has a class, so that nobody looks.
    assert_eq!(of(&schema, "Wide"), None);
    assert_eq!(of(&schema, "Wider"), None);
    let classified = schema.replace("f0: Int", "f0: Int @class(name: \"pii.ssn\")");
    assert_eq!(of(&classified, "Wider"), Some(Flaw::TooLarge));
}

#[test]
fn what_is_set_is_told_as_json() {
    let told = |value: &str| {
        let document = format!("mutation {{ rename(id: 1, name: {value}) {{ id }} }}");
        ask(&graph("", SCHEMA), &document).unwrap().sets.remove(0).value.map(|value| value.to_string())
    };
    assert_eq!(told("\"[redacted]\"").as_deref(), Some("\"[redacted]\""));
    assert_eq!(told("\"\"\"a \\ b\"\"\"").as_deref(), Some("\"a \\\\ b\""));
    assert_eq!(told("-1.5").as_deref(), Some("-1.5"));
    assert_eq!(told("null").as_deref(), Some("null"));
    assert_eq!(told("WORD").as_deref(), Some("\"WORD\""));
    assert_eq!(told("{a: 1}"), None);
}
