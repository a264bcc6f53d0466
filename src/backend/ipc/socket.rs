//! The socket to the node, in two halves that wake this program only when they have to.
//!
//! The system tells a unix socket's writer each time that its peer has read something. Who watches for
//! both directions at once, as tokio's own stream does, is woken by that after every message, for
//! nothing: on a real node it was one wake in three. So reading is all that is watched for, and
//! room to write only while there is none.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::AsyncRead;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Splits a connected stream. Must be called inside a runtime.
pub(super) fn split(stream: tokio::net::UnixStream) -> io::Result<(Reader, Writer)> {
    let stream = stream.into_std()?;
    // A descriptor can be watched once, so that each half needs its own.
    let writer = Writer(stream.try_clone()?);
    Ok((Reader(watch(stream, Interest::READABLE)?), writer))
}

/// Has the event loop watch a descriptor.
#[allow(
    deprecated,
    reason = "its successor is unsafe for the sake of types that change their descriptor, \
              which those of the standard library do not"
)]
fn watch<T: AsRawFd>(what: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(what, interest)
}

/// What comes from the node.
pub(super) struct Reader(AsyncFd<UnixStream>);

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
            match ready.try_io(|stream| stream.get_ref().read(into)) {
                Ok(Ok(length)) => {
                    // There was less than was asked for, so there is no more; asking again to be
                    // told so would be a system call.
                    if 0 < length && length < into.len() {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(length));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_nothing_there) => {}
            }
        }
    }
}

/// What goes to the node. Dropping it tells the node that nothing more comes.
pub(super) struct Writer(UnixStream);

impl Writer {
    /// Writes everything.
    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match (&self.0).write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.room().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until something can be written.
    async fn room(&self) -> io::Result<()> {
        let watched = watch(self.0.as_fd(), Interest::WRITABLE)?;
        watched.writable().await.map(drop)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may be closed already.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::io::AsyncReadExt;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    fn pair() -> (Reader, Writer, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        let (reader, writer) = split(near).unwrap();
        (reader, writer, far)
    }

    #[tokio::test]
    async fn bytes_arrive_in_both_directions_whatever_their_number() {
        // Many times what the system holds for a socket.
        let sent: Vec<u8> = (0..3_000_000).map(|i| (i % 251) as u8).collect();
        let (mut reader, writer, far) = pair();
        let (mut far_reads, mut far_writes) = far.into_split();
        let (mut there, mut here) = (Vec::new(), Vec::new());
        let write = async {
            writer.write_all(&sent).await.unwrap();
            drop(writer);
        };
        let write_back = async {
            far_writes.write_all(&sent).await.unwrap();
            drop(far_writes);
        };
        let read = async { reader.read_to_end(&mut here).await.unwrap() };
        let read_there = async { far_reads.read_to_end(&mut there).await.unwrap() };
        tokio::join!(write, write_back, read, read_there);
        assert!(there == sent, "{} bytes of {}", there.len(), sent.len());
        assert!(here == sent, "{} bytes of {}", here.len(), sent.len());
    }

    #[tokio::test]
    async fn what_comes_after_a_short_read_is_seen_too() {
        let (mut reader, _writer, mut far) = pair();
        let mut seen = [0; 16];
        for message in [&b"first"[..], b"second"] {
            assert!(futures_util::poll!(reader.read(&mut seen)).is_pending());
            far.write_all(message).await.unwrap();
            let length = reader.read(&mut seen).await.unwrap();
            assert_eq!(&seen[..length], message);
        }
        drop(far);
        assert_eq!(reader.read(&mut seen).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error_for_the_writer_even_as_it_waits() {
        let (_reader, writer, far) = pair();
        let full = vec![0; 3_000_000];
        let mut stuck = std::pin::pin!(writer.write_all(&full));
        assert!(futures_util::poll!(&mut stuck).is_pending());
        drop(far);
        assert!(stuck.await.is_err());
    }
}
