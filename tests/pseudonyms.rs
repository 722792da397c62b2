//! A log that is written with pseudonyms: who may read it is shown the names, until one is erased.
#![cfg(feature = "audit")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;
#[path = "common/log.rs"]
mod log;

use std::process::Command;
use std::process::Output;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use log::records;
use serde_json::Value;

fn calls(folder: &Folder) {
    let sidecar = Sidecar::start(folder);
    for caller in ["ann", "gil", "des"] {
        for call in ["GET /patients/7", "GET /plain", "GET /keys/acme/west/things"] {
            sidecar.ask(&format!("{call} HTTP/1.1\r\n{}", key(caller)));
        }
    }
    sidecar.stop();
}

fn logged(upstream: &Upstream) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    folder.write(
        "palisade.yaml",
        &config.replace(
            "decision_log: {file: decisions.jsonl}",
            "decision_log: {dir: log, pseudonyms: true, file: lines.jsonl}",
        ),
    );
    calls(&folder);
    folder
}

fn audit(folder: &Folder, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade-audit");
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn callers(folder: &Folder) -> Vec<String> {
    let all = records(&folder.path("log"));
    all.iter().filter_map(|record| Some(record["principal"]["id"].as_str()?.to_owned())).collect()
}

const COUNT: &str = "SELECT count(*) AS n FROM decisions WHERE type = 'decision' AND book = 'acme'";

#[test]
fn the_log_and_its_lines_have_pseudonyms_and_the_auditors_program_shows_the_names() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let seen = callers(&folder);
    assert!(seen.len() > 8 && seen.iter().all(|id| id.starts_with('~') || id == "***"), "{seen:?}");
    assert!(!folder.read("lines.jsonl").contains(r#""id":"ann""#), "lines have them too");
    let ask = || {
        let rows = text(&audit(&folder, &["query", "--principal", "ann", "-o", "json"]));
        let top = text(&audit(&folder, &["top", "--by", "principal", "-o", "csv"]));
        (rows, top)
    };
    let (rows, top) = ask();
    assert_eq!((rows.lines().count(), rows.matches(r#""id":"ann""#).count()), (3, 3), "{rows}");
    assert!(top.contains("ann,acme,") && top.contains("gil,globex,") && !top.contains('~'), "{top}");
    text(&audit(&folder, &["compact"]));
    assert_eq!(ask(), (rows.clone(), top), "compacted, the answers are the same");
    let first: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let told = text(&audit(&folder, &["explain", first["decision_id"].as_str().unwrap(), "-o", "json"]));
    assert!(told.contains(r#""id": "ann""#), "{told}");
    // Policies ask for names, and get them.
    let replay = Command::new(env!("CARGO_BIN_EXE_palisade"));
    let mut replay = replay;
    let replayed = replay.current_dir(folder.path("")).args(["replay", "-o", "json"]).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    text(&audit(&folder, &["verify"]));
}

#[test]
fn who_is_erased_is_nobody_any_more_and_the_decisions_stay_and_are_proven() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    text(&audit(&folder, &["compact"]));
    let before = text(&audit(&folder, &["query", "--sql", COUNT, "-o", "json"]));
    let erase = ["erase", "--tenant", "acme", "--principal", "ann", "--by", "dpo", "--reason", "17", "--yes"];
    // A hold beats it, though the records do not name her.
    text(&audit(
        &folder,
        &["hold", "add", "h", "--tenant", "acme", "--by", "legal", "--reason", "a lawsuit"],
    ));
    assert_eq!(audit(&folder, &erase).status.code(), Some(2));
    text(&audit(&folder, &["hold", "release", "h", "--by", "legal", "--reason", "settled"]));
    text(&audit(&folder, &[&erase[..], &["-o", "json"]].concat()));
    assert!(
        !folder.read("log/vault.jsonl").contains("ann") && folder.read("log/vault.jsonl").contains("des")
    );
    assert_eq!(text(&audit(&folder, &["query", "--sql", COUNT, "-o", "json"])), before, "none is gone");
    assert_eq!(text(&audit(&folder, &["query", "--principal", "ann", "-o", "json"])), "");
    let top = text(&audit(&folder, &["top", "--by", "principal", "-o", "csv"]));
    assert!(top.contains("\n~") && top.contains("des,") && !top.contains("ann"), "{top}");
    let report: Value = serde_json::from_str(&text(&audit(&folder, &["verify"]))).unwrap();
    assert_eq!(report["verdict"], "ok", "{report}");
    let event = records(&folder.path("log")).into_iter().find(|record| record["event"] == "erase").unwrap();
    assert_eq!(event["pseudonyms"].as_array().unwrap().len(), 1);
    // Who calls again is somebody else.
    calls(&folder);
    let again = text(&audit(&folder, &["query", "--principal", "ann", "-o", "json"]));
    assert_eq!(again.lines().count(), 3);
}
