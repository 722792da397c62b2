//! What comes back over the wire, and when: the app's answers, timeouts, protocols, draining, literal bytes both ways.

mod common;

use std::io::Read;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;

fn start(upstream: &Upstream) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

#[test]
fn an_unsound_answer_of_the_app_becomes_a_502() {
    let upstream = Upstream::start(|head, _| {
        let answer: &[u8] = match head.split(' ').nth(1).unwrap() {
            "/plain?two-lengths" => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
            "/plain?both" => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "/plain?nonsense" => b"nonsense\r\n\r\n",
            "/plain?closed" => return None,
            _ => b"HTTP/1.1 200 OK\r\nx-palisade-decision-id: forged\r\nconnection: x-a\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}",
        };
        Some(answer.to_vec())
    });
    let (folder, sidecar) = start(&upstream);
    for (query, code) in [
        ("two-lengths", "bad_upstream"),
        ("both", "bad_upstream"),
        ("nonsense", "bad_upstream"),
        ("closed", "unreachable"),
    ] {
        let answer = sidecar.ask(&format!("GET /plain?{query} HTTP/1.1\r\n{}", key("ann")));
        assert_eq!((answer.status, answer.code().as_str()), (502, code), "{query}");
    }
    let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!(answer.status, 200);
    assert_ne!(answer.headers["x-palisade-decision-id"], "forged");
    assert!(!answer.headers.contains_key("x-a"));
    let outcomes = folder.records("outcome", 5);
    let mut ended: Vec<_> = outcomes.iter().map(|outcome| outcome["ended"].as_str().unwrap()).collect();
    // Two workers write it, each in its own order.
    ended.sort_unstable();
    assert_eq!(ended, ["bad_upstream", "bad_upstream", "bad_upstream", "complete", "unreachable"]);
}

#[test]
fn an_app_that_does_not_answer_in_time_ends_in_504_and_one_that_is_away_in_502() {
    let upstream = Upstream::start(|_, _| {
        std::thread::sleep(Duration::from_secs(4));
        None
    });
    let (_folder, sidecar) = start(&upstream);
    let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = Folder::new(away);
    let sidecar = Sidecar::start(&folder);
    let answer = sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((answer.status, answer.code().as_str()), (502, "unreachable"));
    assert_eq!(folder.records("outcome", 1)[0]["status"], 502);
}

#[test]
fn slow_clients_are_closed_and_an_idle_one_too() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml") + "timeouts: {head: 1s, body_idle: 1s, keep_alive: 1s}\n";
    folder.write("palisade.yaml", &config);
    let sidecar = Sidecar::start(&folder);
    let key = key("ann");
    for bytes in [
        "GET /plain HTTP/1.1\r\nHost: a\r\n".to_owned(),
        format!("POST /plain HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 9\r\n\r\nabc"),
        format!("GET /plain HTTP/1.1\r\nHost: a\r\n{key}\r\n"),
        String::new(),
    ] {
        let mut stream = common::connect(sidecar.data);
        let started = Instant::now();
        stream.write_all(bytes.as_bytes()).unwrap();
        drop(stream.read_to_end(&mut Vec::new()));
        let took = started.elapsed();
        assert!(took > Duration::from_millis(700) && took < Duration::from_secs(8), "{bytes:?}: {took:?}");
    }
}

#[test]
fn http2_by_prior_knowledge_is_taken_only_where_configured() {
    // The preface, an empty SETTINGS frame, and nothing else: an HTTP/2 server answers with its own SETTINGS.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let sidecar = Sidecar::start(&folder);
    assert!(sidecar.raw(preface).starts_with("HTTP/1.1 400 "));
    drop(sidecar);
    folder.write("palisade.yaml", &folder.read("palisade.yaml").replace("listen: {", "listen: {h2c: true, "));
    let sidecar = Sidecar::start(&folder);
    let mut stream = common::connect(sidecar.data);
    stream.write_all(preface).unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame: {frame:?}");
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
}

#[test]
fn a_path_that_no_file_names_is_refused_or_decided_as_configured() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let get = |id: &str| format!("GET /elsewhere/x HTTP/1.1\r\n{}", key(id));
    let sidecar = Sidecar::start(&folder);
    assert_eq!((sidecar.ask(&get("ann")).status, sidecar.ask(&get("ann")).code()), (404, "no_route".into()));
    drop(sidecar);
    folder.write(
        "palisade.yaml",
        &folder.read("palisade.yaml").replace("model: {", "model: {unknown_route: decide, "),
    );
    folder.write(
        "policies/main.cedar",
        "@id(\"c\") permit (principal in Role::\"clinician\", action, resource);",
    );
    let sidecar = Sidecar::start(&folder);
    assert_eq!(sidecar.ask(&get("ann")).status, 200);
    assert_eq!((sidecar.ask(&get("des")).status, sidecar.ask(&get("des")).code()), (403, "denied".into()));
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann"))).status, 200);
}

#[test]
fn a_public_route_needs_no_credential_and_is_on_record() {
    let upstream = Upstream::json("{}");
    let folder = Folder::new(upstream.address);
    let routes = folder.read("routes.yaml") + "  - {method: GET, path: /status, public: true}\n";
    folder.write("routes.yaml", &routes);
    let sidecar = Sidecar::start(&folder);
    for path in ["/status", "/%73tatus?x"] {
        let answer = sidecar.ask(&format!("GET {path} HTTP/1.1\r\nx-palisade-principal: User/root\r\n"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    }
    for path in ["/status/", "/Status", "/statusx", "/plain"] {
        assert_eq!(sidecar.ask(&format!("GET {path} HTTP/1.1\r\n")).status, 401, "{path}");
    }
    assert!(!upstream.heads().concat().to_ascii_lowercase().contains("x-palisade-principal"));
    let records = folder.records("decision", 6);
    assert_eq!(records.iter().filter(|record| record["decision"] == "allow").count(), 2);
    folder.write(
        "routes.yaml",
        &routes.replace("public: true", "public: true, response: {classes: {\"$.x\": pii}}"),
    );
    drop(sidecar);
    assert!(Sidecar::try_start(&folder).err().unwrap().contains("public"));
}

#[test]
fn a_refused_method_is_told_the_others_and_a_missing_credential_the_scheme() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream);
    let answer = sidecar.ask(&format!("DELETE /plain HTTP/1.1\r\n{}", key("ann")));
    assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, "GET, POST, PUT, HEAD"));
    let answer = sidecar.ask("GET /plain HTTP/1.1\r\n");
    assert_eq!(
        (answer.status, answer.headers["www-authenticate"].as_str()),
        (401, "Bearer realm=\"palisade\"")
    );
}

#[test]
fn what_was_decided_for_one_caller_is_kept_out_of_shared_caches() {
    let upstream = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: public, max-age=60, s-maxage=600";
        Some(format!("{head}\r\netag: \"v1\"\r\ncontent-length: 12\r\n\r\n{{\"name\":\"a\"}}").into_bytes())
    });
    let (_folder, sidecar) = start(&upstream);
    let get = |path: &str, id: &str| sidecar.ask(&format!("GET {path} HTTP/1.1\r\n{}", key(id)));
    // `ann` sees everything and `des` does not: neither answer may be given to the other.
    for id in ["ann", "des"] {
        assert_eq!(get("/patients/1", id).headers["cache-control"], "private, max-age=60", "{id}");
    }
    assert_eq!(get("/patients/1", "ann").headers["etag"], "\"v1\"");
    assert_ne!(get("/patients/1", "des").headers["etag"], "\"v1\"");
    // Without classes as well: who may have it at all was decided for this caller.
    assert_eq!(get("/plain", "ann").headers["cache-control"], "private, max-age=60");
}

#[test]
fn half_closing_after_the_request_still_gets_the_answer() {
    let upstream = Upstream::start(|_, _| {
        std::thread::sleep(Duration::from_millis(200));
        Some(json_answer("{}"))
    });
    let (_folder, sidecar) = start(&upstream);
    let answer = sidecar.raw(format!("GET /plain HTTP/1.1\r\nHost: a\r\n{}\r\n", key("ann")).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n{}"), "{answer}");
}

#[test]
fn told_to_stop_it_finishes_what_is_in_flight() {
    let upstream = Upstream::start(|_, _| {
        std::thread::sleep(Duration::from_millis(700));
        Some(json_answer("{}"))
    });
    let (folder, mut sidecar) = start(&upstream);
    let address = sidecar.data;
    let asking = std::thread::spawn(move || {
        Client::connect(address).ask(&format!("GET /plain HTTP/1.1\r\n{}", key("ann")), b"")
    });
    std::thread::sleep(Duration::from_millis(300));
    sidecar.signal("TERM");
    let answer = asking.join().unwrap();
    assert_eq!((answer.status, answer.headers.get("connection").map(String::as_str)), (200, Some("close")));
    assert!(sidecar.child.wait().unwrap().success());
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "complete");
    assert_eq!(folder.records("event", 2).last().unwrap()["event"], "stop");
}
