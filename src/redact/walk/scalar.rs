//! How long literals and numbers are that are whole.
//!
//! Never: says how long one is that RFC 8259 does not know.

/// How long the literal is that `bytes` begin with.
#[inline]
pub(super) fn literal(bytes: &[u8]) -> Option<usize> {
    let is = |text: &[u8]| bytes.starts_with(text).then_some(text.len());
    is(b"true").or_else(|| is(b"null")).or_else(|| is(b"false"))
}

/// How long the number is that `bytes` begin with.
#[inline]
pub(super) fn number(bytes: &[u8]) -> Option<usize> {
    let at = usize::from(*bytes.first()? == b'-');
    let mut at = match bytes.get(at)? {
        b'0' => at + 1,
        // Most numbers are short.
        b'1'..=b'9' if !matches!(bytes.get(at + 1), Some(b'0'..=b'9')) => at + 1,
        b'1'..=b'9' => digits(bytes, at + 1),
        _ => return None,
    };
    if !matches!(bytes.get(at), Some(b'.' | b'e' | b'E')) {
        return Some(at);
    }
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    Some(at)
}

fn some_digits(bytes: &[u8], at: usize) -> Option<usize> {
    Some(digits(bytes, at)).filter(|end| *end > at)
}

/// Where the digits from `at` on end: eight at a time.
#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0xf0; 8]);
    const SIXES: u64 = u64::from_le_bytes([6; 8]);
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A digit is 3x, and still is after 6 is added.
        let word = u64::from_le_bytes(*eight);
        let other = (word & HIGH ^ ZEROS) | ((word & !HIGH).wrapping_add(SIXES) & HIGH);
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
        fn a_number_is_as_long_as_the_grammar_says(text in "-?(0|[1-9][0-9]{0,20}|[.eE+-]){1,4}(\\.[0-9]{0,9})?([eE][+-]?[0-9]{0,3})?[ ,x]") {
            use crate::redact::text::Number;
            let (mut state, mut end) = (Number::Start, 0);
            for byte in text.bytes() {
                let Some(next) = state.after(byte) else { break };
                (state, end) = (next, end + 1);
            }
            let expected = state.is_whole().then_some(end);
            prop_assert_eq!(number(text.as_bytes()).filter(|_| state.is_whole()), expected, "{}", text);
        }
    }
}
