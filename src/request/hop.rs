//! For whom a trusted proxy in front of us connects, by what it says in a request's head.
//!
//! Each header is heard as its writer means it, and all that name the same thing must agree: `x-forwarded-for` or `forwarded`
//! (RFC 7239), never both; a host that is not the request's own is refused, for then two hosts would be judged.
//! Never: hears anybody who is not trusted, or takes a second reading where the first fails.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;

use crate::identity;
use crate::identity::Shown;
use crate::identity::Svid;
use crate::limits;
use crate::request::Flaw;
use crate::request::Peer;
use crate::request::peers::Peers;
use crate::request::target;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// What one of the headers says; nothing where it is not there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// The hops, the nearest last; `None` where one has no address that is told.
    hops: Vec<Option<IpAddr>>,
    is_tls: Option<bool>,
    host: Option<String>,
}

impl Peer {
    /// Whom a request is of, where that is somebody else. What a proxy says and nobody can read is refused like a head that nobody can.
    pub(super) fn told<B>(
        &self,
        request: &http::Request<B>,
        flaw: Option<Flaw>,
        trusted: &Peers,
    ) -> (Option<Self>, Option<Flaw>) {
        if !self.is_trusted || flaw.is_some() {
            return (None, flaw);
        }
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        match self.speaks_for(request.headers(), authority, trusted) {
            None => (None, Some(Flaw::Forwarded)),
            client => (client, None),
        }
    }

    /// The one that this peer, which is trusted, speaks for. `None`: what it says has no single reading.
    fn speaks_for(&self, headers: &HeaderMap, authority: Option<&str>, trusted: &Peers) -> Option<Self> {
        let said = match (x_forwarded(headers)?, forwarded(headers)?) {
            (said, None) => said,
            (none, Some(said)) if none == Said::default() => said,
            (_, Some(_)) => return None,
        };
        if let Some(host) = &said.host {
            same_host(host, headers, authority)?;
        }
        let mut client = self.clone();
        // Whoever a trusted hop names is believed, and goes on being asked while it is trusted itself.
        for hop in said.hops.iter().rev() {
            client.ip = *hop;
            if !hop.is_some_and(|ip| trusted.has(ip)) {
                break;
            }
        }
        if !said.hops.is_empty() {
            // Its own certificate proves nothing of somebody else.
            client.is_behind = true;
            client.text = client.ip.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok());
        }
        client.is_tls = said.is_tls.unwrap_or(self.is_tls);
        if let Some(line) = one(headers, &CERTIFICATE)? {
            client.workload = match identity::nearest(line)? {
                Shown::Workload(id) => Some(Arc::new(Svid { id, expires: u64::MAX })),
                Shown::Nobody => None,
            };
            client.is_behind = false;
        }
        Some(client)
    }
}

/// The one line of a header. `Some(None)`: it is not there; `None`: there are several.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Option<&'h [u8]>> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next();
    lines.next().is_none().then(|| line.map(HeaderValue::as_bytes))
}

/// The parts of a list over all lines of a header, in order.
fn list<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Vec<&'h str>> {
    let mut parts = Vec::new();
    for line in headers.get_all(name) {
        parts.extend(line.to_str().ok()?.split(',').map(str::trim));
        if parts.len() > limits::HOPS_MAX {
            return None;
        }
    }
    Some(parts)
}

fn x_forwarded(headers: &HeaderMap) -> Option<Said> {
    let hops = list(headers, &FOR)?.into_iter().map(|text| address(text).map(Some)).collect::<Option<_>>()?;
    let is_tls = match one(headers, &PROTO)? {
        None => None,
        Some(text) => Some(is_tls(std::str::from_utf8(text).ok()?)?),
    };
    let host = match one(headers, &HOST)? {
        None => None,
        Some(text) => Some(std::str::from_utf8(text).ok()?.to_owned()),
    };
    Some(Said { hops, is_tls, host })
}

/// `Forwarded` (RFC 7239 section 4): `for=192.0.2.7;proto=https, for="[2001:db8::1]:80"`. The nearest hop is last, and it alone
/// says protocol and host. `Some(None)`: it is not there.
fn forwarded(headers: &HeaderMap) -> Option<Option<Said>> {
    if !headers.contains_key(header::FORWARDED) {
        return Some(None);
    }
    let mut said = Said::default();
    for line in headers.get_all(header::FORWARDED) {
        let mut rest = line.to_str().ok()?;
        loop {
            let (hop, after) = element(rest)?;
            said.hops.push(hop.by_whom);
            (said.is_tls, said.host) = (hop.is_tls, hop.host);
            if said.hops.len() > limits::HOPS_MAX {
                return None;
            }
            match after {
                None => break,
                Some(after) => rest = after,
            }
        }
    }
    Some(Some(said))
}

#[derive(Default)]
struct Hop {
    by_whom: Option<IpAddr>,
    is_tls: Option<bool>,
    host: Option<String>,
}

/// One element, and what follows the comma behind it.
fn element(text: &str) -> Option<(Hop, Option<&str>)> {
    let (mut hop, mut rest) = (Hop::default(), text.trim_start());
    let mut seen = Vec::new();
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let (value, after) = value(after)?;
        if seen.contains(&name) {
            return None;
        }
        match name.as_str() {
            "for" => hop.by_whom = node(&value)?,
            "proto" => hop.is_tls = Some(is_tls(&value)?),
            "host" => hop.host = Some(value),
            "by" => {}
            _ => return None,
        }
        seen.push(name);
        let after = after.trim_start();
        match (after.strip_prefix(';'), after.strip_prefix(',')) {
            (Some(next), _) => rest = next.trim_start(),
            (None, Some(next)) => return Some((hop, Some(next))),
            (None, None) => return after.is_empty().then_some((hop, None)),
        }
    }
}

/// A token, or a text in quotes, which has no escapes where one is an address, a protocol or a host.
fn value(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, rest) = quoted.split_once('"')?;
        return (!value.contains('\\')).then(|| (value.to_owned(), rest));
    }
    let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!value.is_empty() && value.bytes().all(token)).then(|| (value.to_owned(), rest))
}

/// Who an element is about: an address, or somebody who is not told (`unknown`, `_hidden`).
fn node(text: &str) -> Option<Option<IpAddr>> {
    let is_hidden = text == "unknown"
        || text.strip_prefix('_').is_some_and(|name| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        });
    if is_hidden { Some(None) } else { address(text).map(Some) }
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let port =
        |text: &str| !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let ip: IpAddr = if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']')?;
        if !rest.is_empty() && !rest.strip_prefix(':').is_some_and(port) {
            return None;
        }
        IpAddr::V6(ip.parse().ok()?)
    } else {
        match text.split_once(':') {
            Some((ip, rest)) if port(rest) && ip.contains('.') => IpAddr::V4(ip.parse().ok()?),
            Some(_) | None => text.parse().ok()?,
        }
    };
    Some(ip.to_canonical())
}

fn is_tls(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

/// A proxy that changes the host would have us judge another one than its client named. In HTTP/2 the host may stand in the target alone,
/// which is compared with `Host` later where both are there.
fn same_host(said: &str, headers: &HeaderMap, authority: Option<&str>) -> Option<()> {
    let said = target::host(said).ok()?;
    let host = match one(headers, &header::HOST)? {
        Some(host) => std::str::from_utf8(host).ok()?,
        None => authority?,
    };
    (target::host(host).ok()? == said).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(lines: &[(HeaderName, Vec<u8>)]) -> Option<Peer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        for (name, line) in lines {
            headers.append(name.clone(), HeaderValue::from_bytes(line).ok()?);
        }
        let mut trusted = Peers::default();
        trusted.add("10.0.0.0/8")?;
        let peer = Peer { ip: Some([10, 0, 0, 1].into()), is_trusted: true, ..Peer::default() };
        peer.speaks_for(&headers, None, &trusted)
    }

    #[test]
    fn the_certificate_of_a_proxy_proves_nothing_of_a_client_that_it_names() {
        let mut trusted = Peers::default();
        trusted.add("10.0.0.0/8").unwrap();
        let id = identity::SpiffeId::parse(b"spiffe://prod.example/ingress").unwrap();
        let workload = Some(Arc::new(Svid { id, expires: u64::MAX }));
        let proxy = Peer { is_trusted: true, workload, ..Peer::default() };
        let behind = |lines: &[(HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, line) in lines {
                headers.append(name.clone(), HeaderValue::from_static(line));
            }
            let client = proxy.speaks_for(&headers, None, &trusted).unwrap();
            (client.is_behind, client.workload.map(|svid| svid.id.to_string()))
        };
        let own = || Some("spiffe://prod.example/ingress".to_owned());
        let other = Some("spiffe://prod.example/a".to_owned());
        assert_eq!(behind(&[]), (false, own()));
        assert_eq!(behind(&[(FOR, "203.0.113.9")]), (true, own()));
        assert_eq!(behind(&[(header::FORWARDED, "for=unknown")]), (true, own()));
        assert_eq!(
            behind(&[(FOR, "203.0.113.9"), (CERTIFICATE, "URI=spiffe://prod.example/a")]),
            (false, other)
        );
        assert_eq!(behind(&[(FOR, "203.0.113.9"), (CERTIFICATE, "Hash=00")]), (false, None));
    }

    proptest! {
        /// Whatever a trusted proxy was made to add on the left, the nearest that is not trusted is the client.
        #[test]
        fn nothing_on_the_left_changes_the_client(left in "[0-9a-f.:, ]{0,30}", hops in 0..3_usize) {
            let trusted: String = (0..hops).map(|hop| format!(", 10.0.0.{hop}")).collect();
            let line = format!("{left}, 203.0.113.9{trusted}");
            if let Some(client) = said(&[(FOR, line.into_bytes())]) {
                prop_assert_eq!(client.ip, Some([203, 0, 113, 9].into()));
                prop_assert_eq!(client.text.unwrap(), "203.0.113.9");
            }
        }

        #[test]
        fn any_lines_have_a_verdict(
            lines in proptest::collection::vec((0..5_usize, "[ -~]{0,40}"), 0..4),
            odd in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let names = [FOR, PROTO, HOST, CERTIFICATE, header::FORWARDED];
            let lines: Vec<_> = lines.into_iter().map(|(at, text)| (names[at].clone(), text.into_bytes())).collect();
            drop(said(&lines));
            for name in names {
                drop(said(&[(name, odd.clone())]));
            }
        }

        #[test]
        fn any_text_of_its_alphabet_is_read_or_not(text in "[for=;,\" hostpby:127.0\\[\\]_]{0,60}") {
            drop(said(&[(header::FORWARDED, text.into_bytes())]));
        }
    }
}
