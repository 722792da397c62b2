//! What tenants may do: a real sidecar, literal bytes, and an app that counts what reaches it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::Read;
use std::io::Write;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::connect;
use common::json_answer;
use common::key;

/// Two customers, of which one may do so much.
fn tenants(limits: &str) -> String {
    format!(
        "tenants:\n  acme: {{tier: gold, limits: {{{limits}}}, tenants: {{west: {{}}}}}}\n  globex: {{tier: gold}}\n"
    )
}

fn folder(upstream: &Upstream, limits: &str, config: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    folder.write("tenants.yaml", &tenants(limits));
    let text = folder.read("palisade.yaml").replace("workers: 2", &format!("workers: 2\n{config}"));
    folder.write("palisade.yaml", &text);
    folder
}

fn start(upstream: &Upstream, limits: &str) -> (Folder, Sidecar) {
    let folder = folder(upstream, limits, "");
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn get(who: &str) -> String {
    format!("GET /plain HTTP/1.1\r\n{}", key(who))
}

/// The lines of a raw answer's head.
fn head(answer: &str) -> Vec<&str> {
    answer.split("\r\n").take_while(|line| !line.is_empty()).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What answers the key of RFC 6455's example.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An app that answers `acme` only once it is told to.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>, Arc<AtomicUsize>);

impl Gate {
    fn upstream(&self) -> Upstream {
        let gate = self.clone();
        Upstream::start(move |head, _| {
            if head.contains("x-palisade-caller-tenant: acme\r\n") {
                gate.1.fetch_add(1, Ordering::SeqCst);
                let (open, told) = &*gate.0;
                drop(told.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            }
            Some(json_answer("{}"))
        })
    }

    fn waiting(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn a_tenant_over_its_rate_is_told_when_to_come_again_and_no_other_one_notices() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(&upstream, "requests: 5/h");
    let raw = |who: &str| sidecar.raw(format!("{}Host: a\r\nConnection: close\r\n\r\n", get(who)).as_bytes());
    let first = raw("ann");
    let lines = head(&first);
    assert!(lines.starts_with(&["HTTP/1.1 200 OK"]), "{first}");
    assert!(lines.contains(&"ratelimit-policy: \"requests\";q=5;w=3600"), "{first}");
    assert!(lines.contains(&"ratelimit: \"requests\";r=4;t=720"), "{first}");
    // Those below share what is above them, on whatever worker they land.
    for who in ["wes", "ann", "des", "ann"] {
        assert!(raw(who).starts_with("HTTP/1.1 200 OK\r\n"), "{who}");
    }
    for _ in 0..30 {
        let refused = raw("wes");
        let lines = head(&refused);
        assert!(lines.starts_with(&["HTTP/1.1 429 Too Many Requests"]), "{refused}");
        assert!(lines.contains(&"content-type: application/problem+json"), "{refused}");
        assert!(lines.contains(&"ratelimit-policy: \"requests\";q=5;w=3600"), "{refused}");
        let value = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let wait: u64 = value("retry-after: ").parse().unwrap();
        assert!((600..=720).contains(&wait), "{refused}");
        assert_eq!(value("ratelimit: "), format!("\"requests\";r=0;t={wait}"));
        assert!(refused.contains("\"code\":\"rate_limited\""), "{refused}");
        assert!(!refused.contains("acme"), "{refused}");
        let other = raw("gil");
        assert!(other.starts_with("HTTP/1.1 200 OK\r\n") && !other.contains("ratelimit"), "{other}");
    }
    assert_eq!(upstream.seen.lock().unwrap().len(), 35);
    let records = folder.records("decision", 65);
    assert_eq!(records.len(), 65, "one record for each");
    let refused: Vec<_> = records.iter().filter(|record| record["decision"] == "deny").collect();
    assert_eq!(refused.len(), 30);
    for record in refused {
        assert_eq!(record["code"], "rate_limited");
        assert_eq!(record["limited_by"], "acme");
        assert_eq!(record["principal"]["id"], "wes");
        assert_eq!(record["http"]["status"], 429);
        assert_eq!(record["resource"], "GET /plain");
    }
    let metrics = || sidecar.admin("/metrics").text();
    until("it is counted", || metrics().contains("palisade_refusals_total{code=\"rate_limited\"} 30"));
    let has = |line: &str| assert!(metrics().lines().any(|known| known == line), "{line} in {}", metrics());
    has("palisade_tenant_limit_used_ratio{limit=\"requests\",tenant=\"acme\"} 0.99");
    until("it is warned", || sidecar.logged().contains("four fifths"));
    assert_eq!(sidecar.logged().matches("four fifths").count(), 1);
    has("palisade_tenant_limit_warnings_total{limit=\"requests\"} 1");
}

#[test]
fn an_edit_of_a_limit_holds_from_then_on() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(&upstream, "requests: 1/h");
    let mut client = Client::connect(sidecar.data);
    assert_eq!([client.ask(&get("ann"), b"").status, client.ask(&get("ann"), b"").status], [200, 429]);
    folder.write("tenants.yaml", &tenants("requests: 1000000/s"));
    until("the new limit holds", || client.ask(&get("ann"), b"").status == 200);
    folder.write("tenants.yaml", &tenants(""));
    until("no limit is told", || !client.ask(&get("ann"), b"").headers.contains_key("ratelimit"));
    folder.write("tenants.yaml", &tenants("concurrent: 0"));
    until("a bad edit is told", || sidecar.logged().contains("bad-limit"));
    assert_eq!(client.ask(&get("ann"), b"").status, 200);
}

#[test]
fn a_tenant_with_all_its_places_taken_is_refused_until_one_is_free() {
    let gate = Gate::default();
    let upstream = gate.upstream();
    let (folder, sidecar) = start(&upstream, "concurrent: 2");
    let held: Vec<_> = (0..2)
        .map(|_| {
            let address = sidecar.data;
            std::thread::spawn(move || Client::connect(address).ask(&get("ann"), b"").status)
        })
        .collect();
    until("two are under way", || gate.waiting() == 2);
    for _ in 0..10 {
        let refused = sidecar.ask(&get("ann"));
        assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_concurrent"));
        assert_eq!(refused.headers["retry-after"], "1");
        assert_eq!(sidecar.ask(&get("gil")).status, 200);
    }
    gate.open();
    for thread in held {
        assert_eq!(thread.join().unwrap(), 200);
    }
    assert_eq!(sidecar.ask(&get("ann")).status, 200);
    assert_eq!(upstream.seen.lock().unwrap().len(), 13);
    let refused = |record: &serde_json::Value| record["code"] == "too_many_concurrent";
    assert_eq!(folder.records("decision", 23).iter().filter(|record| refused(record)).count(), 10);
}

#[test]
fn a_client_that_leaves_frees_its_place() {
    let gate = Gate::default();
    let upstream = gate.upstream();
    let (_folder, sidecar) = start(&upstream, "concurrent: 1");
    let mut stream = connect(sidecar.data);
    stream.write_all(format!("{}Host: a\r\n\r\n", get("ann")).as_bytes()).unwrap();
    until("it is under way", || gate.waiting() == 1);
    assert_eq!(sidecar.ask(&get("ann")).status, 429);
    drop(stream);
    gate.open();
    until("its place is free", || sidecar.ask(&get("ann")).status == 200);
}

#[test]
fn a_websocket_holds_its_place_until_it_is_over_and_its_bytes_are_counted() {
    let upstream = Upstream::start(|head, _| {
        Some(if head.contains("sec-websocket-key: ") {
            format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n").into_bytes()
        } else {
            json_answer("{}")
        })
    });
    let folder = folder(&upstream, "concurrent: 1, bytes: 1KiB/day", "");
    folder.write(
        "routes.yaml",
        "routes:\n  - {method: GET, path: /live, websocket: true}\n  - {method: GET, path: /plain}\n",
    );
    let sidecar = Sidecar::start(&folder);
    let mut stream = connect(sidecar.data);
    let asks = format!(
        "GET /live HTTP/1.1\r\nHost: a\r\n{}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        key("ann")
    );
    stream.write_all(asks.as_bytes()).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 101");
    let refused = sidecar.ask(&get("ann"));
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_concurrent"));
    // A message of 1,200 zeros, masked with zeros.
    let mut message = vec![0x82, 0x80 | 126, 4, 176, 0, 0, 0, 0];
    message.resize(8 + 1_200, 0);
    stream.write_all(&message).unwrap();
    until("its bytes are spent", || sidecar.ask(&get("ann")).code() == "quota_spent");
    drop(stream);
    assert_eq!(sidecar.ask(&get("gil")).status, 200);
}

#[test]
fn bytes_of_the_day_are_those_of_both_directions() {
    let upstream = Upstream::start(|_, _| Some(json_answer(&format!("\"{}\"", "x".repeat(598)))));
    let (folder, sidecar) = start(&upstream, "bytes: 2KiB/day");
    let post = format!("POST /plain HTTP/1.1\r\ncontent-type: application/octet-stream\r\n{}", key("ann"));
    let first = sidecar.ask(&get("ann"));
    assert_eq!((first.status, first.body.len()), (200, 600));
    assert!(first.headers["ratelimit"].starts_with("\"bytes\";r=2048;t="), "{first:?}");
    assert_eq!(first.headers["ratelimit-policy"], "\"bytes\";q=2048;qu=\"content-bytes\";w=86400");
    let second = Client::connect(sidecar.data).ask(&post, &[b'y'; 900]);
    assert_eq!((second.status, second.body.len()), (200, 600));
    let refused = sidecar.ask(&get("wes"));
    assert_eq!((refused.status, refused.code().as_str()), (429, "quota_spent"));
    let wait: u64 = refused.headers["retry-after"].parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(sidecar.ask(&get("gil")).status, 200);
    assert_eq!(upstream.seen.lock().unwrap().len(), 3);
    let records = folder.records("decision", 4);
    assert_eq!(records.iter().filter(|record| record["code"] == "quota_spent").count(), 1);
}

#[test]
fn a_grpc_caller_is_told_in_its_own_terms() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream, "requests: 1/h");
    assert_eq!(sidecar.ask(&get("ann")).status, 200);
    let call = format!(
        "POST /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\ncontent-type: application/grpc\r\n{}\r\n",
        key("ann")
    );
    let refused = sidecar.raw(call.as_bytes());
    let lines = head(&refused);
    assert!(lines.starts_with(&["HTTP/1.1 200 OK"]), "{refused}");
    assert!(lines.contains(&"grpc-status: 8") && lines.contains(&"grpc-message: rate_limited"), "{refused}");
    assert!(lines.iter().any(|line| line.starts_with("retry-after: ")), "{refused}");
    assert_eq!(upstream.seen.lock().unwrap().len(), 1);
}

#[test]
fn an_address_whose_credentials_fail_is_slowed_and_who_is_known_there_is_not() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "", "limits: {unidentified: {requests: 3/h}}");
    let text = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    folder.write("palisade.yaml", &text);
    let sidecar = Sidecar::start(&folder);
    assert_eq!(sidecar.ask(&get("ann")).status, 200);
    let bad = "GET /plain HTTP/1.1\r\nx-api-key: ann.wrong-wrong-wrong-wrong-wrong-wrong\r\n";
    for _ in 0..3 {
        assert_eq!(sidecar.ask(bad).code(), "bad_credential");
    }
    for _ in 0..5 {
        let refused = sidecar.ask(bad);
        assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_failures"));
        let wait: u64 = refused.headers["retry-after"].parse().unwrap();
        assert!((1_000..=1_200).contains(&wait), "{wait}");
    }
    // Nobody learns whether it would have been right, but of those who were known before.
    assert_eq!(sidecar.ask(&get("gil")).code(), "too_many_failures");
    assert_eq!(sidecar.ask(&get("ann")).status, 200);
    assert_eq!(upstream.seen.lock().unwrap().len(), 2);
    assert_eq!(folder.records("decision", 11).len(), 11);
}

#[test]
fn a_worker_with_too_much_to_do_sheds_before_anything_is_done() {
    let gate = Gate::default();
    let upstream = gate.upstream();
    let folder = folder(&upstream, "", "limits: {requests_in_flight: 2}");
    let text = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    folder.write("palisade.yaml", &text);
    let sidecar = Sidecar::start(&folder);
    let held: Vec<_> = (0..2)
        .map(|_| {
            let address = sidecar.data;
            std::thread::spawn(move || Client::connect(address).ask(&get("ann"), b"").status)
        })
        .collect();
    until("two are under way", || gate.waiting() == 2);
    for _ in 0..5 {
        // Not even the credential is looked at.
        let shed = sidecar.ask("GET /plain HTTP/1.1\r\n");
        assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"));
        assert_eq!(
            (shed.headers["retry-after"].as_str(), shed.headers["connection"].as_str()),
            ("1", "close")
        );
    }
    gate.open();
    for thread in held {
        assert_eq!(thread.join().unwrap(), 200);
    }
    until("there is room again", || sidecar.ask(&get("gil")).status == 200);
    assert_eq!(
        folder.records("decision", 8).iter().filter(|record| record["code"] == "overloaded").count(),
        5
    );
}

#[test]
fn callers_need_not_be_told_what_is_left() {
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, "requests: 2/h", "limits: {rate_limit_fields: false, tenants_shown: 0}");
    let sidecar = Sidecar::start(&folder);
    for status in [200, 200, 429] {
        let answer = sidecar.ask(&get("ann"));
        assert_eq!(answer.status, status);
        assert!(!answer.headers.keys().any(|name| name.starts_with("ratelimit")), "{answer:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == 429);
    }
    assert!(!sidecar.admin("/metrics").text().contains("tenant_limit_used_ratio"));
}

#[test]
fn a_tenant_that_is_being_worked_on_is_closed_for_as_long_as_it_says() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let tenants = |status: &str| {
        format!(
            "tenants:\n  acme: {{retry_after: 10m, tenants: {{west: {{status: {status}}}}}}}\n  globex: {{}}\n"
        )
    };
    folder.write("tenants.yaml", &tenants("maintenance"));
    let sidecar = Sidecar::start(&folder);
    let raw = |who: &str, more: &str| {
        sidecar.raw(format!("{}Host: a\r\nConnection: close\r\n{more}\r\n", get(who)).as_bytes())
    };
    for closed in [raw("wes", ""), raw("ann", "x-tenant: acme/west\r\n")] {
        let lines = head(&closed);
        assert!(lines.starts_with(&["HTTP/1.1 503 Service Unavailable"]), "{closed}");
        assert!(lines.contains(&"retry-after: 600"), "{closed}");
        assert!(closed.contains("\"code\":\"maintenance\""), "{closed}");
    }
    for open in [raw("ann", ""), raw("gil", "")] {
        assert!(open.starts_with("HTTP/1.1 200 OK\r\n"), "{open}");
    }
    assert_eq!(upstream.seen.lock().unwrap().len(), 2);
    let records = folder.records("decision", 4);
    assert_eq!(records.iter().filter(|record| record["code"] == "maintenance").count(), 2);
    folder.write("tenants.yaml", &tenants("active"));
    until("it is open again", || sidecar.ask(&get("wes")).status == 200);
}
