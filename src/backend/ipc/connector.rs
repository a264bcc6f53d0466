//! Where the byte stream to a node comes from.

use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::net::UnixStream;

use super::spawn::{Child, Way};

/// A way to reach a node.
#[derive(Clone)]
pub(super) enum Connector {
    /// Connect to a unix socket that the node listens on.
    Unix(PathBuf),
    /// Use the descriptor or the socket that a spawned node was given.
    Spawned(Rc<Child>),
}

impl Connector {
    /// Opens a stream.
    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).await,
            Self::Spawned(child) => child.connect().await,
        }
    }

    /// How long ago the node began to listen, as far as that can be seen.
    pub(super) fn age(&self) -> Option<Duration> {
        let since = match self {
            Self::Unix(path) => std::fs::metadata(path).and_then(|meta| meta.modified()).ok()?,
            Self::Spawned(child) => child.since(),
        };
        SystemTime::now().duration_since(since).ok()
    }

    /// Whether the node does nothing until it is told to.
    pub(super) fn is_led(&self) -> bool {
        matches!(self, Self::Spawned(child) if child.way == Way::Led)
    }

    /// Completes when the node is known to have ended.
    pub(super) async fn exited(&self) {
        match self {
            Self::Unix(_) => std::future::pending().await,
            Self::Spawned(child) => drop(child.exited().await),
        }
    }
}

impl std::fmt::Display for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Spawned(_) => f.write_str("the spawned node"),
        }
    }
}
