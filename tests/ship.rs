//! The decision log on its way to others: real servers, which go away and come back, and a sidecar that is killed meanwhile.
//! What they have, each record once, is the log.
//!
//! `tests/ship/install` gets the servers once, which takes a network; ClickHouse comes from Debian.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod common;
#[path = "common/log.rs"]
mod log;
#[path = "ship/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use common::Client;
use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use log::records;
use palisade::audit::row::CLICKHOUSE_TABLE;
use serde_json::Value;
use serde_json::json;
use servers::ClickHouse;
use servers::Relay;
use servers::Server;
use servers::bucket;
use servers::consumed;
use servers::free_port;
use servers::program;

/// A folder whose log is sent to one place.
fn folder(upstream: &Upstream, place: &str) -> Folder {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    let log = format!(
        "decision_log: {{dir: log, segment_age: 1s, checkpoint_every: 1s, ship: [{{name: place, every: 50ms, batch: 40, timeout: 5s, plain_http: true, {place}}}]}}"
    );
    folder.write("palisade.yaml", &config.replace("decision_log: {file: decisions.jsonl}", &log));
    folder
}

fn ask(sidecar: &Sidecar, count: usize) {
    let mut client = Client::connect(sidecar.data);
    for at in 0..count {
        // Some are refused.
        let key = if at % 5 == 0 { String::new() } else { key("ann") };
        let status = client.ask(&format!("GET /plain HTTP/1.1\r\n{key}"), b"").status;
        assert_eq!(status, if at % 5 == 0 { 401 } else { 200 });
    }
}

fn position(folder: &Folder) -> u64 {
    let said: Value = serde_json::from_str(&folder.read("log/ship/place.json")).unwrap_or_default();
    said["next"].as_u64().unwrap_or(0)
}

/// Waits until the place has been sent so many records.
fn sent(folder: &Folder, sidecar: &Sidecar, count: u64) {
    let end = Instant::now() + Duration::from_secs(60);
    while position(folder) < count {
        assert!(Instant::now() < end, "{} of {count} were sent: {}", position(folder), sidecar.logged());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Requests, while the place is away for a time and the sidecar is killed in that time; returns the log.
fn story(folder: &Folder, away: impl Fn(bool)) -> Vec<Value> {
    let sidecar = Sidecar::start(folder);
    ask(&sidecar, 100);
    sent(folder, &sidecar, 60);
    away(true);
    ask(&sidecar, 100);
    std::thread::sleep(Duration::from_millis(300));
    sidecar.signal("KILL");
    drop(sidecar);
    let sidecar = Sidecar::start(folder);
    ask(&sidecar, 100);
    let lag = sidecar.admin("/metrics").text();
    assert!(lag.contains("palisade_ship_lag_records{sink=\"place\"}"), "{lag}");
    away(false);
    ask(&sidecar, 100);
    sent(folder, &sidecar, 700);
    sidecar.stop();
    records(&folder.path("log"))
}

/// Each record by what tells it from all others; the same one twice is the same.
fn once(all: impl IntoIterator<Item = (String, Value)>) -> BTreeMap<String, Value> {
    let mut known = BTreeMap::new();
    for (uid, record) in all {
        let before = known.insert(uid.clone(), record.clone());
        assert!(before.is_none_or(|before| before == record), "two records are called {uid}");
    }
    known
}

fn log_id(folder: &Folder) -> String {
    let said: Value = serde_json::from_str(&folder.read("log/log.json")).unwrap();
    said["log_id"].as_str().unwrap().to_owned()
}

/// Holds what came against the log: all that was noted as sent is there, and nothing else.
fn is_the_log(folder: &Folder, log: &[Value], came: &BTreeMap<String, Value>) {
    let id = log_id(folder);
    let next = usize::try_from(position(folder)).unwrap();
    assert!(next > 700 && next <= log.len(), "{next} of {}", log.len());
    for record in &log[..next] {
        let uid = format!("{id}/{}", record["seq"]);
        assert_eq!(came.get(&uid), Some(record), "{uid} of {}", came.len());
    }
    assert!(came.len() <= log.len(), "{} of {}", came.len(), log.len());
    assert_eq!(next, log.len(), "the last records were not sent before the end");
}

fn unpacked(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn a_web_server_has_the_log_although_it_was_away_and_the_sidecar_was_killed() {
    let got: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (away, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (sink, is_away) = (Arc::clone(&got), Arc::clone(&away));
    let receiver = Upstream::start(move |head, body| {
        let lower = head.to_ascii_lowercase();
        assert!(lower.starts_with("post /logs http/1.1"), "{head}");
        assert!(lower.contains("\r\nauthorization: bearer s3same\r\n"), "{head}");
        assert!(lower.contains("\r\ncontent-encoding: gzip\r\n"), "{head}");
        let all: Vec<Value> = serde_json::from_slice(&unpacked(body)).unwrap();
        if is_away.load(Ordering::Relaxed) {
            return None;
        }
        let status = match asked.fetch_add(1, Ordering::Relaxed) % 6 {
            1 => "503 Service Unavailable",
            2 if all.len() > 10 => "413 Content Too Large",
            // It has them and its answer is lost.
            3 => {
                sink.lock().unwrap().extend(all);
                return None;
            }
            // It has a lot to say about it.
            4 => {
                sink.lock().unwrap().extend(all);
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n".as_bytes();
                return Some([head, &[b'x'; 100_000]].concat());
            }
            _ => {
                sink.lock().unwrap().extend(all);
                "204 No Content"
            }
        };
        Some(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    });
    let upstream = Upstream::json("{}");
    let place = format!("kind: http, url: 'http://{}/logs', bearer_token_file: token", receiver.address);
    let folder = folder(&upstream, &place);
    folder.write("token", "s3same\n");
    let log = story(&folder, |gone| away.store(gone, Ordering::Relaxed));
    let came = got.lock().unwrap().clone();
    let (all, id) = (came.len(), log_id(&folder));
    let came = once(came.into_iter().map(|mut record| {
        let own = record.as_object_mut().unwrap().shift_remove("log_id").unwrap();
        assert_eq!(own, id);
        (format!("{id}/{}", record["seq"]), record)
    }));
    assert!(all > came.len(), "nothing came twice, so that was not tested");
    is_the_log(&folder, &log, &came);
}

#[test]
fn what_a_web_server_is_sent_in_other_forms_is_called_by_their_names() {
    for (format, kind) in
        [("ocsf", "application/json"), ("cloudevents", "application/cloudevents-batch+json")]
    {
        let receiver = Upstream::start(|_, _| Some(json_answer("{}")));
        let upstream = Upstream::json("{}");
        let place = format!("kind: http, format: {format}, url: 'http://{}/'", receiver.address);
        let folder = folder(&upstream, &place);
        let sidecar = Sidecar::start(&folder);
        ask(&sidecar, 5);
        sent(&folder, &sidecar, 11);
        sidecar.stop();
        let id = log_id(&folder);
        let seen = receiver.seen.lock().unwrap().clone();
        let mut uids = Vec::new();
        for (head, body) in seen {
            assert!(head.to_ascii_lowercase().contains(&format!("\r\ncontent-type: {kind}\r\n")), "{head}");
            let all: Vec<Value> = serde_json::from_slice(&unpacked(&body)).unwrap();
            let uid = |event: &Value| match format {
                "ocsf" => event["metadata"]["uid"].clone(),
                _ => event["id"].clone(),
            };
            uids.extend(all.iter().map(uid));
        }
        let expected: Vec<Value> = (0..uids.len()).map(|seq| format!("{id}/{seq}").into()).collect();
        assert_eq!(uids, expected);
    }
}

#[test]
fn events_of_ocsf_are_valid_by_its_own_schema() {
    let Some(python) = program("python3") else { return };
    let script = "import json, sys\n\
        from ocsf_json_schema import OcsfJsonSchemaEmbedded, loader\n\
        all = OcsfJsonSchemaEmbedded(loader.get_ocsf_schema(sys.argv[1]))\n\
        profiles = ['security_control', 'trace', 'data_classification']\n\
        of = lambda uid: all.get_class_schema(all.lookup_class_name_from_uid(uid), profiles if uid == 6003 else [])\n\
        print(json.dumps({str(uid): of(uid) for uid in [0, 6002, 6003]}))";
    let ran = Command::new(python).args(["-c", script, palisade::audit::ocsf::VERSION]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let schemas: BTreeMap<String, Value> = serde_json::from_slice(&ran.stdout).unwrap();
    let of = |schema: &Value| jsonschema::validator_for(schema).unwrap();
    let validators: BTreeMap<String, _> =
        schemas.iter().map(|(uid, schema)| (uid.clone(), of(schema))).collect();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/formats/ocsf.jsonl");
    let mut looked_at = 0;
    for line in std::fs::read_to_string(golden).unwrap().lines() {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let validator = &validators[&event["class_uid"].to_string()];
        let wrong: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?} in {event}");
        // The schema says what may be there, so that this can fail.
        event.as_object_mut().unwrap().insert("other".into(), 1.into());
        assert!(!validator.is_valid(&event));
        looked_at += 1;
    }
    assert!(looked_at > 10);
}

#[test]
fn a_collector_of_opentelemetry_passes_the_log_on_to_a_broker() {
    let (Some(collector), Some(broker)) = (program("rotel-agent"), program("tansu")) else { return };
    let (broker, port) = Server::tansu(&broker, None);
    broker.topic(port, "otel", 1);
    let http = free_port();
    let _collector = Server::rotel(&collector, http, port);
    let relay = Relay::start(http);
    let upstream = Upstream::json("{}");
    let folder = folder(&upstream, &format!("kind: otlp, url: 'http://127.0.0.1:{}'", relay.port));
    let log = story(&folder, |gone| relay.away(gone));
    let id = log_id(&folder);
    let wanted = usize::try_from(position(&folder)).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut came = Vec::new();
        for message in consumed(port, "otel", 1) {
            let all: Value = serde_json::from_slice(message.value.as_deref().unwrap()).unwrap();
            collect(&all, &id, &mut came);
        }
        let came = once(came);
        if came.len() >= wanted || Instant::now() > end {
            return is_the_log(&folder, &log, &came);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The records in what a collector passed on, wherever it puts them.
fn collect(value: &Value, id: &str, came: &mut Vec<(String, Value)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, id, came)),
        Value::Object(members) => {
            let body = members.get("body").and_then(|body| body["stringValue"].as_str());
            if let Some(body) = body {
                let record: Value = serde_json::from_str(body).unwrap();
                let uid = format!("{id}/{}", record["seq"]);
                let named = json!({"key": "audit.uid", "value": {"stringValue": uid}});
                assert!(members["attributes"].as_array().unwrap().contains(&named), "{value}");
                came.push((uid, record));
            }
            members.values().for_each(|member| collect(member, id, came));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_broker_has_the_log_in_the_order_of_each_book() {
    let Some(tansu) = program("tansu") else { return };
    let relay = Relay::start(free_port());
    let (broker, port) = Server::tansu(&tansu, Some(&relay));
    broker.topic(port, "decisions", 3);
    let upstream = Upstream::json("{}");
    let place = format!("kind: kafka, brokers: ['127.0.0.1:{}'], topic: decisions", relay.port);
    let folder = folder(&upstream, &place);
    let log = story(&folder, |gone| relay.away(gone));
    let id = log_id(&folder);
    let messages = consumed(relay.port, "decisions", 3);
    let came = once(messages.into_iter().map(|message| {
        let record: Value = serde_json::from_slice(message.value.as_deref().unwrap()).unwrap();
        let header = |name: &str| String::from_utf8(message.headers[name].clone()).unwrap();
        assert_eq!(header("ce_source"), format!("palisade.log/{id}"));
        assert_eq!(header("ce_type"), format!("palisade.{}", record["type"].as_str().unwrap()));
        let book = record["book"].as_str().unwrap_or_default();
        assert_eq!(message.key.as_deref().unwrap_or_default(), book.as_bytes());
        (header("ce_id"), record)
    }));
    is_the_log(&folder, &log, &came);
}

#[test]
fn clickhouse_has_the_log_and_shows_each_record_once() {
    let Some(mut server) = ClickHouse::start() else { return };
    // That server is of 2018: it has neither times of milliseconds in a column nor inserts that are collected.
    let table = CLICKHOUSE_TABLE
        .replace("DateTime64(3, 'UTC')", "String")
        .replace("LowCardinality(String)", "String");
    let lines: Vec<&str> = table.lines().filter(|line| !line.starts_with("PARTITION BY")).collect();
    let table = lines.join("\n");
    server.query("CREATE DATABASE palisade");
    server.query(&table);
    let upstream = Upstream::json("{}");
    let place = format!("kind: clickhouse, url: 'http://127.0.0.1:{}', async_insert: false", server.port);
    let folder = folder(&upstream, &place);
    let server_ref = std::cell::RefCell::new(&mut server);
    let log = story(&folder, |gone| server_ref.borrow_mut().away(gone));
    let rows = server.query(
        "SELECT log_id, toString(seq) AS number, record FROM palisade.decisions FINAL FORMAT JSONEachRow",
    );
    let mut came = BTreeMap::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = |name: &str| row[name].as_str().unwrap();
        let record = serde_json::from_str(text("record")).unwrap();
        let before = came.insert(format!("{}/{}", text("log_id"), text("number")), record);
        assert_eq!(before, None, "one row is shown twice");
    }
    is_the_log(&folder, &log, &came);
    let denied = server.query(
        "SELECT count() FROM palisade.decisions FINAL WHERE decision = 'deny' AND code = 'unidentified'",
    );
    assert_eq!(denied.trim(), "80");
}

#[test]
fn a_store_has_the_sealed_log_and_its_checkpoints_and_nothing_is_overwritten() {
    let Some(moto) = program("moto_server") else { return };
    let (_server, port) = Server::moto(&moto);
    let relay = Relay::start(port);
    bucket(port);
    let upstream = Upstream::json("{}");
    let s3 = format!(
        "{{endpoint: 'http://127.0.0.1:{}', access_key_file: id, secret_key_file: secret}}",
        relay.port
    );
    let folder = folder(&upstream, &format!("kind: s3, bucket: evidence, prefix: logs, s3: {s3}"));
    folder.write("id", "test\n");
    folder.write("secret", "test\n");
    let log = story(&folder, |gone| relay.away(gone));
    let prefix = format!("logs/{}/", log_id(&folder));
    let objects = servers::objects(port, folder.0.path());
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in &objects {
        let path = copy.path().join(name.strip_prefix(&prefix).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    assert_eq!(records(copy.path()), log, "the copy is the log");
    let newest = objects.keys().rfind(|name| name.contains("/anchors/")).unwrap();
    std::fs::write(copy.path().join("checkpoint"), &objects[newest]).unwrap();
    verifies(copy.path());
    // Somebody else's object of a name of this log's stays what it is, and nothing is sent past it.
    let taken = format!("{prefix}segments/{:020}.seg.zst", log.len());
    servers::put(port, &taken, b"somebody else's");
    let sidecar = Sidecar::start(&folder);
    let end = Instant::now() + Duration::from_secs(20);
    while !sidecar.logged().contains("is another one there") {
        assert!(Instant::now() < end, "{}", sidecar.logged());
        std::thread::sleep(Duration::from_millis(20));
    }
    sidecar.stop();
    assert_eq!(servers::objects(port, folder.0.path())[&taken], b"somebody else's");
    assert_eq!(position(&folder), log.len() as u64);
}

fn verifies(log: &Path) {
    let asked = palisade::evidence::Asked { unsigned_ms: u64::MAX, ..palisade::evidence::Asked::default() };
    let report = palisade::evidence::verify(log, &asked, &mut |_| {}).unwrap();
    let wrong: Vec<_> =
        report.findings.iter().filter(|finding| finding.class > palisade::evidence::Class::Sound).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(report.signed > 700, "{}", report.signed);
}
