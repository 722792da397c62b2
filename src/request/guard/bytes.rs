//! Which bytes may stand where in a head.
//!
//! Never: looks at more than one byte at a time.

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
    TOKEN[byte as usize]
}

#[expect(
    clippy::indexing_slicing,
    reason = "a constant table is filled at compile time, where a wrong index fails the build"
)]
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let other = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < other.len() {
        table[other[at] as usize] = true;
        at += 1;
    }
    table
};

/// `pchar` of RFC 3986 section 3.3, `/` and `?`.
pub(super) const fn is_target_byte(byte: u8) -> bool {
    (is_token_byte(byte) && !matches!(byte, b'#' | b'^' | b'`' | b'|'))
        || matches!(byte, b'/' | b'?' | b'=' | b':' | b'@' | b'(' | b')' | b',' | b';')
}

/// `HTAB`, `SP`, `VCHAR` or `obs-text` of RFC 9110 section 5.5.
pub(super) const fn is_field_byte(byte: u8) -> bool {
    (byte >= 0x20 && byte != 0x7f) || byte == b'\t'
}

/// Without an early return, so that the compiler makes wide compares of it: this is most of a head's bytes.
pub(super) fn all_field_bytes(value: &[u8]) -> bool {
    value.iter().fold(true, |sound, byte| sound & is_field_byte(*byte))
}
