//! Where the byte stream to a node comes from.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::net::UnixStream;

/// A way to reach a node. Starting one as a child process (`spawn:COMMAND`) will be another.
#[derive(Debug, Clone)]
pub(super) enum Connector {
    /// Connect to a unix socket that the node listens on.
    Unix(PathBuf),
}

impl Connector {
    /// Opens a stream.
    pub(super) async fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).await,
        }
    }

    /// How long ago the node began to listen, as far as that can be seen.
    pub(super) fn age(&self) -> Option<Duration> {
        let Self::Unix(path) = self;
        let since = std::fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
        SystemTime::now().duration_since(since).ok()
    }
}

impl std::fmt::Display for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self::Unix(path) = self;
        write!(f, "unix:{}", path.display())
    }
}
