//! The place of a request in a distributed trace, as W3C Trace Context level 1 writes it in `traceparent`.
//!
//! Never: mends a wrong header; whoever sends one starts a new trace. Makes no random bytes, they come in.

use crate::ids::hex8;

/// Where one request stands in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace_id: [u8; 16],
    parent_id: Option<[u8; 8]>,
    span_id: [u8; 8],
    sampled: bool,
}

impl Trace {
    /// Continues the caller's trace with a span of our own, or starts one where the header is missing or wrong.
    ///
    /// `traceparent` is the header's value where there is exactly one; `random` is used for the new ids. A new trace is
    /// `sampled` or not as the argument says: an app whose sampler follows its parent then does the same.
    #[must_use]
    pub fn continue_from(traceparent: Option<&[u8]>, random: [u8; 24], sampled: bool) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = random;
        let span_id = never_zero([a, b, c, d, e, f, g, h]);
        match traceparent.and_then(parse) {
            Some((trace_id, parent_id, sampled)) => {
                Self { trace_id, parent_id: Some(parent_id), span_id, sampled }
            }
            None => Self { trace_id: never_zero(rest), parent_id: None, span_id, sampled },
        }
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> &[u8; 16] {
        &self.trace_id
    }

    /// Our span in it.
    #[must_use]
    pub const fn span_id(&self) -> &[u8; 8] {
        &self.span_id
    }

    /// The caller's span, where its header was right.
    #[must_use]
    pub const fn parent_id(&self) -> Option<&[u8; 8]> {
        self.parent_id.as_ref()
    }

    /// The `traceparent` for the app: same trace, our span as its parent.
    #[must_use]
    pub fn traceparent(&self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let ids = [(3, &self.trace_id[..]), (36, &self.span_id)];
        for (at, id) in ids {
            let places = text.get_mut(at..).unwrap_or_default().chunks_exact_mut(8);
            for (place, four) in places.zip(id.as_chunks().0) {
                place.copy_from_slice(&hex8(*four));
            }
        }
        if let Some(flags) = text.last_mut().filter(|_| self.sampled) {
            *flags = b'1';
        }
        text
    }
}

/// An id of all zeros is invalid, and random bytes may be that.
fn never_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id.iter().all(|byte| *byte == 0)
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

/// Trace id, parent id and whether it is sampled.
fn parse(header: &[u8]) -> Option<([u8; 16], [u8; 8], bool)> {
    let (known, more) = header.split_at_checked(55)?;
    let version: [u8; 1] = unhex(known.get(..2)?)?;
    // Version 00 ends here; a later one may go on after a dash; ff is no version.
    let ends_well = match version {
        [0] => more.is_empty(),
        [0xff] => false,
        [_] => more.is_empty() || more.starts_with(b"-"),
    };
    let dashes = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
    let trace_id: [u8; 16] = unhex(known.get(3..35)?)?;
    let parent_id: [u8; 8] = unhex(known.get(36..52)?)?;
    let [flags]: [u8; 1] = unhex(known.get(53..)?)?;
    let valid = ends_well && dashes && trace_id != [0; 16] && parent_id != [0; 8];
    valid.then_some((trace_id, parent_id, flags & 1 == 1))
}

/// Lower-case hexadecimal only, as the specification demands.
fn unhex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (to, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        if let [high, low] = pair {
            *to = nibble(*high)? << 4 | nibble(*low)?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_right_header_is_continued_with_a_span_of_our_own() {
        let trace = Trace::continue_from(Some(GOOD.as_bytes()), [0xab; 24], false);
        assert_eq!(
            std::str::from_utf8(&trace.traceparent()).unwrap(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01"
        );
        assert_eq!(trace.parent_id(), Some(&[0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
    }

    #[test]
    fn a_wrong_header_starts_a_new_trace() {
        let wrong = [
            String::new(),
            GOOD.to_uppercase(),
            format!("{GOOD}-"),
            format!("{GOOD} "),
            GOOD.replacen("00", "ff", 1),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replacen("00", "01", 1) + "x",
            "é".repeat(40),
        ];
        for header in wrong {
            let trace = Trace::continue_from(Some(header.as_bytes()), [7; 24], true);
            assert_eq!((trace.parent_id(), trace.trace_id()), (None, &[7; 16]), "{header:?}");
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = GOOD.replacen("00", "01", 1) + "-more";
        assert!(Trace::continue_from(Some(later.as_bytes()), [7; 24], true).parent_id().is_some());
    }

    #[test]
    fn no_id_is_ever_all_zeros() {
        let trace = Trace::continue_from(None, [0; 24], false);
        assert_ne!(trace.trace_id(), &[0; 16]);
        assert_ne!(trace.span_id(), &[0; 8]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(random: [u8; 24], next: [u8; 24], sampled: bool) {
            let first = Trace::continue_from(None, random, sampled);
            let second = Trace::continue_from(Some(&first.traceparent()), next, !sampled);
            prop_assert_eq!(second.trace_id(), first.trace_id());
            prop_assert_eq!(second.parent_id(), Some(first.span_id()));
            prop_assert_eq!(second.sampled, sampled);
        }

        #[test]
        fn any_bytes_are_survived(header: Vec<u8>) {
            let trace = Trace::continue_from(Some(&header), [1; 24], false);
            prop_assert_eq!(trace.span_id(), &[1; 8]);
        }
    }
}
