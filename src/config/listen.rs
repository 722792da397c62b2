//! The part of the config about where connections come from.
//!
//! Never: opens a socket or a certificate.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::door::ClientAuth;
use crate::door::MinVersion;
use crate::door::TlsSettings;
use crate::limits;
use crate::request::Peers;

use super::check::Checker;
use super::raw::listen as raw;

/// Where Palisade listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Addresses of the data listener without TLS; none only where there is one with it.
    pub data: Vec<Inbound>,
    /// The data listener with TLS.
    pub tls: Option<InboundTls>,
    /// Address of the admin listener.
    pub admin: SocketAddr,
    /// Is HTTP/2 with prior knowledge accepted without TLS?
    pub h2c: bool,
    /// Mode of Unix sockets.
    pub unix_mode: u32,
    /// Who may say for whom it connects.
    pub trusted_peers: Arc<Peers>,
    /// Do connections of trusted peers begin with a header of the PROXY protocol?
    pub proxy_protocol: bool,
}

impl Listen {
    /// Every address that it listens on, as text.
    pub(super) fn all(&self) -> Vec<String> {
        let of_tls = self.tls.iter().flat_map(|tls| &tls.addresses).chain([&self.admin]);
        self.data.iter().map(ToString::to_string).chain(of_tls.map(ToString::to_string)).collect()
    }
}

/// Where one listener is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The data listener with TLS.
#[derive(Debug, Clone)]
pub struct InboundTls {
    /// Its addresses; at least one.
    pub addresses: Vec<SocketAddr>,
    /// Its certificate, and whose it believes.
    pub settings: TlsSettings,
}

const HINT: &str = "write an IP address and a port: `127.0.0.1:8080`, `[::]:8080`";

pub(super) fn listen(c: &mut Checker<'_>, raw: &raw::Listen) -> Listen {
    let tls = c.says("listen.tls").then(|| tls(c, &raw.tls));
    let data = match &raw.data {
        None if tls.is_some() => Vec::new(),
        None => vec![Inbound::Ip(SocketAddr::from(([127, 0, 0, 1], 8080)))],
        Some(written) => each(c, "listen.data", written, data),
    };
    let default = SocketAddr::from(([127, 0, 0, 1], 8081));
    let admin = raw.admin.as_deref().and_then(|text| ip(c, "listen.admin", text)).unwrap_or(default);
    let listeners =
        data.iter().cloned().chain(tls.iter().flat_map(|tls| tls.addresses.iter().copied().map(Inbound::Ip)));
    let all: Vec<Inbound> = listeners.chain([Inbound::Ip(admin)]).collect();
    for (at, address) in all.iter().enumerate() {
        let is_fixed = !matches!(address, Inbound::Ip(address) if address.port() == 0);
        if is_fixed && all.iter().take(at).any(|other| other == address) {
            c.error(
                "same-address",
                "listen",
                format!("two listeners want `{address}`"),
                "give each its own port",
            );
        }
    }
    Listen {
        data,
        tls,
        admin,
        h2c: raw.h2c.unwrap_or(false),
        unix_mode: mode(c, raw.unix_mode.as_deref()),
        trusted_peers: Arc::new(trusted(c, raw)),
        proxy_protocol: raw.proxy_protocol.unwrap_or(false),
    }
}

fn each<T>(
    c: &mut Checker<'_>,
    path: &str,
    written: &raw::OneOrMany,
    one: impl Fn(&mut Checker<'_>, &str, &str) -> Option<T>,
) -> Vec<T> {
    match written {
        raw::OneOrMany::One(text) => one(c, path, text).into_iter().collect(),
        raw::OneOrMany::Many(texts) => {
            if texts.is_empty() {
                c.error("bad-value", path, format!("`{path}` needs at least one address"), "");
            }
            let each = texts.iter().enumerate();
            each.filter_map(|(at, text)| one(c, &format!("{path}.{at}"), text)).collect()
        }
    }
}

fn ip(c: &mut Checker<'_>, path: &str, text: &str) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        c.bad_value(path, "an address to listen on", HINT);
    }
    parsed
}

fn data(c: &mut Checker<'_>, path: &str, text: &str) -> Option<Inbound> {
    let Some(socket) = text.strip_prefix("unix:") else { return ip(c, path, text).map(Inbound::Ip) };
    // The kernel's bound, with the NUL at its end (unix(7)).
    if socket.is_empty() || c.path(socket).as_os_str().len() > limits::UNIX_PATH_BYTES_MAX {
        let hint = format!("write `unix:` and a path of at most {} bytes", limits::UNIX_PATH_BYTES_MAX);
        c.bad_value(path, "a Unix socket to listen on", &hint);
        return None;
    }
    Some(Inbound::Unix(c.path(socket)))
}

fn mode(c: &mut Checker<'_>, written: Option<&str>) -> u32 {
    const DEFAULT: u32 = 0o660;
    let Some(text) = written else { return DEFAULT };
    let octal = |text: &str| u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    match octal(text).filter(|_| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(mode) => mode,
        None => {
            c.bad_value("listen.unix_mode", "a mode", "write three or four octal digits in quotes: `'0660'`");
            DEFAULT
        }
    }
}

fn trusted(c: &mut Checker<'_>, raw: &raw::Listen) -> Peers {
    let mut peers = Peers::default();
    for (at, text) in raw.trusted_peers.iter().enumerate() {
        let path = format!("listen.trusted_peers.{at}");
        if at == limits::TRUSTED_PEERS_MAX {
            c.error("bad-value", &path, format!("there are more than {at} trusted peers"), "");
            break;
        }
        if peers.add(text).is_none() {
            let hint = "write an address, a network without bits behind its prefix (`10.0.0.0/8`), or `unix`";
            c.bad_value(&path, "a peer that can be trusted", hint);
        }
    }
    if raw.proxy_protocol == Some(true) && peers.is_empty() {
        let hint = "name the load balancers in `listen.trusted_peers`";
        let message = "`listen.proxy_protocol` has no effect: nobody is trusted";
        c.error("nobody-trusted", "listen.proxy_protocol", message, hint);
    }
    peers
}

fn tls(c: &mut Checker<'_>, raw: &raw::Tls) -> InboundTls {
    let addresses = match &raw.address {
        Some(written) => each(c, "listen.tls.address", written, ip),
        None => {
            let hint = "name where to listen with TLS: `0.0.0.0:8443`";
            c.error("missing-key", "listen.tls.address", "`listen.tls.address` is required", hint);
            Vec::new()
        }
    };
    let mut file = |path: &str, written: Option<&String>, hint: &str| {
        let written = c.required(path, written, hint).unwrap_or_default().to_owned();
        c.path(&written)
    };
    let hint = "name the file with the certificate, as PEM";
    let certificate_file = file("listen.tls.certificate_file", raw.certificate_file.as_ref(), hint);
    let key_file =
        file("listen.tls.key_file", raw.key_file.as_ref(), "name the file with its private key, as PEM");
    let client_auth = match raw.client_auth {
        None | Some(raw::Auth::Off) => ClientAuth::Off,
        Some(raw::Auth::Optional) => ClientAuth::Optional,
        Some(raw::Auth::Required) => ClientAuth::Required,
    };
    let path = "listen.tls.client_ca_file";
    let client_ca_file = match (client_auth, &raw.client_ca_file) {
        (ClientAuth::Off, None) => None,
        (ClientAuth::Off, Some(_)) => {
            let hint = "set `listen.tls.client_auth` to `optional` or `required`";
            c.error("no-effect", path, "clients are not asked for a certificate", hint);
            None
        }
        (ClientAuth::Optional | ClientAuth::Required, written) => {
            Some(file(path, written.as_ref(), "name the file with the authorities of clients' certificates"))
        }
    };
    let min_version = match raw.min_version {
        None | Some(raw::Version::Tls12) => MinVersion::Tls12,
        Some(raw::Version::Tls13) => MinVersion::Tls13,
    };
    let settings = TlsSettings { certificate_file, key_file, min_version, client_auth, client_ca_file };
    InboundTls { addresses, settings }
}
