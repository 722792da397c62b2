//! Rows in answers of GraphQL: which objects are rows, what becomes of those of somebody else, whatever a document calls them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::redact::Malformed;
use crate::redact::Owns;
use proptest::prelude::*;
use serde_json::Map;

const SCHEMA: &str = r#"
type Query { claim: Claim  needed: Claim!  claims: [Claim!]!  pages: [[Claim]]  find: [Found]  node: Node  version: String  me: Me }
type Mutation { close(id: ID!): Claim }
interface Node { id: ID! }
type Claim implements Node { id: ID!  owner: String!  sum: Int @class(name: "pii")  org: Org  parent: Claim  lines: [Line!]! }
type Bill implements Node { id: ID!  org: Org!  owner: String }
type Org { key: String!  name: String  head: Me }
type Line { text: String }
type Me { id: ID!  last: Claim }
union Found = Claim | Bill
"#;

const ROWS: &str = ", rows: {data_key: {Claim: owner, Bill: org.key}, foreign: drop}";

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        matches!(text, "acme" | "7")
    }
}

/// The answer as it leaves, and how many rows were somebody else's.
fn left(operation: &Operation, hidden: &[(ClassIx, Mask)], answer: &Json) -> Result<(Json, u64), Malformed> {
    let plan = Plan::new(&operation.response, hidden.to_vec(), None);
    let owner: Arc<dyn Owns> = Arc::new(Acme);
    let mut redactor = Redactor::of_owner(Arc::new(plan), Encoding::Identity, &owner);
    let mut out = redactor.feed(Bytes::from(answer.to_string()))?;
    let mut all = out.copy_to_bytes(out.remaining()).to_vec();
    let (mut last, hidden) = redactor.finish()?;
    all.extend_from_slice(&last.copy_to_bytes(last.remaining()));
    Ok((serde_json::from_slice(&all).unwrap(), hidden.foreign_rows()))
}

fn data_of(rows: &str, document: &str, data: &Json) -> Result<(Json, u64), Malformed> {
    let operation = ask(&graph(rows, SCHEMA), document).unwrap();
    assert_eq!(operation.flaw, None, "{document}");
    let (answer, foreign) = left(&operation, &[], &json!({ "data": data }))?;
    Ok((answer["data"].clone(), foreign))
}

#[test]
fn a_row_of_somebody_else_is_taken_out_of_a_list_or_becomes_null() {
    let own = json!({"x": "acme", "id": "1"});
    let other = json!({"x": "globex", "id": "2"});
    for (document, data, wanted) in [
        ("{ claims { x: owner id } }", json!({"claims": [own, other, own]}), json!({"claims": [own, own]})),
        ("{ claims { x: owner id } }", json!({"claims": [other]}), json!({"claims": []})),
        (
            "{ a: claim { x: owner id } v: version }",
            json!({"a": other, "v": "1"}),
            json!({"a": null, "v": "1"}),
        ),
        (
            "{ a: claim { x: owner id } b: claim { x: owner } }",
            json!({"a": own, "b": {"x": "acme"}}),
            json!({"a": own, "b": {"x": "acme"}}),
        ),
        (
            "{ claim { ...C } } fragment C on Claim { ... on Node { id } x: owner }",
            json!({"claim": other}),
            json!({"claim": null}),
        ),
        (
            "{ me { id last { x: owner } } }",
            json!({"me": {"id": 1, "last": {"x": "b"}}}),
            json!({"me": {"id": 1, "last": null}}),
        ),
        ("mutation { close(id: 1) { x: owner id } }", json!({"close": other}), json!({"close": null})),
        // What stands for no row tells nothing.
        (
            "{ claim { x: owner } claims { x: owner id } }",
            json!({"claim": null, "claims": [null, other]}),
            json!({"claim": null, "claims": [null]}),
        ),
        (
            "{ claim { x: owner parent { x: owner } } }",
            json!({"claim": {"x": "7", "parent": null}}),
            json!({"claim": {"x": "7", "parent": null}}),
        ),
        // One in a row takes that with it.
        (
            "{ claim { x: owner parent { x: owner } } }",
            json!({"claim": {"x": "7", "parent": {"x": "8"}}}),
            json!({"claim": null}),
        ),
    ] {
        let (seen, foreign) = data_of(ROWS, document, &data).unwrap();
        assert_eq!(seen, wanted, "{document}");
        assert_eq!(foreign > 0, data != wanted, "{document}");
        let refused = data_of(&ROWS.replace("drop", "refuse"), document, &data);
        assert_eq!(refused.is_err(), data != wanted, "{document}");
    }
}

#[test]
fn where_no_null_may_stand_the_answer_is_refused() {
    let document = "{ needed { owner id } }";
    let own = json!({"needed": {"owner": "acme", "id": "1"}});
    assert_eq!(data_of(ROWS, document, &own).unwrap().0, own);
    for data in [
        json!({"needed": {"owner": "globex"}}),
        json!({"needed": {"id": 1}}),
        json!({"needed": {"owner": ["acme"]}}),
    ] {
        assert!(matches!(data_of(ROWS, document, &data), Err(Malformed::ForeignRow { .. })), "{data}");
    }
}

#[test]
fn the_owner_is_the_field_of_the_schema_whatever_else_has_its_name() {
    for (document, data, stays) in [
        // Another field under the name of the owner.
        ("{ claim { owner: id x: owner } }", json!({"owner": "acme", "x": "globex"}), false),
        ("{ claim { owner: id x: owner } }", json!({"owner": "globex", "x": "acme"}), true),
        ("{ claim { owner org { key } } }", json!({"owner": "acme", "org": {"key": "globex"}}), true),
        // Asked for twice it must say the same.
        ("{ claim { a: owner b: owner } }", json!({"a": "acme", "b": "globex"}), false),
        ("{ claim { a: owner b: owner } }", json!({"a": "acme", "b": "7"}), true),
        ("{ claim { a: owner @skip(if: true) b: owner } }", json!({"b": "7"}), true),
        ("{ claim { a: owner @skip(if: true) id } }", json!({"id": "7"}), false),
        // What nobody asked for is nobody's.
        ("{ claim { owner } }", json!({"owner": "acme", "more": {"sum": 1}}), false),
        ("{ claim { owner } }", json!({"owner": "acme", "more": 1}), false),
    ] {
        let (seen, _) = data_of(ROWS, document, &json!({ "claim": data })).unwrap();
        assert_eq!(
            seen,
            json!({"claim": if stays { data.clone() } else { json!(null) }}),
            "{document} {data}"
        );
    }
    assert!(data_of(ROWS, "{ version }", &json!({"version": "1", "more": {"id": 1}})).is_err());
}

#[test]
fn an_owner_may_stand_deeper_and_in_fragments_and_interfaces() {
    let found = "{ find { ... on Claim { a: owner id } ... on Bill { o: org { ...K } } } } fragment K on Org { k: key name }";
    let rows = json!([{"a": "acme", "id": 1}, {"a": "b", "id": 2}, {"o": {"k": "7", "name": "n"}}, {"o": {"k": "8"}}, {"o": {"name": "7"}}]);
    let own = json!([{"a": "acme", "id": 1}, {"o": {"k": "7", "name": "n"}}]);
    assert_eq!(data_of(ROWS, found, &json!({"find": rows})).unwrap(), (json!({"find": own}), 3));
    // The same fragment names no owner elsewhere.
    let other = "{ claim { owner org { ...K } } find { ... on Claim { owner } ... on Bill { org { ...K } } } } fragment K on Org { key }";
    let data =
        json!({"claim": {"owner": "acme", "org": {"key": "globex"}}, "find": [{"org": {"key": "globex"}}]});
    let wanted = json!({"claim": {"owner": "acme", "org": {"key": "globex"}}, "find": []});
    assert_eq!(data_of(ROWS, other, &data).unwrap(), (wanted, 1));
    // An interface is a row where one of its types is.
    let node = "{ node { id ... on Claim { owner } ... on Bill { org { key } } } }";
    for (object, stays) in [
        (json!({"id": 1, "owner": "acme"}), true),
        (json!({"id": 1, "org": {"key": "b"}}), false),
        (json!({"id": 1}), false),
    ] {
        let (seen, _) = data_of(ROWS, node, &json!({ "node": object })).unwrap();
        assert_eq!(seen["node"].is_object(), stays, "{object}");
    }
}

#[test]
fn a_document_must_ask_of_each_row_whose_it_is() {
    let graph = graph(ROWS, SCHEMA);
    for (document, flaw) in [
        ("{ claim { id } }", Some(Flaw::Ownerless)),
        ("{ claims { owner: id } }", Some(Flaw::Ownerless)),
        ("{ me { last { id } } }", Some(Flaw::Ownerless)),
        ("{ claim { ...A } } fragment A on Claim { id }", Some(Flaw::Ownerless)),
        ("{ claim { parent { owner } } }", Some(Flaw::Ownerless)),
        ("{ find { ... on Claim { owner } } }", Some(Flaw::Ownerless)),
        ("{ find { ... on Claim { owner } ... on Bill { org { name } } } }", Some(Flaw::Ownerless)),
        ("{ claim { x: owner } }", None),
        ("{ claim { ...A } } fragment A on Claim { ...B } fragment B on Claim { owner }", None),
        ("{ version __typename me { id } }", None),
        ("{ __schema { types { name } } }", None),
    ] {
        assert_eq!(ask(&graph, document).unwrap().flaw, flaw, "{document}");
    }
    // What is not judged field by field shows no row, even if it were asked.
    let operation = ask(&graph, "{ claim { id } }").unwrap();
    assert!(left(&operation, &[], &json!({"data": {"claim": {"id": 1, "owner": "acme"}}})).is_err());
    let chain: String = (0..2000).map(|n| format!("fragment F{n} on Claim {{ ...F{} }} ", n + 1)).collect();
    let deep = format!("{{ claim {{ ...F0 }} }} {chain} fragment F2000 on Claim {{ owner }}");
    assert_eq!(ask(&graph, &deep).unwrap_err(), Flaw::TooLarge);
    assert_eq!(ask(&graph, "{ claim { ...A } } fragment A on Claim { ...A }").unwrap_err(), Flaw::Syntax);
}

#[test]
fn a_routes_file_names_rows_by_types_and_fields_that_are_there() {
    let problems = |rows: &str| {
        let problems = routes(&format!(", rows: {rows}"), SCHEMA).unwrap_err();
        problems
            .into_iter()
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect::<Vec<_>>()
            .join("; ")
    };
    for (rows, told) in [
        ("{data_key: {Claims: owner}}", "unknown-graphql-field the schema has no type `Claims`"),
        ("{data_key: {Query: version}}", "unknown-graphql-field `Query` is no type of objects"),
        ("{data_key: {Found: owner}}", "unknown-graphql-field `Found` is no type of objects"),
        ("{data_key: {Claim: owners}}", "unknown-graphql-field a `Claim` has no `owners`"),
        ("{data_key: {Claim: org}}", "unknown-graphql-field `org` of a `Claim` is not one text or number"),
        (
            "{data_key: {Claim: lines.text}}",
            "unknown-graphql-field `lines.text` of a `Claim` is not one text or number",
        ),
        (
            "{data_key: {Claim: owner.x}}",
            "unknown-graphql-field `owner.x` of a `Claim` is not one text or number",
        ),
        ("{data_key: {}}", "missing-key rows of GraphQL need the types"),
        ("{foreign: drop}", "missing-key rows of GraphQL need the types"),
        ("{data_key: {Claim: owner}, tenant: {Bill: owner}}", "contradiction"),
        ("{data_key: {Claim: owner}, foreign: keep}", "unknown-word"),
        ("{at: $, data_key: {Claim: owner}}", "unknown-key"),
    ] {
        assert!(problems(rows).starts_with(told), "{rows}: {}", problems(rows));
    }
    let routes = routes(", rows: {tenant: {Claim: owner}}", SCHEMA).unwrap();
    let rows = routes.iter().next().unwrap().1.rows.unwrap();
    assert_eq!((rows.named_by, rows.foreign), (crate::model::NamedBy::Tenant, Foreign::Refuse));
}

#[test]
fn rows_and_classes_are_told_in_one_pass() {
    let operation = ask(&graph(ROWS, SCHEMA), "{ claims { o: owner s: sum } }").unwrap();
    let pii = (classes().find("pii").unwrap(), Mask::parse("fixed").unwrap());
    let answer = json!({"data": {"claims": [{"o": "acme", "s": 1}, {"o": "b", "s": 2}]}, "errors": [{"message": "sum"}]});
    let (seen, foreign) = left(&operation, &[pii], &answer).unwrap();
    let own = json!({"data": {"claims": [{"o": "acme", "s": "[redacted]"}]}, "errors": [{"message": "[redacted]"}]});
    assert_eq!((seen, foreign), (own, 1));
}

/// A claim as an app answers it, and what is left of it; nothing where it is somebody else's. A row goes with each in it.
#[derive(Debug, Clone)]
struct Claim {
    owner: &'static str,
    lines: usize,
    parent: Option<Box<Claim>>,
}

fn claim() -> impl Strategy<Value = Claim> {
    let owner = || proptest::sample::select(&["acme", "7", "globex", ""][..]);
    let leaf = (owner(), 0_usize..3).prop_map(|(owner, lines)| Claim { owner, lines, parent: None });
    leaf.prop_recursive(3, 8, 1, move |inner| {
        (owner(), 0_usize..3, proptest::option::of(inner)).prop_map(|(owner, lines, parent)| Claim {
            owner,
            lines,
            parent: parent.map(Box::new),
        })
    })
}

impl Claim {
    /// As it is answered, by names of keys that the document chose.
    fn answer(&self, keys: &BTreeMap<&str, String>, depth: usize) -> Json {
        let key = |name: &str| keys[name].clone();
        let mut all = Map::new();
        let line = json!({key("text"): "SECRET"});
        all.insert(key("lines"), vec![line; self.lines].into());
        if depth > 0 {
            let parent = self.parent.as_ref().map(|parent| parent.answer(keys, depth - 1));
            all.insert(key("parent"), parent.unwrap_or(Json::Null));
        }
        all.insert(key("owner"), self.owner.into());
        all.into()
    }

    fn stays(&self, depth: usize) -> bool {
        let parent = self.parent.as_ref().filter(|_| depth > 0);
        matches!(self.owner, "acme" | "7") && parent.is_none_or(|parent| parent.stays(depth - 1))
    }
}

proptest! {
    #[test]
    fn of_any_answer_those_rows_leave_that_are_the_owners_under_whatever_names(
        claims in proptest::collection::vec(claim(), 0..5),
        single in claim(),
        names in Just(vec!["owner", "id", "sum", "text", "lines", "parent", "key", "x"]).prop_shuffle(),
        in_fragment in any::<bool>(),
    ) {
        let fields = ["owner", "lines", "text", "parent"];
        let keys: BTreeMap<&str, String> = fields.iter().zip(&names).map(|(field, name)| (*field, (*name).to_owned())).collect();
        let [owner, lines, text, parent] = fields.map(|field| keys[field].clone());
        let level = |inner: &str| format!("{lines}: lines {{ {text}: text }} {inner} {owner}: owner");
        let fields = level(&format!("{parent}: parent {{ {} }}", level(&format!("{parent}: parent {{ {} }}", level("")))));
        let mut document = String::new();
        if in_fragment {
            write!(document, "{{ one: claim {{ ...A }} many: claims {{ ...A }} }} fragment A on Claim {{ {fields} }}").unwrap();
        } else {
            write!(document, "{{ one: claim {{ {fields} }} many: claims {{ {fields} }} }}").unwrap();
        }
        let answer = |claims: &[&Claim]| claims.iter().map(|claim| claim.answer(&keys, 2)).collect::<Vec<_>>();
        let data = json!({"one": single.answer(&keys, 2), "many": answer(&claims.iter().collect::<Vec<_>>())});
        let (seen, _) = data_of(ROWS, &document, &data).unwrap();
        let own: Vec<&Claim> = claims.iter().filter(|claim| claim.stays(2)).collect();
        let one = if single.stays(2) { single.answer(&keys, 2) } else { Json::Null };
        prop_assert_eq!(seen, json!({"one": one, "many": answer(&own)}), "{}", document);
    }
}
