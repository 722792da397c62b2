//! Peers that do not keep to their part: clients that stall, lie or leave, and apps that answer early, oddly or not.
//!
//! What is held here: each request gets its one answer and its one record, whatever another connection does.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;

fn start(upstream: SocketAddr, more: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream);
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1") + more;
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// An app that does with each connection what it is told, and nothing else.
fn app(each: impl Fn(TcpStream) + Send + Sync + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// Reads up to the end of a head and no further; `None` at the end of the connection.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Answers each head as soon as it is there, and never reads a body.
fn answers_early(mut stream: TcpStream) {
    while read_head(&mut stream).is_some() {
        if stream.write_all(&json_answer("{}")).is_err() {
            return;
        }
    }
}

fn upstream_connections(sidecar: &Sidecar) -> String {
    let text = sidecar.admin("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("palisade_upstream_connections ")).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn an_upload_that_the_app_answered_early_does_not_hold_up_the_next_caller() {
    let (folder, sidecar) = start(app(answers_early), "");
    let mut stuck = Client::connect(sidecar.data);
    let head =
        format!("POST /plain HTTP/1.1\r\nHost: a\r\n{}content-length: 100\r\n\r\n0123456789", key("ann"));
    stuck.send(head.as_bytes()).unwrap();
    assert_eq!(stuck.read_answer(false).unwrap().status, 200);
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
        assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    }
    assert!(folder.records("outcome", 4).iter().all(|record| record["ended"] == "complete"));
}

#[test]
fn a_connection_to_the_app_is_not_kept_for_an_upload_that_never_ends() {
    let (_folder, sidecar) = start(app(answers_early), "timeouts: {body_idle: 1s}\n");
    let mut stuck = Client::connect(sidecar.data);
    let head =
        format!("POST /plain HTTP/1.1\r\nHost: a\r\n{}content-length: 100\r\n\r\n0123456789", key("ann"));
    stuck.send(head.as_bytes()).unwrap();
    assert_eq!(stuck.read_answer(false).unwrap().status, 200);
    pause(600);
    assert_eq!(upstream_connections(&sidecar), "1");
    pause(2_000);
    assert_eq!(upstream_connections(&sidecar), "0");
}

#[test]
fn a_new_connection_is_not_taken_for_one_that_has_long_been_idle() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(upstream.address, "timeouts: {keep_alive: 1s}\n");
    drop(sidecar);
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("listen: {", "listen: {h2c: true, "));
    let sidecar = Sidecar::start(&folder);
    pause(2_000);
    let mut client = Client::connect(sidecar.data);
    pause(600);
    assert_eq!(client.try_ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"").unwrap().status, 200);
}

#[test]
fn a_slow_answer_is_not_cut_off_by_a_head_that_waits_behind_it() {
    let upstream = Upstream::start(|_, _| {
        pause(1_800);
        Some(json_answer("{}"))
    });
    let (_folder, sidecar) = start(upstream.address, "timeouts: {head: 1s}\n");
    let mut client = Client::connect(sidecar.data);
    let head = format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann"));
    client.send(format!("{head}GET /plain HTTP/1.1\r\nHo").as_bytes()).unwrap();
    assert_eq!(client.read_answer(false).unwrap().status, 200);
    client.send(format!("st: a\r\n{}\r\n", key("ann")).as_bytes()).unwrap();
    assert_eq!(client.read_answer(false).unwrap().status, 200);
}

#[test]
fn a_refusal_arrives_although_a_large_body_is_on_its_way() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(upstream.address, "limits: {body_bytes: 1MiB}\n");
    let body = vec![b'x'; 8 << 20];
    for (path, status) in [("/nowhere", 404), ("/plain", 413)] {
        for framing in [format!("content-length: {}", body.len()), "transfer-encoding: chunked".into()] {
            let mut client = Client::connect(sidecar.data);
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{}{framing}\r\n\r\n", key("ann"));
            client.send(head.as_bytes()).unwrap();
            let chunk =
                if framing.starts_with('t') { format!("{:x}\r\n", body.len()) } else { String::new() };
            // It may be told to stop in the middle, as long as it can read why.
            drop(client.send(&[chunk.as_bytes(), &body].concat()));
            let answer = client.read_answer(false);
            assert_eq!(answer.map_err(|error| format!("{path} {framing}: {error}")).unwrap().status, status);
        }
    }
    assert_eq!(folder.records("decision", 4).len(), 4);
}

#[test]
fn an_answer_with_trailers_is_complete_and_its_connection_is_kept() {
    let upstream = Upstream::start(|_, _| {
        Some(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 1\r\nx-palisade-tenant: forged\r\n\r\n".to_vec())
    });
    let (folder, sidecar) = start(upstream.address, "");
    for _ in 0..3 {
        assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).text(), "{}");
        pause(20);
    }
    pause(600);
    assert_eq!(upstream_connections(&sidecar), "1");
    assert!(folder.records("outcome", 2).iter().all(|record| record["ended"] == "complete"));
}

#[test]
fn every_target_that_is_refused_is_on_record() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(upstream.address, "");
    let targets = [
        "/a<b",
        "/a>b",
        "/a`b",
        "/a^b",
        "/a|b",
        "/a\"b",
        "/{a}",
        "/plain?<",
        "/plain?>",
        "http://",
        "http:///plain",
        "http://a:99999/plain",
        "http://[::1/plain",
        "http://u@a/plain",
        "http://a b/plain",
        "http://a%zz/plain",
        "https://a",
        "http://a?x",
        "http://a\\b/plain",
        "http://a:b:c/",
        "http://[]/",
        "http://a[]/",
        "http://:80/",
    ];
    for (at, target) in targets.iter().enumerate() {
        let answer =
            sidecar.raw(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann")).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
        assert!(answer.contains("problem+json"), "{target}: {answer}");
        assert_eq!(folder.records("decision", at + 1).len(), at + 1, "{target}");
    }
    assert_eq!(upstream.heads().len(), 0);
}

#[test]
fn an_app_cannot_switch_protocols() {
    let upstream = Upstream::start(|_, _| {
        Some(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nraw"
                .to_vec(),
        )
    });
    let (folder, sidecar) = start(upstream.address, "");
    let head = format!("GET /plain HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n{}", key("ann"));
    let answer = sidecar.ask(&head);
    assert_eq!((answer.status, answer.code().as_str()), (502, "bad_upstream"));
    assert!(!upstream.heads()[0].contains("upgrade"));
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "bad_upstream");
}

#[test]
fn an_empty_answer_hides_nothing_and_passes() {
    let upstream = Upstream::start(|head, _| {
        let answer: &[u8] = match head.split(' ').nth(1).unwrap() {
            "/patients/1" => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "/patients/2" => b"HTTP/1.1 201 Created\r\nlocation: /x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "/patients/3" => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            _ => b"HTTP/1.1 204 No Content\r\n\r\n",
        };
        Some(answer.to_vec())
    });
    let (_folder, sidecar) = start(upstream.address, "");
    for (id, status) in [(1, 200), (2, 201), (3, 502), (4, 204)] {
        let answer = sidecar.ask(&format!("GET /patients/{id} HTTP/1.1\r\n{}", key("des")));
        assert_eq!(answer.status, status, "{id}: {answer:?}");
        assert!(status == 502 || answer.body.is_empty());
    }
}

#[test]
fn a_judged_header_has_no_other_spelling() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(upstream.address, "");
    let forged =
        "X_Tenant: globex\r\nX.Tenant: globex\r\nX_Api_Key: gil.x\r\nContent_Length: 7\r\nx-fine: yes\r\n";
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{forged}{}", key("ann"))).status, 200);
    let head = upstream.heads()[0].to_ascii_lowercase();
    assert!(head.contains("x-fine: yes"));
    assert!(
        !head.contains("globex") && !head.contains("gil.x") && !head.contains("content_length"),
        "{head}"
    );
}

#[test]
fn a_request_that_lasts_too_long_is_ended_while_it_waits_for_the_app() {
    let upstream = Upstream::start(|_, _| {
        pause(8_000);
        Some(json_answer("{}"))
    });
    let (folder, sidecar) = start(upstream.address, "timeouts: {total: 1s}\n");
    drop(sidecar);
    let config = folder.read("palisade.yaml").replace("response_timeout: 2s", "response_timeout: 20s");
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    let started = Instant::now();
    let mut client = Client::connect(sidecar.data);
    assert!(client.try_ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"").is_err());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "aborted");
}

#[test]
fn an_upload_may_take_longer_than_the_app_may_think() {
    let upstream = Upstream::start(|_, body| Some(json_answer(&body.len().to_string())));
    let (_folder, sidecar) = start(upstream.address, "");
    let mut client = Client::connect(sidecar.data);
    let head = format!("POST /plain HTTP/1.1\r\nHost: a\r\n{}content-length: 6\r\n\r\n", key("ann"));
    client.send(head.as_bytes()).unwrap();
    for _ in 0..6 {
        pause(600);
        client.send(b"x").unwrap();
    }
    let answer = client.read_answer(false).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "6"));
}

#[test]
fn a_client_that_leaves_in_its_body_spoils_no_connection_to_the_app() {
    let upstream =
        Upstream::start(|head, _| Some(json_answer(if head.starts_with("GET") { "1" } else { "2" })));
    let (folder, sidecar) = start(upstream.address, "");
    for framing in
        ["content-length: 100\r\n\r\n0123456789", "transfer-encoding: chunked\r\n\r\n5\r\n01234\r\n"]
    {
        let mut client = Client::connect(sidecar.data);
        let head = format!("POST /plain HTTP/1.1\r\nHost: a\r\n{}{framing}", key("ann"));
        client.send(head.as_bytes()).unwrap();
        pause(100);
        drop(client);
        for _ in 0..3 {
            assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).text(), "1");
        }
    }
    let heads = upstream.heads();
    assert!(heads.iter().all(|head| head.starts_with("GET ")), "{heads:?}");
    assert_eq!(folder.records("outcome", 8).len(), 8);
}

#[test]
fn a_body_that_turns_out_malformed_is_refused_and_never_ends_cleanly() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(upstream.address, "");
    let head = format!("POST /plain HTTP/1.1\r\nHost: a\r\n{}transfer-encoding: chunked\r\n\r\n", key("ann"));
    for chunks in [
        "5\r\nabcde\r\n0x1\r\n",
        "5\r\nabcdeXX",
        "1\r\na\r\n0\r\nbad trailer\r\n\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let mut client = Client::connect(sidecar.data);
        client.send(format!("{head}{chunks}").as_bytes()).unwrap();
        let answer = client.read_answer(false).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_body"), "{chunks:?}");
    }
    assert_eq!(upstream.heads().len(), 0, "no whole request arrived");
    assert_eq!(folder.records("decision", 4).len(), 4);
}

#[test]
fn an_app_that_closes_idle_connections_costs_no_request() {
    // It answers one request on each connection without saying that it will close, and closes a moment later.
    let address = app(|mut stream: TcpStream| {
        let Some(head) = read_head(&mut stream) else { return };
        let length = head.to_ascii_lowercase().contains("content-length: 3");
        let mut body = [0; 3];
        stream.read_exact(&mut body[..if length { 3 } else { 0 }]).unwrap();
        stream.write_all(&json_answer("{}")).unwrap();
        pause(20);
    });
    let (_folder, sidecar) = start(address, "");
    let mut client = Client::connect(sidecar.data);
    for _ in 0..20 {
        let answer = client.ask(&format!("POST /plain HTTP/1.1\r\n{}", key("ann")), b"abc");
        assert_eq!(answer.status, 200, "{}", answer.text());
        pause(40);
    }
}

#[test]
fn what_an_app_sends_after_its_answer_is_nobodys_answer() {
    let upstream = Upstream::start(|_, _| Some([json_answer("{}"), json_answer("\"stolen\"")].concat()));
    let (_folder, sidecar) = start(upstream.address, "");
    for _ in 0..10 {
        let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    }
}

#[test]
fn one_request_after_another_takes_one_connection_to_the_app() {
    let address = app(|mut stream: TcpStream| {
        let big = json_answer(&format!("\"{}\"", "x".repeat(300_000)));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        while let Some(head) = read_head(&mut stream) {
            let answer = if head.contains("/plain?big") { &big[..] } else { chunked };
            stream.write_all(answer).unwrap();
        }
    });
    let (_folder, sidecar) = start(address, "");
    let mut client = Client::connect(sidecar.data);
    for _ in 0..50 {
        for query in ["big", "small"] {
            assert_eq!(
                client.ask(&format!("GET /plain?{query} HTTP/1.1\r\n{}", key("ann")), b"").status,
                200
            );
        }
    }
    pause(600);
    assert_eq!(upstream_connections(&sidecar), "1");
}

#[test]
fn a_compressed_body_is_bounded_by_what_it_grows_to() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(upstream.address, "limits: {body_bytes: 64KiB}\n");
    let zip = |text: &str| {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zip.write_all(text.as_bytes()).unwrap();
        zip.finish().unwrap()
    };
    let head = format!(
        "POST /patients HTTP/1.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n{}",
        key("des")
    );
    let mut client = Client::connect(sidecar.data);
    let answer = client.ask(&head, &zip(&format!("{{\"ssn\":1,\"a\":\"{}\"}}", "x".repeat(60_000))));
    assert_eq!(answer.status, 200);
    assert!(!upstream.heads()[0].contains("gzip"));
    let answer = client.ask(&head, &zip(&format!("{{\"ssn\":1,\"a\":\"{}\"}}", "x".repeat(900_000))));
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert!(upstream.bytes.lock().unwrap().len() < 300_000);
    assert_eq!(folder.records("outcome", 2)[1]["ended"], "body_too_large");
}

#[test]
fn a_body_without_a_byte_has_nothing_to_hide() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(upstream.address, "");
    let head = format!(
        "POST /patients HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\n{}transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        key("des")
    );
    let mut client = Client::connect(sidecar.data);
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.read_answer(false).unwrap().status, 200);
}
