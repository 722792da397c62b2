//! IBANs (ISO 13616): the country's length, and the check number mod 97.
//!
//! Never: takes one of another length.

use super::byte;

/// Lengths by country, of the IBAN registry.
const LENGTHS: [(&[u8; 2], usize); 88] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];
/// Fewest digits of one: two of the check, two more; national parts may be letters by the registry's form.
const DIGITS_MIN: usize = 4;

/// Where the IBAN ends that begins here, at the start of a word. One space or hyphen may stand between its characters.
pub(super) fn iban(text: &[u8], from: usize) -> Option<usize> {
    let country = [byte(text, from).to_ascii_uppercase(), byte(text, from + 1).to_ascii_uppercase()];
    if !byte(text, from + 2).is_ascii_digit() || !byte(text, from + 3).is_ascii_digit() {
        return None;
    }
    let at = LENGTHS.binary_search_by(|(known, _)| known.as_slice().cmp(&country)).ok()?;
    let (_, length) = LENGTHS.get(at)?;
    let (mut taken, mut at, mut digits) = (0, from, 0);
    // Four characters lead; they count last.
    let (mut sum, mut head) = (0_u64, [0; 4]);
    while taken < *length {
        let c = byte(text, at);
        if matches!(c, b' ' | b'-') && taken > 0 && byte_is_inside(byte(text, at - 1)) {
            at += 1;
            continue;
        }
        if !byte_is_inside(c) {
            return None;
        }
        digits += usize::from(c.is_ascii_digit());
        match head.get_mut(taken) {
            Some(place) => *place = c,
            None => sum = add(sum, c),
        }
        taken += 1;
        at += 1;
    }
    sum = head.into_iter().fold(sum, add);
    let goes_on = byte(text, at).is_ascii_alphanumeric();
    (sum == 1 && digits >= DIGITS_MIN && !goes_on).then_some(at)
}

const fn byte_is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// The remainder with one more character: a digit, or a letter as two.
const fn add(sum: u64, byte: u8) -> u64 {
    match byte {
        b'0'..=b'9' => (sum * 10 + (byte - b'0') as u64) % 97,
        _ => (sum * 100 + (byte.to_ascii_uppercase() - b'A') as u64 + 10) % 97,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iban_has_its_countrys_length_and_check_number() {
        for text in [
            "DE89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "gb29nwbk60161331926819",
            "DE89-3704-0044-0532-0130-00",
        ] {
            assert_eq!(iban(text.as_bytes(), 0), Some(text.len()), "{text}");
        }
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "ZZ89370400440532013000",
            "GB29NWBK601613319268190",
            "DE",
        ] {
            assert_eq!(iban(text.as_bytes(), 0), None, "{text}");
        }
        assert!(LENGTHS.is_sorted());
    }

    #[test]
    fn every_change_of_a_digit_is_seen() {
        let text = "GB29NWBK60161331926819";
        for at in 2..text.len() {
            for digit in b'0'..=b'9' {
                let mut bytes = text.as_bytes().to_vec();
                if bytes[at].is_ascii_digit() && bytes[at] != digit {
                    bytes[at] = digit;
                    assert_eq!(iban(&bytes, 0), None);
                }
            }
        }
    }
}
