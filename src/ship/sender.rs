//! What one place's thread does: look, send, note, wait.
//!
//! Never: notes what was not taken, or gives up.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::audit::Event;
use crate::audit::Kept;
use crate::disk::Disk;
use crate::evidence::Folder;
use crate::limits;
use crate::telemetry::ShipCounters;

use super::Refused;
use super::Settings;
use super::Sink;
use super::Taken;
use super::To;
use super::kafka::Kafka;
use super::position::Position;
use super::store::Store;
use super::tail::Batch;
use super::tail::Found;
use super::tail::Tail;
use super::told_to_stop;
use super::web::ClickHouse;
use super::web::Http;
use super::web::Otlp;
use super::witness::Witnessed;

/// How often it is tried again once it is time to end.
const STOP_TRIES: u32 = 4;

/// What is sent: records, or the log's files as they are.
pub(super) enum Way<S> {
    Records(Tail, S),
    Files(Box<Store>),
    Heads(Box<Witnessed>),
}

/// One place's thread.
pub(super) struct Sender<S> {
    name: String,
    batch: usize,
    every: Duration,
    way: Way<S>,
    position: Position,
    disk: Arc<Disk>,
    counters: ShipCounters,
    /// What was read and not taken yet.
    pending: Option<Batch>,
    saved: Instant,
    /// How often it failed in a row.
    failed: u32,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more at once.
    More,
    /// There is nothing more yet.
    Done,
}

impl Sender<Box<dyn Sink + Send>> {
    pub(super) fn new(
        settings: &Settings,
        folder: Folder,
        position: Position,
        disk: Arc<Disk>,
        counters: ShipCounters,
    ) -> Self {
        let access = settings.access.clone();
        let log_id = super::text_of(folder.log_id());
        let records = |sink: Box<dyn Sink + Send>| Way::Records(Tail::new(folder.clone()), sink);
        let way = match settings.to.clone() {
            To::Http { url, format } => records(Box::new(Http::new(url, access, log_id, format))),
            To::Otlp { url } => records(Box::new(Otlp::new(url, access, log_id))),
            To::ClickHouse { url } => records(Box::new(ClickHouse::new(url, access, log_id))),
            To::Kafka { brokers, topic, tls, login, format } => {
                records(Box::new(Kafka::new(brokers, topic, tls, login, format, access, log_id)))
            }
            To::Witness(witness) => Way::Heads(Box::new(Witnessed::new(folder, witness, access))),
            To::S3 { bucket, prefix } => Way::Files(Box::new(Store::new(folder, bucket, &prefix, access))),
        };
        Self::over(way, &settings.name, settings.batch, settings.every, position, disk, counters)
    }
}

impl<S: Sink> Sender<S> {
    pub(super) fn over(
        way: Way<S>,
        name: &str,
        batch: usize,
        every: Duration,
        position: Position,
        disk: Arc<Disk>,
        counters: ShipCounters,
    ) -> Self {
        let (name, saved) = (name.to_owned(), Instant::now());
        Self { name, batch, every, way, position, disk, counters, pending: None, saved, failed: 0 }
    }

    /// Sends until it is told to stop; then what is left, as long as it is taken and there is time.
    pub(super) fn run(mut self, stopped: &Receiver<()>) {
        let mut end: Option<Instant> = None;
        loop {
            let step = self.step();
            self.say(&step);
            self.note(end.is_some() || matches!(step, Ok(Step::Done)));
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let wait = match (step, left) {
                (Ok(Step::Done), Some(_)) | (_, Some(Duration::ZERO)) => break,
                // One that has been away for longer is not waited for.
                (Err(_), Some(_)) if self.failed > STOP_TRIES => break,
                (Err(_), Some(left)) => self.backoff().min(left),
                (Ok(Step::More), _) => Duration::ZERO,
                (Ok(Step::Done), None) => self.every,
                (Err(_), None) => self.backoff(),
            };
            if end.is_some() {
                std::thread::sleep(wait);
            } else if self.wait(stopped, wait) {
                end = Some(Instant::now() + Duration::from_millis(limits::SHIP_STOP_MS));
            }
        }
    }

    /// Sends the next batch, where there is one.
    pub(super) fn step(&mut self) -> Result<Step, Refused> {
        let synced = self.disk.synced();
        if self.position.next() > synced {
            // Whoever put back an older log has its records sent; what was sent of the newer one is not called back.
            tracing::error!(
                sink = self.name,
                next = self.position.next(),
                synced,
                "the log is shorter than what was sent of it"
            );
            self.position.moves_to(synced);
        }
        let step = match &mut self.way {
            Way::Files(store) => match store.step(&mut self.position, synced)? {
                super::store::Did::Nothing => Ok(Step::Done),
                super::store::Did::Sent(records) => {
                    self.counters.sent.inc_by(records);
                    Ok(Step::More)
                }
                super::store::Did::Gone(next) => {
                    let reason = "pruned";
                    self.pass_over(next, reason);
                    Ok(Step::More)
                }
            },
            Way::Heads(witnessed) => {
                self.counters.sent.inc_by(witnessed.step(&mut self.position, synced)?);
                Ok(Step::Done)
            }
            Way::Records(..) => self.send(synced),
        };
        self.tell(synced);
        step
    }

    fn send(&mut self, synced: u64) -> Result<Step, Refused> {
        let Way::Records(tail, sink) = &mut self.way else { return Ok(Step::Done) };
        let batch = match self.pending.take() {
            Some(batch) => batch,
            None => match tail.read(self.position.next(), synced, self.batch)? {
                Found::Nothing => return Ok(Step::Done),
                Found::Gone(next, reason) => {
                    self.pass_over(next, reason);
                    return Ok(Step::More);
                }
                Found::Batch(batch) => batch,
            },
        };
        // The counters tell how long it has waited while it is on its way, too.
        self.counters.lag_records.set(wide(synced.saturating_sub(batch.first)));
        self.counters.lag_seconds.set(wide(now_ms().saturating_sub(batch.time_ms) / 1_000));
        match sink.send(&batch) {
            Ok(taken) => {
                let (first, last) = (batch.first, batch.end().saturating_sub(1));
                let mut sent = batch.len() as u64;
                if let Taken::Without(count) = taken {
                    tracing::error!(sink = self.name, count, first, last, "records were refused for good");
                    sent = sent.saturating_sub(count);
                    self.lose(first, last, count, "refused");
                }
                self.counters.sent.inc_by(sent);
                self.position.moves_to(batch.end());
                Ok(if batch.len() >= self.batch || batch.end() < synced { Step::More } else { Step::Done })
            }
            Err(Refused::TooMuch) if batch.len() > 1 => {
                // The rest is read again.
                self.pending = Some(batch.head(batch.len() / 2));
                Ok(Step::More)
            }
            Err(why) => {
                self.pending = Some(batch);
                Err(why)
            }
        }
    }

    /// Records up to (not with) this one will not come: that is on record, too.
    fn pass_over(&mut self, next: u64, reason: &'static str) {
        let (first, last) = (self.position.next(), next.saturating_sub(1));
        tracing::error!(sink = self.name, first, last, reason, "records of the decision log were never sent");
        self.lose(first, last, next.saturating_sub(first), reason);
        self.position.moves_to(next);
    }

    fn lose(&self, first: u64, last: u64, count: u64, reason: &'static str) {
        self.counters.unsent.inc_by(count);
        let lost = Kept::NotShipped { sink: &self.name, first, last, count, reason };
        self.disk.event(&Event::Log(lost));
    }

    /// Puts the position on the device, where it is time.
    fn note(&mut self, now: bool) {
        let due = self.saved.elapsed() >= Duration::from_millis(limits::SHIP_SAVE_MS);
        if !self.position.is_new() || !(now || due) {
            return;
        }
        self.saved = Instant::now();
        if let Err(error) = self.position.save() {
            let error: io::Error = error;
            tracing::warn!(sink = self.name, %error, "what was sent cannot be noted, and would be sent again");
        }
    }

    /// Says once that it fails, and once that it goes on.
    fn say(&mut self, step: &Result<Step, Refused>) {
        match step {
            Ok(_) if self.failed > 0 => {
                tracing::warn!(sink = self.name, "the decision log is sent on again");
                self.failed = 0;
            }
            Ok(_) => {}
            Err(why) => {
                self.counters.failures.inc();
                if self.failed == 0 {
                    tracing::error!(sink = self.name, %why, "the decision log cannot be sent on: it is tried again");
                }
                self.failed = self.failed.saturating_add(1);
            }
        }
    }

    /// How long to wait after so many failures: twice as long each time, and never at the same moment as all others.
    fn backoff(&self) -> Duration {
        let doubled = limits::SHIP_RETRY_MS << self.failed.saturating_sub(1).min(16);
        let most = doubled.min(limits::SHIP_RETRY_MS_MAX);
        let jitter = now_ms() % (most / 4).max(1);
        Duration::from_millis(most - jitter)
    }

    /// Waits, and tells how far behind it is meanwhile; says whether it is time to end.
    fn wait(&self, stopped: &Receiver<()>, mut wait: Duration) -> bool {
        loop {
            let part = wait.min(Duration::from_secs(1));
            if told_to_stop(stopped, part) {
                return true;
            }
            wait -= part;
            if wait.is_zero() {
                return false;
            }
            self.tell(self.disk.synced());
        }
    }

    fn tell(&self, synced: u64) {
        let lag = synced.saturating_sub(self.position.next());
        self.counters.lag_records.set(wide(lag));
        let oldest = self.pending.as_ref().map_or(0, |batch| now_ms().saturating_sub(batch.time_ms) / 1_000);
        if lag == 0 || self.pending.is_some() {
            self.counters.lag_seconds.set(wide(oldest));
        }
    }
}

fn wide(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
