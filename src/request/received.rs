//! A request whose head has one reading: the first state of its life.
//!
//! Only this file makes a [`Received`]. From here on the method, the path, the host and the headers are what will be
//! judged *and* what will be forwarded.
//! Never: looks at who is calling, or at the body.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Version};

use crate::request::Bounds;
use crate::request::Moment;
use crate::request::guard::Flaw;
use crate::request::handshake::Handshake;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::refusal::Refusal;
use crate::request::target;
use crate::request::target::Unclear;

/// The head of a request in its normal form.
#[derive(Debug, Clone)]
pub struct Head {
    pub(super) method: Method,
    /// The normal path and the query.
    pub(super) target: PathAndQuery,
    pub(super) host: target::Host,
    /// The host in its normal form, as the app will be told it.
    pub(super) host_line: HeaderValue,
    pub(super) headers: HeaderMap,
    /// The WebSocket that it asks for, if it does.
    pub(super) handshake: Option<Box<Handshake>>,
}

impl Head {
    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The value of a header that is there exactly once: of two, an app may believe either.
    pub(super) fn one(&self, name: &HeaderName) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?;
        line.to_str().ok()
    }

    /// The query, without its `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }
}

/// A request whose head has one reading.
#[derive(Debug)]
pub struct Received<B> {
    pub(super) head: Box<Head>,
    pub(super) body: B,
}

impl<B> Received<B> {
    /// Brings a parsed head into its one form. With a `flaw` the request only stands for one that the guard refused.
    ///
    /// # Errors
    /// Whenever two readers could read the head differently, or a bound is passed.
    pub fn new(request: http::Request<B>, flaw: Option<Flaw>, bounds: &Bounds) -> Result<Self, Refused> {
        if let Some(flaw) = flaw {
            return Err(Refused::new(Refusal::Flawed(flaw), Known::default()));
        }
        let (parts, body) = request.into_parts();
        // Kept for the record of a refusal. Both are counted references, not copies.
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        match Head::new(parts, bounds) {
            Ok(head) => Ok(Self { head, body }),
            Err(refusal) => Err(Refused::new(refusal, Known::unread(method, &uri))),
        }
    }
}

impl<B> Received<B> {
    /// A request for the host that its connection was made to, where the connection says so.
    ///
    /// # Errors
    /// It names another one: who chose the way by the first name chose it for that one.
    pub fn directed(self, moment: &Moment) -> Result<Self, Refused> {
        match &moment.server_name {
            Some(name) if **name != *self.head.host.name => {
                Err(Refused::new(Refusal::Misdirected, Known::head(self.head)))
            }
            Some(_) | None => Ok(self),
        }
    }
}

impl Head {
    fn new(parts: http::request::Parts, bounds: &Bounds) -> Result<Box<Self>, Refusal> {
        let http::request::Parts { method, uri, version, mut headers, .. } = parts;
        if headers.len() > bounds.headers {
            return Err(Refusal::Flawed(Flaw::TooManyHeaders));
        }
        if !METHODS.contains(&method) {
            return Err(Refusal::Flawed(Flaw::Method));
        }
        let seen = Seen::of(&headers, bounds);
        let (host, host_line) = one_host(&uri, &seen.host, version)?;
        let target = normal_target(uri, bounds)?;
        expectation(&seen.expect)?;
        let handshake = if seen.asks { Handshake::of(&method, version, &headers) } else { None };
        let Seen { removed, connection, cookies, .. } = seen;
        strip(&mut headers, removed, connection, bounds)?;
        if cookies > 1 {
            join_cookies(&mut headers);
        }
        // In a box: it goes through every step, and moving it would cost more than making it.
        Ok(Box::new(Self { method, target, host, host_line, headers, handshake }))
    }
}

/// The lines of one header that may stand there once.
#[derive(Default)]
enum Lines<'h> {
    #[default]
    None,
    One(&'h HeaderValue),
    Many,
}

impl<'h> Lines<'h> {
    fn add(&mut self, line: &'h HeaderValue) {
        *self = match self {
            Self::None => Self::One(line),
            Self::One(_) | Self::Many => Self::Many,
        };
    }
}

/// What one walk over the header lines finds: the few that are there cost less than a look-up for each that may not be.
#[derive(Default)]
struct Seen<'h> {
    host: Lines<'h>,
    expect: Lines<'h>,
    connection: bool,
    asks: bool,
    cookies: usize,
    /// What must not travel on. A map cannot be changed while it is walked.
    removed: Vec<HeaderName>,
}

impl<'h> Seen<'h> {
    fn of(headers: &'h HeaderMap, bounds: &Bounds) -> Self {
        let mut seen = Self::default();
        for (name, line) in headers {
            match name.as_str() {
                // Set last, to the form that was judged.
                "host" => seen.host.add(line),
                "cookie" => seen.cookies += 1,
                "expect" => {
                    seen.expect.add(line);
                    seen.removed.push(header::EXPECT);
                }
                "connection" => {
                    seen.connection = true;
                    seen.removed.push(header::CONNECTION);
                }
                "upgrade" => {
                    seen.asks = true;
                    seen.removed.push(header::UPGRADE);
                }
                text if is_removed(text, bounds) => seen.removed.push(name.clone()),
                _ => {}
            }
        }
        seen
    }
}

/// Path and query as they will be judged and forwarded. The usual target is in that form already and is not copied.
fn normal_target(uri: http::Uri, bounds: &Bounds) -> Result<PathAndQuery, Refusal> {
    let unclear = || Refusal::Unclear(Unclear::Path);
    let target = uri.into_parts().path_and_query.ok_or_else(unclear)?;
    if target.as_str().len() > bounds.target_bytes {
        return Err(Refusal::Flawed(Flaw::TargetTooLong));
    }
    if let Some(query) = target.query() {
        target::check_query(query).map_err(Refusal::Unclear)?;
    }
    match (target::normal_path(target.path()).map_err(Refusal::Unclear)?, target.query()) {
        (None, _) => Ok(target),
        (Some(path), None) => PathAndQuery::try_from(path).map_err(|_| unclear()),
        (Some(path), Some(query)) => PathAndQuery::try_from(format!("{path}?{query}")).map_err(|_| unclear()),
    }
}

static METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The one host that `Host`, an absolute target and `:authority` all name, and how it is written in its normal form.
fn one_host(
    uri: &http::Uri,
    line: &Lines<'_>,
    version: Version,
) -> Result<(target::Host, HeaderValue), Refusal> {
    let unclear = || Refusal::Unclear(Unclear::Host);
    let read = |text: &str| target::host(text).map_err(Refusal::Unclear);
    let line = match line {
        Lines::None => None,
        Lines::One(value) => Some((*value, read(value.to_str().map_err(|_| unclear())?)?)),
        Lines::Many => return Err(unclear()),
    };
    let authority = uri.authority().map(|name| read(name.as_str())).transpose()?;
    let host = match (line, authority) {
        (Some((_, line)), Some(authority)) if line != authority => return Err(unclear()),
        (Some((value, host)), _) if host.is_written(value.as_bytes()) => return Ok((host, value.clone())),
        (Some((_, host)), _) => host,
        // HTTP/2 names its host in `:authority`; HTTP/1.1 must send `Host` (RFC 9112 section 3.2).
        (None, Some(authority)) if version == Version::HTTP_2 => authority,
        (None, _) => return Err(unclear()),
    };
    let line = HeaderValue::try_from(host.to_string()).map_err(|_| unclear())?;
    Ok((host, line))
}

fn expectation(lines: &Lines<'_>) -> Result<(), Refusal> {
    match lines {
        Lines::None => Ok(()),
        Lines::One(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        Lines::One(_) | Lines::Many => Err(Refusal::ExpectationFailed),
    }
}

/// Removes what must not travel on: first what `Connection` names, then the rest, so that neither can hide the other.
fn strip(
    headers: &mut HeaderMap,
    removed: Vec<HeaderName>,
    connection: bool,
    bounds: &Bounds,
) -> Result<(), Refusal> {
    let named = if connection { connection_names(headers)? } else { Vec::new() };
    for name in &named {
        if is_ours(name.as_str(), bounds) {
            return Err(Refusal::ProtectedHeader);
        }
        headers.remove(name);
    }
    for name in removed {
        headers.remove(name);
    }
    Ok(())
}

fn connection_names(headers: &HeaderMap) -> Result<Vec<HeaderName>, Refusal> {
    let bad = || Refusal::Flawed(Flaw::HeaderLine);
    let mut names = Vec::new();
    for value in headers.get_all(header::CONNECTION) {
        for name in
            value.to_str().map_err(|_| bad())?.split(',').map(str::trim).filter(|name| !name.is_empty())
        {
            names.push(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?);
        }
    }
    // Naming these would take from the app, or from us, what the request is about.
    let end_to_end = [header::AUTHORIZATION, header::HOST, header::CONTENT_TYPE, header::COOKIE];
    if names.iter().any(|name| end_to_end.contains(name)) {
        return Err(Refusal::ProtectedHeader);
    }
    Ok(names)
}

/// Headers of one hop (RFC 9110 section 7.6.1), and framing, which each side makes anew.
pub(super) fn is_of_the_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "content-length"
            | "upgrade"
            | "keep-alive"
            | "proxy-connection"
    )
}

/// What belongs to this hop, what we answer or say ourselves, ways to name another method or path than the one that is judged, and
/// every other spelling of a name that means something here. Names are in lower case.
fn is_removed(name: &str, bounds: &Bounds) -> bool {
    // To many apps `_` and `.` are `-` (RFC 3875 section 4.1.18): such a name is another spelling of one that is judged.
    if name.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        return true;
    }
    let said_by_us = matches!(
        name,
        "proxy-authenticate"
            | "proxy-authorization"
            | "http2-settings"
            | "forwarded"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-proto"
            | "x-forwarded-port"
            | "x-forwarded-prefix"
            | "x-forwarded-uri"
            | "x-forwarded-client-cert"
            | "x-original-url"
            | "x-rewrite-url"
            | "x-http-method-override"
            | "x-method-override"
    );
    said_by_us || is_of_the_hop(name) || is_ours(name, bounds)
}

/// Is this a header that only Palisade sets, in whatever spelling?
fn is_ours(name: &str, bounds: &Bounds) -> bool {
    let prefix = name.get(..OURS.len()).is_some_and(|start| same_folded(start, OURS));
    prefix || bounds.protected.iter().any(|ours| same_folded(name, ours))
}

/// The start of every header that Palisade sets towards the app.
pub(super) const OURS: &str = "x-palisade-";

fn same_folded(name: &str, folded: &str) -> bool {
    name.len() == folded.len()
        && name.bytes().zip(folded.bytes()).all(|(byte, want)| {
            let byte = if matches!(byte, b'_' | b'.') { b'-' } else { byte.to_ascii_lowercase() };
            byte == want
        })
}

/// HTTP/2 may split a cookie over several lines (RFC 9113 section 8.2.3); HTTP/1.1 has one.
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let joined: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(value) = HeaderValue::from_bytes(&joined.join(&b"; "[..])) {
        headers.insert(header::COOKIE, value);
    }
}
