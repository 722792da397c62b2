//! One worker's end of the decision log.
//!
//! Never: shared between threads; holds more than its bound; forgets a record because its waiter went away.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;

use tokio::sync::Notify;
use tokio::sync::mpsc;

use crate::audit::Full;
use crate::audit::Journal;
use crate::audit::Level;
use crate::audit::Written;
use crate::audit::frame;
use crate::audit::journal::Batch;
use crate::disk::Load;
use crate::disk::Message;
use crate::disk::Shared;

/// How many settled batches are kept for their memory.
const SPARE_BATCHES_MAX: usize = 4;

/// One worker's end of the decision log. Cloning gives another handle to the same end.
#[derive(Clone)]
pub struct WorkerJournal(Rc<End>);

struct End {
    state: RefCell<State>,
    work: Notify,
    to_writer: SyncSender<Message>,
    shared: Arc<Shared>,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    /// The records that the next load will carry.
    bytes: Vec<u8>,
    records: u64,
    /// Does any of them wait for the device?
    durable: bool,
    batch: Batch,
    /// The batch that is with the writer, and its size.
    away: Option<(Batch, usize)>,
    spare: Vec<Batch>,
}

impl WorkerJournal {
    pub(super) fn start(to_writer: SyncSender<Message>, shared: Arc<Shared>, bytes_max: usize) -> Self {
        let state = RefCell::default();
        let end = Rc::new(End { state, work: Notify::new(), to_writer, shared, bytes_max });
        // Not tracked: it ends with the last handle, and what it has not sent by then the end itself sends.
        drop(tokio::task::spawn_local(flush(Rc::clone(&end))));
        Self(end)
    }

    /// Waits until all that was appended so far is written, or has failed.
    pub async fn settled(&self) {
        let wait = {
            let state = self.0.state.borrow();
            let away = state.away.as_ref().map(|(batch, _)| batch);
            (if state.records > 0 { Some(&state.batch) } else { away }).map(Batch::written)
        };
        if let Some(wait) = wait {
            // Whose record it was knows from its own wait how it went.
            drop(wait.await);
        }
    }
}

impl fmt::Debug for WorkerJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerJournal").field("bytes_max", &self.0.bytes_max).finish_non_exhaustive()
    }
}

impl Journal for WorkerJournal {
    fn append(&self, level: Level, encode: &mut dyn FnMut(&mut Vec<u8>)) -> Result<Written, Full> {
        self.0.append(level, encode).inspect_err(|Full| self.0.shared.refuse(1))
    }
}

impl Drop for WorkerJournal {
    fn drop(&mut self) {
        // The flusher looks whether it is the last one.
        self.0.work.notify_one();
    }
}

impl End {
    fn append(&self, level: Level, encode: &mut dyn FnMut(&mut Vec<u8>)) -> Result<Written, Full> {
        // Borrowed already only when `encode` itself appends, which is nobody's record.
        let mut state = self.state.try_borrow_mut().map_err(|_borrowed| Full)?;
        let state = &mut *state;
        let before = state.bytes.len();
        let room = self.bytes_max.saturating_sub(state.away.as_ref().map_or(0, |(_, bytes)| *bytes));
        if before >= room {
            return Err(Full);
        }
        encode(&mut state.bytes);
        if state.bytes.len() > room {
            state.bytes.truncate(before);
            return Err(Full);
        }
        if state.bytes.len() == before {
            // Nobody could be told that nothing was written.
            return Err(Full);
        }
        state.records += frame::count(state.bytes.get(before..).unwrap_or_default());
        state.durable |= level == Level::Durable;
        if before == 0 {
            self.work.notify_one();
        }
        Ok(state.batch.written())
    }

    /// Fills the load with what has collected; `false` when that is nothing.
    fn fill(&self, load: &mut Load) -> bool {
        let mut state = self.state.borrow_mut();
        if state.bytes.is_empty() {
            return false;
        }
        let free = state.spare.iter_mut().position(Batch::recycle);
        let next = free.map(|at| state.spare.swap_remove(at)).unwrap_or_default();
        let batch = std::mem::replace(&mut state.batch, next);
        state.away = Some((batch, state.bytes.len()));
        load.bytes.clear();
        std::mem::swap(&mut load.bytes, &mut state.bytes);
        load.records = std::mem::take(&mut state.records);
        load.durable = std::mem::take(&mut state.durable);
        load.written = false;
        true
    }

    /// Tells all who wait for the load that was away what became of it.
    fn settle(&self, written: bool) {
        let Some((batch, _)) = self.state.borrow_mut().away.take() else { return };
        batch.settle(written);
        // Its waiters have yet to look; by the time that it is needed they mostly have.
        let mut state = self.state.borrow_mut();
        if state.spare.len() >= SPARE_BATCHES_MAX {
            state.spare.remove(0);
        }
        state.spare.push(batch);
    }

    fn is_last(self: &Rc<Self>) -> bool {
        Rc::strong_count(self) == 1
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let (bytes, records) = (std::mem::take(&mut state.bytes), state.records);
        if records > 0 && self.to_writer.try_send(Message::Frames { bytes, records }).is_err() {
            self.shared.refuse(records);
        }
    }
}

/// Sends what has collected to the writer, one load at a time, until the last handle is gone.
async fn flush(end: Rc<End>) {
    let (back, mut returned) = mpsc::channel(1);
    let mut idle = Some(Load { bytes: Vec::new(), records: 0, durable: false, written: false, back });
    while let Some(mut load) = idle.take() {
        if !end.fill(&mut load) {
            if end.is_last() {
                return;
            }
            idle = Some(load);
            end.work.notified().await;
            continue;
        }
        let records = load.records;
        idle = match end.to_writer.try_send(Message::Load(load)) {
            Ok(()) => returned.recv().await,
            Err(TrySendError::Full(Message::Load(load))) => {
                end.shared.refuse(records);
                Some(load)
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        };
        if idle.is_none() {
            end.shared.refuse(records);
        }
        end.settle(idle.as_ref().is_some_and(|load| load.written));
    }
    refuse_all(&end).await;
}

/// The writer is gone: whatever is appended from now on fails at once, so that nobody waits for ever.
async fn refuse_all(end: &Rc<End>) {
    tracing::error!("the journal's writer is gone: requests are refused");
    while !end.is_last() {
        let (batch, records) = {
            let mut state = end.state.borrow_mut();
            state.bytes.clear();
            (std::mem::take(&mut state.batch), std::mem::take(&mut state.records))
        };
        end.shared.refuse(records);
        batch.settle(false);
        end.work.notified().await;
    }
}
