//! The configuration: `palisade.yaml` with `--set` and the environment, checked whole before anything starts.
//!
//! Two types: `Raw` is what is written, [`Config`] cannot be wrong and is the only one that travels.
//! Never: opens a file, reads the environment (the caller says what a variable holds), or stops at the first problem.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Overflow;
use crate::disk::StoreSettings;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::Encoding;
use crate::remote::Access;
use crate::remote::Remote;
use crate::request::Durable;
use crate::snapshot::Settings;

mod assertion;
mod bundle;
mod check;
mod expand;
mod issuers;
mod keys;
mod learning;
mod listen;
mod quota;
mod raw;
mod records;
mod redaction;
mod shadow;
mod ship;
mod spiffe;
mod timeouts;
mod tree;
mod units;
mod upstream;
mod walk;

pub use keys::FetchedKeys;
pub use keys::KeyPlace;
pub use learning::Learning;
pub use listen::Inbound;
pub use listen::InboundTls;
pub use listen::Listen;
pub use quota::Callers;
pub use raw::Format;
pub use raw::Level;
pub use shadow::Shadow;
pub use shadow::StopAfter;
pub use timeouts::Timeouts;
pub use upstream::Address;
pub use upstream::Eject;
pub use upstream::Health;
pub use upstream::Protocol;
pub use upstream::Tls;
pub use upstream::Upstream;
pub use upstream::Way;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from, as the operator named it.
    pub file: Arc<str>,
    /// Where Palisade listens.
    pub listen: Listen,
    /// How many workers serve requests; `None`: one per core.
    pub workers: Option<NonZeroUsize>,
    /// The app.
    pub upstream: Upstream,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// How large and how many things may be.
    pub limits: Limits,
    /// The content codings, the best first, in which redacted bodies leave that the app sent plain.
    pub encode: Arc<[Encoding]>,
    /// Are decisions kept for the next request that asks the same?
    pub decision_cache: bool,
    /// The files that a snapshot is made from.
    pub files: Files,
    /// What of the configuration takes part in decisions, and so belongs to the snapshot.
    pub settings: Arc<Settings>,
    /// Where decision records go.
    pub decision_log: DecisionLog,
    /// The operational log.
    pub log: Log,
    /// How edits of the files are noticed.
    pub reload: Reload,
    /// Which requests are looked at with other policies too, and when that stops.
    pub shadow: Shadow,
    /// Which bodies are learned from.
    pub learning: Learning,
}

/// How large and how many things may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest head of a request.
    pub head_bytes: usize,
    /// Most header lines of a request.
    pub headers: usize,
    /// Longest request target.
    pub target_bytes: usize,
    /// Largest body of a request.
    pub body_bytes: u64,
    /// Most connections at once.
    pub connections: usize,
    /// Most streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// Most bytes of decision records that wait for the disk, per worker.
    pub journal_bytes: usize,
    /// What callers may do.
    pub callers: Callers,
}

/// The files that a snapshot is made from; relative ones are already relative to the config's folder.
#[derive(Debug, Clone)]
pub struct Files {
    /// The config's folder, which names in a snapshot's digest are relative to.
    pub base: PathBuf,
    /// Folder of policies; `None`: a bundle brings them.
    pub policies: Option<PathBuf>,
    /// Folder of a candidate for it, which is no part of a snapshot.
    pub candidate: Option<PathBuf>,
    /// The Cedar schema; `None`: the one that Palisade ships.
    pub schema: Option<PathBuf>,
    /// The tree of tenants; `None`: a bundle brings it.
    pub tenants: Option<PathBuf>,
    /// The tree of data classes.
    pub classes: Option<PathBuf>,
    /// Routes written by hand.
    pub routes: Vec<PathBuf>,
    /// OpenAPI documents.
    pub openapi: Vec<PathBuf>,
    /// Descriptor sets of Protocol Buffers.
    pub descriptors: Vec<PathBuf>,
    /// Schemas of GraphQL.
    pub graphql: Vec<PathBuf>,
    /// The keys of issuers, each with its issuer's position in [`Settings::issuers`].
    pub jwks: Vec<(usize, PathBuf)>,
    /// The keys of issuers that are fetched.
    pub fetched_keys: Vec<Arc<FetchedKeys>>,
    /// The API keys' hashes.
    pub api_keys: Option<PathBuf>,
    /// The keys that assertions for the app are signed with.
    pub assertion_keys: Option<PathBuf>,
    /// The secret of pseudonyms.
    pub pseudonym_key: Option<PathBuf>,
    /// Files with keys of tenants' own; a `*` in the name stands for any characters.
    pub key_files: Vec<PathBuf>,
    /// What brings everything above but keys and secrets; `None`: the files do.
    pub bundle: Option<Arc<Bundle>>,
}

/// A bundle that policies and model come from.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Where it is published.
    pub remote: Remote,
    /// The same for people: as it was written, without the query of a URL.
    pub source: String,
    /// The name that it must have.
    pub name: String,
    /// Files of the keys one of which must have signed it.
    pub public_keys: Vec<PathBuf>,
    /// Must it be signed?
    pub require_signature: bool,
    /// How often the source is asked.
    pub poll: Duration,
    /// Folder in which the last good one is kept.
    pub keep: Option<PathBuf>,
    /// How the source is reached.
    pub access: Access,
}

/// Where decision records go; at least one place.
#[derive(Debug, Clone)]
pub struct DecisionLog {
    /// The directory that holds them, sealed and signed.
    pub store: Option<StoreSettings>,
    /// Which of them must be on their device before the app sees the request.
    pub durable: Durable,
    /// A file that they are appended to.
    pub file: Option<PathBuf>,
    /// The standard output.
    pub stdout: bool,
    /// What becomes of requests whose records there is no room for.
    pub overflow: Overflow,
    /// The places that they are sent to from there.
    pub ship: Vec<crate::ship::Settings>,
    /// The file that uses of `palisade reveal` are appended to, which no sidecar writes to.
    pub reveals: Option<PathBuf>,
}

/// The operational log.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// How much is said.
    pub level: Level,
    /// How it is said.
    pub format: Format,
}

/// How edits of the files are noticed.
#[derive(Debug, Clone, Copy)]
pub struct Reload {
    /// How often the files' content is compared.
    pub poll: Duration,
}

impl Config {
    /// Reads a config and whatever was set over it (`a.b=c`), with the variables that `variable` knows.
    /// Beside the config come its warnings.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn read(
        file: &str,
        text: &str,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let file: Arc<str> = file.into();
        let mut problems = Vec::new();
        let mut root = tree::read(&file, text)?;
        for set in sets {
            set_over(&mut root, set, &mut problems);
        }
        expand::expand(&mut root, variable, &mut problems);
        let schema = schema();
        let value = walk::walk(&root, &schema, "", &mut problems).unwrap_or_default();
        let raw = if value.is_null() { Ok(raw::Raw::default()) } else { serde_json::from_value(value) };
        let raw = raw.unwrap_or_else(|error| {
            problems.push(Problem::error("config", Place::file(Arc::clone(&file)), error.to_string()));
            raw::Raw::default()
        });
        check::check(&file, &root, &raw, problems)
    }

    /// Headers that only Palisade may set, beside those that it always takes off.
    #[must_use]
    pub fn protected_headers(&self) -> Vec<Box<str>> {
        let asserted = self.settings.assertion.as_ref().map(|assertion| &assertion.header);
        let all =
            self.upstream.protected_headers.iter().chain(&self.upstream.deadline_header).chain(asserted);
        all.map(|name| name.as_str().into()).collect()
    }

    /// The JSON Schema of the file, as text.
    #[must_use]
    pub fn schema_json() -> String {
        let mut text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn schema() -> serde_json::Value {
    let settings =
        schemars::generate::SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<raw::Raw>().to_value()
}

/// Puts the `c` of `a.b=c` into the tree; `c` is itself YAML, so that lists can be set too.
fn set_over(root: &mut tree::Node, set: &str, problems: &mut Vec<Problem>) {
    let file: Arc<str> = format!("--set {set}").into();
    let whole = Place::file(Arc::clone(&file));
    let Some((path, value)) = set.split_once('=') else {
        let message = format!("`{set}` is not of the form `a.b=c`");
        problems.push(Problem::error("set", whole, message));
        return;
    };
    let keys: Vec<&str> = path.split('.').collect();
    match tree::read(&file, value) {
        Err(found) => problems.extend(found),
        Ok(mut node) => {
            node.place = whole.clone();
            let node = if value.is_empty() { tree::Node::null(whole.clone()) } else { node };
            if keys.iter().any(|key| key.is_empty()) || !root.put(&keys, node) {
                problems.push(Problem::error(
                    "set",
                    whole,
                    format!("`{path}` does not lead to a key of the config"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
