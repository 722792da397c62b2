//! Which keys are names of fields, and which may be values: identifiers, addresses, numbers, whatever somebody typed.
//!
//! Never: takes for a name what a detector finds something in.

use crate::learn::words::words;
use crate::limits;
use crate::redact::detect::Detectors;
use crate::redact::detect::Kind;

/// Most digits of a name: `address2`, `line10`.
const DIGITS_MAX: usize = 2;
/// Names with more digits.
const KNOWN: [&str; 8] = ["sha256", "sha384", "sha512", "x509", "iso8601", "iso3166", "p256", "utf16"];

/// What may stand in a name beside letters and digits.
const fn is_joint(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | ':')
}

/// Is a key spelt like the name of a field?
pub(super) fn is_name(key: &str) -> bool {
    is_name_with(key, false)
}

/// Is the head of a column spelt like a name? Up to four words may have spaces between them.
pub(super) fn is_heading(head: &str) -> bool {
    head.split(' ').count() <= 4 && is_name_with(head, true)
}

fn is_name_with(key: &str, spaces: bool) -> bool {
    if key.is_empty() || key.len() > limits::LEARNED_KEY_BYTES_MAX {
        return false;
    }
    let is_word = |c: char| c.is_alphanumeric() || is_joint(c) || spaces && c == ' ';
    let first = key.chars().next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '@' | '$'));
    let digits = key.chars().filter(|c| c.is_numeric()).count();
    let has_letter = key.chars().any(char::is_alphabetic);
    let is_known = || KNOWN.iter().any(|known| key.to_ascii_lowercase().contains(known));
    first
        && has_letter
        && key.chars().skip(1).all(is_word)
        && (digits <= DIGITS_MAX || is_known())
        && !is_jumbled(key)
        && !is_made(key)
        && !is_a_finding(key)
}

/// Do capitals stand as they do in no name, but in what is random? `dGhpc0lzQVNlY3JldA`.
fn is_jumbled(key: &str) -> bool {
    let (mut turns, mut was_lower, mut was_digit, mut inner_digit) = (0, false, false, false);
    for c in key.chars() {
        turns += usize::from(was_lower && c.is_uppercase());
        inner_digit |= was_digit && c.is_alphabetic();
        (was_lower, was_digit) = (c.is_lowercase(), c.is_ascii_digit());
    }
    turns >= 3 && (inner_digit || turns * 3 > key.len())
}

/// Fewest letters and digits of a number of base 16 that has no more digits than a name may have.
const HEX_MIN: usize = 8;
/// Fewest parts, each of a length that few words have, by which a key is none.
const PARTS_MIN: usize = 4;
/// Fewest letters without a vowel between them that no abbreviation has.
const VOWELLESS_MIN: usize = 8;
/// Fewest letters of a word that is no abbreviation.
const SPOKEN_MIN: usize = 4;
/// Pairs of letters that no language has, by which a key is no name.
const ODD_MIN: usize = 2;

/// For each letter those that follow it in no word of the languages that fields are named in. Such a pair stands in one of
/// two hundred keys of other people's source, and in half of what is drawn by chance.
const ODD: [&[u8]; 26] = [
    b"",
    b"hqxz",
    b"jvxz",
    b"qxz",
    b"",
    b"hjkqvxz",
    b"gjkqxz",
    b"gjqvxz",
    b"",
    b"bcdfghjlmnqrtvwxyz",
    b"jqxz",
    b"jqx",
    b"jqxz",
    b"",
    b"",
    b"jqxz",
    b"bcdefghjklmnoprstvwxyz",
    b"x",
    b"xz",
    b"jqx",
    b"",
    b"bcdfghjkmnpqtwxz",
    b"gjqvxyz",
    b"bdgjkqrvwz",
    b"hjqvx",
    b"bcdfghjkmnpqrstvx",
];

/// Is a key spelt like what is counted or drawn by chance, an identifier: `a1b2`, `deadbeef`, `xKqTrWbM`, `qzxkvbn`?
fn is_made(key: &str) -> bool {
    let mut odd = 0;
    for run in key.split(|c: char| !c.is_alphanumeric()) {
        let words = words(run);
        let letters: usize = words.iter().map(String::len).sum();
        let groups = run.split(|c: char| !c.is_numeric()).filter(|digits| !digits.is_empty()).count();
        if run.len() >= HEX_MIN && run.bytes().all(|byte| byte.is_ascii_hexdigit())
            || groups > 1
            || words.len() >= PARTS_MIN && letters < 3 * words.len()
            || words.iter().any(|word| is_vowelless(word))
        {
            return true;
        }
        odd +=
            words.iter().filter(|word| word.len() >= SPOKEN_MIN).map(|word| odd_pairs(word)).sum::<usize>();
    }
    odd >= ODD_MIN
}

fn is_vowelless(word: &str) -> bool {
    let is_consonant = |byte: u8| byte.is_ascii_lowercase() && !b"aeiouy".contains(&byte);
    word.len() >= VOWELLESS_MIN && word.bytes().all(is_consonant)
}

fn odd_pairs(word: &str) -> usize {
    let is_odd = |pair: &[u8; 2]| {
        let [first, next] = *pair;
        let after = first.checked_sub(b'a').and_then(|at| ODD.get(usize::from(at)));
        after.is_some_and(|after| after.contains(&next))
    };
    word.as_bytes().array_windows().filter(|pair| is_odd(pair)).count()
}

fn is_a_finding(key: &str) -> bool {
    let mut found = Vec::new();
    Detectors::new(Kind::ALL.into_iter().collect()).find(key, "", &mut found);
    !found.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_names() {
        for key in [
            "id",
            "birthDate",
            "first_name",
            "x-trace",
            "@type",
            "$ref",
            "address2",
            "sha256sum",
            "_links",
            "größe",
            "resourceType",
            "medicationAdministrationReference",
            "URL",
            "dc.title",
            "xml:lang",
            "名前",
            "isXmlHttpRequest",
            "queryJwksUri",
            "vmVpnJwt",
            "e2e",
            "oauth2Scopes",
            "kreditkartenPrüfziffer",
            "xAxis",
            "utcOffset",
        ] {
            assert!(is_name(key), "{key}");
        }
        assert!(
            is_heading("First name")
                && is_heading("E-mail")
                && !is_heading("First  name of the one who pays it")
        );
    }

    #[test]
    fn what_may_be_a_value_is_no_name() {
        for key in [
            "",
            "7",
            "12345678",
            "user1042",
            "ann@example.org",
            "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "Ann Example",
            "2026-11-22",
            "+4915112345678",
            "dGhpc0lzQVNlY3JldA",
            "a/b",
            "AKIAIOSFODNN7EXAMPLE",
            "10.0.0.1",
            "DE89370400440532013000",
            "x\u{0}y",
            "what a nice day",
            "—",
            "deadbeef",
            "patient_cafebabe",
            "a1b2",
            "xKqTrWbM",
            "wpqzxkvb",
            "KJHGTFRD",
            "MZXW6YTBOI",
            "user-qzvxk",
        ] {
            assert!(!is_name(key), "{key}");
        }
        assert!(!is_name(&"n".repeat(65)));
    }

    #[test]
    fn of_what_is_drawn_by_chance_little_is_taken_for_a_name() {
        let mut seed = 7_u64;
        let mut roll = |of: &[u8]| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(of[(seed >> 33) as usize % of.len()])
        };
        let (lower, upper, digits) =
            (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789");
        for (of, length, percent) in [
            ([&lower[..], upper, digits].concat(), 12, 4),
            ([&lower[..], upper].concat(), 16, 12),
            ([&lower[..], b"234567"].concat(), 16, 8),
            ([&lower[..6], digits].concat(), 8, 1),
            (lower.to_vec(), 20, 12),
        ] {
            let named =
                (0..2_000).filter(|_| is_name(&(0..length).map(|_| roll(&of)).collect::<String>())).count();
            assert!(named * 100 <= 2_000 * percent, "{named} of {length} like {}", of.len());
        }
    }
}
