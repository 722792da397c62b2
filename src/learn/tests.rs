//! What is learned of bodies, and what is proposed by it.

mod laws;
mod told;

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::model::Classes;
use crate::model::Model;
use crate::model::RoutesBuilder;
use crate::model::Tenants;
use crate::redact::detect::Kind;

const CLASSES: &str = "
classes:
  pii:
    level: 3
    classes:
      name: {}
      birth-date: {}
      contact:
        classes: {email: {detect: [email]}, phone: {detect: [phone]}, address: {}}
      national-id: {detect: [national-id]}
  note: {level: 4}
";

fn model(routes: &str) -> Model {
    let (tenants, _) = Tenants::parse("t.yaml", "tenants: {acme: {}}").unwrap();
    let classes = Classes::parse("c.yaml", CLASSES).unwrap();
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("r.yaml", routes, &classes);
    Model::new(tenants, classes, builder.finish().unwrap())
}

fn seen<'a>(format: &str, bytes: &'a [u8]) -> Seen<'a> {
    Seen { route: "r", side: Side::Response, format: format_of(format), bytes, is_cut: false }
}

fn learned(min: u64, bodies: &[(&str, &str)]) -> Learned {
    let mut observer = Observer::new(Learned::default(), min);
    for (format, body) in bodies {
        observer.observe(&seen(format, body.as_bytes()));
    }
    observer.learned()
}

fn learned_of(body: &Value) -> Learned {
    learned(1, &[("application/json", &body.to_string())])
}

fn at<'l>(learned: &'l Learned, path: &[&str]) -> &'l Node {
    path.iter().fold(&learned.routes["r"].response.root, |node, step| match *step {
        "*" => node.any.as_deref().unwrap(),
        "[]" => node.items.as_deref().unwrap(),
        key => &node.members[key],
    })
}

#[test]
fn values_are_counted_by_path_type_and_finding() {
    let body = json!({"people": [
        {"mail": "ann@example.org", "age": 7, "note": "write to bob@example.org, please"},
        {"mail": "cy@example.org", "age": null, "note": "nothing", "ok": true},
    ]});
    let learned = learned_of(&body);
    let found = |path: &[&str]| at(&learned, path).found.get(&Concept::Found(Kind::Email)).copied();
    assert_eq!(found(&["people", "[]", "mail"]), Some(Found { values: 2, whole: 2 }));
    assert_eq!(found(&["people", "[]", "note"]), Some(Found { values: 1, whole: 0 }));
    let types = at(&learned, &["people", "[]", "age"]).types;
    assert_eq!(types, Types { null: 1, number: 1, ..Types::default() });
    assert_eq!(at(&learned, &["people", "[]"]).types.object, 2);
    assert_eq!(at(&learned, &["people"]).values(), 1);
}

#[test]
fn the_same_document_counts_alike_in_every_format() {
    let person = json!({"mail": "ann@example.org", "city": "Ulm"});
    let direct = learned_of(&person);
    let mail = |learned: &Learned, path: &[&str]| at(learned, &[path, &["mail"]].concat()).found.clone();
    for (format, body, path) in [
        ("application/x-ndjson", format!("{person}\n"), &[][..]),
        ("application/json-seq", format!("\u{1e}{person}\n"), &[]),
        ("text/event-stream", format!("event: x\ndata: {person}\n\ndata: [DONE]\n\n"), &[]),
        ("application/x-www-form-urlencoded", "mail=ann%40example.org&city=Ulm".to_owned(), &[]),
        (
            "application/xml",
            "<?xml version=\"1.0\"?><p mail=\"ann@example.org\"><city>Ulm</city></p>".to_owned(),
            &[],
        ),
        ("application/xml", "<p><mail>ann@example.org</mail><!-- x --><city/></p>".to_owned(), &[]),
        ("text/csv", "mail,city\r\nann@example.org,\"U\"\"lm\"\r\n".to_owned(), &["[]"]),
        ("application/json", json!({"inner": person.to_string()}).to_string(), &["inner"]),
    ] {
        let other = learned(1, &[(format, &body)]);
        assert_eq!(mail(&other, path), mail(&direct, &[]), "{format}: {body}");
        assert_eq!(other.routes["r"].response.unread, 0, "{format}");
    }
    let text = learned(1, &[("text/plain", "a\nwrite to ann@example.org\n")]);
    assert_eq!(at(&text, &[]).found[&Concept::Found(Kind::Email)], Found { values: 1, whole: 0 });
    for format in ["image/png", "application/json; charset=utf-16", "multipart/form-data; boundary=x"] {
        assert_eq!(learned(1, &[(format, "{}")]).routes["r"].response.unread, 1, "{format}");
    }
}

#[test]
fn what_is_cut_counts_as_far_as_it_goes() {
    let mut observer = Observer::new(Learned::default(), 1);
    let body = br#"[{"mail":"ann@example.org"},{"mail":"bob@ex"#;
    let looked = observer.observe(&Seen { is_cut: true, ..seen("application/json", body) });
    assert_eq!(looked, Looked::Learned);
    assert_eq!(observer.observe(&seen("application/json", body)), Looked::Unread);
    let learned = observer.learned();
    let body = &learned.routes["r"].response;
    assert_eq!((body.bodies, body.cut, body.unread), (2, 1, 1));
    assert_eq!(at(&learned, &["[]", "mail"]).found[&Concept::Found(Kind::Email)].values, 2);
}

#[test]
fn keys_that_are_values_are_told_as_any_key() {
    let learned = learned_of(&json!({
        "by_mail": {"ann@example.org": {"n": 1}, "bob@example.org": {"n": 2}},
        "by_id": {"6f9619ff-8b86-d011-b42d-00cf4fc964ff": "x", "17": "y"},
    }));
    assert_eq!(at(&learned, &["by_mail", "*", "n"]).types.number, 2);
    assert_eq!(at(&learned, &["by_id", "*"]).types.string, 2);
    // Many of one kind are a map, though each looks like a name.
    let many: serde_json::Map<String, Value> =
        ('a'..='p').map(|c| (format!("user{c}"), json!({"mail": "ann@example.org"}))).collect();
    let learned = learned_of(&Value::from(many));
    assert_eq!(at(&learned, &["*", "mail"]).found[&Concept::Found(Kind::Email)].values, 16);
    // And so are more keys than fields have names.
    let many: serde_json::Map<String, Value> = (0..300_u32)
        .map(|n| (n.to_string().bytes().map(|b| char::from(b + 49)).collect(), json!(1)))
        .collect();
    let learned = learned_of(&Value::from(many));
    assert_eq!(at(&learned, &["*"]).types.number, 300);
    assert_eq!(learned.routes["r"].response.over.keys, 1);
}

#[test]
fn a_key_is_told_once_enough_bodies_have_it() {
    let body = |key: &str| json!({"id": 1, key: "x"}).to_string();
    let bodies: Vec<String> = ["one", "two", "same", "same", "same"].into_iter().map(body).collect();
    let bodies: Vec<(&str, &str)> = bodies.iter().map(|body| ("application/json", &**body)).collect();
    let learned = learned(3, &bodies);
    let root = at(&learned, &[]);
    assert_eq!(root.members.keys().map(|key| &**key).collect::<Vec<_>>(), ["id", "same"]);
    assert_eq!(learned.routes["r"].response.untold, 2);
}

#[test]
fn a_table_without_names_has_columns_of_any_key() {
    let learned = learned(1, &[("text/csv", "Ann Example,ann@example.org\nBob Example,bob@example.org\n")]);
    let any = at(&learned, &["[]", "*"]);
    assert!(at(&learned, &["[]"]).members.is_empty());
    assert_eq!((any.types.string, any.found[&Concept::Found(Kind::Email)].whole), (4, 2));
}

#[test]
fn bounds_hold_and_what_is_over_them_is_counted() {
    let mut observer = Observer::new(Learned::default(), 1);
    let deep = "[".repeat(60) + &"]".repeat(60);
    observer.observe(&seen("application/json", deep.as_bytes()));
    let letters = |n: usize| n.to_string().bytes().map(|b| char::from(b + 49)).collect::<String>();
    for outer in 0..40 {
        let inner: serde_json::Map<String, Value> = (0..200).map(|n| (letters(n), json!(1))).collect();
        let body = json!({format!("o{}", letters(outer)): inner}).to_string();
        observer.observe(&seen("application/json", body.as_bytes()));
    }
    let body = observer.learned().routes["r"].response.clone();
    assert!(body.over.depth > 0 && body.over.paths > 0, "{:?}", body.over);
    assert!(body.root.count() <= limits::LEARNED_PATHS_MAX, "{}", body.root.count());
    for n in 0..=limits::LEARNED_ROUTES_MAX {
        let route = letters(n);
        observer.observe(&Seen { route: &route, ..seen("application/json", b"1") });
    }
    let learned = observer.learned();
    assert_eq!((learned.routes.len(), learned.routes_over), (limits::LEARNED_ROUTES_MAX, 2));
}

#[test]
fn what_was_learned_is_read_back_and_gone_on_from() {
    let body = json!({"mail": "ann@example.org", "17": [1, {"a": null}]}).to_string();
    let first = learned(1, &[("application/json", &body)]);
    let again = Learned::parse(&first.json()).unwrap();
    assert_eq!(again, first);
    let mut observer = Observer::new(again, 1);
    observer.observe(&seen("application/json", body.as_bytes()));
    assert_eq!(observer.learned(), learned(1, &[("application/json", &body), ("application/json", &body)]));
    for bad in [
        "{}",
        r#"{"version":2,"routes":{}}"#,
        r#"{"version":1,"routes":{"r":{"response":{"root":{"members":{"ann@example.org":{}}}}}}}"#,
        r#"{"version":1,"routes":{"r":{"response":{"values":["x"]}}}}"#,
        r#"{"version":1,"routes":{"r":{"response":{"root":{"types":{"null":9007199254740993}}}}}}"#,
        r#"{"version":1,"routes":{"r":{"response":{"root":{"any":{"bodies":18446744073709551615}}}}}}"#,
        r#"{"version":1,"routes":{"r":{"response":{"root":{"found":{"email":{"values":1,"whole":2}}}}}}}"#,
        r#"{"version":1,"routes":{"r":{"request":{"over":{"keys":9007199254740993}}}}}"#,
        r#"{"version":1,"routes":{},"routes_over":9007199254740993}"#,
    ] {
        assert!(Learned::parse(bad).is_err(), "{bad}");
    }
}

const ROUTES: &str = r#"
routes:
  - {method: GET, path: /r, id: r, response: {classes: {"$.who": pii.name, "$.mail": pii.contact, "$..ssn": pii.national-id, "$.gone": note}}}
  - {method: GET, path: /open, id: open, public: true}
"#;

fn lines(learned: &Learned, routes: &str) -> Vec<(String, &'static str, String, String)> {
    let model = model(routes);
    let proposal = Proposal::new(learned, &model, 50);
    let of = proposal.routes.iter().find(|of| &*of.route.id == "r").unwrap();
    let told = |line: &Line| {
        let class = line.choice.map_or(String::new(), |choice| proposal.name(choice));
        (line.path.clone(), line.standing.word(), class, line.why.words())
    };
    of.bodies.iter().flat_map(|body| &body.lines).map(told).collect()
}

#[test]
fn a_path_is_told_to_agree_to_contradict_to_be_new_or_unseen() {
    let body = json!({
        "who": "ann@example.org", "mail": "bob@example.org", "inner": {"ssn": "078-05-1120"},
        "phones": ["+49 30 901820", "+49 30 901821", "none"], "birthDate": "1984-06-05", "city": "Ulm", "salary": 7,
    });
    let expected = [
        ("$.birthDate", "new", "pii.birth-date", "1 value: birth-date by its name"),
        ("$.inner.ssn", "agrees", "", "1 of 1 value: national-id, and its name says so"),
        ("$.mail", "agrees", "", "1 of 1 value: email, and its name says so"),
        ("$.phones", "new", "pii.contact.phone", "3 values: phone by its name"),
        ("$.salary", "new", "personal.income", "1 value: income by its name"),
        ("$.who", "contradicts", "pii.contact.email", "1 of 1 value: email"),
        ("$.gone", "unseen", "", "0 values"),
    ];
    let got = lines(&learned_of(&body), ROUTES);
    for (path, standing, class, why) in expected {
        let line = got.iter().find(|line| line.0 == path).unwrap_or_else(|| panic!("{path}: {got:#?}"));
        if path != "$.phones" {
            assert_eq!((line.1, &*line.2, &*line.3), (standing, class, why), "{path}");
        }
        assert_eq!((line.1, &*line.2), (standing, class), "{path}");
    }
    assert_eq!(got.len(), expected.len(), "{got:#?}");
}

#[test]
fn a_name_is_a_persons_beside_what_tells_a_person_and_texts_with_findings_are_no_path_of_a_class() {
    let body = json!({
        "product": {"name": "Lamp", "price": 7},
        "patient": {"name": [{"given": ["Ann"]}], "gender": "f"},
        "note": ["call ann@example.org", "x", "y", "z"],
    });
    let learned = learned_of(&body);
    let got = lines(&learned, ROUTES);
    let paths: Vec<&str> = got.iter().filter(|line| line.1 == "new").map(|line| &*line.0).collect();
    assert_eq!(paths, ["$.patient.gender", "$.patient.name"]);
    let model = model(ROUTES);
    let yaml = Proposal::new(&learned, &model, 50).routes_yaml();
    assert!(
        yaml.contains("# email within 1 of 4 texts of $.note[*]; `mode: guarded` looks for it"),
        "{yaml}"
    );
}

#[test]
fn what_is_proposed_has_all_that_is_classified() {
    let body = json!({"who": "x", "items": [{"mail": "ann@example.org", "17": {"phone": "+49 30 901820"}}]});
    for routes in [
        ROUTES,
        "mode: guarded\nroutes:\n  - {method: PUT, path: '/r/{id}', id: r, groups: [g], action: export, data_key: '{tenant}/x', request: {denied: refuse, classes: {'a.*.c': note, 'a.b': pii, \"$['x y'].z[*].w\": note}}, response: {classes: {$..who: pii.name, 'who': note}}}\n",
    ] {
        let before = model(routes);
        let yaml = Proposal::new(&learned_of(&body), &before, 50).routes_yaml();
        let after = model(&yaml);
        assert_eq!(before.routes.len(), after.routes.len());
        for ((_, a), (_, b)) in before.routes.iter().zip(after.routes.iter()) {
            assert_eq!((&a.id, &a.template, a.action, a.public), (&b.id, &b.template, b.action, b.public));
            assert_eq!((&a.data_key, &a.groups, a.denied), (&b.data_key, &b.groups, b.denied));
            for (a, b) in [(&a.request, &b.request), (&a.response, &b.response)] {
                let Some(a) = a else { continue };
                let b = b.as_ref().unwrap();
                assert_eq!(a.mode(), b.mode());
                for path in [
                    "$.who",
                    "$.mail",
                    "$.ssn",
                    "$.q.ssn",
                    "$.gone",
                    "$.a.b",
                    "$.a.q.c",
                    "$['x y'].z[*].w",
                    "$.i[*].who",
                ] {
                    let classes = |shape: &crate::redact::Shape| {
                        shape.trace(path).unwrap().into_iter().map(|at| at.classes).collect::<Vec<_>>()
                    };
                    let (was, is) = (classes(a), classes(b));
                    for (was, is) in was.iter().zip(&is) {
                        assert!(was.iter().all(|class| is.contains(class)), "{path}: {was:?} {is:?}\n{yaml}");
                    }
                }
            }
        }
    }
}

#[test]
fn classes_that_are_missing_are_written_and_then_there() {
    let body = json!({"salary": 7, "card": "4111111111111111", "mail": "ann@example.org"});
    let before = model(ROUTES);
    let learned = learned_of(&body);
    let proposal = Proposal::new(&learned, &before, 50);
    let missing: Vec<&str> = proposal.missing().map(Concept::word).collect();
    assert_eq!(missing, ["card", "income"]);
    let more = proposal.classes_yaml();
    let classes =
        Classes::parse("c.yaml", &(CLASSES.to_owned() + more.split_once("classes:\n").unwrap().1)).unwrap();
    assert!(classes.find("personal.card").is_some() && classes.find("personal.income").is_some());
    assert!(Classes::parse("c.yaml", &more).is_ok());
    let mut builder = RoutesBuilder::new();
    builder.add_yaml("r.yaml", ROUTES, &classes);
    let (tenants, _) = Tenants::parse("t.yaml", "tenants: {acme: {}}").unwrap();
    let after = Model::new(tenants, classes, builder.finish().unwrap());
    let proposal = Proposal::new(&learned, &after, 50);
    assert_eq!(proposal.missing().count(), 0);
    assert!(proposal.routes_yaml().contains("\"$.card\": personal.card  # new: 1 of 1 value: card"));
}

#[test]
fn brackets_that_no_framework_reads_are_part_of_a_name_that_is_none() {
    for name in ["ann[!", "ann[x]y", "ann[[x]"] {
        let text = learned(1, &[("application/x-www-form-urlencoded", &format!("{name}=1"))]).json();
        assert!(!text.contains("ann"), "{name}: {text}");
    }
}
