//! What reading test files promises.

use super::*;
use crate::model::Classes;
use crate::model::RoutesBuilder;
use crate::model::Tenants;
use crate::policy::SCHEMA;
use crate::policy::Source;
use crate::request::question::Call;

fn file(text: &str) -> TestFile {
    TestFile { file: "a_test.yaml".into(), text: text.into() }
}

fn parse(text: &str) -> Result<Cases, Vec<Problem>> {
    Cases::parse(&file(text), 7)
}

fn question(case: &Case) -> &Question {
    match &case.asks {
        Asks::Request(question) => question,
        Asks::Cedar(..) => panic!("{case:?}"),
    }
}

fn said(problems: &[Problem]) -> Vec<(&str, u32, u32, Option<&str>)> {
    problems.iter().map(|p| (p.code, p.place.line, p.place.column, p.hint.as_deref())).collect()
}

fn model() -> Model {
    let tenants = "tenants:\n  acme: {region: r, tier: t, tenants: {west: {}}}\n";
    let classes = Classes::parse("c", "classes: {pii: {level: 2, classes: {name: {}}}}\n").unwrap();
    let mut routes = RoutesBuilder::new();
    routes.add_yaml("r", "routes:\n  - {id: getPatient, method: GET, path: '/patients/{id}'}\n", &classes);
    Model::new(Tenants::parse("t", tenants).unwrap().0, classes, routes.finish().unwrap())
}

fn policies(model: &Model) -> Policies {
    let source = |text: &str| Source { file: "p.cedar".into(), text: text.into(), confined_to: None };
    let text = "@id(\"reads\") permit (principal, action == Action::\"read\", resource);\n\
        @id(\"shares\") @pathway(\"to west\") permit (principal in Tenant::\"acme\", action, resource in DataKey::\"acme/west\");";
    Policies::compile(&source(SCHEMA), &[source(text)], model).unwrap().0
}

const PEOPLE: &str = "principals:\n  ann: {tenant: acme, roles: [b, a, b]}\n  bob: {kind: service, id: bot, tenant: acme/west, issuer: i}\n";

#[test]
fn a_test_is_a_principal_a_request_and_what_must_come_out() {
    let text = format!(
        "{PEOPLE}requests:\n  one: {{path: '/patients/7?x=1', purpose: audit}}\ndefaults: {{now: 1970-01-01T00:00:01Z, host: h}}\n\
         tests:\n\
         - {{name: a, principal: ann, request: one, expect: deny}}\n\
         - {{name: b, principal: bob, request: {{like: one, purpose: care, now: 1970-01-01T00:00:02Z}},\n   \
            expect: {{decision: allow, policies: [reads], reveal: [pii.name], hide: {{pii: keep-last(2), others: null}}}}}}\n\
         - {{name: c, request: {{action: read, classes: pii}}, expect: {{code: unidentified}}}}\n"
    );
    let cases = parse(&text).unwrap().all;
    let [a, b, c] = cases.as_slice() else { panic!("{cases:?}") };
    let ann = question(a).principal.as_ref().unwrap();
    assert_eq!((&*ann.id, &*ann.roles), ("ann", &["a".into(), "b".into()][..]));
    let bob = question(b).principal.as_ref().unwrap();
    assert_eq!((&*bob.id, bob.auth.as_str()), ("bot", "jwt"));
    assert_eq!((question(a).now_ms, question(b).now_ms), (1_000, 2_000));
    let purpose = |case: &Case| question(case).purpose.clone();
    assert_eq!((purpose(a).as_deref(), purpose(b).as_deref()), (Some("audit"), Some("care")));
    assert_eq!(question(a).call, question(b).call);
    assert_eq!(question(a).host.as_deref(), Some("h"));
    assert_eq!(b.expect.policies.as_deref(), Some(&["reads".to_owned()][..]));
    assert_eq!(b.expect.hide.classes, [("pii".to_owned(), Some(Mask::KeepLast(2)))]);
    assert!(b.expect.hide.others && b.expect.allowed && !a.expect.allowed);
    assert_eq!(c.expect.code.as_deref(), Some("unidentified"));
    assert!(question(c).principal.is_none());
    assert_eq!((a.place.line, &*a.place.file), (8, "a_test.yaml"));
}

#[test]
fn a_table_is_a_test_for_each_cell_that_expects_something() {
    let text = format!(
        "{PEOPLE}tables:\n- name: t\n  actions: [read, list]\n  data_keys: [acme, acme/west]\n  request: {{classes: [pii]}}\n  \
         expect:\n    ann: {{acme: [allow, deny], acme/west: {{read: allow, list: ~}}}}\n    bob: tenant_mismatch\n"
    );
    let cases = parse(&text).unwrap().all;
    let shown: Vec<_> = cases
        .iter()
        .map(|case| {
            let key = question(case).data_key.as_ref().unwrap().as_str();
            (case.name.as_str(), key, case.expect.allowed, case.expect.code.as_deref())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("t: ann, read, acme", "acme", true, None),
            ("t: ann, list, acme", "acme", false, None),
            ("t: ann, read, acme/west", "acme/west", true, None),
            ("t: bob, read, acme", "acme", false, Some("tenant_mismatch")),
            ("t: bob, list, acme", "acme", false, Some("tenant_mismatch")),
            ("t: bob, read, acme/west", "acme/west", false, Some("tenant_mismatch")),
            ("t: bob, list, acme/west", "acme/west", false, Some("tenant_mismatch")),
        ]
    );
    let classes = vec!["pii".to_owned()];
    assert_eq!(question(&cases[0]).call, Call::Action(crate::ids::Action::Read, classes));
}

#[test]
fn a_request_may_say_that_tenants_are_in_another_state() {
    let text = format!(
        "{PEOPLE}defaults: {{tenants: {{acme: {{status: suspended}}, acme/west: {{tier: gold}}}}}}\ntests:\n\
         - {{name: a, principal: ann, request: {{action: read, tenants: {{acme: {{isolation: strict}}}}}}, expect: deny}}\n"
    );
    let cases = parse(&text).unwrap().all;
    let said: Vec<_> = cases[0].states.iter().map(|(path, state)| (path.as_str(), state.clone())).collect();
    let strict = State { isolation: Some("strict"), ..State::default() };
    let gold = State { tier: Some("gold".into()), ..State::default() };
    assert_eq!(said, [("acme", strict), ("acme/west", gold)]);
    let wrong = "tests:\n- {name: a, request: {action: read, tenants: {acme: {status: suspnded, x: 1}, Acme: {}}}, expect: deny}\n";
    let problems = parse(wrong).unwrap_err();
    let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unknown-word", "unknown-key", "bad-name"]);
}

#[test]
fn bodies_are_read_as_the_json_that_they_stand_for() {
    let text = format!(
        "{PEOPLE}redactions:\n- name: r\n  principal: ann\n  request: {{route: getPatient}}\n  \
         body: {{a: -1, b: 1.5, c: [true, null, 'x'], d: 18446744073709551615}}\n  \
         expect: '{{\"a\": -1.0e2, \"b\": []}}'\n"
    );
    let cases = parse(&text).unwrap().all;
    let body = cases[0].expect.body.as_ref().unwrap();
    assert_eq!(body.given.to_string(), r#"{"a":-1,"b":1.5,"c":[true,null,"x"],"d":18446744073709551615}"#);
    assert_eq!(body.wanted.to_string(), r#"{"a":-100.0,"b":[]}"#);
    assert_eq!(body.of, Body::Response);
}

#[test]
fn every_problem_is_reported_with_its_place_and_what_was_meant() {
    let text = "\
principals:
  ann: {tenat: acme, kind: robot}
  bob: {auth: jwt}
requests:
  one: {path: /x, action: read}
tests:
- {name: a, principal: anna, request: oen, expect: alow}
- {name: a, request: {action: raed, now: soon}, expect: {code: denid}}
- {request: {path: /x}, expect: {decision: deny, reveal: [pii]}}
- {name: d, request: {purpose: x}, expect: allow}
tables:
- {name: t, actions: [read], routes: [x], expect: {ann: allow}}
- {name: u, actions: [read, list], expect: {ann: [allow], bob: {read: deny}}}
redactions:
- {name: r, principal: ann, request: one, body: '{', of: respons}
";
    let problems = parse(text).unwrap_err();
    assert_eq!(
        said(&problems),
        [
            ("unknown-key", 2, 9, Some("did you mean `tenant`?")),
            ("unknown-word", 2, 28, None),
            ("missing-key", 3, 8, None),
            ("contradiction", 5, 27, None),
            ("unknown-principal", 7, 24, Some("did you mean `ann`?")),
            ("unknown-request", 7, 39, Some("did you mean `one`?")),
            ("unknown-decision", 7, 52, Some("did you mean `allow`?")),
            ("unknown-action", 8, 31, Some("did you mean `read`?")),
            ("bad-time", 8, 42, Some("write `2027-06-30T00:00:00Z`")),
            ("unknown-code", 8, 64, Some("did you mean `denied`?")),
            ("missing-key", 9, 3, None),
            ("contradiction", 9, 58, None),
            ("missing-key", 10, 3, None),
            ("missing-key", 12, 38, None),
            ("wrong-length", 13, 50, Some("the columns are `read`, `list`")),
            ("missing-cell", 13, 64, Some("write `~` where nothing is expected")),
            ("missing-key", 15, 3, None),
            ("bad-body", 15, 49, problems.iter().find(|p| p.code == "bad-body").unwrap().hint.as_deref()),
            ("unknown-word", 15, 58, Some("did you mean `response`?")),
        ]
    );
}

#[test]
fn names_that_do_not_exist_are_found_with_what_was_meant() {
    let text = "\
principals:
  ann: {tenant: acem}
tests:
- {name: a, principal: ann, request: {route: getPatien, target: acme/wset}, expect: {decision: allow, policies: [raeds], reveal: [pii.nam]}}
- {name: b, principal: ann, request: {action: read, data_key: acme/west/deep, classes: [pi]}, expect: {decision: allow, pathway: to wst}}
- {name: c, principal: ann, request: {action: read, data_key: globex}, expect: deny}
";
    let model = model();
    let policies = policies(&model);
    let cases = parse(text).unwrap();
    let all = [
        ("unknown-tenant", 2, 17, Some("did you mean `acme`?")),
        ("unknown-route", 4, 46, Some("did you mean `getPatient`?")),
        ("unknown-tenant", 4, 65, Some("did you mean `acme/west`?")),
        ("unknown-policy", 4, 114, Some("did you mean `reads`?")),
        ("unknown-class", 4, 131, Some("did you mean `pii.name`?")),
        ("unknown-class", 5, 89, Some("did you mean `pii`?")),
        ("unknown-pathway", 5, 130, Some("did you mean `to west`?")),
        ("unknown-data-key", 6, 63, None),
    ];
    let mut found = cases.check(&model, Some(&policies));
    found.sort_by(|a, b| a.place.cmp(&b.place));
    assert_eq!(said(&found), all);
    // Where the policies did not compile, nothing is said of their names.
    let found = cases.check(&model, None);
    assert!(found.iter().all(|problem| !matches!(problem.code, "unknown-policy" | "unknown-pathway")));
    assert_eq!(found.len(), all.len() - 2);
}

#[test]
fn a_file_without_a_test_is_a_problem_and_no_text_panics() {
    for text in
        ["tests: []", "{}", "principals: {}\n", "tests: {a: b}", "- a", "null", "tests: [1]", "a: *b", "\t"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_this_code_and_knows_every_key_that_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/test.schema.json");
    let now = schema_json();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(stored, now, "run with UPDATE_GOLDEN=1 and look at the difference");
    let schema: serde_json::Value = serde_json::from_str(&now).unwrap();
    let properties = |at: &serde_json::Value| -> Vec<String> {
        at["properties"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(properties(&schema), ["defaults", "principals", "requests", "tests", "tables", "redactions"]);
    let test = &schema["properties"]["tests"]["items"];
    assert_eq!(properties(test), ["name", "principal", "request", "expect"]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(principals|requests|tests|tables|redactions|name|expect|like|[a-z:{}\\[\\]&*!|>'\"#? \n-]){0,60}") {
        drop(parse(&text));
    }
}
