//! `bitcoin-grpc devnode`: the embedded regtest node alone.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use bitcoin_grpc_devnode::host::Host;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::AppError;
use super::signals::Signals;
use crate::config::embedded::EmbeddedConfig;
use crate::output::say;

/// Runs the embedded node until a signal comes, or a client tells it to stop.
pub(super) async fn devnode(config: EmbeddedConfig) -> Result<(), AppError> {
    let signals = Signals::catch()?;
    let (socket, _folder) = place(&config)?;
    let (profile, inetd) = (config.profile, config.inetd);
    let host = Host::start(config.at(socket)).await?;
    let height = host.with(|node| node.height()).await?;
    say(introduction(host.socket(), profile.title, height));
    tokio::select! {
        () = signals.first() => {}
        () = host.ended() => say("a client told the node to stop"),
        outcome = bridge(host.socket()), if inetd => outcome?,
    }
    Ok(host.stop().await?)
}

/// Carries bytes between the socket that is standard input and the node, until either end has no more.
async fn bridge(node: &Path) -> io::Result<()> {
    let client = io::stdin().as_fd().try_clone_to_owned()?;
    let client = std::os::unix::net::UnixStream::from(client);
    // Anything but a socket is refused here.
    client.local_addr()?;
    client.set_nonblocking(true)?;
    let (from_client, to_client) = UnixStream::from_std(client)?.into_split();
    let (from_node, to_node) = UnixStream::connect(node).await?.into_split();
    tokio::select! {
        end = carry(from_client, to_node) => end,
        end = carry(from_node, to_client) => end,
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    match tokio::io::copy(&mut from, &mut to).await {
        // Who leaves in the middle of something has left.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// Where the node is to listen, and the folder to remove afterwards if it was made for that.
fn place(config: &EmbeddedConfig) -> Result<(PathBuf, Option<TempDir>), AppError> {
    if let Some(socket) = &config.socket {
        return Ok((socket.clone(), None));
    }
    if let Some(folder) = &config.data_dir {
        return Ok((folder.join("node.sock"), None));
    }
    let folder = tempfile::Builder::new().prefix("bitcoin-grpc-devnode-").tempdir()?;
    Ok((folder.path().join("node.sock"), Some(folder)))
}

fn introduction(socket: &Path, title: &str, height: u32) -> String {
    let socket = socket.display();
    format!(
        "listening on unix:{socket}\n\
         An embedded regtest node at height {height}, with the interface of {title}.\n\
         It is for trying and testing: nothing on it has value.\n\n\
         Try, in another terminal:\n\
         \x20 bitcoin-grpc check --node unix:{socket}\n\
         \x20 bitcoin-grpc serve --node unix:{socket}\n\n\
         Ctrl-C ends it.\n"
    )
}
