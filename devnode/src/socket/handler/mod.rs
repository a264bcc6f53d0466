//! What clients subscribed to, and the handlers by which they end it.
//!
//! `registry` knows who listens to what, `queue` delivers what happened to chain and mempool, `signal` what the
//! operator hears of, `command` are commands that clients serve, `subscribe` are the methods that take a
//! callback.

mod command;
mod queue;
mod registry;
mod signal;
mod subscribe;

use std::rc::Rc;

use bitcoin_grpc_contract::wire::chain_capnp::chain;
use bitcoin_grpc_contract::wire::handler_capnp::handler;
use capnp::any_pointer;

pub(super) use command::Command;
pub use command::RpcCall;
pub(super) use queue::ValidationQueue;
pub(super) use registry::{Registration, Registry, Topic};
pub(super) use signal::Signals;
pub use signal::{Message, Signal};
pub(super) use subscribe::given;

use super::answer::Fault;
use super::callback::{Caller, NodeThread, Trouble};
use super::connection::Connection;
use super::object::{self, Kind};
use super::rules::LostHandlers;

/// The node's side of a subscription that a client holds.
pub(super) struct Handler(Rc<Registration>);

impl Handler {
    /// Ends the subscription and tells the callback so. A second time changes nothing.
    pub(super) async fn disconnect(&self, caller: &Caller) -> Result<(), Fault> {
        let ended = self.0.end(caller).await;
        ended.map_err(|trouble| self.0.callback.connection.callback_failed(&trouble))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let connection = &self.0.callback.connection;
        if connection.rules.dropped_handlers_end {
            connection.released.borrow_mut().push(Rc::clone(&self.0));
            connection.release.notify_one();
        }
    }
}

/// Puts a handler of a new subscription into results that are a handler. All such methods have the same.
fn return_handler(
    registration: Rc<Registration>,
    connection: &Rc<Connection>,
    out: any_pointer::Builder<'_>,
) {
    let client = object::client(Kind::Handler(Handler(registration)), connection);
    let client: handler::Client = capnp::capability::FromClientHook::new(client.hook);
    out.init_as::<chain::handle_notifications_results::Builder<'_>>().set_result(client);
}

impl Connection {
    /// Ends the subscriptions whose handlers the client dropped, for as long as it is there.
    pub(super) async fn end_released(&self) {
        loop {
            let next = self.released.borrow_mut().pop();
            match next {
                Some(registration) => {
                    let ended = registration.end(&Caller::Node(NodeThread::CapnpLoop)).await;
                    self.note(ended);
                }
                None => self.release.notified().await,
            }
        }
    }

    /// Takes note of a callback that nobody waits for. Without an answer a real node may have died.
    pub(super) fn note(&self, told: Result<(), Trouble>) {
        let Err(trouble) = told else { return };
        if let Fault::Dies(cause) = self.callback_failed(&trouble) {
            self.die(cause);
        }
    }

    /// Forgets a client that left. Older nodes die of that if it was inside a callback, or had handlers.
    pub(super) fn forget(&self) {
        let had_handlers = self.shared.handlers.forget(self);
        let fatal = match self.rules.lost_handlers {
            LostHandlers::Forgotten => false,
            LostHandlers::DieWhenStopping => {
                had_handlers && self.shared.node().shutdown_requested()
            }
            LostHandlers::Die => had_handlers,
        };
        if fatal {
            self.die("the client left while it had a handler".to_owned());
        } else if self.callbacks_inside.get() > 0 {
            self.note(Err(Trouble::Gone));
        }
        self.node_threads.borrow_mut().clear();
        self.their_threads.replace(None);
        self.released.borrow_mut().clear();
    }
}
