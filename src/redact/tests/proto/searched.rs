//! What is found by its form in texts of messages, and documents in them: as in JSON.

use std::sync::Arc;

use proptest::prelude::*;

use super::PROTO;
use super::bytes;
use super::clinic;
use super::number;
use crate::redact::ClassIx;
use crate::redact::Descriptors;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::detect::Kind;
use crate::redact::tests::run;

const EMAIL: ClassIx = ClassIx(20);

/// A plan that hides e-mails wherever they stand, and `ssn`.
fn plan(mode: Mode, json: &[&str], rules: &[(&str, &str)]) -> Arc<Plan> {
    let descriptors = Arc::new(Descriptors::parse(&clinic()).unwrap());
    let mut shape = ShapeBuilder::new();
    shape.mode(mode);
    shape.detect(Kind::Email, EMAIL);
    let mut hidden = vec![(EMAIL, Mask::parse("fixed").unwrap()), (ClassIx(9), Mask::Drop)];
    for (number, (path, mask)) in (0..).zip(rules) {
        shape.path(path, ClassIx(number)).unwrap();
        if !mask.is_empty() {
            hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
        }
    }
    for path in json {
        let node = shape.select(path).unwrap();
        shape.json(node);
    }
    shape.protobuf(&descriptors, descriptors.find("clinic.Patient").unwrap(), |_| Some(ClassIx(19)));
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

fn seen(plan: &Arc<Plan>, body: &[u8]) -> Vec<u8> {
    run(plan, PROTO, &[body]).unwrap().0
}

#[test]
fn in_a_guarded_message_values_are_found_by_their_form_wherever_a_text_stands() {
    let guarded = plan(Mode::Guarded, &[], &[("ssn", "drop")]);
    let text = |at, text: &str| bytes(at, text);
    let label = |text: &str| bytes(7, [number(1, 7), bytes(2, text)].concat());
    let other = |key: &str| bytes(6, [bytes(1, key), bytes(2, bytes(2, "Y"))].concat());
    let any = |url: &str, held: &[u8]| bytes(14, [bytes(1, url), bytes(2, held)].concat());
    let url = "type.googleapis.com/clinic.Patient";
    for (body, left) in [
        (text(1, "mail ada@example.com now"), text(1, "mail [redacted] now")),
        (text(4, "ada@example.com"), text(4, "[redacted]")),
        (text(9, "ada@example.com"), text(9, "[redacted]")),
        (label("ada@example.com"), label("[redacted]")),
        (other("ada@example.com"), other("[redacted]")),
        (bytes(16, text(1, "ada@example.com")), bytes(16, text(1, "[redacted]"))),
        (any(url, &text(1, "ada@example.com")), any(url, &text(1, "[redacted]"))),
        (text(1, "\"\n\\ ada@example.com\""), text(1, "\"\n\\ [redacted]\"")),
        // Of bytes that are no text none can stay.
        (bytes(9, b"\xff ada@example.com \xff"), bytes(9, b"")),
        (bytes(9, b"\xff\xfe\x00"), bytes(9, b"\xff\xfe\x00")),
        (text(1, "nothing"), text(1, "nothing")),
    ] {
        assert_eq!(seen(&guarded, &body), left, "{}", String::from_utf8_lossy(&body));
    }
    let (_, hidden) = run(&guarded, PROTO, &[&[text(1, "a@b.co c@d.co"), text(2, "x")].concat()]).unwrap();
    assert_eq!(hidden.counts().collect::<Vec<_>>(), [(ClassIx(0), 1), (EMAIL, 2)]);
    // A text that nobody can look at whole goes whole.
    let long = "x".repeat(crate::limits::MASKED_VALUE_BYTES_MAX + 1);
    assert_eq!(seen(&guarded, &text(1, &long)), text(1, "[redacted]"));
    let open = plan(Mode::Open, &[], &[("ssn", "drop")]);
    assert_eq!(seen(&open, &text(1, "ada@example.com")), text(1, "ada@example.com"));
}

#[test]
fn a_document_in_a_text_is_read_where_a_route_says_so_or_the_body_is_guarded() {
    let inner = r#"{"ssn":"1","a":[2]}"#;
    let left = r#"{"a":[2]}"#;
    for (plan, at) in [
        (plan(Mode::Guarded, &[], &[("$..ssn", "drop")]), 1),
        (plan(Mode::Open, &["full_name"], &[("$..ssn", "drop")]), 1),
        (plan(Mode::Open, &["full_name"], &[("full_name.ssn", "drop")]), 1),
        (plan(Mode::Open, &["photo"], &[("photo.ssn", "drop")]), 9),
        (plan(Mode::Open, &["emails[*]"], &[("emails[*].ssn", "drop")]), 4),
        (plan(Mode::Open, &["labels.*"], &[("labels['7'].ssn", "drop")]), 7),
    ] {
        let wrap = |text: &str| match at {
            7 => bytes(7, [number(1, 7), bytes(2, text)].concat()),
            at => bytes(at, text),
        };
        assert_eq!(seen(&plan, &wrap(inner)), wrap(left));
        assert_eq!(seen(&plan, &wrap("plain")), wrap("plain"));
        // What only a lax parser would take for one goes whole.
        assert_eq!(seen(&plan, &wrap("{'ssn':1}")), wrap("[redacted]"));
    }
    let bytes_of = plan(Mode::Open, &["photo"], &[("photo.ssn", "drop")]);
    assert_eq!(seen(&bytes_of, &bytes(9, b"{\"ssn\":1,\"\xff\":2}")), bytes(9, b""));
    // What nothing says of is not read.
    let open = plan(Mode::Open, &[], &[("$..ssn", "drop")]);
    assert_eq!(seen(&open, &bytes(1, inner)), bytes(1, inner));
}

#[test]
fn in_a_closed_message_a_document_is_read_and_what_is_none_is_hidden() {
    let closed = plan(Mode::Closed(ClassIx(9)), &["full_name"], &[("full_name.a", ""), ("age", "")]);
    let body = |text: &str| [bytes(1, text), number(3, 4), bytes(4, "SECRET"), bytes(9, "SECRET")].concat();
    let left = |text: &str| [bytes(1, text), number(3, 4)].concat();
    assert_eq!(seen(&closed, &body(r#"{"a":1,"b":"SECRET"}"#)), left(r#"{"a":1}"#));
    assert_eq!(seen(&closed, &body("SECRET")), left("[redacted]"));
    // The name of a type that nobody knows may be anything.
    let any = bytes(14, [bytes(1, "SECRET"), bytes(2, "SECRET")].concat());
    let shown = plan(Mode::Closed(ClassIx(9)), &[], &[("extra.city", "")]);
    assert_eq!(seen(&shown, &any), bytes(14, b""));
}

proptest! {
    /// The same text in JSON and in a message leaves as the same text.
    #[test]
    fn a_text_of_a_message_is_searched_like_one_of_json(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("a@b.example".to_owned()), Just("ada.l@example.com".to_owned()), Just(r#"{"ssn":"1","b":"a@b.co"}"#.to_owned()),
                Just("{".to_owned()), Just("[".to_owned()), Just("\"".to_owned()), Just("ssn".to_owned()),
                Just(" ".to_owned()), Just("\n".to_owned()), Just("\\u0040".to_owned()), Just("\u{feff}".to_owned()),
                "\\PC{0,3}",
            ],
            0..5,
        ),
        mode in prop_oneof![Just(Mode::Open), Just(Mode::Guarded), Just(Mode::Closed(ClassIx(9)))],
        is_read in any::<bool>(),
    ) {
        let text = parts.concat();
        let json = if is_read { &["full_name"][..] } else { &[] };
        let plan = plan(mode, json, &[("$..ssn", "fixed"), ("full_name.b", ""), ("emails", "")]);
        for (at, key) in [(1, "fullName"), (4, "emails")] {
            let document = serde_json::json!({ key: text }).to_string();
            let (out, _) = run(&plan, Encoding::Identity, &[document.as_bytes()]).unwrap();
            let wanted = serde_json::from_slice::<serde_json::Value>(&out).unwrap();
            let wanted = wanted.get(key).and_then(|value| value.as_str());
            let out = seen(&plan, &bytes(at, &text));
            let of_list = wanted.or((at == 4).then_some(""));
            prop_assert_eq!(out, of_list.map_or(Vec::new(), |text| bytes(at, text)), "{:?} {:?}", text, mode);
        }
    }
}
