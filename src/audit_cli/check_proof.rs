//! `palisade-audit check-proof`: does a proof hold, for a record and a key that somebody brings?
//!
//! Never: looks at a log.

use std::path::PathBuf;

use serde_json::json;

use crate::audit::note::Signed;
use crate::audit::note::TlogProof;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::formats;
use crate::cli::out::GOOD;
use crate::cli::out::paint;
use crate::file;
use crate::limits;

use super::Global;
use super::Refused;
use super::keys;
use super::prove::as_json;

pub(super) const AFTER: &str = "\
Example:
  palisade-audit check-proof decision.bin decision.tlog-proof --key log.vkey

The key has to come from elsewhere than the proof. With several keys each must have signed the checkpoint: that of the log and
those of its witnesses.

Exit codes: 0 the record is in the log that the keys signed; 2 usage; 6 it is not, or a key did not sign.";

/// What `check-proof` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The bytes of the record, as `prove --record` keeps them.
    record: PathBuf,
    /// The proof.
    proof: PathBuf,
    /// A key that must have signed: a C2SP verifier key, or a file with one. May be repeated.
    #[arg(short, long, value_name = "KEY", required = true)]
    key: Vec<String>,
}

pub(super) fn check_proof(global: &Global, arguments: &Arguments, out: &mut Out) -> Result<Exit, Refused> {
    let keys = keys::keys(&arguments.key)?;
    let unreadable = |path: &PathBuf, why: &dyn std::fmt::Display| {
        Refused::usage(format!("`{}` cannot be read: {why}", path.display()))
    };
    let record = file::bytes(&arguments.record, limits::FRAME_BYTES_MAX)
        .map_err(|why| unreadable(&arguments.record, &why))?;
    let text = file::text(&arguments.proof, limits::NOTE_BYTES_MAX)
        .map_err(|why| unreadable(&arguments.proof, &why))?;
    let failed = |why: String| Refused(Exit::Audit, why);
    let proof = TlogProof::parse(&text).map_err(|why| failed(format!("it is no proof: {why}")))?;
    let head = proof.proves(&record).ok_or_else(|| {
        failed("the record is not in the log of that checkpoint, or is another one".to_owned())
    })?;
    for key in &keys {
        if !matches!(proof.note.signed_by(key), Signed::Yes { .. }) {
            return Err(failed(format!("`{key}` did not sign the checkpoint")));
        }
    }
    if global.is_json() {
        let record = as_json(&record);
        let told = json!({ "holds": true, "seq": proof.index, "origin": head.origin, "size": head.size, "record": record });
        out.raw(formats::pretty(&told).as_bytes());
    } else {
        let (seq, origin, size) = (proof.index, &head.origin, head.size);
        let holds = paint(GOOD, "holds");
        out.line(&format!(
            "{holds}  record {seq} is in {origin}, which had {size} records when it was signed"
        ));
    }
    Ok(Exit::Ok)
}
