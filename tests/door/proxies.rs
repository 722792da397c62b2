//! Proxies in front: what they say is heard, and what others say in their name is not.

use std::io::Read;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::WORKLOADS;
use super::World;
use super::common::Answer;
use super::common::Client;
use super::common::Folder;
use super::common::Sidecar;
use super::common::Upstream;
use super::common::connect;
use super::common::key;
use super::common::tls;
use super::get;
use super::until;

const TRUSTING: &str = "listen: {trusted_peers: ['127.0.0.0/8', 192.0.2.1], ";

/// A sidecar without TLS, with these keys under `listen`.
fn start(listen: &str) -> (Upstream, Folder, Sidecar) {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let config =
        folder.read("palisade.yaml").replace("listen: {", listen).replace("workers: 2", "workers: 1");
    let identity = config.lines().find(|line| line.starts_with("identity: ")).unwrap().to_owned();
    folder.write("palisade.yaml", &config.replace(&identity, WORKLOADS));
    let sidecar = Sidecar::start(&folder);
    (upstream, folder, sidecar)
}

fn said(lines: &str) -> String {
    format!("{}{lines}\r\n", get("/plain"))
}

const API: &str = "spiffe://prod.example/ns/billing/sa/api";

#[test]
fn what_others_say_in_a_proxys_name_is_not_heard() {
    let (upstream, folder, sidecar) = start("listen: {trusted_peers: [192.0.2.1, unix], ");
    let lines = format!(
        "x-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\nx-forwarded-host: evil\r\nforwarded: for=203.0.113.9\r\nx-forwarded-client-cert: URI={API}"
    );
    assert_eq!(sidecar.ask(&said(&lines)).status, 200);
    let alone = format!("GET /plain HTTP/1.1\r\nx-forwarded-client-cert: URI={API}\r\n");
    assert_eq!(sidecar.ask(&alone).code(), "unidentified");
    let records = folder.records("decision", 2);
    assert_eq!(records[0]["source_ip"], "127.0.0.1", "{}", records[0]);
    let head = &upstream.heads()[0];
    assert!(
        head.contains("x-forwarded-for: 127.0.0.1\r\n") && head.contains("x-forwarded-proto: http\r\n"),
        "{head}"
    );
    assert!(!head.contains("203.0.113.9") && !head.contains("spiffe") && !head.contains("evil"), "{head}");
}

#[test]
fn a_trusted_proxy_says_for_whom_it_connects() {
    let (upstream, folder, sidecar) = start(TRUSTING);
    let cases = [
        ("x-forwarded-for: 203.0.113.9", "203.0.113.9", "http"),
        ("x-forwarded-for: 203.0.113.9:4711", "203.0.113.9", "http"),
        ("x-forwarded-for: 1.2.3.4, 203.0.113.9, 127.0.0.7, 192.0.2.1", "203.0.113.9", "http"),
        ("x-forwarded-for: 1.2.3.4\r\nx-forwarded-for: 203.0.113.9", "203.0.113.9", "http"),
        ("x-forwarded-for: 127.0.0.9, 127.0.0.7", "127.0.0.9", "http"),
        ("x-forwarded-for: 2001:db8::7\r\nx-forwarded-proto: https", "2001:db8::7", "https"),
        ("x-forwarded-for: ::ffff:203.0.113.9\r\nx-forwarded-host: localhost", "203.0.113.9", "http"),
        ("forwarded: for=203.0.113.9;proto=https;by=_us", "203.0.113.9", "https"),
        (
            "forwarded: for=1.2.3.4;host=old, For=\"[2001:db8::7]:80\";Proto=HTTPS;host=localhost",
            "2001:db8::7",
            "https",
        ),
        ("x-forwarded-proto: https", "127.0.0.1", "https"),
        ("x-real-ip: 203.0.113.9", "127.0.0.1", "http"),
    ];
    for (lines, ..) in cases {
        assert_eq!(sidecar.ask(&said(lines)).status, 200, "{lines}");
    }
    let records = folder.records("decision", cases.len());
    for ((lines, ip, proto), (record, head)) in cases.iter().zip(records.iter().zip(upstream.heads())) {
        assert_eq!(record["source_ip"], *ip, "{lines}");
        let told = format!("x-forwarded-for: {ip}\r\n");
        assert!(
            head.contains(&told) && head.contains(&format!("x-forwarded-proto: {proto}\r\n")),
            "{lines}: {head}"
        );
        assert!(!head.contains("forwarded: ") || !head.contains("\r\nforwarded: "), "{head}");
    }
    // Somebody who is not told is nobody.
    assert_eq!(sidecar.ask(&said("forwarded: for=unknown")).status, 200);
    let head = upstream.heads().pop().unwrap();
    assert!(!head.contains("x-forwarded-for"), "{head}");
}

#[test]
fn what_a_trusted_proxy_says_unclearly_is_refused_and_on_record() {
    let (upstream, folder, sidecar) = start(TRUSTING);
    let many = format!("x-forwarded-for: {}", ["1.2.3.4"; 33].join(","));
    let cases = [
        "x-forwarded-for: ",
        "x-forwarded-for: unknown",
        "x-forwarded-for: 203.0.113.9,",
        "x-forwarded-for: 203.0.113.256",
        "x-forwarded-for: 203.0.113.09",
        "x-forwarded-for: 203.0.113.9:x",
        "x-forwarded-for: 203.0.113.9:123456",
        "x-forwarded-for: [2001:db8::7",
        "x-forwarded-for: evil.example",
        "x-forwarded-for: 203.0.113.9\r\nforwarded: for=203.0.113.9",
        "x-forwarded-proto: https\r\nx-forwarded-proto: http",
        "x-forwarded-proto: https, http",
        "x-forwarded-proto: gopher",
        "x-forwarded-host: evil.example",
        "x-forwarded-host: localhost\r\nx-forwarded-host: localhost",
        "x-forwarded-host: localhost, localhost",
        "forwarded: ",
        "forwarded: for",
        "forwarded: for=203.0.113.9,",
        "forwarded: for=203.0.113.9;for=1.2.3.4",
        "forwarded: for=2001:db8::7",
        "forwarded: for=\"203.0.113.9",
        "forwarded: for=\"203.0.113.9\\\"\"",
        "forwarded: for=203.0.113.9 proto=https",
        "forwarded: for=203.0.113.9;host=evil.example",
        "forwarded: for=203.0.113.9;secret=x",
        "forwarded: host=localhost;host=localhost",
        "x-forwarded-client-cert: ",
        "x-forwarded-client-cert: URI",
        "x-forwarded-client-cert: Evil=1;URI=spiffe://prod.example/a",
        "x-forwarded-client-cert: URI=\"spiffe://prod.example/a",
        "x-forwarded-client-cert: Hash=1\r\nx-forwarded-client-cert: URI=spiffe://prod.example/a",
        &many,
    ];
    for lines in cases {
        let answer = sidecar.ask(&said(lines));
        assert_eq!((answer.status, answer.code()), (400, "bad_forwarded".to_owned()), "{lines}");
    }
    assert!(upstream.heads().is_empty());
    assert_eq!(folder.records("decision", cases.len()).len(), cases.len(), "one record for each");
}

#[test]
fn a_trusted_proxy_names_the_workload_that_it_was_shown() {
    let (_upstream, folder, sidecar) = start(TRUSTING);
    let ask =
        |line: &str| sidecar.ask(&format!("GET /plain HTTP/1.1\r\nx-forwarded-client-cert: {line}\r\n"));
    let evil = "spiffe://evil.example/ns/billing/sa/api";
    for (line, code) in [
        (format!("By=spiffe://prod.example/us;Hash=00;Subject=\"CN=a,URI={evil}\";URI={API}"), ""),
        (format!("URI={evil},URI={API}"), ""),
        (format!("URI={API},URI={evil}"), "unidentified"),
        (format!("URI={API};URI={API}"), "unidentified"),
        ("Hash=00".to_owned(), "unidentified"),
        ("URI=spiffe://prod.example/ns/other".to_owned(), "bad_credential"),
    ] {
        let answer = ask(&line);
        match code {
            "" => assert_eq!(answer.status, 200, "{line}"),
            code => assert_eq!(answer.code(), code, "{line}"),
        }
    }
    let record = &folder.records("decision", 6)[0];
    assert_eq!(record["principal"]["id"], API);
    let acting = format!("{}x-forwarded-client-cert: URI={API}\r\n", get("/plain"));
    assert_eq!(sidecar.ask(&acting).status, 200);
    let record = folder.records("decision", 7).pop().unwrap();
    assert_eq!(record["principal"]["id"], "ann");
    assert!(record["principal"].to_string().contains(API), "{record}");
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header for a client with this last byte of its address.
fn header(client: [u8; 4]) -> Vec<u8> {
    [SIGNATURE, &[0x21, 0x11, 0, 12], &client, &[10, 0, 0, 1, 0x30, 0x39, 0, 80]].concat()
}

#[test]
fn a_load_balancer_says_for_whom_it_connects_before_anything_else() {
    let (upstream, folder, sidecar) =
        start("listen: {proxy_protocol: true, trusted_peers: ['127.0.0.0/8'], ");
    let ask = |start: &[u8], lines: &str| -> Answer {
        let mut stream = connect(sidecar.data);
        // Byte by byte: nothing depends on how it arrives.
        for byte in start {
            stream.write_all(&[*byte]).unwrap();
        }
        Client::over(stream).ask(&said(lines), b"")
    };
    let local = [SIGNATURE, &[0x20, 0, 0, 0]].concat();
    assert_eq!(ask(&header([203, 0, 113, 9]), "a: b").status, 200);
    assert_eq!(ask(&local, "a: b").status, 200);
    // The client itself is not trusted; a proxy behind the balancer is.
    assert_eq!(ask(&header([203, 0, 113, 9]), "x-forwarded-for: 198.51.100.1").status, 200);
    assert_eq!(ask(&header([127, 0, 0, 9]), "x-forwarded-for: 198.51.100.1").status, 200);
    let ips: Vec<_> =
        folder.records("decision", 4).iter().map(|record| record["source_ip"].clone()).collect();
    assert_eq!(ips, ["203.0.113.9", "127.0.0.1", "203.0.113.9", "198.51.100.1"]);
    assert_eq!(upstream.heads().len(), 4);
}

#[test]
fn a_balancers_connection_without_a_sound_header_is_refused_and_on_record() {
    let (upstream, folder, sidecar) =
        start("listen: {proxy_protocol: true, trusted_peers: ['127.0.0.0/8'], ");
    let whole = header([203, 0, 113, 9]);
    let request = format!("{}Host: a\r\n\r\n", get("/plain"));
    let cases: [(&str, Vec<u8>); 6] = [
        ("no header", request.clone().into_bytes()),
        ("version 1", format!("PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n{request}").into_bytes()),
        ("cut", whole[..20].to_vec()),
        ("a family that is none", [SIGNATURE, &[0x21, 0x55, 0, 0], request.as_bytes()].concat()),
        ("too long", [SIGNATURE, &[0x21, 0x11, 0xff, 0xff], request.as_bytes()].concat()),
        ("twice", [&whole[..], &whole, request.as_bytes()].concat()),
    ];
    for (what, bytes) in &cases {
        let answer = sidecar.raw(bytes);
        let code = if *what == "twice" { "bad_request_line" } else { "bad_proxy_header" };
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(code), "{what}: {answer}");
    }
    assert!(upstream.heads().is_empty());
    assert_eq!(folder.records("decision", cases.len()).len(), cases.len(), "one record for each");
    assert!(sidecar.raw(b"").is_empty(), "whoever only looks whether it is there");
}

#[test]
fn a_header_of_the_proxy_protocol_from_anybody_else_is_no_request() {
    let (upstream, _folder, sidecar) = start("listen: {proxy_protocol: true, trusted_peers: [192.0.2.1], ");
    let request = format!("{}Host: a\r\n\r\n", get("/plain"));
    let answer = sidecar.raw(&[&header([203, 0, 113, 9])[..], request.as_bytes()].concat());
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(upstream.heads().is_empty());
    assert_eq!(sidecar.ask(&get("/plain")).status, 200);
}

#[test]
fn the_header_stands_in_front_of_tls() {
    let world = World::start_with("", "proxy_protocol: true, trusted_peers: ['127.0.0.1'], ", "", |_| {});
    let mut stream = connect(world.address());
    stream.write_all(&header([203, 0, 113, 9])).unwrap();
    let mut client = Client::over(tls::over(stream, &world.client()).unwrap());
    assert_eq!(client.ask(&get("/plain"), b"").status, 200);
    assert_eq!(world.folder.records("decision", 1)[0]["source_ip"], "203.0.113.9");
    assert!(tls::connect(world.address(), &world.client()).is_err(), "without one nothing can be said");
    until("it is counted", || {
        world.metric("palisade_connections_turned_away_total{reason=\"proxy_header\"}") == "1"
    });
}

#[test]
fn requests_come_over_a_unix_socket_of_all_workers() {
    let (upstream, folder, sidecar) = start("listen: {unix_mode: '0600', trusted_peers: [unix], ");
    drop(sidecar);
    let config = folder.read("palisade.yaml").replace("data: '127.0.0.1:0'", "data: 'unix:data.sock'");
    let config = config.replace("workers: 1", "workers: 2");
    folder.write("palisade.yaml", &config);
    let path = folder.path("data.sock");
    // One that a process left behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let sidecar = Sidecar::start(&folder);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut clients: Vec<_> = (0..8).map(|_| Client::over(UnixStream::connect(&path).unwrap())).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&get("/plain"), b"").status, 200);
        let lines = said("x-forwarded-for: 203.0.113.9");
        assert_eq!(client.ask(&lines, b"").status, 200, "who comes by it is trusted here");
    }
    let mut bad = UnixStream::connect(&path).unwrap();
    bad.write_all(format!("GET /plain HTTP/1.1\nHost: a\r\n{}\r\n", key("ann")).as_bytes()).unwrap();
    let mut answer = String::new();
    bad.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let records = folder.records("decision", 17);
    let named = records.iter().filter(|record| record["source_ip"] == "203.0.113.9").count();
    let nobody = records.iter().filter(|record| record["source_ip"].is_null()).count();
    assert_eq!((named, nobody), (8, 9));
    assert_eq!(upstream.heads().len(), 16);
    drop(clients);
    sidecar.stop();
    assert!(!path.exists(), "it goes at the end");
}
