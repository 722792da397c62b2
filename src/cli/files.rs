//! Files of policies that a verb is given by name: found, read, replaced.
//!
//! Never: reads without bound, follows a link to a folder, or leaves half of a file behind.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::file;
use crate::limits;

/// Longest text of a file, in bytes.
const TEXT_MAX: usize = limits::SOURCE_FILE_BYTES_MAX as usize;

/// The policy files among some paths: files as they are, folders with all below them. In order, each once.
///
/// # Errors
/// Says which path is not there or cannot be read.
pub(super) fn policies(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        let failed = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
        if fs::metadata(path).map_err(failed)?.is_dir() {
            folder(path, 0, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn folder(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
    if depth > limits::SOURCE_FOLDER_DEPTH_MAX {
        return Err(format!("`{}` is too deep: name its folder", path.display()));
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".") {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            folder(&entry.path(), depth + 1, found)?;
        } else if name.ends_with(b".cedar") && entry.path().is_file() {
            found.push(entry.path());
        }
        if found.len() > limits::SOURCE_FILES_MAX {
            return Err(format!("there are more than {} files", limits::SOURCE_FILES_MAX));
        }
    }
    Ok(())
}

/// The text of a file.
///
/// # Errors
/// Says why there is none.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("`{}` cannot be read: {why}", path.display());
    file::text(path, TEXT_MAX).map_err(|error| failed(&error))
}

/// All text of a stream.
///
/// # Errors
/// When it cannot be read, is no text, or is longer than a file of a snapshot may be.
pub(super) fn bounded(from: impl io::Read) -> io::Result<String> {
    String::from_utf8(file::bounded(from, TEXT_MAX)?).map_err(|_| io::Error::other("it is not text"))
}

/// Puts a text in place of a file's, which keeps its mode: whoever watches the file sees the old text or the new one.
///
/// # Errors
/// When it cannot be written; then the file is as it was.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Through a link the file itself is replaced, and the link stays.
    let path = fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    drop(fs::remove_file(&beside));
    let mut to = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let written = to
        .write_all(text.as_bytes())
        .and_then(|()| to.set_permissions(fs::metadata(&path)?.permissions()))
        .and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}
