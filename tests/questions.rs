//! What a test asks is answered as a request is: each of many requests is sent to a real sidecar, its decision record is
//! written down as a test, and `palisade test` holds every one of them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::fmt::Write as _;
use std::process::Command;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use serde_json::Value;
use serde_json::json;

const PEOPLE: [(&str, &str, &[&str]); 5] = [
    ("ann", "acme", &["clinician"]),
    ("wes", "acme/west", &["clinician"]),
    ("des", "acme/west", &["desk"]),
    ("gil", "globex", &["clinician"]),
    ("gus", "globex", &["auditor"]),
];
const PATHS: [&str; 12] = [
    "/patients/7",
    "/patients",
    "/patients?x=1",
    "/t/acme.west/patients",
    "/t/globex/patients",
    "/t/ACME/patients",
    "/health",
    "/nowhere",
    "/patients/../health",
    "/p%61tients/7",
    "/claims/acme",
    "/claims/globex",
];
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];
const TARGETS: [Option<&str>; 5] = [None, Some("acme/west"), Some("acme"), Some("globex"), Some("nobody")];
const HOSTS: [&str; 6] =
    ["two..test", "west.acme.app.test", "globex.app.test", "app.test", "app.test", "elsewhere.test"];

const TENANTS: &str = "
tenants:
  acme: {region: eu, tier: gold, tenants: {west: {}, east: {status: suspended}}}
  globex: {region: us, tier: silver}
";
const CLASSES: &str = "
classes:
  pii: {level: 2, mask: drop, classes: {contact: {mask: keep-last(4)}, name: {}}}
  health: {level: 3, mask: 'null'}
";
const ROUTES: &str = "
routes:
  - {id: health, method: GET, path: /health, public: true}
  - {id: one, method: GET, path: '/patients/{id}', response: {classes: &all {'$.name': pii.name, '$.phone': pii.contact, '$.note': health}}}
  - {id: all, method: GET, path: /patients, action: list, response: {classes: *all}}
  - {id: new, method: POST, path: /patients, request: {classes: *all}}
  - {id: of, method: GET, path: '/t/{tenant}/patients', action: list, response: {classes: *all}}
  - {id: claims, method: GET, path: '/claims/{company}', data_key: '{path.company}/claims', response: {classes: {'$.who': pii}}}
";
const POLICIES: &str = r#"
@id("clinicians") permit (principal in Role::"clinician", action in [Action::"read", Action::"list", Action::"write"], resource)
  unless { context.method == "DELETE" };
@id("clinicians-see") permit (principal in Role::"clinician", action == Action::"reveal", resource in DataClass::"pii");
@id("desk") permit (principal in Role::"desk", action == Action::"list", resource) when { context.host like "*.test" };
@id("names") permit (principal, action == Action::"reveal", resource in DataClass::"pii.name");
@id("not-in-writing") @mask("drop") forbid (principal, action == Action::"reveal", resource in DataClass::"pii.contact")
  when { context.method == "POST" };
@id("audits") @pathway("acme to globex") permit (principal in Tenant::"globex", action == Action::"read", resource in DataKey::"acme/claims")
  when { principal in Role::"auditor" && context has purpose && context.purpose == "audit" };
@id("errs") permit (principal in Role::"auditor", action == Action::"list", resource) when { resource.level + 9223372036854775807 > 0 };
"#;

struct Asked {
    head: String,
    request: Value,
    principal: Option<&'static str>,
}

/// Every combination that is not too many.
fn requests() -> Vec<Asked> {
    let mut all = Vec::new();
    for (number, path) in PATHS.iter().enumerate() {
        for (who, method) in PEOPLE.iter().flat_map(|person| METHODS.map(|method| (person.0, method))) {
            for (at, target) in TARGETS.iter().enumerate() {
                let host = HOSTS[(number + at + usize::from(who.as_bytes()[1])) % HOSTS.len()];
                let purpose = (at != 4).then_some("audit");
                let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
                let mut request =
                    json!({ "method": method, "path": path, "host": host, "source_ip": "127.0.0.1" });
                for (name, key, value) in [("x-tenant", "target", *target), ("x-purpose", "purpose", purpose)]
                {
                    if let Some(value) = value {
                        write!(head, "{name}: {value}\r\n").unwrap();
                        request[key] = value.into();
                    }
                }
                let body = if method == "POST" { "content-type: application/json\r\n" } else { "" };
                write!(head, "{body}").unwrap();
                let principal = (number + at) % 11 != 0;
                let head = if principal { head + &key(who) } else { head };
                all.push(Asked { head, request, principal: principal.then_some(who) });
            }
        }
    }
    all
}

/// The record of a request as what a test expects.
fn expectation(record: &Value) -> Value {
    let ids = |list: &Value, key: &str| -> Vec<Value> {
        list.as_array().into_iter().flatten().map(|item| item[key].clone()).collect()
    };
    let (reasons, errors) = (ids(&record["reasons"], "policy_id"), record["errors"].as_array().cloned());
    if record["decision"] == "allow" {
        let classes = &record["classes"];
        let mut expect = json!({ "decision": "allow", "policies": reasons });
        let (revealed, hidden) = (classes["revealed"].clone(), ids(&classes["hidden"], "class"));
        if revealed.as_array().is_some_and(|list| !list.is_empty()) {
            expect["reveal"] = revealed;
        }
        if !hidden.is_empty() {
            expect["hide"] = hidden.into();
        }
        if record["pathway"].is_string() {
            expect["pathway"] = record["pathway"].clone();
        }
        return expect;
    }
    let decided = errors.filter(|errors| !errors.is_empty()).unwrap_or(reasons);
    json!({ "code": record["code"], "policies": decided })
}

#[test]
fn every_decision_record_is_a_test_that_passes() {
    let upstream = Upstream::start(|_, _| Some(json_answer("{}")));
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml").replace("tenancy: {", "tenancy: {host_suffix: app.test, ");
    // One worker writes its records in the order of the requests.
    folder.write("palisade.yaml", &config.replace("workers: 2", "workers: 1"));
    for (file, text) in [("tenants.yaml", TENANTS), ("classes.yaml", CLASSES), ("routes.yaml", ROUTES)] {
        folder.write(file, text);
    }
    folder.write("policies/main.cedar", POLICIES);
    folder.keys(&PEOPLE);
    let sidecar = Sidecar::start(&folder);
    let all = requests();
    for asked in &all {
        let body: &[u8] = if asked.head.starts_with("POST") { b"{}" } else { b"" };
        Client::connect(sidecar.data).ask(&asked.head, body);
    }
    let records = folder.records("decision", all.len());
    assert_eq!(records.len(), all.len());
    let mut tests = Vec::new();
    let mut codes = std::collections::BTreeSet::new();
    for (number, (asked, record)) in all.iter().zip(&records).enumerate() {
        // A test names no tenant that there is not, but where that is what it shows.
        if asked.request["target"] == "nobody" && record["code"] != "unknown_tenant" {
            continue;
        }
        codes.insert(record["code"].as_str().unwrap_or("allow").to_owned());
        let mut test = json!({ "name": format!("{number}: {}", asked.request), "request": asked.request, "expect": expectation(record) });
        if let Some(who) = asked.principal {
            test["principal"] = who.into();
        }
        tests.push(test);
    }
    let count = tests.len();
    assert!(count > 700, "only {count} tests");
    let people: Value = PEOPLE
        .iter()
        .map(|(id, tenant, roles)| ((*id).to_owned(), json!({ "tenant": tenant, "roles": roles })))
        .collect();
    folder.write("policies/log_test.yaml", &json!({ "principals": people, "tests": tests }).to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["test", "--config", "palisade.yaml"])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("{count} tests passed")), "{said}");
    let wanted = [
        "allow",
        "bad_host",
        "bad_path",
        "bad_tenant",
        "denied",
        "method_not_allowed",
        "no_route",
        "policy_error",
        "tenant_mismatch",
        "unidentified",
        "unknown_tenant",
    ];
    assert!(folder.read("policies/log_test.yaml").contains("\"pathway\""), "no request took the pathway");
    let missing: Vec<_> = wanted.into_iter().filter(|code| !codes.contains(*code)).collect();
    assert!(missing.is_empty(), "no request ended with {missing:?}, only with {codes:?}");
}
