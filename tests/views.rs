//! What a caller sees who may not see everything: validators, ranges, encodings and odd answers, over the wire.

mod common;

use std::io::Write;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

const PATIENT: &str = r#"{"id":1,"name":"Ada","email":"SECRET@x","ssn":"SECRET-1"}"#;

fn start(upstream: &Upstream) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn answer(head: &str, body: &[u8]) -> Option<Vec<u8>> {
    Some([format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat())
}

#[test]
fn an_entity_tag_belongs_to_the_view_that_it_was_given_with() {
    let upstream = Upstream::start(|head, _| {
        let json = "content-type: application/json\r\netag: \"v1\"\r\nlast-modified: x\r\ncontent-digest: x\r\n\
            set-cookie: a=1\r\nset-cookie: b=2\r\ncache-control: public, max-age=5\r\n";
        if head.contains("if-none-match: \"v1\"\r\n") {
            return Some(b"HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n".to_vec());
        }
        answer(&format!("HTTP/1.1 200 OK\r\n{json}"), PATIENT.as_bytes())
    });
    let (_folder, sidecar) = start(&upstream);
    let get = |more: &str| sidecar.ask(&format!("GET /patients/1 HTTP/1.1\r\n{more}{}", key("des")));
    let first = get("range: bytes=0-9\r\naccept-encoding: gzip, br\r\nif-modified-since: x\r\n");
    assert_eq!((first.status, first.text().contains("SECRET")), (200, false), "{}", first.text());
    assert_eq!(first.headers["content-length"], first.body.len().to_string());
    assert_eq!(first.headers["cache-control"], "private, max-age=5");
    assert!(!first.headers.contains_key("last-modified") && !first.headers.contains_key("content-digest"));
    let head = &upstream.heads()[0];
    assert!(!head.contains("range:") && !head.contains("if-modified-since"), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    let tag = &first.headers["etag"];
    assert!(tag.starts_with("\"v1~"), "{tag}");
    let again = get(&format!("if-none-match: {tag}\r\n"));
    assert_eq!((again.status, &again.headers["etag"]), (304, tag));
    assert_eq!(get("if-none-match: \"v1\"\r\n").status, 200, "a tag of another view");
    assert_eq!(get("if-match: \"v1\"\r\n").status, 412);
    let head = sidecar.ask(&format!("HEAD /patients/1 HTTP/1.1\r\n{}", key("des")));
    assert_eq!((head.status, head.headers.get("content-length")), (200, None));
    let all = sidecar.ask(&format!("GET /patients/1 HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((all.text().as_str(), all.headers["etag"].as_str()), (PATIENT, "\"v1\""));
}

#[test]
fn what_cannot_be_read_does_not_leave() {
    let zip = |text: &str| {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap()
    };
    let upstream = Upstream::start(move |head, _| {
        let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        let body = PATIENT.as_bytes();
        match head.split(' ').nth(1).unwrap() {
            "/patients/gzip" => answer(&format!("{json}content-encoding: gzip\r\n"), &zip(PATIENT)),
            "/patients/problem" => {
                answer("HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\n", body)
            }
            "/patients/cut-gzip" => answer(&format!("{json}content-encoding: gzip\r\n"), &zip(PATIENT)[..20]),
            "/patients/br" => answer(&format!("{json}content-encoding: br\r\n"), body),
            "/patients/gzip-gzip" => {
                answer(&format!("{json}content-encoding: gzip\r\ncontent-encoding: gzip\r\n"), body)
            }
            "/patients/part" => {
                answer("HTTP/1.1 206 Partial Content\r\ncontent-type: application/json\r\n", body)
            }
            "/patients/range" => answer(&format!("{json}content-range: bytes 0-9/90\r\n"), body),
            "/patients/untyped" => answer("HTTP/1.1 200 OK\r\n", body),
            "/patients/two-types" => answer(&format!("{json}content-type: text/html\r\n"), body),
            "/patients/html" => answer("HTTP/1.1 500 Oh\r\ncontent-type: text/html\r\n", body),
            "/patients/latin" => {
                answer("HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=latin1\r\n", body)
            }
            "/patients/open" => answer(json, &body[..body.len() - 1]),
            "/patients/more" => answer(json, &[body, body].concat()),
            "/patients/zeros" => answer(json, b"\0\0"),
            _ => {
                let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n";
                Some([cut.as_bytes(), body].concat())
            }
        }
    });
    let (folder, sidecar) = start(&upstream);
    let kinds = [
        ("gzip", 200),
        ("problem", 409),
        ("cut-gzip", 502),
        ("br", 502),
        ("gzip-gzip", 502),
        ("part", 502),
        ("range", 502),
        ("untyped", 502),
        ("two-types", 502),
        ("html", 502),
        ("latin", 502),
        ("open", 502),
        ("more", 502),
        ("zeros", 502),
    ];
    for (kind, status) in kinds {
        let answer = sidecar.ask(&format!("GET /patients/{kind} HTTP/1.1\r\n{}", key("des")));
        assert_eq!(
            (answer.status, answer.text().contains("SECRET")),
            (status, false),
            "{kind}: {}",
            answer.text()
        );
        let name = answer.text().contains("\"name\":\"Ada\"");
        assert_eq!(name, status != 502, "{kind}: {}", answer.text());
    }
    let outcomes = folder.records("outcome", kinds.len());
    assert_eq!(outcomes.iter().filter(|record| record["ended"] == "unredactable").count(), 12);
}
