//! A connection to the app of its own, for a request that asks for another protocol.
//!
//! Never: taken from the pool or given back to it, or handed out before a 101. Nothing but that request has been sent on it.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::task::AbortHandle;

use crate::request::Failure;
use crate::request::Outbound;

use super::Open;
use super::Pool;
use super::builder;
use super::failure;

/// A connection on which the app has switched to another protocol.
#[derive(Debug)]
pub struct Socket {
    io: TokioIo<Upgraded>,
    /// It counts as a connection to the app for as long as it lives.
    _open: Open,
}

/// Ends the task that carries a connection, unless that has given the connection away.
struct Carried(AbortHandle);

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pool {
    /// Sends the request, and gives the head of its answer; with the connection if that is a 101.
    pub(super) async fn switch(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<(http::response::Parts, Option<Socket>), Failure> {
        let (stream, open) = self.dial().await?;
        let handshake = builder().handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
        let task = tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
        let _carried = Carried(task.abort_handle());
        let sent = sender.send_request(*request).await;
        let mut response = sent.map_err(|error| failure(&error))?;
        let mut socket = None;
        if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(&mut response).await.map_err(|_| Failure::Invalid)?;
            socket = Some(Socket { io: TokioIo::new(upgraded), _open: open });
        }
        Ok((response.into_parts().0, socket))
    }
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
