//! A connection to the app of its own, for a request that asks for another protocol.
//!
//! Never: taken from the pool or given back to it, or handed out before a 101. Nothing but that request has been sent on it.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::request::Failure;

use super::Protocol;
use super::endpoint::Open;
use super::endpoint::Turn;
use super::link;
use super::link::Request;

/// A connection on which the app has switched to another protocol.
#[derive(Debug)]
pub struct Socket {
    io: TokioIo<Upgraded>,
    /// It counts as a connection to the app, and as something that it has to do, for as long as it lives.
    _open: (Open, Turn),
}

/// Sends the request, and gives the head of its answer; with the connection if that is a 101.
pub(super) async fn switch(
    turn: Turn,
    request: Box<Request>,
) -> Result<(http::response::Parts, Option<Socket>), Failure> {
    let (stream, open, _) = turn.endpoint().dial(Protocol::Http1).await?;
    let mut response = link::switch(stream, *request).await?;
    let mut socket = None;
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        let upgraded = hyper::upgrade::on(&mut response).await.map_err(|_| Failure::Invalid)?;
        socket = Some(Socket { io: TokioIo::new(upgraded), _open: (open, turn) });
    }
    Ok((response.into_parts().0, socket))
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
