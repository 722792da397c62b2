//! Does what a plan says, once it is on record.
//!
//! Never: shows a segment under its name before all of it is on the device; leaves one without what proves the rest.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::audit::edge;
use crate::audit::edge::Edge;
use crate::audit::entry;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::keeping::Fate;
use crate::evidence::Folder;
use crate::evidence::Segment;
use crate::file;
use crate::limits;

use super::NotPruned;
use super::Plan;
use super::Rules;

/// How hard segments are compressed.
const ZSTD_LEVEL: i32 = 3;

/// A file of the log's directory that is being written.
const UNFINISHED: &str = "prune.tmp";

/// Takes away what the plan names, by the rules that it was made by.
///
/// # Errors
/// When a file cannot be read or written; what was done until then stays done, and the next plan names the rest.
pub fn apply(folder: &Folder, plan: &Plan, rules: &Rules) -> Result<(), NotPruned> {
    for goes in &plan.within {
        rewrite(folder, &goes.segment, rules)?;
    }
    if plan.whole.is_empty() {
        return Ok(());
    }
    keep_edge(folder, plan)?;
    // The oldest first: wherever this ends, what is left has no hole.
    for segment in &plan.whole {
        let path = folder.at(&segment.name());
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(NotPruned::File(path, why)),
            Ok(()) | Err(_) => {}
        }
    }
    let segments = folder.at("segments");
    sync(&segments).map_err(|why| NotPruned::File(segments, why))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// All bytes of a segment, plain.
fn plain(folder: &Folder, segment: &Segment) -> Result<Vec<u8>, NotPruned> {
    let path = folder.at(&segment.name());
    let failed = |why| NotPruned::File(path.clone(), why);
    let packed = file::open(&path).map_err(failed)?;
    let plain = zstd::Decoder::new(packed).map_err(failed)?;
    file::bounded(plain, limits::LOG_SEGMENT_BYTES_MAX).map_err(failed)
}

/// Puts in place of a segment the same with the leaves of what goes.
fn rewrite(folder: &Folder, segment: &Segment, rules: &Rules) -> Result<(), NotPruned> {
    let damaged = || NotPruned::Damaged(segment.name());
    let bytes = plain(folder, segment)?;
    let (head, frames) = bytes.split_at_checked(frame::SEGMENT_HEAD_BYTES).ok_or_else(damaged)?;
    let mut left = head.to_vec();
    for record in Frames::new(frames) {
        let record = record.map_err(|_| damaged())?;
        let due = entry::Withheld::read(record).is_none()
            && rules.fate(record).map_err(|_| damaged())? == Fate::Due;
        let withheld = if due { entry::withhold(record) } else { None };
        frame::append(withheld.as_deref().unwrap_or(record), &mut left);
    }
    let path = folder.at(&segment.name());
    let failed = |why| NotPruned::File(path.clone(), why);
    put(folder, &segment.name(), &zstd::bulk::compress(&left, ZSTD_LEVEL).map_err(failed)?).map_err(failed)
}

/// Writes a file whole or not at all, on the device when this returns.
fn put(folder: &Folder, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (path, beside) = (folder.at(name), folder.at(UNFINISHED));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    path.parent().map_or(Ok(()), sync)
}

/// Keeps the leaves of the bundle that is cut in two, and takes away those of an earlier cut.
fn keep_edge(folder: &Folder, plan: &Plan) -> Result<(), NotPruned> {
    let at = folder.at(edge::FOLDER);
    let failed = |why| NotPruned::File(at.clone(), why);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&at).map_err(failed)?;
    let mut edge = Edge::before(plan.boundary);
    let mut before = Vec::new();
    for name in fs::read_dir(&at).map_err(failed)? {
        let name = name.map_err(failed)?.file_name().to_string_lossy().into_owned();
        edge.file(&name, &file::bytes(&at.join(&name), limits::EDGE_BYTES_MAX).map_err(failed)?);
        before.push(format!("{}/{name}", edge::FOLDER));
    }
    let begin = plan.whole.iter().rposition(|segment| segment.first <= edge.begins()).unwrap_or(0);
    for segment in plan.whole.iter().skip(begin) {
        edge.segment(&plain(folder, segment)?);
    }
    if let Some(bytes) = edge.bytes() {
        put(folder, &edge.name(), &bytes).map_err(failed)?;
    }
    let own = edge.name();
    for name in before.into_iter().filter(|name| *name != own) {
        fs::remove_file(folder.at(&name)).map_err(failed)?;
    }
    Ok(())
}
