//! The thread that learns from bodies that pass: it decodes them, counts what stands where, and saves the counts.
//!
//! Workers copy pieces as they pass, within one budget for all, and hand a request's bodies on when it has ended; what
//! there is no room for is dropped and counted.
//! Never: changes a request, is waited for by one, or writes anything but counts.

mod saved;
mod watching;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::background;
use crate::learn::Learned;
use crate::learn::Looked;
use crate::learn::Observer;
use crate::learn::Seen;
use crate::limits;
use crate::redact::held;
use crate::request;
use crate::telemetry::LearningCounters;
use crate::telemetry::Metrics;

use watching::Budget;
use watching::Watching;

/// The counts are saved at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This share of requests, in percent.
    pub percent: u64,
    /// Those of these routes, by id; empty: all.
    pub routes: Vec<Box<str>>,
    /// Most bytes of one body, as it passes and once it is decoded.
    pub body_bytes: usize,
    /// Where the counts are kept over a restart.
    pub file: Option<PathBuf>,
}

/// The thread, and the way to it.
#[derive(Debug)]
pub struct Learning {
    queue: SyncSender<Message>,
    settings: Arc<Settings>,
    budget: Arc<Budget>,
    counters: LearningCounters,
    observer: Arc<Mutex<Observer>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Ended(Box<Watching>),
    /// Save what there is, and end.
    Stop,
}

impl Learning {
    /// Starts the thread. It goes on from what was saved; a file that cannot be read is left as it is, and nothing is saved.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut settings: Settings, metrics: &Metrics) -> io::Result<Self> {
        let learned = match settings.file.as_deref().map(saved::load) {
            None => Learned::default(),
            Some(Ok(learned)) => learned,
            Some(Err(error)) => {
                let file = settings.file.take().unwrap_or_default();
                tracing::error!(file = %file.display(), %error, "what was learned cannot be read: learning begins anew, and is not saved");
                Learned::default()
            }
        };
        let counters = metrics.learning().map_err(io::Error::other)?;
        let observer = Observer::new(learned, limits::LEARNED_KEY_BODIES_MIN);
        counters.paths.set(i64::try_from(observer.paths()).unwrap_or(i64::MAX));
        let observer = Arc::new(Mutex::new(observer));
        let (queue, ended) = sync_channel(limits::LEARNING_QUEUE_MAX);
        let (settings, budget) = (Arc::new(settings), Arc::new(Budget::default()));
        let mut thread = Thread {
            observer: Arc::clone(&observer),
            settings: Arc::clone(&settings),
            counters: counters.clone(),
            saved: Instant::now(),
            is_saved: true,
        };
        let thread = background::start("learning", move || thread.run(&ended))?;
        Ok(Self { queue, settings, budget, counters, observer, thread: Mutex::new(Some(thread)) })
    }

    /// One worker's way to it.
    #[must_use]
    pub fn end(&self) -> Box<dyn request::Learner> {
        Box::new(watching::End {
            queue: self.queue.clone(),
            settings: Arc::clone(&self.settings),
            budget: Arc::clone(&self.budget),
            dropped: self.counters.dropped.clone(),
        })
    }

    /// What may be told of it, as JSON.
    #[must_use]
    pub fn told(&self) -> String {
        let learned = self.observer.lock().unwrap_or_else(PoisonError::into_inner).learned();
        learned.json()
    }

    /// Waits until what was handed over is looked at, saves the counts, and ends the thread. Workers come first.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let told = self.queue.send(Message::Stop);
            if told.is_err() || thread.join().is_err() {
                tracing::error!("the thread that learns from bodies died");
            }
        }
    }
}

struct Thread {
    observer: Arc<Mutex<Observer>>,
    settings: Arc<Settings>,
    counters: LearningCounters,
    saved: Instant,
    is_saved: bool,
}

impl Thread {
    fn run(&mut self, ended: &Receiver<Message>) {
        loop {
            match ended.recv_timeout(SAVE_EVERY) {
                Ok(Message::Ended(bodies)) => self.look(&bodies),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.saved.elapsed() >= SAVE_EVERY {
                self.save();
            }
        }
        self.save();
    }

    fn look(&mut self, bodies: &Watching) {
        for (side, body) in bodies.bodies() {
            let (bytes, is_cut) = match body.encoding {
                Some(encoding) => held::beginning(encoding, &body.bytes(), self.settings.body_bytes),
                None => (Vec::new(), true),
            };
            let format = body.format.filter(|_| body.encoding.is_some());
            let is_cut = (is_cut || body.is_cut || !bodies.is_whole) && format.is_some();
            let seen = Seen { route: &bodies.route, side, format, bytes: &bytes, is_cut };
            let mut observer = self.observer.lock().unwrap_or_else(PoisonError::into_inner);
            match observer.observe(&seen) {
                Looked::Learned => self.counters.learned.inc(),
                Looked::Unread => self.counters.unread.inc(),
                Looked::NoRoom => self.counters.no_room.inc(),
            }
            for ((_, count), counter) in observer.over().each().into_iter().zip(&self.counters.over) {
                counter.inc_by(count);
            }
            self.counters.paths.set(i64::try_from(observer.paths()).unwrap_or(i64::MAX));
            self.is_saved = false;
        }
    }

    fn save(&mut self) {
        self.saved = Instant::now();
        let Some(file) = self.settings.file.as_deref().filter(|_| !self.is_saved) else { return };
        let learned = self.observer.lock().unwrap_or_else(PoisonError::into_inner).learned();
        match saved::save(file, &learned) {
            Ok(()) => self.is_saved = true,
            Err(error) => {
                tracing::error!(file = %file.display(), %error, "what was learned cannot be saved");
            }
        }
    }
}

#[cfg(test)]
mod tests;
