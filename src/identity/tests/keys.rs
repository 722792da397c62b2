//! Which key sets are believed, which keys in them, and how an operator hears of the others.

use serde_json::Value;
use serde_json::json;

use super::super::Algorithm;
use super::super::Issuer;
use super::super::Keyring;
use super::forge::Forge;
use crate::problem::Problem;

fn build(keys: &[Value], algorithms: &[Algorithm]) -> Result<Vec<Problem>, Vec<Problem>> {
    let forge = Forge::new(Algorithm::EdDsa);
    let jwks = json!({ "keys": keys }).to_string().into();
    let issuer = Issuer { jwks, algorithms: algorithms.to_vec(), ..forge.issuer() };
    Keyring::build(&[issuer], None).map(|keyring| keyring.warnings().to_vec())
}

fn changed(jwk: &Value, changes: &[(&str, Value)]) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in changes {
        if value.is_null() {
            jwk.as_object_mut().unwrap().shift_remove(*name);
        } else {
            jwk[*name] = value.clone();
        }
    }
    jwk
}

#[test]
fn a_key_that_may_not_verify_is_left_out_with_a_warning() {
    let (ec, rsa) = (Forge::new(Algorithm::Es256).jwk(), Forge::new(Algorithm::Rs256).jwk());
    let good = changed(&Forge::new(Algorithm::EdDsa).jwk(), &[("kid", json!("good"))]);
    for (change, says) in [
        (changed(&ec, &[("use", json!("enc"))]), "`use`"),
        (changed(&ec, &[("use", json!(1))]), "`use`"),
        (changed(&ec, &[("key_ops", json!(["encrypt"]))]), "`key_ops`"),
        (changed(&ec, &[("key_ops", json!("verify"))]), "`key_ops`"),
        (changed(&ec, &[("alg", json!("RS256"))]), "does not belong"),
        (changed(&ec, &[("alg", json!("ES521"))]), "not supported"),
        (changed(&ec, &[("alg", json!(1))]), "no text"),
        (changed(&ec, &[("crv", json!("P-384"))]), "does not belong"),
        (changed(&ec, &[("kty", json!("RSA"))]), "does not belong"),
        (changed(&ec, &[("kty", Value::Null)]), "no `kty`"),
        (changed(&ec, &[("kid", json!("k".repeat(129)))]), "`kid`"),
        (changed(&ec, &[("y", ec["x"].clone())]), "no point"),
        (changed(&ec, &[("x", json!("AA"))]), "32 bytes"),
        (changed(&ec, &[("x", json!(format!("{}=", ec["x"].as_str().unwrap())))]), "base64url"),
        (changed(&rsa, &[("n", json!("u_8"))]), "bits"),
        (changed(&rsa, &[("n", json!(format!("AAAA{}", rsa["n"].as_str().unwrap())))]), "leading zero"),
        (changed(&rsa, &[("n", Value::Null)]), "`n` is missing"),
        (changed(&rsa, &[("e", json!("AQ"))]), "exponent"),
        (changed(&rsa, &[("e", json!("AQAA"))]), "exponent"),
        (changed(&rsa, &[("e", json!(""))]), "exponent"),
        (changed(&rsa, &[("alg", Value::Null)]), "exactly one"),
    ] {
        let warnings = build(&[good.clone(), change.clone()], &[]).unwrap();
        assert_eq!(warnings.len(), 1, "{change}");
        assert!(warnings[0].message.contains(says), "{}", warnings[0].message);
        assert!(warnings[0].place.column > 1, "the place is the key's own");
        let errors = build(&[change], &[]).unwrap_err();
        assert!(errors.iter().any(|problem| problem.code == "no-usable-key"), "{errors:?}");
    }
}

#[test]
fn an_issuer_decides_what_its_keys_leave_open_and_no_more() {
    let rsa = changed(&Forge::new(Algorithm::Ps256).jwk(), &[("alg", Value::Null)]);
    assert_eq!(build(std::slice::from_ref(&rsa), &[Algorithm::Ps256, Algorithm::Es256]), Ok(Vec::new()));
    assert!(build(std::slice::from_ref(&rsa), &[Algorithm::Ps256, Algorithm::Rs256]).is_err());
    assert!(build(&[rsa], &[Algorithm::Es256]).is_err());
    let ec = Forge::new(Algorithm::Es256).jwk();
    assert_eq!(build(&[changed(&ec, &[("alg", Value::Null)])], &[]), Ok(Vec::new()));
    assert!(build(&[ec], &[Algorithm::EdDsa]).is_err(), "the key's own algorithm must be allowed");
}

#[test]
fn a_set_that_is_wrong_as_a_whole_is_refused_with_its_place() {
    let forge = Forge::new(Algorithm::EdDsa);
    let (one, two) = (forge.jwk(), Forge::new(Algorithm::Es256).jwk());
    let refused = |jwks: String, code: &str, line: u32| {
        let problems = Keyring::build(&[Issuer { jwks: jwks.into(), ..forge.issuer() }], None).unwrap_err();
        assert_eq!((problems[0].code, problems[0].place.line), (code, line), "{problems:?}");
        assert_eq!(&*problems[0].place.file, "jwks.json");
    };
    refused(format!("{{\"keys\": [\n{one},\n{two}\n]}}"), "duplicate-kid", 3);
    let unused = changed(&two, &[("use", json!("enc"))]);
    refused(format!("{{\"keys\": [\n{one},\n{unused}]}}"), "duplicate-kid", 3);
    refused(
        format!("{{\"keys\":[{one},\n{}]}}", json!({"kty": "oct", "k": "AA", "alg": "HS256"})),
        "bad-jwk",
        2,
    );
    refused(format!("{{\"keys\":[{one},\n{}]}}", json!({"kty": "oct", "alg": "HS256"})), "bad-jwk", 2);
    refused(format!("{{\"keys\":[{}]}}", changed(&two, &[("d", json!("AA"))])), "bad-jwk", 1);
    refused(format!("{{\"keys\":[{one}],\n\"keys\":[]}}"), "bad-jwks", 2);
    refused("{\"keys\":[\n{\"kty\":\"OKP\",\"kty\":\"OKP\"}]}".into(), "bad-jwks", 2);
    refused("{\"keys\":\n[1]}".into(), "bad-jwk", 2);
    refused("{\"keys\":[]}".into(), "no-usable-key", 0);
    refused("{\"keys\":{}}".into(), "bad-jwks", 0);
    refused("[]".into(), "bad-jwks", 0);
    refused("{\n".into(), "bad-jwks", 2);
    refused(format!("{{\"keys\":{}}}", json!(vec![one; 300])), "bad-jwks", 0);
}

#[test]
fn an_issuer_that_would_believe_too_much_is_refused() {
    let good = Forge::new(Algorithm::EdDsa).issuer();
    let codes = |issuers: &[Issuer]| -> Vec<_> {
        Keyring::build(issuers, None).unwrap_err().iter().map(|problem| problem.code).collect()
    };
    assert_eq!(codes(&[Issuer { audiences: Vec::new(), ..good.clone() }]), ["no-audience"]);
    assert_eq!(codes(&[Issuer { audiences: vec![String::new()], ..good.clone() }]), ["no-audience"]);
    assert_eq!(codes(&[Issuer { issuer: String::new(), ..good.clone() }]), ["empty-issuer"]);
    assert_eq!(codes(&[Issuer { skew_seconds: 61, ..good.clone() }]), ["skew-too-large"]);
    assert_eq!(codes(&[good.clone(), good.clone()]), ["duplicate-issuer"]);
    let mut nowhere = good.clone();
    nowhere.claims.tenant = String::new();
    assert_eq!(codes(&[nowhere, Issuer { audiences: Vec::new(), ..good }]).len(), 3, "all at once");
}

#[test]
fn a_keyring_has_another_digest_when_anything_in_it_changes() {
    let good = Forge::new(Algorithm::EdDsa).issuer();
    let digest = |issuer: &Issuer, keys| Keyring::build(std::slice::from_ref(issuer), keys).unwrap().digest();
    let first = digest(&good, None);
    assert_eq!(first, digest(&good, None));
    let changes = [
        Issuer { jwks: format!("{} ", good.jwks).into(), ..good.clone() },
        Issuer { audiences: vec!["app".into()], ..good.clone() },
        Issuer { skew_seconds: 29, ..good.clone() },
        Issuer { typ: Some("JWT".into()), ..good.clone() },
        Issuer { tenants: crate::ids::TenantPath::parse("acme").ok(), ..good.clone() },
    ];
    for change in changes {
        assert_ne!(first, digest(&change, None), "{change:?}");
    }
    assert_ne!(first, digest(&good, Some(("k", "keys: []"))));
}
