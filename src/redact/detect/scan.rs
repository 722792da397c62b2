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
use super::glance::Glance;
use super::glance::Sight;
use super::glance::Start;
use super::hint::Hint;
use super::iban;
use super::letters;
use super::number;
use super::token;
use super::words::Of;
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
        words::<true>(text, Words::new(text, first), kinds, key, found);
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

/// Is nothing found in a text that begins here in what a glance was taken at, and that is no secret?
#[inline(never)]
pub(super) fn is_nothing(
    text: &[u8],
    (glance, from): (&Glance, usize),
    sight: Sight,
    kinds: Kinds,
    key: &Key<'_>,
) -> bool {
    // Where nothing is found, it asks for no memory.
    let found = &mut Vec::new();
    let all = || Words::seen(text, glance, from);
    if sight.is_run() && !all().any_start(|at| token::may_begin(text, at)) {
        return true;
    }
    if kinds.has(Kind::Email) && sight.is_hot() {
        email::find(text, found);
    }
    if kinds.has_any(&WORDS) {
        if sight.is_hot() {
            words::<true>(text, all(), kinds, key, found);
        } else {
            words::<false>(text, all(), kinds, key, found);
        }
    }
    found.is_empty()
}

/// Finds what begins with a word. There are no two marks near each other unless `MARKED`.
fn words<const MARKED: bool>(
    text: &[u8],
    mut all: Words<'_>,
    kinds: Kinds,
    key: &Key<'_>,
    found: &mut Vec<Found>,
) {
    let mut at = 0;
    while let Some(word) = all.next(at) {
        if !MARKED && word.of == Of::Letters && !may_begin_unmarked(text, word) {
            at = word.to;
            continue;
        }
        // An address may begin with its colons.
        let colons = MARKED
            && word.from >= at + 2
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
            None => one(text, &all, word, kinds, key, found).unwrap_or(word.to),
        };
    }
}

/// May a word of letters begin anything, where no marks are near each other: a number with a letter or two before it, a hardware
/// address with points, the key of a service or a signed token?
#[inline(always)]
fn may_begin_unmarked(text: &[u8], word: Word) -> bool {
    matches!(word.len(), 1 | 2 | 4) || token::may_begin(text, word.from)
}

/// A date or a UUID is passed over as a whole, before its parts are taken for groups of a number.
#[inline]
fn passed(text: &[u8], word: Word) -> Option<usize> {
    match word.len() {
        4 if word.of == Of::Digits => date::date(text, word.from),
        8 => date::uuid(text, word.from),
        _ => None,
    }
}

/// Adds what begins with this word, and says where it ends.
#[inline]
fn one(
    text: &[u8],
    words: &Words<'_>,
    word: Word,
    kinds: Kinds,
    key: &Key<'_>,
    found: &mut Vec<Found>,
) -> Option<usize> {
    let next = byte(text, word.to);
    if may_begin_an_address(text, word, next)
        && let Some((to, kind)) = address(text, word, next, kinds, key)
    {
        found.push(Found { from: word.from, to, kind });
        return Some(to);
    }
    let value = match word.of {
        Of::Letters => {
            let may_begin = matches!(next, b'_' | b'=' | b'-' | b'.')
                || matches!(word.len(), 1 | 2 | 5 | LONG_WORD..) && next != b'/';
            if may_begin { of_letters(text, word, kinds)? } else { return None }
        }
        Of::Digits => {
            let with_letters = kinds.has(Kind::NationalId) && word.len() <= 8 && matches!(next, b'-' | b'+');
            return match with_letters.then(|| letters::id(text, word.from, word.to)).flatten() {
                Some(to) => {
                    found.push(Found { from: word.from, to, kind: Kind::NationalId });
                    Some(to)
                }
                None if kinds.has_any(&NUMBERS) && words.are_followed(&word) => {
                    number::find(text, word.from, word.to, kinds, key, found)
                }
                None => None,
            };
        }
        Of::Both => mixed(text, word, kinds)?,
    };
    found.push(value);
    Some(value.to)
}

/// Is the word short enough for the first part of an address, and joined to what follows as one is?
#[inline]
fn may_begin_an_address(text: &[u8], word: Word, next: u8) -> bool {
    let is_joined = match next {
        b':' => word.len() <= 4,
        b'-' => word.len() == 2,
        b'.' => word.len() == 4 || word.len() < 4 && word.of == Of::Digits,
        _ => false,
    };
    is_joined && byte(text, word.from).is_ascii_hexdigit()
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
    let to = if next == b'.' && word.of == Of::Digits { address::ipv4(text, word.from) } else { None };
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
