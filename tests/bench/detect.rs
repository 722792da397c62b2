//! What the detectors find in a corpus, and how long they take.
//!
//! `cargo bench --bench detect -- FILE` writes what is found in each line of a corpus that `tests/bench/detectors/corpus`
//! made, one JSON array a line, for `tests/bench/detectors/compare`; the time goes to standard error.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use palisade::redact::detect::Detectors;
use palisade::redact::detect::Kind;
use serde_json::Value;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const TURNS: u32 = 20;

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [file] = words.as_slice() else {
        return Err("the corpus?".into());
    };
    let rows = read(file)?;
    let detectors = Detectors::new(Kind::ALL.into_iter().collect());
    let mut out = std::io::stdout().lock();
    for (key, text) in &rows {
        let mut found = Vec::new();
        if detectors.may_hold(text.as_bytes(), 0, text.len())
            || detectors.may_be_secret(text.as_bytes(), key.as_bytes())
        {
            detectors.find(text, key, &mut found);
        }
        let found: Vec<Value> =
            found.iter().map(|one| serde_json::json!([one.from, one.to, one.kind.word()])).collect();
        writeln!(out, "{}", Value::from(found))?;
    }
    let mut times: Vec<f64> = (0..TURNS).map(|_| time(&detectors, &rows)).collect();
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let bytes: usize = rows.iter().map(|(_, text)| text.len()).sum();
    writeln!(
        std::io::stderr(),
        "{median:.0} ns a text of {:.0} bytes, {:.0} MB/s",
        bytes as f64 / rows.len() as f64,
        bytes as f64 / rows.len() as f64 / median * 1e3
    )?;
    Ok(())
}

fn time(detectors: &Detectors, rows: &[(String, String)]) -> f64 {
    let mut found = Vec::new();
    let started = Instant::now();
    for (key, text) in rows {
        found.clear();
        if detectors.may_hold(text.as_bytes(), 0, text.len())
            || detectors.may_be_secret(text.as_bytes(), key.as_bytes())
        {
            detectors.find(black_box(text), key, &mut found);
        }
        black_box(&found);
    }
    started.elapsed().as_nanos() as f64 / rows.len() as f64
}

fn read(file: &str) -> Outcome<Vec<(String, String)>> {
    let mut rows = Vec::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        let word = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(key), Some(text)) = (word("key"), word("text")) else {
            return Err("a row needs key and text".into());
        };
        rows.push((key, text));
    }
    Ok(rows)
}
