//! The files of the log's directory, and what is done with them.
//!
//! Never: shows a file under its name before all of it is on the device, other than the segment that is written to.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crate::audit::edge;

/// Roots of the bundles of the log's tree.
pub(super) const BUNDLES: &str = "bundles";

/// The holds that stand, so that whoever takes segments away need not read them all. The log's own events say the same.
pub(super) const HOLDS: &str = "holds.json";

/// The names that pseudonyms stand for, a line each.
pub(in crate::disk) const VAULT: &str = "vault.jsonl";

/// The folder of what is asked of who has hold of the log.
pub(in crate::disk) const ORDERS: &str = "orders";

/// How hard segments are compressed.
const ZSTD_LEVEL: i32 = 3;

pub(super) fn segment_name(first: u64) -> String {
    format!("segments/{first:020}.seg")
}

pub(super) fn heads_name(sealed: u64) -> String {
    format!("heads/{sealed:020}.heads")
}

/// What a [`super::Store`] does to files, so that a test can put a failing device below it.
pub(in crate::disk) trait Files {
    /// A file that is appended to.
    type File;

    /// Makes a file that is not there yet, or empties one that never counted.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    /// Opens a file to append to it, at `length`.
    fn reopen(&mut self, name: &str, length: u64) -> io::Result<Self::File>;
    /// Writes all of it, or fails.
    fn append(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Puts what was written on the device.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// Takes off what is past `length`.
    fn set_len(&mut self, file: &mut Self::File, length: u64) -> io::Result<()>;
    /// Puts a whole file in place of another, on the device.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Writes into a file at a place, cuts it off behind that, and puts it on the device.
    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// All of a file; `None` where there is none.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// The names in a folder, sorted.
    fn list(&mut self, folder: &str) -> io::Result<Vec<String>>;
    /// Bytes of a file; none where there is none.
    fn length(&mut self, name: &str) -> io::Result<u64>;
    /// Compresses a file that is finished: `.zst` is added to its name.
    fn compress(&mut self, name: &str) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// The account of the machine that a file is of.
    fn owner(&self, name: &str) -> io::Result<u32>;
}

/// A folder of a real file system.
#[derive(Debug)]
pub(in crate::disk) struct Folder {
    root: PathBuf,
    /// Held as long as the folder is written to.
    _lock: File,
    /// Compresses the segment that was closed last: nobody waits for it but the next one.
    packing: Option<JoinHandle<()>>,
}

impl Folder {
    /// Makes the folder with what is in it where it is not there, and takes hold of it; `None` where another process has.
    pub(in crate::disk) fn take(root: &Path) -> io::Result<Option<Self>> {
        for folder in ["segments", "heads", "keys", "snapshots", "blobs", edge::FOLDER, ORDERS] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(root.join(folder))?;
        }
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(root.join("LOCK"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => {
                tracing::warn!(%error, "the decision log's directory cannot be locked");
            }
        }
        Ok(Some(Self { root: root.to_owned(), _lock: lock, packing: None }))
    }

    fn pack(&mut self, name: Option<String>) {
        if let Some(thread) = self.packing.take()
            && thread.join().is_err()
        {
            tracing::error!("a segment of the decision log was not compressed: its thread died");
        }
        let Some(name) = name else { return };
        let root = self.root.clone();
        let pack = move || {
            if let Err(error) = compress(&root, &name) {
                tracing::warn!(%error, name, "a segment of the decision log stays as it is: it was not compressed");
            }
        };
        match std::thread::Builder::new().name("pack".to_owned()).spawn(pack) {
            Ok(thread) => self.packing = Some(thread),
            Err(error) => tracing::warn!(%error, "a segment of the decision log stays as it is: no thread"),
        }
    }
}

fn sync_folder_of(root: &Path, name: &str) -> io::Result<()> {
    let path = root.join(name);
    File::open(path.parent().unwrap_or(root))?.sync_all()
}

fn replace(root: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = root.join(name);
    let beside = root.join(format!("{name}.tmp"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    sync_folder_of(root, name)
}

fn compress(root: &Path, name: &str) -> io::Result<()> {
    let bytes = fs::read(root.join(name))?;
    let packed = zstd::bulk::compress(&bytes, ZSTD_LEVEL)?;
    replace(root, &format!("{name}.zst"), &packed)?;
    fs::remove_file(root.join(name))
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.pack(None);
    }
}

impl Files for Folder {
    type File = File;

    fn create(&mut self, name: &str) -> io::Result<File> {
        let path = self.root.join(name);
        // A file whose sync failed once is not written to again under the same name either.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        sync_folder_of(&self.root, name)?;
        Ok(file)
    }

    fn reopen(&mut self, name: &str, length: u64) -> io::Result<File> {
        let file = OpenOptions::new().append(true).open(self.root.join(name))?;
        file.set_len(length)?;
        file.sync_data()?;
        Ok(file)
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn set_len(&mut self, file: &mut File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.root, name, bytes)
    }

    fn write_at(&mut self, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.write_all_at(bytes, at)?;
        file.set_len(at + bytes.len() as u64)?;
        file.sync_all()
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&mut self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn length(&mut self, name: &str) -> io::Result<u64> {
        match fs::metadata(self.root.join(name)) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn compress(&mut self, name: &str) -> io::Result<()> {
        self.pack(Some(name.to_owned()));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(name))
    }

    fn owner(&self, name: &str) -> io::Result<u32> {
        fs::symlink_metadata(self.root.join(name)).map(|metadata| metadata.uid())
    }
}
