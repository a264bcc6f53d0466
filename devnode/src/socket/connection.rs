//! One client's connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{CapabilityServerSet, RpcSystem, twoparty};
use futures_util::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use super::callback::NodeThreads;
use super::handler::Registration;
use super::object::{self, Kind};
use super::rules::Rules;
use super::shared::Shared;
use super::thread::{Pool, Thread};
use crate::fault::{FaultKind, Tap, TapReader, TapWriter};

/// What the objects of one connection share.
pub(super) struct Connection {
    pub(super) shared: Rc<Shared>,
    /// How the generation behaves.
    pub(super) rules: Rules,
    /// Server threads by the capability that names them.
    pub(super) threads: RefCell<CapabilityServerSet<Thread, thread::Client>>,
    /// Number of server threads, those of the pool included.
    pub(super) thread_count: Cell<usize>,
    /// Threads for calls that name none, once the client made them.
    pub(super) pool: RefCell<Option<Pool>>,
    /// Told when a real node would have died: the client loses its connection.
    died: Notify,
    /// Told when the client is to lose its connection for no reason of its own.
    pub(super) lost: Notify,
    /// Whether a real node would have died of this client.
    dead: Cell<bool>,
    /// What makes threads of the client, if it gave such a thing.
    pub(super) their_threads: RefCell<Option<thread_map::Client>>,
    /// Threads of the node that called the client.
    pub(super) node_threads: NodeThreads,
    /// Callbacks that wait for the client's answer.
    pub(super) callbacks_inside: Cell<usize>,
    /// Subscriptions whose handlers the client dropped, to be ended.
    pub(super) released: RefCell<Vec<Rc<Registration>>>,
    /// Told when there are such.
    pub(super) release: Notify,
    closed: watch::Sender<bool>,
}

impl Connection {
    fn new(shared: Rc<Shared>, rules: Rules) -> Self {
        Self {
            rules,
            shared,
            threads: RefCell::new(CapabilityServerSet::new()),
            thread_count: Cell::new(0),
            pool: RefCell::new(None),
            died: Notify::new(),
            lost: Notify::new(),
            dead: Cell::new(false),
            their_threads: RefCell::new(None),
            node_threads: NodeThreads::default(),
            callbacks_inside: Cell::new(0),
            released: RefCell::default(),
            release: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }

    /// A real node would have died here. The client loses its connection; what follows from that counts no more.
    pub(super) fn die(&self, cause: String) {
        if !self.dead.replace(true) {
            self.shared.deaths.record(cause);
        }
        self.died.notify_one();
    }

    /// Whether a real node would have died of this client.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Whether the client has left.
    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the connection is closed.
    pub(super) async fn closed(&self) {
        // The sender lives as long as this.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }
}

/// Serves a connection until its client leaves, the node stops, or the client does something that would end a real
/// node.
pub(super) async fn serve(stream: UnixStream, shared: Rc<Shared>) {
    let _open = shared.open_connection();
    let Some(rules) = rules(&shared) else { return };
    let connection = Rc::new(Connection::new(Rc::clone(&shared), rules));
    let (reader, writer) = stream.into_split();
    let tap = shared.faults.tap(shared.profile);
    let network = twoparty::VatNetwork::new(
        TapReader::new(BufReader::new(reader.compat()), tap.clone()),
        TapWriter::new(BufWriter::new(writer.compat_write()), tap.clone()),
        Side::Server,
        capnp::message::ReaderOptions::new(),
    );
    let init = object::client(Kind::Init, &connection);
    let system = RpcSystem::new(Box::new(network), Some(init));
    tokio::select! {
        // A client that ends its connection with an error is gone all the same.
        _ = system => {}
        () = connection.died.notified() => {}
        () = connection.lost.notified() => {}
        () = cut(tap.as_deref()) => {}
        () = shared.ended(), if !connection.rules.waits_for_clients => {}
        () = connection.end_released() => {}
    }
    connection.closed.send_replace(true);
    connection.forget();
}

/// How the node behaves on a new connection; none if it is to refuse it.
fn rules(shared: &Shared) -> Option<Rules> {
    let rules = *Rules::of(shared.profile.name);
    shared.faults.count_connection();
    match shared.faults.strike_connection() {
        Some(FaultKind::Refuse) => None,
        Some(FaultKind::Threads(busy)) => Some(Rules { busy, ..rules }),
        _ => Some(rules),
    }
}

/// Waits until an answer that was spoiled is to be the last one.
async fn cut(tap: Option<&Tap>) {
    match tap {
        Some(tap) => tap.cut().await,
        None => std::future::pending().await,
    }
}
