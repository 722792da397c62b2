//! One endpoint of the app, as one worker has it: its connections, those in use and those at rest.
//!
//! Never: sends a request twice unless it was certainly not sent, or keeps a connection whose answer was not read whole.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::net::UnixStream;

use crate::net::TICK;
use crate::net::vigil;
use crate::net::vigil::Vigil;
use crate::net::vigil::Vigils;
use crate::request::Failure;

use super::Protocol;
use super::answer::Answer;
use super::answer::Held;
use super::answer::Lease;
use super::fleet::Address;
use super::fleet::Known;
use super::fleet::Spot;
use super::link;
use super::link::Link;
use super::link::Made;
use super::link::Missed;
use super::link::Request;
use super::sips::Sips;
use super::stream::Plain;
use super::stream::Stream;
use super::tls::Trust;
use super::trunk;
use super::trunk::Trunk;
use super::trunk::Trunks;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    known: Arc<Known>,
    pub(super) spot: Arc<Spot>,
    clock: Rc<Vigils>,
    /// A connection idle for fewer ticks than this is still open at the app, as far as we are told.
    keep_ticks: u32,
    /// Last in, first out: the connection used last is the one most surely open. With each, the tick since when.
    idle: RefCell<Vec<(Link, u32)>>,
    /// Those of HTTP/2.
    trunks: Rc<Trunks>,
    /// Has the app chosen HTTP/1.1, where it could choose? Then nobody waits for another one's connection.
    is_http1: Cell<bool>,
    /// Connections to the place that it belongs to.
    open: Rc<Cell<usize>>,
    /// Requests that it has to answer.
    busy: Cell<usize>,
    /// The address that is tried first next time.
    next: Cell<usize>,
}

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
pub(super) struct Open(Rc<Cell<usize>>);

impl Open {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A request at an endpoint, from when it was chosen to the end of the answer.
#[derive(Debug)]
pub(super) struct Turn {
    endpoint: Rc<Endpoint>,
    /// Is it the one by which the endpoint is tried?
    tries: bool,
}

impl Turn {
    pub(super) fn at(endpoint: &Rc<Endpoint>, tries: bool) -> Self {
        endpoint.busy.set(endpoint.busy.get().saturating_add(1));
        Self { endpoint: Rc::clone(endpoint), tries }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The endpoint, for when this turn is over.
    pub(super) fn shared(&self) -> Rc<Endpoint> {
        Rc::clone(&self.endpoint)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.endpoint.busy.set(self.endpoint.busy.get().saturating_sub(1));
        if self.tries {
            self.endpoint.spot.health.untried();
        }
    }
}

impl Endpoint {
    pub(super) fn new(
        known: &Arc<Known>,
        spot: &Arc<Spot>,
        clock: &Rc<Vigils>,
        open: &Rc<Cell<usize>>,
    ) -> Self {
        // Rounded down: a connection used too long is a request that may be lost.
        let keep = known.settings.keep_alive.as_millis() / TICK.as_millis();
        Self {
            known: Arc::clone(known),
            spot: Arc::clone(spot),
            clock: Rc::clone(clock),
            keep_ticks: u32::try_from(keep).unwrap_or(u32::MAX),
            idle: RefCell::default(),
            trunks: Rc::default(),
            is_http1: Cell::new(known.settings.protocol == Protocol::Http1),
            open: Rc::clone(open),
            busy: Cell::new(0),
            next: Cell::new(0),
        }
    }

    /// Requests that it has to answer now.
    pub(super) fn busy(&self) -> usize {
        self.busy.get()
    }

    /// Looks over what is idle; called once a tick.
    pub(super) fn sweep(&self) {
        let now = self.clock.now();
        let body_idle = vigil::ticks(self.known.settings.body_idle).saturating_add(1);
        let addresses = self.spot.addresses.load();
        let trust = self.known.trust.as_ref().map_or(0, Trust::age);
        let stands = |made: &Made| made.trust == trust && made.to.is_none_or(|to| addresses.contains(&to));
        self.trunks.sweep(now, self.keep_ticks, stands);
        self.idle.borrow_mut().retain(|(link, since)| {
            // Not ready: the app has answered, and the rest of the request's body is still on its way.
            let patience = if !link.is_ready() {
                body_idle
            } else if stands(&link.made) {
                self.keep_ticks
            } else {
                0
            };
            let stays = !link.is_closed() && now.saturating_sub(*since) < patience;
            if !stays {
                link.cut();
            }
            stays
        });
    }

    /// Closes what is idle: nobody has looked at the time for a while, so how long it was idle is not known. A connection
    /// on which the rest of a request's body is still on its way is not idle.
    pub(super) fn forget_idle(&self) {
        self.trunks.forget_idle();
        self.idle.borrow_mut().retain(|(link, _)| {
            let idle = link.is_ready();
            if idle {
                link.cut();
            }
            !idle
        });
    }

    /// Takes a connection whose answer was read to its end.
    pub(super) fn give_back(&self, link: Link) {
        let mut idle = self.idle.borrow_mut();
        if !link.is_closed() && idle.len() < self.known.settings.idle_max {
            idle.push((link, self.clock.now()));
        } else {
            link.cut();
        }
    }

    /// Connections that wait to be used.
    #[cfg(test)]
    pub(super) fn idle_count(&self) -> usize {
        self.idle.borrow().len()
    }

    /// The connection used last of those that can take a request at once: nobody waits for another caller's body.
    fn reuse(&self) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        let now = self.clock.now();
        let usable =
            |(link, since): &(Link, u32)| link.is_ready() && now.saturating_sub(*since) < self.keep_ticks;
        let at = idle.iter().rposition(usable)?;
        Some(idle.remove(at).0)
    }

    /// A new connection, verified where it has TLS. Nothing of a request has been sent on it.
    pub(super) async fn dial(&self, protocol: Protocol) -> Result<(Stream, Open, Made), Failure> {
        if self.open.get() >= self.known.settings.connections_max {
            return Err(Failure::Overloaded);
        }
        let open = Open::new(&self.open);
        let connecting = async {
            let (stream, to) = self.reach().await.map_err(|_| Failure::Unreachable)?;
            let trust = self.known.trust.as_ref();
            let made = Made { to, trust: trust.map_or(0, Trust::age) };
            Ok((self.verified(stream, trust, protocol).await?, open, made))
        };
        tokio::time::timeout(self.known.settings.connect_timeout, connecting)
            .await
            .unwrap_or(Err(Failure::Unreachable))
    }

    async fn verified(
        &self,
        stream: Plain,
        trust: Option<&Trust>,
        protocol: Protocol,
    ) -> Result<Stream, Failure> {
        let Some(trust) = trust else { return Ok(Stream::Plain(stream)) };
        let host = match &self.spot.address {
            Address::Host(host, _) => Some(&**host),
            Address::Unix(_) => None,
        };
        let name = trust.name(host).ok_or(Failure::Untrusted)?;
        trust.connect(stream, name, protocol).await.map_err(|error| {
            let why = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match why {
                Some(why) => {
                    tracing::warn!(endpoint = %self.spot.address, %why, "the app cannot be trusted; nothing was sent to it");
                    Failure::Untrusted
                }
                None => Failure::Unreachable,
            }
        })
    }

    /// A connection to one of its addresses, with the address where it may change. They are tried in turn: another one first each time.
    async fn reach(&self) -> io::Result<(Plain, Option<SocketAddr>)> {
        let (host, port) = match &self.spot.address {
            Address::Host(host, port) => (host, *port),
            Address::Unix(path) => return Ok((Plain::Unix(UnixStream::connect(path).await?), None)),
        };
        let mut addresses = self.spot.addresses.load_full();
        if addresses.is_empty() {
            // Only at the start: nobody has looked it up yet.
            self.spot.found(tokio::net::lookup_host((&**host, port)).await?.collect());
            addresses = self.spot.addresses.load_full();
        }
        let first = self.next.replace(self.next.get().wrapping_add(1));
        let share = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for at in 0..addresses.len() {
            let Some(address) = addresses.get(first.wrapping_add(at) % addresses.len()) else { continue };
            // So that one which does not answer leaves time for the others.
            let time = self.known.settings.connect_timeout / share;
            match within(time, TcpStream::connect(address)).await {
                Ok(stream) => {
                    // A delayed segment would cost more than it saves; a socket that refuses the option still works.
                    drop(stream.set_nodelay(true));
                    return Ok((Plain::Tcp(stream), Some(*address)));
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    pub(super) async fn connect(&self) -> Result<Link, Failure> {
        let (stream, open, made) = self.dial(Protocol::Http1).await?;
        Link::begin(Sips::new(stream, &self.clock), open, made).await
    }

    /// A place for a request where the app may speak HTTP/2, and whether its connection is new.
    async fn lane(&self) -> Result<(Held, bool), Failure> {
        let maker = match self.trunks.place().await? {
            trunk::Place::Lane(lane) => return Ok((Held::Lane(lane), false)),
            trunk::Place::Make(maker) => maker,
        };
        match self.negotiate().await {
            Ok(Either::Trunk(trunk)) => Ok((Held::Lane(maker.made(trunk)), true)),
            Ok(Either::Link(link)) => {
                self.is_http1.set(true);
                Ok((Held::Link(link), true))
            }
            Err(failure) => Err(maker.failed(failure)),
        }
    }

    /// A connection of the protocol that the app chooses, where it can.
    async fn negotiate(&self) -> Result<Either, Failure> {
        let protocol = self.known.settings.protocol;
        let (stream, open, made) = self.dial(protocol).await?;
        let is_http2 = link::is_http2(protocol, &stream);
        let stream = Sips::new(stream, &self.clock);
        if is_http2 {
            link::begin_many(stream, open, made).await.map(Either::Trunk)
        } else {
            Link::begin(stream, open, made).await.map(Either::Link)
        }
    }

    /// What a request is sent on, and whether that is new.
    async fn held(&self, fresh: bool) -> Result<(Held, bool), Failure> {
        if !fresh && let Some(link) = self.reuse() {
            return Ok((Held::Link(link), false));
        }
        if self.is_http1.get() {
            return Ok((Held::Link(self.connect().await?), true));
        }
        self.lane().await
    }

    /// Sends a request, and gives the head of its answer.
    pub(super) async fn send(turn: Turn, request: Box<Request>) -> Result<http::Response<Answer>, Missed> {
        let endpoint = turn.endpoint();
        let mut request = request;
        let mut fresh = false;
        loop {
            let mut held = match endpoint.held(fresh).await {
                Ok((held, is_new)) => {
                    fresh = is_new;
                    held
                }
                Err(failure) => return Err(Missed::before(failure, request)),
            };
            let sent = match &mut held {
                Held::Link(link) => {
                    if link.ready().await {
                        link.send(request).await
                    } else {
                        Err(Missed::before(Failure::Unreachable, request))
                    }
                }
                Held::Lane(lane) => lane.send(request).await,
            };
            match sent {
                Ok(response) => {
                    let vigil = Vigil::new(&endpoint.clock, endpoint.known.settings.body_idle);
                    let lease = Lease::new(held, turn);
                    return Ok(response.map(|body| Answer::begun(body, lease, vigil)));
                }
                // The request came back: the app closed its idle connection, and has not seen it.
                Err(Missed { unsent: Some(unsent), .. }) if !fresh => request = unsent,
                Err(missed) => return Err(missed),
            }
        }
    }
}

/// A connection of either protocol.
enum Either {
    Link(Link),
    Trunk(Trunk),
}

async fn within<T>(time: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
