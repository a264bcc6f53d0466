//! How a call names the server thread that it is to run on, and the client's thread for callbacks.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread};

use super::answer::Fault;
use super::callback::Caller;
use super::connection::Connection;
use super::thread::{Running, Thread};

/// The threads that a context names.
#[derive(Default)]
pub(super) struct Named {
    /// The server thread that runs the call.
    pub(super) thread: Option<thread::Client>,
    /// The client's thread for callbacks during the call.
    callback_thread: Option<thread::Client>,
}

/// A call's hold on its thread, and what it takes to call the client back from there.
pub(super) struct Serving {
    pub(super) caller: Caller,
    _running: Running,
}

/// The threads that a context names.
pub(super) fn named(context: Option<context::Reader<'_>>) -> Result<Named, Fault> {
    let Some(context) = context else { return Ok(Named::default()) };
    let thread = context.has_thread().then(|| context.get_thread()).transpose();
    let callback = context.has_callback_thread().then(|| context.get_callback_thread()).transpose();
    Ok(Named {
        thread: thread.map_err(Fault::Malformed)?,
        callback_thread: callback.map_err(Fault::Malformed)?,
    })
}

impl Connection {
    /// The thread for a call whose method has a context: the named one, or one of the pool.
    pub(super) async fn thread(&self, named: &Named) -> Result<Rc<Thread>, Fault> {
        let Some(client) = named.thread.clone() else {
            let pooled = self.pool.borrow().as_ref().and_then(|pool| pool.thread());
            return pooled.ok_or_else(|| Fault::Exception(self.rules.no_thread.to_owned()));
        };
        let resolved = capnp::capability::get_resolved_cap(client).await;
        let threads = self.threads.borrow();
        threads
            .get_local_server_of_resolved(&resolved)
            .ok_or_else(|| Fault::Exception("invalid thread handle".to_owned()))
    }

    /// Waits until a call may run on its thread.
    pub(super) async fn enter(
        self: &Rc<Self>,
        thread: Rc<Thread>,
        named: Named,
    ) -> Result<Serving, Fault> {
        let running = thread.enter(self.rules.busy).await?;
        let caller = Caller::call(Rc::clone(self), thread, named.callback_thread);
        Ok(Serving { caller, _running: running })
    }

    /// Finds the thread of a call and waits until the call may run there.
    pub(super) async fn enter_named(self: &Rc<Self>, named: Named) -> Result<Serving, Fault> {
        let thread = self.thread(&named).await?;
        self.enter(thread, named).await
    }
}
