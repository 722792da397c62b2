//! HTTP/2 to the app: many requests on one connection, calls of gRPC with their trailers, streams both ways, and deadlines.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../src/redact/tests/proto/build.rs"]
mod build;
mod common;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use build::bytes;
use build::number;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::sync::mpsc;

use common::Folder;
use common::Sidecar;
use common::key;
use common::secret;

/// A body whose pieces somebody sends.
struct Pieces(mpsc::Receiver<Frame<Bytes>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// A body of these frames, which end it.
fn whole(frames: Vec<Frame<Bytes>>) -> Pieces {
    let (sender, receiver) = mpsc::channel(8);
    frames.into_iter().for_each(|frame| sender.try_send(frame).unwrap());
    Pieces(receiver)
}

fn data(piece: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(piece.into())
}

fn trailers(status: &'static str) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.parse().unwrap());
    trailers.insert("grpc-message", "no%20SECRET".parse().unwrap());
    trailers.insert("grpc-status-details-bin", "SECRET".parse().unwrap());
    Frame::trailers(trailers)
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn patient() -> Vec<u8> {
    [bytes(1, "Ada"), bytes(2, "SECRET")].concat()
}

/// An app that speaks HTTP/2 alone.
#[derive(Clone, Default)]
struct App {
    /// Requests as they arrived: method, target, and the headers that tests look at.
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    /// Lets the second message of a stream go.
    goes_on: Arc<Notify>,
}

impl App {
    fn start(self) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    self.connections.fetch_add(1, Ordering::SeqCst);
                    let app = self.clone();
                    let service = hyper::service::service_fn(move |request| {
                        let app = app.clone();
                        async move { Ok::<_, Infallible>(app.answer(request).await) }
                    });
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
                }
            });
        });
        address
    }

    async fn answer(&self, request: http::Request<Incoming>) -> http::Response<Pieces> {
        let header =
            |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
        let told = ["te", "host", "grpc-timeout", "x-left", "x-palisade-tenant"].map(header).join(" ");
        self.seen.lock().unwrap().push(format!("{} {} {told}", request.method(), request.uri()));
        let grpc = http::Response::builder().header("content-type", "application/grpc");
        match request.uri().path() {
            "/clinic/Get" => {
                let mut body = request.into_body();
                while let Some(frame) = body.frame().await {
                    frame.unwrap();
                }
                grpc.body(whole(vec![data(framed(&patient())), trailers("0")])).unwrap()
            }
            "/clinic/Gone" => grpc.header("grpc-status", "5").body(whole(Vec::new())).unwrap(),
            "/clinic/Stream" => {
                let (sender, receiver) = mpsc::channel(1);
                let goes_on = Arc::clone(&self.goes_on);
                tokio::spawn(async move {
                    for _ in 0..3 {
                        sender.send(data(framed(&patient()))).await.unwrap();
                        goes_on.notified().await;
                    }
                    drop(sender.send(trailers("0")).await);
                });
                grpc.body(Pieces(receiver)).unwrap()
            }
            "/clinic/Both" => {
                let (sender, receiver) = mpsc::channel(1);
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    while let Some(Ok(frame)) = body.frame().await {
                        if let Ok(piece) = frame.into_data() {
                            sender.send(data(piece)).await.unwrap();
                        }
                    }
                    sender.send(trailers("0")).await.unwrap();
                });
                grpc.body(Pieces(receiver)).unwrap()
            }
            "/clinic/Hang" => std::future::pending().await,
            _ => http::Response::new(whole(vec![data("{\"a\":1}")])),
        }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// What `protoc` makes of a file with one message: a name, and an e-mail that has a class.
fn descriptors() -> Vec<u8> {
    let field = |name: &str, tag, options: Vec<u8>| {
        bytes(2, [bytes(1, name), number(3, tag), number(4, 1), number(5, 9), options].concat())
    };
    let email = bytes(8, bytes(57_310, "pii.contact.email"));
    let message = [bytes(1, "Patient"), field("name", 1, Vec::new()), field("email", 2, email)].concat();
    bytes(1, [bytes(2, "clinic"), bytes(4, message)].concat())
}

fn start(app: SocketAddr, more: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(app);
    let config = folder
        .read("palisade.yaml")
        .replace("workers: 2", "workers: 1")
        .replace("upstream: {", &format!("upstream: {{protocol: h2c, {more}"))
        .replace("routes: [routes.yaml]", "routes: [routes.yaml], descriptors: [clinic.pb]")
        .replace("listen: {", "listen: {h2c: true, ");
    folder.write("palisade.yaml", &config);
    std::fs::write(folder.path("clinic.pb"), descriptors()).unwrap();
    let body = "response: {protobuf: clinic.Patient}";
    let routes = ["Get", "Gone", "Stream", "Both", "Hang"]
        .map(|name| format!("  - {{method: POST, path: /clinic/{name}, action: read, {body}}}\n"));
    folder.write("routes.yaml", &(common::ROUTES.to_owned() + &routes.concat()));
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn connect(sidecar: &Sidecar) -> SendRequest<Pieces> {
    let stream = tokio::net::TcpStream::connect(sidecar.data).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

fn call(who: &str, path: &str) -> http::request::Builder {
    http::Request::post(format!("http://app.example{path}"))
        .header("x-api-key", format!("{who}.{}", secret(who)))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// The next message, or the trailers.
async fn next(body: &mut Incoming) -> Result<Vec<u8>, HeaderMap> {
    match body.frame().await.unwrap().unwrap().into_data() {
        Ok(data) => Ok(data.to_vec()),
        Err(frame) => Err(frame.into_trailers().unwrap()),
    }
}

/// The status that ends a call, from the trailers or the head.
async fn status(response: http::Response<Incoming>) -> String {
    let (head, mut body) = response.into_parts();
    let mut found = head.headers.get("grpc-status").cloned();
    while let Some(frame) = body.frame().await {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            found = trailers.get("grpc-status").cloned();
        }
    }
    found.unwrap().to_str().unwrap().to_owned()
}

#[test]
fn many_requests_share_one_connection_and_say_what_was_judged() {
    let app = App::default();
    let (folder, sidecar) = start(app.clone().start(), "");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = common::Client::connect(sidecar.data);
                for id in 0..10 {
                    let head = format!("GET /plain?id={id} HTTP/1.1\r\nHost: App.Example.\r\n{}", key("ann"));
                    let answer = client.ask(&head, b"");
                    assert_eq!((answer.status, answer.text()), (200, "{\"a\":1}".to_owned()));
                    assert!(!answer.headers.contains_key("te"));
                }
            });
        }
    });
    let seen = app.seen();
    assert_eq!((seen.len(), app.connections.load(Ordering::SeqCst)), (80, 1));
    assert!(seen.iter().all(|line| line.starts_with("GET http://app.example/plain?id=")), "{seen:?}");
    // The host is told once, and nothing of the hop.
    assert!(seen.iter().all(|line| line.ends_with(" - - - - acme")), "{seen:?}");
    let head = format!("POST /plain HTTP/1.1\r\ncontent-type: application/json\r\n{}", key("ann"));
    assert_eq!(common::Client::connect(sidecar.data).ask(&head, b"{\"b\":[1,2]}").status, 200);
    assert_eq!(folder.records("outcome", 81).len(), 81);
}

#[test]
fn a_call_of_grpc_passes_with_its_trailers_and_its_messages_are_redacted() {
    let app = App::default();
    let (_folder, sidecar) = start(app.clone().start(), "");
    run(async {
        let mut client = connect(&sidecar).await;
        for (who, message) in [("ann", patient()), ("des", bytes(1, "Ada"))] {
            let request =
                call(who, "/clinic/Get").body(whole(vec![data(framed(b"")), trailers("9")])).unwrap();
            let mut body = client.send_request(request).await.unwrap().into_body();
            assert_eq!(next(&mut body).await, Ok(framed(&message)), "{who}");
            let trailers = next(&mut body).await.unwrap_err();
            assert_eq!(trailers["grpc-status"], "0", "{who}");
            assert_eq!(who == "des", !format!("{trailers:?}").contains("SECRET"), "{who}: {trailers:?}");
        }
        // A status that is all there is.
        let request = call("des", "/clinic/Gone").body(whole(vec![data(framed(b""))])).unwrap();
        assert_eq!(status(client.send_request(request).await.unwrap()).await, "5");
        // Who is refused is told so in terms of gRPC.
        for (who, path, code) in
            [("gil", "/clinic/Get", "0"), ("nobody", "/clinic/Get", "16"), ("ann", "/none", "12")]
        {
            let request = call(who, path).body(whole(vec![data(framed(b""))])).unwrap();
            let answer = client.send_request(request).await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), status(answer).await),
                (200, code.to_owned()),
                "{who} {path}"
            );
        }
    });
    assert!(app.seen().iter().all(|line| line.contains(" trailers - ")), "{:?}", app.seen());
}

#[test]
fn streams_of_grpc_go_on_both_ways_message_by_message() {
    let app = App::default();
    let (_folder, sidecar) = start(app.clone().start(), "");
    run(async {
        let mut client = connect(&sidecar).await;
        let request = call("des", "/clinic/Stream").body(whole(vec![data(framed(b""))])).unwrap();
        let mut body = client.send_request(request).await.unwrap().into_body();
        for _ in 0..3 {
            // The app sends the next one only once this one is here.
            assert_eq!(next(&mut body).await, Ok(framed(&bytes(1, "Ada"))));
            app.goes_on.notify_one();
        }
        assert_eq!(next(&mut body).await.unwrap_err()["grpc-status"], "0");
        let (sender, receiver) = mpsc::channel(1);
        let request = call("des", "/clinic/Both").body(Pieces(receiver)).unwrap();
        let mut body = client.send_request(request).await.unwrap().into_body();
        for _ in 0..3 {
            sender.send(data(framed(&patient()))).await.unwrap();
            assert_eq!(next(&mut body).await, Ok(framed(&bytes(1, "Ada"))));
        }
        drop(sender);
        assert_eq!(next(&mut body).await.unwrap_err()["grpc-status"], "0");
    });
    assert_eq!(app.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_callers_deadline_bounds_its_call_and_the_app_is_told_what_is_left() {
    let app = App::default();
    let (folder, sidecar) =
        start(app.clone().start(), "deadline_header: x-left, eject: {failures: 1, refuse: true}, ");
    run(async {
        let mut client = connect(&sidecar).await;
        for path in ["/clinic/Hang", "/clinic/Stream"] {
            let request = call("des", path).header("grpc-timeout", "400m").header("x-left", "9999");
            let request = request.body(whole(vec![data(framed(b""))])).unwrap();
            assert_eq!(status(client.send_request(request).await.unwrap()).await, "4", "{path}");
        }
        // That its time is over says nothing of the app: it is not left alone for that.
        let request = call("des", "/clinic/Get").header("grpc-timeout", "1H");
        let request = request.body(whole(vec![data(framed(b""))])).unwrap();
        assert_eq!(status(client.send_request(request).await.unwrap()).await, "0");
        let request = call("des", "/clinic/Get").header("grpc-timeout", "soon");
        let request = request.body(whole(vec![data(framed(b""))])).unwrap();
        assert_eq!(status(client.send_request(request).await.unwrap()).await, "0");
    });
    let told: Vec<(Option<u64>, u64)> = app
        .seen()
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| word.trim_end_matches('m').parse().ok();
            (number(words.get(4).unwrap()), number(words.get(5).unwrap()).unwrap())
        })
        .collect();
    for (call, most) in told.iter().zip([400, 400, 300_000]) {
        let left = call.0.unwrap();
        assert!(left <= most && left > 0 && call.1 == left, "{told:?}");
    }
    // What cannot be read is not passed on; what is left of all requests' time is.
    assert!(told.last().is_some_and(|call| call.0.is_none() && (1..=300_000).contains(&call.1)), "{told:?}");
    let outcomes = folder.records("outcome", 4);
    assert!(outcomes.iter().any(|outcome| outcome["ended"] == "upstream_timeout"), "{outcomes:?}");
}

#[test]
fn where_the_app_is_away_a_caller_of_grpc_may_try_elsewhere_and_is_heard_when_it_is_back() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let (_folder, sidecar) = start(address, "");
    run(async {
        let mut client = connect(&sidecar).await;
        let asked = (0..5).map(|_| {
            let request = call("des", "/clinic/Get").body(whole(vec![data(framed(b""))])).unwrap();
            client.send_request(request)
        });
        for answer in asked.collect::<Vec<_>>() {
            assert_eq!(status(answer.await.unwrap()).await, "14");
        }
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            // The first connection is closed as soon as it is there, the next ones are an app's.
            let _first = listener.accept().await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let app = App::default();
            let service = hyper::service::service_fn(move |request| {
                let app = app.clone();
                async move { Ok::<_, Infallible>(app.answer(request).await) }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
        let mut last = String::new();
        for _ in 0..100 {
            let request = call("des", "/clinic/Get").body(whole(vec![data(framed(b""))])).unwrap();
            last = status(client.send_request(request).await.unwrap()).await;
            if last == "0" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(last, "0");
    });
}
