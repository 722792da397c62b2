//! Form bodies of parts.

use proptest::prelude::*;

use super::pieces;
use super::plan;
use super::run;
use crate::limits;
use crate::redact::Boundary;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

fn content() -> Content {
    Content { format: Format::Multipart(Boundary::new("xyz").unwrap()), encoding: Encoding::Identity }
}

fn parts(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), content(), &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

fn part(name: &str, more: &str, text: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n")
}

const JSON: &str = "\r\nContent-Type: application/json";

#[test]
fn a_part_is_masked_like_the_member_of_its_name() {
    let body = |ssn: &str| format!("{}{ssn}{}--xyz--\r\n", part("a", "", "1"), part("b", "", ""));
    for name in ["ssn", " ssn"] {
        let masked = |mask: &str| parts(&[("ssn", mask)], &body(&part(name, "", "078-05-1120"))).unwrap();
        assert_eq!(masked("drop"), body(""));
        assert_eq!(masked("fixed(\"é\")"), body(&part(name, "", "é")));
        assert_eq!(masked("keep-last(2)"), body(&part(name, "", "*********20")));
    }
    let user = part("user", "", "{\"ssn\":1,\"b\":2}");
    assert_eq!(parts(&[("user.ssn", "drop")], &body(&user)).unwrap(), body(&part("user", "", "{\"b\":2}")));
    assert_eq!(parts(&[("ssn", "drop")], "--xyz--"), Ok("--xyz--".to_owned()));
}

#[test]
fn a_part_of_json_stays_json() {
    let body = |user: &str| format!("{}--xyz--", part("user", JSON, user));
    let seen = |mask, user: &str| parts(&[("user.ssn", mask)], &body(user));
    assert_eq!(seen("drop", "{ \"ssn\": 1, \"b\": 2 }").unwrap(), body("{ \"b\": 2 }"));
    assert_eq!(seen("drop", "[{\"ssn\":1},7]").unwrap(), body("[{},7]"));
    assert_eq!(parts(&[("user", "fixed")], &body("{}")).unwrap(), body("\"[redacted]\""));
    assert_eq!(parts(&[("user", "null")], &body("1")).unwrap(), body("null"));
    assert_eq!(parts(&[("user", "drop")], &body("1")).unwrap(), "--xyz--");
    assert_eq!(parts(&[("$", "fixed(\"x\")")], &body("1")).unwrap(), body("\"x\""));
    assert!(seen("drop", "{ssn:1}").is_err());
    assert!(seen("drop", "").is_err());
    // Nothing is hidden there, so nobody looks.
    assert_eq!(parts(&[("ssn", "drop")], &body("{")), Ok(body("{")));
}

#[test]
fn a_part_of_an_unknown_type_is_refused() {
    let rules = [("ssn", "drop")];
    for more in [
        "; filename=\"x\"",
        "; filename=\"x\"\r\nContent-Type: application/octet-stream",
        "; filename=\"x\"\r\nContent-Type: image/png",
        "\r\nContent-Type: text/plain; charset=utf-16",
        "\r\nContent-Type: multipart/mixed; boundary=abc",
        "\r\nContent-Transfer-Encoding: base64",
    ] {
        assert!(parts(&rules, &format!("{}--xyz--", part("a", more, "x"))).is_err(), "{more}");
    }
    for more in [
        "; filename=\"x.txt\"\r\nContent-Type: text/plain",
        "\r\nContent-Type: text/plain; charset=UTF-8",
        "; filename*=utf-8''x\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: 8bit",
    ] {
        let body = format!("{}--xyz--", part("a", more, "x"));
        assert_eq!(parts(&rules, &body).as_deref(), Ok(&*body), "{more}");
    }
}

#[test]
fn what_parsers_would_take_apart_differently_is_refused() {
    let rules = [("ssn", "drop")];
    let good = part("a", "", "1");
    for body in [
        String::new(),
        good.clone(),
        format!("x\r\n{good}--xyz--"),
        format!("\r\n{good}--xyz--"),
        format!("{good}--xyz--x"),
        format!("{good}--xyz--\r\n\r\n"),
        format!("{good}--xyz \r\n"),
        format!("{}--xyz--", good.replace("\r\n", "\n")),
        format!(
            "{}--xyz--",
            part("a", "", "1\n--xyz\nContent-Disposition: form-data; name=\"ssn\"\n\nsecret")
        ),
        format!("{}--xyz--", part("a", "", &format!("1\n{}", part("b", "", "2").trim_end()))),
        format!("{}--xyz--", part("a", "", "1--xyz")),
        format!("{}--xyz--", part("a", "", "1\r\n--xyzz")),
        format!("{}--xyz--", part("a", "; name=\"ssn\"", "1")),
        format!("{}--xyz--", part("a", "; name*=utf-8''ssn", "1")),
        format!("{}--xyz--", part("s\\sn", "", "1")),
        format!("{}--xyz--", part("%73sn", "", "1")),
        format!("{}--xyz--", part("_charset_", "", "utf-7")),
        format!("{}--xyz--", part("a", "\r\nContent-Disposition: form-data; name=\"ssn\"", "1")),
        format!("{}--xyz--", part("a", "\r\n ; name=\"ssn\"", "1")),
        format!("{}--xyz--", part("a", "\r\nX-Name: ssn", "1")),
        "--xyz\r\nContent-Disposition: form-data; name='ssn'\r\n\r\n1\r\n--xyz--".to_owned(),
        "--xyz\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--xyz--".to_owned(),
        "--xyz\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xyz--".to_owned(),
        "--xyz\r\n\r\n1\r\n--xyz--".to_owned(),
    ] {
        assert!(parts(&rules, &body).is_err(), "{body:?}");
    }
}

#[test]
fn a_part_that_passes_may_be_long_and_one_that_may_be_hidden_is_bounded() {
    let rules = [("ssn", "drop")];
    let long = |name, bytes| format!("{}--xyz--", part(name, "", &"x".repeat(bytes)));
    let passes = long("a", limits::FIELD_BYTES_MAX * 2);
    assert_eq!(parts(&rules, &passes), Ok(passes.clone()));
    assert_eq!(parts(&rules, &long("ssn", limits::FIELD_BYTES_MAX)).unwrap(), "--xyz--");
    assert!(matches!(
        parts(&rules, &long("ssn", limits::FIELD_BYTES_MAX + 1)),
        Err(Malformed::FieldTooLong { .. })
    ));
    assert!(parts(&rules, &long(&"n".repeat(limits::PART_HEAD_BYTES_MAX), 1)).is_err());
    let endless = "x".repeat(limits::FIELD_BYTES_MAX + 100);
    assert!(matches!(
        parts(&rules, &format!("--xyz\r\nContent-Disposition: form-data; name=ssn\r\n\r\n{endless}")),
        Err(Malformed::FieldTooLong { .. })
    ));
}

proptest! {
    #[test]
    fn what_leaves_has_no_hidden_value_and_every_other_part_as_it_was_wherever_it_is_cut(
        fields in proptest::collection::vec(
            (
                proptest::sample::select(&["ssn", "a", "u[ssn]", "n", "é"][..]),
                prop_oneof![(100_000_u32..999_999).prop_map(|n| n.to_string()), "[-xyz\r\n]{0,9}"],
            ),
            0..5,
        ),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        prop_assume!(fields.iter().all(|(_, text)| !text.contains("--xyz")));
        let plan = plan(&[("$..ssn", "drop"), ("n", "fixed(\"&\")")]);
        let of = |fields: &[(&str, String)]| {
            let parts: String = fields.iter().map(|(name, text)| part(name, "", text)).collect();
            format!("{parts}--xyz--\r\n")
        };
        let wanted: Vec<(&str, String)> = fields
            .iter()
            .filter(|(name, _)| !name.contains("ssn"))
            .map(|(name, text)| (*name, if *name == "n" { "&".to_owned() } else { text.clone() }))
            .collect();
        let body = of(&fields);
        let (out, _) = run(&plan, content(), &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), of(&wanted));
        let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        let (out, _) = run(&plan, content(), &single).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), of(&wanted));
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        parts in proptest::collection::vec(
            proptest::sample::select(
                &["--xyz", "\r\n", "--", "content-disposition: form-data; name=s", "; name=a", "\r\n\r\n", "\n", "{\"s\":1}", "\0"][..],
            ),
            0..16,
        ),
    ) {
        let plan = plan(&[("$..s", "drop")]);
        let body = parts.concat();
        let whole = run(&plan, content(), &[body.as_bytes()]).map(|(out, _)| out).ok();
        let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        prop_assert_eq!(whole, run(&plan, content(), &single).map(|(out, _)| out).ok());
    }
}
