//! What goes over the wire: literal bytes in, literal bytes out, a real sidecar between.
//!
//! The one oracle: either the app saw zero bytes, or it saw exactly the requests that the log allows, each with one
//! Host, one framing, the path that was judged, and no header that a client made in our name.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use common::tls;

fn start(upstream: &Upstream) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

/// Sends each case on a connection of its own, without TLS and with it; each must be refused with the status and code, and the app sees nothing.
fn all_refused(cases: &[(&str, u16, &str)]) {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let client = tls::listen(&folder, "").client(None, &["http/1.1"]);
    let sidecar = Sidecar::start(&folder);
    let each = cases.iter().flat_map(|case| [(case, false), (case, true)]);
    for ((bytes, status, code), is_tls) in each {
        let bytes = bytes.replace("KEY", key("ann").trim_end());
        let answer = match is_tls {
            false => sidecar.raw(bytes.as_bytes()),
            true => tls::raw(sidecar.tls.unwrap(), &client, bytes.as_bytes()),
        };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:?} got {answer:?}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{bytes:?} got {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bytes:?} got {answer:?}");
    }
    assert_eq!(String::from_utf8_lossy(&upstream.bytes.lock().unwrap()), "");
    let records = folder.records("decision", 2 * cases.len());
    assert_eq!(records.len(), 2 * cases.len(), "one record for each");
    assert!(records.iter().all(|record| record["decision"] == "deny"));
}

#[test]
fn a_head_with_more_than_one_reading_never_reaches_the_app() {
    all_refused(&[
        ("GET /plain HTTP/1.1\nHost: a\r\nKEY\r\n\r\n", 400, "bad_header"),
        (
            "GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nx: x\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_header",
        ),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n folded: x\r\n\r\n", 400, "bad_header"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nx : y\r\n\r\n", 400, "bad_header"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n: y\r\n\r\n", 400, "bad_header"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nx: \0\r\n\r\n", 400, "bad_header"),
        ("GET plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_path"),
        ("GET * HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_path"),
        ("GET /plain#x HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_path"),
        ("GET  /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_request_line"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request_line"),
        ("\u{16}\u{3}\u{1}\u{0}\r\n\r\n", 400, "bad_request_line"),
        ("TRACE /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 405, "method_not_allowed"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nKEY\r\n\r\n", 405, "method_not_allowed"),
        ("get /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 405, "method_not_allowed"),
    ]);
}

#[test]
fn a_body_whose_end_is_in_doubt_never_reaches_the_app() {
    let case =
        |framing: &str| format!("POST /plain HTTP/1.1\r\nHost: a\r\nKEY\r\n{framing}\r\n\r\n0\r\n\r\n");
    let cases = [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \u{b}chunked",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: +5",
        "Content-Length: 05",
        "Content-Length: 5, 5",
        "Content-Length: ",
        "Content-Length: 99999999999999999999",
    ]
    .map(case);
    let code = |text: &String| if text.contains('\u{b}') { "bad_header" } else { "bad_framing" };
    let cases: Vec<_> = cases.iter().map(|text| (text.as_str(), 400, code(text))).collect();
    all_refused(&cases);
    all_refused(&[(
        "POST /plain HTTP/1.0\r\nHost: a\r\nKEY\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_framing",
    )]);
}

#[test]
fn a_path_with_two_readings_never_reaches_the_app() {
    let paths = [
        "//plain",
        "/plain//",
        "/../plain",
        "/x/../plain",
        "/%2e%2e/plain",
        "/x/..;/plain",
        "/plain/.",
        "/plain%2f",
        "/plain%5c",
        "/plain\\",
        "/plain%00",
        "/plain%",
        "/plain%zz",
        "/%c0%af",
        "//other/plain",
    ];
    let cases = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n"));
    let cases: Vec<_> = cases.iter().map(|case| (case.as_str(), 400, "bad_path")).collect();
    all_refused(&cases);
}

#[test]
fn a_request_names_exactly_one_host() {
    all_refused(&[
        ("GET /plain HTTP/1.1\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET /plain HTTP/1.1\r\nHost: a, b\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET /plain HTTP/1.1\r\nHost: u@a\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET /plain HTTP/1.1\r\nHost: a/b\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET /plain HTTP/1.1\r\nHost:\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET http://b/plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_host"),
        ("GET http://a:81/plain HTTP/1.1\r\nHost: a\r\nKEY\r\n\r\n", 400, "bad_host"),
    ]);
}

#[test]
fn a_credential_is_one_and_of_one_kind() {
    all_refused(&[
        ("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n", 401, "unidentified"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nKEY\r\n\r\n", 400, "ambiguous_credential"),
        (
            "GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nAuthorization: Bearer x\r\n\r\n",
            400,
            "ambiguous_credential",
        ),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\n\r\n", 400, "ambiguous_credential"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a.b.c\r\n\r\n", 401, "bad_credential"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nx-api-key: ann.wrong\r\n\r\n", 401, "bad_credential"),
        ("GET /plain HTTP/1.1\r\nHost: a\r\nx-api-key: nobody.x\r\n\r\n", 401, "bad_credential"),
    ]);
}

#[test]
fn connection_cannot_take_a_protected_header_away() {
    let cases = ["x-palisade-tenant", "X-Palisade-Data-Key", "authorization", "host", "content-type"]
        .map(|name| format!("GET /plain HTTP/1.1\r\nHost: a\r\nKEY\r\nConnection: close, {name}\r\n\r\n"));
    let cases: Vec<_> = cases.iter().map(|case| (case.as_str(), 400, "protected_header")).collect();
    all_refused(&cases);
}

#[test]
fn what_the_app_gets_is_what_was_judged_with_our_headers_last() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    folder.write(
        "palisade.yaml",
        &folder.read("palisade.yaml").replace("tenancy: {", "tenancy: {host_suffix: app.test, "),
    );
    let sidecar = Sidecar::start(&folder);
    let forged = "X-Palisade-Tenant: globex\r\nx_palisade_tenant: globex\r\nx.palisade.data.key: globex/\r\n\
        X-PALISADE-PRINCIPAL: User/root\r\nX-Forwarded-For: 6.6.6.6\r\nx_forwarded_host: evil\r\nForwarded: for=6.6.6.6\r\n\
        X-Original-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\nProxy-Authorization: x\r\nTE: trailers\r\nx-kept: yes\r\n\
        Connection: keep-alive, x-mine\r\nx-mine: gone\r\nExpect: 100-continue\r\n";
    let head =
        format!("GET /%70lain?a=%2e&b HTTP/1.1\r\nHost: WEST.acme.app.test.:80\r\n{forged}{}", key("wes"));
    let answer = sidecar.ask(&head);
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    let head = &upstream.heads()[0];
    assert!(head.starts_with("GET /plain?a=%2e&b HTTP/1.1\r\n"), "{head}");
    let lines: Vec<&str> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    let value = |name: &str| {
        let found: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .collect();
        assert!(found.len() < 2, "{name} twice in {head}");
        found.first().map(|(_, value)| (*value).to_owned())
    };
    assert_eq!(value("host").as_deref(), Some("west.acme.app.test:80"));
    assert_eq!(value("x-palisade-tenant").as_deref(), Some("acme/west"));
    assert_eq!(value("x-palisade-data-key").as_deref(), Some("acme/west/"));
    assert_eq!(value("x-palisade-principal").as_deref(), Some("User/wes"));
    assert_eq!(value("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(value("x-kept").as_deref(), Some("yes"));
    assert_eq!(value("x-palisade-decision-id"), answer.headers.get("x-palisade-decision-id").cloned());
    for gone in [
        "x_palisade_tenant",
        "x.palisade.data.key",
        "x_forwarded_host",
        "forwarded",
        "x-original-url",
        "x-http-method-override",
        "proxy-authorization",
        "te",
        "x-mine",
        "expect",
        "x-api-key",
        "connection",
        "content-length",
        "transfer-encoding",
    ] {
        assert_eq!(value(gone), None, "{gone} in {head}");
    }
    let record = &folder.records("decision", 1)[0];
    assert_eq!(record["http"]["path"], "/plain");
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["tenant"], "acme/west");
}

#[test]
fn no_header_that_must_not_travel_does_in_any_spelling() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream);
    // Those that frame the request itself are judged before; `Connection` has tests of its own.
    let names = [
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "http2-settings",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-uri",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-method-override",
        "x-palisade-anything",
    ];
    for name in names {
        for spelling in [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replace('-', ".")]
        {
            let head = format!("GET /plain HTTP/1.1\r\n{spelling}: forged\r\nx-kept: yes\r\n{}", key("gil"));
            assert_eq!(sidecar.ask(&head).status, 200, "{spelling}");
            let head = upstream.heads().pop().unwrap();
            assert!(head.contains("x-kept: yes") && !head.contains("forged"), "{spelling}: {head}");
        }
    }
}

#[test]
fn the_key_that_the_database_uses_is_what_the_app_gets() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream);
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("gil"))).status, 200);
    assert!(upstream.heads()[0].contains("x-palisade-data-key: 7.\r\n"), "{}", upstream.heads()[0]);
}

#[test]
fn bodies_travel_both_ways_and_connections_are_kept() {
    let upstream = Upstream::start(|_, body| Some(json_answer(&format!("{{\"got\":{}}}", body.len()))));
    let (_folder, sidecar) = start(&upstream);
    let mut client = Client::connect(sidecar.data);
    for size in [0, 1, 1_000, 100_000] {
        let answer = client.ask(&format!("POST /plain HTTP/1.1\r\n{}", key("ann")), &vec![b'x'; size]);
        assert_eq!((answer.status, answer.text()), (200, format!("{{\"got\":{size}}}")));
    }
    let chunked = format!(
        "POST /plain HTTP/1.1\r\nhost: a\r\n{}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-palisade-tenant: evil\r\n\r\n",
        key("ann")
    );
    client.send(chunked.as_bytes()).unwrap();
    assert_eq!(client.read_answer(false).unwrap().text(), "{\"got\":5}");
    let all = String::from_utf8_lossy(&upstream.bytes.lock().unwrap()).into_owned();
    assert!(!all.contains("evil"), "a trailer went through");
}

#[test]
fn a_refused_body_is_never_read_as_a_request() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(&upstream);
    let inner = format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann"));
    let outer = format!(
        "POST /nowhere HTTP/1.1\r\nHost: a\r\n{}Content-Length: {}\r\n\r\n{inner}",
        key("ann"),
        inner.len()
    );
    let answer = sidecar.raw(outer.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(upstream.heads().len(), 0);
    assert_eq!(folder.records("decision", 1).len(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order_until_one_is_flawed() {
    let upstream =
        Upstream::start(|head, _| Some(json_answer(&format!("\"{}\"", head.split(' ').nth(1).unwrap()))));
    let (folder, sidecar) = start(&upstream);
    let get = |query: &str| format!("GET /plain?{query} HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann"));
    let bytes = [get("1"), get("2"), "GET /plain?3 HTTP/1.1\nHost: a\r\n\r\n".into(), get("4")].concat();
    let answer = sidecar.raw(bytes.as_bytes());
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "400"], "{answer}");
    assert!(answer.find("/plain?1").unwrap() < answer.find("/plain?2").unwrap());
    assert_eq!(upstream.heads().len(), 2);
    assert_eq!(folder.records("decision", 3).len(), 3);
}

#[test]
fn a_head_may_arrive_in_pieces() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream);
    let mut stream = common::connect(sidecar.data);
    let head = format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann"));
    for byte in head.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
}

#[test]
fn a_large_head_and_a_large_body_are_refused_in_their_own_terms() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml") + "limits: {body_bytes: 1KiB, head_bytes: 16KiB}\n";
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    let status = |bytes: &str| sidecar.raw(bytes.as_bytes()).get(9..12).unwrap_or("").to_owned();
    let key = key("ann");
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9_000))), "414");
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "a".repeat(17_000))), "431");
    assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(101))), "431");
    let long = "x".repeat(2_000);
    assert_eq!(
        status(&format!("POST /plain HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 2000\r\n\r\n{long}")),
        "413"
    );
    let chunked = format!(
        "POST /plain HTTP/1.1\r\nHost: a\r\n{key}Transfer-Encoding: chunked\r\n\r\n7d0\r\n{long}\r\n0\r\n\r\n"
    );
    assert_eq!(status(&chunked), "413");
}
