//! Bounds of WebSockets, and of what is read of the app at once.
//!
//! Never: used as a target. A bound is what is refused, not what is usual.

/// Longest text message of which something may have to be hidden, its fragments together, in bytes: it is held to its end.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes that are read at once of either side of a WebSocket. What was read before must have left by then.
pub const WEBSOCKET_READ_BYTES: usize = 8 << 10;
/// Most subprotocols that a client may offer.
pub const WEBSOCKET_PROTOCOLS_MAX: usize = 16;
/// Longest that one WebSocket may last, or be silent, whatever is configured, in seconds: no permission is checked once for ever.
pub const WEBSOCKET_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Most WebSockets of one worker that are looked at again at once after an edit, four times a second: each may be a signature to verify.
pub const WEBSOCKETS_AGAIN_MAX: usize = 512;
/// Longest that either side is waited for once a WebSocket is closing, in milliseconds.
pub const WEBSOCKET_CLOSE_MS_MAX: u64 = 3_000;
/// Most bytes read from the app at once: so much waits for a slow client. One less than hyper's buffer, which grows when full.
pub const UPSTREAM_READ_BYTES: usize = (8 << 10) - 1;
