//! Reads the log's directory in order while it is written to.
//!
//! Never: hands out a record that is not on the device, or two of one number; holds more than a batch and a piece of a segment.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt as _;

use crate::audit::entry::Entry;
use crate::audit::entry::Withheld;
use crate::audit::frame;
use crate::audit::frame::Broken;
use crate::audit::frame::Frames;
use crate::evidence::Folder;
use crate::evidence::Unreadable;
use crate::limits;

/// Records that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The number of the first.
    pub(crate) first: u64,
    /// When the first was made, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// How many.
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number after the last.
    pub(crate) const fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    /// Each of them.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }

    /// The first so many of them.
    pub(crate) fn head(&self, records: usize) -> Self {
        let ends: Vec<usize> = self.ends.iter().copied().take(records).collect();
        let bytes = self.bytes.get(..ends.last().copied().unwrap_or(0)).unwrap_or_default().to_vec();
        Self { first: self.first, time_ms: self.time_ms, bytes, ends }
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }
}

/// What there is to be sent.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// These.
    Batch(Batch),
    /// Records up to (not with) this one will never come, and why.
    Gone(u64, &'static str),
}

/// How far a segment could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// As far as it goes, or was to be.
    Well,
    /// Past records that were taken away.
    Pruned,
    /// Not as far as it should.
    Damaged,
}

/// A reader of the log's directory.
#[derive(Debug)]
pub(crate) struct Tail {
    folder: Folder,
    open: Option<Open>,
}

/// The segment that is being read.
struct Open {
    first: u64,
    input: Input,
    /// What was read and not looked at yet, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    /// The number of the record that comes next.
    seq: u64,
}

enum Input {
    /// One that may be written to yet, and where `bytes` ends in it.
    Plain(File, u64),
    Packed(Box<dyn Read + Send>),
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("first", &self.first).field("seq", &self.seq).finish_non_exhaustive()
    }
}

impl Tail {
    pub(crate) const fn new(folder: Folder) -> Self {
        Self { folder, open: None }
    }

    /// Reads from this record on, up to what is on the device, at most so many.
    pub(crate) fn read(&mut self, next: u64, synced: u64, records_max: usize) -> Result<Found, Unreadable> {
        if next >= synced {
            return Ok(Found::Nothing);
        }
        let segments = self.folder.segments()?;
        let after = segments.partition_point(|segment| segment.first <= next);
        let Some(segment) = after.checked_sub(1).and_then(|at| segments.get(at)) else {
            self.open = None;
            let first = segments.first().map_or(synced, |segment| segment.first);
            return Ok(Found::Gone(first.min(synced), "pruned"));
        };
        let end = segments.get(after).map_or(synced, |segment| segment.first.min(synced));
        let failed =
            |why: io::Error| Unreadable { path: self.folder.at(&segment.name()), why: why.to_string() };
        let known = self.open.take().filter(|open| open.first == segment.first && open.seq <= next);
        let mut open = match known {
            Some(open) => open,
            None => match self.folder.segment(segment)? {
                Some((file, packed)) => Open::new(segment.first, file, packed).map_err(failed)?,
                // Pruned since the names were read.
                None => return Ok(Found::Nothing),
            },
        };
        let mut batch = Batch { first: next, ..Batch::default() };
        let ended = open.take(next, end, records_max, &mut batch).map_err(failed)?;
        open.forget();
        let found = match (batch.len(), ended) {
            (0, Ended::Damaged) => Found::Gone(end, "damaged"),
            (0, Ended::Pruned) => Found::Gone(open.seq, "pruned"),
            (0, Ended::Well) => Found::Nothing,
            (_, _) => Found::Batch(batch),
        };
        self.open = Some(open);
        Ok(found)
    }
}

impl Open {
    fn new(first: u64, file: File, packed: bool) -> io::Result<Self> {
        let head = frame::SEGMENT_HEAD_BYTES;
        let input = if packed {
            let mut plain: Box<dyn Read + Send> = Box::new(zstd::Decoder::new(file)?);
            io::copy(&mut plain.by_ref().take(head as u64), &mut io::sink())?;
            Input::Packed(plain)
        } else {
            Input::Plain(file, head as u64)
        };
        Ok(Self { first, input, bytes: Vec::new(), at: 0, seq: first })
    }

    /// Fills the batch from `next` up to `end`; says what came where it has nothing.
    fn take(&mut self, next: u64, end: u64, records_max: usize, batch: &mut Batch) -> io::Result<Ended> {
        let mut pruned = false;
        while self.seq < end && batch.len() < records_max && batch.bytes.len() < limits::SHIP_BATCH_BYTES_MAX
        {
            let Some(size) = self.next()? else { return Ok(Ended::Damaged) };
            let start = self.at + frame::HEAD_BYTES;
            let record = self.bytes.get(start..self.at + size).unwrap_or_default();
            if Withheld::read(record).is_some_and(|withheld| withheld.seq == self.seq) {
                if batch.len() > 0 {
                    break;
                }
                // What was taken away is sent to nobody.
                pruned |= self.seq >= next;
                self.at += size;
                self.seq += 1;
                continue;
            }
            if pruned {
                break;
            }
            let Some(entry) = Entry::read(record).ok().filter(|entry| entry.seq == self.seq) else {
                return Ok(Ended::Damaged);
            };
            if entry.seq >= next {
                if batch.len() == 0 {
                    batch.time_ms = entry.time_ms;
                }
                batch.push(record);
            }
            self.at += size;
            self.seq += 1;
        }
        Ok(if pruned { Ended::Pruned } else { Ended::Well })
    }

    /// The size of the frame that comes next; `None` where there is none, though the device should have it.
    fn next(&mut self) -> io::Result<Option<usize>> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match Frames::new(rest).next() {
                Some(Ok(record)) => return Ok(Some(frame::HEAD_BYTES + record.len())),
                Some(Err(Broken::Short)) | None => {
                    if self.fill()? == 0 {
                        return Ok(None);
                    }
                }
                Some(Err(Broken::Length | Broken::Sum)) => return Ok(None),
            }
        }
    }

    /// Reads on; says how many bytes that were.
    fn fill(&mut self) -> io::Result<usize> {
        self.bytes.drain(..self.at);
        self.at = 0;
        let before = self.bytes.len();
        self.bytes.resize(before + limits::SHIP_READ_BYTES, 0);
        let room = self.bytes.get_mut(before..).unwrap_or_default();
        let read = match &mut self.input {
            Input::Plain(file, place) => {
                let read = file.read_at(room, *place)?;
                *place += read as u64;
                read
            }
            Input::Packed(input) => match input.read(room) {
                // The decoder says so of what it cannot decode; the machine's own errors have a number.
                Err(why) if why.raw_os_error().is_none() => 0,
                read => read?,
            },
        };
        self.bytes.truncate(before + read);
        Ok(read)
    }

    /// Forgets what was read ahead of a file that may be written to yet: it may be taken back and written anew.
    fn forget(&mut self) {
        if let Input::Plain(_, place) = &mut self.input {
            *place -= self.bytes.len().saturating_sub(self.at) as u64;
            self.bytes.clear();
            self.at = 0;
        }
    }
}
