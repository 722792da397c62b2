//! A connection of which little is read at once, so that little is held of an answer whose client is slow.
//!
//! Never: changes what is read or written.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::io::Take;

use crate::limits;

/// A stream, and how much of it may be read before it is looked at again.
#[derive(Debug)]
pub(super) struct Sips<S>(Take<S>);

impl<S: AsyncRead> Sips<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(stream.take(0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sips<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Each read has all of it: only the end of the stream is its end.
        self.0.set_limit(limits::UPSTREAM_READ_BYTES as u64);
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sips<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.0.get_mut()).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.0.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_is_read_a_little_at_a_time_and_only_the_end_is_the_end() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let (mut read, mut stream) = (Vec::new(), Sips::new(&*bytes));
        loop {
            let mut piece = vec![0; 64 << 10];
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count <= limits::UPSTREAM_READ_BYTES);
            if count == 0 {
                break;
            }
            read.extend_from_slice(&piece[..count]);
        }
        assert_eq!(read, bytes);
    }
}
