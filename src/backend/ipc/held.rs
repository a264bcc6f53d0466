//! Objects of the node's that are not there for good: block templates and wallets.
//!
//! Any call on an object after its `destroy` ends the node, so `destroy` is sent in one place only:
//! when the last user of a [`Held`] is gone, its capability goes to the [`Bin`], which nobody else
//! can reach, and is destroyed there, one after the other, on a server thread of its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::wire::init_capnp::init::make_echo_params;
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use capnp::capability::Client;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::fault::Fault;
use super::leases::{Ended, Home, LeaseId, Leases};
use super::link::Link;
use super::wire;
use crate::error::LeaseEnd;

/// Pause before `destroy` goes again to a thread that had not finished its last call, and how often.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const BUSY_TRIES: usize = 50;

/// How long a drain waits for objects to be destroyed: a thousand take some 100 ms.
const EMPTY_LIMIT: Duration = Duration::from_secs(2);

/// Where an object's `destroy` stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destroy {
    pub(super) interface_id: u64,
    pub(super) ordinal: u16,
}

/// An object that is destroyed once nobody uses it any more.
pub(super) struct Held {
    client: Client,
    destroy: Destroy,
    bin: Rc<Bin>,
    /// Leases on it.
    leases: Cell<usize>,
    /// Who wants to hear when it is gone.
    done: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Held {
    pub(super) fn new(client: Client, destroy: Destroy, bin: &Rc<Bin>) -> Rc<Self> {
        let bin = Rc::clone(bin);
        Rc::new(Self { client, destroy, bin, leases: Cell::default(), done: RefCell::default() })
    }

    /// The object. It must not be used longer than `self` is kept.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bin.put(Waste {
            client: self.client.clone(),
            destroy: self.destroy,
            done: self.done.take(),
        });
    }
}

struct Waste {
    client: Client,
    destroy: Destroy,
    done: Vec<oneshot::Sender<()>>,
}

/// Takes objects that nobody uses any more, and destroys them.
pub(super) struct Bin {
    /// `None` once the node must not be called any more.
    waste: RefCell<Option<mpsc::UnboundedSender<Waste>>>,
    pending: Cell<usize>,
    empty: Notify,
}

impl Bin {
    /// A bin, and what is thrown into it. As many objects as are held can lie there.
    pub(super) fn new() -> (Rc<Self>, Emptier) {
        let (waste, thrown) = mpsc::unbounded_channel();
        let bin = Self {
            waste: RefCell::new(Some(waste)),
            pending: Cell::default(),
            empty: Notify::new(),
        };
        (Rc::new(bin), Emptier(thrown))
    }

    fn put(&self, waste: Waste) {
        if let Some(bin) = &*self.waste.borrow()
            && bin.send(waste).is_ok()
        {
            self.pending.set(self.pending.get() + 1);
        }
    }

    fn emptied(&self) {
        self.pending.set(self.pending.get() - 1);
        if self.pending.get() == 0 {
            self.empty.notify_waiters();
        }
    }

    /// Waits, within a limit, until everything thrown away is destroyed.
    pub(super) async fn emptiness(&self) {
        let empty = async {
            while self.pending.get() > 0 {
                self.empty.notified().await;
            }
        };
        if timeout(EMPTY_LIMIT, empty).await.is_err() {
            tracing::warn!(left = self.pending.get(), "objects of the node were not destroyed");
        }
    }

    /// Destroys nothing any more. What is thrown away from now on is merely released.
    pub(super) fn close(&self) {
        self.waste.borrow_mut().take();
    }
}

/// Empties a bin.
pub(super) struct Emptier(mpsc::UnboundedReceiver<Waste>);

impl Emptier {
    /// Destroys what is thrown away, until the bin is closed.
    pub(super) async fn run(mut self, link: Rc<Link>) {
        let mut thread = None;
        while let Some(waste) = self.0.recv().await {
            if let Err(error) = destroy(&link, &mut thread, &waste).await {
                tracing::debug!(%error, "an object could not be destroyed");
            }
            drop(waste.client);
            for done in waste.done {
                // Who left needs not hear.
                let _ = done.send(());
            }
            link.bin.emptied();
        }
    }
}

async fn destroy(
    link: &Link,
    thread: &mut Option<thread::Client>,
    waste: &Waste,
) -> capnp::Result<()> {
    let on = match thread {
        Some(on) => on.clone(),
        None => thread.insert(link.make_thread().await?).clone(),
    };
    let Destroy { interface_id, ordinal } = waste.destroy;
    for _ in 0..BUSY_TRIES {
        let call = wire::call::<Fault>(&waste.client, interface_id, ordinal, |params| {
            let params = params.init_as::<make_echo_params::Builder<'_>>();
            params.init_context().set_thread(on.clone());
            Ok(())
        });
        match call.await {
            Err(fault) if fault.is_thread_busy() => sleep(BUSY_PAUSE).await,
            Err(Fault::Call(error)) => return Err(error),
            _ => return Ok(()),
        }
    }
    Err(capnp::Error::failed("the thread stayed busy".to_owned()))
}

/// The objects of a session that callers hold leases on.
pub(super) struct Holdings {
    pub(super) leases: Leases,
    pub(super) home: Arc<Home>,
    objects: RefCell<HashMap<LeaseId, Rc<Held>>>,
}

impl Holdings {
    pub(super) fn new(leases: Leases, home: Arc<Home>) -> Self {
        Self { leases, home, objects: RefCell::default() }
    }

    /// The object of a lease.
    pub(super) fn get(&self, id: LeaseId) -> Option<Rc<Held>> {
        self.objects.borrow().get(&id).cloned()
    }

    /// Notes that a lease is on an object.
    pub(super) fn insert(&self, id: LeaseId, held: Rc<Held>) {
        held.leases.set(held.leases.get() + 1);
        self.objects.borrow_mut().insert(id, held);
    }

    /// Lets go of objects as their leases end, for as long as it is polled.
    pub(super) async fn let_go(&self, ended: &mut mpsc::UnboundedReceiver<Ended>) {
        while let Some(Ended { id, done }) = ended.recv().await {
            self.remove(id, done);
        }
    }

    fn remove(&self, id: LeaseId, done: Option<oneshot::Sender<()>>) {
        self.home.queue.end_waits(id);
        let Some(held) = self.objects.borrow_mut().remove(&id) else { return };
        held.leases.set(held.leases.get() - 1);
        if let Some(done) = done.filter(|_| held.leases.get() == 0) {
            held.done.borrow_mut().push(done);
        }
    }

    /// Ends all leases and lets go of everything.
    pub(super) fn close(&self, why: &LeaseEnd) {
        self.leases.close(&self.home, why);
        let objects = self.objects.take();
        for id in objects.keys() {
            self.home.queue.end_waits(*id);
        }
    }
}
