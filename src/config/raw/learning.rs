//! The keys about learning from bodies.
//!
//! Never: travels further than `check`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Counting what stands where in bodies, for `palisade learn`. No value is kept.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Learning {
    /// The share of requests whose bodies are looked at, in percent; `0`: none. Default: `0`.
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::config) percent: Option<u64>,
    /// Ids of the routes whose bodies are looked at. Default: all.
    pub(in crate::config) routes: Vec<String>,
    /// Most bytes of one body that are looked at, at most `8MiB`; of a longer one it is the beginning. Default: `256KiB`.
    pub(in crate::config) body_bytes: Option<String>,
    /// A file that keeps the counts over a restart. Default: they are lost.
    pub(in crate::config) file: Option<String>,
}
