//! Bounds of the way to the app.
//!
//! Never: used as a target. A bound is what is refused, not what is usual.

/// Most idle upstream connections that one worker keeps (default).
pub const UPSTREAM_IDLE_MAX: usize = 256;
/// Most upstream connections that one worker has open, idle or not (default).
pub const UPSTREAM_CONNECTIONS_MAX: usize = 4_096;
/// Most places where the app runs, by name: each has connections of its own in each worker.
pub const UPSTREAMS_MAX: usize = 256;
/// Most endpoints of one of them; all are looked at where many of them fail.
pub const ENDPOINTS_MAX: usize = 256;
/// Most addresses of one host's name that are used.
pub const ADDRESSES_MAX: usize = 64;
/// An endpoint that failed so often in a row is left alone for a while (default).
pub const EJECT_FAILURES: u32 = 5;
/// Where a smaller share of the endpoints than this would be left, in percent, all are used (default).
pub const PANIC_PERCENT: u32 = 50;
/// Of a hundred requests so many may be sent again.
pub const RETRIES_PERCENT: u32 = 20;
/// And so many in each second, where there are few requests.
pub const RETRIES_A_SECOND: u32 = 10;
/// Most that may be sent again at once after a quiet time.
pub const RETRIES_KEPT_MAX: u32 = 100;
/// A request is sent again at most so often (default).
pub const RETRIES: u32 = 1;
/// Most requests that one endpoint has to answer for one worker (default).
pub const UPSTREAM_REQUESTS_MAX: usize = 4_096;
/// Most requests at once on one connection of HTTP/2 to the app.
pub const UPSTREAM_STREAMS_MAX: usize = 100;
/// Bytes of one answer over HTTP/2 that wait for a client that does not read.
pub const UPSTREAM_WINDOW_BYTES: u32 = 64 << 10;
/// How often the app is asked whether it is there while a connection of HTTP/2 carries something, and how long it may take to say so.
pub const UPSTREAM_PING_EVERY: std::time::Duration = std::time::Duration::from_secs(10);
/// Largest file of certificates or of a key that the app is reached by, in bytes: the whole of the usual authorities is a quarter of it.
pub const CERTIFICATES_BYTES_MAX: usize = 1 << 20;
/// Bytes of a connection to the app that are held in each direction; the head of an answer must fit.
pub const UPSTREAM_BUFFER_BYTES: usize = 64 << 10;
