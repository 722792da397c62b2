//! An auditor with the log's directory in hand: verifies it, proves a record to others, makes its decisions again.
#![cfg(feature = "audit")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use common::Folder;
use common::POLICIES;
use common::Sidecar;
use common::Upstream;
use common::key;
use palisade::audit::frame;
use palisade::audit::frame::Frames;
use serde_json::Value;

/// A folder whose log a sidecar wrote, and requests of several callers went through.
fn logged(upstream: &Upstream) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let log = "decision_log: {dir: log}\n";
    let lines = config.lines().filter(|line| !line.starts_with("decision_log"));
    folder.write("palisade.yaml", &(lines.collect::<Vec<_>>().join("\n") + "\n" + log));
    let sidecar = Sidecar::start(&folder);
    for caller in ["ann", "des", "nobody-known"] {
        for call in ["GET /patients/7", "GET /patients", "DELETE /patients/7", "GET /plain", "GET /nowhere"] {
            sidecar.ask(&format!("{call} HTTP/1.1\r\n{}", key(caller)));
        }
    }
    sidecar.stop();
    folder
}

fn ran(program: &str, folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn auditor(folder: &Folder, arguments: &[&str]) -> Output {
    ran(env!("CARGO_BIN_EXE_palisade-audit"), folder, arguments)
}

fn palisade(folder: &Folder, arguments: &[&str]) -> Output {
    ran(env!("CARGO_BIN_EXE_palisade"), folder, arguments)
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn segment(log: &Path) -> PathBuf {
    let mut all: Vec<_> =
        std::fs::read_dir(log.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all.remove(0)
}

/// The id of the first decision, as the program prints it.
fn decision(folder: &Folder) -> String {
    let records = (0..).map(|seq: u64| auditor(folder, &["prove", &seq.to_string(), "-o", "json"]));
    let records = records.take_while(|output| code(output) == 0);
    let mut decisions =
        records.map(|output| json(&output)).filter(|told| told["record"]["type"] == "decision");
    decisions.next().unwrap()["record"]["decision_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_log_verifies_by_either_program_and_a_changed_byte_is_named_and_ends_with_6() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    for output in [auditor(&folder, &["verify"]), palisade(&folder, &["audit", "verify", "--log", "log"])] {
        assert_eq!(code(&output), 0, "{output:?}");
        let report = json(&output);
        assert_eq!(report["verdict"], "ok");
        assert_eq!(report["size"], report["read"]["records"]);
    }
    let people = auditor(&folder, &["verify", "-o", "pretty"]);
    assert!(String::from_utf8_lossy(&people.stdout).starts_with("ok  the log is as it was signed"));
    let tenant = json(&auditor(&folder, &["verify", "--tenant", "acme"]));
    assert_eq!(tenant["verdict"], "ok", "{tenant}");

    let path = segment(&folder.path("log"));
    let mut bytes = zstd::stream::decode_all(&*std::fs::read(&path).unwrap()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path.with_extension(""), bytes).unwrap();
    std::fs::remove_file(path).unwrap();
    let output = auditor(&folder, &["verify"]);
    assert_eq!(code(&output), 6);
    assert_eq!(json(&output)["findings"][0]["class"], "integrity");
}

#[test]
fn a_proof_travels_and_holds_for_its_record_and_key_alone() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let id = decision(&folder);
    let keys = auditor(&folder, &["checkpoint", "--keys"]);
    std::fs::write(folder.path("log.vkey"), &keys.stdout).unwrap();
    let proof = auditor(&folder, &["prove", &id, "--record", "one.bin"]);
    assert_eq!(code(&proof), 0, "{proof:?}");
    std::fs::write(folder.path("one.tlog-proof"), &proof.stdout).unwrap();
    // Whoever checks has no log.
    std::fs::rename(folder.path("log"), folder.path("away")).unwrap();
    let check =
        |record: &str| auditor(&folder, &["check-proof", record, "one.tlog-proof", "--key", "log.vkey"]);
    let held = check("one.bin");
    assert_eq!((code(&held), &json(&held)["record"]["decision_id"]), (0, &Value::from(id)));
    let mut other = std::fs::read(folder.path("one.bin")).unwrap();
    *other.last_mut().unwrap() ^= 1;
    std::fs::write(folder.path("other.bin"), other).unwrap();
    assert_eq!(code(&check("other.bin")), 6);
    let strange = "strange+2f3d6f52+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    let output = auditor(&folder, &["check-proof", "one.bin", "one.tlog-proof", "--key", strange]);
    assert!([2, 6].contains(&code(&output)), "{output:?}");
}

#[test]
fn a_decision_is_explained_by_the_policies_of_its_day_with_its_proof() {
    let upstream = Upstream::json(r#"{"name":"Ann","ssn":"1"}"#);
    let folder = logged(&upstream);
    folder.write("policies/main.cedar", &POLICIES.replace("clinician", "somebody"));
    let id = decision(&folder);
    let output = auditor(&folder, &["explain", &id]);
    assert_eq!(code(&output), 0, "{output:?}");
    let told = json(&output);
    assert_eq!(told["decision"]["decision_id"], id.as_str());
    assert_eq!(told["decision"]["principal"]["id"], "ann");
    assert_eq!(told["outcome"]["status"], 200);
    assert_eq!(told["policies"][0]["id"], "clinicians");
    assert!(told["policies"][0]["text"].as_str().unwrap().contains(r#"Role::"clinician""#), "{told}");
    assert_eq!(told["proof"]["status"], "proven");
    let people = auditor(&folder, &["explain", &id, "-o", "pretty"]);
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    for part in ["allow", "ann  User", "GET  /patients/7", "clinicians", "proven"] {
        assert!(people.contains(part), "{part}: {people}");
    }
    assert_eq!(code(&auditor(&folder, &["explain", "0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f"])), 2);
    assert_eq!(code(&auditor(&folder, &["explain", "the-first"])), 2);
}

#[test]
fn an_anchor_finds_a_log_that_was_rolled_back() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let anchor = auditor(&folder, &["checkpoint"]);
    std::fs::write(folder.path("friday"), &anchor.stdout).unwrap();
    assert_eq!(code(&auditor(&folder, &["verify", "--anchor", "friday"])), 0);
    // Another log of the same name: all of it begins anew.
    std::fs::rename(folder.path("log/log.json"), folder.path("log.json")).unwrap();
    std::fs::remove_dir_all(folder.path("log")).unwrap();
    let sidecar = Sidecar::start(&folder);
    sidecar.stop();
    let output = auditor(&folder, &["verify", "--anchor", "friday"]);
    assert_eq!(code(&output), 6, "{output:?}");
}

#[test]
fn decisions_come_out_again_as_they_were_recorded_by_the_snapshot_of_their_day() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    // The files of today say something else, which concerns no decision of then.
    folder.write("policies/main.cedar", &POLICIES.replace("permit", "forbid"));
    let output = palisade(&folder, &["replay", "--log", "log", "-o", "json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let told = json(&output);
    assert_eq!(told["same"], true, "{told}");
    assert_eq!(told["asked"], 10, "{told}");
    assert_eq!(told["decisions"], 15, "{told}");
    assert_eq!(told["without_snapshot"], serde_json::json!({}));
    let globex = json(&palisade(&folder, &["replay", "--log", "log", "--tenant", "globex", "-o", "json"]));
    assert_eq!((&globex["asked"], &globex["of_other_tenants"]), (&Value::from(0), &Value::from(10)));
    let none = json(&palisade(&folder, &["replay", "--log", "log", "--until", "2020-01-01", "-o", "json"]));
    assert_eq!(none["decisions"], 0);
}

#[test]
fn a_damaged_record_is_missing_from_a_replay_and_never_passed_over_in_silence() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let path = segment(&folder.path("log"));
    let mut bytes = zstd::stream::decode_all(&*std::fs::read(&path).unwrap()).unwrap();
    let at = memchr::memmem::find(&bytes, b"clinician").unwrap();
    bytes[at] ^= 1;
    std::fs::write(path.with_extension(""), bytes).unwrap();
    std::fs::remove_file(path).unwrap();
    let output = palisade(&folder, &["replay", "--log", "log", "-o", "json"]);
    let told = json(&output);
    assert_eq!(
        (code(&output), &told["missing"], &told["asked"]),
        (6, &Value::from(1), &Value::from(9)),
        "{told}"
    );
    let people = palisade(&folder, &["replay", "--log", "log"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("1 records are missing or damaged"));
}

#[test]
fn what_a_candidate_would_flip_is_counted_by_tenant_policy_and_caller_and_ends_with_5() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    std::fs::create_dir(folder.path("draft")).unwrap();
    folder.write("draft/main.cedar", POLICIES);
    let replay = |more: &[&str]| {
        let first = ["replay", "--log", "log", "--candidate", "draft", "--fail-on", "flips", "-o"];
        palisade(&folder, &[&first[..], more].concat())
    };
    let same = replay(&["json"]);
    assert_eq!(code(&same), 0, "{same:?}");
    folder.write("draft/main.cedar", &POLICIES.replace("permit", "forbid"));
    let flips = replay(&["json"]);
    assert_eq!(code(&flips), 5, "{flips:?}");
    let told = json(&flips);
    let denied = &told["newly_denied"];
    assert!(denied["count"].as_u64().unwrap() > 0, "{told}");
    assert_eq!(denied["by_tenant"], serde_json::json!({ "acme": 3, "acme/west": 3 }));
    assert_eq!(denied["by_principal"], serde_json::json!({ "ann": 3, "des": 3 }));
    let people = replay(&["pretty"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("newly denied"));
}

#[test]
fn decisions_whose_snapshot_is_not_whole_are_counted_apart_and_never_as_the_same() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let mut blobs = Vec::new();
    for entry in std::fs::read_dir(folder.path("log/blobs")).unwrap() {
        blobs.extend(std::fs::read_dir(entry.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
    }
    std::fs::remove_file(blobs.first().unwrap()).unwrap();
    let told = json(&palisade(&folder, &["replay", "--log", "log", "-o", "json"]));
    assert_eq!(told["asked"], 0, "{told}");
    assert_eq!(told["without_snapshot"].as_object().unwrap().len(), 1, "{told}");
}

#[test]
fn what_is_asked_wrongly_says_what_to_write() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    for (arguments, says) in [
        (&["verify"][..], "names no `decision_log.dir`"),
        (&["verify", "--log", "nowhere"], "log.json"),
        (&["verify", "--log", "policies", "--unsigned", "soon"], "is no length of time"),
        (&["prove", "the-first", "--log", "nowhere"], "log.json"),
        (&["check-proof", "a", "b", "--key", "x"], "neither a file nor a key"),
        (&["witness", "ftp://w", "--key", "x", "--log", "nowhere"], "log.json"),
    ] {
        let output = auditor(&folder, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(code(&output) != 0 && said.contains(says), "{arguments:?}: {said}");
    }
}

/// Writes another word of the same length into the records of a segment, with checksums that fit.
fn forge(log: &Path, from: &str, to: &str) {
    let path = segment(log);
    let bytes = zstd::stream::decode_all(&*std::fs::read(&path).unwrap()).unwrap();
    let (head, frames) = bytes.split_at(frame::SEGMENT_HEAD_BYTES);
    let mut forged = head.to_vec();
    for record in Frames::new(frames).flatten() {
        let at = memchr::memmem::find(record, from.as_bytes());
        let mut record = record.to_vec();
        if let Some(at) = at {
            record[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        let length = u32::try_from(record.len()).unwrap().to_le_bytes();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&length), &record);
        forged.extend([&length[..], &sum.to_le_bytes(), &record].concat());
    }
    std::fs::write(path.with_extension(""), forged).unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_decision_that_does_not_come_out_as_it_was_recorded_is_a_defect_and_ends_with_6() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    // Who called is another on record than when it was decided.
    forge(&folder.path("log"), "clinician", "clinicxxx");
    let output = palisade(&folder, &["replay", "--log", "log", "-o", "json"]);
    assert_eq!(code(&output), 6, "{output:?}");
    let told = json(&output);
    assert_eq!(told["newly_denied"]["by_principal"], serde_json::json!({ "ann": 3 }), "{told}");
    let people = palisade(&folder, &["replay", "--log", "log"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("a defect"));
}

fn python(folder: &Folder, case: &str) -> (i32, String) {
    let output = Command::new("python3").arg(folder.path(case).join("check.py")).output().unwrap();
    (code(&output), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_case_folder_is_checked_with_python_alone_and_nothing_of_it_can_be_left_out_or_changed() {
    if Command::new("python3").arg("--version").output().is_err() {
        std::io::stderr().write_all(b"SKIPPED: no python3, so no case folder was checked by it\n").unwrap();
        return;
    }
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let output = auditor(&folder, &["export", "--tenant", "acme", "--out", "case"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let manifest = json(&output);
    // Three were allowed, each with its outcome; two found no route.
    let rows = std::fs::read_to_string(folder.path("case/rows.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &manifest["rows"]), (8, &Value::from(8)), "{manifest}");
    assert!(rows.iter().all(|row| row["book"] == "acme"), "{rows:?}");
    let (exit, said) = python(&folder, "case");
    assert!(exit == 0 && said.starts_with("proven: 8 records of acme, 0 to 8 of 8"), "{said}");
    // A stretch out of the middle, which other records of the book stand around.
    let time = |at: usize| rows[at]["time"].as_str().unwrap().to_owned();
    let part = ["export", "--tenant", "acme", "--since", &time(2), "--until", &time(6), "--out", "part"];
    assert_eq!(code(&auditor(&folder, &part)), 0);
    let (exit, said) = python(&folder, "part");
    assert!(exit == 0 && said.contains(" of 8, none left out"), "{said}");

    let again = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let path = folder.path("case").join(what);
        let before = std::fs::read(&path).unwrap();
        let mut after = before.clone();
        change(&mut after);
        // Whoever changes a file changes the manifest as well.
        std::fs::write(&path, &after).unwrap();
        let manifest_path = folder.path("case/manifest.json");
        let manifest_before = std::fs::read_to_string(&manifest_path).unwrap();
        let digest = |bytes: &[u8]| palisade::ids::Digest::of(bytes).to_string();
        std::fs::write(&manifest_path, manifest_before.replace(&digest(&before), &digest(&after))).unwrap();
        let (exit, said) = python(&folder, "case");
        std::fs::write(&path, before).unwrap();
        std::fs::write(manifest_path, manifest_before).unwrap();
        assert!(exit == 1 && said.starts_with("NOT PROVEN"), "{what}: {said}");
    };
    let bytes = std::fs::read(folder.path("case/records.bin")).unwrap();
    let first = 8 + u32::from_le_bytes(*bytes.first_chunk::<4>().unwrap()) as usize;
    again("records.bin", &|records| drop(records.drain(..first)));
    again("records.bin", &|records| records.truncate(records.len() - 40));
    again("records.bin", &|records| records[first - 3] ^= 1);
    again("rows.jsonl", &|rows| {
        rows.truncate(rows.len() - 2 - rows.iter().rev().skip(1).position(|b| *b == b'\n').unwrap())
    });
    again("seal.tlog-proof", &|proof| {
        let at = memchr::memmem::find(proof, b"index ").unwrap() + 6;
        proof[at] ^= 1;
    });
    again("checkpoint", &|note| note.truncate(10));
    assert_eq!(python(&folder, "case").0, 0);

    let there = auditor(&folder, &["export", "--tenant", "acme", "--out", "case"]);
    assert_eq!(code(&there), 2, "{there:?}");
    assert_eq!(code(&auditor(&folder, &["export", "--tenant", "nobody", "--out", "none"])), 2);
    let ocsf = ["export", "--tenant", "acme", "--format", "ocsf", "--out", "ocsf"];
    assert_eq!(code(&auditor(&folder, &ocsf)), 0);
    let rows = std::fs::read_to_string(folder.path("ocsf/rows.jsonl")).unwrap();
    assert!(rows.lines().all(|line| line.contains("\"class_uid\":")), "{rows}");
}

#[test]
fn what_the_app_saw_is_held_against_the_records() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let id = |head: &String| {
        head.lines().find_map(|line| line.strip_prefix("x-palisade-decision-id: ")).unwrap().to_owned()
    };
    let ids: Vec<String> = upstream.heads().iter().map(id).collect();
    assert_eq!(ids.len(), 6);
    let lines: String = ids.iter().map(|id| format!("10.0.0.1 - \"GET /\" 200 {id}\n")).collect();
    let reconcile = |text: &str| {
        folder.write("access.log", text);
        auditor(&folder, &["reconcile", "--access-log", "access.log"])
    };
    let all = reconcile(&lines);
    assert_eq!(code(&all), 0, "{all:?}");
    assert_eq!(json(&all)["same"], 6);
    // The app saw one that no record has, one twice, one line has no id; one that is on record it did not see.
    let past = "0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f";
    let (_, rest) = lines.split_once('\n').unwrap();
    let output = reconcile(&format!("{rest}GET /health\n{past}\n{past}\n{}\n", ids[1]));
    assert_eq!(code(&output), 6);
    let told = json(&output);
    assert_eq!(
        (&told["unrecorded"]["count"], &told["unrecorded"]["first"][0]),
        (&Value::from(1), &Value::from(past))
    );
    assert_eq!((&told["repeated"]["count"], &told["without_id"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(
        (&told["unseen"]["count"], &told["unseen"]["first"][0]),
        (&Value::from(1), &Value::from(&*ids[0]))
    );
    let since = ["reconcile", "--access-log", "access.log", "--since", "2026-01-01"];
    assert_eq!(code(&auditor(&folder, &since)), 0, "what is older is not asked for");
    let people = auditor(&folder, &["reconcile", "--access-log", "access.log", "-o", "pretty"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("no record allows them"));
}
