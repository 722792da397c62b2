//! Bounds of what proves the decision log.

use super::FRAME_BYTES_MAX;
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
/// Largest file of the trees at a seal, in bytes: a hundred thousand books of a million records each.
pub const HEADS_BYTES_MAX: usize = 256 << 20;
/// Most keys that a log has had.
pub const LOG_KEYS_MAX: usize = 1_024;
/// What is read of the roots of bundles at once, in bytes.
pub const BUNDLES_READ_BYTES: usize = 64 << 10;
/// What of a segment is in memory at once while it is verified, in bytes.
pub const SEGMENT_PIECE_BYTES: usize = 1 << 20;
const _: () = assert!(SEGMENT_PIECE_BYTES > 4 * FRAME_BYTES_MAX);
/// How far ahead of the one that is expected the number of a record may be that is found behind damage.
pub const RECORDS_SKIPPED_MAX: u64 = 1 << 40;
/// Most findings that a verification keeps; the rest are counted.
pub const FINDINGS_MAX: usize = 1_000;
/// After how many records a verification says how far it is.
pub const PROGRESS_RECORDS: u64 = 65_536;

/// How long a record may wait for its device, in milliseconds.
pub const SYNC_WITHIN_MS: u64 = 50;
/// How long a request waits for a log that says nothing, where the configuration does not say.
pub const OVERFLOW_DEADLINE: std::time::Duration = std::time::Duration::from_secs(1);
/// Most bytes of records that wait to be told in lines beside a directory, for each place: what is more is left out.
pub const LINES_BYTES_MAX: usize = 8 << 20;
const _: () = assert!(LINES_BYTES_MAX >= 2 * GROUP_BYTES_MAX);
/// How long a stop waits for the last lines to be taken, in milliseconds.
pub const LINES_STOP_MS: u64 = 2_000;
/// How long after a seal or a checkpoint that failed the next is tried, in milliseconds.
pub const STORE_RETRY_MS: u64 = 1_000;
/// Most bytes of records that wait for their device together: room for them is kept, so that they can be written anew.
pub const GROUP_BYTES_MAX: usize = 4 << 20;
/// Largest segment of the log, in bytes: it is read whole.
pub const LOG_SEGMENT_BYTES_MAX: usize = 1 << 30;
/// Largest part of a snapshot that is kept, in bytes.
pub const SNAPSHOT_PART_BYTES_MAX: usize = 256 << 20;
/// Largest file of a key that signs, in bytes.
pub const SIGNING_KEY_BYTES_MAX: usize = 16 << 10;

/// Most snapshots of past days that a replay holds at a time: decisions are read in the order of their time, and an edit of the
/// policies is rare beside them.
pub const REPLAY_SNAPSHOTS_MAX: usize = 8;

/// How much earlier than the time in a decision's id its record is looked for, in milliseconds: records of several workers are
/// numbered when they are written.
pub const FIND_SLACK_MS: u64 = 60_000;
/// How many records behind the last that is known to come are looked at for more of the same decision: shadow decisions are made
/// a little later.
pub const FIND_BEHIND_RECORDS: usize = 4_096;

/// Largest file of a case folder, in bytes: each is read once more for its digest.
pub const EXPORT_FILE_BYTES_MAX: usize = 4 << 30;

/// Longest line of an access log, in bytes; what is behind it counts as another line.
pub const ACCESS_LINE_BYTES_MAX: u64 = 64 << 10;
/// Most requests that are held against an access log at a time: 40 bytes each.
pub const RECONCILE_IDS_MAX: usize = 10_000_000;
/// Most ids that are told of one kind.
pub const RECONCILE_EXAMPLES_MAX: usize = 20;

/// How often it is looked for what is asked of a log in files beside it, in milliseconds.
pub const ORDERS_EVERY_MS: u64 = 1_000;
/// Largest of those files, in bytes: the prunings of a hundred thousand segments.
pub const ORDER_BYTES_MAX: u64 = 64 << 20;
/// How long who asks waits for the answer, in milliseconds.
pub const ORDER_WAIT_MS: u64 = 20_000;
/// Most prunings that a verification knows: each is of a segment.
pub const PRUNES_MAX: usize = 1_000_000;
/// Largest file of the holds that stand, in bytes.
pub const HOLDS_BYTES_MAX: usize = 16 << 20;
/// Largest file of the leaves of a bundle that is cut in two, in bytes.
pub const EDGE_BYTES_MAX: usize = 255 * 32;
/// A segment of a log that nobody configured is closed once it has so many bytes.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// How far two of its checkpoints are apart at most, in milliseconds.
pub const CHECKPOINT_MS: u64 = 60_000;
/// A segment of the log of readings is closed once it has so many bytes: it is read again for each reading.
pub const READINGS_SEGMENT_BYTES: u64 = 1 << 20;
/// How many of the heads of that log are looked at, the newest: those that no checkpoint covers yet are of a minute.
pub const READINGS_HEADS: usize = 1_024;
/// How long who erases waits for the segments that were closed for it to be compressed, in milliseconds.
pub const ERASE_WAIT_MS: u64 = 30_000;
/// Largest file of the names that pseudonyms stand for, in bytes: some millions of people.
pub const VAULT_BYTES_MAX: usize = 1 << 30;
