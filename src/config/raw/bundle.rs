//! The keys of the config about bundles.
//!
//! Never: holds a secret; credentials are named by file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// A bundle that policies, schema, tenants, classes and routes come from, in place of files.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Bundle {
    /// Where it is published: `https://host/path`, `s3://bucket/key`, `oci://host/repository:tag`, or a path.
    pub(in crate::config) source: Option<String>,
    /// The name that it must have been built with. Required with a source.
    pub(in crate::config) name: Option<String>,
    /// Files with the Ed25519 public keys (PEM) one of which must have signed it.
    pub(in crate::config) public_keys: Vec<String>,
    /// Must it be signed? Default: `true`.
    pub(in crate::config) require_signature: Option<bool>,
    /// How often the source is asked for a newer one. Default: `30s`.
    pub(in crate::config) poll: Option<String>,
    /// Longest that asking the source takes, all requests together, to the last byte. Default: `30s`.
    pub(in crate::config) timeout: Option<String>,
    /// Folder in which the last good bundle is kept, for a start without the source, and against older ones.
    pub(in crate::config) keep: Option<String>,
    /// Take `http` without TLS? Default: `false`.
    pub(in crate::config) plain_http: Option<bool>,
    /// File with the certificates (PEM) that the source is verified by. Default: those of the system.
    pub(in crate::config) ca_file: Option<String>,
    /// File with a bearer token for a web server or registry.
    pub(in crate::config) bearer_token_file: Option<String>,
    /// A user's name for a web server or registry.
    pub(in crate::config) username: Option<String>,
    /// File with that user's password.
    pub(in crate::config) password_file: Option<String>,
    /// The S3-compatible store.
    pub(in crate::config) s3: S3,
}

/// The S3-compatible store.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct S3 {
    /// URL of the store. Without one it is Amazon's in the region.
    pub(in crate::config) endpoint: Option<String>,
    /// Region of the store. Default: `us-east-1`.
    pub(in crate::config) region: Option<String>,
    /// File with the access key's id. Without one requests are not signed.
    pub(in crate::config) access_key_file: Option<String>,
    /// File with the access key's secret.
    pub(in crate::config) secret_key_file: Option<String>,
    /// File with the token of the session that the access key is for.
    pub(in crate::config) session_token_file: Option<String>,
}
