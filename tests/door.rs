//! The door: TLS with certificates that rotate, workloads that show their own, proxies that say for whom they connect.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod common;
#[path = "door/proxies.rs"]
mod proxies;

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::key;
use common::secret;
use common::tls;
use common::tls::Authority;
use common::tls::Pair;

/// A sidecar with TLS, and who signed its certificate.
struct World {
    upstream: Upstream,
    folder: Folder,
    authority: Authority,
    sidecar: Sidecar,
}

impl World {
    /// With these keys under `listen.tls`, and more at the end of the config.
    fn start(tls: &str, more: &str) -> Self {
        Self::start_with(tls, "", more, |_| {})
    }

    fn start_with(tls: &str, listen: &str, more: &str, prepare: impl Fn(&Folder)) -> Self {
        let upstream = Upstream::json("{\"name\":\"n\"}");
        let folder = Folder::new(upstream.address);
        let authority = tls::listen(&folder, tls);
        let config = folder.read("palisade.yaml").replace("listen: {", &format!("listen: {{{listen}"));
        // One worker writes its records in the order of its requests.
        let config = config.replace("workers: 2", "workers: 1");
        folder.write("palisade.yaml", &(config + more));
        prepare(&folder);
        let sidecar = Sidecar::start(&folder);
        Self { upstream, folder, authority, sidecar }
    }

    fn address(&self) -> SocketAddr {
        self.sidecar.tls.unwrap()
    }

    fn client(&self) -> Arc<ClientConfig> {
        self.authority.client(None, &["http/1.1"])
    }

    /// One request over TLS by a client that shows this certificate.
    fn ask(&self, shows: Option<&Pair>, head: &str) -> common::Answer {
        let client = self.authority.client(shows, &["http/1.1"]);
        Client::over(tls::connect(self.address(), &client).unwrap()).ask(head, b"")
    }

    fn metric(&self, name: &str) -> String {
        let text = self.sidecar.admin("/metrics").text();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name}")).rsplit_once(' ').unwrap().1.to_owned()
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{}", key("ann"))
}

#[test]
fn requests_come_over_tls_and_the_app_is_told_so() {
    let world = World::start("", "");
    let answer = world.ask(None, &get("/plain"));
    assert_eq!(answer.status, 200);
    assert_eq!(world.sidecar.ask(&get("/plain")).status, 200, "the listener without TLS is there too");
    let heads = world.upstream.heads();
    assert!(heads[0].contains("\r\nx-forwarded-proto: https\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("\r\nx-forwarded-proto: http\r\n"), "{}", heads[1]);
    // Another authority's client does not believe ours: it is TLS indeed.
    let other = Authority::new(world.folder.0.path(), "other");
    assert!(tls::connect(world.address(), &other.client(None, &[])).is_err());
    assert!(world.sidecar.raw(b"").is_empty());
}

#[test]
fn http2_is_agreed_on_in_the_handshake() {
    let world = World::start("", "");
    let client = world.authority.client(None, &["h2", "http/1.1"]);
    run(async {
        let stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        for _ in 0..3 {
            let request = http::Request::get("https://localhost/patients/1")
                .header("x-api-key", format!("ann.{}", secret("ann")))
                .body(http_body_util::Full::new(Bytes::new()))
                .unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!(answer.status(), 200);
        }
    });
    assert_eq!(world.upstream.heads().len(), 3);
    let unknown = world.authority.client(None, &["spdy/3"]);
    assert!(tls::connect(world.address(), &unknown).is_err(), "a protocol that is not spoken");
}

/// A client that names `localhost` in its handshake.
fn naming(world: &World) -> Arc<ClientConfig> {
    let mut client = ClientConfig::clone(&world.client());
    client.enable_sni = true;
    Arc::new(client)
}

#[test]
fn a_request_is_for_the_host_that_its_connection_was_made_to() {
    let world = World::start("", "");
    let named = naming(&world);
    let mut client = Client::over(tls::connect(world.address(), &named).unwrap());
    for (host, status) in
        [("localhost", 200), ("LOCALHOST:8443", 200), ("localhost.", 200), ("other", 421), ("localhost", 200)]
    {
        let answer = client.ask(&format!("{}Host: {host}\r\n", get("/plain")), b"");
        assert_eq!(answer.status, status, "{host}");
    }
    assert_eq!(world.ask(None, &format!("{}Host: other\r\n", get("/plain"))).status, 200, "none was named");
    assert_eq!(world.upstream.heads().len(), 5);
    let refused = world.folder.records("decision", 6).into_iter().find(|record| record["decision"] == "deny");
    assert!(refused.unwrap().to_string().contains("misdirected"));
    // A proxy that encrypts again names its own way to us.
    let world = World::start_with("", "trusted_peers: ['127.0.0.1'], ", "", |_| {});
    let named = naming(&world);
    let mut client = Client::over(tls::connect(world.address(), &named).unwrap());
    assert_eq!(client.ask(&format!("{}Host: other\r\n", get("/plain")), b"").status, 200);
}

#[test]
fn an_old_version_is_refused_where_only_the_new_one_is_spoken() {
    let old: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
    for (settings, is_spoken) in [("min_version: '1.2'", true), ("min_version: '1.3'", false)] {
        let world = World::start(settings, "");
        let client = world.authority.client_of(None, &["http/1.1"], old);
        assert_eq!(tls::connect(world.address(), &client).is_ok(), is_spoken, "{settings}");
        assert_eq!(world.ask(None, &get("/plain")).status, 200);
    }
}

#[test]
fn whoever_does_not_finish_a_handshake_is_turned_away_and_keeps_nobody_waiting() {
    let world = World::start("", "timeouts: {head: 1s}\n");
    let mut silent: Vec<_> = (0..50).map(|_| common::connect(world.address())).collect();
    silent[0].write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    assert_eq!(world.ask(None, &get("/plain")).status, 200);
    for stream in &mut silent {
        drop(stream.read_to_end(&mut Vec::new()));
    }
    until("all are counted", || {
        world.metric("palisade_connections_turned_away_total{reason=\"handshake_timeout\"}") == "50"
    });
    let mut wrong = common::connect(world.address());
    wrong.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    drop(wrong.read_to_end(&mut Vec::new()));
    until("it is counted", || {
        world.metric("palisade_connections_turned_away_total{reason=\"tls_handshake\"}") == "1"
    });
}

/// The certificate that a new connection is shown.
fn shown(world: &World) -> Vec<u8> {
    let stream = tls::connect(world.address(), &world.client()).unwrap();
    stream.conn.peer_certificates().unwrap().first().unwrap().to_vec()
}

#[test]
fn certificates_rotate_under_load_without_a_dropped_connection() {
    let world = World::start("", "");
    let (stop, first) = (AtomicBool::new(false), shown(&world));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::over(tls::connect(world.address(), &world.client()).unwrap());
                    let mut asked = 0;
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(client.ask(&get("/plain"), b"").status, 200);
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        for round in 0..3 {
            let before = shown(&world);
            tls::place(&world.folder, &world.authority.server(&format!("round{round}")));
            until("the new certificate is used", || shown(&world) != before);
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
    });
    assert_ne!(shown(&world), first);
    assert_eq!(world.metric("palisade_certificate_reload_total{result=\"applied\"}"), "3");
    assert_eq!(world.metric("palisade_certificate_reload_total{result=\"refused\"}"), "0");
}

#[test]
fn a_broken_certificate_keeps_the_last_good_one_and_is_shown() {
    let world = World::start("", "");
    let first = shown(&world);
    let other = world.authority.server("second");
    fs::copy(&other.key, world.folder.path("server.key")).unwrap();
    let verbose = || world.sidecar.admin("/readyz?verbose").text();
    until("the key that does not belong is told", || verbose().contains("certificate-and-key"));
    assert!(verbose().ends_with("ready\n") && !verbose().contains("not ready"), "{}", verbose());
    assert_eq!(shown(&world), first);
    assert_eq!(world.metric("palisade_certificate_reload_total{result=\"refused\"}"), "1");
    assert!(world.sidecar.logged().contains("the certificates in use stay"));
    fs::copy(&other.certificate, world.folder.path("server.pem")).unwrap();
    until("the pair is whole again", || shown(&world) != first);
    until("nothing is refused any more", || !verbose().contains("certificate-and-key"));
}

#[test]
fn check_says_what_is_wrong_with_certificates_and_where() {
    let world = World::start("", "");
    let second = world.authority.server("second");
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        let said = command.arg("check").arg("-c").arg(world.folder.path("palisade.yaml")).output().unwrap();
        (said.status.code().unwrap(), String::from_utf8_lossy(&said.stdout).into_owned())
    };
    assert_eq!(check().0, 0, "{}", check().1);
    let wrong = |code: &str, file: &str| {
        let (status, said) = check();
        assert_eq!(status, 3, "{said}");
        assert!(said.contains(code) && said.contains(file), "{code} {file}: {said}");
        tls::place(&world.folder, &second);
        assert_eq!(check().0, 0);
    };
    fs::copy(world.folder.path("authority.key"), world.folder.path("server.key")).unwrap();
    wrong("certificate-and-key", "server.key");
    fs::remove_file(world.folder.path("server.pem")).unwrap();
    wrong("unreadable-file", "server.pem");
    world.folder.write("server.pem", "hello");
    wrong("no-certificate", "server.pem");
    world.folder.write("server.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    wrong("bad-certificate", "server.pem");
    world.folder.write("server.key", "hello");
    wrong("no-key", "server.key");
    world.folder.write("server.key", "hello");
    assert!(Sidecar::try_start(&world.folder).is_err());
}

const WORKLOADS: &str = "
identity:
  api_keys_file: api_keys.yaml
  spiffe:
    trust_domains: [prod.example]
    workloads:
      - {id: 'spiffe://prod.example/ns/billing/sa/*', tenant: acme, roles: [clinician]}
      - {id: 'spiffe://prod.example/tenant/{tenant}/desk', roles: [desk]}
";

/// As above, where clients may, or must, show a certificate of the same authority.
fn with_workloads(auth: &str, listen: &str, more: &str) -> World {
    let tls = format!("client_auth: {auth}, client_ca_file: authority.pem");
    World::start_with(&tls, listen, more, |folder| {
        let config = folder.read("palisade.yaml");
        let identity = config.lines().find(|line| line.starts_with("identity: ")).unwrap();
        folder.write("palisade.yaml", &config.replace(identity, WORKLOADS));
    })
}

#[test]
fn a_workload_with_a_certificate_calls_for_itself() {
    let world = with_workloads("required", "", "");
    let api = world.authority.workload("api", "spiffe://prod.example/ns/billing/sa/api");
    assert_eq!(world.ask(Some(&api), "GET /patients/1 HTTP/1.1\r\n").status, 200);
    let desk = world.authority.workload("desk", "spiffe://prod.example/tenant/acme.west/desk");
    let answer = world.ask(Some(&desk), "GET /patients/1 HTTP/1.1\r\n");
    assert_eq!((answer.status, answer.text().contains("\"n\"")), (200, true));
    assert_eq!(world.ask(Some(&desk), "PUT /plain HTTP/1.1\r\n").code(), "denied");
    let records = world.folder.records("decision", 3);
    let principal = &records[0]["principal"];
    assert_eq!(principal["id"], "spiffe://prod.example/ns/billing/sa/api");
    assert_eq!(
        (&principal["type"], &principal["tenant"]),
        (&"Service".into(), &"acme".into()),
        "{principal}"
    );
    assert_eq!((&principal["auth_method"], &principal["issuer"]), (&"spiffe".into(), &"prod.example".into()));
    assert_eq!(records[1]["principal"]["tenant"], "acme/west");
    assert_eq!(records[0]["tenant_sources"][0]["source"], "workload", "{}", records[0]);
    let heads = world.upstream.heads();
    assert!(
        heads[0].contains("x-palisade-principal: Service/spiffe://prod.example/ns/billing/sa/api\r\n"),
        "{}",
        heads[0]
    );
}

#[test]
fn the_certificate_of_a_trusted_proxy_is_no_credential_of_the_client_that_it_names() {
    let world = with_workloads("required", "trusted_peers: ['127.0.0.1/32'], ", "");
    let proxy = world.authority.workload("proxy", "spiffe://prod.example/ns/billing/sa/ingress");
    assert_eq!(world.ask(Some(&proxy), "GET /plain HTTP/1.1\r\n").status, 200);
    let behind = "GET /plain HTTP/1.1\r\nx-forwarded-for: 203.0.113.9\r\n";
    assert_eq!(world.ask(Some(&proxy), behind).code(), "unidentified");
    let answer = world.ask(Some(&proxy), &format!("{behind}{}", key("ann")));
    assert_eq!(answer.status, 200);
    let record = world.folder.records("decision", 3).pop().unwrap();
    assert_eq!(record["principal"]["id"], "ann");
    assert!(record["principal"].to_string().contains("sa/ingress"), "{record}");
}

#[test]
fn a_certificate_that_does_not_verify_is_refused_by_tls() {
    let world = with_workloads("required", "", "");
    let other = Authority::new(world.folder.0.path(), "other");
    let id = "spiffe://prod.example/ns/billing/sa/api";
    let forged = other.workload("forged", id);
    let names = format!("subjectAltName=URI:{id}");
    let authority = world
        .authority
        .issue("ca", &[&names, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature"]);
    let server = world
        .authority
        .issue("serving", &[&names, "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth"]);
    for shows in [None, Some(&forged), Some(&authority), Some(&server)] {
        let client = world.authority.client(shows, &["http/1.1"]);
        let answered = tls::connect(world.address(), &client).and_then(|stream| {
            // In TLS 1.3 the client is done before the server has seen its certificate.
            Client::over(stream).try_ask("GET /plain HTTP/1.1\r\n", b"")
        });
        assert!(answered.is_err(), "{:?}", shows.map(|pair| &pair.certificate));
    }
    until("each is counted", || {
        world.metric("palisade_connections_turned_away_total{reason=\"tls_handshake\"}") == "4"
    });
    assert!(world.upstream.heads().is_empty());
}

#[test]
fn a_verified_certificate_that_names_no_known_workload_is_no_credential() {
    let world = with_workloads("optional", "", "");
    let signs = "keyUsage=critical,digitalSignature";
    for (name, extensions, code) in [
        ("none", vec!["subjectAltName=DNS:api.example", signs], "unidentified"),
        ("web", vec!["subjectAltName=URI:https://prod.example/ns/billing/sa/api", signs], "unidentified"),
        (
            "two",
            vec![
                "subjectAltName=URI:spiffe://prod.example/ns/billing/sa/api,URI:spiffe://prod.example/b",
                signs,
            ],
            "unidentified",
        ),
        (
            "foreign",
            vec!["subjectAltName=URI:spiffe://evil.example/ns/billing/sa/api", signs],
            "unidentified",
        ),
        (
            "capital",
            vec!["subjectAltName=URI:spiffe://Prod.example/ns/billing/sa/api", signs],
            "unidentified",
        ),
        (
            "escaped",
            vec!["subjectAltName=URI:spiffe://prod.example/ns/billing/sa/%61pi", signs],
            "unidentified",
        ),
        ("nousage", vec!["subjectAltName=URI:spiffe://prod.example/ns/billing/sa/api"], "unidentified"),
        (
            "signer",
            vec![
                "subjectAltName=URI:spiffe://prod.example/ns/billing/sa/api",
                "keyUsage=digitalSignature,keyCertSign",
            ],
            "unidentified",
        ),
        (
            "unknown",
            vec!["subjectAltName=URI:spiffe://prod.example/ns/other/sa/api", signs],
            "bad_credential",
        ),
        (
            "tenant",
            vec!["subjectAltName=URI:spiffe://prod.example/tenant/nobody/desk", signs],
            "unknown_tenant",
        ),
    ] {
        let shows = world.authority.issue(name, &extensions);
        let answer = world.ask(Some(&shows), "GET /plain HTTP/1.1\r\n");
        assert_eq!(answer.code(), code, "{name}");
        assert_eq!(world.ask(Some(&shows), &get("/plain")).status, 200, "{name}: another credential counts");
    }
    assert_eq!(world.ask(None, "GET /plain HTTP/1.1\r\n").code(), "unidentified");
    let records = world.folder.records("decision", 21);
    let detail = records.iter().find(|record| record["reason"]["detail"] == "workload_unknown");
    assert!(detail.is_some() || records.iter().any(|record| record.to_string().contains("workload_unknown")));
}

#[test]
fn a_workload_acts_for_the_caller_whose_key_it_brings() {
    let world = with_workloads("optional", "", "");
    let text = world.folder.read("policies/main.cedar")
        + "@id(\"no-jobs\") forbid (principal, action, resource) when { context has actor && context.actor.id == \"spiffe://prod.example/ns/billing/sa/job\" };\n";
    world.folder.write("policies/main.cedar", &text);
    let id = |name: &str| format!("spiffe://prod.example/ns/billing/sa/{name}");
    let [api, job] = ["api", "job"].map(|name| world.authority.workload(name, &id(name)));
    until("the policy is live", || world.ask(Some(&job), &get("/plain")).status == 403);
    assert_eq!(world.ask(Some(&api), &get("/plain")).status, 200);
    assert_eq!(world.ask(Some(&job), "GET /plain HTTP/1.1\r\n").status, 200, "for itself it may");
    until("it is on record", || {
        let is_acting = |record: &serde_json::Value| record["principal"]["actor"]["id"] == id("api").as_str();
        world.folder.log().iter().any(|record| is_acting(record) && record["principal"]["id"] == "ann")
    });
}

#[test]
fn a_session_is_resumed_only_where_no_certificates_are_shown() {
    for (auth, is_resumed) in [("off", true), ("optional", false)] {
        let world = match auth {
            "off" => World::start("", ""),
            auth => with_workloads(auth, "", ""),
        };
        let api = world.authority.workload("api", "spiffe://prod.example/ns/billing/sa/api");
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let client = world.authority.client_of(Some(&api), &["http/1.1"], &[version]);
            let mut kinds = Vec::new();
            for _ in 0..3 {
                let mut client = Client::over(tls::connect(world.address(), &client).unwrap());
                client.ask(&get("/plain"), b"");
                kinds.push(client.stream().conn.handshake_kind().unwrap());
            }
            let resumed = kinds.contains(&rustls::HandshakeKind::Resumed);
            // Each worker's sessions are all workers' sessions.
            assert_eq!(resumed, is_resumed, "{auth} {version:?}: {kinds:?}");
        }
    }
}

#[test]
fn a_connection_of_a_workload_ends_at_its_age() {
    let world = with_workloads("required", "", "timeouts: {connection_age: 1s}\n");
    let api = world.authority.workload("api", "spiffe://prod.example/ns/billing/sa/api");
    let client = world.authority.client(Some(&api), &["http/1.1"]);
    let mut http1 = Client::over(tls::connect(world.address(), &client).unwrap());
    assert!(!http1.ask("GET /plain HTTP/1.1\r\n", b"").headers.contains_key("connection"));
    let mut idle = Client::over(tls::connect(world.address(), &client).unwrap());
    assert_eq!(idle.ask("GET /plain HTTP/1.1\r\n", b"").status, 200);
    until("the connection is told to close", || {
        let answer = http1.ask("GET /plain HTTP/1.1\r\n", b"");
        answer.headers.get("connection").is_some_and(|value| value == "close")
    });
    assert!(http1.try_ask("GET /plain HTTP/1.1\r\n", b"").is_err());
    drop(idle.stream().read_to_end(&mut Vec::new()));
    let client = world.authority.client(Some(&api), &["h2"]);
    run(async {
        let stream = tokio::net::TcpStream::connect(world.address()).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let ended = tokio::spawn(connection);
        let request = || {
            http::Request::get("https://localhost/plain")
                .body(http_body_util::Full::new(Bytes::new()))
                .unwrap()
        };
        assert_eq!(sender.send_request(request()).await.unwrap().status(), 200);
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_client_that_reads_nothing_over_tls_is_let_go() {
    let large: &'static str = Box::leak(format!("\"{}\"", "x".repeat(8 << 20)).into_boxed_str());
    let upstream = Upstream::json(large);
    let folder = Folder::new(upstream.address);
    let authority = tls::listen(&folder, "");
    let config = folder.read("palisade.yaml") + "timeouts: {body_idle: 1s}\n";
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    let client = authority.client(None, &["http/1.1"]);
    let mut stream = tls::connect(sidecar.tls.unwrap(), &client).unwrap();
    stream.write_all(format!("{}Host: a\r\n\r\n", get("/plain")).as_bytes()).unwrap();
    until("its connection to the app is given back", || {
        let text = sidecar.admin("/metrics").text();
        folder.log().iter().any(|record| record["type"] == "outcome")
            && text.contains("palisade_connections 0\n")
    });
    drop(stream);
}

#[test]
fn a_websocket_opens_over_tls() {
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let app = std::thread::spawn({
        let upstream = upstream.try_clone().unwrap();
        move || {
            let (mut stream, _) = upstream.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let accept = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: Bz3qJYTGdOe8gUSpLosEdiLKDrk=\r\n\r\n";
            stream.write_all(accept.as_bytes()).unwrap();
            let mut frame = [0; 8];
            stream.read_exact(&mut frame).unwrap();
            stream.write_all(b"\x81\x02yo").unwrap();
            drop(stream.read_to_end(&mut Vec::new()));
        }
    });
    let folder = Folder::new(upstream.local_addr().unwrap());
    folder.write("routes.yaml", "routes:\n  - {method: GET, path: /open, websocket: true}\n");
    let authority = tls::listen(&folder, "");
    let sidecar = Sidecar::start(&folder);
    let mut stream = tls::connect(sidecar.tls.unwrap(), &authority.client(None, &["http/1.1"])).unwrap();
    let asked = "Host: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n";
    stream.write_all(format!("{}{asked}", get("/open")).as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x02yo");
    drop(stream);
    app.join().unwrap();
    let outcome = &folder.records("outcome", 1)[0];
    assert_eq!(outcome["status"], 101, "{outcome}");
}
