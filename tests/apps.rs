//! Apps that do not keep to their part: they answer early, oddly, with nothing, or more than once.
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
