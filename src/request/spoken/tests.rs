//! Where a document may stand in a request, and in which places two of them are refused.

use super::*;

fn url(query: &str) -> Result<Option<(String, Option<String>)>, Unspoken> {
    in_url(query).map(|found| found.map(owned))
}

fn body(json: &str) -> Result<Vec<(String, Option<String>)>, Unspoken> {
    in_body(json.as_bytes()).map(|all| all.into_iter().map(owned).collect())
}

fn owned(one: One<'_>) -> (String, Option<String>) {
    (one.document.into_owned(), one.operation.map(Cow::into_owned))
}

#[test]
fn a_document_in_a_url_is_found() {
    for (query, wanted) in [
        ("", None),
        ("a=1&b", None),
        ("query={a}", Some(("{a}", None))),
        ("x=1&query=%7Ba%20+b%7D&operationName=Q&variables=%7B%7D", Some(("{a  b}", Some("Q")))),
        ("query=%C3%A9", Some(("é", None))),
    ] {
        let wanted = wanted
            .map(|(document, name): (&str, Option<&str>)| (document.to_owned(), name.map(str::to_owned)));
        assert_eq!(url(query), Ok(wanted), "{query}");
    }
}

#[test]
fn what_may_be_another_document_in_a_url_is_refused() {
    for query in [
        "query={a}&query={b}",
        "query={a}&Query={b}",
        "query={a}&qu%65ry={b}",
        "qu%65ry={a}",
        "query[]={a}",
        "query={a}&query[0]={b}",
        "query.x={a}",
        "query={a}&%20query={b}",
        "query={a};x",
        "query={a}&operationName=A&operationname=B",
        "query={a}&id=1",
        "query={a}&documentId=1",
        "query={a}&extensions={\"persistedQuery\":{}}",
        "variables={}",
        "operationName=A",
        "query=%7",
        "query=%zz",
        "query=%ff",
    ] {
        assert_eq!(url(query), Err(UNCLEAR), "{query}");
    }
    for query in ["extensions=%7B%7D", "id=1", "documentId=x&variables={}"] {
        assert_eq!(url(query), Err(Unspoken::Persisted), "{query}");
    }
}

#[test]
fn documents_in_a_body_are_found() {
    let hash = Digest::of(b"{a}");
    let hashed = format!(
        r#"{{"query":"{{a}}","extensions":{{"x":1,"persistedQuery":{{"version":1,"sha256Hash":"{hash}"}}}}}}"#
    );
    for (json, wanted) in [
        (r#"{"query":"{a}"}"#, vec![("{a}", None)]),
        (
            r#"{"operationName":"Q","variables":{"a":[1]},"query":"{ a \u007d","extensions":null}"#,
            vec![("{ a }", Some("Q"))],
        ),
        (r#"{"quer\u0079":"{a}","operationName":null,"variables":null}"#, vec![("{a}", None)]),
        (r#" [ {"query":"{a}"} , {"query":"{b}"} ] "#, vec![("{a}", None), ("{b}", None)]),
        (&hashed, vec![("{a}", None)]),
    ] {
        let wanted = wanted
            .into_iter()
            .map(|(document, name): (&str, Option<&str>)| (document.to_owned(), name.map(str::to_owned)));
        assert_eq!(body(json), Ok(wanted.collect()), "{json}");
    }
}

#[test]
fn what_may_be_another_document_in_a_body_is_refused() {
    for json in [
        r#"{"query":"{a}","query":"{b}"}"#,
        r#"{"query":"{a}","quer\u0079":"{b}"}"#,
        r#"{"query":"{a}","Query":"{b}"}"#,
        r#"{"query":"{a}","operationName":"A","operationName":"B"}"#,
        r#"{"query":"{a}","documentId":"1"}"#,
        r#"{"query":"{a}","id":"1"}"#,
        r#"{"query":"{a}","more":1}"#,
        r#"{"query":"{a}","variables":"{\"a\":1}"}"#,
        r#"{"query":"{a}","variables":[]}"#,
        r#"{"query":"{a}","extensions":{"persistedQuery":{"sha256Hash":"00"}}}"#,
        r#"{"query":"{a}","extensions":{"persistedQuery":{}}}"#,
        r#"{"query":"{a}","extensions":{"persistedQuery":{"sha256Hash":"00"},"PersistedQuery":null}}"#,
        r#"{"query":"{a}","extensions":{"persistedQuery":1}}"#,
        r#"{"query":"{a}","extensions":"{}"}"#,
        r#"[{"query":"{a}"},{"query":"{a}","query":"{b}"}]"#,
    ] {
        assert_eq!(body(json), Err(UNCLEAR), "{json}");
    }
    for json in [
        "[]",
        "1",
        "null",
        "{}",
        r#"{"query":null}"#,
        r#"{"query":1}"#,
        r#"{"query":["{a}"]}"#,
        "[[]]",
        r#"[{"query":"{a}"},null]"#,
        r#"{"query":"\ud800"}"#,
    ] {
        assert_eq!(body(json), Err(Unspoken::Request), "{json}");
    }
    for json in [
        r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#,
        r#"{"documentId":"x","variables":{}}"#,
        r#"{"id":"x","query":null}"#,
    ] {
        assert_eq!(body(json), Err(Unspoken::Persisted), "{json}");
    }
}
