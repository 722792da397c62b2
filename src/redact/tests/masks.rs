//! The masks, through the whole redactor: what becomes of each kind of value, and that none gives back what it hides.

use proptest::prelude::*;
use serde_json::Value as Json;
use serde_json::json;

use super::seen;
use crate::redact::KeyId;
use crate::redact::Mask;
use crate::redact::PseudonymKey;
use crate::redact::Scalar;

const GENERAL: [&str; 5] = ["year", "bucket(10)", "bucket(7)", "prefix(3)", "network"];
const WHOLE: &str = "[redacted]";

/// What becomes of one value.
fn masked(mask: &str, value: &Json) -> Json {
    let body = json!({ "v": value }).to_string();
    let out: Json = serde_json::from_str(&seen(&[("v", mask)], &body)).unwrap();
    out.get("v").cloned().unwrap_or(Json::Null)
}

#[test]
fn typed_leaves_nothing_but_the_type() {
    for (value, nothing) in [
        (json!("Ada"), json!(WHOLE)),
        (json!(-4.5), json!(0)),
        (json!(7), json!(0)),
        (json!(true), json!(false)),
        (json!(false), json!(false)),
        (json!(null), json!(null)),
        (json!([1, [2]]), json!([])),
        (json!({"a": {"b": 1}}), json!({})),
    ] {
        assert_eq!(masked("typed", &value), nothing);
    }
}

#[test]
fn a_general_value_keeps_its_json_type() {
    for (mask, value, general) in [
        ("year", json!("1984-06-05"), json!("1984-01-01")),
        ("year", json!("1984-06-05T12:34:56.7+02:00"), json!("1984-01-01T00:00:00Z")),
        ("bucket(10)", json!(47), json!(40)),
        ("bucket(10)", json!(-0.5), json!(-10)),
        ("prefix(3)", json!("94103"), json!("94100")),
        ("network", json!("192.0.2.77"), json!("192.0.2.0")),
        ("network", json!("2001:db8:1:2::3"), json!("2001:db8:1::")),
    ] {
        assert_eq!(masked(mask, &value), general);
    }
}

#[test]
fn what_a_mask_does_not_fit_is_masked_whole() {
    let whole = json!(WHOLE);
    let of_no_form = [json!(true), json!(null), json!([1]), json!({"a": "1984-06-05"}), json!("")];
    for mask in ["year", "bucket(10)", "prefix(3)", "network", "keep-first(2)", "keep-last(2)"] {
        for value in &of_no_form {
            assert_eq!(masked(mask, value), whole, "{mask} of {value}");
        }
        let long = json!("1984-06-05 ".repeat(7_000));
        assert_eq!(masked(mask, &long), whole, "{mask} of what is too long");
    }
    for (mask, value) in [
        ("year", json!(1984)),
        ("year", json!("1984")),
        ("bucket(10)", json!("47")),
        ("prefix(3)", json!(94103)),
        ("prefix(3)", json!("Ada Lovelace")),
        ("network", json!(3_221_226_061_u64)),
        ("keep-first(2)", json!(123_456_789)),
    ] {
        assert_eq!(masked(mask, &value), whole, "{mask} of {value}");
    }
    // Serde would print these otherwise than they are sent.
    for number in ["1e400", "4.7e1", "1234567890123456789"] {
        assert_eq!(seen(&[("v", "bucket(10)")], &format!("{{\"v\":{number}}}")), "{\"v\":\"[redacted]\"}");
    }
}

#[test]
fn an_escaped_value_is_the_value_that_it_stands_for() {
    assert_eq!(seen(&[("v", "year")], r#"{"v":"1984\u002d06-05"}"#), r#"{"v":"1984-01-01"}"#);
    assert_eq!(seen(&[("v", "network")], r#"{"v":"192\u002e0.2.77"}"#), r#"{"v":"192.0.2.0"}"#);
    assert_eq!(seen(&[("v", "keep-first(1)")], r#"{"v":"\u0041da"}"#), r#"{"v":"A**"}"#);
}

#[test]
fn digits_become_others_of_the_same_form_which_only_that_tenant_and_class_turns_back() {
    let key = PseudonymKey::new(b"secret", "acme");
    for text in ["4111-1111-1111-1111", "+1 (555) 010-9999", "078051120"] {
        let made = masked("format", &json!(text));
        let made = made.as_str().unwrap();
        let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        assert!(made != text && form(made) == form(text), "{made}");
        assert_eq!(key.unformatted("0", made).as_deref(), Some(text));
        assert_ne!(key.unformatted("1", made).as_deref(), Some(text));
        assert_ne!(PseudonymKey::new(b"secret", "globex").unformatted("0", made).as_deref(), Some(text));
        assert_ne!(PseudonymKey::new(b"other", "acme").unformatted("0", made).as_deref(), Some(text));
    }
    for value in
        [json!("12345"), json!(4_111_111_111_111_111_u64), json!("DE89 3704 0044"), json!("7".repeat(39))]
    {
        assert_eq!(masked("format", &value), WHOLE, "{value}");
    }
}

#[test]
fn a_sealed_value_is_turned_back_as_what_it_was_by_that_tenant_and_class_alone() {
    let key = PseudonymKey::new(b"secret", "acme");
    let text = |text: &str| Some(Scalar::Text(text.to_owned()));
    for (value, back) in [
        (json!("Ada"), text("Ada")),
        (json!(""), text("")),
        (json!("1\u{80}\0\"\n😀"), text("1\u{80}\0\"\n😀")),
        (json!("7"), text("7")),
        (json!(7), Some(Scalar::Number("7".to_owned()))),
        (json!(-0.5), Some(Scalar::Number("-0.5".to_owned()))),
    ] {
        let made = masked("seal", &value);
        let made = made.as_str().unwrap();
        assert_eq!(masked("seal", &value), made, "equal values stay equal");
        assert_eq!(key.unsealed("0", made), back);
        assert_eq!(key.unsealed("1", made), None);
        assert_eq!(PseudonymKey::new(b"secret", "globex").unsealed("0", made), None);
        assert_eq!(PseudonymKey::new(b"other", "acme").unsealed("0", made), None);
        // A key answers to its own name only: what it signs says which one to try.
        let named = key.clone().named(KeyId::parse("a").unwrap());
        assert_eq!(named.unsealed("0", made), None);
        assert_eq!(named.unsealed("0", &made.replacen("sl_", "sl_a_", 1)), back);
    }
    for value in [json!(true), json!(null), json!([1]), json!({"a": 1}), json!("x".repeat(70_000))] {
        assert_eq!(masked("seal", &value), WHOLE);
    }
    // A number keeps its text, which no library's number could hold.
    let out = seen(&[("v", "seal")], "{\"v\":1E400}");
    let made: Json = serde_json::from_str(&out).unwrap();
    let back = key.unsealed("0", made["v"].as_str().unwrap());
    assert_eq!(back, Some(Scalar::Number("1E400".to_owned())));
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        any::<String>().prop_map(Json::from),
        "[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?(Z|[+-][01][0-9]:00)?)?"
            .prop_map(Json::from),
        "[0-9]{6,20}|[0-9]{4}(-[0-9]{4}){1,3}".prop_map(Json::from),
        "[0-9]{5}(-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}".prop_map(Json::from),
        any::<std::net::IpAddr>().prop_map(|address| address.to_string().into()),
        "[0-9*]{0,3}\\*{0,9}[0-9*]{0,3}".prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        (-1000_i32..1000).prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_mask_gives_back_what_it_was_given(value in value(), mask in proptest::sample::select(&Mask::WRITTEN[..])) {
        let looks = !matches!(mask, "drop" | "null" | "fixed" | "fixed(\"[hidden]\")" | "typed");
        let out = masked(mask, &value);
        if looks && !GENERAL.contains(&mask) {
            prop_assert_ne!(&out, &value, "{}", mask);
        } else if !looks && value.is_string() {
            // What does not look gives the same for all: here for two of one type.
            prop_assert_eq!(&out, &masked(mask, &json!("another")), "{}", mask);
        }
    }

    #[test]
    fn what_a_reversible_mask_made_is_turned_back_for_its_tenant_and_class_alone(
        value in prop_oneof![any::<String>(), "[0-9]{6,20}|[0-9]{4}(-[0-9]{4}){1,3}", "-?[0-9]{1,9}"],
        secrets in ("[a-z]{32}", "[A-Z]{32}"),
        classes in ("[a-z]{1,6}", "[A-Z]{1,6}"),
        id in proptest::option::of("[a-z0-9]{1,8}"),
    ) {
        let key = |secret: &str, tenant: &str| {
            let key = PseudonymKey::new(secret.as_bytes(), tenant);
            match id.as_deref().and_then(KeyId::parse) {
                Some(id) => key.named(id),
                None => key,
            }
        };
        let own = key(&secrets.0, "acme/west");
        let others = [
            (key(&secrets.0, "acme"), &classes.0),
            (key(&secrets.1, "acme/west"), &classes.0),
            (key(&secrets.0, "acme/west"), &classes.1),
        ];
        for scalar in [Scalar::Text(&*value), Scalar::Number(&*value)] {
            let made = own.sealed(&classes.0, scalar).unwrap();
            let back = match scalar {
                Scalar::Text(text) => Scalar::Text(text.to_owned()),
                Scalar::Number(text) => Scalar::Number(text.to_owned()),
            };
            prop_assert_eq!(own.unsealed(&classes.0, &made), Some(back));
            for (other, class) in &others {
                prop_assert_eq!(other.unsealed(class, &made), None);
                prop_assert_ne!(other.sealed(class, scalar).unwrap(), &*made);
            }
        }
        if let Some(made) = own.formatted(&classes.0, &value) {
            prop_assert_eq!(own.unformatted(&classes.0, &made), Some(value.clone()));
        }
        for (other, class) in &others {
            prop_assert_ne!(own.pseudonym(&classes.0, &value), other.pseudonym(class, &value));
        }
    }

    #[test]
    fn what_is_general_stays_so_and_its_whole_class_becomes_it(
        value in value(),
        mask in proptest::sample::select(&GENERAL[..]),
    ) {
        let general = masked(mask, &value);
        if general != WHOLE {
            prop_assert_eq!(masked(mask, &general), general.clone(), "{} of {}", mask, &value);
            prop_assert_eq!(general.is_number(), value.is_number());
        }
        // What comes out as it went in is the least of its class, and others become it.
        let other = match (&value, mask) {
            (Json::Number(number), _) => number.as_i64().map(|n| json!(n + 1)),
            (Json::String(text), "year") => text.strip_suffix("01-01").map(|year| json!(format!("{year}06-05"))),
            (Json::String(text), "prefix(3)") => text.strip_suffix('0').map(|rest| json!(format!("{rest}7"))),
            (Json::String(text), "network") => text.strip_suffix(".0").map(|rest| json!(format!("{rest}.7"))),
            _ => None,
        };
        if let Some(other) = other.filter(|_| general == value && general != WHOLE) {
            prop_assert_eq!(masked(mask, &other), general, "{} of {}", mask, &other);
        }
    }

    #[test]
    fn buckets_are_as_wide_as_they_say_and_hold_their_values(n in -100_000_i64..100_000, width in 2_u32..5_000) {
        let bound = masked(&format!("bucket({width})"), &json!(n)).as_i64().unwrap();
        let width = i64::from(width);
        prop_assert!(bound % width == 0 && bound <= n && n < bound + width, "{} in {}", n, bound);
    }
}
