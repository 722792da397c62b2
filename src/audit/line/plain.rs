//! Which bytes a JSON string holds as they are: visible ASCII and the space, without `"` and `\`.
//!
//! Never: calls a byte plain that a reader or a terminal could take for something else.

/// Eight bytes at a time, since most texts are longer than that and shorter than what is worth a vector.
pub(super) fn all_plain(bytes: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    // A byte below `n` or equal to `x` leaves its high bit behind, or one below it does: enough to say that there is one.
    let odd = words.iter().fold(0, |odd, word| {
        let word = u64::from_le_bytes(*word);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below_space = word.wrapping_sub(ONES * 0x20) & !word;
        let is = |byte: u8| zero(word ^ (ONES * u64::from(byte)));
        odd | below_space | is(b'"') | is(b'\\') | is(0x7f) | word
    });
    odd & HIGH == 0 && rest.iter().all(|byte| is_plain(*byte))
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
