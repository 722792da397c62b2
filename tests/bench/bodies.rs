//! What redacting a body costs beside only validating it, and beside the usual way of parse, change and write.
//!
//! `cargo bench --bench bodies -- FILE...`: a row for each file, and for a list of users of 64 KiB that it makes itself.
//! Forty rules, each a key at any depth, a fixed mask. Three ways take turns on the same bytes: Palisade's redactor in pieces,
//! `serde_json` reading into nothing (`IgnoredAny`: it validates and keeps nothing), `serde_json` as a tree that is changed and
//! written. A ratio is the median of those within each turn. `-- once WAY COUNT FILE` does one way (`redact`, `validate`, `tree`,
//! or `search`: redacting, with all detectors at work) so many times, for `valgrind --tool=callgrind`.
//! Must never time an output that it has not compared with the tree's.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Buf as _;
use bytes::Bytes;
use palisade::redact::ClassIx;
use palisade::redact::Encoding;
use palisade::redact::Mask;
use palisade::redact::Mode;
use palisade::redact::Plan;
use palisade::redact::Redactor;
use palisade::redact::ShapeBuilder;
use palisade::redact::detect::Kind;
use serde::de::IgnoredAny;
use serde_json::Value;

/// As in `palisade` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const RULES: [&str; 40] = [
    "ssn",
    "email",
    "phone",
    "family",
    "given",
    "telecom",
    "birthDate",
    "address",
    "postalCode",
    "city",
    "line",
    "maiden",
    "passport",
    "iban",
    "cvv",
    "password",
    "secret",
    "token",
    "apiKey",
    "licence",
    "insurance",
    "salary",
    "dob",
    "gender",
    "race",
    "religion",
    "income",
    "pin",
    "fax",
    "mobile",
    "surname",
    "nickname",
    "mother",
    "father",
    "employer",
    "account",
    "routing",
    "swift",
    "location",
    "description",
];
const TURNS: usize = 15;
/// So many bytes come at once, as from a connection.
const PIECE: usize = 16 << 10;

/// One way to take a body.
type Way = fn(&Arc<Plan>, &Bytes) -> Outcome<usize>;

const WAYS: [(&str, Way); 3] = [("redact", redact), ("validate", validate), ("tree", tree)];
/// As the first, but all other text is searched for what has a form: only counted.
const SEARCH: &str = "search";

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let plan = plan(words.get(1).is_some_and(|way| way == SEARCH))?;
    if let [once, way, count, file] = words.as_slice()
        && once == "once"
    {
        let way = if way == SEARCH { "redact" } else { way };
        let (_, way) =
            WAYS.iter().find(|(name, _)| *name == way).ok_or("redact, search, validate or tree")?;
        let body = if file == "users" { users() } else { Bytes::from(std::fs::read(file)?) };
        return (0..count.parse::<u32>()?).try_for_each(|_| way(&plan, &body).map(drop));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:24} {:>9} {:>8} {:>12} {:>8}", "body", "bytes", "GB/s", "x validate", "x tree")?;
    let named = words.iter().map(|file| Ok((file.clone(), Bytes::from(std::fs::read(file)?))));
    for body in std::iter::once(Ok(("users".to_owned(), users()))).chain(named) {
        let (name, body): (String, Bytes) = body.map_err(|error: std::io::Error| error)?;
        same(&plan, &body)?;
        writeln!(out, "{}", row(&plan, name.rsplit('/').next().unwrap_or_default(), &body)?)?;
    }
    Ok(())
}

fn row(plan: &Arc<Plan>, name: &str, body: &Bytes) -> Outcome<String> {
    let rounds = (4 << 20) / body.len() + 1;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let mut ns = [0.0; 3];
        for (ns, (_, way)) in ns.iter_mut().zip(WAYS) {
            let started = Instant::now();
            for _ in 0..rounds {
                black_box(way(plan, body)?);
            }
            *ns = started.elapsed().as_nanos() as f64 / rounds as f64;
        }
        turns.push(ns);
    }
    let median = |of: fn(&[f64; 3]) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(TURNS / 2).copied().unwrap_or_default()
    };
    let speed = body.len() as f64 / median(|[ours, ..]| *ours);
    let (validate, tree) =
        (median(|[ours, ignored, _]| ignored / ours), median(|[ours, _, tree]| tree / ours));
    Ok(format!("{name:24} {:>9} {speed:>8.2} {validate:>12.2} {tree:>8.1}", body.len()))
}

/// Forty rules; with `finds`, everything that has a form is hidden, too.
fn plan(finds: bool) -> Outcome<Arc<Plan>> {
    let mut shape = ShapeBuilder::new();
    for key in RULES {
        shape.path(&format!("$..{key}"), ClassIx(0))?;
    }
    if finds {
        shape.mode(Mode::Guarded);
        Kind::ALL.into_iter().for_each(|kind| shape.detect(kind, ClassIx(0)));
    }
    Ok(Arc::new(Plan::new(&Arc::new(shape.build()?), [(ClassIx(0), Mask::default())], None)))
}

fn redacted(plan: &Arc<Plan>, body: &Bytes) -> Outcome<Vec<u8>> {
    let mut redactor = Redactor::new(Arc::clone(plan), Encoding::Identity);
    let mut out = Vec::new();
    for mut piece in [redactor.feed(body.clone())?, redactor.finish()?.0] {
        out.extend(piece.copy_to_bytes(piece.len()));
    }
    Ok(out)
}

fn redact(plan: &Arc<Plan>, body: &Bytes) -> Outcome<usize> {
    let mut redactor = Redactor::new(Arc::clone(plan), Encoding::Identity);
    let mut len = 0;
    for at in (0..body.len()).step_by(PIECE) {
        len += black_box(redactor.feed(body.slice(at..body.len().min(at + PIECE)))?).len();
    }
    Ok(len + black_box(redactor.finish()?.0).len())
}

fn validate(_: &Arc<Plan>, body: &Bytes) -> Outcome<usize> {
    black_box(serde_json::from_slice::<IgnoredAny>(body)?);
    Ok(body.len())
}

fn tree(_: &Arc<Plan>, body: &Bytes) -> Outcome<usize> {
    let mut value: Value = serde_json::from_slice(body)?;
    mask(&mut value);
    Ok(black_box(serde_json::to_vec(&value)?).len())
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if RULES.contains(&key.as_str()) { *value = "[redacted]".into() } else { mask(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Both say the same, where a tree can say it at all.
fn same(plan: &Arc<Plan>, body: &Bytes) -> Outcome {
    let mut theirs: Value = serde_json::from_slice(body)?;
    mask(&mut theirs);
    let ours: Value = serde_json::from_slice(&redacted(plan, body)?)?;
    if ours == theirs { Ok(()) } else { Err("the tree says another thing".into()) }
}

/// Sixty-four kibibytes of users, two of nine members hidden.
fn users() -> Bytes {
    let mut body = "[".to_owned();
    for n in 0.. {
        body.push_str(&format!(
            r#"{{"id":"p-{n}","name":"Fletcher Crona","ssn":"999-71-5003","email":"f{n}@example.org","active":true,"visits":[1,2,3],"score":12.5,"site":"west","note":"seen by the doctor"}}"#
        ));
        if body.len() > 64 << 10 {
            break;
        }
        body.push(',');
    }
    body.push(']');
    body.into()
}
