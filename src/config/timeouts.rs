//! The part of the config about how long things may take.
//!
//! Never: reads a clock.

use std::time::Duration;

use crate::limits;

use super::check::Checker;
use super::raw;

/// How long each step may take.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Longest silence within a body.
    pub body_idle: Duration,
    /// The whole of a request; zero: no bound.
    pub total: Duration,
    /// How long an unused client connection is kept.
    pub keep_alive: Duration,
    /// How long a client connection is used; zero: no bound; `None`: as long as its kind of client may.
    pub connection_age: Option<Duration>,
    /// How long requests under way may take when Palisade stops.
    pub drain: Duration,
    /// Longest silence on a WebSocket.
    pub websocket_idle: Duration,
    /// How long a WebSocket lasts at most.
    pub websocket_total: Duration,
}

pub(super) fn timeouts(c: &mut Checker<'_>, raw: &raw::Timeouts) -> Timeouts {
    let most = Duration::from_secs(limits::WEBSOCKET_SECONDS_MAX);
    let mut bounded = |path: &str, written: Option<&String>, default: u64| {
        let found = c.duration(path, written, Duration::from_secs(default));
        if found > most {
            let message = format!("`{path}` must be at most `24h`");
            c.error(
                "bad-value",
                path,
                message,
                "whoever has a WebSocket for ever is never asked again who it is",
            );
        }
        found
    };
    let websocket_idle = bounded("timeouts.websocket_idle", raw.websocket_idle.as_ref(), 300);
    let websocket_total = bounded("timeouts.websocket_total", raw.websocket_total.as_ref(), 7_200);
    Timeouts {
        head: c.duration("timeouts.head", raw.head.as_ref(), Duration::from_secs(10)),
        body_idle: c.duration("timeouts.body_idle", raw.body_idle.as_ref(), Duration::from_secs(30)),
        total: c.duration("timeouts.total", raw.total.as_ref(), Duration::from_secs(300)),
        keep_alive: c.duration("timeouts.keep_alive", raw.keep_alive.as_ref(), Duration::from_secs(75)),
        connection_age: raw
            .connection_age
            .as_ref()
            .map(|age| c.duration("timeouts.connection_age", Some(age), Duration::ZERO)),
        drain: c.duration("timeouts.drain", raw.drain.as_ref(), Duration::from_secs(20)),
        websocket_idle,
        websocket_total,
    }
}
