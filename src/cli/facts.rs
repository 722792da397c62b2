//! What `eval` is asked: from flags, from JSON, flags over JSON.
//!
//! Never: decides anything.

use std::io::Read as _;
use std::net::IpAddr;

/// Longest request that is read from a file or the standard input, in bytes.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// One request, as flags or as JSON with the same names (`data_key` for `--data-key`).
#[derive(Debug, Clone, Default, clap::Args, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asking {
    /// Who calls.
    #[arg(long, value_name = "ID")]
    pub(super) principal: Option<String>,
    /// What the caller is: `user` (default) or `service`.
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<String>,
    /// The caller's tenant.
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: Option<String>,
    /// The caller's roles.
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    pub(super) roles: Vec<String>,
    /// The caller's groups.
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    pub(super) groups: Vec<String>,
    /// The caller's scopes.
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    pub(super) scopes: Vec<String>,
    /// The issuer of the caller's token; without it the caller has an API key.
    #[arg(long, value_name = "ISSUER")]
    pub(super) issuer: Option<String>,
    /// What is attempted, where no route is named: `read`, `list`, `create`, `update`, `delete`, `export`, `import`.
    #[arg(long, value_name = "ACTION")]
    pub(super) action: Option<String>,
    /// The request's method, with `--path`: the route is found as in serving.
    #[arg(long, value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// The request's path, with its query.
    #[arg(long, value_name = "PATH")]
    pub(super) path: Option<String>,
    /// The route's id, in place of method and path.
    #[arg(long, value_name = "ID")]
    pub(super) route: Option<String>,
    /// The tenant whose data is meant. Default: the caller's own.
    #[arg(long, value_name = "TENANT")]
    pub(super) target: Option<String>,
    /// The DataKey. Default: as the route says, or that of the tenant whose data is meant.
    #[arg(long, value_name = "KEY")]
    pub(super) data_key: Option<String>,
    /// Data classes of the bodies, where no route is named.
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    pub(super) classes: Vec<String>,
    /// What the caller says the data is for.
    #[arg(long, value_name = "TEXT")]
    pub(super) purpose: Option<String>,
    /// The host that the request names.
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// Where the connection comes from.
    #[arg(long, value_name = "IP")]
    pub(super) source_ip: Option<IpAddr>,
    /// The time of the request (RFC 3339). Default: now.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}

/// Reads a request: what the flags leave open comes from the JSON in `file` (`-`: the standard input).
pub(super) fn read(flags: &Asking, file: Option<&str>) -> Result<Asking, String> {
    let Some(file) = file else { return Ok(flags.clone()) };
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().lock().take(REQUEST_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(REQUEST_BYTES_MAX).read_to_string(&mut text))
    };
    read.map_err(|error| format!("the request cannot be read: {error}"))?;
    let under: Asking =
        serde_json::from_str(&text).map_err(|error| format!("the request is not as expected: {error}"))?;
    let many = |over: &Vec<String>, under: Vec<String>| if over.is_empty() { under } else { over.clone() };
    let one = |over: &Option<String>, under: Option<String>| over.clone().or(under);
    Ok(Asking {
        principal: one(&flags.principal, under.principal),
        kind: one(&flags.kind, under.kind),
        tenant: one(&flags.tenant, under.tenant),
        roles: many(&flags.roles, under.roles),
        groups: many(&flags.groups, under.groups),
        scopes: many(&flags.scopes, under.scopes),
        issuer: one(&flags.issuer, under.issuer),
        action: one(&flags.action, under.action),
        method: one(&flags.method, under.method),
        path: one(&flags.path, under.path),
        route: one(&flags.route, under.route),
        target: one(&flags.target, under.target),
        data_key: one(&flags.data_key, under.data_key),
        classes: many(&flags.classes, under.classes),
        purpose: one(&flags.purpose, under.purpose),
        host: one(&flags.host, under.host),
        source_ip: flags.source_ip.or(under.source_ip),
        now: one(&flags.now, under.now),
    })
}
