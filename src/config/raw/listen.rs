//! The keys about the listeners.
//!
//! Never: travels further than `check`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Where Palisade listens.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Listen {
    /// Address, or list of addresses, of the data listener without TLS: an IP address and a port, or `unix:` and a path.
    /// Default: `127.0.0.1:8080`, or none where `listen.tls` is set.
    pub(in crate::config) data: Option<OneOrMany>,
    /// The data listener with TLS.
    pub(in crate::config) tls: Tls,
    /// Address of the admin listener with health and metrics. Default: `127.0.0.1:8081`.
    pub(in crate::config) admin: Option<String>,
    /// Accept HTTP/2 without TLS from clients that start with it (prior knowledge). Default: `false`.
    pub(in crate::config) h2c: Option<bool>,
    /// Mode of Unix sockets, in octal digits. Default: `0660`.
    pub(in crate::config) unix_mode: Option<String>,
    /// The proxies in front: networks (`10.0.0.0/8`), addresses, and `unix` for everybody on a Unix socket. They may say for whom they
    /// connect, by `x-forwarded-*`, `forwarded` and `x-forwarded-client-cert`. Default: nobody.
    pub(in crate::config) trusted_peers: Vec<String>,
    /// Do connections of trusted peers begin with a header of the PROXY protocol, version 2? Default: `false`.
    pub(in crate::config) proxy_protocol: Option<bool>,
}

/// The data listener with TLS.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Tls {
    /// Address, or list of addresses: `0.0.0.0:8443`. Required where there is anything under `listen.tls`.
    pub(in crate::config) address: Option<OneOrMany>,
    /// File with the certificate and those between it and its authority, as PEM. Required.
    pub(in crate::config) certificate_file: Option<String>,
    /// File with its private key, as PEM. Required.
    pub(in crate::config) key_file: Option<String>,
    /// The oldest version that is spoken. Default: `1.2`.
    pub(in crate::config) min_version: Option<Version>,
    /// Are clients asked for a certificate? Default: `off`.
    pub(in crate::config) client_auth: Option<Auth>,
    /// File with the authorities of clients' certificates, as PEM. Required where clients are asked for one.
    pub(in crate::config) client_ca_file: Option<String>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::config) enum Version {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Are clients asked for a certificate?
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Auth {
    /// No.
    Off,
    /// Yes, and who has none may go on.
    Optional,
    /// Yes, and who has none is refused.
    Required,
}

/// One text or a list of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(in crate::config) enum OneOrMany {
    /// One.
    One(String),
    /// Many.
    Many(Vec<String>),
}
