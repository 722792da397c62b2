//! What is sent again and what never is, over a network that cuts, resets, stalls and trickles; and an app that fails and is left alone.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::faults::Fault;
use common::faults::Faults;
use common::faults::Way;
use common::faults::What;
use common::json_answer;
use common::key;

fn start(upstream: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(SocketAddr::from(([127, 0, 0, 1], 1)));
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    folder.write("palisade.yaml", &config.replace("address: 127.0.0.1:1", upstream));
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The next number that looks random.
fn draw(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 33).unwrap()
}

/// What befalls a connection with this number.
fn fault(number: usize, seed: u64) -> Option<Fault> {
    let mut seed = ((seed + 1) * 0x9e37_79b9) ^ ((u64::try_from(number).unwrap() + 1) * 0x85eb_ca6b);
    for _ in 0..4 {
        draw(&mut seed);
    }
    let what = match draw(&mut seed) % 6 {
        0 => What::Cut,
        1 | 2 => What::Reset,
        3 => What::HalfClose,
        4 => What::Trickle(Duration::from_micros(300)),
        _ => return None,
    };
    let way = if draw(&mut seed).is_multiple_of(2) { Way::Request } else { Way::Answer };
    Some(Fault { way, after: draw(&mut seed) % 1_500, what })
}

#[test]
fn no_request_is_executed_twice_wherever_its_connection_breaks() {
    for seed in 0..3 {
        let app = Upstream::json("{\"a\":1}");
        let flaky: Vec<Faults> = (0..2)
            .map(|one| Faults::before(app.address, move |number| fault(number * 2 + one, seed)))
            .collect();
        let endpoints = flaky.iter().map(|one| format!("'{}'", one.address)).collect::<Vec<_>>().join(", ");
        let upstream =
            format!("endpoints: [{endpoints}], retries: 3, eject: {{failures: 0}}, idle_timeout: 2s");
        let (folder, sidecar) = start(&upstream);
        let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
        let mut client = Client::connect(sidecar.data);
        for id in 0..120 {
            let (method, body) = [("GET", ""), ("POST", "{\"b\":2}"), ("PUT", "{}"), ("POST", "")][id % 4];
            let head = format!(
                "{method} /plain?id={id:03} HTTP/1.1\r\ncontent-type: application/json\r\n{}",
                key("ann")
            );
            let answer = match client.try_ask(&head, body.as_bytes()) {
                Ok(answer) => answer,
                // A broken answer breaks the client's connection too.
                Err(_) => {
                    client = Client::connect(sidecar.data);
                    *answers.entry(0).or_default() += 1;
                    continue;
                }
            };
            assert!([200, 502, 504].contains(&answer.status), "seed {seed}, {id}: {}", answer.text());
            *answers.entry(answer.status).or_default() += 1;
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for head in app.heads() {
            let id = head.split_once("id=").unwrap().1.chars().take(3).collect();
            *seen.entry(id).or_default() += 1;
        }
        assert!(seen.values().all(|times| *times == 1), "seed {seed}: {seen:?}");
        assert!(
            answers.len() > 1 && answers.get(&200).is_some_and(|many| *many > 20),
            "seed {seed}: {answers:?}"
        );
        assert_eq!(folder.records("decision", 120).len(), 120);
    }
}

#[test]
fn an_endpoint_that_is_away_costs_no_request() {
    let app = Upstream::json("{}");
    let (_folder, sidecar) =
        start(&format!("endpoints: ['{}', '{}'], eject: {{failures: 5}}", nobody(), app.address));
    for id in 0..40 {
        let answer = sidecar.ask(&format!("POST /plain?id={id} HTTP/1.1\r\n{}", key("ann")));
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
    }
    assert_eq!(app.heads().len(), 40);
    let ready = sidecar.admin("/readyz?verbose").text();
    assert!(ready.contains(": fails, and is left alone for a while\n"), "{ready}");
}

/// A proxy whose first connections end once the request has passed, before a byte of the answer.
fn breaks_first(app: &Upstream, times: usize, after: usize) -> Faults {
    Faults::before(app.address, move |number| {
        (number < times).then_some(Fault { way: Way::Answer, after, what: What::Reset })
    })
}

/// More of the configuration, a request and its body, how often and after how many bytes the answer breaks off, the status, and what the app saw.
type Case = (&'static str, &'static str, &'static [u8], usize, usize, u16, usize);

#[test]
fn what_the_app_may_have_seen_is_sent_again_only_where_that_is_asked_for_and_harmless() {
    let app = Upstream::json("{\"a\":1}");
    let seen = || app.heads().len();
    let ask = |upstream: &str, head: &str, body: &[u8]| {
        let (_folder, sidecar) = start(upstream);
        let head = format!("{head} HTTP/1.1\r\ncontent-type: application/json\r\n{}", key("ann"));
        Client::connect(sidecar.data).ask(&head, body).status
    };
    let cases: [Case; 8] = [
        // Not asked for.
        ("", "GET /plain", b"", 1, 0, 502, 1),
        (", retry_idempotent: true", "GET /plain", b"", 1, 0, 200, 2),
        (", retry_idempotent: true", "PUT /plain", b"", 1, 0, 200, 2),
        (", retry_idempotent: true", "POST /plain", b"", 1, 0, 502, 1),
        (", retry_idempotent: true", "PUT /plain", b"{}", 1, 0, 502, 1),
        // Some of an answer was there.
        (", retry_idempotent: true", "GET /plain", b"", 1, 5, 502, 1),
        // As often as is said, and no more.
        (", retry_idempotent: true", "GET /plain", b"", 2, 0, 502, 2),
        (", retry_idempotent: true, retries: 2", "GET /plain", b"", 2, 0, 200, 3),
    ];
    for (more, head, body, times, after, status, requests) in cases {
        let before = seen();
        let flaky = breaks_first(&app, times, after);
        let found = ask(&format!("address: '{}'{more}", flaky.address), head, body);
        assert_eq!((found, seen() - before), (status, requests), "{more}; {head}; {times}; {after}");
    }
}

#[test]
fn requests_are_sent_again_within_a_budget() {
    let app = Upstream::json("{}");
    let flaky = breaks_first(&app, usize::MAX, 0);
    let (_folder, sidecar) = start(&format!(
        "address: '{}', retry_idempotent: true, retries: 10, eject: {{failures: 0}}",
        flaky.address
    ));
    let began = Instant::now();
    for _ in 0..60 {
        let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
        assert_eq!(answer.code(), "unreachable");
    }
    let again = app.heads().len() - 60;
    // One in five, ten to begin with, and ten in each second.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((10..=12 + 10 + 10 * seconds).contains(&again), "{again} in {seconds} s");
}

#[test]
fn a_circuit_that_is_open_refuses_at_once_and_one_request_tries_whether_the_app_is_back() {
    let app = Upstream::json("{}");
    let away = Arc::new(AtomicUsize::new(1));
    let is_away = Arc::clone(&away);
    let flaky = Faults::before(app.address, move |_| {
        let what = Fault { way: Way::Answer, after: 0, what: What::Reset };
        (is_away.load(Ordering::SeqCst) > 0).then_some(what)
    });
    let (folder, sidecar) = start(&format!(
        "address: '{}', eject: {{failures: 3, base: 700ms, most: 700ms, refuse: true}}",
        flaky.address
    ));
    let ask = || sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    for _ in 0..3 {
        assert_eq!(ask().code(), "unreachable");
    }
    let open = ask();
    assert_eq!((open.status, open.code()), (503, "circuit_open".to_owned()));
    assert!(open.headers.contains_key("retry-after"));
    // While it is left alone the app hears nothing; when it is tried it hears of one request at a time.
    let (mut refused, mut tried) = (0, 0);
    let end = Instant::now() + Duration::from_secs(20);
    while tried < 2 {
        match ask().code().as_str() {
            "circuit_open" => refused += 1,
            "unreachable" => tried += 1,
            other => assert_eq!(other, "circuit_open"),
        }
        assert!(Instant::now() < end, "it is never tried");
    }
    assert!(refused > 5 && app.heads().len() == 5, "{refused}, {}", app.heads().len());
    away.store(0, Ordering::SeqCst);
    while ask().status != 200 {
        assert!(Instant::now() < end, "it is never back");
    }
    assert_eq!(ask().status, 200);
    let outcomes = folder.records("outcome", 5);
    assert!(outcomes.iter().any(|outcome| outcome["ended"] == "circuit_open"));
}

#[test]
fn over_its_requests_an_endpoint_gets_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sidecar, mut held) = (start(&format!("address: '{address}', requests_max: 2")), Vec::new());
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(sidecar.1.data)).collect();
    for client in &mut clients {
        client.send(format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann")).as_bytes()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut piece = [0; 4096];
        assert!(stream.read(&mut piece).unwrap() > 0);
        held.push(stream);
    }
    let answer = sidecar.1.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((answer.status, answer.code()), (503, "overloaded".to_owned()));
    for (client, stream) in clients.iter_mut().zip(&mut held) {
        stream.write_all(&json_answer("{}")).unwrap();
        assert_eq!(client.read_answer(false).unwrap().status, 200);
    }
}
