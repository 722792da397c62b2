//! API keys from their making to their end: `palisade key`, and a sidecar that takes each edit up without a restart.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use common::Folder;
use common::Sidecar;
use common::Upstream;

fn palisade(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(arguments)
        .current_dir(folder.0.path())
        .env_clear()
        .output()
        .unwrap()
}

/// What it prints where it succeeds.
fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = palisade(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn listed(folder: &Folder) -> Vec<serde_json::Value> {
    let all: serde_json::Value = serde_json::from_str(&said(folder, &["key", "list"])).unwrap();
    all["keys"].as_array().unwrap().clone()
}

fn status(sidecar: &Sidecar, key: &str) -> u16 {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\nx-api-key: {key}\r\n")).status
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_key_is_made_rotated_with_an_overlap_and_revoked_while_it_serves() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    let make = [
        "key",
        "new",
        "--principal",
        "billing",
        "--tenant",
        "acme",
        "--role",
        "clinician",
        "--id",
        "old",
        "--expires",
        "5d",
    ];
    let old = said(&folder, &make).trim().to_owned();
    let secret = old.strip_prefix("old.").unwrap();
    assert!(secret.len() >= 43);
    wait("the new key", || status(&sidecar, &old) == 200);
    assert!(!folder.read("api_keys.yaml").contains(secret));
    let mode = std::fs::metadata(folder.path("api_keys.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // It ends soon, and nobody has made another: it is told before it is felt.
    wait("the warning", || sidecar.admin("/metrics").text().contains("palisade_api_keys_expiring 1\n"));
    let of = |id: &str| listed(&folder).into_iter().find(|key| key["id"] == id).unwrap();
    assert_eq!((&of("old")["state"], &of("old")["kind"]), (&"expires_soon".into(), &"service".into()));

    let new = said(&folder, &["key", "new", "--like", "old", "--expires", "90d"]).trim().to_owned();
    wait("the overlap", || status(&sidecar, &new) == 200);
    assert_eq!(status(&sidecar, &old), 200);
    let (id, _) = new.split_once('.').unwrap();
    assert_eq!((&of(id)["principal"], &of(id)["roles"][0]), (&"billing".into(), &"clinician".into()));
    wait("the end of the warning", || {
        sidecar.admin("/metrics").text().contains("palisade_api_keys_expiring 0\n")
    });

    assert!(said(&folder, &["key", "revoke", "old"]).starts_with("revoked old"));
    wait("its end", || status(&sidecar, &old) == 401);
    assert_eq!(status(&sidecar, &new), 200);
    let log = folder.log();
    let refused = log.iter().rfind(|record| record["code"] == "bad_credential").unwrap();
    assert_eq!(refused["detail"], "api_key_unknown");
    let everything = sidecar.logged() + &folder.read("decisions.jsonl") + &said(&folder, &["key", "list"]);
    for key in [&old, &new] {
        assert!(!everything.contains(key.split_once('.').unwrap().1));
    }
}

#[test]
fn a_key_that_begins_later_or_has_ended_opens_nothing() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let make = |more: &[&str]| {
        let all =
            [&["key", "new", "--principal", "p", "--tenant", "acme", "--role", "clinician"], more].concat();
        said(&folder, &all).trim().to_owned()
    };
    let later = make(&["--not-before", "1h"]);
    let ended = make(&["--expires", "2026-01-01"]);
    let sidecar = Sidecar::start(&folder);
    assert_eq!((status(&sidecar, &later), status(&sidecar, &ended)), (401, 401));
    let details: Vec<_> =
        folder.records("decision", 2).iter().map(|record| record["detail"].clone()).collect();
    assert_eq!(details, ["credential_not_yet_valid", "credential_expired"]);
}

#[test]
fn what_is_not_meant_changes_nothing_and_is_told() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let before = folder.read("api_keys.yaml");
    for (arguments, code) in [
        (&["key", "revoke", "nobody"][..], 2),
        (&["key", "new", "--like", "nobody"], 2),
        (&["key", "new", "--principal", "p"], 2),
        (&["key", "new", "--principal", "p", "--tenant", "Not A Tenant"], 2),
        (&["key", "new", "--principal", "p", "--tenant", "acme", "--id", "ann"], 2),
        (&["key", "new", "--principal", "p", "--tenant", "acme", "--id", "a.b"], 2),
        (&["key", "new", "--principal", "p", "--tenant", "acme", "--expires", "soon"], 2),
        (&["key", "list", "--file", "nowhere.yaml"], 1),
        (&["key", "list", "--file", "tenants.yaml"], 3),
        (&["key", "new", "--principal", "p", "--tenant", "acme", "--file", "tenants.yaml"], 3),
    ] {
        let output = palisade(&folder, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
        assert_eq!(folder.read("api_keys.yaml"), before, "{arguments:?}");
    }
    // Two editors at once: the second is told.
    folder.write(".api_keys.yaml.new", "");
    let output = palisade(&folder, &["key", "revoke", "ann"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("somebody is editing it"));
    assert_eq!(folder.read("api_keys.yaml"), before);
    std::fs::remove_file(folder.path(".api_keys.yaml.new")).unwrap();
    // A file that is not there yet is made.
    let made = said(
        &folder,
        &["key", "new", "--principal", "p", "--tenant", "acme", "--file", "new.yaml", "-o", "json"],
    );
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert!(folder.read("new.yaml").contains(made["id"].as_str().unwrap()));
    assert_eq!(said(&folder, &["key", "list", "--file", "new.yaml", "-o", "pretty"]).lines().count(), 2);
}
