//! The log's directory under a running sidecar: killed, full, edited; and what it proves afterwards.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;
#[path = "store/devices.rs"]
mod devices;
#[path = "common/log.rs"]
mod log;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use log::records;
use palisade::disk::Snapshots;
use palisade::evidence;
use palisade::evidence::Asked;
use palisade::ids::Digest;
use serde_json::Value;

fn ids(records: &[Value], kind: &str) -> BTreeSet<String> {
    let of_kind = records.iter().filter(|record| record["type"] == kind && record["mirror"] != true);
    of_kind.map(|record| record["decision_id"].as_str().unwrap().to_owned()).collect()
}

fn verified(log: &Path) -> String {
    let report =
        evidence::verify(log, &Asked { unsigned_ms: u64::MAX, ..Asked::default() }, &mut |_| {}).unwrap();
    let found: Vec<String> = report
        .findings
        .iter()
        .filter(|finding| finding.class > evidence::Class::Sound)
        .map(|finding| format!("{finding:?}"))
        .collect();
    found.join("\n")
}

fn with_directory(folder: &Folder, more: &str) {
    let config = folder.read("palisade.yaml");
    let log = format!("decision_log: {{dir: log{more}}}");
    folder.write("palisade.yaml", &config.replace("decision_log: {file: decisions.jsonl}", &log));
}

/// Rounds of the test that kills; more by an environment variable.
fn rounds() -> u64 {
    std::env::var("PALISADE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

fn killed_under_load(more: &str, what_the_app_saw: bool) {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let sink = Arc::clone(&seen);
    let upstream = Upstream::start(move |head, _| {
        let id = head.lines().find_map(|line| line.strip_prefix("x-palisade-decision-id: ")).unwrap();
        sink.lock().unwrap().insert(id.to_owned());
        Some(json_answer("{}"))
    });
    let folder = Folder::new(upstream.address);
    with_directory(&folder, more);
    let answered: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for round in 0..rounds() {
        let sidecar = Sidecar::start(&folder);
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..8)
            .map(|_| {
                let (stop, address, answered) = (Arc::clone(&stop), sidecar.data, Arc::clone(&answered));
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    let head = format!("GET /plain HTTP/1.1\r\n{}", key("ann"));
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(answer) = client.try_ask(&head, b"") else { break };
                        answered.lock().unwrap().insert(answer.headers["x-palisade-decision-id"].clone());
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 150));
        sidecar.signal("KILL");
        stop.store(true, Ordering::Relaxed);
        load.into_iter().for_each(|thread| thread.join().unwrap());
        drop(sidecar);
        let log = records(&folder.path("log"));
        let decided = ids(&log, "decision");
        let missing: Vec<String> = answered.lock().unwrap().difference(&decided).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "answered without a record, round {round}");
        if what_the_app_saw {
            let missing: Vec<String> = seen.lock().unwrap().difference(&decided).cloned().collect();
            assert_eq!(missing, Vec::<String>::new(), "at the app without a record, round {round}");
        }
        assert_eq!(verified(&folder.path("log")), "", "round {round}");
    }
    assert!(seen.lock().unwrap().len() > 100);
    // The next start says that it was killed, and a stop leaves all of it sealed and signed.
    Sidecar::start(&folder).stop();
    let names = std::fs::read_dir(folder.path("log/segments")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.ends_with(".seg.zst")), "a segment was left open: {names:?}");
    let log = records(&folder.path("log"));
    let events = |name| log.iter().filter(|record| record["event"] == name).count() as u64;
    assert_eq!(events("crash"), rounds());
    assert_eq!(log.last().unwrap()["event"], "sealed");
    let report = evidence::verify(
        &folder.path("log"),
        &Asked { unsigned_ms: u64::MAX, ..Asked::default() },
        &mut |_| {},
    )
    .unwrap();
    assert_eq!((report.size, report.signed), (log.len() as u64, log.len() as u64));
}

#[test]
fn killed_under_load_no_request_was_answered_without_its_record() {
    killed_under_load("", false);
}

#[test]
fn killed_under_load_no_durable_request_reached_the_app_without_its_record() {
    killed_under_load(", durable: {all: true}", true);
}

#[test]
fn the_snapshots_that_records_name_are_kept_with_the_log() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    with_directory(&folder, "");
    let sidecar = Sidecar::start(&folder);
    let get = || sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status;
    assert_eq!(get(), 200);
    let policies = folder.read("policies/main.cedar");
    folder
        .write("policies/main.cedar", &policies.replace(r#"@id("clinicians")"#, r#"@id("clinicians-too")"#));
    let reloaded = || records(&folder.path("log")).iter().any(|record| record["event"] == "reload_applied");
    let end = Instant::now() + Duration::from_secs(20);
    while !reloaded() {
        assert!(Instant::now() < end, "the edit did not take effect");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(), 200);
    sidecar.stop();
    let log = records(&folder.path("log"));
    let named: BTreeSet<&str> = log.iter().filter_map(|record| record["snapshot"].as_str()).collect();
    assert_eq!(named.len(), 2, "{named:?}");
    let texts: Vec<String> = named
        .iter()
        .map(|hex| {
            let bytes: Vec<u8> = (0..32)
                .map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
                .collect();
            let parts = Snapshots::of(&folder.path("log"))
                .read(&Digest::from_bytes(bytes.try_into().unwrap()))
                .unwrap();
            parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        })
        .collect();
    assert_eq!(texts.iter().filter(|text| text.contains(r#"@id("clinicians-too")"#)).count(), 1);
    assert!(texts.iter().all(|text| !text.contains(&common::secret("ann"))));
}

struct SmallDisk<'a>(&'a Path);

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg("-l").arg(self.0).status().unwrap().success());
    }
}

#[test]
fn on_a_disk_of_one_mebibyte_requests_are_records_and_gaps_and_the_app_sees_none_without_a_record() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    with_directory(&folder, ", durable: {all: true}");
    let log = folder.path("log");
    std::fs::create_dir(&log).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&log).status();
    if !mount.is_ok_and(|status| status.success()) {
        std::io::stderr()
            .write_all(b"SKIPPED: a 1 MiB tmpfs cannot be mounted here, so a full disk was not tested\n")
            .unwrap();
        return;
    }
    let _disk = SmallDisk(&log);
    let sidecar = Sidecar::start(&folder);
    let ask = |count: usize| {
        let mut client = Client::connect(sidecar.data);
        let head = format!("GET /plain HTTP/1.1\r\n{}", key("ann"));
        let statuses = (0..count).map(|_| client.try_ask(&head, b"").unwrap().status);
        statuses.filter(|status| *status == 200).count()
    };
    // Until it is full, and then some that are refused.
    let ballast = log.join("ballast");
    std::fs::write(&ballast, vec![0; 700 << 10]).unwrap();
    let mut asked = 0;
    let mut allowed = 0;
    while asked == allowed {
        assert!(asked < 20_000, "the disk is never full");
        (asked, allowed) = (asked + 100, allowed + ask(100));
    }
    let before = upstream.heads().len();
    assert_eq!(before, allowed, "the app saw what was allowed and nothing else");
    (asked, allowed) = (asked + 50, allowed + ask(50));
    std::fs::remove_file(&ballast).unwrap();
    (asked, allowed) = (asked + 50, allowed + ask(50));
    assert!(upstream.heads().len() >= before + 50, "it goes on once there is room");
    sidecar.stop();
    let all = records(&log);
    let lost: u64 = all
        .iter()
        .filter(|record| record["event"] == "records_lost")
        .map(|record| record["count"].as_u64().unwrap())
        .sum();
    let decisions = ids(&all, "decision").len();
    let outcomes = ids(&all, "outcome").len();
    // Each allowed request has a decision and an outcome; each refused one tried an allow, and its refusal.
    let tried = 2 * allowed + 2 * (asked - allowed);
    assert_eq!(decisions + outcomes + usize::try_from(lost).unwrap(), tried, "{decisions} {outcomes} {lost}");
    assert_eq!(verified(&log), "");
}

/// A log directory on a disk of one mebibyte; `None`, said loudly, where that cannot be had.
fn small_disk(log: &Path) -> Option<SmallDisk<'_>> {
    std::fs::create_dir(log).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(log).status();
    if mount.is_ok_and(|status| status.success()) {
        return Some(SmallDisk(log));
    }
    let said = b"SKIPPED: a 1 MiB tmpfs cannot be mounted here, so a full disk was not tested\n";
    std::io::stderr().write_all(said).unwrap();
    None
}

fn count_of(sidecar: &Sidecar, metric: &str) -> u64 {
    let text = sidecar.admin("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{metric} ")));
    line.map_or(0, |number| number.parse().unwrap())
}

#[test]
fn on_a_full_disk_requests_go_on_as_chosen_and_are_counted_but_for_those_that_need_the_device() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    with_directory(&folder, ", overflow: shed, overflow_deadline: 5s, durable: {actions: [create]}");
    let log = folder.path("log");
    let Some(_disk) = small_disk(&log) else { return };
    let sidecar = Sidecar::start(&folder);
    let ask = |method: &str| {
        let head = format!("{method} /plain HTTP/1.1\r\ncontent-length: 0\r\n{}", key("ann"));
        sidecar.ask(&head).status
    };
    let ballast = log.join("ballast");
    std::fs::write(&ballast, vec![0; 900 << 10]).unwrap();
    let (mut asked, mut refused) = (0, 0);
    while count_of(&sidecar, "palisade_audit_shed_total") == 0 {
        assert!(asked < 20_000, "the disk is never full");
        for _ in 0..50 {
            assert_eq!(ask("GET"), 200);
        }
        asked += 50;
    }
    let ready = sidecar.admin("/readyz");
    assert_eq!((ready.status, &*ready.text()), (200, "degraded\n"));
    assert!(sidecar.admin("/readyz?verbose").text().contains("degraded, requests go on without records"));
    let before = upstream.heads().len();
    for _ in 0..20 {
        assert_eq!(ask("POST"), 503);
    }
    (asked, refused) = (asked + 20, refused + 20);
    assert_eq!(upstream.heads().len(), before, "none of them came to the app");
    std::fs::remove_file(&ballast).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while sidecar.admin("/readyz").text() != "ok\n" {
        assert!(Instant::now() < end, "it is not written again");
        assert_eq!(ask("GET"), 200);
        asked += 1;
    }
    assert_eq!(ask("POST"), 200);
    asked += 1;
    let counted = count_of(&sidecar, "palisade_audit_shed_total");
    sidecar.stop();
    let all = records(&log);
    let lost = |reason: &str| -> u64 {
        let gaps =
            all.iter().filter(|record| record["event"] == "records_lost" && record["reason"] == reason);
        gaps.map(|record| record["count"].as_u64().unwrap()).sum()
    };
    assert_eq!(lost("shed"), counted);
    let there = (ids(&all, "decision").len() + ids(&all, "outcome").len()) as u64;
    let gaps = lost("shed") + lost("unwritten") + lost("full");
    assert_eq!(there + gaps, 2 * asked, "{there} records, {gaps} in gaps, {refused} refused");
    assert_eq!(verified(&log), "");
}

#[test]
fn on_a_full_disk_a_request_waits_for_room_and_is_refused_where_none_comes() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    with_directory(&folder, ", overflow: block, overflow_deadline: 2s");
    let log = folder.path("log");
    let Some(_disk) = small_disk(&log) else { return };
    let sidecar = Sidecar::start(&folder);
    let head = format!("GET /plain HTTP/1.1\r\n{}", key("ann"));
    let ballast = log.join("ballast");
    std::fs::write(&ballast, vec![0; 900 << 10]).unwrap();
    let mut asked = 0;
    loop {
        assert!(asked < 20_000, "the disk is never full");
        asked += 1;
        match sidecar.ask(&head).status {
            200 => {}
            status => break assert_eq!(status, 503),
        }
    }
    // Each waits on its own; one that is refused before anything is decided does not wait for them.
    let statuses = std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| sidecar.ask(&head).status)).collect();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(sidecar.ask("GET /plain HTTP/1.1\r\n").status, 401);
        std::fs::remove_file(&ballast).unwrap();
        waiting.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses, [200; 8]);
    sidecar.stop();
    let all = records(&log);
    let gaps = all.iter().filter(|record| record["event"] == "records_lost");
    let gaps: u64 = gaps.map(|record| record["count"].as_u64().unwrap()).sum();
    let there = (ids(&all, "decision").len() + ids(&all, "outcome").len()) as u64;
    // The one without a name is one record.
    assert_eq!(there + gaps, 2 * (asked + 8) + 1);
    assert_eq!(verified(&log), "");
}
