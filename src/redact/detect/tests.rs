//! Every kind is found in a sentence, and what only looks like one is not.

use proptest::prelude::*;

use super::*;

fn all(text: &str, key: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    Detectors::new(Kinds::from_iter(Kind::ALL)).find(text, key, &mut found);
    found
        .iter()
        .map(|found| (text.get(found.from..found.to).unwrap().to_owned(), found.kind.word()))
        .collect()
}

fn one(text: &str) -> Option<(String, &'static str)> {
    let mut all = all(text, "");
    assert!(all.len() < 2, "{text}: {all:?}");
    all.pop()
}

const VALUES: [(&str, &str); 34] = [
    ("ada@example.org", "email"),
    ("+44 20 7946 0958", "phone"),
    ("+1 (202) 555-0143", "phone"),
    ("+4930123456", "phone"),
    ("+49 (0)30 123456", "phone"),
    ("(202) 555-0143", "phone"),
    ("202-555-0143", "phone"),
    ("202.555.0143 x12", "phone"),
    ("020 7946 0958", "phone"),
    ("(020) 7946 0958", "phone"),
    ("01 23 45 67 89", "phone"),
    ("030/1234567", "phone"),
    ("0044 20 7946 0958", "phone"),
    ("0412 345 678", "phone"),
    ("4111 1111 1111 1111", "card"),
    ("378282246310005", "card"),
    ("DE89 3704 0044 0532 0130 00", "iban"),
    ("078-05-1120", "national-id"),
    ("943 476 5919", "national-id"),
    ("12345678Z", "national-id"),
    ("AB 12 34 56 C", "national-id"),
    ("192.0.2.1", "ip"),
    ("2001:db8::1", "ip"),
    ("::1", "ip"),
    ("00:1b:44:11:3a:b7", "mac"),
    ("de-ad-be-ef-ca-fe", "mac"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "jwt"),
    ("AKIAIOSFODNN7EXAMPLE", "token"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "token"),
    ("glpat-9xQ2mZ7Kp1aB3cD4eF5g", "token"),
    ("xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1", "token"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "token"),
    ("AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "token"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", "private-key"),
];

#[test]
fn every_kind_is_found_alone_and_in_a_sentence() {
    for (value, kind) in VALUES {
        let expected = Some((value.to_owned(), kind));
        assert_eq!(one(value), expected);
        assert_eq!(one(&format!("It is {value}, as we said.")), expected);
        assert_eq!(one(&format!("<{value}>")), expected);
        assert_eq!(one(&format!("née\u{a0}{value}\u{a0}€")), expected);
    }
}

#[test]
fn what_only_looks_like_a_value_is_none() {
    for text in [
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-11-21T12:34:56.789Z",
        "2026-11-21 12:34:56",
        "21.11.2026 12:34",
        "12/31/2026",
        "order 1234567890",
        "0.123456789012",
        "51.5073509, -0.1277583",
        "v1.2.3.4",
        "version 10.0.19041.1",
        "ISBN 978-3-16-148410-0",
        "4006381333931",
        "1699999999999",
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "12:34:56",
        "http://hl7.org/fhir/StructureDefinition/us-core-patient",
        "1,234,567.89",
        "123-456",
        "2.16.840.1.113883.6.96",
        "#123456",
        "A1B2C3D4",
        "std::vec::Vec",
        "Lorem ipsum dolor sit amet, consectetur",
    ] {
        assert_eq!(one(text), None);
    }
}

#[test]
fn words_around_a_number_say_what_it_is() {
    assert_eq!(all("0612345678", ""), []);
    assert_eq!(all("0612345678", "mobile"), [("0612345678".to_owned(), "phone")]);
    assert_eq!(all("Tel. 0612345678", ""), [("0612345678".to_owned(), "phone")]);
    assert_eq!(all("078051120", ""), []);
    assert_eq!(all("078051120", "ssn"), [("078051120".to_owned(), "national-id")]);
    assert_eq!(all("hT7$kq92LmXz", ""), []);
    assert_eq!(all("hT7$kq92LmXz", "password"), [("hT7$kq92LmXz".to_owned(), "secret")]);
}

#[test]
fn a_value_is_found_as_its_reader_sees_it() {
    for text in [
        "４１１１１１１１１１１１１１１１",
        "4111\u{200b}111111111111",
        "4111\u{2011}1111\u{2011}1111\u{2011}1111",
        "ada＠example.org",
    ] {
        assert_eq!(one(text).map(|(found, _)| found).as_deref(), Some(text));
    }
}

#[test]
fn however_many_there_are_all_are_found() {
    let text = "078-05-1120, ".repeat(10_000);
    assert_eq!(all(&text, "").len(), 10_000);
    let text = "a@b.de 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 ".repeat(1_000) + "4111 1111 1111 1111";
    assert_eq!(all(&text, "").len(), 1_001);
}

/// Texts that are nearly values.
fn near() -> impl Strategy<Value = String> {
    let value = (proptest::sample::select(&VALUES[..]), any::<prop::sample::Index>(), "[0-9a-fA-Z@:. _-]?")
        .prop_map(|((value, _), at, with)| {
            let mut text: Vec<char> = value.chars().collect();
            let at = at.index(text.len());
            match with.chars().next() {
                Some(c) => text[at] = c,
                None => drop(text.remove(at)),
            }
            text.into_iter().collect::<String>()
        });
    prop_oneof![
        value,
        proptest::sample::select(&VALUES[..]).prop_map(|(value, _)| value.to_owned()),
        "[0-9 ()+.-]{0,30}",
        "[A-Za-z0-9_.-]{0,60}",
        "[a-f0-9:]{0,40}",
        "[a-zäé０-９@. ]{0,30}",
        "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_a_glance_passes_over_holds_nothing(texts in proptest::collection::vec(near(), 0..4), around in 0_usize..70) {
        let text = texts.join(" ");
        let detectors = Detectors::new(Kinds::from_iter(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Secret)));
        let mut found = Vec::new();
        detectors.find(&text, "token", &mut found);
        let bytes = [&vec![b'"'; around][..], text.as_bytes(), &vec![b'@'; around / 2]].concat();
        prop_assert!(found.is_empty() || detectors.may_hold(&bytes, around, around + text.len()), "{:?}", found);
    }

    #[test]
    fn what_is_passed_over_by_what_a_glance_told_holds_nothing(
        texts in proptest::collection::vec(near(), 0..5), key in "[a-z]{0,4}|phone|taxId|token", around in 0_usize..140
    ) {
        let text = texts.join(" ");
        let detectors = Detectors::new(Kinds::from_iter(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Secret)));
        let mut found = Vec::new();
        detectors.find(&text, &key, &mut found);
        let glance = Glance::of(&[&vec![b'"'; around][..], text.as_bytes(), b"\",\"7:7:@--"].concat());
        let sight = glance.sight(around, around + text.len());
        let is_nothing = detectors.is_nothing(text.as_bytes(), (&glance, around), sight, &Key::new(key.as_bytes()));
        prop_assert!(found.is_empty() || !is_nothing, "{:?} {:?}", found, sight);
        prop_assert!(found.is_empty() || sight.may_hold(), "{:?}", found);
    }

    #[test]
    fn in_what_is_of_a_common_form_nothing_is_found(
        text in "[0-9a-f]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-f]{12}|(urn:uuid:)?[0-9]{8}(-[0-9]{4}){3}-[0-9]{12}|(18|19|20|21|0)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{0,9})?(Z|[+-][0-9]{2}:[0-9]{2})?|[a-zA-Z]{3} [a-zA-Z]{3} [0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+](0000|[0-9]{4}) [12][0-9]{3}",
        at in any::<prop::sample::Index>(), with in "[ -~]?", key in "|phone|ssn|taxId|ip"
    ) {
        let mut text: Vec<char> = text.chars().collect();
        if let (Some(with), at) = (with.chars().next(), at.index(text.len())) {
            text[at] = with;
        }
        let text: String = text.into_iter().collect();
        let mut found = Vec::new();
        Detectors::new(Kinds::from_iter(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Secret))).find(&text, &key, &mut found);
        prop_assert!(found.is_empty() || !Detectors::is_common(text.as_bytes()), "{} {:?}", text, found);
    }

    #[test]
    fn findings_are_in_order_and_whole_characters(texts in proptest::collection::vec(near(), 0..4)) {
        let text = texts.join(" ");
        let mut found = Vec::new();
        Detectors::new(Kinds::from_iter(Kind::ALL)).find(&text, "token", &mut found);
        for found in &found {
            prop_assert!(found.from < found.to && text.get(found.from..found.to).is_some());
        }
        for two in found.windows(2) {
            // Two kinds of the same bytes are two findings.
            let is_same = (two[0].from, two[0].to) == (two[1].from, two[1].to) && two[0].kind != two[1].kind;
            prop_assert!(is_same || two[0].from <= two[1].from && two[0].to < two[1].to, "{:?}", two);
        }
    }
}
