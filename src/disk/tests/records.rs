//! Records to append, and how they read back.

use super::*;
use crate::audit::Level;
use crate::audit::Outcome;
use crate::audit::record::Books;
use crate::audit::record::OutcomeLatency;
use crate::ids::DecisionId;

pub(super) fn record(worker: usize, number: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    let outcome = Outcome {
        books: Books::default(),
        decision_id: DecisionId::from_bytes([7; 16]),
        time_ms: 0,
        status: None,
        request_bytes: worker.try_into().unwrap(),
        response_bytes: number.try_into().unwrap(),
        ended: &"x".repeat(number % 700),
        foreign_rows: 0,
        messages: None,
        redactions: &[],
        latency: OutcomeLatency::default(),
    };
    outcome.encode(&mut frame);
    frame
}

/// The line of a record in a log that does not number it.
pub(super) fn line(mut frame: Vec<u8>) -> Vec<u8> {
    frame::number(&mut frame, entry::NOT_NUMBERED);
    entry::lines(&frame)
}

pub(super) fn append(journal: &WorkerJournal, frame: &[u8]) -> Result<crate::audit::Written, Full> {
    journal.append(Level::Acked, &mut |bytes| bytes.extend_from_slice(frame))
}
