//! From files to what a listener with TLS is configured by.
//!
//! All files are read first and then judged together, so that what is judged is what is used.
//! Never: tells a byte of a key, takes early data, or resumes a session of a client that showed a certificate: what was
//! verified once would stand for hours after its certificate or its authority is gone.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::NoServerSessionStorage;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::TLS12;
use rustls::version::TLS13;

use crate::file;
use crate::identity::Leaf;
use crate::ids::Digest;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Must a client show a certificate?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// None is asked for.
    Off,
    /// One is asked for; who has none is not refused for that.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// What a listener with TLS is made from.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The certificate, and those between it and its authority, as PEM.
    pub certificate_file: PathBuf,
    /// Its private key, as PEM.
    pub key_file: PathBuf,
    /// The oldest version that is spoken.
    pub min_version: MinVersion,
    /// Must clients show a certificate?
    pub client_auth: ClientAuth,
    /// The authorities of clients' certificates, as PEM. There is one wherever clients are asked for a certificate.
    pub client_ca_file: Option<PathBuf>,
}

/// The files of a listener as they were read together.
pub(super) struct Files {
    certificate: Read,
    key: Read,
    client_ca: Option<Read>,
}

struct Read {
    name: Arc<str>,
    bytes: Result<Vec<u8>, String>,
}

impl Read {
    fn new(path: &Path) -> Self {
        let bytes = file::bytes(path, limits::TLS_FILE_BYTES_MAX).map_err(|error| error.to_string());
        Self { name: path.to_string_lossy().into(), bytes }
    }

    fn bytes(&self, problems: &mut Vec<Problem>) -> &[u8] {
        match &self.bytes {
            Ok(bytes) => bytes,
            Err(why) => {
                problems
                    .push(self.problem("unreadable-file", format!("`{}` cannot be read: {why}", self.name)));
                &[]
            }
        }
    }

    fn problem(&self, code: &'static str, message: String) -> Problem {
        Problem::error(code, Place::file(Arc::clone(&self.name)), message)
    }
}

impl Files {
    pub(super) fn read(settings: &TlsSettings) -> Self {
        Self {
            certificate: Read::new(&settings.certificate_file),
            key: Read::new(&settings.key_file),
            client_ca: settings.client_ca_file.as_deref().map(Read::new),
        }
    }

    /// Tells one state of the files from another.
    pub(super) fn digest(&self) -> Digest {
        let all = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let parts: Vec<&[u8]> = all
            .into_iter()
            .flat_map(|read| match read.map(|read| &read.bytes) {
                None => [&b"none"[..], b""],
                Some(Ok(bytes)) => [b"bytes", &bytes[..]],
                Some(Err(why)) => [b"error", why.as_bytes()],
            })
            .collect();
        Digest::of_parts(parts)
    }
}

/// What connections are accepted with.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) config: Arc<ServerConfig>,
    /// When the certificate ends, in seconds since 1970.
    pub(super) expires: u64,
    pub(super) warnings: Vec<Problem>,
}

/// Everything that is wrong with the files of a listener, at `now` in seconds since 1970; warnings among them.
#[must_use]
pub fn check(settings: &TlsSettings, now: u64) -> Vec<Problem> {
    match make(settings, &Files::read(settings), now) {
        Ok(made) => made.warnings,
        Err(problems) => problems,
    }
}

pub(super) fn make(settings: &TlsSettings, files: &Files, now: u64) -> Result<Made, Vec<Problem>> {
    let mut problems = Vec::new();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(&files.certificate, &mut problems);
    let key = key(&files.key, &mut problems);
    let clients = files.client_ca.as_ref().and_then(|read| {
        let roots = certificates(read, &mut problems);
        if roots.is_empty() { None } else { verifier(settings, read, roots, &provider, &mut problems) }
    });
    let leaf = chain.first().and_then(|first| Leaf::read(first));
    let (Some(key), Some(leaf), true) = (key, leaf, problems.is_empty()) else {
        if problems.is_empty() {
            problems.push(unusable(&files.certificate, "it is no certificate of X.509, version 3"));
        }
        return Err(problems);
    };
    match configure(settings, chain, key, clients, provider) {
        Ok(config) => Ok(Made {
            config: Arc::new(config),
            expires: leaf.not_after,
            warnings: times(&files.certificate, &leaf, now),
        }),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let (certificate, key) = (&files.certificate.name, &files.key.name);
            let message =
                format!("the certificate in `{certificate}` and the key in `{key}` do not belong together");
            let hint = "write both before either is used, or swap a folder that holds both";
            Err(vec![files.key.problem("certificate-and-key", message).hint(hint)])
        }
        Err(error) => Err(vec![unusable(&files.certificate, &error.to_string())]),
    }
}

fn unusable(read: &Read, why: &str) -> Problem {
    read.problem("bad-certificate", format!("the certificate in `{}` cannot be used: {why}", read.name))
}

fn configure(
    settings: &TlsSettings,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let versions: &[&SupportedProtocolVersion] = match settings.min_version {
        MinVersion::Tls12 => &[&TLS13, &TLS12],
        MinVersion::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let shows_certificates = clients.is_some();
    let builder = match clients {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
    config.max_early_data_size = 0;
    if shows_certificates {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// HTTP/2 (RFC 9113 section 3.2).
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

fn certificates(read: &Read, problems: &mut Vec<Problem>) -> Vec<CertificateDer<'static>> {
    let bytes = read.bytes(problems);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() || read.bytes.is_err() => found,
        Ok(_) | Err(_) => {
            let message = format!("there is no sound `CERTIFICATE` in `{}`", read.name);
            problems.push(
                read.problem("no-certificate", message)
                    .hint("it is to be PEM: `-----BEGIN CERTIFICATE-----`"),
            );
            Vec::new()
        }
    }
}

fn key(read: &Read, problems: &mut Vec<Problem>) -> Option<PrivateKeyDer<'static>> {
    let bytes = read.bytes(problems);
    // Why it cannot be read is not told: it may be a secret at the wrong place.
    let key = PrivateKeyDer::from_pem_slice(bytes).ok();
    if key.is_none() && read.bytes.is_ok() {
        let message = format!("there is no sound private key in `{}`", read.name);
        let hint = "it is to be PEM without a password: `-----BEGIN PRIVATE KEY-----`";
        problems.push(read.problem("no-key", message).hint(hint));
    }
    key
}

fn verifier(
    settings: &TlsSettings,
    read: &Read,
    authorities: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
    problems: &mut Vec<Problem>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        if let Err(error) = roots.add(authority) {
            problems.push(unusable(read, &error.to_string()));
            return None;
        }
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match settings.client_auth {
        ClientAuth::Off => return None,
        ClientAuth::Optional => builder.allow_unauthenticated(),
        ClientAuth::Required => builder,
    };
    builder.build().map_err(|error| problems.push(unusable(read, &error.to_string()))).ok()
}

/// A certificate out of its time still serves: whoever verifies it will say so, and there is no better one.
fn times(read: &Read, leaf: &Leaf, now: u64) -> Vec<Problem> {
    let said = if now >= leaf.not_after {
        "has expired"
    } else if now < leaf.not_before {
        "is not valid yet"
    } else {
        return Vec::new();
    };
    let message = format!("the certificate in `{}` {said}", read.name);
    vec![Problem::warning("certificate-time", Place::file(Arc::clone(&read.name)), message)]
}
