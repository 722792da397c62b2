//! Makes one file of several of the same book and day, and takes away what no longer counts.
//!
//! Never: takes away a file that the manifest names, or one that it named until a moment ago: who reads may still be at it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use datafusion::arrow::compute::concat_batches;

use crate::limits;

use super::columns;
use super::compact;
use super::file;
use super::folders::day_name;
use super::folders::folder_of;
use super::manifest::Kept;
use super::manifest::Manifest;
use super::manifest::UNFINISHED;

/// Makes one file of several where a day is over or has many; how many files went into others.
pub(super) fn merge(archive: &Path, manifest: &mut Manifest) -> io::Result<usize> {
    let newest = manifest.files.iter().map(|file| file.day).max().unwrap_or_default();
    let mut by_folder: BTreeMap<(String, u64), Vec<Kept>> = BTreeMap::new();
    for file in std::mem::take(&mut manifest.files) {
        by_folder.entry((file.book.clone(), file.day)).or_default().push(file);
    }
    let (mut files, mut merged) = (Vec::new(), 0);
    for ((book, day), mut of_day) in by_folder {
        of_day.sort_by_key(|file| file.first);
        let due = day < newest || of_day.len() >= limits::ARCHIVE_FILES_OF_DAY;
        for run in runs(of_day, due) {
            if let [one] = run.as_slice() {
                files.push(one.clone());
                continue;
            }
            files.extend(one(archive, (book.clone(), day), &run)?);
            merged += run.len();
        }
    }
    manifest.files = files;
    if merged > 0 {
        manifest.write(archive)?;
    }
    Ok(merged)
}

/// Which files are made one: neighbours, as long as they are together small enough.
fn runs(files: Vec<Kept>, due: bool) -> Vec<Vec<Kept>> {
    let mut runs: Vec<Vec<Kept>> = Vec::new();
    for file in files {
        let fits = |run: &&mut Vec<Kept>| {
            let rows: u64 = run.iter().map(|file| file.rows).sum();
            due && rows + file.rows <= limits::ARCHIVE_MERGED_ROWS_MAX
        };
        match runs.last_mut().filter(fits) {
            Some(run) => run.push(file),
            None => runs.push(vec![file]),
        }
    }
    runs
}

fn one(archive: &Path, (book, day): (String, u64), run: &[Kept]) -> io::Result<Option<Kept>> {
    let batches: io::Result<Vec<_>> = run.iter().map(|kept| file::read(&archive.join(&kept.path))).collect();
    let batch = concat_batches(&columns::schema(), &batches?).map_err(io::Error::other)?;
    let folder = format!("{}/{}", folder_of(&book), day_name(day));
    compact::put(archive, &folder, (book, day), &batch)
}

/// Takes away the files that do not count: what was not finished, and what went into others before the last time.
pub(super) fn sweep(archive: &Path, manifest: &Manifest) -> io::Result<()> {
    let counts: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let own = names(archive, "own")?;
    let mut folders: Vec<String> = own.into_iter().map(|day| format!("own/{day}")).collect();
    for book in names(archive, "books")? {
        let days = names(archive, &format!("books/{book}"))?;
        folders.extend(days.into_iter().map(|day| format!("books/{book}/{day}")));
    }
    for folder in folders {
        for name in names(archive, &folder)? {
            let path = format!("{folder}/{name}");
            let ours = name.ends_with(".parquet") || name.ends_with(UNFINISHED);
            if ours && !counts.contains(path.as_str()) {
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
