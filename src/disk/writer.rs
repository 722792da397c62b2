//! The one thread that writes the decision log.
//!
//! What has come together while it wrote is written together: frames to the store, one sync for all who wait for the device,
//! then it is told to those who make lines of it. Where there is no store, the lines are the log.
//! Never: reorders what one worker sent; answers a load before it is where its level says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::time::Instant;

use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::frame;
use crate::disk::Load;
use crate::disk::Message;
use crate::disk::Overflow;
use crate::disk::Shared;
use crate::disk::lines::Lines;
use crate::disk::lost::Lost;
use crate::disk::lost::Why;
use crate::disk::now_ms;
use crate::disk::outlet::Outlet;
use crate::disk::sink::Sink;
use crate::disk::store::Folder;
use crate::disk::store::Store;
use crate::limits;

/// How long a record may wait for its device.
const SYNC_WITHIN: Duration = Duration::from_millis(limits::SYNC_WITHIN_MS);

/// How long losses may wait to be put on record when nothing else is.
const IDLE: Duration = Duration::from_secs(1);

/// The one that writes.
pub(super) struct Writer {
    store: Option<Store<Folder>>,
    /// What the store has lost and no record says yet.
    lost: Lost,
    /// What a record says that is not on the device yet.
    said: Lost,
    /// How many records it has taken that are not on the device yet, besides its own.
    taken: u64,
    /// Where the lines go, where they are the log.
    outlets: Vec<Outlet>,
    /// Where they go beside a directory.
    lines: Vec<Lines>,
    /// The number of the next record where there is no store.
    seq: u64,
    /// Since when something waits for the device.
    fresh: Option<Instant>,
    shared: Arc<Shared>,
}

/// What is written together.
#[derive(Default)]
struct Group {
    loads: Vec<Load>,
    records: u64,
    bytes: usize,
    durable: bool,
    failed: bool,
}

/// Records that share one fate.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    records: u64,
    /// How many of them wait for the device.
    durable: u64,
    /// Will they be sent again if they are not written?
    again: bool,
}

impl Writer {
    /// Writes to the store, and tells the others in lines; without a store those are the log.
    pub(super) fn new(
        mut store: Option<Store<Folder>>,
        file: Option<Sink>,
        stdout: Option<Sink>,
        shared: Arc<Shared>,
    ) -> std::io::Result<Self> {
        let counters = &shared.counters;
        let file = file.map(|sink| {
            let outlet =
                Outlet::new("file", sink, counters.file_written.clone(), counters.file_failed.clone());
            (outlet, counters.file_left_out.clone())
        });
        let stdout = stdout.map(|sink| {
            let outlet =
                Outlet::new("stdout", sink, counters.stdout_written.clone(), counters.stdout_failed.clone());
            (outlet, counters.stdout_left_out.clone())
        });
        let (mut outlets, mut lines) = (Vec::new(), Vec::new());
        for (outlet, left_out) in file.into_iter().chain(stdout) {
            match &store {
                None => outlets.push(outlet),
                Some(_) => lines.push(Lines::start(outlet, left_out)?),
            }
        }
        if let Some(store) = store.as_mut().filter(|_| lines.is_empty()) {
            store.tell_nobody();
        }
        Ok(Self {
            store,
            lost: Lost::default(),
            said: Lost::default(),
            taken: 0,
            outlets,
            lines,
            seq: 0,
            fresh: None,
            shared,
        })
    }

    /// Writes until it is told to stop, or nobody is left who could send anything.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        let mut group = Group::default();
        loop {
            let mut stop = match messages.recv_timeout(self.patience()) {
                Ok(message) => self.take(message, &mut group),
                Err(RecvTimeoutError::Timeout) => {
                    self.confess();
                    false
                }
                Err(RecvTimeoutError::Disconnected) => true,
            };
            while !stop && self.store.is_some() && group.bytes < limits::GROUP_BYTES_MAX {
                let Ok(message) = messages.try_recv() else { break };
                stop = self.take(message, &mut group);
            }
            self.commit(&mut group);
            if stop {
                break;
            }
        }
        self.confess();
        if self.fresh.take().is_some() {
            // The last lines are told as well.
            self.sync(&[]);
        }
        if let Some(store) = &mut self.store
            && let Err(error) = store.close(now_ms())
        {
            tracing::error!(%error, "the decision log was not closed");
        }
        self.tell();
        self.lines.drain(..).for_each(Lines::close);
        self.outlets.iter().for_each(|outlet| outlet.sink.sync());
    }

    /// How long it may wait for a message.
    fn patience(&self) -> Duration {
        let due = self.fresh.map(|since| SYNC_WITHIN.saturating_sub(since.elapsed()));
        due.unwrap_or(IDLE)
    }

    /// Takes a message; says whether it is the last.
    fn take(&mut self, message: Message, group: &mut Group) -> bool {
        match message {
            Message::Load(mut load) => {
                let (records, again) = (load.records, load.again);
                load.written =
                    self.write(&mut load.bytes, Count { records, durable: load.durable, again }, group);
                group.durable |= load.durable > 0;
                if self.store.is_some() {
                    group.loads.push(load);
                } else {
                    give_back(load);
                }
            }
            Message::Frames { mut bytes, records } => {
                self.write(&mut bytes, Count { records, ..Count::default() }, group);
            }
            Message::Reopen => self.reopen(),
            Message::Stop => return true,
        }
        false
    }

    fn write(&mut self, frames: &mut [u8], count: Count, group: &mut Group) -> bool {
        self.note_refused();
        let Some(store) = &mut self.store else {
            self.seq += frame::number(frames, self.seq);
            return self.show(&entry::lines(frames), count.records);
        };
        let now = now_ms();
        // A gap stands before what was written after it.
        let told = self.lost.tell(&mut self.said, |kept| store.event(&Event::Log(kept), now));
        let written = told.and_then(|()| store.append(frames, now));
        match written {
            Ok(()) => {
                group.records += count.records;
                self.taken += count.records;
                group.bytes += frames.len();
                self.fresh.get_or_insert_with(Instant::now);
                true
            }
            Err(error) => {
                // Once, until it is written again.
                if self.shared.writing.load(Ordering::Relaxed) {
                    tracing::error!(%error, "the decision log cannot be written: requests are refused");
                }
                group.failed = true;
                self.lose(count);
                false
            }
        }
    }

    /// Counts what could not be written: lost, or shed, or neither where it is tried again.
    fn lose(&mut self, count: Count) {
        let now = now_ms();
        self.shared.writing.store(false, Ordering::Relaxed);
        let (shed, unwritten) = self.split(count);
        self.lost.add(Why::Shed, shed, now, now);
        self.lost.add(Why::Unwritten, unwritten, now, now);
    }

    /// How many of such records are shed, and how many lost, counted.
    fn split(&self, count: Count) -> (u64, u64) {
        let Count { records, durable, again } = count;
        if again {
            return (0, 0);
        }
        let shed = match self.shared.overflow {
            Overflow::Shed(_) => records.saturating_sub(durable),
            Overflow::FailClosed(_) | Overflow::Block(_) => 0,
        };
        self.shared.counters.dropped.inc_by(records);
        self.shared.counters.shed.inc_by(shed);
        (shed, records - shed)
    }

    /// Puts on the device what has to be there, and answers who waits.
    fn commit(&mut self, group: &mut Group) {
        let Some(store) = &mut self.store else { return };
        let old = self.fresh.is_some_and(|since| since.elapsed() >= SYNC_WITHIN);
        let due = group.durable || old || store.fresh().len() >= limits::GROUP_BYTES_MAX;
        let mut synced = true;
        if due && self.fresh.take().is_some() {
            synced = self.sync(&group.loads);
        }
        for mut load in group.loads.drain(..) {
            load.written &= synced;
            give_back(load);
        }
        if synced && !group.failed && group.records > 0 && !self.shared.writing.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("the decision log is written again");
        }
        *group = Group { loads: std::mem::take(&mut group.loads), ..Group::default() };
        if self.fresh.is_none()
            && let Some(store) = &mut self.store
            && let Err(error) = store.tick(now_ms())
        {
            tracing::error!(%error, "the decision log could not be sealed or signed");
        }
        self.tell();
    }

    /// Tells what is on the device by now: those who send the log on how far they may go, and the lines what they are of.
    fn tell(&mut self) {
        let Some(store) = &mut self.store else { return };
        self.shared.synced.store(store.synced(), Ordering::Release);
        if let Some(frames) = store.told() {
            let frames: Arc<[u8]> = frames.into();
            self.lines.iter().for_each(|lines| lines.push(&frames));
        }
    }

    /// Puts on the device what was written; these wait for it.
    fn sync(&mut self, loads: &[Load]) -> bool {
        let Some(store) = &mut self.store else { return true };
        let records = frame::count(store.fresh());
        let bytes = store.fresh().len() as u64;
        let (taken, said) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.said));
        if let Err(error) = store.sync(now_ms()) {
            if self.shared.writing.load(Ordering::Relaxed) {
                tracing::error!(%error, "the decision log cannot be put on its device: requests are refused");
            }
            store.give_up();
            // With the records went what some of them said of others.
            self.lost.join(&said);
            let mut lost = Count { records: taken, ..Count::default() };
            for load in loads.iter().filter(|load| load.written) {
                if load.again {
                    lost.records = lost.records.saturating_sub(load.records);
                } else {
                    lost.durable += load.durable;
                }
            }
            self.lose(lost);
            return false;
        }
        self.shared.counters.bytes.inc_by(bytes);
        self.shared.counters.batches.inc();
        self.shared.counters.store_written.inc_by(records);
        true
    }

    /// Writes lines where they are the log.
    fn show(&mut self, lines: &[u8], records: u64) -> bool {
        let taken =
            self.outlets.iter_mut().map(|outlet| outlet.write(lines, records)).filter(|taken| *taken).count();
        if taken > 0 {
            self.shared.counters.bytes.inc_by(u64::try_from(lines.len()).unwrap_or(0));
            self.shared.counters.batches.inc();
        } else {
            self.shared.counters.dropped.inc_by(records);
        }
        let by_all = taken == self.outlets.len();
        self.shared.writing.store(by_all, Ordering::Relaxed);
        by_all
    }

    fn note_refused(&mut self) {
        for (refused, why) in [(&self.shared.refused, Why::Full), (&self.shared.shed, Why::Shed)] {
            let (count, since) = refused.take();
            if count > 0 {
                let now = now_ms();
                let outlets =
                    self.outlets.iter_mut().filter(|_| self.store.is_none()).map(|outlet| &mut outlet.lost);
                outlets.chain([&mut self.lost]).for_each(|lost| lost.add(why, count, since, now));
            }
        }
    }

    /// Puts losses on record without waiting for a record to be lost or written.
    fn confess(&mut self) {
        self.note_refused();
        if self.store.is_some() {
            if !self.lost.is_none() {
                self.write(&mut [], Count::default(), &mut Group::default());
            }
            if !self.lost.is_none() {
                return;
            }
            self.shared.writing.store(true, Ordering::Relaxed);
            return;
        }
        self.outlets.iter_mut().for_each(Outlet::settle);
        let all_well = self.outlets.iter().all(|outlet| outlet.well);
        self.shared.writing.store(all_well, Ordering::Relaxed);
    }

    fn reopen(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::reopen);
        self.lines.iter().for_each(Lines::reopen);
    }
}

fn give_back(load: Load) {
    let back = load.back.clone();
    if back.try_send(load).is_err() {
        tracing::debug!("a worker ended before its records were written");
    }
}
