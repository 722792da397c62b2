//! The log's directory: segments of frames, written in order, put on the device in groups, closed by a seal.
//!
//! One thread owns it. What was appended is in the file when [`Store::append`] returns and on the device when
//! [`Store::sync`] does; only then does it count for the trees. A file whose sync failed is never trusted again: what was
//! not yet on the device is written anew, to a new one.
//! Never: gives two records one number, leaves a hole between two, or goes on behind a write that failed.
//! INVARIANT: numbers `0..next` are in the segments, each once, wherever the process is killed
//! (`killed_anywhere_the_log_is_the_exact_prefix_of_what_was_appended`).

mod checkpoint;
mod files;
mod keep;
mod open;
mod orders;
mod readings;
mod veil;

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::entry::Entry;
use crate::audit::entry::Withheld;
use crate::audit::event::Event;
use crate::audit::event::Kept;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::heads::Sealed;
use crate::audit::heads::Trees;
use crate::audit::keeping::Retention;
use crate::audit::note::Signer;
use crate::audit::tree::BUNDLE_LEAVES;
use crate::audit::tree::Hash;
use crate::ids::Digest;
use crate::limits;

pub(super) use files::Files;
pub(super) use files::Folder;
pub(super) use files::ORDERS;
pub(super) use files::VAULT;
pub use open::Broken;
use veil::Veil;

/// How the directory is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// The directory.
    pub dir: PathBuf,
    /// The file with the key that signs; where there is none it is made, in the directory.
    pub key_file: Option<PathBuf>,
    /// The key that signed before, where another one signs from now on.
    pub previous_key_file: Option<PathBuf>,
    /// A segment is closed once it has so many bytes.
    pub segment_bytes: u64,
    /// And once it has been open for so many milliseconds.
    pub segment_ms: u64,
    /// Most bytes of all segments: the oldest go where they are more.
    pub bytes_max: u64,
    /// How long records are kept.
    pub retention: Retention,
    /// Do pseudonyms stand in it for who calls?
    pub pseudonyms: bool,
    /// How far two signed checkpoints are apart at most, in milliseconds.
    pub checkpoint_ms: u64,
}

impl StoreSettings {
    /// A directory with its own key, of which nothing goes.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            key_file: None,
            previous_key_file: None,
            segment_bytes: limits::SEGMENT_BYTES,
            segment_ms: u64::MAX,
            bytes_max: u64::MAX,
            retention: Retention::default(),
            pseudonyms: false,
            checkpoint_ms: limits::CHECKPOINT_MS,
        }
    }
}

/// The log's directory, open for writing.
pub(super) struct Store<F: Files> {
    settings: StoreSettings,
    files: F,
    signer: Signer,
    origin: String,
    log_id: [u8; 16],
    segment: Option<Segment<F::File>>,
    /// The number of the next record.
    next: u64,
    /// What was appended and is not known to be on the device, and the number of its first record.
    fresh: Vec<u8>,
    fresh_first: u64,
    /// Over all records that are on the device.
    trees: Trees,
    /// Roots of bundles that are not in their file yet.
    bundles: Vec<u8>,
    /// When a record was last appended, and when a checkpoint was last signed.
    appended_ms: u64,
    signed_ms: u64,
    signed_size: u64,
    /// What is due and failed is not tried again before.
    again_ms: u64,
    /// When it was last looked for orders.
    looked_ms: u64,
    /// Where the log is written with pseudonyms.
    veil: Option<Veil>,
    /// The head of the log of readings, as it was last put on record.
    readings: Option<(u64, Hash)>,
    /// What came to the device since it was last told, where somebody is.
    told: Option<Vec<u8>>,
}

/// The segment that is written to.
struct Segment<T> {
    file: T,
    first: u64,
    bytes: u64,
    opened_ms: u64,
}

impl<F: Files> Store<F> {
    /// What was appended since the last sync, numbered.
    pub(super) fn fresh(&self) -> &[u8] {
        &self.fresh
    }

    /// There is nobody to be told what comes to the device.
    pub(super) fn tell_nobody(&mut self) {
        self.told = None;
    }

    /// What came to the device since this was last asked: frames; `None` where that is nothing.
    pub(super) fn told(&mut self) -> Option<Vec<u8>> {
        self.told.as_mut().filter(|told| !told.is_empty()).map(std::mem::take)
    }

    /// The number after the last record that is on the device.
    pub(super) const fn synced(&self) -> u64 {
        self.fresh_first
    }

    /// Numbers the frames and writes them to the segment, all of them or none.
    ///
    /// # Errors
    /// When they could not be written; no number was given then.
    pub(super) fn append(&mut self, frames: &mut [u8], now_ms: u64) -> io::Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        match self.veiled(frames)? {
            Some(mut veiled) => self.write(&mut veiled, now_ms),
            None => self.write(frames, now_ms),
        }
    }

    fn write(&mut self, frames: &mut [u8], now_ms: u64) -> io::Result<()> {
        if now_ms.saturating_add(limits::CLOCK_STEP_MS) < self.appended_ms {
            let before_ms = std::mem::replace(&mut self.appended_ms, now_ms);
            self.event(&Event::Log(Kept::ClockStepped { before_ms, after_ms: now_ms }), now_ms)?;
        }
        let count = frame::number(frames, self.next);
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => {
                // What the last file did not keep comes before anything else.
                self.sync(now_ms)?;
                match self.segment.take() {
                    Some(segment) => segment,
                    None => self.begin(self.next, now_ms)?,
                }
            }
        };
        let before = segment.bytes;
        let length = frames.len() as u64;
        match self.files.append(&mut segment.file, frames) {
            Ok(()) => {
                segment.bytes += length;
                self.segment = Some(segment);
                self.next += count;
                self.fresh.extend_from_slice(frames);
                self.appended_ms = now_ms;
                Ok(())
            }
            Err(error) => {
                // What is there of it is taken back; where even that fails the file is left, and a new one begins.
                if self.files.set_len(&mut segment.file, before).is_ok() {
                    self.segment = Some(segment);
                }
                Err(error)
            }
        }
    }

    /// Puts all that was appended on the device, and counts it for the trees.
    ///
    /// # Errors
    /// When neither this file nor a new one could be put there. What was appended is then in no file that counts.
    pub(super) fn sync(&mut self, now_ms: u64) -> io::Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let synced = match &mut self.segment {
            Some(segment) => self.files.sync(&mut segment.file),
            None => Err(io::Error::other("the segment was given up")),
        };
        if let Err(error) = synced {
            self.write_anew(now_ms)?;
            tracing::error!(%error, "a segment of the decision log could not be put on its device: a new one has its records");
        }
        self.count();
        Ok(())
    }

    /// Forgets what was appended since the last sync, for neither file could be put on the device.
    pub(super) fn give_up(&mut self) {
        self.fresh.clear();
        self.next = self.fresh_first;
        self.segment = None;
    }

    /// A failed sync may have lost any page that was not on the device, and a second one would say that all is well.
    fn write_anew(&mut self, now_ms: u64) -> io::Result<()> {
        if let Some(mut old) = self.segment.take() {
            let kept = old.bytes.saturating_sub(self.fresh.len() as u64);
            // Readers go by where the next segment begins, so what stays there does no harm.
            drop(self.files.set_len(&mut old.file, kept));
        }
        let mut segment = self.begin(self.fresh_first, now_ms)?;
        self.files.append(&mut segment.file, &self.fresh)?;
        self.files.sync(&mut segment.file)?;
        segment.bytes += self.fresh.len() as u64;
        self.segment = Some(segment);
        Ok(())
    }

    fn begin(&mut self, first: u64, now_ms: u64) -> io::Result<Segment<F::File>> {
        let name = files::segment_name(first);
        let mut head = Vec::with_capacity(frame::SEGMENT_HEAD_BYTES);
        head.extend_from_slice(frame::MAGIC);
        head.extend_from_slice(&self.log_id);
        let mut file = self.files.create(&name)?;
        self.files.append(&mut file, &head)?;
        Ok(Segment { file, first, bytes: frame::SEGMENT_HEAD_BYTES as u64, opened_ms: now_ms })
    }

    /// Counts what is on the device by now for the trees.
    fn count(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        for record in Frames::new(&fresh).flatten() {
            grow(&mut self.trees, &mut self.bundles, record);
        }
        if let Some(told) = &mut self.told {
            told.extend_from_slice(&fresh);
        }
        // Its memory is used again.
        self.fresh = fresh;
        self.fresh.clear();
        self.fresh_first = self.next;
    }

    /// Does what is due: closes the segment, signs a checkpoint, says that it is alive. All that was appended is on the
    /// device before.
    ///
    /// # Errors
    /// When something could not be written; it is tried again the next time.
    pub(super) fn tick(&mut self, now_ms: u64) -> io::Result<()> {
        if (1..=limits::STORE_RETRY_MS).contains(&self.again_ms.saturating_sub(now_ms)) {
            return Ok(());
        }
        let done = self.due(now_ms);
        if done.is_err() {
            // Each try may put another seal on record: on a full disk that would fill what is left.
            self.again_ms = now_ms.saturating_add(limits::STORE_RETRY_MS);
        }
        done
    }

    fn due(&mut self, now_ms: u64) -> io::Result<()> {
        if since(self.looked_ms, now_ms) >= limits::ORDERS_EVERY_MS {
            self.looked_ms = now_ms;
            self.obey(now_ms)?;
        }
        let due = self.segment.as_ref().is_some_and(|segment| {
            let records = segment.bytes > frame::SEGMENT_HEAD_BYTES as u64;
            let old = since(segment.opened_ms, now_ms) >= self.settings.segment_ms;
            records && (segment.bytes >= self.settings.segment_bytes || old)
        });
        if due {
            return self.seal(now_ms);
        }
        if since(self.signed_ms, now_ms) < self.settings.checkpoint_ms {
            return Ok(());
        }
        self.note_readings(now_ms)?;
        if self.signed_size == self.next {
            // A quiet minute is on record too, or nobody could tell it from one that was cut off.
            self.event(&Event::Log(Kept::Idle), now_ms)?;
        }
        self.sync(now_ms)?;
        self.sign(now_ms)
    }

    /// Puts an event on record.
    pub(super) fn event(&mut self, event: &Event<'_>, now_ms: u64) -> io::Result<()> {
        let mut frame = Vec::new();
        event.encode(now_ms, &mut frame);
        // The program's own events name nobody who calls.
        self.write(&mut frame, now_ms)
    }

    /// Closes the segment: a seal as its last record, a checkpoint, the state to begin again from, and the file compressed.
    pub(super) fn seal(&mut self, now_ms: u64) -> io::Result<()> {
        self.sync(now_ms)?;
        let Some(first) = self.segment.as_ref().map(|segment| segment.first) else { return Ok(()) };
        let heads_root = Digest::from_bytes(self.trees.heads_root());
        let sealed = self.next;
        let seal = Event::Log(Kept::Sealed {
            first,
            records: sealed - first,
            heads_root: &heads_root,
            tenants: self.trees.books() as u64,
        });
        let mut frame = Vec::new();
        seal.encode(now_ms, &mut frame);
        self.write(&mut frame, now_ms)?;
        // The trees do not know the seal before it is on the device, and that is how it is kept.
        let heads = Sealed::encode(&self.trees, frame.get(frame::HEAD_BYTES..).unwrap_or_default());
        self.sync(now_ms)?;
        self.flush_bundles()?;
        self.files.replace(&files::heads_name(sealed), &heads)?;
        self.sign(now_ms)?;
        self.segment = None;
        self.files.compress(&files::segment_name(first))?;
        self.prune(now_ms)
    }

    fn flush_bundles(&mut self) -> io::Result<()> {
        let whole = self.trees.size() / BUNDLE_LEAVES * 32;
        let begin = whole.saturating_sub(self.bundles.len() as u64);
        self.files.write_at(files::BUNDLES, begin, &self.bundles)?;
        self.bundles.clear();
        Ok(())
    }

    /// Ends the log's use: all is on the device, sealed and signed.
    pub(super) fn close(&mut self, now_ms: u64) -> io::Result<()> {
        self.note_readings(now_ms)?;
        if self.segment.is_some() { self.seal(now_ms) } else { self.sign(now_ms) }
    }
}

/// How long ago that was; a clock that was set back says nothing of it, and then it is due: nobody who sets clocks shall keep
/// the log from being signed.
fn since(then_ms: u64, now_ms: u64) -> u64 {
    now_ms.checked_sub(then_ms).unwrap_or(u64::MAX)
}

/// Adds a record to the trees.
fn grow(trees: &mut Trees, bundles: &mut Vec<u8>, record: &[u8]) {
    let grown = match Withheld::read(record) {
        Some(withheld) => trees.append_leaf(withheld.book, withheld.leaf),
        None => trees.append(Entry::read(record).map_or("", |entry| entry.book), record),
    };
    if let Some(root) = grown {
        bundles.extend_from_slice(&root);
    }
}

#[cfg(test)]
mod tests;
