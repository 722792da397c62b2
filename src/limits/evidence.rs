//! Bounds of what proves the decision log.

use super::RECORD_FIELD_BYTES_MAX;

/// Longest name of a book, in bytes: what a record can hold. That of a tenant is far shorter.
pub const BOOK_BYTES_MAX: usize = RECORD_FIELD_BYTES_MAX;
// Two bytes of a varint hold it.
const _: () = assert!(BOOK_BYTES_MAX < 1 << 14);

/// Longest signed note, in bytes: a checkpoint with a signature of each of its witnesses.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signatures of one note; the form's authors ask for 16 at least.
pub const NOTE_SIGNATURES_MAX: usize = 64;
/// Longest name of a key or of a log's origin, in bytes.
pub const NOTE_NAME_BYTES_MAX: usize = 255;
/// Most hashes of one proof: a path has one for each level of a tree of 2^64 leaves, and consistency one more.
pub const PROOF_HASHES_MAX: usize = 65;
