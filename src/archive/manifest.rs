//! What the archive holds: which files count, and up to which record the log is in them.
//!
//! Never: is changed in place. A file that it does not name does not count, whatever put it there.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::file;
use crate::limits;

use super::folders::Month;

/// The name of its file, in the archive's folder.
pub const NAME: &str = "manifest.json";

/// The name that it has while it is written.
const UNFINISHED: &str = "manifest.json.tmp";

/// What the archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of its form.
    pub version: u32,
    /// The log that it is of: 32 hexadecimal digits.
    pub log_id: String,
    /// The number of the first record that is not in the archive: all before it that the log still had are.
    pub next: u64,
    /// Records that the log had no longer when they were due: from the number of the first to that of the next one that is in.
    pub gaps: Vec<(u64, u64)>,
    /// The segments that are in, by the numbers of their first records.
    pub segments: Vec<u64>,
    /// The files that count.
    pub files: Vec<Kept>,
}

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Its place below the archive's folder.
    pub path: String,
    /// The tenant whose book its rows are of; empty for the program's own.
    pub book: String,
    /// The month of its rows.
    pub month: Month,
    /// The number of its first record, by number and not by time.
    pub first: u64,
    /// The number of its last.
    pub last: u64,
    /// How many there are.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The earliest time of a row, in microseconds since 1970.
    pub since_us: i64,
    /// The latest.
    pub until_us: i64,
}

impl Manifest {
    /// That of an archive without a file.
    #[must_use]
    pub fn empty(log_id: &[u8; 16]) -> Self {
        let log_id = format!("{:032x}", u128::from_be_bytes(*log_id));
        Self { version: 2, log_id, next: 0, gaps: Vec::new(), segments: Vec::new(), files: Vec::new() }
    }

    /// Reads that of an archive; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read, is of another version or of another log.
    pub fn read(archive: &Path, log_id: &[u8; 16]) -> io::Result<Self> {
        let empty = Self::empty(log_id);
        let bytes = match file::bytes(&archive.join(NAME), limits::ARCHIVE_MANIFEST_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(empty),
            Err(why) => return Err(why),
        };
        let read: Self = serde_json::from_slice(&bytes)?;
        if read.version != empty.version {
            return Err(io::Error::other("it is of a version that is not known here"));
        }
        if read.log_id != empty.log_id {
            return Err(io::Error::other("it is of another log"));
        }
        let inside = |file: &Kept| {
            let parts = || file.path.split('/');
            parts().all(|part| !part.is_empty() && part != "." && part != "..")
        };
        if !read.files.iter().all(inside) {
            return Err(io::Error::other("it names a file outside of the archive"));
        }
        Ok(read)
    }

    /// Puts it in place of the one before, on the device.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, archive: &Path) -> io::Result<()> {
        let (path, beside) = (archive.join(NAME), archive.join(UNFINISHED));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(archive)?.sync_all()
    }
}
