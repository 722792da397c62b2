//! The keys of bundles: Ed25519 (RFC 8032), in the PEM forms that OpenSSL reads and writes (RFC 8410).
//!
//! Never: prints a private key other than by [`PrivateKey::generate`], or signs without saying what is signed.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::UnparsedPublicKey;

use crate::ids::Digest;
use crate::pem;

/// What stands before the manifest in what is signed, so that no signature made for something else fits here.
const DOMAIN: &[u8] = b"palisade bundle v1\0";
/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn signed(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, manifest].concat()
}

/// The name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes. A hint which key to try, no proof.
fn id(public: &[u8]) -> String {
    Digest::of(public).to_string().chars().take(16).collect()
}

/// A key that signatures are verified with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    bytes: Vec<u8>,
    id: String,
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// When the text is not exactly one Ed25519 public key.
    pub fn from_pem(text: &str) -> Result<Self, &'static str> {
        let der = pem::read(text, "PUBLIC KEY").ok_or("it is not one `-----BEGIN PUBLIC KEY-----` block")?;
        let bytes = der.strip_prefix(&SPKI).filter(|bytes| bytes.len() == 32);
        let bytes = bytes.ok_or("it is not an Ed25519 public key")?.to_vec();
        Ok(Self { id: id(&bytes), bytes })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Did this key's owner sign exactly this manifest?
    pub(super) fn verifies(&self, manifest: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&signature::ED25519, &self.bytes);
        key.verify(&signed(manifest), signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "public key {}", self.id)
    }
}

/// A key that bundles are signed with.
pub struct PrivateKey(Ed25519KeyPair);

impl PrivateKey {
    /// Reads `-----BEGIN PRIVATE KEY-----` (PKCS#8), as `openssl genpkey -algorithm ed25519` writes it too.
    ///
    /// # Errors
    /// When the text is not exactly one unencrypted Ed25519 private key.
    pub fn from_pem(text: &str) -> Result<Self, &'static str> {
        let der =
            pem::read(text, "PRIVATE KEY").ok_or("it is not one `-----BEGIN PRIVATE KEY-----` block")?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map(Self)
            .map_err(|_| "it is not an Ed25519 private key")
    }

    /// Makes a new key: its private PEM, which is a secret, and its public PEM.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<(String, String), &'static str> {
        let failed = "the system gives no random bytes";
        let pair = Ed25519KeyPair::generate().map_err(|_| failed)?;
        let private = pair.to_pkcs8v1().map_err(|_| failed)?;
        let public = pair.public_key().as_der().map_err(|_| failed)?;
        Ok((pem::write("PRIVATE KEY", private.as_ref()), pem::write("PUBLIC KEY", public.as_ref())))
    }

    /// The name of its public key.
    #[must_use]
    pub fn id(&self) -> String {
        id(self.0.public_key().as_ref())
    }

    pub(super) fn sign(&self, manifest: &[u8]) -> Vec<u8> {
        self.0.sign(&signed(manifest)).as_ref().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of {}", self.id())
    }
}
