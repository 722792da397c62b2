//! Ways around a redactor that others have met (redaction.md, sections 1, 2 and 12), each with its rule here.

use std::sync::Arc;

use bytes::Bytes;

use super::plan;
use super::redacted;
use super::run;
use super::seen;
use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Encoding;
use crate::redact::Gathered;
use crate::redact::Malformed;
use crate::redact::Plan;
use crate::redact::Redactor;

const SSN: &[(&str, &str)] = &[("$..ssn", "fixed")];
const NO_SSN: &[(&str, &str)] = &[("$..ssn", "drop")];

#[test]
fn each_of_several_equal_keys_is_hidden() {
    assert_eq!(seen(NO_SSN, r#"{"ssn":1,"a":2,"ssn":3}"#), r#"{"a":2}"#);
    assert_eq!(seen(SSN, r#"{"ssn":1,"ssn":"x"}"#), r#"{"ssn":"[redacted]","ssn":"[redacted]"}"#);
}

#[test]
fn an_escaped_key_is_the_key_that_it_spells() {
    for key in [r"\u0073sn", r"\u0073\u0073\u006e", r"ss\u006E"] {
        assert_eq!(seen(NO_SSN, &format!(r#"{{"{key}":1}}"#)), "{}", "{key}");
    }
    assert_eq!(seen(&[("['a/b\"\u{1}é😀']", "drop")], r#"{"a\/b\"\u0001\u00e9\ud83d\ude00":1}"#), "{}");
}

#[test]
fn a_key_that_differs_only_as_careless_apps_write_it_is_the_key() {
    for key in ["SSN", "s_s-n", "S.S.N.", "ｓｓｎ", "ſsn", r"s\u200bsn", r"s\u00adsn", "s sn", "s:s:n"] {
        assert_eq!(seen(NO_SSN, &format!(r#"{{"{key}":1}}"#)), "{}", "{key}");
    }
    // Another rule that spells it so does not make it another key, nor one for all other members one of those.
    let rules = &[("$..ssn", "drop"), ("$.audit.SSN.source", "null")];
    assert_eq!(seen(rules, r#"{"audit":{"SSN":"078-05-1120"}}"#), r#"{"audit":{}}"#);
    // To every client another key.
    assert_eq!(seen(NO_SSN, r#"{"ѕѕn":1}"#), r#"{"ѕѕn":1}"#);
    // A key of its own is not taken for another.
    let rules = &[("id", "drop"), ("a['ID']", "drop")];
    assert_eq!(seen(rules, r#"{"ID":1,"a":{"ID":1,"id":2}}"#), r#"{"a":{}}"#);
}

#[test]
fn a_key_that_ends_at_a_nul_for_some_clients_is_refused_where_that_matters() {
    assert!(matches!(redacted(SSN, r#"{"ssn\u0000x":1}"#), Err(Malformed::BadKey { .. })));
    assert!(redacted(SSN, r#"{"other\u0000x":1}"#).is_ok());
    assert!(redacted(&[("a.ssn", "drop")], r#"{"ssn\u0000":1}"#).is_ok());
}

#[test]
fn half_a_surrogate_pair_in_a_key_is_refused_everywhere() {
    for body in [r#"{"\ud800":1}"#, r#"{"x":{"\udc00a":1}}"#, r#"{"ssn":{"\ud83dx":1}}"#] {
        assert!(matches!(redacted(SSN, body), Err(Malformed::BadKey { .. })), "{body}");
    }
}

#[test]
fn a_value_is_hidden_whatever_its_type() {
    for value in
        ["1", "-0.5E3", "true", "null", "\"x\"", "[]", "[1,{\"a\":2}]", "{}", "{\"ssn\":{\"b\":[3]}}"]
    {
        assert_eq!(seen(SSN, &format!(r#"{{"ssn":{value},"z":0}}"#)), r#"{"ssn":"[redacted]","z":0}"#);
        assert_eq!(seen(NO_SSN, &format!(r#"{{"ssn":{value},"z":0}}"#)), r#"{"z":0}"#);
        let hidden = seen(&[("ssn", "null")], &format!(r#"{{"ssn":{value},"z":0}}"#));
        assert_eq!(hidden, r#"{"ssn":null,"z":0}"#);
        for mask in ["keep-last(1)", "pseudonym"] {
            let hidden = seen(&[("ssn", mask)], &format!(r#"{{"ssn":{value},"z":0}}"#));
            assert!(!hidden.contains(&format!(":{value},")), "{mask}: {hidden}");
        }
    }
}

#[test]
fn an_array_where_the_document_says_object_hides_nothing_less_and_the_other_way_round() {
    for rule in ["users.ssn", "users[*].ssn"] {
        for body in [r#"{"users":{"ssn":1}}"#, r#"{"users":[{"ssn":1}]}"#, r#"{"users":[[{"ssn":1}]]}"#] {
            assert!(!seen(&[(rule, "fixed")], body).contains('1'), "{rule} {body}");
        }
    }
    assert_eq!(seen(&[("tags[*]", "null")], r#"{"tags":["a",["b"]]}"#), r#"{"tags":[null,null]}"#);
    assert_eq!(seen(&[("tags[*]", "null")], r#"{"tags":"a"}"#), r#"{"tags":null}"#);
    assert_eq!(seen(&[("tags[*]", "drop")], r#"{"tags":"a"}"#), "{}");
}

#[test]
fn dropping_an_item_moves_no_other_item() {
    assert_eq!(seen(&[("a[*]", "drop")], r#"{"a":[1, "x",[3]]}"#), r#"{"a":[null, null,null]}"#);
    assert_eq!(seen(&[("$", "drop")], " [1] "), " null ");
}

#[test]
fn dropped_members_take_exactly_one_comma_with_them() {
    let rules = &[("x", "drop"), ("y", "drop")][..];
    let cases = [
        (r#"{"x":1}"#, "{}"),
        (r#"{ "x" : 1 }"#, "{ }"),
        (r#"{"x":1,"y":2}"#, "{}"),
        (r#"{"x":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1}"#, r#"{"a":2}"#),
        (r#"{"a":2,"x":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        (r#"{"x":1,"a":2,"y":1,"b":3,"x":4}"#, r#"{"a":2,"b":3}"#),
        ("{\n  \"x\": 1,\n  \"a\": 2\n}", "{\n  \"a\": 2\n}"),
    ];
    for (body, left) in cases {
        assert_eq!(seen(rules, body), left, "{body}");
    }
}

#[test]
fn what_is_nearly_json_is_refused() {
    let wrong = [
        "",
        " ",
        "{}{}",
        "{} x",
        "{'ssn':1}",
        "{ssn:1}",
        r#"{"a":1,}"#,
        "[1,]",
        "[,1]",
        "{,}",
        "// c\n{}",
        "{} // c",
        "/**/{}",
        "NaN",
        "[Infinity]",
        "[+1]",
        "[01]",
        "[1.]",
        "[.5]",
        "[0x1]",
        "[1e]",
        "[tru]",
        "[True]",
        "[nul",
        "[\"\t\"]",
        "[\"\\x\"]",
        "[\"\\u12g4\"]",
        "[\"a]",
        "[1}",
        "{\"a\":1]",
        "]",
        "[1 2]",
        r#"{"a" 1}"#,
        r#"{"a":}"#,
        r#"{"a":1 "b":2}"#,
        "{\"a\":1,,\"b\":2}",
        "\u{a0}{}",
        "[1]\0",
        "\u{feff}\u{feff}{}",
    ];
    for body in wrong {
        assert!(redacted(SSN, body).is_err(), "{body}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let wrong: [&[u8]; 10] = [
        b"[\"\xff\"]",
        b"[\"\xc0\xaf\"]",
        b"[\"\xed\xa0\x80\"]",
        b"[\"\xf4\x90\x80\x80\"]",
        b"[\"\xe2\x82\"]",
        b"[\"\x80\"]",
        b"{\"\xff\":1}",
        b"{\"\xc0\xaf\":1}",
        b"\xff\xfe[\0]\0",
        b"[\0\"\0s\0\"\0]\0",
    ];
    for body in wrong {
        assert!(run(&plan(SSN), Encoding::Identity, &[body]).is_err(), "{body:?}");
    }
}

#[test]
fn a_byte_order_mark_is_taken_off() {
    assert_eq!(seen(SSN, "\u{feff}{\"ssn\":1}"), r#"{"ssn":"[redacted]"}"#);
    assert!(redacted(SSN, "\u{feff}").is_err());
    assert!(redacted(SSN, " \u{feff}{}").is_err());
}

#[test]
fn a_depth_bomb_is_refused_without_recursion() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(redacted(SSN, &deep(limits::JSON_DEPTH_MAX)).is_ok());
    assert!(matches!(redacted(SSN, &deep(limits::JSON_DEPTH_MAX + 1)), Err(Malformed::TooDeep { .. })));
    assert!(matches!(redacted(SSN, &"{\"a\":".repeat(1_000_000)), Err(Malformed::TooDeep { .. })));
}

#[test]
fn giant_keys_numbers_and_gaps_are_refused_however_they_are_cut() {
    let key = |len| format!(r#"{{"{}":1}}"#, "k".repeat(len));
    let number = |len| format!("[{}]", "1".repeat(len));
    let gap = |len| format!(r#"{{"a":1,{}"b":2}}"#, " ".repeat(len));
    let cases = [
        (key(limits::JSON_KEY_BYTES_MAX), key(limits::JSON_KEY_BYTES_MAX + 1)),
        (number(limits::JSON_NUMBER_BYTES_MAX), number(limits::JSON_NUMBER_BYTES_MAX + 1)),
        (gap(limits::JSON_HELD_BYTES_MAX - 5), gap(limits::JSON_HELD_BYTES_MAX - 4)),
    ];
    for (fits, over) in cases {
        for size in [1, 7, 1000, usize::MAX] {
            let cut = |body: &str| {
                run(&plan(NO_SSN), Encoding::Identity, &body.as_bytes().chunks(size).collect::<Vec<_>>())
                    .map(|_| ())
            };
            assert_eq!(cut(&fits), Ok(()), "{size}");
            assert!(cut(&over).is_err(), "{size}");
        }
    }
}

#[test]
fn a_value_too_long_to_look_at_is_hidden_whole() {
    let text = "x".repeat(limits::MASKED_VALUE_BYTES_MAX + 1);
    for mask in ["keep-last(4)", "pseudonym"] {
        assert_eq!(seen(&[("a", mask)], &format!(r#"{{"a":"{text}"}}"#)), r#"{"a":"[redacted]"}"#);
    }
}

#[test]
fn many_decoys_do_not_switch_it_off() {
    let body = format!("[{}]", vec![r#"{"ssn":"078-05-1120"}"#; 5000].join(","));
    let (out, hidden) = run(&plan(SSN), Encoding::Identity, &[body.as_bytes()]).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("078"));
    assert_eq!(
        hidden.iter().map(|(class, _, count)| (class, count)).collect::<Vec<_>>(),
        [(ClassIx(0), 5000)]
    );
}

#[test]
fn numbers_and_spelling_that_are_not_hidden_stay_as_they_are() {
    let body = r#" {"n":12345678901234567890,"m":1.0,"e":1E400,"s":"\u0041\/é","d":1,"d":2,"l":"\ud800"} "#;
    assert_eq!(seen(SSN, body), body);
}

#[test]
fn keep_last_and_pseudonyms_look_at_the_text_and_not_at_its_spelling() {
    let keep = &[("a", "keep-last(2)")][..];
    assert_eq!(seen(keep, r#"{"a":"1234\u0035\u0036"}"#), r#"{"a":"****56"}"#);
    assert_eq!(seen(keep, r#"{"a":"12345"}"#), r#"{"a":"[redacted]"}"#);
    assert_eq!(seen(keep, r#"{"a":"xxxxxxxx\ud800"}"#), r#"{"a":"[redacted]"}"#);
    let same = &[("$..a", "pseudonym")][..];
    let out = seen(same, r#"[{"a":"A"},{"a":"\u0041"},{"a":"B"},{"a":7},{"a":"7"}]"#);
    let values: Vec<&str> = out.split(',').collect();
    assert_eq!(values[0].trim_start_matches('['), values[1]);
    assert_ne!(values[1], values[2]);
    assert_eq!(values[3], values[4].trim_end_matches(']'));
    assert!(values[1].starts_with(r#"{"a":"ps_"#) && values[1].len() == r#"{"a":"ps_"}"#.len() + 32, "{out}");
}

#[test]
fn nothing_leaves_after_an_error() {
    let mut redactor = Redactor::new(plan(SSN), Encoding::Identity);
    assert!(redactor.feed(Bytes::from_static(b"{\"a\":1")).is_ok());
    assert!(redactor.feed(Bytes::from_static(b"x")).is_err());
    assert!(redactor.feed(Bytes::from_static(b"}")).is_err());
    assert!(redactor.finish().is_err());
}

#[test]
fn an_error_says_where_and_never_what() {
    let text = redacted(SSN, r#"{"a":"078-05-1120" x}"#).unwrap_err().to_string();
    assert_eq!(text, "the body is not JSON at byte 19");
}

#[test]
fn a_piece_in_which_nothing_is_hidden_leaves_without_a_copy() {
    let mut redactor = Redactor::new(plan(SSN), Encoding::Identity);
    let piece = Bytes::from(r#"{"a":"b","c":[1,2,3],"d":"#);
    let out = redactor.feed(piece.clone()).unwrap();
    assert_eq!(out.0.as_ptr(), piece.as_ptr());
    assert_eq!(out.len(), piece.len());
}

#[test]
fn a_plan_that_hides_nothing_does_not_even_read_the_body() {
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        for plan in [plan(&[]), Arc::new(Plan::nothing())] {
            let (out, hidden) = run(&plan, encoding, &[b"not {json", b"\xff"]).unwrap();
            assert_eq!(out, b"not {json\xff");
            assert!(hidden.is_empty());
        }
    }
}

#[test]
fn a_gigabyte_of_string_is_held_nowhere() {
    let mut redactor = Redactor::new(plan(NO_SSN), Encoding::Identity);
    let piece = Bytes::from(vec![b'x'; 1 << 16]);
    let mut left = redactor.feed(Bytes::from_static(br#"{"a":""#)).unwrap().len();
    for _ in 0..64 {
        let out = redactor.feed(piece.clone()).unwrap();
        assert_eq!(out.0.as_ptr(), piece.as_ptr());
        left += out.len();
    }
    left += redactor.feed(Bytes::from_static(br#"","ssn":""#)).unwrap().len();
    for _ in 0..64 {
        assert!(redactor.feed(piece.clone()).unwrap().is_empty());
    }
    left += redactor.feed(Bytes::from_static(b"\"}")).unwrap().len();
    assert_eq!(left, (64 << 16) + br#"{"a":""}"#.len());
}

#[test]
fn pieces_gathered_are_the_body_and_one_piece_is_not_copied() {
    let mut redactor = Redactor::new(plan(SSN), Encoding::Identity);
    let body = [Bytes::from(r#"{"a":"b","#), Bytes::from(r#""ssn":1"#), Bytes::from("}")];
    let mut whole = Gathered::default();
    whole.push(redactor.feed(body[0].clone()).unwrap());
    assert_eq!(whole.len(), body[0].len());
    whole.push(redactor.feed(body[1].clone()).unwrap());
    whole.push(redactor.feed(body[2].clone()).unwrap());
    whole.push(redactor.finish().unwrap().0);
    assert_eq!(whole.into_redacted().0, r#"{"a":"b","ssn":"[redacted]"}"#);
    let mut one = Gathered::default();
    one.push(Redactor::new(plan(SSN), Encoding::Identity).feed(body[0].clone()).unwrap());
    assert_eq!(one.into_redacted().0.as_ptr(), body[0].as_ptr());
}
