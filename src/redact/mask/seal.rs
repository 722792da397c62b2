//! Sealed values: encrypted so that equal values stay equal, and that whoever has the key can turn them back.
//!
//! AES-256-GCM-SIV (RFC 8452) with one nonce for all: it is made to stand that, and then tells of two values only whether
//! they are equal. What is encrypted begins with its JSON type and is filled up to whole blocks, so that a short value's
//! length does not show.
//! Never: opens what was sealed for another tenant or class, or keeps or prints a key.

use std::fmt;

use aws_lc_rs::aead::AES_256_GCM_SIV;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::UnboundKey;

/// The cipher's block, and its tag.
const BLOCK: usize = 16;
const TEXT: u8 = b'"';
const NUMBER: u8 = b'0';
/// Where the value ends, before what fills the block (ISO/IEC 7816-4).
const END: u8 = 0x80;

/// A value that can be sealed: the text that a JSON string spells, or a number as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<T> {
    /// What a string spells.
    Text(T),
    /// A number.
    Number(T),
}

/// The key of one tenant's sealed values.
pub(in crate::redact) struct SealKey(LessSafeKey);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// Can something sealed have so many bytes?
pub(super) const fn is_length(bytes: usize) -> bool {
    bytes >= 2 * BLOCK && bytes.is_multiple_of(BLOCK)
}

impl SealKey {
    /// `None` only if the library refuses the key.
    pub(in crate::redact) fn new(key: &[u8; 32]) -> Option<Self> {
        Some(Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?)))
    }

    /// `None` only if the library refuses.
    pub(in crate::redact) fn seal(&self, bound_to: &[u8], value: Scalar<&str>) -> Option<Vec<u8>> {
        let (kind, text) = match value {
            Scalar::Text(text) => (TEXT, text),
            Scalar::Number(text) => (NUMBER, text),
        };
        let filled = (text.len() + 2).next_multiple_of(BLOCK);
        let mut block = Vec::with_capacity(filled + BLOCK);
        block.push(kind);
        block.extend_from_slice(text.as_bytes());
        block.push(END);
        block.resize(filled, 0);
        self.0.seal_in_place_append_tag(nonce(), Aad::from(bound_to), &mut block).ok()?;
        Some(block)
    }

    /// `None` for what this key did not seal, or not for this.
    pub(in crate::redact) fn open(&self, bound_to: &[u8], mut sealed: Vec<u8>) -> Option<Scalar<String>> {
        let block = self.0.open_in_place(nonce(), Aad::from(bound_to), &mut sealed).ok()?;
        let end = block.iter().rposition(|byte| *byte != 0)?;
        let (kind, text) = block.get(..end).filter(|_| block.get(end) == Some(&END))?.split_first()?;
        let text = str::from_utf8(text).ok()?.to_owned();
        match *kind {
            TEXT => Some(Scalar::Text(text)),
            NUMBER => Some(Scalar::Number(text)),
            _ => None,
        }
    }
}

/// The one nonce of all values, whatever the name of the library's function says.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn of_two_short_values_the_length_does_not_show_and_types_are_told_apart() {
        let seal = |value| key(1).seal(b"acme\0pii", value).unwrap();
        assert_eq!(seal(Scalar::Text("Ada")).len(), seal(Scalar::Text("Ada Lovelace")).len());
        assert_eq!(seal(Scalar::Text("")).len(), 2 * BLOCK);
        assert_eq!(seal(Scalar::Text("seven")), seal(Scalar::Text("seven")));
        assert_ne!(seal(Scalar::Text("7")), seal(Scalar::Number("7")));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_with_its_own_key_and_for_its_own_use_alone(text in any::<String>(), flip in any::<prop::sample::Index>()) {
            let sealed = key(1).seal(b"acme\0pii", Scalar::Text(&text)).unwrap();
            prop_assert!(is_length(sealed.len()));
            prop_assert_eq!(key(1).open(b"acme\0pii", sealed.clone()), Some(Scalar::Text(text)));
            prop_assert_eq!(key(2).open(b"acme\0pii", sealed.clone()), None);
            prop_assert_eq!(key(1).open(b"acme\0pii.name", sealed.clone()), None);
            let mut other = sealed;
            let at = flip.index(other.len() * 8);
            other[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(key(1).open(b"acme\0pii", other), None);
        }
    }
}
