//! How an allowed request ended: its outcome record, exactly one.
//!
//! Dropped without an end it records that too, as `aborted`: hyper drops our future when a client leaves.
//! Never: waits. Nobody holds a request for its outcome: the decision that allowed it is on record already. One that
//! the journal does not take is counted by the journal, and shows as a gap.

use std::rc::Rc;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderValue;
use http::StatusCode;

use crate::audit::Journal;
use crate::audit::Level;
use crate::audit::Outcome;
use crate::audit::record::OutcomeLatency;
use crate::audit::record::Redaction;
use crate::ids::DecisionId;
use crate::ids::TenantPath;
use crate::model::RouteIx;
use crate::quota::Admitted;
use crate::quota::Times;
use crate::redact::Hidden;
use crate::redact::Malformed;
use crate::request::Body;
use crate::request::Clock;
use crate::request::Counts;
use crate::request::Finished;
use crate::request::HiddenCount;
use crate::request::Moment;
use crate::request::Worker;
use crate::request::forwarded::Sent;
use crate::request::known::Known;
use crate::request::known::Refused;
use crate::request::refusal::Refusal;
use crate::request::report::books;
use crate::request::throttle;
use crate::request::watched::watch;
use crate::snapshot::Shard;
use crate::snapshot::Snapshot;

/// How an allowed request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The whole answer was handed over.
    Complete,
    /// The client left, or was too slow.
    Aborted,
    /// The app's answer broke off.
    UpstreamBroken,
    /// The answer turned out unreadable after its head had left.
    Unredactable,
    /// The answer turned out to hold a row of somebody else after its head had left.
    ForeignRows,
}

impl Ended {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::UpstreamBroken => "upstream_broken",
            Self::Unredactable => "unredactable",
            Self::ForeignRows => "foreign_rows",
        }
    }
}

/// Waits for the end of one allowed request.
pub struct Ending {
    open: bool,
    id: DecisionId,
    id_line: HeaderValue,
    route: RouteIx,
    /// From this second since 1970 on, the caller's credential must be looked at again.
    pub(super) expires: u64,
    /// Where the app runs that the request may be forwarded to.
    pub(super) shard: Shard,
    /// Milliseconds that the call may still take; `u32::MAX`: nobody says.
    pub(super) left_ms: u32,
    started_us: u64,
    status: Option<u16>,
    refusal: Option<&'static str>,
    sent: Sent,
    response_bytes: u64,
    upstream_us: Option<u64>,
    redact_ns: u64,
    hidden: Option<Hidden>,
    foreign_rows: u64,
    /// When a WebSocket was open, from the request on, and how many messages were whole by its end.
    opened_us: Option<u64>,
    messages: Option<[u64; 2]>,
    /// The place that it takes of its tenant's limits, until it is over.
    pub(super) admitted: Option<Box<Admitted>>,
    /// How many bytes have been counted there.
    spent: u64,
    /// The caller's tenant, and that whose data it is.
    pub(super) parties: Option<[TenantPath; 2]>,
    snapshot: Arc<Snapshot>,
    journal: Rc<dyn Journal>,
    counts: Rc<dyn Counts>,
    clock: Rc<dyn Clock>,
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ending").field("id", &self.id).field("open", &self.open).finish_non_exhaustive()
    }
}

impl Ending {
    pub(super) fn new<O>(
        worker: &Worker<O>,
        snapshot: &Arc<Snapshot>,
        moment: &Moment,
        route: RouteIx,
    ) -> Box<Self> {
        // In a box: it goes through every step, and moving it would cost more than making it.
        Box::new(Self {
            open: true,
            id: moment.id,
            id_line: moment.id_line.clone(),
            route,
            expires: u64::MAX,
            shard: Shard::default(),
            left_ms: u32::MAX,
            started_us: moment.started_us,
            status: None,
            refusal: None,
            sent: Sent::watched(watch(worker, &snapshot.model().routes, route, moment.id)),
            response_bytes: 0,
            upstream_us: None,
            redact_ns: 0,
            hidden: None,
            foreign_rows: 0,
            opened_us: None,
            messages: None,
            admitted: None,
            spent: 0,
            parties: None,
            snapshot: Arc::clone(snapshot),
            journal: Rc::clone(&worker.journal),
            counts: Rc::clone(&worker.counts),
            clock: Rc::clone(&worker.clock),
        })
    }

    /// The decision's id, as a header says it.
    pub(super) fn id_line(&self) -> HeaderValue {
        self.id_line.clone()
    }

    /// Where the client's body leaves word of what became of it.
    pub(super) fn body(&self) -> Sent {
        self.sent.clone()
    }

    /// The app answered.
    pub(super) fn answered(&mut self, status: u16, upstream_us: u64) {
        self.status = Some(status);
        self.upstream_us = Some(upstream_us);
    }

    /// The answer is described so. A part of a body is none, and nothing is learned of it.
    pub(super) fn head(&self, parts: &http::response::Parts) {
        if parts.status == StatusCode::PARTIAL_CONTENT {
            drop(self.sent.unwatch());
        }
        self.sent.head(Body::Response, &parts.headers);
    }

    /// This piece of the answer came from the app.
    pub(super) fn saw(&self, piece: &[u8]) {
        self.sent.saw(Body::Response, piece);
    }

    /// So many bytes of the answer's body are on their way to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
        self.spend();
    }

    /// Counts what has passed, both ways, where the caller's tenant may not have as much as it likes.
    pub(super) fn spend(&mut self) {
        let Some(admitted) = self.admitted.as_ref().filter(|admitted| admitted.counts_bytes()) else {
            return;
        };
        let passed = self.sent.bytes().saturating_add(self.response_bytes);
        let now_ns = self.clock.nanos();
        let times = Times { now_ns, wall_ms: self.clock.wall_ms(now_ns) };
        admitted.spend(passed.saturating_sub(std::mem::replace(&mut self.spent, passed)), times);
    }

    /// Says in these headers what is left of the caller's limits.
    pub(super) fn tell_left(&self, headers: &mut HeaderMap) {
        if let Some(admitted) = &self.admitted {
            throttle::tell(headers, &admitted.left);
        }
    }

    /// Does a piece of the redactor's work, and counts how long it took.
    pub(super) fn timed<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = self.clock.nanos();
        let done = work();
        self.redact_ns += self.clock.nanos().saturating_sub(started);
        done
    }

    /// What the redactor hid.
    pub(super) fn hid(&mut self, hidden: Hidden) {
        self.foreign_rows = self.foreign_rows.max(hidden.foreign_rows());
        self.hidden = Some(hidden);
    }

    /// The answer cannot be redacted, or held a row of somebody else that could not be taken out.
    pub(super) fn broken(&mut self, why: Malformed) -> (Refusal, Ended) {
        if let Malformed::ForeignRow { .. } = why {
            self.foreign_rows = self.foreign_rows.max(1);
            return (Refusal::ForeignRows, Ended::ForeignRows);
        }
        (Refusal::Unredactable, Ended::Unredactable)
    }

    /// A WebSocket is open: what comes now is no part of the time that a request took.
    pub(super) fn opened(&mut self) {
        self.opened_us = Some(self.clock.micros().saturating_sub(self.started_us));
    }

    /// A WebSocket on which nothing is hidden stands on another snapshot now, which is kept in place of the one before.
    pub(super) fn stands_on(&mut self, snapshot: &Arc<Snapshot>, route: RouteIx) {
        (self.snapshot, self.route) = (Arc::clone(snapshot), route);
    }

    /// A WebSocket is over, after so many messages of the client and of the app.
    pub(super) fn over(&mut self, ended: &'static str, messages: [u64; 2]) {
        self.messages = Some(messages);
        self.close(ended);
    }

    /// It ended.
    pub(super) fn end(&mut self, ended: Ended) {
        self.close(ended.as_str());
    }

    /// It ended in a refusal after all, which its outcome records.
    pub(super) fn refused(mut self: Box<Self>, refusal: Refusal) -> Refused {
        let row = refusal.row();
        self.status = Some(row.status);
        self.refusal = Some(row.code);
        self.close(row.code);
        Refused::new(refusal, Known { recorded: true, ..Known::default() })
    }

    fn close(&mut self, ended: &str) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        if let Some(watch) = self.sent.unwatch().filter(|_| self.refusal.is_none()) {
            watch.end(ended == Ended::Complete.as_str());
        }
        let now = self.clock.nanos();
        let total_us = (now / 1_000).saturating_sub(self.started_us);
        self.spend();
        // Its place is free for the next one, whoever still holds this.
        self.admitted = None;
        let (on_the_way_in, on_the_way_out) = (self.sent.hidden(), self.hidden.take());
        let mut hidden = Vec::new();
        self.count(&mut hidden, on_the_way_in.as_ref(), Body::Request);
        self.count(&mut hidden, on_the_way_out.as_ref(), Body::Response);
        let redactions: Vec<Redaction<'_>> = hidden
            .iter()
            .map(|hidden| Redaction {
                body: hidden.body.as_str(),
                class: hidden.class.1,
                mask: hidden.mask,
                count: hidden.count,
            })
            .collect();
        let (caller, owner) = self.parties.as_ref().map(|[caller, owner]| (caller, owner)).unzip();
        let outcome = Outcome {
            books: books(caller, owner),
            decision_id: self.id,
            time_ms: self.clock.wall_ms(now),
            status: self.status,
            request_bytes: self.sent.bytes(),
            response_bytes: self.response_bytes,
            ended,
            foreign_rows: self.foreign_rows,
            messages: self.messages,
            redactions: &redactions,
            latency: OutcomeLatency {
                upstream_us: self.upstream_us.unwrap_or(0),
                redact_us: self.redact_ns.div_ceil(1_000),
                total_us,
            },
        };
        drop(self.journal.append(Level::Acked, &mut |line| outcome.encode(line)));
        let routes = &self.snapshot.model().routes;
        self.counts.ended(&Finished {
            generation: self.snapshot.generation(),
            route: routes.get(self.route).map(|route| (self.route, &*route.id)),
            // A client that left before it was sent a status: the number that others log for it.
            status: self.status.unwrap_or(499),
            refusal: self.refusal,
            total_us: self.opened_us.unwrap_or(total_us),
            upstream_us: self.upstream_us,
            hidden: &hidden,
            foreign_rows: self.foreign_rows,
        });
    }

    fn count<'a>(&'a self, all: &mut Vec<HiddenCount<'a>>, hidden: Option<&Hidden>, body: Body) {
        let classes = &self.snapshot.model().classes;
        let counted = hidden.into_iter().flat_map(Hidden::iter);
        all.extend(counted.filter_map(|(ix, mask, count)| {
            let class = (ix, classes.get(ix)?.name.as_str());
            Some(HiddenCount { body, class, mask: mask.kind(), count })
        }));
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.close(Ended::Aborted.as_str());
    }
}
