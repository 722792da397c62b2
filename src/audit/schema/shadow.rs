//! The lines about policies that are only looked at, as their readers see them.
//!
//! Never: used to write a line.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::ids::Action;

use super::Answered;
use super::Mode;
use super::ProblemLine;

/// A decision that would have been another one by policies that are only looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowLine {
    /// Its number in the log, from 0 on without holes; absent where no log numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The tenant whose book it stands in; absent for the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<String>,
    /// The decision that was made: its own record says who called and what for.
    pub decision_id: String,
    /// When it was looked at. RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// Always `shadow`.
    pub mode: Mode,
    /// Where the policies come from that were looked at.
    pub origin: ShadowOrigin,
    /// In what it would have been another decision.
    pub directions: Vec<ShadowDirection>,
    /// The tenant whose data is meant.
    pub tenant: String,
    /// The caller's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// What was attempted.
    pub action: Action,
    /// The id of the route.
    pub resource: String,
    /// SHA-256 of the snapshot that decided.
    pub snapshot: String,
    /// That snapshot's generation in its process.
    pub generation: u64,
    /// SHA-256 of what was looked at. A candidate's is the one that the snapshot has after its promotion.
    pub candidate: String,
    /// What was decided.
    pub enforced: ShadowSideLine,
    /// What would have been decided.
    pub shadow: ShadowSideLine,
    /// The classes of data that would be seen otherwise.
    pub classes: Vec<ShadowClassLine>,
    /// The policies that make the difference.
    pub policies: Vec<String>,
    /// Fields that were longer than their bound and end early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// Where policies come from that are only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShadowOrigin {
    /// The candidate's folder.
    Candidate,
    /// The enforced folder, with its policies of `@mode("shadow")`.
    Mode,
}

/// In what a decision would have been another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShadowDirection {
    /// It was allowed, and would be denied.
    NewDenial,
    /// It was denied, and would be allowed.
    NewAllow,
    /// A class of data is hidden, and would be shown.
    ShowsMore,
    /// A class of data is shown, and would be hidden.
    ShowsLess,
    /// A class of data is hidden, and would be hidden by another mask.
    OtherMask,
    /// A class of data may not be set, and could be.
    SetsMore,
    /// A class of data may be set, and could not be.
    SetsLess,
    /// A policy could not be evaluated, and none failed when it was decided.
    Error,
}

/// One of the two decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowSideLine {
    /// The answer.
    pub decision: Answered,
    /// The refusal's code, on deny.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The name of the pathway by which data crosses tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pathway: Option<String>,
    /// The policies that decided.
    pub reasons: Vec<String>,
    /// The policies that could not be evaluated.
    pub errors: Vec<String>,
}

/// A class of data that would be seen otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowClassLine {
    /// Its name.
    pub class: String,
    /// `shown`, or the kind of mask; `settable` or `unsettable` where it is about setting it.
    pub enforced: String,
    /// The same, as it would be.
    pub shadow: String,
}

/// Policies are looked at from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowStartedLine {
    /// Where they come from.
    pub origin: ShadowOrigin,
    /// SHA-256 of the snapshot that decides.
    pub snapshot: String,
    /// SHA-256 of what is looked at.
    pub candidate: String,
    /// Ids of policies that are not enforced.
    pub added: Vec<String>,
    /// Ids of enforced policies that it does not have.
    pub removed: Vec<String>,
    /// Ids of policies whose text differs.
    pub changed: Vec<String>,
}

/// The candidate is broken, and is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowRefusedLine {
    /// SHA-256 of the snapshot that decides.
    pub stays: String,
    /// What is wrong with the candidate.
    pub problems: Vec<ProblemLine>,
}

/// Policies are no longer looked at: they are gone, broken, or live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowEndedLine {
    /// Where they came from.
    pub origin: ShadowOrigin,
    /// SHA-256 of what was looked at.
    pub candidate: String,
}

/// Looking at policies stopped by itself, until their text changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowStoppedLine {
    /// Where they come from.
    pub origin: ShadowOrigin,
    /// SHA-256 of what was looked at.
    pub candidate: String,
    /// Decisions looked at within the window.
    pub looked_at: u64,
    /// The new denials among them.
    pub new_denials: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

/// How much was looked at since this was last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShadowCountedLine {
    /// Where the policies come from.
    pub origin: ShadowOrigin,
    /// SHA-256 of what was looked at.
    pub candidate: String,
    /// Decisions looked at.
    pub looked_at: u64,
    /// Those that would have been others.
    pub disagreed: u64,
    /// Those of another snapshot than the policies were made beside: an edit was under way.
    pub unknown: u64,
    /// Decisions that there was no room for, whatever they would have been looked at with.
    pub dropped: u64,
    /// Disagreements that there was no room for in the log.
    pub unrecorded: u64,
}
