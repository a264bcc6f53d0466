//! How a call names the server thread that it is to run on.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread};

use super::answer::Fault;
use super::connection::Connection;
use super::thread::Thread;

/// The thread that a context names; none if it names none.
pub(super) fn named(context: Option<context::Reader<'_>>) -> Result<Option<thread::Client>, Fault> {
    let context = context.filter(|context| context.has_thread());
    context.map(context::Reader::get_thread).transpose().map_err(Fault::Malformed)
}

impl Connection {
    /// The thread for a call whose method has a context: the named one, or one of the pool.
    pub(super) async fn thread(&self, named: Option<thread::Client>) -> Result<Rc<Thread>, Fault> {
        let Some(client) = named else {
            let pooled = self.pool.borrow().as_ref().and_then(|pool| pool.thread());
            return pooled.ok_or_else(|| Fault::Exception(self.rules.no_thread.to_owned()));
        };
        let resolved = capnp::capability::get_resolved_cap(client).await;
        let threads = self.threads.borrow();
        threads
            .get_local_server_of_resolved(&resolved)
            .ok_or_else(|| Fault::Exception("invalid thread handle".to_owned()))
    }
}
