//! Server-sent events.

use proptest::prelude::*;

use super::laws::body;
use super::pieces;
use super::plan;
use super::run;
use crate::limits;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

const EVENTS: Content = Content { format: Format::Events, encoding: Encoding::Identity };

fn events(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), EVENTS, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn the_data_of_an_event_is_a_document() {
    let rules = [("$..ssn", "drop")];
    for (body, left) in [
        ("data: {\"ssn\":1}\n\n", "data: {}\n\n"),
        ("data:{\"ssn\":1,\"a\":2}\r\n\r\n", "data: {\"a\":2}\r\n\r\n"),
        ("data: {\"ssn\":1}\r\r", "data: {}\r\r"),
        ("event: x\nid: 7\ndata: [{\"ssn\":1}]\nretry: 5\n\n", "event: x\nid: 7\ndata: [{}]\nretry: 5\n\n"),
        (
            "data: {\nid: 7\ndata: \"ssn\": 1,\ndata\ndata:\"a\":2}\n\n",
            "data: {\ndata: \ndata: \"a\":2}\nid: 7\n\n",
        ),
        ("data:  {\"a\":1}\n\n", "data:  {\"a\":1}\n\n"),
        (": ping\n\ndata\n\ndata: \n\ndata: [DONE]\n\n", ": ping\n\ndata\n\ndata: \n\ndata: [DONE]\n\n"),
        ("data: {\"ssn\":1}", "data: {}"),
        ("data: {\"ssn\":1}\n", "data: {}\n"),
        ("\n\n", "\n\n"),
        ("", ""),
    ] {
        assert_eq!(events(&rules, body).as_deref(), Ok(left), "{body:?}");
    }
}

#[test]
fn data_that_is_no_json_is_hidden_whole() {
    let rules = [("ssn", "drop")];
    for data in ["ssn=1", "{\"ssn\":1", "{'ssn':1}", "{\"a\":1}\ndata: {\"ssn\":1}", "[DONE]1"] {
        let left = events(&rules, &format!("id: 1\ndata: {data}\n\ndata: 1\n\n")).unwrap();
        assert_eq!(left, "id: 1\ndata: \"[redacted]\"\n\ndata: 1\n\n", "{data:?}");
    }
}

#[test]
fn a_line_that_is_no_known_field_is_refused() {
    for line in ["Data: {\"ssn\":1}", " data: 1", "ssn", "{\"ssn\":1}", "\u{feff}data: 1", "x: 1"] {
        assert!(events(&[("ssn", "drop")], &format!("{line}\n\n")).is_err(), "{line}");
    }
}

#[test]
fn an_event_is_bounded() {
    let long = format!("data: {}", "1".repeat(limits::EVENT_BYTES_MAX));
    assert!(matches!(events(&[("ssn", "drop")], &long), Err(Malformed::EventTooLong { .. })));
    let lines = "data: 1\n".repeat(limits::EVENT_BYTES_MAX / 8 + 1);
    assert!(matches!(events(&[("ssn", "drop")], &lines), Err(Malformed::EventTooLong { .. })));
    let many = "data: 1\n\n".repeat(limits::EVENT_BYTES_MAX / 8 + 1);
    assert_eq!(events(&[("ssn", "drop")], &many), Ok(many.clone()));
}

#[test]
fn an_event_leaves_when_it_ends_and_what_is_no_data_at_once() {
    use bytes::Buf;
    let mut redactor = crate::redact::Redactor::new(plan(&[("ssn", "drop")]), EVENTS);
    let mut fed = |text: &'static str| {
        let mut out = redactor.feed(text.into()).unwrap();
        String::from_utf8(out.copy_to_bytes(out.remaining()).to_vec()).unwrap()
    };
    assert_eq!(fed("id: 1\n: x"), "id: 1\n");
    assert_eq!(fed("\ndata: {\"ssn\""), ": x\n");
    assert_eq!(fed(":1}\n"), "");
    assert_eq!(fed("\ndata"), "data: {}\n\n");
}

proptest! {
    #[test]
    fn each_event_leaves_as_its_document_would_alone_wherever_the_body_is_cut(
        documents in proptest::collection::vec(body(), 0..5),
        ending in proptest::sample::select(&["\n", "\r\n", "\r"][..]),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let rules = [("$..a", "drop"), ("$..ssn", "keep-last(2)"), ("b", "pseudonym")];
        let plan = plan(&rules);
        let mut body = String::new();
        let mut wanted = String::new();
        for document in documents.iter().map(|text| text.replace(['\r', '\n'], " ")) {
            let seen = super::seen(&rules, &document);
            body.push_str(&format!("id: 1{ending}data: {document}{ending}{ending}"));
            wanted.push_str(&format!("id: 1{ending}data: {seen}{ending}{ending}"));
        }
        let (out, _) = run(&plan, EVENTS, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_nothing(
        parts in proptest::collection::vec(
            proptest::sample::select(&["data", "data:", ": ", "\n", "\r", "{\"s\":1}", "{", "\"s\":", "7}", "id", "\u{feff}", " "][..]),
            0..20,
        ),
    ) {
        let plan = plan(&[("$..s", "drop")]);
        let body = parts.concat();
        let whole = run(&plan, EVENTS, &[body.as_bytes()]).map(|(out, _)| out).ok();
        let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        prop_assert_eq!(whole, run(&plan, EVENTS, &single).map(|(out, _)| out).ok());
    }
}
