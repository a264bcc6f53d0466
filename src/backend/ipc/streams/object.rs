//! Objects of ours that the node calls.
//!
//! A node does not survive an error in answer to such a call. So every call of every method is
//! answered with success, whatever it is and whether or not it can be read, and what tells is
//! answered before anything else happens.

use std::ops::Deref;
use std::rc::Rc;

use bitcoin_grpc_contract::{CallbackAnswer, Event, Inner, Profile, callback};
use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results, Server,
};
use capnp::private::capability::ClientHook;
use futures_util::future::LocalBoxFuture;

/// Hears what the node says.
pub(super) trait Ear {
    /// An event. If it wants an answer, the answer is what the future gives; it must end in time.
    fn hear(self: Rc<Self>, event: Event) -> Option<LocalBoxFuture<'static, CallbackAnswer>>;

    /// The node said something that cannot be read.
    fn misheard(&self, why: String);
}

/// An object for the node.
pub(super) struct Object {
    profile: &'static Profile,
    ear: Rc<dyn Ear>,
}

/// Makes an object callable.
pub(super) fn client(profile: &'static Profile, ear: Rc<dyn Ear>) -> Client {
    let Untyped(hook) = capnp_rpc::new_client(Object { profile, ear });
    Client::new(hook)
}

impl Object {
    fn call(
        &self,
        interface: u64,
        ordinal: u16,
        params: &Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> Promise<(), capnp::Error> {
        let Some((inner, at)) = self.profile.inner_at(interface, ordinal) else {
            return Promise::ok(());
        };
        let read = params.get().map_err(Into::into);
        let event = match read.and_then(|p| callback::read_event(inner, at, self.profile, p)) {
            Ok((event, _)) => event,
            // The end of a subscription, which is known from elsewhere, carries nothing.
            Err(bitcoin_grpc_contract::GlueError::NoLayout) => return Promise::ok(()),
            Err(error) => {
                self.ear.misheard(error.to_string());
                return Promise::ok(());
            }
        };
        match Rc::clone(&self.ear).hear(event) {
            None => Promise::ok(()),
            Some(answer) => Promise::from_future(answer_with(answer, self.profile, inner, results)),
        }
    }
}

async fn answer_with(
    answer: LocalBoxFuture<'static, CallbackAnswer>,
    profile: &'static Profile,
    inner: Inner,
    mut results: Results<any_pointer::Owned>,
) -> capnp::Result<()> {
    let answer = answer.await;
    if let Some(at) = profile.inner(inner) {
        let written = callback::write_answer(&answer, at, profile, results.hook.get()?);
        if let Err(error) = written {
            // What the node reads then is blank, which declines.
            tracing::warn!(%error, "an answer does not fit into the node's interface");
            results.hook.get()?.clear();
        }
    }
    Ok(())
}

/// A capability without generated types.
struct Untyped(Box<dyn ClientHook>);

impl FromClientHook for Untyped {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Self(hook)
    }

    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0
    }

    fn as_client_hook(&self) -> &dyn ClientHook {
        &*self.0
    }
}

impl FromServer<Object> for Untyped {
    type Dispatch = Dispatch;

    fn from_server(object: Rc<Object>) -> Dispatch {
        Dispatch(object)
    }
}

#[derive(Clone)]
struct Dispatch(Rc<Object>);

impl Deref for Dispatch {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

impl Server for Dispatch {
    fn dispatch_call(
        self,
        interface: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        DispatchCallResult::new(self.0.call(interface, ordinal, &params, results), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}
