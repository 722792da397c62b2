//! What goes of a log by age, and what a hold keeps: by a real sidecar's log, with the auditors' program, and what an attacker would make of it.
#![cfg(feature = "audit")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod common;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use palisade::audit::entry;
use palisade::audit::frame;
use palisade::audit::frame::Frames;
use serde_json::Value;

/// The log of a day when three companies' people called.
fn logged(upstream: &Upstream, retention: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let log = format!("decision_log: {{dir: log, retention: {retention}}}");
    folder.write("palisade.yaml", &config.replace("decision_log: {file: decisions.jsonl}", &log));
    calls(Sidecar::start(&folder)).stop();
    folder
}

fn calls(sidecar: Sidecar) -> Sidecar {
    for caller in ["ann", "gil", "des"] {
        for call in ["GET /patients/7", "GET /patients", "GET /plain", "GET /nowhere"] {
            sidecar.ask(&format!("{call} HTTP/1.1\r\n{}", key(caller)));
        }
    }
    sidecar
}

fn auditor(folder: &Folder, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade-audit");
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"))
}

fn done(folder: &Folder, arguments: &[&str]) -> Value {
    let output = auditor(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    if output.stdout.first() == Some(&b'{') { json(&output) } else { Value::Null }
}

/// All that was made so far is past its time.
fn later() {
    std::thread::sleep(Duration::from_millis(1_100));
}

fn segments(folder: &Folder) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(folder.path("log/segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn plain(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().unwrap() == "zst" { zstd::decode_all(&bytes[..]).unwrap() } else { bytes }
}

/// Every record's bytes that are there, and what is left of others.
fn records(folder: &Folder) -> Vec<Vec<u8>> {
    let all = segments(folder).into_iter().flat_map(|path| {
        let bytes = plain(&path);
        Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..])
            .map(|record| record.unwrap().to_vec())
            .collect::<Vec<_>>()
    });
    all.collect()
}

fn holds_text(folder: &Folder, text: &str) -> bool {
    records(folder).iter().any(|record| record.windows(text.len()).any(|part| part == text.as_bytes()))
}

/// The number of a record of this book.
fn of_book(folder: &Folder, book: &str) -> String {
    let all = records(folder);
    let found = all.iter().filter_map(|record| entry::Entry::read(record).ok()).find(|it| it.book == book);
    found.unwrap().seq.to_string()
}

fn findings(folder: &Folder) -> (String, Vec<(String, u64, u64)>) {
    let report = json(&auditor(folder, &["verify"]));
    let all = report["findings"].as_array().unwrap().iter();
    let all = all.filter(|finding| finding["what"] != "UNSIGNED").map(|finding| {
        let number = |name: &str| finding[name].as_u64().unwrap();
        (finding["what"].as_str().unwrap().to_owned(), number("first"), number("last"))
    });
    (report["verdict"].as_str().unwrap().to_owned(), all.collect())
}

/// Writes a segment anew, its frames whole.
fn write_segment(path: &Path, records: &[Vec<u8>]) {
    let mut bytes = plain(path)[..frame::SEGMENT_HEAD_BYTES].to_vec();
    for record in records {
        frame::append(record, &mut bytes);
    }
    let packed = path.extension().unwrap() == "zst";
    std::fs::write(path, if packed { zstd::encode_all(&bytes[..], 3).unwrap() } else { bytes }).unwrap();
}

fn of_segment(path: &Path) -> Vec<Vec<u8>> {
    let bytes = plain(path);
    Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..]).map(|record| record.unwrap().to_vec()).collect()
}

#[test]
fn a_tenants_records_go_at_their_time_and_all_others_are_proven_as_before() {
    let upstream = Upstream::json(r#"{"name":"Ann","ssn":"1"}"#);
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    let stays = of_book(&folder, "globex");
    let goes = of_book(&folder, "acme");
    let proof = auditor(&folder, &["prove", &stays, "--record", "one.bin"]);
    std::fs::write(folder.path("before.tlog-proof"), &proof.stdout).unwrap();
    std::fs::write(folder.path("log.vkey"), auditor(&folder, &["checkpoint", "--keys"]).stdout).unwrap();
    let before = records(&folder).len() as u64;
    later();

    // Without --yes nothing changes.
    let would = done(&folder, &["prune"]);
    assert_eq!((&would["done"], &would["within"]), (&false.into(), &1.into()), "{would}");
    let acme = would["books"]["acme"].as_u64().unwrap();
    assert!(acme > 4 && would["books"]["acme/west"].as_u64().unwrap() > 4, "{would}");
    assert!(would["books"].get("globex").is_none() && would["books"].get("").is_none(), "{would}");
    assert!(holds_text(&folder, "ann") && records(&folder).len() as u64 == before);

    let went = done(&folder, &["prune", "--yes"]);
    assert_eq!((&went["done"], &went["records"]), (&true.into(), &would["records"]));
    assert!(!holds_text(&folder, "ann") && !holds_text(&folder, "des") && holds_text(&folder, "gil"));
    let (verdict, found) = findings(&folder);
    assert!(verdict == "ok" && found.len() == 1 && found[0].0 == "PRUNED", "{verdict} {found:?}");
    assert_eq!(found[0].1.to_string(), goes, "the range begins with the first that went");
    // Proofs made before hold, new ones are made, and of what is gone none.
    assert_eq!(
        done(&folder, &["check-proof", "one.bin", "before.tlog-proof", "--key", "log.vkey"])["record"]["book"],
        "globex"
    );
    done(&folder, &["prove", &stays, "-o", "json"]);
    let output = auditor(&folder, &["prove", &goes]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("was pruned"), "{output:?}");
    // Each tenant's own auditor is told the same.
    for (tenant, told) in [("acme", "PRUNED"), ("globex", "")] {
        let report = done(&folder, &["verify", "--tenant", tenant]);
        let all: Vec<&str> =
            report["findings"].as_array().unwrap().iter().filter_map(|one| one["what"].as_str()).collect();
        assert_eq!(all.contains(&"PRUNED"), !told.is_empty(), "{report}");
    }
    // Nothing is left to go, and the log goes on.
    assert_eq!(done(&folder, &["prune", "--yes"])["records"], 0);
    calls(Sidecar::start(&folder)).stop();
    assert_eq!(findings(&folder).0, "ok");
    let all = done(
        &folder,
        &["query", "--sql", "SELECT count(*) AS n FROM decisions WHERE book = 'globex'", "-o", "json"],
    );
    assert!(all["n"].as_u64().unwrap() > 8, "{all}");
}

#[test]
fn segments_go_whole_from_the_first_on_and_what_shared_a_bundle_with_them_is_still_proven() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{default: 1s}");
    later();
    calls(Sidecar::start(&folder)).stop();
    let stays = of_book(&folder, "globex");
    let went = done(&folder, &["prune", "--yes"]);
    assert_eq!(went["segments"], 1, "{went}");
    let boundary = went["before"].as_u64().unwrap();
    assert!(!boundary.is_multiple_of(256) && stays.parse::<u64>().unwrap() < boundary);
    let (verdict, found) = findings(&folder);
    assert_eq!((&*verdict, &found[..]), ("ok", &[("PRUNED".to_owned(), 0, boundary - 1)][..]));
    let left = of_book(&folder, "globex");
    done(&folder, &["prove", &left, "-o", "json"]);
    done(&folder, &["verify", "--tenant", "globex"]);
    // A second time: what says that the first are gone is still there.
    later();
    calls(Sidecar::start(&folder)).stop();
    let went = done(&folder, &["prune", "--yes"]);
    assert!(went["before"].as_u64().unwrap() > boundary, "{went}");
    let (verdict, found) = findings(&folder);
    assert_eq!((&*verdict, found.len(), found[0].1), ("ok", 1, 0), "{found:?}");
    // Without the leaves of the bundle that was cut there is no proof, so they are what makes it.
    let left = of_book(&folder, "globex");
    done(&folder, &["prove", &left, "-o", "json"]);
    std::fs::remove_dir_all(folder.path("log/edges")).unwrap();
    assert_ne!(auditor(&folder, &["prove", &left]).status.code(), Some(0));
}

#[test]
fn beside_a_running_sidecar_it_is_the_sidecar_that_puts_holds_and_prunings_on_record() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    let sidecar = Sidecar::start(&folder);
    done(&folder, &["hold", "add", "case-42", "--tenant", "acme", "--by", "legal", "--reason", "lawsuit"]);
    later();
    let kept = done(&folder, &["prune", "--yes"]);
    assert_eq!((&kept["records"], &kept["done"]), (&0.into(), &false.into()), "{kept}");
    done(&folder, &["hold", "release", "case-42", "--by", "legal", "--reason", "settled"]);
    let went = done(&folder, &["prune", "--yes"]);
    assert!(went["records"].as_u64().unwrap() > 8, "{went}");
    calls(sidecar).stop();
    assert_eq!(findings(&folder).0, "ok");
    let text = records(&folder).iter().fold(Vec::new(), |mut lines, record| {
        let _what_is_gone_has_no_line = entry::line(record, &mut lines);
        lines
    });
    let text = String::from_utf8(text).unwrap();
    let events =
        |name: &str| text.lines().filter(|line| line.contains(&format!(r#""event":"{name}""#))).count();
    assert_eq!((events("hold"), events("prune"), events("crash")), (2, 1, 0), "{text}");
}

#[test]
fn a_hold_keeps_what_concerns_its_tenant_and_says_so_and_taking_its_file_away_ends_nothing() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{default: 1s}");
    let add = ["hold", "add", "case-42", "--tenant", "acme/west", "--by", "legal", "--reason", "a lawsuit"];
    done(&folder, &add);
    assert_eq!(auditor(&folder, &add).status.code(), Some(2), "it stands already");
    later();
    let listed = done(&folder, &["hold", "list", "-o", "json"]);
    assert_eq!(
        (&listed["holds"][0]["hold"], &listed["holds"][0]["reason"]),
        (&"case-42".into(), &"a lawsuit".into())
    );
    // Whoever takes the file away ends nothing, and it is told.
    std::fs::remove_file(folder.path("log/holds.json")).unwrap();
    let (verdict, found) = findings(&folder);
    assert_eq!((&*verdict, &*found[0].0), ("integrity", "HOLD"), "{found:?}");
    let went = done(&folder, &["prune", "--yes"]);
    assert!(went["held"]["case-42"].as_u64().unwrap() > 4, "{went}");
    assert!(!holds_text(&folder, "ann") && holds_text(&folder, "des"));
    let people = auditor(&folder, &["prune", "-o", "pretty"]);
    assert!(String::from_utf8_lossy(&people.stdout).contains("held by `case-42`: a lawsuit"), "{people:?}");
    // Its record outlives the segment that it stood in.
    done(&folder, &["hold", "release", "case-42", "--by", "legal", "--reason", "settled"]);
    assert_eq!(
        auditor(&folder, &["hold", "release", "case-42", "--by", "x", "--reason", "y"]).status.code(),
        Some(2)
    );
    done(&folder, &["prune", "--yes"]);
    assert!(!holds_text(&folder, "des"));
    assert_eq!(findings(&folder).0, "ok");
}

#[test]
fn a_hold_is_said_again_before_the_segment_with_its_record_goes() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{default: 1s}");
    done(&folder, &["hold", "add", "later", "--since", "2999-01-01", "--by", "legal", "--reason", "to come"]);
    for _ in 0..2 {
        calls(Sidecar::start(&folder)).stop();
        later();
    }
    calls(Sidecar::start(&folder)).stop();
    let went = done(&folder, &["prune", "--yes"]);
    assert!(went["segments"].as_u64().unwrap() >= 2, "{went}");
    assert_eq!(done(&folder, &["hold", "list", "-o", "json"])["holds"][0]["hold"], "later");
    std::fs::remove_file(folder.path("log/holds.json")).unwrap();
    assert_eq!(done(&folder, &["hold", "list", "-o", "json"])["holds"][0]["hold"], "later");
    assert_eq!(findings(&folder).1.iter().filter(|(what, ..)| what == "HOLD").count(), 1);
}

#[test]
fn records_that_are_taken_away_without_a_signed_record_are_missing_whatever_is_left_in_their_place() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    let first = &segments(&folder)[0];
    let mut all = of_segment(first);
    let victim = of_book(&folder, "globex").parse::<usize>().unwrap();
    all[victim] = entry::withhold(&all[victim]).unwrap();
    write_segment(first, &all);
    let (verdict, found) = findings(&folder);
    assert_eq!(
        (&*verdict, &found[..]),
        ("incomplete", &[("MISSING".to_owned(), victim as u64, victim as u64)][..])
    );
    let tenant = auditor(&folder, &["verify", "--tenant", "globex"]);
    assert_eq!(tenant.status.code(), Some(6), "{tenant:?}");

    // One more than the record says is another set, and as missing.
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    later();
    done(&folder, &["prune", "--yes"]);
    assert_eq!(findings(&folder).0, "ok");
    let first = &segments(&folder)[0];
    let mut all = of_segment(first);
    let victim = of_book(&folder, "globex").parse::<usize>().unwrap();
    let kept = std::mem::take(&mut all[victim]);
    all[victim] = entry::withhold(&kept).unwrap();
    write_segment(first, &all);
    let (verdict, found) = findings(&folder);
    assert!(verdict == "incomplete" && found.iter().any(|(what, ..)| what == "MISSING"), "{found:?}");
    // And with another hash in its place it is no leaf of the tree.
    *all[victim].last_mut().unwrap() ^= 1;
    write_segment(first, &all);
    assert_eq!(findings(&folder).0, "integrity");
}

#[test]
fn a_pruning_that_no_checkpoint_covers_says_nothing_and_one_that_is_forged_is_a_change() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    later();
    done(&folder, &["prune", "--yes"]);
    // Its record is cut off again, with the checkpoint that covers it: then nothing says that they went.
    let newest = segments(&folder).pop().unwrap();
    let mut all = of_segment(&newest);
    let at = all.iter().position(|record| {
        let mut line = Vec::new();
        let _what_is_gone_has_no_line = entry::line(record, &mut line);
        String::from_utf8(line).unwrap().contains(r#""event":"prune""#)
    });
    let at = at.unwrap();
    // Forged: it says that more is gone, so that a whole tenant may go with it.
    let forged = String::from_utf8_lossy(&all[at]).into_owned();
    assert!(forged.contains("retention"));
    let spot = all[at].windows(9).position(|part| part == b"retention").unwrap();
    all[at][spot..spot + 4].copy_from_slice(b"size");
    write_segment(&newest, &all);
    let (verdict, found) = findings(&folder);
    assert!(verdict == "integrity" && found.iter().any(|(what, ..)| what == "MODIFIED"), "{found:?}");
    all.truncate(at);
    write_segment(&newest, &all);
    let (verdict, found) = findings(&folder);
    assert!(verdict != "ok" && found.iter().any(|(what, ..)| what == "TRUNCATED"), "{found:?}");
}

#[test]
fn rows_go_from_the_archive_with_their_records_and_what_is_compacted_later_has_none_of_them() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    done(&folder, &["compact", "-o", "json"]);
    let count = |sql: &str| done(&folder, &["query", "--sql", sql, "-o", "json"])["n"].as_u64().unwrap();
    let of = |book: &str| count(&format!("SELECT count(*) AS n FROM decisions WHERE book = '{book}'"));
    let (acme, globex) = (of("acme"), of("globex"));
    assert!(acme > 4 && globex > 4);
    later();
    let went = done(&folder, &["prune", "--yes"]);
    assert_eq!(went["archive"]["rows"], went["records"], "{went}");
    assert_eq!((of("acme"), of("globex")), (0, globex));
    let files = walk(&folder.path("log/archive"));
    assert!(!files.iter().any(|path| path.to_str().unwrap().contains("books/acme")), "{files:?}");
    // A second log, which is compacted after the pruning only.
    let folder = logged(&upstream, "{tenants: [{tenant: acme, keep: 1s}]}");
    later();
    done(&folder, &["prune", "--yes"]);
    done(&folder, &["compact", "-o", "json"]);
    let n = done(
        &folder,
        &["query", "--sql", "SELECT count(*) AS n FROM decisions WHERE principal = 'ann'", "-o", "json"],
    );
    assert_eq!(n["n"], 0);
    assert_eq!(findings(&folder).0, "ok");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_case_folder_with_pruned_records_is_proven_whole_and_says_how_many_they_were() {
    let upstream = Upstream::json("{}");
    // Of acme only what carries a class goes.
    let folder = logged(&upstream, "{classes: [{class: pii, keep: 1s}]}");
    later();
    assert!(done(&folder, &["prune", "--yes"])["records"].as_u64().unwrap() > 0);
    // The seal after it, so that the newest knows the book.
    calls(Sidecar::start(&folder)).stop();
    let manifest = done(&folder, &["export", "--tenant", "acme", "--out", "case", "-o", "json"]);
    assert!(
        manifest["withheld"].as_u64().unwrap() > 0 && manifest["rows"].as_u64().unwrap() > 0,
        "{manifest}"
    );
    let check = Command::new("python3").arg(folder.path("case/check.py")).output().unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success() && said.contains("pruned") && said.contains("none left out"), "{said}");
}

#[test]
fn several_who_ask_at_once_are_all_put_on_record_whether_or_not_a_sidecar_runs() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream, "{default: 1d}");
    let add = |name: String| {
        let program = env!("CARGO_BIN_EXE_palisade-audit");
        let arguments = ["hold", "add", &name, "--by", "legal", "--reason", "x"];
        Command::new(program).current_dir(folder.path("")).args(arguments).spawn().unwrap()
    };
    let all = |kind: &str| {
        let several: Vec<_> = (0..4).map(|at| add(format!("{kind}-{at}"))).collect();
        several.into_iter().all(|mut one| one.wait().unwrap().success())
    };
    assert!(all("alone"));
    let sidecar = Sidecar::start(&folder);
    assert!(all("beside"));
    sidecar.stop();
    assert_eq!(done(&folder, &["hold", "list", "-o", "json"])["holds"].as_array().unwrap().len(), 8);
    let file: Value = serde_json::from_str(&folder.read("log/holds.json")).unwrap();
    assert_eq!(file.as_array().unwrap().len(), 8);
    assert_eq!(findings(&folder).0, "ok");
}
