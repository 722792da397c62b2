//! The lines of the decision log as their readers see them: the same fields as [`crate::audit::record`], owned.
//!
//! From these types comes `schemas/decision-record.schema.json`, and through them every line of a test is read back.
//! Never: used to write a line.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::audit::record::Effect;
use crate::ids::Action;

mod happened;
mod problem;
mod shadow;

pub use happened::Cause;
pub use happened::EventLine;
pub use happened::Happened;
pub use happened::QueryLine;
pub use happened::RevealLine;
pub use happened::RevealPrincipalLine;
pub use problem::ProblemLine;
pub use shadow::ShadowClassLine;
pub use shadow::ShadowCountedLine;
pub use shadow::ShadowDirection;
pub use shadow::ShadowEndedLine;
pub use shadow::ShadowLine;
pub use shadow::ShadowOrigin;
pub use shadow::ShadowRefusedLine;
pub use shadow::ShadowSideLine;
pub use shadow::ShadowStartedLine;
pub use shadow::ShadowStoppedLine;

/// One line of Palisade's decision log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RecordLine {
    /// What was decided for one request, and why. Written before the app sees the request.
    Decision(Box<DecisionLine>),
    /// How an allowed request ended.
    Outcome(OutcomeLine),
    /// A decision that would have been another one by policies that are only looked at.
    Shadow(Box<ShadowLine>),
    /// Something that happened to Palisade itself.
    Event(EventLine),
}

/// What was decided for one request, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionLine {
    /// Its number in the log, from 0 on without holes; absent where no log numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The tenant whose book it stands in; absent for the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<String>,
    /// Whether the caller's book holds it in full, and this is what the tenant whose data it is may know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// A UUID of version 7; the outcome repeats it, and the client was told it.
    pub decision_id: String,
    /// RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// The answer.
    pub decision: Answered,
    /// The refusal's code, on deny.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the code leaves open, on deny.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The tenant whose limit the request was too much for: the caller's, or one above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// Whether the decision was enforced.
    pub mode: Mode,
    /// The id that the caller gave the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What the caller said the data is for, as policies saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// W3C trace id, 32 hexadecimal digits.
    pub trace_id: String,
    /// Palisade's span in that trace, 16 hexadecimal digits.
    pub span_id: String,
    /// The tenant whose data is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The slice of data that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_key: Option<String>,
    /// Every source that named a tenant, and which.
    pub tenant_sources: Vec<TenantSourceLine>,
    /// Who called, where that was found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalLine>,
    /// What was attempted, where the route was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The id of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The request as HTTP saw it.
    pub http: HttpLine,
    /// The address that the connection came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// SHA-256 of the snapshot that decided, 64 hexadecimal digits.
    pub snapshot: String,
    /// That snapshot's generation in its process.
    pub generation: u64,
    /// The time that policies saw as `context.now`.
    pub now: String,
    /// How long the steps took, in microseconds.
    pub latency_us: DecisionLatencyLine,
    /// The name of the pathway by which data crosses tenants, where one was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pathway: Option<String>,
    /// The policies that made the decision.
    pub reasons: Vec<ReasonLine>,
    /// The policies that could not be evaluated; each denies.
    pub errors: Vec<String>,
    /// The data classes that the bodies may carry.
    pub classes: ClassesLine,
    /// Fields that were longer than their bound and end early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// Fields whose bytes were not UTF-8; each such byte stands there as `\xNN`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_utf8: Vec<String>,
}

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answered {
    /// It went to the app.
    Allow,
    /// It was refused.
    Deny,
}

/// Whether decisions are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They are.
    Enforce,
    /// They are not: this only says what would have been.
    Shadow,
}

/// One source that named a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TenantSourceLine {
    /// `claim`, `api_key`, `workload`, `host`, `path` or `header`.
    pub source: String,
    /// The tenant it named.
    pub tenant: String,
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrincipalLine {
    /// `User` or `Service`.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// The tenant it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `jwt`, `api_key` or `spiffe`.
    pub auth_method: String,
    /// The token's issuer, or the API key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Who acts for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Box<ActorLine>>,
}

/// Who acts for a principal (RFC 8693).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActorLine {
    /// `User` or `Service`.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// Who acts for this actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Box<Self>>,
}

/// The request as HTTP saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HttpLine {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path that was judged and forwarded, without its query.
    pub path: String,
    /// The template of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The status, where the decision is the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// How long the steps up to the decision took, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionLatencyLine {
    /// Identifying.
    pub identify: u64,
    /// Authorizing.
    pub authorize: u64,
}

/// A policy that made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonLine {
    /// Its id.
    pub policy_id: String,
    /// What it says.
    pub effect: Effect,
}

/// The data classes that the bodies of a request may carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassesLine {
    /// Those that may be seen.
    pub revealed: Vec<String>,
    /// Those that may not.
    pub hidden: Vec<HiddenLine>,
    /// Of those that the request's body may carry, those that the caller may set.
    /// Absent where it carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settable: Option<Vec<String>>,
    /// And those that it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsettable: Option<Vec<String>>,
}

/// A data class that may not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HiddenLine {
    /// Its name.
    pub class: String,
    /// The kind of mask.
    pub mask: String,
}

/// How an allowed request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeLine {
    /// Its number in the log, from 0 on without holes; absent where no log numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The tenant whose book it stands in; absent for the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<String>,
    /// Whether the caller's book holds it in full, and this is what the tenant whose data it is may know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// The decision that allowed it.
    pub decision_id: String,
    /// RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// The status that the client was sent, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the request's body that were read on its way to the app.
    pub request_bytes: u64,
    /// Bytes of the response's body that the client was sent.
    pub response_bytes: u64,
    /// `complete`, `aborted`, the code of the refusal that ended it, or why a WebSocket was closed.
    pub ended: String,
    /// Rows of the app's answer that were somebody else's, which no client got; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_rows: Option<u64>,
    /// Whole messages of a WebSocket; absent where it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessagesLine>,
    /// How long it took, in microseconds.
    pub latency_us: OutcomeLatencyLine,
    /// What was hidden, how often; never what it was.
    pub redactions: Vec<RedactionLine>,
    /// Fields that were longer than their bound and end early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// Whole messages of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessagesLine {
    /// Of the client.
    pub request: u64,
    /// Of the app.
    pub response: u64,
}

/// How long the parts of a request took, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeLatencyLine {
    /// Until the app's response head.
    pub upstream: u64,
    /// Inside the redactor.
    pub redact: u64,
    /// From the request's head to the response's end.
    pub total: u64,
}

/// What was hidden of one data class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedactionLine {
    /// In which body: `request` or `response`.
    pub body: String,
    /// The class.
    pub class: String,
    /// The kind of mask.
    pub mask: String,
    /// How many values.
    pub count: u64,
}

/// The JSON Schema of a line, as `schemas/decision-record.schema.json` holds it.
#[must_use]
pub fn schema_json() -> String {
    let schema = schemars::schema_for!(RecordLine);
    // A schema is a tree of JSON values with string keys, which can always be written.
    serde_json::to_string_pretty(&schema).map(|text| text + "\n").unwrap_or_default()
}

#[cfg(test)]
mod tests;
