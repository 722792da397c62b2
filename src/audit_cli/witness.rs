//! `palisade-audit witness`: has somebody else's witness cosign the newest checkpoint.
//!
//! Never: keeps a signature that the witness's key did not make.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::out::GOOD;
use crate::cli::out::paint;
use crate::evidence;
use crate::evidence::Folder;
use crate::evidence::NotCosigned;
use crate::evidence::Witness;
use crate::remote;
use crate::remote::Access;

use super::Global;
use super::Refused;
use super::keys;
use super::prove;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit witness https://witness.example.com --key witness.vkey
  */5 * * * * palisade-audit witness https://witness.example.com --key /etc/palisade/witness.vkey --log /var/log/palisade

A witness speaks C2SP tlog-witness. It cosigns a checkpoint only with the proof that the log grew out of the last one that it
saw; what it says is kept in `checkpoint.cosigned`.

Exit codes: 0 cosigned; 1 it could not be asked, or refuses; 6 it has seen another history, or a longer one.";

/// What `witness` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the witness is: the prefix of its `/add-checkpoint`.
    url: String,
    /// The key of its cosignatures: a C2SP verifier key, or a file with one.
    #[arg(short, long, value_name = "KEY")]
    key: String,
    /// File with the certificates that its server's is checked with, in PEM. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take a URL without TLS.
    #[arg(long)]
    plain_http: bool,
}

pub(super) fn witness(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let folder = Folder::open(&global.log(world)?).map_err(Refused::internal)?;
    let url = remote::prefix(&arguments.url)
        .map_err(|why| Refused::usage(format!("`{}`: {why}", arguments.url)))?;
    let witness = Witness { url, key: keys::key(&arguments.key)? };
    let access = Access {
        timeout: Duration::from_secs(30),
        plain_http: arguments.plain_http,
        ca_file: arguments.ca.clone(),
        ..Access::default()
    };
    let note = evidence::cosign(&folder, &witness, &access).map_err(|why| match why {
        NotCosigned::NotProven(why) => prove::refused(why),
        NotCosigned::Ahead { .. } | NotCosigned::Forked => Refused(Exit::Audit, why.to_string()),
        NotCosigned::Unreachable(_)
        | NotCosigned::Refused(..)
        | NotCosigned::Unsigned
        | NotCosigned::Unwritten(_) => Refused::internal(why),
    })?;
    if global.is_json() {
        out.raw(
            formats::pretty(&json!({ "cosigned_by": witness.key.name(), "note": note.write() })).as_bytes(),
        );
    } else {
        out.line(&format!("{}  by {}", paint(GOOD, "cosigned"), witness.key.name()));
    }
    Ok(Exit::Ok)
}
