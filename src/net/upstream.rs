//! The way to the app: the places where it runs, the endpoints of each, and pooled connections to them; one pool per worker.
//!
//! It takes nothing but an [`crate::request::Outbound`], which only a permit can make, and which says where it may go.
//! Never: sends a request to another place than that, or twice unless it was certainly not sent.

mod answer;
mod balance;
mod budget;
mod endpoint;
mod fleet;
mod health;
mod link;
mod probe;
mod sips;
mod socket;
mod stream;
mod tls;
mod trunk;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;

use crate::net::TICK;
use crate::net::vigil;
use crate::net::vigil::Vigil;
use crate::net::vigil::Vigils;
use crate::request::Failure;
use crate::request::Origin;
use crate::request::Read;
use crate::request::Shard;

use balance::Look;
use budget::Budget;
use endpoint::Endpoint;
use endpoint::Turn;
use fleet::Known;
use link::Missed;
use link::Request;

pub use answer::Answer;
pub use fleet::Address;
pub use fleet::EndpointState;
pub use fleet::Fleet;
pub use fleet::Resolve;
pub use fleet::ask_system;
pub use health::Eject;
pub use probe::Check;
pub use socket::Socket;
pub use tls::TlsSettings;

/// What is spoken to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
    /// What the app chooses while TLS is set up: HTTP/2 or HTTP/1.1.
    Auto,
}

/// One place where the app runs, and how patient to be with it.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// What tenants call it.
    pub name: Box<str>,
    /// Where it listens; each can answer any request.
    pub endpoints: Vec<Address>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// From the request to the head of the answer, without a byte of the request's body in between.
    pub response_timeout: Duration,
    /// Without a byte of the answer's body.
    pub body_idle: Duration,
    /// A pooled connection unused for longer is closed. Keep it below the app's own keep-alive.
    pub keep_alive: Duration,
    /// Most idle connections kept to one endpoint.
    pub idle_max: usize,
    /// Most connections to all of them, idle or not.
    pub connections_max: usize,
    /// How often the addresses of names are looked up.
    pub resolve: Duration,
    /// When an endpoint that fails is left alone.
    pub eject: Eject,
    /// Where fewer endpoints than this are left, in percent, all are used.
    pub panic_percent: u32,
    /// Where none is left, requests are refused, and not sent to one of them all the same.
    pub refuse: bool,
    /// Most requests that one endpoint has to answer.
    pub requests_max: usize,
    /// How often a request may be sent again.
    pub retries: u32,
    /// Also one that the app may have seen, if it has no body and its method says that twice is as once.
    pub retry_idempotent: bool,
    /// How each endpoint is asked whether it is well, if it is.
    pub check: Option<Check>,
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS, if there is any.
    pub tls: Option<TlsSettings>,
}

/// One worker's connections to the app.
#[derive(Debug)]
pub struct Pool {
    fleet: Arc<Fleet>,
    all: Vec<Place>,
    clock: Rc<Vigils>,
}

/// One place where the app runs, as one worker has it.
#[derive(Debug)]
struct Place {
    known: Arc<Known>,
    endpoints: Vec<Rc<Endpoint>>,
    /// Connections open to any of them.
    open: Rc<Cell<usize>>,
    /// For the next draw.
    seed: Cell<u64>,
    /// Is there an endpoint that one request may try?
    is_due: Cell<bool>,
    budget: Budget,
}

impl Pool {
    /// An empty pool. `seed` is random, and no other worker's.
    #[must_use]
    pub fn new(fleet: &Arc<Fleet>, seed: u64) -> Self {
        let clock = Rc::default();
        let place = |known: &Arc<Known>| {
            let open = Rc::default();
            let endpoint = |spot| Rc::new(Endpoint::new(known, spot, &clock, &open));
            let endpoints = known.spots.iter().map(endpoint).collect();
            Place {
                known: Arc::clone(known),
                endpoints,
                open,
                seed: Cell::new(seed | 1),
                is_due: Cell::new(false),
                budget: Budget::default(),
            }
        };
        let all = fleet.all.iter().map(place).collect();
        Self { fleet: Arc::clone(fleet), all, clock }
    }

    /// Longest that a request can wait for the app without a sign of life.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let longest = |place: &Place| {
            let settings = &place.known.settings;
            let UpstreamSettings { connect_timeout, response_timeout, body_idle, retries, .. } = *settings;
            // Elsewhere it waits for a connection once more.
            let elsewhere = place.endpoints.len() > 1 || settings.retry_idempotent;
            let again = if elsewhere { connect_timeout.saturating_mul(retries) } else { Duration::ZERO };
            connect_timeout.max(response_timeout).saturating_add(again).max(body_idle)
        };
        let longest = self.all.iter().map(longest).max().unwrap_or_default();
        // A wait is over with the tick after its last one.
        TICK.saturating_mul(vigil::ticks(longest).saturating_add(1))
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.all.iter().map(|place| place.open.get()).sum()
    }

    /// Looks over what waits and what is idle; called once a tick.
    pub fn sweep(&self) {
        self.clock.tick();
        let now_ms = self.fleet.now_ms();
        for place in &self.all {
            for endpoint in &place.endpoints {
                endpoint.sweep();
                endpoint.spot.health.tick(now_ms);
            }
            place.is_due.set(place.endpoints.iter().any(|endpoint| endpoint.spot.health.is_due()));
            place.budget.tick();
        }
    }

    /// Closes what is idle: nobody has looked at the time for a while, so how long it was idle is not known.
    pub fn forget_idle(&self) {
        self.all.iter().flat_map(|place| &place.endpoints).for_each(|endpoint| endpoint.forget_idle());
    }

    /// The place that a request may go to, and no other.
    fn place(&self, shard: Shard) -> Result<&Place, Failure> {
        self.all.get(usize::from(shard.0)).ok_or(Failure::Unreachable)
    }

    /// Notes that a request failed at its endpoint.
    fn failed(&self, place: &Place, endpoint: &Endpoint, failure: Failure) {
        match failure {
            Failure::Unreachable | Failure::Untrusted | Failure::Invalid | Failure::Timeout => {
                if endpoint.spot.health.failed(&place.known.settings.eject, self.fleet.now_ms()) {
                    tracing::warn!(upstream = &*place.known.settings.name, endpoint = %endpoint.spot.address, "an endpoint of the app fails; it is left alone for a while");
                }
            }
            // These say nothing of the app.
            Failure::Overloaded | Failure::Request | Failure::Open | Failure::Deadline => {}
        }
    }
}

impl Place {
    /// Chooses the endpoint of one request: another one than that which has just failed it.
    fn turn(&self, but: Option<&Rc<Endpoint>>) -> Result<Turn, Failure> {
        let [only] = &self.endpoints[..] else { return self.choose(but) };
        let settings = &self.known.settings;
        let tries = !only.spot.health.is_up() && only.spot.health.tries();
        if settings.refuse && !tries && !only.spot.health.is_up() {
            return Err(Failure::Open);
        }
        if only.busy() >= settings.requests_max {
            Err(Failure::Overloaded)
        } else {
            Ok(Turn::at(only, tries))
        }
    }

    fn choose(&self, but: Option<&Rc<Endpoint>>) -> Result<Turn, Failure> {
        if self.is_due.get()
            && let Some(due) = self.endpoints.iter().find(|endpoint| endpoint.spot.health.tries())
        {
            return Ok(Turn::at(due, true));
        }
        let settings = &self.known.settings;
        let random = balance::drawn(self.seed.get());
        self.seed.set(random);
        let look = |at: usize| {
            let none = Look { is_up: false, busy: usize::MAX };
            self.endpoints.get(at).map_or(none, |endpoint| Look {
                is_up: endpoint.spot.health.is_up()
                    && endpoint.busy() < settings.requests_max
                    && !but.is_some_and(|but| Rc::ptr_eq(but, endpoint)),
                busy: endpoint.busy(),
            })
        };
        let panic_percent = if settings.refuse || but.is_some() { 0 } else { settings.panic_percent };
        let at = balance::choose(self.endpoints.len(), random, panic_percent, look);
        let chosen = self.endpoints.get(at).ok_or(Failure::Unreachable)?;
        if chosen.busy() >= settings.requests_max {
            return Err(Failure::Overloaded);
        }
        if settings.refuse && !chosen.spot.health.is_up() {
            return Err(Failure::Open);
        }
        Ok(Turn::at(chosen, false))
    }

    /// What may be sent again of a request, should the app not answer it: nothing, unless that is asked for and harmless.
    fn spare(&self, request: &Request) -> Option<Box<Request>> {
        let settings = &self.known.settings;
        if !settings.retry_idempotent || !request.method().is_idempotent() {
            return None;
        }
        let mut spare = http::Request::new(request.body().again()?);
        *spare.method_mut() = request.method().clone();
        *spare.uri_mut() = request.uri().clone();
        *spare.headers_mut() = request.headers().clone();
        Some(Box::new(spare))
    }
}

impl Origin for Pool {
    type Body = Answer;
    type Client = Incoming;
    type Socket = Socket;

    async fn call(&self, request: Box<Request>) -> Result<http::Response<Answer>, Failure> {
        let place = self.place(request.body().shard())?;
        place.budget.sent();
        let (mut request, mut turn) = (request, place.turn(None)?);
        let mut left = place.known.settings.retries;
        // One for the head and the body together, over whatever is sent again.
        let mut deadline = request.body().left().map(|left| Vigil::new(&self.clock, left));
        if let Some(deadline) = &mut deadline {
            deadline.begins();
        }
        loop {
            let (endpoint, progress) = (turn.shared(), request.body().progress());
            let spare = if left > 0 { place.spare(&request) } else { None };
            let sending = Endpoint::send(turn, request);
            let Missed { failure, unsent, unheard } =
                match self.within_its_time(place, progress, deadline.as_mut(), sending).await {
                    Ok(mut response) => {
                        endpoint.spot.health.answered();
                        response.body_mut().ends_by(deadline);
                        return Ok(response);
                    }
                    Err(missed) => missed,
                };
            self.failed(place, &endpoint, failure);
            // Another connection to where there is none is no use; where one broke, another one may be.
            let is_elsewhere = place.endpoints.len() > 1;
            let again = match unsent {
                Some(unsent) => is_elsewhere.then_some(unsent),
                None => spare.filter(|_| unheard),
            };
            let Some(again) = again.filter(|_| left > 0) else { return Err(failure) };
            turn = match place.turn(Some(&endpoint)) {
                Ok(turn) if place.budget.take() => turn,
                Ok(_) | Err(_) => return Err(failure),
            };
            (request, left) = (again, left.saturating_sub(1));
        }
    }

    async fn open(&self, request: Box<Request>) -> Result<(http::response::Parts, Option<Socket>), Failure> {
        let place = self.place(request.body().shard())?;
        let turn = place.turn(None)?;
        let endpoint = turn.shared();
        let progress = request.body().progress();
        let result = self.within_its_time(place, progress, None, socket::switch(turn, request)).await;
        match &result {
            Ok(_) => endpoint.spot.health.answered(),
            Err(failure) => self.failed(place, &endpoint, *failure),
        }
        result
    }
}

impl Pool {
    /// Waits for the head of an answer, as long as an app may take.
    async fn within_its_time<T, E: From<Failure>>(
        &self,
        place: &Place,
        progress: Read,
        mut deadline: Option<&mut Vigil>,
        sending: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut before = progress.bytes();
        let mut vigil = Vigil::new(&self.clock, place.known.settings.response_timeout);
        let mut sending = std::pin::pin!(sending);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = sending.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            // The app cannot answer what has not arrived: its time begins anew while the client's body moves.
            let read = progress.bytes();
            if std::mem::replace(&mut before, read) != read {
                vigil.moved();
            }
            let is_over = deadline.as_mut().is_some_and(|deadline| deadline.waits(cx));
            if vigil.waits(cx) {
                Poll::Ready(Err(Failure::Timeout.into()))
            } else if is_over {
                Poll::Ready(Err(Failure::Deadline.into()))
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests;
