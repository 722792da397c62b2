//! TLS to the app: by whose word it is believed, and by what Palisade shows who it is. The files are read anew when they change.
//!
//! Never: leaves the app's certificate or the name in it unverified, or takes a session up again without looking at them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

use crate::file;
use crate::limits;

use super::Protocol;
use super::stream::Plain;
use super::stream::Stream;

/// TLS to one place where the app runs.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Certificates (PEM) that it is verified by.
    pub ca_file: PathBuf,
    /// The name that its certificate must have; `None`: the endpoint's host.
    pub server_name: Option<Box<str>>,
    /// Certificate and key (PEM) by which Palisade shows who it is.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What connections are made by now.
#[derive(Debug)]
pub(super) struct Trust {
    settings: TlsSettings,
    /// For HTTP/1.1 alone, and for either.
    config: ArcSwap<[Arc<ClientConfig>; 2]>,
    /// Goes up whenever it is another one: what was believed before is looked at again.
    age: AtomicU32,
    /// The files as they were when they were looked at last, good or not.
    read: Mutex<Vec<Vec<u8>>>,
}

impl Trust {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(settings: TlsSettings) -> Result<Self, String> {
        let files = files(&settings)?;
        let config = ArcSwap::from_pointee(config(&settings, &files)?);
        Ok(Self { settings, config, age: AtomicU32::new(0), read: Mutex::new(files) })
    }

    /// Which of its states it is in.
    pub(super) fn age(&self) -> u32 {
        self.age.load(Ordering::Relaxed)
    }

    /// Takes the files as they are now, if they are others. What cannot be used changes nothing.
    pub(super) fn refresh(&self) -> Result<bool, String> {
        let files = files(&self.settings)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == files {
            return Ok(false);
        }
        let config = config(&self.settings, &files);
        *read = files;
        self.config.store(Arc::new(config?));
        self.age.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// The name that the certificate of who listens there must have.
    pub(super) fn name(&self, host: Option<&str>) -> Option<ServerName<'static>> {
        let name = self.settings.server_name.as_deref().or(host)?;
        ServerName::try_from(name.to_owned()).ok()
    }

    /// Makes a connection one with TLS. Nothing is sent on it but the handshake.
    pub(super) async fn connect(
        &self,
        stream: Plain,
        name: ServerName<'static>,
        protocol: Protocol,
    ) -> std::io::Result<Stream> {
        let [http1, either] = &**self.config.load();
        let config = match protocol {
            Protocol::Http1 | Protocol::H2c => http1,
            Protocol::Auto => either,
        };
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Stream::Tls(Box::new(connector.connect(name, stream).await?)))
    }
}

fn files(settings: &TlsSettings) -> Result<Vec<Vec<u8>>, String> {
    let client = settings.client.iter().flat_map(|(certificate, key)| [certificate, key]);
    let all = std::iter::once(&settings.ca_file).chain(client);
    let read = all.map(|path| {
        file::bytes(path, limits::CERTIFICATES_BYTES_MAX)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
    });
    read.collect()
}

fn config(settings: &TlsSettings, files: &[Vec<u8>]) -> Result<[Arc<ClientConfig>; 2], String> {
    let authorities = files.first().map(Vec::as_slice).unwrap_or_default();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(CertificateDer::pem_slice_iter(authorities).flatten());
    if added == 0 {
        return Err(format!("`{}` has no certificate to verify the app by", settings.ca_file.display()));
    }
    // Named: where two kinds of cryptography are linked, the library would not choose one by itself.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots);
    let mut config = match (&settings.client, files.get(1), files.get(2)) {
        (Some((certificate, key)), Some(chain), Some(secret)) => {
            let wrong = |path: &PathBuf| format!("`{}` cannot be used", path.display());
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
            let chain = chain.map_err(|_| wrong(certificate))?;
            // What the library says of a key could be a part of it.
            let secret = PrivateKeyDer::from_pem_slice(secret).map_err(|_| wrong(key))?;
            config
                .with_client_auth_cert(chain, secret)
                .map_err(|_| format!("{} with its key", wrong(certificate)))?
        }
        (None | Some(_), _, _) => config.with_no_client_auth(),
    };
    // Taking a session up again would believe a certificate that nobody has looked at since.
    config.resumption = Resumption::disabled();
    let of = |protocols: &[&[u8]]| {
        let mut config = config.clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    };
    Ok([of(&[b"http/1.1"]), of(&[b"h2", b"http/1.1"])])
}
