//! One operation of Palisade, N times, and nothing else: `count OPERATION N`, for `tests/bench/instructions`.
//!
//! Without an operation (`cargo bench`) it times each of them on the clock instead.
//! It must never do I/O in the counted loop, and an operation that is not written says so: a made-up number is worse
//! than none. Set-up is cancelled by the script, which subtracts two runs of different N, so it may be as slow as it
//! likes, but must be the same for every N.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use aws_lc_rs::digest;

type Outcome = Result<(), Box<dyn Error>>;

/// An operation: its name, and how it is done N times.
type Operation = (&'static str, fn(u64) -> Outcome);

const OPERATIONS: &[Operation] =
    &[("hash", hash), ("decide", decide), ("redact", redact), ("head", head), ("record", record)];

fn main() -> Outcome {
    // `cargo bench` passes `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.as_slice() {
        [] => OPERATIONS.iter().try_for_each(|(name, operation)| time(name, *operation)),
        [list] if list == "list" => {
            OPERATIONS.iter().try_for_each(|(name, _)| Ok(writeln!(std::io::stdout(), "{name}")?))
        }
        [name, count] => {
            let found = OPERATIONS.iter().find(|(known, _)| known == name);
            let (_, operation) = found.ok_or_else(|| format!("`{name}`: no such operation"))?;
            operation(count.parse()?)
        }
        _ => Err("usage: count [list | OPERATION N]".into()),
    }
}

fn time(name: &str, operation: fn(u64) -> Outcome) -> Outcome {
    const SOME: u64 = 1_000;
    const MANY: u64 = 21_000;
    if let Err(why) = operation(SOME) {
        return Ok(writeln!(std::io::stdout(), "{name:8} {why}")?);
    }
    let clock = |count| -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        operation(count)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let ns = (clock(MANY)? - clock(SOME)?) * 1e9 / (MANY - SOME) as f64;
    Ok(writeln!(std::io::stdout(), "{name:8} {ns:8.0} ns")?)
}

/// What the memory of verified credentials pays on every request: SHA-256 of a whole bearer token.
/// Valgrind has no SHA instructions, so its count (28k) is that of the portable code; the clock says what it costs.
fn hash(count: u64) -> Outcome {
    let token = [b'x'; 787];
    for _ in 0..count {
        black_box(digest::digest(&digest::SHA256, black_box(&token)));
    }
    Ok(())
}

/// One Cedar decision over `tests/bench/whole/policies`, then `reveal` for the classes of the route.
fn decide(_count: u64) -> Outcome {
    // To write: load the model and policies of tests/bench/whole once; per turn `ask`, `decide`, each `reveal`.
    Err("not written yet".into())
}

/// One 1 KiB body (`tests/bench/body.json`) with two masked fields, one chunk, through a fresh `Redactor`.
fn redact(_count: u64) -> Outcome {
    // To write: one `Plan` outside; per turn `Redactor::new(..)`, `feed(Bytes)`, `finish()`.
    Err("not written yet".into())
}

/// One request head with the bearer token made canonical: from header map to what is forwarded.
fn head(_count: u64) -> Outcome {
    // To write: per turn clone the same `HeaderMap` (counted too) and run the steps of `request/received.rs`.
    Err("not written yet".into())
}

/// One decision record encoded into a buffer that is cleared each turn.
fn record(_count: u64) -> Outcome {
    // To write: one `audit::Decision`; per turn `line.clear(); decision.encode(&mut line)`.
    Err("not written yet".into())
}
