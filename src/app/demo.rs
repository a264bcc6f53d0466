//! `bitcoin-grpc demo`: an embedded regtest node, and the proxy in front of it.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::socket::{Server, Shared};
use bitcoin_grpc_devnode::{Node, NodeOptions};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::AppError;
use super::listen::Address;
use super::serve;
use crate::config::Config;
use crate::output::say;

/// Generation that the embedded node speaks.
const GENERATION: &str = "pr29409-2025-05";

/// Blocks that are there from the start: enough for the first coinbases to be spendable.
const FIRST_BLOCKS: u32 = 110;

/// Time between two blocks: short enough to see one happen while trying things out.
const BLOCK_INTERVAL: Duration = Duration::from_secs(5);

/// Serves an embedded node until a signal comes.
pub(super) async fn demo(mut config: Config) -> Result<(), AppError> {
    let folder = tempfile::Builder::new().prefix("bitcoin-grpc-demo-").tempdir()?;
    config.node.socket = folder.path().join("node.sock");
    config.node.profile = None;
    start(config.node.socket.clone()).await?;
    say(introduction(config.server.listen.first()));
    serve::serve(config).await
}

fn introduction(listen: Option<&Address>) -> String {
    let target = match listen {
        Some(Address::Unix(path)) => format!("-unix {}", path.display()),
        Some(address) => address.to_string(),
        None => "localhost:50051".to_owned(),
    };
    format!(
        "An embedded regtest node mines a block every {} seconds. It is for trying things out: nothing \
         on it has value.\n\nTry, in another terminal:\n\
         \x20 grpcurl -plaintext {target} list\n\
         \x20 grpcurl -plaintext {target} describe bitcoin.ipc.v1.Chain\n\
         \x20 grpcurl -plaintext {target} bitcoin.ipc.v1.Chain/GetHeight\n\
         \x20 grpcurl -plaintext -d '{{\"height\": 1}}' {target} bitcoin.ipc.v1.Chain/GetBlockHash\n\n\
         Ctrl-C ends it.\n",
        BLOCK_INTERVAL.as_secs(),
    )
}

/// Starts the node on a thread of its own, which lives as long as the program.
async fn start(socket: PathBuf) -> Result<(), AppError> {
    let (ready, started) = oneshot::channel();
    std::thread::Builder::new().name("devnode".to_owned()).spawn(move || run(&socket, ready))?;
    started.await.unwrap_or_else(|_| Err(ended()))
}

fn run(socket: &Path, ready: oneshot::Sender<Result<(), AppError>>) {
    let server = runtime().and_then(|runtime| {
        let shared = Rc::new(node()?);
        let bind = async { Server::bind(socket, Rc::clone(&shared)) };
        let server = LocalSet::new().block_on(&runtime, bind).map_err(AppError::node)?;
        Ok((runtime, shared, server))
    });
    // Whoever waits for the word waits as long as the program starts.
    let _ = match server {
        Ok((runtime, shared, server)) => {
            let told = ready.send(Ok(()));
            LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    () = server.run() => {}
                    () = mine(&shared) => {}
                }
            });
            told
        }
        Err(error) => ready.send(Err(error)),
    };
}

fn runtime() -> Result<tokio::runtime::Runtime, AppError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn node() -> Result<Shared, AppError> {
    let profile = Profile::by_name(GENERATION).ok_or_else(ended)?;
    let mut node = Node::new(NodeOptions { clock: Clock::System, ..NodeOptions::default() });
    node.generate(FIRST_BLOCKS).map_err(AppError::node)?;
    Ok(Shared::new(node, profile))
}

/// Mines for ever.
async fn mine(shared: &Shared) {
    let mut interval = tokio::time::interval(BLOCK_INTERVAL);
    interval.tick().await;
    loop {
        interval.tick().await;
        match shared.change(|node| node.generate(1)) {
            Ok(_) => tracing::debug!(height = shared.node().height(), "mined a block"),
            Err(reject) => tracing::warn!(%reject, "the embedded node mined no block"),
        }
    }
}

fn ended() -> AppError {
    AppError::node("it ended while it started")
}
