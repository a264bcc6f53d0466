//! The unix socket and its connections.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tokio::net::UnixListener;
use tokio::task::spawn_local;

use super::connection;
use super::rules::Rules;
use super::shared::Shared;

/// Only the node's own user may open the socket, as with the umask of real nodes.
const SOCKET_MODE: u32 = 0o600;

/// Pause before something is looked at or tried again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// A node's socket; it is removed when the server is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    shared: Rc<Shared>,
}

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {path}: {source}")]
pub struct ServeError {
    /// Path of the socket.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl Server {
    /// Binds the socket. A socket that a dead process left behind is replaced; a live one is not.
    ///
    /// # Errors
    /// When something else is at the path, or the socket cannot be made.
    pub fn bind(path: impl Into<PathBuf>, shared: Rc<Shared>) -> Result<Self, ServeError> {
        let path = path.into();
        let failed = |source| ServeError { path: path.clone(), source };
        if std::os::unix::net::UnixStream::connect(&path).is_ok() {
            return Err(failed(std::io::ErrorKind::AddrInUse.into()));
        }
        remove_stale(&path).map_err(failed)?;
        let listener = UnixListener::bind(&path).map_err(failed)?;
        let mode = std::fs::Permissions::from_mode(SOCKET_MODE);
        std::fs::set_permissions(&path, mode).map_err(failed)?;
        Ok(Self { listener, path, shared })
    }

    /// Serves connections until the node is told to stop. Must run inside a `LocalSet`.
    pub async fn run(&self) {
        tokio::select! {
            () = self.accept() => {}
            () = self.shared.ended() => {}
        }
        // Some generations let a client that stays connected keep them from ending.
        while Rules::of(self.shared.profile.name).waits_for_clients && self.shared.connections() > 0
        {
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn accept(&self) {
        loop {
            // A connection that failed before it was accepted is nobody's loss.
            if let Ok((stream, _)) = self.listener.accept().await {
                spawn_local(connection::serve(stream, Rc::clone(&self.shared)));
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a socket that is gone already.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(std::io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
