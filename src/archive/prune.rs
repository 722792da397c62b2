//! Takes rows out of the archive whose records are to go.
//!
//! Never: leaves a file there in which such a row stands, whether it counts or not; shows one that is not whole.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::array::RecordBatch;

use super::columns;
use super::file;
use super::manifest;
use super::manifest::Manifest;
use super::merge;

/// Says whether a record is to go; nothing where it cannot tell.
pub(super) type Due<'a> = &'a mut dyn FnMut(&[u8]) -> Option<bool>;

/// A file of which rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Its place below the archive's folder.
    pub path: String,
    /// The numbers of the records.
    pub numbers: Vec<u64>,
}

/// Why rows cannot be taken out.
#[derive(Debug)]
pub struct NotCut {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub why: io::Error,
}

impl std::fmt::Display for NotCut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for NotCut {}

/// The numbers of the rows of a file that go.
fn numbers(path: &Path, due: Due<'_>) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for batch in file::reader(path)? {
        let batch = batch.map_err(io::Error::other)?;
        let goes = goes(&batch, due)?.into_iter().enumerate().filter(|(_, goes)| *goes);
        numbers.extend(goes.filter_map(|(at, _)| columns::row(&batch, at).map(|row| row.seq)));
    }
    Ok(numbers)
}

fn manifest_of(archive: &Path, log_id: &[u8; 16]) -> Result<Manifest, NotCut> {
    let failed = |why| NotCut { path: archive.join(manifest::NAME), why };
    Manifest::read(archive, log_id).map_err(failed)
}

/// The files of which rows go; only those whose earliest row is older than `before_us` are read.
///
/// # Errors
/// When a file cannot be read.
pub fn cuts(archive: &Path, log_id: &[u8; 16], before_us: i64, due: Due<'_>) -> Result<Vec<Cut>, NotCut> {
    let mut cuts = Vec::new();
    for kept in manifest_of(archive, log_id)?.files.iter().filter(|kept| kept.since_us < before_us) {
        let path = archive.join(&kept.path);
        let numbers = numbers(&path, due).map_err(|why| NotCut { path, why })?;
        if !numbers.is_empty() {
            cuts.push(Cut { path: kept.path.clone(), numbers });
        }
    }
    Ok(cuts)
}

/// Takes these rows out; how many they were.
///
/// # Errors
/// When a file cannot be read or written, or another process writes the archive. What was done until then stays done.
pub fn cut(archive: &Path, log_id: &[u8; 16], cuts: &[Cut], due: Due<'_>) -> Result<u64, NotCut> {
    let failed = |why| NotCut { path: archive.to_owned(), why };
    let lock = fs::OpenOptions::new().create(true).append(true).open(archive.join("LOCK")).map_err(failed)?;
    lock.try_lock().map_err(|why| failed(why.into()))?;
    let mut manifest = manifest_of(archive, log_id)?;
    let (mut files, mut new, mut gone) = (Vec::new(), Vec::new(), 0);
    for kept in std::mem::take(&mut manifest.files) {
        if !cuts.iter().any(|cut| cut.path == kept.path) {
            files.push(kept);
            continue;
        }
        let stays = &mut |batch: &RecordBatch| {
            Ok(goes(batch, due)?.into_iter().map(|goes| Some(!goes)).collect::<BooleanArray>())
        };
        let left = file::keep(archive, &kept, stays).map_err(failed)?;
        gone += kept.rows - left.as_ref().map_or(0, |left| left.rows);
        new.extend(left);
    }
    file::settle(archive, new.iter()).map_err(failed)?;
    files.extend(new);
    manifest.files = files;
    manifest.write(archive).map_err(failed)?;
    // At once, and not the next time: who is reading an old file begins anew.
    merge::sweep(archive, &manifest).map_err(failed)?;
    Ok(gone)
}

/// Of each row of a batch, whether it goes.
fn goes(batch: &RecordBatch, due: Due<'_>) -> io::Result<Vec<bool>> {
    let mut record = Vec::new();
    let one = |at| {
        record.clear();
        let made = columns::row(batch, at).and_then(|row| row.record(&mut record).ok());
        made.and_then(|()| due(&record)).ok_or_else(|| io::Error::other("a row is of no record"))
    };
    (0..batch.num_rows()).map(one).collect()
}
