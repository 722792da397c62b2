//! The data plane: one single-threaded worker per core, each with its own listener, upstream pool and caches.
//!
//! Workers share nothing that a request writes to. Connections are handed out by the kernel (`SO_REUSEPORT`).
//! Never: decides anything. It carries requests to [`request::run`] and its answers back.

mod connection;
mod entrance;
mod lent;
mod line;
mod listener;
mod stream;
mod tunnel;
mod upstream;
mod vigil;
mod wire;

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

pub use entrance::Door;
pub use entrance::TurnedAway;
pub use listener::Bound;
pub use listener::Listener;
pub use listener::listen;
pub use listener::listen_unix;
pub use upstream::Address;
pub use upstream::Answer;
pub use upstream::Check;
pub use upstream::Eject;
pub use upstream::EndpointState;
pub use upstream::Fleet;
pub use upstream::Pool;
pub use upstream::Protocol;
pub use upstream::Resolve;
pub use upstream::Socket;
pub use upstream::TlsSettings;
pub use upstream::UpstreamSettings;
pub use upstream::ask_system;

use crate::limits;
use crate::request;
use crate::request::GuardBounds;
use crate::request::Worker;
use entrance::Accepted;
use line::Line;
use line::Patience;
use listener::Listening;
use tunnel::Now;
use tunnel::Watched;
use vigil::ticks;

/// What the listeners and connections need to know.
#[derive(Debug, Clone)]
pub struct NetSettings {
    /// Take HTTP/2 without TLS, by prior knowledge.
    pub h2c: bool,
    /// Most connections at once, all workers together.
    pub connections_max: usize,
    /// Most streams on one HTTP/2 connection.
    pub streams_max: u32,
    /// Bounds of an HTTP/1.1 head.
    pub guard: GuardBounds,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between requests.
    pub keep_alive: Duration,
    /// For a connection in all; zero: no bound; `None`: as for its kind.
    pub connection_age: Option<Duration>,
    /// What connections have to show.
    pub door: Door,
    /// Without a byte of a body, either way.
    pub body_idle: Duration,
    /// For one request; zero means no bound.
    pub total: Duration,
    /// For requests in flight when told to stop.
    pub drain: Duration,
    /// For a WebSocket without a byte, either way.
    pub websocket_idle: Duration,
    /// For a WebSocket in all.
    pub websocket_total: Duration,
}

impl NetSettings {
    /// How long a connection is used. What was believed of a certificate must not count for ever.
    fn age(&self, is_certified: bool) -> Option<Duration> {
        match self.connection_age {
            Some(age) => (!age.is_zero()).then_some(age),
            None => is_certified.then_some(Duration::from_secs(limits::CERTIFIED_CONNECTION_SECONDS)),
        }
    }
}

/// How often connections are looked over.
const TICK: Duration = Duration::from_millis(250);

/// The clocks of the machine, for one worker.
#[derive(Debug)]
pub struct MachineClock {
    start: std::time::Instant,
    /// When the wall's clock was looked at last, in nanoseconds since the start, and what it said.
    looked: Cell<(u64, Duration)>,
}

/// For so many nanoseconds the wall's clock is taken to go as the monotonic one does. A step of it shows after that.
const WALL_NANOS: u64 = 10_000_000;

impl Default for MachineClock {
    fn default() -> Self {
        // One start for all workers: they count together what tenants may do in a time.
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        Self { start: *START.get_or_init(std::time::Instant::now), looked: Cell::new((0, wall())) }
    }
}

fn wall() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

impl request::Clock for MachineClock {
    fn nanos(&self) -> u64 {
        let since = self.start.elapsed();
        // Good for five hundred years.
        since.as_secs().saturating_mul(1_000_000_000).saturating_add(since.subsec_nanos().into())
    }

    fn wall_ms(&self, nanos: u64) -> u64 {
        let (mut at, mut said) = self.looked.get();
        if nanos.saturating_sub(at) >= WALL_NANOS {
            (at, said) = (nanos, wall());
            self.looked.set((at, said));
        }
        let now = said.saturating_add(Duration::from_nanos(nanos.saturating_sub(at)));
        u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What all workers of a process count together. Touched once per connection, never per request.
#[derive(Debug, Default)]
pub struct Census {
    open: AtomicUsize,
    turned_away: [AtomicU64; TurnedAway::ALL.len()],
}

impl Census {
    /// Client connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many connections brought no request, for each reason.
    pub fn turned_away(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.turned_away.iter().map(|count| count.load(Ordering::Relaxed));
        TurnedAway::ALL.into_iter().map(TurnedAway::as_str).zip(counts)
    }

    fn turn_away(&self, why: TurnedAway) {
        if let Some((_, count)) = TurnedAway::ALL.iter().zip(&self.turned_away).find(|(one, _)| **one == why)
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts one connection for as long as it lives.
struct Counted(Arc<Census>);

impl Counted {
    fn enter(census: &Arc<Census>, max: usize) -> Option<Self> {
        let before = census.open.fetch_add(1, Ordering::Relaxed);
        let counted = Self(Arc::clone(census));
        (before < max).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the connections of one worker share.
pub(crate) struct Station {
    worker: Rc<Worker<Pool>>,
    settings: NetSettings,
    census: Arc<Census>,
    tick: Rc<Cell<u32>>,
    draining: Cell<bool>,
    lines: RefCell<Vec<Weak<Line>>>,
    /// The open WebSockets.
    tunnels: RefCell<Vec<Weak<Watched>>>,
    every_tick: Box<dyn Fn(usize)>,
}

impl Station {
    fn patience(&self) -> Patience {
        let settings = &self.settings;
        Patience {
            head: ticks(settings.head_timeout),
            // While draining, a connection that has nothing to do is asked to leave after a second.
            keep_alive: if self.draining.get() { 4 } else { ticks(settings.keep_alive) },
            body_idle: ticks(settings.body_idle),
            total: ticks(settings.total),
        }
    }

    fn sweep(&self) {
        let now = self.tick.get();
        let patience = self.patience();
        self.lines.borrow_mut().retain(|line| match line.upgrade() {
            Some(line) => {
                if let Some(phase) = line.expire(now, &patience) {
                    tracing::debug!(phase, "connection outstayed");
                } else if self.draining.get() || line.is_old(now) {
                    line.nudge();
                }
                true
            }
            None => false,
        });
        self.look_at_tunnels(now);
        self.worker.origin.sweep();
        self.worker.count();
    }

    fn look_at_tunnels(&self, tick: u32) {
        let mut tunnels = self.tunnels.borrow_mut();
        if tunnels.is_empty() {
            return;
        }
        let clock = &self.worker.clock;
        let now = Now {
            tick,
            wall_ms: clock.wall_ms(clock.nanos()),
            generation: self.worker.live.current().generation(),
            draining: self.draining.get(),
            idle: ticks(self.settings.websocket_idle),
            total: ticks(self.settings.websocket_total),
        };
        let mut again = limits::WEBSOCKETS_AGAIN_MAX;
        tunnels.retain(|watched| {
            let watched = watched.upgrade();
            watched.inspect(|watched| watched.look(&now, &mut again)).is_some()
        });
    }
}

/// Serves until `stop` says so, then drains. One call per worker, each on a thread of its own.
///
/// Beside the worker, `make_worker` gives what is to be done a few times a second, told how many connections to the app
/// are open.
///
/// # Errors
/// The runtime or the listener cannot be set up.
pub fn serve(
    listeners: Vec<Listener>,
    settings: NetSettings,
    census: Arc<Census>,
    stop: watch::Receiver<bool>,
    make_worker: impl FnOnce() -> (Worker<Pool>, Box<dyn Fn(usize)>),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        let entered = |listener: Listener| Ok((listener.is_tls, Listening::new(listener)?));
        let listeners = listeners.into_iter().map(entered).collect::<io::Result<Vec<_>>>()?;
        let (worker, every_tick) = make_worker();
        let station = Rc::new(Station {
            worker: Rc::new(worker),
            settings,
            census,
            tick: Rc::new(Cell::new(1)),
            draining: Cell::new(false),
            lines: RefCell::default(),
            tunnels: RefCell::default(),
            every_tick,
        });
        let sweeping = tokio::task::spawn_local(sweep(Rc::clone(&station)));
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|(is_tls, listener)| {
                tokio::task::spawn_local(accept(listener, is_tls, Rc::clone(&station), stop.clone()))
            })
            .collect();
        for task in accepting {
            // It ends by being told to, or by a panic, and then the others go on.
            drop(task.await);
        }
        drain(&station).await;
        sweeping.abort();
        Ok(())
    })
}

async fn sweep(station: Rc<Station>) {
    let mut ticks = tokio::time::interval(TICK);
    // A process that stood still must not make up for its ticks: those who wait would lose time that never was.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let now = tokio::time::Instant::now();
        if now.duration_since(std::mem::replace(&mut last, now)) > TICK * 4 {
            station.worker.origin.forget_idle();
        }
        station.tick.set(station.tick.get().wrapping_add(1));
        station.sweep();
        (station.every_tick)(station.worker.origin.open());
    }
}

async fn accept(listener: Listening, is_tls: bool, station: Rc<Station>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, ip)) => connection(Accepted { stream, ip, is_tls }, &station),
                Err(error) => refused(&error).await,
            },
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    station.draining.set(true);
    // What the kernel has accepted already would be reset otherwise.
    while let Ok(Ok((stream, ip))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        connection(Accepted { stream, ip, is_tls }, &station);
    }
}

/// A connection that is gone again is nothing. Without descriptors, accepting again at once would only spin.
async fn refused(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn connection(accepted: Accepted, station: &Rc<Station>) {
    // Over the limit the connection closes at once: whoever waits for an answer should try elsewhere.
    let Some(counted) = Counted::enter(&station.census, station.settings.connections_max) else {
        return station.census.turn_away(TurnedAway::TooMany);
    };
    let station = Rc::clone(station);
    tokio::task::spawn_local(async move {
        connection::serve(accepted, &station).await;
        drop(counted);
    });
}

/// Waits for what is in flight, at most for the drain time.
async fn drain(station: &Rc<Station>) {
    let end = tokio::time::Instant::now() + station.settings.drain;
    while tokio::time::Instant::now() < end {
        let open = station.lines.borrow().iter().any(|line| line.strong_count() > 0);
        if !open {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
