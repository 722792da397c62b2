//! Who reads the log by the auditors' program: asked of the policies, and on record in a log of its own that cannot lose a reading unseen.
#![cfg(feature = "audit")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;
#[path = "common/log.rs"]
mod log;

use std::process::Command;
use std::process::Output;

use common::Folder;
use common::POLICIES;
use common::Sidecar;
use common::Upstream;
use common::key;
use log::records;
use serde_json::Value;

const AUDITORS: &str = r#"
@id("auditors") permit (principal in Role::"auditor", action == Action::"audit", resource);
"#;

fn logged() -> Folder {
    let upstream = Upstream::json(r#"{"name":"Ana"}"#);
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    folder.write(
        "palisade.yaml",
        &config.replace("decision_log: {file: decisions.jsonl}", "decision_log: {dir: log}"),
    );
    folder.write("policies/main.cedar", &format!("{POLICIES}{AUDITORS}"));
    let sidecar = Sidecar::start(&folder);
    for caller in ["ann", "gil"] {
        sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key(caller)));
    }
    // Across tenants: it stands in full in globex's book, and masked in that of acme/west.
    sidecar.ask(&format!("GET /keys/acme/west/things HTTP/1.1\r\n{}", key("gil")));
    sidecar.stop();
    folder
}

fn audit(folder: &Folder, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade-audit");
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn readings(folder: &Folder) -> Vec<Value> {
    records(&folder.path("log/reads")).into_iter().filter(|record| record["event"] == "query").collect()
}

/// A decision in this book, its id and its number.
fn decision(folder: &Folder, is: impl Fn(&Value) -> bool) -> (String, String) {
    let all = records(&folder.path("log"));
    let found = all.iter().find(|record| record["type"] == "decision" && is(record));
    let found = found.unwrap_or_else(|| panic!("{all:#?}"));
    (found["decision_id"].as_str().unwrap().to_owned(), found["seq"].to_string())
}

const ACME: [&str; 6] = ["--as", "rita", "--as-tenant", "acme", "--as-roles", "auditor"];
const GLOBEX: [&str; 6] = ["--as", "gus", "--as-tenant", "globex", "--as-roles", "auditor"];

#[test]
fn each_reading_is_on_record_in_a_log_that_verifies_by_itself() {
    let folder = logged();
    let (id, seq) = decision(&folder, |record| record["book"] == "acme");
    folder.write("access.log", &format!("GET / {id}\n"));
    assert_eq!(code(&audit(&folder, &["explain", &id])), 0);
    assert_eq!(code(&audit(&folder, &["prove", &seq])), 0);
    assert_eq!(code(&audit(&folder, &["export", "--tenant", "acme", "--out", "case"])), 0);
    audit(&folder, &["reconcile", "--access-log", "access.log"]);
    assert_eq!(code(&audit(&folder, &["query", "--deny"])), 0);
    let told: Vec<String> = readings(&folder).iter().map(|read| read["statement"].to_string()).collect();
    let begin =
        [format!("\"explain {id}"), format!("\"prove {seq}"), "\"export case".into(), "\"reconcile".into()];
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(told.iter().zip(&begin).all(|(told, begin)| told.starts_with(begin.as_str())), "{told:?}");
    let verified = audit(&folder, &["verify", "--log", "log/reads"]);
    assert_eq!(code(&verified), 0, "{verified:?}");
    // None of them says that the log of readings was not closed.
    assert!(records(&folder.path("log/reads")).iter().all(|record| record["event"] != "crash"));
    // What cannot be put on record is not shown, nor left behind.
    for verb in [&["explain", &id][..], &["prove", &seq], &["export", "--tenant", "acme", "--out", "other"]] {
        let output = audit(&folder, &[verb, &["--reads", "no/such/folder"]].concat());
        assert!(code(&output) == 1 && output.stdout.is_empty(), "{output:?}");
    }
    assert!(!folder.path("other").exists());
}

#[test]
fn the_policies_say_whose_decisions_are_explained_proven_exported_and_reconciled() {
    let folder = logged();
    let ask = |who: &[&str], verb: &[&str]| audit(&folder, &[verb, who].concat());
    let (own, seq) = decision(&folder, |record| record["book"] == "acme" && record["mirror"] != true);
    let (crossed, of_globex) =
        decision(&folder, |record| record["book"] == "globex" && record["tenant"] == "acme/west");
    assert_eq!(code(&ask(&ACME, &["explain", &own])), 0);
    assert_eq!(code(&ask(&ACME, &["prove", &seq])), 0);
    let foreign = ask(&GLOBEX, &["explain", &own]);
    assert!(code(&foreign) == 10 && foreign.stdout.is_empty(), "{foreign:?}");
    for verb in [&["prove", &seq][..], &["export", "--tenant", "acme", "--out", "case"]] {
        let foreign = ask(&GLOBEX, verb);
        assert!(code(&foreign) == 10 && foreign.stdout.is_empty(), "{verb:?}: {foreign:?}");
    }
    assert!(!folder.path("case").exists());
    // Of a request across tenants the owner's auditor is shown the owner's copy.
    let masked = ask(&ACME, &["explain", &crossed, "-o", "json"]);
    let masked: Value = serde_json::from_slice(&masked.stdout).unwrap();
    assert_eq!(masked["decision"]["principal"]["id"], "***");
    let whole: Value =
        serde_json::from_slice(&ask(&GLOBEX, &["explain", &crossed, "-o", "json"]).stdout).unwrap();
    assert_eq!(whole["decision"]["principal"]["id"], "gil");
    assert_eq!(code(&ask(&ACME, &["prove", &of_globex])), 10);
    // The program's own book is nobody's.
    assert_eq!(code(&ask(&ACME, &["prove", "0"])), 10);
    folder.write("access.log", &format!("{own}\n"));
    let part = ask(&ACME, &["reconcile", "--access-log", "access.log"]);
    assert!(code(&part) == 10 && part.stdout.is_empty(), "{part:?}");
    let all = readings(&folder);
    let denied: Vec<&Value> = all.iter().filter(|read| read["decision"] == "deny").collect();
    assert_eq!(denied.len(), 6, "{denied:#?}");
    assert!(denied.iter().all(|read| read["rows"] == 0));
    assert_eq!(all[0]["reasons"], serde_json::json!(["auditors"]));
}

#[test]
fn readings_that_are_taken_away_changed_or_rolled_back_are_told_by_the_log_that_was_read() {
    let folder = logged();
    let ask = || assert_eq!(code(&audit(&folder, &["query", "--deny"])), 0);
    let verified = || {
        let output = audit(&folder, &["verify"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = told["findings"].as_array().unwrap().iter();
        (code(&output), found.filter(|one| one["what"] == "READS").count())
    };
    ask();
    let copy = |from: &str, to: &str| {
        let done = Command::new("cp").arg("-a").arg(folder.path(from)).arg(folder.path(to)).status().unwrap();
        assert!(done.success());
    };
    copy("log/reads", "older");
    ask();
    // The sidecar notes how the log of readings is.
    Sidecar::start(&folder).stop();
    assert_eq!(verified(), (0, 0));
    // More of them take nothing from what was noted.
    ask();
    assert_eq!(verified(), (0, 0));
    std::fs::rename(folder.path("log/reads"), folder.path("whole")).unwrap();
    assert_eq!(verified(), (6, 1), "taken away");
    copy("older", "log/reads");
    assert_eq!(verified(), (6, 1), "rolled back");
    std::fs::remove_dir_all(folder.path("log/reads")).unwrap();
    ask();
    ask();
    assert_eq!(verified(), (6, 1), "begun anew");
    std::fs::remove_dir_all(folder.path("log/reads")).unwrap();
    copy("whole", "log/reads");
    assert_eq!(verified(), (0, 0));
    let segment = folder.path("log/reads/segments/00000000000000000000.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    assert_eq!(verified(), (6, 1), "changed");
}
