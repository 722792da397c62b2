//! One client connection: which protocol it speaks, and each of its requests to [`request::run`].
//!
//! Never: looks into a request. A flaw that the wire found travels with the request that stands for it.

use std::cell::Cell;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;

use crate::net::Station;
use crate::net::TICK;
use crate::net::entrance::Accepted;
use crate::net::entrance::Entered;
use crate::net::entrance::Speaks;
use crate::net::entrance::enter;
use crate::net::lent::Lent;
use crate::net::line::Line;
use crate::net::stream::Stream;
use crate::net::tunnel;
use crate::net::tunnel::Opened;
use crate::net::upstream;
use crate::net::vigil::ticks;
use crate::net::wire::Wire;
use crate::request;
use crate::request::Answer;
use crate::request::Peer;

/// Serves one connection to its end.
pub(super) async fn serve(accepted: Accepted, station: &Rc<Station>) {
    let line = Rc::new(Line::new(station.tick.get()));
    station.lines.borrow_mut().push(Rc::downgrade(&line));
    let Entered { mut stream, peer, speaks, flaw, is_certified } = match enter(accepted, station).await {
        Ok(entered) => entered,
        Err(why) => return station.census.turn_away(why),
    };
    let peer = Rc::new(peer);
    if let Some(age) = station.settings.age(is_certified) {
        line.leaves_at(station.tick.get().saturating_add(ticks(age)));
    }
    let (start, h2) = match speaks {
        Speaks::AsItBegins => sniff(&mut stream, station).await,
        Speaks::Http1 => (Vec::new(), false),
        Speaks::Http2 => (Vec::new(), true),
    };
    let bounds = (!h2).then_some(station.settings.guard);
    let mut wire = Wire::new(stream, bounds, &start, Rc::clone(&line), Rc::clone(&station.tick));
    if let Some(flaw) = flaw {
        wire.refuse(flaw);
    }
    let opened = Rc::new(RefCell::new(None));
    let service = service_fn(|request| {
        let opened = Rc::clone(&opened);
        handle(Rc::clone(station), Rc::clone(&line), Rc::clone(&peer), opened, Box::new(request))
    });
    let served = if h2 {
        let connection = http2(station).serve_connection(TokioIo::new(wire), service);
        until_drained(connection, station, &line, |connection| connection.graceful_shutdown()).await
    } else {
        let wire = Rc::new(RefCell::new(wire));
        let lent = Lent(Rc::clone(&wire));
        let served = http1(station).serve_connection(TokioIo::new(lent), service).await;
        if let (Ok(()), Some(opened), Some(wire)) = (&served, opened.take(), Rc::into_inner(wire)) {
            Box::pin(tunnel::run(opened, wire.into_inner().open(), Rc::clone(station))).await;
        }
        served
    };
    if let Err(error) = served {
        // A client that leaves is nothing to report; what it asked for is on record.
        tracing::debug!(%error, "connection ended");
    }
}

/// Drives an HTTP/2 connection. While draining it is told to take no new streams; one that has just been accepted
/// takes its first.
async fn until_drained<C: Future>(
    connection: C,
    station: &Station,
    line: &Line,
    leave: impl Fn(Pin<&mut C>),
) -> C::Output {
    let mut connection = std::pin::pin!(connection);
    let mut told = false;
    std::future::poll_fn(|cx| {
        let is_over = || station.draining.get() || line.is_old(station.tick.get());
        if !told && is_over() && line.has_asked() {
            told = true;
            leave(connection.as_mut());
        }
        connection.as_mut().poll(cx)
    })
    .await
}

async fn handle(
    station: Rc<Station>,
    line: Rc<Line>,
    peer: Rc<Peer>,
    opened: Rc<RefCell<Option<Opened>>>,
    request: Box<http::Request<Incoming>>,
) -> Result<http::Response<Tracked>, std::convert::Infallible> {
    let flaw = line.enter(station.tick.get());
    station.worker.throttle.begins();
    let visit = Visit { station, line };
    let http1 = request.version() != http::Version::HTTP_2;
    let (mut response, socket) = request::run(&visit.station.worker, request, flaw, &peer).await;
    if let Some((tunnel, socket)) = socket {
        visit.line.opens();
        opened.replace(Some(Opened { tunnel, socket, visit }));
        return Ok(response.map(|answer| Tracked { answer, is_alone: false, visit: None }));
    }
    visit.line.opens_nothing();
    if http1 {
        if visit.station.draining.get() || visit.line.is_old(visit.station.tick.get()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    } else {
        // Connection-level headers do not exist in HTTP/2 (RFC 9113 section 8.2.2).
        response.headers_mut().remove(header::CONNECTION);
    }
    Ok(response.map(|answer| Tracked { answer, is_alone: http1, visit: Some(visit) }))
}

/// One request on a connection, from its head to the end of its answer, or of the WebSocket that it opens.
pub(super) struct Visit {
    station: Rc<Station>,
    line: Rc<Line>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.station.worker.throttle.is_over();
        self.line.leave(self.station.tick.get());
    }
}

/// An answer that tells its connection when it has been sent.
struct Tracked {
    answer: Answer<upstream::Answer>,
    /// Is it the only one on its connection, as in HTTP/1.1? Then no more of it is made than the client takes; HTTP/2 sees to
    /// that for each stream by itself.
    is_alone: bool,
    /// That of a WebSocket goes on.
    visit: Option<Visit>,
}

impl http_body::Body for Tracked {
    type Data = crate::redact::Redacted;
    type Error = crate::request::Cut;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        let tracked = self.get_mut();
        if tracked.is_alone && tracked.visit.as_ref().is_some_and(|visit| !visit.line.takes(cx)) {
            return std::task::Poll::Pending;
        }
        std::pin::Pin::new(&mut tracked.answer).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.answer.size_hint()
    }
}

/// The start of every HTTP/2 connection (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear which protocol this is. What was read is part of the connection.
async fn sniff(stream: &mut Stream, station: &Station) -> (Vec<u8>, bool) {
    let mut start = Vec::with_capacity(PREFACE.len());
    let reading = async {
        while start.len() < PREFACE.len() && PREFACE.starts_with(&start) {
            let mut piece = [0; PREFACE.len()];
            let wanted = PREFACE.len() - start.len();
            match stream.read(piece.get_mut(..wanted).unwrap_or_default()).await {
                Ok(read) if read > 0 => start.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Ok(_) | Err(_) => return,
            }
        }
    };
    drop(tokio::time::timeout(station.settings.head_timeout, reading).await);
    let h2 = start == PREFACE;
    (start, h2)
}

/// Header lines that hyper takes without being told.
const PARSER_HEADERS: usize = 100;

fn http1(station: &Station) -> hyper::server::conn::http1::Builder {
    let mut builder = hyper::server::conn::http1::Builder::new();
    let guard = &station.settings.guard;
    // Up to its own default the parser keeps headers on its stack; the guard holds to a smaller bound by itself.
    if guard.headers > PARSER_HEADERS {
        builder.max_headers(guard.headers);
    }
    builder
        .half_close(true)
        // The guard's bounds come first; the parser's buffer only has to hold what the guard lets through.
        .max_buf_size(guard.head_bytes.saturating_mul(2).max(64 << 10));
    builder
}

fn http2(station: &Station) -> hyper::server::conn::http2::Builder<Streams> {
    let settings = &station.settings;
    // Only when the app's own time is over is it the client that nothing moves for.
    let patience = station.worker.origin.patience() + TICK;
    let mut builder = hyper::server::conn::http2::Builder::new(Streams { patience, total: settings.total });
    builder
        .max_concurrent_streams(settings.streams_max)
        .max_header_list_size(u32::try_from(settings.guard.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(1 << 20)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(200)
        .max_send_buf_size(64 << 10);
    builder
}

/// Spawns the streams of an HTTP/2 connection on the worker's own thread.
///
/// A client may keep a stream's window shut while its connection is busy, and so hold a connection to the app for as
/// long as it likes. A stream that nothing happens to is dropped, which resets it.
#[derive(Debug, Clone, Copy)]
struct Streams {
    patience: Duration,
    total: Duration,
}

impl<F: Future + 'static> hyper::rt::Executor<F> for Streams
where
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(self.bound(future));
    }
}

impl Streams {
    /// Drives a stream until it ends, is left alone for `patience`, or has lasted for `total`, in whole patiences.
    async fn bound<F: Future>(self, stream: F) {
        let mut stream = std::pin::pin!(stream);
        let polls = Cell::new(0_u64);
        let mut counted = std::pin::pin!(std::future::poll_fn(|cx| {
            polls.set(polls.get() + 1);
            stream.as_mut().poll(cx)
        }));
        let mut lasted = Duration::ZERO;
        while self.total.is_zero() || lasted < self.total {
            // The timer itself makes two: when it begins and when it is over.
            let quiet = polls.get() + 2;
            if tokio::time::timeout(self.patience, &mut counted).await.is_ok() || polls.get() <= quiet {
                return;
            }
            lasted += self.patience;
        }
    }
}
