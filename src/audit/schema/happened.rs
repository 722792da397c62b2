//! The lines about Palisade itself, as their readers see them.
//!
//! Never: used to write a line.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use super::ProblemLine;
use super::ShadowCountedLine;
use super::ShadowEndedLine;
use super::ShadowRefusedLine;
use super::ShadowStartedLine;
use super::ShadowStoppedLine;

/// Something that happened to Palisade itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventLine {
    /// Its number in the log, from 0 on without holes; absent where no log numbers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The tenant whose book it stands in; absent for the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book: Option<String>,
    /// RFC 3339 in UTC, to the millisecond.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Happened,
    /// Fields that were longer than their bound and end early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happened {
    /// It began to serve.
    Start {
        /// Its version.
        version: String,
        /// SHA-256 of the snapshot it serves with.
        snapshot: String,
        /// The bundle that brought it, `name@version`; absent where files did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle: Option<String>,
        /// SHA-256 of that bundle's manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle_manifest: Option<String>,
    },
    /// It stopped serving.
    Stop,
    /// An edit took effect.
    ReloadApplied {
        /// SHA-256 of the snapshot before.
        before: String,
        /// SHA-256 of the snapshot from now on.
        after: String,
        /// Its generation.
        generation: u64,
        /// Why it took effect.
        cause: Cause,
        /// The bundle that brought it, `name@version`; absent where files did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle: Option<String>,
        /// SHA-256 of that bundle's manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bundle_manifest: Option<String>,
        /// Ids of new policies.
        added: Vec<String>,
        /// Ids of policies that are gone.
        removed: Vec<String>,
        /// Ids of policies whose text differs.
        changed: Vec<String>,
    },
    /// An edit was bad; the last good snapshot stays.
    ReloadRefused {
        /// SHA-256 of the snapshot that stays.
        stays: String,
        /// What is wrong with the edit.
        problems: Vec<ProblemLine>,
    },
    /// Policies are looked at beside the enforced ones from now on.
    ShadowStarted(ShadowStartedLine),
    /// The candidate is broken, and is not looked at.
    ShadowRefused(ShadowRefusedLine),
    /// Policies are no longer looked at: they are gone, broken, or live.
    ShadowEnded(ShadowEndedLine),
    /// Looking at policies stopped by itself, until their text changes.
    ShadowStopped(ShadowStoppedLine),
    /// How much was looked at since this was last said.
    ShadowCounted(ShadowCountedLine),
    /// Values were to be turned back by hand.
    Reveal(Box<RevealLine>),
    /// The log was read.
    Query(Box<QueryLine>),
    /// The log ended in half a line, which was taken off.
    TornTail {
        /// How long that half was.
        bytes: u64,
    },
    /// Nothing happened for as long as checkpoints are apart.
    Idle,
    /// A segment of the log is closed: this is its last record.
    Sealed {
        /// The number of its first record.
        first: u64,
        /// How many stand before this one.
        records: u64,
        /// The root (RFC 6962) over the trees of all books, as they are before this record.
        heads_root: String,
        /// How many books there are.
        tenants: u64,
    },
    /// The program before had ended without closing the log.
    Crash {
        /// The number of the last record that it left.
        last: u64,
    },
    /// The clock was set back by more than a second.
    ClockStepped {
        /// The time of the record before. RFC 3339.
        before: String,
        /// What the clock says now.
        after: String,
    },
    /// Another key signs checkpoints, but for the first after this record.
    KeyRotated {
        /// The new key, as C2SP writes a verifier key.
        key: String,
    },
    /// Records are gone, or what they said is.
    Prune {
        /// The number of the first: 0 where all up to the last are gone, the first of a segment where some of it are.
        first: u64,
        /// The number of the last.
        last: u64,
        /// `size`, `retention`, `erasure`, or `archive` for rows of that alone.
        reason: String,
        /// How many of the segment are gone by then; absent where all are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
        /// Which: the root (RFC 6962) of the tree over their numbers, each eight bytes with the little end first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gone: Option<String>,
    },
    /// All that names a person goes; who it was is not said.
    Erase {
        /// The tenant that the person is of.
        tenant: String,
        /// How many records name the person.
        count: u64,
        /// What for.
        reason: String,
        /// Who is said to have asked for it.
        by: String,
        /// The account of the machine that did.
        uid: u32,
        /// The person's pseudonyms, whose names are forgotten.
        pseudonyms: Vec<String>,
    },
    /// Records may not go, or may again.
    Hold {
        /// `add`; `stands` where it is said again, for the record of its beginning goes; `release`.
        action: String,
        /// What it is called by.
        hold: String,
        /// Only records that concern this tenant or one below it; absent where all are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<String>,
        /// Only those that carry this data class or one within it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
        /// Only those of this time on. RFC 3339.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        /// Only those before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        /// What for.
        reason: String,
        /// Who is said to have asked for it.
        by: String,
        /// The account of the machine that did.
        uid: u32,
    },
    /// What the log of readings was, beside this one: no reading that it has can be taken away unseen.
    Readings {
        /// How many records it had.
        records: u64,
        /// The root (RFC 6962) of its tree.
        root: String,
    },
    /// Records of the log will not come to a place that they are sent to.
    NotShipped {
        /// The name of that place.
        sink: String,
        /// The number of the first.
        first: u64,
        /// The number of the last.
        last: u64,
        /// How many of them.
        count: u64,
        /// `pruned`: the log was pruned before they could be sent. `damaged`: they cannot be read. `refused`: the place took
        /// the others that were sent with them.
        reason: String,
    },
    /// Records were not written: a gap.
    RecordsLost {
        /// How many since this was last said.
        count: u64,
        /// `full`: there was no room for them, and their requests were refused. `unwritten`: the device did not take
        /// them, and their requests were refused. `shed`: their requests were answered all the same, as configured.
        reason: String,
        /// When the first was lost. RFC 3339.
        since: String,
        /// When the last was.
        until: String,
    },
}

/// Why an edit took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its files were edited.
    Edit,
    /// It is what the candidate was.
    Promotion,
    /// It was in force before, in this process.
    Rollback,
}

/// A use of `palisade reveal`. Who it was is what it claimed, but for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevealLine {
    /// The account of the machine that ran it.
    pub uid: u32,
    /// Who is said to have asked.
    pub principal: RevealPrincipalLine,
    /// The tenant whose data it is; absent where the request was refused before that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The DataKey of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_key: Option<String>,
    /// The id of the route whose answer shows the class; `eval` where none was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the data is said to be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `allow` or `deny`.
    pub decision: String,
    /// The code of the refusal, where what reads the data is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many values were given. In a document: how many masks that can be turned back stand in it.
    pub values: u64,
    /// How many of them were turned back.
    pub turned_back: u64,
    /// SHA-256 of the snapshot that decided.
    pub snapshot: String,
    /// What was claimed of the request, as `flag=text`.
    pub claimed: Vec<String>,
    /// Ids of the policies that decided.
    pub reasons: Vec<String>,
    /// The classes of data that were asked about.
    pub classes: Vec<String>,
    /// Ids of the keys that turned something back; `-` is the one secret of all tenants.
    pub keys: Vec<String>,
}

/// A reading of the decision log. Who it was is what it claimed, but for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueryLine {
    /// The account of the machine that ran it.
    pub uid: u32,
    /// Who is said to have asked; absent for whoever may read the log's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<RevealPrincipalLine>,
    /// What it is said to be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `allow` or `deny`.
    pub decision: String,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was asked: SQL, or the verb.
    pub statement: String,
    /// How many rows came back.
    pub rows: u64,
    /// SHA-256 of the snapshot whose policies decided; absent where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The tenants in whose books was looked; empty for all books.
    pub tenants: Vec<String>,
    /// What was claimed of the principal, as `flag=text`.
    pub claimed: Vec<String>,
    /// Ids of the policies that decided.
    pub reasons: Vec<String>,
}

/// Who is said to have asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevealPrincipalLine {
    /// `User` or `Service`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}
