//! The keys of notes: Ed25519 (RFC 8032), named and numbered as C2SP's signed-note says.
//!
//! Never: shows a private key other than by [`Signer::generate`].

use std::fmt;

use aws_lc_rs::signature;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::audit::note::Signature;
use crate::audit::note::is_name;
use crate::ids::Digest;
use crate::pem;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The text of a note: the key of a log.
    Note,
    /// A time and the text of a checkpoint: the key of a witness (tlog-cosignature, `cosignature/v1`).
    Cosignature,
}

impl KeyKind {
    /// The byte that stands for it.
    const fn byte(self) -> u8 {
        match self {
            Self::Note => 1,
            Self::Cosignature => 4,
        }
    }
}

/// The first four bytes of the SHA-256 of the name, a line feed, the kind and the key.
fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> u32 {
    let digest = Digest::of(&[name.as_bytes(), b"\n", &[kind.byte()], public].concat());
    digest.as_bytes().first_chunk().map_or(0, |id| u32::from_be_bytes(*id))
}

/// A key that notes are verified with; as text a C2SP `vkey`: `name+id+key`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    kind: KeyKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads the text of a key.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a verifier key is `name+id+key`");
        };
        if !is_name(name) {
            return Err("the name of the verifier key has a space or is none");
        }
        let bytes = STANDARD.decode(key).map_err(|_| "the verifier key is not base64")?;
        let kind = match bytes.first() {
            Some(1) => KeyKind::Note,
            Some(4) => KeyKind::Cosignature,
            Some(_) | None => {
                return Err("the verifier key is neither one of notes (1) nor of cosignatures (4)");
            }
        };
        let public = bytes.get(1..).and_then(|public| public.try_into().ok());
        let key = Self::new(name, kind, public.ok_or("the verifier key does not have 32 bytes")?);
        // The id is written as eight lower-case digits and in no other way.
        if format!("{:08x}", key.id) == id {
            Ok(key)
        } else {
            Err("the id is not the one of the verifier key")
        }
    }

    /// The key with this name, kind and 32 bytes.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Self {
        Self { id: key_id(name, kind, &public), name: name.to_owned(), kind, public }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Are these bytes this key's signature of the text? With the time that a witness names, in seconds since 1970.
    pub(super) fn verify(&self, text: &str, bytes: &[u8]) -> Option<Option<u64>> {
        let key = UnparsedPublicKey::new(&signature::ED25519, &self.public);
        match self.kind {
            KeyKind::Note => key.verify(text.as_bytes(), bytes).ok().map(|()| None),
            KeyKind::Cosignature => {
                let (time, bytes) = bytes.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                let message = format!("cosignature/v1\ntime {time}\n{text}");
                key.verify(message.as_bytes(), bytes).ok().map(|()| Some(time))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind.byte()], &self.public[..]].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key that a log signs its checkpoints with.
pub struct Signer {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl Signer {
    /// Reads a key file: PKCS#8 in PEM (as `openssl genpkey -algorithm ed25519` writes it) or in DER, or the 32 bytes of a
    /// seed. `name` is what the key signs as: the origin of the log.
    ///
    /// # Errors
    /// When the name cannot be one, or the bytes are not exactly one unencrypted Ed25519 private key.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, &'static str> {
        if !is_name(name) {
            return Err("the name of the key has a space or is none");
        }
        let what = "it is not an Ed25519 private key (PKCS#8 or a seed of 32 bytes)";
        let pair = if bytes.len() == 32 {
            Ed25519KeyPair::from_seed_unchecked(bytes)
        } else if let Some(der) =
            std::str::from_utf8(bytes).ok().and_then(|text| pem::read(text, "PRIVATE KEY"))
        {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        } else {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
        };
        let pair = pair.map_err(|_| what)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| what)?;
        Ok(Self { pair, key: VerifierKey::new(name, KeyKind::Note, public) })
    }

    /// Makes a new key: its private PEM, which is a secret and is what [`Self::read`] reads.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<String, &'static str> {
        let failed = "the system gives no random bytes";
        let pair = Ed25519KeyPair::generate().map_err(|_| failed)?;
        let private = pair.to_pkcs8v1().map_err(|_| failed)?;
        Ok(pem::write("PRIVATE KEY", private.as_ref()))
    }

    /// The key that its signatures are verified with.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs the text of a note.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let bytes = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        Signature { name: self.key.name.clone(), id: self.key.id, bytes }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private key of {}", self.key)
    }
}
