//! Makes few files of many of the same book and month, and takes away what no longer counts.
//!
//! Of a month that is not over, each file that is left has less than half the rows of the one before it: so there are few, and a row
//! is written anew but a few times (the merging of Bentley and Saxe's "Decomposable Searching Problems", 1980). A month that is over
//! becomes one file.
//! Never: takes away a file that the manifest names, or one that it named until a moment ago: who reads may still be at it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::limits;

use super::file;
use super::folders::Month;
use super::manifest::Kept;
use super::manifest::Manifest;

/// Files after a merge.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// All that count.
    pub(super) files: Vec<Kept>,
    /// Those that went into others.
    pub(super) gone: Vec<Kept>,
}

/// Makes one file of several, where that is due.
pub(super) fn merge(archive: &Path, files: Vec<Kept>) -> io::Result<Merged> {
    let newest = files.iter().map(|file| file.month).max();
    let mut by_folder: BTreeMap<(String, Month), Vec<Kept>> = BTreeMap::new();
    for file in files {
        by_folder.entry((file.book.clone(), file.month)).or_default().push(file);
    }
    let mut merged = Merged::default();
    for ((book, month), mut of_month) in by_folder {
        of_month.sort_by_key(|file| file.first);
        for run in runs(of_month, newest.is_some_and(|newest| month < newest)) {
            if run.len() > 1 {
                merged.files.extend(file::join(archive, (&book, month), &run)?);
                merged.gone.extend(run);
            } else {
                merged.files.extend(run);
            }
        }
    }
    Ok(merged)
}

fn rows(run: &[Kept]) -> u64 {
    run.iter().map(|file| file.rows).sum()
}

/// Which files are made one: neighbours that are together small enough, and of which the later are not far fewer.
fn runs(files: Vec<Kept>, is_over: bool) -> Vec<Vec<Kept>> {
    let mut runs: Vec<Vec<Kept>> = Vec::new();
    for file in files {
        let mut last = vec![file];
        while let Some(before) = runs.pop() {
            let (older, newer) = (rows(&before), rows(&last));
            let due = is_over || older <= newer.saturating_mul(2);
            if !due || older + newer > limits::ARCHIVE_MERGED_ROWS_MAX {
                runs.push(before);
                break;
            }
            last = before.into_iter().chain(last).collect();
        }
        runs.push(last);
    }
    runs
}

/// Takes away the files that do not count: what was not finished, and what went into others before the last time.
pub(super) fn sweep(archive: &Path, manifest: &Manifest) -> io::Result<()> {
    let counts: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let own = names(archive, "own")?;
    let mut folders: Vec<String> = own.into_iter().map(|month| format!("own/{month}")).collect();
    for book in names(archive, "books")? {
        let months = names(archive, &format!("books/{book}"))?;
        folders.extend(months.into_iter().map(|month| format!("books/{book}/{month}")));
    }
    for folder in folders {
        for name in names(archive, &folder)? {
            let path = format!("{folder}/{name}");
            if name.ends_with(".parquet") && !counts.contains(path.as_str()) {
                fs::remove_file(archive.join(path))?;
            }
        }
    }
    Ok(())
}

fn names(archive: &Path, folder: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(archive.join(folder)) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound || why.kind() == io::ErrorKind::NotADirectory => {
            return Ok(Vec::new());
        }
        Err(why) => return Err(why),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}
