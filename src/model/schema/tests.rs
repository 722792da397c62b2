//! Where the schemas of a document put classes.

use super::*;

const CLINIC: &str = include_str!("../openapi/clinic.yaml");

pub(in crate::model) fn classes() -> Classes {
    let text = "
classes:
  pii: {level: 3, classes: {name: {}, contact: {classes: {email: {level: 4}}}}}
  health: {level: 5, mask: drop}
  internal: {level: 1}
";
    Classes::parse("classes.yaml", text).unwrap()
}

/// Walks the graph as a body would be walked: `a.b[].c`. The slow twin of the compiled shape.
fn at(document: &str, schema: &str, path: &str) -> Vec<String> {
    let mut reader = Reader::new("openapi.yaml");
    let root = reader.parse(document).unwrap();
    let mut document = Document::new(&root);
    let mut graph = Graph::new(&mut document, &mut reader);
    let schema = document.resolve(&mut reader, schema, root.at).unwrap();
    let start = graph.place(schema);
    let classes = classes();
    graph.expand(&mut document, &mut reader, &classes);
    assert_eq!(reader.into_problems(), []);
    let mut here = closure(&graph, vec![start]);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let next = here.iter().flat_map(|at| steps(&graph.places[*at], step, *at)).collect();
        here = closure(&graph, next);
    }
    let mut found: Vec<ClassIx> = here.iter().flat_map(|at| graph.places[*at].classes.clone()).collect();
    found.sort_unstable();
    found.dedup();
    found.iter().map(|class| classes.get(*class).unwrap().name.to_string()).collect()
}

fn steps(place: &Place<'_>, step: &str, itself: usize) -> Vec<usize> {
    if step == "[]" {
        return place.items.iter().copied().chain([itself]).collect();
    }
    let member = place.members.iter().find(|(key, _)| *key == step).map(|(_, to)| *to);
    member.or(place.any).into_iter().chain(place.every.clone()).collect()
}

fn closure(graph: &Graph<'_>, mut waiting: Vec<usize>) -> Vec<usize> {
    let mut all = Vec::new();
    while let Some(at) = waiting.pop() {
        if !all.contains(&at) {
            all.push(at);
            waiting.extend(&graph.places[at].also);
        }
    }
    all
}

fn clinic(schema: &str, path: &str) -> String {
    at(CLINIC, &format!("#/components/schemas/{schema}"), path).join(" ")
}

#[test]
fn properties_references_and_arrays_are_followed() {
    assert_eq!(clinic("Person", "name"), "pii.name");
    assert_eq!(clinic("Person", "emails.[]"), "pii.contact.email");
    assert_eq!(clinic("PatientList", "[].name"), "pii.name");
    assert_eq!(clinic("PatientList", "[].address"), "pii.contact");
    assert_eq!(clinic("PatientList", "[].id"), "");
    assert_eq!(clinic("Claim", "patient"), "pii.name");
    assert_eq!(clinic("Claim", "codes.[]"), "health");
}

#[test]
fn a_recursive_schema_is_a_cycle() {
    assert_eq!(clinic("Patient", "guardian.guardian.guardian.name"), "pii.name");
    assert_eq!(clinic("Patient", "notes.n1.replies.[].replies.[].text"), "health");
    assert_eq!(clinic("Patient", "notes.n1.replies.[]"), "health");
}

#[test]
fn additional_properties_are_those_that_are_not_named() {
    assert_eq!(clinic("Patient", "labels.anything"), "health");
    assert_eq!(clinic("Patient", "labels.public"), "");
}

#[test]
fn whoever_extends_a_discriminated_schema_may_stand_in_for_it() {
    assert_eq!(clinic("Event", "ip"), "pii.contact");
    assert_eq!(clinic("Event", "cause"), "internal");
    assert_eq!(clinic("Event", "reason"), "health");
    assert_eq!(clinic("Event", "injury"), "health");
    assert_eq!(clinic("Event", "kind"), "");
}

#[test]
fn a_list_where_one_value_is_promised_is_masked_like_the_value() {
    assert_eq!(clinic("Person", "name.[]"), "pii.name");
    assert_eq!(clinic("Person", "[].name"), "pii.name");
}

#[test]
fn every_other_way_to_say_what_a_value_may_be_counts() {
    let document = r##"{"x": {"$ref": "#/y~1z%7E0", "then": {"properties": {"a": {"x-palisade-class": "pii"}}},
        "dependentSchemas": {"q": {"properties": {"b": {"x-palisade-class": ["pii", "health"]}}}},
        "unevaluatedProperties": {"x-palisade-class": "internal"}, "anyOf": [true, {"items": [{}, {"properties": {"c": {"x-palisade-class": "pii"}}}]}]},
        "y/z~0": false, "y/z~": {"contains": {"properties": {"d": {"x-palisade-class": "health"}}}}}"##;
    assert_eq!(at(document, "#/x", "a"), ["internal", "pii"]);
    assert_eq!(at(document, "#/x", "b"), ["health", "internal", "pii"]);
    assert_eq!(at(document, "#/x", "[].c"), ["internal", "pii"]);
    assert_eq!(at(document, "#/x", "[].d"), ["health", "internal"]);
}

#[test]
fn ten_thousand_schemas_in_a_chain_do_not_overflow() {
    let mut document = String::from("s:\n");
    for at in 0..10_000 {
        document.push_str(&format!("  s{at}: {{properties: {{n: {{$ref: '#/s/s{}'}}}}}}\n", at + 1));
    }
    document.push_str("  s10000: {x-palisade-class: pii}\n");
    assert_eq!(at(&document, "#/s/s0", ""), [""; 0]);
    assert_eq!(at(&document, "#/s/s9999", "n"), ["pii"]);
}
