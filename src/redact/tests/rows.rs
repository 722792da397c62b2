//! The leak guard: of the rows of a body those leave that are the right owner's, each as it would alone.

use std::sync::Arc;

use proptest::prelude::*;

use super::laws;
use super::pieces;
use crate::redact::ClassIx;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Foreign;
use crate::redact::Format;
use crate::redact::Gathered;
use crate::redact::Hidden;
use crate::redact::Malformed;
use crate::redact::Mask;
use crate::redact::Mode;
use crate::redact::Owns;
use crate::redact::Plan;
use crate::redact::Redactor;
use crate::redact::ShapeBuilder;

#[derive(Debug)]
struct Acme;

impl Owns for Acme {
    fn owns(&self, text: &str) -> bool {
        matches!(text, "acme" | "7")
    }
}

pub(super) fn plan(rows: &str, owner: &str, foreign: Foreign, rules: &[(&str, &str)]) -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    shape.rows(rows, owner, foreign).unwrap();
    let mut hidden = Vec::new();
    for (number, (path, mask)) in (0..).zip(rules) {
        shape.path(path, ClassIx(number)).unwrap();
        hidden.push((ClassIx(number), Mask::parse(mask).unwrap()));
    }
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, None))
}

pub(super) fn run(
    plan: &Arc<Plan>,
    content: Content,
    pieces: &[&[u8]],
) -> Result<(String, Hidden), Malformed> {
    let owner: Arc<dyn Owns> = Arc::new(Acme);
    let mut redactor = Redactor::of_owner(Arc::clone(plan), content, &owner);
    let mut out = Gathered::default();
    for piece in pieces {
        out.push(redactor.feed(bytes::Bytes::copy_from_slice(piece))?);
    }
    let (last, hidden) = redactor.finish()?;
    out.push(last);
    let mut out = out.into_redacted();
    let length = out.len();
    let bytes = bytes::Buf::copy_to_bytes(&mut out, length);
    Ok((String::from_utf8(bytes.to_vec()).unwrap(), hidden))
}

/// What leaves, whole and byte by byte.
pub(super) fn seen(plan: &Arc<Plan>, content: impl Into<Content>, body: &str) -> Result<String, Malformed> {
    let content = content.into();
    let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    let whole = run(plan, content, &[body.as_bytes()]).map(|(out, _)| out);
    assert_eq!(whole, run(plan, content, &single).map(|(out, _)| out), "{body}");
    whole
}

#[test]
fn a_row_of_another_goes_with_its_comma() {
    let plan = plan("$.items[*]", "tenant", Foreign::Drop, &[("items[*].ssn", "drop")]);
    let cases = [
        (
            r#"{"items":[{"tenant":"acme","a":1},{"tenant":"globex","a":2}]}"#,
            r#"{"items":[{"tenant":"acme","a":1}]}"#,
        ),
        (
            r#"{"items":[{"a":2,"tenant":"globex"}, {"ssn":3,"tenant":"acme"}],"n":2}"#,
            r#"{"items":[ {"tenant":"acme"}],"n":2}"#,
        ),
        (r#"{"items":[ {"tenant":"globex"} , {"tenant":"g"} ]}"#, r#"{"items":[  ]}"#),
        (
            r#"{"items":[{"tenant":7},{"tenant":70},{"tenant":"\u0061cme"}]}"#,
            r#"{"items":[{"tenant":7},{"tenant":"\u0061cme"}]}"#,
        ),
        (r#"{"items":[ ],"x":[{"tenant":"globex"}]}"#, r#"{"items":[ ],"x":[{"tenant":"globex"}]}"#),
    ];
    for (body, left) in cases {
        assert_eq!(seen(&plan, Encoding::Identity, body).unwrap(), left, "{body}");
    }
}

#[test]
fn a_row_that_names_no_owner_or_two_is_anothers() {
    let plan = plan("$[*]", "$.org.id", Foreign::Drop, &[("$[*].org", "drop")]);
    for row in [
        r#"{"a":1}"#,
        "1",
        "null",
        "[]",
        r#"{"org":"acme"}"#,
        r#"{"org":{"id":null}}"#,
        r#"{"org":{"id":{"x":"acme"}}}"#,
        r#"{"org":{"id":"acme","id":"globex"}}"#,
        r#"{"org":{"id":["acme","globex"]}}"#,
        r#"{"org":{"id":"globex"},"ORG":{"id":"acme"}}"#,
        r#"{"org":{"id":true}}"#,
    ] {
        assert_eq!(seen(&plan, Encoding::Identity, &format!("[{row}]")).unwrap(), "[]", "{row}");
    }
    // Even where what names it is hidden.
    assert_eq!(seen(&plan, Encoding::Identity, r#"[{"org":{"id":"acme"},"b":2}]"#).unwrap(), r#"[{"b":2}]"#);
}

#[test]
fn a_number_of_rows_is_corrected_or_refuses_the_body() {
    let plan = |these: bool| {
        let mut shape = ShapeBuilder::new();
        shape.rows("$.items[*]", "tenant", Foreign::Drop).unwrap();
        shape.row_count("$.total", these).unwrap();
        Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None))
    };
    let (corrected, strict) = (plan(true), plan(false));
    let items = r#""items":[{"tenant":"acme"},{"tenant":"globex"},{"tenant":"globex"}]"#;
    for (total, left) in
        [("3", "1"), ("2", "0"), ("1", "null"), ("3.0", "null"), ("\"3\"", "\"1\""), ("{\"n\":3}", "null")]
    {
        let body = format!("{{{items}, \"total\" : {total} }}");
        let left = format!(r#"{{"items":[{{"tenant":"acme"}}], "total" : {left} }}"#);
        assert_eq!(seen(&corrected, Encoding::Identity, &body).unwrap(), left);
        let refused = seen(&strict, Encoding::Identity, &body);
        assert!(matches!(refused, Err(Malformed::ForeignRow { .. })), "{refused:?}");
    }
    let first = format!(r#"{{"total":3,{items}}}"#);
    let own = r#"{"total":30,"items":[{"tenant":"acme"}],"n":1}"#;
    for plan in [&corrected, &strict] {
        assert!(matches!(seen(plan, Encoding::Identity, &first), Err(Malformed::ForeignRow { .. })));
        assert_eq!(seen(plan, Encoding::Identity, own).unwrap(), own);
    }
}

#[test]
fn rows_in_strings_are_told_whatever_the_caller_may_see() {
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Guarded);
    shape.rows("$..items[*]", "tenant", Foreign::Drop).unwrap();
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let body = r#"{"a":"{\"items\":[{\"tenant\":\"globex\"},{\"tenant\":7}]}"}"#;
    assert_eq!(seen(&plan, Encoding::Identity, body).unwrap(), r#"{"a":"{\"items\":[{\"tenant\":7}]}"}"#);
    // In a table, where a cell that may hold rows goes with its line.
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Guarded);
    shape.rows("$..record", "tenant", Foreign::Drop).unwrap();
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let content = Content { format: Format::Csv { is_named: false }, encoding: Encoding::Identity };
    let table = "record.tenant,b\nacme,\"{\"\"record\"\":{\"\"tenant\"\":\"\"globex\"\"}}\"\n";
    assert!(matches!(seen(&plan, content, table), Err(Malformed::ForeignRow { .. })));
    let mut shape = ShapeBuilder::new();
    shape.mode(Mode::Guarded);
    shape.rows("$[*]", "tenant", Foreign::Drop).unwrap();
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let table = "tenant,b\nacme,\" {\"\"tenant\"\":\"\"globex\"\"}\"\nacme,1\n";
    assert_eq!(seen(&plan, content, table).unwrap(), "tenant,b\nacme,1\n");
}

#[test]
fn a_number_of_rows_counts_those_of_the_whole_answer() {
    let mut shape = ShapeBuilder::new();
    shape.rows("$.items[*]", "tenant", Foreign::Drop).unwrap();
    shape.row_count("$.total", true).unwrap();
    shape.row_count("$.meta.total", true).unwrap();
    for path in ["$.meta", "$.items[*].payload"] {
        let node = shape.select(path).unwrap();
        shape.json(node);
    }
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let items = r#""items":[{"tenant":"acme"},{"tenant":"globex"}]"#;
    let lines = Content { format: Format::Lines, encoding: Encoding::Identity };
    let seen = |content: Content, body: &str| seen(&plan, content, body);
    assert_eq!(
        seen(lines, &format!("{{{items}}}\n{{\"total\":2}}\n")).unwrap(),
        "{\"items\":[{\"tenant\":\"acme\"}]}\n{\"total\":1}\n"
    );
    assert!(seen(lines, &format!("{{\"total\":2}}\n{{{items}}}\n")).is_err());
    let json = Content::from(Encoding::Identity);
    let meta = r#""meta":"{\"total\":2}""#;
    assert_eq!(
        seen(json, &format!("{{{items},{meta}}}")).unwrap(),
        r#"{"items":[{"tenant":"acme"}],"meta":"{\"total\":1}"}"#
    );
    assert!(seen(json, &format!("{{{meta},{items}}}")).is_err());
    // A row that goes for two rows in it is one.
    let mut shape = ShapeBuilder::new();
    shape.rows("$..items[*]", "tenant", Foreign::Drop).unwrap();
    shape.row_count("$.total", true).unwrap();
    let node = shape.select("$.items[*].payload").unwrap();
    shape.json(node);
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    let inner = r#"{\"items\":[{\"tenant\":\"globex\"},{\"tenant\":\"globex\"}]}"#;
    let body =
        format!(r#"{{"items":[{{"tenant":"acme"}},{{"tenant":"acme","payload":"{inner}"}}],"total":2}}"#);
    let left = super::rows::seen(&plan, json, &body).unwrap();
    assert_eq!(left, r#"{"items":[{"tenant":"acme"}],"total":1}"#);
}

#[test]
fn a_row_within_a_row_names_its_owner_too() {
    let plan = plan("$..items[*]", "org.id", Foreign::Drop, &[("$..org", "drop")]);
    for (row, left) in [
        (r#"{"org":{"id":"acme"},"items":[{"org":{"id":"acme"},"a":1}]}"#, r#"{"items":[{"a":1}]}"#),
        (
            r#"{"items":[{"org":{"id":"acme"},"items":[]}],"org":{"id":"acme"}}"#,
            r#"{"items":[{"items":[]}]}"#,
        ),
        (r#"{"org":{"id":"acme"},"items":[{"a":1}]}"#, ""),
        (r#"{"org":{"id":"acme"},"items":[1]}"#, ""),
        (r#"{"org":{"id":"acme"},"items":[{"items":[{}],"org":{"id":"acme"}}]}"#, ""),
        (r#"{"items":[{"org":{"id":"acme"}}]}"#, ""),
        (r#"{"org":{"id":"acme"},"items":[{"org":{"id":"globex"}}]}"#, ""),
        // Even where it is hidden.
        (r#"{"org":{"id":"acme","items":[{}]}}"#, ""),
    ] {
        let body = format!(r#"{{"items":[{row}]}}"#);
        assert_eq!(
            seen(&plan, Encoding::Identity, &body).unwrap(),
            format!(r#"{{"items":[{left}]}}"#),
            "{row}"
        );
    }
}

#[test]
fn a_row_goes_with_a_row_in_a_string_of_it() {
    let mut shape = ShapeBuilder::new();
    shape.rows("$..items[*]", "tenant", Foreign::Drop).unwrap();
    let node = shape.select("$.items[*].payload").unwrap();
    shape.json(node);
    let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
    for (inner, stays) in [("acme", true), ("globex", false)] {
        let payload = format!(r#"{{\"items\":[{{\"tenant\":\"{inner}\"}}]}}"#);
        let row = format!(r#"{{"tenant":"acme","payload":"{payload}"}}"#);
        let left = if stays { &row } else { "" };
        let body = |row: &str| format!(r#"{{"items":[{row}]}}"#);
        assert_eq!(seen(&plan, Encoding::Identity, &body(&row)).unwrap(), body(left));
    }
}

#[test]
fn a_row_that_cannot_be_taken_out_refuses_the_body() {
    let refused = |result: Result<String, Malformed>| matches!(result, Err(Malformed::ForeignRow { .. }));
    let strict = plan("$.items[*]", "tenant", Foreign::Refuse, &[]);
    assert!(refused(seen(
        &strict,
        Encoding::Identity,
        r#"{"items":[{"tenant":"acme"},{"tenant":"globex"}]}"#
    )));
    assert!(seen(&strict, Encoding::Identity, r#"{"items":[{"tenant":"acme"}]}"#).is_ok());
    let single = plan("$", "tenant", Foreign::Drop, &[]);
    assert!(refused(seen(&single, Encoding::Identity, r#"{"tenant":"globex"}"#)));
    assert_eq!(
        seen(&single, Encoding::Identity, r#" {"tenant":"acme"} "#).unwrap(),
        r#" {"tenant":"acme"} "#
    );
    let member = plan("$.items[*]", "tenant", Foreign::Drop, &[]);
    assert!(refused(seen(&member, Encoding::Identity, r#"{"items":{"tenant":"globex"}}"#)));
}

#[test]
fn a_line_of_another_goes_with_its_end() {
    let plan = plan("$", "tenant", Foreign::Drop, &[]);
    let lines = "{\"tenant\":\"globex\"}\n{\"tenant\":\"acme\"}\r\n\n{\"tenant\":8}\n{\"tenant\":7}";
    let content = Content { format: Format::Lines, encoding: Encoding::Identity };
    assert_eq!(seen(&plan, content, lines).unwrap(), "{\"tenant\":\"acme\"}\r\n\n{\"tenant\":7}");
    let content = Content { format: Format::Sequence, encoding: Encoding::Identity };
    let sequence = "\u{1e}{\"tenant\":\"globex\"}\n\u{1e}{\"tenant\":\"acme\"}\n";
    assert_eq!(seen(&plan, content, sequence).unwrap(), "\u{1e}\u{1e}{\"tenant\":\"acme\"}\n");
}

#[test]
fn an_event_of_another_goes_with_all_it_says() {
    let single = plan("$", "tenant", Foreign::Drop, &[("ssn", "drop")]);
    let content = Content { format: Format::Events, encoding: Encoding::Identity };
    for (events, left) in [
        (
            "id: 1\ndata: {\"tenant\":\"globex\"}\n\nid: 2\ndata: {\"tenant\":\"acme\",\"ssn\":1}\n\n",
            "\nid: 2\ndata: {\"tenant\":\"acme\"}\n\n",
        ),
        ("data: {\"tenant\":\"globex\"}\r\nevent: x\r\n\r\n", "\r\n"),
        ("data: {\"tenant\":\"globex\"}\rid: x\r\r", "\r"),
        ("data: 1\n\ndata: [DONE]\n\n", "\ndata: [DONE]\n\n"),
        ("data: {\"tenant\":\"globex\"}", ""),
        (": globex ran\n\n", ":\n\n"),
        ("data: globex\n\n", "data: \"[redacted]\"\n\n"),
    ] {
        assert_eq!(seen(&single, content, events).unwrap(), left, "{events:?}");
    }
    let many = plan("$.items[*]", "tenant", Foreign::Drop, &[]);
    let event = "data: {\"items\":[{\"tenant\":\"globex\"},{\"tenant\":7}]}\n\n";
    assert_eq!(seen(&many, content, event).unwrap(), "data: {\"items\":[{\"tenant\":7}]}\n\n");
    let strict = plan("$", "tenant", Foreign::Refuse, &[]);
    assert!(seen(&strict, content, "data: {\"tenant\":\"acme\"}\n\n").is_ok());
    let foreign = seen(&strict, content, "data: {\"tenant\":\"globex\"}\n\n");
    assert!(matches!(foreign, Err(Malformed::ForeignRow { .. })), "{foreign:?}");
}

#[test]
fn a_row_of_a_table_is_named_by_its_column() {
    let content = Content { format: Format::Csv { is_named: false }, encoding: Encoding::Identity };
    let org = plan("$[*]", "org.id", Foreign::Drop, &[("$[*].ssn", "drop")]);
    let table = "ssn,org.id,a\n1,acme,2\n3,globex,4\n5,,6\n7,\"acme\",\"8\n\"\n";
    assert_eq!(seen(&org, content, table).unwrap(), "ssn,org.id,a\n,acme,2\n,\"acme\",\"8\n\"\n");
    assert_eq!(
        seen(&org, content, "org[id],org.id\nacme,globex\n7,acme\n").unwrap(),
        "org[id],org.id\n7,acme\n"
    );
    // Without a column that names it, every row is another's; where rows stand elsewhere nobody can tell.
    assert_eq!(seen(&org, content, "ssn,a\n1,2\n").unwrap(), "ssn,a\n");
    let strict = plan("$", "tenant", Foreign::Refuse, &[]);
    assert!(seen(&strict, content, "tenant,a\nacme,1\n7,2\n").is_ok());
    let elsewhere = plan("$.items[*]", "tenant", Foreign::Drop, &[("ssn", "drop")]);
    for (plan, table) in [(&strict, "tenant,a\nacme,1\nglobex,2\n"), (&elsewhere, "tenant,ssn\nacme,1\n")] {
        assert!(matches!(seen(plan, content, table), Err(Malformed::ForeignRow { .. })), "{table}");
    }
}

#[test]
fn a_row_in_a_string_is_a_row() {
    for foreign in [Foreign::Drop, Foreign::Refuse] {
        let mut shape = ShapeBuilder::new();
        shape.rows("$.payload.items[*]", "tenant", foreign).unwrap();
        let node = shape.select("payload").unwrap();
        shape.json(node);
        let plan = Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), [], None));
        let body = r#"{"payload":"{\"items\":[{\"tenant\":\"globex\"},{\"tenant\":\"acme\"}]}"}"#;
        match seen(&plan, Encoding::Identity, body) {
            Ok(left) => assert_eq!(left, r#"{"payload":"{\"items\":[{\"tenant\":\"acme\"}]}"}"#),
            Err(why) => assert!(foreign == Foreign::Refuse && matches!(why, Malformed::ForeignRow { .. })),
        }
        let own = r#"{"payload":"{\"items\":[{\"tenant\":\"acme\"}]}"}"#;
        assert_eq!(seen(&plan, Encoding::Identity, own).unwrap(), own);
    }
}

#[test]
fn without_an_owner_no_row_leaves() {
    let plan = plan("$[*]", "t", Foreign::Drop, &[]);
    let (out, hidden) = super::run(&plan, Encoding::Identity, &[br#"[{"t":"acme"}]"#]).unwrap();
    assert_eq!((&*out, hidden.foreign_rows()), (&b"[]"[..], 1));
}

#[test]
fn a_row_longer_than_may_be_held_refuses_the_body_wherever_it_is_cut() {
    let plan = plan("$[*]", "t", Foreign::Drop, &[]);
    let long = format!(r#"[{{"t":"acme","x":"{}"}}]"#, "x".repeat(crate::limits::ROW_BYTES_MAX));
    for size in [long.len(), 60_000] {
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
        assert!(matches!(run(&plan, Encoding::Identity.into(), &pieces), Err(Malformed::RowTooLong { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: laws::cases(300), ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_is_each_row_of_the_owner_as_it_would_alone_wherever_the_body_is_cut(
        rows in proptest::collection::vec((proptest::sample::select(&["acme", "globex", ""][..]), laws::body(), any::<bool>()), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let rules = [("rows[*].data..ssn", "drop"), ("rows[*].data..a", "fixed"), ("rows[*].tenant", "null")];
        let plan = plan("rows[*]", "tenant", Foreign::Drop, &rules);
        let text = |(owner, data, first): &(&str, String, bool)| match (*owner, first) {
            ("", _) => format!(r#"{{"data":{data}}}"#),
            (owner, true) => format!(r#"{{"tenant":"{owner}" , "data":{data}}}"#),
            (owner, false) => format!(r#"{{"data":{data}, "tenant":"{owner}"}}"#),
        };
        let body = |rows: &[String]| format!(r#"{{"rows":[{}]}}"#, rows.join(","));
        let all: Vec<String> = rows.iter().map(text).collect();
        let own: Vec<String> = rows.iter().filter(|row| row.0 == "acme").map(text).collect();

        let all = body(&all);
        let (whole, hidden) = run(&plan, Encoding::Identity.into(), &[all.as_bytes()]).unwrap();
        let (expected, alone) = run(&plan, Encoding::Identity.into(), &[body(&own).as_bytes()]).unwrap();
        prop_assert_eq!(&whole, &expected);
        prop_assert_eq!(hidden.foreign_rows(), rows.iter().filter(|row| row.0 != "acme").count() as u64);
        prop_assert_eq!(hidden.counts().collect::<Vec<_>>(), alone.counts().collect::<Vec<_>>());
        let (cut, _) = run(&plan, Encoding::Identity.into(), &pieces(all.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(cut, whole);
    }
}
