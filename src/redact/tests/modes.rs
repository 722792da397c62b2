//! What no class names: where it stays, where it is looked into, and where it is hidden.

use std::sync::Arc;

use proptest::prelude::*;

use super::laws;
use super::oracle::Oracle;
use super::oracle::Path;
use super::oracle::Reader;
use super::pieces;
use super::run;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;

/// The class of what no class names.
const REST: ClassIx = ClassIx(200);

/// The plan of a body in this mode, in which each path is a class of its own; one without a mask is shown.
fn plan(mode: Mode, rules: &[(&str, Option<&str>)], json: &[&str]) -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    shape.mode(mode);
    let mut hidden = vec![(REST, Mask::Drop)];
    for (number, (path, mask)) in (0..).zip(rules) {
        shape.path(path, ClassIx(number)).unwrap();
        hidden.extend(mask.map(|mask| (ClassIx(number), Mask::parse(mask).unwrap())));
    }
    for path in json {
        let node = shape.select(path).unwrap();
        shape.json(node);
    }
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

/// What leaves, whole and byte by byte.
fn seen(plan: &Arc<Plan>, body: &str) -> Result<String, Malformed> {
    let whole = run(plan, Encoding::Identity, &[body.as_bytes()]);
    let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    let cut = run(plan, Encoding::Identity, &single);
    assert_eq!(whole.as_ref().map(|(out, _)| out), cut.as_ref().map(|(out, _)| out), "{body}");
    whole.map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn a_closed_body_shows_only_what_has_a_class() {
    let plan = plan(
        Mode::Closed(REST),
        &[("name", None), ("user.mail", None), ("user.ssn", Some("null")), ("tags[*]", None)],
        &[],
    );
    let body = r#"{"name":{"first":"A","more":[1]},"user":{"mail":"a@x","ssn":1,"new":2,"deep":{"x":3}},"tags":["t",{"u":1}],"other":[4,{}],"e":{},"k":null}"#;
    let left = r#"{"name":{"first":"A","more":[1]},"user":{"mail":"a@x","ssn":null},"tags":["t",{"u":1}]}"#;
    assert_eq!(seen(&plan, body).unwrap(), left);
    // What stands where an object is described, and is none, is not described either.
    assert_eq!(seen(&plan, r#"{"user":"x"}"#).unwrap(), "{}");
    assert_eq!(
        seen(&plan, r#"{"user":[{"mail":"m","x":1}, 7]}"#).unwrap(),
        r#"{"user":[{"mail":"m"}, null]}"#
    );
    assert_eq!(seen(&plan, "\"x\"").unwrap(), "null");
    let nothing = super::modes::plan(Mode::Closed(REST), &[], &[]);
    assert_eq!(seen(&nothing, r#" {"a":1} "#).unwrap(), " null ");
}

#[test]
fn a_declared_document_in_a_string_is_read_as_if_it_stood_there() {
    let plan =
        plan(Mode::Open, &[("data.ssn", Some("drop")), ("data.mail", Some("fixed"))], &["data", "log[*]"]);
    assert_eq!(seen(&plan, r#"{"data":"{\"ssn\":1,\"a\":2}"}"#).unwrap(), r#"{"data":"{\"a\":2}"}"#);
    assert_eq!(
        seen(&plan, r#"{"data":"\u007b\"mail\" : \"x\\u0041\" }"}"#).unwrap(),
        r#"{"data":"{\"mail\" : \"[redacted]\" }"}"#
    );
    // Untouched, it keeps its bytes.
    for same in [
        r#"{"data":"\u007b\"a\":[1,\"\\u0041\"]}"}"#,
        r#"{"data":""}"#,
        r#"{"data":{"a":1}}"#,
        r#"{"log":["x"]}"#,
        r#"{"data":"x"}"#,
    ] {
        assert_eq!(seen(&plan, same).unwrap(), same);
    }
    // Of what is no JSON a lax parser may still read a member.
    for odd in [
        r#"{"data":"ssn=1"}"#,
        r#"{"data":"{'ssn':1}"}"#,
        r#"{"data":"{\"s_SN\":1} {}"}"#,
        r#"{"data":"\\u0073sn"}"#,
    ] {
        assert_eq!(seen(&plan, odd).unwrap(), r#"{"data":"[redacted]"}"#);
    }
    assert_eq!(seen(&plan, r#"{"data":{"ssn":1}}"#).unwrap(), r#"{"data":{}}"#);
}

#[test]
fn a_guarded_body_is_looked_into_where_a_string_looks_like_json() {
    let plan = plan(Mode::Guarded, &[("$..ssn", Some("drop"))], &[]);
    assert_eq!(seen(&plan, r#"{"a":"{\"ssn\":1,\"b\":2}"}"#).unwrap(), r#"{"a":"{\"b\":2}"}"#);
    assert_eq!(seen(&plan, r#"{"a":[" [{\"SSN\":1}]"]}"#).unwrap(), r#"{"a":[" [{}]"]}"#);
    let twice = r#"{"a":"{\"b\":\"{\\\"ssn\\\":1,\\\"c\\\":2}\"}"}"#;
    assert_eq!(seen(&plan, twice).unwrap(), r#"{"a":"{\"b\":\"{\\\"c\\\":2}\"}"}"#);
    // What a lax parser would still find goes whole; other text stays.
    assert_eq!(
        seen(&plan, r#"{"a":"{'ssn':1}","b":"{\"s_sn\":1,}"}"#).unwrap(),
        r#"{"a":"[redacted]","b":"[redacted]"}"#
    );
    for same in [r#"{"a":"[urgent] call","b":"{x}","c":"\u005bok","d":"","e":"   "}"#, r#"["{\"b\":2}"]"#] {
        assert_eq!(seen(&plan, same).unwrap(), same);
    }
    // Encoded twice, and text in quotes.
    let encoded = |text: &str| {
        serde_json::to_string(&serde_json::json!({ "a": serde_json::json!(text).to_string() })).unwrap()
    };
    assert_eq!(seen(&plan, &encoded(r#"{"ssn":1,"b":2}"#)).unwrap(), encoded(r#"{"b":2}"#));
    assert_eq!(seen(&plan, &encoded("{'ssn':1}")).unwrap(), encoded("[redacted]"));
    let quoted = r#"{"a":"\"ssn\" it said, and \"{ssn}\""}"#;
    assert_eq!(seen(&plan, quoted).unwrap(), quoted);
    // Deeper than anybody nests by accident.
    let mut nested = r#"{"ssn":1}"#.to_owned();
    for _ in 0..6 {
        nested = serde_json::to_string(&serde_json::json!({ "a": nested })).unwrap();
    }
    assert!(!seen(&plan, &nested).unwrap().contains("ssn"), "{nested}");
}

#[test]
fn what_an_event_says_beside_its_data_is_what_no_class_names() {
    let seen = |mode: Mode| {
        let plan = plan(mode, &[("$..ssn", Some("drop"))], &[]);
        let content = Content { format: Format::Events, encoding: Encoding::Identity };
        let events = b": ann called\nid: 078\nevent: paid\ndata: {\"ssn\":1}\n\n";
        String::from_utf8(run(&plan, content, &[events]).unwrap().0).unwrap()
    };
    assert_eq!(seen(Mode::Open), ": ann called\nid: 078\nevent: paid\ndata: {}\n\n");
    assert_eq!(seen(Mode::Guarded), ":\nid: 078\nevent: paid\ndata: {}\n\n");
    assert_eq!(seen(Mode::Closed(REST)), ":\nevent: paid\ndata: {}\n\n");
}

#[test]
fn every_format_is_closed_where_the_body_is() {
    let rules = [("name", None), ("user.mail", None), ("x[*].id", None)];
    let plan = plan(Mode::Closed(REST), &rules, &[]);
    let seen = |format: Format, body: &str| {
        let content = Content { format, encoding: Encoding::Identity };
        String::from_utf8(run(&plan, content, &[body.as_bytes()]).unwrap().0).unwrap()
    };
    assert_eq!(
        seen(Format::Form, "name=A&other=1&user.mail=m&user[mail]=n&user.new=n&user=u"),
        "name=A&user.mail=m&user[mail]=n"
    );
    assert_eq!(seen(Format::Lines, "{\"name\":1,\"b\":2}\n3\n"), "{\"name\":1}\nnull\n");
    let xml = "<r a='1' name='n'>t<name>A</name><user>u<mail>m</mail><new>n</new></user><other><name>B</name></other></r>";
    assert_eq!(seen(Format::Xml, xml), "<r name='n'><name>A</name><user><mail>m</mail></user></r>");
}

#[test]
fn a_closed_place_of_documents_shows_no_other_value() {
    let plan = plan(Mode::Closed(REST), &[("payload.name", None)], &["payload"]);
    for hidden in ["4111111111111111", "true", "\"4111111111111111\"", "\"Jane Doe\"", "\"\\\"x\\\"\""] {
        let left = seen(&plan, &format!(r#"{{"payload":{hidden}}}"#)).unwrap();
        assert!(left == "{}" || left == r#"{"payload":"[redacted]"}"#, "{hidden}: {left}");
    }
    assert_eq!(seen(&plan, r#"{"payload":[4111]}"#).unwrap(), r#"{"payload":[null]}"#);
    assert_eq!(
        seen(&plan, r#"{"payload":"{\"name\":1,\"x\":2}"}"#).unwrap(),
        r#"{"payload":"{\"name\":1}"}"#
    );
}

#[test]
fn xml_in_which_a_text_may_be_a_document_is_refused() {
    let content = Content { format: Format::Xml, encoding: Encoding::Identity };
    let body = br#"<r><data>{"ssn":"078-05-1120"}</data></r>"#;
    for plan in [
        plan(Mode::Guarded, &[("$..ssn", Some("drop"))], &[]),
        plan(Mode::Open, &[("data.ssn", Some("drop"))], &["data"]),
    ] {
        assert_eq!(run(&plan, content, &[body]).map(|(out, _)| out), Err(Malformed::Unsearchable));
    }
}

#[test]
fn who_may_see_all_is_looked_at_for_nothing() {
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Closed(REST));
    shape.path("a", ClassIx(0)).unwrap();
    let plan = Plan::new(&Arc::new(shape.build().unwrap()), [], None);
    assert!(plan.hides_nothing());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: laws::cases(300), ..ProptestConfig::default() })]

    #[test]
    fn a_closed_body_is_what_the_oracle_lets_out_wherever_it_is_cut(
        hidden in laws::rules(),
        shown in proptest::collection::vec(laws::path(), 0..3),
        body in laws::body(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut shape = ShapeBuilder::new();
        shape.mode(Mode::Closed(REST));
        let classified = hidden.iter().map(|(path, _)| path).chain(&shown);
        for (number, path) in (0..).zip(classified) {
            shape.path(&path.text(), ClassIx(number)).unwrap();
        }
        let masks = (0..).zip(&hidden).map(|(number, (_, mask))| (ClassIx(number), mask.clone()));
        let masks = masks.chain([(REST, Mask::default())]);
        let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), masks, Some(laws::key_of_acme())));

        let mut reader = Reader(&body);
        let mut expected = reader.space().to_owned();
        let tree = reader.value();
        let mut oracle = Oracle::new(&hidden, &laws::keyed);
        oracle.shown = Some(&shown);
        oracle.write(&tree, &mut expected);
        expected.push_str(reader.space());

        let (out, _) = run(&plan, Encoding::Identity, &[body.as_bytes()]).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), &*expected, "{:?}", shown.iter().map(Path::text).collect::<Vec<_>>());
        let pieces = pieces(body.as_bytes(), &cuts);
        let (cut, _) = run(&plan, Encoding::Identity, &pieces).unwrap();
        prop_assert_eq!(String::from_utf8(cut).unwrap(), expected);
    }

    #[test]
    fn what_a_document_in_a_string_becomes_is_what_it_becomes_alone(
        rules in laws::rules(),
        body in laws::body(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan_of = |prefix: &str| {
            let mut shape = ShapeBuilder::new();
            for (number, (path, _)) in (0..).zip(&rules) {
                shape.path(&path.text().replacen('$', prefix, 1), ClassIx(number)).unwrap();
            }
            let node = shape.select("$.doc").unwrap();
            shape.json(node);
            let masks = (0..).zip(&rules).map(|(number, (_, mask))| (ClassIx(number), mask.clone()));
            Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), masks, Some(laws::key_of_acme())))
        };
        let body = format!("{{\"k\":{body}}}");
        let (alone, _) = run(&plan_of("$.k"), Encoding::Identity, &[body.as_bytes()]).unwrap();
        let outer = serde_json::json!({ "doc": body }).to_string();
        let pieces = pieces(outer.as_bytes(), &cuts);
        let (out, _) = run(&plan_of("$.doc.k"), Encoding::Identity, &pieces).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(out["doc"].as_str().unwrap(), String::from_utf8(alone).unwrap());
    }
}

#[test]
fn a_text_of_xml_that_no_class_names_is_gone_wherever_it_is_cut() {
    let plan = plan(Mode::Closed(REST), &[("name", None)], &[]);
    let body = b"<r>\n a b <name> A B </name> c <![CDATA[ d e ]]> f<!-- x --> g&amp; h\n</r>";
    let content = Content { format: Format::Xml, encoding: Encoding::Identity };
    let (whole, _) = run(&plan, content, &[body]).unwrap();
    assert!(!whole.iter().any(|byte| b"bcdfgh".contains(byte)), "{}", String::from_utf8_lossy(&whole));
    for i in 0..=body.len() {
        for j in i..=body.len() {
            let (cut, _) = run(&plan, content, &[&body[..i], &body[i..j], &body[j..]]).unwrap();
            assert_eq!(String::from_utf8_lossy(&cut), String::from_utf8_lossy(&whole), "{i} {j}");
        }
    }
}
