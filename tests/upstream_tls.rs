//! TLS to the app: who is believed to be it, and that nobody else is sent a byte.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::json_answer;
use common::key;

/// Whoever vouches for others.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for these names, and its key, both as PEM.
    fn vouch(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// An app that speaks TLS.
struct App {
    address: SocketAddr,
    /// What was sent inside of TLS, by anybody.
    bytes: Arc<Mutex<Vec<u8>>>,
    /// The protocols that were agreed on, one for each handshake that came to its end.
    agreed: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
    /// What the clients showed.
    clients: Arc<Mutex<Vec<usize>>>,
}

impl App {
    fn start(shows: (String, String), believes: Option<&str>) -> Self {
        use rustls::pki_types::pem::PemObject as _;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match believes {
            None => config.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots.add(der(pem)).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let secret = PrivateKeyDer::from_pem_slice(shows.1.as_bytes()).unwrap();
        let mut config = config.with_single_cert(vec![der(&shows.0)], secret).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = Self {
            address: listener.local_addr().unwrap(),
            bytes: Arc::default(),
            agreed: Arc::default(),
            clients: Arc::default(),
        };
        let (bytes, agreed, clients) =
            (Arc::clone(&app.bytes), Arc::clone(&app.agreed), Arc::clone(&app.clients));
        let config = Arc::new(config);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let (bytes, agreed, clients) =
                    (Arc::clone(&bytes), Arc::clone(&agreed), Arc::clone(&clients));
                std::thread::spawn(move || {
                    let mut tls = StreamOwned::new(connection, stream);
                    let mut head = Vec::new();
                    let mut byte = [0];
                    let mut is_new = true;
                    while tls.read(&mut byte).is_ok_and(|read| read > 0) {
                        bytes.lock().unwrap().push(byte[0]);
                        if std::mem::take(&mut is_new) {
                            agreed.lock().unwrap().push(tls.conn.alpn_protocol().map(Into::into));
                            clients.lock().unwrap().push(tls.conn.peer_certificates().map_or(0, <[_]>::len));
                        }
                        head.push(byte[0]);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            tls.write_all(&json_answer("{\"a\":1}")).unwrap();
                        }
                    }
                });
            }
        });
        app
    }

    fn saw(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

fn folder(app: &App, tls: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(app.address);
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    let address = format!("address: {}", app.address);
    // A name, and not an address: its certificate is verified by it.
    let named = format!("address: 'localhost:{}', tls: {{{tls}}}", app.address.port());
    folder.write("palisade.yaml", &config.replace(&address, &named));
    for (name, text) in files {
        folder.write(name, text);
    }
    folder
}

fn get(sidecar: &Sidecar) -> common::Answer {
    sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")))
}

fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !ask() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_app_that_proves_who_it_is_gets_requests_and_connections_are_kept() {
    let authority = Authority::new();
    let app = App::start(authority.vouch(&["localhost"]), None);
    let folder = folder(&app, "ca_file: ca.pem", &[("ca.pem", &authority.pem)]);
    let sidecar = Sidecar::start(&folder);
    let mut client = Client::connect(sidecar.data);
    for _ in 0..5 {
        let answer = client.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"");
        assert_eq!((answer.status, answer.text()), (200, "{\"a\":1}".to_owned()));
    }
    assert_eq!(app.saw().matches("GET /plain HTTP/1.1\r\n").count(), 5);
    assert_eq!(
        *app.agreed.lock().unwrap(),
        [Some(b"http/1.1".to_vec())],
        "one connection, and what was agreed on it"
    );
}

#[test]
fn who_cannot_prove_to_be_the_app_is_sent_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let wrong = [
        ("another authority", other.vouch(&["localhost"]), "ca_file: ca.pem"),
        ("another name", authority.vouch(&["elsewhere"]), "ca_file: ca.pem"),
        ("a name that ends like it", authority.vouch(&["not.localhost"]), "ca_file: ca.pem"),
        (
            "the host's name where another is wanted",
            authority.vouch(&["localhost"]),
            "ca_file: ca.pem, server_name: app.internal",
        ),
    ];
    for (what, shows, tls) in wrong {
        let app = App::start(shows, None);
        let folder = folder(&app, tls, &[("ca.pem", &authority.pem)]);
        let sidecar = Sidecar::start(&folder);
        for _ in 0..2 {
            let answer = get(&sidecar);
            assert_eq!((answer.status, answer.code()), (502, "upstream_untrusted".to_owned()), "{what}");
        }
        assert_eq!(app.saw(), "", "{what}");
        let outcomes = folder.records("outcome", 2);
        assert!(
            outcomes.iter().all(|outcome| outcome["ended"] == "upstream_untrusted"),
            "{what}: {outcomes:?}"
        );
        assert!(sidecar.logged().contains("the app cannot be trusted"), "{what}");
    }
}

#[test]
fn an_app_without_tls_is_sent_no_request() {
    let plain = common::Upstream::json("{}");
    let authority = Authority::new();
    let app = App::start(authority.vouch(&["localhost"]), None);
    let folder = folder(&app, "ca_file: ca.pem", &[("ca.pem", &authority.pem)]);
    let config = folder.read("palisade.yaml");
    folder.write(
        "palisade.yaml",
        &config.replace(&app.address.port().to_string(), &plain.address.port().to_string()),
    );
    let sidecar = Sidecar::start(&folder);
    assert_eq!(get(&sidecar).status, 502);
    assert!(plain.heads().is_empty());
    assert!(!String::from_utf8_lossy(&plain.bytes.lock().unwrap()).contains("plain"));
}

#[test]
fn an_app_that_wants_to_know_who_asks_is_shown() {
    let authority = Authority::new();
    let app = App::start(authority.vouch(&["localhost"]), Some(&authority.pem));
    let (certificate, secret) = authority.vouch(&["palisade"]);
    let files = [("ca.pem", &*authority.pem), ("me.pem", &certificate), ("me.key", &secret)];
    let tls = "ca_file: ca.pem, client_certificate_file: me.pem, client_key_file: me.key";
    let with = folder(&app, tls, &files);
    assert_eq!(get(&Sidecar::start(&with)).status, 200);
    assert_eq!(*app.clients.lock().unwrap(), [1]);
    let before = app.saw();
    let without = folder(&app, "ca_file: ca.pem", &files);
    let answer = get(&Sidecar::start(&without));
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(app.saw(), before);
    // A key of another certificate is found before anything is served.
    let (_, other) = authority.vouch(&["palisade"]);
    with.write("me.key", &other);
    let refused = Sidecar::try_start(&with).err().unwrap();
    assert!(refused.contains("cannot be used") && !refused.contains("BEGIN"), "{refused}");
}

#[test]
fn files_are_read_anew_and_what_was_believed_before_is_looked_at_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let app = App::start(old.vouch(&["localhost"]), None);
    let folder = folder(&app, "ca_file: ca.pem", &[("ca.pem", &old.pem)]);
    let sidecar = Sidecar::start(&folder);
    assert_eq!(get(&sidecar).status, 200);
    // What is no certificate changes nothing.
    folder.write("ca.pem", "nothing");
    until("the bad file is noticed", || sidecar.logged().contains("stay as they were"));
    assert_eq!(get(&sidecar).status, 200);
    // The old authority is no longer believed, also on the connection that it vouched for.
    folder.write("ca.pem", &new.pem);
    until("the app is not believed", || get(&sidecar).status == 502);
    let before = app.saw();
    assert_eq!(get(&sidecar).code(), "upstream_untrusted");
    assert_eq!(app.saw(), before);
    folder.write("ca.pem", &(new.pem + &old.pem));
    until("it is believed again", || get(&sidecar).status == 200);
}
