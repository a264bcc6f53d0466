//! The unix socket and its connections.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

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
        let listener = bind_private(&path).map_err(failed)?;
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

/// Binds a socket that is its owner's alone from the first moment: it is made in a directory that nobody else can enter,
/// and gets its name once its mode is set. What is at the path is left alone.
///
/// # Errors
/// When there is something at the path, or a file, a directory or the socket cannot be made.
pub fn bind_private(path: &Path) -> std::io::Result<UnixListener> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!(".{:x}.{number:x}", std::process::id());
    let folder = path.parent().unwrap_or(Path::new("")).join(name);
    DirBuilder::new().mode(0o700).create(&folder)?;
    let first = folder.join("s");
    let bound = UnixListener::bind(&first).and_then(|listener| {
        std::fs::set_permissions(&first, Permissions::from_mode(SOCKET_MODE))?;
        std::fs::hard_link(&first, path)?;
        Ok(listener)
    });
    let _ = std::fs::remove_file(&first);
    let _ = std::fs::remove_dir(&folder);
    bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => std::io::ErrorKind::AddrInUse.into(),
        _ => error,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_is_private_and_alone_in_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.sock");
        let listener = bind_private(&path).unwrap();
        assert_eq!(mode(&path), SOCKET_MODE);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let client = tokio::net::UnixStream::connect(&path);
        let (accepted, connected) = tokio::join!(listener.accept(), client);
        assert!(accepted.is_ok() && connected.is_ok());
    }

    #[tokio::test]
    async fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.dat");
        std::fs::write(&path, "precious").unwrap();
        let error = bind_private(&path).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
