//! The snapshots that records name, kept by their digest so that a past decision can be made again.
//!
//! A snapshot is a list of parts; each part is a blob, kept once whatever snapshots it is a part of, compressed.
//! Never: keeps a secret: it is given only what the digest that records name is made of. Never gives back a snapshot whose
//! parts do not make up its digest.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::file;
use crate::ids::Digest;
use crate::limits;

/// How hard parts are compressed.
const ZSTD_LEVEL: i32 = 9;

/// A folder of kept snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: PathBuf,
}

/// The list of a snapshot's parts, as its file says it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Listed {
    version: u32,
    parts: Vec<String>,
}

/// Why a snapshot cannot be read.
#[derive(Debug)]
pub enum Unkept {
    /// It is not kept here.
    None(Digest),
    /// A file could not be read.
    File(PathBuf, io::Error),
    /// A file is not what its name says.
    Bad(PathBuf),
}

impl fmt::Display for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(digest) => write!(f, "the snapshot {digest} is not kept with this log"),
            Self::File(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Bad(path) => write!(f, "`{}` is not what its name says: it was changed", path.display()),
        }
    }
}

impl std::error::Error for Unkept {}

impl Snapshots {
    /// Those of the log in this directory.
    #[must_use]
    pub fn of(log: &Path) -> Self {
        Self { root: log.to_owned() }
    }

    fn list(&self, digest: &Digest) -> PathBuf {
        self.root.join("snapshots").join(format!("{digest}.json"))
    }

    fn blob(&self, name: &str) -> PathBuf {
        let (folder, rest) = name.split_at_checked(2).unwrap_or_default();
        self.root.join("blobs").join(folder).join(format!("{rest}.zst"))
    }

    /// Keeps a snapshot: when it returns, all of it is on its device. `digest` is [`Digest::of_parts`] of the parts.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn keep<'p>(&self, digest: &Digest, parts: impl IntoIterator<Item = &'p [u8]>) -> io::Result<()> {
        let list = self.list(digest);
        if list.exists() {
            return Ok(());
        }
        let mut names = Vec::new();
        for part in parts {
            let name = Digest::of(part).to_string();
            let blob = self.blob(&name);
            if !blob.exists() {
                put(&blob, &zstd::bulk::compress(part, ZSTD_LEVEL)?)?;
            }
            names.push(name);
        }
        put(&list, &serde_json::to_vec(&Listed { version: 1, parts: names })?)
    }

    /// The parts of a snapshot, each as it was.
    ///
    /// # Errors
    /// When it is not kept, or not whole.
    pub fn read(&self, digest: &Digest) -> Result<Vec<Vec<u8>>, Unkept> {
        let list = self.list(digest);
        if !list.exists() {
            return Err(Unkept::None(*digest));
        }
        let read = |path: &Path| {
            file::bytes(path, limits::SNAPSHOT_PART_BYTES_MAX)
                .map_err(|error| Unkept::File(path.to_owned(), error))
        };
        let listed: Listed = serde_json::from_slice(&read(&list)?).map_err(|_| Unkept::Bad(list.clone()))?;
        let mut parts = Vec::new();
        for name in &listed.parts {
            let path = self.blob(name);
            let packed = read(&path)?;
            let plain = zstd::stream::read::Decoder::new(&*packed)
                .and_then(|plain| file::bounded(plain, limits::SNAPSHOT_PART_BYTES_MAX))
                .map_err(|error| Unkept::File(path.clone(), error))?;
            if Digest::of(&plain).to_string() != *name {
                return Err(Unkept::Bad(path));
            }
            parts.push(plain);
        }
        if Digest::of_parts(parts.iter().map(Vec::as_slice)) != *digest {
            return Err(Unkept::Bad(list));
        }
        Ok(parts)
    }
}

impl Snapshots {
    /// The kept snapshots of which a part is like this.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn with(&self, is: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Digest>, Unkept> {
        let mut found = Vec::new();
        for digest in self.all()? {
            if self.read(&digest)?.iter().any(|part| is(part)) {
                found.push(digest);
            }
        }
        Ok(found)
    }

    /// Forgets snapshots, and each part that is of no other.
    ///
    /// # Errors
    /// When a file cannot be read or taken away.
    pub fn forget(&self, gone: &[Digest]) -> Result<(), Unkept> {
        let (mut of_gone, mut of_others) = (BTreeSet::new(), BTreeSet::new());
        for digest in self.all()? {
            let list = self.list(&digest);
            let bytes = file::bytes(&list, limits::SNAPSHOT_PART_BYTES_MAX)
                .map_err(|error| Unkept::File(list.clone(), error))?;
            let listed: Listed = serde_json::from_slice(&bytes).map_err(|_| Unkept::Bad(list))?;
            let into = if gone.contains(&digest) { &mut of_gone } else { &mut of_others };
            into.extend(listed.parts);
        }
        let lists = gone.iter().map(|digest| self.list(digest));
        let parts = of_gone.difference(&of_others).map(|name| self.blob(name));
        for path in lists.chain(parts) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Unkept::File(path, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn all(&self) -> Result<Vec<Digest>, Unkept> {
        let folder = self.root.join("snapshots");
        let failed = |error| Unkept::File(folder.clone(), error);
        let mut all = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            all.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).and_then(Digest::parse));
        }
        Ok(all)
    }
}

/// Writes a file that is there whole or not at all.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let beside = path.with_extension("tmp");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_parts_are_kept_once_and_what_was_changed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Snapshots::of(dir.path());
        let parts: [&[u8]; 3] = [b"one", b"", b"three"];
        let digest = Digest::of_parts(parts);
        kept.keep(&digest, parts).unwrap();
        kept.keep(&digest, parts).unwrap();
        assert_eq!(kept.read(&digest).unwrap(), parts);
        let other: [&[u8]; 2] = [b"one", b"four"];
        kept.keep(&Digest::of_parts(other), other).unwrap();
        let blobs = || fs::read_dir(dir.path().join("blobs")).unwrap().count();
        assert_eq!(blobs(), 4);
        let nobody = Digest::of(b"nobody");
        assert!(matches!(kept.read(&nobody).unwrap_err(), Unkept::None(_)));
        let blob = kept.blob(&Digest::of(b"three").to_string());
        fs::write(&blob, zstd::bulk::compress(b"thre3", 1).unwrap()).unwrap();
        assert!(matches!(kept.read(&digest).unwrap_err(), Unkept::Bad(path) if path == blob));
        assert!(kept.read(&Digest::of_parts(other)).is_ok());
        // A list that names other parts is no list of that digest.
        fs::copy(kept.list(&Digest::of_parts(other)), kept.list(&digest)).unwrap();
        assert!(matches!(kept.read(&digest).unwrap_err(), Unkept::Bad(_)));
    }
}
