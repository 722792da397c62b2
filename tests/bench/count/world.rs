//! The set-up of `tests/bench/whole` in memory, and a whole request through it: every step but the sockets.
//!
//! The steps, the policies, the metrics and the token are the real ones. The app answers from memory, the journal is a
//! buffer, and the clock stands still but for its microseconds, so that two runs do the same.

use std::cell::Cell;
use std::future::Future as _;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Buf as _;
use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use memchr::memmem;
use palisade::audit::journal::InMemory;
use palisade::config::Config;
use palisade::problem::Problem;
use palisade::request::Broken;
use palisade::request::Clock;
use palisade::request::Failure;
use palisade::request::Origin;
use palisade::request::Outbound;
use palisade::request::Peer;
use palisade::request::Worker;
use palisade::snapshot::Draft;
use palisade::snapshot::Live;
use palisade::snapshot::Role;
use palisade::snapshot::SourceFile;
use palisade::snapshot::Sources;
use palisade::telemetry::Metrics;
use palisade::telemetry::WorkerMetrics;

use super::Outcome;

/// Made once by the helper: `backend token --claims …` with the issuer and the audience below. Nobody has its key.
pub(super) const TOKEN: &str = include_str!("../token/token");
/// A second at which the token is valid.
pub(super) const NOW_S: u64 = 1_795_270_000;
/// What the app answers.
pub(super) const BODY: &[u8] = include_bytes!("../body.json");
const WORDS: [(&str, &str); 8] = [
    ("LISTEN", "127.0.0.1:1"),
    ("ADMIN", "127.0.0.1:2"),
    ("APP", "127.0.0.1:3"),
    ("MODEL", "whole"),
    ("DIR", "."),
    ("RECORD", "record"),
    ("ISSUER", "https://issuer.bench.example"),
    ("AUDIENCE", "palisade-bench"),
];
const CLASSES: &str = include_str!("../whole/classes.yaml");
const PUBLIC: &str = include_str!("../bare/routes.yaml");

/// The header lines of each request, as `tests/bench/run` sends them through a client of ordinary talkativeness.
pub(super) const HEADERS: [(&str, &str); 3] =
    [("host", "127.0.0.1:8080"), ("user-agent", "palisade-bench"), ("accept", "*/*")];
pub(super) const PATH: &str = "/patients/p-17";

/// The snapshot of `whole.yaml`, with other routes if given.
pub(super) fn live(routes: &str) -> Outcome<(Config, Arc<Live>)> {
    let word = |name: &str| WORDS.iter().find(|(word, _)| *word == name).map(|(_, text)| (*text).to_owned());
    let read = Config::read("whole.yaml", include_str!("../whole.yaml"), &[], &word);
    let (config, _) = read.map_err(said)?;
    let file = |role, name: &str, text: &str| SourceFile {
        role,
        name: name.into(),
        file: name.into(),
        text: text.into(),
    };
    let policies = || Role::Policies { confined_to: None };
    let files = vec![
        file(Role::Schema, "schema", include_str!("../../../schemas/palisade.cedarschema")),
        file(policies(), "baseline.cedar", include_str!("../../../policies/baseline.cedar")),
        file(policies(), "clinic.cedar", include_str!("../whole/policies/clinic.cedar")),
        file(Role::Tenants, "tenants.yaml", include_str!("../whole/tenants.yaml")),
        file(Role::Classes, "classes.yaml", CLASSES),
        file(Role::Routes, "routes.yaml", routes),
        file(Role::Jwks(0), "jwks.json", include_str!("../token/jwks.json")),
    ];
    let draft = Draft {
        sources: Sources::new(files, Vec::new()),
        settings: Arc::clone(&config.settings),
        problems: Vec::new(),
    };
    let checked = draft.check(NOW_S * 1_000).map_err(said)?;
    Ok((config, Live::new(checked)))
}

pub(super) fn whole() -> Outcome<(Config, Arc<Live>)> {
    live(include_str!("../whole/routes.yaml"))
}

fn said(problems: Vec<Problem>) -> String {
    problems.iter().map(|problem| format!("{}: {}\n", problem.place.file, problem.message)).collect()
}

/// A request with the bearer token, about 900 bytes of head.
pub(super) fn message() -> Outcome<http::Request<()>> {
    let mut request = http::Request::builder().uri(PATH);
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    Ok(request.header("authorization", format!("Bearer {}", TOKEN.trim())).body(())?)
}

pub(super) fn settings(config: &Config) -> palisade::request::Settings {
    palisade::request::Settings {
        durable: palisade::request::Durable::default(),
        bounds: palisade::request::Bounds {
            headers: config.limits.headers,
            target_bytes: config.limits.target_bytes,
            body_bytes: config.limits.body_bytes,
            protected: Vec::new(),
        },
        trusted_peers: Arc::default(),
        api_key_header: config.settings.api_key_header.clone(),
        purpose_header: config.settings.purpose_header.clone(),
        forward_credential: config.upstream.forward_credential,
        total: config.timeouts.total,
        deadline_header: config.upstream.deadline_header.clone(),
        encode: Arc::clone(&config.encode),
        decision_cache: config.decision_cache,
    }
}

/// One request on the whole path: identified, decided, recorded, forwarded, redacted, and its outcome recorded.
pub(super) fn request(count: u64) -> Outcome {
    requests(count, whole()?, |body| {
        memmem::find(body, b"999-71-5003").is_none() && memmem::find(body, b"Fletcher Crona").is_some()
    })
}

/// One request to a public route: recorded and forwarded.
pub(super) fn public(count: u64) -> Outcome {
    requests(count, live(PUBLIC)?, |body| body == BODY)
}

fn requests(count: u64, (config, live): (Config, Arc<Live>), right: impl Fn(&[u8]) -> bool) -> Outcome {
    let metrics = Metrics::new("0")?;
    let worker = Worker::new(
        settings(&config),
        live,
        App,
        Rc::new(InMemory::default()),
        Rc::new(WorkerMetrics::new(&metrics)),
        Rc::new(Ticks::default()),
        7,
    );
    let address = std::net::IpAddr::from([127, 0, 0, 1]);
    let peer =
        Peer { ip: Some(address), text: Some(HeaderValue::from_static("127.0.0.1")), ..Peer::default() };
    let message = message()?;
    let mut waiting = Context::from_waker(Waker::noop());
    let mut body = Vec::with_capacity(2 * BODY.len());
    for _ in 0..count {
        body.clear();
        let request = Box::new(message.clone().map(|()| Once(None)));
        let running = pin!(palisade::request::run(&worker, request, None, &peer));
        // Nothing here has to wait, so one look is enough.
        let Poll::Ready((mut response, _)) = running.poll(&mut waiting) else {
            return Err("it waits".into());
        };
        loop {
            match Pin::new(response.body_mut()).poll_frame(&mut waiting) {
                Poll::Ready(Some(frame)) => {
                    let mut data = frame?.into_data().map_err(|_| "a trailer")?;
                    while data.has_remaining() {
                        let piece = data.chunk();
                        body.extend_from_slice(piece);
                        data.advance(piece.len());
                    }
                }
                Poll::Ready(None) => break,
                Poll::Pending => return Err("its body waits".into()),
            }
        }
        if response.status() != http::StatusCode::OK || !right(&body) {
            return Err(format!("{} {}", response.status(), String::from_utf8_lossy(&body)).into());
        }
    }
    Ok(())
}

/// The app.
struct App;

impl Origin for App {
    type Body = Once;
    type Client = Once;
    type Socket = ();

    async fn open(
        &self,
        _: Box<http::Request<Outbound<Once>>>,
    ) -> Result<(http::response::Parts, Option<()>), Failure> {
        // It switches to no other protocol.
        Ok((http::Response::new(()).into_parts().0, None))
    }

    async fn call(&self, _: Box<http::Request<Outbound<Once>>>) -> Result<http::Response<Once>, Failure> {
        let mut response = http::Response::new(Once(Some(Bytes::from_static(BODY))));
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(BODY.len()));
        Ok(response)
    }
}

/// A body of one piece, or of none.
struct Once(Option<Bytes>);

impl Body for Once {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// A clock that is a microsecond further each time it is asked.
#[derive(Default)]
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn nanos(&self) -> u64 {
        self.0.replace(self.0.get() + 1_000)
    }

    fn wall_ms(&self, _: u64) -> u64 {
        NOW_S * 1_000
    }
}
