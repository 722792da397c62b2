//! Policies are edited while requests flow: no request fails, none sees two generations, every good edit takes effect,
//! no bad one does.
#![expect(clippy::print_stderr, reason = "the test says how much it did")]

mod common;
#[path = "reload/damage.rs"]
mod damage;
#[path = "reload/damaged.rs"]
mod damaged;
#[path = "reload/keys.rs"]
mod keys;
#[path = "reload/storm.rs"]
mod storm;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;

fn policy(edit: usize) -> String {
    format!("@id(\"edit-{edit}\") permit (principal in Role::\"clinician\", action, resource);\n")
}

/// Clients that ask on and on; each answer must be a 200.
fn keep_asking(
    address: std::net::SocketAddr,
    stop: &Arc<AtomicBool>,
    asked: &Arc<AtomicUsize>,
) -> Vec<std::thread::JoinHandle<()>> {
    (0..4)
        .map(|_| {
            let (stop, asked) = (Arc::clone(stop), Arc::clone(asked));
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    asked.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_micros(500));
                }
            })
        })
        .collect()
}

#[test]
fn two_hundred_edits_in_twenty_seconds_under_load() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    folder.write("policies/main.cedar", &policy(0));
    let sidecar = Sidecar::start(&folder);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let load = keep_asking(sidecar.data, &stop, &asked);
    let started = Instant::now();
    let (mut good, mut slowest) = (Vec::new(), Duration::ZERO);
    for edit in 1..=200 {
        let bad = edit % 3 == 0;
        let text = match (bad, edit % 2) {
            (false, _) => policy(edit),
            (true, 0) => format!("{} forbid (principal, action", policy(edit)),
            (true, _) => format!(
                "@id(\"edit-{edit}\") permit (principal, action, resource) when {{ context.nonsense }};"
            ),
        };
        folder.write("policies/main.cedar", &text);
        let written = Instant::now();
        if !bad {
            good.push(edit);
            // On a quiet machine it is live long before the next edit; on a busy one the next edit waits for it.
            let live = format!("generation {}\n", good.len() + 1);
            wait(|| sidecar.admin("/readyz?verbose").text().contains(&live).then_some(()));
            slowest = slowest.max(written.elapsed());
            assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
            asked.fetch_add(1, Ordering::Relaxed);
        }
        let next = Duration::from_millis(100) * u32::try_from(edit).unwrap();
        std::thread::sleep(next.saturating_sub(started.elapsed()));
    }
    let took = started.elapsed();
    stop.store(true, Ordering::Relaxed);
    load.into_iter().for_each(|thread| thread.join().unwrap());
    let asked = asked.load(Ordering::Relaxed);
    let records = folder.records("decision", asked);
    assert_eq!(records.len(), asked);
    let mut generations: BTreeMap<String, String> = BTreeMap::new();
    for record in &records {
        let snapshot = record["snapshot"].as_str().unwrap().to_owned();
        let reasons = record["reasons"].to_string();
        let known = generations.entry(snapshot).or_insert_with(|| reasons.clone());
        assert_eq!(*known, reasons, "one snapshot, one set of reasons");
    }
    let seen: Vec<usize> = good
        .iter()
        .copied()
        .filter(|edit| generations.values().any(|reasons| reasons.contains(&format!("\"edit-{edit}\""))))
        .collect();
    assert_eq!(seen, good, "every good edit was in force for some request");
    for edit in (3..=200).step_by(3) {
        let id = format!("\"edit-{edit}\"");
        assert!(!generations.values().any(|reasons| reasons.contains(&id)), "bad edit {edit} was in force");
    }
    let events = folder.records("event", 2);
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert!(count("reload_applied") >= good.len());
    assert!(count("reload_refused") > 0);
    eprintln!(
        "200 edits in {took:?}, the slowest live after {slowest:?}; {asked} requests, {} applied, {} refused",
        count("reload_applied"),
        count("reload_refused")
    );
}

#[test]
fn a_bad_edit_shows_where_an_operator_looks_and_a_mended_one_clears_it() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    let get = || sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status;
    assert_eq!(sidecar.admin("/readyz").status, 200);
    folder.write("policies/main.cedar", "@id(\"x\")\npermit (principal, action, resouce);\n");
    let verbose = wait(|| {
        let answer = sidecar.admin("/readyz?verbose");
        answer.text().contains("main.cedar:2").then(|| answer.clone())
    });
    // The last good snapshot still serves, so it is still ready.
    assert_eq!(verbose.status, 200, "{}", verbose.text());
    assert_eq!(get(), 200);
    wait(|| {
        sidecar.admin("/metrics").text().contains("palisade_reload_total{result=\"refused\"}").then_some(())
    });
    wait(|| sidecar.logged().contains("main.cedar").then_some(()));
    folder.write(
        "policies/main.cedar",
        "@id(\"none\") permit (principal in Role::\"nobody\", action, resource);\n",
    );
    wait(|| (get() == 403).then_some(()));
    assert!(!sidecar.admin("/readyz?verbose").text().contains("main.cedar:2"));
}

#[test]
fn a_bad_folder_refuses_to_serve_from_the_start() {
    let upstream = Upstream::json("{}");
    for (file, text) in [
        ("policies/main.cedar", "permit (principal, action, resource);"),
        ("tenants.yaml", "tenants: {Acme: {}}"),
        ("routes.yaml", "routes: [{method: GET}]"),
        ("classes.yaml", "classes: {pii: {levle: 3}}"),
        ("api_keys.yaml", "keys: [{id: x}]"),
    ] {
        let folder = Folder::new(upstream.address);
        folder.write(file, text);
        let said = Sidecar::try_start(&folder).err().unwrap_or_else(|| panic!("it serves with a bad {file}"));
        assert!(said.contains(file.rsplit('/').next().unwrap()), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_swap_of_symbolic_links_as_a_config_map_does_it_is_seen() {
    use std::os::unix::fs::symlink;
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let policies = folder.path("policies");
    std::fs::remove_dir_all(&policies).unwrap();
    folder.write("policies/..2026_1/main.cedar", &policy(1));
    symlink("..2026_1", policies.join("..data")).unwrap();
    symlink("..data/main.cedar", policies.join("main.cedar")).unwrap();
    let sidecar = Sidecar::start(&folder);
    folder.write(
        "policies/..2026_2/main.cedar",
        "@id(\"none\") permit (principal in Role::\"nobody\", action, resource);\n",
    );
    symlink("..2026_2", policies.join("..new")).unwrap();
    std::fs::rename(policies.join("..new"), policies.join("..data")).unwrap();
    std::fs::remove_dir_all(policies.join("..2026_1")).unwrap();
    wait(|| (sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status == 403).then_some(()));
}

fn wait<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
