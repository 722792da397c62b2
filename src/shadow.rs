//! The thread that makes decisions again with policies that decide nothing: a candidate's, and those in shadow mode.
//!
//! A worker hands on what it has decided and goes on; where the queue is full, what it hands on is dropped and counted.
//! Only disagreements are put on record, in batches of bounded size, so that they never crowd out the records of decisions.
//! Never: changes an answer, is waited for by a request, or looks at what was stopped.

mod told;

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::audit::Counted;
use crate::audit::Event;
use crate::background;
use crate::compare::beside::Again;
use crate::compare::beside::Chosen;
use crate::compare::beside::Direction;
use crate::compare::beside::Disagreement;
use crate::compare::beside::StopRule;
use crate::compare::beside::Window;
use crate::compare::beside::again;
use crate::disk::Disk;
use crate::ids::DecisionId;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::policy::Memory;
use crate::request;
use crate::request::Job;
use crate::snapshot::Beside;
use crate::snapshot::Live;
use crate::snapshot::Origin;
use crate::snapshot::Shadowed;
use crate::telemetry::Metrics;
use crate::telemetry::OriginCounters;
use crate::telemetry::ShadowCounters;

/// Disagreements are put on record at most so often.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
/// How much was looked at is put on record at most so often.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// The thread, and the way to it.
#[derive(Debug)]
pub struct Shadow {
    queue: SyncSender<Message>,
    chosen: Arc<Chosen>,
    counters: ShadowCounters,
    dropped: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Job(Box<Job>),
    /// Put on record what there is, and end.
    Stop,
}

impl Shadow {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        live: Arc<Live>,
        disk: Arc<Disk>,
        metrics: &Metrics,
        chosen: Chosen,
        rule: StopRule,
    ) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(limits::SHADOW_QUEUE_MAX);
        let directions = Direction::ALL.map(Direction::as_str);
        let counters =
            metrics.shadow(&Origin::ALL.map(Origin::as_str), &directions).map_err(io::Error::other)?;
        let dropped = Arc::new(AtomicU64::new(0));
        let (all, lost) = (counters.clone(), Arc::clone(&dropped));
        // Made on its own thread: what is kept of policies is one thread's.
        let run = move || Thread::new(live, disk, rule, all, lost).run(&jobs);
        let thread = background::start("shadow", run)?;
        Ok(Self { queue, chosen: Arc::new(chosen), counters, dropped, thread: Mutex::new(Some(thread)) })
    }

    /// One worker's way to it.
    #[must_use]
    pub fn end(&self) -> Box<dyn request::Shadow> {
        Box::new(End {
            queue: self.queue.clone(),
            chosen: Arc::clone(&self.chosen),
            counters: self.counters.clone(),
            dropped: Arc::clone(&self.dropped),
        })
    }

    /// Waits until what was handed over is looked at, and ends the thread. Workers come first.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let told = self.queue.send(Message::Stop);
            if told.is_err() || thread.join().is_err() {
                tracing::error!("the thread that looks at decisions died");
            }
        }
    }
}

/// One worker's way to the thread.
struct End {
    queue: SyncSender<Message>,
    chosen: Arc<Chosen>,
    counters: ShadowCounters,
    dropped: Arc<AtomicU64>,
}

impl request::Shadow for End {
    fn takes(&self, id: DecisionId, tenants: [Option<&TenantPath>; 2]) -> bool {
        self.chosen.takes(id, tenants)
    }

    fn take(&self, job: Job) {
        let text = job.path.len() + job.host.len() + job.purpose.as_ref().map_or(0, |purpose| purpose.len());
        let fits = text <= limits::SHADOW_TEXT_BYTES_MAX;
        if !fits || self.queue.try_send(Message::Job(Box::new(job))).is_err() {
            self.counters.dropped.inc();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is looked at of one origin.
struct Looking {
    origin: Origin,
    counters: OriginCounters,
    memory: Memory,
    window: Window,
    /// The text and the digest that `window` and `counted` belong to.
    text: Option<Digest>,
    candidate: Option<Digest>,
    counted: Counted,
}

struct Thread {
    live: Arc<Live>,
    disk: Arc<Disk>,
    rule: StopRule,
    looking: Vec<Looking>,
    unrecorded: prometheus::IntCounter,
    dropped: Arc<AtomicU64>,
    /// Finished records.
    lines: Vec<u8>,
    records: u64,
    flushed: Instant,
    told: Instant,
}

impl Thread {
    fn new(
        live: Arc<Live>,
        disk: Arc<Disk>,
        rule: StopRule,
        counters: ShadowCounters,
        dropped: Arc<AtomicU64>,
    ) -> Self {
        let looking = Origin::ALL.into_iter().zip(counters.origins).map(|(origin, counters)| Looking {
            origin,
            counters,
            memory: Memory::new(),
            window: Window::new(rule),
            text: None,
            candidate: None,
            counted: Counted::default(),
        });
        let looking = looking.collect();
        let (flushed, told) = (Instant::now(), Instant::now());
        let unrecorded = counters.unrecorded;
        Self { live, disk, rule, looking, unrecorded, dropped, lines: Vec::new(), records: 0, flushed, told }
    }

    fn run(&mut self, jobs: &Receiver<Message>) {
        loop {
            match jobs.recv_timeout(self.patience()) {
                Ok(Message::Job(job)) => self.look(&job),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.flushed.elapsed() >= FLUSH_EVERY {
                self.flush();
            }
            if self.told.elapsed() >= COUNTED_EVERY {
                self.tell();
            }
        }
        self.flush();
        self.tell();
    }

    /// How long it may sleep: until there is something to put on record.
    fn patience(&self) -> Duration {
        if !self.lines.is_empty() {
            FLUSH_EVERY.saturating_sub(self.flushed.elapsed())
        } else if self.looking.iter().any(|looking| looking.counted != Counted::default()) {
            COUNTED_EVERY.saturating_sub(self.told.elapsed())
        } else {
            COUNTED_EVERY
        }
    }

    fn look(&mut self, job: &Job) {
        let Some(beside) = self.live.beside() else { return };
        for one in beside.all.iter().filter(|one| !one.is_stopped()) {
            self.look_with(job, &beside, one);
        }
    }

    fn look_with(&mut self, job: &Job, beside: &Beside, one: &Shadowed) {
        let digest = one.snapshot.digest();
        let at = self.looking.iter().position(|looking| looking.origin == one.origin);
        let Some(looking) = at.and_then(|at| self.looking.get_mut(at)) else { return };
        if looking.candidate != Some(digest) {
            looking.tell(&self.disk, &self.dropped);
            looking.candidate = Some(digest);
        }
        if looking.text != Some(one.text) {
            looking.text = Some(one.text);
            looking.window = Window::new(self.rule);
        }
        let found = match again(job, &one.snapshot, &mut looking.memory) {
            Again::Unknown => {
                looking.counted.unknown += 1;
                looking.counters.unknown.inc();
                return;
            }
            Again::Same => {
                looking.counters.agreed.inc();
                None
            }
            Again::Differs(found) => {
                looking.counters.disagreed.inc();
                Some(found)
            }
        };
        looking.counted.looked_at += 1;
        let now_ms = now_ms();
        let new_denial = found.as_ref().is_some_and(|found| found.directions.contains(&Direction::NewDenial));
        let too_many = looking.window.note(now_ms, new_denial);
        if let Some(found) = found {
            self.record(job, one, &found, now_ms);
        }
        if let Some((looked_at, new_denials)) = too_many {
            self.stop(beside, one, looked_at, new_denials);
        }
    }

    fn record(&mut self, job: &Job, one: &Shadowed, found: &Disagreement, now_ms: u64) {
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.flush();
        }
        let before = self.lines.len();
        told::record(job, one, found, now_ms, &mut self.lines);
        let fits = self.lines.len() <= limits::SHADOW_BATCH_BYTES_MAX;
        if fits {
            self.records += 1;
        } else {
            self.lines.truncate(before);
            self.unrecorded.inc();
        }
        let Some(looking) = self.looking.iter_mut().find(|looking| looking.origin == one.origin) else {
            return;
        };
        looking.counted.disagreed += 1;
        looking.counted.unrecorded += u64::from(!fits);
        for (direction, counter) in Direction::ALL.iter().zip(&looking.counters.directions) {
            if found.directions.contains(direction) {
                counter.inc();
            }
        }
    }

    fn stop(&mut self, beside: &Beside, one: &Shadowed, looked_at: u64, new_denials: u64) {
        self.live.stop_beside(beside, one.origin);
        let (origin, candidate, window_ms) =
            (one.origin.as_str(), one.snapshot.digest(), self.rule.window_ms);
        tracing::warn!(origin, %candidate, looked_at, new_denials, "too many new denials: these policies are no longer looked at");
        self.flush();
        self.tell();
        let candidate = &candidate;
        self.disk.event(&Event::ShadowStopped { origin, candidate, looked_at, new_denials, window_ms });
        if let Some(looking) = self.looking.iter_mut().find(|looking| looking.origin == one.origin) {
            looking.counters.stops.inc();
            looking.counters.active.set(0);
            looking.memory = Memory::new();
        }
    }

    fn flush(&mut self) {
        self.flushed = Instant::now();
        self.looking.iter_mut().for_each(|looking| looking.memory.count());
        if self.records > 0 {
            self.disk.frames(std::mem::take(&mut self.lines), std::mem::take(&mut self.records));
        }
    }

    /// Puts on record how much was looked at.
    fn tell(&mut self) {
        self.told = Instant::now();
        for looking in &mut self.looking {
            looking.tell(&self.disk, &self.dropped);
        }
    }
}

impl Looking {
    fn tell(&mut self, disk: &Disk, dropped: &AtomicU64) {
        let counted = std::mem::take(&mut self.counted);
        if let Some(candidate) = self.candidate.as_ref().filter(|_| counted != Counted::default()) {
            let counted = Counted { dropped: dropped.swap(0, Ordering::Relaxed), ..counted };
            disk.event(&Event::ShadowCounted { origin: self.origin.as_str(), candidate, counted });
        }
    }
}

/// Sets the metric that says what is looked at.
pub fn show(metrics: &Metrics, beside: Option<&Beside>) {
    for origin in Origin::ALL {
        let active = beside.and_then(|beside| beside.of(origin)).is_some_and(|one| !one.is_stopped());
        metrics.shadow_active(origin.as_str(), active);
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
