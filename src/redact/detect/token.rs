//! Keys of services by their forms, signed tokens, private keys, and texts that look random.
//!
//! Never: takes the beginning alone for a key; what follows it has the length and the characters that the service gives.

mod forms;

use super::Kind;
use super::byte;
use super::part;

use forms::Form;
use forms::Of;
use forms::forms;

/// Fewest characters in a row, of letters, digits, `_` and `-`, that every key of a service and signed token has.
pub(super) const RUN_MIN: usize = 16;
/// How a private key begins.
const BEGIN: &[u8] = b"-----BEGIN ";
/// Hyphens that it has at least.
pub(super) const HYPHENS_MIN: u32 = 5;

/// Where the key of a service ends that begins here, at the start of a word.
pub(super) fn key(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let Form(start, of, least, most) =
        forms(*rest.first()?).iter().find(|Form(start, ..)| rest.starts_with(start))?;
    let tail = part(rest, start.len(), rest.len());
    let mut length = tail.iter().take_while(|byte| of.has(**byte)).count();
    // The end of a sentence.
    while length > 0 && byte(tail, length - 1) == b'.' {
        length -= 1;
    }
    let key = part(rest, 0, start.len() + length);
    let is_whole = length >= *least
        && length <= *most
        && !byte(tail, length).is_ascii_alphanumeric()
        && is_seen(key)
        && is_mixed(part(tail, 0, length));
    is_whole.then(|| from + key.len())
}

/// Has it what a glance sees ([`super::glance`])?
fn is_seen(key: &[u8]) -> bool {
    let digits = key.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 4 || key.split(|byte| !Of::Name.has(*byte)).any(|run| run.len() >= RUN_MIN)
}

/// Is it no word, nor the same characters over and over, as examples have?
fn is_mixed(key: &[u8]) -> bool {
    let seen = key.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 127));
    seen.count_ones() >= 6
}

/// Where the signed token ends that begins here: three parts of base 64, the first the text of a JSON object.
pub(super) fn jwt(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    if !forms::SIGNED.iter().any(|start| rest.starts_with(start)) {
        return None;
    }
    let length = rest.iter().take_while(|byte| Of::Points.has(**byte)).count();
    let mut parts = part(rest, 0, length).split(|byte| *byte == b'.');
    let (head, body) = (parts.next()?, parts.next()?);
    let signature = parts.next();
    let more: usize = parts.take(2).map(|part| part.len() + 1).sum();
    // An encrypted one has five parts, the second of which may be empty.
    let is_signed = head.len() >= RUN_MIN && (body.len() >= 2 || more > 0) && signature.is_some();
    is_signed.then(|| from + head.len() + 1 + body.len() + 1 + signature.map_or(0, <[u8]>::len) + more)
}

/// The private key of which this is the first word after the hyphens: to its end, or to the end of the text if that is
/// missing.
pub(super) fn private_key(text: &[u8], word: usize) -> Option<(usize, usize)> {
    let from = word.checked_sub(5)?;
    let rest = text.get(from..)?.strip_prefix(BEGIN)?;
    let is_label = |byte: &&u8| byte.is_ascii_uppercase() || **byte == b' ' || byte.is_ascii_digit();
    let label = part(rest, 0, rest.iter().take_while(is_label).count());
    if !label.ends_with(b"PRIVATE KEY") && !label.ends_with(b"PRIVATE KEY BLOCK") {
        return None;
    }
    let close = memchr::memmem::find(rest, b"-----END ").map(|at| from + BEGIN.len() + at + 9);
    let to = close.map_or(text.len(), |at| {
        let label = part(text, at, text.len());
        at + memchr::memmem::find(label, b"-----").map_or(label.len(), |hyphens| hyphens + 5)
    });
    Some((from, to))
}

/// Shortest and longest text that is looked at for its randomness.
pub(super) const SECRET_BYTES_MIN: usize = 12;
const SECRET_BYTES_MAX: usize = 4_096;
/// How texts begin that are links.
pub(super) const LINK: &[u8] = b"http";
/// How random it is, in bits for each character.
const BITS_MIN: f64 = 3.0;

/// Does the whole text look random? Below a key that speaks of a secret.
pub(super) fn is_random(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    if !may_be_random(text) {
        return false;
    }
    let (mut counts, mut kinds) = ([0_u32; 128], [false; 4]);
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
        let kind = match byte {
            b'0'..=b'9' => 0,
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            _ => 3,
        };
        if let Some(kind) = kinds.get_mut(kind) {
            *kind = true;
        }
    }
    let length = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / length)
        .map(|share| -share * share.log2())
        .sum();
    let [digits, lower, upper, others] = kinds;
    let is_mixed = digits && (lower || upper) || lower && upper && others;
    bits >= BITS_MIN && is_mixed
}

/// Does it begin with a letter and have a space soon after, as most texts do? Then it is no secret, wherever it ends.
#[inline(always)]
pub(super) fn is_spaced(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let Some([first, eight @ ..]) = text.first_chunk::<9>() else { return false };
    // Of each byte that is a space nothing is left: it borrows from its high bit, and so may the byte after it only.
    let others = u64::from_le_bytes(*eight) ^ (ONES * b' ' as u64);
    first.is_ascii_alphabetic() && others.wrapping_sub(ONES) & !others & (ONES << 7) != 0
}

/// Has it the length of a secret, no spaces, and is it no link, date or UUID? A secret may have some around it.
pub(super) fn may_be_random(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    matches!(text.len(), SECRET_BYTES_MIN..=SECRET_BYTES_MAX)
        && !text.starts_with(LINK)
        && !text.iter().all(u8::is_ascii_digit)
        && super::date::date(text, 0).is_none()
        && super::date::uuid(text, 0) != Some(text.len())
        && text.iter().all(u8::is_ascii_graphic)
}

/// The kind of what begins here and where it ends.
#[inline]
pub(super) fn find(text: &[u8], from: usize, kinds: super::Kinds) -> Option<(usize, Kind)> {
    if may_begin(text, from) { find_one(text, from, kinds) } else { None }
}

/// May one begin here, by its first two characters?
#[inline(always)]
pub(super) fn may_begin(text: &[u8], from: usize) -> bool {
    forms::begins([byte(text, from), byte(text, from + 1)])
}

fn find_one(text: &[u8], from: usize, kinds: super::Kinds) -> Option<(usize, Kind)> {
    let jwt = || jwt(text, from).map(|to| (to, Kind::Jwt));
    let key = || key(text, from).map(|to| (to, Kind::Token));
    kinds.has(Kind::Jwt).then(jwt).flatten().or_else(|| kinds.has(Kind::Token).then(key).flatten())
}
