//! The keys of the config about where the decision log is sent to.
//!
//! Never: holds a secret; credentials are named by file.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// A place that the decision log is sent to.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Ship {
    /// Its name, in metrics and in the file of its position. Required.
    pub(in crate::config) name: Option<String>,
    /// What it is: `http`, `otlp`, `clickhouse`, `s3`, `kafka` or `witness`. Required.
    pub(in crate::config) kind: Option<String>,
    /// URL of a web server, a collector, a ClickHouse server or a witness.
    pub(in crate::config) url: Option<String>,
    /// What is made of each record: `native`, `ocsf` or `cloudevents`; for `http` and `kafka`. Default: `native`.
    pub(in crate::config) format: Option<String>,
    /// Most records that are sent together. Default: `1000`.
    #[schemars(with = "Option<u64>")]
    pub(in crate::config) batch: Option<usize>,
    /// How often it is looked whether there is anything to send. Default: `1s`.
    pub(in crate::config) every: Option<String>,
    /// Longest that sending one batch takes, to the end of the answer. Default: `30s`.
    pub(in crate::config) timeout: Option<String>,
    /// Send without TLS? Default: `false`.
    pub(in crate::config) plain_http: Option<bool>,
    /// File with the certificates (PEM) that it is verified by. Default: those of the system.
    pub(in crate::config) ca_file: Option<String>,
    /// File with a bearer token for a web server or a collector.
    pub(in crate::config) bearer_token_file: Option<String>,
    /// A user's name.
    pub(in crate::config) username: Option<String>,
    /// File with that user's password.
    pub(in crate::config) password_file: Option<String>,
    /// The table, of ClickHouse, with its database. Default: `palisade.decisions`.
    pub(in crate::config) table: Option<String>,
    /// Let ClickHouse collect the rows of many senders, and wait until it has? Default: `true`.
    pub(in crate::config) async_insert: Option<bool>,
    /// Brokers that are asked first, each as `host:port`, of Kafka.
    pub(in crate::config) brokers: Vec<String>,
    /// The topic, of Kafka.
    pub(in crate::config) topic: Option<String>,
    /// How a user's name is proven to Kafka: `plain`, `scram-sha-256` or `scram-sha-512`. Default: `scram-sha-512`.
    pub(in crate::config) mechanism: Option<String>,
    /// The bucket, of an S3-compatible store.
    pub(in crate::config) bucket: Option<String>,
    /// The key of the cosignatures, of a witness: a C2SP verifier key, `name+id+key`.
    pub(in crate::config) key: Option<String>,
    /// What the keys of all objects begin with. Default: nothing.
    pub(in crate::config) prefix: Option<String>,
    /// The S3-compatible store.
    pub(in crate::config) s3: super::bundle::S3,
}
