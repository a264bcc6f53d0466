//! Server threads: one call at a time each.

use std::cell::Cell;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use tokio::sync::{Mutex, MutexGuard};

use super::answer::Fault;
use super::connection::Connection;
use super::rules::Busy;
use super::shared::MAX_THREADS;

/// A server thread that a client made.
pub(super) struct Thread {
    name: String,
    /// Held while a call runs; the next calls wait in order.
    running: Mutex<()>,
    /// Calls that run or wait.
    calls: Cell<usize>,
}

/// A call's hold on its thread.
pub(super) struct Running<'a> {
    thread: &'a Thread,
    _guard: Option<MutexGuard<'a, ()>>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.thread.calls.set(self.thread.calls.get() - 1);
    }
}

impl Thread {
    fn new(name: String) -> Self {
        Self { name, running: Mutex::new(()), calls: Cell::new(0) }
    }

    /// Waits for the calls before this one, as far as a generation lets calls wait.
    pub(super) async fn enter(&self, busy: Busy) -> Result<Running<'_>, Fault> {
        match (busy, self.calls.get()) {
            (Busy::Dies, 1..) => {
                return Err(Fault::Dies("two calls at once on one server thread".to_owned()));
            }
            (Busy::OneWaits, 2..) => return Err(Fault::Exception("thread busy".to_owned())),
            _ => {}
        }
        self.calls.set(self.calls.get() + 1);
        // Counts from here on, also when the call is given up while it waits.
        let mut running = Running { thread: self, _guard: None };
        running._guard = Some(self.running.lock().await);
        Ok(running)
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

/// Threads for calls that name none, taken in turn.
pub(super) struct Pool {
    threads: Vec<Rc<Thread>>,
    next: Cell<usize>,
}

impl Pool {
    fn new(size: usize) -> Self {
        let thread = |number| Rc::new(Thread::new(format!("devnode/b-pool-{number}")));
        Self { threads: (0..size).map(thread).collect(), next: Cell::new(0) }
    }

    /// The thread whose turn it is; none in an empty pool.
    pub(super) fn thread(&self) -> Option<Rc<Thread>> {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        self.threads.get(turn.checked_rem(self.threads.len())?).cloned()
    }
}

/// Makes server threads for one connection.
pub(super) struct ThreadMap(pub(super) Rc<Connection>);

impl ThreadMap {
    /// Counts threads, of which there may not be too many.
    fn count(&self, more: usize) -> Result<usize, capnp::Error> {
        let count = self.0.thread_count.get().saturating_add(more);
        if count > MAX_THREADS {
            return Err(capnp::Error::overloaded("too many threads".into()));
        }
        self.0.thread_count.set(count);
        Ok(count)
    }
}

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        params: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> Result<(), capnp::Error> {
        let count = self.count(1)?;
        let wanted = params.get()?.get_name()?.to_str()?.to_owned();
        let thread = Thread::new(format!("devnode/b-capnp-loop-{count} (from {wanted})"));
        let client = self.0.threads.borrow_mut().new_client(thread);
        results.get().set_result(client);
        Ok(())
    }

    async fn make_pool(
        self: Rc<Self>,
        params: thread_map::MakePoolParams,
        _: thread_map::MakePoolResults,
    ) -> Result<(), capnp::Error> {
        if !self.0.rules.pool {
            return Err(capnp::Error::unimplemented("no method makePool".to_owned()));
        }
        if self.0.pool.borrow().is_some() {
            let what = "makePool called on connection with existing pool";
            return Err(Fault::Exception(what.to_owned()).into_error());
        }
        let size = usize::try_from(params.get()?.get_count()).unwrap_or(usize::MAX);
        self.count(size)?;
        self.0.pool.replace(Some(Pool::new(size)));
        Ok(())
    }
}
