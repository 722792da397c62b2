//! Bodies of requests, over the wire: held against the route's schema, and against what their caller may set.

mod common;

use std::io::Write as _;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

const OPENAPI: &str = r##"
openapi: 3.0.3
x-palisade-validate: true
paths:
  /people:
    post:
      x-palisade-action: create
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Person"}}}
  /notes:
    post:
      x-palisade-action: create
      requestBody: {content: {application/vnd.x+json: {schema: {type: string, nullable: true}}}}
  /files:
    post:
      x-palisade-action: create
      x-palisade-validate: false
      requestBody: {content: {text/plain: {schema: {type: string}}}}
components:
  schemas:
    Person:
      type: object
      required: [id, name]
      properties:
        id: {type: string, readOnly: true}
        name: {type: string, nullable: true, maxLength: 8, description: "of", example: 7}
        age: {type: integer, minimum: 0, exclusiveMinimum: true}
        ssn: {type: string, x-palisade-class: pii}
        boss: {$ref: "#/components/schemas/Person", nullable: true}
"##;

fn start() -> (Upstream, Folder, Sidecar) {
    let upstream = Upstream::start(|_, body| {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
        Some([head.as_bytes(), body].concat())
    });
    let folder = Folder::new(upstream.address);
    folder.write("openapi.yaml", OPENAPI);
    let config = folder.read("palisade.yaml").replace("routes: [routes.yaml]", "openapi: [openapi.yaml]");
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    (upstream, folder, sidecar)
}

fn post(sidecar: &Sidecar, path: &str, kind: &str, body: &[u8]) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: {kind}\r\n{}", key("ann"));
    Client::connect(sidecar.data).ask(&head, body)
}

#[test]
fn what_an_openapi_document_says_of_a_body_is_asked_and_what_is_right_arrives_byte_by_byte() {
    let (upstream, folder, sidecar) = start();
    let people = |body: &str| post(&sidecar, "/people", "application/json; charset=utf-8", body.as_bytes());
    for right in [
        r#"{ "name":"Ada" , "age": 1.0, "x": 12345678901234567890123 }"#,
        r#"{"name":null,"boss":{"name":"Bob"},"ssn":"078"}"#,
    ] {
        let answer = people(right);
        assert_eq!((answer.status, answer.text().as_str()), (200, right));
    }
    let seen = upstream.heads().len();
    for (wrong, errors) in [
        ("{}", r#"[{"path":"/name","keyword":"required"}]"#),
        (r#"{"name":"SECRET-SECRET"}"#, r#"[{"path":"/name","keyword":"maxLength"}]"#),
        (r#"{"name":"Ada","age":0}"#, r#"[{"path":"/age","keyword":"exclusiveMinimum"}]"#),
        (r#"{"name":"Ada","boss":{"name":7}}"#, r#"[{"path":"/boss/name","keyword":"type"}]"#),
        (r#"{"name":"Ada","boss":null}"#, r#"[{"path":"/boss","keyword":"type"}]"#),
        (r#"{"name":"Ada","n\u0061me":7}"#, r#"[{"path":"/name","keyword":"duplicate_key"}]"#),
    ] {
        let answer = people(wrong);
        assert_eq!((answer.status, answer.code().as_str()), (422, "invalid_body"), "{wrong}");
        assert_eq!(answer.json()["errors"].to_string(), errors);
        assert!(!answer.text().contains("SECRET"));
    }
    for (broken, status) in [("{", 415), ("[01]", 415), ("{\"name\":\"\u{0}\"}", 415), ("", 422)] {
        assert_eq!(people(broken).status, status, "{broken}");
    }
    assert_eq!(upstream.heads().len(), seen, "the app saw a body that is not as its schema says");
    let ended = folder.records("outcome", 12);
    assert_eq!(ended.iter().filter(|record| record["ended"] == "invalid_body").count(), 7);
}

#[test]
fn what_no_schema_describes_is_refused_where_bodies_are_validated_and_passes_where_not() {
    let (_upstream, _folder, sidecar) = start();
    assert_eq!(post(&sidecar, "/people", "text/plain", b"name=Ada").status, 415);
    assert_eq!(post(&sidecar, "/notes", "application/vnd.x+json", b"null").text(), "null");
    assert_eq!(post(&sidecar, "/notes", "application/vnd.x+json", b"7").status, 422);
    // No body is required.
    assert_eq!(post(&sidecar, "/notes", "application/vnd.x+json", b"").status, 200);
    assert_eq!(post(&sidecar, "/files", "text/plain", b"anything").text(), "anything");
}

#[test]
fn a_body_is_decoded_before_it_is_judged_and_none_grows_past_its_bound() {
    let (_upstream, _folder, sidecar) = start();
    let gzip = |body: &[u8]| {
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        coder.write_all(body).unwrap();
        coder.finish().unwrap()
    };
    let coded = |body: &[u8]| {
        let head = "POST /people HTTP/1.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
        Client::connect(sidecar.data).ask(&format!("{head}{}", key("ann")), &gzip(body))
    };
    let body = br#"{"name":"Ada"}"#;
    assert_eq!(coded(body).body, gzip(body));
    assert_eq!(coded(br#"{"name":7}"#).status, 422);
    let long = format!(r#"{{"name":"Ada","x":"{}"}}"#, "x".repeat(9 << 20));
    // What is announced is enough to be refused; nobody reads it.
    let mut client = Client::connect(sidecar.data);
    let head = format!("content-type: application/json\r\ncontent-length: {}\r\n{}", long.len(), key("ann"));
    client.send(format!("POST /people HTTP/1.1\r\nHost: localhost\r\n{head}\r\n").as_bytes()).unwrap();
    let answer = client.read_answer(false).unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(coded(long.as_bytes()).status, 415);
}

#[test]
fn a_masked_answer_that_is_sent_back_overwrites_nothing() {
    let upstream = Upstream::start(|_, body| {
        let shown: &[u8] = if body.is_empty() { br#"{"name":"Ada","ssn":"078-05-1120"}"# } else { body };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            shown.len()
        );
        Some([head.as_bytes(), shown].concat())
    });
    let folder = Folder::new(upstream.address);
    let routes = r#"
routes:
  - {method: GET, path: /people/1, response: {classes: {"$.ssn": pii}}}
  - {method: PUT, path: /people/1, request: {classes: {"$.ssn": pii}}}
"#;
    folder.write("routes.yaml", routes);
    let policies = r#"
@id("desk") permit (principal in Role::"desk", action in [Action::"read", Action::"update"], resource);
@id("desk-sets") permit (principal in Role::"desk", action == Action::"write", resource in DataClass::"pii");
"#;
    folder.write("policies/main.cedar", policies);
    let sidecar = Sidecar::start(&folder);
    let put = |body: &[u8]| {
        let head = format!("PUT /people/1 HTTP/1.1\r\ncontent-type: application/json\r\n{}", key("des"));
        Client::connect(sidecar.data).ask(&head, body).text()
    };
    let seen = sidecar.ask(&format!("GET /people/1 HTTP/1.1\r\n{}", key("des")));
    assert_eq!(seen.text(), r#"{"name":"Ada","ssn":"[redacted]"}"#);
    assert_eq!(put(&seen.body), r#"{"name":"Ada"}"#);
    assert_eq!(put(br#"{"name":"Ada","ssn":"078-05-1121"}"#), r#"{"name":"Ada","ssn":"078-05-1121"}"#);
}
