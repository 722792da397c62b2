//! Where bundles are published: a file, a web server, an S3-compatible store, an OCI registry; and where witnesses are asked.
//!
//! Bytes come and go as they are; whether they are a bundle is for others to say. Each call reads its credentials and
//! CA certificates anew, so that rotated ones count at once. All of it blocks: it is for a thread of its own.
//! Never: takes more than its bound or its time, follows a redirect to another host with a credential, or names a credential.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::file;
use crate::ids::Digest;
use crate::limits;

mod client;
mod document;
mod oci;
mod s3;
mod tls;
mod web;

pub use client::Client;
pub use document::Document;
pub use document::document;
pub use s3::Once;
pub use tls::tls;

/// A place that a bundle is published at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A file of this machine.
    File(PathBuf),
    /// A web server: the whole URL, `https` or `http`.
    Web(http::Uri),
    /// An object in an S3-compatible store.
    S3 {
        /// Its bucket.
        bucket: String,
        /// Its key, without a leading slash.
        key: String,
    },
    /// An artifact in an OCI registry.
    Oci {
        /// Host, and port where there is one.
        host: String,
        /// The repository.
        repository: String,
        /// A tag, or a digest with `sha256:` before it.
        reference: String,
    },
}

impl Remote {
    /// Reads `https://host/path`, `s3://bucket/key`, `oci://host/repository:tag`, `oci://host/repository@sha256:…`, or the path of a
    /// file; a relative one is taken as it is.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Self::File(text.into())) };
        };
        match scheme {
            "https" | "http" => web::url(text).map(Self::Web),
            "s3" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
                if bucket.is_empty() || key.is_empty() || !bucket.bytes().all(plain) {
                    return Err("write `s3://bucket/key`".to_owned());
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            "oci" => oci::parse(rest),
            _ => {
                Err(format!("`{scheme}://` is not a kind of source: `https://`, `s3://`, `oci://` or a path"))
            }
        }
    }
}

impl Remote {
    /// The place for people to read, wherever it is shown: without the query of a URL, which may hold a signature.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Web(url) => {
                let authority = url.authority().map_or("", |authority| authority.as_str());
                // A user is refused where a URL is read; what does not stand there cannot be shown.
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                format!("{}://{host}{}", url.scheme_str().unwrap_or_default(), url.path())
            }
            Self::S3 { bucket, key } => format!("s3://{bucket}/{key}"),
            Self::Oci { host, repository, reference } => {
                let joint = if reference.starts_with("sha256:") { '@' } else { ':' };
                format!("oci://{host}/{repository}{joint}{reference}")
            }
        }
    }
}

/// What it takes to get at a place. Credentials are named by file.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Longest that one call takes, however many requests it makes, to the last byte.
    pub timeout: Duration,
    /// Is `http` taken, without TLS?
    pub plain_http: bool,
    /// The certificates that servers are verified by; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// A bearer token, for a web server or a registry.
    pub bearer_token_file: Option<PathBuf>,
    /// A user's name, for a web server or a registry.
    pub username: Option<String>,
    /// That user's password.
    pub password_file: Option<PathBuf>,
    /// The store's own URL; `None`: that of Amazon in the region.
    pub s3_endpoint: Option<http::Uri>,
    /// The store's region.
    pub s3_region: String,
    /// The access key's id; `None`: requests are not signed.
    pub s3_access_key_file: Option<PathBuf>,
    /// The access key's secret.
    pub s3_secret_key_file: Option<PathBuf>,
    /// The token of a session that the access key is for.
    pub s3_session_token_file: Option<PathBuf>,
}

/// Reads the URL of a store, such as `https://s3.example.com`.
///
/// # Errors
/// Says what is wrong with it.
pub fn endpoint(text: &str) -> Result<http::Uri, String> {
    let url = web::url(text)?;
    if url.path() == "/" && url.query().is_none() { Ok(url) } else { Err("it must have no path".to_owned()) }
}

/// Reads the URL of a service, whose path is the prefix of what is asked there.
///
/// # Errors
/// Says what is wrong with it.
pub fn prefix(text: &str) -> Result<http::Uri, String> {
    let url = web::url(text)?;
    if url.query().is_none() { Ok(url) } else { Err("it must have no query".to_owned()) }
}

/// What tells one content of a place from another: an entity tag, a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// What a place has.
#[derive(Debug)]
pub enum Found {
    /// What it had when the tag was given.
    Same,
    /// This, and perhaps a tag to ask by the next time.
    New(Vec<u8>, Option<Tag>),
}

/// Why nothing came: said to people, without any credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// Gets what is at a place, where it is not what the tag was given for.
///
/// # Errors
/// When the place cannot be reached in time, refuses, has nothing, or has too much.
pub fn get(from: &Remote, access: &Access, known: Option<&Tag>) -> Result<Found, Failed> {
    match from {
        Remote::File(path) => file(path, known),
        Remote::Web(url) => {
            let web = web::Web::new(url, access)?;
            let reply = web.get(url, &web::credential(access)?, known)?;
            found(reply)
        }
        Remote::S3 { bucket, key } => found(s3::Store::new(access)?.get(bucket, key, known)?),
        Remote::Oci { host, repository, reference } => {
            oci::Registry::new(host, repository, access)?.get(reference, known)
        }
    }
}

/// Puts bytes at a place; says where they can be got again.
///
/// # Errors
/// When the place cannot be reached in time, or refuses.
pub fn put(to: &Remote, access: &Access, bytes: &[u8]) -> Result<String, Failed> {
    match to {
        Remote::File(path) => Err(Failed(format!("`{}` is a file of this machine: copy it", path.display()))),
        Remote::Web(url) => {
            let web = web::Web::new(url, access)?;
            web.put(url, &web::credential(access)?, bytes).map(|()| to.shown())
        }
        Remote::S3 { bucket, key } => s3::Store::new(access)?.put(bucket, key, bytes).map(|()| to.shown()),
        Remote::Oci { host, repository, reference } => {
            let digest = oci::Registry::new(host, repository, access)?.put(reference, bytes)?;
            Ok(format!("oci://{host}/{repository}@sha256:{digest}"))
        }
    }
}

/// Posts bytes to a path below a URL: the status of the answer, and its body of at most so many bytes.
///
/// # Errors
/// When nothing answers in time, or it answers too much.
pub fn post(
    prefix: &http::Uri,
    path: &str,
    access: &Access,
    bytes: &[u8],
    most: usize,
) -> Result<(u16, Vec<u8>), Failed> {
    let at = format!("{}/{path}", prefix.to_string().trim_end_matches('/'));
    let url = web::url(&at)?;
    let web = web::Web::new(&url, access)?;
    let reply = web.send(http::Method::POST, &url, &[&web::credential(access)?], Some(bytes))?;
    Ok((reply.status.as_u16(), reply.bytes(most)?))
}

/// Reads the URL of a web server, `https` or `http`.
///
/// # Errors
/// Says what is wrong with it.
pub fn web_url(text: &str) -> Result<http::Uri, String> {
    web::url(text)
}

/// Puts an object into a bucket of an S3-compatible store, unless there is one of that key already.
///
/// # Errors
/// When the store cannot be reached in time, or refuses.
pub fn put_once(bucket: &str, key: &str, access: &Access, bytes: &[u8]) -> Result<Once, Failed> {
    s3::Store::new(access)?.put_once(bucket, key, bytes)
}

fn found(reply: Option<web::Reply>) -> Result<Found, Failed> {
    let Some(reply) = reply else { return Ok(Found::Same) };
    let tag = reply.header("etag").map(|tag| Tag(tag.to_owned()));
    Ok(Found::New(reply.bytes(limits::BUNDLE_BYTES_MAX)?, tag))
}

fn file(path: &Path, known: Option<&Tag>) -> Result<Found, Failed> {
    let failed = |error: io::Error| Failed(format!("it cannot be read: {error}"));
    let bytes = file::bytes(path, limits::BUNDLE_BYTES_MAX).map_err(failed)?;
    let tag = Tag(Digest::of(&bytes).to_string());
    Ok(if known == Some(&tag) { Found::Same } else { Found::New(bytes, Some(tag)) })
}

/// A text in a URL: all but unreserved characters, and those that are kept, escaped.
fn escaped(text: &str, kept: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if kept.as_bytes().contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The one line of a file with a credential.
///
/// # Errors
/// When it cannot be read, or is more than that.
pub fn credential(path: &Path) -> Result<String, Failed> {
    secret(path)
}

fn secret(path: &Path) -> Result<String, Failed> {
    let failed = |why: &dyn fmt::Display| Failed(format!("`{}` cannot be read: {why}", path.display()));
    let text = file::text(path, limits::CREDENTIAL_BYTES_MAX).map_err(|error| failed(&error))?;
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(failed(&"it is not one line of plain text"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
