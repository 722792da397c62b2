//! The bytes of one file, why there are none, and whether it is still the same.
//!
//! Never: reads without bound, or from what is not a file.

use std::fs;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::limits;

/// What tells whether a file or folder is still the one that was read.
pub(super) type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

pub(super) fn stamp(path: &Path) -> Stamp {
    let m = fs::metadata(path).ok()?;
    Some((m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
}

pub(in crate::reload) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| reason(&error))?;
    // A pipe would block and a device never end.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| reason(&error))?;
    file.take(limits::SOURCE_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits::SOURCE_FILE_BYTES_MAX {
        return Err(format!("it has more than {} bytes", limits::SOURCE_FILE_BYTES_MAX));
    }
    Ok(bytes)
}

pub(super) fn reason(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "it does not exist".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}
