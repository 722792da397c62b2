//! Reloads without a pause while requests flow, every fifth of a damaged file.
//!
//! `RELOADS=1000` is the whole storm: a minute, for an edit is looked at 50 ms after its last write.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use super::common::Client;
use super::common::Folder;
use super::common::Sidecar;
use super::common::Upstream;
use super::common::key;
use super::damage::Damage;
use super::wait;

/// An edit as often as this: a thousand in a minute.
const PACE: Duration = Duration::from_millis(60);
const CALM: usize = 0;
const STORM: usize = 1;
const OVER: usize = 2;

/// Every other generation shows names.
fn good(edit: usize) -> String {
    let names = "permit (principal in Role::\"clinician\", action == Action::\"reveal\", resource in DataClass::\"pii.name\");";
    let names =
        if edit.is_multiple_of(2) { format!("@id(\"names-{edit}\") {names}\n") } else { String::new() };
    format!(
        "@id(\"edit-{edit}\") permit (principal in Role::\"clinician\", action in [Action::\"read\", Action::\"list\"], resource);\n{names}"
    )
}

fn text(edit: usize) -> String {
    let damaged = edit % 5 == 4;
    let number = u64::try_from(edit).unwrap();
    if damaged { Damage::new(number).of(&good(edit), &good(edit + 1)) } else { good(edit) }
}

/// What one caller was told: the decision, the status, whether the name was shown, and how long it took.
struct Told {
    decision: String,
    status: u16,
    name: bool,
    took: Duration,
    phase: usize,
}

fn keep_asking(
    address: std::net::SocketAddr,
    phase: &Arc<AtomicUsize>,
) -> std::thread::JoinHandle<Vec<Told>> {
    let phase = Arc::clone(phase);
    std::thread::spawn(move || {
        let (mut client, mut all) = (Client::connect(address), Vec::new());
        loop {
            let now = phase.load(Ordering::Relaxed);
            if now == OVER {
                return all;
            }
            let started = Instant::now();
            let answer = client.ask(&format!("GET /patients/7 HTTP/1.1\r\n{}", key("ann")), b"");
            let took = started.elapsed();
            let decision = answer.headers["x-palisade-decision-id"].clone();
            let name = answer.text().contains("Ann Ode");
            all.push(Told { decision, status: answer.status, name, took, phase: now });
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

fn looked_at(sidecar: &Sidecar) -> usize {
    let text = sidecar.admin("/metrics").text();
    let counts = text.lines().filter(|line| line.starts_with("palisade_reload_total{"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

fn p99(told: &[Told], phase: usize) -> Duration {
    let mut all: Vec<Duration> = told.iter().filter(|one| one.phase == phase).map(|one| one.took).collect();
    all.sort_unstable();
    all[all.len() * 99 / 100]
}

#[test]
fn a_storm_of_reloads_fails_no_request_and_each_answer_is_of_one_snapshot() {
    let count: usize = std::env::var("RELOADS").map_or(60, |count| count.parse().unwrap());
    let upstream = Upstream::json("{\"name\": \"Ann Ode\", \"email\": \"ann@example.org\"}");
    let folder = Folder::new(upstream.address);
    folder.write("policies/main.cedar", &text(0));
    let sidecar = Sidecar::start(&folder);
    let phase = Arc::new(AtomicUsize::new(CALM));
    let load: Vec<_> = (0..4).map(|_| keep_asking(sidecar.data, &phase)).collect();
    // As busy as it will be, but for the edits.
    let calm = Instant::now() + PACE * u32::try_from(count).unwrap() / 4;
    while Instant::now() < calm {
        looked_at(&sidecar);
        std::thread::sleep(Duration::from_millis(10));
    }
    phase.store(STORM, Ordering::Relaxed);
    let started = Instant::now();
    let before = looked_at(&sidecar);
    for edit in 1..=count {
        let written = Instant::now();
        // Written beside and renamed, as careful writers do: no half of a file is ever there.
        folder.write("policies/.next", &text(edit));
        std::fs::rename(folder.path("policies/.next"), folder.path("policies/main.cedar")).unwrap();
        wait(|| (looked_at(&sidecar) >= before + edit).then_some(()));
        std::thread::sleep(PACE.saturating_sub(written.elapsed()));
    }
    let took = started.elapsed();
    phase.store(OVER, Ordering::Relaxed);
    let told: Vec<Told> = load.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    check(&folder, &told);
    let applied =
        folder.records("event", 1).iter().filter(|event| event["event"] == "reload_applied").count();
    assert!(applied * 5 >= count * 4 - 5, "{applied} of {count} edits went live");
    eprintln!(
        "{count} edits in {took:?}, {applied} went live; {} requests, none failed; p99 {:?} without and {:?} with reloads",
        told.len(),
        p99(&told, CALM),
        p99(&told, STORM)
    );
}

/// Each answer agrees with its record, and all answers of one snapshot with each other.
fn check(folder: &Folder, told: &[Told]) {
    let records = folder.records("decision", told.len());
    assert_eq!(records.len(), told.len(), "one record for each request");
    let by_id: BTreeMap<&str, &serde_json::Value> =
        records.iter().map(|record| (record["decision_id"].as_str().unwrap(), record)).collect();
    let events = folder.records("event", 1);
    let live: BTreeSet<&str> = events
        .iter()
        .flat_map(|event| [&event["after"], &event["snapshot"]])
        .filter_map(|one| one.as_str())
        .collect();
    let mut seen: BTreeMap<&str, (u16, bool, String)> = BTreeMap::new();
    for one in told {
        assert!(one.status == 200 || one.status == 403, "status {}", one.status);
        let record = by_id[one.decision.as_str()];
        let snapshot = record["snapshot"].as_str().unwrap();
        assert!(live.contains(snapshot), "a snapshot that was never live: {snapshot}");
        let now = (one.status, one.name, record["reasons"].to_string());
        let first = seen.entry(snapshot).or_insert_with(|| now.clone());
        assert_eq!(*first, now, "one snapshot, one answer");
        // The names are shown in the generations whose policies say so, and the reasons say which those are.
        let edit =
            record["reasons"].as_array().unwrap().iter().find_map(|id| id.as_str()?.strip_prefix("edit-"));
        if let Some(edit) = edit.and_then(|edit| edit.parse::<usize>().ok()).filter(|edit| edit % 5 != 4) {
            assert_eq!(one.name, edit.is_multiple_of(2), "edit {edit}");
        }
    }
    assert!(seen.len() > 1, "requests saw one snapshot only");
}
