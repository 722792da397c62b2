//! The compact form of a signed token (RFC 7515 section 7.1), taken apart and proven.
//!
//! Never: hands out a payload as proven without a signature by one of the given keys; looks at key material in a header.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Rejected;
use super::json::Json;
use super::json::Object;
use super::jwk::KeySet;
use crate::limits;

/// A token taken apart. Nothing in it is believed yet.
pub(crate) struct Jws<'t> {
    algorithm: Box<str>,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
    payload: Vec<u8>,
    signed: &'t [u8],
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart: three parts, canonical unpadded base64url, a header that asks for nothing unknown.
    pub(crate) fn parse(token: &'t [u8]) -> Result<Self, Rejected> {
        if token.len() > limits::CREDENTIAL_BYTES_MAX {
            return Err(Rejected::TooLong);
        }
        let mut parts = token.splitn(6, |byte| *byte == b'.');
        let (Some(head), Some(body), Some(signature)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Rejected::Malformed);
        };
        match parts.count() {
            0 => {}
            2 => return Err(Rejected::Encrypted),
            _ => return Err(Rejected::Malformed),
        }
        let signed = token.get(..head.len() + 1 + body.len()).ok_or(Rejected::Malformed)?;
        let decode = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejected::Malformed);
        let (header, payload, signature) = (decode(head)?, decode(body)?, decode(signature)?);
        let header = Json::parse_object(&header).ok_or(Rejected::BadHeader)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(Rejected::Critical);
        }
        if header.contains_key("enc") || header.contains_key("zip") {
            return Err(Rejected::Encrypted);
        }
        let kid = text(&header, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > limits::KID_BYTES_MAX) {
            return Err(Rejected::BadHeader);
        }
        let algorithm = text(&header, "alg")?.ok_or(Rejected::Algorithm)?;
        Ok(Self { algorithm, kid, typ: text(&header, "typ")?, payload, signed, signature })
    }

    /// Proves the token by the one key of `keys` that may have signed it.
    pub(crate) fn verify(&self, keys: &KeySet) -> Result<(), Rejected> {
        keys.verify(self.kid.as_deref(), &self.algorithm, self.signed, &self.signature)
    }

    /// What the token says it is.
    pub(super) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The payload, proven or not.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The parts of a signature, for tests that hold algorithms which Palisade refuses.
    #[cfg(test)]
    pub(super) fn parts(&self) -> (&str, &[u8], &[u8]) {
        (&self.algorithm, self.signed, &self.signature)
    }
}

fn text(header: &Object, name: &str) -> Result<Option<Box<str>>, Rejected> {
    match header.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejected::BadHeader),
    }
}
