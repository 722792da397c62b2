//! The keys of what callers may do, beside what `tenants.yaml` says of each tenant.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

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
