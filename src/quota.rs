//! What tenants have used of what they may: rates, requests at once, bytes of the day, counted by all workers together.
//!
//! What may be done stands in the snapshot ([`crate::model::Quotas`]); what has been done is kept here by the tenant's
//! path, so that an edit takes nothing of it away. A request of a limited tenant costs one exchange of an atomic number
//! for each limit; one of another costs nothing.
//! Never: waits, locks on the way of a request but the first of a tenant under a snapshot, or reads a clock.

mod chain;
mod gcra;
mod guesses;
mod meter;
mod meters;

pub use chain::Admission;
pub use chain::Admitted;
pub use chain::Left;
pub use chain::Limited;
pub use chain::Share;
pub use gcra::Room;
pub use gcra::Wait;
pub use gcra::take;
pub use guesses::Guesses;
pub use meter::Meter;
pub use meters::Meters;
pub use meters::Near;
pub use meters::Untold;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Requests in a time.
    Requests,
    /// Requests at once.
    Concurrent,
    /// Bytes of bodies in a day of UTC.
    Bytes,
}

impl Limit {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Concurrent, Self::Bytes];

    /// The name that files, records and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Concurrent => "concurrent",
            Self::Bytes => "bytes",
        }
    }
}

/// The two clocks at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Nanoseconds of a clock that never goes back, the same for all workers.
    pub now_ns: u64,
    /// Milliseconds since 1970.
    pub wall_ms: u64,
}

const DAY_MS: u64 = 86_400_000;

impl Times {
    /// The day, from 1970 on.
    #[must_use]
    pub const fn day(self) -> u64 {
        self.wall_ms / DAY_MS
    }

    /// Seconds until the next day begins: at least one.
    #[must_use]
    pub const fn until_tomorrow_s(self) -> u64 {
        (DAY_MS - self.wall_ms % DAY_MS).div_ceil(1_000)
    }
}
