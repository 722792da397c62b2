//! Bounds of sending the decision log on.

use super::FRAME_BYTES_MAX;

/// Most places that the log is sent to.
pub const SHIP_SINKS_MAX: usize = 16;
/// Longest name of such a place, in bytes.
pub const SHIP_NAME_BYTES_MAX: usize = 40;
/// Most records that are sent together.
pub const SHIP_BATCH_RECORDS_MAX: usize = 10_000;
/// Most bytes of records, as the log holds them, that are sent together: what is made of them is a few times as long.
pub const SHIP_BATCH_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(SHIP_BATCH_BYTES_MAX > FRAME_BYTES_MAX);
/// What is read of a segment at once, in bytes.
pub const SHIP_READ_BYTES: usize = 1 << 20;
const _: () = assert!(SHIP_READ_BYTES > 2 * FRAME_BYTES_MAX);
/// Most bytes of an answer that are read.
pub const SHIP_ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long after a failure it is tried again, in milliseconds; twice as long after each further one.
pub const SHIP_RETRY_MS: u64 = 250;
/// And at most so long.
pub const SHIP_RETRY_MS_MAX: u64 = 30_000;
/// How often a position is put on the device while records are sent, in milliseconds: what was sent since is sent again
/// after a crash.
pub const SHIP_SAVE_MS: u64 = 1_000;
/// How long a stop waits for the last records to be sent, in milliseconds.
pub const SHIP_STOP_MS: u64 = 2_000;
/// Largest file of a position, in bytes.
pub const SHIP_POSITION_BYTES_MAX: usize = 4 << 10;
/// Largest answer of a broker, in bytes: it may list all topics of its cluster.
pub const KAFKA_ANSWER_BYTES_MAX: usize = 16 << 20;
