//! One folder put in the place of another, so that whoever reads it finds the old one or the new one, whole.
//!
//! Never: leaves the place empty, not even for a moment where the system can exchange two names; loses what stood there.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::fs::renameat_with;
use rustix::io::Errno;

use crate::limits;

/// The enforced folder, and what lies beside it.
pub(super) struct Place {
    /// The folder itself, links followed.
    pub(super) enforced: PathBuf,
    /// What was enforced before the last promotion.
    pub(super) before: PathBuf,
    /// The next one while it is made ready.
    next: PathBuf,
}

impl Place {
    /// The place of this folder of policies.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(super) fn of(policies: &Path) -> io::Result<Self> {
        // Through a link the folder itself is replaced, and the link stays.
        let enforced = fs::canonicalize(policies)?;
        let Some(name) = enforced.file_name() else {
            return Err(io::Error::other("it is the root of a file system"));
        };
        let beside = |ending: &str| enforced.with_file_name(format!(".{}.{ending}", name.to_string_lossy()));
        Ok(Self { before: beside("before"), next: beside("next"), enforced })
    }

    /// Copies a folder, with all of it that a reader of policies would see, to where it can be put in place.
    ///
    /// # Errors
    /// When it cannot be copied; then nothing is left of the copy.
    pub(super) fn make_ready(&self, from: &Path) -> io::Result<&Path> {
        remove(&self.next)?;
        let copied = copy(from, &self.next, 0, &mut 0);
        if let Err(error) = copied {
            drop(remove(&self.next));
            return Err(error);
        }
        Ok(&self.next)
    }

    /// Takes the copy away again.
    pub(super) fn give_up(&self) {
        drop(remove(&self.next));
    }

    /// Puts the copy in place, and keeps what stood there.
    ///
    /// # Errors
    /// When it cannot be put there; then what is enforced is as it was.
    pub(super) fn put_in_place(&self) -> io::Result<()> {
        exchange(&self.next, &self.enforced)?;
        // From here on `next` is what was enforced. What was kept goes only once that is kept.
        if self.before.exists() {
            exchange(&self.next, &self.before)?;
            remove(&self.next)
        } else {
            fs::rename(&self.next, &self.before)
        }
    }

    /// Exchanges what is enforced with what is kept.
    ///
    /// # Errors
    /// When it cannot be; then what is enforced is as it was.
    pub(super) fn take_back(&self) -> io::Result<()> {
        exchange(&self.before, &self.enforced)
    }
}

/// Gives two folders each other's name, at once where the system can.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        // Some file systems cannot. Then there is a moment without `other`; whoever reads in it reads again.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => exchange_by_steps(one, other),
        Err(errno) => Err(errno.into()),
    }
}

fn exchange_by_steps(one: &Path, other: &Path) -> io::Result<()> {
    let aside = one.with_extension("aside");
    remove(&aside)?;
    fs::rename(other, &aside)?;
    if let Err(error) = fs::rename(one, other) {
        fs::rename(&aside, other)?;
        return Err(error);
    }
    fs::rename(&aside, one)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Copies what is not hidden; links to files become files.
fn copy(from: &Path, to: &Path, depth: usize, files: &mut usize) -> io::Result<()> {
    if depth > limits::SOURCE_FOLDER_DEPTH_MAX {
        return Err(io::Error::other(format!("`{}` is too deep", from.display())));
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|name| !name.as_encoded_bytes().starts_with(b".")) else {
            continue;
        };
        let metadata = fs::metadata(&path)?;
        let target = to.join(name);
        if metadata.is_dir() {
            copy(&path, &target, depth + 1, files)?;
        } else if metadata.is_file() {
            *files += 1;
            if *files > limits::SOURCE_FILES_MAX || metadata.len() > limits::SOURCE_FILE_BYTES_MAX {
                return Err(io::Error::other(format!("`{}` is too large, or one too many", path.display())));
            }
            fs::copy(&path, &target)?;
            // After a loss of power there must not be empty files under good names.
            fs::File::open(&target)?.sync_all()?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(root: &Path, name: &str, text: &str) -> PathBuf {
        let folder = root.join(name);
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/a.cedar"), text).unwrap();
        fs::write(folder.join(".hidden"), "x").unwrap();
        folder
    }

    fn text(folder: &Path) -> String {
        fs::read_to_string(folder.join("sub/a.cedar")).unwrap()
    }

    #[test]
    fn what_stood_there_is_kept_and_comes_back_and_goes_again() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (folder(root.path(), "policies", "old"), folder(root.path(), "candidate", "new"));
        let place = Place::of(&old).unwrap();
        let ready = place.make_ready(&new).unwrap();
        assert_eq!(text(ready), "new");
        assert!(!ready.join(".hidden").exists());
        place.put_in_place().unwrap();
        assert_eq!((text(&old), text(&place.before), text(&new)), ("new".into(), "old".into(), "new".into()));
        fs::write(new.join("sub/a.cedar"), "newer").unwrap();
        place.make_ready(&new).unwrap();
        place.put_in_place().unwrap();
        assert_eq!((text(&old), text(&place.before)), ("newer".into(), "new".into()));
        place.take_back().unwrap();
        assert_eq!((text(&old), text(&place.before)), ("new".into(), "newer".into()));
        exchange_by_steps(&place.before, &place.enforced).unwrap();
        assert_eq!((text(&old), text(&place.before)), ("newer".into(), "new".into()));
        let left: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn a_copy_that_fails_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let old = folder(root.path(), "policies", "old");
        let place = Place::of(&old).unwrap();
        assert!(place.make_ready(&root.path().join("none")).is_err());
        assert_eq!(text(&old), "old");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
