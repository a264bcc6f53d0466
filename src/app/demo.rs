//! `bitcoin-grpc demo`: an embedded regtest node, and the proxy in front of it.

use std::time::Duration;

use bitcoin_grpc_devnode::host::Host;

use super::AppError;
use super::listen::{Address, ListenerConfig};
use super::serve;
use crate::backend::ipc::{Notifications, Place};
use crate::config::Config;
use crate::output::say;

/// Serves an embedded node until a signal comes.
pub(super) async fn demo(mut config: Config) -> Result<(), AppError> {
    let folder = tempfile::Builder::new().prefix("bitcoin-grpc-demo-").tempdir()?;
    let socket = folder.path().join("node.sock");
    config.node.place = Place::Unix(socket.clone());
    // What the node speaks is found out as with any other.
    config.node.profile = None;
    config.node.notifications = subscribes(config.node.notifications);
    let interval = config.embedded.pace.block;
    let node = Host::start(config.embedded.clone().at(socket)).await?;
    let listen = config.server.listen.clone();
    let introduce = |addresses: &[Address]| say(introduction(&listen, addresses, interval));
    serve::introduced(config, introduce).await?;
    Ok(node.stop().await?)
}

/// The embedded node outlives no subscriber: it ends with this program.
const fn subscribes(notifications: Notifications) -> Notifications {
    match notifications {
        Notifications::Auto => Notifications::Always,
        said => said,
    }
}

/// What to try, at the first of `listen` without TLS; `addresses` are what they listen on, in the same order.
fn introduction(
    listen: &[ListenerConfig],
    addresses: &[Address],
    interval: Option<Duration>,
) -> String {
    let plain = listen.iter().position(|listener| listener.rules.tls.is_none());
    let plaintext = if plain.is_some() { "-plaintext" } else { "-insecure" };
    let target = match addresses.get(plain.unwrap_or_default()) {
        Some(Address::Unix(path)) => format!("-unix {}", path.display()),
        Some(address) => address.to_string(),
        None => "localhost:50051".to_owned(),
    };
    let mining = interval.map_or_else(
        || "An embedded regtest node runs.".to_owned(),
        |interval| {
            let interval = humantime::format_duration(interval);
            format!("An embedded regtest node mines a block every {interval}.")
        },
    );
    format!(
        "{mining} It is for trying things out: nothing on it has value.\n\nTry, in another terminal:\n\
         \x20 grpcurl {plaintext} {target} list\n\
         \x20 grpcurl {plaintext} {target} describe bitcoin.ipc.v1.Chain\n\
         \x20 grpcurl {plaintext} {target} bitcoin.ipc.v1.Chain/GetHeight\n\
         \x20 grpcurl {plaintext} -d '{{\"height\": 1}}' {target} bitcoin.ipc.v1.Chain/GetBlockHash\n\n\
         Ctrl-C ends it.\n",
    )
}
