//! The admin listener: is it alive, is it ready, what has it counted, what did each policy do, what was learned, which version is it.
//!
//! It has its own socket, answers `GET` and `HEAD` only, and says nothing of any request or secret.
//! Never: changes anything, or is reachable through the data listener.

mod policies;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::door::Standing;
use crate::identity::Signer;
use crate::problem::Problem;
use crate::reload::Fetched;
use crate::reload::Reloader;
use crate::reload::Supplied;
use crate::snapshot::Live;
use crate::snapshot::Origin;
use crate::telemetry::Metrics;

/// What the answers are made of.
pub struct Admin {
    /// How reloading stands.
    pub reloader: Reloader,
    /// The live snapshot, and what is looked at beside it.
    pub live: Arc<Live>,
    /// What has been counted.
    pub metrics: Metrics,
    /// Can the decision log be written?
    pub log_writing: Box<dyn Fn() -> bool + Send + Sync>,
    /// Do requests go on where it cannot?
    pub log_sheds: bool,
    /// Is it stopping? Then it is alive, and not ready.
    pub draining: Arc<AtomicBool>,
    /// How each endpoint of the app fares: is it well, and what is to be said.
    pub upstream: Box<dyn Fn() -> Vec<(bool, String)> + Send + Sync>,
    /// What was learned from bodies, as JSON; nothing where nothing is.
    pub learned: Box<dyn Fn() -> Option<String> + Send + Sync>,
    /// How the certificates of the listeners stand; nothing where there are none.
    pub certificates: Box<dyn Fn() -> Option<Standing> + Send + Sync>,
    /// Counts that only a look makes: connections open now.
    pub refresh: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// Most connections that are served at once; probes and scrapers are few.
const CONNECTIONS_MAX: usize = 64;

/// Longest that one of them takes.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let free = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let admin = Arc::clone(&admin);
                tokio::task::spawn_local(async move {
                    connection(stream, peer, admin).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept connections");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, admin: Arc<Admin>) {
    let service = service_fn(move |request| {
        let response = admin.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // One answer a connection, and a time for it: whoever does not read it must not take a place for ever.
    builder.keep_alive(false).max_buf_size(16 << 10);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIME, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, %peer, "admin connection ended"),
        Err(_) => tracing::debug!(%peer, "admin connection took too long"),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const JWKS: &str = "application/jwk-set+json";
/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Body = http_body_util::Full<Bytes>;

impl Admin {
    fn answer(&self, request: &http::Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
        }
        let verbose =
            request.uri().query().is_some_and(|query| query.split('&').any(|name| name == "verbose"));
        match request.uri().path() {
            "/livez" | "/healthz" => answer(StatusCode::OK, TEXT, "ok\n".into()),
            "/readyz" => self.ready(verbose),
            // It listens only once the first snapshot is live.
            "/startupz" => answer(StatusCode::OK, TEXT, "ok\n".into()),
            "/metrics" => {
                (self.refresh)();
                answer(StatusCode::OK, METRICS, self.metrics.text())
            }
            "/policies" => match policies::page(&self.live, request.uri().query().unwrap_or_default()) {
                Some(page) => answer(StatusCode::OK, JSON, format!("{page}\n")),
                None => answer(StatusCode::NOT_FOUND, TEXT, "there are no such policies\n".into()),
            },
            "/learned" => match (self.learned)() {
                Some(learned) => answer(StatusCode::OK, JSON, format!("{learned}\n")),
                None => answer(StatusCode::NOT_FOUND, TEXT, "nothing is learned here\n".into()),
            },
            "/.well-known/jwks.json" => match self.live.current().signer().map(Signer::jwks) {
                Some(jwks) => answer(StatusCode::OK, JWKS, jwks.to_string()),
                None => answer(StatusCode::NOT_FOUND, TEXT, "nothing is signed here\n".into()),
            },
            "/version" => answer(StatusCode::OK, JSON, version()),
            _ => answer(
                StatusCode::NOT_FOUND,
                TEXT,
                "try /livez /readyz /readyz?verbose /startupz /metrics /policies /learned /.well-known/jwks.json /version\n".into(),
            ),
        }
    }

    /// A bad edit does not make it unready: the last good snapshot serves. It shows with `?verbose`.
    fn ready(&self, verbose: bool) -> Response<Body> {
        let draining = self.draining.load(Ordering::Relaxed);
        let writing = (self.log_writing)();
        let ready = !draining && (writing || self.log_sheds);
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if !verbose {
            let said = match (ready, writing) {
                (true, true) => "ok\n",
                (true, false) => "degraded\n",
                (false, _) => "not ready\n",
            };
            return answer(status, TEXT, said.into());
        }
        let reload = self.reloader.status();
        let mut text = format!(
            "[{}] accepting requests\n[{}] decision log{}\n[+] snapshot {} generation {}\n",
            mark(!draining),
            mark(writing),
            if self.log_sheds && !writing { ": degraded, requests go on without records" } else { "" },
            reload.live,
            reload.generation
        );
        match &reload.refused {
            None => text.push_str("[+] files are what is live\n"),
            Some(refused) => {
                text.push_str("[!] the last edit was refused; the last good snapshot stays\n");
                tell(&refused.problems, &mut text);
            }
        }
        if let Some(standing) = (self.certificates)() {
            text.push_str(if standing.refused.is_empty() {
                "[+] certificates are what is in use\n"
            } else {
                "[!] the last certificates were refused; the last good ones stay\n"
            });
            tell(&standing.refused, &mut text);
        }
        for one in self.live.beside().iter().flat_map(|beside| &beside.all) {
            let what = match one.origin {
                Origin::Candidate => format!("candidate {}", one.snapshot.digest()),
                Origin::Mode => "policies in shadow mode".to_owned(),
            };
            text.push_str(&match one.is_stopped() {
                false => format!("[+] looking at {what}\n"),
                true => format!("[!] no longer looking at {what}: too many new denials\n"),
            });
        }
        if !reload.candidate_problems.is_empty() {
            text.push_str("[!] the candidate is broken, and is not looked at\n");
            tell(&reload.candidate_problems, &mut text);
        }
        for (good, line) in self.reloader.supplied().iter().flat_map(Supplied::lines) {
            text.push_str(&format!("[{}] {line}\n", if good { '+' } else { '!' }));
        }
        for (good, line) in (self.upstream)() {
            text.push_str(&format!("[{}] {line}\n", if good { '+' } else { '!' }));
        }
        for (good, line) in self.reloader.fetched().iter().map(Fetched::line) {
            text.push_str(&format!("[{}] {line}\n", if good { '+' } else { '!' }));
        }
        text.push_str(if ready { "ready\n" } else { "not ready\n" });
        answer(status, TEXT, text)
    }
}

fn tell(problems: &[Problem], text: &mut String) {
    for problem in problems {
        let Problem { code, place, message, .. } = problem;
        text.push_str(&format!("    {}:{}:{}: {code}: {message}\n", place.file, place.line, place.column));
    }
}

fn mark(good: bool) -> char {
    if good { '+' } else { '-' }
}

fn version() -> String {
    let value = serde_json::json!({ "name": "palisade", "version": env!("CARGO_PKG_VERSION") });
    format!("{value}\n")
}

fn answer(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
