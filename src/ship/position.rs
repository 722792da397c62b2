//! Where a place has got to: a small file beside the log, one a place.
//!
//! Never: half a file: a new one takes the place of the old one when all of it is on the device.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::file;
use crate::limits;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Said {
    version: u32,
    log_id: String,
    next: u64,
    checkpoint: u64,
}

/// Where a place has got to.
#[derive(Debug)]
pub(super) struct Position {
    path: PathBuf,
    said: Said,
    saved: Said,
}

impl Position {
    /// Reads the position of the place of this name; where there is none it begins with the first record.
    pub(super) fn open(dir: &Path, name: &str, log_id: &str) -> Result<Self, (PathBuf, io::Error)> {
        let folder = dir.join("ship");
        let path = folder.join(format!("{name}.json"));
        let failed = |error| (path.clone(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let new = Said { version: 1, log_id: log_id.to_owned(), next: 0, checkpoint: 0 };
        let said = match file::bytes(&path, limits::SHIP_POSITION_BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new.clone(),
            Err(error) => return Err(failed(error)),
        };
        let said: Said = said;
        if said.version != 1 {
            return Err(failed(io::Error::other("it is of a version that is not known here")));
        }
        if said.log_id != log_id {
            tracing::warn!(name, "the position is one in another log: all of this one is sent");
            return Ok(Self { path, said: new.clone(), saved: said });
        }
        Ok(Self { path, saved: said.clone(), said })
    }

    /// The number of the next record to be sent.
    pub(super) const fn next(&self) -> u64 {
        self.said.next
    }

    /// The size of the last checkpoint that was sent.
    pub(super) const fn checkpoint(&self) -> u64 {
        self.said.checkpoint
    }

    /// All before this one was sent, or will never be.
    pub(super) const fn moves_to(&mut self, next: u64) {
        self.said.next = next;
    }

    /// The checkpoint of this size was sent.
    pub(super) const fn has_checkpoint(&mut self, size: u64) {
        self.said.checkpoint = size;
    }

    /// Does the file not say it yet?
    pub(super) fn is_new(&self) -> bool {
        self.said != self.saved
    }

    /// Puts it on the device.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.is_new() {
            return Ok(());
        }
        let beside = self.path.with_extension("json.tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(&self.said)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        self.saved = self.said.clone();
        Ok(())
    }
}
