//! What is put on record when an allowed request ends.
//!
//! Never: carries a value of a body. Classes and counts only.

use crate::audit::line::Line;
use crate::audit::line::key;
use crate::ids::DecisionId;
use crate::limits;

/// How an allowed request ended. Written when the response ends, however it does.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// The decision that allowed it.
    pub decision_id: DecisionId,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
    /// The status that the client was sent, where one was.
    pub status: Option<u16>,
    /// Bytes of the request's body that were read on its way to the app.
    pub request_bytes: u64,
    /// Bytes of the response's body that the client was sent.
    pub response_bytes: u64,
    /// `complete`, `aborted`, the code of the refusal that ended it, or why a WebSocket was closed.
    pub ended: &'a str,
    /// Rows of the app's answer that were somebody else's, which no client got.
    pub foreign_rows: u64,
    /// Whole messages of the client and of the app, where it was a WebSocket.
    pub messages: Option<[u64; 2]>,
    /// What was hidden, how often.
    pub redactions: &'a [Redaction<'a>],
    /// How long it took.
    pub latency: OutcomeLatency,
}

/// What was hidden of one data class.
#[derive(Debug, Clone, Copy)]
pub struct Redaction<'a> {
    /// In which body: `request` or `response`.
    pub body: &'static str,
    /// The class.
    pub class: &'a str,
    /// The kind of mask.
    pub mask: &'a str,
    /// How many values.
    pub count: u64,
}

/// How long the parts of a request took, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutcomeLatency {
    /// Until the app's response head.
    pub upstream_us: u64,
    /// Inside the redactor.
    pub redact_us: u64,
    /// From the request's head to the response's end.
    pub total_us: u64,
}

impl Outcome<'_> {
    /// Appends the record to `line`: one JSON object and a line feed.
    pub fn encode(&self, line: &mut Vec<u8>) {
        let mut line = Line::open(line, "outcome");
        line.id(self.decision_id);
        line.time(key!("time"), self.time_ms);
        if let Some(status) = self.status {
            line.number(key!("status"), status.into());
        }
        line.number(key!("request_bytes"), self.request_bytes);
        line.number(key!("response_bytes"), self.response_bytes);
        line.text(key!("ended"), self.ended);
        (self.foreign_rows > 0).then(|| line.number(key!("foreign_rows"), self.foreign_rows));
        if let Some([of_client, of_app]) = self.messages {
            line.object(key!("messages"), |line| {
                line.number(key!("request"), of_client);
                line.number(key!("response"), of_app);
            });
        }
        line.object(key!("latency_us"), |line| {
            line.number(key!("upstream"), self.latency.upstream_us);
            line.number(key!("redact"), self.latency.redact_us);
            line.number(key!("total"), self.latency.total_us);
        });
        line.list(key!("redactions"), limits::CLASSES_MAX, self.redactions, |line, redaction| {
            line.object_value(|line| {
                line.word(key!("body"), redaction.body);
                line.text(key!("class"), redaction.class);
                line.text(key!("mask"), redaction.mask);
                line.number(key!("count"), redaction.count);
            });
        });
        line.close();
    }
}
