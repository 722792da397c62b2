//! An auditor asks the log: what a real sidecar wrote, fresh and compacted, by flags and by SQL, and read by others as well.
#![cfg(feature = "audit")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use common::Answer;
use common::Client;
use common::Folder;
use common::POLICIES;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::key;
use palisade::archive;
use palisade::audit::entry;
use palisade::evidence;
use serde_json::Value;

const AUDITORS: &str = r#"
@id("auditors") permit (principal in Role::"auditor", action == Action::"audit", resource);
"#;

/// A folder whose log a sidecar wrote, with requests of two tenants.
fn logged() -> Folder {
    let upstream =
        Upstream::start(|_, _| Some(json_answer(r#"{"name":"Ana","email":"a@b.example","ssn":"1"}"#)));
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml");
    folder.write(
        "palisade.yaml",
        &config.replace("decision_log: {file: decisions.jsonl}", "decision_log: {dir: log}"),
    );
    folder.write("policies/main.cedar", &format!("{POLICIES}{AUDITORS}"));
    let sidecar = Sidecar::start(&folder);
    for caller in ["ann", "wes", "des", "gil", "nobody-known"] {
        for call in ["GET /patients/7", "DELETE /patients/7", "GET /plain", "GET /nowhere"] {
            sidecar.ask(&format!("{call} HTTP/1.1\r\n{}", key(caller)));
        }
    }
    sidecar.stop();
    folder
}

fn audit(folder: &Folder, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_palisade-audit");
    Command::new(program).current_dir(folder.path("")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All records, as the segments hold them.
fn records(log: &Path) -> Vec<Value> {
    let folder = evidence::Folder::open(log).unwrap();
    let mut all = Vec::new();
    for segment in folder.segments().unwrap() {
        let mut records = evidence::Records::open(&folder, &segment).unwrap().unwrap();
        while let Some(evidence::Read::Record(record)) = records.read().unwrap() {
            let mut line = Vec::new();
            entry::line(record, &mut line).unwrap();
            all.push(serde_json::from_slice(&line).unwrap());
        }
    }
    all
}

fn reads(folder: &Folder) -> Vec<Value> {
    let log = folder.path("log/reads");
    let all = if log.exists() { records(&log) } else { Vec::new() };
    all.into_iter().filter(|record| record["event"] == "query").collect()
}

#[test]
fn what_is_asked_is_answered_the_same_from_fresh_records_and_from_the_archive() {
    let folder = logged();
    let all = records(&folder.path("log"));
    let decisions: Vec<&Value> =
        all.iter().filter(|record| record["type"] == "decision" && record["mirror"] != true).collect();
    assert!(decisions.len() >= 20, "{} decisions", decisions.len());
    let questions: [&[&str]; 8] = [
        &["query", "-o", "json"],
        &["query", "--deny", "-o", "json"],
        &["query", "-t", "acme", "--shown", "pii.contact", "--since", "1h", "-o", "json"],
        &[
            "query",
            "--sql",
            "SELECT book, type, count(*) AS n FROM decisions GROUP BY 1, 2 ORDER BY 1, 2",
            "-o",
            "csv",
        ],
        &["top", "--by", "policy", "-o", "csv"],
        &["top", "--by", "class", "-t", "acme", "-o", "json"],
        &["stats", "-o", "json"],
        &["tail", "-n", "5"],
    ];
    let ask = || questions.map(|question| text(&audit(&folder, question)));
    let fresh = ask();
    // By time they come; two workers' records may be numbered the other way round.
    let mut shown: Vec<Value> = fresh[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    shown.sort_by_key(|record| record["seq"].as_u64());
    assert!(shown.iter().eq(decisions.iter().copied()), "the records as the log wrote them");
    let denied = decisions.iter().filter(|record| record["decision"] == "deny").count();
    assert_eq!(fresh[1].lines().count(), denied);
    assert!(fresh[2].lines().count() > 0 && !fresh[2].contains("globex"), "{}", fresh[2]);
    let told: Value = serde_json::from_str(&text(&audit(&folder, &["compact", "-o", "json"]))).unwrap();
    assert_eq!(told["all_records"], all.len());
    assert_eq!(ask(), fresh, "compacted, the answers are the same");
    // Each of these is on record, with what was asked and how much came back.
    let reads = reads(&folder);
    assert_eq!(reads.len(), 2 * questions.len());
    assert!(reads.iter().all(|read| read["event"] == "query" && read["uid"].is_u64()));
    assert_eq!(reads[0]["rows"], decisions.len());
    assert_eq!(reads[3]["statement"], questions[3][2]);
}

#[test]
fn the_policies_say_whose_books_a_reader_sees_and_a_permit_for_every_action_is_none() {
    let folder = logged();
    text(&audit(&folder, &["compact"]));
    let sql = "SELECT DISTINCT book FROM decisions ORDER BY book";
    let auditor = |tenant| ["--as", "aud", "--as-tenant", tenant, "--as-roles", "auditor", "-o", "csv"];
    let of = |who: &[&str], more: &[&str]| audit(&folder, &[&["query"], who, more].concat());
    assert_eq!(text(&of(&auditor("acme"), &["--sql", sql])), "book\r\nacme\r\nacme/west\r\n");
    assert_eq!(text(&of(&auditor("globex"), &["--sql", sql])), "book\r\nglobex\r\n");
    assert_eq!(text(&of(&auditor("acme"), &["-t", "acme/west", "--sql", sql])), "book\r\nacme/west\r\n");
    // Somebody else's book is refused, and that is on record.
    let foreign = of(&auditor("globex"), &["-t", "acme", "--sql", sql]);
    assert_eq!(foreign.status.code(), Some(10));
    assert!(foreign.stdout.is_empty());
    // Ann is a clinician: a permit for every action lets her do all, and does not name `audit`.
    let clinician = ["--as", "ann", "--as-tenant", "acme", "--as-roles", "clinician", "-o", "csv"];
    let refused = of(&clinician, &["--sql", sql]);
    assert_eq!(refused.status.code(), Some(10), "{}", String::from_utf8_lossy(&refused.stderr));
    let reads = reads(&folder);
    let last = &reads[reads.len() - 1];
    assert_eq!(
        (&last["decision"], &last["rows"], &last["principal"]["id"]),
        (&"deny".into(), &0.into(), &"ann".into())
    );
    let first = &reads[0];
    assert_eq!(first["tenants"], serde_json::json!(["acme", "acme/west"]));
    assert_eq!(first["reasons"], serde_json::json!(["auditors"]));
    assert_eq!(first["claimed"], serde_json::json!(["roles=auditor"]));
    // What cannot be put on record is not shown.
    let unwritable = of(&auditor("acme"), &["--reads", "no/such/folder/reads", "--sql", sql]);
    assert!(!unwritable.status.success() && unwritable.stdout.is_empty());
}

#[test]
fn statements_that_are_no_select_and_formats_that_do_not_fit_are_refused() {
    let folder = logged();
    for sql in
        ["DROP TABLE decisions", "COPY decisions TO 'x.csv'", "SELECT * FROM 'log/log.json'", "SET x = 1"]
    {
        let refused = audit(&folder, &["query", "--sql", sql]);
        assert_eq!(refused.status.code(), Some(2), "{sql}: {}", String::from_utf8_lossy(&refused.stderr));
    }
    assert_eq!(audit(&folder, &["verify", "-o", "csv"]).status.code(), Some(2));
    assert_eq!(audit(&folder, &["query", "--type", "nothing"]).status.code(), Some(2));
    let cut = audit(&folder, &["query", "--sql", "SELECT * FROM decisions", "--limit", "3", "-o", "json"]);
    assert_eq!(cut.status.code(), Some(5), "rows are left out");
    let events = lines(&audit(&folder, &["query", "-o", "ocsf", "--deny"]));
    assert!(
        !events.is_empty()
            && events.iter().all(|event| event["class_uid"] == 6003 && event["action_id"] == 2)
    );
    // The log verifies with its archive and its readings beside it.
    let verified = audit(&folder, &["verify", "-o", "json"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn duckdb_and_pyarrow_read_the_archive_and_agree() {
    let folder = logged();
    text(&audit(&folder, &["compact"]));
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/install");
    let python = Command::new(install).output().unwrap();
    if !python.status.success() {
        let why = String::from_utf8_lossy(&python.stderr);
        std::io::stderr().write_all(format!("SKIPPED: no DuckDB and pyarrow: {why}\n").as_bytes()).unwrap();
        return;
    }
    let python = String::from_utf8(python.stdout).unwrap();
    let ours = |sql: &str| text(&audit(&folder, &["query", "--sql", sql, "-o", "csv"]));
    let script = r#"
import sys, csv, glob, duckdb, pyarrow.parquet as pq, pyarrow as pa
files = sorted(glob.glob(sys.argv[1] + "/**/*.parquet", recursive=True))
duckdb.sql("SET TimeZone = 'UTC'")
duckdb.sql(f"CREATE VIEW decisions AS SELECT * FROM read_parquet({files!r})")
out = csv.writer(sys.stdout)
if sys.argv[2] == "duckdb":
    answer = duckdb.sql(sys.argv[3])
    out.writerow(answer.columns)
    out.writerows(answer.fetchall())
else:
    table = pa.concat_tables([pq.read_table(file) for file in files])
    out.writerow(["book", "n"])
    out.writerows(sorted((row["book"], row["seq_count"]) for row in table.group_by("book").aggregate([("seq", "count")]).to_pylist()))
"#;
    let archive = folder.path("log/archive").display().to_string();
    let theirs = |with: &str, sql: &str| {
        let output = Command::new(python.trim()).args(["-c", script, &archive, with, sql]).output().unwrap();
        text(&output)
    };
    for sql in [
        "SELECT book, count(*) AS n FROM decisions GROUP BY book ORDER BY book",
        "SELECT type, decision, code, count(*) AS n, min(seq) AS first, max(seq) AS last FROM decisions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        "SELECT seq, CAST(epoch_ms AS BIGINT) AS ms FROM (SELECT seq, EXTRACT(epoch FROM time) * 1000 AS epoch_ms FROM decisions) ORDER BY seq",
        "SELECT principal, tenant, action, status, decision_id, trace_id FROM decisions WHERE type = 'decision' ORDER BY seq",
        "SELECT p AS policy, count(*) AS n FROM (SELECT unnest(policies) AS p FROM decisions) AS t GROUP BY p ORDER BY p",
    ] {
        assert_eq!(theirs("duckdb", sql), ours(sql), "{sql}");
    }
    let by_book = "SELECT book, count(*) AS n FROM decisions GROUP BY book ORDER BY book";
    assert_eq!(theirs("pyarrow", ""), ours(by_book));
    assert!(archive::Manifest::read(&folder.path("log/archive"), &[0; 16]).is_err(), "of another log");
}

/// `palisade-audit serve` over the log of a folder.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(folder: &Folder) -> Self {
        folder.keys(&[
            ("aud", "acme", &["auditor"]),
            ("gus", "globex", &["auditor"]),
            ("ann", "acme", &["clinician"]),
            ("gil", "globex", &["clinician"]),
            ("wes", "acme/west", &["clinician"]),
        ]);
        let mut child = Command::new(env!("CARGO_BIN_EXE_palisade-audit"))
            .current_dir(folder.path(""))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.find(|line| line.contains("answering questions")).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        let named = said.get("address").or(said.pointer("/fields/address")).and_then(Value::as_str).unwrap();
        let address = named.parse().unwrap();
        // Whoever writes to a pipe that nobody empties stands still.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn get(&self, path: &str, who: &str) -> Answer {
        Client::connect(self.address).ask(&format!("GET {path} HTTP/1.1\r\n{}", key(who)), b"")
    }

    /// A stream of what comes of `globex`.
    fn tail(&self, who: &str) -> BufReader<std::net::TcpStream> {
        let mut stream = BufReader::new(common::connect(self.address));
        let head = format!("GET /v1/tail?tenant=globex&limit=2 HTTP/1.1\r\nHost: x\r\n{}\r\n", key(who));
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        stream
    }

    fn sql(&self, sql: &str, who: &str) -> Answer {
        let head = format!("POST /v1/sql?format=csv HTTP/1.1\r\n{}", key(who));
        Client::connect(self.address).ask(&head, sql.as_bytes())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn over_http_a_caller_gets_what_the_command_prints_and_of_its_books_alone() {
    let folder = logged();
    let served = Served::start(&folder);
    let flags = ["query", "--as", "aud", "--as-tenant", "acme", "--as-roles", "auditor", "-o", "json"];
    for (path, more) in [
        ("/v1/decisions", &[][..]),
        ("/v1/decisions?deny&since=1h", &["--deny", "--since", "1h"][..]),
        (
            "/v1/decisions?tenant=acme%2Fwest&shown=pii.contact",
            &["-t", "acme/west", "--shown", "pii.contact"][..],
        ),
    ] {
        let answer = served.get(path, "aud");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        assert_eq!(answer.text(), text(&audit(&folder, &[&flags[..], more].concat())), "{path}");
        assert_eq!(answer.headers["palisade-rows"], answer.text().lines().count().to_string());
    }
    let books = "SELECT DISTINCT book FROM decisions ORDER BY book";
    assert_eq!(served.sql(books, "aud").text(), "book\r\nacme\r\nacme/west\r\n");
    assert_eq!(served.sql(books, "gus").text(), "book\r\nglobex\r\n");
    let counted = served.get("/v1/top?by=policy&format=csv&limit=1", "gus").text();
    assert!(
        counted.starts_with("policy,requests,denied,last\r\n") && counted.lines().count() == 2,
        "{counted}"
    );
    assert_eq!(served.get("/v1/stats", "gus").status, 200);
    assert_eq!(served.get("/v1/pathways?format=csv", "gus").status, 200);
    let cut = served.get("/v1/decisions?limit=2&format=csv", "aud");
    assert_eq!(cut.headers["palisade-rows"], "2");
    let parquet = served.get("/v1/decisions?format=parquet", "aud");
    assert!(parquet.body.starts_with(b"PAR1"), "{:?}", parquet.headers);
    // Each is on record, with who was proven to ask.
    let last = reads(&folder).pop().unwrap();
    assert_eq!((&last["principal"]["id"], &last["decision"]), (&"aud".into(), &"allow".into()));
    assert_eq!(last["claimed"], serde_json::json!([]), "nothing was claimed");
}

#[test]
fn over_http_nothing_is_answered_without_a_proven_credential_or_a_policy_that_allows_it() {
    let folder = logged();
    let served = Served::start(&folder);
    let unknown = Client::connect(served.address).ask("GET /v1/decisions HTTP/1.1\r\n", b"");
    assert_eq!(
        (unknown.status, &*unknown.headers["www-authenticate"]),
        (401, "Bearer realm=\"palisade-audit\"")
    );
    let forged = "GET /v1/decisions HTTP/1.1\r\nx-api-key: aud.00000000000000000000000000000000\r\n";
    assert_eq!(Client::connect(served.address).ask(forged, b"").status, 401);
    let both = format!("GET /v1/decisions HTTP/1.1\r\nauthorization: Bearer a.b.c\r\n{}", key("aud"));
    assert_eq!(Client::connect(served.address).ask(&both, b"").status, 401);
    let before = reads_of(&folder);
    let refused = served.get("/v1/decisions", "ann");
    assert_eq!((refused.status, &*refused.headers["content-type"]), (403, "application/problem+json"));
    assert_eq!(reads_of(&folder), before + 1, "that it was refused is on record");
    // A tenant that is somebody else's and one that is nobody's are refused alike.
    let [foreign, nobody] = ["globex", "nosuch"].map(|tenant| {
        let answer = served.get(&format!("/v1/decisions?tenant={tenant}"), "aud");
        (answer.status, answer.text())
    });
    assert_eq!(foreign.0, 403);
    assert_eq!(foreign, nobody);
    for (path, status) in [
        ("/v1/decisions?archive=/etc", 400),
        ("/v1/decisions?as=root", 400),
        ("/v1/decisions?since=yesterweek", 400),
        ("/v1/top", 400),
        ("/v1/sql", 405),
        ("/v1/nothing", 404),
        ("/v1/decisions?timeout=1ms", 422),
    ] {
        assert_eq!(served.get(path, "aud").status, status, "{path}");
    }
    for sql in
        ["DROP TABLE decisions", "SELECT * FROM '/etc/passwd'", "SELECT 1; SELECT 2", "COPY decisions TO 'x'"]
    {
        assert_eq!(served.sql(sql, "aud").status, 400, "{sql}");
    }
    assert_eq!(served.sql(&"x".repeat(20_000), "aud").status, 413);
    // Policies follow their files: once nobody may audit, nobody does.
    folder.write("policies/main.cedar", POLICIES);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while served.get("/v1/stats", "aud").status != 403 {
        assert!(std::time::Instant::now() < end, "the edit is not live");
    }
    let remote = audit(&folder, &["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(remote.status.code(), Some(2), "credentials would be sent without TLS");
}

fn reads_of(folder: &Folder) -> usize {
    reads(folder).len()
}

#[test]
fn a_stream_brings_the_newest_records_and_those_that_come_until_the_policies_change() {
    let folder = logged();
    let served = Served::start(&folder);
    let mut stream = served.tail("gus");
    let mut events = Vec::new();
    let mut next = |count: usize| {
        while events.len() < count {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).unwrap() > 0, "it ends after {events:?}");
            if let Some(data) = line.strip_prefix("data: ") {
                events.push(serde_json::from_str::<Value>(data).unwrap());
            }
        }
        events.clone()
    };
    let newest = next(2);
    assert!(newest.iter().all(|event| event["type"] == "decision" && event["tenant"] == "globex"));
    // The sidecar starts anew on the same log, and answers one more request of this tenant and one of another.
    let sidecar = Sidecar::start(&folder);
    for who in ["wes", "gil"] {
        sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", key(who)));
    }
    let came = next(3).pop().unwrap();
    assert_eq!((&came["principal"]["id"], &came["tenant"]), (&"gil".into(), &"globex".into()));
    assert!(came["seq"].as_u64() > newest[1]["seq"].as_u64());
    folder.write("policies/main.cedar", POLICIES);
    let mut rest = String::new();
    // It ends, and does not end cleanly into more records.
    while stream.read_line(&mut rest).is_ok_and(|read| read > 0) {}
    assert!(!rest.contains("data: "), "{rest}");
    let again = format!("/v1/tail?tenant=globex&after={}", came["seq"]);
    assert_eq!(served.get(&again, "gus").status, 403);
}

#[test]
fn a_stream_ends_once_the_key_that_opened_it_is_taken_back() {
    let folder = logged();
    let served = Served::start(&folder);
    let mut stream = served.tail("gus");
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "it is not open");
    }
    folder.keys(&[("aud", "acme", &["auditor"])]);
    let mut rest = Vec::new();
    // A read that waits longer than a client would is an error, and no end.
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    assert_eq!(served.get("/v1/stats", "gus").status, 401);
}
