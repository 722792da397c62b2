//! The folder in which the last good bundle is kept: `bundle.tar.gz`, and `accepted.json`, which says what was taken last.
//!
//! Each is written beside, put on the device, and renamed, the bundle first: whatever moment the machine stops at, what is
//! there is whole, and the bundle is not older than what is said of it.
//! Never: proves anything, or is written by two processes.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::bundle::Verified;
use crate::file;
use crate::limits;

const BUNDLE: &str = "bundle.tar.gz";
const ACCEPTED: &str = "accepted.json";
const LOCK: &str = "lock";
/// Largest `accepted.json`, in bytes.
const ACCEPTED_BYTES_MAX: usize = 4 << 10;

/// What was taken last.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    /// The bundle's name.
    pub(super) name: String,
    /// Its version: no lower one is taken.
    pub(super) version: u64,
    /// The SHA-256 of its manifest: no other bundle of the same version is taken.
    pub(super) manifest: String,
}

impl Accepted {
    pub(super) fn of(bundle: &Verified) -> Self {
        let header = bundle.header();
        Self { name: header.name.clone(), version: header.version, manifest: bundle.digest().to_string() }
    }

    /// May this bundle come after what was taken? Why not, and what to do, where it may not.
    pub(super) fn allows(&self, bundle: &Verified) -> Result<(), (String, &'static str)> {
        let version = bundle.header().version;
        if version < self.version {
            let why = format!("it is version {version}, and version {} was taken before", self.version);
            return Err((why, "to go back, publish the older content as a newer version"));
        }
        if version == self.version && bundle.digest().to_string() != self.manifest {
            let why = format!("version {version} was taken before, with other content");
            return Err((why, "give each content a version of its own"));
        }
        Ok(())
    }
}

/// The folder.
#[derive(Debug)]
pub(super) struct Keep {
    folder: PathBuf,
    /// Held from the first writing on; locked while somebody writes.
    lock: Mutex<Option<File>>,
}

impl Keep {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), lock: Mutex::default() }
    }

    /// What was taken last of this name; `None` where nothing was.
    pub(super) fn accepted(&self, name: &str) -> Result<Option<Accepted>, String> {
        let Some(bytes) = self.read(ACCEPTED, ACCEPTED_BYTES_MAX)? else { return Ok(None) };
        let accepted: Accepted = serde_json::from_slice(&bytes)
            .map_err(|error| format!("`{}` cannot be read: {error}", self.folder.join(ACCEPTED).display()))?;
        Ok(Some(accepted).filter(|accepted| accepted.name == name))
    }

    /// The bundle that is kept, as it was written.
    pub(super) fn bundle(&self) -> Result<Option<Vec<u8>>, String> {
        self.read(BUNDLE, limits::BUNDLE_BYTES_MAX)
    }

    fn read(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        let path = self.folder.join(name);
        let failed = |error: io::Error| format!("`{}` cannot be read: {error}", path.display());
        match file::bytes(&path, most) {
            // Where the folder is a file, nothing is in it.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            read => read.map(Some).map_err(failed),
        }
    }

    /// Keeps a bundle, durably: the one that is the last good one when it is this writer's turn, so that who writes last
    /// writes the newest.
    pub(super) fn store(&self, good: impl FnOnce() -> Option<Arc<Verified>>) -> Result<(), String> {
        let failed = |error: io::Error| format!("`{}` cannot be written: {error}", self.folder.display());
        let mut turn = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.hold(&mut turn)?;
        let Some(bundle) = good() else { return Ok(()) };
        let archive = bundle.archive();
        let said = serde_json::to_vec_pretty(&Accepted::of(&bundle)).unwrap_or_default();
        // What is there already is left alone: a restart writes nothing.
        let there = |name, bytes: &[u8]| {
            self.read(name, limits::BUNDLE_BYTES_MAX).is_ok_and(|kept| kept.as_deref() == Some(bytes))
        };
        if there(BUNDLE, archive) && there(ACCEPTED, &said) {
            return Ok(());
        }
        self.write(BUNDLE, archive).map_err(failed)?;
        self.write(ACCEPTED, &said).map_err(failed)
    }

    /// Makes the folder and takes it for this process.
    fn hold(&self, lock: &mut Option<File>) -> Result<(), String> {
        if lock.is_some() {
            return Ok(());
        }
        let failed = |error: io::Error| format!("`{}` cannot be written: {error}", self.folder.display());
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            // Some network file systems have no locks; two processes in one folder are then the operator's to avoid.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("another process keeps its bundle in `{}`", self.folder.display()));
            }
        }
        *lock = Some(file);
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.folder.join(format!(".{name}.new"));
        drop(fs::remove_file(&beside));
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        to.write_all(bytes)?;
        to.sync_all()?;
        fs::rename(&beside, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }
}
