//! HTTP for bundles: one request and its answer, with TLS, a time for the whole, and few redirects.
//!
//! Never: sends a credential to another origin than the one it is for, or goes from TLS to plain text.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::StatusCode;
use http::Uri;
use http::header;
use ureq::tls::PemItem;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;

use crate::file;

use super::Access;
use super::Failed;
use super::Tag;
use super::secret;

/// Most redirects that are followed.
const REDIRECTS_MAX: usize = 5;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Where systems keep the certificates of public authorities.
const SYSTEM_CA: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Largest file of certificates, in bytes.
const CA_BYTES_MAX: usize = 4 << 20;

/// Reads a URL of a web server.
pub(super) fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|_| "it is not a URL".to_owned())?;
    let web = matches!(url.scheme_str(), Some("https" | "http"));
    let host = url.authority().filter(|host| !host.as_str().contains('@') && !host.host().is_empty());
    if !web || host.is_none() {
        return Err("write `https://host/path`, without a user or password in it".to_owned());
    }
    Ok(url)
}

/// The headers that carry a credential.
pub(super) type Credential = Vec<(HeaderName, HeaderValue)>;

/// The credential for a web server or registry: a bearer token, a user's password, or none.
pub(super) fn credential(access: &Access) -> Result<Credential, Failed> {
    if let Some(path) = &access.bearer_token_file {
        return Ok(authorization(&format!("Bearer {}", secret(path)?)));
    }
    Ok(basic(access)?.as_deref().map(authorization).unwrap_or_default())
}

/// `Basic …`, where there is a user.
pub(super) fn basic(access: &Access) -> Result<Option<String>, Failed> {
    let Some(user) = &access.username else { return Ok(None) };
    let password = access.password_file.as_deref().map(secret).transpose()?.unwrap_or_default();
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(Some(format!("Basic {pair}")))
}

pub(super) fn authorization(text: &str) -> Credential {
    let value = HeaderValue::from_str(text).ok().map(|mut value| {
        value.set_sensitive(true);
        (header::AUTHORIZATION, value)
    });
    value.into_iter().collect()
}

/// A client for one call, however many requests that takes.
#[derive(Debug)]
pub(super) struct Web {
    agent: ureq::Agent,
    plain_http: bool,
    /// When the call is given up.
    deadline: Instant,
}

/// An answer whose body was not read yet.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    body: ureq::Body,
}

impl Reply {
    /// The text of a header; `None` where there is none, or it is not text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, whole.
    pub(super) fn bytes(mut self, most: usize) -> Result<Vec<u8>, Failed> {
        let expected = self.body.content_length();
        if expected.is_some_and(|length| length > most as u64) {
            return Err(Failed(format!("it has more than {most} bytes")));
        }
        let reader = self.body.with_config().limit(u64::MAX).reader();
        let bytes =
            file::bounded(reader, most).map_err(|error| Failed(format!("the answer broke off: {error}")))?;
        if expected.is_some_and(|expected| expected != bytes.len() as u64) {
            return Err(Failed("the answer broke off".to_owned()));
        }
        Ok(bytes)
    }
}

impl Web {
    /// A client that can reach this URL. Its time runs from here on.
    pub(super) fn new(url: &Uri, access: &Access) -> Result<Self, Failed> {
        let deadline = Instant::now() + access.timeout;
        let tls = url.scheme_str() == Some("https");
        if !tls && !access.plain_http {
            return Err(Failed("it is `http` without TLS, which `plain_http` must allow".to_owned()));
        }
        // A plain source may lead on to one with TLS. Where there is nothing to verify that by, it is refused.
        let roots = match certificates(access.ca_file.as_deref()) {
            Err(_) if !tls => Vec::new().into(),
            roots => roots?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verified = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider);
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
            .tls_config(verified.build());
        Ok(Self { agent: config.build().new_agent(), plain_http: access.plain_http, deadline })
    }

    /// The same client for another call, over the connections that there are.
    pub(super) fn again(&self, access: &Access) -> Self {
        let deadline = Instant::now() + access.timeout;
        Self { agent: self.agent.clone(), plain_http: self.plain_http, deadline }
    }

    /// Gets what is at a URL; `None` where it is still what the tag was given for.
    pub(super) fn get(
        &self,
        url: &Uri,
        credential: &Credential,
        known: Option<&Tag>,
    ) -> Result<Option<Reply>, Failed> {
        let mut headers: Credential = Vec::new();
        if let Some(value) = known.and_then(|tag| HeaderValue::from_str(&tag.0).ok()) {
            headers.push((header::IF_NONE_MATCH, value));
        }
        let reply = self.follow(url, credential, &headers)?;
        match reply.status {
            StatusCode::OK => Ok(Some(reply)),
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(None),
            status => Err(refused(status)),
        }
    }

    /// Puts bytes at a URL.
    pub(super) fn put(&self, url: &Uri, credential: &Credential, bytes: &[u8]) -> Result<(), Failed> {
        let reply = self.send(Method::PUT, url, &[credential], Some(bytes))?;
        if reply.status.is_success() { Ok(()) } else { Err(refused(reply.status)) }
    }

    /// Gets what is at a URL, wherever it leads to; the credential goes to the URL's own origin only.
    pub(super) fn follow(
        &self,
        url: &Uri,
        credential: &Credential,
        headers: &Credential,
    ) -> Result<Reply, Failed> {
        let none = Vec::new();
        let mut at = url.clone();
        let mut own = true;
        for _ in 0..=REDIRECTS_MAX {
            // Who has been elsewhere is led by somebody else, wherever that leads.
            own &= at.scheme() == url.scheme() && at.authority() == url.authority();
            let reply =
                self.send(Method::GET, &at, &[if own { credential } else { &none }, headers], None)?;
            // Only the source itself may say who gives credentials for it.
            if reply.status == StatusCode::UNAUTHORIZED && !own {
                return Err(refused(reply.status));
            }
            if !matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(reply);
            }
            let next = reply.header("location").and_then(|to| resolve(&at, to));
            at = next.ok_or_else(|| Failed("it leads on to no URL".to_owned()))?;
            let down = url.scheme_str() == Some("https") && at.scheme_str() != Some("https");
            if down || (at.scheme_str() != Some("https") && !self.plain_http) {
                return Err(Failed("it leads on to `http` without TLS".to_owned()));
            }
        }
        Err(Failed("it leads on and on".to_owned()))
    }

    /// One request. A body makes it one of a type that nobody interprets.
    pub(super) fn send(
        &self,
        method: Method,
        url: &Uri,
        headers: &[&Credential],
        body: Option<&[u8]>,
    ) -> Result<Reply, Failed> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers.iter().copied().flatten() {
            request = request.header(name, value);
        }
        let odd = |error: http::Error| Failed(format!("it cannot be asked: {error}"));
        let answer = match body {
            None => self.run(request.body(()).map_err(odd)?),
            Some(bytes) => {
                let typed =
                    request.headers_ref().is_some_and(|headers| headers.contains_key(header::CONTENT_TYPE));
                let kind = (header::CONTENT_TYPE, "application/octet-stream");
                let request = if typed { request } else { request.header(kind.0, kind.1) };
                self.run(request.body(bytes).map_err(odd)?)
            }
        };
        let (parts, body) = answer?.into_parts();
        Ok(Reply { status: parts.status, headers: parts.headers, body })
    }

    /// Runs a request in what is left of the call's time, which goes on while the body is read.
    fn run(&self, request: Request<impl ureq::AsSendBody>) -> Result<http::Response<ureq::Body>, Failed> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        let request = self.agent.configure_request(request);
        let request = request.timeout_global(Some(left)).timeout_connect(Some(CONNECT.min(left))).build();
        self.agent.run(request).map_err(|error| unreachable(&error))
    }
}

/// Where a `Location` leads.
pub(super) fn resolve(at: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') && !to.starts_with("//") {
        return url(&format!("{}://{}{to}", at.scheme_str()?, at.authority()?)).ok();
    }
    url(to).ok()
}

/// Why a server gave nothing, by its status.
pub(super) fn refused(status: StatusCode) -> Failed {
    let mut why = format!("the server answered {}", status.as_u16());
    let hint = match status.as_u16() {
        401 | 403 => "the credential is missing or not good for it",
        404 => "there is nothing of that name",
        301 | 302 | 307 | 308 => "it is elsewhere; look at the endpoint and the region",
        429 => "it is asked too often",
        500..=599 => "it is the server's own trouble",
        _ => "that is not what was asked for",
    };
    write!(why, ": {hint}").ok();
    Failed(why)
}

/// An error of the connection, without the URL, which may hold more than people should see.
fn unreachable(error: &ureq::Error) -> Failed {
    if matches!(error, ureq::Error::Timeout(_)) {
        late()
    } else if matches!(error, ureq::Error::HostNotFound) {
        Failed("its host is not known".to_owned())
    } else if matches!(error, ureq::Error::BadUri(_)) {
        Failed("it is not a URL that can be asked".to_owned())
    } else {
        Failed(format!("it cannot be reached: {error}"))
    }
}

fn late() -> Failed {
    Failed("it did not answer in time".to_owned())
}

/// The bytes of the file of certificates: the one that is named, or the system's.
pub(super) fn certificate_bytes(file: Option<&Path>) -> Result<Vec<u8>, Failed> {
    let path = certificate_path(file)?;
    file::bytes(path, CA_BYTES_MAX)
        .map_err(|why| Failed(format!("`{}` cannot be read: {why}", path.display())))
}

fn certificate_path(file: Option<&Path>) -> Result<&Path, Failed> {
    let system = || SYSTEM_CA.iter().map(Path::new).find(|path| path.exists());
    file.or_else(system).ok_or_else(|| {
        Failed("this system has no certificates to verify servers by: name some in `ca_file`".to_owned())
    })
}

fn certificates(file: Option<&Path>) -> Result<RootCerts, Failed> {
    let path = certificate_path(file)?;
    let failed = |why: &dyn std::fmt::Display| Failed(format!("`{}` cannot be read: {why}", path.display()));
    let bytes = certificate_bytes(file)?;
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(&bytes) {
        let PemItem::Certificate(certificate) = item.map_err(|error| failed(&error))? else {
            return Err(failed(&"there is a key in it"));
        };
        found.push(certificate);
    }
    if found.is_empty() {
        Err(failed(&"there is no certificate in it"))
    } else {
        Ok(found.into_iter().collect::<Vec<_>>().into())
    }
}
