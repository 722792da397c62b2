//! Which keys are names of fields, and which may be values: identifiers, addresses, numbers, whatever somebody typed.
//!
//! Never: takes for a name what a detector finds something in.

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
        ] {
            assert!(!is_name(key), "{key}");
        }
        assert!(!is_name(&"n".repeat(65)));
    }
}
