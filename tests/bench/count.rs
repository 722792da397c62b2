//! One operation of Palisade, N times, and nothing else: `count OPERATION N`, for `tests/bench/instructions`.
//!
//! `cargo bench` times each of them on the clock instead; `cargo test --all-targets` does each a few times, so that
//! none rots.
//! It must never do I/O or draw randomness in the counted loop, and must never count a loop that does not do what its
//! name says: each operation checks what it made. Set-up is cancelled by the script, which subtracts two runs of
//! different N, so it may be as slow as it likes, but must be the same for every N.

#[path = "count/parts.rs"]
mod parts;
#[path = "count/world.rs"]
mod world;

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

/// As in `palisade` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// An operation: its name, and how it is done N times.
type Operation = (&'static str, fn(u64) -> Outcome);

const OPERATIONS: &[Operation] = &[
    ("head", parts::head),
    ("hash", parts::hash),
    ("remember", parts::remember),
    ("verify", parts::verify),
    ("decide", parts::decide),
    ("decide-anew", parts::decide_anew),
    ("reveal", parts::reveal),
    ("plan", parts::plan),
    ("record", parts::record),
    ("redact", parts::redact),
    ("redact-64k", parts::redact_64k),
    ("public", world::public),
    ("request", world::request),
];

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [] => OPERATIONS.iter().try_for_each(|(_, operation)| operation(4)),
        [bench] if bench == "--bench" => {
            OPERATIONS.iter().try_for_each(|(name, operation)| time(name, *operation))
        }
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
    const SOME: u64 = 500;
    const MANY: u64 = 5_500;
    let clock = |count| -> Outcome<f64> {
        let start = Instant::now();
        operation(count)?;
        Ok(start.elapsed().as_secs_f64())
    };
    clock(SOME)?;
    let ns = (clock(MANY)? - clock(SOME)?) * 1e9 / (MANY - SOME) as f64;
    Ok(writeln!(std::io::stdout(), "{name:10} {ns:8.0} ns")?)
}
