//! Makes files of the archive of sealed segments.
//!
//! Never: reads what is still written to, counts a record twice or passes one over: what was begun and not finished is begun anew.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::evidence::Folder;
use crate::evidence::Read;
use crate::evidence::Records;
use crate::evidence::Unreadable;
use crate::limits;

use super::columns::Columns;
use super::file;
use super::folders::Month;
use super::folders::Months;
use super::manifest;
use super::manifest::Kept;
use super::manifest::Manifest;
use super::merge;
use super::row::Row;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Records that are in the archive now and were not.
    pub records: u64,
    /// The segments that are.
    pub segments: usize,
    /// Files that were made one with others.
    pub merged: usize,
    /// All files of the archive.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// All records of the archive.
    pub all_records: u64,
    /// Records that the log had no longer when they were due.
    pub missing: u64,
}

/// Why it was not.
#[derive(Debug)]
pub enum NotCompacted {
    /// The log cannot be read.
    Unreadable(Unreadable),
    /// A segment is not what was written.
    Damaged {
        /// Its place in the log's directory.
        segment: String,
        /// Where in it, in bytes from its first, uncompressed.
        at: u64,
    },
    /// A record is not there.
    Missing {
        /// Its number.
        seq: u64,
    },
    /// Another process does the same.
    Busy,
    /// The archive cannot be read or written.
    Archive {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl fmt::Display for NotCompacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::Damaged { segment, at } => {
                write!(f, "`{segment}` is damaged at byte {at}: run `verify`, which says what is wrong")
            }
            Self::Missing { seq } => {
                write!(f, "the record {seq} is missing: run `verify`, which says what is wrong")
            }
            Self::Busy => f.write_str("another process writes the archive"),
            Self::Archive { path, why } => write!(f, "`{}`: {why}", path.display()),
        }
    }
}

impl std::error::Error for NotCompacted {}

impl From<Unreadable> for NotCompacted {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

/// Brings the archive up to the last sealed segment of the log. `progress` is told how many records were read, now and then.
///
/// # Errors
/// When the log or the archive cannot be read or written; what was done until then stays done, and the rest is done the next time.
pub fn compact(
    log: &Folder,
    archive: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Compacted, NotCompacted> {
    let failed = |why| NotCompacted::Archive { path: archive.to_owned(), why };
    file::make_folder(archive).map_err(failed)?;
    let lock = fs::OpenOptions::new().create(true).append(true).open(archive.join("LOCK")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(NotCompacted::Busy),
        Err(fs::TryLockError::Error(why)) => return Err(failed(why)),
    }
    let manifest = Manifest::read(archive, log.log_id())
        .map_err(|why| NotCompacted::Archive { path: archive.join(manifest::NAME), why })?;
    merge::sweep(archive, &manifest).map_err(failed)?;
    let mut press = Press::new(archive, manifest);
    let segments = press.segments(log, progress)?;
    let files = &press.manifest.files;
    Ok(Compacted {
        records: press.read,
        segments,
        merged: press.merged,
        files: files.len(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        all_records: files.iter().map(|file| file.rows).sum(),
        missing: press.manifest.gaps.iter().map(|(first, next)| next.saturating_sub(*first)).sum(),
    })
}

/// Rows on their way into files.
struct Press<'a> {
    archive: &'a Path,
    manifest: Manifest,
    waiting: BTreeMap<(String, Month), Columns>,
    rows: usize,
    /// Files that do not count yet.
    made: Vec<Kept>,
    merged: usize,
    months: Months,
    /// The number of the next record.
    next: u64,
    read: u64,
}

impl<'a> Press<'a> {
    fn new(archive: &'a Path, manifest: Manifest) -> Self {
        let next = manifest.next;
        let (waiting, made, months) = (BTreeMap::new(), Vec::new(), Months::default());
        Self { archive, manifest, waiting, rows: 0, made, merged: 0, months, next, read: 0 }
    }

    /// Takes in each sealed segment that is not in; how many they were.
    fn segments(&mut self, log: &Folder, progress: &mut dyn FnMut(u64)) -> Result<usize, NotCompacted> {
        let (all, mut done) = (log.segments()?, 0);
        let begin = all.iter().rposition(|segment| segment.first <= self.next).unwrap_or(0);
        // Only a segment that is sealed is compressed, and behind one that is not there is none that is of use yet.
        for segment in all.iter().skip(begin).take_while(|segment| segment.compressed) {
            if self.manifest.segments.contains(&segment.first) {
                continue;
            }
            if segment.first > self.next {
                // What the log no longer has cannot come into the archive. `verify` says whether it had to go.
                self.manifest.gaps.push((self.next, segment.first));
                self.next = segment.first;
            }
            let Some(mut records) = Records::open(log, segment)? else {
                return Err(NotCompacted::Damaged { segment: segment.name(), at: 0 });
            };
            while let Some(read) = records.read()? {
                match read {
                    Read::Record(record) => self.record(record, &segment.name(), progress)?,
                    Read::Withheld(withheld) => self.gone(withheld.seq)?,
                    Read::Torn => return Err(NotCompacted::Damaged { segment: segment.name(), at: 0 }),
                    Read::Damaged(at) => {
                        return Err(NotCompacted::Damaged { segment: segment.name(), at });
                    }
                }
            }
            self.manifest.segments.push(segment.first);
            done += 1;
        }
        self.commit()?;
        Ok(done)
    }

    fn record(
        &mut self,
        record: &[u8],
        segment: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), NotCompacted> {
        let mut again = Vec::new();
        let damaged = |_| NotCompacted::Damaged { segment: segment.to_owned(), at: 0 };
        let row = Row::checked(record, &mut again).map_err(damaged)?;
        if row.seq < self.next {
            return Ok(());
        }
        if row.seq > self.next {
            return Err(NotCompacted::Missing { seq: self.next });
        }
        let month = self.months.of(row.time_us);
        self.waiting.entry((row.book.clone().into_owned(), month)).or_default().push(&row);
        self.rows += 1;
        self.next += 1;
        self.read += 1;
        if self.read.is_multiple_of(limits::PROGRESS_RECORDS) {
            progress(self.read);
        }
        if self.next.saturating_sub(self.manifest.next) >= limits::ARCHIVE_COMMIT_RECORDS {
            return self.commit();
        }
        if self.rows >= limits::ARCHIVE_ROWS { self.ease() } else { Ok(()) }
    }

    /// A record was taken away before it was due: it has its number still, and no row.
    fn gone(&mut self, seq: u64) -> Result<(), NotCompacted> {
        if seq > self.next {
            return Err(NotCompacted::Missing { seq: self.next });
        }
        self.next = self.next.max(seq + 1);
        Ok(())
    }

    /// Writes the largest parts of what waits as files that do not count yet, until but half is left.
    fn ease(&mut self) -> Result<(), NotCompacted> {
        let mut all: Vec<_> = std::mem::take(&mut self.waiting).into_iter().collect();
        all.sort_by_key(|(_, columns)| columns.len());
        while self.rows > limits::ARCHIVE_ROWS / 2
            && let Some((of, columns)) = all.pop()
        {
            self.rows = self.rows.saturating_sub(columns.len());
            self.put(&of, columns)?;
        }
        self.waiting = all.into_iter().collect();
        Ok(())
    }

    fn put(&mut self, (book, month): &(String, Month), mut columns: Columns) -> Result<(), NotCompacted> {
        let batch = columns.finish().map_err(|why| self.failed(io::Error::other(why)))?;
        let kept = file::put(self.archive, (book, *month), &batch).map_err(|why| self.failed(why))?;
        self.made.extend(kept);
        Ok(())
    }

    /// Writes all that waits, makes few files of many, and then makes them count.
    fn commit(&mut self) -> Result<(), NotCompacted> {
        if self.next == self.manifest.next {
            return Ok(());
        }
        for (of, columns) in std::mem::take(&mut self.waiting) {
            self.put(&of, columns)?;
        }
        self.rows = 0;
        self.settle().map_err(|why| self.failed(why))
    }

    fn settle(&mut self) -> io::Result<()> {
        let before: BTreeSet<String> = self.manifest.files.iter().map(|file| file.path.clone()).collect();
        let mut files = self.manifest.files.clone();
        files.append(&mut self.made);
        let merge::Merged { files, gone } = merge::merge(self.archive, files)?;
        file::settle(self.archive, files.iter().filter(|file| !before.contains(&file.path)))?;
        self.merged += gone.len();
        self.manifest.files = files;
        self.manifest.next = self.next;
        self.manifest.write(self.archive)?;
        // Those that never counted nobody reads; the others go with the next run.
        let mut never = gone.iter().filter(|file| !before.contains(&file.path));
        never.try_for_each(|file| fs::remove_file(self.archive.join(&file.path)))
    }

    fn failed(&self, why: io::Error) -> NotCompacted {
        NotCompacted::Archive { path: self.archive.to_owned(), why }
    }
}
