//! What nobody classified and is found by its form: in strings and keys, whole or cut, escaped or not.

use std::sync::Arc;

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::Value;

use super::pieces;
use super::run;
use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Plan;
use crate::redact::ShapeBuilder;
use crate::redact::detect::Detectors;
use crate::redact::detect::Kind;
use crate::redact::http::Unreadable;
use crate::redact::http::readable_by;

/// A plan that hides these kinds by these masks, the member `gone` by dropping it, and nothing else.
fn plan(mode: Mode, kinds: &[(Kind, &str)]) -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    shape.mode(mode);
    shape.path("$..gone", ClassIx(100)).unwrap();
    let mut hidden = vec![(ClassIx(100), Mask::Drop)];
    for (number, (kind, mask)) in (0..).zip(kinds) {
        shape.detect(*kind, ClassIx(number));
        hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
    }
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

fn all_kinds() -> Arc<Plan> {
    plan(Mode::Guarded, &Kind::ALL.map(|kind| (kind, "fixed")))
}

/// What leaves, whole and byte by byte, with how much was found of each class.
fn seen(plan: &Arc<Plan>, body: &str) -> (String, Vec<(u16, u64)>) {
    let (out, hidden) = run(plan, Encoding::Identity, &[body.as_bytes()]).unwrap();
    let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    let (cut, counts) = run(plan, Encoding::Identity, &single).unwrap();
    assert_eq!(out, cut, "{body}");
    let counted: Vec<_> = hidden.counts().map(|(class, count)| (class.0, count)).collect();
    assert_eq!(counted, counts.counts().map(|(class, count)| (class.0, count)).collect::<Vec<_>>(), "{body}");
    (String::from_utf8(out).unwrap(), counted)
}

#[test]
fn what_is_found_is_masked_and_all_else_of_the_string_stays() {
    let plan =
        plan(Mode::Guarded, &[(Kind::Email, "fixed"), (Kind::Card, "keep-last(4)"), (Kind::Ip, "network")]);
    for (body, left, counts) in [
        (r#"{"a":"mail ada@example.org, or not"}"#, r#"{"a":"mail [redacted], or not"}"#, vec![(0, 1)]),
        (r#"["4111 1111 1111 1111","x"]"#, r#"["***************1111","x"]"#, vec![(1, 1)]),
        (r#"["from 192.0.2.77 to 10.1.2.3"]"#, r#"["from 192.0.2.0 to 10.1.2.0"]"#, vec![(2, 2)]),
        (
            r#"{"ada@example.org":1,"b":{"x@y.de z":[]}}"#,
            r#"{"[redacted]":1,"b":{"[redacted] z":[]}}"#,
            vec![(0, 2)],
        ),
        (r#""a@b.de""#, r#""[redacted]""#, vec![(0, 1)]),
        (r#"{"t":"\"a\u0040b.de\"\n\u00e4"}"#, "{\"t\":\"\\\"[redacted]\\\"\\u000aä\"}", vec![(0, 1)]),
        (r#"{"t":"\ud800 a@b.de"}"#, r#"{"t":"[redacted]"}"#, vec![(0, 1)]),
        (
            r#"{"gone":"a@b.de","t":"{\"m\":\"a\\u0040b.de\"}"}"#,
            r#"{"t":"{\"m\":\"[redacted]\"}"}"#,
            vec![(0, 1), (100, 1)],
        ),
        (r#"{"t":"[see a@b.de]"}"#, r#"{"t":"[see [redacted]]"}"#, vec![(0, 1)]),
    ] {
        assert_eq!(seen(&plan, body), (left.to_owned(), counts), "{body}");
    }
}

#[test]
fn what_is_found_in_a_long_body_leaves_once_whatever_stands_around_it() {
    let pad = r#""text":"which is long enough for an index, and of which nothing is said","n":12"#;
    let texts = [
        "ada@example.org",
        r"a ada@example.org\n",
        "née ada@example.org",
        r#"{\"a\":\"ada@example.org\"}"#,
        "[1",
        " ada@example.org",
        r"\u0061da@example.org",
        "4111 1111 1111 1111",
        "none",
        "12",
        "",
    ];
    for text in texts {
        for (before, after) in [("", ""), (" ", " "), ("\n", "\n"), ("", " "), ("", "\r\n")] {
            let item = format!("{before}\"{text}\"{after}");
            for body in [
                format!("{{{pad},\"a\":{item},\"b\":{item}}}"),
                format!("{{{pad},\"a\":[{item},{item}],\"b\":{item},\"gone\":{item},\"c\":{item}}}"),
                format!("[{{{pad}}},{item},1,{item}]"),
                format!("{{{pad},\"ada@example.org\":{item},\"token-1234-5678\":{item}}}"),
            ] {
                let (out, _) = seen(&all_kinds(), &body);
                assert!(!out.contains("example") && !out.contains("1111"), "{out}");
                serde_json::from_str::<Value>(&out).unwrap();
            }
        }
    }
    // What follows a text that was found is no JSON: nothing leaves twice, and nothing at all.
    for wrong in ["]", "x", " x", ":1", "\"b\""] {
        let body = format!("{{{pad},\"a\":\"ada@example.org\"{wrong}}}");
        assert!(run(&all_kinds(), Encoding::Identity, &[body.as_bytes()]).is_err(), "{body}");
    }
}

#[test]
fn a_body_in_which_nothing_is_found_leaves_byte_by_byte() {
    let body = r#"{"id":"550e8400-e29b-41d4-a716-446655440000","n":4111111111111111,"t":"\u0041 \/ 2026-11-21","é":[" "]}"#;
    assert_eq!(seen(&all_kinds(), body), (body.to_owned(), vec![]));
}

#[test]
fn an_open_body_is_not_looked_at() {
    let plan = plan(Mode::Open, &[(Kind::Email, "drop")]);
    assert_eq!(seen(&plan, r#"["a@b.de"]"#).0, r#"["a@b.de"]"#);
}

#[test]
fn what_the_caller_may_see_is_not_looked_for() {
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Guarded);
    shape.detect(Kind::Email, ClassIx(0));
    shape.detect(Kind::Ip, ClassIx(1));
    let shape = Arc::new(shape.build().unwrap());
    assert_eq!(shape.classes(), [ClassIx(0), ClassIx(1)]);
    assert!(Plan::new(&shape, [], None).hides_nothing());
    let plan = Arc::new(Plan::new(&shape, [(ClassIx(1), Mask::Drop)], None));
    assert_eq!(seen(&plan, r#"["a@b.de","10.0.0.1"]"#).0, r#"["a@b.de","[redacted]"]"#);
}

#[test]
fn keys_speak_of_their_values_and_of_the_items_below() {
    let plan = all_kinds();
    for (body, left) in [
        (r#"{"mobile":"0612345678"}"#, r#"{"mobile":"[redacted]"}"#),
        (r#"{"mobile":["0612345678"]}"#, r#"{"mobile":["[redacted]"]}"#),
        (r#"{"m\u006fbile":"0612345678"}"#, r#"{"m\u006fbile":"[redacted]"}"#),
        (r#"{"order":"0612345678"}"#, r#"{"order":"0612345678"}"#),
        (r#"{"password":"hT7$kq92LmXz"}"#, r#"{"password":"[redacted]"}"#),
    ] {
        assert_eq!(seen(&plan, body).0, left, "{body}");
    }
}

#[test]
fn a_string_that_is_too_long_to_be_looked_at_is_hidden_whole() {
    let plan = plan(Mode::Guarded, &[(Kind::Email, "drop")]);
    let body = |length: usize| format!(r#"["{}"]"#, "x".repeat(length));
    let cut = |body: &str| {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(1_000).collect();
        String::from_utf8(run(&plan, Encoding::Identity, &pieces).unwrap().0).unwrap()
    };
    let whole = |body: &str| {
        String::from_utf8(run(&plan, Encoding::Identity, &[body.as_bytes()]).unwrap().0).unwrap()
    };
    let fits = body(limits::MASKED_VALUE_BYTES_MAX);
    assert_eq!((whole(&fits), cut(&fits)), (fits.clone(), fits.clone()));
    let long = body(limits::MASKED_VALUE_BYTES_MAX + 1);
    assert_eq!((whole(&long), cut(&long)), (r#"["[redacted]"]"#.to_owned(), r#"["[redacted]"]"#.to_owned()));
}

#[test]
fn fields_of_forms_and_cells_of_tables_are_looked_at_too() {
    let plan = plan(Mode::Guarded, &[(Kind::Email, "fixed")]);
    for (format, body, left) in [
        (Format::Form, "a=1&b=x+a%40b.de", "a=1&b=x+%5Bredacted%5D"),
        (Format::Csv { is_named: true }, "a,b\n1,x a@b.de\n", "a,b\n1,x [redacted]\n"),
        (Format::Lines, "{\"a\":\"a@b.de\"}\n[1]\n", "{\"a\":\"[redacted]\"}\n[1]\n"),
    ] {
        let content = Content { format, encoding: Encoding::Identity };
        let (out, hidden) = run(&plan, content, &[body.as_bytes()]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), left);
        assert_eq!(hidden.counts().collect::<Vec<_>>(), [(ClassIx(0), 1)]);
    }
}

#[test]
fn a_body_that_cannot_be_searched_is_refused_where_something_may_have_to_be_found() {
    let content = Content { format: Format::Xml, encoding: Encoding::Identity };
    let found = run(&plan(Mode::Guarded, &[(Kind::Email, "fixed")]), content, &[b"<a>a@b.de</a>"]);
    assert_eq!(found.map(|(out, _)| out), Err(Malformed::Unsearchable));
    let open = run(&plan(Mode::Open, &[(Kind::Email, "fixed")]), content, &[b"<a>a@b.de</a>"]);
    assert_eq!(open.map(|(out, _)| out), Ok(b"<a>a@b.de</a>".to_vec()));
}

#[test]
fn plain_text_is_searched_where_nothing_is_hidden_by_its_place() {
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Guarded);
    shape.detect(Kind::Email, ClassIx(0));
    shape.detect(Kind::PrivateKey, ClassIx(1));
    shape.path("ssn", ClassIx(2)).unwrap();
    let shape = Arc::new(shape.build().unwrap());
    let content = Content { format: Format::Text, encoding: Encoding::Identity };
    let found = Arc::new(Plan::new(&shape, [(ClassIx(0), Mask::Drop), (ClassIx(1), Mask::Drop)], None));
    let body = "To a@b.de,\r\n-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- and\nc@d.fr";
    let left = "To [redacted],\r\n[redacted] and\n[redacted]";
    for at in 0..=body.len() {
        let (one, other) = body.as_bytes().split_at(at);
        let (out, hidden) = run(&found, content, &[one, other]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), left);
        assert_eq!(hidden.counts().collect::<Vec<_>>(), [(ClassIx(0), 2), (ClassIx(1), 1)]);
    }
    let placed = Arc::new(Plan::new(&shape, [(ClassIx(0), Mask::Drop), (ClassIx(2), Mask::Drop)], None));
    assert_eq!(run(&placed, content, &[b"x"]).map(|(out, _)| out), Err(Malformed::Unsearchable));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let read = |plan: &Plan| readable_by(plan, Some(&plain), None);
    assert_eq!((read(&found), read(&placed)), (Ok(content), Err(Unreadable::ContentType)));
    let long = vec![b'x'; limits::MASKED_VALUE_BYTES_MAX + 1];
    assert!(matches!(run(&found, content, &[&long]), Err(Malformed::FieldTooLong { .. })));
}

/// The same by a tree: every string and every key, judged by the last key before it.
fn oracle(value: &Value, last: &mut String) -> Value {
    match value {
        Value::String(text) => Value::String(replaced(text, last)),
        Value::Array(items) => items.iter().map(|item| oracle(item, last)).collect(),
        Value::Object(members) => {
            let mut out = serde_json::Map::new();
            for (key, value) in members {
                key.clone_into(last);
                let value = oracle(value, last);
                if key != "gone" {
                    out.insert(replaced(key, ""), value);
                }
            }
            Value::Object(out)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn replaced(text: &str, key: &str) -> String {
    let mut found = Vec::new();
    Detectors::new(Kind::ALL.into_iter().collect()).find(text, key, &mut found);
    let (mut out, mut at) = (String::new(), 0);
    for found in found {
        if found.from >= at {
            out.push_str(text.get(at..found.from).unwrap());
            out.push_str("[redacted]");
        }
        at = at.max(found.to);
    }
    out.push_str(text.get(at..).unwrap());
    out
}

fn text() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(
        &[
            "ada@example.org",
            "4111 1111 1111 1111",
            "192.0.2.1",
            "DE89370400440532013000",
            "+44 20 7946 0958",
            "078-05-1120",
            "AKIAIOSFODNN7EXAMPLE",
            "00:1b:44:11:3a:b7",
            "hT7$kq92LmXz",
            "0612345678",
            "2026-11-21",
            "550e8400-e29b-41d4-a716-446655440000",
            "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        ][..],
    );
    prop_oneof![
        2 => "[a-zé\"\\\\ ]{0,12}",
        2 => value.clone().prop_map(str::to_owned),
        2 => ("[a-zé\"\\\\\n ]{0,70}[ ,(]", value, "[ ,)][a-zé]{0,70}").prop_map(|(a, value, b)| format!("{a}{value}{b}")),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![4 => text().prop_map(Value::String), 1 => Just(Value::Null), 1 => any::<u32>().prop_map(Value::from)];
    let key = prop_oneof![
        4 => proptest::sample::select(&["a", "mobile", "password", "gone", "é", "order_id"][..]).prop_map(str::to_owned),
        1 => text(),
    ];
    scalar.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every character of strings and keys that is not plain, and some that are, escaped.
fn escaped(body: &str, escapes: u64) -> String {
    let mut out = String::new();
    for (at, c) in body.chars().enumerate() {
        match c {
            '@' | '1' | '-' | 'é' if escapes >> (at % 64) & 1 == 1 && body.get(..1) != Some("1") => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

#[test]
fn a_key_in_which_something_is_found_keeps_its_quotes_wherever_it_is_cut() {
    let plan = all_kinds();
    for before in ["", "\\n", "(ada@example.org "] {
        let key = "é\\na DE89370400440532013000,é";
        let text = format!("{{\"a\":[\"{before}\"],\"{key}\":null}}");
        let (whole, _) = run(&plan, Encoding::Identity, &[text.as_bytes()]).unwrap();
        for at in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let (cut, _) = run(&plan, Encoding::Identity, &[first, second]).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&whole),
                String::from_utf8_lossy(&cut),
                "{at}: {:?}",
                String::from_utf8_lossy(first)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_leaves_is_what_a_tree_says_wherever_the_body_is_cut(
        body in body(), escapes in prop_oneof![Just(0_u64), any::<u64>()],
        pretty in any::<bool>(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let plain = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        // A number has no escapes.
        let text = escaped(&plain, escapes);
        prop_assume!(serde_json::from_str::<Value>(&text).is_ok_and(|same| same == body));
        let plan = all_kinds();
        let (whole, hidden) = run(&plan, Encoding::Identity, &[text.as_bytes()]).unwrap();
        let seen: Value = serde_json::from_slice(&whole).unwrap();
        let last = serde_json::from_str::<Value>(&text).unwrap();
        prop_assert_eq!(&seen, &oracle(&last, &mut String::new()));
        let (cut, counts) = run(&plan, Encoding::Identity, &pieces(text.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(hidden.counts().collect::<Vec<_>>(), counts.counts().collect::<Vec<_>>());
        if seen == body {
            prop_assert_eq!(whole, text.as_bytes());
        }
    }
}
