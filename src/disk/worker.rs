//! One worker's end of the decision log.
//!
//! Never: shared between threads; holds more than its bound (twice, where requests wait for room); forgets a record because its waiter went away.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::time::Duration;
use std::time::Instant;

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
use crate::disk::Overflow;
use crate::disk::Shared;

/// How long to wait before what was not written is sent again.
const AGAIN: Duration = Duration::from_millis(20);

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
    /// How many of them wait for the device.
    durable: u64,
    batch: Batch,
    /// When the first of them was appended.
    since: Option<Instant>,
    /// The batch that is with the writer, its size, and when its first record was appended.
    away: Option<(Batch, usize, Instant)>,
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
            let away = state.away.as_ref().map(|(batch, _, _)| batch);
            (if state.records > 0 { Some(&state.batch) } else { away })
                .map(|batch| batch.written(Level::Acked))
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
        let end = &self.0;
        end.append(level, encode).or_else(|Full| match (end.shared.overflow, level) {
            (Overflow::Shed(_), Level::Acked) => {
                end.shared.shed(1);
                let batch = Batch::default();
                batch.shed();
                Ok(batch.written(level))
            }
            (Overflow::Shed(_), Level::Durable) | (Overflow::FailClosed(_) | Overflow::Block(_), _) => {
                end.shared.refuse(1);
                Err(Full)
            }
        })
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
        let room = self.room(state);
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
        let records = frame::count(state.bytes.get(before..).unwrap_or_default());
        state.records += records;
        state.durable += if level == Level::Durable { records } else { 0 };
        if before == 0 {
            state.since = Some(Instant::now());
            self.work.notify_one();
        }
        Ok(state.batch.written(level))
    }

    /// How many bytes may be collected. Where requests wait for room, those that wait have as much again.
    fn room(&self, state: &State) -> usize {
        let all = match self.shared.overflow {
            Overflow::Block(_) => self.bytes_max.saturating_mul(2),
            Overflow::FailClosed(_) | Overflow::Shed(_) => self.bytes_max,
        };
        all.saturating_sub(state.away.as_ref().map_or(0, |(_, bytes, _)| *bytes))
    }

    /// When somebody has waited for as long as may be; `None` where nobody waits.
    fn due(&self) -> Option<Instant> {
        let deadline = self.shared.overflow.deadline();
        let state = self.state.borrow();
        let away = state.away.as_ref().filter(|(batch, _, _)| !batch.has_ended()).map(|(_, _, since)| *since);
        let here = state.since.filter(|_| !state.batch.has_ended());
        [away, here].into_iter().flatten().min()?.checked_add(deadline)
    }

    /// Nobody waits any longer who has waited for so long. What is with the writer may be written yet, or counted by it.
    fn expire(&self, now: Instant) {
        let (deadline, mut state) = (self.shared.overflow.deadline(), self.state.borrow_mut());
        let over = |since: Instant| now.saturating_duration_since(since) >= deadline;
        let sheds = matches!(self.shared.overflow, Overflow::Shed(_));
        let mut ended = Vec::new();
        if let Some((batch, _, _)) = state.away.as_ref().filter(|(_, _, since)| over(*since)) {
            ended.push(batch.clone());
        }
        if state.since.is_some_and(over) {
            if sheds {
                // The requests go on; their records stay, for there is room for them.
                ended.push(state.batch.clone());
            } else {
                state.bytes.clear();
                state.since = None;
                (state.durable, state.records) = (0, {
                    self.shared.refuse(state.records);
                    0
                });
                ended.push(std::mem::take(&mut state.batch));
            }
        }
        drop(state);
        for batch in ended {
            if sheds { batch.shed() } else { batch.settle(false) }
        }
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
        let since = state.since.take().unwrap_or_else(Instant::now);
        state.away = Some((batch, state.bytes.len(), since));
        load.bytes.clear();
        std::mem::swap(&mut load.bytes, &mut state.bytes);
        load.records = std::mem::take(&mut state.records);
        load.durable = std::mem::take(&mut state.durable);
        (load.written, load.again) = (false, false);
        true
    }

    /// Tells all who wait for the load that was away what became of it.
    fn settle(&self, written: bool) {
        let Some((batch, _, _)) = self.state.borrow_mut().away.take() else { return };
        match self.shared.overflow {
            Overflow::Shed(_) if !written => batch.shed(),
            Overflow::FailClosed(_) | Overflow::Block(_) | Overflow::Shed(_) => batch.settle(written),
        }
        // Its waiters have yet to look; by the time that it is needed they mostly have.
        let mut state = self.state.borrow_mut();
        if state.spare.len() >= SPARE_BATCHES_MAX {
            state.spare.remove(0);
        }
        state.spare.push(batch);
    }

    /// Counts what did not even come to the writer.
    fn lose(&self, records: u64, durable: u64) {
        match self.shared.overflow {
            Overflow::Shed(_) => {
                self.shared.shed(records.saturating_sub(durable));
                self.shared.refuse(durable);
            }
            Overflow::FailClosed(_) | Overflow::Block(_) => self.shared.refuse(records),
        }
    }

    /// May what is away be sent again, if it is not written?
    fn may_wait(&self) -> bool {
        let Overflow::Block(deadline) = self.shared.overflow else { return false };
        let state = self.state.borrow();
        let since = state.away.as_ref().map(|(_, _, since)| *since);
        since.is_some_and(|since| since.elapsed() + AGAIN < deadline)
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
    let again = false;
    let mut idle = Some(Load { bytes: Vec::new(), records: 0, durable: 0, again, written: false, back });
    while let Some(mut load) = idle.take() {
        if !end.fill(&mut load) {
            if end.is_last() {
                return;
            }
            idle = Some(load);
            end.work.notified().await;
            continue;
        }
        let (records, durable) = (load.records, load.durable);
        idle = send(&end, load, &mut returned).await;
        if idle.is_none() {
            end.lose(records, durable);
        }
        end.settle(idle.as_ref().is_some_and(|load| load.written));
    }
    refuse_all(&end).await;
}

/// Sends one load, and again where requests wait for room; `None` where the writer is gone.
async fn send(end: &Rc<End>, mut load: Load, returned: &mut mpsc::Receiver<Load>) -> Option<Load> {
    loop {
        load.again = end.may_wait();
        let (records, durable) = (load.records, load.durable);
        let load_back = match end.to_writer.try_send(Message::Load(load)) {
            Ok(()) => wait(end, returned).await?,
            Err(TrySendError::Full(Message::Load(load))) => {
                if !load.again {
                    end.lose(records, durable);
                }
                load
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return None,
        };
        load = load_back;
        if load.written || !load.again {
            return Some(load);
        }
        // Nothing of it was counted as lost, so it is sent once more, whatever the time.
        tokio::time::sleep(AGAIN).await;
        end.expire(Instant::now());
    }
}

/// Waits for the load that is away; those who wait for a record do not wait for ever.
async fn wait(end: &Rc<End>, returned: &mut mpsc::Receiver<Load>) -> Option<Load> {
    loop {
        // Records that come meanwhile have a time of their own. What wakes it here was no load to be sent: that is looked for anew.
        let due = end.due();
        let over = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into());
        tokio::select! {
            load = returned.recv() => return load,
            () = over, if due.is_some() => end.expire(Instant::now()),
            () = end.work.notified() => {}
        }
    }
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
