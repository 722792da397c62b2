//! Bundles from real servers: a web server (nginx), an S3-compatible store (OpenStack Swift), an OCI registry.
//!
//! Each test installs nothing and says loudly what it skips; `.ci/run` installs what they need.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod common;
#[path = "bundles/stand.rs"]
mod stand;

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use common::POLICIES;
use common::Sidecar;
use common::Upstream;
use stand::DENY;
use stand::Fleet;
use stand::Server;
use stand::have;
use stand::port;
use stand::status;
use stand::told;
use stand::wait;

/// A certificate for 127.0.0.1 that is its own authority.
fn certificate(folder: &std::path::Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "tls.key", "-out", "tls.pem"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// A web server with TLS that wants a bearer token, also to take a file.
fn web(folder: tempfile::TempDir, port: u16) -> Server {
    Server::nginx(
        folder,
        port,
        &format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate DIR/tls.pem; ssl_certificate_key DIR/tls.key;\n\
             root DIR/www; dav_methods PUT; if ($http_authorization != 'Bearer s3cret') {{ return 401; }} }}"
        ),
    )
}

#[test]
fn a_sidecar_follows_a_web_server_and_outlives_it() {
    if !have("nginx") || !have("openssl") {
        return;
    }
    let upstream = Upstream::json("{}");
    let fleet = Fleet::new(&upstream);
    let (folder, port) = (tempfile::tempdir().unwrap(), port());
    certificate(folder.path());
    let ca = fleet.author.path("ca.pem");
    fs::copy(folder.path().join("tls.pem"), &ca).unwrap();
    fleet.author.write("token", "s3cret\n");
    let server = web(folder, port);
    let url = format!("https://127.0.0.1:{port}/clinic.tar.gz");
    let push = |expect: bool| {
        let token = ["--bearer-token-file", "token", "--ca-file", "ca.pem"];
        let output = fleet.palisade(&[&["bundle", "push", "b.tar.gz", &url], &token[..]].concat());
        assert_eq!(output.status.success(), expect, "{output:?}");
    };
    let token = fleet.author.path("token");
    let keep = "keep: kept";
    let reach = format!("source: '{url}', ca_file: {}, bearer_token_file: {}", ca.display(), token.display());
    fleet.takes(&format!("{reach}, {keep}"));
    fleet.build(1, POLICIES);
    push(true);
    let sidecar = Sidecar::start(&fleet.sidecar);
    assert_eq!(status(&sidecar), 200);
    // Unchanged, it costs an answer without a body.
    wait("an answer 304", || server.log("access.log").contains("304 Bearer").then_some(()));
    fleet.build(2, DENY);
    push(true);
    wait("the new bundle", || (status(&sidecar) == 403).then_some(()));
    told(&sidecar, "bundle clinic@2,");
    // Which bundle brought what is on record.
    let events = fleet.sidecar.records("event", 2);
    let brought: Vec<_> = events.iter().filter_map(|event| event["bundle"].as_str()).collect();
    assert_eq!(brought, ["clinic@1", "clinic@2"], "{events:?}");
    // Going back is refused, and so is what another key signed.
    fleet.build(1, POLICIES);
    push(true);
    told(&sidecar, "bundle-rollback: it is version 1, and version 2 was taken before");
    let other = fleet.build(3, POLICIES);
    fleet.does(&["bundle", "keygen", "other"]);
    fleet.does(&["bundle", "sign", "b.tar.gz", "--key", "other.key"]);
    push(true);
    told(&sidecar, "bundle-signature: the bundle is signed by");
    // Half of a file is one too.
    let bytes = fs::read(other).unwrap();
    let (half, _) = bytes.split_at(bytes.len() / 2);
    fs::write(server.folder.path().join("www/clinic.tar.gz"), half).unwrap();
    told(&sidecar, "bundle-malformed: it is not a bundle: it ends early");
    push_is_refused_of_what_is_no_bundle(&fleet, &url);
    assert_eq!(status(&sidecar), 403);
    fleet.build(4, POLICIES);
    push(true);
    wait("the mended bundle", || (status(&sidecar) == 200).then_some(()));
    told(&sidecar, "files are what is live");
    let refused = sidecar.admin("/metrics").text();
    // What is refused is looked at each time that the source is asked.
    let counted = refused
        .lines()
        .find_map(|line| line.strip_prefix("palisade_bundle_asked_total{result=\"refused\"} "));
    assert!(counted.unwrap().parse::<u64>().unwrap() >= 3, "{refused}");
    assert!(refused.contains("palisade_bundle_version 4"), "{refused}");
    it_outlives(server, &fleet, sidecar);
    // With neither it does not start.
    fleet.takes(&reach);
    let log = Sidecar::try_start(&fleet.sidecar).err().unwrap();
    assert!(log.contains("bundle-unreachable"), "{log}");
}

/// Without the server the sidecar goes on, and starts again.
fn it_outlives(server: Server, fleet: &Fleet, sidecar: Sidecar) {
    let port = server.port;
    let folder = server.stop();
    told(&sidecar, "[!] bundle source last answered");
    assert_eq!(status(&sidecar), 200);
    drop(sidecar);
    let sidecar = Sidecar::start(&fleet.sidecar);
    assert_eq!(status(&sidecar), 200);
    told(&sidecar, "[!] bundle source has not answered since the start");
    assert!(sidecar.logged().contains("started with the bundle that was kept"), "{}", sidecar.logged());
    // It comes back, with a newer one.
    fleet.build(5, DENY);
    fs::copy(fleet.author.path("b.tar.gz"), folder.path().join("www/clinic.tar.gz")).unwrap();
    let server = web(folder, port);
    wait("the bundle after the outage", || (status(&sidecar) == 403).then_some(()));
    assert!(!sidecar.logged().contains("s3cret"));
    drop((sidecar, server));
}

fn push_is_refused_of_what_is_no_bundle(fleet: &Fleet, url: &str) {
    fleet.author.write("half.tar.gz", "not a bundle");
    let output = fleet.palisade(&["bundle", "push", "half.tar.gz", url]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_sidecar_follows_a_store_that_checks_its_signature() {
    let swift = std::path::Path::new("/usr/lib/python3/dist-packages/swift/common/middleware/s3api").exists();
    if !swift {
        eprintln!("SKIPPED: there is no OpenStack Swift on this machine (CI installs it)");
        return;
    }
    let store = Server::store();
    let upstream = Upstream::json("{}");
    let fleet = Fleet::new(&upstream);
    let endpoint = format!("http://127.0.0.1:{}", store.port);
    let (id, secret) = (fleet.author.path("id"), fleet.author.path("secret"));
    fleet.author.write("id", "test:tester");
    fleet.author.write("secret", "testing");
    // A key with spaces and a plus is signed as it is sent.
    let source = "s3://policies/a b/clinic+1.tar.gz";
    let reach =
        ["--plain-http", "--s3-endpoint", &endpoint, "--s3-access-key-file", "id", "--s3-secret-key-file"];
    let push = |secret: &str| {
        fleet.palisade(&[&["bundle", "push", "b.tar.gz", source], &reach[..], &[secret]].concat())
    };
    fleet.author.write("wrong", "guessing");
    fleet.build(1, POLICIES);
    let refused = push("wrong");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("403"), "{refused:?}");
    assert!(push("secret").status.success());
    let keys = format!("access_key_file: {}, secret_key_file: {}", id.display(), secret.display());
    fleet.takes(&format!(
        "source: '{source}', keep: kept, plain_http: true, s3: {{endpoint: '{endpoint}', {keys}}}"
    ));
    let sidecar = Sidecar::start(&fleet.sidecar);
    assert_eq!(status(&sidecar), 200);
    let same = "palisade_bundle_asked_total{result=\"same\"} 0\n";
    wait("an answer 304", || (!sidecar.admin("/metrics").text().contains(same)).then_some(()));
    fleet.build(2, DENY);
    assert!(push("secret").status.success());
    wait("the new bundle", || (status(&sidecar) == 403).then_some(()));
    // Keys are read anew: a wrong one stops the asking, a good one starts it again.
    fleet.author.write("secret", "guessing");
    told(&sidecar, "the server answered 403");
    assert_eq!(status(&sidecar), 403);
    fleet.author.write("secret", "testing");
    fleet.build(3, POLICIES);
    assert!(push("secret").status.success());
    wait("the bundle after it", || (status(&sidecar) == 200).then_some(()));
    assert!(!sidecar.logged().contains("guessing") && !sidecar.logged().contains("testing"));
}

#[test]
fn a_sidecar_follows_a_registry_and_its_token_service() {
    if !have("docker-registry") || !have("nginx") {
        return;
    }
    let registry = Server::registry();
    // In front of it a token service: it gives a token for a password, and the registry gets the password for the token.
    let port = port();
    let (inner, own) = (registry.port, format!("http://127.0.0.1:{port}"));
    let basic = "Basic Y2k6cHc=";
    let front = Server::nginx(
        tempfile::tempdir().unwrap(),
        port,
        &format!(
            "map $http_authorization $ask {{ default 'Bearer realm=\"{own}/token\",service=\"r\",scope=\"x\"'; }}\n\
             server {{ listen 127.0.0.1:{port};\n\
             location = /token {{ if ($http_authorization != '{basic}') {{ return 403; }} return 200 '{{\"token\":\"t0ken\"}}'; }}\n\
             location /v2/ {{ if ($http_authorization != 'Bearer t0ken') {{ add_header WWW-Authenticate $ask always; return 401; }}\n\
             proxy_pass http://127.0.0.1:{inner}; proxy_set_header Host $http_host; proxy_set_header Authorization '{basic}'; }} }}"
        ),
    );
    let upstream = Upstream::json("{}");
    let fleet = Fleet::new(&upstream);
    fleet.author.write("pw", "pw\n");
    let login = ["--plain-http", "--username", "ci", "--password-file", "pw"];
    let tag = format!("oci://127.0.0.1:{port}/team/clinic:prod");
    let push = |to: &str| fleet.does(&[&["bundle", "push", "b.tar.gz", to], &login[..]].concat());
    fleet.build(1, POLICIES);
    let said = push(&tag);
    let pinned = format!("oci://{}", said.trim().rsplit_once("oci://").unwrap().1);
    let password = fleet.author.path("pw");
    let access = format!("plain_http: true, username: ci, password_file: {}", password.display());
    fleet.takes(&format!("source: '{tag}', keep: kept, {access}"));
    let sidecar = Sidecar::start(&fleet.sidecar);
    assert_eq!(status(&sidecar), 200);
    fleet.build(2, DENY);
    push(&tag);
    wait("the new bundle", || (status(&sidecar) == 403).then_some(()));
    // While nothing changes only the manifest is asked for.
    let blobs = || front.log("access.log").matches("/blobs/sha256:").count();
    let before = blobs();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(blobs(), before);
    // By digest it is what it was, and straight from the registry by the password alone.
    let show = |from: &str| fleet.does(&[&["bundle", "show", from], &login[..]].concat());
    assert!(pinned.contains("@sha256:") && show(&pinned).starts_with("clinic@1,"), "{pinned}");
    let straight = tag.replace(&port.to_string(), &registry.port.to_string());
    assert!(show(&straight).starts_with("clinic@2,"));
    let stranger = fleet.palisade(&["bundle", "show", &straight, "--plain-http"]);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(!front.log("access.log").contains("401 Bearer"), "{}", front.log("access.log"));
}

#[test]
fn a_redirect_is_followed_without_the_credential() {
    if !have("nginx") {
        return;
    }
    let (first, second) = (port(), port());
    let server = Server::nginx(
        tempfile::tempdir().unwrap(),
        first,
        &format!(
            "server {{ listen 127.0.0.1:{first}; root DIR/www;\n\
             location /own/ {{ return 302 /b.tar.gz; }}\n\
             location /other/ {{ return 307 http://127.0.0.1:{second}/b.tar.gz; }}\n\
             location /round/ {{ return 302 /round/; }} }}\n\
             server {{ listen 127.0.0.1:{second}; root DIR/www; access_log DIR/second.log told; }}"
        ),
    );
    let fleet = Fleet::new(&Upstream::json("{}"));
    let built = fleet.build(1, POLICIES);
    fs::copy(built, server.folder.path().join("www/b.tar.gz")).unwrap();
    fleet.author.write("token", "s3cret");
    let get = |path: &str| {
        let url = format!("http://127.0.0.1:{first}{path}");
        fleet.palisade(&["bundle", "show", &url, "--plain-http", "--bearer-token-file", "token"])
    };
    assert!(get("/own/").status.success());
    assert!(get("/other/").status.success());
    let log = server.log("access.log");
    assert!(
        log.contains("GET /b.tar.gz 200 Bearer s3cret") && log.contains("GET /other/ 307 Bearer s3cret"),
        "{log}"
    );
    assert_eq!(server.log("second.log"), "GET /b.tar.gz 200 -\n");
    let round = get("/round/");
    assert_eq!(round.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&round.stderr).contains("leads on and on"), "{round:?}");
}

/// A server that answers each connection with these bytes, slowly, and closes.
fn raw(answer: Vec<u8>, pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut head = [0; 1024];
                drop(stream.read(&mut head));
                for piece in answer.chunks(64) {
                    if stream.write_all(piece).is_err() {
                        return;
                    }
                    std::thread::sleep(pause);
                }
            });
        }
    });
    port
}

#[test]
fn what_breaks_off_crawls_or_never_ends_is_given_up() {
    let fleet = Fleet::new(&Upstream::json("{}"));
    let bundle = fs::read(fleet.build(1, POLICIES)).unwrap();
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    let get = |port: u16| {
        let url = format!("http://127.0.0.1:{port}/b.tar.gz");
        let started = Instant::now();
        let output = fleet.palisade(&["bundle", "show", &url, "--plain-http", "--timeout", "1"]);
        (output, started.elapsed())
    };
    let none = Duration::ZERO;
    let (whole, _) = get(raw([head(bundle.len()), bundle.clone()].concat(), none));
    assert!(whole.status.success(), "{whole:?}");
    let half = bundle.split_at(bundle.len() / 2).0.to_vec();
    let (broken, _) = get(raw([head(bundle.len()), half.clone()].concat(), none));
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    assert!(String::from_utf8_lossy(&broken.stderr).contains("broke off"), "{broken:?}");
    // Without a length the end is anywhere; the bundle itself knows better.
    let (endless, _) = get(raw([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), half].concat(), none));
    assert_eq!(endless.status.code(), Some(3), "{endless:?}");
    let (slow, took) = get(raw([head(bundle.len()), bundle].concat(), Duration::from_millis(400)));
    assert_eq!(slow.status.code(), Some(1), "{slow:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (large, _) = get(raw([head(usize::MAX / 2), vec![b' '; 1000]].concat(), none));
    assert!(String::from_utf8_lossy(&large.stderr).contains("it has more than"), "{large:?}");
    let (plain, _) = {
        let url = "http://127.0.0.1:9/b.tar.gz";
        (fleet.palisade(&["bundle", "show", url]), ())
    };
    assert!(String::from_utf8_lossy(&plain.stderr).contains("plain_http"), "{plain:?}");
}

#[test]
fn build_refuses_what_check_refuses_and_gives_the_same_bytes_for_the_same_files() {
    let fleet = Fleet::new(&Upstream::json("{}"));
    let build = |file: &str, key: &str| {
        let created = ["--created", "2026-11-20T12:00:00Z"];
        let arguments = ["bundle", "build", "--name", "clinic", "--version", "1", "--key", key, file];
        fleet.palisade(&[&arguments[..], &created].concat())
    };
    assert!(build("one", "k.key").status.success() && build("two", "k.key").status.success());
    let bytes = |file: &str| fs::read(fleet.author.path(file)).unwrap();
    assert_eq!(bytes("one"), bytes("two"));
    // A snapshot of the bundle is that of the folder.
    let digest = |config: &std::path::Path| {
        let config = config.display().to_string();
        let said: serde_json::Value =
            serde_json::from_str(&fleet.does(&["check", "-o", "json", "-c", &config])).unwrap();
        said["snapshot"]["digest"].as_str().unwrap().to_owned()
    };
    fleet.takes(&format!("source: {}", fleet.author.path("one").display()));
    assert_eq!(digest(&fleet.sidecar.path("palisade.yaml")), digest(&fleet.author.path("palisade.yaml")));
    // A policy that is wrong, and a test that names what does not exist.
    fleet.author.write("policies/main.cedar", "permit (principal, action, resouce);");
    assert_eq!(build("three", "k.key").status.code(), Some(3));
    fleet.author.write("policies/main.cedar", POLICIES);
    fleet.author.write("policies/main_test.yaml", "tests: [{name: x, tenant: nowhere}]");
    assert_eq!(build("three", "k.key").status.code(), fleet.palisade(&["check"]).status.code());
    assert_eq!(build("three", "k.key").status.code(), Some(3));
    assert!(!fleet.author.path("three").exists());
    // Nor is a bundle made of a bundle.
    fleet.author.write("palisade.yaml", &fleet.sidecar.read("palisade.yaml"));
    assert_eq!(build("three", "k.key").status.code(), Some(3));
    assert_eq!(fleet.palisade(&["bundle", "keygen", "k"]).status.code(), Some(2));
}
