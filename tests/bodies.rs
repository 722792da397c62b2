//! Bodies that are not one JSON document, over the wire: what may not be seen is hidden in them as it is in JSON.

mod common;

use std::io::Read as _;
use std::io::Write as _;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

fn start(upstream: &Upstream) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn answer(kind: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    Some([head.as_bytes(), body].concat())
}

fn get(sidecar: &Sidecar, who: &str, path: &str) -> Answer {
    sidecar.ask(&format!("GET {path} HTTP/1.1\r\n{}", key(who)))
}

/// What `des`, who sees names and neither e-mail nor numbers, is given for a body; `ann` sees it as it was.
fn seen(kind: &'static str, body: &'static str) -> Answer {
    let upstream = Upstream::start(move |_, _| answer(kind, body.as_bytes()));
    let (_folder, sidecar) = start(&upstream);
    let all = get(&sidecar, "ann", "/patients/1");
    assert_eq!((all.status, all.text().as_str()), (200, body));
    let some = get(&sidecar, "des", "/patients/1");
    assert!(!some.text().contains("SECRET"), "{}", some.text());
    some
}

#[test]
fn lines_of_json_are_redacted_one_by_one() {
    let answer = seen(
        "application/x-ndjson",
        "{\"name\":\"Ada\",\"email\":\"SECRET\",\"ssn\":\"SECRET\"}\n\n{\"ssn\":[\"SECRET\"]}\n",
    );
    assert_eq!(answer.text(), "{\"name\":\"Ada\",\"ssn\":\"[redacted]\"}\n\n{\"ssn\":\"[redacted]\"}\n");
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    assert_eq!(seen("application/jsonl", "{\"ssn\":\n\"SECRET\"}").status, 502);
}

#[test]
fn a_sequence_of_json_is_redacted_record_by_record() {
    let answer = seen("application/json-seq", "\x1e{\"email\":\"SECRET\"}\n\x1e{\"ssn\":\"SECRET\"}\n");
    assert_eq!(answer.text(), "\x1e{}\n\x1e{\"ssn\":\"[redacted]\"}\n");
}

#[test]
fn the_fields_of_a_form_are_redacted_both_ways() {
    let answer = seen("application/x-www-form-urlencoded", "name=A+B&email=SECRET&%73sn=SECRET&x=%41");
    assert_eq!(answer.text(), "name=A+B&%73sn=%5Bredacted%5D&x=%41");

    let upstream = Upstream::start(|_, body| answer_of(body));
    let (_folder, sidecar) = start(&upstream);
    let post = |body: &str| {
        let head = "POST /patients HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n";
        Client::connect(sidecar.data).ask(&format!("{head}{}", key("des")), body.as_bytes())
    };
    assert_eq!(post("name=Ada&ssn[]=SECRET").text(), "name=Ada");
    let refused = post("name=Ada;ssn=SECRET");
    assert_eq!((refused.status, refused.code().as_str()), (415, "unreadable_body"));
}

fn answer_of(body: &[u8]) -> Option<Vec<u8>> {
    answer("text/plain", body)
}

#[test]
fn an_event_leaves_as_soon_as_it_has_ended() {
    let upstream = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let event = "id: 1\ndata: {\"name\":\"Ada\",\"ssn\":\"SECRET\"}\n\n";
        // No more chunk comes, and no end either.
        Some(format!("{head}{:x}\r\n{event}\r\n", event.len()).into_bytes())
    });
    let (_folder, sidecar) = start(&upstream);
    let mut stream = common::connect(sidecar.data);
    let head = format!("GET /patients/1 HTTP/1.1\r\nHost: localhost\r\n{}\r\n", key("des"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut got = String::new();
    while !got.contains("\n\n\r\n") {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "{got}");
        got += std::str::from_utf8(&some[..count]).unwrap();
    }
    assert!(got.contains("id: 1\ndata: {\"name\":\"Ada\",\"ssn\":\"[redacted]\"}\n\n"), "{got}");
}

#[test]
fn events_are_redacted_and_what_is_no_json_in_them_is_hidden() {
    let answer =
        seen("text/event-stream", ": x\n\ndata: {\"email\":\"SECRET\"}\n\ndata: SECRET\n\ndata: [DONE]\n\n");
    assert_eq!(answer.text(), ": x\n\ndata: {}\n\ndata: \"[redacted]\"\n\ndata: [DONE]\n\n");
}

#[test]
fn the_columns_of_a_table_are_redacted() {
    let answer = seen("text/csv; charset=utf-8", "name,email,ssn\r\n\"A, B\",SECRET,SECRET\r\n");
    assert_eq!(answer.text(), "name,email,ssn\r\n\"A, B\",,[redacted]\r\n");
    assert_eq!(seen("text/csv", "1,SECRET\r\n2,SECRET\r\n").status, 502);
    assert_eq!(seen("text/csv", "name,ssn\r\nDoe, John,SECRET\r\n").status, 502);
}

#[test]
fn a_body_may_arrive_by_any_known_encoding_and_leaves_plain() {
    let body = b"{\"name\":\"Ada\",\"ssn\":\"SECRET\"}";
    let upstream = Upstream::start(|head, _| {
        let encoding = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
        let coded = match &*encoding {
            "zstd" => zstd::encode_all(&body[..], 1).unwrap(),
            "br" => {
                let mut out = Vec::new();
                brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(body).unwrap();
                out
            }
            _ => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(body).unwrap();
                out.finish().unwrap()
            }
        };
        answer(&format!("application/json\r\ncontent-encoding: {encoding}"), &coded)
    });
    let (_folder, sidecar) = start(&upstream);
    for encoding in ["deflate", "br", "zstd"] {
        let answer = get(&sidecar, "des", &format!("/patients/{encoding}"));
        assert_eq!(answer.text(), "{\"name\":\"Ada\",\"ssn\":\"[redacted]\"}", "{encoding}");
        assert!(!answer.headers.contains_key("content-encoding"));
        let all = get(&sidecar, "ann", &format!("/patients/{encoding}"));
        assert_eq!(all.headers["content-encoding"], encoding);
    }
}

#[test]
fn the_parts_of_a_form_are_redacted_and_a_file_is_refused() {
    let upstream = Upstream::start(|_, body| answer_of(body));
    let (_folder, sidecar) = start(&upstream);
    let post = |who: &str, body: &str| {
        let head = "POST /patients HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=xyz\r\n";
        Client::connect(sidecar.data).ask(&format!("{head}{}", key(who)), body.as_bytes())
    };
    let part =
        |more: &str, text: &str| format!("--xyz\r\ncontent-disposition: form-data; {more}\r\n\r\n{text}\r\n");
    let [name, ssn] = [part("name=\"name\"", "Ada"), part("name=\"ssn\"", "SECRET")];
    assert_eq!(post("des", &format!("{ssn}{name}--xyz--\r\n")).text(), format!("{name}--xyz--\r\n"));
    let file = part("name=\"photo\"; filename=\"a.png\"\r\ncontent-type: image/png", "SECRET");
    let refused = post("des", &format!("{name}{file}--xyz--\r\n"));
    assert_eq!((refused.status, refused.code().as_str()), (415, "unreadable_body"));
    let all = format!("{name}{ssn}{file}--xyz--\r\n");
    assert_eq!(post("ann", &all).text(), all);
}

#[test]
fn the_elements_of_xml_are_redacted_both_ways() {
    let body = "<?xml version=\"1.0\"?><patient email=\"SECRET\"><name>Ada</name><x:ssn xmlns:x=\"u\">SECRET</x:ssn><!-- SECRET --></patient>";
    let upstream = Upstream::start(move |_, sent| {
        if sent.is_empty() {
            answer("application/fhir+xml", body.as_bytes())
        } else {
            answer("text/plain", sent)
        }
    });
    let (_folder, sidecar) = start(&upstream);
    assert_eq!(get(&sidecar, "ann", "/patients/1").text(), body);
    let left =
        "<?xml version=\"1.0\"?><patient><name>Ada</name><x:ssn xmlns:x=\"u\">[redacted]</x:ssn></patient>";
    assert_eq!(get(&sidecar, "des", "/patients/1").text(), left);
    let post = |body: &str| {
        let head = "POST /patients HTTP/1.1\r\ncontent-type: text/xml\r\n";
        Client::connect(sidecar.data).ask(&format!("{head}{}", key("des")), body.as_bytes())
    };
    assert_eq!(post("<p><ssn>SECRET</ssn><a ssn='SECRET'/></p>").text(), "<p><a ssn='SECRET'/></p>");
    let refused = post("<!DOCTYPE p><p/>");
    assert_eq!((refused.status, refused.code().as_str()), (415, "unreadable_body"));
}

#[test]
fn a_body_passes_unread_only_where_its_route_says_so_of_its_type() {
    let upstream = Upstream::start(|head, _| {
        let kind =
            if head.contains("/patients/photo") { "image/png\r\netag: \"v1\"" } else { "application/zip" };
        answer(kind, b"\x89PNG SECRET")
    });
    let folder = Folder::new(upstream.address);
    let routes = "routes: [{method: GET, path: '/patients/{id}', response: {classes: {$.ssn: pii}, opaque: [image/*]}}]";
    folder.write("routes.yaml", routes);
    let sidecar = Sidecar::start(&folder);
    let photo = get(&sidecar, "des", "/patients/photo");
    assert_eq!((photo.status, &*photo.body), (200, &b"\x89PNG SECRET"[..]));
    assert_eq!(
        (photo.headers["content-length"].as_str(), photo.headers["cache-control"].as_str()),
        ("11", "private")
    );
    assert!(photo.headers["etag"].starts_with("\"v1~"));
    let zip = get(&sidecar, "des", "/patients/zip");
    assert_eq!((zip.status, zip.code().as_str()), (502, "unredactable"));
}

#[test]
fn a_clients_body_passes_unread_by_the_same_word_of_its_route() {
    let upstream = Upstream::start(|_, body| answer_of(body));
    let folder = Folder::new(upstream.address);
    folder.write(
        "routes.yaml",
        "routes: [{method: POST, path: /patients, request: {classes: {$.ssn: pii}, opaque: [image/*]}}]",
    );
    let sidecar = Sidecar::start(&folder);
    let post = |kind: &str, body: &[u8]| {
        let head = format!("POST /patients HTTP/1.1\r\ncontent-type: {kind}\r\ncontent-encoding: x\r\n");
        Client::connect(sidecar.data).ask(&format!("{head}{}", key("des")), body)
    };
    assert_eq!(post("image/png", b"\xff\0SECRET").body, b"\xff\0SECRET");
    let head = upstream.heads().remove(0);
    assert!(head.contains("content-length: 8\r\n") && head.contains("content-encoding: x\r\n"), "{head}");
    assert_eq!(post("video/mp4", b"SECRET").status, 415);
    assert_eq!(upstream.heads().len(), 1);
}
