//! What is wrong in a schema or in what a route says of one, and where.

use super::*;

fn problems(route: &str, schema: &str) -> Vec<String> {
    let tell = |problem: &Problem| {
        let place = &problem.place;
        let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        format!("{}:{}:{} {}: {}{hint}", place.file, place.line, place.column, problem.code, problem.message)
    };
    match routes(route, schema) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(tell).collect(),
    }
}

#[test]
fn what_is_wrong_in_a_schema_is_told_with_its_place() {
    for (schema, wanted) in [
        (
            "type Query { a: Strin }",
            "schema.graphql:1:17 unknown-graphql-type: the schema has no type `Strin` (did you mean `String`?)",
        ),
        (
            "type Query {\n  a: Int @class(name: \"pii.nam\")\n}",
            "schema.graphql:2:10 unknown-class: `pii.nam` is not a data class (did you mean `pii.name`?)",
        ),
        (
            "type Query { a: Int @class }",
            "schema.graphql:1:22 bad-graphql-schema: the schema cannot be read: write which class it is: `@class(name: \"pii.name\")`",
        ),
        (
            "type Query { a: Int @class(name: [\"pii\"]) }",
            "schema.graphql:1:22 bad-graphql-schema: the schema cannot be read: write which class it is: `@class(name: \"pii.name\")`",
        ),
        (
            "type Query { a: Int a: Int }",
            "schema.graphql:1:21 bad-graphql-schema: the schema cannot be read: this name is there twice",
        ),
        (
            "type Query { a: Int } type Query { b: Int }",
            "schema.graphql:1:28 bad-graphql-schema: the schema cannot be read: this type is defined twice; write `extend` before the second",
        ),
        (
            "type Query { a: In } input In { b: Int }",
            "schema.graphql:1:17 bad-graphql-schema: `In` is not a type that can be asked for",
        ),
        (
            "type Query { a(b: Query): Int }",
            "schema.graphql:1:19 bad-graphql-schema: `Query` is not a type that can be given",
        ),
        (
            "type Query implements A { a: Int } type A { a: Int }",
            "schema.graphql:1:23 bad-graphql-schema: `A` is not an interface",
        ),
        (
            "type Query { a: E } enum E { X @class(name: \"pii\") }",
            "schema.graphql:1:32 bad-graphql-schema: the schema cannot be read: a word of an enum has no class of its own; give one to the enum",
        ),
        (
            "type Query { a: Int } directive @x(y: Int @class(name: \"pii\")) on FIELD_DEFINITION | OBJECT",
            "schema.graphql:1:43 bad-graphql-schema: the schema cannot be read: callers give nothing to this directive, so that a class of its argument has no meaning; give it to the field, the argument or the type that has the value",
        ),
        (
            "type Query { a: Int } directive @x(y: Int @class(name: \"pi\")) on FIELD",
            "schema.graphql:1:43 unknown-class: `pi` is not a data class (did you mean `pii`?)",
        ),
        (
            "schema @class(name: \"pii\") { query: Query } type Query { a: Int }",
            "schema.graphql:1:8 bad-graphql-schema: the schema cannot be read: a schema has no class of its own; give one to its types",
        ),
        (
            "type A { a: Int }",
            "schema.graphql:0:0 bad-graphql-schema: the schema has no type of queries (define a type `Query`, or name one by `schema { query: … }`)",
        ),
        (
            "typ Query { a: Int }",
            "schema.graphql:1:1 bad-graphql-schema: the schema cannot be read: no definition begins so; a schema has `type`, `interface`, `union`, `scalar`, `enum`, `input`, `directive`, `schema`",
        ),
    ] {
        assert_eq!(problems("", schema), [wanted], "{schema}");
    }
}

#[test]
fn what_a_route_says_of_a_schema_must_be_there() {
    let at = |route: &str| problems(route, SCHEMA);
    assert_eq!(
        at(", classes: {Patient.nam: pii.name, Patien: pii, Query.patient.ids: pii, Ward.number: pi}"),
        [
            "routes.yaml:1:85 unknown-graphql-field: the type `Patient` has no field `nam` (did you mean `Patient.name`?)",
            "routes.yaml:1:108 unknown-graphql-field: the schema has no type `Patien` (did you mean `Patient`?)",
            "routes.yaml:1:121 unknown-graphql-field: the field `Query.patient` has no argument `ids` (did you mean `Query.patient.id`?)",
            "routes.yaml:1:158 unknown-class: `pi` is not a data class (did you mean `pii`?)",
        ]
    );
    assert!(at(", mutation: chnge")[0].contains("unknown-action"));
    assert!(at(", mode: clsed")[0].contains("unknown-mode"));
    assert!(at(", schem: x")[0].contains("unknown-key"));
    let mut builder = RoutesBuilder::new();
    builder.add_graphql("a/s.graphql", "a/s.graphql", SCHEMA, &classes());
    builder.add_graphql("b/s.graphql", "b/s.graphql", SCHEMA, &classes());
    builder.add_yaml(
        "routes.yaml",
        "routes:
- {method: POST, path: /a, graphql: {schema: s.graphql}}
- {method: POST, path: /b, graphql: {schema: t.graphql}}
- {method: POST, path: /c, graphql: {schema: b/s.graphql}, response: {classes: {a: pii}}}
- {method: POST, path: /d, public: true, graphql: {schema: b/s.graphql}}",
        &classes(),
    );
    let found = builder.finish().unwrap_err();
    let found: Vec<_> = found.iter().map(|one| (one.place.line, one.code, &*one.message)).collect();
    assert_eq!(
        found,
        [
            (2, "unknown-graphql-schema", "there is several schemas of GraphQL of the name `s.graphql`"),
            (3, "unknown-graphql-schema", "there is no schema of GraphQL of the name `t.graphql`"),
            (
                4,
                "contradiction",
                "a route of GraphQL says what its bodies carry by its schema, and by `graphql` alone"
            ),
            (
                5,
                "public-classes",
                "a public route cannot carry classified data: nobody is known to whom it could be shown"
            ),
        ]
    );
}

#[test]
fn a_route_adds_classes_that_the_schema_does_not_name() {
    let graph = graph(
        ", classes: {Ward.number: pii.ssn, Staff: pii.mail, Mutation.ping.times: pii.name, Query.version: pii}",
        SCHEMA,
    );
    let classes = |document| names(&ask(&graph, document).unwrap().classes);
    assert_eq!(classes("{ any { ... on Ward { number } } }"), ["pii.mail", "pii.ssn"]);
    assert_eq!(classes("{ staff { id } }"), ["pii.mail"]);
    assert_eq!(classes("{ people { id } }"), ["pii.mail"]);
    assert_eq!(classes("{ version }"), ["pii"]);
    assert_eq!(classes("mutation { ping(times: 1) }"), ["pii.name"]);
}

#[test]
fn a_class_of_a_root_type_is_one_of_all_that_is_asked_of_it() {
    let mine = SCHEMA.replace("type Query {", "type Query @class(name: \"pii.ssn\") {");
    for (graph, document) in [
        (graph("", &mine), "{ version }"),
        (graph("", &mine), "{ ...A } fragment A on Query { version: version }"),
        (graph(", classes: {Query: pii.ssn}", SCHEMA), "{ version }"),
        (graph(", classes: {Mutation: pii.ssn}", SCHEMA), "mutation { version: ping(times: 1) }"),
        (graph(", classes: {Subscription: pii.ssn}", SCHEMA), "subscription { version: admitted { id } }"),
    ] {
        let operation = ask(&graph, document).unwrap();
        assert_eq!(names(&operation.classes), ["pii.ssn"], "{document}");
        let answer = json!({"data": {"version": "secret"}});
        assert_eq!(seen(&operation, &["pii.ssn"], &answer), json!({}), "{document}");
        assert_eq!(seen(&operation, &["pii.name"], &answer), answer, "{document}");
    }
    assert_eq!(
        names(&ask(&graph("", &mine), "mutation { ping(times: 1) }").unwrap().classes),
        Vec::<String>::new()
    );
}

#[test]
fn schemas_are_read_as_gateways_and_servers_write_them() {
    let schema = r#"
schema @link(url: "https://specs.example/federation/v2.3", import: ["@key"]) { query: Root mutation: Change }
extend schema @link(url: "x")
directive @key(fields: _Any! = {a: [1, 2.5, true, null, X]}, resolvable: Boolean = true) repeatable on | OBJECT | INTERFACE
""" A block with a \""" in it """
type Root @key(fields: "id") @key(fields: "a { b }", resolvable: false) { me(a: [[Int!]!] = [[1]] "why" b: In = {x: 1}): [[User!]]! @deprecated(reason: "no") _entities(representations: [_Any!]!): [_Entity]! }
type Change
extend type Change { x: Int }
extend type Later { y: Int @class(name: "pii") }
type User implements & A & B @key(fields: "id") { id: ID! a: Int b: Int }
interface A { a: Int } interface B implements A { a: Int b: Int }
union _Entity = | User
extend union _Entity = Later
scalar _Any @specifiedBy(url: "x")
enum E @x { A B @deprecated "c" C }
input In @oneOf { x: Int = 3 @x }
"#;
    let graph = graph("", schema);
    let found = ask(
        &graph,
        "{ me(a: []) { id } _entities(representations: [{__typename: \"Later\"}]) { ... on Later { y } } }",
    );
    let found = found.unwrap();
    assert_eq!((found.flaw, names(&found.classes)), (None, vec!["pii".to_owned()]));
}
