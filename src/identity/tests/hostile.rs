//! Tokens made to deceive. Each row says what it is, and the one reason for which it must be refused.

use aws_lc_rs::hmac;
use serde_json::Value;
use serde_json::json;

use super::super::Algorithm;
use super::super::Credential;
use super::super::Keyring;
use super::super::Rejected;
use super::super::Remembered;
use super::forge::Forge;
use super::forge::NOW;
use super::forge::encode;
use crate::limits;

type Row = (&'static str, String, Rejected);

/// Rows whose signature is true: only the check in question stands between the token and belief.
fn signed_rows(forge: &Forge) -> Vec<Row> {
    [header_rows, claims_rows, time_rows, issuer_rows, principal_rows]
        .into_iter()
        .flat_map(|rows| rows(forge))
        .collect()
}

fn header_rows(forge: &Forge) -> Vec<Row> {
    let header = |name, value| forge.with_header(name, value);
    let members = forge.claims().to_string();
    let long_kid = "k".repeat(limits::KID_BYTES_MAX + 1);
    vec![
        ("crit", header("crit", json!(["x"])), Rejected::Critical),
        ("empty crit", header("crit", json!([])), Rejected::Critical),
        ("b64 false", header("b64", json!(false)), Rejected::Critical),
        ("zip", header("zip", json!("DEF")), Rejected::Encrypted),
        ("enc", header("enc", json!("A256GCM")), Rejected::Encrypted),
        ("unknown kid", header("kid", json!("k2")), Rejected::UnknownKey),
        ("kid as a path", header("kid", json!("../../k1")), Rejected::UnknownKey),
        ("long kid", header("kid", json!(long_kid)), Rejected::BadHeader),
        ("kid as a number", header("kid", json!(1)), Rejected::BadHeader),
        ("kid null", header("kid", Value::Null), Rejected::BadHeader),
        ("typ as a number", header("typ", json!(1)), Rejected::BadHeader),
        ("alg as a list", header("alg", json!(["ES256"])), Rejected::BadHeader),
        ("alg in lower case", header("alg", json!("es256")), Rejected::Algorithm),
        ("alg of another key", header("alg", json!("RS256")), Rejected::Algorithm),
        ("alg none", header("alg", json!("none")), Rejected::Algorithm),
        (
            "header twice the same",
            forge.raw(r#"{"alg":"ES256","kid":"k1","kid":"k1"}"#, &members),
            Rejected::BadHeader,
        ),
        ("header is a list", forge.raw("[]", &members), Rejected::BadHeader),
        ("header without alg", forge.raw(r#"{"kid":"k1"}"#, &members), Rejected::Algorithm),
        ("header with BOM", forge.raw(&format!("\u{feff}{}", forge.header()), &members), Rejected::BadHeader),
    ]
}

fn claims_rows(forge: &Forge) -> Vec<Row> {
    let text = |claims: &str| forge.raw(&forge.header().to_string(), claims);
    let members = forge.claims().to_string();
    let open = members.strip_suffix('}').unwrap();
    vec![
        ("claims no JSON", text("foo"), Rejected::BadClaims),
        ("claims empty", text(""), Rejected::BadClaims),
        ("claims a nested token", text(&format!("{:?}", forge.token(&forge.claims()))), Rejected::BadClaims),
        ("claims with a tail", text(&format!("{members} {{}}")), Rejected::BadClaims),
        ("duplicate exp", text(&format!("{open},\"exp\":9999999999}}")), Rejected::BadClaims),
        ("duplicate escaped", text(&format!("{open},\"t\\u0065nant\":\"globex\"}}")), Rejected::BadClaims),
        ("duplicate deep down", text(&format!("{open},\"x\":[{{\"y\":1,\"y\":1}}]}}")), Rejected::BadClaims),
        ("invalid surrogate", text(&format!("{open},\"x\":\"\\ud800\"}}")), Rejected::BadClaims),
    ]
}

fn time_rows(forge: &Forge) -> Vec<Row> {
    let text = |claims: &str| forge.raw(&forge.header().to_string(), claims);
    let claim = |name, value| forge.with(name, value);
    let members = forge.claims().to_string();
    vec![
        ("no exp", forge.without("exp"), Rejected::NoExpiry),
        ("exp text", claim("exp", json!("9999999999")), Rejected::BadTime),
        ("exp float", claim("exp", json!(1_900_000_000.5)), Rejected::BadTime),
        ("exp with exponent", text(&members.replace("1800000060", "18e9")), Rejected::BadTime),
        ("exp null", claim("exp", Value::Null), Rejected::BadTime),
        ("exp bool", claim("exp", json!(true)), Rejected::BadTime),
        ("exp negative", claim("exp", json!(-1)), Rejected::BadTime),
        ("exp minimum", claim("exp", json!(i64::MIN)), Rejected::BadTime),
        ("exp in milliseconds", claim("exp", json!(NOW * 1000)), Rejected::BadTime),
        ("exp maximum", claim("exp", json!(u64::MAX)), Rejected::BadTime),
        ("exp past 64 bits", text(&members.replace("1800000060", "18446744073709551616")), Rejected::BadTime),
        ("exp zero", claim("exp", json!(0)), Rejected::Expired),
        ("exp past the skew", claim("exp", json!(NOW - 30)), Rejected::Expired),
        ("nbf past the skew", claim("nbf", json!(NOW + 31)), Rejected::NotYetValid),
        ("nbf text", claim("nbf", json!("0")), Rejected::BadTime),
        ("nbf float", claim("nbf", json!(0.5)), Rejected::BadTime),
        ("iat in the future", claim("iat", json!(NOW + 31)), Rejected::NotYetValid),
        ("iat null", claim("iat", Value::Null), Rejected::BadTime),
    ]
}

fn issuer_rows(forge: &Forge) -> Vec<Row> {
    let claim = |name, value| forge.with(name, value);
    vec![
        ("no iss", forge.without("iss"), Rejected::NoIssuer),
        ("iss a list", claim("iss", json!(["https://id.example"])), Rejected::NoIssuer),
        ("iss with a slash", claim("iss", json!("https://id.example/")), Rejected::UnknownIssuer),
        ("no aud", forge.without("aud"), Rejected::NoAudience),
        ("aud null", claim("aud", Value::Null), Rejected::NoAudience),
        ("aud empty", claim("aud", json!([])), Rejected::WrongAudience),
        ("aud of another app", claim("aud", json!("other")), Rejected::WrongAudience),
        ("aud a prefix", claim("aud", json!("ap")), Rejected::WrongAudience),
        ("aud in other case", claim("aud", json!(["APP", "other"])), Rejected::WrongAudience),
        ("aud with a number", claim("aud", json!(["app", 1])), Rejected::NoAudience),
    ]
}

fn principal_rows(forge: &Forge) -> Vec<Row> {
    let claim = |name, value| forge.with(name, value);
    let too_many: Vec<_> = (0..=limits::CLAIM_VALUES_MAX).map(|n| n.to_string()).collect();
    vec![
        ("no sub", forge.without("sub"), Rejected::BadSubject),
        ("sub empty", claim("sub", json!("")), Rejected::BadSubject),
        ("sub a number", claim("sub", json!(7)), Rejected::BadSubject),
        ("sub with a line feed", claim("sub", json!("a\nb")), Rejected::BadSubject),
        ("sub too long", claim("sub", json!("a".repeat(limits::CLAIM_BYTES_MAX + 1))), Rejected::BadSubject),
        ("tenant in upper case", claim("tenant", json!("Acme")), Rejected::BadTenant),
        ("tenant look-alike", claim("tenant", json!("аcme")), Rejected::BadTenant),
        ("tenant null", claim("tenant", Value::Null), Rejected::BadTenant),
        ("tenant empty", claim("tenant", json!("")), Rejected::BadTenant),
        ("tenant a list", claim("tenant", json!(["acme"])), Rejected::BadTenant),
        ("roles an object", claim("roles", json!({"admin": true})), Rejected::BadValues),
        ("roles null", claim("roles", Value::Null), Rejected::BadValues),
        ("roles with a number", claim("roles", json!(["a", 1])), Rejected::BadValues),
        ("too many roles", claim("roles", json!(too_many)), Rejected::BadValues),
        (
            "a role too long",
            claim("roles", json!(["r".repeat(limits::CLAIM_BYTES_MAX + 1)])),
            Rejected::BadValues,
        ),
        ("too long", claim("x", json!("x".repeat(limits::CREDENTIAL_BYTES_MAX))), Rejected::TooLong),
    ]
}

/// Rows that were tampered with, or signed by someone else.
fn forged_rows(forge: &Forge) -> Vec<Row> {
    let good = forge.token(&forge.claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    let other = Forge::new(Algorithm::Es256);
    let none = encode(r#"{"alg":"none"}"#);
    let hs = encode(r#"{"alg":"HS256","kid":"k1"}"#);
    let key = hmac::Key::new(hmac::HMAC_SHA256, forge.jwk().to_string().as_bytes());
    let mac = encode(hmac::sign(&key, format!("{hs}.{body}").as_bytes()));
    let embedded = {
        let mut header = other.header();
        header["jwk"] = other.jwk();
        header["jku"] = "https://evil.example/jwks".into();
        header["x5u"] = "https://evil.example/cert".into();
        header["x5c"] = json!(["MIIB"]);
        other.raw(&header.to_string(), &other.claims().to_string())
    };
    let flipped = {
        let mut bytes = forge.sign(format!("{head}.{body}").as_bytes());
        bytes[5] ^= 1;
        encode(bytes)
    };
    // 64 bytes are 86 characters, of which the last holds 2 used bits: any of 16 characters would decode alike.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let trailing = format!("{}{next}", signature.strip_suffix(last).unwrap());
    vec![
        ("empty", String::new(), Rejected::Malformed),
        ("one part", head.into(), Rejected::Malformed),
        ("two parts", format!("{head}.{body}"), Rejected::Malformed),
        ("four parts", format!("{good}."), Rejected::Malformed),
        ("five parts", format!("{good}.AA.AA"), Rejected::Encrypted),
        ("six parts", format!("{good}.AA.AA.AA"), Rejected::Malformed),
        ("dots", "..".into(), Rejected::BadHeader),
        ("none", format!("{none}.{body}."), Rejected::Algorithm),
        ("none, signature kept", format!("{none}.{body}.{signature}"), Rejected::Algorithm),
        ("public key as a MAC secret", format!("{hs}.{body}.{mac}"), Rejected::Algorithm),
        ("no signature", format!("{head}.{body}."), Rejected::Signature),
        ("psychic signature", format!("{head}.{body}.{}", encode([0; 64])), Rejected::Signature),
        ("flipped bit", format!("{head}.{body}.{flipped}"), Rejected::Signature),
        ("short signature", format!("{head}.{body}.{}", encode([1; 63])), Rejected::Signature),
        ("another's signature", other.token(&other.claims()), Rejected::Signature),
        ("embedded key", embedded, Rejected::Signature),
        ("padded", format!("{good}=="), Rejected::Malformed),
        ("trailing bits", format!("{head}.{body}.{trailing}"), Rejected::Malformed),
        ("inner space", format!("{head}. {body}.{signature}"), Rejected::Malformed),
        ("line feed at the end", format!("{good}\n"), Rejected::Malformed),
        (
            "standard alphabet",
            format!("{head}.{body}.+/{}", signature.get(2..).unwrap()),
            Rejected::Malformed,
        ),
        ("JSON serialisation", format!(r#"{{"payload":"{body}"}}"#), Rejected::Malformed),
    ]
}

#[test]
fn no_hostile_token_is_believed() {
    let forge = Forge::new(Algorithm::Es256);
    let keyring = forge.keyring();
    assert!(keyring.verify(Credential::Bearer(forge.token(&forge.claims()).as_bytes()), NOW).is_ok());
    for (name, token, reason) in signed_rows(&forge).into_iter().chain(forged_rows(&forge)) {
        let seen = keyring.verify(Credential::Bearer(token.as_bytes()), NOW);
        assert_eq!(seen.err(), Some(reason), "{name}");
    }
}

#[test]
fn key_material_in_a_header_changes_nothing_for_a_true_signature_either() {
    let forge = Forge::new(Algorithm::Es256);
    assert!(forge.verify(&forge.with_header("jwk", Forge::new(Algorithm::Es256).jwk())).is_ok());
    assert!(forge.verify(&forge.with_header("x5c", json!(["AA"]))).is_ok());
}

#[test]
fn times_hold_to_the_second_and_within_the_skew() {
    let forge = Forge::new(Algorithm::Es256);
    for (claim, time) in
        [("exp", NOW - 29), ("nbf", NOW + 30), ("iat", NOW + 30), ("exp", limits::TOKEN_TIME_SECONDS_MAX)]
    {
        assert!(forge.verify(&forge.with(claim, json!(time))).is_ok(), "{claim} {time}");
    }
}

#[test]
fn a_type_is_asked_for_where_the_issuer_says_so() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    forge.settings.typ = Some("at+jwt".into());
    for good in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(forge.verify(&forge.with_header("typ", json!(good))).is_ok(), "{good}");
    }
    for wrong in ["JWT", "", "at+jwt2", "text/at+jwt"] {
        assert_eq!(
            forge.verify(&forge.with_header("typ", json!(wrong))).err(),
            Some(Rejected::WrongType),
            "{wrong}"
        );
    }
    let untyped = forge.raw(r#"{"alg":"EdDSA","kid":"k1"}"#, &forge.claims().to_string());
    assert_eq!(forge.verify(&untyped).err(), Some(Rejected::WrongType));
}

#[test]
fn a_token_without_kid_needs_the_only_key_of_its_algorithm() {
    let (one, two) = (Forge::new(Algorithm::Es256), Forge::new(Algorithm::Es256));
    let ed = Forge::new(Algorithm::EdDsa);
    let named = |forge: &Forge, kid: &str| {
        let mut jwk = forge.jwk();
        jwk["kid"] = kid.into();
        jwk
    };
    let verify = |keys: &[Value], forge: &Forge| {
        let mut issuer = forge.issuer();
        issuer.jwks = json!({ "keys": keys }).to_string().into();
        let header = json!({"alg": forge.algorithm.as_str()}).to_string();
        let token = forge.raw(&header, &forge.claims().to_string());
        Keyring::build(&[issuer], None).unwrap().verify(Credential::Bearer(token.as_bytes()), NOW).err()
    };
    let all = [named(&one, "a"), named(&two, "b"), named(&ed, "c")];
    assert_eq!(verify(&all, &one), Some(Rejected::AmbiguousKey));
    assert_eq!(verify(&all, &ed), None);
    assert_eq!(verify(&all[..1], &one), None);
    assert_eq!(verify(&all[..1], &two), Some(Rejected::Signature));
    assert_eq!(verify(&all[..1], &ed), Some(Rejected::UnknownKey));
}

#[test]
fn a_remembered_token_is_forgotten_with_its_keys_and_its_time() {
    let forge = Forge::new(Algorithm::Es256);
    let keyring = forge.keyring();
    let mut remembered = Remembered::default();
    let token = forge.token(&forge.claims());
    let bearer = Credential::Bearer(token.as_bytes());
    let first = remembered.verify(&keyring, bearer, NOW).unwrap();
    let rotated = Keyring::build(&[Forge::new(Algorithm::Es256).issuer()], None).unwrap();
    assert_eq!(remembered.verify(&rotated, bearer, NOW).err(), Some(Rejected::Signature));
    let again = remembered.verify(&keyring, bearer, NOW + 59).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first.principal, &again.principal), "it was remembered");
    let later = remembered.verify(&keyring, bearer, NOW + 60).unwrap();
    assert!(
        !std::sync::Arc::ptr_eq(&first.principal, &later.principal),
        "within the skew it is proven each time"
    );
    assert_eq!(remembered.verify(&keyring, bearer, NOW + 90).err(), Some(Rejected::Expired));
    assert_eq!(
        remembered.verify(&keyring, Credential::ApiKey(token.as_bytes()), NOW).err(),
        Some(Rejected::UnknownApiKey)
    );

    let early = forge.with("nbf", json!(NOW));
    let early = Credential::Bearer(early.as_bytes());
    assert!(remembered.verify(&keyring, early, NOW).is_ok());
    assert_eq!(
        remembered.verify(&keyring, early, NOW - 31).err(),
        Some(Rejected::NotYetValid),
        "the clock leapt back"
    );

    let long = forge.with("exp", json!(NOW + 100_000));
    let first = remembered.verify(&keyring, Credential::Bearer(long.as_bytes()), NOW).unwrap();
    for (time, kept) in [(limits::VERIFIED_SECONDS_MAX - 1, true), (limits::VERIFIED_SECONDS_MAX, false)] {
        let then = remembered.verify(&keyring, Credential::Bearer(long.as_bytes()), NOW + time).unwrap();
        assert_eq!(std::sync::Arc::ptr_eq(&first.principal, &then.principal), kept, "{time}");
    }
}

#[test]
fn memory_of_tokens_is_bounded_and_keeps_no_refusal() {
    let forge = Forge::new(Algorithm::EdDsa);
    let keyring = forge.keyring();
    let mut remembered = Remembered::default();
    for (_, token, _) in forged_rows(&Forge::new(Algorithm::Es256)) {
        assert!(remembered.verify(&keyring, Credential::Bearer(token.as_bytes()), NOW).is_err());
    }
    assert!(remembered.is_empty());
    for n in 0..limits::VERIFIED_CREDENTIALS_MAX + 50 {
        let token = forge.with("n", json!(n));
        assert!(remembered.verify(&keyring, Credential::Bearer(token.as_bytes()), NOW).is_ok());
    }
    assert!(remembered.len() <= limits::VERIFIED_CREDENTIALS_MAX, "{}", remembered.len());
}
