//! `palisade-audit serve`: the same questions over HTTP, each caller with the books that the policies let it read.
//!
//! A process of its own: it reads the log's directory, and the configuration for who calls and what the policies say.
//! Never: answers without a proven credential, shows a row of a book that its caller may not read or whose reading is not on
//! record, or takes more questions at once than it has memory for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::Semaphore;

use crate::cli::Exit;
use crate::cli::Out;
use crate::cli::World;
use crate::cli::followed;
use crate::cli::followed::Followed;
use crate::cli::times;
use crate::limits;

use super::Global;
use super::Refused;

use patient::Patient;

mod answers;
mod asked;
mod body;
mod live;
mod patient;

pub(super) const AFTER: &str = "\
Examples:
  palisade-audit serve
  palisade-audit serve --listen 127.0.0.1:9440 --log /var/log/palisade
  curl -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:9440/v1/decisions?tenant=acme&deny&since=24h'
  curl -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:9440/v1/top?by=policy&deny&since=24h'
  curl -H \"authorization: Bearer $TOKEN\" --data 'SELECT action, count(*) FROM decisions GROUP BY 1' http://127.0.0.1:9440/v1/sql
  curl -N -H \"authorization: Bearer $TOKEN\" 'http://127.0.0.1:9440/v1/tail?tenant=acme'

GET /v1/decisions, /v1/top, /v1/pathways, /v1/stats and /v1/tail take the flags of `query`, `top`, `pathways`, `stats` and `tail` as
parameters; POST /v1/sql takes one SELECT. `format` is json (lines; the default), csv, parquet or ocsf. A caller has the credential
that it would show the sidecar, and sees the books for which the policies allow Action::\"audit\". Each answer's reading is on record
before it is sent.

Exit codes: 0 told to stop; 1 it cannot listen, or the log cannot be read; 2 usage; 3 the configuration is invalid.";

/// What `serve` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen. Only an address of this machine, unless --behind-tls is given: callers send credentials.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9440")]
    listen: SocketAddr,
    /// Something in front of it takes TLS off: listen on any address.
    #[arg(long)]
    behind_tls: bool,
    /// The archive. Default: `archive` in the log's directory.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// The log that readings are put on record in. Default: `reads` in the log's directory.
    #[arg(long, value_name = "DIR")]
    reads: Option<PathBuf>,
    /// How many questions are worked on at once; each may take its share of memory.
    #[arg(long, value_name = "COUNT", default_value_t = 2, help_heading = "Bounds")]
    at_once: u8,
    /// The longest that a question may take, whatever its caller says.
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Bounds")]
    timeout: String,
}

/// What all connections share.
struct Server {
    followed: Followed,
    log: PathBuf,
    archive: PathBuf,
    reads: PathBuf,
    timeout: Duration,
    /// Questions that may be worked on now.
    free: Arc<Semaphore>,
    /// Answers that may be in memory, until their callers have taken them.
    out: Arc<Semaphore>,
    /// Streams that may be open.
    streams: Arc<Semaphore>,
}

/// Most connections at once.
const CONNECTIONS_MAX: usize = 256;

/// How long a head may take, and a pause between two questions.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a caller may take nothing of an answer.
const STALL: Duration = Duration::from_secs(30);

/// After the sign to stop, how long what is under way may take.
const DRAIN: Duration = Duration::from_secs(5);

pub(super) fn serve(
    global: &Global,
    arguments: &Arguments,
    world: &World<'_>,
    out: &mut Out,
) -> Result<Exit, Refused> {
    let address = arguments.listen;
    if !address.ip().is_loopback() && !arguments.behind_tls {
        return Err(Refused::usage(format!(
            "callers send credentials, and this speaks no TLS: listen on an address of this machine, not {address}, or say --behind-tls"
        )));
    }
    let timeout = Duration::from_millis(times::duration_ms(&arguments.timeout).map_err(Refused::usage)?);
    let log = global.log(world)?;
    let followed =
        followed::follow(&global.of_palisade(), world, out).map_err(|(exit, why)| Refused(exit, why))?;
    let server = Arc::new(Server {
        followed,
        archive: arguments.archive.clone().unwrap_or_else(|| log.join("archive")),
        reads: arguments.reads.clone().unwrap_or_else(|| log.join(crate::disk::READINGS)),
        log,
        timeout,
        free: Arc::new(Semaphore::new(usize::from(arguments.at_once.max(1)))),
        out: Arc::new(Semaphore::new(limits::AUDIT_ANSWERS_MAX)),
        streams: Arc::new(Semaphore::new(limits::AUDIT_STREAMS_MAX)),
    });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Refused::internal)?;
    runtime.block_on(async {
        let cannot = |why| Refused::internal(format!("cannot listen on {address}: {why}"));
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let at = listener.local_addr().map_err(cannot)?;
        tracing::info!(address = %at, log = %server.log.display(), "answering questions");
        let mut terminate = signal(SignalKind::terminate()).map_err(Refused::internal)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Refused::internal)?;
        tokio::select! {
            () = accept(listener, Arc::clone(&server)) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // No more questions are begun; those under way are answered.
        let all = u32::from(arguments.at_once.max(1));
        drop(tokio::time::timeout(DRAIN, server.free.acquire_many(all)).await);
        tracing::info!("stopped");
        Ok(Exit::Ok)
    })
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    connection(stream, peer, server).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, server: Arc<Server>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(answers::answer(&server, peer.ip(), request).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(limits::AUDIT_HEAD_BYTES_MAX);
    if let Err(error) = builder.serve_connection(TokioIo::new(Patient::new(stream, STALL)), service).await {
        tracing::debug!(%error, %peer, "connection ended");
    }
}
