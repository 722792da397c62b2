//! The file of API keys while it is edited: one writer at a time, whole or not at all.
//!
//! Never: leaves half a file, or one that others may read.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::file;
use crate::limits;

/// Where the file is.
#[derive(Debug)]
pub(super) struct Place(PathBuf);

/// An edit under way. Dropped before it is written, it leaves everything as it was.
#[derive(Debug)]
pub(super) struct Writing<'p> {
    path: &'p Path,
    beside: PathBuf,
    to: File,
    is_written: bool,
}

impl Place {
    pub(super) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Begins an edit; nobody else can meanwhile.
    pub(super) fn begin(&self) -> Result<Writing<'_>, String> {
        // A link is followed, so that the file is replaced and not the link.
        let real = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = real.with_file_name(format!(".{name}.new"));
        let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let shown = beside.display();
        let to = opened.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                format!("somebody is editing it: `{shown}` is there; if that is long past, remove it")
            } else {
                format!("`{shown}` cannot be written: {error}")
            }
        })?;
        Ok(Writing { path: &self.0, beside, to, is_written: false })
    }
}

impl Writing<'_> {
    /// What the file says now; `None` where there is none.
    pub(super) fn text(&self) -> Result<Option<String>, String> {
        match file::text(self.path, limits::API_KEYS_BYTES_MAX) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("`{}` cannot be read: {error}", self.path.display())),
        }
    }

    /// Puts this text in its place, readable by its owner alone.
    pub(super) fn write(mut self, text: &str) -> Result<(), String> {
        let failed = |error: io::Error| format!("`{}` cannot be written: {error}", self.path.display());
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.sync_all()).map_err(failed)?;
        let real = fs::canonicalize(self.path).unwrap_or_else(|_| self.path.to_owned());
        if let (Ok(old), Ok(new)) = (fs::metadata(&real), self.to.metadata())
            && (old.uid(), old.gid()) != (new.uid(), new.gid())
        {
            // Who serves with it must still be able to read it.
            std::os::unix::fs::chown(&self.beside, Some(old.uid()), Some(old.gid())).map_err(failed)?;
        }
        fs::rename(&self.beside, &real).map_err(failed)?;
        self.is_written = true;
        Ok(())
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            fs::remove_file(&self.beside).ok();
        }
    }
}
