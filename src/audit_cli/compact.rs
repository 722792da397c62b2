//! `palisade-audit compact`: brings the archive up to the last sealed segment.
//!
//! Never: takes a segment away; `decision_log.size_max` says how long the log keeps them.

use serde_json::json;

use crate::archive;
use crate::archive::NotCompacted;
use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::formats;
use crate::cli::progress::Progress;
use crate::evidence::Folder;

use super::Global;
use super::Refused;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit compact
  palisade-audit compact --log /var/log/palisade --archive /srv/archive

Makes Parquet of the segments that are sealed and not in the archive yet: one folder a book and month. It may be stopped at any time, and
goes on where it was. Run it by a timer, more often than the log drops segments.

Exit codes: 0 the archive is up to date; 1 the log or the archive cannot be read or written; 2 usage; 6 a segment is damaged.";

/// What `compact` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The archive. Default: `archive` in the log's directory.
    #[arg(long, value_name = "DIR")]
    archive: Option<std::path::PathBuf>,
}

pub(super) fn compact(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let log = global.log(world)?;
    let place = arguments.archive.clone().unwrap_or_else(|| log.join("archive"));
    let folder = Folder::open(&log).map_err(Refused::internal)?;
    let size = crate::evidence::newest(&folder).map_or(0, |(_, head)| head.size);
    let mut progress = Progress::new("compacted", usize::try_from(size).unwrap_or(usize::MAX));
    let mut tell = |records: u64| progress.at(usize::try_from(records).unwrap_or(usize::MAX));
    let done = archive::compact(&folder, &place, &mut tell);
    drop(progress);
    let done = done.map_err(|why| {
        let exit = match why {
            NotCompacted::Damaged { .. } | NotCompacted::Missing { .. } => Exit::Audit,
            NotCompacted::Unreadable(_) | NotCompacted::Busy | NotCompacted::Archive { .. } => Exit::Internal,
        };
        Refused(exit, why.to_string())
    })?;
    let each = if done.all_records > 0 { done.bytes as f64 / done.all_records as f64 } else { 0.0 };
    if global.is_json() {
        let told = json!({
            "records": done.records, "segments": done.segments, "merged": done.merged, "files": done.files,
            "bytes": done.bytes, "all_records": done.all_records, "missing": done.missing,
        });
        out.raw(formats::pretty(&told).as_bytes());
        return Ok(Exit::Ok);
    }
    out.line(&format!("{} records of {} segments are in the archive now", done.records, done.segments));
    out.line(&format!(
        "it holds {} records in {} files, {each:.1} bytes a record",
        done.all_records, done.files
    ));
    if done.missing > 0 {
        out.line(&format!("{} records were gone from the log before they were due", done.missing));
    }
    Ok(Exit::Ok)
}
