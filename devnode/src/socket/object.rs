//! What a client holds a capability on: `Init` and the interfaces it makes.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::{
    chain_capnp, echo_capnp, init_capnp::init, mining_capnp, node_capnp, proxy_capnp::context,
    rpc_capnp,
};
use bitcoin_grpc_contract::{At, GlueError, Inner, Method, Request, Service, transfer};
use capnp::any_pointer;
use capnp::capability::{DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results};
use capnp::private::capability::ClientHook;

use super::answer::{self, Fault};
use super::connection::Connection;
use super::lenient;
use super::thread::{Thread, ThreadMap};

/// Which interface an object serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bootstrap interface.
    Init,
    /// An interface of the node.
    Root(Service),
}

/// An object of one connection.
pub(super) struct Object {
    kind: Kind,
    connection: Rc<Connection>,
}

/// A capability on an object of `kind`, untyped.
pub(super) fn client(kind: Kind, connection: &Rc<Connection>) -> capnp::capability::Client {
    let object = Object { kind, connection: Rc::clone(connection) };
    let untyped: Untyped = capnp_rpc::new_client(object);
    capnp::capability::Client::new(untyped.into_client_hook())
}

/// Ties [`Object`] to capnp-rpc, which wants to know a client type for every server type.
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
        let call = async move { self.0.call(interface_id, ordinal, params, results).await };
        DispatchCallResult::new(Promise::from_future(call), false)
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
        results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let profile = self.connection.shared.profile;
        if let Some((method, at)) = profile.method_at(interface_id, ordinal)
            && self.serves(interface_id)
        {
            return self.method(method, at, &params, results).await;
        }
        match profile.inner_at(interface_id, ordinal) {
            Some((inner, _)) if self.serves(interface_id) => self.inner(inner, results),
            // A method of this generation that the contract has no word for is there all the same.
            _ if self.serves(interface_id)
                && profile.interface(interface_id).is_some_and(|i| ordinal < i.methods) =>
            {
                Err(capnp::Error::failed("std::exception: invalid thread handle".to_owned()))
            }
            _ => {
                Err(capnp::Error::unimplemented(format!("no method {interface_id:#x} @{ordinal}")))
            }
        }
    }

    fn serves(&self, interface_id: u64) -> bool {
        match self.kind {
            Kind::Init => interface_id == Inner::InitConstruct.interface_id(),
            Kind::Root(service) => interface_id == service.interface_id(),
        }
    }

    async fn method(
        &self,
        method: Method,
        at: At,
        params: &Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let shared = &self.connection.shared;
        let (request, thread) = match self.read(method, at, params).await {
            Ok(read) => read,
            Err(Fault::Dies(cause)) => return Err(self.die(method, &cause)),
            Err(fault) => return Err(fault.into_error()),
        };
        let _running = match &thread {
            Some(thread) => {
                if thread.is_busy() && shared.profile.name == "core-30" {
                    return Err(self.die(method, "two calls at once on one server thread"));
                }
                Some(thread.enter().await)
            }
            None => None,
        };
        match answer::answer(shared, request).await {
            Ok(reply) => transfer::write_results(&reply, at, shared.profile, results.get())
                .map_err(|error| capnp::Error::failed(error.to_string())),
            Err(Fault::Dies(cause)) => Err(self.die(method, &cause)),
            Err(fault) => Err(fault.into_error()),
        }
    }

    /// The request, and the server thread it is to run on. What does not decode ends older nodes.
    async fn read(
        &self,
        method: Method,
        at: At,
        params: &Params<any_pointer::Owned>,
    ) -> Result<(Request, Option<Rc<Thread>>), Fault> {
        let profile = self.connection.shared.profile;
        let (request, named) = {
            let params = params.get().map_err(Fault::Malformed)?;
            let (request, context) = transfer::read_params(method, at, profile, params)
                .map_err(|error| self.undecodable(&error))?;
            let named = context.map(context::Reader::get_thread).transpose();
            (request, named.map_err(Fault::Malformed)?)
        };
        let thread = match named {
            Some(client) => Some(self.thread(client).await?),
            None => None,
        };
        if let Some(violation) = lenient::violation(&request) {
            return Err(self.thrown(format!("{} {}", violation.field, violation.description)));
        }
        Ok((request, thread))
    }

    async fn thread(
        &self,
        client: bitcoin_grpc_contract::wire::proxy_capnp::thread::Client,
    ) -> Result<Rc<Thread>, Fault> {
        let resolved = capnp::capability::get_resolved_cap(client).await;
        let threads = self.connection.threads.borrow();
        threads
            .get_local_server_of_resolved(&resolved)
            .ok_or_else(|| Fault::Exception("invalid thread handle".to_owned()))
    }

    fn undecodable(&self, error: &GlueError) -> Fault {
        match error {
            GlueError::Capnp(error) => Fault::Malformed(error.clone()),
            other => self.thrown(other.to_string()),
        }
    }

    /// An exception inside a call: a reply from newer nodes, the end of older ones.
    fn thrown(&self, what: String) -> Fault {
        match self.connection.shared.profile.exceptions_kill {
            true => Fault::Dies(what),
            false => Fault::Exception(what),
        }
    }

    /// Here a real node would have died.
    fn die(&self, method: Method, cause: &str) -> capnp::Error {
        let name = method.info().full_name;
        self.connection.shared.deaths.record(format!("{name}: {cause}"));
        self.connection.died.notify_one();
        capnp::Error::disconnected(format!("a real node would have died here: {name}: {cause}"))
    }

    fn inner(
        &self,
        inner: Inner,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let pointer = results.get();
        let hook = |service| client(Kind::Root(service), &self.connection).hook;
        match inner {
            Inner::InitConstruct => {
                let map = capnp_rpc::new_client(ThreadMap(Rc::clone(&self.connection)));
                pointer.init_as::<init::construct_results::Builder<'_>>().set_thread_map(map);
            }
            Inner::InitMakeEcho => pointer
                .init_as::<init::make_echo_results::Builder<'_>>()
                .set_result(echo_capnp::echo::Client::new(hook(Service::Echo))),
            Inner::InitMakeChain => pointer
                .init_as::<init::make_chain_results::Builder<'_>>()
                .set_result(chain_capnp::chain::Client::new(hook(Service::Chain))),
            Inner::InitMakeMining => pointer
                .init_as::<init::make_mining_results::Builder<'_>>()
                .set_result(mining_capnp::mining::Client::new(hook(Service::Mining))),
            Inner::InitMakeRpc => pointer
                .init_as::<init::make_rpc_results::Builder<'_>>()
                .set_result(rpc_capnp::rpc::Client::new(hook(Service::Rpc))),
            Inner::InitMakeNode => pointer
                .init_as::<init::make_node_results::Builder<'_>>()
                .set_result(node_capnp::node::Client::new(hook(Service::Node))),
            Inner::InitMakeMiningOld2 => {
                return Err(capnp::Error::failed(
                    "std::exception: Old mining interface (@2) not supported. Please update your client!".into(),
                ));
            }
            other => {
                return Err(capnp::Error::unimplemented(format!(
                    "{other:?} is not in the devnode"
                )));
            }
        }
        Ok(())
    }
}
