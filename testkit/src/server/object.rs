//! An object of any interface.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin_grpc_codegen::facts::MethodFacts;
use bitcoin_grpc_codegen::schema::Type;
use capnp::any_pointer;
use capnp::capability::{
    Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results, Server,
};
use capnp::private::capability::ClientHook;
use capnp::private::layout::CapTable;

use super::{Answer, Call, Handler, caps};
use crate::generation::{Layout, id};
use crate::tree::Tree;
use crate::world::Peer;

/// Interfaces whose calls answer by themselves: how a connection is set up, not what it is for.
const PLUMBING: [&str; 4] = ["Init", "ThreadMap", "Thread", "Handler"];

/// What all objects of a node share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) peer: &'static Peer,
    pub(super) handler: Arc<Handler>,
    pub(super) calls: Arc<Mutex<Vec<Call>>>,
}

/// One object.
pub(super) struct Object {
    pub(super) interface: String,
    pub(super) shared: Shared,
}

/// Makes an object callable.
pub(super) fn client(object: Object) -> Client {
    let Untyped(hook) = capnp_rpc::new_client(object);
    Client::new(hook)
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
        interface_id: u64,
        method_id: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        let promise = Promise::from_future(async move {
            self.call(interface_id, method_id, params, results).await
        });
        DispatchCallResult::new(promise, false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

impl Object {
    async fn call(
        &self,
        interface_id: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> capnp::Result<()> {
        let (interface, facts) = self.method(interface_id, ordinal)?;
        let generation = &self.shared.peer.generation;
        let params = caps::read(generation, &generation.list(&facts.params), params.get()?)?;
        let call = Call { interface: interface.to_owned(), method: facts.name.clone(), params };
        let tree = settle(self.answer(call)).await?;
        let (layout, mut table) = (generation.list(&facts.results), CapTable::new());
        let tree = self.with_objects(&layout, &tree, &mut table);
        caps::write(generation, &layout, &tree, &table, results.get())
    }

    /// The method of this object's interface, or of one that it inherits from.
    fn method(&self, interface_id: u64, ordinal: u16) -> capnp::Result<(&str, &MethodFacts)> {
        let generation = &self.shared.peer.generation;
        let own = &generation.facts.interfaces[&self.interface];
        let inherited = own.extends.iter().filter_map(|name| generation.facts.interfaces.get(name));
        let offers = inherited.chain([own]).any(|interface| id(&interface.id) == interface_id);
        let method = generation.method_at(interface_id, ordinal).filter(|_| offers);
        method.ok_or_else(|| {
            let place = format!("{interface_id:#x} @{ordinal}");
            capnp::Error::unimplemented(format!("{} has no method {place}", self.interface))
        })
    }

    fn answer(&self, call: Call) -> Answer {
        if call.method.contains("Old") {
            return Answer::Exception(format!("{} is no more", call.method));
        }
        if PLUMBING.contains(&call.interface.as_str()) || call.method == "destroy" {
            return Answer::blank();
        }
        let answer = (self.shared.handler)(&call);
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        answer
    }

    /// The results with an object wherever one belongs and none is refused.
    fn with_objects(&self, layout: &Layout, tree: &Tree, table: &mut CapTable) -> Tree {
        let blank = BTreeMap::new();
        let given = if let Tree::Struct(fields) = tree { fields } else { &blank };
        let mut fields = given.clone();
        for slot in &layout.slots {
            match (&slot.ty, given.get(&slot.name)) {
                (Type::Interface { .. }, None) => {
                    let object = self.with_object(&slot.ty, &Tree::Capability(0), table);
                    fields.insert(slot.name.clone(), object);
                }
                (ty, Some(value)) => {
                    fields.insert(slot.name.clone(), self.with_object(ty, value, table));
                }
                _ => {}
            }
        }
        Tree::Struct(fields)
    }

    fn with_object(&self, ty: &Type, value: &Tree, table: &mut CapTable) -> Tree {
        match (ty, value) {
            (ty, Tree::Exactly(inner)) => self.with_object(ty, inner, table),
            (Type::Interface { name }, Tree::Capability(_)) => {
                let object = Self { interface: name.clone(), shared: self.shared.clone() };
                table.push(Some(client(object).hook));
                Tree::Capability(u32::try_from(table.len() - 1).unwrap_or(u32::MAX))
            }
            (Type::List(element), Tree::List(list)) => {
                Tree::List(list.iter().map(|item| self.with_object(element, item, table)).collect())
            }
            (Type::Struct { name, args }, Tree::Struct(given)) => {
                let layout = self.shared.peer.generation.structure(name, args).into_owned();
                let given = given.iter().map(|(name, value)| {
                    let ty = layout.slot(name).map_or(Type::Void, |slot| slot.ty.clone());
                    (name.clone(), self.with_object(&ty, value, table))
                });
                Tree::Struct(given.collect())
            }
            (_, other) => other.clone(),
        }
    }
}

async fn settle(mut answer: Answer) -> capnp::Result<Tree> {
    loop {
        match answer {
            Answer::Results(tree) => return Ok(tree),
            Answer::Exception(text) => {
                return Err(capnp::Error::failed(format!("std::exception: {text}")));
            }
            Answer::Never => std::future::pending().await,
            Answer::After(delay, then) => {
                tokio::time::sleep(delay).await;
                answer = *then;
            }
        }
    }
}
