//! What goes out to the node, gathered for as long as there is more to do.
//!
//! The RPC system flushes after every message, and each call takes two: the call, and the word that its
//! reply was read. Written one by one, they are two system calls here and wake the node twice. So
//! a flush means nothing here: messages are gathered in a pipe, and a task of its own empties the
//! pipe into the socket. It runs when those that ran before it have written what they had to, as
//! the event loop runs tasks in the order in which they were woken.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::unix::OwnedWriteHalf;
use tokio::task::spawn_local;
use tokio_util::task::AbortOnDropHandle;

/// Bytes gathered before writers have to wait. The messages of a call are a few hundred bytes; a
/// block of 4 MB passes in some sixty pieces.
const CAPACITY: usize = 64 * 1024;

/// The task that empties the pipe.
pub(super) struct Outbox {
    task: AbortOnDropHandle<io::Result<()>>,
}

impl Outbox {
    /// Puts a pipe in front of a socket. It must be called inside a `LocalSet`.
    pub(super) fn open(socket: OwnedWriteHalf) -> (DuplexStream, Self) {
        let (inlet, outlet) = duplex(CAPACITY);
        let task = AbortOnDropHandle::new(spawn_local(pass_on(outlet, socket)));
        (inlet, Self { task })
    }

    /// Completes when the pipe's other end is gone and all that was in it is written.
    pub(super) async fn emptied(self) {
        // Either it is, or the connection was lost, which the reader tells of.
        let _ = self.task.await;
    }
}

async fn pass_on(mut outlet: DuplexStream, mut socket: OwnedWriteHalf) -> io::Result<()> {
    let mut gathered = Vec::with_capacity(CAPACITY);
    while outlet.read_buf(&mut gathered).await? > 0 {
        socket.write_all(&gathered).await?;
        gathered.clear();
    }
    socket.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;
    use tokio::task::{LocalSet, yield_now};

    use super::*;

    /// An outbox, and what is at the other end of its socket.
    fn opened() -> (DuplexStream, Outbox, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        // The other half of this end would only be read from.
        let (inlet, outbox) = Outbox::open(near.into_split().1);
        (inlet, outbox, far)
    }

    #[tokio::test]
    async fn what_is_written_in_one_turn_leaves_together() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            for message in [b"call", b"word"] {
                inlet.write_all(message).await.unwrap();
                inlet.flush().await.unwrap();
            }
            let mut seen = [0; 16];
            let nothing = far.try_read(&mut seen).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            far.readable().await.unwrap();
            assert_eq!(far.try_read(&mut seen).unwrap(), 8);
            assert_eq!(&seen[..8], b"callword");
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn all_is_written_before_the_end() {
        let test = async {
            let (mut inlet, outbox, mut far) = opened();
            let sent: Vec<u8> = (0..5 * CAPACITY).map(|i| (i % 251) as u8).collect();
            let mut received = Vec::new();
            let send = async {
                inlet.write_all(&sent).await.unwrap();
                drop(inlet);
                outbox.emptied().await;
            };
            let (read, ()) = tokio::join!(far.read_to_end(&mut received), send);
            read.unwrap();
            assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn a_lost_connection_ends_it_and_its_writers() {
        let test = async {
            let (mut inlet, _outbox, far) = opened();
            drop(far);
            inlet.write_all(b"into the void").await.unwrap();
            yield_now().await;
            yield_now().await;
            let error = inlet.write_all(b"again").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        };
        LocalSet::new().run_until(test).await;
    }
}
