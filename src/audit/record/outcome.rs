//! What is put on record when an allowed request ends.
//!
//! Never: carries a value of a body. Classes and counts only.

use crate::audit::entry::Kind;
use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::audit::record::Books;
use crate::ids::DecisionId;
use crate::limits;

/// How an allowed request ended. Written when the response ends, however it does.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// Whose books it stands in: those of its decision.
    pub books: Books<'a>,
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
    /// Appends the record to `out`: one frame of the log, and another where it is mirrored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // The one in full comes last: it is the one that is looked for from the log's end.
        if let Some(book) = self.books.mirror {
            self.encode_in(book, true, out);
        }
        self.encode_in(self.books.book, false, out);
    }

    fn encode_in(&self, book: &str, mirror: bool, out: &mut Vec<u8>) {
        let mut pen = Pen::open(out, Kind::Outcome, mirror, self.time_ms, book);
        pen.id(key!("decision_id"), self.decision_id);
        if let Some(status) = self.status {
            pen.number(key!("status"), status.into());
        }
        pen.number(key!("request_bytes"), self.request_bytes);
        pen.number(key!("response_bytes"), self.response_bytes);
        pen.text(key!("ended"), self.ended);
        (self.foreign_rows > 0).then(|| pen.number(key!("foreign_rows"), self.foreign_rows));
        if let Some([of_client, of_app]) = self.messages {
            pen.object(key!("messages"), |pen| {
                pen.number(key!("request"), of_client);
                pen.number(key!("response"), of_app);
            });
        }
        pen.object(key!("latency_us"), |pen| {
            pen.number(key!("upstream"), self.latency.upstream_us);
            pen.number(key!("redact"), self.latency.redact_us);
            pen.number(key!("total"), self.latency.total_us);
        });
        pen.list(key!("redactions"), limits::CLASSES_MAX, self.redactions, |pen, redaction| {
            pen.object_value(|pen| {
                pen.text(key!("body"), redaction.body);
                pen.text(key!("class"), redaction.class);
                pen.text(key!("mask"), redaction.mask);
                pen.number(key!("count"), redaction.count);
            });
        });
        pen.close();
    }
}
