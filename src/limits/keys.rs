//! Bounds of the keys that masks are made with, and of turning masks back.
//!
//! Never: used as a target. A bound is what is refused, not what is usual.

/// Longest id of a key that masks are made with, in bytes.
pub const KEY_ID_BYTES_MAX: usize = 8;
/// Most keys of one tenant's file: the one that makes masks, and those that only turn back.
pub const TENANT_KEYS_MAX: usize = 64;
/// Longest secret of a key in a tenant's file, in bytes.
pub const TENANT_SECRET_BYTES_MAX: usize = 1 << 10;
/// Most that `reveal` is given at once, in bytes: values, candidates or a document.
pub const REVEAL_INPUT_BYTES_MAX: usize = 64 << 20;
/// Longest wait for another verb that writes to the same log, in milliseconds: each writes one line.
pub const EVENT_LOG_WAIT_MS_MAX: u64 = 2_000;
