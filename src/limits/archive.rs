//! Bounds of the archive and of what is asked of it.

/// Largest file that says what the archive holds, in bytes: some two hundred for each of its files.
pub const ARCHIVE_MANIFEST_BYTES_MAX: usize = 256 << 20;
/// How many records are put side by side before some are written: some 400 bytes each are in memory.
pub const ARCHIVE_ROWS: usize = 192 << 10;
/// After how many records what was written is made to count, so that a stop costs no more than these.
pub const ARCHIVE_COMMIT_RECORDS: u64 = 4 << 20;
/// Most rows of files that are made one.
pub const ARCHIVE_MERGED_ROWS_MAX: u64 = 2 << 20;
/// Rows of one group of a file, in memory at once: what a reader passes over at once.
pub const ARCHIVE_GROUP_ROWS: usize = 64 << 10;
/// Most rows of one page of a file.
pub const ARCHIVE_PAGE_ROWS: usize = 8 << 10;

/// Most rows of one answer, where who asks names no other number.
pub const QUERY_ROWS: usize = 10_000;
/// Most rows of one answer at all.
pub const QUERY_ROWS_MAX: usize = 1_000_000;
/// Most bytes of one answer, as they are in memory.
pub const QUERY_BYTES_MAX: usize = 128 << 20;
/// What a question may take of memory while it is worked out, in bytes; with an answer and what files say of themselves it stays within 512 MiB.
pub const QUERY_MEMORY_BYTES: usize = 192 << 20;
/// What of that which files say of themselves is kept for the next question, in bytes.
pub const QUERY_METADATA_BYTES: usize = 64 << 20;
/// How long a question may take, in milliseconds, where who asks names no other time.
pub const QUERY_MS: u64 = 60_000;
/// Most answers of `serve` that are in memory at once, and most bytes of each, as they are in memory before they are written out.
pub const AUDIT_ANSWERS_MAX: usize = 8;
/// See [`AUDIT_ANSWERS_MAX`].
pub const AUDIT_ANSWER_BYTES_MAX: usize = 32 << 20;
/// Most streams of records that `serve` has open at once: each looks into the log twice a second.
pub const AUDIT_STREAMS_MAX: usize = 16;
/// Longest head of a request to `serve`, in bytes: a token is the most of it.
pub const AUDIT_HEAD_BYTES_MAX: usize = 32 << 10;
/// Longest statement, in bytes.
pub const QUERY_STATEMENT_BYTES_MAX: usize = 16 << 10;
