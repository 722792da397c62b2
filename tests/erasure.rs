//! A person is erased from the log of a real sidecar: the name is nowhere any more, and all else is proven as before.
#![cfg(feature = "audit")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use palisade::audit::entry;
use palisade::audit::frame;
use palisade::audit::frame::Frames;
use serde_json::Value;

/// A folder whose log a sidecar wrote: three people called, and then one of them left.
fn logged(upstream: &Upstream) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    folder.write(
        "palisade.yaml",
        &config.replace("decision_log: {file: decisions.jsonl}", "decision_log: {dir: log}"),
    );
    let others: [(&str, &str, &[&str]); 3] =
        [("gil", "globex", &["clinician"]), ("des", "acme/west", &["desk"]), ("bob", "acme", &["desk"])];
    folder.keys(&[&others[..], &[("ann", "acme", &["clinician"])]].concat());
    let sidecar = Sidecar::start(&folder);
    for caller in ["ann", "gil", "des"] {
        for call in ["GET /patients/7", "GET /plain", "GET /keys/acme/west/things"] {
            sidecar.ask(&format!("{call} HTTP/1.1\r\n{}", key(caller)));
        }
    }
    // A colleague looks her up: her name is in the path, and in another one it is only a part of a longer name.
    sidecar.ask(&format!("GET /patients/ann HTTP/1.1\r\n{}", key("bob")));
    sidecar.ask(&format!("GET /patients/joanna HTTP/1.1\r\n{}", key("bob")));
    sidecar.stop();
    folder.keys(&others);
    folder
}

fn audit(folder: &Folder, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade-audit");
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn done(folder: &Folder, arguments: &[&str]) -> Value {
    let output = audit(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

const ERASE: [&str; 9] =
    ["erase", "--tenant", "acme", "--principal", "ann", "--by", "dpo", "--reason", "request-17"];

fn erase(folder: &Folder) -> Value {
    done(folder, &[&ERASE[..], &["--yes", "-o", "json"]].concat())
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn plain(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|end| end == "zst") {
        zstd::decode_all(&bytes[..]).unwrap()
    } else {
        bytes
    }
}

/// Every file of the log and all below it in which the name stands as a word; of the archive its rows are asked.
fn named(folder: &Folder) -> Vec<PathBuf> {
    let is_word = |bytes: &[u8]| {
        let part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        bytes.windows(3).enumerate().any(|(at, window)| {
            window == b"ann"
                && !part(at.checked_sub(1).and_then(|at| bytes.get(at)))
                && !part(bytes.get(at + 3))
        })
    };
    walk(&folder.path("log")).into_iter().filter(|path| is_word(&plain(path))).collect()
}

fn rows(folder: &Folder, condition: &str) -> u64 {
    let sql = format!("SELECT count(*) AS n FROM decisions WHERE {condition}");
    done(folder, &["query", "--sql", &sql, "-o", "json", "--reads", "elsewhere"])["n"].as_u64().unwrap()
}

fn records(folder: &Folder) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = walk(&folder.path("log/segments"));
    all.sort();
    let all = all.into_iter().flat_map(|path| {
        let bytes = plain(&path);
        Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..])
            .map(|record| record.unwrap().to_vec())
            .collect::<Vec<_>>()
    });
    all.collect()
}

fn of_book(folder: &Folder, book: &str) -> String {
    let all = records(folder);
    let found = all.iter().filter_map(|record| entry::Entry::read(record).ok()).find(|it| it.book == book);
    found.unwrap().seq.to_string()
}

#[test]
fn a_person_is_erased_from_segments_archive_readings_and_snapshots_and_all_else_is_proven_as_before() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    done(&folder, &["compact", "-o", "json"]);
    done(&folder, &["query", "--principal", "ann", "-o", "json"]);
    let stays = of_book(&folder, "globex");
    let proof = audit(&folder, &["prove", &stays, "--record", "one.bin"]);
    folder.write("one.tlog-proof", &String::from_utf8(proof.stdout).unwrap());
    folder.write("log.vkey", &String::from_utf8(audit(&folder, &["checkpoint", "--keys"]).stdout).unwrap());
    let (of_des, of_globex) = (rows(&folder, "principal = 'des'"), rows(&folder, "book = 'globex'"));
    assert!(rows(&folder, "principal = 'ann'") >= 3 && of_des >= 3);
    let would = done(&folder, &[&ERASE[..], &["-o", "json"]].concat());
    assert!(would["records"] == 4 && would["done"] == false, "{would}");
    assert_eq!((&would["readings"], &would["snapshots"]), (&1.into(), &1.into()), "{would}");
    assert!(!named(&folder).is_empty());

    let went = erase(&folder);
    assert_eq!((&went["records"], &went["readings"]), (&would["records"], &would["readings"]), "{went}");
    assert_eq!(named(&folder), Vec::<PathBuf>::new());
    assert_eq!(rows(&folder, "principal = 'ann' OR path LIKE '%/ann'"), 0);
    // A longer name is another one, and others keep what is theirs.
    assert!(rows(&folder, "path LIKE '%joanna'") == 1 && rows(&folder, "principal = 'des'") == of_des);
    assert_eq!(rows(&folder, "book = 'globex'"), of_globex);
    let report = done(&folder, &["verify"]);
    assert_eq!(report["verdict"], "ok", "{report}");
    assert!(report["findings"].as_array().unwrap().iter().any(|one| one["what"] == "PRUNED"), "{report}");
    done(&folder, &["verify", "--log", "log/reads"]);
    for tenant in ["acme", "globex"] {
        assert_eq!(done(&folder, &["verify", "--tenant", tenant])["verdict"], "ok");
    }
    done(&folder, &["check-proof", "one.bin", "one.tlog-proof", "--key", "log.vkey"]);
    done(&folder, &["prove", &stays, "-o", "json"]);
    done(&folder, &["export", "--tenant", "acme/west", "--out", "case", "-o", "json"]);
    let check = Command::new("python3").arg(folder.path("case/check.py")).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    // The log goes on, and its archive; the sidecar that starts has no such person.
    let sidecar = Sidecar::start(&folder);
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("des")));
    sidecar.stop();
    done(&folder, &["compact", "-o", "json"]);
    assert_eq!((rows(&folder, "principal = 'des'"), named(&folder)), (of_des + 1, Vec::new()));
    assert_eq!(rows(&folder, "event = 'erase'"), 1);
    assert_eq!(done(&folder, &["verify"])["verdict"], "ok");
}

#[test]
fn beside_a_running_sidecar_what_it_still_writes_to_is_closed_and_goes_too() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    folder.keys(&[("ann", "acme", &["clinician"]), ("gil", "globex", &["clinician"])]);
    let sidecar = Sidecar::start(&folder);
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    let went = erase(&folder);
    assert_eq!(went["records"], 5, "{went}");
    let left: Vec<PathBuf> =
        named(&folder).into_iter().filter(|path| !path.starts_with(folder.path("log/blobs"))).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("gil")));
    sidecar.stop();
    assert_eq!(done(&folder, &["verify"])["verdict"], "ok");
}

#[test]
fn a_hold_beats_an_erasure_and_what_stays_on_record_of_one_does_not_name_the_person() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    let hold = ["hold", "add", "case-42", "--tenant", "acme", "--by", "legal", "--reason", "a lawsuit"];
    done(&folder, &hold);
    let held = audit(&folder, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(held.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&held.stderr).contains("case-42"), "{held:?}");
    assert!(rows(&folder, "principal = 'ann'") >= 3);
    done(&folder, &["hold", "release", "case-42", "--by", "legal", "--reason", "settled"]);
    let named =
        ["erase", "--tenant", "acme", "--principal", "ann", "--by", "dpo", "--reason", "ann asked", "--yes"];
    assert_eq!(audit(&folder, &named).status.code(), Some(2), "the reason would name her for ever");
    erase(&folder);
    assert_eq!(rows(&folder, "principal = 'ann'"), 0);
}

#[test]
fn an_erasure_on_record_excuses_no_other_record_that_is_gone_and_one_that_is_forged_is_a_change() {
    let upstream = Upstream::json("{}");
    let folder = logged(&upstream);
    erase(&folder);
    let first = walk(&folder.path("log/segments")).into_iter().min().unwrap();
    let whole = std::fs::read(&first).unwrap();
    let bytes = plain(&first);
    let write = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut left = bytes[..frame::SEGMENT_HEAD_BYTES].to_vec();
        for record in Frames::new(&bytes[frame::SEGMENT_HEAD_BYTES..]) {
            frame::append(&change(record.unwrap()), &mut left);
        }
        std::fs::write(&first, zstd::encode_all(&left[..], 3).unwrap()).unwrap();
        let output = audit(&folder, &["verify"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found =
            told["findings"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap().to_owned());
        (output.status.code().unwrap(), found.collect::<Vec<_>>())
    };
    let victim = of_book(&folder, "globex");
    let is_victim = |record: &[u8]| entry::seq(record).unwrap().to_string() == victim;
    let (code, found) = write(&|record| {
        if is_victim(record) { entry::withhold(record).unwrap() } else { record.to_vec() }
    });
    assert!(code == 6 && found.contains(&"MISSING".to_owned()), "{found:?}");
    // What would be an event of an erasure in another record's place is no leaf of the tree.
    let (code, found) = write(&|record| {
        let mut record = record.to_vec();
        if is_victim(&record) {
            record[1] = 4;
        }
        record
    });
    assert!(code == 6 && found.contains(&"MODIFIED".to_owned()), "{found:?}");
    std::fs::write(&first, whole).unwrap();
    assert_eq!(done(&folder, &["verify"])["verdict"], "ok");
}
