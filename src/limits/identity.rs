//! Bounds of what it takes to know who calls: issuers, their keys, API keys.
//!
//! Never: used as a target. A bound is what is refused, not what is usual.

/// Most issuers of tokens in one snapshot.
pub const ISSUERS_MAX: usize = 1_024;
/// Most keys in the JWKS of one issuer: a token's key is found by going through them.
pub const JWKS_KEYS_MAX: usize = 256;
/// Most API keys in one snapshot.
pub const API_KEYS_MAX: usize = 100_000;
/// Longest id of an API key, in bytes.
pub const API_KEY_ID_BYTES_MAX: usize = 64;
/// Largest file of API keys that is edited, in bytes: as large as one that is read.
pub const API_KEYS_BYTES_MAX: usize = 16 << 20;
/// So long before an API key expires it is told, in seconds.
pub const API_KEY_WARNING_SECONDS: u64 = 14 * 86_400;
/// Latest time that a token may name, in seconds since 1970: the end of the year 9999. Milliseconds are past it.
pub const TOKEN_TIME_SECONDS_MAX: u64 = 253_402_300_799;
/// Most keys that assertions for the app are signed with: the newest, and those that it may still know.
pub const ASSERTION_KEYS_MAX: usize = 8;
/// Most assertions that one worker keeps to use again.
pub const ASSERTIONS_KEPT_MAX: usize = 10_000;
/// How long an assertion is good where nothing is said, in seconds.
pub const ASSERTION_SECONDS: u64 = 60;
/// Shortest that the config may make it, in seconds.
pub const ASSERTION_SECONDS_MIN: u64 = 10;
/// Longest that the config may make it, in seconds.
pub const ASSERTION_SECONDS_MAX: u64 = 3_600;
/// Most issuers whose keys are fetched: each has a thread of its own, so that none waits for another.
pub const FETCHED_ISSUERS_MAX: usize = 64;
/// Largest JWKS or discovery document that is fetched, in bytes.
pub const JWKS_BYTES_MAX: usize = 1 << 20;
/// How often keys are fetched where nothing is said, in seconds.
pub const JWKS_REFRESH_SECONDS: u64 = 300;
/// Shortest time between two fetches where nothing is said, in seconds.
pub const JWKS_COOL_DOWN_SECONDS: u64 = 30;
/// Shortest that the config may make it, in seconds.
pub const JWKS_COOL_DOWN_SECONDS_MIN: u64 = 1;
/// How old keys may become where nothing is said, in seconds.
pub const JWKS_STALE_SECONDS: u64 = 3_600;
/// Longest that the config may allow, in seconds: a key that its issuer withdrew is believed no longer.
pub const JWKS_STALE_SECONDS_MAX: u64 = 7 * 86_400;
/// Longest that one request for keys takes where nothing is said, in seconds.
pub const JWKS_TIMEOUT_SECONDS: u64 = 10;
const _: () = assert!(FETCHED_ISSUERS_MAX < ISSUERS_MAX);
const _: () = assert!(JWKS_COOL_DOWN_SECONDS < JWKS_REFRESH_SECONDS);
const _: () = assert!(JWKS_REFRESH_SECONDS < JWKS_STALE_SECONDS);
const _: () = assert!(JWKS_STALE_SECONDS < JWKS_STALE_SECONDS_MAX);
