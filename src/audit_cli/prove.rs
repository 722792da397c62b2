//! `palisade-audit prove`: the proof that one record is in the log, as a text that others check.
//!
//! Never: prints a proof that does not hold.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::keeping::Names;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::evidence;
use crate::evidence::Folder;
use crate::evidence::NotProven;
use crate::ids::DecisionId;

use super::Global;
use super::Output;
use super::Refused;
use super::reading::Reads;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit prove 0194f0c2-7d3e-7c00-8000-5e0c6b1d2a3f --record decision.bin > decision.tlog-proof
  palisade-audit prove 41217 > record.tlog-proof
  palisade-audit prove 41217 -o json           the record as JSON, its bytes and the proof in one

What is printed is a C2SP tlog-proof: the record's number, the path to the root, and the signed checkpoint. The record's bytes
are the leaf; --record keeps them. `check-proof`, or the few lines of Python in the manual, check both without the log.

Exit codes: 0; 1 the log cannot be read; 2 there is no such record, or nothing signed covers it yet; 6 the log is not what was
signed; 10 the policies let it not be read.";

/// What `prove` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The id of a decision, or the number of a record.
    #[arg(value_name = "ID")]
    id: String,
    /// Keep the record's bytes in this file.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    reads: Reads,
}

pub(super) fn prove(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let log = global.log(world)?;
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let seq = match (arguments.id.parse::<u64>(), DecisionId::parse(&arguments.id)) {
        (Ok(seq), _) => seq,
        (Err(_), Some(id)) => evidence::find(&folder, id).map_err(refused)?,
        (Err(_), None) => {
            let id = &arguments.id;
            return Err(Refused::usage(format!(
                "`{id}` is neither the id of a decision nor a record's number"
            )));
        }
    };
    let proven = evidence::prove(&folder, seq).map_err(refused)?;
    let book = Entry::read(&proven.record).map_or_else(|_| String::new(), |entry| entry.book.to_owned());
    let (books, tenants) = (BTreeSet::from([book.clone()]), [book.clone()]);
    let mut allowed = arguments.reads.may((global, &log), &books, world, out)?;
    let statement = format!("prove {}", arguments.id);
    if !allowed.holds(&book) {
        return Err(allowed.refused(&statement, &tenants));
    }
    allowed.record(&statement, &tenants, 1)?;
    if let Some(path) = &arguments.record {
        std::fs::write(path, &proven.record)
            .map_err(|why| Refused::internal(format!("`{}` cannot be written: {why}", path.display())))?;
    }
    let text = proven.proof.write();
    // A proof is text that travels, wherever it goes; JSON only where that was said.
    if global.output != Some(Output::Json) {
        out.raw(text.as_bytes());
        return Ok(Exit::Ok);
    }
    let line = as_json(&proven.record);
    let told = json!({ "seq": seq, "record": line, "bytes": STANDARD.encode(&proven.record), "proof": text });
    out.raw(formats::pretty(&told).as_bytes());
    Ok(Exit::Ok)
}

/// A record as JSON, where it is one.
pub(super) fn as_json(record: &[u8]) -> Option<serde_json::Value> {
    named_json(record, &Names::default())
}

/// The same, with the names that its pseudonyms stand for.
pub(super) fn named_json(record: &[u8], names: &Names) -> Option<serde_json::Value> {
    let mut line = Vec::new();
    entry::line(record, &mut line).ok()?;
    serde_json::from_str(&names.reveal_json(std::str::from_utf8(&line).ok()?)).ok()
}

/// How the program ends where there is no proof.
pub(super) fn refused(why: NotProven) -> Refused {
    let exit = match why {
        NotProven::Unreadable(_) => Exit::Internal,
        NotProven::NoRecord | NotProven::Pruned | NotProven::Unsigned => Exit::Usage,
        NotProven::Differs | NotProven::BadCheckpoint(_) => Exit::Audit,
    };
    Refused(exit, why.to_string())
}
