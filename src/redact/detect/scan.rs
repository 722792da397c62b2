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
use super::hint::Hint;
use super::iban;
use super::letters;
use super::number;
use super::token;

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
pub(super) fn scan(text: &[u8], kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) {
    let before = found.len();
    if kinds.has(Kind::Email) {
        email::find(text, found);
    }
    if kinds.has_any(&WORDS) {
        words(text, kinds, key, found);
    }
    if found.len() == before && kinds.has(Kind::Secret) && key.has(Hint::SECRET) && token::is_random(text) {
        found.push(Found { from: 0, to: text.len(), kind: Kind::Secret });
    }
}

/// A run of letters and digits.
#[derive(Debug, Clone, Copy)]
struct Word {
    from: usize,
    to: usize,
    digits: usize,
}

/// What a byte is to a word: nothing, a letter, a digit.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0_u8;
    while at < 128 {
        // Indexing is the only way in a constant; `at` is below the length.
        #[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
        {
            classes[at as usize] = at.is_ascii_alphabetic() as u8 + 2 * at.is_ascii_digit() as u8;
        }
        at += 1;
    }
    classes
};

#[inline]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

impl Word {
    /// The next word from a place on.
    #[inline]
    fn next(text: &[u8], mut at: usize) -> Option<Self> {
        let mut first = class(*text.get(at)?);
        while first == 0 {
            at += 1;
            first = class(*text.get(at)?);
        }
        let from = at;
        let mut digits = usize::from(first >> 1);
        for byte in text.get(from + 1..)? {
            at += 1;
            let class = class(*byte);
            if class == 0 {
                return Some(Self { from, to: at, digits });
            }
            digits += usize::from(class >> 1);
        }
        Some(Self { from, to: text.len(), digits })
    }

    const fn len(&self) -> usize {
        self.to - self.from
    }
}

fn words(text: &[u8], kinds: Kinds, key: &Key<'_>, found: &mut Vec<Found>) {
    let mut at = 0;
    while let Some(word) = Word::next(text, at) {
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
        let may_begin = joined || matches!(next, b'_' | b'=' | b' ') || word.len() >= LONG_WORD;
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
