//! A verifier and a witness that others made: they believe what is proven here, cosign it, and refuse a fork.
//!
//! `tests/evidence/install` gets them once, which takes a network.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
#![expect(clippy::string_slice, reason = "a test stops at the first surprise")]

mod common;
#[path = "evidence/writer.rs"]
#[expect(dead_code, reason = "the attacks are made elsewhere")]
mod writer;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::Sidecar;
use common::Upstream;
use palisade::audit::note::Checkpoint;
use palisade::audit::note::Note;
use palisade::audit::note::Signed;
use palisade::audit::note::VerifierKey;
use palisade::audit::tree::Hash;
use palisade::evidence;
use palisade::evidence::Asked;
use palisade::evidence::Class;
use palisade::evidence::Folder;
use palisade::evidence::NotCosigned;
use palisade::evidence::Witness;
use palisade::remote::Access;
use writer::Log;

const ORIGIN: &str = "palisade.log/0102";

/// The folder of their programs; `None`, said loudly, where they cannot be had.
fn programs() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence/install");
    let ran = Command::new(script).output().unwrap();
    if ran.status.success() {
        return Some(String::from_utf8(ran.stdout).unwrap().trim().into());
    }
    let why = String::from_utf8_lossy(&ran.stderr);
    std::io::stderr()
        .write_all(
            format!("SKIPPED: no C2SP verifier and witness (tests/evidence/install): {why}\n").as_bytes(),
        )
        .unwrap();
    None
}

fn runs(program: &Path, arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(arguments).output().unwrap();
    if !ran.status.success() {
        std::io::stderr().write_all(&[&ran.stdout[..], &ran.stderr].concat()).unwrap();
    }
    ran.status.success()
}

fn hashes(path: &[Hash]) -> String {
    path.iter().map(|hash| format!("{}\n", STANDARD.encode(hash))).collect()
}

fn head(note: &str) -> Checkpoint {
    Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap()
}

#[test]
fn a_verifier_of_others_believes_checkpoints_and_proofs_and_nothing_that_was_changed() {
    let Some(programs) = programs() else { return };
    let tlog = programs.join("aics-tlog");
    let log = Log::usual(1);
    let (folder, work) = (Folder::open(log.path()).unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str, bytes: &[u8]| {
        fs::write(work.path().join(name), bytes).unwrap();
        work.path().join(name).to_str().unwrap().to_owned()
    };
    let (note, key) = (log.checkpoints.last().unwrap(), log.signer.verifier().to_string());
    let checkpoint = |note: &str| {
        let note = file("note", note.as_bytes());
        runs(&tlog, &["verify-checkpoint", "--note", &note, "--log-key", &key, "--origin", ORIGIN])
    };
    assert!(checkpoint(note));
    assert!(!checkpoint(&note.replace("\n3500\n", "\n3400\n")));
    let newest = head(note);
    let (size, root) = (newest.size.to_string(), STANDARD.encode(newest.root));
    for seq in [0, 256, 3_499] {
        let proven = evidence::prove(&folder, seq).unwrap();
        let path = file("path", hashes(&proven.proof.path).as_bytes());
        let included = |record: &[u8]| {
            let (leaf, index) = (file("leaf", record), seq.to_string());
            let at = ["--index", &index, "--size", &size, "--root", &root];
            runs(&tlog, &[&["verify-inclusion", "--leaf", &leaf, "--proof", &path], &at[..]].concat())
        };
        assert!(included(&proven.record), "{seq}");
        let mut other = proven.record.clone();
        *other.last_mut().unwrap() ^= 1;
        assert!(!included(&other), "{seq}");
    }
    // Each is a process of Python's, so not all of them.
    for old in log.checkpoints.iter().step_by(5) {
        let old = head(old);
        let path = evidence::growth(&folder, old.size, &newest).unwrap();
        let path = file("path", hashes(&path).as_bytes());
        let consistent = |old_root: &Hash| {
            let (old_size, old_root) = (old.size.to_string(), STANDARD.encode(old_root));
            let sizes = ["--old-size", &old_size, "--new-size", &size, "--old-root", &old_root];
            runs(
                &tlog,
                &[&["verify-consistency", "--proof", &path, "--new-root", &root], &sizes[..]].concat(),
            )
        };
        assert!(consistent(&old.root), "{}", old.size);
        assert!(!consistent(&[7; 32]), "{}", old.size);
    }
}

/// A witness that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn witness(programs: &Path, work: &Path, origin: &str, log: &VerifierKey) -> (Running, Witness) {
    let program = programs.join("aics-witness");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (listen, config) = (format!("127.0.0.1:{port}"), work.join("witness.json"));
    let config = config.to_str().unwrap();
    let name = "witness.example/w1";
    let made = Command::new(&program)
        .args(["init", "--config", config, "--name", name, "--listen", &listen])
        .output()
        .unwrap();
    let key = VerifierKey::parse(String::from_utf8(made.stdout).unwrap().trim()).unwrap();
    assert!(runs(&program, &["add-log", "--config", config, "--origin", origin, "--vkey", &log.to_string()]));
    let output = fs::File::create(work.join("witness.log")).unwrap();
    let child = Command::new(&program).args(["serve", "--config", config]).stderr(output).spawn().unwrap();
    let running = Running(child);
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            let url = format!("http://{listen}").parse().unwrap();
            return (running, Witness { url, key });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = fs::read_to_string(work.join("witness.log")).unwrap();
    assert!(said.is_empty(), "the witness does not come up: {said}");
    (running, Witness { url: "http://127.0.0.1".parse().unwrap(), key })
}

#[test]
fn a_witness_of_others_cosigns_what_only_grew_and_refuses_a_fork_and_a_rollback() {
    let Some(programs) = programs() else { return };
    let work = tempfile::tempdir().unwrap();
    let access = Access { timeout: Duration::from_secs(30), plain_http: true, ..Access::default() };
    let mut log = Log::new(1);
    let key = log.signer.verifier().clone();
    let (_running, witness) = witness(&programs, work.path(), ORIGIN, &key);
    let mut cosigned = Vec::new();
    for _ in 0..3 {
        log.decisions(333).checkpoint().write();
        let folder = Folder::open(log.path()).unwrap();
        let note = evidence::cosign(&folder, &witness, &access).unwrap();
        assert!(matches!(note.signed_by(&witness.key), Signed::Yes { at: Some(_) }));
        assert_eq!(folder.cosigned().unwrap().unwrap(), note.write());
        // A second time nobody is asked.
        assert_eq!(evidence::cosign(&folder, &witness, &access).unwrap(), note);
        // Whoever forgot what was cosigned learns it from the witness.
        fs::remove_file(log.path().join("checkpoint.cosigned")).unwrap();
        cosigned.push(note);
    }
    let last = cosigned.pop().unwrap();
    let (file, text) = (work.path().join("cosigned"), last.write());
    fs::write(&file, &text).unwrap();
    let tlog = programs.join("aics-tlog");
    let (key, witness_key) = (key.to_string(), witness.key.to_string());
    let arguments = ["verify-checkpoint", "--note", file.to_str().unwrap(), "--log-key", &key];
    assert!(runs(&tlog, &[&arguments[..], &["--witness-key", &witness_key, "--quorum", "1"]].concat()));

    // Another history under the same key: a larger one, and one of the same size.
    for records in [1_200, 999] {
        let mut fork = Log::new(2);
        fork.decisions(records).checkpoint().write();
        let refused = evidence::cosign(&Folder::open(fork.path()).unwrap(), &witness, &access);
        assert!(matches!(refused, Err(NotCosigned::Forked)), "{refused:?}");
    }
    let mut old = Log::new(1);
    old.decisions(333).checkpoint().write();
    let refused = evidence::cosign(&Folder::open(old.path()).unwrap(), &witness, &access);
    assert!(matches!(refused, Err(NotCosigned::Ahead { seen: 999, size: 333 })), "{refused:?}");

    // What it cosigned is an anchor, by its key alone.
    let anchors = [("cosigned".to_owned(), last)];
    let keys = [witness.key.clone()];
    let asked = Asked { anchors: &anchors, keys: &keys, ..Asked::default() };
    let report = |log: &Log| evidence::verify(log.path(), &asked, &mut |_| {}).unwrap();
    assert_eq!((report(&log).class(), report(&log).anchors), (Class::Sound, 1));
    assert_eq!(report(&old).class(), Class::Integrity);
}

/// The first block of the chapter in this language.
fn block(language: &str) -> String {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/evidence.md");
    let text = fs::read_to_string(chapter).unwrap();
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_commands_of_the_manual_check_a_checkpoint_and_a_proof_without_palisade() {
    for program in ["python3", "openssl"] {
        if Command::new(program).arg("--help").output().is_err() {
            std::io::stderr().write_all(format!("SKIPPED: no {program}\n").as_bytes()).unwrap();
            return;
        }
    }
    let (log, work) = (Log::usual(1), tempfile::tempdir().unwrap());
    let write = |name: &str, bytes: &[u8]| fs::write(work.path().join(name), bytes).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let ran = Command::new(program).args(arguments).current_dir(work.path()).output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
    };
    let note = log.checkpoints.last().unwrap();
    write("log.vkey", format!("{}\n", log.signer.verifier()).as_bytes());
    write("checkpoint", note.as_bytes());
    let (good, said) = run("sh", &["-c", &block("sh")]);
    assert!(good && said.contains("Verified"), "{said}");
    write("checkpoint", note.replace("\n3500\n", "\n3501\n").as_bytes());
    assert!(!run("sh", &["-c", &block("sh")]).0);

    write("check.py", block("python").as_bytes());
    let folder = Folder::open(log.path()).unwrap();
    for seq in [0, 777, 3_499] {
        let mut proven = evidence::prove(&folder, seq).unwrap();
        write("proof", proven.proof.write().as_bytes());
        write("record", &proven.record);
        let (good, said) = run("python3", &["check.py", "record", "proof"]);
        assert!(
            good && said.contains(&format!("record {seq} is in palisade.log/0102, which has 3500")),
            "{said}"
        );
        *proven.record.last_mut().unwrap() ^= 1;
        write("record", &proven.record);
        assert!(!run("python3", &["check.py", "record", "proof"]).0);
    }
}

#[test]
fn a_running_sidecar_has_each_checkpoint_cosigned() {
    let Some(programs) = programs() else { return };
    let work = tempfile::tempdir().unwrap();
    let upstream = Upstream::json("{}");
    let folder = common::Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let with = |more: &str| {
        let log = format!("decision_log: {{dir: log, checkpoint_every: 1s{more}}}");
        folder.write("palisade.yaml", &config.replace("decision_log: {file: decisions.jsonl}", &log));
    };
    // The witness has to know the log, so it is begun without one.
    with("");
    Sidecar::start(&folder).stop();
    let log = || Folder::open(&folder.path("log")).unwrap();
    let key = log().keys().unwrap().remove(0);
    let (_running, witness) = witness(&programs, work.path(), log().origin(), &key);
    let ship = format!(
        ", ship: [{{name: w1, kind: witness, url: '{}', key: '{}', plain_http: true}}]",
        witness.url, witness.key
    );
    with(&ship);
    let before = head(&log().checkpoint().unwrap().unwrap()).size;
    let sidecar = Sidecar::start(&folder);
    let cosigned = || {
        let note = Note::parse(&log().cosigned().unwrap()?).unwrap();
        let by_witness = matches!(note.signed_by(&witness.key), Signed::Yes { at: Some(_) });
        by_witness.then(|| Checkpoint::parse(note.text()).unwrap().size)
    };
    let wait = |is: &dyn Fn() -> bool| {
        for _ in 0..600 {
            if is() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(is(), "it did not become so: {}", sidecar.logged());
    };
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", common::key("ann")));
    wait(&|| cosigned().is_some_and(|size| size > before));
    let seen = cosigned().unwrap();
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", common::key("ann")));
    wait(&|| cosigned().is_some_and(|size| size > seen));
    let sent = "palisade_ship_sent_total{sink=\"w1\"}";
    let metrics = sidecar.admin("/metrics").text();
    assert!(metrics.lines().any(|line| line.starts_with(sent) && !line.ends_with(" 0")), "{metrics}");
}
