//! Escapes, and characters of several bytes, where an index begins or ends within them.
//!
//! Never: says what an escape stands for.

/// The bytes that are escaped, of one block with backslashes; `each` is told every backslash that escapes.
#[inline]
pub(super) fn escapes(backslash: u64, carry: &mut u64, mut each: impl FnMut(usize)) -> u64 {
    let mut escaped = *carry;
    let mut rest = backslash & !escaped;
    *carry = 0;
    while rest != 0 {
        let at = rest.trailing_zeros();
        each(at as usize);
        let next = 1_u64.checked_shl(at + 1).unwrap_or(0);
        if at == 63 {
            *carry = 1;
        }
        escaped |= next;
        rest &= !(next | 1 << at);
    }
    escaped
}

/// Is the backslash at `at` the start of a whole escape?
pub(super) fn is_escape(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => {
            bytes.get(at + 2..at + 6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        Some(_) | None => false,
    }
}

/// The bytes without the start of a character whose end is not among them.
pub(super) fn whole_characters(bytes: &[u8]) -> &[u8] {
    for back in 1..=3 {
        let Some(at) = bytes.len().checked_sub(back) else { break };
        let needs = match bytes.get(at) {
            Some(0xc0..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..) => 4,
            Some(0x80..=0xbf) => continue,
            Some(_) | None => break,
        };
        return if needs > back { bytes.get(..at).unwrap_or(bytes) } else { bytes };
    }
    bytes
}
