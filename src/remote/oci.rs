//! Artifacts of OCI registries (distribution specification 1.1): a manifest by tag or digest, and its one layer.
//!
//! What comes is held against the digests that name it, so the host that a layer is redirected to need not be believed.
//! Never: sends a credential elsewhere than to the registry, or to the token service that the registry names over TLS.

use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::StatusCode;
use http::Uri;
use http::header;
use serde_json::json;

use crate::ids::Digest;
use crate::limits;

use super::Access;
use super::Failed;
use super::Found;
use super::Remote;
use super::Tag;
use super::escaped;
use super::web;
use super::web::Credential;
use super::web::Reply;
use super::web::Web;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What a bundle is called in a registry.
const ARTIFACT: &str = "application/vnd.palisade.bundle.v1";
const LAYER: &str = "application/vnd.palisade.bundle.v1.tar+gzip";
/// Largest manifest or token answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Reads what stands after `oci://`.
pub(super) fn parse(text: &str) -> Result<Remote, String> {
    let wrong = || "write `oci://host/repository:tag` or `oci://host/repository@sha256:…`".to_owned();
    let (host, rest) = text.split_once('/').ok_or_else(wrong)?;
    web::url(&format!("https://{host}/")).map_err(|_| wrong())?;
    let (repository, reference) = match rest.split_once('@') {
        Some((repository, digest)) => (repository, digest),
        None => rest.rsplit_once(':').ok_or_else(wrong)?,
    };
    let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b'/');
    let tag = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let by_digest = reference.strip_prefix("sha256:").map(is_sha256);
    let named = !repository.split('/').any(str::is_empty) && repository.bytes().all(name);
    let tagged = !reference.is_empty() && reference.len() <= 128 && reference.bytes().all(tag);
    if !named || !by_digest.unwrap_or(tagged) || (rest.contains('@') && by_digest.is_none()) {
        return Err(wrong());
    }
    let (host, repository, reference) = (host.to_owned(), repository.to_owned(), reference.to_owned());
    Ok(Remote::Oci { host, repository, reference })
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The part of a manifest that matters.
#[derive(serde::Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(serde::Deserialize)]
struct Layer {
    digest: String,
    size: u64,
}

#[derive(serde::Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// One repository of a registry.
pub(super) struct Registry<'a> {
    web: Web,
    base: String,
    repository: &'a str,
    access: &'a Access,
}

impl<'a> Registry<'a> {
    pub(super) fn new(host: &str, repository: &'a str, access: &'a Access) -> Result<Self, Failed> {
        let scheme = if access.plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{host}");
        Ok(Self { web: Web::new(&web::url(&base)?, access)?, base, repository, access })
    }

    fn url(&self, rest: &str) -> Result<Uri, Failed> {
        Ok(web::url(&format!("{}/v2/{}/{rest}", self.base, self.repository))?)
    }

    /// Gets the layer of an artifact, where its manifest is not the one that the tag was given for.
    pub(super) fn get(&self, reference: &str, known: Option<&Tag>) -> Result<Found, Failed> {
        let mut headers = vec![accept(MANIFEST)];
        if let Some(value) = known.and_then(|tag| HeaderValue::from_str(&format!("\"{}\"", tag.0)).ok()) {
            headers.push((header::IF_NONE_MATCH, value));
        }
        let url = self.url(&format!("manifests/{reference}"))?;
        let mut credential = web::credential(self.access)?;
        let mut reply = self.web.follow(&url, &Vec::new(), &headers)?;
        if reply.status == StatusCode::UNAUTHORIZED {
            credential = self.answer(&reply, "pull")?.unwrap_or(credential);
            reply = self.web.follow(&url, &credential, &headers)?;
        }
        match reply.status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Found::Same),
            status => return Err(web::refused(status)),
        }
        let manifest = reply.bytes(ANSWER_BYTES_MAX)?;
        let digest = format!("sha256:{}", Digest::of(&manifest));
        if reference.starts_with("sha256:") && reference != digest {
            return Err(Failed("its manifest has another digest than the one asked for".to_owned()));
        }
        let tag = Tag(digest);
        if known == Some(&tag) {
            return Ok(Found::Same);
        }
        let wrong = || Failed("its manifest is not one of an artifact with one layer".to_owned());
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| wrong())?;
        let [layer] = &manifest.layers[..] else { return Err(wrong()) };
        let sha256 = layer.digest.strip_prefix("sha256:").filter(|text| is_sha256(text)).ok_or_else(wrong)?;
        let url = self.url(&format!("blobs/sha256:{sha256}"))?;
        let reply = self.web.follow(&url, &credential, &Vec::new())?;
        if reply.status != StatusCode::OK {
            return Err(web::refused(reply.status));
        }
        let bytes = reply.bytes(limits::BUNDLE_BYTES_MAX)?;
        if bytes.len() as u64 != layer.size || Digest::of(&bytes).to_string() != sha256 {
            return Err(Failed("its layer is not the one that its manifest names".to_owned()));
        }
        Ok(Found::New(bytes, Some(tag)))
    }

    /// The credential that a registry's challenge asks for; `None`: the one that there is will do.
    fn answer(&self, reply: &Reply, actions: &str) -> Result<Option<Credential>, Failed> {
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        let Some(parameters) =
            challenge.strip_prefix("Bearer ").filter(|_| self.access.bearer_token_file.is_none())
        else {
            return Ok(None);
        };
        let parameter = |name: &str| {
            let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let realm = parameter("realm")
            .ok_or_else(|| Failed("it asks for a token and does not say where from".to_owned()))?;
        let scope = format!("repository:{}:{actions}", self.repository);
        let service = parameter("service")
            .map(|service| format!("service={}&", escaped(service, "")))
            .unwrap_or_default();
        let join = if realm.contains('?') { '&' } else { '?' };
        let url = web::url(&format!("{realm}{join}{service}scope={}", escaped(&scope, "")))?;
        if url.scheme_str() != Some("https") && !self.access.plain_http {
            return Err(Failed("its token service is `http` without TLS".to_owned()));
        }
        let basic = web::basic(self.access)?.as_deref().map(web::authorization).unwrap_or_default();
        let reply = self.web.follow(&url, &basic, &Vec::new())?;
        if reply.status != StatusCode::OK {
            return Err(Failed(format!("its token service: {}", web::refused(reply.status))));
        }
        let token: Option<Token> = serde_json::from_slice(&reply.bytes(ANSWER_BYTES_MAX)?).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token.ok_or_else(|| Failed("its token service gave no token".to_owned()))?;
        Ok(Some(web::authorization(&format!("Bearer {token}"))))
    }

    /// Puts a bundle there as an artifact, under a tag; gives back the digest of its manifest.
    pub(super) fn put(&self, reference: &str, bytes: &[u8]) -> Result<Digest, Failed> {
        if reference.starts_with("sha256:") {
            return Err(Failed("an artifact is put by a tag, not by a digest".to_owned()));
        }
        let mut credential = web::credential(self.access)?;
        let start = self.url("blobs/uploads/")?;
        let reply = self.web.send(Method::POST, &start, &[], Some(b""))?;
        if reply.status == StatusCode::UNAUTHORIZED {
            credential = self.answer(&reply, "pull,push")?.unwrap_or(credential);
        }
        let config = b"{}";
        for blob in [&config[..], bytes] {
            self.blob(&start, &credential, blob)?;
        }
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": { "mediaType": EMPTY, "digest": format!("sha256:{}", Digest::of(config)), "size": config.len() },
            "layers": [{ "mediaType": LAYER, "digest": format!("sha256:{}", Digest::of(bytes)), "size": bytes.len() }],
        });
        let manifest = manifest.to_string();
        let kind = vec![(header::CONTENT_TYPE, HeaderValue::from_static(MANIFEST))];
        let url = self.url(&format!("manifests/{reference}"))?;
        let reply = self.web.send(Method::PUT, &url, &[&credential, &kind], Some(manifest.as_bytes()))?;
        if !reply.status.is_success() {
            return Err(web::refused(reply.status));
        }
        Ok(Digest::of(manifest.as_bytes()))
    }

    fn blob(&self, start: &Uri, credential: &Credential, bytes: &[u8]) -> Result<(), Failed> {
        let reply = self.web.send(Method::POST, start, &[credential], Some(b""))?;
        if reply.status != StatusCode::ACCEPTED {
            return Err(web::refused(reply.status));
        }
        let to = reply.header("location").and_then(|to| web::resolve(start, to));
        let to = to.filter(|to| to.authority() == start.authority() && to.scheme() == start.scheme());
        let to = to.ok_or_else(|| Failed("it does not say where to put it on its own host".to_owned()))?;
        let join = if to.query().is_some() { '&' } else { '?' };
        let url = web::url(&format!("{to}{join}digest=sha256:{}", Digest::of(bytes)))?;
        self.web.put(&url, credential, bytes)
    }
}

fn accept(kind: &'static str) -> (HeaderName, HeaderValue) {
    (header::ACCEPT, HeaderValue::from_static(kind))
}
