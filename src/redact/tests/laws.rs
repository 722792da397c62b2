//! The laws: wherever the body is cut the same leaves; it is what the oracle says; it is JSON; nothing hidden is in it.

use std::sync::Arc;

use proptest::prelude::*;

use super::oracle::Oracle;
use super::oracle::Path;
use super::oracle::Reader;
use super::oracle::Step;
use super::pieces;
use super::run;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::PseudonymKey;
use crate::redact::Scalar;
use crate::redact::ShapeBuilder;
use crate::redact::mask::Made;

const KEYS: [&str; 5] = ["a", "b", "ssn", "é", "longer-key-name"];

/// Values that generalise, and some that nearly do.
const SHAPED: [&str; 12] = [
    "\"1984-06-05\"",
    "\"1984-06-05T12:34:56Z\"",
    "\"1984\\u002d06-05T12:34:56.5\"",
    "\"1984-06-31\"",
    "\"94103\"",
    "\"EC1A 1BB\"",
    "\"192.0.2.77\"",
    "\"192.0.2.777\"",
    "47",
    "-47.25",
    "40",
    "-40.0",
];

fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => "[ \n\r\t]{1,3}", 1 => Just(" ".repeat(19))]
}

/// A key, some of its characters escaped.
fn key() -> impl Strategy<Value = String> {
    let spelling = (proptest::sample::select(&KEYS[..]), any::<u16>());
    let known = spelling.prop_map(|(key, escapes)| {
        let one = |(at, c): (usize, char)| {
            if escapes & 7 == 0 && escapes >> at & 1 == 1 {
                format!("\\u{:04X}", u32::from(c))
            } else {
                c.to_string()
            }
        };
        key.chars().enumerate().map(one).collect::<String>()
    });
    let alike =
        proptest::sample::select(&["SSN", "s_s-n", "A", "Ss N", "LONGER_KEY_NAME", "longerKeyName", "É"][..]);
    let alike = alike.prop_map(str::to_owned);
    prop_oneof![8 => known, 2 => alike, 1 => Just("other".to_owned()), 1 => Just(String::new())]
}

/// A scalar that carries a number of its own, so that it can be looked for in what leaves.
fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        (100_000_u32..999_999).prop_map(|n| format!("\"secret-{n}\"")),
        (100_000_u32..999_999, "[a-zé😀 ]{0,12}")
            .prop_map(|(n, text)| format!("\"{text}{n}\\n\\\"\\ud83d\\ude00\"")),
        (100_000_u32..999_999).prop_map(|n| format!("-{n}.5e+3")),
        proptest::sample::select(&["true", "false", "null", "0", "\"\"", "1E400", "\"\\ud800\""][..])
            .prop_map(str::to_owned),
        proptest::sample::select(&SHAPED[..]).prop_map(str::to_owned),
    ]
}

pub(super) fn body() -> impl Strategy<Value = String> {
    let value = scalar().prop_recursive(5, 40, 5, |value| {
        let item = (space(), value.clone(), space())
            .prop_map(|(before, value, after)| before + &value + &after)
            .boxed();
        let member = (space(), key(), space(), item.clone())
            .prop_map(|(before, key, gap, item)| format!("{before}\"{key}\"{gap}:{item}"));
        prop_oneof![
            2 => (space(), proptest::collection::vec(item, 0..4)).prop_map(|(space, items)| {
                format!("[{}]", if items.is_empty() { space } else { items.join(",") })
            }),
            3 => (space(), proptest::collection::vec(member, 0..5)).prop_map(|(space, members)| {
                format!("{{{}}}", if members.is_empty() { space } else { members.join(",") })
            }),
        ]
    });
    (space(), value, space()).prop_map(|(before, value, after)| before + &value + &after)
}

pub(super) fn path() -> impl Strategy<Value = Path> {
    let key = || proptest::sample::select(&KEYS[..]).prop_map(Step::Key);
    let steps = prop_oneof![
        5 => key().prop_map(|key| vec![key]),
        1 => Just(vec![Step::AnyKey]),
        1 => Just(vec![Step::Items]),
        2 => key().prop_map(|key| vec![Step::Deeper, key]),
    ];
    proptest::collection::vec(steps, 0..4).prop_map(|steps| Path(steps.concat()))
}

pub(super) fn rules() -> impl Strategy<Value = Vec<(Path, Mask)>> {
    const MASKS: [&str; 2] = ["fixed(\"x\")", "keep-last(2)"];
    let written = proptest::sample::select(&Mask::WRITTEN[..]);
    let mask = prop_oneof![3 => written, 1 => proptest::sample::select(&MASKS[..])];
    let mask = mask.prop_map(|text| Mask::parse(text).unwrap());
    proptest::collection::vec((path(), mask), 1..5)
}

pub(super) fn key_of_acme() -> PseudonymKey {
    PseudonymKey::new(b"secret", "acme")
}

pub(super) fn plan_of(rules: &[(Path, Mask)]) -> Arc<Plan> {
    let mut shape = ShapeBuilder::new();
    for (number, (path, _)) in (0..).zip(rules) {
        shape.path(&path.text(), ClassIx(number)).unwrap();
    }
    let hidden = (0..).zip(rules).map(|(number, (_, mask))| (ClassIx(number), mask.clone()));
    Arc::new(Plan::new(&Arc::new(shape.build().unwrap()), hidden, Some(key_of_acme())))
}

pub(super) fn keyed(mask: &Mask, class: usize, value: Scalar<&str>) -> String {
    let (class, mut out) = (class.to_string().into(), Vec::new());
    let made = match mask.kind() {
        "format" => Made::Format(class),
        "seal" => Made::Seal(class),
        _ => Made::Pseudonym(class),
    };
    made.write(Some(&key_of_acme()), value, &mut out);
    String::from_utf8(out).unwrap()
}

/// What the oracle lets out, the raw texts that it hid, and how many values they were in.
pub(super) fn expected(rules: &[(Path, Mask)], body: &str) -> (String, Vec<String>, usize) {
    let mut reader = Reader(body);
    let mut out = reader.space().to_owned();
    let tree = reader.value();
    let mut oracle = Oracle::new(rules, &keyed);
    oracle.write(&tree, &mut out);
    out.push_str(reader.space());
    (out, oracle.hidden, oracle.count)
}

/// `LAW_CASES` asks for more.
pub(super) fn cases(usual: u32) -> u32 {
    std::env::var("LAW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(500), ..ProptestConfig::default() })]

    #[test]
    fn what_leaves_is_what_the_oracle_lets_out_wherever_the_body_is_cut(
        rules in rules(),
        body in body(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = plan_of(&rules);
        let (out, _) = run(&plan, Encoding::Identity, &[body.as_bytes()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        prop_assert_eq!(&out, &expected(&rules, &body).0);

        let pieces = pieces(body.as_bytes(), &cuts);
        let (cut, _) = run(&plan, Encoding::Identity, &pieces).unwrap();
        prop_assert_eq!(String::from_utf8(cut).unwrap(), out);
    }

    #[test]
    fn what_leaves_is_json_without_any_hidden_value(rules in rules(), body in body()) {
        let (out, hidden) = run(&plan_of(&rules), Encoding::Identity, &[body.as_bytes()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        let mut reader = Reader(&out);
        reader.space();
        reader.value();
        prop_assert_eq!(reader.0.trim(), "");
        let again = run(&super::plan(&[("never-there", "drop")]), Encoding::Identity, &[out.as_bytes()]);
        prop_assert_eq!(again.map(|(same, _)| same), Ok(out.clone().into_bytes()));

        let (_, secrets, count) = expected(&rules, &body);
        prop_assert_eq!(hidden.is_empty(), count == 0);
        for secret in secrets {
            let digits: String = secret.chars().filter(char::is_ascii_digit).take(6).collect();
            let elsewhere = expected(&rules, &body).0.contains(&digits);
            prop_assert!(digits.len() < 6 || elsewhere || !out.contains(&digits), "{} in {}", digits, out);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        bytes in proptest::collection::vec(proptest::sample::select(&b"{}[]\",:\\u0dtrue1e-.a \n\xc3\xa9\xff\x00"[..]), 0..40),
        body in body(),
        spoil in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), proptest::sample::select(&b"{}[]\",:\\0-.e t;\x0c"[..])]),
            0..3,
        ),
        more in proptest::collection::vec(
            (any::<prop::sample::Index>(), proptest::option::of(proptest::sample::select(&b"{}[]\",: 1a"[..]))),
            0..3,
        ),
        drops in any::<bool>(),
    ) {
        let rules = [("$..b", "pseudonym"), ("ssn", "fixed"), ("$..a", if drops { "drop" } else { "fixed" })];
        let plan = super::plan(&rules);
        let mut spoilt = body.into_bytes();
        for (at, byte) in spoil {
            let at = at.index(spoilt.len());
            spoilt[at] = byte;
        }
        let mut other = spoilt.clone();
        for (at, byte) in more {
            let at = at.index(other.len());
            match byte {
                None if other.len() > 1 => drop(other.remove(at)),
                byte => other.insert(at, byte.unwrap_or(b' ')),
            }
        }
        for bytes in [bytes, spoilt, other] {
            let whole = run(&plan, Encoding::Identity, &[&bytes]).map(|(out, _)| out);
            for size in [1, 61] {
                let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
                let cut = run(&plan, Encoding::Identity, &pieces).map(|(out, _)| out);
                prop_assert_eq!(&whole, &cut);
            }
        }
    }
}

proptest! {
    // Each takes as long as a hundred of the others.
    #![proptest_config(ProptestConfig { cases: cases(20), ..ProptestConfig::default() })]

    #[test]
    fn a_body_that_is_longer_than_what_is_looked_at_at_once_leaves_as_the_oracle_says(
        rules in rules(),
        parts in proptest::collection::vec(body(), 60..120),
        is_list in any::<bool>(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = plan_of(&rules);
        let body = if is_list {
            format!("[{}]", parts.join(","))
        } else {
            let keyed = |(n, part): (usize, &String)| format!("\"{}\":{part}", KEYS.get(n % 7).unwrap_or(&"other"));
            format!("{{{}}}", parts.iter().enumerate().map(keyed).collect::<Vec<_>>().join(", "))
        };
        let (out, _) = run(&plan, Encoding::Identity, &[body.as_bytes()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        prop_assert_eq!(&out, &expected(&rules, &body).0);
        let (cut, _) = run(&plan, Encoding::Identity, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(cut).unwrap(), out);
    }
}

#[test]
fn what_follows_a_number_or_a_literal_at_once_is_not_passed_over() {
    let plans = ["drop", "fixed"].map(|mask| super::plan(&[("$..a", mask)]));
    for value in [
        "-1;0", "1x", "truex", "null-", "1\u{c}", "false\\", "0 1", "\"\"x", "1\"", "true{", "\"\":,1",
        "\"\":", "1:,2", "\"\"[", "1}", "\"\",]",
    ] {
        let body = format!("{{\"b\": [{value}], \"c\": \"{}\"}}", "long enough for an index ".repeat(8));
        for plan in &plans {
            let whole = run(plan, Encoding::Identity, &[body.as_bytes()]);
            let single: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(
                whole.as_ref().err(),
                run(plan, Encoding::Identity, &single).as_ref().err(),
                "{value}"
            );
            assert!(whole.is_err(), "{value}");
        }
    }
}

#[test]
fn every_cut_in_three_of_a_body_gives_the_same() {
    let rules = [
        ("$..ssn", "drop"),
        ("name", "keep-last(2)"),
        ("n", "pseudonym"),
        ("tags[*]", "drop"),
        ("o", "fixed"),
        ("z", "null"),
        ("born", "year"),
        ("age", "bucket(10)"),
        ("any", "typed"),
    ];
    let plan = super::plan(&rules);
    let bodies = [
        r#"{"ssn":1,"a":2}"#,
        r#"{ "s\u0073n" : "x\"y" , "name" : "J\u00fcrgen \ud83d\ude00x" }"#,
        "{\"name\":\"Zoë Müller\",\"n\":-12.5e3,\"z\":true}",
        "\u{feff} {\"tags\":[1, [2] ,{}],\"o\":{\"ssn\":[]},\"p\":{ }} ",
        r#"[{"ssn":{"a":[1,2]}},{"ssn":0,"ssn":1},null,false]"#,
        " -0.1e-7 ",
        r#"{"born":"1984\u002d06-05","age":47.5,"any":[1,{"a":"]"}]}"#,
    ];
    for body in bodies.map(str::as_bytes) {
        let (whole, _) = run(&plan, Encoding::Identity, &[body]).unwrap();
        for i in 0..=body.len() {
            for j in i..=body.len() {
                let (cut, _) =
                    run(&plan, Encoding::Identity, &[&body[..i], &body[i..j], &body[j..]]).unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&cut),
                    String::from_utf8_lossy(&whole),
                    "cuts at {i}, {j}"
                );
            }
        }
    }
}
