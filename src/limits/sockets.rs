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
/// Bytes by which a read of the app is less than hyper's buffer for it: that grows when full, and what is made of a piece, a little
/// longer than it, takes no more memory than the buffer.
const LESS_THAN_A_BUFFER: usize = 65;
/// Most bytes read from the app at once (8 KiB, less a little): so much waits for a slow client.
pub const UPSTREAM_READ_BYTES: usize = (8 << 10) - LESS_THAN_A_BUFFER;
/// The same of an answer whose client is fast. By 64 KiB one of 1 GiB costs 0.67 of the processor's time (0.45 where nothing is hidden)
/// that it costs by 8 KiB, but 64 connections that were fast once keep 5 MiB more; this is half of it.
pub const UPSTREAM_FAST_READ_BYTES: usize = (32 << 10) - LESS_THAN_A_BUFFER;
/// An answer of which more bytes than these are read in a tick (250 ms) has a client that is fast. More than sockets take by themselves
/// for a client that reads nothing: what the client's has room for, and [`UNSENT_BYTES_MAX`].
pub const UPSTREAM_FAST_BYTES: usize = 1 << 20;
/// Bytes that the kernel keeps of what a client is sent and has no room for yet. Without a bound Linux takes 4 MiB of each slow client.
pub const UNSENT_BYTES_MAX: u32 = 256 << 10;

const _: () = assert!(UPSTREAM_FAST_BYTES > 2 * UNSENT_BYTES_MAX as usize);
