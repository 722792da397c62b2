//! The public keys of one issuer, from a JWKS (RFC 7517), each parsed once and tied to one algorithm.
//!
//! A set that is wrong as a whole (duplicate `kid`, duplicate members, a secret or private key) is refused; a single key
//! that we cannot or may not use is left out with a warning, as RFC 7517 section 5 asks.
//! Never: takes a key from a token, or lets a token choose a key's algorithm.

use std::fmt;

use aws_lc_rs::signature;
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::RsaParameters;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use super::Rejected;
use super::json::Json;
use super::json::Object;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;

/// A signature algorithm (RFC 7518 section 3, RFC 8037). There is no `none`, and none that needs a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name that tokens, keys and the config use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this exact name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// The `kty` and `crv` of its keys.
    const fn key_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                ("RSA", None)
            }
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

struct Key {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

/// The usable keys of one issuer.
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JWKS. `allowed` empty means: whatever algorithms the keys name. Warnings tell which keys were left out.
    pub(crate) fn parse(
        file: &str,
        text: &str,
        allowed: &[Algorithm],
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let whole = |message: String| vec![Problem::error("bad-jwks", Place::file(file), message)];
        Json::parse(text.as_bytes()).map_err(|error| vec![not_json(file, &error)])?;
        let set: Set<'_> = serde_json::from_str(text)
            .map_err(|_| whole("a JWKS is an object whose `keys` is an array of keys".into()))?;
        if set.keys.len() > limits::JWKS_KEYS_MAX {
            return Err(whole(format!("more than {} keys", limits::JWKS_KEYS_MAX)));
        }
        let (mut keys, mut errors, mut warnings) = (Vec::<Key>::new(), Vec::new(), Vec::new());
        let mut kids = std::collections::BTreeSet::new();
        for raw in set.keys {
            let place = place_of(file, text, raw.get());
            let Some(members) = Json::parse_object(raw.get().as_bytes()) else {
                errors.push(Problem::error("bad-jwk", place, "a key is an object"));
                continue;
            };
            // The kid of a key that is left out counts too: a set that names two keys alike is not to be trusted.
            if let Some(kid) = members.get("kid").and_then(Json::text)
                && !kids.insert(Box::<str>::from(kid))
            {
                errors.push(Problem::error(
                    "duplicate-kid",
                    place.clone(),
                    format!("two keys have the `kid` {kid:?}"),
                ));
            }
            match key(&members, allowed) {
                Ok(key) => keys.push(key),
                Err(Unusable::Refuses(why)) => errors.push(Problem::error("bad-jwk", place, why)),
                Err(Unusable::LeftOut(why)) => {
                    warnings.push(Problem::warning(
                        "unused-jwk",
                        place,
                        format!("this key is not used: {why}"),
                    ));
                }
            }
        }
        if errors.is_empty() && keys.is_empty() {
            errors.push(
                Problem::error("no-usable-key", Place::file(file), "no key of this set can verify a token")
                    .hint(warnings.first().map_or("add a key".into(), |first| first.message.clone())),
            );
        }
        if errors.is_empty() { Ok((Self { keys }, warnings)) } else { Err(errors) }
    }

    /// Proves a signature. `kid` and `algorithm` are what the token claims; they can only narrow, never choose freely.
    pub(super) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: &str,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), Rejected> {
        let algorithm = Algorithm::parse(algorithm).ok_or(Rejected::Algorithm)?;
        let key = match kid {
            Some(kid) => {
                self.keys.iter().find(|key| key.kid.as_deref() == Some(kid)).ok_or(Rejected::UnknownKey)?
            }
            None => {
                let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => key,
                    (Some(_), Some(_)) => return Err(Rejected::AmbiguousKey),
                    (None, _) => return Err(Rejected::UnknownKey),
                }
            }
        };
        if key.algorithm != algorithm {
            return Err(Rejected::Algorithm);
        }
        key.public.verify_sig(signed, signature).map_err(|_| Rejected::Signature)
    }
}

#[derive(serde::Deserialize)]
struct Set<'t> {
    #[serde(borrow)]
    keys: Vec<&'t RawValue>,
}

/// Where a slice of `text` stands in it.
fn place_of(file: &str, text: &str, part: &str) -> Place {
    Place::span(file, text, part.as_ptr().addr().saturating_sub(text.as_ptr().addr()), part.len())
}

fn not_json(file: &str, error: &serde_json::Error) -> Problem {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let place =
        Place { file: file.into(), line: number(error.line()), column: number(error.column()), length: 1 };
    let what = if error.is_data() { "a member occurs twice in one object" } else { "this is not JSON" };
    Problem::error("bad-jwks", place, what)
}

enum Unusable {
    /// The whole set must not be used.
    Refuses(String),
    /// This key alone is left out.
    LeftOut(String),
}

fn left_out(why: impl Into<String>) -> Unusable {
    Unusable::LeftOut(why.into())
}

fn key(members: &Object, allowed: &[Algorithm]) -> Result<Key, Unusable> {
    let text = |name| members.get(name).and_then(Json::text);
    let kty = text("kty").ok_or_else(|| left_out("it has no `kty`"))?;
    if kty == "oct" || members.contains_key("k") || members.contains_key("d") {
        return Err(Unusable::Refuses("a secret or private key stands in a file of public keys".into()));
    }
    let kid = match members.get("kid") {
        None => None,
        Some(Json::Text(kid)) if kid.len() <= limits::KID_BYTES_MAX => Some(kid.clone()),
        Some(_) => {
            return Err(left_out(format!("its `kid` is no text of at most {} bytes", limits::KID_BYTES_MAX)));
        }
    };
    if members.get("use").is_some_and(|usage| usage.text() != Some("sig")) {
        return Err(left_out("its `use` is not `sig`"));
    }
    match members.get("key_ops") {
        None => {}
        Some(Json::Array(ops)) if ops.iter().any(|op| op.text() == Some("verify")) => {}
        Some(_) => return Err(left_out("its `key_ops` do not name `verify`")),
    }
    let algorithm = algorithm(members, kty, text("crv"), allowed)?;
    Ok(Key { kid, algorithm, public: public(members, algorithm)? })
}

/// The one algorithm of a key: its own `alg`, or else the only one that its type and the issuer leave.
fn algorithm(
    members: &Object,
    kty: &str,
    crv: Option<&str>,
    allowed: &[Algorithm],
) -> Result<Algorithm, Unusable> {
    let fits = |algorithm: &Algorithm| {
        let (type_, curve) = algorithm.key_type();
        type_ == kty && (curve.is_none() || curve == crv)
    };
    match members.get("alg") {
        Some(Json::Text(name)) => {
            let algorithm = Algorithm::parse(name)
                .ok_or_else(|| left_out(format!("its `alg` {name:?} is not supported")))?;
            if !fits(&algorithm) {
                return Err(left_out(format!(
                    "its `alg` `{algorithm}` does not belong to its `kty` and `crv`"
                )));
            }
            if !allowed.is_empty() && !allowed.contains(&algorithm) {
                return Err(left_out(format!("its issuer does not allow `{algorithm}`")));
            }
            Ok(algorithm)
        }
        Some(_) => Err(left_out("its `alg` is no text")),
        None => {
            let mut fitting = Algorithm::ALL
                .into_iter()
                .filter(fits)
                .filter(|one| allowed.is_empty() || allowed.contains(one));
            match (fitting.next(), fitting.next()) {
                (Some(algorithm), None) => Ok(algorithm),
                (Some(_), Some(_)) => Err(left_out(
                    "it has no `alg`; name exactly one of its algorithms in the issuer's `algorithms`",
                )),
                (None, _) => {
                    Err(left_out("no supported and allowed algorithm belongs to its `kty` and `crv`"))
                }
            }
        }
    }
}

fn public(members: &Object, algorithm: Algorithm) -> Result<ParsedPublicKey, Unusable> {
    match algorithm {
        Algorithm::Rs256 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => rsa(members, &signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => rsa(members, &signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => rsa(members, &signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Es256 => point(members, 32, &signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => point(members, 48, &signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDsa => {
            let x = exactly(members, "x", 32)?;
            ParsedPublicKey::new(&signature::ED25519, x).map_err(|_| left_out("`x` is no key of its curve"))
        }
    }
}

fn bytes(members: &Object, name: &str) -> Result<Vec<u8>, Unusable> {
    let text =
        members.get(name).and_then(Json::text).ok_or_else(|| left_out(format!("`{name}` is missing")))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| left_out(format!("`{name}` is not unpadded base64url")))
}

fn exactly(members: &Object, name: &str, length: usize) -> Result<Vec<u8>, Unusable> {
    let bytes = bytes(members, name)?;
    if bytes.len() != length {
        return Err(left_out(format!("`{name}` is not {length} bytes long")));
    }
    Ok(bytes)
}

fn point(
    members: &Object,
    length: usize,
    algorithm: &'static signature::EcdsaVerificationAlgorithm,
) -> Result<ParsedPublicKey, Unusable> {
    let mut point = vec![4];
    point.extend(exactly(members, "x", length)?);
    point.extend(exactly(members, "y", length)?);
    ParsedPublicKey::new(algorithm, point).map_err(|_| left_out("`x` and `y` are no point of its curve"))
}

fn rsa(members: &Object, parameters: &'static RsaParameters) -> Result<ParsedPublicKey, Unusable> {
    let (n, e) = (bytes(members, "n")?, bytes(members, "e")?);
    let bits =
        n.first().map_or(0, |first| n.len().saturating_mul(8).saturating_sub(first.leading_zeros() as usize));
    if n.first() == Some(&0) || e.first() == Some(&0) {
        return Err(left_out("`n` or `e` has leading zero bytes"));
    }
    // The library checks the size only when it verifies; whoever publishes a weak key should hear of it at once.
    if !(2048..=8192).contains(&bits) {
        return Err(left_out(format!("an RSA key of {bits} bits; 2048 to 8192 are accepted")));
    }
    // RSA with e = 1 signs nothing; even exponents are no RSA at all; larger ones than 2^32 only cost time.
    let exponent = e.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    if e.len() > 4 || exponent < 3 || exponent % 2 == 0 {
        return Err(left_out("its exponent `e` is not an odd number from 3 to 2^32"));
    }
    if is_roca(&n) {
        return Err(left_out("its modulus shows the ROCA weakness (CVE-2017-15361); make a new key"));
    }
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map_err(|_| left_out("`n` and `e` are no RSA key"))
}

/// Infineon's keys of CVE-2017-15361 are powers of 65537 modulo every small prime (Nemec et al., CCS 2017, section 2.2);
/// another key is that by chance once in 2^27.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            let hit = power == rest;
            power = power * (65537 % prime) % prime;
            hit
        })
    })
}
