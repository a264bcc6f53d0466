//! Server threads: one call at a time each.

use std::cell::Cell;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use tokio::sync::Semaphore;

use super::answer::Fault;
use super::connection::Connection;
use super::rules::Busy;
use super::shared::MAX_THREADS;

/// A thread that runs calls: one that a client made, or one of the node's own.
pub(super) struct Thread {
    name: String,
    /// One permit, the right to run, given out in order.
    free: Semaphore,
    /// Calls that run or wait.
    calls: Cell<usize>,
}

/// A call's hold on its thread.
pub(super) struct Running {
    thread: Rc<Thread>,
    /// False while the call still waits.
    runs: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.thread.calls.set(self.thread.calls.get().saturating_sub(1));
        if self.runs {
            self.thread.free.add_permits(1);
        }
    }
}

impl Thread {
    fn new(name: String) -> Self {
        Self { name, free: Semaphore::new(1), calls: Cell::new(0) }
    }

    /// A thread of the node's own. It runs calls of a client only while it waits for that client's answer.
    pub(super) fn occupied(name: String) -> Self {
        Self { name, free: Semaphore::new(0), calls: Cell::new(1) }
    }

    /// Its name, which no other thread of the node has.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the calls before this one, as far as a generation lets calls wait.
    pub(super) async fn enter(self: &Rc<Self>, busy: Busy) -> Result<Running, Fault> {
        match (busy, self.calls.get()) {
            (Busy::Dies, 1..) | (Busy::OneWaitsThenDies, 2..) => {
                return Err(Fault::Dies("too many calls at once on one server thread".to_owned()));
            }
            (Busy::OneWaits, 2..) => return Err(Fault::Exception("thread busy".to_owned())),
            _ => {}
        }
        self.calls.set(self.calls.get() + 1);
        // Counts from here on, also when the call is given up while it waits.
        let mut running = Running { thread: Rc::clone(self), runs: false };
        self.take().await;
        running.runs = true;
        Ok(running)
    }

    /// Waits for the client's answer to a callback. Other calls may run meanwhile; those that began end first.
    pub(super) async fn lend<T>(&self, answer: impl Future<Output = T>) -> T {
        self.calls.set(self.calls.get().saturating_sub(1));
        self.free.add_permits(1);
        let answer = answer.await;
        self.take().await;
        self.calls.set(self.calls.get() + 1);
        answer
    }

    async fn take(&self) {
        // The semaphore is never closed.
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
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
    fn new(names: impl Iterator<Item = String>) -> Self {
        Self { threads: names.map(|name| Rc::new(Thread::new(name))).collect(), next: Cell::new(0) }
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
    fn count(&self, more: usize) -> Result<(), capnp::Error> {
        let count = self.0.thread_count.get().saturating_add(more);
        if count > MAX_THREADS {
            return Err(capnp::Error::overloaded("too many threads".into()));
        }
        self.0.thread_count.set(count);
        self.0.shared.faults.count_threads(more);
        Ok(())
    }
}

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        params: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> Result<(), capnp::Error> {
        self.count(1)?;
        let wanted = params.get()?.get_name()?.to_str()?.to_owned();
        let name = self.0.shared.new_thread_name("b-capnp-loop");
        let thread = Thread::new(format!("{name} (from {wanted})"));
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
        let names = (0..size).map(|_| self.0.shared.new_thread_name("b-capnp-pool"));
        self.0.pool.replace(Some(Pool::new(names)));
        Ok(())
    }
}
