//! What masks are made with that are made with a key: one tenant's own, so that nothing made with it joins with another's.
//!
//! Never: prints a key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::redact::mask::FormatKey;
use crate::redact::mask::Way;

/// The keys of one tenant's masks: of its pseudonyms (HMAC-SHA-256, FIPS 198-1) and of those that keep a format (FF1 with
/// AES-256, NIST SP 800-38G).
#[derive(Clone)]
pub struct PseudonymKey {
    hash: hmac::Key,
    /// `None` where the library refuses the key: then everything is masked whole.
    format: Option<Arc<FormatKey>>,
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
        let hash = hmac::Key::new(hmac::HMAC_SHA256, derived(b"palisade pseudonym v1\0").as_ref());
        Self { hash, format, tenant: tenant.into() }
    }

    /// The first 128 bits of the keyed hash of a class and a value.
    pub(super) fn sign(&self, class: &str, text: &[u8]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.hash);
        context.update(class.as_bytes());
        context.update(&[0]);
        context.update(text);
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// What the mask `format` makes of a value of a class; `None` where it is masked whole.
    pub(super) fn formatted(&self, class: &str, value: &str) -> Option<String> {
        // One in a million texts of six digits would come out as it went in.
        self.turned(Way::Encrypt, class, value).filter(|made| made != value)
    }

    /// The value that the mask `format` of a class made this text of; `None` for what it cannot have made.
    #[must_use]
    pub fn unformatted(&self, class: &str, text: &str) -> Option<String> {
        self.turned(Way::Decrypt, class, text).filter(|value| value != text)
    }

    fn turned(&self, way: Way, class: &str, text: &str) -> Option<String> {
        let tweak = [self.tenant.as_bytes(), &[0], class.as_bytes()].concat();
        self.format.as_ref()?.apply(way, &tweak, text)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(…)")
    }
}
