//! Passing an object of ours to the node, and taking it back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::wire::handler_capnp::handler;
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{Inner, Method, Request, Slot, callback};
use capnp::capability::{Client, FromClientHook};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::super::fault::{Fault, of_reply};
use super::super::held::Held;
use super::super::link::{Caller, Link};
use super::super::ready::{self, Tip};
use super::super::wallets::Wallets;
use super::super::wire;
use crate::error::CallError;

/// Threads that may be given up, as calls on them are not answered. A node that has lost this many will not get
/// well by more.
const GIVEN_UP: usize = 8;

/// A server thread of the node for streams: they must neither wait for readers nor hold them up.
pub(super) struct Control {
    link: Rc<Link>,
    /// How long a turn is waited for before the thread counts as stuck.
    patience: Duration,
    track: RefCell<Rc<Track>>,
    given_up: Cell<usize>,
}

/// A server thread, and the right to make calls on it, which one at a time has.
struct Track {
    free: Arc<Semaphore>,
    /// Made when first needed.
    thread: RefCell<Option<thread::Client>>,
}

impl Track {
    fn new() -> Rc<Self> {
        Rc::new(Self { free: Arc::new(Semaphore::new(1)), thread: RefCell::default() })
    }
}

impl Control {
    pub(super) fn new(link: &Rc<Link>, patience: Duration) -> Self {
        let (track, given_up) = (RefCell::new(Track::new()), Cell::default());
        Self { link: Rc::clone(link), patience, track, given_up }
    }

    /// Waits for the thread. If whoever has it does not come to an end, another one is made.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, CallError> {
        loop {
            let track = Rc::clone(&self.track.borrow());
            match timeout(self.patience, Arc::clone(&track.free).acquire_owned()).await {
                Ok(free) => {
                    return self.begin(&track, free.map_err(|_| CallError::NodeLost)?).await;
                }
                Err(_) => self.give_up(&track)?,
            }
        }
    }

    async fn begin(
        &self,
        track: &Track,
        free: OwnedSemaphorePermit,
    ) -> Result<Turn<'_>, CallError> {
        let made = track.thread.borrow().clone();
        let thread = match made {
            Some(thread) => thread,
            None => self.link.make_thread().await.map_err(|_| CallError::NodeLost)?,
        };
        *track.thread.borrow_mut() = Some(thread.clone());
        Ok(Turn { link: &self.link, thread, _free: free })
    }

    /// Turns to another thread, unless somebody else has done so.
    fn give_up(&self, stuck: &Rc<Track>) -> Result<(), CallError> {
        let mut track = self.track.borrow_mut();
        if !Rc::ptr_eq(&track, stuck) {
            return Ok(());
        }
        if self.given_up.get() == GIVEN_UP {
            return Err(CallError::NodeStuck);
        }
        self.given_up.set(self.given_up.get() + 1);
        tracing::warn!(
            given_up = self.given_up.get(),
            "a server thread of the node for streams does not answer"
        );
        *track = Track::new();
        Ok(())
    }

    /// The node's tip, if it has one.
    pub(super) async fn tip(&self) -> Result<Option<Tip>, CallError> {
        let turn = self.turn().await?;
        // Before a node has a chain it must not be asked about one.
        if self.link.has_chain() { ready::tip(turn.caller()).await } else { Ok(None) }
    }

    /// Passes an object to the node until the registration is [ended](Self::unregister).
    pub(super) async fn register(
        &self,
        request: &Request,
        object: &Client,
        wallets: &Rc<Wallets>,
    ) -> Result<Registration, CallError> {
        let Some(name) = request.key() else {
            let turn = self.turn().await?;
            let handler = self.pass(turn.caller(), request, object).await?;
            return Ok(Registration { handler, _wallet: None });
        };
        let turn = self.turn().await?;
        let wallet = wallets.find(turn.caller(), name).await?;
        let handler = self.pass(turn.caller().with(wallet.client()), request, object).await?;
        if request.method() != Method::WalletHandleUnload {
            return Ok(Registration { handler, _wallet: None });
        }
        // A wallet leaves the list before it says that it is unloaded, and says so once.
        let listed = wallets.lists(turn.caller(), name).await;
        drop(turn);
        let registration = Registration { handler, _wallet: Some(wallet) };
        match listed {
            Ok(true) => Ok(registration),
            listed => {
                self.unregister(registration).await;
                Err(listed.err().unwrap_or_else(|| CallError::WalletNotLoaded(name.to_owned())))
            }
        }
    }

    async fn pass(
        &self,
        caller: Caller<'_>,
        request: &Request,
        object: &Client,
    ) -> Result<handler::Client, CallError> {
        let answer = caller.pass(request, object).await?;
        let method = request.method();
        let Slot::Callable(at) = self.link.profile.slot(method) else {
            return Err(CallError::Internal("a method without a place was answered".to_owned()));
        };
        let results = answer.get().map_err(|error| of_reply(error.into()))?;
        let handler = callback::read_handler(method, at, results).map_err(of_reply)?;
        handler.ok_or_else(|| CallError::BadReply("the node gave no handler".to_owned()))
    }

    /// Takes an object back. Once this returns the node does not call it any more.
    pub(super) async fn unregister(&self, registration: Registration) {
        let end = Inner::HandlerDisconnect;
        let (Ok(turn), Some(at)) = (self.turn().await, self.link.profile.inner(end)) else {
            return;
        };
        let Some(thread) = turn.caller().thread else { return };
        let handler: Client = registration.handler.clone().cast_to();
        if let Err(error) = wire::run(&handler, end.interface_id(), at.ordinal, thread).await {
            // With the connection gone, the node has forgotten the object by itself.
            tracing::debug!(%error, "a subscription was not ended by the node");
        }
    }
}

/// An object of ours that the node has.
pub(super) struct Registration {
    handler: handler::Client,
    /// A wallet must not go while somebody wants to be told of it: its process would end, and the
    /// node with it. It tells first, and then waits until it is let go of.
    _wallet: Option<Rc<Held>>,
}

/// The right to make calls on a [`Control`]'s thread.
pub(super) struct Turn<'a> {
    link: &'a Link,
    thread: thread::Client,
    _free: OwnedSemaphorePermit,
}

impl Turn<'_> {
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller::new(self.link, Some(&self.thread))
    }
}

impl Caller<'_> {
    /// Makes a call that passes an object, and gives the results as they are.
    async fn pass(&self, request: &Request, object: &Client) -> Result<wire::Answer, CallError> {
        self.send(request, &|at, params| {
            let hook = object.hook.add_ref();
            Ok::<_, Fault>(callback::attach(request.method(), at, params, hook)?)
        })
        .await
    }

    /// The same for objects that live no longer than the call.
    pub(super) async fn lend(
        &self,
        request: &Request,
        object: &Client,
    ) -> Result<Option<Vec<u8>>, CallError> {
        let (method, profile) = (request.method(), self.link.profile);
        let answer = self.pass(request, object).await?;
        let Slot::Callable(at) = profile.slot(method) else { return Ok(None) };
        let results = answer.get().map_err(|error| of_reply(error.into()))?;
        callback::read_outcome(method, at, profile, results).map_err(of_reply)
    }
}
