//! The one thread that writes the decision log.
//!
//! Never: reorders what one worker sent; answers a load before every sink has taken it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use prometheus::IntCounter;

use crate::audit::entry;
use crate::audit::event::Event;
use crate::audit::frame;
use crate::disk::Message;
use crate::disk::Shared;
use crate::disk::event_line;
use crate::disk::sink::Sink;

/// How long losses may wait to be put on record when nothing else is.
const IDLE: Duration = Duration::from_secs(1);

/// The one that writes.
pub(super) struct Writer {
    outlets: Vec<Outlet>,
    /// The number of the next record.
    seq: u64,
    shared: Arc<Shared>,
}

/// A sink and what it has lost.
struct Outlet {
    name: &'static str,
    sink: Sink,
    /// Records that this sink has not taken, and that are not yet put on record as lost in it.
    lost: u64,
    well: bool,
    written: IntCounter,
    failed: IntCounter,
}

impl Outlet {
    const fn new(name: &'static str, sink: Sink, written: IntCounter, failed: IntCounter) -> Self {
        Self { name, sink, lost: 0, well: true, written, failed }
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
                self.lost = self.lost.saturating_add(records);
                if was_well {
                    tracing::error!(sink = self.name, %error, "the decision log cannot be written: requests are refused");
                }
            }
        }
        self.well
    }

    /// Puts on record how many records were lost.
    fn confess(&mut self) -> std::io::Result<()> {
        if self.lost > 0 {
            self.sink.write(&event_line(&Event::RecordsLost { count: self.lost }))?;
            self.lost = 0;
        }
        Ok(())
    }
}

impl Writer {
    pub(super) fn new(file: Option<Sink>, stdout: Option<Sink>, shared: Arc<Shared>) -> Self {
        let counters = &shared.counters;
        let file = file.map(|sink| {
            Outlet::new("file", sink, counters.file_written.clone(), counters.file_failed.clone())
        });
        let stdout = stdout.map(|sink| {
            Outlet::new("stdout", sink, counters.stdout_written.clone(), counters.stdout_failed.clone())
        });
        Self { outlets: file.into_iter().chain(stdout).collect(), seq: 0, shared }
    }

    /// Writes until it is told to stop, or nobody is left who could send anything.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(IDLE) {
                Ok(Message::Load(mut load)) => {
                    load.written = self.write(&mut load.bytes, load.records);
                    let back = load.back.clone();
                    if back.try_send(load).is_err() {
                        tracing::debug!("a worker ended before its records were written");
                    }
                }
                Ok(Message::Frames { mut bytes, records }) => {
                    self.write(&mut bytes, records);
                }
                Ok(Message::Reopen) => self.reopen(),
                Err(RecvTimeoutError::Timeout) => self.confess(),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.confess();
        self.outlets.iter().for_each(|outlet| outlet.sink.sync());
    }

    fn write(&mut self, frames: &mut [u8], records: u64) -> bool {
        self.note_refused();
        self.seq += frame::number(frames, self.seq);
        let lines = &*entry::lines(frames);
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
        let refused = self.shared.refused.swap(0, Ordering::Relaxed);
        for outlet in &mut self.outlets {
            outlet.lost = outlet.lost.saturating_add(refused);
        }
    }

    /// Puts losses on record without waiting for a record to be lost or written.
    fn confess(&mut self) {
        self.note_refused();
        let mut all_well = true;
        for outlet in &mut self.outlets {
            if outlet.lost > 0 {
                let result = outlet.confess();
                outlet.report(result, 0);
            }
            all_well &= outlet.well;
        }
        self.shared.writing.store(all_well, Ordering::Relaxed);
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
