//! Somewhere that lines go, and what it has lost.
//!
//! Never: writes a line before it has said which were lost before it.

use prometheus::IntCounter;

use crate::audit::event::Event;
use crate::disk::event_line;
use crate::disk::lost::Lost;
use crate::disk::lost::Why;
use crate::disk::now_ms;
use crate::disk::sink::Sink;

/// Somewhere that lines go.
pub(super) struct Outlet {
    pub(super) name: &'static str,
    pub(super) sink: Sink,
    pub(super) lost: Lost,
    pub(super) well: bool,
    written: IntCounter,
    failed: IntCounter,
}

impl Outlet {
    pub(super) fn new(name: &'static str, sink: Sink, written: IntCounter, failed: IntCounter) -> Self {
        Self { name, sink, lost: Lost::default(), well: true, written, failed }
    }

    /// Writes lines, after a word about those that were lost before them.
    pub(super) fn write(&mut self, lines: &[u8], records: u64) -> bool {
        let result = self.confess().and_then(|()| self.sink.write(lines));
        let counter = if result.is_ok() { &self.written } else { &self.failed };
        counter.inc_by(records);
        self.report(result, records)
    }

    pub(super) fn report(&mut self, result: std::io::Result<()>, records: u64) -> bool {
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
    pub(super) fn confess(&mut self) -> std::io::Result<()> {
        let Self { lost, sink, .. } = self;
        lost.tell(&mut Lost::default(), |kept| sink.write(&event_line(&Event::Log(kept))))
    }

    /// The same, where something was lost and nothing else is to be written.
    pub(super) fn settle(&mut self) {
        if !self.lost.is_none() {
            let result = self.confess();
            self.report(result, 0);
        }
    }

    /// Opens its file anew, where that was moved away.
    pub(super) fn reopen(&mut self) {
        match self.sink.reopen() {
            Ok(0) => {}
            Ok(bytes) => {
                self.write(&event_line(&Event::TornTail { bytes }), 1);
            }
            Err(error) => {
                tracing::error!(%error, "the decision log could not be reopened: the old file is kept");
            }
        }
    }
}
