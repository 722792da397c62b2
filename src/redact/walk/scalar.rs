//! How long literals and numbers are that are whole.
//!
//! Never: says how long one is that RFC 8259 does not know.

use crate::limits;
use crate::redact::sixteen;

/// Where the number or the literal at `at` ends, whose first byte is this.
#[inline(always)]
pub(super) fn scalar(bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    of_kind(bytes, at, first, called)
}

/// The same where most are numbers.
#[inline(always)]
pub(super) fn number_or_other(bytes: &[u8], at: usize, first: u8) -> Option<usize> {
    of_kind(bytes, at, first, number)
}

#[inline(always)]
fn of_kind(bytes: &[u8], at: usize, first: u8, number: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
    let is = |text: &[u8]| (bytes.get(at..at + text.len()) == Some(text)).then_some(at + text.len());
    match first {
        b't' => is(b"true"),
        b'n' => is(b"null"),
        b'f' => is(b"false"),
        b'0'..=b'9' if matches!(bytes.get(at + 1), Some(b',' | b'}' | b']')) => Some(at + 1),
        b'-' | b'0'..=b'9' => Some(at + number(bytes.get(at..)?)?),
        _ => None,
    }
}

/// [`number`] apart from what calls it.
#[inline(never)]
fn called(bytes: &[u8]) -> Option<usize> {
    number(bytes)
}

/// How long the number is that `bytes` begin with, if it is not longer than one may be.
// Most are short: digits, and perhaps some behind a point.
#[inline(always)]
fn number(bytes: &[u8]) -> Option<usize> {
    match bytes.first_chunk::<AT_ONCE>().and_then(short) {
        None => any_number(bytes),
        length => length,
    }
}

/// So many bytes are looked at together.
const AT_ONCE: usize = 32;

/// The same of a number that ends among these bytes, has no exponent and stands right before what may follow one. Nothing of
/// any other.
#[inline(always)]
fn short(bytes: &[u8; AT_ONCE]) -> Option<usize> {
    let halves = bytes.as_chunks().0;
    let [low, high] = [halves.first()?, halves.get(1)?].map(sixteen::digits);
    let others = !(u64::from(low) | u64::from(high) << 16);
    let sign = usize::from(bytes.first() == Some(&b'-'));
    // Of 64 bits the upper are set, so that there is always one.
    let mut end = sign + (others >> sign).trailing_zeros() as usize;
    let is_whole = end == sign + 1 || end > sign && bytes.get(sign) != Some(&b'0');
    let mut byte = bytes.get(end)?;
    if *byte == b'.' {
        let point = end + 1;
        end = point + (others >> point).trailing_zeros() as usize;
        if end == point {
            return None;
        }
        byte = bytes.get(end)?;
    }
    (is_whole && matches!(byte, b',' | b'}' | b']' | b'\n' | b'\r' | b' ')).then_some(end)
}

#[cold]
#[inline(never)]
fn any_number(bytes: &[u8]) -> Option<usize> {
    let at = usize::from(*bytes.first()? == b'-');
    let mut at = match bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(bytes, at + 1),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    Some(at).filter(|length| *length <= limits::JSON_NUMBER_BYTES_MAX)
}

/// For each byte of a word, the lowest first, some of its high bits, if it is no digit.
#[inline(always)]
const fn not_digits(word: u64) -> u64 {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0xf0; 8]);
    const SIXES: u64 = u64::from_le_bytes([6; 8]);
    // A digit is 3x, and still is after 6 is added.
    (word & HIGH ^ ZEROS) | ((word & !HIGH).wrapping_add(SIXES) & HIGH)
}

#[inline(always)]
fn some_digits(bytes: &[u8], at: usize) -> Option<usize> {
    Some(digits(bytes, at)).filter(|end| *end > at)
}

/// Where the digits from `at` on end: eight at a time.
#[inline(always)]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let other = not_digits(u64::from_le_bytes(*eight));
        if other != 0 {
            return at + (other.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_end_where_a_search_byte_by_byte_says(
            bytes in prop::collection::vec(prop_oneof![9 => b'0'..=b'9', 1 => any::<u8>()], 0..40),
        ) {
            let naive = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits(&bytes, 0), naive);
        }

        #[test]
        fn a_number_is_as_long_as_the_grammar_says(text in "-?(0|[1-9][0-9]{0,20}|[.eE+-]){1,4}(\\.[0-9]{0,9})?([eE][+-]?[0-9]{0,3})?[ ,x]", after in prop::collection::vec(any::<u8>(), 0..40)) {
            use crate::redact::text::Number;
            let bytes = [text.as_bytes(), &after[..]].concat();
            let (mut state, mut end) = (Number::Start, 0);
            for byte in &bytes {
                let Some(next) = state.after(*byte) else { break };
                (state, end) = (next, end + 1);
            }
            let expected = state.is_whole().then_some(end);
            prop_assert_eq!(number(&bytes).filter(|_| state.is_whole()), expected, "{}", text);
        }
    }
}
