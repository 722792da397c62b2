//! The Redis that replicas share: one script that adds what came to what all count, and says how far that is.
//!
//! Never: waits longer than it was told, or shows the password.

use std::path::PathBuf;
use std::time::Duration;

use redis::Client;
use redis::Connection;
use redis::IntoConnectionInfo as _;
use redis::Script;

use crate::file;
use crate::limits;
use crate::quota::Untold;

/// Where the store is, and how it is asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `redis://host:port/db` or `redis+unix:///path`, without a password.
    pub address: String,
    /// The user, where it has users.
    pub username: Option<String>,
    /// The file with the password, read for each connection.
    pub password_file: Option<PathBuf>,
    /// What each key begins with.
    pub prefix: String,
    /// How often what came is told.
    pub every: Duration,
    /// Longest wait for a connection, and for an answer.
    pub timeout: Duration,
}

impl Settings {
    /// For people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.address.clone()
    }
}

/// What all replicas together came to, of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Total {
    pub(super) ahead_ns: Option<u64>,
    pub(super) bytes: Option<u64>,
}

/// The store.
pub(super) struct Store {
    settings: Settings,
    script: Script,
    connection: Option<Connection>,
}

/// For each key what it counts (`r`: a rate, `b`: bytes), how much came, and of a rate the microseconds from one request to the
/// next and those of a whole burst. The time is the store's, so that replicas' clocks do not matter. Lua's numbers hold
/// microseconds since 1970 to the last one; written with `%.0f`, for Redis would cut them.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local told = {}
for at, key in ipairs(KEYS) do
  local kind, count = ARGV[4 * at - 2], tonumber(ARGV[4 * at - 1])
  if kind == 'r' then
    local emission, burst = tonumber(ARGV[4 * at]), tonumber(ARGV[4 * at + 1])
    local arrival = tonumber(redis.call('GET', key) or '0')
    arrival = math.min(math.max(arrival, now) + count * emission, now + burst + tonumber(ARGV[1]))
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1000)
    told[at] = string.format('%.0f', arrival - now)
  else
    told[at] = string.format('%.0f', redis.call('INCRBY', key, count))
    redis.call('EXPIRE', key, 172800)
  end
end
return told
";

impl Store {
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        settings.address.as_str().into_connection_info().map_err(|error| error.to_string())?;
        Ok(Self { settings, script: Script::new(SCRIPT), connection: None })
    }

    /// Tells what came on a day, and hears what all came to: as many totals as were told of.
    pub(super) fn settle(&mut self, untold: &[Untold], day: u64) -> Result<Vec<Total>, String> {
        let settled = self.try_settle(untold, day);
        if settled.is_err() {
            // An answer that comes late would be taken for that of the next question.
            self.connection = None;
        }
        settled
    }

    fn try_settle(&mut self, untold: &[Untold], day: u64) -> Result<Vec<Total>, String> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let said = |error: redis::RedisError| error.to_string();
        if untold.is_empty() {
            redis::cmd("PING").query::<String>(&mut connection).map_err(said)?;
            self.connection = Some(connection);
            return Ok(Vec::new());
        }
        let told: Vec<String> = self.asked(untold, day).invoke(&mut connection).map_err(said)?;
        self.connection = Some(connection);
        totals(untold, &told).ok_or_else(|| "the store gave no numbers".to_owned())
    }

    fn asked(&self, untold: &[Untold], day: u64) -> redis::ScriptInvocation<'_> {
        let mut asked = self.script.prepare_invoke();
        asked.arg(limits::SETTLED_AHEAD_MICROS_MAX);
        let prefix = &self.settings.prefix;
        for one in untold {
            let tenant = one.meter.tenant();
            if let Some((rate, count)) = one.requests {
                // A rate that was edited counts anew: its times mean something else.
                asked.key(format!("{prefix}requests:{}:{tenant}", rate.emission_ns()));
                asked.arg("r").arg(count).arg(micros(rate.emission_ns())).arg(micros(rate.refill_ns()));
            }
            if one.bytes > 0 {
                asked.key(format!("{prefix}bytes:{day}:{tenant}"));
                asked.arg("b").arg(one.bytes).arg(0).arg(0);
            }
        }
        asked
    }

    fn connect(&self) -> Result<Connection, String> {
        let Settings { address, username, password_file, timeout, .. } = &self.settings;
        let info = address.as_str().into_connection_info().map_err(|error| error.to_string())?;
        let mut login = info.redis_settings().clone();
        if let Some(path) = password_file {
            let text = file::text(path, limits::SETTLING_PASSWORD_BYTES_MAX);
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            login = login.set_password(text.trim_end_matches(['\r', '\n']));
        }
        if let Some(username) = username {
            login = login.set_username(username);
        }
        let said = |error: redis::RedisError| error.to_string();
        let client = Client::open(info.set_redis_settings(login)).map_err(said)?;
        let connection = client.get_connection_with_timeout(*timeout).map_err(said)?;
        connection.set_read_timeout(Some(*timeout)).map_err(said)?;
        connection.set_write_timeout(Some(*timeout)).map_err(said)?;
        Ok(connection)
    }
}

/// Microseconds, to the nanosecond.
fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000, ns % 1_000)
}

fn totals(untold: &[Untold], told: &[String]) -> Option<Vec<Total>> {
    let mut told = told.iter().map(|text| text.parse::<u64>().ok());
    let mut all = Vec::with_capacity(untold.len());
    for one in untold {
        let ahead_ns = match one.requests {
            Some(_) => Some(told.next()??.saturating_mul(1_000)),
            None => None,
        };
        let bytes = if one.bytes > 0 { Some(told.next()??) } else { None };
        all.push(Total { ahead_ns, bytes });
    }
    told.next().is_none().then_some(all)
}
