//! Server threads: one call at a time each.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use tokio::sync::{Mutex, MutexGuard};

use super::connection::Connection;
use super::shared::MAX_THREADS;

/// A server thread that a client made.
pub(super) struct Thread {
    name: String,
    /// Held while a call runs; the next calls wait in order.
    running: Mutex<()>,
}

impl Thread {
    pub(super) fn is_busy(&self) -> bool {
        self.running.try_lock().is_err()
    }

    /// Waits for the calls before this one.
    pub(super) async fn enter(&self) -> MutexGuard<'_, ()> {
        self.running.lock().await
    }
}

impl thread::Server for Thread {
    async fn get_name(
        self: Rc<Self>,
        _: thread::GetNameParams,
        mut results: thread::GetNameResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_result(self.name.as_str());
        Ok(())
    }
}

/// Makes server threads for one connection.
pub(super) struct ThreadMap(pub(super) Rc<Connection>);

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        params: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> Result<(), capnp::Error> {
        let connection = &self.0;
        let count = connection.thread_count.get() + 1;
        if count > MAX_THREADS {
            return Err(capnp::Error::overloaded("too many threads".into()));
        }
        connection.thread_count.set(count);
        let wanted = params.get()?.get_name()?.to_str()?.to_owned();
        let name = format!("devnode/b-capnp-loop-{count} (from {wanted})");
        let thread = Thread { name, running: Mutex::new(()) };
        let client = connection.threads.borrow_mut().new_client(thread);
        results.get().set_result(client);
        Ok(())
    }
}
