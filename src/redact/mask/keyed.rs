//! Texts that a tenant's key made, known by their form: what made them, the key's id where it has one, and a code.
//!
//! `ps_2026b_` and 32 hexadecimal digits is a pseudonym, `sl_2026b_` and base32 (RFC 4648, small letters, no padding) a
//! sealed value. A key without an id leaves it out with its underscore.
//! Never: looks at a key; that a text has the form does not say that anybody's key made it.

use crate::redact::key::KeyId;

use super::seal;

/// What made a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The mask `pseudonym`: what it stands for can only be found among candidates.
    Pseudonym,
    /// The mask `seal`: whoever has the key can turn it back.
    Seal,
}

/// A text that has the form of what a tenant's key makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed<'t> {
    /// What made it.
    pub maker: Maker,
    /// The id of the key.
    pub id: Option<&'t str>,
    code: &'t str,
}

const DIGITS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";

impl<'t> Keyed<'t> {
    /// Takes a text apart; `None` for one that no key can have made.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let (maker, rest) = match text.split_once('_')? {
            ("ps", rest) => (Maker::Pseudonym, rest),
            ("sl", rest) => (Maker::Seal, rest),
            _ => return None,
        };
        let (id, code) = rest.split_once('_').map_or((None, rest), |(id, code)| (Some(id), code));
        let is_code = match maker {
            Maker::Pseudonym => code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Maker::Seal => {
                code.bytes().all(|byte| DIGITS.contains(&byte)) && seal::is_length(code.len() * 5 / 8)
            }
        };
        let is_whole = is_code && id.is_none_or(|id| KeyId::parse(id).is_some());
        is_whole.then_some(Self { maker, id, code })
    }

    /// A pseudonym.
    pub(in crate::redact) fn hexadecimal(id: Option<&KeyId>, code: &[u8], out: &mut Vec<u8>) {
        const HEX: [u8; 16] = *b"0123456789abcdef";
        begin("ps", id, out);
        let digits = code.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        out.extend(digits.filter_map(|digit| HEX.get(usize::from(digit))));
    }

    /// A sealed value.
    pub(in crate::redact) fn base32(id: Option<&KeyId>, code: &[u8], out: &mut Vec<u8>) {
        begin("sl", id, out);
        let digits = code.chunks(5).flat_map(|five| {
            let bits =
                (0..5).fold(0_u64, |bits, at| bits << 8 | u64::from(five.get(at).copied().unwrap_or(0)));
            let count = (five.len() * 8).div_ceil(5);
            (0..8).take(count).map(move |at| bits >> (35 - 5 * at) & 31)
        });
        out.extend(digits.filter_map(|digit| DIGITS.get(usize::try_from(digit).ok()?)));
    }

    /// The code of a sealed value.
    pub(in crate::redact) fn sealed(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.code.len() * 5 / 8 + 1);
        let (mut bits, mut count) = (0_u32, 0);
        for letter in self.code.bytes() {
            let digit = DIGITS.iter().position(|known| *known == letter)?;
            bits = (bits << 5 | u32::try_from(digit).ok()?) & 0xfff;
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
            }
        }
        // What is left over spells nothing, so one value has one text.
        (bits & ((1 << count) - 1) == 0).then_some(bytes)
    }
}

/// Writes what a keyed text begins with.
fn begin(prefix: &str, id: Option<&KeyId>, out: &mut Vec<u8>) {
    for part in [Some(prefix), id.map(KeyId::as_str)].into_iter().flatten() {
        out.extend_from_slice(part.as_bytes());
        out.push(b'_');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_keyed_text_is_known_by_its_form_and_told_apart_by_its_id() {
        let read = |text: &str| Keyed::read(text).map(|one| (one.maker, one.id.map(str::to_owned)));
        let id = Some("2026b".to_owned());
        assert_eq!(read(&format!("ps_{HEX}")), Some((Maker::Pseudonym, None)));
        assert_eq!(read(&format!("ps_2026b_{HEX}")), Some((Maker::Pseudonym, id.clone())));
        assert_eq!(read(&format!("sl_{}", "a".repeat(52))), Some((Maker::Seal, None)));
        assert_eq!(read(&format!("sl_2026b_{}", "a".repeat(52))), Some((Maker::Seal, id)));
        for text in [
            "",
            "ps",
            "ps_",
            "ps__",
            HEX,
            &format!("ps_{HEX}0"),
            &format!("ps__{HEX}"),
            &format!("ps_2026B_{HEX}"),
            &format!("ps_123456789_{HEX}"),
            &format!("ps_a_b_{HEX}"),
            &format!("sl_{HEX}"),
            &format!("sl_{}", "a".repeat(51)),
            &format!("sl_{}", "a".repeat(53)),
            &format!("sl_{}", "A".repeat(52)),
            &format!("sl_{}", "a".repeat(26)),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        let known =
            [("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb")];
        for (bytes, letters) in known {
            let mut out = Vec::new();
            Keyed::base32(None, bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("sl_{letters}"));
        }
    }

    proptest! {
        #[test]
        fn a_code_is_read_back_from_its_text(code in proptest::collection::vec(any::<u8>(), 0..40), id in "[a-z0-9]{0,8}") {
            let (id, blocks) = (KeyId::parse(&id), code.len() / 16 * 16 + 32);
            let code: Vec<u8> = code.iter().copied().cycle().chain(std::iter::repeat(7)).take(blocks).collect();
            let mut text = Vec::new();
            Keyed::base32(id.as_ref(), &code, &mut text);
            let text = String::from_utf8(text).unwrap();
            let read = Keyed::read(&text).unwrap();
            prop_assert_eq!((read.maker, read.id), (Maker::Seal, id.as_ref().map(KeyId::as_str)));
            prop_assert_eq!(read.sealed(), Some(code));
        }
    }
}
