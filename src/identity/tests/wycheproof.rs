//! Google's Wycheproof vectors for JWS and JWK: none that is invalid may be believed.
//!
//! Palisade has no algorithm with a shared secret, so the valid HS256 vectors are refused as a whole; so that their good
//! and bad encodings are tried all the same, this test proves their MACs itself, over what [`Jws::parse`] takes apart.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::jwk::KeySet;
use super::super::jws::Jws;

fn vectors(name: &str) -> Option<Value> {
    let folder = std::env::var_os("PALISADE_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")), PathBuf::from);
    let path = folder.join("jose").join(name);
    if !path.exists() {
        // Past the harness, which keeps to itself what a test prints that passes.
        std::io::stderr()
            .write_all(format!("SKIPPED: {} is absent; set PALISADE_DATA\n", path.display()).as_bytes())
            .unwrap();
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
}

/// The keys of a group as a JWKS, and the secrets among them.
fn keys(group: &Value) -> (String, Vec<Value>) {
    let key = group.get("public").unwrap_or(&group["private"]);
    let keys = key.get("keys").cloned().unwrap_or_else(|| Value::from(vec![key.clone()]));
    let secrets = keys.as_array().unwrap().iter().filter(|key| key["kty"] == "oct").cloned().collect();
    (serde_json::json!({ "keys": keys }).to_string(), secrets)
}

fn palisade_accepts(jwks: &str, token: &str) -> bool {
    let Ok((keys, _)) = KeySet::parse("jwks", jwks, &[]) else { return false };
    Jws::parse(token.as_bytes()).is_ok_and(|jws| jws.verify(&keys).is_ok())
}

fn hs256_accepts(secrets: &[Value], token: &str) -> bool {
    let Ok(jws) = Jws::parse(token.as_bytes()) else { return false };
    let (algorithm, signed, signature) = jws.parts();
    let [secret] = secrets else { return false };
    if algorithm != "HS256" || secret["alg"] != "HS256" {
        return false;
    }
    let key = URL_SAFE_NO_PAD.decode(secret["k"].as_str().unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed, signature).is_ok()
}

#[derive(Default)]
struct Counts {
    believed_wrongly: Vec<u64>,
    accepted: usize,
    by_mac: Vec<u64>,
    refused: BTreeMap<u64, &'static str>,
    contradictory: Vec<u64>,
    tests: usize,
}

fn count(file: &Value) -> Counts {
    let mut counts = Counts::default();
    for group in file["testGroups"].as_array().unwrap() {
        let (jwks, secrets) = keys(group);
        let tests = group["tests"].as_array().unwrap();
        let also_valid =
            |token: &Value| tests.iter().any(|test| test["result"] == "valid" && test["jws"] == *token);
        for test in tests {
            counts.tests += 1;
            let number = test["tcId"].as_u64().unwrap();
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let palisade = palisade_accepts(&jwks, &token);
            let mac = hs256_accepts(&secrets, &token);
            match (test["result"] == "valid", palisade, mac) {
                (true, true, _) => counts.accepted += 1,
                (true, false, true) => counts.by_mac.push(number),
                (true, false, false) if secrets.is_empty() => {
                    counts.refused.insert(number, "the key's alg is not the token's");
                }
                (true, false, false) => {
                    counts.refused.insert(number, "not canonical base64url, or a MAC");
                }
                (false, true, _) => counts.believed_wrongly.push(number),
                (false, false, true) if also_valid(&test["jws"]) => counts.contradictory.push(number),
                // Of Wycheproof's bad encodings none may come through `Jws::parse` with its MAC intact.
                (false, false, true) if group["comment"] == "base64" => counts.believed_wrongly.push(number),
                (false, false, _) => {}
            }
        }
    }
    counts
}

#[test]
fn no_invalid_signature_is_accepted_and_the_valid_ones_refused_are_named() {
    let Some(file) = vectors("wycheproof_json_web_signature_test.json") else { return };
    let counts = count(&file);
    assert_eq!(counts.tests, 401);
    assert_eq!(counts.believed_wrongly, [0; 0]);
    // Both are called wrongly padded, yet are byte for byte the valid token 357. Palisade refuses all three: MACs.
    assert_eq!(counts.contradictory, [367, 370]);
    // 46 are valid: 32 by keys that Palisade takes, 8 more are HS256, which only this test's own MAC takes.
    assert_eq!(
        (counts.accepted, counts.by_mac.as_slice()),
        (32, &[1, 348, 352, 357, 358, 359, 376, 377][..])
    );
    let refused: Vec<_> = counts.refused.into_iter().collect();
    assert_eq!(
        refused,
        [
            (346, "the key's alg is not the token's"), // RFC 7520 figure 20: PS384 with a PS256 key
            (347, "the key's alg is not the token's"), // figure 27: the key says ES521, which does not exist
            (350, "the key's alg is not the token's"), // the same two with key_ops
            (351, "the key's alg is not the token's"),
            (372, "not canonical base64url, or a MAC"), // a stray character in the header
            (373, "not canonical base64url, or a MAC"), // and in the payload
        ]
    );
}

#[test]
fn no_invalid_key_is_accepted() {
    let Some(file) = vectors("wycheproof_json_web_key_test.json") else { return };
    let counts = count(&file);
    assert_eq!(counts.tests, 26);
    assert_eq!(counts.believed_wrongly, [0; 0]);
    assert_eq!(counts.accepted, 1, "the four other valid ones are MACs");
}
