//! The thread that makes a callback, and how the client is told of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread};

use crate::socket::connection::Connection;
use crate::socket::rules::Rules;
use crate::socket::thread::Thread;

/// A thread of the node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socket) enum NodeThread {
    /// Delivers notifications of the chain.
    Scheduler,
    /// Ends the node.
    Shutdown,
    /// Frees objects that clients dropped.
    CapnpLoop,
    /// Loads the chain when the node starts.
    InitLoad,
    /// Speaks to peers.
    Net,
    /// Answers JSON-RPC.
    Http,
    /// Takes requests of JSON-RPC in, and runs timers.
    HttpLoop,
}

impl NodeThread {
    /// Its name: that of the process and its own, both with their number.
    fn name(self, rules: &Rules) -> String {
        let pid = std::process::id();
        match self {
            Self::Scheduler => format!("bitcoin-node-{pid}/b-scheduler-{}", pid + 1),
            Self::Shutdown => format!("bitcoin-node-{pid}/{}-{pid}", rules.shutdown_thread),
            Self::CapnpLoop => format!("bitcoin-node-{pid}/b-capnp-loop-{}", pid + 2),
            Self::InitLoad => format!("bitcoin-node-{pid}/b-initload-{}", pid + 3),
            Self::Net => format!("bitcoin-node-{pid}/b-net-{}", pid + 4),
            Self::HttpLoop => format!("bitcoin-node-{pid}/b-http-{}", pid + 6),
            Self::Http => format!("bitcoin-node-{pid}/{}0-{}", rules.http_thread, pid + 5),
        }
    }
}

/// Who makes a callback.
#[derive(Clone)]
pub(in crate::socket) enum Caller {
    /// A thread of the node's own.
    Node(NodeThread),
    /// The server thread that runs a client's call.
    Call {
        /// The client's connection.
        connection: Rc<Connection>,
        /// The server thread.
        thread: Rc<Thread>,
        /// The client's thread that the call named for callbacks.
        callback_thread: Option<thread::Client>,
    },
}

/// Both ends of a thread that spans node and client.
#[derive(Clone)]
pub(in crate::socket) struct Ends {
    /// The client's thread that runs the callback.
    theirs: Option<thread::Client>,
    /// The node's thread that waits for it.
    pub(super) own: Rc<Thread>,
    /// The same, for the client to hold.
    own_client: thread::Client,
}

impl Ends {
    /// Fills the context of a callback.
    pub(super) fn write(&self, mut context: context::Builder<'_>) {
        if let Some(theirs) = &self.theirs {
            context.set_thread(theirs.clone());
        }
        context.set_callback_thread(self.own_client.clone());
    }
}

/// Threads of the node, by name, that called one client before: the client made a thread for each.
pub(in crate::socket) type NodeThreads = RefCell<BTreeMap<String, Ends>>;

impl Caller {
    pub(in crate::socket) fn call(
        connection: Rc<Connection>,
        thread: Rc<Thread>,
        callback_thread: Option<thread::Client>,
    ) -> Self {
        Self::Call { connection, thread, callback_thread }
    }

    /// Both ends towards a client. A thread that calls it for the first time asks it for a thread, without waiting.
    pub(super) fn ends(&self, client: &Rc<Connection>) -> Ends {
        match self {
            Self::Node(thread) => ends_by_name(client, thread.name(&client.rules)),
            Self::Call { connection, thread, callback_thread } => {
                if !Rc::ptr_eq(connection, client) {
                    return ends_by_name(client, thread.name().to_owned());
                }
                let own_client = client.threads.borrow_mut().new_client_from_rc(Rc::clone(thread));
                Ends { theirs: callback_thread.clone(), own: Rc::clone(thread), own_client }
            }
        }
    }
}

fn ends_by_name(client: &Connection, name: String) -> Ends {
    let mut known = client.node_threads.borrow_mut();
    let ends = known.entry(name).or_insert_with_key(|name| {
        let own = Rc::new(Thread::occupied(name.clone()));
        let own_client = client.threads.borrow_mut().new_client_from_rc(Rc::clone(&own));
        Ends { theirs: Some(make_thread(client, name)), own, own_client }
    });
    ends.clone()
}

fn make_thread(client: &Connection, name: &str) -> thread::Client {
    let Some(map) = client.their_threads.borrow().clone() else {
        let broken = capnp::Error::failed("the client gave no thread map".to_owned());
        return capnp_rpc::new_future_client(async { Err(broken) });
    };
    let mut request = map.make_thread_request();
    request.get().set_name(name);
    request.send().pipeline.get_result()
}
