//! What the app is told of who calls, signed: a short-lived token that any JWT library proves.
//!
//! The app needs to trust nothing but the key: not the network between, not that nobody else can reach it.
//! Never: tells a key, takes more than a few, or signs what was not decided.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use serde_json::Value;
use serde_json::json;

use crate::ids::Digest;
use crate::limits;
use crate::pem;
use crate::problem::Place;
use crate::problem::Problem;

use super::Actor;
use super::Principal;

/// How the app is told who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionSettings {
    /// The `iss` of the tokens.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    /// The header that carries one.
    pub header: HeaderName,
    /// How long one is good, in seconds.
    pub lifetime_seconds: u64,
}

/// For what a caller is vouched.
#[derive(Debug, Clone, Copy)]
pub struct Asserted<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// The caller's tenant.
    pub caller: &'a str,
    /// The tenant whose data is meant.
    pub target: &'a str,
    /// The slice of data that is meant, as the app has it.
    pub data_key: &'a str,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// The keys of one snapshot that assertions are signed with.
pub struct Signer {
    newest: Pair,
    /// `{"alg":…,"kid":…,"typ":"JWT"}` in base64url, with the dot after it.
    head: Box<str>,
    jwks: Arc<str>,
}

impl Signer {
    /// Reads a file of private keys (PKCS#8 in PEM; Ed25519 or ECDSA on P-256): the first signs, the others are only published.
    ///
    /// # Errors
    /// A problem that tells nothing of what stands there.
    pub fn read(file: &str, text: &str) -> Result<Self, Problem> {
        let bad = |message: String| Problem::error("bad-assertion-key", Place::file(file), message);
        const HINT: &str = "make one: `openssl genpkey -algorithm ed25519`";
        let end = "-----END PRIVATE KEY-----";
        let blocks: Vec<&str> = text.split_inclusive(end).filter(|block| !block.trim().is_empty()).collect();
        if blocks.len() > limits::ASSERTION_KEYS_MAX {
            return Err(bad(format!("more than {} keys", limits::ASSERTION_KEYS_MAX)));
        }
        let mut first = None;
        let mut published: Vec<Value> = Vec::new();
        for block in blocks {
            let der = pem::read(block, "PRIVATE KEY").ok_or_else(|| {
                bad("it is not made of `-----BEGIN PRIVATE KEY-----` blocks alone".to_owned()).hint(HINT)
            })?;
            let pair = Pair::read(&der).ok_or_else(|| {
                bad("a key is neither Ed25519 nor ECDSA on P-256 (PKCS#8, not encrypted)".to_owned())
                    .hint(HINT)
            })?;
            let jwk = pair.jwk();
            if published.iter().any(|other| other.get("kid") == jwk.get("kid")) {
                return Err(bad("a key stands there twice".to_owned()));
            }
            if first.is_none() {
                let head = json!({"alg": jwk.get("alg"), "kid": jwk.get("kid"), "typ": "JWT"});
                first = Some((pair, format!("{}.", URL_SAFE_NO_PAD.encode(head.to_string()))));
            }
            published.push(jwk);
        }
        let (newest, head) = first.ok_or_else(|| bad("there is no key in it".to_owned()).hint(HINT))?;
        let jwks = format!("{}\n", json!({ "keys": published }));
        Ok(Self { newest, head: head.into(), jwks: jwks.into() })
    }

    /// The public keys, as a JWKS (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.jwks)
    }

    /// A token that is good from `now`, in seconds since 1970, on. `None` where the system gives no random bytes.
    #[must_use]
    pub fn sign(&self, settings: &AssertionSettings, asserted: &Asserted<'_>, now: u64) -> Option<String> {
        let claims = claims(settings, asserted, now).to_string();
        let signed = format!("{}{}", self.head, URL_SAFE_NO_PAD.encode(claims));
        let signature = match &self.newest {
            Pair::Es256(pair) => pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?,
            Pair::EdDsa(pair) => pair.sign(signed.as_bytes()),
        };
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Pair {
    fn read(der: &[u8]) -> Option<Self> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Some(Self::EdDsa(pair));
        }
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok().map(Self::Es256)
    }

    /// The public key, named by its thumbprint (RFC 7638), so that the same key has the same name wherever it is used.
    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (members, thumb, alg) = match self {
            Self::EdDsa(pair) => {
                let x = text(pair.public_key().as_ref());
                let thumb = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                (json!({"kty": "OKP", "crv": "Ed25519", "x": x}), thumb, "EdDSA")
            }
            Self::Es256(pair) => {
                // 4, then both coordinates (SEC 1 section 2.3.3).
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let (x, y) = (text(x), text(y));
                let thumb = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), thumb, "ES256")
            }
        };
        let mut jwk = members;
        if let Some(members) = jwk.as_object_mut() {
            let kid = text(Digest::of(thumb.as_bytes()).as_bytes());
            members.extend(
                [("alg", alg.to_owned()), ("use", "sig".to_owned()), ("kid", kid)]
                    .map(|(name, value)| (name.to_owned(), Value::from(value))),
            );
        }
        jwk
    }
}

fn claims(settings: &AssertionSettings, asserted: &Asserted<'_>, now: u64) -> Value {
    let Asserted { principal, caller, target, data_key } = *asserted;
    let mut claims = json!({
        "iss": settings.issuer, "aud": settings.audience, "sub": principal.id, "kind": principal.kind.as_str(),
        "iat": now, "nbf": now, "exp": now.saturating_add(settings.lifetime_seconds),
        "tenant": target, "caller_tenant": caller, "data_key": data_key,
        "roles": principal.roles, "groups": principal.groups, "scopes": principal.scopes,
        "auth_method": principal.auth.as_str(),
    });
    if let (Some(members), Some(actor)) = (claims.as_object_mut(), &principal.actor) {
        members.insert("act".to_owned(), act(actor));
    }
    claims
}

fn act(actor: &Actor) -> Value {
    let mut act = json!({"sub": actor.id, "kind": actor.kind.as_str()});
    if let (Some(members), Some(before)) = (act.as_object_mut(), &actor.actor) {
        members.insert("act".to_owned(), self::act(before));
    }
    act
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        crate::pem::write("PRIVATE KEY", der)
    }

    fn ed() -> String {
        let pair = Ed25519KeyPair::generate().unwrap();
        pem(pair.to_pkcs8v1().unwrap().as_ref())
    }

    fn ec(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> String {
        pem(EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap().as_ref())
    }

    #[test]
    fn a_file_of_keys_is_read_whole_or_refused_without_a_word_of_it() {
        let (one, two) = (ed(), ec(&ECDSA_P256_SHA256_FIXED_SIGNING));
        let signer = Signer::read("k", &format!("{one}{two}")).unwrap();
        let set: Value = serde_json::from_str(&signer.jwks()).unwrap();
        assert_eq!(set.get("keys").and_then(Value::as_array).map(Vec::len), Some(2));
        assert!(!signer.jwks().contains("\"d\"") && !format!("{signer:?}").contains("kid"));
        let p384 = ec(&aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING);
        let secret = "c2VjcmV0";
        for text in [
            "",
            "nothing",
            secret,
            &format!("{one}{one}"),
            &format!("{one}trailing"),
            &one.replace("PRIVATE", "PUBLIC"),
            &one.replace("PRIVATE", "ENCRYPTED PRIVATE"),
            &p384,
            &pem(secret.as_bytes()),
            &one.repeat(limits::ASSERTION_KEYS_MAX + 1),
        ] {
            let problem = Signer::read("k", text).unwrap_err();
            assert_eq!(problem.code, "bad-assertion-key");
            assert!(!format!("{problem:?}").contains(secret));
        }
    }

    #[test]
    fn a_keys_name_is_its_thumbprint() {
        // RFC 8037, appendix A.3.
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        let seed = URL_SAFE_NO_PAD.decode(seed).unwrap();
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let signer = Signer::read("k", &pem(&[&head[..], &seed].concat())).unwrap();
        assert!(signer.jwks().contains("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"), "{}", signer.jwks());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "(-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|[A-Za-z0-9+/=\\n]{0,40}|\\PC){0,6}") {
            proptest::prop_assert!(Signer::read("k", &text).is_err());
        }
    }
}
