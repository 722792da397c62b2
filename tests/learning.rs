//! Learning over the wire: traffic is counted and nothing of it kept; no answer, no record and no byte that the app gets
//! is another one because of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use common::Answer;
use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use serde_json::Value;

/// Answers by path; each value has a mark by which it would be known.
fn upstream() -> Upstream {
    Upstream::start(|head, _| {
        let path = head.split(' ').nth(1).unwrap();
        let json = "content-type: application/json\r\n";
        let patient = r#"{"name":"zqx Ann","email":"zqx@example.org","ssn":"078-05-1120","phones":["+49 30 90zqx"],"birthDate":"zqx-06-05","zqx 7":{"x":1},"next":null}"#;
        let (status, headers, body): (&str, String, Vec<u8>) = match path {
            "/patients/gone" => ("404 Not Found", json.to_owned(), br#"{"error":"zqx is gone"}"#.to_vec()),
            "/patients/part" => {
                ("206 Partial Content", format!("{json}content-range: bytes 0-3/9\r\n"), b"{\"zq".to_vec())
            }
            "/patients/gzip" => {
                ("200 OK", format!("{json}content-encoding: gzip\r\n"), gzip(patient.as_bytes()))
            }
            "/patients/image" => ("200 OK", "content-type: image/png\r\n".to_owned(), b"zqx".to_vec()),
            "/patients/long" => {
                let more = "x".repeat(600 << 10);
                (
                    "200 OK",
                    json.to_owned(),
                    format!("{{\"email\":\"zqx@example.org\",\"more\":\"{more}\"}}").into(),
                )
            }
            "/patients/broken" => ("200 OK", json.to_owned(), br#"{"name":"zqx","#.to_vec()),
            _ => ("200 OK", json.to_owned(), patient.into()),
        };
        let head = format!("HTTP/1.1 {status}\r\n{headers}");
        if path == "/patients/chunked" {
            let mut all = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
            for chunk in body.chunks(7) {
                write!(all, "{:x}\r\n", chunk.len()).unwrap();
                all.extend(chunk.iter().chain(b"\r\n"));
            }
            return Some([all.as_slice(), b"0\r\n\r\n"].concat());
        }
        Some([format!("{head}content-length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat())
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn folder(upstream: &Upstream, learning: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    folder.write("palisade.yaml", &(folder.read("palisade.yaml") + learning + "\n"));
    folder
}

fn wait<T>(mut is: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < end, "it did not become so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const ROUTE: &str = "GET /patients/{id}";
const JSON: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Who asks for what with which further headers, and sends what.
const REQUESTS: [(&str, &str, &str, &str); 13] = [
    ("ann", "GET /patients/7", "", ""),
    ("des", "GET /patients/7", "", ""),
    ("ann", "GET /patients/gzip", "", ""),
    ("des", "GET /patients/gzip", "accept-encoding: gzip\r\n", ""),
    ("ann", "GET /patients/chunked", "", ""),
    ("des", "GET /patients/chunked", "", ""),
    ("ann", "GET /patients/gone", "", ""),
    ("ann", "GET /patients/part", "", ""),
    ("ann", "GET /patients/image", "", ""),
    ("ann", "HEAD /patients/7", "", ""),
    ("ann", "POST /patients", JSON, r#"{"ssn":"078-05-1120","mail":"zqx@example.org"}"#),
    ("des", "POST /plain", FORM, "mail=zqx%40example.org&note=zqx"),
    ("nobody", "GET /patients/7", "", ""),
];

fn ask(sidecar: &Sidecar, (who, line, more, body): (&str, &str, &str, &str)) -> Answer {
    let head = format!("{line} HTTP/1.1\r\n{}{more}", key(who));
    Client::connect(sidecar.data).ask(&head, body.as_bytes())
}

fn learned(sidecar: &Sidecar, bodies: u64) -> Value {
    let started = Instant::now();
    wait(|| {
        let learned = sidecar.admin("/learned").json();
        let all = learned["routes"].as_object().unwrap().values();
        let count = |body: &Value| body["bodies"].as_u64().unwrap();
        let seen: u64 = all.map(|route| count(&route["request"]) + count(&route["response"])).sum();
        let end = started.elapsed() < Duration::from_secs(15);
        assert!(end, "{seen} of {bodies}: {learned:#}");
        (seen >= bodies).then_some(learned)
    })
}

#[test]
fn traffic_is_counted_and_proposed_and_nothing_of_it_is_kept() {
    let upstream = upstream();
    let folder = folder(&upstream, "learning: {percent: 100, body_bytes: 64KiB, file: learned.json}");
    let sidecar = Sidecar::start(&folder);
    for _ in 0..2 {
        for request in REQUESTS {
            ask(&sidecar, request);
        }
        ask(&sidecar, ("ann", "GET /patients/long", "", ""));
    }
    // Of each round: six answers with a patient, one error, one image, one that is long, two requests and their answers.
    let learned = learned(&sidecar, 26);
    let patients = &learned["routes"][ROUTE]["response"];
    assert_eq!(
        (&patients["bodies"], &patients["unread"], &patients["cut"]),
        (&18.into(), &2.into(), &2.into())
    );
    let root = &patients["root"];
    assert_eq!(root["members"]["email"]["found"]["email"], serde_json::json!({"values": 14, "whole": 14}));
    assert_eq!(root["members"]["ssn"]["found"]["national-id"]["values"], 12);
    assert_eq!(root["members"]["next"]["types"]["null"], 12);
    assert_eq!(root["any"]["types"]["object"], 12, "a key with a space is no name");
    // As the client sent it, before what it may not set is taken out.
    let created = &learned["routes"]["POST /patients"]["request"];
    assert_eq!(created["bodies"], 2);
    // Two bodies are too few for a key that came with them to be told.
    assert_eq!((&created["untold"], &created["root"]["members"]), (&2.into(), &Value::Null));
    let metrics = sidecar.admin("/metrics").text();
    for line in [
        "learning_bodies_total{result=\"learned\"} 24",
        "learning_bodies_total{result=\"unread\"} 2",
        "learning_dropped_total 0",
    ] {
        assert!(metrics.contains(&format!("\npalisade_{line}\n")), "{line}: {metrics}");
    }
    let asked = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["learn", "--address", &sidecar.admin.to_string(), "--config"])
        .arg(folder.path("palisade.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8(asked.stdout).unwrap() + &String::from_utf8(asked.stderr).unwrap();
    assert!(said.contains("new          $.birthDate") && said.contains("agrees       $.email"), "{said}");
    sidecar.signal("TERM");
    let saved = wait(|| Some(folder.read("learned.json")).filter(|text| !text.is_empty()));
    for text in [learned.to_string(), saved, said, metrics] {
        assert!(!text.contains("zqx") && !text.contains("078-05"), "{text}");
    }
}

/// All of an answer but for what no two answers have in common.
fn told(answer: &Answer) -> (u16, BTreeMap<String, String>, Vec<u8>) {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    let id = headers.remove("x-palisade-decision-id").unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let body = if text.contains(&id) { text.replace(&id, "<id>").into_bytes() } else { answer.body.clone() };
    (answer.status, headers, body)
}

/// A record without what no two records have in common.
fn record(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    for field in [
        "seq",
        "decision_id",
        "time",
        "now",
        "latency_us",
        "trace_id",
        "span_id",
        "parent_span_id",
        "generation",
        "snapshot",
        "source_port",
    ] {
        fields.remove(field);
    }
    record
}

/// What the app got, without what no two requests have in common.
fn got(upstream: &Upstream) -> Vec<String> {
    let ours = ["x-palisade-decision-id:", "x-request-id:", "traceparent:", "host:", "x-forwarded-host:"];
    let head = |head: &String| {
        let lines =
            head.lines().filter(|line| !ours.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    upstream.heads().iter().map(head).collect()
}

#[test]
fn no_answer_no_record_and_nothing_that_the_app_gets_is_another_one_because_bodies_are_learned_from() {
    let apps = [upstream(), upstream()];
    let plain = folder(&apps[0], "");
    let learning = folder(&apps[1], "learning: {percent: 100}");
    let (without, with) = (Sidecar::start(&plain), Sidecar::start(&learning));
    let mut answers = [Vec::new(), Vec::new()];
    for request in REQUESTS.iter().chain(&[
        ("ann", "GET /patients/long", "", ""),
        ("des", "GET /patients/long", "", ""),
        ("des", "GET /patients/broken", "", ""),
    ]) {
        let both = [told(&ask(&without, *request)), told(&ask(&with, *request))];
        assert_eq!(both[0], both[1], "{request:?}");
        for (all, one) in answers.iter_mut().zip(both) {
            all.push(one);
        }
    }
    assert!(answers[0].iter().any(|(status, ..)| *status == 502), "one cannot be read");
    assert_eq!(got(&apps[0]), got(&apps[1]));
    let total = answers[0].len();
    for kind in ["decision", "outcome"] {
        let count = if kind == "decision" { total } else { total - 1 };
        let records = [&plain, &learning].map(|folder| folder.records(kind, count));
        let records = records.map(|all| all.iter().map(record).collect::<Vec<_>>());
        // Two connections may be done in another order than they were begun.
        for record in &records[0] {
            assert!(records[1].contains(record), "{record:#}\n{:#?}", records[1]);
        }
        assert_eq!(records[0].len(), records[1].len());
    }
    learned(&with, 10);
}

#[test]
fn what_was_learned_outlives_a_restart_and_only_the_chosen_routes_are_learned_of() {
    let upstream = upstream();
    let folder = folder(
        &upstream,
        &format!("learning: {{percent: 100, file: learned.json, routes: ['{ROUTE}', nothing]}}"),
    );
    let one = |bodies: u64| {
        let mut sidecar = Sidecar::start(&folder);
        assert!(sidecar.logged().contains("there is no route of this id"));
        for request in
            REQUESTS.iter().filter(|request| request.1 == "GET /patients/7" || request.1.starts_with("POST"))
        {
            ask(&sidecar, *request);
        }
        let learned = learned(&sidecar, bodies);
        sidecar.signal("TERM");
        assert!(sidecar.child.wait().unwrap().success());
        assert_eq!(learned["routes"].as_object().unwrap().len(), 1);
        learned["routes"][ROUTE]["response"]["root"]["members"]["email"]["found"]["email"]["values"].clone()
    };
    // Two bodies are too few for a key to be told, and what is not told is not saved.
    assert_eq!(one(2), Value::Null);
    assert_eq!(one(4), Value::Null);
    let saved: Value = serde_json::from_str(&folder.read("learned.json")).unwrap();
    assert_eq!(saved["routes"][ROUTE]["response"]["bodies"], 4);
}

#[test]
fn nothing_is_learned_unless_it_is_asked_for() {
    let upstream = upstream();
    let folder = folder(&upstream, "");
    let sidecar = Sidecar::start(&folder);
    ask(&sidecar, REQUESTS[0]);
    let answer = sidecar.admin("/learned");
    assert_eq!((answer.status, &*answer.text()), (404, "nothing is learned here\n"));
    let asked = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["learn", "--address", &sidecar.admin.to_string(), "--config"])
        .arg(folder.path("palisade.yaml"))
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8(asked.stderr).unwrap().contains("set `learning.percent` there"));
}
