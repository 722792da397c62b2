//! The keys of what callers may do, beside what `tenants.yaml` says of each tenant.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// What replicas count tenants' limits together through.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Shared {
    /// A Redis that all replicas reach.
    pub(in crate::config) redis: Redis,
}

/// A Redis that all replicas reach.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Redis {
    /// Where it is: `redis://host:6379`, `redis://host:6379/1` or `redis+unix:///run/redis.sock`. Required.
    pub(in crate::config) address: Option<String>,
    /// The user, where it has users.
    pub(in crate::config) username: Option<String>,
    /// File with the password, read for each connection.
    pub(in crate::config) password_file: Option<String>,
    /// What each key begins with. Default: `palisade:`.
    pub(in crate::config) prefix: Option<String>,
    /// How often each replica tells what came and learns what came to the others. Default: `50ms`.
    pub(in crate::config) every: Option<String>,
    /// Longest wait for a connection, and for an answer. No request waits for either. Default: `500ms`.
    pub(in crate::config) timeout: Option<String>,
}

/// How often credentials of one address may fail before only known ones are looked at.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Unidentified {
    /// So often in a time: `10/s`, `100/min`. Required.
    pub(in crate::config) requests: Option<String>,
    /// And so many at once after a pause. Default: as many as `requests` names.
    #[schemars(range(min = 1, max = 1000000))]
    pub(in crate::config) burst: Option<u64>,
}
