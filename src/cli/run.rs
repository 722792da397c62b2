//! `palisade run`: loads the config and the first snapshot, and serves until it is told to stop.
//!
//! Threads: one per worker, one for the journal, one that looks at decisions with policies in shadow, one that learns from bodies
//! where that is asked for, one for reloading with helpers while it loads, one that settles limits where replicas share them, one that asks for bundles where there is a source of them, one for each place that the decision log is sent to, and this one for signals and the admin
//! listener.
//! Never: serves with anything that `check` would refuse, or without a decision log.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

use crate::admin;
use crate::admin::Admin;
use crate::audit::Event;
use crate::config::Config;
use crate::config::Format;
use crate::config::Level;
use crate::disk::Disk;
use crate::disk::Sinks;
use crate::disk::Snapshots;
use crate::door::Certificates;
use crate::door::Watching;
use crate::learning::Learning;
use crate::net;
use crate::net::Census;
use crate::net::Fleet;
use crate::net::Listener;
use crate::net::MachineClock;
use crate::net::Pool;
use crate::reload::Reading;
use crate::reload::Reloader;
use crate::request::Worker;
use crate::shadow::Shadow;
use crate::snapshot::Live;
use crate::telemetry;
use crate::telemetry::LogFormat;
use crate::telemetry::Metrics;
use crate::telemetry::WorkerMetrics;

use super::Exit;
use super::Global;
use super::Out;
use super::World;
use super::check;
use super::check::Ready;

mod beside;
mod changes;
mod door;
mod refresh;
mod settings;
mod shipping;
mod throttling;
mod upstream;

use beside::start_learning;
use beside::start_shadow;
use changes::Told;
use door::Listening;
use door::Opened;
use settings::net_settings;
use settings::request_settings;
use upstream::shown;

pub(super) const AFTER: &str = "\
Examples:
  palisade run
  palisade run -c etc/palisade.yaml --log-format json
  palisade run --set listen.data=0.0.0.0:8080 --set upstream.address=127.0.0.1:9000

SIGHUP reloads and reopens the decision log, SIGTERM stops after the requests under way.";

/// Serves until it is told to stop.
///
/// # Errors
/// When it could not serve.
pub fn run(global: &Global, world: &World<'_>, out: &mut Out) -> Result<Exit, String> {
    let Some(Ready { config, warnings, reading, checked }) = check::ready(global, world, out) else {
        return Ok(Exit::Invalid);
    };
    start_logging(&config, out.colours_errors())?;
    for problem in warnings {
        tracing::warn!(file = %problem.place.file, line = problem.place.line, "{}", problem.message);
    }
    serve(&config, &Live::new(checked), &reading).map(|()| Exit::Ok)
}

pub(super) fn start_logging(config: &Config, colour: bool) -> Result<(), String> {
    let level = match config.log.level {
        Level::Off => "off",
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // Libraries below us log what they read from sockets, and that may be a credential: only our own lines are shown.
    let filter = format!("off,palisade={level}");
    let format = match config.log.format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    telemetry::start_logging(format, &filter, colour).map_err(|error| error.to_string())
}

/// What the parts of one process share.
struct Process {
    live: Arc<Live>,
    disk: Arc<Disk>,
    metrics: Metrics,
    census: Arc<Census>,
    draining: Arc<AtomicBool>,
    shadow: Arc<Shadow>,
    learning: Option<Arc<Learning>>,
    fleet: Arc<Fleet>,
    throttling: Arc<throttling::Throttling>,
    certificates: Option<Arc<Certificates>>,
}

fn serve(config: &Config, live: &Arc<Live>, reading: &Reading) -> Result<(), String> {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION")).map_err(|error| error.to_string())?;
    let sinks = Sinks {
        store: config.decision_log.store.clone(),
        file: config.decision_log.file.clone(),
        stdout: config.decision_log.stdout,
        overflow: config.decision_log.overflow,
    };
    let counters = metrics.journal().map_err(|error| error.to_string())?;
    let disk = Arc::new(Disk::open(&sinks, counters).map_err(|error| error.to_string())?);
    let shadow = start_shadow(config, live, &disk, &metrics)?;
    let shipping = shipping::start(config, &disk, &metrics)?;
    let process = Process {
        live: Arc::clone(live),
        disk,
        census: Arc::default(),
        draining: Arc::default(),
        shadow: Arc::new(shadow),
        learning: start_learning(config, live, &metrics)?,
        fleet: upstream::start(config)?,
        throttling: Arc::new(throttling::Throttling::new(&config.limits.callers)),
        certificates: door::certificates(config)?,
        metrics,
    };
    process.throttling.share(live, &process.metrics)?;
    let workers = config
        .workers
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let Opened { listeners, told, _bound } = door::open(config, workers)?;
    let reloader = start_reloading(config, &process, reading)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let (stop, stopped) = watch::channel(false);
    let threads = start_workers(config, &process, listeners, &stopped)?;
    let watching = door::watch(config, process.certificates.as_ref())?;
    let tasks = tokio::task::LocalSet::new();
    let served =
        tasks.block_on(&runtime, until_told(config, &process, &reloader, (&told, watching.as_ref()), &stop));
    // Whatever ended it, the workers finish what they have, and then the log gets its last line.
    stop.send_replace(true);
    process.draining.store(true, Ordering::Relaxed);
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a worker died");
        }
    }
    process.throttling.close();
    process.shadow.close();
    if let Some(learning) = &process.learning {
        learning.close();
    }
    process.disk.event(&Event::Stop);
    process.disk.close();
    if let Some(shipping) = shipping {
        shipping.close();
    }
    tracing::info!("stopped");
    served
}

fn start_reloading(config: &Config, process: &Process, reading: &Reading) -> Result<Reloader, String> {
    let told = Told {
        live: Arc::clone(&process.live),
        disk: Arc::clone(&process.disk),
        metrics: process.metrics.clone(),
        throttling: Arc::clone(&process.throttling),
        kept: config.decision_log.store.as_ref().map(|store| Snapshots::of(&store.dir)),
    };
    // Without what it decides by, nothing is decided.
    told.keep().map_err(|error| format!("the snapshot cannot be kept with the decision log: {error}"))?;
    told.loaded();
    let snapshot = process.live.current().digest();
    let bundle = reading.bundle();
    let bundle = bundle.as_ref().map(|(title, manifest)| (&**title, manifest));
    process.disk.event(&Event::Start { version: env!("CARGO_PKG_VERSION"), snapshot: &snapshot, bundle });
    Reloader::start(
        config.files.clone(),
        Arc::clone(&config.settings),
        Arc::clone(&process.live),
        reading,
        config.reload.poll,
        move |change| told.change(change),
    )
    .map_err(|error| format!("cannot start reloading: {error}"))
}

type Threads = Vec<std::thread::JoinHandle<()>>;

fn start_workers(
    config: &Config,
    process: &Process,
    listeners: Vec<Vec<Listener>>,
    stop: &watch::Receiver<bool>,
) -> Result<Threads, String> {
    let settings = net_settings(config, process);
    let steps = request_settings(config);
    let journal_bytes = config.limits.journal_bytes;
    let mut threads = Vec::new();
    for (number, listeners) in listeners.into_iter().enumerate() {
        let (live, disk, metrics) =
            (Arc::clone(&process.live), Arc::clone(&process.disk), process.metrics.clone());
        let (settings, fleet, steps) = (settings.clone(), Arc::clone(&process.fleet), steps.clone());
        let (census, stop) = (Arc::clone(&process.census), stop.clone());
        let (shadow, learning) = (Arc::clone(&process.shadow), process.learning.clone());
        let throttling = Arc::clone(&process.throttling);
        let make = move || {
            let counts = Rc::new(WorkerMetrics::new(&metrics));
            let journal = Rc::new(disk.worker(journal_bytes));
            let clock = Rc::new(MachineClock::default());
            let origin = Pool::new(&fleet, seed());
            let mut worker = Worker::new(steps, live, origin, journal, counts.clone(), clock, seed());
            worker.shadow = Some(shadow.end());
            worker.learner = learning.map(|learning| learning.end());
            worker.throttle = throttling.worker();
            let upstream_open = Cell::new(0);
            let every_tick = move |open: usize| {
                let open = i64::try_from(open).unwrap_or(i64::MAX);
                counts.upstream_connections(open - upstream_open.replace(open));
                counts.flush();
                throttling.warn(counts.shared());
            };
            (worker, Box::new(every_tick) as Box<dyn Fn(usize)>)
        };
        let serving = move || {
            if let Err(error) = net::serve(listeners, settings, census, stop, make) {
                tracing::error!(%error, "a worker could not serve");
            }
        };
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(serving);
        threads.push(thread.map_err(|error| format!("cannot start a worker: {error}"))?);
    }
    Ok(threads)
}

/// Serves the admin listener and waits for signals.
async fn until_told(
    config: &Config,
    process: &Process,
    reloader: &Reloader,
    (listening, watching): (&Listening, Option<&Watching>),
    stop: &watch::Sender<bool>,
) -> Result<(), String> {
    let address = config.listen.admin;
    let listener = tokio::net::TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let admin_address = listener.local_addr().map_err(|error| error.to_string())?;
    let (disk, census, metrics) =
        (Arc::clone(&process.disk), Arc::clone(&process.census), process.metrics.clone());
    let (reloading, learning) = (reloader.clone(), process.learning.clone());
    let (counted, told) = (Arc::clone(&process.fleet), Arc::clone(&process.fleet));
    let (throttling, live) = (Arc::clone(&process.throttling), Arc::clone(&process.live));
    let (certificates, standing) = (process.certificates.clone(), process.certificates.clone());
    let shared = Arc::clone(&throttling);
    let admin = Arc::new(Admin {
        reloader: reloader.clone(),
        live: Arc::clone(&process.live),
        metrics: process.metrics.clone(),
        log_sheds: disk.sheds(),
        log_writing: Box::new(move || disk.is_writing()),
        draining: Arc::clone(&process.draining),
        upstream: Box::new(move || [upstream::lines(&told), shared.lines()].concat()),
        learned: Box::new(move || Some(learning.as_ref()?.told())),
        certificates: Box::new(move || Some(standing.as_ref()?.standing())),
        refresh: refresh::refresh(metrics, census, counted, certificates, reloading, (throttling, live)),
    });
    let _admin = tokio::task::spawn_local(admin::serve(listener, admin));
    let failed = |error: std::io::Error| format!("cannot wait for signals: {error}");
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let current = process.live.current();
    tracing::info!(
        data = listening.data, tls = listening.tls, admin = %admin_address, upstream = %shown(config),
        snapshot = %current.digest(), policies = current.policies().len(), tenants = current.model().tenants.len(),
        routes = current.model().routes.len(), "serving"
    );
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                tracing::info!("told to reload");
                process.disk.reopen();
                reloader.now();
                if let Some(watching) = watching {
                    watching.now();
                }
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("told to stop; finishing what is under way");
    process.draining.store(true, Ordering::Relaxed);
    stop.send_replace(true);
    Ok(())
}

/// A number that no other worker of any process has: the standard library draws its hash keys at random.
fn seed() -> u64 {
    HashMap::<u8, u8>::new().hasher().hash_one(std::time::SystemTime::now())
}
