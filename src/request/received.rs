//! A request whose head has one reading: the first state of its life.
//!
//! Only this file makes a [`Received`]. From here on the method, the path, the host and the headers are what will be
//! judged *and* what will be forwarded.
//! Never: looks at who is calling, or at the body.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Version};

use crate::request::Bounds;
use crate::request::guard::Flaw;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::refusal::Refusal;
use crate::request::target;
use crate::request::target::Unclear;

/// The head of a request in its normal form.
#[derive(Debug)]
pub struct Head {
    pub(super) method: Method,
    /// The normal path and the query.
    pub(super) target: PathAndQuery,
    pub(super) host: target::Host,
    pub(super) headers: HeaderMap,
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
    pub(super) head: Head,
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

impl Head {
    fn new(parts: http::request::Parts, bounds: &Bounds) -> Result<Self, Refusal> {
        let http::request::Parts { method, uri, version, mut headers, .. } = parts;
        if headers.len() > bounds.headers {
            return Err(Refusal::Flawed(Flaw::TooManyHeaders));
        }
        if !METHODS.contains(&method) {
            return Err(Refusal::Flawed(Flaw::Method));
        }
        let host = one_host(&uri, &headers, version)?;
        let target = normal_target(uri, bounds)?;
        expectation(&headers)?;
        strip(&mut headers, bounds)?;
        Ok(Self { method, target, host, headers })
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

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The one host that `Host`, an absolute target and `:authority` all name.
fn one_host(uri: &http::Uri, headers: &HeaderMap, version: Version) -> Result<target::Host, Refusal> {
    let unclear = Refusal::Unclear(Unclear::Host);
    let mut lines = headers.get_all(header::HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(unclear);
    }
    let line = match line {
        Some(value) => {
            Some(target::host(value.to_str().map_err(|_| unclear.clone())?).map_err(Refusal::Unclear)?)
        }
        None => None,
    };
    let authority =
        uri.authority().map(|name| target::host(name.as_str()).map_err(Refusal::Unclear)).transpose()?;
    match (line, authority) {
        (Some(line), Some(authority)) if line == authority => Ok(line),
        (Some(_), Some(_)) => Err(unclear),
        (Some(line), None) => Ok(line),
        // HTTP/2 names its host in `:authority`; HTTP/1.1 must send `Host` (RFC 9112 section 3.2).
        (None, Some(authority)) if version == Version::HTTP_2 => Ok(authority),
        (None, _) => Err(unclear),
    }
}

fn expectation(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut lines = headers.get_all(header::EXPECT).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        (Some(_), _) => Err(Refusal::ExpectationFailed),
    }
}

/// Hop-by-hop headers (RFC 9110 section 7.6.1), framing, what we answer ourselves, and ways to say another method or
/// path than the one that is judged.
const REMOVED: [HeaderName; 10] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::EXPECT,
    header::HOST,
];

/// Names in their folded form: lower case, `_` and `.` as `-`.
const REMOVED_FOLDED: [&str; 14] = [
    "keep-alive",
    "proxy-connection",
    "http2-settings",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-method-override",
];

/// Removes what must not travel on: first what `Connection` names, then the rest, so that neither can hide the other.
fn strip(headers: &mut HeaderMap, bounds: &Bounds) -> Result<(), Refusal> {
    let named = connection_names(headers)?;
    for name in &named {
        if is_ours(name.as_str(), bounds) {
            return Err(Refusal::ProtectedHeader);
        }
        headers.remove(name);
    }
    // One walk over the few headers that are there costs less than a look-up for each that may not be. Collected first,
    // because a map cannot be changed while it is walked.
    let removed: Vec<HeaderName> =
        headers.keys().filter(|name| REMOVED.contains(name) || is_removed(name, bounds)).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
    join_cookies(headers);
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

fn is_removed(name: &HeaderName, bounds: &Bounds) -> bool {
    let name = name.as_str();
    // To many apps `_` and `.` are `-` (RFC 3875 section 4.1.18): such a name is another spelling of one that is judged.
    if name.bytes().any(|byte| matches!(byte, b'_' | b'.')) {
        return true;
    }
    // Every name below starts with one of these letters; most headers end here.
    if !matches!(name.as_bytes().first(), Some(b'x' | b'k' | b'p' | b'h' | b'f')) {
        return bounds.protected.iter().any(|ours| ours.as_ref() == name);
    }
    is_ours(name, bounds) || REMOVED_FOLDED.iter().any(|removed| same_folded(name, removed))
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
