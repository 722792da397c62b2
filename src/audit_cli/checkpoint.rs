//! `palisade-audit checkpoint`: the newest signed head of the log, to be kept elsewhere.
//!
//! Never: signs anything.

use serde_json::json;

use crate::audit::note::Signed;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::evidence;
use crate::evidence::Folder;

use super::Global;
use super::Output;
use super::Refused;
use super::prove::refused;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit checkpoint > friday.checkpoint
  palisade-audit checkpoint --keys > log.vkey        hand it to auditors once, by another way than the log
  palisade-audit checkpoint -o json

Whoever keeps a checkpoint where those who hold the key cannot write has an anchor: `verify --anchor` finds every change of what
it covers.";

/// What `checkpoint` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print the keys that stand in the log in place of the checkpoint, the one that signed it first.
    #[arg(long)]
    keys: bool,
}

pub(super) fn checkpoint(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let folder = Folder::open(&global.log(world)?).map_err(Refused::internal)?;
    let is_json = global.output == Some(Output::Json);
    if arguments.keys {
        let mut keys = folder.keys().map_err(Refused::internal)?;
        let newest = evidence::newest(&folder).ok();
        keys.sort_by_key(|key| {
            !newest.iter().any(|(note, _)| matches!(note.signed_by(key), Signed::Yes { .. }))
        });
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        if is_json {
            out.raw(formats::pretty(&json!({ "keys": keys })).as_bytes());
        } else {
            keys.iter().for_each(|key| out.raw(format!("{key}\n").as_bytes()));
        }
        return Ok(Exit::Ok);
    }
    let (note, head) = evidence::newest(&folder).map_err(refused)?;
    if is_json {
        let signers: Vec<String> = note.signatures().iter().map(|signature| signature.name.clone()).collect();
        let told =
            json!({ "origin": head.origin, "size": head.size, "signed_by": signers, "note": note.write() });
        out.raw(formats::pretty(&told).as_bytes());
    } else {
        out.raw(note.write().as_bytes());
    }
    Ok(Exit::Ok)
}
