//! Bounds of what is learned from bodies.

/// Most routes of which is kept what was learned.
pub const LEARNED_ROUTES_MAX: usize = 4_096;
/// Most paths that are kept of one body of one route.
pub const LEARNED_PATHS_MAX: usize = 4_096;
/// Most paths that are kept of all bodies together. One takes some 300 bytes.
pub const LEARNED_PATHS_TOTAL_MAX: usize = 100_000;
/// Most keys of one object that are told apart; with more they are no names of fields.
pub const LEARNED_KEYS_MAX: usize = 256;
/// Longest key that is taken for a name, in bytes.
pub const LEARNED_KEY_BYTES_MAX: usize = 64;
/// Bodies that a running sidecar must have seen a key in before it tells it: what somebody typed into one comes once.
pub const LEARNED_KEY_BODIES_MIN: u64 = 3;
/// Deepest value that is learned from. The file of what was learned nests twice as deep, and its reader ends at 128.
pub const LEARNED_DEPTH_MAX: usize = 32;
/// Highest count in such a file: whole numbers up to here are the same in every JSON reader.
pub const LEARNED_COUNT_MAX: u64 = 1 << 53;
/// Largest file, or answer of the admin listener, with what was learned, in bytes.
pub const LEARNED_STATE_BYTES_MAX: usize = 128 << 20;
/// Largest file of bodies or exchanges that `learn` reads, in bytes.
pub const LEARNED_FILE_BYTES_MAX: usize = 256 << 20;
/// Most bytes of one body that is looked at while it passes (default): the beginning says what the rest does.
pub const LEARNING_BODY_BYTES: u64 = 256 << 10;
/// Most of it that may be configured, in bytes.
pub const LEARNING_BODY_BYTES_MAX: u64 = 8 << 20;
/// Most bytes of copies of bodies at once, of requests under way and of those that wait. What is over it is dropped.
pub const LEARNING_HELD_BYTES_MAX: usize = 32 << 20;
/// Requests whose bodies wait to be looked at. When full, they are dropped and counted.
pub const LEARNING_QUEUE_MAX: usize = 256;

const _: () = assert!(LEARNING_BODY_BYTES_MAX <= LEARNING_HELD_BYTES_MAX as u64 && LEARNED_DEPTH_MAX < 60);
