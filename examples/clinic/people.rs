//! Who calls in the story, and the keys that prove it: an issuer of tokens and one API key, made anew on each run.
//!
//! Never: writes the private key to disk.

use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use crate::Fallible;

/// Someone who calls.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) role: &'static str,
}

const fn person(name: &'static str, tenant: &'static str, role: &'static str) -> Person {
    Person { name, tenant, role }
}

/// Treats patients at `acme/west`.
pub(crate) const WIM: Person = person("wim", "acme/west", "clinician");
/// Receives patients at `acme/west`.
pub(crate) const FRIDA: Person = person("frida", "acme/west", "frontdesk");
/// Treats patients at `acme/east`, the site beside.
pub(crate) const ELI: Person = person("eli", "acme/east", "clinician");
/// The medical director of all of acme.
pub(crate) const CORA: Person = person("cora", "acme", "clinician");
/// Treats patients of the other company.
pub(crate) const GINA: Person = person("gina", "globex/north", "clinician");
/// An auditor of the other company.
pub(crate) const GUS: Person = person("gus", "globex", "auditor");

/// Everyone, for `--serve`.
pub(crate) const ALL: [Person; 6] = [WIM, FRIDA, ELI, CORA, GINA, GUS];

const ISSUER: &str = "https://login.clinic.example";
const AUDIENCE: &str = "clinic-api";
const KEY_ID: &str = "clinic-1";

/// What signs tokens, and the service's API key.
pub(crate) struct Keys {
    pair: EcdsaKeyPair,
    /// `id.secret` of the service that posts claims.
    pub(crate) api_key: String,
}

impl Keys {
    pub(crate) fn generate() -> Fallible<Self> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| "no key could be made")?;
        Ok(Self { pair, api_key: format!("claims-robot.{}", URL_SAFE_NO_PAD.encode(random::<24>()?)) })
    }

    /// Puts the public halves into a copy of the configuration, where Palisade finds them.
    pub(crate) fn install(&self, config: &Path) -> Fallible<()> {
        std::fs::write(config.join("jwks.json"), self.jwks()?.to_string())?;
        std::fs::write(config.join("pseudonym.key"), URL_SAFE_NO_PAD.encode(random::<32>()?))?;
        let (_, secret) = self.api_key.split_once('.').ok_or("an API key is `id.secret`")?;
        let hash: String = digest::digest(&digest::SHA256, secret.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let file = config.join("api_keys.yaml");
        let lines: Vec<String> = std::fs::read_to_string(&file)?
            .lines()
            .map(|line| {
                line.split_once("sha256: ")
                    .map_or(line.into(), |(indent, _)| format!("{indent}sha256: {hash}"))
            })
            .collect();
        std::fs::write(&file, lines.join("\n"))?;
        Ok(())
    }

    /// Everyone's credential as a header, for a shell to read: `curl -H "$wim"`.
    pub(crate) fn for_shell(&self, seconds: i64) -> Fallible<String> {
        let mut text = String::new();
        for person in ALL {
            let Person { name, tenant, role } = person;
            let token = self.token(person, seconds)?;
            text += &format!("{name}='authorization: Bearer {token}'  # {role} of {tenant}\n");
        }
        Ok(text + &format!("robot='x-api-key: {}'  # billing service of acme\n", self.api_key))
    }

    fn jwks(&self) -> Fallible<Value> {
        // Uncompressed point (SEC 1, 2.3.3): 04, then 32 bytes of x, then 32 bytes of y.
        let point = self.pair.public_key().as_ref();
        let (x, y) = (point.get(1..33).ok_or("no x")?, point.get(33..65).ok_or("no y")?);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let key = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID, "x": x, "y": y });
        Ok(json!({ "keys": [key] }))
    }

    /// A token that expires so many seconds from now; a negative number makes one that has.
    pub(crate) fn token(&self, who: Person, seconds: i64) -> Fallible<String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let expires = i64::try_from(now)?.saturating_add(seconds);
        let head = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY_ID });
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": who.name, "exp": expires,
            "tenant": who.tenant, "roles": [who.role],
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&head), encode(&claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| "the token could not be signed")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn random<const N: usize>() -> Fallible<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "no randomness")?;
    Ok(bytes)
}
