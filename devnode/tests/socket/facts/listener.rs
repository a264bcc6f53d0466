//! Objects of the client that the node calls.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_testkit::Tree;
use bitcoin_grpc_testkit::generation::Generation;
use bitcoin_grpc_testkit::server::caps;
use capnp::any_pointer;
use capnp::capability::{DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results};
use capnp::private::capability::ClientHook;
use capnp::private::layout::CapTable;
use serde_json::{Value, json};

use super::values;
use crate::client::Object;

/// What the node called, in order, in the form of the recordings.
pub(crate) type Log = Rc<RefCell<Vec<Value>>>;

/// A call of the node.
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) params: Value,
    /// The node's thread that waits for our answer.
    pub(crate) callback_thread: Option<thread::Client>,
}

/// What becomes of a call of the node.
pub(crate) enum Act {
    /// These results.
    Answer(Value),
    /// An error.
    Raise,
    /// The same of another kind.
    Unimplemented,
    /// The results of something that takes its time.
    Later(Pin<Box<dyn Future<Output = Value>>>),
}

/// An object that the node calls.
pub(crate) struct Listener {
    generation: &'static Generation,
    log: Log,
    name: Option<&'static str>,
    act: Box<dyn Fn(&Heard) -> Act>,
}

impl Listener {
    pub(crate) fn new(
        generation: &'static Generation,
        log: Log,
        name: Option<&'static str>,
        act: impl Fn(&Heard) -> Act + 'static,
    ) -> Self {
        Self { generation, log, name, act: Box::new(act) }
    }

    pub(crate) fn client(self) -> Object {
        let Untyped(hook) = capnp_rpc::new_client(self);
        Object::new(hook)
    }

    async fn call(
        &self,
        interface_id: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let (interface, facts) =
            self.generation.method_at(interface_id, ordinal).expect("a method that exists");
        let layout = self.generation.list(&facts.params);
        let tree = caps::read(self.generation, &layout, params.get()?)?;
        let shown = values::show(self.generation, &layout, &tree);
        let context: init::make_echo_params::Reader<'_> = params.get()?.get_as()?;
        let context = context.get_context()?;
        let callback_thread =
            context.has_callback_thread().then(|| context.get_callback_thread()).transpose()?;
        let mut entry = json!({
            "interface": interface,
            "method": facts.name,
            "params": shown,
            "context_has": {
                "thread": context.has_thread(),
                "callbackThread": context.has_callback_thread(),
            },
        });
        if let Some(name) = self.name {
            entry["handler"] = json!(name);
        }
        self.log.borrow_mut().push(entry);
        let heard = Heard { method: facts.name.clone(), params: shown, callback_thread };
        let answer = match (self.act)(&heard) {
            Act::Answer(answer) => answer,
            Act::Raise => return Err(capnp::Error::failed("golden failure".to_owned())),
            Act::Unimplemented => return Err(capnp::Error::unimplemented("nothing".to_owned())),
            Act::Later(answer) => answer.await,
        };
        let layout = self.generation.list(&facts.results);
        let tree = Tree::Struct(values::fields(self.generation, &layout, &answer));
        caps::write(self.generation, &layout, &tree, &CapTable::new(), results.get())
    }
}

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

impl FromServer<Listener> for Untyped {
    type Dispatch = Dispatch;

    fn from_server(listener: Rc<Listener>) -> Dispatch {
        Dispatch(listener)
    }
}

#[derive(Clone)]
struct Dispatch(Rc<Listener>);

impl std::ops::Deref for Dispatch {
    type Target = Listener;

    fn deref(&self) -> &Listener {
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
        let call = async move { self.0.call(interface_id, ordinal, params, results).await };
        DispatchCallResult::new(Promise::from_future(call), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}
