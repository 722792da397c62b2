//! The context of a request: the values that take long to make are made once and kept.
//!
//! Cedar makes a datetime or an address by calling a function of its language; its convenient constructors parse that
//! function's name each time, which costs more than the decision.
//! Never: reads a clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy_core::ast::Context;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Name;
use cedar_policy_core::ast::PartialValue;
use cedar_policy_core::ast::Value;
use cedar_policy_core::extensions::Extensions;
use smol_str::SmolStr;

use crate::limits;

/// The names of the functions that make values.
#[derive(Debug)]
pub(crate) struct Functions {
    datetime: Name,
    ip: Name,
}

impl Functions {
    pub(crate) fn new() -> Result<Self, String> {
        let parsed = |name| Name::parse_unqualified_name(name).map_err(|error| error.to_string());
        Ok(Self { datetime: parsed("datetime")?, ip: parsed("ip")? })
    }

    /// A time as Cedar's `datetime`; nothing past the year 9999, which Cedar cannot say.
    pub(crate) fn datetime(&self, ms: u64) -> Option<Value> {
        let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
        call(&self.datetime, &time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }

    pub(crate) fn address(&self, address: IpAddr) -> Option<Value> {
        call(&self.ip, &address.to_canonical().to_string())
    }
}

impl Functions {
    /// The time that `function("text")` is, in milliseconds since 1970, where it is Cedar's `datetime` and not before 1970.
    pub(crate) fn written_time(&self, function: &Name, text: &str) -> Option<u64> {
        if *function != self.datetime {
            return None;
        }
        let day = || {
            Some(text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let time = text.parse::<jiff::Timestamp>().ok().or_else(day)?;
        let ms = u64::try_from(time.as_millisecond()).ok()?;
        // Both have read the same, or it is not a time that we can tell.
        (self.datetime(ms)? == call(&self.datetime, text)?).then_some(ms)
    }
}

fn call(function: &Name, text: &str) -> Option<Value> {
    let made = Extensions::all_available().func(function).ok()?.call(&[Value::from(text)]).ok()?;
    match made {
        PartialValue::Value(value) => Some(value),
        PartialValue::Residual(_) => None,
    }
}

/// `ms` as `context.now` has it.
pub(crate) const fn cut(ms: u64) -> u64 {
    ms - ms % limits::NOW_STEP_MS
}

/// What the context of one request is made of.
pub(crate) struct Parts<'a> {
    pub(crate) now: Option<Value>,
    pub(crate) source_ip: Option<Value>,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) purpose: Option<&'a str>,
    pub(crate) actor: Option<&'a EntityUID>,
}

impl Parts<'_> {
    pub(crate) fn context(self) -> Context {
        let text = |name: &'static str, value: &str| (SmolStr::new_static(name), Value::from(value));
        let mut all =
            BTreeMap::from([text("method", self.method), text("path", self.path), text("host", self.host)]);
        all.extend(self.purpose.map(|purpose| text("purpose", purpose)));
        all.extend(self.now.map(|now| (SmolStr::new_static("now"), now)));
        all.extend(self.source_ip.map(|address| (SmolStr::new_static("sourceIp"), address)));
        all.extend(self.actor.map(|actor| (SmolStr::new_static("actor"), Value::from(actor.clone()))));
        Context::Value(Arc::new(all))
    }
}
