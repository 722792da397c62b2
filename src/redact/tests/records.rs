//! Bodies of many JSON documents.

use proptest::prelude::*;

use super::laws::body;
use super::pieces;
use super::plan;
use super::run;
use crate::redact::Content;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::redact::Malformed;

fn lines(rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    of(Format::Lines, rules, body)
}

fn of(format: Format, rules: &[(&str, &str)], body: &str) -> Result<String, Malformed> {
    let content = Content { format, encoding: Encoding::Identity };
    run(&plan(rules), content, &[body.as_bytes()]).map(|(out, _)| String::from_utf8(out).unwrap())
}

#[test]
fn each_line_is_a_document_of_its_own() {
    for path in ["ssn", "$[*].ssn", "$..ssn"] {
        let rules = [(path, "drop")];
        assert_eq!(
            lines(&rules, "{\"ssn\":1,\"a\":2}\r\n\n {\"ssn\":3}\n[{\"ssn\":4}]\n7").unwrap(),
            "{\"a\":2}\r\n\n {}\n[{}]\n7",
            "{path}"
        );
    }
    assert_eq!(lines(&[("ssn", "drop")], ""), Ok(String::new()));
    assert_eq!(lines(&[("ssn", "drop")], " \n\r\n"), Ok(" \n\r\n".to_owned()));
}

#[test]
fn what_is_no_document_on_one_line_is_refused_at_its_place() {
    let rules = [("ssn", "drop")];
    assert_eq!(lines(&rules, "{\"a\":1}\n{\"ssn\":\n1}"), Err(Malformed::Truncated));
    assert_eq!(lines(&rules, "{\"a\":1}\n{\"a\":x}"), Err(Malformed::NotJson { at: 13 }));
    assert_eq!(lines(&rules, "{\"a\":1}{\"ssn\":1}"), Err(Malformed::NotJson { at: 7 }));
    assert_eq!(lines(&rules, "{\"a\":1}\r{\"ssn\":1}"), Err(Malformed::NotJson { at: 8 }));
    assert_eq!(lines(&rules, "{\"a\":1}\n{\"ssn\":1"), Err(Malformed::Truncated));
}

#[test]
fn a_sequence_begins_with_its_separator() {
    let rules = [("ssn", "null")];
    let of = |body| of(Format::Sequence, &rules, body);
    assert_eq!(
        of("\x1e{\"ssn\":1}\n\x1e\x1e{\n\"ssn\":2}\n").unwrap(),
        "\x1e{\"ssn\":null}\n\x1e\x1e{\n\"ssn\":null}\n"
    );
    assert_eq!(of("{\"ssn\":1}\n"), Err(Malformed::NotJson { at: 0 }));
    assert_eq!(of("\x1e{\"ssn\":1}{\"ssn\":1}"), Err(Malformed::NotJson { at: 10 }));
    assert_eq!(of("\x1e{\"ssn\":\x1e1}"), Err(Malformed::Truncated));
}

#[test]
fn what_was_hidden_is_counted_over_all_documents() {
    let content = Content { format: Format::Lines, encoding: Encoding::Identity };
    let (_, hidden) =
        run(&plan(&[("ssn", "drop")]), content, &[b"{\"ssn\":1}\n{}\n{\"ssn\":2,\"ssn\":3}"]).unwrap();
    assert_eq!(hidden.counts().map(|(_, count)| count).collect::<Vec<_>>(), [3]);
}

proptest! {
    #[test]
    fn each_document_leaves_as_it_would_alone_wherever_the_body_is_cut(
        documents in proptest::collection::vec(body(), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let rules = [("$..a", "drop"), ("$..ssn", "keep-last(2)"), ("b", "pseudonym")];
        let plan = plan(&rules);
        let documents: Vec<String> = documents.iter().map(|text| text.replace('\n', " ")).collect();
        let alone: Vec<String> = documents.iter().map(|text| super::seen(&rules, text)).collect();
        let body = documents.join("\n");
        let content = Content { format: Format::Lines, encoding: Encoding::Identity };
        let (out, _) = run(&plan, content, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), alone.join("\n"));

        let record = |text: &String| format!("\x1e{text}\n");
        let body: String = documents.iter().map(record).collect();
        let content = Content { format: Format::Sequence, encoding: Encoding::Identity };
        let (out, _) = run(&plan, content, &pieces(body.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), alone.iter().map(record).collect::<String>());
    }
}
