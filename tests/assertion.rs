//! What the app is told of who calls, signed: proven by a JWT library of others' making (PyJWT), with the keys that the admin
//! listener publishes.
//!
//! `tests/assertion/install` gets it once, which takes a network; where it cannot be had, that is said.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use serde_json::Value;

fn skipped(why: &str) {
    // Past the harness, which keeps to itself what a test prints that passes.
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

/// The Python that has the library; `None`, said loudly, where it cannot be had.
fn python() -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assertion/install");
    match Command::new(script).output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
        }
        Ok(output) => {
            skipped(&format!(
                "no PyJWT (tests/assertion/install): {}",
                String::from_utf8_lossy(&output.stderr)
            ));
            None
        }
        Err(error) => {
            skipped(&format!("no PyJWT: {error}"));
            None
        }
    }
}

fn openssl(arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("openssl").args(arguments).output() else {
        skipped("no openssl");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn ed25519() -> Option<String> {
    openssl(&["genpkey", "-algorithm", "ed25519"])
}

fn p256() -> Option<String> {
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
}

/// A sidecar's folder that signs with these keys.
fn folder(upstream: &Upstream, keys: &str, more: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    folder.write("assertion.pem", keys);
    let assertion = format!(
        "identity: {{assertion: {{key_file: assertion.pem, issuer: 'https://palisade.example', audience: app{more}}}, "
    );
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("identity: {", &assertion));
    folder
}

/// The assertion in the last request that the app saw.
fn told(upstream: &Upstream, header: &str) -> Option<String> {
    let head = upstream.heads().pop().unwrap();
    let name = format!("{header}: ");
    let mut lines = head.lines().filter_map(|line| line.strip_prefix(&*name)).map(str::to_owned);
    let found = lines.next();
    assert!(lines.next().is_none(), "{head}");
    found
}

fn proven(python: &str, sidecar: &Sidecar, token: &str, algorithm: &str) -> Result<Value, String> {
    let jwks = sidecar.admin("/.well-known/jwks.json");
    assert_eq!((jwks.status, &*jwks.headers["content-type"]), (200, "application/jwk-set+json"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assertion/verify.py");
    let output = Command::new(python)
        .arg(script)
        .args([&jwks.text(), token, "https://palisade.example", "app", algorithm])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}

const HEADER: &str = "x-palisade-assertion";

#[test]
fn an_assertion_is_proven_by_a_library_of_others_making_and_says_what_was_decided() {
    let (Some(python), Some(ec), Some(ed)) = (python(), p256(), ed25519()) else { return };
    for (keys, algorithm) in [(ec, "ES256"), (ed, "EdDSA")] {
        let upstream = Upstream::json("[]");
        let folder = folder(&upstream, &keys, "");
        let sidecar = Sidecar::start(&folder);
        // What a client says of itself under that name never arrives.
        let forged = format!("{}X-Palisade-Assertion: forged\r\nx-palisade-assertion: twice\r\n", key("wes"));
        assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{forged}")).status, 200);
        let token = told(&upstream, HEADER).unwrap();
        let claims = proven(&python, &sidecar, &token, algorithm).unwrap();
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        assert_eq!(
            [text("sub"), text("kind"), text("tenant"), text("caller_tenant")],
            ["wes", "User", "acme/west", "acme/west"]
        );
        assert_eq!((text("data_key"), text("auth_method")), ("acme/west/".to_owned(), "api_key".to_owned()));
        assert_eq!(claims["roles"], serde_json::json!(["clinician"]));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        // A byte of it changed, or another algorithm wanted: none.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (flipped, rest) = signature.split_at(1);
        let other = format!("{}{rest}", if flipped == "A" { "B" } else { "A" });
        assert!(proven(&python, &sidecar, &format!("{signed}.{other}"), algorithm).is_err());
        // A refusal tells the app nothing, and nor does Palisade's own output.
        let before = upstream.heads().len();
        assert_eq!(sidecar.ask(&format!("DELETE /plain HTTP/1.1\r\n{}", key("wes"))).status, 405);
        assert_eq!(upstream.heads().len(), before);
        let said = sidecar.logged() + &folder.read("decisions.jsonl") + &sidecar.admin("/metrics").text();
        assert!(!said.contains(&token) && !said.contains("PRIVATE KEY"));
    }
}

#[test]
fn one_is_used_again_for_the_same_and_for_nothing_else() {
    let Some(keys) = ed25519() else { return };
    let upstream = Upstream::json("[]");
    let folder = folder(&upstream, &keys, ", header: x-who, lifetime: 1h");
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("workers: 2", "workers: 1"));
    let sidecar = Sidecar::start(&folder);
    let ask = |head: &str| {
        let answer = sidecar.ask(head);
        assert_eq!(answer.status, 200, "{}", answer.text());
        told(&upstream, "x-who")
    };
    let ann = format!("GET /plain HTTP/1.1\r\nx-who: me\r\n{}", key("ann"));
    let first = ask(&ann).unwrap();
    assert_eq!(ask(&ann).unwrap(), first);
    // Another caller, and the same one about another tenant's data.
    assert_ne!(ask(&format!("GET /plain HTTP/1.1\r\n{}", key("gil"))).unwrap(), first);
    let west = ask(&format!("GET /plain HTTP/1.1\r\nx-tenant: acme/west\r\n{}", key("ann"))).unwrap();
    assert_ne!(west, first);
    assert_eq!(ask(&ann).unwrap(), first);
    // A caller whose roles change is told of anew.
    folder.write(
        "api_keys.yaml",
        &folder.read("api_keys.yaml").replace("[\"clinician\"]", "[\"clinician\", \"lead\"]"),
    );
    let end = Instant::now() + Duration::from_secs(20);
    while ask(&ann).unwrap() == first {
        assert!(Instant::now() < end, "the edit has no effect");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn keys_rotate_with_an_overlap_and_without_a_restart_and_a_broken_file_changes_nothing() {
    let (Some(python), Some(old), Some(new)) = (python(), ed25519(), ed25519()) else { return };
    let upstream = Upstream::json("[]");
    let folder = folder(&upstream, &old, "");
    let sidecar = Sidecar::start(&folder);
    let ask = || {
        assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
        told(&upstream, HEADER).unwrap()
    };
    let published = || {
        let set: Value = serde_json::from_str(&sidecar.admin("/.well-known/jwks.json").text()).unwrap();
        let kids = set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<Vec<_>>()
    };
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(Instant::now() < end, "{what} did not happen");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let first = ask();
    assert_eq!(published().len(), 1);
    // Published first, so that the app may know it; then it signs, and the old one is still known.
    folder.write("assertion.pem", &format!("{old}{new}"));
    wait("publishing", &|| published().len() == 2);
    assert_eq!(proven(&python, &sidecar, &ask(), "EdDSA").unwrap()["sub"], "ann");
    let kids = published();
    folder.write("assertion.pem", &format!("{new}{old}"));
    wait("signing", &|| published() == [kids[1].clone(), kids[0].clone()]);
    let second = ask();
    assert_ne!(first.split('.').next(), second.split('.').next());
    for token in [&first, &second] {
        assert_eq!(proven(&python, &sidecar, token, "EdDSA").unwrap()["sub"], "ann");
    }
    folder.write("assertion.pem", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    wait("the refusal", &|| sidecar.admin("/readyz?verbose").text().contains("bad-assertion-key"));
    assert!(!sidecar.admin("/readyz?verbose").text().contains("c2VjcmV0"));
    assert_eq!(published(), [kids[1].clone(), kids[0].clone()]);
    folder.write("assertion.pem", &new);
    wait("the end of the old key", &|| published() == [kids[1].clone()]);
    assert!(proven(&python, &sidecar, &first, "EdDSA").is_err());
}

#[test]
fn where_nothing_is_signed_nothing_is_published() {
    let upstream = Upstream::json("[]");
    let sidecar = Sidecar::start(&Folder::new(upstream.address));
    assert_eq!(sidecar.admin("/.well-known/jwks.json").status, 404);
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
    assert_eq!(told(&upstream, HEADER), None);
}
