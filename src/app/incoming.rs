//! Clients as they come in: who they are, as far as their connection says, and what they speak.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncReadExt, Interest, Ready};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::replayed::Replayed;
use crate::call::Caller;
use crate::frontend::door::{Door, Proof, Visitor};
use crate::frontend::tls::{self, Tls};

/// A client that came in, not yet bound to a thread's event loop.
#[derive(Debug)]
pub(super) enum Incoming {
    Tcp(std::net::TcpStream, Caller),
    Unix(std::os::unix::net::UnixStream, Proof),
}

impl Incoming {
    pub(super) fn tcp((stream, peer): (TcpStream, SocketAddr)) -> io::Result<Self> {
        // Otherwise a reply waits up to 40 ms for the client's acknowledgement of the one before.
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream.into_std()?, caller(peer.ip())))
    }

    pub(super) fn unix(stream: UnixStream) -> io::Result<Self> {
        let peer = stream.peer_cred()?;
        Ok(Self::Unix(stream.into_std()?, Proof::User(peer.uid(), peer.gid())))
    }

    /// Binds the connection to the event loop of this thread.
    pub(super) fn here(self, door: Door) -> io::Result<(Connection, Visitor)> {
        Ok(match self {
            Self::Tcp(stream, origin) => {
                let visitor = Visitor { door, origin, proof: Proof::Nothing };
                (Connection::Tcp(TcpStream::from_std(stream)?), visitor)
            }
            Self::Unix(stream, proof) => {
                let visitor = Visitor { door, origin: Caller::Local, proof };
                (Connection::Unix(UnixStream::from_std(stream)?), visitor)
            }
        })
    }
}

fn caller(ip: IpAddr) -> Caller {
    let ip = ip.to_canonical();
    if ip.is_loopback() { Caller::Local } else { Caller::Remote(Arc::from(ip.to_string())) }
}

/// A connection over TLS whose client has said that it speaks HTTP/2.
pub(super) type Secured = Replayed<TlsStream<TcpStream>>;

/// Shakes hands with a client and waits until it has said that it speaks HTTP/2.
pub(super) async fn secure(stream: TcpStream, tls: &Tls) -> io::Result<(Secured, Proof)> {
    let mut stream = tls.acceptor().accept(stream).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let proof = certificate.map_or(Proof::Nothing, |first| Proof::Certificate(tls::names(first)));
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface).await?;
    if preface != *PREFACE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak HTTP/2"));
    }
    Ok((Replayed::new(PREFACE, stream), proof))
}

/// A client's connection on its thread.
#[derive(Debug)]
pub(super) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What every client's side of HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Connection {
    /// Waits until the client has said that it speaks HTTP/2, or something else. It is not taken
    /// from the connection.
    pub(super) async fn preface(&self) -> io::Result<()> {
        loop {
            let ready = self.readable().await?;
            match self.look() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                // The rest will never come.
                Err(_) if ready.is_read_closed() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn readable(&self) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(Interest::READABLE).await,
            Self::Unix(stream) => stream.ready(Interest::READABLE).await,
        }
    }

    /// Looks at what has come; `WouldBlock` lets the event loop tell of more.
    fn look(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, || decided(stream.as_fd())),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, || decided(stream.as_fd())),
        }
    }
}

/// Whether the preface has come, or something that is none. `WouldBlock` if that is still open.
fn decided(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut seen = [0; PREFACE.len()];
    let (length, _) = recv(socket, &mut seen[..], RecvFlags::PEEK)?;
    match length {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length if length < PREFACE.len() && PREFACE.starts_with(&seen[..length]) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn callers_by_address() {
        assert_eq!(caller("127.0.0.1".parse().unwrap()), Caller::Local);
        assert_eq!(caller("::ffff:127.0.0.1".parse().unwrap()), Caller::Local);
        assert_eq!(caller("192.0.2.7".parse().unwrap()), Caller::Remote(Arc::from("192.0.2.7")));
    }

    /// Both kinds of connection, with their clients.
    async fn connections() -> Vec<(Connection, Box<dyn tokio::io::AsyncWrite + Unpin>)> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        vec![
            (Connection::Unix(ours), Box::new(theirs)),
            (Connection::Tcp(stream), Box::new(client)),
        ]
    }

    #[tokio::test]
    async fn a_preface_is_waited_for_byte_by_byte_and_left_where_it_is() {
        for (connection, mut client) in connections().await {
            let mut whole = std::pin::pin!(connection.preface());
            for byte in PREFACE {
                assert!(futures_util::poll!(&mut whole).is_pending());
                client.write_all(&[*byte]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            whole.await.unwrap();
            connection.preface().await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_no_preface_is_known_at_once() {
        for (connection, mut client) in connections().await {
            client.write_all(b"PRI or GET").await.unwrap();
            connection.preface().await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_leaves_after_one_byte_is_not_waited_for() {
        for (connection, mut client) in connections().await {
            client.write_all(&PREFACE[..1]).await.unwrap();
            drop(client);
            assert_eq!(
                connection.preface().await.unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
        }
    }
}
