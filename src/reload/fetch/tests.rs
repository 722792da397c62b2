//! Keys that are fetched from a server of the test's own: what is taken, what is kept, what is refused, and how often.
//! A real provider is in `tests/oidc.rs`.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::TempDir;

use super::super::Change;
use super::super::Reloader;
use super::super::first;
use super::*;
use crate::config::Config;
use crate::config::FetchedKeys;
use crate::identity::Credential;
use crate::identity::Rejected;
use crate::limits;
use crate::snapshot::Live;

/// A server that answers each request with what was set last, and counts.
struct Server {
    url: String,
    answer: Arc<std::sync::Mutex<Vec<u8>>>,
    hits: Arc<AtomicUsize>,
    requests: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Server {
    fn new(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(std::sync::Mutex::new(answer.as_bytes().to_vec()));
        let (hits, requests) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let server = Self { url, answer, hits, requests };
        let (answer, hits) = (Arc::clone(&server.answer), Arc::clone(&server.hits));
        let requests = Arc::clone(&server.requests);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                hits.fetch_add(1, Ordering::SeqCst);
                requests.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = answer.lock().unwrap().clone();
                stream.write_all(&answer).ok();
            }
        });
        server
    }

    fn set(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.as_bytes().to_vec();
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

fn ok_with(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

fn ok(body: &str) -> String {
    ok_with("", body)
}

fn jwk(kid: &str) -> String {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","alg":"EdDSA","x":"{x}"}}"#)
}

fn jwks(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

const MS: fn(u64) -> Duration = Duration::from_millis;

fn config(server: &Server) -> FetchedKeys {
    let url = crate::remote::web_url(&server.url).unwrap();
    FetchedKeys {
        at: 0,
        issuer: "https://id.example".into(),
        shown: server.url.as_str().into(),
        place: crate::config::KeyPlace::Url(url),
        algorithms: Vec::new(),
        refresh: Duration::from_secs(3_600),
        cool_down: MS(200),
        max_stale: Duration::from_secs(7_200),
        access: crate::remote::Access {
            timeout: Duration::from_secs(2),
            plain_http: true,
            ..Default::default()
        },
    }
}

fn text(keys: &Keys) -> Option<String> {
    keys.source().map(|source| source.text.to_string())
}

fn wait<T>(what: &str, done: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(MS(5));
    }
}

#[test]
fn what_cannot_be_used_leaves_the_last_good_keys_in_place() {
    let good = jwks(&[jwk("a")]);
    let server = Server::new(&ok(&good));
    let keys = Keys::new(&Arc::new(config(&server)));
    assert_eq!((text(&keys), keys.told().is_usable), (None, false));
    assert!(keys.fetch());
    let first = text(&keys).unwrap();
    let secret = r#"{"keys":[{"kty":"oct","kid":"x","k":"c2VjcmV0"}]}"#;
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(limits::JWKS_BYTES_MAX));
    for (answer, why) in [
        (ok(""), "cannot be used"),
        (ok("{"), "cannot be used"),
        (ok(r#"{"keys":[]}"#), "no key of this set can verify a token"),
        (ok(&jwks(&[jwk("a"), jwk("a")])), "two keys have the `kid`"),
        (ok(secret), "a secret or private key"),
        (ok(&huge), "more than"),
        (ok("\u{fffd}").replace("content-length: 3", "content-length: 30"), "broke off"),
        (
            "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "leads elsewhere",
        ),
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_owned(), "answered 500"),
        ("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(), "answered 304"),
        ("nonsense".to_owned(), ""),
        (String::new(), ""),
    ] {
        server.set(&answer);
        assert!(!keys.fetch(), "{answer}");
        assert_eq!(text(&keys).as_deref(), Some(&*first), "{answer}");
        let told = keys.told();
        assert!(told.failed.as_ref().is_some_and(|said| said.contains(why)), "{why}: {told:?}");
        assert!(told.is_usable && !told.line().0);
    }
    assert_eq!(keys.told().counts, [1, 0, 12]);
    server.set(&ok(&jwks(&[jwk("b")])));
    assert!(keys.fetch());
    assert!(text(&keys).unwrap().contains(r#""kid":"b""#) && keys.told().line().0);
}

#[test]
fn the_same_keys_in_another_order_are_the_same_and_a_tag_saves_the_way() {
    let (a, b) = (jwk("a"), jwk("b"));
    let server = Server::new(&ok_with("etag: \"1\"\r\n", &jwks(&[a.clone(), b.clone()])));
    let keys = Keys::new(&Arc::new(config(&server)));
    assert!(keys.fetch());
    server.set(&ok_with("etag: \"2\"\r\n", &jwks(&[b, a])));
    assert!(!keys.fetch());
    server.set("HTTP/1.1 304 Not Modified\r\n\r\n");
    assert!(!keys.fetch());
    assert_eq!(keys.told().counts, [1, 2, 0]);
    let asked = server.requests.lock().unwrap().clone();
    let tag =
        |n: usize| asked[n].lines().find_map(|line| line.strip_prefix("if-none-match: ")).map(str::to_owned);
    assert_eq!([tag(0), tag(1), tag(2)], [None, Some("\"1\"".into()), Some("\"2\"".into())]);
}

#[test]
fn keys_that_are_too_old_are_given_out_no_longer() {
    let server = Server::new(&ok(&jwks(&[jwk("a")])));
    let keys = Keys::new(&Arc::new(FetchedKeys { max_stale: MS(150), ..config(&server) }));
    keys.fetch();
    assert!(text(&keys).is_some());
    server.set("");
    wait("their end", || text(&keys).is_none().then_some(()));
    let told = keys.told();
    assert!(
        !told.is_usable && told.line().1.contains("too long; its tokens are refused"),
        "{:?}",
        told.line()
    );
    keys.fetch();
    assert_eq!(text(&keys), None);
    // The same set, seen again, counts again.
    server.set(&ok(&jwks(&[jwk("a")])));
    assert!(keys.fetch());
    assert!(text(&keys).is_some());
}

#[test]
fn however_many_ask_there_is_one_fetch_in_a_cool_down() {
    let server = Server::new(&ok(&jwks(&[jwk("a")])));
    let config = config(&server);
    let (cool_down, begun) = (config.cool_down, Instant::now());
    let keys = Arc::new(Keys::new(&Arc::new(config)));
    let wanted = Arc::new(Wanted::default());
    let (heard, (ended, end)) = (wanted.listen(), sync_channel(1));
    let (wake, _woken) = sync_channel(1);
    let thread = std::thread::spawn(move || keys.run(&heard, &end, &wake));
    let asked = wait("five fetches", || {
        (0..1_000).for_each(|_| wanted.ask());
        (server.hits() >= 5).then(|| server.hits())
    });
    let most = begun.elapsed().as_millis() / cool_down.as_millis() + 1;
    assert!(asked as u128 <= most, "{asked} fetches where {most} could be");
    drop(ended);
    wanted.ask();
    thread.join().unwrap();
}

#[test]
fn a_server_may_say_how_long_its_keys_stay_within_bounds() {
    let server = Server::new("");
    let keys =
        Keys::new(&Arc::new(FetchedKeys { refresh: MS(10_000), cool_down: MS(1_000), ..config(&server) }));
    let pause_after = |headers: &str| {
        server.set(&ok_with(headers, &jwks(&[jwk("a")])));
        keys.fetch();
        keys.pause()
    };
    let around = |pause: Duration, most: u64| pause <= MS(most) && pause >= MS(most * 9 / 10);
    assert!(around(pause_after(""), 10_000));
    assert!(around(pause_after("cache-control: public, max-age=5\r\n"), 5_000));
    assert!(around(pause_after("cache-control: max-age=86400\r\n"), 10_000));
    assert_eq!(pause_after("cache-control: no-store\r\n"), MS(1_000));
    // A server that fails is left alone longer and longer, but not longer than one that answers.
    server.set("");
    let pauses: Vec<Duration> = (0..6).map(|_| (keys.fetch(), keys.pause()).1).collect();
    assert_eq!(pauses[0], MS(1_000));
    assert!(around(pauses[1], 2_000) && around(pauses[2], 4_000) && around(pauses[5], 10_000), "{pauses:?}");
}

/// A folder whose one issuer has its keys at a server.
struct Stand {
    folder: TempDir,
    server: Server,
}

impl Stand {
    fn new(answer: &str) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::new(answer));
        let stand = Self { folder, server };
        stand.write("tenants.yaml", "tenants: {acme: {region: eu, tier: gold}}\n");
        stand.write("p/p.cedar", "@id(\"p\") permit (principal, action, resource);\n");
        stand
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn config(&self) -> Config {
        let text = format!(
            "upstream: {{address: '127.0.0.1:9000'}}\npolicies: {{directory: p}}\nmodel: {{tenants: tenants.yaml}}\n\
             identity: {{issuers: [{{issuer: 'https://id.example', audiences: [app], jwks_url: '{}', \
             jwks_plain_http: true, jwks_cool_down: 1s, jwks_timeout: 2s}}]}}\n",
            self.server.url
        );
        let path = self.folder.path().join("palisade.yaml");
        Config::read(&path.to_string_lossy(), &text, &[], &|_| None).unwrap().0
    }

    fn start(&self) -> (Reloader, Arc<Live>) {
        let config = self.config();
        let (reading, checked) = first(&config.files, &config.settings);
        let live = Live::new(checked.unwrap());
        let slow = Duration::from_secs(3_600);
        let nothing = |_: &Change| {};
        let (files, settings) = (config.files.clone(), Arc::clone(&config.settings));
        (Reloader::start(files, settings, Arc::clone(&live), &reading, slow, nothing).unwrap(), live)
    }
}

/// A token of the issuer with this `kid`, signed by nobody.
fn token(kid: &str) -> String {
    let [header, claims] = [
        format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
        r#"{"iss":"https://id.example","sub":"ann","aud":"app","exp":2000000000}"#.to_owned(),
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]))
}

fn verdict(live: &Live, kid: &str) -> Rejected {
    live.current().keyring().verify(Credential::Bearer(token(kid).as_bytes()), 1_900_000_000).unwrap_err()
}

#[test]
fn an_issuer_without_keys_serves_nobody_until_they_come_and_a_token_of_a_new_key_brings_them() {
    let stand = Stand::new("");
    let (reloader, live) = stand.start();
    assert!(live.current().warnings().iter().any(|warning| warning.code == "keys-unreachable"));
    assert_eq!(verdict(&live, "a"), Rejected::NoKeys);
    assert!(!reloader.fetched()[0].is_usable);
    stand.server.set(&ok(&jwks(&[jwk("a")])));
    wait("the first keys", || (verdict(&live, "a") == Rejected::Signature).then_some(()));
    assert_eq!(verdict(&live, "b"), Rejected::UnknownKey);
    let before = live.current();
    stand.server.set(&ok(&jwks(&[jwk("a"), jwk("b")])));
    wait("the new key", || (verdict(&live, "b") == Rejected::Signature).then_some(()));
    assert_ne!(before.keyring().digest(), live.current().keyring().digest());
    assert_ne!(before.digest(), live.current().digest());
}

#[test]
fn a_broken_edit_keeps_no_fetched_keys_from_going() {
    let stand = Stand::new(&ok(&jwks(&[jwk("a")])));
    let (reloader, live) = stand.start();
    stand.write("p/p.cedar", "permit (principal, action, resouce);\n");
    wait("the refusal", || reloader.status().refused.clone());
    let generation = live.current().generation();
    // The key that somebody stole is withdrawn.
    stand.server.set(&ok(&jwks(&[jwk("b")])));
    wait("the new key", || (verdict(&live, "b") == Rejected::Signature).then_some(()));
    assert_eq!(verdict(&live, "a"), Rejected::UnknownKey);
    assert_eq!(live.current().generation(), generation + 1);
    wait("the refusal to be told again", || reloader.status().refused.clone());
    // The edit is taken back: what is live are the good files with the new keys, and nothing else happens.
    stand.write("p/p.cedar", "@id(\"p\") permit (principal, action, resource);\n");
    wait("the way back", || reloader.status().refused.is_none().then_some(()));
    assert_eq!((verdict(&live, "b"), live.current().generation()), (Rejected::Signature, generation + 1));
}

#[test]
fn nothing_is_fetched_for_an_editor() {
    let stand = Stand::new(&ok(&jwks(&[jwk("a")])));
    let config = stand.config();
    let reading = super::super::read_with(&config.files, &std::collections::BTreeMap::new());
    assert!(super::super::checked(&reading, &config.settings).is_ok());
    assert_eq!(stand.server.hits(), 0);
}
