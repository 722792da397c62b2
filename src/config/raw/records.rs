//! The keys of the config about the decision log.
//!
//! Never: holds a key; keys are named by file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Where decision records go.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct DecisionLog {
    /// The directory that holds them: in segments, sealed, with signed checkpoints. The places below are told the same in lines.
    pub(in crate::config) dir: Option<String>,
    /// File with the Ed25519 key (PEM) that signs checkpoints. Default: one that is made in the directory.
    pub(in crate::config) key_file: Option<String>,
    /// File with the key that signed before, so that it vouches for another one.
    pub(in crate::config) previous_key_file: Option<String>,
    /// A segment is sealed once it is so large. Default: `64MiB`.
    pub(in crate::config) segment_size: Option<String>,
    /// And once it has been open for so long. Default: `5m`.
    pub(in crate::config) segment_age: Option<String>,
    /// Largest size of all segments together; the oldest go where they are more. Default: `16GiB`.
    pub(in crate::config) max_size: Option<String>,
    /// How long records are kept.
    pub(in crate::config) retention: Retention,
    /// Write pseudonyms in place of who calls; the names are in a file beside the log, and one can be forgotten. Default: `false`.
    pub(in crate::config) pseudonyms: Option<bool>,
    /// How far two signed checkpoints are apart, at most `60s`. Default: `60s`.
    pub(in crate::config) checkpoint_every: Option<String>,
    /// Which requests wait for the device before the app sees them. The others' records are on it within 50 ms.
    pub(in crate::config) durable: Durable,
    /// What becomes of requests whose records cannot be written: `fail_closed` refuses them at once, `block` after they
    /// waited, `shed` lets them go on, and counts them in the log. Default: `fail_closed`.
    pub(in crate::config) overflow: Option<String>,
    /// How long a request waits for the log where it may: `block` and `shed`. Default: `1s`.
    pub(in crate::config) overflow_deadline: Option<String>,
    /// A file that records are appended to, as lines of JSON.
    pub(in crate::config) file: Option<String>,
    /// Write them to the standard output. Default: `true` where neither directory nor file is named.
    pub(in crate::config) stdout: Option<bool>,
    /// The places that they are sent to from the directory.
    pub(in crate::config) ship: Vec<super::ship::Ship>,
    /// A file of its own that each use of `palisade reveal` is appended to.
    pub(in crate::config) reveal_file: Option<String>,
}

/// How long records are kept: `30d`, `8760h`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Retention {
    /// Those that nothing below names. Default: for ever.
    pub(in crate::config) default: Option<String>,
    /// Those in the books of these tenants and of the ones below them.
    pub(in crate::config) tenants: Vec<OfTenant>,
    /// Those that carry these data classes or ones within them, whosever they are; of several the longest.
    pub(in crate::config) classes: Vec<OfClass>,
}

/// How long the records of a tenant are kept.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct OfTenant {
    /// The tenant. Required.
    pub(in crate::config) tenant: Option<String>,
    /// How long. Required.
    pub(in crate::config) keep: Option<String>,
}

/// How long records with a data class are kept.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct OfClass {
    /// The data class. Required.
    pub(in crate::config) class: Option<String>,
    /// How long. Required.
    pub(in crate::config) keep: Option<String>,
}

/// Which requests wait for the device.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Durable {
    /// Each of them. Default: `false`.
    pub(in crate::config) all: Option<bool>,
    /// Those with one of these actions.
    pub(in crate::config) actions: Vec<String>,
    /// Those whose bodies may carry one of these data classes, or one within them.
    pub(in crate::config) classes: Vec<String>,
}
