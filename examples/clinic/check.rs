//! What a step of the story claims, and whether it came true.
//!
//! Masks are checked against what the app had answered, so that nothing here repeats the data.

use std::fmt;

use http::StatusCode;
use serde_json::Value;

use crate::app::Seen;
use crate::wire::Answer;

/// One claim. Places in bodies are JSON pointers (RFC 6901).
pub(crate) enum Check {
    /// The answer's status.
    Status(StatusCode),
    /// The code of a refusal.
    Refused(StatusCode, &'static str),
    /// The caller sees what the app answered here.
    Clear(&'static str),
    /// The caller sees something else than the app answered here.
    Masked(&'static str),
    /// The caller sees a text with this beginning here.
    Begins(&'static str, &'static str),
    /// What the app answered here is left out.
    Dropped(&'static str),
    /// Every row of the answer lies within this DataKey.
    RowsWithin(&'static str),
    /// The answer has this header.
    Header(&'static str),
    /// The app was called with exactly this DataKey.
    AppKey(&'static str),
    /// What the caller put into this header never reached the app.
    Stripped(&'static str, &'static str),
    /// What the caller put here in its body never reached the app.
    NotWritten(&'static str),
    /// The app was not called.
    AppUntouched,
    /// The record says so.
    Recorded(&'static str),
    /// The record counts hidden values of this class.
    Counted(&'static str),
    /// The record names this policy.
    Because(&'static str),
}

/// All that is known after a call.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) seen: Option<Seen>,
    /// Its decision record.
    pub(crate) record: Option<Value>,
    /// The record of how it ended, where it was allowed.
    pub(crate) ended: Option<Value>,
}

impl Check {
    /// Is it so?
    pub(crate) fn holds(&self, outcome: &Outcome) -> bool {
        let Outcome { answer, seen, record, ended } = outcome;
        let body = &answer.body;
        let app = |place: &str| seen.as_ref().and_then(|seen| seen.answer.pointer(place));
        match self {
            Self::Status(status) => answer.status == *status,
            Self::Refused(status, code) => {
                answer.status == *status && body.get("code").and_then(Value::as_str) == Some(code)
            }
            Self::Clear(place) => app(place).is_some() && app(place) == body.pointer(place),
            Self::Masked(place) => {
                app(place).is_some() && body.pointer(place).is_some_and(|got| Some(got) != app(place))
            }
            Self::Begins(place, start) => {
                body.pointer(place).and_then(Value::as_str).is_some_and(|got| got.starts_with(start))
            }
            Self::Dropped(place) => app(place).is_some() && body.pointer(place).is_none(),
            Self::RowsWithin(key) => {
                let rows = body.as_array().or_else(|| body.get("claims").and_then(Value::as_array));
                let within = |row: &Value| {
                    row.get("data_key").and_then(Value::as_str).is_some_and(|k| k.starts_with(key))
                };
                rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(within))
            }
            Self::Header(name) => answer.headers.contains_key(*name),
            Self::AppKey(key) => seen.as_ref().is_some_and(|seen| {
                let mut keys = seen.headers.get_all("x-palisade-data-key").iter();
                keys.next().is_some_and(|value| value.as_bytes() == key.as_bytes()) && keys.next().is_none()
            }),
            Self::Stripped(name, value) => seen.as_ref().is_some_and(|seen| {
                seen.headers.get_all(*name).iter().all(|found| found.as_bytes() != value.as_bytes())
            }),
            Self::NotWritten(place) => seen
                .as_ref()
                .and_then(|seen| seen.body.as_ref())
                .is_some_and(|body| body.pointer(place).is_none_or(Value::is_null)),
            Self::AppUntouched => seen.is_none(),
            Self::Recorded(decision) => {
                record.as_ref().and_then(|record| record.get("decision")).and_then(Value::as_str)
                    == Some(decision)
            }
            Self::Counted(class) => ended.as_ref().is_some_and(|ended| names(ended, class)),
            Self::Because(policy) => record.as_ref().is_some_and(|record| names(record, policy)),
        }
    }
}

impl Check {
    /// Is it about what neither the answer nor the record shows?
    pub(crate) fn tells(&self) -> bool {
        matches!(self, Self::Stripped(..) | Self::NotWritten(_) | Self::RowsWithin(_))
    }
}

/// Does this text stand anywhere in the record?
fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| names(item, text)),
        Value::Object(members) => members.values().any(|member| names(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the answer is {}", status.as_u16()),
            Self::Refused(status, code) => write!(f, "refused with {} `{code}`", status.as_u16()),
            Self::Clear(place) => write!(f, "`{place}` is shown"),
            Self::Masked(place) => write!(f, "`{place}` is masked"),
            Self::Begins(place, start) => write!(f, "`{place}` begins with `{start}`"),
            Self::Dropped(place) => write!(f, "`{place}` is left out"),
            Self::RowsWithin(key) => write!(f, "every row lies within `{key}`"),
            Self::Header(name) => write!(f, "the answer has a `{name}` header"),
            Self::AppKey(key) => write!(f, "the app was given the data key `{key}` and no other"),
            Self::Stripped(name, _) => write!(f, "`{name}` as sent did not reach the app"),
            Self::NotWritten(place) => write!(f, "`{place}` did not reach the app"),
            Self::AppUntouched => write!(f, "the app was not called"),
            Self::Recorded(decision) => write!(f, "the decision log says `{decision}`"),
            Self::Counted(class) => write!(f, "the record counts what was hidden of `{class}`"),
            Self::Because(policy) => write!(f, "the record names the policy `{policy}`"),
        }
    }
}
