//! The parts of the config about where the app runs and how it is reached.
//!
//! Never: opens a file or looks up a name.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use crate::limits;

use super::Listen;
use super::check::Checker;
use super::raw::upstream as raw;

pub use raw::Protocol;

/// Where the app runs.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Does the app get the caller's own credential too?
    pub forward_credential: bool,
    /// Header in which the app is told how long is left.
    pub deadline_header: Option<HeaderName>,
    /// Further headers that only Palisade may set, lower case.
    pub protected_headers: Vec<HeaderName>,
    /// Each place where it runs; the first is that of every tenant that names none.
    pub all: Vec<Way>,
}

/// One place where the app runs, and how patient to be with it.
#[derive(Debug, Clone)]
pub struct Way {
    /// Its name in `upstreams`; the first is `default`.
    pub name: Box<str>,
    /// Where it listens; at least one, and each can answer any request.
    pub endpoints: Vec<Address>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the head of a response.
    pub response_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Most connections of one worker.
    pub connections_max: usize,
    /// Most unused connections of one worker to one endpoint.
    pub idle_max: usize,
    /// Most requests that one endpoint has to answer for one worker.
    pub requests_max: usize,
    /// How often a request may be sent again.
    pub retries: u32,
    /// Also one that the app may have seen, if that is harmless?
    pub retry_idempotent: bool,
    /// How often the addresses of names are looked up.
    pub resolve: Duration,
    /// When an endpoint is left alone.
    pub eject: Eject,
    /// How each endpoint is asked whether it is well.
    pub health: Option<Health>,
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS, if there is any.
    pub tls: Option<Tls>,
}

/// Where an app listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host name or IP address without brackets, and port.
    Host(Box<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// When an endpoint that fails is left alone.
#[derive(Debug, Clone, Copy)]
pub struct Eject {
    /// So many failures in a row; zero: never.
    pub failures: u32,
    /// The first time.
    pub base: Duration,
    /// At most.
    pub most: Duration,
    /// The least share of endpoints that must be left, in percent.
    pub panic_percent: u32,
    /// Are requests refused where none is left?
    pub refuse: bool,
}

/// How an endpoint is asked whether it is well.
#[derive(Debug, Clone)]
pub struct Health {
    /// The path that is asked for.
    pub path: http::uri::PathAndQuery,
    /// How often.
    pub every: Duration,
    /// Longest that an answer takes.
    pub timeout: Duration,
    /// So many good answers in a row, and it is used again.
    pub healthy_after: u32,
    /// So many in a row that are none, and it is used no more.
    pub unhealthy_after: u32,
}

/// TLS to the app.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificates that it is verified by.
    pub ca_file: PathBuf,
    /// The name that its certificate must have; `None`: the endpoint's host.
    pub server_name: Option<Box<str>>,
    /// The certificate and the key by which Palisade shows who it is.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// The name of the one that tenants have who name none.
const DEFAULT: &str = "default";

pub(super) fn upstreams(c: &mut Checker<'_>, raw: &super::raw::Raw, listen: &Listen) -> Upstream {
    let mut all = vec![way(c, "upstream", DEFAULT, &raw.upstream, None, listen)];
    for (name, written) in &raw.upstreams {
        let path = format!("upstreams.{name}");
        if !is_name(name) {
            let message = format!("`{name}` is no name for an upstream");
            c.error("bad-value", &path, message, "small letters, digits and `-`, at most 63");
        } else if name == DEFAULT {
            let hint = "choose another name";
            c.error("bad-value", &path, "`default` is the name of `upstream` itself", hint);
        }
        if written.forward_credential.is_some()
            || written.deadline_header.is_some()
            || !written.protected_headers.is_empty()
        {
            let message =
                "`forward_credential`, `deadline_header` and `protected_headers` are the same for all";
            c.error("bad-value", &path, message, "write them under `upstream`");
        }
        let named = way(c, &path, name, written, all.first(), listen);
        all.push(named);
    }
    if all.len() > limits::UPSTREAMS_MAX {
        let message = format!("{} upstreams are too many: at most {}", all.len(), limits::UPSTREAMS_MAX);
        c.error("too-many", "upstreams", message, "");
    }
    let each = raw.upstream.protected_headers.iter().enumerate();
    let protected = each
        .filter_map(|(at, name)| c.header(&format!("upstream.protected_headers.{at}"), Some(name)))
        .collect();
    Upstream {
        forward_credential: raw.upstream.forward_credential.unwrap_or(false),
        deadline_header: c.header("upstream.deadline_header", raw.upstream.deadline_header.as_ref()),
        protected_headers: protected,
        all,
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.starts_with('-') && (1..=limits::SEGMENT_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// What a named one does not say is as in the one above.
fn way(
    c: &mut Checker<'_>,
    path: &str,
    name: &str,
    raw: &raw::Upstream,
    above: Option<&Way>,
    listen: &Listen,
) -> Way {
    let under = |key: &str| format!("{path}.{key}");
    let time = |of: fn(&Way) -> Duration, seconds| above.map_or(Duration::from_secs(seconds), of);
    let number = |n: Option<u64>, of: fn(&Way) -> usize, default: usize| {
        n.and_then(|n| usize::try_from(n).ok()).unwrap_or_else(|| above.map_or(default, of))
    };
    let tls = match &raw.tls {
        Some(tls) => Some(self::tls(c, &under("tls"), tls)),
        None => above.and_then(|above| above.tls.clone()),
    };
    let health = match &raw.health {
        Some(health) => self::health(c, &under("health"), health),
        None => above.and_then(|above| above.health.clone()),
    };
    let endpoints = endpoints(c, path, raw, listen);
    let is_unix = |address: &Address| matches!(address, Address::Unix(_));
    if endpoints.iter().any(is_unix) && tls.as_ref().is_some_and(|tls| tls.server_name.is_none()) {
        let message = "a Unix socket has no name that a certificate could be verified by";
        c.error("missing-key", path, message, "say `tls.server_name`");
    }
    let protocol = raw.protocol.unwrap_or_else(|| above.map_or(Protocol::Http1, |above| above.protocol));
    if (protocol == Protocol::H2c && tls.is_some()) || (protocol == Protocol::Auto && tls.is_none()) {
        let message = "`h2c` is HTTP/2 without TLS, and `auto` is what is chosen with it";
        c.error("bad-value", &under("protocol"), message, "`auto` with `tls`, `h2c` without");
    }
    let connect = time(|way| way.connect_timeout, 1);
    let response = time(|way| way.response_timeout, 30);
    Way {
        name: name.into(),
        endpoints,
        connect_timeout: c.duration(&under("connect_timeout"), raw.connect_timeout.as_ref(), connect),
        response_timeout: c.duration(&under("response_timeout"), raw.response_timeout.as_ref(), response),
        idle_timeout: c.duration(
            &under("idle_timeout"),
            raw.idle_timeout.as_ref(),
            time(|way| way.idle_timeout, 30),
        ),
        connections_max: number(
            raw.connections_max,
            |way| way.connections_max,
            limits::UPSTREAM_CONNECTIONS_MAX,
        ),
        idle_max: number(raw.idle_max, |way| way.idle_max, limits::UPSTREAM_IDLE_MAX),
        requests_max: number(raw.requests_max, |way| way.requests_max, limits::UPSTREAM_REQUESTS_MAX),
        retries: raw
            .retries
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or_else(|| above.map_or(limits::RETRIES, |above| above.retries)),
        retry_idempotent: raw
            .retry_idempotent
            .unwrap_or_else(|| above.is_some_and(|above| above.retry_idempotent)),
        resolve: c.duration(&under("resolve"), raw.resolve.as_ref(), time(|way| way.resolve, 10)),
        health,
        protocol,
        eject: eject(c, &under("eject"), &raw.eject, above.map(|above| above.eject)),
        tls,
    }
}

fn eject(c: &mut Checker<'_>, path: &str, raw: &raw::Eject, above: Option<Eject>) -> Eject {
    let above = above.unwrap_or(Eject {
        failures: limits::EJECT_FAILURES,
        base: Duration::from_secs(5),
        most: Duration::from_secs(300),
        panic_percent: limits::PANIC_PERCENT,
        refuse: false,
    });
    let number = |n: Option<u64>, above: u32| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(above);
    let base = c.duration(&format!("{path}.base"), raw.base.as_ref(), above.base);
    let most = c.duration(&format!("{path}.most"), raw.most.as_ref(), above.most);
    if most < base {
        let message = format!("`{path}.most` must not be less than `{path}.base`");
        c.error("bad-value", path, message, "");
    }
    Eject {
        failures: number(raw.failures, above.failures),
        base,
        most,
        panic_percent: number(raw.panic_percent, above.panic_percent),
        refuse: raw.refuse.unwrap_or(above.refuse),
    }
}

fn health(c: &mut Checker<'_>, path: &str, raw: &raw::Health) -> Option<Health> {
    let under = |key: &str| format!("{path}.{key}");
    let number = |n: Option<u64>, default| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    let every = c.duration(&under("every"), raw.every.as_ref(), Duration::from_secs(10));
    let timeout = c.duration(&under("timeout"), raw.timeout.as_ref(), Duration::from_secs(2));
    let hint = "name the path that tells whether the app is well: `/healthz`";
    let written = c.required(&under("path"), raw.path.as_ref(), hint)?;
    let Some(path) = written.parse().ok().filter(|_| written.starts_with('/')) else {
        c.bad_value(&under("path"), "a path", hint);
        return None;
    };
    let (healthy_after, unhealthy_after) = (number(raw.healthy_after, 2), number(raw.unhealthy_after, 3));
    Some(Health { path, every, timeout, healthy_after, unhealthy_after })
}

fn endpoints(c: &mut Checker<'_>, path: &str, raw: &raw::Upstream, listen: &Listen) -> Vec<Address> {
    let (one, many) = (format!("{path}.address"), format!("{path}.endpoints"));
    let mut endpoints = Vec::new();
    if raw.endpoints.is_empty() {
        let hint = "name the app's host and port: `127.0.0.1:9000`";
        if let Some(text) = c.required(&one, raw.address.as_ref(), hint) {
            endpoints.extend(address(c, &one, text, listen));
        }
        return endpoints;
    }
    if raw.address.is_some() {
        c.error("bad-value", &one, "`address` and `endpoints` say the same", "write one of them");
    }
    if raw.endpoints.len() > limits::ENDPOINTS_MAX {
        let message =
            format!("{} endpoints are too many: at most {}", raw.endpoints.len(), limits::ENDPOINTS_MAX);
        c.error("too-many", &many, message, "");
    }
    for (at, text) in raw.endpoints.iter().enumerate() {
        let at = format!("{many}.{at}");
        let Some(found) = address(c, &at, text, listen) else { continue };
        if endpoints.contains(&found) {
            c.error("same-address", &at, format!("`{text}` stands here twice"), "");
        }
        endpoints.push(found);
    }
    endpoints
}

fn address(c: &mut Checker<'_>, path: &str, text: &str, listen: &Listen) -> Option<Address> {
    let hint = "name the app's host and port, `127.0.0.1:9000`, or a Unix socket, `unix:/run/app.sock`";
    if let Some(own) = listen.all().into_iter().find(|own| own == text) {
        let hint = "name the app's host and port";
        c.error("same-address", path, format!("`{own}` is Palisade's own address"), hint);
    }
    let found = match text.strip_prefix("unix:") {
        Some("") => None,
        Some(file) => Some(Address::Unix(c.path(file))),
        None => host_and_port(text).map(|(host, port)| Address::Host(host.into(), port)),
    };
    if found.is_none() {
        c.bad_value(path, "a host and a port", hint);
    }
    found
}

fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok().then_some(host)?,
        None => host,
    };
    let named = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    (!host.is_empty() && host.len() <= 253 && (named || bracketed.is_some())).then_some((host, port))
}

fn tls(c: &mut Checker<'_>, path: &str, raw: &raw::Tls) -> Tls {
    let under = |key: &str| format!("{path}.{key}");
    let hint = "name the file with the certificates that the app is verified by";
    let ca_file = c.required(&under("ca_file"), raw.ca_file.as_ref(), hint).unwrap_or_default();
    let ca_file = c.path(ca_file);
    let server_name = raw.server_name.as_deref().filter(|name| {
        let known = rustls::pki_types::ServerName::try_from(*name).is_ok();
        if !known {
            c.bad_value(&under("server_name"), "a name that a certificate can have", "write a host name");
        }
        known
    });
    let client = match (&raw.client_certificate_file, &raw.client_key_file) {
        (Some(certificate), Some(key)) => Some((c.path(certificate), c.path(key))),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            let message = "a certificate and its key belong together";
            c.error("missing-key", path, message, "name `client_certificate_file` and `client_key_file`");
            None
        }
    };
    Tls { ca_file, server_name: server_name.map(Into::into), client }
}
