//! Lines beside a directory: what is there, as JSON, told to a file or to standard output by a thread of its own.
//!
//! The directory is the log, and these are a rendering of it: a place that takes no more holds nobody up. What it was not told is
//! counted, and said in its lines as soon as it takes some.
//! Never: makes the journal's thread wait, or holds more than its bound.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use prometheus::IntCounter;

use crate::audit::entry;
use crate::audit::frame;
use crate::disk::lost::Lost;
use crate::disk::lost::Why;
use crate::disk::now_ms;
use crate::disk::outlet::Outlet;
use crate::limits;

/// How long losses may wait to be said when nothing else is.
const IDLE: Duration = Duration::from_secs(1);

/// One place's thread, and what waits for it.
pub(super) struct Lines {
    queue: Arc<Queue>,
    left_out: IntCounter,
    name: &'static str,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// What there was no room for since.
    lost: Lost,
    stop: bool,
}

enum Item {
    /// Frames to be told.
    Frames(Arc<[u8]>),
    /// What was left out before the next ones.
    Gap(Lost),
    /// Open the file anew.
    Reopen,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Starts to tell this place.
    pub(super) fn start(outlet: Outlet, left_out: IntCounter) -> io::Result<Self> {
        let queue: Arc<Queue> = Arc::default();
        let (own, name) = (Arc::clone(&queue), outlet.name);
        let thread =
            std::thread::Builder::new().name("lines".to_owned()).spawn(move || tell(&own, outlet))?;
        Ok(Self { queue, left_out, name, thread })
    }

    /// Has these frames told, where there is room for them.
    pub(super) fn push(&self, frames: &Arc<[u8]>) {
        let mut state = self.queue.lock();
        let bytes = state.bytes + frames.len();
        if bytes > limits::LINES_BYTES_MAX {
            let (records, now) = (frame::count(frames), now_ms());
            if state.lost.is_none() {
                tracing::error!(
                    sink = self.name,
                    "lines of the decision log are left out: nobody takes them"
                );
            }
            state.lost.add(Why::Full, records, now, now);
            self.left_out.inc_by(records);
            return;
        }
        if !state.lost.is_none() {
            let lost = std::mem::take(&mut state.lost);
            state.items.push_back(Item::Gap(lost));
        }
        state.bytes = bytes;
        state.items.push_back(Item::Frames(Arc::clone(frames)));
        drop(state);
        self.queue.ready.notify_one();
    }

    /// Has the file opened anew, after what came before.
    pub(super) fn reopen(&self) {
        self.queue.lock().items.push_back(Item::Reopen);
        self.queue.ready.notify_one();
    }

    /// Waits until all is told, but not for ever for a place that takes nothing.
    pub(super) fn close(self) {
        self.queue.lock().stop = true;
        self.queue.ready.notify_one();
        let end = Instant::now() + Duration::from_millis(limits::LINES_STOP_MS);
        while !self.thread.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        if !self.thread.is_finished() {
            tracing::warn!(
                sink = self.name,
                "the last lines of the decision log are left out: nobody takes them"
            );
        } else if self.thread.join().is_err() {
            tracing::error!(sink = self.name, "the thread that tells the decision log in lines died");
        }
    }
}

/// Tells one place what comes, until it is told to stop and nothing is left.
fn tell(queue: &Queue, mut outlet: Outlet) {
    loop {
        let item = {
            let mut state = queue.lock();
            if state.items.is_empty() && !state.stop {
                let waited = queue.ready.wait_timeout(state, IDLE);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let item = state.items.pop_front();
            if let Some(Item::Frames(frames)) = &item {
                state.bytes -= frames.len();
            }
            if item.is_none() {
                let lost = std::mem::take(&mut state.lost);
                outlet.lost.join(&lost);
                if state.stop {
                    break;
                }
            }
            item
        };
        match item {
            Some(Item::Frames(frames)) => {
                outlet.write(&entry::lines(&frames), frame::count(&frames));
            }
            Some(Item::Gap(lost)) => outlet.lost.join(&lost),
            Some(Item::Reopen) => outlet.reopen(),
            None => outlet.settle(),
        }
    }
    outlet.settle();
    outlet.sink.sync();
}
