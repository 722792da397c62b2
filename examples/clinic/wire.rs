//! A small HTTP/1.1 client of its own, so that the story does not test Palisade with Palisade.
//!
//! Never: keeps a connection, follows a redirect, or reads more than a mebibyte.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::header::HOST;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::Fallible;

const BODY_BYTES_MAX: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

/// A call as a client sends it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

/// The answer as a client gets it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as JSON; text that is no JSON becomes a JSON text, nothing becomes null.
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends the call over a new connection and waits for the whole answer.
    pub(crate) async fn send(&self, to: SocketAddr, trace: Option<&str>) -> Fallible<Answer> {
        tokio::time::timeout(PATIENCE, self.exchange(to, trace)).await.map_err(|_| "no answer within 10 s")?
    }

    async fn exchange(&self, to: SocketAddr, trace: Option<&str>) -> Fallible<Answer> {
        let stream = tokio::net::TcpStream::connect(to).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let host = format!("localhost:{}", to.port());
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path).header(HOST, host);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(trace) = trace {
            request = request.header("traceparent", format!("00-{trace}-00000000000000c1-01"));
        }
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = self.body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let (head, body) = sender.send_request(request.body(Full::new(body))?).await?.into_parts();
        let bytes = read_body(body).await?;
        connection.abort();
        let body = match (bytes.is_empty(), serde_json::from_slice(&bytes)) {
            (true, _) => Value::Null,
            (false, Ok(value)) => value,
            (false, Err(_)) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// Reads a body to its end, up to a mebibyte.
pub(crate) async fn read_body(mut body: hyper::body::Incoming) -> Fallible<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() > BODY_BYTES_MAX {
            return Err("a body of more than 1 MiB".into());
        }
    }
    Ok(bytes)
}
