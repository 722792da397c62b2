//! What reading an OpenAPI document promises.

use super::*;
use crate::model::Found;
use crate::model::Routes;
use crate::model::RoutesBuilder;
use crate::model::schema::tests::classes;
use proptest::prelude::*;

const CLINIC: &str = include_str!("clinic.yaml");

fn read_text(text: &str) -> Result<Routes, Vec<Problem>> {
    let mut builder = RoutesBuilder::new();
    builder.add_openapi("openapi.yaml", text, &classes());
    builder.finish()
}

/// The problems of a document, by code, line, column and hint.
fn said(text: &str) -> Vec<(&'static str, u32, u32, String)> {
    let problems = read_text(text).unwrap_err();
    problems.into_iter().map(|p| (p.code, p.place.line, p.place.column, p.hint.unwrap_or_default())).collect()
}

fn summary(routes: &Routes) -> Vec<String> {
    let classes = classes();
    let names = |list: &[crate::redact::ClassIx]| -> String {
        let names: Vec<_> = list.iter().map(|class| classes.get(*class).unwrap().name.to_string()).collect();
        names.join(",")
    };
    routes
        .iter()
        .map(|(_, r)| {
            let bodies = format!("({}) ({})", names(&r.request_classes), names(&r.response_classes));
            let groups = r.groups.join(",");
            format!(
                "{}: {} {} {} {} [{groups}] {bodies} {}",
                r.id, r.method, r.template, r.action, r.data_key, r.level
            )
        })
        .collect()
}

#[test]
fn a_clinic_is_read_whole() {
    let routes = read_text(CLINIC).unwrap();
    assert_eq!(
        summary(&routes),
        [
            "GET /v1/health: GET /v1/health read {tenant} [] () () 0",
            "createPatient: POST /v1/patients create {tenant} [intake,writes] \
             (health,pii,pii.contact,pii.contact.email,pii.name) () 5",
            "deletePatient: DELETE /v1/patients/{id} delete {tenant} [chart] () () 0",
            "exportSite: POST /v1/sites/{company}/{site}/export export {path.company}/{path.site} [] () (pii) 3",
            "listClaims: GET /v1/sites/{company}/{site}/claims read {path.company}/{path.site}/claims [] () \
             (health,pii.name) 5",
            "listEvents: GET /v1/events list {tenant} [] () (health,internal,pii.contact) 5",
            "listPatients: GET /v1/patients list {tenant} [] () \
             (health,internal,pii,pii.contact,pii.contact.email,pii.name) 5",
            "readPatient: GET /v1/patients/{id} read {tenant} [chart] () \
             (health,pii,pii.contact,pii.contact.email,pii.name) 5",
        ]
    );
    let Found::Route(route, params) = routes.find(&Method::GET, "/v1/sites/acme/sf1/claims") else {
        panic!("no route")
    };
    let headers = http::HeaderMap::new();
    let tenant = crate::ids::TenantPath::parse("globex").unwrap();
    assert_eq!(route.data_key.resolve(&tenant, &params, None, &headers).unwrap().as_str(), "acme/sf1/claims");
}

#[test]
fn the_same_document_as_json_makes_the_same_routes() {
    let value: serde_json::Value = serde_saphyr::from_str(CLINIC).unwrap();
    for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
        assert_eq!(summary(&read_text(&text).unwrap()), summary(&read_text(CLINIC).unwrap()));
    }
    let tabs = "{\n\t\"openapi\":\t\"3.0.3\",\n\t\"info\": {\"title\": \"\\ud83d\\ude00 \\/\"},\n\t\"paths\": {\n\t\t\"/a\":{\"get\":{}}\n\t}\n}\n";
    assert_eq!(read_text(tabs).unwrap().len(), 1);
}

#[test]
fn every_problem_of_a_document_is_reported_with_its_place() {
    let text = "
openapi: 3.0.3
paths:
  /a/{id}:
    get:
      x-palisade-action: raed
      x-palisade-data-key: '{path.ide}'
      responses:
        200: {content: {application/json: {schema: {$ref: '#/components/schemas/Gone'}}}}
        500: {$ref: 'other.yaml#/x'}
    put:
      x-palisade-clas: pii
      x-palisade-data-key: '{path.ide}'
    trace: {}
  b: {get: {}}
  /c/{x}.json: {get: {}}
components:
  schemas:
    Unused: {properties: {a: {x-palisade-class: pii.nme}, b: {x-palisade-class: 3}}}
";
    let s = String::from;
    assert_eq!(
        said(text),
        [
            ("unknown-action", 6, 26, s("did you mean `read`?")),
            ("bad-reference", 9, 59, s("a reference is `#/` and the keys from the top of the document")),
            (
                "bad-reference",
                10,
                21,
                s(
                    "only references within the document, `#/...`, are followed: bundle the documents into one"
                )
            ),
            ("unknown-key", 12, 7, s("did you mean `x-palisade-class`?")),
            ("unknown-parameter", 13, 28, s("did you mean `{path.id}`?")),
            ("missing-key", 14, 12, s("")),
            ("bad-path", 15, 3, s("")),
            ("bad-path", 16, 3, s("")),
            ("unknown-class", 19, 49, s("did you mean `pii.name`?")),
            ("wrong-type", 19, 81, s("write it in quotes")),
        ]
    );
}

#[test]
fn a_document_of_another_kind_is_told_so() {
    assert_eq!(
        said("swagger: '2.0'\n").first().map(|p| (p.0, p.3.as_str())),
        Some(("unknown-version", "convert it to OpenAPI 3.0 or 3.1"))
    );
    assert_eq!(said("openapi: 4.0.0\n")[0].0, "unknown-version");
    assert_eq!(said("openapi: 3.1\n")[0].3, "write it in quotes");
    assert_eq!(said("info: {}\n")[0].0, "missing-key");
    assert_eq!(said("[1, 2]")[0].0, "missing-key");
    assert_eq!(said("")[0].0, "missing-key");
    assert_eq!(said("openapi: 3.1.0\npaths: {/a: {get: {}, get: {}}}\n")[0].0, "syntax");
    assert_eq!(said("openapi: 3.1.0\npaths: [x]\n")[0].0, "wrong-type");
}

#[test]
fn references_that_go_round_end() {
    let text = "
openapi: 3.1.0
paths:
  /a: {$ref: '#/paths/~1b'}
  /b: {$ref: '#/paths/~1a'}
  /c: {get: {responses: {200: {content: {x: {schema: {$ref: '#/components/schemas/A'}}}}}}}
components: {schemas: {A: {$ref: '#/components/schemas/B'}, B: {allOf: [{$ref: '#/components/schemas/A'}]}}}
";
    let codes: Vec<_> = said(text).into_iter().map(|p| p.0).collect();
    assert_eq!(codes, ["bad-reference", "bad-reference"]);
}

#[test]
fn the_path_of_the_first_server_stands_before_every_path() {
    let with = |url: &str| {
        let text = format!(
            "openapi: 3.0.0\nservers: [{{url: '{url}'}}, {{url: /other}}]\npaths: {{/a: {{get: {{}}}}}}\n"
        );
        read_text(&text)
            .map(|routes| routes.iter().next().unwrap().1.template.to_string())
            .map_err(|p| p[0].code)
    };
    assert_eq!(with("https://x.example/v2/"), Ok("/v2/a".to_owned()));
    assert_eq!(with("https://x.example"), Ok("/a".to_owned()));
    assert_eq!(with("/"), Ok("/a".to_owned()));
    assert_eq!(with("/api"), Ok("/api/a".to_owned()));
    assert_eq!(with("https://x.example/{stage}"), Err("bad-path"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_document_never_panics(cut in 0usize..6000, with in "[ -~\n]{0,3}", drop_bytes in 0usize..40) {
        let start = CLINIC.get(..cut).unwrap_or(CLINIC);
        let rest = CLINIC.get(cut + drop_bytes..).unwrap_or("");
        drop(read_text(&format!("{start}{with}{rest}")));
    }
}

#[test]
fn a_document_says_what_passes_unread_of_all_answers_or_of_one_or_of_a_request() {
    let text = |of_one: &str| {
        format!(
            "openapi: 3.1.0\nx-palisade-opaque: [application/pdf]\npaths:\n  /a:\n    put:\n      {of_one}\n      requestBody: {{x-palisade-opaque: image/png, content: {{a/b: {{schema: {{$ref: '#/components/schemas/A'}}}}}}}}\n      responses: {{'200': {{content: {{a/b: {{schema: {{$ref: '#/components/schemas/A'}}}}}}}}}}\ncomponents: {{schemas: {{A: {{x-palisade-class: pii}}}}}}\n"
        )
    };
    let passes = |of_one: &str| {
        let routes = read_text(&text(of_one)).unwrap();
        let (_, route) = routes.iter().next().unwrap();
        let lets = |shape: &Option<std::sync::Arc<crate::redact::Shape>>| {
            let plan = crate::redact::Plan::new(shape.as_ref().unwrap(), [], None);
            ["application/pdf", "image/png", "video/mp4"].map(|kind| {
                let line = http::HeaderValue::from_static(kind);
                crate::redact::http::readable_in(
                    &[(http::header::CONTENT_TYPE, line)].into_iter().collect(),
                    &plan,
                )
                .is_ok()
            })
        };
        (lets(&route.request), lets(&route.response))
    };
    assert_eq!(passes("summary: x"), ([false, true, false], [true, false, false]));
    assert_eq!(passes("x-palisade-opaque: [video/*]"), ([false, true, false], [false, false, true]));
    let problems = read_text(&text("x-palisade-opaque: [text/csv]")).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["bad-content-type"]);
}
