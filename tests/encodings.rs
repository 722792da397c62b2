//! Content codings on the way out, over the wire: what was hidden stays hidden in each, and streams stay streams.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;

use common::Answer;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

const ALL: [&str; 4] = ["zstd", "gzip", "br", "deflate"];

fn coded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        "zstd" => return zstd::encode_all(body, 1).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(body).unwrap(),
        "gzip" => {
            flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast()).write_all(body).unwrap();
        }
        "deflate" => {
            flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::fast()).write_all(body).unwrap();
        }
        _ => out.extend_from_slice(body),
    }
    out
}

fn decoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let read = match encoding {
        "zstd" => zstd::stream::read::Decoder::new(body).unwrap().read_to_end(&mut out),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut out),
        "gzip" => flate2::read::MultiGzDecoder::new(body).read_to_end(&mut out),
        "deflate" => flate2::read::ZlibDecoder::new(body).read_to_end(&mut out),
        _ => (&mut &*body).read_to_end(&mut out),
    };
    read.unwrap();
    out
}

/// An app that answers `/patients/CODING` by that coding, with an entity tag.
fn app(body: &'static str) -> Upstream {
    Upstream::start(move |head, _| {
        let encoding = head.split(' ').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
        let line = if ALL.contains(&&*encoding) {
            format!("content-encoding: {encoding}\r\n")
        } else {
            String::new()
        };
        let body = coded(&encoding, body.as_bytes());
        let more = format!("etag: \"v1\"\r\ncontent-length: {}\r\n", body.len());
        if head.contains("if-none-match: \"v1\"") {
            return Some(b"HTTP/1.1 304 Not Modified\r\netag: \"v1\"\r\n\r\n".to_vec());
        }
        let head_only = head.starts_with("HEAD");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{line}{more}\r\n");
        Some(if head_only { head.into_bytes() } else { [head.as_bytes(), &body].concat() })
    })
}

fn start(upstream: &Upstream, encode: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml") + &format!("redaction: {{encode: [{encode}]}}\n");
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn ask(sidecar: &Sidecar, method: &str, path: &str, more: &str) -> Answer {
    sidecar.ask(&format!("{method} {path} HTTP/1.1\r\n{}{more}", key("des")))
}

fn large() -> (&'static str, String) {
    let filler = "x y ".repeat(400);
    let body = format!("{{\"name\":\"Ada\",\"ssn\":\"SECRET\",\"filler\":\"{filler}\"}}");
    let seen = body.replace("SECRET", "[redacted]");
    (body.leak(), seen)
}

#[test]
fn what_arrived_compressed_leaves_compressed_to_a_client_that_takes_it() {
    let (body, seen) = large();
    let upstream = app(body);
    let (_folder, sidecar) = start(&upstream, "");
    for encoding in ALL {
        let path = format!("/patients/{encoding}");
        let plain = ask(&sidecar, "GET", &path, "");
        assert_eq!(plain.text(), seen);
        assert!(!plain.headers.contains_key("content-encoding"));
        assert_eq!(plain.headers["vary"], "Accept-Encoding");
        let same = ask(&sidecar, "GET", &path, "Accept-Encoding: deflate, gzip, br, zstd\r\n");
        assert_eq!(same.headers["content-encoding"], encoding);
        assert_eq!(same.headers["content-length"], same.body.len().to_string());
        assert!(same.body.len() < 300, "{encoding}");
        assert_eq!(decoded(encoding, &same.body), seen.as_bytes(), "{encoding}");
        assert_ne!(same.headers["etag"], plain.headers["etag"]);
        assert_eq!(ask(&sidecar, "GET", &path, "Accept-Encoding: identity\r\n").text(), seen);
        // The app is asked for plain bytes all the same.
        assert!(upstream.heads().iter().all(|head| head.contains("accept-encoding: identity\r\n")));
    }
    let plain = ask(&sidecar, "GET", "/patients/1", "Accept-Encoding: gzip\r\n");
    assert_eq!((plain.text(), plain.headers.contains_key("vary")), (seen, false));
}

#[test]
fn what_arrived_plain_leaves_compressed_where_that_is_configured() {
    let (body, seen) = large();
    let upstream = app(body);
    let (_folder, sidecar) = start(&upstream, "br, gzip");
    for (accept, encoding) in [
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.8", "gzip"),
        ("zstd", "identity"),
        ("identity;q=0, zstd", "zstd"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("gzip;q=0", "identity"),
    ] {
        let answer = ask(&sidecar, "GET", "/patients/1", &format!("Accept-Encoding: {accept}\r\n"));
        let said = answer.headers.get("content-encoding").map_or("identity", String::as_str);
        assert_eq!(said, encoding, "{accept}");
        assert_eq!(decoded(encoding, &answer.body), seen.as_bytes());
        assert_eq!(answer.headers["vary"], "Accept-Encoding");
        let head = ask(&sidecar, "HEAD", "/patients/1", &format!("Accept-Encoding: {accept}\r\n"));
        assert_eq!(head.headers.get("content-encoding"), answer.headers.get("content-encoding"));
        assert_eq!(head.headers["etag"], answer.headers["etag"]);
        assert!(!head.headers.contains_key("content-length"));
        let tag = &answer.headers["etag"];
        let again = ask(
            &sidecar,
            "GET",
            "/patients/1",
            &format!("Accept-Encoding: {accept}\r\nIf-None-Match: {tag}\r\n"),
        );
        assert_eq!((again.status, &again.headers["etag"]), (304, tag));
    }
}

#[test]
fn a_small_body_leaves_plain_and_an_unhidden_one_as_the_app_sent_it() {
    let upstream = app("{\"name\":\"Ada\",\"ssn\":\"SECRET\"}");
    let (_folder, sidecar) = start(&upstream, "gzip");
    for path in ["/patients/1", "/patients/gzip"] {
        let answer = ask(&sidecar, "GET", path, "Accept-Encoding: gzip\r\n");
        assert_eq!(answer.text(), "{\"name\":\"Ada\",\"ssn\":\"[redacted]\"}");
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
    }
    let all = sidecar.ask(&format!("GET /patients/br HTTP/1.1\r\n{}Accept-Encoding: br\r\n", key("ann")));
    assert_eq!(all.headers["content-encoding"], "br");
    assert!(upstream.heads().last().unwrap().contains("accept-encoding: br\r\n"));
}

#[test]
fn a_long_body_streams_compressed_and_its_cut_is_no_end() {
    let items: String =
        (0..9_000).map(|n| format!("{{\"name\":\"n{n}\",\"ssn\":\"SECRET {n}\"}},")).collect();
    let body: &'static str = format!("[{items}0]").leak();
    let broken: &'static str = format!("[{items}").leak();
    let upstream = Upstream::start(move |head, _| {
        let body = if head.contains("/patients?cut") { broken } else { body };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut out = head.as_bytes().to_vec();
        for piece in body.as_bytes().chunks(5_000) {
            out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\n\r\n");
        Some(out)
    });
    let (_folder, sidecar) = start(&upstream, "gzip");
    for encoding in ALL {
        let accept = format!("Accept-Encoding: {encoding}, identity;q=0\r\n");
        let answer = ask(&sidecar, "GET", "/patients", &accept);
        assert_eq!(answer.headers["content-encoding"], encoding);
        let seen = String::from_utf8(decoded(encoding, &answer.body)).unwrap();
        assert!(!seen.contains("SECRET"));
        let json: serde_json::Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 9_001);
        let head = format!("GET /patients?cut HTTP/1.1\r\nHost: localhost\r\n{}{accept}\r\n", key("des"));
        let raw = sidecar.raw(head.as_bytes());
        assert!(raw.starts_with("HTTP/1.1 200") && !raw.ends_with("0\r\n\r\n"), "{encoding}");
    }
}

const SEEN: &[u8; 47] = b"id: 1\ndata: {\"name\":\"Ada\",\"ssn\":\"[redacted]\"}\n\n";

#[test]
fn an_event_leaves_compressed_as_soon_as_it_has_ended() {
    let upstream = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let event = "id: 1\ndata: {\"name\":\"Ada\",\"ssn\":\"SECRET\"}\n\n";
        // No more chunk comes, and no end either.
        Some(format!("{head}{:x}\r\n{event}\r\n", event.len()).into_bytes())
    });
    let (_folder, sidecar) = start(&upstream, "gzip");
    let mut stream = common::connect(sidecar.data);
    let head =
        format!("GET /patients/1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n{}\r\n", key("des"));
    stream.write_all(head.as_bytes()).unwrap();
    let mut got = Vec::new();
    loop {
        let mut some = [0; 1024];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0);
        got.extend_from_slice(&some[..count]);
        let Some(start) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let Some(chunk) = got[start + 4..].windows(2).position(|two| two == b"\r\n") else { continue };
        let body = &got[start + 4 + chunk + 2..];
        let mut event = [0; SEEN.len()];
        if flate2::read::GzDecoder::new(body).read_exact(&mut event).is_ok() {
            assert_eq!(&event, SEEN);
            return;
        }
    }
}
