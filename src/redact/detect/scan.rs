//! The one pass over a text: from word to word, each handed to the verifiers that it could be the beginning for.
//!
//! Never: looks for a kind that is not asked for.

use super::Found;
use super::Key;
use super::Kind;
use super::Kinds;
use super::address;
use super::byte;
use super::date;
use super::email;
use super::glance::Start;
use super::hint::Hint;
use super::iban;
use super::letters;
use super::number;
use super::token;
use super::words::Word;
use super::words::Words;

/// Kinds that are groups of digits.
const NUMBERS: [Kind; 3] = [Kind::Card, Kind::NationalId, Kind::Phone];
/// Kinds that begin with a word.
const WORDS: [Kind; 9] = [
    Kind::Phone,
    Kind::Card,
    Kind::Iban,
    Kind::NationalId,
    Kind::Ip,
    Kind::Mac,
    Kind::Jwt,
    Kind::Token,
    Kind::PrivateKey,
];
/// The shortest word without digits that a key may begin with where nothing joins it to what follows.
const LONG_WORD: usize = 12;

/// Finds all values of these kinds.
pub(super) fn scan(text: &[u8], first: Start, kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) {
    let before = found.len();
    if kinds.has(Kind::Email) && (first.at != 0 || first.length < text.len()) {
        email::find(text, found);
    }
    if kinds.has_any(&WORDS) {
        words(text, first, kinds, key, found);
    }
    if found.len() == before {
        secret(text, kinds, key, found);
    }
}

/// Finds a secret, which is the whole text.
pub(super) fn secret(text: &[u8], kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) {
    if kinds.has(Kind::Secret)
        && text.len() >= token::SECRET_BYTES_MIN
        && !token::is_spaced(text)
        && key.may_speak_of_secrets()
        && token::may_be_random(text)
        && key.has(Hint::SECRET)
        && token::is_random(text)
    {
        found.push(Found { from: 0, to: text.len(), kind: Kind::Secret });
    }
}

fn words(text: &[u8], first: Start, kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) {
    let (mut all, mut at) = (Words::new(text, first), 0);
    while let Some(word) = all.next(at) {
        // An address may begin with its colons.
        let colons = word.from >= at + 2
            && byte(text, word.from - 1) == b':'
            && byte(text, word.from - 2) == b':'
            && kinds.has(Kind::Ip);
        if colons && let Some(to) = address::ipv6(text, word.from - 2) {
            found.push(Found { from: word.from - 2, to, kind: Kind::Ip });
            at = to;
            continue;
        }
        at = match passed(text, word) {
            Some(end) => end,
            None => one(text, word, kinds, key, found).unwrap_or(word.to),
        };
    }
}

/// A date or a UUID is passed over as a whole, before its parts are taken for groups of a number.
#[inline]
fn passed(text: &[u8], word: Word) -> Option<usize> {
    match word.len() {
        4 if word.digits == 4 => date::date(text, word.from),
        8 => date::uuid(text, word.from),
        _ => None,
    }
}

/// Adds what begins with this word, and says where it ends.
#[inline]
fn one(text: &[u8], word: Word, kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) -> Option<usize> {
    let next = byte(text, word.to);
    let joined = matches!(next, b':' | b'-' | b'.');
    if word.len() <= 4
        && joined
        && byte(text, word.from).is_ascii_hexdigit()
        && let Some((to, kind)) = address(text, word, next, kinds, key)
    {
        found.push(Found { from: word.from, to, kind });
        return Some(to);
    }
    if word.digits == 0 {
        let may_begin = matches!(next, b'_' | b'=' | b'-' | b'.')
            || matches!(word.len(), 1 | 2 | 5 | LONG_WORD..) && next != b'/';
        let value = if may_begin { of_letters(text, word, kinds)? } else { return None };
        found.push(value);
        return Some(value.to);
    }
    if word.digits == word.len() {
        return of_digits(text, word, kinds, key, found);
    }
    let value = mixed(text, word, kinds)?;
    found.push(value);
    Some(value.to)
}

/// The address that begins with this word.
fn address(text: &[u8], word: Word, next: u8, kinds: Kinds, key: &Key<'_>) -> Option<(usize, Kind)> {
    if kinds.has(Kind::Mac)
        && let Some(to) = address::mac(text, word.from)
    {
        return Some((to, Kind::Mac));
    }
    if !kinds.has(Kind::Ip) {
        return None;
    }
    if next == b':' {
        return address::ipv6(text, word.from).map(|to| (to, Kind::Ip));
    }
    let to = if next == b'.' && word.digits == word.len() { address::ipv4(text, word.from) } else { None };
    // A version has its form too.
    let is_version = || number::Said::new(text, word.from, key).has(Hint::VERSION);
    to.filter(|_| !is_version()).map(|to| (to, Kind::Ip))
}

/// What begins with a word of letters: a key, a signed token, or a number with a letter or two before it.
fn of_letters(text: &[u8], word: Word, kinds: Kinds) -> Option<Found> {
    let Word { from, to, .. } = word;
    if let Some((to, kind)) = token::find(text, from, kinds) {
        return Some(Found { from, to, kind });
    }
    if word.len() == 5
        && kinds.has(Kind::PrivateKey)
        && let Some((from, to)) = token::private_key(text, from)
    {
        return Some(Found { from, to, kind: Kind::PrivateKey });
    }
    let id = if word.len() <= 2 && kinds.has(Kind::NationalId) { letters::id(text, from, to) } else { None };
    id.map(|to| Found { from, to, kind: Kind::NationalId })
}

fn of_digits(text: &[u8], word: Word, kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) -> Option<usize> {
    let Word { from, to, .. } = word;
    let with_letters =
        kinds.has(Kind::NationalId) && word.len() <= 8 && matches!(byte(text, to), b'-' | b'+');
    if with_letters && let Some(to) = letters::id(text, from, to) {
        found.push(Found { from, to, kind: Kind::NationalId });
        return Some(to);
    }
    if kinds.has_any(&NUMBERS) { number::find(text, from, to, kinds, key, found) } else { None }
}

/// What begins with a word of letters and digits.
fn mixed(text: &[u8], word: Word, kinds: Kinds) -> Option<Found> {
    let Word { from, to, .. } = word;
    let value = |to: usize, kind: Kind| Some(Found { from, to, kind });
    if let Some((to, kind)) = token::find(text, from, kinds) {
        return value(to, kind);
    }
    if kinds.has(Kind::Iban)
        && let Some(to) = iban::iban(text, from)
    {
        return value(to, Kind::Iban);
    }
    let id = if kinds.has(Kind::NationalId) { letters::id(text, from, to) } else { None };
    id.and_then(|to| value(to, Kind::NationalId))
}
