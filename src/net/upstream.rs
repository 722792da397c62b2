//! The way to the app: the places where it runs, the endpoints of each, and pooled connections to them; one pool per worker.
//!
//! It takes nothing but an [`Outbound`], which only a permit can make, and which says where it may go.
//! Never: sends a request to another place than that, or twice unless it was certainly not sent.

mod answer;
mod balance;
mod endpoint;
mod fleet;
mod health;
mod link;
mod sips;
mod socket;
mod stream;
mod tls;

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
use crate::request::Outbound;
use crate::request::Read;
use crate::request::Shard;

use balance::Look;
use endpoint::Endpoint;
use endpoint::Turn;
use fleet::Known;

pub use answer::Answer;
pub use fleet::Address;
pub use fleet::EndpointState;
pub use fleet::Fleet;
pub use fleet::Resolve;
pub use fleet::ask_system;
pub use health::Eject;
pub use socket::Socket;
pub use tls::TlsSettings;

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
            Place { known: Arc::clone(known), endpoints, open, seed: Cell::new(seed | 1) }
        };
        let all = fleet.all.iter().map(place).collect();
        Self { fleet: Arc::clone(fleet), all, clock }
    }

    /// Longest that a request can wait for the app without a sign of life.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let longest = |place: &Place| {
            let UpstreamSettings { connect_timeout, response_timeout, body_idle, .. } = place.known.settings;
            connect_timeout.max(response_timeout).max(body_idle)
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
                endpoint.spot.health.tick(&place.known.settings.eject, now_ms);
            }
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

    /// Notes how a request ended at its endpoint.
    fn note<T>(&self, place: &Place, endpoint: &Endpoint, result: &Result<T, Failure>) {
        match result {
            Ok(_) => endpoint.spot.health.answered(),
            Err(Failure::Unreachable | Failure::Untrusted | Failure::Invalid | Failure::Timeout) => {
                if endpoint.spot.health.failed(&place.known.settings.eject, self.fleet.now_ms()) {
                    tracing::warn!(upstream = &*place.known.settings.name, endpoint = %endpoint.spot.address, "an endpoint of the app fails; it is left alone for a while");
                }
            }
            // These say nothing of the app.
            Err(Failure::Overloaded | Failure::Request) => {}
        }
    }
}

impl Place {
    /// Chooses the endpoint of one request.
    fn turn(&self) -> Result<Turn, Failure> {
        let at = match self.endpoints.len() {
            0 | 1 => 0,
            count => {
                let random = balance::drawn(self.seed.get());
                self.seed.set(random);
                let look = |at: usize| {
                    let none = Look { is_up: false, busy: usize::MAX };
                    self.endpoints.get(at).map_or(none, |endpoint| Look {
                        is_up: endpoint.spot.health.is_up(),
                        busy: endpoint.busy(),
                    })
                };
                balance::choose(count, random, self.known.settings.panic_percent, look)
            }
        };
        self.endpoints.get(at).map(Turn::at).ok_or(Failure::Unreachable)
    }
}

impl Origin for Pool {
    type Body = Answer;
    type Client = Incoming;
    type Socket = Socket;

    async fn call(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<http::Response<Answer>, Failure> {
        let place = self.place(request.body().shard())?;
        let turn = place.turn()?;
        let endpoint = turn.shared();
        let progress = request.body().progress();
        let result = self.within_its_time(place, progress, Endpoint::send(turn, request)).await;
        self.note(place, &endpoint, &result);
        result
    }

    async fn open(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<(http::response::Parts, Option<Socket>), Failure> {
        let place = self.place(request.body().shard())?;
        let turn = place.turn()?;
        let endpoint = turn.shared();
        let progress = request.body().progress();
        let result = self.within_its_time(place, progress, socket::switch(turn, request)).await;
        self.note(place, &endpoint, &result);
        result
    }
}

impl Pool {
    /// Waits for the head of an answer, as long as an app may take.
    async fn within_its_time<T>(
        &self,
        place: &Place,
        progress: Read,
        sending: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
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
            if vigil.waits(cx) { Poll::Ready(Err(Failure::Timeout)) } else { Poll::Pending }
        })
        .await
    }
}

#[cfg(test)]
mod tests;
