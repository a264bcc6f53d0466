//! Ties our objects to capnp-rpc, which wants to know a client type for every server type.

use std::rc::Rc;

use capnp::any_pointer;
use capnp::capability::{DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results};
use capnp::private::capability::ClientHook;

use super::object::Object;

/// A client of an object, whatever its interface.
struct Untyped(Box<dyn ClientHook>);

/// A capability on an object, untyped.
pub(super) fn client(object: Object) -> capnp::capability::Client {
    let untyped: Untyped = capnp_rpc::new_client(object);
    capnp::capability::Client::new(untyped.into_client_hook())
}

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

impl std::ops::Deref for Dispatch {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

impl capnp::capability::Server for Dispatch {
    fn dispatch_call(
        self,
        interface_id: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        // As in a node, a call goes on when its caller has lost interest; only the end of the connection ends it.
        let call = tokio::task::spawn_local(async move {
            tokio::select! {
                biased;
                outcome = self.0.received(interface_id, ordinal, params, results) => outcome,
                () = self.0.closed() => Err(gone()),
            }
        });
        let outcome = async { call.await.unwrap_or_else(|_| Err(gone())) };
        DispatchCallResult::new(Promise::from_future(outcome), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

fn gone() -> capnp::Error {
    capnp::Error::disconnected("the connection is closed".to_owned())
}
