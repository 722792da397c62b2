//! Clients that do not keep to their part: they stall, lie, leave, or do not read.
//!
//! What is held here: each request gets its one answer and its one record, whatever another connection does.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write;
use std::net::SocketAddr;
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

fn upstream_connections(sidecar: &Sidecar) -> String {
    let text = sidecar.admin("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("palisade_upstream_connections ")).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
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

#[test]
fn the_admin_listener_answers_although_others_never_read_their_answers() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(upstream.address, "");
    let many = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2_000);
    let _stalled: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = common::connect(sidecar.admin);
            stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            drop(stream.write_all(many.as_bytes()));
            stream
        })
        .collect();
    pause(500);
    let started = Instant::now();
    assert_eq!(sidecar.admin("/livez").status, 200);
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[test]
fn a_client_that_does_not_read_is_closed_and_frees_its_connection_to_the_app() {
    let upstream = Upstream::start(|_, _| Some(json_answer(&format!("\"{}\"", "x".repeat(32 << 20)))));
    let (folder, sidecar) = start(upstream.address, "timeouts: {body_idle: 1s}\n");
    let mut client = Client::connect(sidecar.data);
    client.send(format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann")).as_bytes()).unwrap();
    let record = &folder.records("outcome", 1)[0];
    assert_eq!(record["ended"], "aborted");
    pause(600);
    assert_eq!(upstream_connections(&sidecar), "0");
}

#[test]
fn without_descriptors_it_neither_dies_nor_spins_and_recovers() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(upstream.address, "");
    let id = sidecar.child.id().to_string();
    let limited = std::process::Command::new("prlimit").args(["--pid", &id, "--nofile=40:40"]).status();
    if !limited.is_ok_and(|status| status.success()) {
        return;
    }
    let cpu = || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let held: Vec<_> = (0..60).map(|_| common::connect(sidecar.data)).collect();
    pause(300);
    let before = cpu();
    pause(1_000);
    assert!(cpu() - before < 20, "{} ticks of 10 ms in a second", cpu() - before);
    drop(held);
    pause(500);
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
    assert!(sidecar.logged().contains("cannot accept"));
}

#[test]
fn a_purpose_that_is_stated_twice_is_not_stated() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let policy = "@id(\"audits\") permit (principal in Role::\"clinician\", action, resource)\n\
        when { context has purpose && context.purpose == \"audit\" };\n";
    folder.write("policies/main.cedar", policy);
    let sidecar = Sidecar::start(&folder);
    let ask = |lines: &str| sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{lines}{}", key("ann"))).status;
    let purpose = "x-palisade-purpose";
    let name = if ask(&format!("{purpose}: audit\r\n")) == 200 { purpose } else { "x-purpose" };
    assert_eq!(ask(&format!("{name}: audit\r\n")), 200);
    assert_eq!(ask(&format!("{name}: audit\r\n{name}: sale\r\n")), 403);
    assert_eq!(ask(""), 403);
}
