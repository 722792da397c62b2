//! The one thread that writes the decision log.
//!
//! What has come together while it wrote is written together: frames to the store, one sync for all who wait for the device,
//! then lines to whoever reads them. Where there is no store, the lines are the log.
//! Never: reorders what one worker sent; answers a load before it is where its level says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::time::Instant;

use prometheus::IntCounter;

use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::frame;
use crate::disk::Load;
use crate::disk::Message;
use crate::disk::Shared;
use crate::disk::event_line;
use crate::disk::lost::Lost;
use crate::disk::lost::Why;
use crate::disk::now_ms;
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
    /// What the store has lost.
    lost: Lost,
    outlets: Vec<Outlet>,
    /// The number of the next record where there is no store.
    seq: u64,
    /// Since when something waits for the device.
    fresh: Option<Instant>,
    shared: Arc<Shared>,
}

/// Somewhere that lines go, and what it has lost.
struct Outlet {
    name: &'static str,
    sink: Sink,
    lost: Lost,
    well: bool,
    written: IntCounter,
    failed: IntCounter,
}

impl Outlet {
    fn new(name: &'static str, sink: Sink, written: IntCounter, failed: IntCounter) -> Self {
        Self { name, sink, lost: Lost::default(), well: true, written, failed }
    }

    /// Writes lines, after a word about those that were lost before them.
    fn write(&mut self, lines: &[u8], records: u64) -> bool {
        let result = self.confess().and_then(|()| self.sink.write(lines));
        let counter = if result.is_ok() { &self.written } else { &self.failed };
        counter.inc_by(records);
        self.report(result, records)
    }

    fn report(&mut self, result: std::io::Result<()>, records: u64) -> bool {
        let was_well = std::mem::replace(&mut self.well, result.is_ok());
        match result {
            Ok(()) if was_well => {}
            Ok(()) => tracing::warn!(sink = self.name, "the decision log is written again"),
            Err(error) => {
                let now = now_ms();
                self.lost.add(Why::Unwritten, records, now, now);
                if was_well {
                    tracing::error!(sink = self.name, %error, "the decision log cannot be written");
                }
            }
        }
        self.well
    }

    /// Puts on record how many records were lost.
    fn confess(&mut self) -> std::io::Result<()> {
        if !self.lost.is_none() {
            let lines: Vec<u8> = self.lost.told().flat_map(|kept| event_line(&Event::Log(kept))).collect();
            self.sink.write(&lines)?;
            self.lost = Lost::default();
        }
        Ok(())
    }
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

impl Writer {
    pub(super) fn new(
        store: Option<Store<Folder>>,
        file: Option<Sink>,
        stdout: Option<Sink>,
        shared: Arc<Shared>,
    ) -> Self {
        let counters = &shared.counters;
        let file = file.map(|sink| {
            Outlet::new("file", sink, counters.file_written.clone(), counters.file_failed.clone())
        });
        let stdout = stdout.map(|sink| {
            Outlet::new("stdout", sink, counters.stdout_written.clone(), counters.stdout_failed.clone())
        });
        let outlets = file.into_iter().chain(stdout).collect();
        Self { store, lost: Lost::default(), outlets, seq: 0, fresh: None, shared }
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
            self.sync();
        }
        if let Some(store) = &mut self.store
            && let Err(error) = store.close(now_ms())
        {
            tracing::error!(%error, "the decision log was not closed");
        }
        self.tell_synced();
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
                load.written = self.write(&mut load.bytes, load.records, group);
                group.durable |= load.durable;
                if self.store.is_some() {
                    group.loads.push(load);
                } else {
                    give_back(load);
                }
            }
            Message::Frames { mut bytes, records } => {
                self.write(&mut bytes, records, group);
            }
            Message::Reopen => self.reopen(),
            Message::Stop => return true,
        }
        false
    }

    fn write(&mut self, frames: &mut [u8], records: u64, group: &mut Group) -> bool {
        self.note_refused();
        let Some(store) = &mut self.store else {
            self.seq += frame::number(frames, self.seq);
            return self.show(&entry::lines(frames), records);
        };
        let now = now_ms();
        // A gap stands before what was written after it.
        let told = self.lost.told().try_for_each(|kept| store.event(&Event::Log(kept), now));
        if told.is_ok() {
            self.lost = Lost::default();
        }
        let written = told.and_then(|()| store.append(frames, now));
        match written {
            Ok(()) => {
                group.records += records;
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
                self.lose(records);
                false
            }
        }
    }

    fn lose(&mut self, records: u64) {
        let now = now_ms();
        self.lost.add(Why::Unwritten, records, now, now);
        self.shared.counters.dropped.inc_by(records);
        self.shared.writing.store(false, Ordering::Relaxed);
    }

    /// Puts on the device what has to be there, and answers who waits.
    fn commit(&mut self, group: &mut Group) {
        let Some(store) = &mut self.store else { return };
        let old = self.fresh.is_some_and(|since| since.elapsed() >= SYNC_WITHIN);
        let due = group.durable || old || store.fresh().len() >= limits::GROUP_BYTES_MAX;
        let mut synced = true;
        if due && self.fresh.take().is_some() {
            synced = self.sync();
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
        self.tell_synced();
    }

    /// Tells those who send the log on how far they may go.
    fn tell_synced(&self) {
        if let Some(store) = &self.store {
            self.shared.synced.store(store.synced(), Ordering::Release);
        }
    }

    fn sync(&mut self) -> bool {
        let Some(store) = &mut self.store else { return true };
        let records = frame::count(store.fresh());
        let bytes = store.fresh().len() as u64;
        let lines = if self.outlets.is_empty() { Vec::new() } else { entry::lines(store.fresh()) };
        if let Err(error) = store.sync(now_ms()) {
            if self.shared.writing.load(Ordering::Relaxed) {
                tracing::error!(%error, "the decision log cannot be put on its device: requests are refused");
            }
            store.give_up();
            self.lose(records);
            return false;
        }
        self.shared.counters.bytes.inc_by(bytes);
        self.shared.counters.batches.inc();
        self.shared.counters.store_written.inc_by(records);
        for outlet in &mut self.outlets {
            outlet.write(&lines, records);
        }
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
        let (count, since) = self.shared.refused.take();
        if count > 0 {
            let now = now_ms();
            let outlets =
                self.outlets.iter_mut().filter(|_| self.store.is_none()).map(|outlet| &mut outlet.lost);
            outlets.chain([&mut self.lost]).for_each(|lost| lost.add(Why::Full, count, since, now));
        }
    }

    /// Puts losses on record without waiting for a record to be lost or written.
    fn confess(&mut self) {
        self.note_refused();
        if self.store.is_some() {
            if !self.lost.is_none() {
                self.write(&mut [], 0, &mut Group::default());
            }
            if !self.lost.is_none() {
                return;
            }
            self.shared.writing.store(true, Ordering::Relaxed);
        }
        let mut all_well = true;
        for outlet in &mut self.outlets {
            if !outlet.lost.is_none() {
                let result = outlet.confess();
                outlet.report(result, 0);
            }
            all_well &= outlet.well;
        }
        if self.store.is_none() {
            self.shared.writing.store(all_well, Ordering::Relaxed);
        }
    }

    fn reopen(&mut self) {
        for outlet in &mut self.outlets {
            match outlet.sink.reopen() {
                Ok(0) => {}
                Ok(bytes) => {
                    outlet.write(&event_line(&Event::TornTail { bytes }), 1);
                }
                Err(error) => {
                    tracing::error!(%error, "the decision log could not be reopened: the old file is kept")
                }
            }
        }
    }
}

fn give_back(load: Load) {
    let back = load.back.clone();
    if back.try_send(load).is_err() {
        tracing::debug!("a worker ended before its records were written");
    }
}
