//! `palisade-audit verify`: is the log what was signed, and if not, what is wrong and where?
//!
//! Never: calls a log sound that it did not read whole, but for what the caller said to be verified before.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::now_ms;
use crate::cli::out::BAD;
use crate::cli::out::BOLD;
use crate::cli::out::DIM;
use crate::cli::out::GOOD;
use crate::cli::out::WARN;
use crate::cli::out::paint;
use crate::cli::progress::Progress;
use crate::cli::times;
use crate::evidence;
use crate::evidence::Asked;
use crate::evidence::Class;
use crate::evidence::Folder;
use crate::evidence::Report;
use crate::evidence::told;

use super::Global;
use super::Refused;
use super::keys;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit verify
  palisade-audit verify --log /var/log/palisade --key log.vkey
  palisade-audit verify --anchor friday.checkpoint         was it rolled back or rewritten since?
  palisade-audit verify --since friday.checkpoint          only what came after that
  palisade-audit verify --tenant acme -o json

The words of what is found (MODIFIED, MISSING, FORKED, …) stand in the manual's chapter on evidence. Without --key the log's own
keys are taken, which proves nothing against whoever can write its files.

Exit codes: 0 the log is as it was signed; 1 it cannot be read; 2 usage; 6 something is wrong with it.";

/// What `verify` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only the book of this tenant, against the newest seal.
    #[arg(short, long, value_name = "TENANT", conflicts_with = "since")]
    tenant: Option<String>,
    /// A key that is trusted, of the log or of a witness: a C2SP verifier key, or a file with one. May be repeated.
    #[arg(short, long, value_name = "KEY")]
    key: Vec<String>,
    /// A checkpoint that was kept elsewhere; the log must go on from it. May be repeated.
    #[arg(short, long, value_name = "FILE")]
    anchor: Vec<PathBuf>,
    /// A checkpoint up to which all was verified before: only what came later is read.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// How old a record may be that no checkpoint covers.
    #[arg(long, value_name = "TIME", default_value = "2m")]
    unsigned: String,
}

pub(super) fn verify(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let log = global.log(world)?;
    let keys = keys::keys(&arguments.key)?;
    let read = |path: &PathBuf| evidence::note(path).map_err(|why| Refused::usage(why.to_string()));
    let anchors = arguments.anchor.iter().map(|path| Ok((path.display().to_string(), read(path)?)));
    let anchors = anchors.collect::<Result<Vec<_>, Refused>>()?;
    let since = arguments.since.as_ref().map(read).transpose()?;
    let unsigned_ms = times::duration_ms(&arguments.unsigned).map_err(Refused::usage)?;
    let asked =
        Asked { keys: &keys, anchors: &anchors, since: since.as_ref(), now_ms: now_ms(), unsigned_ms };
    // How many there are is what the newest checkpoint says; where it says less, the last percents take longer.
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let size = evidence::newest(&folder).map_or(0, |(_, head)| head.size);
    let mut progress = Progress::new("verified", usize::try_from(size).unwrap_or(usize::MAX));
    let mut tell = |records: u64| progress.at(usize::try_from(records).unwrap_or(usize::MAX));
    let report = match &arguments.tenant {
        Some(tenant) => evidence::verify_book(&log, tenant, &asked, &mut tell),
        None => evidence::verify(&log, &asked, &mut tell),
    };
    drop(progress);
    let report = report.map_err(Refused::internal)?;
    if global.is_json() {
        out.raw(formats::pretty(&told::json(&report)).as_bytes());
    } else {
        pretty(&report, out);
    }
    Ok(if report.class() == Class::Sound { Exit::Ok } else { Exit::Audit })
}

fn pretty(report: &Report, out: &mut Out) {
    let class = report.class();
    let style = match class {
        Class::Sound => GOOD,
        Class::Unsigned => WARN,
        Class::Incomplete | Class::Integrity => BAD,
    };
    out.line(&format!("{}  {}", paint(style, class.as_str()), paint(BOLD, told::verdict(class))));
    for line in told::lines(report) {
        out.line(&format!("  {}", paint(DIM, line)));
    }
    for finding in &report.findings {
        let style = match finding.class {
            Class::Sound => DIM,
            Class::Unsigned => WARN,
            Class::Incomplete | Class::Integrity => BAD,
        };
        let what = finding.what.as_str();
        out.line(&format!("  {} {}", paint(style, format!("{what:<16}")), told::line(finding)));
    }
    if report.more > 0 {
        out.line(&format!("  and {} more findings", report.more));
    }
}
