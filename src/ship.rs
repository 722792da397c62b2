//! Sends the decision log on: to collectors, brokers, databases and stores, each by a thread of its own.
//!
//! It reads the log's directory, and only what is on the device; where each place has got to stands in a file there. So a place
//! that is away delays its records and nothing else: no request knows of it, and after a restart it goes on where it was.
//! What was sent and not noted is sent again: each record says what tells it from all others (`log_id/seq`).
//! Never: sends what the device does not have, passes over a record without saying so in the log, or holds more than one
//! batch for a place.

mod format;
mod kafka;
mod position;
mod sender;
mod store;
mod tail;
mod web;
mod witness;

pub use format::Format;
pub use kafka::Login;
pub use kafka::Mechanism;

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::background;
use crate::disk::Disk;
use crate::evidence::Folder;
use crate::evidence::Unreadable;
use crate::evidence::Witness;
use crate::limits;
use crate::remote::Access;
use crate::remote::Failed;
use crate::telemetry::Metrics;

use position::Position;
use sender::Sender;
use tail::Batch;

/// A place that the log is sent to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name: of its metrics, and of the file with its position.
    pub name: String,
    /// What it is.
    pub to: To,
    /// What it takes to get at it.
    pub access: Access,
    /// Most records that are sent together.
    pub batch: usize,
    /// How often it is looked whether there is anything to send.
    pub every: Duration,
}

/// What a place is.
#[derive(Debug, Clone)]
pub enum To {
    /// A web server that takes arrays of records.
    Http {
        /// Where.
        url: http::Uri,
        /// What is made of each record.
        format: Format,
    },
    /// A collector of OpenTelemetry, by HTTP and JSON.
    Otlp {
        /// Where.
        url: http::Uri,
    },
    /// A ClickHouse server, by HTTP.
    ClickHouse {
        /// Where, with the statement and its settings in the query.
        url: http::Uri,
    },
    /// An S3-compatible store, which gets the sealed segments as they are.
    S3 {
        /// The bucket.
        bucket: String,
        /// What the keys of all objects begin with.
        prefix: String,
    },
    /// A witness, which is asked to cosign each checkpoint.
    Witness(Witness),
    /// A cluster of brokers that speaks Kafka's protocol.
    Kafka {
        /// Those that are asked first, as `host:port`.
        brokers: Vec<String>,
        /// The topic.
        topic: String,
        /// Is TLS spoken?
        tls: bool,
        /// Who is it to be?
        login: Option<Login>,
        /// What is made of each record.
        format: Format,
    },
}

/// The statement that inserts rows into a table, as the query of a URL; `waits` asks the server to collect rows of many
/// senders and to answer once it has them.
#[must_use]
pub fn clickhouse_query(database: &str, table: &str, waits: bool) -> String {
    let settings = if waits { "&async_insert=1&wait_for_async_insert=1" } else { "" };
    format!("query=INSERT%20INTO%20{database}.{table}%20FORMAT%20JSONEachRow{settings}")
}

/// Why records were not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// They are to be sent again later.
    Later(String),
    /// They are too much at once.
    TooMuch,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(why) => f.write_str(why),
            Self::TooMuch => f.write_str("it takes less at once"),
        }
    }
}

impl From<Failed> for Refused {
    fn from(why: Failed) -> Self {
        Self::Later(why.to_string())
    }
}

impl From<Unreadable> for Refused {
    fn from(why: Unreadable) -> Self {
        Self::Later(why.to_string())
    }
}

/// What became of records that were sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of them are there.
    All,
    /// So many are not and never will be; the others are.
    Without(u64),
}

/// Something that takes batches of records.
pub(crate) trait Sink {
    /// Sends a batch; comes back once it is there.
    ///
    /// # Errors
    /// When it is not known to be there.
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused>;
}

impl Sink for Box<dyn Sink + Send> {
    fn send(&mut self, batch: &Batch) -> Result<Taken, Refused> {
        (**self).send(batch)
    }
}

/// The threads that send.
#[derive(Debug)]
pub struct Shipping {
    threads: Vec<(SyncSender<()>, JoinHandle<()>)>,
}

/// Why sending could not begin.
#[derive(Debug)]
pub enum StartError {
    /// The log's directory cannot be read.
    Log(Unreadable),
    /// The file with a position cannot be read or written.
    Position(PathBuf, io::Error),
    /// There is no thread, or no counter.
    Machine(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(why) => why.fmt(f),
            Self::Position(path, why) => write!(f, "`{}`: {why}", path.display()),
            Self::Machine(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StartError {}

impl Shipping {
    /// Starts to send what is in the log's directory, and what will be.
    ///
    /// # Errors
    /// When a position or the directory cannot be read, or the system gives no thread.
    pub fn start(
        all: &[Settings],
        dir: &Path,
        disk: &Arc<Disk>,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let mut threads = Vec::new();
        for settings in all {
            let folder = Folder::open(dir).map_err(StartError::Log)?;
            let log_id = text_of(folder.log_id());
            let position = Position::open(dir, &settings.name, &log_id)
                .map_err(|(path, error)| StartError::Position(path, error))?;
            let counters =
                metrics.ship(&settings.name).map_err(|error| StartError::Machine(error.to_string()))?;
            let sender = Sender::new(settings, folder, position, Arc::clone(disk), counters);
            let (stop, stopped) = mpsc::sync_channel(1);
            let thread = background::start("ship", move || sender.run(&stopped))
                .map_err(|error| StartError::Machine(error.to_string()))?;
            threads.push((stop, thread));
        }
        Ok(Self { threads })
    }

    /// Sends what is there yet, for a short time, and ends. What was not sent is sent after the next start.
    pub fn close(self) {
        let end = Instant::now() + Duration::from_millis(limits::SHIP_STOP_MS);
        let mut waiting = Vec::new();
        for (stop, thread) in self.threads {
            drop(stop);
            waiting.push(thread);
        }
        while waiting.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        for thread in waiting {
            // One that waits for an answer goes with the process; it has noted what was taken before.
            if thread.is_finished() && thread.join().is_err() {
                tracing::error!("a thread that sends the decision log on died");
            }
        }
    }
}

/// Waits; says whether it is time to end.
fn told_to_stop(stopped: &Receiver<()>, wait: Duration) -> bool {
    !matches!(stopped.recv_timeout(wait), Err(mpsc::RecvTimeoutError::Timeout))
}

fn text_of(log_id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*log_id))
}

#[cfg(test)]
mod tests;
