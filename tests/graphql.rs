//! GraphQL over the wire: what is asked for decides what is hidden, and the app runs what was judged.

mod common;

use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use serde_json::Value as Json;
use serde_json::json;

const SCHEMA: &str = r#"
type Query { patient(id: ID!): Patient  version: String }
type Mutation { admit(patient: Admission!): Patient }
type Subscription { admitted: Patient }
type Patient { id: ID! name: String @class(name: "pii.name") ssn: String @class(name: "pii") ward: String }
input Admission { name: String @class(name: "pii.name") ssn: String @class(name: "pii") ward: String }
"#;

const ROUTES: &str = "
routes:
  - {method: POST, path: /graphql, graphql: {schema: schema.graphql, mutation: create}}
  - {method: GET, path: /graphql, graphql: {schema: schema.graphql, introspection: false}}
";

const ANSWER: &str = r#"{"data":{"patient":{"id":"078-05-1120","n":"Ada","ward":"7"}}}"#;

fn start(answer: &'static str) -> (Upstream, Folder, Sidecar) {
    let upstream = Upstream::json(answer);
    let (folder, sidecar) = before(&upstream);
    (upstream, folder, sidecar)
}

fn before(upstream: &Upstream) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let config = config.replace("routes: [routes.yaml]", "routes: [routes.yaml], graphql: [schema.graphql]");
    folder.write("palisade.yaml", &config);
    folder.write("routes.yaml", ROUTES);
    folder.write("schema.graphql", SCHEMA);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn post(sidecar: &Sidecar, who: &str, kind: &str, body: &[u8]) -> Answer {
    let head = format!("POST /graphql HTTP/1.1\r\ncontent-type: {kind}\r\n{}", key(who));
    Client::connect(sidecar.data).ask(&head, body)
}

fn ask(sidecar: &Sidecar, who: &str, body: &Json) -> Answer {
    post(sidecar, who, "application/json", body.to_string().as_bytes())
}

fn query(sidecar: &Sidecar, who: &str, document: &str) -> Answer {
    ask(sidecar, who, &json!({ "query": document }))
}

fn get(sidecar: &Sidecar, who: &str, target: &str) -> Answer {
    sidecar.ask(&format!("GET {target} HTTP/1.1\r\n{}", key(who)))
}

const RENAMED: &str = "{ patient(id: 1) { id: ssn n: name ward } }";

#[test]
fn what_the_caller_may_not_see_is_hidden_whatever_it_is_called_and_only_that_is_asked_for() {
    let (upstream, folder, sidecar) = start(ANSWER);
    let answer = query(&sidecar, "des", RENAMED);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"data": {"patient": {"id": "[redacted]", "n": "Ada", "ward": "7"}}}));
    let classes =
        |number: usize| folder.records("decision", number + 1).swap_remove(number)["classes"].clone();
    assert_eq!(classes(0), json!({"revealed": ["pii.name"], "hidden": [{"class": "pii", "mask": "fixed"}]}));
    // Who may see everything gets every byte as it is.
    assert_eq!(query(&sidecar, "ann", RENAMED).text(), ANSWER);
    // The same answer to another question.
    let other = query(&sidecar, "des", "{ patient(id: 1) { id ward } }");
    assert_eq!((other.text().as_str(), classes(2)), (ANSWER, json!({"revealed": [], "hidden": []})));
    let record = folder.records("decision", 3).swap_remove(2);
    assert_eq!((&record["action"], &record["resource"]), (&json!("read"), &json!("POST /graphql")));
    let sent = json!({ "query": RENAMED }).to_string();
    assert_eq!(upstream.seen.lock().unwrap()[0].1, sent.as_bytes());
}

#[test]
fn each_way_of_sending_a_document_is_read_and_the_app_gets_what_was_read() {
    let (upstream, _folder, sidecar) = start(ANSWER);
    let hidden = json!({"data": {"patient": {"id": "[redacted]", "n": "Ada", "ward": "7"}}});
    let url =
        "/graphql?query=%7B%20patient(id:%201)%20%7B%20id:ssn%20n:name+ward%20%7D%20%7D&variables=%7B%7D";
    assert_eq!(get(&sidecar, "des", url).json(), hidden);
    assert_eq!(post(&sidecar, "des", "application/graphql", RENAMED.as_bytes()).json(), hidden);
    let body = json!({"operationName": "B", "query": format!("query A {{ version }} query B {RENAMED}")})
        .to_string();
    assert_eq!(
        post(&sidecar, "des", "application/graphql+json; charset=utf-8", body.as_bytes()).json(),
        hidden
    );
    // A byte order mark is no part of it, and what was compressed was read plain.
    post(&sidecar, "des", "application/json", format!("\u{feff}{body}").as_bytes());
    let mut coded = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coded.write_all(body.as_bytes()).unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n{}",
        key("des")
    );
    let answer = Client::connect(sidecar.data).ask(&head, &coded.finish().unwrap());
    assert_eq!(answer.json(), hidden);
    let seen = upstream.seen.lock().unwrap();
    assert!(seen[0].0.starts_with(&format!("GET {url} HTTP/1.1\r\n")));
    assert_eq!(seen[1].1, RENAMED.as_bytes());
    for (head, sent) in &seen[2..] {
        assert_eq!(String::from_utf8_lossy(sent), body);
        assert!(!head.to_ascii_lowercase().contains("content-encoding"), "{head}");
        assert!(head.to_ascii_lowercase().contains(&format!("content-length: {}\r\n", body.len())), "{head}");
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn a_batch_is_answered_as_one() {
    let (_upstream, _folder, sidecar) = start(r#"[{"data":{"version":"1"}},{"data":{"x":{"id":"078"}}}]"#);
    let body = json!([{"query": "{ version }"}, {"query": "{ x: patient(id: 1) { id: ssn } }"}]);
    let answer = ask(&sidecar, "des", &body).json();
    assert_eq!(answer, json!([{"data": {"version": "1"}}, {"data": {"x": {"id": "[redacted]"}}}]));
}

#[test]
fn events_of_a_subscription_are_answers_each() {
    let upstream = Upstream::start(|_, _| {
        let body = "event: next\ndata: {\"data\":{\"admitted\":{\"id\":\"078\",\"n\":\"Ada\"}}}\n\nevent: complete\ndata:\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
        Some(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
    });
    let (_folder, sidecar) = before(&upstream);
    let answer = query(&sidecar, "des", "subscription { admitted { id: ssn n: name } }");
    assert_eq!(answer.status, 200);
    assert!(
        answer.text().contains(r#"data: {"data":{"admitted":{"id":"[redacted]","n":"Ada"}}}"#),
        "{}",
        answer.text()
    );
}

fn is(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, &*answer.code()), (status, code), "{what}");
}

#[test]
fn what_cannot_be_judged_never_reaches_the_app() {
    let (upstream, _folder, sidecar) = start(ANSWER);
    for who in ["des", "ann"] {
        for (document, code) in [
            ("{ patient(id: 1) { ssn }", "graphql_syntax"),
            ("{ ...A } fragment A on Query { ...A }", "graphql_syntax"),
            ("{ pati\u{435}nt(id: 1) { ssn } }", "graphql_syntax"),
            ("{ version # \r patient(id: 1) { ssn } \n}", "graphql_unclear"),
            ("query A { version } query B { version }", "graphql_operation"),
            (&"{ a ".repeat(1000), "graphql_too_large"),
        ] {
            is(&query(&sidecar, who, document), 400, code, document);
        }
        for (body, code) in [
            (r#"{"query":"{ version }","query":"{ patient(id: 1) { ssn } }"}"#, "graphql_unclear"),
            (r#"{"query":"{ version }","Query":"{ patient(id: 1) { ssn } }"}"#, "graphql_unclear"),
            (r#"{"query":"{ version }"} {}"#, "graphql_request"),
            (r#"{"query":"{ version }",}"#, "graphql_request"),
            (r#"{"variables":{}}"#, "graphql_request"),
            ("", "graphql_request"),
            (r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#, "graphql_persisted"),
        ] {
            is(&post(&sidecar, who, "application/json", body.as_bytes()), 400, code, body);
        }
        for kind in ["text/plain", "multipart/form-data; boundary=b", "application/graphql; charset=utf-16"] {
            is(&post(&sidecar, who, kind, b"{ version }"), 400, "graphql_request", kind);
        }
        for (method, query, status, code) in [
            ("GET", "", 400, "graphql_request"),
            ("GET", "?query={version}&query={version}", 400, "graphql_unclear"),
            ("GET", "?query=mutation{admit(patient:{}){id}}", 405, "graphql_method"),
            ("GET", "?query={__schema{types{name}}}", 403, "graphql_introspection"),
        ] {
            let head = format!("{method} /graphql{query} HTTP/1.1\r\n{}", key(who));
            is(&sidecar.ask(&head), status, code, query);
        }
        // In the URL and in the body.
        for method in ["GET", "POST"] {
            let kind = "content-type: application/json";
            let head = format!("{method} /graphql?query={{version}} HTTP/1.1\r\n{kind}\r\n{}", key(who));
            let both = Client::connect(sidecar.data).ask(&head, br#"{"query":"{ version }"}"#);
            is(&both, 400, "graphql_unclear", method);
        }
    }
    assert_eq!(upstream.heads(), Vec::<String>::new());
}

#[test]
fn what_the_schema_does_not_have_is_asked_for_only_by_whom_nothing_is_hidden_from() {
    let (upstream, _folder, sidecar) = start(ANSWER);
    let asked = [
        ("{ patient(id: 1) { social } }", "graphql_mismatch"),
        ("{ patient(id: 1) { id @of(x: 1) } }", "graphql_mismatch"),
        ("{ patient(id: 1) { ... @defer { ssn } } }", "graphql_incremental"),
    ];
    for (document, code) in asked {
        is(&query(&sidecar, "des", document), 400, code, document);
    }
    assert_eq!(upstream.heads(), Vec::<String>::new());
    for (document, _) in asked {
        assert_eq!(query(&sidecar, "ann", document).text(), ANSWER);
    }
}

#[test]
fn clients_of_persisted_queries_are_told_to_send_the_document() {
    let (_upstream, _folder, sidecar) = start(ANSWER);
    let hash = palisade::ids::Digest::of(RENAMED.as_bytes()).to_string();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let answer = ask(&sidecar, "des", &json!({ "extensions": extensions }));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(answer.json()["errors"][0]["message"], "PersistedQueryNotFound");
    let answer = ask(&sidecar, "des", &json!({"query": RENAMED, "extensions": extensions}));
    assert_eq!(answer.json()["data"]["patient"]["id"], "[redacted]");
    let other = ask(&sidecar, "des", &json!({"query": "{ version }", "extensions": extensions}));
    assert_eq!(other.code(), "graphql_unclear");
}

#[test]
fn a_mutation_sets_only_what_its_caller_may_set() {
    let (upstream, folder, sidecar) = start(r#"{"data":{"admit":{"ssn":"078"}}}"#);
    let with = "mutation($p: Admission!) { admit(patient: $p) { ssn } }";
    let admit = |patient: Json| ask(&sidecar, "des", &json!({"query": with, "variables": {"p": patient}}));
    let answer = admit(json!({"name": "Ada", "ward": "7"}));
    assert_eq!(answer.json(), json!({"data": {"admit": {"ssn": "[redacted]"}}}));
    let record = folder.records("decision", 1).swap_remove(0);
    assert_eq!(record["action"], "create");
    assert_eq!(record["classes"]["unsettable"], json!(["pii"]));
    let sent = upstream.seen.lock().unwrap().len();
    let denied = admit(json!({"name": "Ada", "ssn": "078"}));
    assert_eq!((denied.status, denied.code().as_str()), (403, "field_denied"));
    assert_eq!(denied.json()["errors"], json!([{"path": "/variables/p/ssn"}]));
    let denied = query(&sidecar, "des", "mutation { admit(patient: {name: \"Ada\", ssn: \"078\"}) { id } }");
    assert_eq!(denied.json()["errors"], json!([{"path": "/query/admit/patient/ssn"}]));
    let denied = ask(
        &sidecar,
        "des",
        &json!({"query": "mutation($s: String = \"078\") { admit(patient: {ssn: $s}) { id } }"}),
    );
    assert_eq!(denied.code(), "field_denied");
    assert_eq!(upstream.seen.lock().unwrap().len(), sent);
    // Who may do it does.
    let document = "mutation { admit(patient: {name: \"Ada\", ssn: \"078\"}) { ssn } }";
    assert_eq!(query(&sidecar, "ann", document).text(), r#"{"data":{"admit":{"ssn":"078"}}}"#);
    // The action of a mutation is its own.
    folder.write("routes.yaml", &ROUTES.replace("mutation: create", "mutation: delete"));
    let end = Instant::now() + Duration::from_secs(10);
    while query(&sidecar, "des", "mutation { admit(patient: {ward: \"7\"}) { ssn } }").status != 403 {
        assert!(Instant::now() < end, "the edit was not taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(query(&sidecar, "des", "{ version }").status, 200);
}

#[test]
fn an_edited_schema_takes_effect_and_a_broken_one_does_not() {
    let (_upstream, folder, sidecar) = start(ANSWER);
    let ward = || query(&sidecar, "des", RENAMED).json()["data"]["patient"]["ward"].clone();
    assert_eq!(ward(), "7");
    folder.write(
        "schema.graphql",
        &SCHEMA.replace("ward: String }\ninput", "ward: String @class(name: \"health\") }\ninput"),
    );
    let end = Instant::now() + Duration::from_secs(10);
    while ward() != Json::Null {
        assert!(Instant::now() < end, "the edit was not taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    folder.write("schema.graphql", "type Query {\n  patient: Nobody\n}\n");
    while !sidecar.logged().contains("unknown-graphql-type") {
        assert!(Instant::now() < end, "nothing was said of the edit: {}", sidecar.logged());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ward(), Json::Null);
}

#[test]
fn an_answer_in_parts_or_of_another_kind_is_not_passed_on() {
    for (kind, body) in
        [("multipart/mixed; boundary=\"-\"", "---\r\n\r\n{}\r\n-----"), ("text/html", "<p>078</p>")]
    {
        let upstream = Upstream::start(move |_, _| {
            let text = String::from_utf8(json_answer(body)).unwrap();
            Some(text.replace("application/json", kind).into_bytes())
        });
        let (_folder, sidecar) = before(&upstream);
        let answer = query(&sidecar, "des", RENAMED);
        assert_eq!((answer.status, answer.code().as_str()), (502, "unredactable"), "{kind}");
    }
}
