//! What questions are answered with: the same rows from the archive and from fresh frames, and never another book's.

mod by_chance;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::archive;
use crate::archive::tests::log;
use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::evidence::Folder;
use crate::ids::DecisionId;

use by_chance::Dice;

const DAY: u64 = 24 * 60 * 60 * 1_000;

fn key(name: &str) -> u8 {
    1 + entry::KEYS.iter().position(|key| *key == name).unwrap() as u8
}

/// A decision of a book: who, what, and with which classes.
fn decision(book: &str, number: u64, allow: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let time = 20_000 * DAY + number * 60_000;
    entry::append_head(&mut out, &Entry::head(Kind::Decision, false, (0, time), book));
    let mut put = |name: &str, value: Value<'_>| {
        entry::append(&mut out, if name.is_empty() { 0 } else { key(name) }, &value)
    };
    put("decision_id", Value::Id(DecisionId::new(time, [number as u8; 10])));
    put("decision", Value::Text(if allow { "allow" } else { "deny" }, false));
    if !allow {
        put("code", Value::Text("forbidden", false));
    }
    put("request_id", Value::Text(&format!("{SECRET}-{book}-{number}"), false));
    put("tenant", Value::Text(book, false));
    put("principal", Value::Object);
    put("id", Value::Text(&format!("{book}-user-{}", number % 3), false));
    put("tenant", Value::Text(book, false));
    put("", Value::ObjectEnd);
    put("action", Value::Text("read", false));
    put("resource", Value::Text("getPatient", false));
    put("reasons", Value::List);
    put("", Value::Object);
    put("policy_id", Value::Text(if allow { "clinicians" } else { "nobody's \"'; DROP" }, false));
    put("", Value::ObjectEnd);
    put("", Value::ListEnd(false));
    put("classes", Value::Object);
    put("revealed", Value::List);
    for class in
        if number.is_multiple_of(2) { &["pii.name", "pii.contact.email"][..] } else { &["pii.contacts"][..] }
    {
        put("", Value::Text(class, false));
    }
    put("", Value::ListEnd(false));
    put("", Value::ObjectEnd);
    out
}

/// What stands in every record, after it the book's name.
const SECRET: &str = "zq7";

/// A log with two books in the archive and fresh frames of both.
fn world(at: &Path) -> (Folder, std::path::PathBuf) {
    let of = |from: u64| -> Vec<Vec<u8>> {
        (from..from + 20)
            .flat_map(|n| [decision("acme", n, n % 4 != 0), decision("globex", n, n % 5 != 0)])
            .collect()
    };
    let folder = log(at, &[of(0), of(20), of(40)], 1);
    let archive = at.join("archive");
    let done = archive::compact(&folder, &archive, &mut |_| {}).unwrap();
    assert_eq!(done.all_records, 80);
    (folder, archive)
}

fn these(books: &[&str]) -> Books {
    Books::These(books.iter().map(|book| (*book).to_owned()).collect())
}

fn open(at: &Path, archive: &Path, books: Books) -> Engine {
    Engine::open(at, archive, books, Bounds::default()).unwrap()
}

fn lines(answer: &Answer) -> String {
    String::from_utf8(json_lines(answer).unwrap()).unwrap()
}

#[test]
fn the_archive_and_what_is_fresh_are_one_table_of_the_callers_books_alone() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let count = "SELECT book, count(*) AS n, min(seq) AS first, max(seq) AS last FROM decisions GROUP BY book ORDER BY book";
    let all = open(at.path(), &archive, Books::All);
    assert_eq!(
        lines(&all.sql(count).unwrap()),
        "{\"book\":\"acme\",\"n\":60,\"first\":0,\"last\":118}\n{\"book\":\"globex\",\"n\":60,\"first\":1,\"last\":119}\n"
    );
    assert_eq!(all.books().unwrap(), BTreeSet::from(["acme".to_owned(), "globex".to_owned()]));
    let acme = open(at.path(), &archive, these(&["acme"]));
    assert_eq!(lines(&acme.sql(count).unwrap()), "{\"book\":\"acme\",\"n\":60,\"first\":0,\"last\":118}\n");
    let nobody = open(at.path(), &archive, these(&["acme/west"]));
    assert_eq!(nobody.sql("SELECT * FROM decisions").unwrap().rows, 0);
    assert_eq!(nobody.books().unwrap(), BTreeSet::new());
}

#[test]
fn records_come_out_of_an_answer_as_the_log_wrote_them() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let acme = open(at.path(), &archive, these(&["acme"]));
    let answer = acme.whole(&Filter::default().newest("*", 1_000)).unwrap();
    let mut number = 0;
    records(&answer, |record| {
        let mut expected = decision("acme", number, number % 4 != 0);
        expected[entry::SEQ_AT..entry::SEQ_AT + 8].copy_from_slice(&(number * 2).to_le_bytes());
        assert_eq!(record.unwrap(), expected);
        number += 1;
    });
    assert_eq!(number, 60);
}

#[test]
fn filters_ask_for_what_they_say() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let acme = open(at.path(), &archive, these(&["acme"]));
    let rows = |filter: Filter| acme.sql(&filter.newest("*", 1_000)).unwrap().rows;
    let text = |text: &str| Some(text.to_owned());
    let none = Filter::default;
    assert_eq!(rows(none()), 60);
    assert_eq!(rows(Filter { decision: Some("deny"), ..none() }), 15);
    assert_eq!(rows(Filter { principal: text("acme-user-1"), ..none() }), 20);
    assert_eq!(
        rows(Filter { shown: text("pii.contact"), ..none() }),
        30,
        "a class holds those below it, by whole names"
    );
    assert_eq!(rows(Filter { class: text("pii"), ..none() }), 60);
    assert_eq!(rows(Filter { class: text("pii.contact.email"), decision: Some("deny"), ..none() }), 15);
    assert_eq!(rows(Filter { policy: text("clinicians"), ..none() }), 45);
    assert_eq!(rows(Filter { policy: text("nobody's \"'; DROP"), ..none() }), 15);
    assert_eq!(rows(Filter { policy: text("' OR 'a' = 'a"), ..none() }), 0);
    assert_eq!(rows(Filter { route: text("getPatient"), ..none() }), 60);
    assert_eq!(rows(Filter { id: text("zq7-acme-7"), ..none() }), 1);
    assert_eq!(rows(Filter { kind: text("outcome"), ..none() }), 0);
    let us = |minute: i64| Some(20_000 * 86_400_000_000 + minute * 60_000_000);
    assert_eq!(rows(Filter { since_us: us(10), until_us: us(50), ..none() }), 40);
    let answer = acme.sql(&none().newest("seq", 2)).unwrap();
    assert_eq!(lines(&answer), "{\"seq\":116}\n{\"seq\":118}\n", "the newest, in their order");
    let answer = acme.sql(&none().top(By::Policy, 1)).unwrap();
    let shown = lines(&answer);
    assert!(shown.starts_with("{\"policy\":\"clinicians\",\"requests\":45,\"denied\":0,"), "{shown}");
    for by in [By::Principal, By::Route, By::Code, By::Tenant, By::Action, By::Class] {
        assert!(acme.sql(&none().top(by, 5)).unwrap().rows > 0, "{by:?}");
    }
    assert_eq!(acme.sql(&none().pathways(5)).unwrap().rows, 0);
    let day = lines(&acme.sql(&none().stats()).unwrap());
    assert!(day.contains("\"requests\":60,\"allowed\":45,\"denied\":15,"), "{day}");
}

#[test]
fn an_answer_past_its_bounds_is_cut_or_refused_and_says_so() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let with = |bounds: Bounds| Engine::open(at.path(), &archive, Books::All, bounds).unwrap();
    let usual = Bounds::default();
    let few = with(Bounds { rows: 7, ..usual }).sql("SELECT * FROM decisions").unwrap();
    assert!(few.rows == 7 && few.cut);
    let all = with(Bounds { rows: 120, ..usual }).sql("SELECT * FROM decisions").unwrap();
    assert!(all.rows == 120 && !all.cut);
    let bytes = with(Bounds { bytes: 10, ..usual }).sql("SELECT * FROM decisions").unwrap();
    assert!(bytes.rows == 0 && bytes.cut);
    let product = "SELECT count(*) FROM decisions a, decisions b, decisions c, decisions d, decisions e WHERE a.time <> b.time OR c.seq = e.seq";
    let late = with(Bounds { time: Duration::from_millis(300), ..usual }).sql(product).unwrap_err();
    assert!(matches!(late, NotAnswered::Bound(_)), "{late}");
    let wide = "SELECT a.request_id, array_agg(b.request_id || c.request_id) FROM decisions a, decisions b, decisions c GROUP BY 1";
    let large = with(Bounds { memory: 1 << 20, ..usual }).sql(wide).unwrap_err();
    assert!(matches!(large, NotAnswered::Bound(_)), "{large}");
    let long = format!("SELECT '{}'", "x".repeat(crate::limits::QUERY_STATEMENT_BYTES_MAX));
    assert!(matches!(with(usual).sql(&long).unwrap_err(), NotAnswered::Refused(_)));
}

/// Statements that read no table `decisions`, write, set, or name a file.
fn forbidden(at: &Path) -> Vec<String> {
    let globex = at.join("archive/books/globex").display().to_string();
    let root = at.display().to_string();
    let mut all: Vec<String> = [
        "SET datafusion.catalog.information_schema = true",
        "SHOW TABLES",
        "SHOW ALL",
        "SHOW COLUMNS FROM decisions",
        "DESCRIBE decisions",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT * FROM decisions",
        "EXPLAIN VERBOSE SELECT 1",
        "CREATE TABLE t AS SELECT * FROM decisions",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE decisions",
        "INSERT INTO decisions SELECT * FROM decisions",
        "DELETE FROM decisions",
        "UPDATE decisions SET seq = 1",
        "TRUNCATE TABLE decisions",
        "CREATE SCHEMA s",
        "CREATE DATABASE d",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "SELECT * INTO t FROM decisions",
        "BEGIN",
        "COMMIT",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "SELECT 1; SELECT 2",
        "",
        ";",
        "RESET datafusion.catalog.information_schema",
        "USE x",
        "ANALYZE TABLE decisions",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.df_settings",
        "SELECT * FROM range(10)",
        "SELECT * FROM generate_series(1, 10)",
        "SELECT * FROM read_parquet('x')",
        "SELECT * FROM parquet_metadata('x')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY decisions TO '/tmp/out.parquet'",
        "COPY (SELECT * FROM decisions) TO '/tmp/out' STORED AS CSV",
        "SELECT rest FROM decisions",
        "SELECT load_extension('x')",
        "SELECT pg_read_file('/etc/passwd')",
    ]
    .map(str::to_owned)
    .to_vec();
    for path in [&globex, &root] {
        all.push(format!("SELECT * FROM '{path}'"));
        all.push(format!("SELECT * FROM \"{path}/\""));
        all.push(format!("SELECT * FROM 'file://{path}'"));
        all.push("SELECT * FROM 'archive://log/books/globex'".to_owned());
        all.push(format!("SELECT * FROM read_parquet('{path}/**/*.parquet')"));
        all.push(format!("CREATE EXTERNAL TABLE g STORED AS PARQUET LOCATION '{path}'"));
        all.push(format!("COPY (SELECT 1) TO '{path}/out.parquet'"));
    }
    all
}

#[test]
fn what_is_no_select_over_the_table_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let acme = open(at.path(), &archive, these(&["acme"]));
    for statement in forbidden(at.path()) {
        let answer = acme.sql(&statement);
        assert!(matches!(answer, Err(NotAnswered::Refused(_))), "{statement}: {answer:?}");
    }
    let after: Vec<_> =
        std::fs::read_dir(archive.join("books")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(after.len(), 2);
    assert_eq!(acme.sql("SELECT count(*) FROM decisions").unwrap().rows, 1);
}

/// 10,000 statements in a long run (`PALISADE_SQL`), fewer in the usual one.
#[test]
fn no_statement_shows_a_foreign_row() {
    let at = tempfile::tempdir().unwrap();
    let (_, archive) = world(at.path());
    let bounds = Bounds { time: Duration::from_secs(2), memory: 32 << 20, ..Bounds::default() };
    let acme = Engine::open(at.path(), &archive, these(&["acme"]), bounds).unwrap();
    let count = std::env::var("PALISADE_SQL").ok().and_then(|text| text.parse().ok()).unwrap_or(1_500);
    let mut dice = Dice::new(0x2026_1122);
    let (mut answered, mut own) = (0, 0);
    for _ in 0..count {
        let statement = dice.statement(&forbidden(at.path()));
        let Ok(answer) = acme.sql(&statement) else { continue };
        answered += 1;
        let shown = lines(&answer);
        own += usize::from(shown.contains("zq7-acme-"));
        assert!(!shown.contains("zq7-globex-") && !shown.contains("globex-user"), "{statement}\n{shown}");
    }
    assert!(
        answered * 10 > count && own * 50 > count,
        "{answered} of {count} were answered, {own} with rows"
    );
    assert_eq!(acme.sql("SELECT DISTINCT book FROM decisions").unwrap().rows, 1);
}
