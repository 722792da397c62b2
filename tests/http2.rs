//! HTTP/2 without TLS, by prior knowledge: the same promises as over HTTP/1.1, through a real client's frames.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;

use common::Folder;
use common::Sidecar;
use common::Upstream;
use common::json_answer;
use common::secret;

type Body = BoxBody<Bytes, std::convert::Infallible>;

fn start(upstream: &Upstream, more: &str) -> (Folder, Sidecar) {
    let folder = Folder::new(upstream.address);
    let config = folder.read("palisade.yaml").replace("workers: 2", "workers: 1");
    folder.write("palisade.yaml", &(config.replace("listen: {", "listen: {h2c: true, ") + more));
    let sidecar = Sidecar::start(&folder);
    (folder, sidecar)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn connect(sidecar: &Sidecar) -> SendRequest<Body> {
    let stream = tokio::net::TcpStream::connect(sidecar.data).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

fn body(text: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(text.into()).boxed()
}

/// A body that has given this much and then waits for ever.
struct Endless(Option<Bytes>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(data) => Poll::Ready(Some(Ok(http_body::Frame::data(data)))),
            None => Poll::Pending,
        }
    }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    let key = format!("ann.{}", secret("ann"));
    http::Request::builder().method(method).uri(format!("http://a{path}")).header("x-api-key", key)
}

/// A whole body and its trailers.
async fn whole(response: http::Response<hyper::body::Incoming>) -> (String, http::HeaderMap) {
    let (mut body, mut bytes, mut trailers) = (response.into_body(), Vec::new(), http::HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
    }
    (String::from_utf8(bytes).unwrap(), trailers)
}

fn upstream_connections(sidecar: &Sidecar) -> String {
    let text = sidecar.admin("/metrics").text();
    let line = text.lines().find(|line| line.starts_with("palisade_upstream_connections ")).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn bodies_travel_both_ways_and_the_app_gets_http11() {
    let upstream = Upstream::start(|_, body| Some(json_answer(&body.len().to_string())));
    let (folder, sidecar) = start(&upstream, "");
    run(async {
        let mut client = connect(&sidecar).await;
        let cookies = request("POST", "/plain")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers");
        let answer = client.send_request(cookies.body(body("x".repeat(200_000))).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("connection")), (200, false));
        assert_eq!(whole(answer).await.0, "200000");
        let answer = client.send_request(request("HEAD", "/plain").body(body("")).unwrap()).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["content-length"].to_str().unwrap()),
            (200, "1")
        );
        let answer = client.send_request(request("GET", "/nowhere").body(body("")).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 404);
    });
    let heads = upstream.heads();
    assert!(
        heads[0].starts_with("POST /plain HTTP/1.1\r\n") && heads[0].contains("cookie: a=1; b=2\r\n"),
        "{}",
        heads[0]
    );
    assert!(heads[0].contains("host: a\r\n") && !heads[0].contains("\r\nte:"));
    assert_eq!(folder.records("decision", 3).len(), 3);
    assert_eq!(folder.records("outcome", 2).len(), 2);
}

#[test]
fn host_and_authority_name_the_same_host() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(&upstream, "");
    run(async {
        let mut client = connect(&sidecar).await;
        for (host, status) in [("a", 200), ("A.", 200), ("b", 400), ("a, b", 400), ("u@a", 400)] {
            let asked = request("GET", "/plain").header("host", host).body(body("")).unwrap();
            assert_eq!(client.send_request(asked).await.unwrap().status(), status, "{host}");
        }
        let twice = request("GET", "/plain").header("host", "a").header("host", "a").body(body("")).unwrap();
        assert_eq!(client.send_request(twice).await.unwrap().status(), 400);
    });
    assert_eq!(folder.records("decision", 6).len(), 6);
    assert_eq!(upstream.heads().len(), 2);
}

#[test]
fn a_body_of_another_length_than_it_said_never_arrives_whole() {
    let upstream = Upstream::json("{}");
    let (folder, sidecar) = start(&upstream, "");
    run(async {
        for said in ["3", "9"] {
            let mut client = connect(&sidecar).await;
            let asked = request("POST", "/plain").header("content-length", said).body(body("12345")).unwrap();
            drop(client.send_request(asked).await);
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(upstream.heads().len(), 0);
    assert_eq!(folder.records("outcome", 0).len(), folder.records("decision", 0).len());
}

#[test]
fn a_large_body_is_refused_and_the_connection_serves_on() {
    let upstream = Upstream::json("{}");
    let (_folder, sidecar) = start(&upstream, "limits: {body_bytes: 1KiB}\n");
    run(async {
        let mut client = connect(&sidecar).await;
        for _ in 0..3 {
            let asked = request("POST", "/plain").body(body("x".repeat(50_000))).unwrap();
            assert_eq!(client.send_request(asked).await.unwrap().status(), 413);
        }
        let answer = client.send_request(request("GET", "/plain").body(body("")).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

#[test]
fn trailers_end_an_answer() {
    let upstream = Upstream::start(|_, _| {
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 1\r\nx-palisade-tenant: forged\r\n\r\n";
        Some(answer.into())
    });
    let (folder, sidecar) = start(&upstream, "");
    run(async {
        let mut client = connect(&sidecar).await;
        let answer = client.send_request(request("GET", "/plain").body(body("")).unwrap()).await.unwrap();
        let (text, trailers) = whole(answer).await;
        assert_eq!((text.as_str(), trailers["x-sum"].to_str().unwrap(), trailers.len()), ("{}", "1", 1));
    });
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "complete");
}

#[test]
fn a_caller_that_does_not_read_its_answer_does_not_hold_the_app() {
    let upstream = Upstream::start(|_, _| Some(json_answer(&format!("\"{}\"", "x".repeat(8 << 20)))));
    let (folder, sidecar) = start(&upstream, "timeouts: {body_idle: 1s}\n");
    run(async {
        let mut client = connect(&sidecar).await;
        let mut unread = Vec::new();
        for _ in 0..10 {
            unread.push(client.send_request(request("GET", "/plain").body(body("")).unwrap()).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(upstream_connections(&sidecar), "10");
        // Twice as long as an app is waited for, with one more attempt to reach it.
        let started = Instant::now();
        while upstream_connections(&sidecar) != "0" {
            assert!(
                started.elapsed() < Duration::from_secs(16),
                "{} are held",
                upstream_connections(&sidecar)
            );
            // Something else goes on, so that neither the connection nor the request of another is idle.
            let other =
                client.send_request(request("GET", "/nowhere").body(body("")).unwrap()).await.unwrap();
            assert_eq!(other.status(), 404);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        drop(unread);
    });
    assert!(folder.records("outcome", 10).iter().all(|record| record["ended"] == "aborted"));
}

#[test]
fn an_upload_that_never_ends_leaves_nothing_behind() {
    let upstream = Upstream::start(|_, _| Some(json_answer("{}")));
    let (_folder, sidecar) = start(&upstream, "timeouts: {body_idle: 1s}\n");
    run(async {
        let mut client = connect(&sidecar).await;
        let endless = BoxBody::new(Endless(Some("{".into())));
        let asked = request("POST", "/plain").body(endless).unwrap();
        // The app waits for the rest of the body.
        assert_eq!(client.send_request(asked).await.unwrap().status(), 504);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(upstream_connections(&sidecar), "0");
        let answer = client.send_request(request("GET", "/plain").body(body("")).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

#[test]
fn told_to_stop_it_says_so_and_finishes_what_is_in_flight() {
    let upstream = Upstream::start(|_, _| {
        std::thread::sleep(Duration::from_millis(900));
        Some(json_answer("{}"))
    });
    let (folder, mut sidecar) = start(&upstream, "");
    run(async {
        let mut client = connect(&sidecar).await;
        let asked = client.send_request(request("GET", "/plain").body(body("")).unwrap());
        let stop = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            sidecar.signal("TERM");
        };
        let (answer, ()) = tokio::join!(asked, stop);
        assert_eq!(answer.unwrap().status(), 200);
        // GOAWAY was seen: this connection takes no more requests.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(client.is_closed() || client.ready().await.is_err());
    });
    assert!(sidecar.child.wait().unwrap().success());
    assert_eq!(folder.records("outcome", 1)[0]["ended"], "complete");
}

#[test]
fn streams_that_are_reset_at_once_leave_one_record_each_and_nothing_open() {
    let upstream = Upstream::start(|_, _| {
        std::thread::sleep(Duration::from_millis(50));
        Some(json_answer("{}"))
    });
    let (folder, sidecar) = start(&upstream, "");
    run(async {
        for _ in 0..5 {
            let mut client = connect(&sidecar).await;
            for _ in 0..10 {
                let asked = client.send_request(request("GET", "/plain").body(body("")).unwrap());
                drop(tokio::time::timeout(Duration::from_millis(5), asked).await);
            }
        }
    });
    std::thread::sleep(Duration::from_secs(1));
    let decisions = folder.records("decision", 1);
    assert_eq!(folder.records("outcome", decisions.len()).len(), decisions.len());
    assert_eq!(sidecar.ask(&format!("GET /plain HTTP/1.1\r\n{}", common::key("ann"))).status, 200);
}
