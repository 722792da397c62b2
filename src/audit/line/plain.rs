//! Which bytes a JSON string holds as they are: visible ASCII and the space, without `"` and `\`.
//!
//! Never: calls a byte plain that a reader or a terminal could take for something else.

/// Are all of them? Eight bytes at a time, since most texts are longer than that and shorter than what is worth a vector.
pub(super) fn all_plain(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk() else { return bytes.iter().all(|byte| is_plain(*byte)) };
    // The last eight overlap the whole words before them, so that no single byte is left over.
    let words = bytes.as_chunks().0.iter().chain([last]);
    words.fold(0, |odd, word| odd | odd_bits(*word)) & HIGH == 0
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Has a high bit set where one of the eight is not plain; which one is not said, as a borrow may carry it on.
const fn odd_bits(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let delete = word ^ (ONES * 0x7f);
    (word.wrapping_sub(ONES * 0x20) & !word)
        | (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (delete.wrapping_sub(ONES) & !delete)
        | word
}

const fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte < 0x7f && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_plain_when_each_of_its_bytes_is(bytes: Vec<u8>, ascii in "[ -~]{0,40}", at: u8, odd: u8) {
            prop_assert_eq!(all_plain(&bytes), bytes.iter().all(|byte| is_plain(*byte)));
            let mut text = ascii.into_bytes();
            prop_assert_eq!(all_plain(&text), text.iter().all(|byte| is_plain(*byte)));
            if let Some(byte) = text.get_mut(usize::from(at % 40)) {
                *byte = odd;
            }
            prop_assert_eq!(all_plain(&text), text.iter().all(|byte| is_plain(*byte)));
        }
    }
}
