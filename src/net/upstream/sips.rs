//! A connection of which little is read at once, so that little is held of an answer whose client is slow; and more of one whose
//! client is fast.
//!
//! Never: changes what is read or written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::io::Take;

use crate::limits;
use crate::net::vigil::Vigils;

use super::stream::Stream;

/// A stream, and how much of it is read at once. What a client does not take is not read, so that it is fast if much is.
#[derive(Debug)]
pub(super) struct Sips<S> {
    stream: Take<S>,
    clock: Rc<Vigils>,
    /// Most bytes of a read.
    sip: usize,
    /// So many bytes have been read in this tick.
    tick: u32,
    read: usize,
    /// So many reads brought something.
    heard: Rc<Cell<u32>>,
}

impl<S: AsyncRead> Sips<S> {
    pub(super) fn new(stream: S, clock: &Rc<Vigils>) -> Self {
        let (stream, clock) = (stream.take(0), Rc::clone(clock));
        Self {
            stream,
            tick: clock.now(),
            clock,
            sip: limits::UPSTREAM_READ_BYTES,
            read: 0,
            heard: Rc::default(),
        }
    }
}

impl Sips<Stream> {
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Tls(_))
    }
}

impl<S> Sips<S> {
    /// How many reads brought something, kept up to date.
    pub(super) fn heard(&self) -> Rc<Cell<u32>> {
        Rc::clone(&self.heard)
    }

    /// So many bytes have been read.
    fn took(&mut self, bytes: usize) {
        if bytes > 0 {
            self.heard.set(self.heard.get().wrapping_add(1));
        }
        self.read = self.read.saturating_add(bytes);
        if self.read > limits::UPSTREAM_FAST_BYTES {
            // Twice as much as before fills hyper's buffer, which grows then.
            self.sip = self.sip.saturating_mul(2).min(limits::UPSTREAM_FAST_READ_BYTES);
        }
    }

    /// How much to read now.
    fn next(&mut self) -> usize {
        let now = self.clock.now();
        if now != self.tick {
            let is_fast = now == self.tick.saturating_add(1) && self.read > limits::UPSTREAM_FAST_BYTES;
            if !is_fast {
                self.sip = limits::UPSTREAM_READ_BYTES;
            }
            (self.tick, self.read) = (now, 0);
        }
        self.sip
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sips<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Each read has all of it: only the end of the stream is its end.
        let (sips, before) = (&mut *self, buf.filled().len());
        let sip = sips.next();
        sips.stream.set_limit(sip as u64);
        let read = Pin::new(&mut sips.stream).poll_read(cx, buf);
        sips.took(buf.filled().len().saturating_sub(before));
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sips<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(stream: &mut Sips<&[u8]>, room: usize) -> Vec<u8> {
        let mut piece = vec![0; room];
        let count = stream.read(&mut piece).await.unwrap();
        piece.truncate(count);
        piece
    }

    #[tokio::test]
    async fn all_is_read_a_little_at_a_time_and_only_the_end_is_the_end() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let (mut all, mut stream) = (Vec::new(), Sips::new(&*bytes, &Rc::default()));
        loop {
            let piece = read(&mut stream, 64 << 10).await;
            assert!(piece.len() <= limits::UPSTREAM_READ_BYTES);
            if piece.is_empty() {
                break;
            }
            all.extend_from_slice(&piece);
        }
        assert_eq!(all, bytes);
    }

    #[tokio::test]
    async fn of_a_stream_that_is_read_fast_more_is_read_at_once_until_it_is_slow() {
        let (bytes, clock) = (vec![7; 8 << 20], Rc::new(Vigils::default()));
        let mut stream = Sips::new(&*bytes, &clock);
        let mut left = limits::UPSTREAM_FAST_BYTES;
        while left > 0 {
            left = left.saturating_sub(read(&mut stream, 1 << 20).await.len());
            assert!(stream.sip == limits::UPSTREAM_READ_BYTES || left == 0);
        }
        let fast = limits::UPSTREAM_FAST_READ_BYTES;
        for _ in 0..4 {
            let piece = read(&mut stream, 1 << 20).await;
            assert!(piece.len() <= fast);
        }
        assert_eq!(read(&mut stream, 1 << 20).await.len(), fast);
        // In the next tick it is as fast, and in the one after that nothing is known of it.
        clock.tick();
        assert_eq!(read(&mut stream, 1 << 20).await.len(), fast);
        clock.tick();
        assert_eq!(read(&mut stream, 1 << 20).await.len(), limits::UPSTREAM_READ_BYTES);
        // What was fast, and then was not looked at for a while, is slow.
        while stream.sip != fast {
            read(&mut stream, 1 << 20).await;
        }
        clock.tick();
        clock.tick();
        assert_eq!(read(&mut stream, 1 << 20).await.len(), limits::UPSTREAM_READ_BYTES);
    }
}
