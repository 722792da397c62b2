//! Makes keys, their JWKS, and tokens: good ones and bad ones.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use super::super::Algorithm;
use super::super::ClaimNames;
use super::super::Credential;
use super::super::Issuer;
use super::super::Keyring;
use super::super::Kind;
use super::super::KindRule;
use super::super::Rejected;
use super::super::Verified;

pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://id.example";
pub(super) const KID: &str = "k1";

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// One key pair, and an issuer that has it.
pub(super) struct Forge {
    pub(super) algorithm: Algorithm,
    pub(super) settings: Issuer,
    pair: Pair,
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Forge {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            Algorithm::Es384 => {
                Pair::Ec(EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
            }
            Algorithm::EdDsa => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        let settings = Issuer {
            issuer: ISSUER.into(),
            audiences: vec!["app".into(), "app2".into()],
            algorithms: Vec::new(),
            jwks_file: "jwks.json".into(),
            fetched: None,
            jwks: "".into(),
            skew_seconds: 30,
            claims: ClaimNames::default(),
            kind: KindRule::Always(Kind::User),
            typ: None,
            tenants: None,
        };
        Self { algorithm, settings, pair }
    }

    /// The public key as a JWK.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus().big_endian_without_leading_zero().to_vec(), public.exponent());
                json!({"kty": "RSA", "n": encode(n), "e": encode(e.big_endian_without_leading_zero())})
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key())}),
        };
        jwk["kid"] = KID.into();
        jwk["alg"] = self.algorithm.as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(super) fn issuer(&self) -> Issuer {
        Issuer { jwks: json!({"keys": [self.jwk()]}).to_string().into(), ..self.settings.clone() }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn signature::RsaEncoding = match self.algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
                        &signature::RSA_PKCS1_SHA256
                    }
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signed).unwrap();
                signed
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(super) fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "sub": "ann", "aud": "app", "exp": NOW + 60, "tenant": "acme/west",
            "roles": ["nurse", "clinician"], "groups": "all staff", "scope": "b a",
        })
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": self.algorithm.as_str(), "kid": KID, "typ": "JWT"})
    }

    /// A token with this text for a header and this one for a payload, truly signed.
    pub(super) fn raw(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        format!("{signed}.{}", encode(self.sign(signed.as_bytes())))
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.raw(&self.header().to_string(), &claims.to_string())
    }

    pub(super) fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.raw(&header.to_string(), &self.claims().to_string())
    }

    pub(super) fn with(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[claim] = value;
        self.token(&claims)
    }

    pub(super) fn without(&self, claim: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().shift_remove(claim);
        self.token(&claims)
    }

    pub(super) fn keyring(&self) -> Keyring {
        Keyring::build(&[self.issuer()], None).unwrap()
    }

    pub(super) fn verify(&self, token: &str) -> Result<Verified, Rejected> {
        self.keyring().verify(Credential::Bearer(token.as_bytes()), NOW)
    }
}
