//! Objects of ours that the node calls.
//!
//! A node does not survive an error in answer to such a call. So every call of every method is
//! answered with success, whatever it is and whether or not it can be read, and what tells is
//! answered before anything else happens.

use std::ops::Deref;
use std::rc::Rc;

use bitcoin_grpc_contract::{At, CallbackAnswer, Event, GlueError, Inner, Profile, callback};
use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results, Server,
};
use capnp::private::capability::ClientHook;
use futures_util::future::LocalBoxFuture;

/// The answer to what the node asks. It must come in time.
pub(super) type Answering = LocalBoxFuture<'static, CallbackAnswer>;

/// Hears what the node says.
pub(super) trait Ear {
    /// An event, and the answer if it wants one.
    fn hear(self: Rc<Self>, event: Event) -> Option<Answering>;

    /// An event that passes objects of the node's; `None` stands for a null pointer. By default they
    /// are let go of.
    fn hear_with(self: Rc<Self>, event: Event, objects: Vec<Option<Client>>) -> Option<Answering> {
        drop(objects);
        self.hear(event)
    }

    /// The node has let go of the object. By default that is no news: we took it back.
    fn released(&self) {}

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
        match self.hear(inner, at, params) {
            Ok(None) => Promise::ok(()),
            Ok(Some(answer)) => {
                Promise::from_future(answer_with(answer, self.profile, inner, results))
            }
            // `destroy` carries nothing.
            Err(GlueError::NoLayout) => {
                self.ear.released();
                Promise::ok(())
            }
            Err(error) => {
                self.ear.misheard(error.to_string());
                Promise::ok(())
            }
        }
    }

    fn hear(
        &self,
        inner: Inner,
        at: At,
        params: &Params<any_pointer::Owned>,
    ) -> Result<Option<Answering>, GlueError> {
        let params = params.get()?;
        let (event, _) = callback::read_event(inner, at, self.profile, params)?;
        let objects = callback::event_objects(inner, at, params)?;
        let ear = Rc::clone(&self.ear);
        Ok(if objects.is_empty() { ear.hear(event) } else { ear.hear_with(event, objects) })
    }
}

async fn answer_with(
    answer: Answering,
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
