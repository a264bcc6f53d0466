//! One connection: the stream, the RPC system on it, and the exchange of thread maps.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use capnp::capability::{Client, FromClientHook};
use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{Disconnector, RpcSystem, new_client, twoparty};
use futures_util::io::BufReader;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::connector::Connector;
use super::outbox::Outbox;
use super::signs::Signs;
use super::socket;
use super::threads::Threads;

/// Words (of 8 bytes) that one reply may hold: 256 MiB. A larger one ends the connection, so every
/// request is kept from having one: the largest are two blocks of at most 4 MB, and 500 mempool
/// transactions of at most 400 kB.
const REPLY_WORDS: usize = 32 * 1024 * 1024;

/// Nesting of a reply: a block's facts nest 32 deep at most, two levels of pointers each.
const REPLY_NESTING: i32 = 96;

/// Bytes read ahead. Small replies arrive several at once; big ones are read past the buffer.
const READ_BUFFER: usize = 16 * 1024;

/// How long each step of a clean end may take before it is cut short.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The stream could not be opened.
    #[error("cannot connect to {0}: {1}")]
    Stream(String, io::Error),
    /// The other side does not speak as a node does.
    #[error("no node answers on {0}: {1}")]
    Handshake(String, capnp::Error),
}

/// A connection to a node.
pub(super) struct Connection {
    /// The node's bootstrap object, an `Init`.
    pub(super) init: Client,
    threads: thread_map::Client,
    /// Every thread that was made. One that is released before the node's system has begun to run
    /// it ends the node, which locks a mutex that is gone by then; so none is released early.
    made: RefCell<Vec<thread::Client>>,
    disconnector: Disconnector<Side>,
    /// Ends with this value, so that no connection outlives its owner.
    system: AbortOnDropHandle<capnp::Result<()>>,
    outbox: Outbox,
    lost: watch::Receiver<bool>,
}

impl Connection {
    /// Opens a connection and exchanges thread maps.
    pub(super) async fn open(connector: &Connector, signs: &Rc<Signs>) -> Result<Self, OpenError> {
        let stream = connector
            .connect()
            .await
            .map_err(|error| OpenError::Stream(connector.to_string(), error))?;
        let (system, init, outbox) =
            start(stream).map_err(|error| OpenError::Stream(connector.to_string(), error))?;
        let disconnector = system.get_disconnector();
        let (gone, lost) = watch::channel(false);
        let system = AbortOnDropHandle::new(spawn_local(async move {
            let end = system.await;
            let _ = gone.send(true);
            end
        }));
        let threads = construct(&init, signs)
            .await
            .map_err(|error| OpenError::Handshake(connector.to_string(), error))?;
        let (init, made) = (init.cast_to(), RefCell::default());
        Ok(Self { init, threads, made, disconnector, system, outbox, lost })
    }

    /// Has the node make a thread for our calls.
    pub(super) async fn make_thread(&self, name: &str) -> capnp::Result<thread::Client> {
        let mut request = self.threads.make_thread_request();
        request.get().set_name(name);
        let thread = request.send().promise.await?.get()?.get_result()?;
        self.made.borrow_mut().push(thread.clone());
        Ok(thread)
    }

    /// Completes when the connection is lost.
    pub(super) async fn lost(&self) {
        let mut lost = self.lost.clone();
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Ends the connection: objects are released, the farewell is written, then the socket is closed.
    pub(super) async fn close(self) {
        let Self { init, threads, made, disconnector, mut system, outbox, .. } = self;
        drop((init, threads, made));
        // One turn for the release messages to be queued before the end.
        tokio::task::yield_now().await;
        let _ = timeout(CLOSE_LIMIT, disconnector).await;
        // The disconnector completes before everything is written: first the system's task has to end.
        let _ = timeout(CLOSE_LIMIT, &mut system).await;
        let _ = timeout(CLOSE_LIMIT, outbox.emptied()).await;
    }
}

fn start(stream: UnixStream) -> io::Result<(RpcSystem<Side>, init::Client, Outbox)> {
    let (read, write) = socket::split(stream)?;
    let (inlet, outbox) = Outbox::open(write);
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(Some(REPLY_WORDS)).nesting_limit(REPLY_NESTING);
    let network = twoparty::VatNetwork::new(
        BufReader::with_capacity(READ_BUFFER, read),
        inlet,
        Side::Client,
        options,
    );
    let mut system = RpcSystem::new(Box::new(network), None);
    let init = system.bootstrap(Side::Server);
    Ok((system, init, outbox))
}

async fn construct(init: &init::Client, signs: &Rc<Signs>) -> capnp::Result<thread_map::Client> {
    let mut request = init.construct_request();
    request.get().set_thread_map(new_client(Threads::new(signs)));
    request.send().promise.await?.get()?.get_thread_map()
}
