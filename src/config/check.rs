//! From what is written to what cannot be wrong: `Raw` becomes [`Config`], with every problem found on the way.
//!
//! Never: opens a file; whether a named file exists is found when it is read.

use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::snapshot::Settings;

use super::Config;
use super::Files;
use super::Limits;
use super::Log;
use super::Reload;
use super::assertion;
use super::bundle;
use super::issuers;
use super::keys;
use super::learning;
use super::listen;
use super::listen::Listen;
use super::quota;
use super::raw;
use super::records;
use super::redaction;
use super::shadow;
use super::spiffe;
use super::timeouts;
use super::tree::Node;
use super::units;
use super::upstream;

/// Collects problems, each at the place of its key.
pub(super) struct Checker<'a> {
    file: &'a Arc<str>,
    root: &'a Node,
    pub(super) problems: Vec<Problem>,
}

impl Checker<'_> {
    /// The place of the value at `path`, or of the nearest mapping that should hold it.
    fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(node) = self.root.at(path).filter(|_| !path.is_empty()) {
                return node.place.clone();
            }
            match path.rsplit_once('.') {
                Some((parent, _)) => path = parent,
                None => return Place::file(Arc::clone(self.file)),
            }
        }
    }

    /// The text at `path` as the operator wrote it, variables not replaced.
    fn written(&self, path: &str) -> String {
        self.root.at(path).and_then(Node::written).unwrap_or_default().to_owned()
    }

    pub(super) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>, hint: &str) {
        let problem = Problem::error(code, self.place(path), message);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    /// Does anything stand at this key?
    pub(super) fn says(&self, path: &str) -> bool {
        self.root.at(path).is_some_and(|node| !node.is_null())
    }

    pub(super) fn warning(&mut self, code: &'static str, path: &str, message: impl Into<String>, hint: &str) {
        self.problems.push(Problem::warning(code, self.place(path), message).hint(hint));
    }

    pub(super) fn bad_value(&mut self, path: &str, what: &str, hint: &str) {
        let written = self.written(path);
        self.error("bad-value", path, format!("`{written}` is not {what}"), hint);
    }

    pub(super) fn required<'t>(
        &mut self,
        path: &str,
        value: Option<&'t String>,
        hint: &str,
    ) -> Option<&'t str> {
        match value.map(String::as_str).filter(|text| !text.is_empty()) {
            Some(text) => Some(text),
            None => {
                // A key that stands there with a wrong value has already been reported.
                if self.root.at(path).is_none_or(|node| node.is_null() || node.written() == Some("")) {
                    self.error("missing-key", path, format!("`{path}` is required"), hint);
                }
                None
            }
        }
    }

    pub(super) fn duration(&mut self, path: &str, value: Option<&String>, default: Duration) -> Duration {
        let Some(text) = value else { return default };
        match units::duration(text) {
            Some(duration)
                if !duration.is_zero()
                    || matches!(path, "timeouts.drain" | "timeouts.total" | "timeouts.connection_age")
                    || path.ends_with(".skew") =>
            {
                duration
            }
            Some(_) => {
                self.error("bad-value", path, format!("`{path}` must be more than zero"), "");
                default
            }
            None => {
                self.bad_value(path, "a duration", units::DURATION_HINT);
                default
            }
        }
    }

    pub(super) fn size(&mut self, path: &str, value: Option<&String>, default: u64) -> u64 {
        let Some(text) = value else { return default };
        match units::size(text) {
            Some(0) => self.error("bad-value", path, format!("`{path}` must be more than zero"), ""),
            Some(size) if usize::try_from(size).is_ok_and(|size| size <= usize::MAX / 2) => return size,
            Some(_) | None => self.bad_value(path, "a size", units::SIZE_HINT),
        }
        default
    }

    pub(super) fn header(&mut self, path: &str, text: Option<&String>) -> Option<HeaderName> {
        let text = text?;
        // These have a meaning of their own, or are Palisade's to set.
        const TAKEN: [&str; 6] =
            ["authorization", "host", "connection", "cookie", "content-length", "transfer-encoding"];
        match HeaderName::from_bytes(text.to_ascii_lowercase().as_bytes()) {
            Ok(name) if TAKEN.contains(&name.as_str()) || name.as_str().starts_with("x-palisade-") => {
                self.bad_value(
                    path,
                    "a header that can be used here",
                    "choose a header of its own, such as `x-tenant`",
                );
                None
            }
            Ok(name) => Some(name),
            Err(_) => {
                self.bad_value(path, "the name of a header", "");
                None
            }
        }
    }

    pub(super) fn path(&self, text: &str) -> PathBuf {
        Path::new(&**self.file).parent().unwrap_or(Path::new("")).join(text)
    }
}

pub(super) fn check(
    file: &Arc<str>,
    root: &Node,
    raw: &raw::Raw,
    problems: Vec<Problem>,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let mut c = Checker { file, root, problems };
    let listen = listen::listen(&mut c, &raw.listen);
    let upstream = upstream::upstreams(&mut c, raw, &listen);
    let timeouts = timeouts::timeouts(&mut c, &raw.timeouts);
    let limits = bounds(&mut c, &raw.limits);
    let files = files(&mut c, raw);
    let settings = settings(&mut c, raw, &upstream, &listen);
    let decision_log = records::decision_log(&mut c, &raw.decision_log);
    let poll = c.duration("reload.poll", raw.reload.poll.as_ref(), Duration::from_secs(2));
    let shadow = shadow::shadow(&mut c, &raw.shadow, files.policies.as_deref());
    let learning = learning::learning(&mut c, &raw.learning);
    let config = Config {
        file: Arc::clone(file),
        listen,
        workers: raw.workers.and_then(|n| NonZeroUsize::new(usize::try_from(n).ok()?)),
        upstream,
        timeouts,
        limits,
        encode: redaction::encode(&mut c, &raw.redaction),
        decision_cache: raw.policies.decision_cache.unwrap_or(true),
        files,
        settings: Arc::new(settings),
        decision_log,
        log: Log { level: raw.log.level.unwrap_or_default(), format: raw.log.format.unwrap_or_default() },
        reload: Reload { poll },
        shadow,
        learning,
    };
    if c.problems.iter().any(|problem| problem.severity == Severity::Error) {
        c.problems.sort_by(|a, b| a.place.cmp(&b.place));
        return Err(c.problems);
    }
    Ok((config, c.problems))
}

fn bounds(c: &mut Checker<'_>, raw: &raw::Limits) -> Limits {
    let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let number = |n: Option<u64>, default: usize| n.map_or(default, narrow);
    let head_bytes = c.size("limits.head_bytes", raw.head_bytes.as_ref(), wide(limits::HEAD_BYTES_MAX));
    let target_bytes =
        c.size("limits.target_bytes", raw.target_bytes.as_ref(), wide(limits::TARGET_BYTES_MAX));
    if target_bytes >= head_bytes {
        let message = "`limits.target_bytes` must be less than `limits.head_bytes`";
        c.error("bad-value", "limits.target_bytes", message, "the target is a part of the head");
    }
    let journal_bytes =
        c.size("limits.journal_bytes", raw.journal_bytes.as_ref(), wide(limits::JOURNAL_BYTES_MAX));
    if journal_bytes < wide(limits::RECORD_BYTES_MAX) {
        c.error(
            "bad-value",
            "limits.journal_bytes",
            "`limits.journal_bytes` must be at least `64KiB`",
            "one record must fit",
        );
    }
    Limits {
        head_bytes: narrow(head_bytes),
        headers: number(raw.headers, limits::HEADERS_MAX),
        target_bytes: narrow(target_bytes),
        body_bytes: c.size("limits.body_bytes", raw.body_bytes.as_ref(), limits::BODY_BYTES_MAX),
        connections: number(raw.connections, limits::CONNECTIONS_MAX),
        streams: raw.streams.and_then(|n| u32::try_from(n).ok()).unwrap_or(limits::STREAMS_MAX),
        journal_bytes: narrow(journal_bytes),
        callers: quota::callers(c, raw),
    }
}

fn files(c: &mut Checker<'_>, raw: &raw::Raw) -> Files {
    let bundle = bundle::bundle(c, raw);
    let (mut policies, mut tenants) = (None, None);
    if !c.says("bundle") {
        let hint = "name the folder of `*.cedar` files";
        policies = c.required("policies.directory", raw.policies.directory.as_ref(), hint);
        let hint = "name the file with the tree of tenants";
        tenants = c.required("model.tenants", raw.model.tenants.as_ref(), hint);
    }
    let fetched_keys = keys::fetched(c, &raw.identity);
    let one = |path: &Option<String>| path.as_ref().map(|path| c.path(path));
    let many = |paths: &[String]| paths.iter().map(|path| c.path(path)).collect();
    Files {
        base: c.path(""),
        policies: policies.map(|path| c.path(path)),
        candidate: one(&raw.shadow.policies),
        schema: one(&raw.policies.schema),
        tenants: tenants.map(|path| c.path(path)),
        classes: one(&raw.model.classes),
        routes: many(&raw.model.routes),
        openapi: many(&raw.model.openapi),
        descriptors: many(&raw.model.descriptors),
        graphql: many(&raw.model.graphql),
        jwks: keys::files(c, &raw.identity),
        fetched_keys,
        api_keys: one(&raw.identity.api_keys_file),
        assertion_keys: assertion::file(c, &raw.identity),
        pseudonym_key: one(&raw.redaction.pseudonym_key_file),
        key_files: redaction::key_files(c, &raw.redaction),
        bundle,
    }
}

fn settings(c: &mut Checker<'_>, raw: &raw::Raw, upstream: &upstream::Upstream, listen: &Listen) -> Settings {
    let issuers = issuers::issuers(c, &raw.identity);
    let workloads = spiffe::workloads(c, &raw.identity.spiffe, listen);
    if raw.identity.issuers.is_empty() && raw.identity.api_keys_file.is_none() && workloads.rules.is_empty() {
        let hint = "name a trusted issuer in `identity.issuers`, or `identity.api_keys_file`";
        c.warning("nobody", "identity", "nobody can call: neither issuers nor API keys are configured", hint);
    }
    if raw.model.routes.is_empty() && raw.model.openapi.is_empty() && !c.says("bundle") {
        let hint = "name the app's OpenAPI document in `model.openapi`, or write `model.routes`";
        c.warning("no-routes", "model", "no routes are configured", hint);
    }
    let api_key_header = c.header("identity.api_key_header", raw.identity.api_key_header.as_ref());
    let purpose_header = c.header("identity.purpose_header", raw.identity.purpose_header.as_ref());
    // Every key that can change a decision, as it was read: it is part of the snapshot's digest.
    let text =
        serde_json::to_string(&(&raw.identity, &raw.tenancy, &raw.model.unknown_route)).unwrap_or_default();
    Settings {
        issuers,
        workloads,
        purpose_header: purpose_header.unwrap_or(HeaderName::from_static("x-purpose")),
        api_key_header: api_key_header.unwrap_or(HeaderName::from_static("x-api-key")),
        places: issuers::places(c, &raw.tenancy),
        unknown_route: raw.model.unknown_route.unwrap_or_default(),
        upstreams: Some(upstream.all.iter().map(|way| way.name.clone()).collect()),
        assertion: assertion::settings(c, &raw.identity),
        text: text.into(),
    }
}
