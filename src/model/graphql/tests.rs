//! What is hidden in answers of GraphQL, whatever a document calls it; what documents and schemas are refused.

mod documents;
mod laws;
mod mutations;
mod rows;
mod schemas;
mod strays;

use std::sync::Arc;

use bytes::Buf as _;
use bytes::Bytes;
use serde_json::Value as Json;
use serde_json::json;

use super::*;
use crate::model::RoutesBuilder;
use crate::problem::Problem;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::Redactor;

const CLASSES: &str = "
classes:
  pii: {level: 2, mask: fixed, classes: {name: {}, ssn: {mask: drop, detect: [national-id]}, mail: {mask: 'null', detect: [email]}}}
  rest: {level: 1, mask: 'null', unclassified: true}
";

pub(super) const SCHEMA: &str = r#"
"What is asked."
type Query {
  patient(id: ID!): Patient
  patients(ssn: String @class(name: "pii.ssn")): [Patient!]!
  staff: [Staff]
  people: [Person]
  any: Anybody
  version: String
}
type Mutation {
  rename(id: ID!, name: String! @class(name: "pii.name")): Patient
  admit(patients: [Admission!]!, note: String): Patient
  ping(times: Int): String
}
type Subscription { admitted: Patient }
interface Person { id: ID! name: String @class(name: "pii.name") mail: Email }
type Patient implements Person & Node {
  id: ID!
  name: String
  mail: Email
  ssn: String @class(name: "pii.ssn")
  ward: Ward
  friends: [Patient]
}
type Staff implements Person { id: ID! name: String mail: Email title: String id2: String }
type Ward { number: Int, head: Staff, patients: [Patient] }
interface Node { id: ID! }
union Anybody = Patient | Staff | Ward
scalar Email @class(name: "pii.mail")
directive @upper on FIELD
input Admission { name: String @class(name: "pii.name") contact: Contact kind: Kind }
input Contact { mail: Email next: Contact }
enum Kind { IN OUT }
"#;

pub(super) fn classes() -> Classes {
    Classes::parse("classes.yaml", CLASSES).unwrap()
}

/// The routes of a file with one schema.
pub(super) fn routes(route: &str, schema: &str) -> Result<crate::model::Routes, Vec<Problem>> {
    let mut builder = RoutesBuilder::new();
    builder.add_graphql("model/schema.graphql", "schema.graphql", schema, &classes());
    let text =
        format!("routes: [{{method: POST, path: /graphql, graphql: {{schema: schema.graphql{route}}}}}]");
    builder.add_yaml("routes.yaml", &text, &classes());
    builder.finish()
}

pub(super) fn graph(route: &str, schema: &str) -> Arc<GraphQl> {
    let routes = routes(route, schema).unwrap();
    let (_, route) = routes.iter().next().unwrap();
    Arc::clone(route.graphql.as_ref().unwrap())
}

pub(super) fn ask(graph: &GraphQl, document: &str) -> Result<Operation, Flaw> {
    graph.operation(&[Asked { document, operation: None }])
}

/// The answer as a caller gets it from whom these classes are hidden.
pub(super) fn seen(operation: &Operation, hidden: &[&str], answer: &Json) -> Json {
    let classes = classes();
    let hidden = hidden.iter().map(|name| {
        let class = classes.find(name).unwrap();
        (class, classes.get(class).unwrap().mask.clone())
    });
    let plan = Plan::new(&operation.response, hidden.collect::<Vec<(ClassIx, Mask)>>(), None);
    let mut redactor = Redactor::new(Arc::new(plan), Encoding::Identity);
    let mut out = redactor.feed(Bytes::from(answer.to_string())).unwrap();
    let mut all = out.copy_to_bytes(out.remaining()).to_vec();
    let (mut last, _) = redactor.finish().unwrap();
    all.extend_from_slice(&last.copy_to_bytes(last.remaining()));
    serde_json::from_slice(&all).unwrap()
}

/// What is seen of an answer's data without names, numbers and addresses.
fn data(document: &str, data: Json) -> Json {
    let operation = ask(&graph("", SCHEMA), document).unwrap();
    assert_eq!(operation.flaw, None, "{document}");
    let mut seen = seen(&operation, &["pii", "pii.name", "pii.ssn", "pii.mail"], &json!({"data": data}));
    seen["data"].take()
}

fn names(classes: &[ClassIx]) -> Vec<String> {
    let known = self::classes();
    classes.iter().map(|class| known.get(*class).unwrap().name.to_string()).collect()
}

#[test]
fn an_alias_takes_its_class_with_it() {
    let seen = data(
        "{ patient(id: 1) { id: ssn name: id ssn: id } }",
        json!({"patient": {"id": "078", "name": 1, "ssn": 1}}),
    );
    assert_eq!(seen, json!({"patient": {"name": 1, "ssn": 1}}));
}

#[test]
fn a_class_of_an_interface_is_one_of_what_implements_it_and_the_other_way() {
    let both = "{ people { name ... on Patient { x: ssn } } patient(id: 1) { name } }";
    let seen =
        data(both, json!({"people": [{"name": "a", "x": "078"}, {"name": "b"}], "patient": {"name": "c"}}));
    let masked = "[redacted]";
    assert_eq!(seen, json!({"people": [{"name": masked}, {"name": masked}], "patient": {"name": masked}}));
    // What is asked of an interface may be any of its types.
    let schema = "type Query { one: I } interface I { x: String } type A implements I { x: String @class(name: \"pii.ssn\") } type B implements I { x: String }";
    let operation = ask(&graph("", schema), "{ one { y: x } }").unwrap();
    assert_eq!(names(&operation.classes), ["pii.ssn"]);
    assert_eq!(
        self::seen(&operation, &["pii.ssn"], &json!({"data": {"one": {"y": 7}}})),
        json!({"data": {"one": {}}})
    );
}

#[test]
fn a_fragment_on_an_interface_says_what_its_fields_are_called() {
    let document = "query Q { any { ...P ... on Ward { n: number } __typename } } fragment P on Person { n2: name mail ...D } fragment D on Patient { deep: ssn }";
    let seen = data(
        document,
        json!({"any": {"__typename": "Patient", "n2": "Ada", "mail": "a@b.example", "deep": "078"}}),
    );
    assert_eq!(seen, json!({"any": {"__typename": "Patient", "n2": "[redacted]", "mail": null}}));
}

#[test]
fn fragments_within_fragments_are_followed_and_those_that_contain_themselves_refused() {
    let document = "{ ...A } fragment A on Query { ...B } fragment B on Query { patient(id: 1) { ...C } } fragment C on Patient { friends { ... on Person { ... @include(if: true) { k: name } } } }";
    let seen = data(document, json!({"patient": {"friends": [{"k": "Ada"}]}}));
    assert_eq!(seen, json!({"patient": {"friends": [{"k": "[redacted]"}]}}));
    for document in [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B version } fragment B on Query { patient(id: 1) { id } ...A }",
        "{ __schema { ...A } } fragment A on __Schema { ...A }",
    ] {
        assert_eq!(ask(&graph("", SCHEMA), document).unwrap_err(), Flaw::Syntax, "{document}");
    }
}

#[test]
fn one_name_for_fields_of_two_types_is_of_both() {
    let document = "{ any { ... on Patient { id: ssn } ... on Staff { id } } }";
    assert_eq!(data(document, json!({"any": {"id": "078"}})), json!({"any": {}}));
    // In a place of its own each is what it is.
    let document = "{ a: patient(id: 1) { id } b: patient(id: 1) { id: ssn } }";
    assert_eq!(data(document, json!({"a": {"id": 1}, "b": {"id": "078"}})), json!({"a": {"id": 1}, "b": {}}));
}

#[test]
fn what_two_places_select_of_one_thing_is_merged() {
    let document = "{ patient(id: 1) { id ward { number } } ...F } fragment F on Query { patient(id: 1) { n: name ward { head { title } } } }";
    let answer = json!({"patient": {"id": 1, "ward": {"number": 4, "head": {"title": "Dr"}}, "n": "Ada"}});
    let wanted =
        json!({"patient": {"id": 1, "ward": {"number": 4, "head": {"title": "Dr"}}, "n": "[redacted]"}});
    assert_eq!(data(document, answer), wanted);
}

#[test]
fn conditions_are_taken_for_met() {
    let document = "query($a: Boolean!) { patient(id: 1) { id @skip(if: true) id: ssn @include(if: $a) } }";
    assert_eq!(data(document, json!({"patient": {"id": "078"}})), json!({"patient": {}}));
}

#[test]
fn a_key_that_nobody_asked_for_is_hidden_as_all_that_was() {
    let answer =
        json!({"patient": {"id": 1, "name": "Ada", "ssn": "078", "ward": {"number": 1}}, "staff": []});
    assert_eq!(
        data("{ patient(id: 1) { id name } }", answer),
        json!({"patient": {"id": 1, "name": "[redacted]", "ssn": "[redacted]", "ward": "[redacted]"}, "staff": "[redacted]"})
    );
    // Of what carries no class nothing is hidden.
    let answer = json!({"version": "1", "more": 2});
    assert_eq!(data("{ version }", answer.clone()), answer);
}

#[test]
fn a_class_of_a_scalar_is_one_of_every_field_that_gives_it() {
    let seen = data("{ staff { m: mail } }", json!({"staff": [{"m": "a@b.example"}, null]}));
    assert_eq!(seen, json!({"staff": [{"m": null}, null]}));
}

#[test]
fn only_what_is_selected_is_asked_for() {
    let graph = graph("", SCHEMA);
    for (document, classes) in [
        ("{ version __typename }", vec![]),
        ("{ patient(id: 1) { id ward { number } } }", vec![]),
        ("{ patient(id: 1) { name } }", vec!["pii.name"]),
        ("{ patients(ssn: \"078\") { id } }", vec![]),
        ("subscription { admitted { ssn name } }", vec!["pii.name", "pii.ssn"]),
        ("{ __schema { types { name } } }", vec![]),
    ] {
        let operation = ask(&graph, document).unwrap();
        assert_eq!(
            (names(&operation.classes), operation.flaw),
            (classes.into_iter().map(str::to_owned).collect(), None),
            "{document}"
        );
    }
}

#[test]
fn a_batch_is_judged_together() {
    let graph = graph("", SCHEMA);
    let asked = |document| Asked { document, operation: None };
    let operation = graph
        .operation(&[asked("{ version x: version }"), asked("{ x: patient(id: 1) { id: ssn } }")])
        .unwrap();
    let answer = json!([{"data": {"version": "1"}}, {"data": {"x": {"id": "078"}}}]);
    let seen = self::seen(&operation, &["pii.ssn"], &answer);
    assert_eq!(seen, json!([{"data": {"version": "1"}}, {"data": {"x": {}}}]));
    let both = graph.operation(&[asked("{ version }"), asked("mutation { ping(times: 1) }")]);
    assert_eq!(both.unwrap_err(), Flaw::Operation);
    assert_eq!(graph.operation(&[]).unwrap_err(), Flaw::Operation);
    let many = vec![asked("{ version }"); crate::limits::GRAPHQL_BATCH_MAX + 1];
    assert_eq!(graph.operation(&many).unwrap_err(), Flaw::TooLarge);
}

#[test]
fn what_is_told_of_errors_is_hidden_with_the_data_but_where_they_stand() {
    let errors = json!([{"message": "no ward for Ada, 078-05-1120", "path": ["patient", 0, "id"], "locations": [{"line": 1, "column": 2}], "extensions": {"code": "NOT_FOUND", "at": "Ada"}}]);
    let answer = json!({"data": null, "errors": errors, "extensions": {"cost": 1}});
    for mode in ["", ", mode: closed"] {
        let operation = ask(&graph(mode, SCHEMA), "{ patient(id: 1) { id: ssn } }").unwrap();
        let got = seen(&operation, &["pii.ssn"], &answer);
        let mut wanted = answer.clone();
        wanted["errors"][0]["message"] = json!("[redacted]");
        wanted["errors"][0]["extensions"].as_object_mut().unwrap().remove("at");
        wanted.as_object_mut().unwrap().remove("extensions");
        assert_eq!(got, wanted, "{mode}");
        // Where nothing is hidden, nothing is.
        assert_eq!(seen(&operation, &[], &answer), answer);
    }
    let operation = ask(&graph(", mode: guarded", SCHEMA), "{ patient(id: 1) { id } }").unwrap();
    let got = seen(&operation, &["pii.ssn"], &answer);
    let mut wanted = answer;
    wanted["errors"][0]["message"] = json!("no ward for Ada, [redacted]");
    assert_eq!(got, wanted);
}

#[test]
fn a_closed_route_shows_the_schema_and_hides_what_it_does_not_classify() {
    let operation = ask(
        &graph(", mode: closed", SCHEMA),
        "{ __typename t: __type(name: \"x\") { name } patient(id: 1) { __typename id name } }",
    )
    .unwrap();
    let answer = json!({"data": {"__typename": "Query", "t": {"name": "X", "fields": [{"name": "y"}]}, "patient": {"__typename": "Patient", "id": 1, "name": "Ada"}}});
    let got = seen(&operation, &["rest"], &answer);
    let mut wanted = answer;
    wanted["data"]["patient"]["id"] = json!(null);
    assert_eq!(got, wanted);
}

#[test]
fn a_default_is_not_read_without_end() {
    let items = "1 ".repeat(10_000);
    let fields = "rename(id: 1, name: $v) { id } ".repeat(100);
    let operation =
        ask(&graph("", SCHEMA), &format!("mutation($v: String = [{items}]) {{ {fields} }}")).unwrap();
    assert_eq!(operation.flaw, Some(Flaw::TooLarge));
    assert!(operation.sets.is_empty());
}

#[test]
fn no_other_field_under_a_like_key_shows_what_a_closed_route_hides() {
    let closed = graph(", mode: closed", SCHEMA);
    for (document, answer) in [
        ("{ patient(id: 1) { id i_d: __typename } }", json!({"id": "secret", "i_d": "Patient"})),
        ("{ patient(id: 1) { id i_d: name } }", json!({"id": "secret", "i_d": "Ada"})),
        (
            "{ patient(id: 1) { ward { number } w_ard: __typename } }",
            json!({"ward": {"number": "secret"}, "w_ard": "x"}),
        ),
        ("{ people { ... on Staff { x: name } ... on Patient { x: id } } }", json!({"x": "secret"})),
    ] {
        let operation = ask(&closed, document).unwrap();
        let got = seen(&operation, &["rest"], &json!({"data": {"patient": answer, "people": [answer]}}));
        assert!(!got.to_string().contains("secret"), "{document}: {got}");
    }
}

#[test]
fn a_field_of_an_interface_is_also_what_no_class_names_where_it_is_that_for_one_type() {
    let schema = r#"
type Query { people: [Person] }
interface Person { note: String }
type Staff implements Person { note: String @class(name: "pii.name") }
type Patient implements Person { note: String }
"#;
    let operation = ask(&graph(", mode: closed", schema), "{ people { note } }").unwrap();
    let answer = json!({"data": {"people": [{"note": "secret"}]}});
    assert!(!seen(&operation, &["rest"], &answer).to_string().contains("secret"));
}

#[test]
fn what_does_not_fit_the_schema_is_taken_to_ask_for_everything() {
    let graph = graph("", SCHEMA);
    for document in [
        "{ patient(id: 1) { socialSecurity } }",
        "{ patient }",
        "{ version { x } }",
        "{ patient(id: 1, deep: true) { id } }",
        "{ patient(id: 1) { id @rename(to: \"x\") } }",
        "{ ... on Nobody { id } }",
        "{ ...Missing }",
        "{ patient(id: 1) { __schema { types { name } } } }",
        "{ __none }",
    ] {
        let operation = ask(&graph, document).unwrap();
        assert_eq!(operation.flaw, Some(Flaw::Mismatch), "{document}");
        assert_eq!(names(&operation.classes), ["pii.mail", "pii.name", "pii.ssn"], "{document}");
        let answer = json!({"data": {"version": 1}});
        assert_ne!(seen(&operation, &["pii.ssn"], &answer), answer, "{document}");
    }
    let parts = ask(&graph, "{ patient(id: 1) { id ... @defer { ssn } } }").unwrap();
    assert_eq!(parts.flaw, Some(Flaw::Incremental));
    assert_eq!(ask(&graph, "{ version @upper }").unwrap().flaw, None);
}

#[test]
fn a_route_may_keep_its_schema_to_itself() {
    let graph = graph(", introspection: false", SCHEMA);
    assert_eq!(ask(&graph, "{ a: __schema { types { name } } }").unwrap_err(), Flaw::Introspection);
    assert_eq!(
        ask(&graph, "{ ...A } fragment A on Query { __type(name: \"x\") { name } }").unwrap_err(),
        Flaw::Introspection
    );
    assert_eq!(ask(&graph, "{ __typename }").unwrap().flaw, None);
}
