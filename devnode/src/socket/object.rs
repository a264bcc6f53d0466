//! What a client holds a capability on: `Init`, the interfaces it makes, and block templates.

use std::cell::Cell;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::node_capnp::node;
use bitcoin_grpc_contract::{
    At, GlueError, Inner, Method, Profile, Reply, Request, Service, transfer, v1,
};
use capnp::any_pointer;
use capnp::capability::{Params, Results};

use super::answer::{Answered, Fault};
use super::callback::Caller;
use super::connection::Connection;
use super::context::Named;
use super::handler::Handler;
use super::inspect::{self, Unreadable};
use super::interrupt::Interrupt;
use super::template::Template;
use super::thread::Thread;
use super::{answer, handler, init, legacy, untyped};
use crate::fault::Called;

/// What bytes that end too early make a node say.
const END_OF_DATA: &str = "SpanReader::read(): end of data: iostream error";

/// Which interface an object serves.
pub(super) enum Kind {
    /// The bootstrap interface.
    Init,
    /// An interface of the node.
    Root(Service),
    /// One block template.
    Template(Box<Template>),
    /// One subscription.
    Handler(Handler),
}

/// An object of one connection.
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) connection: Rc<Connection>,
    /// Ends waits on this object.
    pub(super) interrupt: Interrupt,
    /// Set by `destroy`; whatever comes after it ends a real node.
    destroyed: Cell<bool>,
}

/// A capability on an object of `kind`, untyped.
pub(super) fn client(kind: Kind, connection: &Rc<Connection>) -> capnp::capability::Client {
    let connection = Rc::clone(connection);
    if matches!(kind, Kind::Template(_)) {
        connection.shared.templates.set(connection.shared.templates.get() + 1);
    }
    let interrupt = Interrupt::default();
    untyped::client(Object { kind, connection, interrupt, destroyed: Cell::new(false) })
}

impl Drop for Object {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Methods that look at settings, and have no server thread in some generation.
const WANT_SETTINGS: [Method; 6] = [
    Method::MiningCreateNewBlock,
    Method::NodeForceSetting,
    Method::NodeGetPersistentSetting,
    Method::NodeIsSettingIgnored,
    Method::NodeResetSettings,
    Method::NodeUpdateRwSetting,
];

impl Object {
    pub(super) async fn call(
        &self,
        interface_id: u64,
        ordinal: u16,
        params: Params<any_pointer::Owned>,
        results: Results<any_pointer::Owned>,
    ) -> Result<(), capnp::Error> {
        let profile = self.connection.shared.profile;
        if !self.serves(interface_id) {
            return Err(unknown(interface_id, ordinal));
        }
        if let Some((inner, _)) = profile.inner_at(interface_id, ordinal) {
            let outcome = self.inner(inner, &params, results).await;
            return outcome.map_err(|fault| self.error(&format!("{inner:?}"), fault));
        }
        if let Some(method) = legacy::find(profile.name, interface_id, ordinal) {
            let outcome = self.legacy(method, &params, results).await;
            return outcome.map_err(|fault| self.error(&format!("{method:?}"), fault));
        }
        match profile.method_at(interface_id, ordinal) {
            Some((method, at)) => {
                let outcome = self.method(method, at, &params, results).await;
                outcome.map_err(|fault| self.error(method.info().full_name, fault))
            }
            // A method of this generation that the contract has no word for is there all the same.
            None if profile.interface(interface_id).is_some_and(|of| ordinal < of.methods) => {
                Err(Fault::Exception(self.connection.rules.no_thread.to_owned()).into_error())
            }
            None => Err(unknown(interface_id, ordinal)),
        }
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.connection.closed().await;
    }

    fn serves(&self, interface_id: u64) -> bool {
        let own = match &self.kind {
            Kind::Init => Inner::InitConstruct.interface_id(),
            Kind::Root(service) => service.interface_id(),
            Kind::Template(_) => Service::BlockTemplate.interface_id(),
            Kind::Handler(_) => Inner::HandlerDisconnect.interface_id(),
        };
        interface_id == own
    }

    async fn method(
        &self,
        method: Method,
        at: At,
        params: &Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> Result<(), Fault> {
        if method == Method::BlockTemplateDestroy {
            return self.destroy(params).await;
        }
        self.check_alive()?;
        let profile = self.connection.shared.profile;
        let (request, place) = self.read(method, at, params).await?;
        let serving = match place {
            Some((thread, named)) => Some(self.connection.enter(thread, named).await?),
            None => self.on_loop(method)?,
        };
        self.hold(Called::Method(method)).await;
        if let Some(serving) = &serving {
            let params = params.get().map_err(Fault::Malformed)?;
            if let Some(given) = handler::given(method, params)? {
                let (caller, out) = (&serving.caller, results.get());
                return self.connection.subscribe(request, given, caller, out).await;
            }
            if let Request::NodeExecuteRpc(q) = &request
                && let Some(reply) = self.connection.shared.execute_rpc(q, &serving.caller).await
            {
                return write(&Reply::NodeExecuteRpc(reply), at, profile, results.get());
            }
        }
        let mut answered = answer::answer(self, request).await?;
        if let Some(serving) = &serving {
            let told = self.connection.shared.tell_signals(&serving.caller).await;
            answered = answer::after_signals(method, answered, told)?;
        }
        match answered {
            Answered::Reply(reply) => write(&reply, at, profile, results.get()),
            Answered::Template(template) => {
                let template = client(Kind::Template(Box::new(template)), &self.connection);
                init::return_template(method, template.hook, results.get());
                Ok(())
            }
        }
    }

    /// The request, and the server thread it is to run on; none for methods that run on the event loop.
    async fn read(
        &self,
        method: Method,
        at: At,
        params: &Params<any_pointer::Owned>,
    ) -> Result<(Request, Option<(Rc<Thread>, Named)>), Fault> {
        let place = match at.context {
            true => {
                let named = init::context_of(params)?;
                Some((self.connection.thread(&named).await?, named))
            }
            false => None,
        };
        let params = params.get().map_err(Fault::Malformed)?;
        let read = inspect::params(method, at.context, self.forms(), params);
        let rewritten = read.map_err(|fault| self.unreadable(fault))?;
        let params = match &rewritten {
            Some(rewritten) => rewritten.params().map_err(Fault::Malformed)?,
            None => params,
        };
        let profile = self.connection.shared.profile;
        let (request, _) =
            transfer::read_params(method, at, profile, params).map_err(unwritable)?;
        Ok((request, place))
    }

    /// A method on the event loop that wants the settings, while their holder waits for what the event loop brings it.
    fn on_loop<T>(&self, method: Method) -> Result<Option<T>, Fault> {
        let free = self.connection.shared.settings_lock.try_lock().is_ok();
        match free || !WANT_SETTINGS.contains(&method) {
            true => Ok(None),
            false => Err(Fault::Dies("the event loop waits for ever for the settings".to_owned())),
        }
    }

    /// How the node's generation packs values.
    fn forms(&self) -> inspect::Forms {
        let with_size = self.connection.shared.node().rules().fee_rate_with_size;
        inspect::Forms { fee_rate: if with_size { 12 } else { 8 } }
    }

    fn unreadable(&self, fault: inspect::Fault) -> Fault {
        match fault {
            inspect::Fault::Malformed(error) => Fault::Malformed(error),
            inspect::Fault::Unreadable(Unreadable::Throws(why)) => self.end_of_data(why),
            inspect::Fault::Unreadable(Unreadable::Crashes(why)) => Fault::Dies(why.to_owned()),
        }
    }

    /// Frees the object. A second time changes nothing.
    pub(super) async fn destroy(&self, params: &Params<any_pointer::Owned>) -> Result<(), Fault> {
        let serving = self.connection.enter_named(init::context_of(params)?).await?;
        self.forget();
        self.end_subscription(&serving.caller).await
    }

    /// Ends the subscription, if this is one.
    pub(super) async fn end_subscription(&self, caller: &Caller) -> Result<(), Fault> {
        match &self.kind {
            Kind::Handler(handler) => handler.disconnect(caller).await,
            _ => Ok(()),
        }
    }

    /// The client has no use for it any more.
    fn forget(&self) {
        let templates = &self.connection.shared.templates;
        if !self.destroyed.replace(true) && matches!(self.kind, Kind::Template(_)) {
            templates.set(templates.get() - 1);
        }
    }

    /// Real nodes die of a call on an object that is gone.
    pub(super) fn check_alive(&self) -> Result<(), Fault> {
        match self.destroyed.get() {
            true => Err(Fault::Dies("the object was destroyed before".to_owned())),
            false => Ok(()),
        }
    }

    /// An exception inside a call: a reply from newer nodes, the end of older ones. `cause` tells a death in our own
    /// words.
    pub(super) fn thrown(&self, what: &str, cause: String) -> Fault {
        match self.connection.rules.exceptions_kill {
            true => Fault::Dies(cause),
            false => Fault::Exception(what.to_owned()),
        }
    }

    /// The same for bytes that do not decode.
    pub(super) fn end_of_data(&self, cause: impl std::fmt::Display) -> Fault {
        self.thrown(END_OF_DATA, cause.to_string())
    }

    /// What a fault is on the wire. If a real node would have died of it, the client loses its connection.
    pub(super) fn error(&self, name: &str, fault: Fault) -> capnp::Error {
        let Fault::Dies(cause) = fault else { return fault.into_error() };
        self.connection.die(format!("{name}: {cause}"));
        capnp::Error::disconnected(format!("a real node would have died here: {name}: {cause}"))
    }
}

fn unknown(interface_id: u64, ordinal: u16) -> capnp::Error {
    capnp::Error::unimplemented(format!("no method {interface_id:#x} @{ordinal}"))
}

/// Writes results. A command that failed has no result at all, where the contract has an empty one.
fn write(
    reply: &Reply,
    at: At,
    profile: &Profile,
    out: any_pointer::Builder<'_>,
) -> Result<(), Fault> {
    match reply {
        Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse { rpc_error: Some(error), .. }) => {
            out.init_as::<node::execute_rpc_results::Builder<'_>>().set_rpc_error(error.as_str());
            Ok(())
        }
        reply => transfer::write_results(reply, at, profile, out).map_err(unwritable),
    }
}

/// What a node reads or writes, and the contract has no form for.
fn unwritable(error: GlueError) -> Fault {
    match error {
        GlueError::Capnp(error) => Fault::Malformed(error),
        other => Fault::Malformed(capnp::Error::failed(other.to_string())),
    }
}
