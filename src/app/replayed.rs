//! A connection of which something was read already.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads some known bytes first, then what the connection has. Writing goes straight to it.
#[derive(Debug)]
pub(super) struct Replayed<C> {
    first: &'static [u8],
    connection: C,
}

impl<C> Replayed<C> {
    pub(super) const fn new(first: &'static [u8], connection: C) -> Self {
        Self { first, connection }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Replayed<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.connection).poll_read(cx, into);
        }
        let (now, later) = self.first.split_at(self.first.len().min(into.remaining()));
        into.put_slice(now);
        self.first = later;
        Poll::Ready(Ok(()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Replayed<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn reads_the_known_bytes_first_whatever_the_buffer() {
        for size in [1, 3, 5, 64] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(b" world").await.unwrap();
            drop(theirs);
            let mut replayed = Replayed::new(b"hello", ours);
            let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
            loop {
                match replayed.read(&mut buffer).await.unwrap() {
                    0 => break,
                    length => all.extend_from_slice(&buffer[..length]),
                }
            }
            assert_eq!(all, b"hello world");
        }
    }
}
