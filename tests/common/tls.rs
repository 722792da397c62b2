//! Certificates that the test makes, and clients that speak TLS with literal bytes in it.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::ClientConnection;
use rustls::RootCertStore;
use rustls::StreamOwned;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;

/// Who signs certificates: its files lie in a folder of the test.
pub struct Authority {
    folder: PathBuf,
    name: String,
}

/// Files of a certificate and its key.
#[derive(Clone)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

const SIGNS: &str = "keyUsage=critical,digitalSignature";

impl Authority {
    pub fn new(folder: &Path, name: &str) -> Self {
        let authority = Self { folder: folder.to_owned(), name: name.to_owned() };
        fs::write(folder.join("openssl.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n").unwrap();
        let extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
        authority.make(name, &extensions, None);
        authority
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// A certificate of `localhost`.
    pub fn server(&self, name: &str) -> Pair {
        self.issue(name, &["subjectAltName=DNS:localhost", SIGNS, "extendedKeyUsage=serverAuth"])
    }

    /// A certificate of a workload.
    pub fn workload(&self, name: &str, id: &str) -> Pair {
        let names = format!("subjectAltName=URI:{id}");
        self.issue(name, &[&names, SIGNS, "extendedKeyUsage=serverAuth,clientAuth"])
    }

    /// A certificate with these extensions, as openssl writes them.
    pub fn issue(&self, name: &str, extensions: &[&str]) -> Pair {
        self.make(name, extensions, Some(&self.name))
    }

    fn make(&self, name: &str, extensions: &[&str], by: Option<&str>) -> Pair {
        let pair = Pair {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ]);
        command.arg("-config").arg(self.folder.join("openssl.cnf")).arg("-subj").arg(format!("/CN={name}"));
        command.arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.certificate);
        if let Some(by) = by {
            command.arg("-CA").arg(self.folder.join(format!("{by}.pem")));
            command.arg("-CAkey").arg(self.folder.join(format!("{by}.key")));
        }
        for extension in extensions {
            command.args(["-addext", extension]);
        }
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        pair
    }

    /// A client that believes this authority, and shows a certificate if it has one.
    pub fn client(&self, shows: Option<&Pair>, protocols: &[&str]) -> Arc<ClientConfig> {
        self.client_of(shows, protocols, rustls::ALL_VERSIONS)
    }

    pub fn client_of(
        &self,
        shows: Option<&Pair>,
        protocols: &[&str],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_file(&pair.certificate).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&pair.key).unwrap())
                    .unwrap()
            }
        };
        // Names no host in the handshake: literal bytes may then name any.
        config.enable_sni = false;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// Gives a folder's sidecar a listener with TLS beside the one without; and more keys under `listen.tls`.
pub fn listen(folder: &super::Folder, more: &str) -> Authority {
    let authority = Authority::new(folder.0.path(), "authority");
    place(folder, &authority.server("first"));
    let tls = "tls: {address: '127.0.0.1:0', certificate_file: server.pem, key_file: server.key";
    let config = folder.read("palisade.yaml").replace("listen: {", &format!("listen: {{{tls}, {more}}}, "));
    folder.write("palisade.yaml", &config);
    authority
}

/// Puts a pair where the config says.
pub fn place(folder: &super::Folder, pair: &Pair) {
    fs::copy(&pair.key, folder.path("server.key")).unwrap();
    fs::copy(&pair.certificate, folder.path("server.pem")).unwrap();
}

/// A connection with TLS, as bytes.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Connects and waits for the handshake.
pub fn connect(address: SocketAddr, client: &Arc<ClientConfig>) -> std::io::Result<Tls> {
    over(super::connect(address), client)
}

/// The same over a connection that has begun.
pub fn over(stream: TcpStream, client: &Arc<ClientConfig>) -> std::io::Result<Tls> {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut tls = StreamOwned::new(session, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

/// Sends literal bytes, says that no more will come, and reads everything until the connection closes.
pub fn raw(address: SocketAddr, client: &Arc<ClientConfig>, bytes: &[u8]) -> String {
    let mut stream = connect(address, client).unwrap();
    // A refusal may come before all has been sent.
    drop(stream.write_all(bytes));
    stream.conn.send_close_notify();
    drop(stream.flush());
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}
