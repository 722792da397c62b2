//! One folder put in the place of another, so that whoever reads it finds the old one or the new one, whole.
//!
//! A copy in the making may be thrown away at any time; what may be all that is left of a folder has names of its own, and
//! whoever finds one of those does nothing until somebody has looked.
//! Never: leaves the place empty, not even for a moment where the system can exchange two names; loses what stood there;
//! works where another does.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::fs::renameat_with;
use rustix::io::Errno;

use crate::limits;

/// The enforced folder, and what lies beside it.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder itself, links followed.
    pub(super) enforced: PathBuf,
    /// What was enforced before the last promotion.
    pub(super) before: PathBuf,
    /// The next one while it is copied, or what is needed no more: it may go at any time.
    next: PathBuf,
    /// The copy, whole, until it is in place; then what stood there, until that is kept.
    ready: PathBuf,
    /// What was enforced, while the system needs steps to exchange two names.
    aside: PathBuf,
    /// Held by whoever replaces something here.
    lock: PathBuf,
}

/// The turn of the one who may replace something at a place; it ends when this is dropped, or the process ends.
#[derive(Debug)]
pub(super) struct Turn {
    place: Place,
    _lock: File,
}

impl Place {
    /// The place of this folder of policies.
    ///
    /// # Errors
    /// When there is no such folder.
    pub(super) fn of(policies: &Path) -> io::Result<Self> {
        // Through a link the folder itself is replaced, and the link stays.
        let enforced = match fs::canonicalize(policies) {
            // Stopped between two steps, an exchange leaves no folder; what is beside its name tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::beside(policies.to_owned())?.is_whole()?;
                return Err(error);
            }
            found => found?,
        };
        Self::beside(enforced)
    }

    fn beside(enforced: PathBuf) -> io::Result<Self> {
        let Some(name) = enforced.file_name() else {
            return Err(io::Error::other("it is the root of a file system"));
        };
        let beside = |ending: &str| enforced.with_file_name(format!(".{}.{ending}", name.to_string_lossy()));
        let (before, next, ready) = (beside("before"), beside("next"), beside("ready"));
        Ok(Self { before, next, ready, aside: beside("aside"), lock: beside("lock"), enforced })
    }

    /// No exchange was stopped halfway.
    fn is_nothing_aside(&self) -> io::Result<()> {
        if !there(&self.aside) {
            return Ok(());
        }
        let [aside, enforced, before] =
            [&self.aside, &self.enforced, &self.before].map(|path| path.display());
        Err(io::Error::other(format!(
            "an exchange was interrupted, and `{aside}` is what was enforced: where `{enforced}` is gone, move it there; else to `{before}`"
        )))
    }

    /// Nothing is left here that was stopped halfway.
    fn is_whole(&self) -> io::Result<()> {
        self.is_nothing_aside()?;
        let (enforced, before) = (self.enforced.display(), self.before.display());
        if there(&self.ready) {
            let ready = self.ready.display();
            return Err(io::Error::other(format!(
                "a promotion was interrupted, and `{ready}` is left of it: where `{enforced}` is the candidate already, `{ready}` is what was enforced, so move it to `{before}`; else remove it"
            )));
        }
        Ok(())
    }

    /// Takes the turn to replace something here.
    ///
    /// # Errors
    /// When another has it, or left something halfway.
    pub(super) fn take_turn(self) -> io::Result<Turn> {
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.lock)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another promotion or rollback is at work there: wait until it has ended, and look what it did",
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(io::Error::other(format!("`{}` cannot be locked: {error}", self.lock.display())));
            }
        }
        self.is_whole()?;
        Ok(Turn { place: self, _lock: lock })
    }
}

impl Turn {
    /// Copies a folder, with all of it that a reader of policies would see, to where it can be put in place; a loss of power
    /// does not undo it.
    ///
    /// # Errors
    /// When it cannot be copied; then nothing is left of the copy.
    pub(super) fn make_ready(&self, from: &Path) -> io::Result<&Path> {
        remove(&self.place.next)?;
        let copied = copy(from, &self.place.next, 0, &mut 0);
        if let Err(error) = copied {
            self.give_up();
            return Err(error);
        }
        Ok(&self.place.next)
    }

    /// Takes the copy away again. One that stays is in nobody's way.
    pub(super) fn give_up(&self) {
        drop(remove(&self.place.next));
    }

    /// Puts the copy in place, and keeps what stood there. What comes back is what went wrong once that was done.
    ///
    /// # Errors
    /// When it cannot be put there, or what stood there cannot be kept; then what is enforced is as it was, unless the error
    /// says otherwise.
    pub(super) fn put_in_place(&self) -> io::Result<Option<String>> {
        let Place { enforced, next, ready, .. } = &self.place;
        fs::rename(next, ready)?;
        if let Err(error) = self.exchange(ready, enforced) {
            self.was_only_a_copy();
            return Err(error);
        }
        // From here on `ready` is what was enforced.
        match self.keep() {
            Ok(()) => Ok(self.make_durable().or_else(|| self.tidy())),
            Err(error) => match self.exchange(ready, enforced) {
                Ok(()) => {
                    self.was_only_a_copy();
                    Err(error)
                }
                Err(back) => Err(io::Error::other(format!(
                    "{error}; nor can it be put back: {back}. The candidate is enforced now, and what was enforced is `{}`",
                    ready.display()
                ))),
            },
        }
    }

    /// Nothing was exchanged, or it was exchanged back.
    fn was_only_a_copy(&self) {
        if fs::rename(&self.place.ready, &self.place.next).is_ok() {
            self.give_up();
        }
    }

    /// Keeps what was enforced in place of what was kept, which is needed no more then.
    fn keep(&self) -> io::Result<()> {
        let Place { before, next, ready, .. } = &self.place;
        let failed = |error: io::Error| {
            let before = before.display();
            io::Error::other(format!("what was enforced cannot be kept as `{before}`: {error}"))
        };
        let had = before.is_dir();
        if had {
            fs::rename(before, next).map_err(failed)?;
        }
        fs::rename(ready, before).map_err(|error| {
            if had {
                drop(fs::rename(next, before));
            }
            failed(error)
        })
    }

    /// Exchanges what is enforced with what is kept. What comes back is what went wrong once that was done.
    ///
    /// # Errors
    /// When it cannot be; then what is enforced is as it was, unless the error says otherwise.
    pub(super) fn take_back(&self) -> io::Result<Option<String>> {
        self.exchange(&self.place.before, &self.place.enforced)?;
        Ok(self.make_durable())
    }

    /// The names are on the device; why not, where they are not.
    fn make_durable(&self) -> Option<String> {
        let folder = self.place.enforced.parent()?;
        let error = sync(folder).err()?;
        Some(format!("`{}` may not outlast a loss of power: {error}", self.place.enforced.display()))
    }

    /// Removes what is needed no more; why not, where it stays.
    fn tidy(&self) -> Option<String> {
        let error = remove(&self.place.next).err()?;
        Some(format!("`{}` is needed no more and cannot be removed: {error}", self.place.next.display()))
    }

    /// Gives two folders each other's name, at once where the system can.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            // Some file systems cannot. Then there is a moment without `other`; whoever reads in it reads again.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.exchange_by_steps(one, other),
            Err(errno) => Err(errno.into()),
        }
    }

    fn exchange_by_steps(&self, one: &Path, other: &Path) -> io::Result<()> {
        let aside = &self.place.aside;
        self.place.is_nothing_aside()?;
        fs::rename(other, aside)?;
        let put = fs::rename(one, other)
            .and_then(|()| fs::rename(aside, one).or_else(|error| fs::rename(other, one).and(Err(error))));
        put.map_err(|error| match fs::rename(aside, other) {
            Ok(()) => error,
            Err(back) => io::Error::other(format!(
                "{error}; nor can it be put back: {back}. What was `{}` is `{}`: move it back",
                other.display(),
                aside.display()
            )),
        })
    }
}

fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
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
            // After a loss of power there must not be empty files under good names, nor names missing.
            sync(&target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    sync(to)
}

/// Puts a file, or the names in a folder, on the device.
fn sync(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::SYNCED.with_borrow_mut(|synced| synced.push(path.to_owned()));
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests;
