//! The life of a request, whole, on one screen: `life`, at the end of this file.
//!
//! Each state is a struct, each step consumes one and makes the next, and each lives in the file of the state that it
//! makes. Leave a step out and it does not compile: `forward` exists on an [`Authorized`] only, and only
//! `Identified::authorize` makes one.
//! Never: names a socket, a file or a runtime. Bytes come from an [`Origin`] and from hyper's client body type.

mod asserted;
mod authorized;
mod beside;
mod counted;
mod durable;
mod ending;
mod forwarded;
mod guard;
mod handshake;
mod hop;
mod identified;
mod inbound;
mod known;
mod moment;
mod peers;
mod plans;
pub mod question;
mod received;
mod refusal;
mod released;
mod report;
mod spoken;
mod target;
mod throttle;
mod tunnel;
mod watched;

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderName;
use http::HeaderValue;

pub use authorized::Authorized;
pub use authorized::Gate;
pub use authorized::Permit;
pub use beside::About;
pub use beside::Job;
pub use beside::Shadow;
pub use counted::Finished;
pub use counted::HiddenCount;
pub use durable::Durable;
pub use ending::Ended;
pub use ending::Ending;
pub use forwarded::Broken;
pub use forwarded::Failure;
pub use forwarded::Flawed;
pub use forwarded::Forwarded;
pub use forwarded::Origin;
pub use forwarded::Outbound;
pub use forwarded::Read;
pub use guard::Bounds as GuardBounds;
pub use guard::Flaw;
pub use guard::Guard;
pub use guard::Passed;
pub use identified::Identified;
pub use inbound::Inbound;
pub use inbound::Whole;
pub use known::Known;
pub use known::Refused;
pub use peers::Peer;
pub use peers::Peers;
pub use received::Head;
pub use received::Received;
pub use refusal::Refusal;
pub use refusal::Row;
pub use released::Answer;
pub use released::Cut;
pub use released::Released;
pub use released::Trailers;
pub use spoken::Spoken;
pub use spoken::Unspoken;
pub use target::Host;
pub use target::Unclear;
pub use target::host;
pub use target::normal_path;
pub use throttle::Throttle;
pub use tunnel::Flow;
pub use tunnel::Over;
pub use tunnel::Tunnel;
pub use watched::Learner;
pub use watched::Watch;

use crate::audit::Journal;
use crate::audit::trace::Trace;
use crate::identity::Remembered;
use crate::identity::Svid;
use crate::ids::DecisionId;
use crate::policy::Memory;
use crate::redact::Encoding;
use crate::request::asserted::Assertions;
use crate::request::plans::Plans;
use crate::request::spoken::Compiled;
use crate::snapshot::Live;
pub use crate::snapshot::Shard;
use crate::snapshot::Snapshot;

/// The bounds of a request.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Most header lines.
    pub headers: usize,
    /// Most bytes of the target.
    pub target_bytes: usize,
    /// Most bytes of the body.
    pub body_bytes: u64,
    /// Further headers that only Palisade may set, lower case with `-`.
    pub protected: Vec<Box<str>>,
}

/// What the steps need to know of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bounds of heads and bodies.
    pub bounds: Bounds,
    /// Who may say for whom it connects.
    pub trusted_peers: Arc<Peers>,
    /// The header that carries an API key.
    pub api_key_header: HeaderName,
    /// The header in which a caller states its purpose.
    pub purpose_header: HeaderName,
    /// Does the app get the caller's credential?
    pub forward_credential: bool,
    /// The content codings, the best first, in which redacted bodies leave that the app sent plain.
    pub encode: Arc<[Encoding]>,
    /// Are decisions kept for the next request that asks the same?
    pub decision_cache: bool,
    /// The whole of a request may take so long; zero: no bound.
    pub total: std::time::Duration,
    /// The header in which the app is told how many milliseconds are left.
    pub deadline_header: Option<HeaderName>,
    /// Which requests wait until their record is on the device.
    pub durable: Durable,
}

/// What stands still while one request lives.
#[derive(Debug)]
pub struct Moment {
    /// The name of its decision.
    pub id: DecisionId,
    /// The same as a header value.
    pub id_line: HeaderValue,
    /// Wall clock, milliseconds since 1970.
    pub now_ms: u64,
    /// The worker's clock when the request arrived, microseconds.
    pub started_us: u64,
    /// The other end of the connection.
    pub peer: Option<std::net::IpAddr>,
    /// The same as a header value.
    pub peer_line: Option<HeaderValue>,
    /// Did the client speak TLS?
    pub is_tls: bool,
    /// Is it the client of a proxy, and `workload` that proxy?
    pub is_behind: bool,
    /// The host that it named in the handshake, where that binds its requests.
    pub server_name: Option<Arc<str>>,
    /// The workload that the connection is of.
    pub workload: Option<Arc<Svid>>,
    /// The trace that it is part of.
    pub trace: Trace,
    /// The same as the app is told it.
    pub traceparent: HeaderValue,
}

/// Two clocks: a monotonic one for durations and the wall's for everything that people name.
pub trait Clock {
    /// Nanoseconds, monotonic.
    fn nanos(&self) -> u64;
    /// Microseconds, monotonic.
    fn micros(&self) -> u64 {
        self.nanos() / 1_000
    }
    /// Milliseconds since 1970 at a time that [`Clock::nanos`] has just given: one look at the machine's clock tells both.
    fn wall_ms(&self, nanos: u64) -> u64;
}

/// What is counted. The implementation counts; the steps say what happened.
pub trait Counts {
    /// A decision fell: its code (`allowed`, `public`, or a refusal's) and, where policies were asked, how long that took,
    /// in microseconds.
    fn decided(&self, allowed: bool, code: &'static str, policy_us: Option<u64>);
    /// A request ended.
    fn ended(&self, ended: &Finished<'_>);
    /// A policy could not be evaluated.
    fn policy_error(&self, policy_id: &str);
}

/// Which body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The client's, on its way to the app.
    Request,
    /// The app's, on its way to the client.
    Response,
}

impl Body {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Everything that one worker's requests share. Not shared between threads: no lock, no contended line.
pub struct Worker<O> {
    /// The configuration's part.
    pub settings: Settings,
    /// The snapshot in force.
    pub live: Arc<Live>,
    /// The app.
    pub origin: O,
    /// The decision log.
    pub journal: Rc<dyn Journal>,
    /// The metrics.
    pub counts: Rc<dyn Counts>,
    /// The clocks.
    pub clock: Rc<dyn Clock>,
    /// Who looks at decisions with other policies.
    pub shadow: Option<Box<dyn Shadow>>,
    /// Who learns from bodies.
    pub learner: Option<Box<dyn Learner>>,
    /// What callers may do, and what they have done.
    pub throttle: Throttle,
    memory: RefCell<Memory>,
    remembered: RefCell<Remembered>,
    plans: RefCell<Plans>,
    compiled: RefCell<Compiled>,
    assertions: RefCell<Assertions>,
    /// Makes ids unique: drawn once per worker, and a counter.
    seed: u64,
    count: Cell<u64>,
}

impl<O> std::fmt::Debug for Worker<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<O> Worker<O> {
    /// A worker. `seed` is random, and no other worker's.
    pub fn new(
        settings: Settings,
        live: Arc<Live>,
        origin: O,
        journal: Rc<dyn Journal>,
        counts: Rc<dyn Counts>,
        clock: Rc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let memory = if settings.decision_cache { Memory::new() } else { Memory::without_answers() };
        Self {
            settings,
            live,
            origin,
            journal,
            counts,
            clock,
            shadow: None,
            learner: None,
            throttle: Throttle::default(),
            memory: RefCell::new(memory),
            remembered: RefCell::default(),
            plans: RefCell::default(),
            compiled: RefCell::default(),
            assertions: RefCell::default(),
            seed,
            count: Cell::new(0),
        }
    }

    /// Counts, for each policy, what it did since this was last called. To be called a few times a second.
    pub fn count(&self) {
        self.memory.borrow_mut().count();
    }

    /// Microseconds since the request arrived.
    fn since(&self, moment: &Moment) -> u64 {
        self.clock.micros().saturating_sub(moment.started_us)
    }

    fn moment(&self, peer: &Peer, headers: &http::HeaderMap) -> Moment {
        let count = self.count.replace(self.count.get().wrapping_add(1));
        // The seed spreads workers and restarts apart; the counter, mixed in whole, tells one worker's ids apart.
        let mixed = (self.seed ^ count).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [a, b, c, d, e, f, g, h] = mixed.to_be_bytes();
        let [.., i, j] = self.seed.to_be_bytes();
        let unique = [a, b, c, d, e, f, g, h, i, j];
        let now = self.clock.nanos();
        let now_ms = self.clock.wall_ms(now);
        let id = DecisionId::new(now_ms, unique);
        let trace =
            Trace::continue_from(moment::traceparent(headers), moment::random(self.seed, mixed), false);
        let (id_line, traceparent) = moment::lines(id, &trace);
        Moment {
            id,
            id_line,
            now_ms,
            started_us: now / 1_000,
            peer: peer.ip,
            peer_line: peer.text.clone(),
            is_tls: peer.is_tls,
            is_behind: peer.is_behind,
            server_name: peer.server_name.clone(),
            workload: peer.workload.clone(),
            trace,
            traceparent,
        }
    }
}

/// What a connection is given for one request: an answer, and the WebSocket that it opens, if it does.
pub type Reply<O> =
    (http::Response<Answer<<O as Origin>::Body>>, Option<(Box<Tunnel>, <O as Origin>::Socket)>);

/// How a request ends well.
enum Ends<O: Origin> {
    Answered(Released<O::Body>),
    Opened(Box<Tunnel>, O::Socket),
}

/// Takes a request through its life. There is always an answer, and always exactly one decision record. The request is
/// in a box because moving it through the layers in front would cost more.
pub async fn run<O: Origin>(
    worker: &Worker<O>,
    request: Box<http::Request<O::Client>>,
    flaw: Option<Flaw>,
    peer: &Peer,
) -> Reply<O> {
    // Once: a request never sees two generations.
    let snapshot = worker.live.current();
    let (told, flaw) = peer.told(&request, flaw, &worker.settings.trusted_peers);
    let peer = told.as_ref().unwrap_or(peer);
    let moment = worker.moment(peer, request.headers());
    let is_call = released::grpc::is_call(request.headers());
    let has_trailers = request.version() == http::Version::HTTP_2;
    match life(worker, &snapshot, &moment, request, flaw).await {
        Ok(Ends::Answered(released)) => (released.into_response(has_trailers), None),
        Ok(Ends::Opened(mut tunnel, socket)) => {
            (released::opened(&mut tunnel).into_response(false), Some((tunnel, socket)))
        }
        Err(refused) => {
            let refusal = report::refused(worker, &snapshot, &moment, refused);
            let plan = worker.plans.borrow().nothing().response;
            (released::refused(&refusal, moment.id, plan, is_call).into_response(false), None)
        }
    }
}

async fn life<O: Origin>(
    worker: &Worker<O>,
    snapshot: &Arc<Snapshot>,
    moment: &Moment,
    request: Box<http::Request<O::Client>>,
    flaw: Option<Flaw>,
) -> Result<Ends<O>, Refused> {
    throttle::has_room(worker, &request)?;
    let received = Received::new(*request, flaw, &worker.settings.bounds)?.directed(moment)?;
    let authorized = match received.gate(snapshot, worker, moment)? {
        Gate::Open(authorized) => authorized,
        Gate::Guarded(received) => {
            let identified = received.identify(snapshot, worker, moment)?.admit(snapshot, worker, moment)?;
            let identified = identified.hear(snapshot, worker).await?;
            identified.authorize(snapshot, worker, moment)?
        }
    };
    if authorized.asks_for_socket() {
        let (tunnel, socket) = authorized.open(snapshot, worker, moment).await?;
        return Ok(Ends::Opened(tunnel, socket));
    }
    let forwarded = authorized.forward(snapshot, worker, moment).await?;
    forwarded.release().await.map(Ends::Answered)
}

#[cfg(test)]
mod tests;
