//! What it means that a record was written, and the proof of it.
//!
//! A record is appended to a [`Journal`]; it is one of a batch, and when the batch is written whoever waits for it gets
//! a [`Receipt`]. There is no other way to get one. One worker, one thread: nothing here is shared between threads.
//! Never: performs I/O, reads a clock. Never makes a receipt for what is not written, unless the operator chose that requests go on
//! without a record (`decision_log.overflow: shed`), and then never for one that has to be on the device.
//! INVARIANT: only a batch that was [`Batch::settle`]d as written gives receipts (`a_failed_batch_gives_no_receipt`), and one that was
//! [`Batch::shed`] only to whom the device does not matter (`a_batch_that_is_shed_gives_receipts_to_those_who_may_go_on`).
//! Callers: `disk` and the tests settle batches; the structure test holds it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use crate::audit::entry;
use crate::audit::frame;

/// Proof that a record is written: it survives the death of this process. Or that it was shed, as the operator chose.
#[derive(Debug)]
#[must_use = "a receipt is what a request goes to the app with"]
pub struct Receipt(());

/// The journal takes nothing more now: too much waits for its writer already. Nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The record could not be written, and is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritten;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the journal is full")
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record could not be written")
    }
}

impl std::error::Error for Full {}
impl std::error::Error for Unwritten {}

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// It survives the death of this process, and is on its device a moment later.
    #[default]
    Acked,
    /// It is on its device.
    Durable,
}

/// Where records are appended.
pub trait Journal {
    /// Appends what `encode` appends to the buffer it is given: whole frames, each of one record.
    ///
    /// The record will be written whether or not the answer is waited for.
    ///
    /// # Errors
    /// [`Full`] when nothing was appended because too much waits already.
    fn append(&self, level: Level, encode: &mut dyn FnMut(&mut Vec<u8>)) -> Result<Written, Full>;
}

/// Waits until the record is written. Dropping it changes nothing about the record.
#[derive(Debug)]
#[must_use = "a record is only known to be written once this has been awaited"]
pub struct Written {
    batch: Batch,
    level: Level,
    /// Where in the batch's list of sleepers this one stands, once it does; narrow, for a request carries it along.
    sleeper: Option<u32>,
}

/// Records that are written together, by one system call, and share its fate.
#[derive(Debug, Clone, Default)]
pub struct Batch(Rc<RefCell<Fate>>);

#[derive(Debug, Default)]
struct Fate {
    end: Option<End>,
    sleepers: Vec<Waker>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Written,
    Lost,
    Shed,
}

impl Batch {
    /// The wait for this batch, of one whose record counts as written at this level.
    pub fn written(&self, level: Level) -> Written {
        Written { batch: self.clone(), level, sleeper: None }
    }

    /// Says once what became of the batch, and wakes all who wait for it.
    pub fn settle(&self, written: bool) {
        self.end(if written { End::Written } else { End::Lost });
    }

    /// Is it known what became of the batch, or what those who wait for it were told?
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.borrow().end.is_some()
    }

    /// Says that the batch will not be waited for: whoever may go on without a record does.
    pub fn shed(&self) {
        self.end(End::Shed);
    }

    fn end(&self, end: End) {
        let mut fate = self.0.borrow_mut();
        if fate.end.is_some() {
            return;
        }
        fate.end = Some(end);
        let mut sleepers = std::mem::take(&mut fate.sleepers);
        // A waker may run code that polls a wait of this batch.
        drop(fate);
        sleepers.drain(..).for_each(Waker::wake);
        self.0.borrow_mut().sleepers = sleepers;
    }

    /// Makes the batch new, keeping its memory, where nobody waits for it any more; says whether it did.
    pub fn recycle(&mut self) -> bool {
        let Some(fate) = Rc::get_mut(&mut self.0).map(RefCell::get_mut) else { return false };
        fate.end = None;
        fate.sleepers.clear();
        true
    }
}

impl Future for Written {
    type Output = Result<Receipt, Unwritten>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut fate = this.batch.0.borrow_mut();
        match (fate.end, this.level) {
            (Some(End::Written), _) | (Some(End::Shed), Level::Acked) => Poll::Ready(Ok(Receipt(()))),
            (Some(End::Lost), _) | (Some(End::Shed), Level::Durable) => Poll::Ready(Err(Unwritten)),
            (None, _) => {
                match this.sleeper.and_then(|at| fate.sleepers.get_mut(at as usize)) {
                    Some(sleeper) => sleeper.clone_from(context.waker()),
                    None => {
                        this.sleeper = u32::try_from(fate.sleepers.len()).ok();
                        fate.sleepers.push(context.waker().clone());
                    }
                }
                Poll::Pending
            }
        }
    }
}

/// A journal in memory, for tests, examples and the simulator: it writes at once, and fails when told to.
#[derive(Debug, Default)]
pub struct InMemory {
    frames: RefCell<Vec<u8>>,
    mood: std::cell::Cell<Mood>,
}

/// What [`InMemory`] does with the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// Takes and writes it.
    #[default]
    Writes,
    /// Takes it and fails to write it.
    Fails,
    /// Does not take it.
    IsFull,
}

impl InMemory {
    /// What happens to records from now on.
    pub fn set(&self, mood: Mood) {
        self.mood.set(mood);
    }

    /// All that was written, as JSON lines.
    #[must_use]
    pub fn lines(&self) -> Vec<u8> {
        let mut frames = self.frames.borrow().clone();
        frame::number(&mut frames, 0);
        entry::lines(&frames)
    }
}

impl Journal for InMemory {
    fn append(&self, level: Level, encode: &mut dyn FnMut(&mut Vec<u8>)) -> Result<Written, Full> {
        let batch = Batch::default();
        match self.mood.get() {
            Mood::Writes => encode(&mut self.frames.borrow_mut()),
            Mood::Fails => {}
            Mood::IsFull => return Err(Full),
        }
        batch.settle(self.mood.get() == Mood::Writes);
        Ok(batch.written(level))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::task::Wake;

    use super::*;
    use crate::audit::Event;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(written: &mut Written, waker: &Waker) -> Poll<Result<Receipt, Unwritten>> {
        Pin::new(written).poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn all_who_wait_for_a_batch_are_woken_once_and_get_receipts() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let batch = Batch::default();
        let (mut one, mut two, three) =
            (batch.written(Level::Acked), batch.written(Level::Acked), batch.written(Level::Acked));
        assert!(poll(&mut one, &waker).is_pending());
        assert!(poll(&mut one, &waker).is_pending(), "a second poll takes the same place");
        assert!(poll(&mut two, &waker).is_pending());
        drop(three);
        batch.settle(true);
        batch.settle(false);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(matches!(poll(&mut one, &waker), Poll::Ready(Ok(_))));
        assert!(matches!(poll(&mut two, &waker), Poll::Ready(Ok(_))));
    }

    #[test]
    fn a_failed_batch_gives_no_receipt() {
        let batch = Batch::default();
        let mut written = batch.written(Level::Acked);
        batch.settle(false);
        assert!(matches!(poll(&mut written, Waker::noop()), Poll::Ready(Err(Unwritten))));
    }

    #[test]
    fn a_batch_that_is_shed_gives_receipts_to_those_who_may_go_on() {
        let batch = Batch::default();
        let (mut acked, mut durable) = (batch.written(Level::Acked), batch.written(Level::Durable));
        batch.shed();
        batch.settle(true);
        assert!(matches!(poll(&mut acked, Waker::noop()), Poll::Ready(Ok(_))));
        assert!(matches!(poll(&mut durable, Waker::noop()), Poll::Ready(Err(Unwritten))));
    }

    #[test]
    fn a_batch_is_recycled_only_when_nobody_waits_for_it() {
        let mut batch = Batch::default();
        let written = batch.written(Level::Acked);
        batch.settle(true);
        assert!(!batch.recycle());
        drop(written);
        assert!(batch.recycle());
        assert!(poll(&mut batch.written(Level::Acked), Waker::noop()).is_pending());
    }

    #[test]
    fn a_journal_in_memory_fails_as_told() {
        let journal = InMemory::default();
        let append = || journal.append(Level::Acked, &mut |out| Event::Stop.encode(0, out));
        assert!(matches!(poll(&mut append().unwrap(), Waker::noop()), Poll::Ready(Ok(_))));
        journal.set(Mood::Fails);
        assert!(matches!(poll(&mut append().unwrap(), Waker::noop()), Poll::Ready(Err(_))));
        journal.set(Mood::IsFull);
        assert_eq!(append().unwrap_err(), Full);
        let line = r#"{"type":"event","seq":0,"time":"1970-01-01T00:00:00.000Z","event":"stop"}"#;
        assert_eq!(journal.lines(), format!("{line}\n").as_bytes());
    }
}
