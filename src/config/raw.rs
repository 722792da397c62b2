//! The config as it is written: every key, its kind and what it says to the reader of the JSON Schema.
//!
//! The one list of keys: the schema is generated from these types, and `walk` checks the file by the schema.
//! Never: travels further than `check`, which turns it into a [`super::Config`] that cannot be wrong.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

use crate::snapshot::UnknownRoute;

pub(super) mod bundle;
pub(super) mod identity;
pub(super) mod learning;
pub(super) mod listen;
pub(super) mod quota;
pub(super) mod records;
pub(super) mod ship;
pub(super) mod spiffe;
pub(super) mod upstream;

/// Palisade's configuration, `palisade.yaml`.
///
/// Relative paths are relative to this file. `${VAR}` and `${VAR:default}` are replaced by environment variables.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "palisade.yaml")]
pub(super) struct Raw {
    /// Where Palisade listens.
    pub(super) listen: listen::Listen,
    /// How many workers serve requests, each on a core of its own. Default: the number of cores.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) workers: Option<u64>,
    /// The app.
    pub(super) upstream: upstream::Upstream,
    /// Further places where the app runs, by name: `tenants.yaml` says whose requests go there.
    pub(super) upstreams: BTreeMap<String, upstream::Upstream>,
    /// How long each step may take.
    pub(super) timeouts: Timeouts,
    /// How large and how many things may be.
    pub(super) limits: Limits,
    /// The Cedar policies.
    pub(super) policies: Policies,
    /// Tenants, data classes and routes.
    pub(super) model: Model,
    /// A bundle that policies, schema, tenants, classes and routes come from, in place of files.
    pub(super) bundle: bundle::Bundle,
    /// Who may call.
    pub(super) identity: identity::Identity,
    /// Where a request names the tenant whose data is meant, beside the caller's own tenant.
    pub(super) tenancy: Tenancy,
    /// How hidden values are replaced.
    pub(super) redaction: Redaction,
    /// Where decision records go.
    pub(super) decision_log: records::DecisionLog,
    /// The operational log.
    pub(super) log: Log,
    /// How edits of the files are noticed.
    pub(super) reload: Reload,
    /// Policies that are looked at beside the enforced ones, and decide nothing.
    pub(super) shadow: Shadow,
    /// Counting what stands where in bodies, for `palisade learn`. No value is kept.
    pub(super) learning: learning::Learning,
}

/// How long each step may take.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Timeouts {
    /// From the first byte of a request to the end of its head. Default: `10s`.
    pub(super) head: Option<String>,
    /// Longest silence within a body, in either direction. Default: `30s`.
    pub(super) body_idle: Option<String>,
    /// The whole of a request, from its head to the last byte of its response; `0s`: no bound. Default: `5m`.
    pub(super) total: Option<String>,
    /// How long an unused client connection is kept. Default: `75s`.
    pub(super) keep_alive: Option<String>,
    /// How long a client connection is used at most: after that its requests under way finish, and it closes. `0s`: no bound.
    /// Default: `1h` for clients that showed a certificate, no bound for others.
    pub(super) connection_age: Option<String>,
    /// How long requests under way may take to finish when Palisade is asked to stop. Default: `20s`.
    pub(super) drain: Option<String>,
    /// Longest silence on a WebSocket, both directions together; at most `24h`. Default: `5m`.
    pub(super) websocket_idle: Option<String>,
    /// How long a WebSocket lasts at most; at most `24h`. Default: `2h`.
    pub(super) websocket_total: Option<String>,
}

/// How large and how many things may be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Limits {
    /// Largest head of a request. Default: `32KiB`.
    pub(super) head_bytes: Option<String>,
    /// Most header lines of a request. Default: `100`.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) headers: Option<u64>,
    /// Longest request target. Default: `8KiB`.
    pub(super) target_bytes: Option<String>,
    /// Largest body of a request. Default: `64MiB`.
    pub(super) body_bytes: Option<String>,
    /// Most connections at once. Default: `10000`.
    #[schemars(range(min = 1, max = 1000000))]
    pub(super) connections: Option<u64>,
    /// Most streams at once on one HTTP/2 connection. Default: `100`.
    #[schemars(range(min = 1, max = 10000))]
    pub(super) streams: Option<u64>,
    /// Most bytes of decision records that wait for the disk, per worker. Default: `4MiB`.
    pub(super) journal_bytes: Option<String>,
    /// Most requests that one worker has under way. Default: `10000`.
    #[schemars(range(min = 1, max = 1000000))]
    pub(super) requests_in_flight: Option<u64>,
    /// How often credentials of one address may fail before only known ones are looked at. Default: as often as they like.
    pub(super) unidentified: Option<quota::Unidentified>,
    /// What replicas count tenants' limits together through. Default: nothing, and each counts for itself.
    pub(super) shared: Option<quota::Shared>,
    /// Are callers told what is left of their tenant's limits (`RateLimit`, `RateLimit-Policy`)? Default: `true`.
    pub(super) rate_limit_fields: Option<bool>,
    /// Tenants whose use of their limits is a metric, those nearest to a limit first. Default: `50`.
    #[schemars(range(min = 0, max = 1000))]
    pub(super) tenants_shown: Option<u64>,
}

/// The Cedar policies.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Policies {
    /// Folder of `*.cedar` files, with its subfolders. What lies in `tenants/<tenant>/` within it is confined to that
    /// tenant's own data. Required.
    pub(super) directory: Option<String>,
    /// The Cedar schema. Default: the one that Palisade ships.
    pub(super) schema: Option<String>,
    /// Keep decisions for requests that ask the same? They are the same decisions, sooner. Default: true.
    pub(super) decision_cache: Option<bool>,
}

/// Tenants, data classes and routes.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Model {
    /// File with the tree of tenants. Required.
    pub(super) tenants: Option<String>,
    /// File with the tree of data classes. Without one there are no classes and nothing is hidden.
    pub(super) classes: Option<String>,
    /// Files with routes written by hand.
    pub(super) routes: Vec<String>,
    /// OpenAPI 3.0 or 3.1 documents of the app, in YAML or JSON.
    pub(super) openapi: Vec<String>,
    /// Descriptor sets of Protocol Buffers, as `protoc --include_imports --descriptor_set_out` writes them.
    pub(super) descriptors: Vec<String>,
    /// Schemas of GraphQL that routes written by hand name.
    pub(super) graphql: Vec<String>,
    /// What happens to a call of no known route. Default: `refuse`.
    pub(super) unknown_route: Option<UnknownRoute>,
}

/// Where a request names the tenant whose data is meant.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Tenancy {
    /// A header with the tenant's path: `x-tenant`.
    pub(super) header: Option<String>,
    /// The end of the host name, before which the tenant stands as labels, innermost first: with `api.example.com`,
    /// `west.acme.api.example.com` names `acme/west`.
    pub(super) host_suffix: Option<String>,
    /// A path prefix whose one parameter is the tenant, its segments joined by `.`: `/t/{tenant}`.
    pub(super) path: Option<String>,
}

/// How hidden values are replaced.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Redaction {
    /// File with the secret, at least 32 bytes, from which each tenant's keys for the masks `pseudonym`, `seal` and
    /// `format` are made.
    pub(super) pseudonym_key_file: Option<String>,
    /// Files with keys of tenants' own, in place of that secret; a name may have `*` in it: `keys/*.yaml`.
    pub(super) key_files: Vec<String>,
    /// Content codings (`zstd`, `gzip`, `br`, `deflate`), the best first, in which redacted bodies of more than 1 KiB leave
    /// although the app sent them plain, to clients that take one of them. Default: none.
    pub(super) encode: Vec<String>,
}

/// The operational log.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Log {
    /// How much is said. Default: `info`.
    pub(super) level: Option<Level>,
    /// How it is said. Default: `text`.
    pub(super) format: Option<Format>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Level {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What was considered.
    Debug,
    /// Every step.
    Trace,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How edits of the files are noticed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Reload {
    /// How often the files' content is compared, for edits that the system does not report. Default: `2s`.
    pub(super) poll: Option<String>,
}

/// Policies that are looked at beside the enforced ones: a candidate, and those of `@mode("shadow")`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Shadow {
    /// Folder of a candidate: policies that are looked at beside the enforced ones, with everything else the same. While
    /// it is not there, or empty, there is no candidate.
    pub(super) policies: Option<String>,
    /// Tenants whose requests are looked at: those of their people and about their data, sub-tenants included. Default: all.
    pub(super) tenants: Vec<String>,
    /// The share of requests that is looked at, in percent. Default: `100`.
    #[schemars(range(min = 1, max = 100))]
    pub(super) percent: Option<u64>,
    /// When looking stops by itself.
    pub(super) stop_after: StopAfter,
}

/// When looking at a candidate stops by itself, until its text changes: at so many requests within the window that are
/// allowed and that it would deny.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct StopAfter {
    /// So many new denials within the window; `0`: it never stops. Default: `1000`.
    pub(super) new_denials: Option<u64>,
    /// And at least this share of what was looked at within the window, in percent. Default: `0`.
    #[schemars(range(min = 0, max = 100))]
    pub(super) percent: Option<u64>,
    /// How far back is counted. Default: `5m`.
    pub(super) window: Option<String>,
}
