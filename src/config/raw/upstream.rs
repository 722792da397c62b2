//! The keys under `upstream`, and under each name in `upstreams`.
//!
//! Never: travels further than `check`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// A place where the app runs. What one in `upstreams` does not say is as `upstream` has it, but its address.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Upstream {
    /// Host and port of the app: `127.0.0.1:9000`; or a Unix socket: `unix:/run/app.sock`. This or `endpoints` is required.
    pub(in crate::config) address: Option<String>,
    /// Several of them, each able to answer any request: one of those that are least busy gets it.
    pub(in crate::config) endpoints: Vec<String>,
    /// Does the app get the caller's own credential too? Default: `false`: it gets what Palisade found out.
    pub(in crate::config) forward_credential: Option<bool>,
    /// Header in which the app is told how many milliseconds are left of `timeouts.total`. Default: none.
    pub(in crate::config) deadline_header: Option<String>,
    /// Further headers that only Palisade may set: they are taken off every request.
    pub(in crate::config) protected_headers: Vec<String>,
    /// Longest wait for a connection, TLS included. Default: `1s`.
    pub(in crate::config) connect_timeout: Option<String>,
    /// Longest wait for the head of a response. Default: `30s`.
    pub(in crate::config) response_timeout: Option<String>,
    /// How long an unused connection is kept. Keep it below the app's own. Default: `30s`.
    pub(in crate::config) idle_timeout: Option<String>,
    /// Most connections that one worker has open. Default: `4096`.
    #[schemars(range(min = 1, max = 65536))]
    pub(in crate::config) connections_max: Option<u64>,
    /// Most unused connections that one worker keeps, for each endpoint. Default: `256`.
    #[schemars(range(min = 0, max = 65536))]
    pub(in crate::config) idle_max: Option<u64>,
    /// Most requests that one endpoint has to answer for one worker. Default: `4096`.
    #[schemars(range(min = 1, max = 65536))]
    pub(in crate::config) requests_max: Option<u64>,
    /// How often a request that was certainly not sent is sent to another endpoint. Default: `1`.
    #[schemars(range(min = 0, max = 10))]
    pub(in crate::config) retries: Option<u64>,
    /// Is a request without a body sent again too whose connection broke before a byte of the answer, if its method is idempotent? The app
    /// may see it twice. Default: `false`.
    pub(in crate::config) retry_idempotent: Option<bool>,
    /// How often the addresses of a host's name are looked up again. Default: `10s`.
    pub(in crate::config) resolve: Option<String>,
    /// When an endpoint that fails is left alone for a while.
    pub(in crate::config) eject: Eject,
    /// How each endpoint is asked whether it is well. Without it: not at all.
    pub(in crate::config) health: Option<Health>,
    /// What is spoken to the app. Default: `http1`.
    pub(in crate::config) protocol: Option<Protocol>,
    /// TLS to the app. Without it: none.
    pub(in crate::config) tls: Option<Tls>,
}

/// When an endpoint that fails is left alone for a while, the others being there.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Eject {
    /// So many failures one after the other: no connection, no sound answer, none in time. `0`: never. Default: `5`.
    #[schemars(range(min = 0, max = 10000))]
    pub(in crate::config) failures: Option<u64>,
    /// For so long the first time, and longer each time that it fails again at once. Default: `5s`.
    pub(in crate::config) base: Option<String>,
    /// At most so long. Default: `5m`.
    pub(in crate::config) most: Option<String>,
    /// Where fewer than this share of the endpoints would be left, in percent, all are used. Default: `50`.
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::config) panic_percent: Option<u64>,
    /// Are requests refused where none is left, in place of using all? One at a time tries whether it answers again. Default: `false`.
    pub(in crate::config) refuse: Option<bool>,
}

/// How each endpoint is asked whether it is well.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Health {
    /// The path that it answers by a status of 2xx while it is well. Required.
    pub(in crate::config) path: Option<String>,
    /// How often it is asked. Default: `10s`.
    pub(in crate::config) every: Option<String>,
    /// Longest that an answer takes, with its connection. Default: `2s`.
    pub(in crate::config) timeout: Option<String>,
    /// So many good answers in a row, and it is used again. Default: `2`.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::config) healthy_after: Option<u64>,
    /// So many in a row that are none, and it is used no more. Default: `3`.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::config) unhealthy_after: Option<u64>,
}

/// TLS to the app. Its certificate and the name in it are always verified.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Tls {
    /// File with the certificates (PEM) that the app is verified by. Required.
    pub(in crate::config) ca_file: Option<String>,
    /// The name that the app's certificate must have. Default: the endpoint's host.
    pub(in crate::config) server_name: Option<String>,
    /// File with the certificate (PEM) by which Palisade shows the app who it is, with those between it and its root.
    pub(in crate::config) client_certificate_file: Option<String>,
    /// File with that certificate's key (PEM).
    pub(in crate::config) client_key_file: Option<String>,
}

/// What is spoken to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// HTTP/2 or HTTP/1.1, as the app chooses while TLS is set up.
    Auto,
}
