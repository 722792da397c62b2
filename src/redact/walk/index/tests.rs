//! The index against a search byte by byte.

use super::*;
use proptest::prelude::*;

/// The same, looked at byte by byte.
fn naive(bytes: &[u8]) -> Vec<usize> {
    let (mut found, mut in_string, mut escaped, mut is_end) = (Vec::new(), false, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        let (was_escaped, was_end) = (escaped, is_end);
        escaped = *byte == b'\\' && !was_escaped;
        let is_quote = *byte == b'"' && !was_escaped;
        let is_operator = matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | 0x0c | 0x1a);
        let is_space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        if is_quote || !in_string && !is_space && !was_end {
            found.push(at);
        }
        in_string ^= is_quote;
        is_end = !in_string && !is_operator && !is_space;
    }
    found
}

fn found(bytes: &[u8], from: usize) -> (Vec<usize>, usize) {
    let mut index = Index::new();
    index.build(bytes, from, false);
    let tokens = index.tokens(from).iter().filter(|place| **place != NOWHERE);
    (tokens.map(|place| from + usize::from(*place)).collect(), index.until)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let odd =
        prop::sample::select(&b"\"\\{}[]:,  \n\t\r\x00\x1f\x7fabu0019-+.eEtrue\xc3\xa4\xe2\x82\xac\xf0"[..]);
    prop_oneof![
        prop::collection::vec(odd, 0..300),
        prop::collection::vec(
            prop_oneof![20 => Just(b'a'), 2 => Just(b'"'), 1 => Just(b'\\'), 1 => any::<u8>()],
            0..300
        ),
    ]
}

proptest! {
    #[test]
    fn the_tokens_are_those_that_a_search_byte_by_byte_finds(bytes in bytes(), from in 0_usize..70) {
        let from = from.min(bytes.len());
        let (found, until) = found(&bytes, from);
        let naive: Vec<usize> = naive(&bytes[from..]).into_iter().map(|at| from + at).filter(|at| *at < until).collect();
        prop_assert_eq!(found, naive);
    }

    #[test]
    fn what_is_indexed_is_text_whose_escapes_are_whole(bytes in bytes()) {
        let (_, until) = found(&bytes, 0);
        prop_assert!(std::str::from_utf8(&bytes[..until]).is_ok());
        let (mut at, mut in_string) = (0, false);
        while at < until {
            match bytes[at] {
                b'\\' => {
                    prop_assert!(!in_string || is_escape(&bytes, at));
                    at += 1;
                }
                b'"' => in_string = !in_string,
                byte => prop_assert!(!in_string || byte >= 0x20),
            }
            at += 1;
        }
    }
}
