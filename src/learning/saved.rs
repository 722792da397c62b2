//! The file that keeps the counts over a restart.
//!
//! Never: leaves half of a file behind, or follows anything but a file.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;

use crate::file;
use crate::learn::Learned;
use crate::limits;

/// What was saved; nothing where there is no file yet.
pub(super) fn load(path: &Path) -> Result<Learned, String> {
    match file::text(path, limits::LEARNED_STATE_BYTES_MAX) {
        Ok(text) => Learned::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Learned::default()),
        Err(error) => Err(error.to_string()),
    }
}

/// Puts it in place of what was saved before.
pub(super) fn save(path: &Path, learned: &Learned) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let mut to = fs::File::create(&beside)?;
    let written = to
        .write_all(learned.json().as_bytes())
        .and_then(|()| to.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}
