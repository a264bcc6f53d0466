//! Where clients come in.

use std::fmt;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bitcoin_grpc_devnode::socket::bind_private;
use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::incoming::Incoming;
use super::rules::RulesConfig;
use crate::frontend::door::Door;
use crate::layer::rights::Entrance;

/// A place to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// A socket that systemd opened, by its place among those it passes.
    Inherited(usize),
}

impl Address {
    /// Whether only processes of this machine can come in there. Of an inherited socket it is known
    /// once it is taken over.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) | Self::Inherited(_) => true,
        }
    }

    const fn entrance(&self) -> Entrance {
        match self {
            Self::Unix(_) => Entrance::Unix,
            Self::Tcp(address) if address.ip().is_loopback() => Entrance::Loopback,
            Self::Tcp(_) | Self::Inherited(_) => Entrance::Remote,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inherited(index) => write!(f, "systemd:{index}"),
        }
    }
}

/// What a listener is set to.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Where it listens.
    pub address: Address,
    /// Who may open its socket's file, if it has one.
    pub file: FileConfig,
    /// Whom it lets in.
    pub rules: RulesConfig,
}

impl ListenerConfig {
    /// A listener for everybody on this machine.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, file: FileConfig::default(), rules: RulesConfig::default() }
    }
}

/// Mode and owner of a socket's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileConfig {
    /// Permissions; who may write may connect.
    pub mode: u32,
    /// Number of the user who owns it, if not ours.
    pub uid: Option<u32>,
    /// Number of its group, if not ours.
    pub gid: Option<u32>,
}

impl FileConfig {
    /// Only its owner may open a socket of ours, as with the node's.
    pub const MODE: u32 = 0o600;
}

impl Default for FileConfig {
    fn default() -> Self {
        Self { mode: Self::MODE, uid: None, gid: None }
    }
}

/// A listener that is open, and what stands at it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    address: Address,
    pub(super) door: Door,
}

/// An open socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    /// Its file goes with it, if it is ours.
    Unix(UnixListener, Option<SocketFile>),
}

impl Socket {
    /// Must be called inside a runtime.
    pub(super) async fn bind(config: &ListenerConfig, passed: &mut ListenFd) -> io::Result<Self> {
        match &config.address {
            Address::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            Address::Unix(path) => {
                remove_abandoned(path);
                let listener = bind_private(path)?;
                let file = SocketFile::new(path)?;
                open_file(path, config.file)?;
                Ok(Self::Unix(listener, Some(file)))
            }
            Address::Inherited(index) => inherit(*index, passed),
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => Ok(Address::Tcp(listener.local_addr()?)),
            // The socket was bound under another name than the one that its file got.
            Self::Unix(_, Some(file)) => Ok(Address::Unix(file.path.clone())),
            Self::Unix(listener, None) => {
                let address = listener.local_addr()?;
                Ok(Address::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned()))
            }
        }
    }
}

impl Listener {
    /// A listener at a socket, with the door that `door` makes for its entrance.
    pub(super) fn new(socket: Socket, door: impl FnOnce(Entrance) -> Door) -> io::Result<Self> {
        let address = socket.address()?;
        let door = door(address.entrance());
        Ok(Self { socket, address, door })
    }

    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    pub(super) async fn accept(&self) -> io::Result<(Incoming, Door)> {
        let client = match &self.socket {
            Socket::Tcp(listener) => Incoming::tcp(listener.accept().await?)?,
            Socket::Unix(listener, _) => Incoming::unix(listener.accept().await?.0)?,
        };
        Ok((client, self.door.clone()))
    }
}

fn open_file(path: &Path, config: FileConfig) -> io::Result<()> {
    if config.uid.is_some() || config.gid.is_some() {
        std::os::unix::fs::chown(path, config.uid, config.gid)?;
    }
    std::fs::set_permissions(path, Permissions::from_mode(config.mode))
}

/// Takes over a socket that systemd passed.
fn inherit(index: usize, passed: &mut ListenFd) -> io::Result<Socket> {
    if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
        listener.set_nonblocking(true)?;
        return Ok(Socket::Tcp(TcpListener::from_std(listener)?));
    }
    match passed.take_unix_listener(index)? {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            Ok(Socket::Unix(UnixListener::from_std(listener)?, None))
        }
        None => Err(io::Error::other(format!(
            "no such socket was passed; there are {} (LISTEN_FDS, LISTEN_PID)",
            passed.len()
        ))),
    }
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

/// Removes the file when it is dropped, unless it is another one by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bind(address: &Address) -> io::Result<Socket> {
        Socket::bind(&ListenerConfig::new(address.clone()), &mut ListenFd::empty()).await
    }

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

    #[tokio::test]
    async fn an_abandoned_socket_is_replaced_a_used_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let address = Address::Unix(directory.path().join("s"));
        drop(std::os::unix::net::UnixListener::bind(directory.path().join("s")).unwrap());
        let listener = bind(&address).await.unwrap();
        let second = bind(&address).await.unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!directory.path().join("s").exists());
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let address = Address::Unix(path.clone());
        let first = bind(&address).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = bind(&address).await.unwrap();
        drop(first);
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wallet.dat");
        std::fs::write(&path, "precious").unwrap();
        let error = bind(&Address::Unix(path.clone())).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_has_the_mode_and_the_owner_that_were_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let ours = std::fs::metadata(directory.path()).unwrap();
        for (name, mode) in [("a", 0o600), ("b", 0o660), ("c", 0o666)] {
            let path = directory.path().join(name);
            let file = FileConfig { mode, uid: Some(ours.uid()), gid: Some(ours.gid()) };
            let config =
                ListenerConfig { file, ..ListenerConfig::new(Address::Unix(path.clone())) };
            let _socket = Socket::bind(&config, &mut ListenFd::empty()).await.unwrap();
            let found = std::fs::metadata(&path).unwrap();
            assert_eq!(found.mode() & 0o777, mode);
            assert_eq!((found.uid(), found.gid()), (ours.uid(), ours.gid()));
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_not_passed_is_told() {
        let error = bind(&Address::Inherited(2)).await.unwrap_err();
        assert!(error.to_string().contains("LISTEN_FDS"), "{error}");
    }
}
