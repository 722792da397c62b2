//! From a document to the schema that request bodies are held against.

use super::*;
use crate::model::Denied;
use crate::model::Routes;
use crate::model::RoutesBuilder;
use crate::model::schema::tests::classes;

fn read_text(text: &str) -> Result<Routes, Vec<Problem>> {
    let mut builder = RoutesBuilder::new();
    builder.add_openapi("openapi.yaml", text, &classes());
    builder.finish()
}

/// What is said of a body by a document of this version with this schema of its request, beside one that refers to itself.
fn told(version: &str, schema: &str, body: &str) -> Vec<String> {
    let text = format!(
        "openapi: {version}\nx-palisade-validate: true\npaths:\n  /a:\n    post:\n      requestBody: {{content: {{application/json: {{schema: {schema}}}}}}}\ncomponents:\n  schemas:\n    Node: {{type: object, properties: {{next: {{$ref: '#/components/schemas/Node'}}, at~b: {{type: integer}}}}, additionalProperties: false}}\n"
    );
    let routes = read_text(&text).unwrap();
    let (_, route) = routes.iter().next().unwrap();
    let faults = route.schema.as_ref().unwrap().check(body.as_bytes()).err().unwrap_or_default();
    faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.keyword)).collect()
}

#[test]
fn references_are_followed_round_and_into_a_schema() {
    let node = "{$ref: '#/components/schemas/Node'}";
    for version in ["3.0.3", "3.1.0"] {
        assert_eq!(told(version, node, r#"{"next":{"next":{}}}"#), [""; 0]);
        assert_eq!(told(version, node, r#"{"next":{"next":{"x":1}}}"#), ["/next/next additionalProperties"]);
        let into = "{$ref: '#/components/schemas/Node/properties/at~0b'}";
        assert_eq!(told(version, into, "7"), [""; 0]);
        assert_eq!(told(version, into, "\"7\""), [" type"]);
        let both = "{allOf: [{$ref: '#/components/schemas/Node/properties/next'}, {$ref: '#/components/schemas/Node'}]}";
        assert_eq!(told(version, both, r#"{"x":1}"#).len(), 1);
    }
}

#[test]
fn each_version_is_read_in_its_own_words() {
    let nullable = "{type: string, nullable: true, enum: [a]}";
    assert_eq!(told("3.0.3", nullable, "null"), [""; 0]);
    assert_eq!(told("3.1.0", nullable, "null").len(), 2);
    assert_eq!(told("3.1.0", "{type: [string, 'null']}", "null"), [""; 0]);
    let bound = "{type: number, minimum: 1, exclusiveMinimum: true}";
    assert_eq!(told("3.0.3", bound, "1"), [" exclusiveMinimum"]);
    assert_eq!(told("3.0.3", &bound.replace("true", "false"), "1"), [""; 0]);
    assert_eq!(told("3.1.0", "{exclusiveMinimum: 1}", "1"), [" exclusiveMinimum"]);
    let beside = "{$ref: '#/components/schemas/Node', maxProperties: 0}";
    assert_eq!(told("3.0.3", beside, r#"{"at~b":1}"#), [""; 0]);
    assert_eq!(told("3.1.0", beside, r#"{"at~b":1}"#), [" maxProperties"]);
    // A member may be called like a keyword.
    let named = "{type: object, properties: {nullable: {type: string}, example: {type: integer}, items: {type: boolean}}}";
    assert_eq!(told("3.0.3", named, r#"{"nullable":1,"example":"x","items":1}"#).len(), 3);
    let read_only = "{type: object, required: [id, name], properties: {id: {type: string, readOnly: true}, name: {type: string}}}";
    assert_eq!(told("3.1.0", read_only, "{}"), ["/name required"]);
}

#[test]
fn what_cannot_be_validated_is_told_when_the_document_is_read() {
    let said = |operation: &str| {
        let text = format!("openapi: 3.1.0\npaths:\n  /a:\n    post: {operation}\n");
        match read_text(&text) {
            Ok(routes) => {
                routes.iter().map(|(_, route)| route.schema.is_some().to_string()).collect::<String>()
            }
            Err(problems) => problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>().join(","),
        }
    };
    let validate = "x-palisade-validate: true, requestBody:";
    assert_eq!(said(&format!("{{{validate} {{content: {{application/json: {{schema: {{}}}}}}}}}}")), "true");
    assert_eq!(said("{x-palisade-validate: true}"), "false");
    assert_eq!(said("{requestBody: {content: {application/json: {schema: {}}}}}"), "false");
    assert_eq!(
        said(&format!("{{{validate} {{content: {{text/plain: {{schema: {{}}}}}}}}}}")),
        "cannot-validate"
    );
    assert_eq!(
        said(&format!("{{{validate} {{content: {{application/json: {{}}}}}}}}")),
        "cannot-validate,missing-key"
    );
    let pattern = "{content: {application/json: {schema: {pattern: '(?=a)'}}}}";
    assert_eq!(said(&format!("{{{validate} {pattern}}}")), "bad-schema");
    assert_eq!(said("{x-palisade-validate: sometimes}"), "wrong-type");
    assert_eq!(said("{x-palisade-denied: hide}"), "unknown-word");
}

#[test]
fn a_document_says_what_becomes_of_a_denied_field_for_all_or_for_one() {
    let text = "openapi: 3.1.0\nx-palisade-denied: refuse\npaths:\n  /a: {post: {}, put: {x-palisade-denied: drop}}\n";
    let routes = read_text(text).unwrap();
    let all: Vec<Denied> = routes.iter().map(|(_, route)| route.denied).collect();
    assert_eq!(all, [Denied::Refuse, Denied::Drop]);
}
