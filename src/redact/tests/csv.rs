//! Tables.

use proptest::prelude::*;

use super::pieces;
use super::plan;
use super::run;
use crate::limits;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

const CSV: Content = Content { format: Format::Csv { is_named: false }, encoding: Encoding::Identity };

fn csv(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    run(&plan(rules), CSV, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn a_column_is_masked_like_the_member_of_its_name() {
    let body = "id,ssn,\"name\"\r\n1,078-05-1120,\"Ada \"\"L\"\"\"\r\n2,,x\r\n";
    for path in ["ssn", "$[*].ssn", "$..ssn"] {
        let masked = |mask: &str| csv(&[(path, mask)], body).unwrap();
        assert_eq!(masked("drop"), "id,ssn,\"name\"\r\n1,,\"Ada \"\"L\"\"\"\r\n2,,x\r\n");
        assert_eq!(masked("null"), masked("drop"));
        assert_eq!(
            masked("keep-last(2)"),
            "id,ssn,\"name\"\r\n1,*********20,\"Ada \"\"L\"\"\"\r\n2,[redacted],x\r\n"
        );
        assert_eq!(masked("fixed(\"a,\\\"b\")").lines().nth(1), Some("1,\"a,\"\"b\",\"Ada \"\"L\"\"\""));
    }
    assert_eq!(csv(&[("name", "drop")], body).unwrap(), "id,ssn,\"name\"\r\n1,078-05-1120,\r\n2,,\r\n");
    assert_eq!(
        csv(&[("name", "keep-last(2)")], body).unwrap().lines().nth(1),
        Some("1,078-05-1120,\"*****L\"\"\"")
    );
    let json = super::seen(&[("ssn", "pseudonym")], r#"{"ssn":"078-05-1120"}"#);
    let pseudonym = json.strip_prefix(r#"{"ssn":""#).unwrap().strip_suffix(r#""}"#).unwrap();
    assert!(csv(&[("ssn", "pseudonym")], body).unwrap().contains(&format!("1,{pseudonym},")));
}

#[test]
fn quoted_cells_may_hold_anything() {
    let rules = [("ssn", "drop")];
    let body = "a,ssn,b\n\"x\r\n,\"\"\",\"secret\n,\"\"\",\"y\"\n";
    assert_eq!(csv(&rules, body).unwrap(), "a,ssn,b\n\"x\r\n,\"\"\",,\"y\"\n");
    assert_eq!(csv(&rules, "\"ssn\"\n1\n2").unwrap(), "\"ssn\"\n\"\"\n\"\"");
    assert_eq!(csv(&rules, "\u{feff}ssn,a\n1,2\n\n3,4\n").unwrap(), "\u{feff}ssn,a\n,2\n\n,4\n");
    assert_eq!(csv(&rules, ""), Ok(String::new()));
}

#[test]
fn a_name_is_looked_up_in_each_reading() {
    let rules = [("user.ssn", "drop")];
    for name in ["user.ssn", " user.ssn ", "\"user[ssn]\"", "user_x"] {
        let left =
            if name == "user_x" { Err(Malformed::NotCsv { at: 8 }) } else { Ok(format!("{name},a\n,1\n")) };
        assert_eq!(csv(&rules, &format!("{name},a\nsecret,1\n")), left, "{name}");
    }
    assert_eq!(
        csv(&rules, "user,a\n\"{\"\"ssn\"\":1,\"\"b\"\":2}\",1\n").unwrap(),
        "user,a\n\"{\"\"b\"\":2}\",1\n"
    );
    assert!(csv(&rules, "user,a\n{ssn},1\n").is_err());
}

#[test]
fn a_table_without_names_or_with_another_delimiter_is_refused() {
    let rules = [("ssn", "drop")];
    for body in ["1,2\n3,4\n", "id,name\n1,2", "ssn;a\n1;2\n", "a,ssn\tb\n", "a|ssn,ssn\n", "\"ssn;b\",ssn"] {
        assert!(csv(&rules, body).is_err(), "{body:?}");
    }
    let named = Content { format: Format::Csv { is_named: true }, encoding: Encoding::Identity };
    let (out, _) = run(&plan(&rules), named, &[b"id,name\n1,2"]).unwrap();
    assert_eq!(out, b"id,name\n1,2");
}

#[test]
fn a_line_that_names_the_delimiter_is_not_taken_for_the_header() {
    let named = Content { format: Format::Csv { is_named: true }, ..CSV };
    let body = b"sep=,\r\nname,ssn\r\nAda,078-05-1120\r\n";
    assert!(run(&plan(&[("ssn", "drop")]), named, &[&body[..]]).is_err());
}

#[test]
fn a_name_with_brackets_is_read_as_php_and_rails_read_it() {
    let seen = |path: &str, header: &str| {
        csv(&[(path, "drop"), ("known", "drop")], &format!("known,{header}\r\n1,078-05\r\n"))
    };
    for (path, header) in [("$.users.*.ssn", "users[][ssn]"), ("$.my_user.ssn", "my.user[ssn]")] {
        assert!(!seen(path, header).unwrap().contains("078-05"), "{path} {header}");
    }
}

#[test]
fn a_row_with_shifted_cells_does_not_leave() {
    let rules = [("ssn", "drop")];
    for row in [
        "Doe, John,secret,NY",
        "Doe,secret",
        "D\"o\"e,1,secret",
        "\"Doe\"x,1,secret",
        "Doe\rsecret,1,2",
        "Doe\0,1,2",
        "\"Doe,1,secret",
        "Doe,1,secret\r",
    ] {
        let body = format!("name,ssn,city\n{row}");
        assert!(csv(&rules, &body).is_err(), "{row:?}");
        let mut redactor = crate::redact::Redactor::new(plan(&rules), CSV);
        let left = redactor.feed(bytes::Bytes::from(body)).map_or(0, |left| left.len());
        assert!(left <= "name,ssn,city\n".len(), "{row:?}");
    }
    assert!(run(&plan(&rules), CSV, &[b"ssn,a\n1,\xff\n"]).is_err());
}

#[test]
fn a_row_is_bounded() {
    let long = format!("ssn,a\n1,{}\n", "x".repeat(limits::FIELD_BYTES_MAX));
    assert!(matches!(csv(&[("ssn", "drop")], &long), Err(Malformed::FieldTooLong { .. })));
    let wide = format!("ssn{}", ",a".repeat(limits::CSV_COLUMNS_MAX));
    assert!(csv(&[("ssn", "drop")], &wide).is_err());
}

fn cell() -> impl Strategy<Value = String> {
    let text = prop_oneof![(100_000_u32..999_999).prop_map(|n| format!("s-{n}")), "[a-z\", \n\ré]{0,6}"];
    (text, any::<bool>()).prop_map(|(text, quoted)| {
        if quoted || text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    })
}

proptest! {
    #[test]
    fn what_leaves_has_no_hidden_value_and_every_other_cell_as_it_was_wherever_it_is_cut(
        rows in proptest::collection::vec([cell(), cell(), cell()], 0..5),
        ending in proptest::sample::select(&["\n", "\r\n"][..]),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let plan = plan(&[("$..ssn", "drop")]);
        let table = |rows: &[[String; 3]]| {
            let rows: Vec<String> = rows.iter().map(|cells| cells.join(",")).collect();
            format!("a,ssn,b{ending}{}", rows.join(ending))
        };
        let wanted: Vec<_> = rows.iter().map(|[a, _, b]| [a.clone(), String::new(), b.clone()]).collect();
        let body = table(&rows);
        let (out, _) = run(&plan, CSV, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), table(&wanted));
    }

    #[test]
    fn no_bytes_make_it_panic_and_cutting_them_changes_no_verdict(
        bytes in proptest::collection::vec(proptest::sample::select(&b"ssn,,\n\n\r\"\" a\xc3\xa9\xff\0"[..]), 0..40),
    ) {
        let plan = plan(&[("$..s", "drop"), ("n", "pseudonym")]);
        let body = [b"s,n\n", &*bytes].concat();
        let whole = run(&plan, CSV, &[&body]).map(|(out, _)| out).ok();
        let single: Vec<&[u8]> = body.chunks(1).collect();
        prop_assert_eq!(whole, run(&plan, CSV, &single).map(|(out, _)| out).ok());
    }
}

#[test]
fn where_any_name_may_lead_to_a_class_a_row_of_values_is_no_header() {
    for rule in ["$..ssn", "*", "$..*"] {
        let body = "alice,078-05-1120\r\nbob,078-05-1121\r\n";
        let result = run(&plan(&[(rule, "drop")]), CSV, &[body.as_bytes()]);
        assert!(matches!(result, Err(Malformed::NotCsv { .. })), "{rule}");
    }
}
