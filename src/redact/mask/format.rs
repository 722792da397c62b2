//! Format-preserving encryption of strings of digits: FF1 (NIST SP 800-38G) with radix 10.
//!
//! Ten rounds of a Feistel network over the two halves of the digits; a round's function is a CBC-MAC with AES. Halves
//! have at most 19 digits and what a round adds at most 12 bytes, so `u128` holds every number.
//! Never: keeps or prints a key, or takes fewer digits than the standard asks for (a million texts).

use std::fmt;

use aws_lc_rs::cipher::AES_256;
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::cipher::EncryptionContext;
use aws_lc_rs::cipher::UnboundCipherKey;
use aws_lc_rs::iv::FixedLength;

use crate::limits;

const ROUNDS: u8 = 10;
const BLOCK: usize = 16;

/// The key of one tenant's format-preserving encryption.
pub(in crate::redact) struct FormatKey(EncryptingKey);

impl fmt::Debug for FormatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormatKey(…)")
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Way {
    Encrypt,
    Decrypt,
}

/// The digits of one text, as two numbers with so many digits.
#[derive(Debug, Clone, Copy)]
struct Halves {
    a: u128,
    b: u128,
    /// How many digits `a` has before the first round, and `b`.
    digits: [u32; 2],
}

impl FormatKey {
    /// `None` only if the library refuses the key.
    pub(in crate::redact) fn new(key: &[u8; 32]) -> Option<Self> {
        Some(Self(EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, key).ok()?).ok()?))
    }

    /// The text with its digits encrypted or decrypted. Spaces and `-./()+` stay where they are. `None` for a text that
    /// has anything else in it, or too few or too many digits.
    pub(in crate::redact) fn apply(&self, way: Way, tweak: &[u8], text: &str) -> Option<String> {
        let is_separator = |byte: &u8| b" -./()+".contains(byte);
        if !text.bytes().all(|byte| byte.is_ascii_digit() || is_separator(&byte)) {
            return None;
        }
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
        if !(limits::FORMAT_DIGITS_MIN..=limits::FORMAT_DIGITS_MAX).contains(&digits.len()) {
            return None;
        }
        let halves = Halves::of(&digits)?;
        let turned = match way {
            Way::Encrypt => self.encrypt(halves, tweak)?,
            Way::Decrypt => self.decrypt(halves, tweak)?,
        };
        let made = turned.text();
        let mut made = made.chars();
        text.chars().map(|c| if c.is_ascii_digit() { made.next() } else { Some(c) }).collect()
    }

    fn encrypt(&self, mut halves: Halves, tweak: &[u8]) -> Option<Halves> {
        let rounds = self.rounds(halves, tweak)?;
        for round in 0..ROUNDS {
            let modulus = halves.modulus(round)?;
            let sum = (halves.a + rounds.value(round, halves.b)? % modulus) % modulus;
            (halves.a, halves.b) = (halves.b, sum);
        }
        Some(halves)
    }

    fn decrypt(&self, mut halves: Halves, tweak: &[u8]) -> Option<Halves> {
        let rounds = self.rounds(halves, tweak)?;
        for round in (0..ROUNDS).rev() {
            let modulus = halves.modulus(round)?;
            let difference = (halves.b + modulus - rounds.value(round, halves.a)? % modulus) % modulus;
            (halves.b, halves.a) = (halves.a, difference);
        }
        Some(halves)
    }

    /// What all rounds of one text have in common.
    fn rounds<'a>(&'a self, halves: Halves, tweak: &'a [u8]) -> Option<Rounds<'a>> {
        let [u, v] = halves.digits;
        let length = u32::try_from(tweak.len()).ok()?;
        // The first block of each round: version, method, addition, radix, rounds, halves, digits, tweak.
        let mut first = [0; BLOCK];
        let head = [[1, 2, 1, 0], [0, 10, ROUNDS, u8::try_from(u).ok()?]];
        let parts = head.into_iter().chain([(u + v).to_be_bytes(), length.to_be_bytes()]);
        for (place, part) in first.iter_mut().zip(parts.flatten()) {
            *place = part;
        }
        self.chain([0; BLOCK], &mut first)?;
        // The bytes that the longer half takes as a number, and those of which a round makes what it adds.
        let bytes = (10_u128.checked_pow(v)? - 1).ilog2() / 8 + 1;
        let bytes = usize::try_from(bytes).ok()?;
        Some(Rounds { key: self, first, tweak, bytes, added: bytes.div_ceil(4) * 4 + 4 })
    }

    /// CBC over whole blocks, in place.
    fn chain(&self, before: [u8; BLOCK], blocks: &mut [u8]) -> Option<()> {
        let context = EncryptionContext::Iv128(FixedLength::from(&before));
        self.0.less_safe_encrypt(blocks, context).ok().map(drop)
    }
}

/// The rounds of one text.
struct Rounds<'a> {
    key: &'a FormatKey,
    /// The first block, encrypted.
    first: [u8; BLOCK],
    tweak: &'a [u8],
    bytes: usize,
    added: usize,
}

impl Rounds<'_> {
    /// What a round adds, given the other half.
    fn value(&self, round: u8, half: u128) -> Option<u128> {
        let tail = self.bytes + 1;
        let mut blocks = self.tweak.to_vec();
        blocks.resize((self.tweak.len() + tail).next_multiple_of(BLOCK) - tail, 0);
        blocks.push(round);
        blocks.extend_from_slice(half.to_be_bytes().get(BLOCK - self.bytes..)?);
        self.key.chain(self.first, &mut blocks)?;
        // A half of 19 digits needs 12 bytes, so the last block is all that is ever needed.
        let added = blocks.last_chunk::<BLOCK>()?.get(..self.added)?;
        Some(added.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }
}

impl Halves {
    fn of(digits: &[u8]) -> Option<Self> {
        let (a, b) = digits.split_at_checked(digits.len() / 2)?;
        let number =
            |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u128::from(digit & 15));
        Some(Self {
            a: number(a),
            b: number(b),
            digits: [u32::try_from(a.len()).ok()?, u32::try_from(b.len()).ok()?],
        })
    }

    /// Ten to the number of digits of the half that a round makes.
    fn modulus(&self, round: u8) -> Option<u128> {
        let [u, v] = self.digits;
        10_u128.checked_pow(if round.is_multiple_of(2) { u } else { v })
    }

    fn text(&self) -> String {
        let [u, v] = self.digits.map(|digits| usize::try_from(digits).unwrap_or_default());
        format!("{:0u$}{:0v$}", self.a, self.b)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::AES_128;
    use aws_lc_rs::cipher::AES_192;
    use aws_lc_rs::cipher::Algorithm;
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c, 0xef,
        0x43, 0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc, 0x6a, 0x94,
    ];

    fn key(algorithm: &'static Algorithm, bytes: usize) -> FormatKey {
        FormatKey(EncryptingKey::cbc(UnboundCipherKey::new(algorithm, &KEY[..bytes]).unwrap()).unwrap())
    }

    #[test]
    fn the_samples_of_the_standard_come_out() {
        // Samples 1, 2, 4, 5, 7 and 8 of the FF1 samples that NIST publishes beside SP 800-38G: those of radix 10.
        let tweak: &[u8] = b"9876543210";
        for (algorithm, bytes, tweak, digits) in [
            (&AES_128, 16, &b""[..], "2433477484"),
            (&AES_128, 16, tweak, "6124200773"),
            (&AES_192, 24, b"", "2830668132"),
            (&AES_192, 24, tweak, "2496655549"),
            (&AES_256, 32, b"", "6657667009"),
            (&AES_256, 32, tweak, "1001623463"),
        ] {
            let key = key(algorithm, bytes);
            assert_eq!(key.apply(Way::Encrypt, tweak, "0123456789").as_deref(), Some(digits));
            assert_eq!(key.apply(Way::Decrypt, tweak, digits).as_deref(), Some("0123456789"));
        }
    }

    #[test]
    fn what_is_no_text_of_digits_is_not_taken() {
        let key = FormatKey::new(&KEY).unwrap();
        for text in [
            "",
            "12345",
            "1-2-3-4-5",
            "123456x",
            "DE89 3704 0044 0532",
            "１２３４５６",
            "123456\n",
            "12_34_56",
        ] {
            assert_eq!(key.apply(Way::Encrypt, b"", text), None, "{text}");
        }
        assert!(key.apply(Way::Encrypt, b"", &"7".repeat(38)).is_some());
        assert_eq!(key.apply(Way::Encrypt, b"", &"7".repeat(39)), None);
    }

    proptest! {
        #[test]
        fn what_is_encrypted_keeps_its_form_and_is_turned_back(
            text in "\\+?[0-9]{6,12}([ ./()-]{0,2}[0-9]{0,8}){0,3}",
            tweak in proptest::collection::vec(any::<u8>(), 0..70),
        ) {
            let key = FormatKey::new(&KEY).unwrap();
            let hidden = key.apply(Way::Encrypt, &tweak, &text).unwrap();
            let form = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
            prop_assert_eq!(form(&hidden), form(&text));
            prop_assert_eq!(key.apply(Way::Decrypt, &tweak, &hidden), Some(text));
        }
    }

    #[test]
    fn it_is_one_to_one_over_all_texts_of_six_digits_that_begin_alike() {
        let key = FormatKey::new(&KEY).unwrap();
        let all: std::collections::BTreeSet<String> =
            (0..2_000).map(|n| key.apply(Way::Encrypt, b"acme\0pii", &format!("{n:06}")).unwrap()).collect();
        assert_eq!(all.len(), 2_000);
    }
}
