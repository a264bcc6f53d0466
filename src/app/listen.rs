//! Where clients come in.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitcoin_grpc_devnode::socket::bind_private;
use rustix::net::{RecvFlags, recv};
use tokio::io::{Interest, Ready};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::call::Caller;

/// A place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether only processes of this machine can come in there.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A listener. A unix socket's file goes with it.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A client that came in, not yet bound to a thread's event loop.
#[derive(Debug)]
pub(super) enum Incoming {
    Tcp(std::net::TcpStream, Caller),
    Unix(std::os::unix::net::UnixStream),
}

impl Listener {
    /// Must be called inside a runtime.
    pub(super) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Address::Unix(path) => {
                remove_abandoned(path);
                let listener = bind_private(path)?;
                Ok(Self::Unix(listener, SocketFile(path.clone())))
            }
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => Ok(Address::Tcp(listener.local_addr()?)),
            Self::Unix(_, file) => Ok(Address::Unix(file.0.clone())),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Incoming> {
        match self {
            Self::Tcp(listener) => tcp(listener.accept().await?),
            Self::Unix(listener, _) => Ok(Incoming::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}

fn tcp((stream, peer): (TcpStream, SocketAddr)) -> io::Result<Incoming> {
    // Otherwise a reply waits up to 40 ms for the client's acknowledgement of the one before.
    stream.set_nodelay(true)?;
    Ok(Incoming::Tcp(stream.into_std()?, caller(peer.ip())))
}

fn caller(ip: IpAddr) -> Caller {
    let ip = ip.to_canonical();
    if ip.is_loopback() { Caller::Local } else { Caller::Remote(Arc::from(ip.to_string())) }
}

/// A socket's file that nobody listens on any more would keep us from listening. Connecting to what
/// is no socket at all is refused by the same error, and that is somebody's file.
fn remove_abandoned(path: &Path) {
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return;
    }
    let connected = std::os::unix::net::UnixStream::connect(path);
    if connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        let _ = std::fs::remove_file(path);
    }
}

/// Removes the file when it is dropped.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Incoming {
    /// Binds the connection to the event loop of this thread.
    pub(super) fn here(self) -> io::Result<(Connection, Caller)> {
        match self {
            Self::Tcp(stream, caller) => {
                Ok((Connection::Tcp(TcpStream::from_std(stream)?), caller))
            }
            Self::Unix(stream) => {
                Ok((Connection::Unix(UnixStream::from_std(stream)?), Caller::Local))
            }
        }
    }
}

/// A client's connection on its thread.
#[derive(Debug)]
pub(super) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What every client's side of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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

    use super::*;

    #[test]
    fn loopback_and_unix_are_local_and_nothing_else() {
        for (text, local) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("192.0.2.1:1", false),
        ] {
            assert_eq!(Address::Tcp(text.parse().unwrap()).is_local(), local, "{text}");
        }
        assert!(Address::Unix("/tmp/x".into()).is_local());
    }

    #[test]
    fn callers_by_address() {
        assert_eq!(caller("127.0.0.1".parse().unwrap()), Caller::Local);
        assert_eq!(caller("::ffff:127.0.0.1".parse().unwrap()), Caller::Local);
        assert_eq!(caller("192.0.2.7".parse().unwrap()), Caller::Remote(Arc::from("192.0.2.7")));
    }

    #[tokio::test]
    async fn an_abandoned_socket_is_replaced_a_used_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let address = Address::Unix(directory.path().join("s"));
        drop(std::os::unix::net::UnixListener::bind(directory.path().join("s")).unwrap());
        let listener = Listener::bind(&address).await.unwrap();
        let second = Listener::bind(&address).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!directory.path().join("s").exists());
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

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wallet.dat");
        std::fs::write(&path, "precious").unwrap();
        let error = Listener::bind(&Address::Unix(path.clone())).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
