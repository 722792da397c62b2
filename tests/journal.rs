//! The decision log holds what it promises: kill -9, a full disk, and one record for each request.
#![expect(clippy::string_slice, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;

#[test]
fn killed_under_load_every_request_that_reached_the_app_has_its_record() {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let upstream = Upstream::start(move |head, _| {
        let id = head.lines().find_map(|line| line.strip_prefix("x-palisade-decision-id: ")).unwrap();
        sink.lock().unwrap().insert(id.to_owned());
        Some(json_answer("{}"))
    });
    let folder = Folder::new(upstream.address);
    for round in 0..10_u64 {
        let sidecar = Sidecar::start(&folder);
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..8)
            .map(|_| {
                let (stop, address) = (Arc::clone(&stop), sidecar.data);
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    let head = format!("GET /plain HTTP/1.1\r\n{}", key("ann"));
                    while !stop.load(Ordering::Relaxed) && client.try_ask(&head, b"").is_ok() {}
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(100 + round * 37 % 200));
        sidecar.signal("KILL");
        stop.store(true, Ordering::Relaxed);
        load.into_iter().for_each(|thread| thread.join().unwrap());
        drop(sidecar);
        // Half a line at the end is what a death may leave; nothing else may be amiss.
        let text = folder.read("decisions.jsonl");
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut recorded = BTreeSet::new();
        for line in whole.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["type"] == "decision" {
                recorded.insert(record["decision_id"].as_str().unwrap().to_owned());
            }
        }
        let missing: Vec<String> = seen.lock().unwrap().difference(&recorded).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "round {round}");
    }
    assert!(seen.lock().unwrap().len() > 100);
    // The next start finds a sound log again.
    let _sidecar = Sidecar::start(&folder);
    assert!(!folder.log().is_empty());
}

#[test]
fn a_log_that_cannot_be_written_refuses_and_the_app_sees_nothing() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("decisions.jsonl", "/dev/full"));
    let sidecar = Sidecar::start(&folder);
    let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((answer.status, answer.code().as_str()), (503, "audit_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(upstream.heads().len(), 0);
}

#[test]
fn the_log_is_reopened_when_it_was_moved_away() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    let get = || sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status;
    assert_eq!(get(), 200);
    folder.records("outcome", 1);
    std::fs::rename(folder.path("decisions.jsonl"), folder.path("decisions.1.jsonl")).unwrap();
    sidecar.signal("HUP");
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !folder.path("decisions.jsonl").exists() {
        assert!(std::time::Instant::now() < end, "it was not reopened");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(), 200);
    assert_eq!(folder.records("decision", 1).len(), 1);
}

#[test]
fn no_secret_and_no_hidden_value_is_in_any_log_metric_or_record() {
    let upstream =
        Upstream::json(r#"{"name":"marker-name","email":"marker-mail","ssn":"marker-ssn","id":1}"#);
    let folder = Folder::new(upstream.address);
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("level: info", "level: trace"));
    let sidecar = Sidecar::start(&folder);
    let answer = sidecar.ask(&format!("GET /patients/1?marker-query HTTP/1.1\r\n{}", key("des")));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"name":"marker-name","ssn":"[redacted]","id":1}"#);
    drop(sidecar.ask("GET /plain HTTP/1.1\r\nauthorization: Bearer marker.token.x\r\n"));
    drop(sidecar.ask("GET /plain HTTP/1.1\r\nx-api-key: ann.marker-secret\r\n"));
    folder.records("decision", 3);
    let log = folder.read("decisions.jsonl");
    let all = [
        log.as_str(),
        &sidecar.logged(),
        &sidecar.admin("/metrics").text(),
        &sidecar.admin("/readyz?verbose").text(),
    ]
    .concat();
    for secret in ["marker", &common::secret("des"), &common::secret("ann")] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let outcome = &folder.records("outcome", 1)[0];
    let hidden = outcome["redactions"].as_array().unwrap();
    assert_eq!(hidden.len(), 2, "{outcome}");
}
