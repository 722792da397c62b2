//! What finding a route promises, and what a routes file may say.

use super::*;
use crate::model::Classes;
use crate::model::schema::tests::classes;
use crate::problem::Problem;
use proptest::prelude::*;

fn read(text: &str) -> Result<Routes, Vec<Problem>> {
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("routes.yaml", text, &classes());
    builder.finish()
}

const FILE: &str = "
routes:
  - {method: GET, path: /patients, action: list}
  - method: GET
    path: /patients/{id}
    id: readPatient
    groups: [chart]
    response:
      classes: {$.name: pii.name, '$.emails[*]': pii.contact.email}
  - {method: PUT, path: '/patients/{patient}', data_key: '{path.patient}', request: {classes: {$.name: pii}}}
  - {method: HEAD, path: /ping}
  - {method: GET, path: '/files/{*rest}', data_key: '{header.x-site}'}
";

fn met(routes: &Routes, method: &Method, path: &str) -> String {
    match routes.find(method, path) {
        Found::Route(route, params) => {
            let params: Vec<_> = params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{}{}", route.id, params.concat())
        }
        Found::OtherMethod(methods) => format!("{methods:?}"),
        Found::None => "none".to_owned(),
    }
}

#[test]
fn a_route_is_found_by_method_and_whole_segments() {
    let routes = read(FILE).unwrap();
    assert_eq!(met(&routes, &Method::GET, "/patients"), "GET /patients");
    assert_eq!(met(&routes, &Method::GET, "/patients/7"), "readPatient id=7");
    assert_eq!(met(&routes, &Method::PUT, "/patients/7"), "PUT /patients/{patient} patient=7");
    assert_eq!(met(&routes, &Method::GET, "/files/a/b"), "GET /files/{*rest} rest=a/b");
    for path in
        ["/patients/", "/patients/7/", "/patients/7/x", "/patient", "/", "", "patients", "/files/", "/files"]
    {
        assert_eq!(met(&routes, &Method::GET, path), "none", "{path}");
    }
    assert_eq!(met(&routes, &Method::DELETE, "/patients/7"), "[PUT, GET, HEAD]");
    assert_eq!(met(&routes, &Method::GET, "/ping"), "[HEAD]");
}

#[test]
fn a_template_for_all_the_rest_is_met_only_where_no_other_is() {
    let text = "routes: [{method: GET, path: '/{*all}'}, {method: PUT, path: '/{a}/{b}'}, {method: GET, path: '/a/{*rest}'}]";
    let routes = read(text).unwrap();
    assert_eq!(met(&routes, &Method::GET, "/a/b/c"), "GET /a/{*rest} rest=b/c");
    assert_eq!(met(&routes, &Method::GET, "/x/y/z"), "GET /{*all} all=x/y/z");
    assert_eq!(met(&routes, &Method::PUT, "/a/b"), "PUT /{a}/{b} a=a b=b");
    assert_eq!(met(&routes, &Method::GET, "/a/b"), "[PUT]");
    let text = "routes: [{method: GET, path: '/{*all}'}, {method: GET, path: '/{x}/{*rest}'}]";
    let problems = read(text).unwrap_err();
    assert_eq!(problems[0].message, "`/{x}/{*rest}` cannot be told from `/{*all}`");
}

#[test]
fn a_head_request_meets_the_get_route() {
    let routes = read(FILE).unwrap();
    assert_eq!(met(&routes, &Method::HEAD, "/patients/7"), "readPatient id=7");
    assert_eq!(met(&routes, &Method::HEAD, "/ping"), "HEAD /ping");
}

#[test]
fn bodies_carry_the_classes_that_the_file_names() {
    let routes = read(FILE).unwrap();
    let classes = classes();
    let (_, read) = routes.iter().find(|(_, route)| &*route.id == "readPatient").unwrap();
    let names: Vec<_> = read.classes.iter().map(|class| classes.get(*class).unwrap().name.as_str()).collect();
    assert_eq!(names, ["pii.contact.email", "pii.name"]);
    assert_eq!((read.level, read.request.is_none(), read.action), (4, true, Action::Read));
    assert_eq!(read.response_classes, read.classes);
}

#[test]
fn every_problem_of_a_file_is_reported_with_its_place() {
    let text = "
routes:
  - {method: get, path: /a}
  - {methd: GET, path: /b, action: lst}
  - {method: GET, path: b}
  - {method: GET, path: '/c/{site}', data_key: '{path.siet}'}
  - {method: GET, path: '/c/{x}'}
  - {method: PUT, path: '/c/{x}', id: 'GET /c/{site}', data_key: '{pth.x}'}
  - {method: GET, path: /d, response: {classes: {'$.x[0]': pii, $.b: pii.nam}}}
";
    let said: Vec<_> = read(text)
        .unwrap_err()
        .into_iter()
        .map(|p| (p.code, p.place.line, p.place.column, p.hint.unwrap_or_default()))
        .collect();
    let s = String::from;
    assert_eq!(
        said,
        [
            ("unknown-method", 3, 14, s("did you mean `GET`?")),
            ("missing-key", 4, 5, s("")),
            ("unknown-key", 4, 6, s("did you mean `method`?")),
            ("unknown-action", 4, 36, s("did you mean `list`?")),
            ("bad-path", 5, 25, s("")),
            ("unknown-parameter", 6, 48, s("did you mean `{path.site}`?")),
            ("duplicate-route", 7, 5, s("")),
            ("duplicate-route-id", 8, 5, s("")),
            ("bad-data-key", 8, 66, s("")),
            ("bad-body-path", 9, 54, s("")),
            ("unknown-class", 9, 70, s("did you mean `pii.name`?")),
        ]
    );
}

#[test]
fn two_files_may_not_claim_one_call() {
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("b.yaml", "routes: [{method: GET, path: '/a/{x}'}]", &classes());
    builder.add_openapi("a.yaml", "openapi: 3.1.0\npaths: {'/a/{y}': {get: {}}}", &classes());
    let problems = builder.finish().unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, &*problems[0].place.file), ("duplicate-route", "b.yaml"));
    assert_eq!(problems[0].message, "`GET /a/{x}` is written twice: first in `a.yaml`, line 2");
}

#[test]
fn the_order_of_files_does_not_show() {
    let files =
        ["routes: [{method: GET, path: /a}]", "routes: [{method: PUT, path: /a}, {method: GET, path: /0}]"];
    let build = |order: [usize; 2]| {
        let mut builder = RoutesBuilder::new();
        for at in order {
            builder.add_yaml(&format!("{at}.yaml"), files[at], &classes());
        }
        format!("{:?}", builder.finish().unwrap())
    };
    assert_eq!(build([0, 1]), build([1, 0]));
}

/// The slow twin: of the templates that fit, one without `{*rest}`, then a literal segment before a parameter.
fn slow<'t>(templates: &[&'t str], path: &str) -> Option<&'t str> {
    let path: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let fits = |template: &&&str| {
        let segments: Vec<&str> = template.split('/').skip(1).collect();
        for (at, segment) in segments.iter().enumerate() {
            let Some(value) = path.get(at) else { return false };
            if segment.starts_with("{*") {
                return !path[at..].join("/").is_empty();
            }
            if value.is_empty() || (!segment.starts_with('{') && value != segment) {
                return false;
            }
        }
        segments.len() == path.len()
    };
    let ranks = |template: &&&str| -> (bool, Vec<bool>) {
        (
            template.contains('*'),
            template.split('/').skip(1).map(|segment| segment.starts_with('{')).collect(),
        )
    };
    templates.iter().filter(fits).min_by_key(ranks).copied()
}

proptest! {
    #[test]
    fn matching_agrees_with_its_slow_twin_and_never_panics(
        templates in proptest::collection::btree_set("(/(a|b|ab|\\{x\\})){1,4}|(/(a|b)){0,2}/\\{\\*r\\}", 1..12),
        paths in proptest::collection::vec("(/(a|b|ab|c|ba|)){1,5}|\\PC{0,12}", 1..30),
    ) {
        // A name may stand once in a template.
        let templates: Vec<String> = templates
            .iter()
            .map(|text| text.split("{x}").enumerate().fold(String::new(), |all, (at, part)| {
                if at == 0 { part.to_owned() } else { format!("{all}{{x{at}}}{part}") }
            }))
            .collect();
        let lines: Vec<String> =
            templates.iter().map(|path| format!("- {{method: GET, path: '{path}', id: '{path}'}}\n")).collect();
        let routes = read(&format!("routes:\n{}", lines.concat())).unwrap();
        let names: Vec<&str> = templates.iter().map(String::as_str).collect();
        for path in &paths {
            let found = match routes.find(&Method::GET, path) {
                Found::Route(route, params) => {
                    let sound = |name: &str, value: &str| name.starts_with('r') || !value.contains('/');
                    let all = params.iter().all(|(name, value)| !value.is_empty() && sound(name, value));
                    prop_assert!(all, "a parameter is empty, or more than its segment");
                    Some(&*route.id)
                }
                Found::OtherMethod(_) | Found::None => None,
            };
            prop_assert_eq!(found, slow(&names, path), "{}", path);
        }
    }
}

#[test]
fn a_mode_of_the_file_holds_for_answers_that_say_nothing_else() {
    let classes =
        Classes::parse("classes.yaml", "classes: {pii: {level: 2}, rest: {level: 1, unclassified: true}}")
            .unwrap();
    let text = "
mode: closed
routes:
  - {method: GET, path: /a}
  - {method: GET, path: /b, response: {mode: open, classes: {x: pii}}}
  - {method: POST, path: /c, request: {mode: closed}, response: {json: [d], classes: {d.x: pii}}}
  - {method: GET, path: /d, public: true}
";
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("routes.yaml", text, &classes);
    let routes = builder.finish().unwrap();
    let carried: Vec<Vec<&str>> = routes
        .iter()
        .map(|(_, route)| {
            route.classes.iter().map(|class| classes.get(*class).unwrap().name.as_str()).collect()
        })
        .collect();
    assert_eq!(carried, [vec!["rest"], vec!["pii"], vec![], vec!["pii", "rest"]]);

    let text = "
mode: closd
routes:
  - {method: GET, path: /a, response: {mode: closed, json: ['a[0]']}}
";
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("routes.yaml", text, &Classes::parse("c.yaml", "classes: {pii: {level: 2}}").unwrap());
    let problems = builder.finish().unwrap_err();
    let said: Vec<_> = problems.iter().map(|problem| (problem.code, problem.place.line)).collect();
    assert_eq!(said, [("unknown-mode", 2), ("no-unclassified-class", 4), ("bad-body-path", 4)]);
}

#[test]
fn what_can_be_read_never_passes_unread() {
    let read = |opaque: &str| {
        read(&format!(
            "routes: [{{method: GET, path: /a, response: {{classes: {{$.name: pii}}, opaque: {opaque}}}}}]"
        ))
    };
    assert!(read("[image/*, application/pdf]").is_ok());
    for (opaque, wanted) in [
        ("['*/*']", "`*/*` can be read"),
        ("[application/fhir+json]", "can be read"),
        ("[png]", "`png` is no content type"),
    ] {
        let problems = read(opaque).unwrap_err();
        assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{problems:?}");
    }
}

#[test]
fn numbers_of_rows_are_named_where_rows_are_taken_out_and_nowhere_else() {
    let text = "
routes:
  - {method: GET, path: /a, response: {rows: {at: '$[*]', tenant: t, counts: {correct: [$.n]}}}}
  - {method: GET, path: /b, response: {rows: {at: '$[*]', tenant: t, foreign: drop, counts: {correct: ['a[0]'], refuse: [$.b]}}}}
  - {method: GET, path: /c, response: {rows: {at: '$[*]', tenant: t, foreign: drop, counts: {corect: []}}}}
";
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("routes.yaml", text, &Classes::parse("c.yaml", "classes: {}").unwrap());
    let problems = builder.finish().unwrap_err();
    let said: Vec<_> = problems.iter().map(|problem| (problem.code, problem.place.line)).collect();
    assert_eq!(said, [("contradiction", 3), ("bad-body-path", 4), ("unknown-key", 5)]);
}

#[test]
fn what_becomes_of_unknown_fields_is_said_of_messages_only() {
    let said = |body: &str| {
        let text =
            format!("routes: [{{method: GET, path: /a, response: {{classes: {{$.a: pii}}, {body}}}}}]");
        let problems = read(&text).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    assert_eq!(said("unknown_fields: refuse"), ["missing-key"]);
    assert_eq!(said("protobuf: a.B, unknown_fields: keep"), ["unknown-message", "unknown-word"]);
}

#[test]
fn a_route_says_for_which_audiences_its_credentials_must_be() {
    let classes = Classes::parse("c", "classes: {}\n").unwrap();
    let read = |routes: &str, openapi: &str| {
        let mut builder = RoutesBuilder::new();
        builder.add_yaml("routes.yaml", routes, &classes);
        if !openapi.is_empty() {
            builder.add_openapi("openapi.yaml", openapi, &classes);
        }
        builder.finish()
    };
    let text = "routes: [{method: GET, path: /a, audience: a}, {method: PUT, path: /a, audience: [a, b]}, {method: POST, path: /a}]\n";
    let of = |routes: Routes| -> Vec<Vec<Box<str>>> {
        routes.iter().map(|(_, route)| route.audiences.clone()).collect()
    };
    assert_eq!(
        of(read(text, "").unwrap()),
        [vec![Box::<str>::from("a")], vec![], vec!["a".into(), "b".into()]]
    );
    let openapi = "openapi: 3.1.0\nx-palisade-audience: all\npaths:\n  /b: {get: {}, put: {x-palisade-audience: [own]}, post: {x-palisade-public: true}}\n";
    let mut found = of(read("routes: []\n", openapi).unwrap());
    found.sort();
    assert_eq!(found, [vec![], vec![Box::<str>::from("all")], vec!["own".into()]]);
    for (audience, code) in [
        ("audience: []", "bad-name"),
        ("audience: ''", "bad-name"),
        ("audience: 7", "wrong-type"),
        ("audience: {a: b}", "wrong-type"),
        ("audience: a, public: true", "contradiction"),
    ] {
        let problems = read(&format!("routes: [{{method: GET, path: /a, {audience}}}]\n"), "").unwrap_err();
        assert!(problems.iter().any(|problem| problem.code == code), "{audience}: {problems:?}");
    }
}

#[test]
fn a_websocket_is_opened_by_get_on_a_route_that_is_none_of_graphql() {
    let text = "
routes:
  - {method: GET, path: /a, websocket: true}
  - {method: GET, path: /b, websocket: false}
  - {method: GET, path: /c}
";
    let routes = read(text).unwrap();
    let may: Vec<bool> = routes.iter().map(|(_, route)| route.websocket).collect();
    assert_eq!(may, [true, false, false]);
    let text = "
routes:
  - {method: POST, path: /a, websocket: true}
  - {method: GET, path: /b, websocket: true, graphql: {schema: none}}
  - {method: GET, path: /c, websocket: perhaps}
";
    let problems = read(text).unwrap_err();
    let said: Vec<_> = problems.iter().map(|problem| (problem.code, problem.place.line)).collect();
    assert_eq!(said[..2], [("contradiction", 3), ("contradiction", 4)]);
    assert_eq!((said.len(), said[2].1), (3, 5));
}

#[test]
fn an_operation_opens_websockets_where_it_says_so_itself() {
    let text = |place: &str, operation: &str| {
        format!(
            "openapi: 3.1.0\n{place}paths:\n  /a:\n    get: {{operationId: a, {operation}responses: {{}}}}\n"
        )
    };
    let read = |text: &str| {
        let mut builder = RoutesBuilder::new();
        builder.add_openapi("api.yaml", text, &Classes::parse("c.yaml", "classes: {}").unwrap());
        builder.finish().unwrap().iter().any(|(_, route)| route.websocket)
    };
    assert!(read(&text("", "x-palisade-websocket: true, ")));
    assert!(!read(&text("", "")) && !read(&text("x-palisade-websocket: true\n", "")));
}
