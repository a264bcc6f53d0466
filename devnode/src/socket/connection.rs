//! One client's connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{CapabilityServerSet, RpcSystem, twoparty};
use futures_util::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use super::object::{self, Kind};
use super::rules::Rules;
use super::shared::Shared;
use super::thread::{Pool, Thread};

/// What the objects of one connection share.
pub(super) struct Connection {
    pub(super) shared: Rc<Shared>,
    /// How the generation behaves.
    pub(super) rules: &'static Rules,
    /// Server threads by the capability that names them.
    pub(super) threads: RefCell<CapabilityServerSet<Thread, thread::Client>>,
    /// Number of server threads, those of the pool included.
    pub(super) thread_count: Cell<usize>,
    /// Threads for calls that name none, once the client made them.
    pub(super) pool: RefCell<Option<Pool>>,
    /// Told when a real node would have died: the client loses its connection.
    pub(super) died: Notify,
}

/// Serves a connection until its client leaves, the node stops, or the client does something that would end a real
/// node.
pub(super) async fn serve(stream: UnixStream, shared: Rc<Shared>) {
    let _open = shared.open_connection();
    let rules = Rules::of(shared.profile.name);
    let connection = Rc::new(Connection {
        shared: Rc::clone(&shared),
        rules,
        threads: RefCell::new(CapabilityServerSet::new()),
        thread_count: Cell::new(0),
        pool: RefCell::new(None),
        died: Notify::new(),
    });
    let (reader, writer) = stream.into_split();
    let network = twoparty::VatNetwork::new(
        BufReader::new(reader.compat()),
        BufWriter::new(writer.compat_write()),
        Side::Server,
        capnp::message::ReaderOptions::new(),
    );
    let init = object::client(Kind::Init, &connection);
    let system = RpcSystem::new(Box::new(network), Some(init));
    tokio::select! {
        // A client that ends its connection with an error is gone all the same.
        _ = system => {}
        () = connection.died.notified() => {}
        () = shared.ended(), if !rules.waits_for_clients => {}
    }
}
