//! What masks are made with that are made with a key: one tenant's own, so that nothing made with it joins with another's.
//!
//! Never: prints a key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::limits;
use crate::redact::mask::FormatKey;
use crate::redact::mask::Keyed;
use crate::redact::mask::Maker;
use crate::redact::mask::Scalar;
use crate::redact::mask::SealKey;
use crate::redact::mask::Way;

/// The name of a key among those of one file: 1 to [`limits::KEY_ID_BYTES_MAX`] lower-case letters and digits. It stands
/// in what the key makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// `None` for what is no such name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = !text.is_empty() && text.len() <= limits::KEY_ID_BYTES_MAX && text.bytes().all(is_plain);
        fits.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys of one tenant's masks: of its pseudonyms (HMAC-SHA-256, FIPS 198-1), of those that keep a format (FF1 with
/// AES-256, NIST SP 800-38G) and of sealed values (AES-256-GCM-SIV, RFC 8452).
#[derive(Clone)]
pub struct PseudonymKey {
    /// `None` where there is no other one to tell it from.
    id: Option<KeyId>,
    hash: hmac::Key,
    /// `None` where the library refuses the key: then everything is masked whole.
    format: Option<Arc<FormatKey>>,
    /// The same.
    seal: Option<Arc<SealKey>>,
    tenant: Box<str>,
}

impl PseudonymKey {
    /// Derives a tenant's keys, so that pseudonyms of two tenants never join.
    #[must_use]
    pub fn new(secret: &[u8], tenant: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = |purpose: &[u8]| {
            let mut context = hmac::Context::with_key(&secret);
            context.update(purpose);
            context.update(tenant.as_bytes());
            context.sign()
        };
        let of_format = derived(b"palisade format v1\0");
        let format = of_format.as_ref().first_chunk().and_then(FormatKey::new).map(Arc::new);
        let of_seal = derived(b"palisade seal v1\0");
        let seal = of_seal.as_ref().first_chunk().and_then(SealKey::new).map(Arc::new);
        let hash = hmac::Key::new(hmac::HMAC_SHA256, derived(b"palisade pseudonym v1\0").as_ref());
        Self { id: None, hash, format, seal, tenant: tenant.into() }
    }

    /// The same keys under a name, which stands in what they make.
    #[must_use]
    pub fn named(self, id: KeyId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Its name among the keys of its file.
    #[must_use]
    pub const fn id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }

    /// The first 128 bits of the keyed hash of a class and a value.
    pub(super) fn sign(&self, class: &str, text: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.hash);
        context.update(class.as_bytes());
        context.update(&[0]);
        context.update(text);
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The pseudonym of a value of a class: of a string's text, or of a number as it is written.
    #[must_use]
    pub fn pseudonym(&self, class: &str, value: &str) -> String {
        let mut out = Vec::new();
        self.write_pseudonym(class, value, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// The same, in ASCII that JSON need not escape.
    pub(super) fn write_pseudonym(&self, class: &str, value: &str, out: &mut Vec<u8>) {
        Keyed::hexadecimal(self.id.as_ref(), &self.sign(class, value.as_bytes()), out);
    }

    /// What the mask `format` makes of a value of a class; `None` where it is masked whole.
    #[must_use]
    pub fn formatted(&self, class: &str, value: &str) -> Option<String> {
        // One in a million texts of six digits would come out as it went in.
        self.turned(Way::Encrypt, class, value).filter(|made| made != value)
    }

    /// The value that the mask `format` of a class made this text of; `None` for what it cannot have made.
    #[must_use]
    pub fn unformatted(&self, class: &str, text: &str) -> Option<String> {
        self.turned(Way::Decrypt, class, text).filter(|value| value != text)
    }

    fn turned(&self, way: Way, class: &str, text: &str) -> Option<String> {
        self.format.as_ref()?.apply(way, &self.bound_to(class), text)
    }

    /// What the mask `seal` makes of a value of a class; `None` where it is masked whole.
    #[must_use]
    pub fn sealed(&self, class: &str, value: Scalar<&str>) -> Option<String> {
        let code = self.seal.as_ref()?.seal(&self.bound_to(class), value)?;
        let mut out = Vec::with_capacity(code.len() * 2);
        Keyed::base32(self.id.as_ref(), &code, &mut out);
        String::from_utf8(out).ok()
    }

    /// The value that the mask `seal` of a class made this text of. `None` for what this key, for this tenant and
    /// class, did not make.
    #[must_use]
    pub fn unsealed(&self, class: &str, text: &str) -> Option<Scalar<String>> {
        let keyed = Keyed::read(text)?;
        if keyed.maker != Maker::Seal || keyed.id != self.id.as_ref().map(KeyId::as_str) {
            return None;
        }
        self.seal.as_ref()?.open(&self.bound_to(class), keyed.sealed()?)
    }

    /// What the encryption of one class's values is bound to.
    fn bound_to(&self, class: &str) -> Vec<u8> {
        [self.tenant.as_bytes(), &[0], class.as_bytes()].concat()
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}
