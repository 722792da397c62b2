//! Writes the decision log: one thread for all workers, each with its own handle.
//!
//! A worker's records collect in its buffer; the whole buffer goes to the writer, and while that writes it, the next
//! one fills (group commit). So the log's lines stay whole and in each worker's order, and a waiter knows that
//! `write(2)` has returned for its line: it survives the death of this process.
//! Never: drops a record without counting it, or says that one is written which is not.

mod ask;
mod lines;
mod lost;
mod once;
mod outlet;
mod readings;
mod sink;
mod snapshots;
mod store;
mod worker;
mod writer;

pub use ask::NotPut;
pub use ask::act;
pub use ask::names;
pub use once::put;
pub use readings::READINGS;
pub use readings::put_in;
pub use snapshots::Snapshots;
pub use snapshots::Unkept;
pub use store::Broken;
pub use store::StoreSettings;
pub use worker::WorkerJournal;

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::frame;
use crate::disk::lost::Refused;
use crate::disk::sink::Sink;
use crate::disk::store::Folder;
use crate::disk::store::Store;
use crate::disk::writer::Writer;
use crate::limits;
use crate::telemetry::JournalCounters;

/// Where the decision log goes. A record counts as written when the directory has it; where there is none, when all the
/// others have taken it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sinks {
    /// The directory that holds it, in segments that are sealed and signed. The others are told what is in there.
    pub store: Option<StoreSettings>,
    /// A file of lines, appended to.
    pub file: Option<PathBuf>,
    /// Standard output.
    pub stdout: bool,
    /// What becomes of requests whose records there is no room for.
    pub overflow: Overflow,
}

/// What becomes of requests whose records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// They are refused at once; where the log says nothing, after so long.
    FailClosed(Duration),
    /// They wait for so long, and are refused then.
    Block(Duration),
    /// They go on without a record, which is counted and on record as a gap; where the log is only slow, after so long. Not those whose
    /// record has to be on the device: they are refused.
    Shed(Duration),
}

impl Overflow {
    /// How long a record may be waited for.
    pub(crate) const fn deadline(self) -> Duration {
        match self {
            Self::FailClosed(deadline) | Self::Block(deadline) | Self::Shed(deadline) => deadline,
        }
    }
}

impl Default for Overflow {
    fn default() -> Self {
        Self::FailClosed(limits::OVERFLOW_DEADLINE)
    }
}

/// Why the decision log could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// No sink is configured.
    NoSink,
    /// The file could not be opened, read or repaired.
    File(PathBuf, io::Error),
    /// The directory could not be gone on with.
    Store(PathBuf, Broken),
    /// Another process writes to the file.
    Taken(PathBuf),
    /// The file ends in something that is no line of a decision log, and is left alone.
    NotALog(PathBuf),
    /// Standard output is closed.
    Stdout(io::Error),
    /// The writer could not be started.
    Thread(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSink => f.write_str("the decision log needs a file, standard output, or both"),
            Self::File(path, error) => write!(f, "the decision log `{}`: {error}", path.display()),
            Self::Store(path, broken) => write!(f, "the decision log `{}`: {broken}", path.display()),
            Self::Taken(path) => write!(f, "another process writes to the decision log `{}`", path.display()),
            Self::NotALog(path) => {
                write!(
                    f,
                    "`{}` does not end like a decision log, and is left alone: name another file",
                    path.display()
                )
            }
            Self::Stdout(error) => write!(f, "standard output: {error}"),
            Self::Thread(error) => write!(f, "the journal's thread could not be started: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// The decision log of this process.
#[derive(Debug)]
pub struct Disk {
    to_writer: SyncSender<Message>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What workers and the writer tell each other besides messages.
#[derive(Debug)]
struct Shared {
    counters: JournalCounters,
    /// Records that were not even taken, since the writer last looked.
    refused: Refused,
    /// Those of them whose requests went on.
    shed: Refused,
    overflow: Overflow,
    writing: AtomicBool,
    /// The number after the last record that is on the device.
    synced: AtomicU64,
}

impl Shared {
    fn refuse(&self, records: u64) {
        self.refused.add(records, now_ms());
        self.counters.dropped.inc_by(records);
    }

    fn shed(&self, records: u64) {
        self.shed.add(records, now_ms());
        self.counters.dropped.inc_by(records);
        self.counters.shed.inc_by(records);
        // Until records are written again.
        self.writing.store(false, Ordering::Relaxed);
    }
}

enum Message {
    /// A worker's buffer, to be sent back.
    Load(Load),
    /// Frames whose writer waits for nothing.
    Frames { bytes: Vec<u8>, records: u64 },
    /// Open the file anew: the old one was moved away.
    Reopen,
    /// Write what came before, and end.
    Stop,
}

/// A worker's buffer on its way to the writer and back; each worker has one, so its memory is used again.
struct Load {
    bytes: Vec<u8>,
    records: u64,
    /// How many of them wait for the device.
    durable: u64,
    /// Will it be sent again if it is not written? Then nothing of it is lost yet.
    again: bool,
    written: bool,
    /// Travels along, so that the worker's end closes when the writer dies.
    back: tokio::sync::mpsc::Sender<Load>,
}

impl Disk {
    /// Opens the log, repairs its torn end, and starts the writer.
    ///
    /// # Errors
    /// When a sink cannot be opened: nothing is served without a log.
    pub fn open(sinks: &Sinks, counters: JournalCounters) -> Result<Self, OpenError> {
        let file = sinks.file.as_deref().map(open_file).transpose()?;
        let stdout = if sinks.stdout { Some(Sink::stdout().map_err(OpenError::Stdout)?) } else { None };
        let store = sinks.store.as_ref().map(open_store).transpose()?;
        if store.is_none() && file.is_none() && stdout.is_none() {
            return Err(OpenError::NoSink);
        }
        let synced = AtomicU64::new(store.as_ref().map_or(0, Store::synced));
        let writing = AtomicBool::new(true);
        let (refused, shed, overflow) = (Refused::default(), Refused::default(), sinks.overflow);
        let shared = Arc::new(Shared { counters, refused, shed, overflow, writing, synced });
        let (to_writer, messages) = std::sync::mpsc::sync_channel(limits::JOURNAL_MESSAGES_MAX);
        let writer = Writer::new(store, file, stdout, Arc::clone(&shared)).map_err(OpenError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&messages))
            .map_err(OpenError::Thread)?;
        Ok(Self { to_writer, shared, writer: Mutex::new(Some(thread)) })
    }

    /// A handle for the worker on this thread, which refuses to hold more than `bytes_max`.
    ///
    /// Must be called where `tokio::task::spawn_local` may be.
    #[must_use]
    pub fn worker(&self, bytes_max: usize) -> WorkerJournal {
        WorkerJournal::start(self.to_writer.clone(), Arc::clone(&self.shared), bytes_max)
    }

    /// Puts an event on record. Nobody waits for it.
    pub fn event(&self, event: &Event<'_>) {
        let mut bytes = Vec::new();
        event.encode(now_ms(), &mut bytes);
        self.frames(bytes, 1);
    }

    /// Puts finished frames on record, so many records. Nobody waits for them, and what cannot be taken is counted.
    pub fn frames(&self, bytes: Vec<u8>, records: u64) {
        if self.to_writer.try_send(Message::Frames { bytes, records }).is_err() {
            self.shared.refuse(records);
        }
    }

    /// Opens the file anew after it was moved away (SIGHUP). Where that fails, the old one is kept, and the log says so.
    pub fn reopen(&self) {
        if self.to_writer.try_send(Message::Reopen).is_err() {
            tracing::error!("the decision log could not be reopened: its writer is too far behind");
        }
    }

    /// Did every sink take the last records?
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.shared.writing.load(Ordering::Relaxed)
    }

    /// Do requests go on where it did not?
    #[must_use]
    pub fn sheds(&self) -> bool {
        matches!(self.shared.overflow, Overflow::Shed(_))
    }

    /// The number after the last record that is on the device: what may be sent on.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::Acquire)
    }

    /// Waits until all that was handed over is written, and ends the writer. Workers come first: what they append
    /// afterwards is refused.
    pub fn close(&self) {
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let told = self.to_writer.send(Message::Stop);
            if told.is_err() || thread.join().is_err() {
                tracing::error!("the journal's writer died");
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_store(settings: &StoreSettings) -> Result<Store<Folder>, OpenError> {
    let failed = |broken| OpenError::Store(settings.dir.clone(), broken);
    let unread = |error| failed(Broken::File(".".into(), error));
    let Some(folder) = Folder::take(&settings.dir).map_err(unread)? else {
        return Err(OpenError::Taken(settings.dir.clone()));
    };
    let key = |path: &Option<PathBuf>| -> Result<Option<Vec<u8>>, OpenError> {
        let read = |path: &PathBuf| {
            let name = path.display().to_string();
            crate::file::bytes(path, limits::SIGNING_KEY_BYTES_MAX)
                .map_err(|error| failed(Broken::File(name, error)))
        };
        path.as_ref().map(read).transpose()
    };
    let (now, before) = (key(&settings.key_file)?, key(&settings.previous_key_file)?);
    Store::open(settings.clone(), folder, [now.as_deref(), before.as_deref()], now_ms()).map_err(failed)
}

/// Opens the file; a torn end that was taken off is put on record in it.
fn open_file(path: &Path) -> Result<Sink, OpenError> {
    let (mut sink, torn) = Sink::file(path)?;
    if torn > 0 {
        tracing::warn!(bytes = torn, "the decision log ended in half a line, which was taken off");
        let line = event_line(&Event::TornTail { bytes: torn });
        sink.write(&line).map_err(|error| OpenError::File(path.to_owned(), error))?;
    }
    Ok(sink)
}

/// An event of now that stands in no numbered log, as a JSON line.
fn event_line(event: &Event<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    event.encode(now_ms(), &mut frame);
    // Summed like any other, so that it is read like any other.
    frame::number(&mut frame, entry::NOT_NUMBERED);
    entry::lines(&frame)
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
