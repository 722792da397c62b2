//! Bounds of what tenants may do and of how that is counted.

/// Most requests in a time, at once, or in a burst, that a limit may name: below it a nanosecond tells them apart.
pub const QUOTA_COUNT_MAX: u64 = 1_000_000_000;
/// Longest that a burst may take to be whole again, in seconds: a year.
pub const QUOTA_REFILL_SECONDS_MAX: u64 = 366 * 86_400;
/// Most bytes a day that a limit may name: a count shares 64 bits with its day, and has 48 of them.
pub const QUOTA_BYTES_MAX: u64 = (1 << 48) - 1;
/// A tenant is warned of at this share of a limit, in percent.
pub const QUOTA_WARN_PERCENT: u64 = 80;
/// And again only once it fell below this share, in percent.
pub const QUOTA_CALM_PERCENT: u64 = 50;
/// And not sooner than so many nanoseconds after the last time: a rate's use goes up and down many times a second.
pub const QUOTA_WARN_NANOS: u64 = 60_000_000_000;
/// Most warnings that wait to be told; further ones are counted with those of other times.
pub const QUOTA_WARNINGS_MAX: usize = 256;
/// Tenants whose use is shown as a metric (default), those nearest to a limit first.
pub const QUOTA_TENANTS_SHOWN: usize = 50;
/// Most that may be configured: each takes up to three series.
pub const QUOTA_TENANTS_SHOWN_MAX: u64 = 1_000;
/// Places for callers' addresses in the table of those whose credentials failed: 512 KiB. Two that meet in one share it.
pub const UNIDENTIFIED_PLACES: usize = 1 << 16;
/// Most requests that one worker has under way (default): beyond it each waits longer than its caller does.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 10_000;
/// Longest that callers of a tenant in maintenance are told to wait, in seconds: a week.
pub const RETRY_AFTER_SECONDS_MAX: u32 = 7 * 86_400;
/// Most tenants that are settled with the other replicas at once: their keys are read and set in one script, and others wait.
pub const SETTLED_TENANTS_MAX: usize = 256;
/// Longest that a rate may be ahead of a whole burst, in microseconds, for what replicas let through before they knew of each
/// other: it is paid back, but nobody is shut out for longer.
pub const SETTLED_AHEAD_MICROS_MAX: u64 = 10_000_000;
/// How long a store that failed is left alone, in milliseconds. Each replica counts for itself meanwhile.
pub const SETTLING_PAUSE_MS: u64 = 1_000;
/// Longest password of such a store, in bytes.
pub const SETTLING_PASSWORD_BYTES_MAX: usize = 4 << 10;
