//! What all workers know of the places where the app runs: their endpoints, the addresses of those, and how they fare.
//!
//! One thread looks names and files up. It ends when nobody knows the fleet any more.
//! Never: looks a name up while a request waits, once it is known; forgets an address because nobody answers for its name.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::limits;
use crate::net::TICK;

use super::UpstreamSettings;
use super::health::Health;
use super::probe;
use super::tls::Trust;

/// Where an app listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host name or IP address, without brackets, and port.
    Host(Box<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Asks for the addresses of a name. It may take its time.
pub type Resolve = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Asks the machine.
///
/// # Errors
/// Nobody answers, or there is no such name.
pub fn ask_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

/// All places where the app runs.
pub struct Fleet {
    pub(super) all: Vec<Arc<Known>>,
    resolve: Box<Resolve>,
    since: Instant,
    /// The thread ends when this is gone.
    _ends: mpsc::SyncSender<()>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("all", &self.all).finish_non_exhaustive()
    }
}

/// One place where the app runs.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) settings: UpstreamSettings,
    pub(super) spots: Vec<Arc<Spot>>,
    pub(super) trust: Option<Trust>,
}

/// One endpoint of it.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) address: Address,
    /// Those of its name; none while they are not known.
    pub(super) addresses: ArcSwap<Vec<SocketAddr>>,
    pub(super) health: Health,
}

/// How an endpoint fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// The name of the place.
    pub upstream: Box<str>,
    /// Its address, as it is configured.
    pub endpoint: String,
    /// Is it in use?
    pub is_up: bool,
    /// Did it say that it is not well, or nothing, when it was asked?
    pub is_down: bool,
    /// How often it was asked: with a good answer, and without.
    pub answers: [u64; 2],
    /// How often it was left alone for a while.
    pub ejections: u64,
}

impl Spot {
    fn new(address: &Address) -> Self {
        let known = match address {
            Address::Host(host, port) => host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, *port)),
            Address::Unix(_) => None,
        };
        let addresses = ArcSwap::from_pointee(known.into_iter().collect());
        Self { address: address.clone(), addresses, health: Health::default() }
    }

    /// The host and port whose addresses may change.
    fn name(&self) -> Option<(&str, u16)> {
        match &self.address {
            Address::Host(host, port) => host.parse::<IpAddr>().is_err().then_some((host, *port)),
            Address::Unix(_) => None,
        }
    }

    /// What it is called where nobody asked for it by a name.
    pub(super) fn host(&self) -> String {
        match &self.address {
            Address::Host(..) => self.address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Its addresses are these now. None at all is no answer.
    pub(super) fn found(&self, mut addresses: Vec<SocketAddr>) {
        addresses.truncate(limits::ADDRESSES_MAX);
        if !addresses.is_empty() && **self.addresses.load() != addresses {
            self.addresses.store(Arc::new(addresses));
        }
    }
}

impl Fleet {
    /// Reads the files for TLS, and begins to look after what may change.
    ///
    /// # Errors
    /// What is wrong with the files; no thread.
    pub fn start(settings: Vec<UpstreamSettings>, resolve: Box<Resolve>) -> Result<Arc<Self>, String> {
        let mut all = Vec::with_capacity(settings.len());
        for settings in settings {
            let trust = settings.tls.clone().map(Trust::read).transpose()?;
            let spots = settings.endpoints.iter().map(|address| Arc::new(Spot::new(address))).collect();
            all.push(Arc::new(Known { settings, spots, trust }));
        }
        probe::start(&all).map_err(|error| format!("cannot ask whether the app is well: {error}"))?;
        let (ends, end) = mpsc::sync_channel(0);
        let fleet = Arc::new(Self { all, resolve, since: Instant::now(), _ends: ends });
        if fleet.all.iter().any(|known| known.changes()) {
            let weak = Arc::downgrade(&fleet);
            std::thread::Builder::new()
                .name("upstream".to_owned())
                .spawn(move || look_after(&weak, &end))
                .map_err(|error| format!("cannot start looking after the app's addresses: {error}"))?;
        }
        Ok(fleet)
    }

    /// Milliseconds since it began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How each endpoint fares.
    #[must_use]
    pub fn states(&self) -> Vec<EndpointState> {
        let of = |known: &Arc<Known>| {
            let name = known.settings.name.clone();
            let state = move |spot: &Arc<Spot>| EndpointState {
                upstream: name.clone(),
                endpoint: spot.address.to_string(),
                is_up: spot.health.is_up(),
                is_down: spot.health.is_down(),
                answers: spot.health.answers(),
                ejections: spot.health.ejections(),
            };
            known.spots.iter().map(state).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(of).collect()
    }
}

impl Known {
    /// Is there anything that may change while it runs?
    fn changes(&self) -> bool {
        self.trust.is_some() || self.spots.iter().any(|spot| spot.name().is_some())
    }

    fn look_up(&self, resolve: &Resolve) {
        for spot in &self.spots {
            let Some((host, port)) = spot.name() else { continue };
            match resolve(host, port) {
                Ok(addresses) => spot.found(addresses),
                Err(error) => {
                    tracing::warn!(host, %error, "the app's name cannot be looked up; its last addresses stay");
                }
            }
        }
    }

    fn read_anew(&self) {
        match self.trust.as_ref().map(Trust::refresh) {
            Some(Ok(true)) => {
                tracing::info!(upstream = &*self.settings.name, "certificates for the app were read anew");
            }
            Some(Err(error)) => {
                tracing::warn!(upstream = &*self.settings.name, %error, "certificates for the app stay as they were");
            }
            Some(Ok(false)) | None => {}
        }
    }
}

/// How often files are compared.
const FILES_EVERY: Duration = Duration::from_secs(2);

fn look_after(fleet: &Weak<Fleet>, end: &mpsc::Receiver<()>) {
    let mut looked: Vec<Option<Instant>> = Vec::new();
    let mut read = Instant::now();
    loop {
        let Some(fleet) = fleet.upgrade() else { return };
        looked.resize(fleet.all.len(), None);
        for (known, looked) in fleet.all.iter().zip(&mut looked) {
            if looked.is_none_or(|at| at.elapsed() >= known.settings.resolve) {
                known.look_up(&*fleet.resolve);
                *looked = Some(Instant::now());
            }
        }
        if read.elapsed() >= FILES_EVERY {
            fleet.all.iter().for_each(|known| known.read_anew());
            read = Instant::now();
        }
        drop(fleet);
        match end.recv_timeout(TICK) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}
