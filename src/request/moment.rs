//! What is made of a request's arrival: its ids as header values, and bytes for them.
//!
//! Never: reads a clock, or draws by lot.

use bytes::Bytes;
use http::HeaderValue;

use crate::audit::trace::Trace;
use crate::ids::DecisionId;
use crate::request::forwarded::TRACEPARENT;

/// An id and a trace as header values, in one piece of memory.
pub(super) fn lines(id: DecisionId, trace: &Trace) -> (HeaderValue, HeaderValue) {
    let mut both = [0; ID_BYTES + TRACE_BYTES];
    if let Some((at_id, at_trace)) = both.split_first_chunk_mut() {
        *at_id = id.text();
        at_trace.copy_from_slice(&trace.traceparent());
    }
    let both = Bytes::copy_from_slice(&both);
    // Digits, letters and dashes are always a value.
    let line =
        |range| HeaderValue::from_maybe_shared(both.slice(range)).unwrap_or(HeaderValue::from_static(""));
    (line(0..ID_BYTES), line(ID_BYTES..both.len()))
}

const ID_BYTES: usize = 36;
const TRACE_BYTES: usize = 55;

/// The trace that the caller is in, where it says so exactly once.
pub(super) fn traceparent(headers: &http::HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(&TRACEPARENT).iter();
    let line = lines.next()?;
    lines.next().is_none().then(|| line.as_bytes())
}

/// Bytes for the ids of spans and traces: unlike any other request's, which is all that they must be.
pub(super) fn random(seed: u64, mixed: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    let words = [mixed, mixed.rotate_left(32) ^ seed, seed.wrapping_add(mixed)];
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    bytes
}
