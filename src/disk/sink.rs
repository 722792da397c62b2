//! One place that the decision log goes to: a file or standard output.
//!
//! Never: leaves half a line behind in a file; ends one on a pipe, which cannot be taken back, before it goes on.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::disk::OpenError;
use crate::limits;

/// How a decision log begins, each line of it.
const LINE_START: &[u8] = b"{\"type\":\"";

/// One place that the decision log goes to.
#[derive(Debug)]
pub(super) struct Sink {
    out: File,
    /// The file's path; standard output has none, nor has what is no regular file a length that could be set.
    path: Option<PathBuf>,
    shortens: bool,
    /// The last write ended within a line, and could not be taken back.
    torn: bool,
}

impl Sink {
    /// Opens a file for appending and takes off a torn end; returns how many bytes that was.
    pub(super) fn file(path: &Path) -> Result<(Self, u64), OpenError> {
        let failed = |error| OpenError::File(path.to_owned(), error);
        let out =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        let regular = out.metadata().map_err(failed)?.is_file();
        if !regular {
            return Ok((Self { out, path: Some(path.to_owned()), shortens: false, torn: false }, 0));
        }
        match out.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Taken(path.to_owned())),
            // Some network file systems have no locks; two writers on one file are then the operator's to avoid.
            Err(TryLockError::Error(error)) => tracing::warn!(%error, "the decision log cannot be locked"),
        }
        let torn = repair(&out, path)?;
        Ok((Self { out, path: Some(path.to_owned()), shortens: true, torn: false }, torn))
    }

    /// Standard output, without the standard library's buffer.
    pub(super) fn stdout() -> io::Result<Self> {
        Ok(Self::stream(io::stdout().as_fd().try_clone_to_owned()?.into()))
    }

    /// Something that only takes bytes.
    pub(super) const fn stream(out: File) -> Self {
        Self { out, path: None, shortens: false, torn: false }
    }

    /// Writes whole lines; on an error none of them is in the file.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_from(b"\n").map_err(|(_, error)| error)?;
            self.torn = false;
        }
        self.write_from(lines).map_err(|(written, error)| {
            self.take_back(lines, written);
            error
        })
    }

    /// Opens the file of the same path anew, where that is another one by now. Returns how long its torn end was.
    pub(super) fn reopen(&mut self) -> Result<u64, OpenError> {
        let Some(path) = self.path.clone() else { return Ok(0) };
        let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let same = std::fs::metadata(&path)
            .is_ok_and(|there| self.out.metadata().is_ok_and(|here| id(here) == id(there)));
        if same {
            return Ok(0);
        }
        let (next, torn) = Self::file(&path)?;
        self.sync();
        *self = next;
        Ok(torn)
    }

    /// Asks the system to put the file on its device.
    pub(super) fn sync(&self) {
        if let Err(error) = self.synced() {
            tracing::error!(%error, "the decision log could not be synced");
        }
    }

    /// The same, for who tells somebody else of an error.
    pub(super) fn synced(&self) -> io::Result<()> {
        if self.shortens { self.out.sync_data() } else { Ok(()) }
    }

    /// On an error, says how many bytes had been written before it.
    fn write_from(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        let mut deadline = None;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whoever gave us this pipe made it non-blocking. Its reader may be slow, but not for ever.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let wait = Duration::from_millis(limits::SINK_WAIT_MS_MAX);
                    if Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + wait) {
                        return Err((written, error));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn take_back(&mut self, lines: &[u8], written: usize) {
        let Some(last) = lines.get(..written).and_then(<[u8]>::last) else { return };
        // The length is asked for, not remembered: a rotation may have cut the file under our hands.
        let shortened = self.shortens
            && self.out.metadata().is_ok_and(|metadata| {
                let before = metadata.len().saturating_sub(u64::try_from(written).unwrap_or(u64::MAX));
                self.out.set_len(before).is_ok()
            });
        self.torn = !shortened && *last != b'\n';
    }
}

/// Takes off what follows the last line's end; returns how many bytes that was.
fn repair(file: &File, path: &Path) -> Result<u64, OpenError> {
    let failed = |error| OpenError::File(path.to_owned(), error);
    let length = file.metadata().map_err(failed)?.len();
    let start = length.saturating_sub(limits::TORN_TAIL_BYTES_MAX);
    let mut tail = vec![0; usize::try_from(length - start).unwrap_or(0)];
    file.read_exact_at(&mut tail, start).map_err(failed)?;
    let torn = match memchr::memrchr(b'\n', &tail) {
        Some(at) => tail.get(at + 1..).unwrap_or_default(),
        // The very first line may be torn; a file of something else must not be emptied.
        None if start == 0 && (tail.starts_with(LINE_START) || LINE_START.starts_with(&tail)) => &tail,
        None => return Err(OpenError::NotALog(path.to_owned())),
    };
    let torn = u64::try_from(torn.len()).unwrap_or(u64::MAX);
    if torn > 0 {
        file.set_len(length - torn).map_err(failed)?;
    }
    Ok(torn)
}
