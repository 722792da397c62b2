//! Form bodies.

use proptest::prelude::*;

use super::pieces;
use super::plan;
use super::run;
use crate::limits;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

const FORM: Content = Content { format: Format::Form, encoding: Encoding::Identity };

fn form(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), FORM, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn a_field_is_masked_like_the_member_of_its_name() {
    let masked = |mask: &str| form(&[("ssn", mask)], "a=%31+x&ssn=078-05-1120&b=").unwrap();
    assert_eq!(masked("drop"), "a=%31+x&b=");
    assert_eq!(masked("null"), "a=%31+x&ssn=&b=");
    assert_eq!(masked("fixed"), "a=%31+x&ssn=%5Bredacted%5D&b=");
    assert_eq!(masked("fixed(\"é &=\")"), "a=%31+x&ssn=%C3%A9+%26%3D&b=");
    assert_eq!(masked("keep-last(2)"), "a=%31+x&ssn=*********20&b=");
    let json = super::seen(&[("ssn", "pseudonym")], r#"{"ssn":"078-05-1120"}"#);
    let pseudonym = json.strip_prefix(r#"{"ssn":""#).unwrap().strip_suffix(r#""}"#).unwrap();
    assert_eq!(masked("pseudonym"), format!("a=%31+x&ssn={pseudonym}&b="));
}

#[test]
fn a_dropped_field_leaves_with_its_delimiter() {
    for (body, left) in [
        ("ssn=1", ""),
        ("ssn=1&a=2", "a=2"),
        ("a=2&ssn=1", "a=2"),
        ("ssn=1&a=2&ssn=3&ssn&b&ssn=", "a=2&b"),
        ("a=1&&b=2&", "a=1&&b=2&"),
        ("&a", "&a"),
        ("", ""),
        ("=", "="),
    ] {
        assert_eq!(form(&[("ssn", "drop")], body).as_deref(), Ok(left), "{body}");
    }
}

#[test]
fn a_name_is_what_any_framework_reads_in_it() {
    let rules = [("ssn", "drop"), ("user.ssn", "drop"), ("tags[*]", "drop"), ("the_key", "drop")];
    for name in [
        "%73sn",
        "s%73n",
        "+ssn",
        "ssn%20",
        "ssn[]",
        "ssn%5B%5D",
        "ssn[0]",
        "user[ssn]",
        "user.ssn",
        "user%5bssn%5d[]",
        "tags",
        "the.key",
        "the+key",
    ] {
        assert_eq!(form(&rules, &format!("{name}=secret&a=1")).as_deref(), Ok("a=1"), "{name}");
    }
    // An item of an array does not move the others.
    assert_eq!(form(&rules, "tags[]=secret&a=1").as_deref(), Ok("tags[]=&a=1"));
    assert_eq!(form(&rules, "user=x&key=1").as_deref(), Ok("user=x&key=1"));
}

#[test]
fn json_in_a_field_is_walked() {
    let rules = [("user.ssn", "drop"), ("note", "fixed")];
    let body = "user=%7B%22ssn%22%3A1%2C%22a%22%3A%22%2B%22%7D&note=[urgent]&x={ssn";
    assert_eq!(form(&rules, body).unwrap(), "user=%7B%22a%22%3A%22%2B%22%7D&note=%5Bredacted%5D&x={ssn");
    assert_eq!(form(&rules, "user=%7B%22a%22:1}"), Ok("user=%7B%22a%22:1}".to_owned()));
    assert_eq!(form(&rules, "user={ssn:1}"), Err(Malformed::NotForm { at: 12 }));
    assert_eq!(form(&[("user", "fixed(\"x\")")], "user[ssn]=1"), Ok("user[ssn]=x".to_owned()));
    assert_eq!(form(&[("$", "null")], "a=1&b=2"), Ok("a=&b=".to_owned()));
}

#[test]
fn what_parsers_would_take_apart_differently_is_refused() {
    for body in [
        "a=1;ssn=2",
        "a=1\nssn=2",
        "a=\0",
        "s%7=1",
        "ssn=%zz",
        "ssn=%ff",
        "ssn%00x=1",
        "%ff=1",
        "a=1&_charset_=utf-7",
    ] {
        assert!(form(&[("ssn", "drop")], body).is_err(), "{body:?}");
    }
}

#[test]
fn a_field_that_passes_may_be_long_and_one_that_may_be_hidden_is_bounded() {
    let long = "x".repeat(limits::FIELD_BYTES_MAX + 1);
    let rules = [("ssn", "drop")];
    assert_eq!(form(&rules, &format!("a={long}")).unwrap().len(), long.len() + 2);
    assert_eq!(
        form(&rules, &format!("ssn={long}")),
        Err(Malformed::FieldTooLong { at: long.len() as u64 + 4 })
    );
    assert!(form(&rules, &format!("{}=1", "n".repeat(limits::JSON_KEY_BYTES_MAX + 1))).is_err());
    assert!(form(&rules, &"n".repeat(limits::JSON_KEY_BYTES_MAX * 3 + 1)).is_err());
}

fn fields() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    let name = proptest::sample::select(&["ssn", "%73sn", "a", "u[ssn]", "é", "", "n", "u"][..]);
    let value = prop_oneof![
        (100_000_u32..999_999).prop_map(|n| format!("secret-{n}")),
        (100_000_u32..999_999).prop_map(|n| format!("%7B%22ssn%22%3A{n}%7d")),
        "[a-z+]{0,4}",
    ];
    let field = (name, proptest::option::of(value)).prop_map(|(name, value)| (name.to_owned(), value));
    proptest::collection::vec(field, 0..6)
}

proptest! {
    #[test]
    fn what_leaves_has_no_hidden_value_and_every_other_field_as_it_was_wherever_it_is_cut(
        fields in fields(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = plan(&[("$..ssn", "drop"), ("n", "fixed(\"&\")")]);
        let text = |(name, value): &(String, Option<String>)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        };
        let body = fields.iter().map(text).collect::<Vec<_>>().join("&");
        let (whole, _) = run(&plan, FORM, &[body.as_bytes()]).unwrap();
        let (cut, _) = run(&plan, FORM, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(&whole, &cut);
        let wanted: Vec<String> = fields
            .iter()
            .filter(|(name, _)| !name.contains("sn"))
            .map(|field| match (&*field.0, &field.1) {
                ("n", _) => "n=%26".to_owned(),
                (_, Some(json)) if json.starts_with('%') => format!("{}=%7B%7D", field.0),
                _ => text(field),
            })
            .collect();
        prop_assert_eq!(String::from_utf8(whole).unwrap(), wanted.join("&"));
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        bytes in proptest::collection::vec(proptest::sample::select(&b"&=%[].+;suna207b{\"}:1 \xc3\xa9\xff\0"[..]), 0..30),
    ) {
        let plan = plan(&[("$..s", "drop"), ("u.a", "pseudonym")]);
        let whole = run(&plan, FORM, &[&bytes]).map(|(out, _)| out).ok();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(whole, run(&plan, FORM, &single).map(|(out, _)| out).ok());
    }
}
