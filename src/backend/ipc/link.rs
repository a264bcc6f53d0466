//! A connection with the objects on it, and single calls on them.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitcoin_grpc_contract::wire::proxy_capnp::thread;
use bitcoin_grpc_contract::{
    At, Method, Profile, Reply, Request, Service, Slot, Target, Unary, transfer,
};
use capnp::any_pointer;
use capnp::capability::Client;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tracing::Instrument;

use super::apart::Apart;
use super::config::IpcConfig;
use super::connection::Connection;
use super::fault::{self, Fault};
use super::held::{Bin, Emptier};
use super::objects::Objects;
use super::signs::Signs;
use super::spawn::Lifecycle;
use super::wire::{self, Answer};
use crate::error::CallError;
use crate::metrics::NodeMetrics;
use crate::trace::TARGET;

/// Pause before a call goes again to a thread that had not finished its last one.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

/// Times it goes again. A thread is free some microseconds after its reply.
const BUSY_TRIES: usize = 50;

/// A connection whose generation is known.
pub(super) struct Link {
    pub(super) profile: &'static Profile,
    pub(super) objects: Objects,
    pub(super) signs: Rc<Signs>,
    /// What would hang the node together.
    pub(super) apart: Apart,
    metrics: Arc<NodeMetrics>,
    /// The life of a node that is led over this connection.
    pub(super) life: OnceCell<Rc<Lifecycle>>,
    /// Where objects go that nobody uses any more.
    pub(super) bin: Rc<Bin>,
    /// Who empties the bin, until it is put to work.
    emptier: RefCell<Option<Emptier>>,
    /// `None` once it is being closed.
    connection: RefCell<Option<Rc<Connection>>>,
    threads_made: Cell<usize>,
}

impl Link {
    pub(super) fn new(
        connection: Connection,
        profile: &'static Profile,
        signs: Rc<Signs>,
        config: &IpcConfig,
    ) -> Self {
        let (apart, metrics) = (config.apart.clone(), Arc::clone(&config.metrics));
        let connection = RefCell::new(Some(Rc::new(connection)));
        let (bin, emptier) = Bin::new();
        let (objects, threads_made) = (Objects::default(), Cell::new(0));
        let emptier = RefCell::new(Some(emptier));
        let life = OnceCell::new();
        Self {
            profile,
            objects,
            signs,
            apart,
            metrics,
            life,
            bin,
            emptier,
            connection,
            threads_made,
        }
    }

    /// Whether the node has a chain that may be asked about, as far as its life is ours to know.
    pub(super) fn has_chain(&self) -> bool {
        self.life.get().is_none_or(|life| life.is_running())
    }

    /// Lets objects be destroyed as they are thrown away.
    pub(super) fn empty_bin(self: &Rc<Self>) {
        if let Some(emptier) = self.emptier.borrow_mut().take() {
            spawn_local(emptier.run(Rc::clone(self)));
        }
    }

    pub(super) fn connection(&self) -> capnp::Result<Rc<Connection>> {
        self.connection
            .borrow()
            .clone()
            .ok_or_else(|| capnp::Error::disconnected("the connection is being closed".to_owned()))
    }

    /// Has the node make another server thread.
    pub(super) async fn make_thread(&self) -> capnp::Result<thread::Client> {
        let number = self.threads_made.replace(self.threads_made.get() + 1);
        self.connection()?.make_thread(&format!("bitcoin-grpc {number}")).await
    }

    /// Makes the object of a service. `false`: this node has none.
    pub(super) async fn make(&self, service: Service, on: &thread::Client) -> capnp::Result<bool> {
        let connection = self.connection()?;
        self.objects.make(service, self.profile, &connection.init, on).await
    }

    /// Completes when the connection is lost.
    pub(super) async fn lost(&self) {
        if let Ok(connection) = self.connection() {
            connection.lost().await;
        }
    }

    /// Ends the connection.
    pub(super) async fn close(&self) {
        self.bin.close();
        self.objects.release();
        let connection = self.connection.borrow_mut().take();
        if let Some(connection) = connection.and_then(Rc::into_inner) {
            connection.close().await;
        }
    }
}

/// What is added to the parameters of a call.
pub(super) type More<'a> = &'a dyn Fn(At, any_pointer::Builder<'_>) -> Result<(), Fault>;

/// What makes calls: a link, and the server thread that runs them.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) link: &'a Link,
    /// `None` for methods that the node runs on its event loop.
    pub(super) thread: Option<&'a thread::Client>,
    /// The object of calls that are for none of the link's root objects.
    pub(super) object: Option<&'a Client>,
}

impl<'a> Caller<'a> {
    /// Makes calls on root objects.
    pub(super) fn new(link: &'a Link, thread: Option<&'a thread::Client>) -> Self {
        Self { link, thread, object: None }
    }

    /// Makes calls on another object, too.
    pub(super) fn with(self, object: &'a Client) -> Self {
        Self { object: Some(object), ..self }
    }

    /// Makes one call, as it is.
    pub(super) async fn ask(&self, request: &Request) -> Result<Reply, CallError> {
        self.ask_objects(request).await.map(|(reply, _)| reply)
    }

    /// Makes one call, as it is. The objects are those of the reply, where `None` is a null pointer.
    pub(super) async fn ask_objects(
        &self,
        request: &Request,
    ) -> Result<(Reply, Vec<Option<Client>>), CallError> {
        let mut tries = 0;
        loop {
            match self.try_ask(request).await {
                Err(Tried::Fault(fault)) if fault.is_thread_busy() && tries < BUSY_TRIES => {
                    tries += 1;
                    sleep(BUSY_PAUSE).await;
                }
                Err(Tried::Fault(fault)) => {
                    return Err(fault.into_call_error(request.method(), self.link.profile));
                }
                Err(Tried::Error(error)) => return Err(error),
                Ok(answer) => {
                    self.link.signs.observe(&answer.0);
                    return Ok(answer);
                }
            }
        }
    }

    /// Makes one call whose reply is of a known type.
    pub(super) async fn ask_as<Q: Unary>(&self, request: Q) -> Result<Q::Response, CallError> {
        let reply = self.ask(&request.into_request()).await?;
        Q::response(reply)
            .ok_or_else(|| CallError::Internal("a reply of another method".to_owned()))
    }

    /// Makes one call, with what `more` adds to its parameters, and gives the results as they are.
    pub(super) async fn send(
        &self,
        request: &Request,
        more: More<'_>,
    ) -> Result<Answer, CallError> {
        let mut tries = 0;
        loop {
            match self.try_send(request, more).await {
                Err(Tried::Fault(fault)) if fault.is_thread_busy() && tries < BUSY_TRIES => {
                    tries += 1;
                    sleep(BUSY_PAUSE).await;
                }
                Err(Tried::Fault(fault)) => {
                    return Err(fault.into_call_error(request.method(), self.link.profile));
                }
                Err(Tried::Error(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    async fn try_ask(&self, request: &Request) -> Result<(Reply, Vec<Option<Client>>), Tried> {
        let (method, profile) = (request.method(), self.link.profile);
        let answer = self.try_send(request, &|_, _| Ok(())).await?;
        let Slot::Callable(at) = profile.slot(method) else {
            return Err(CallError::NotInProfile { method, profile: profile.name, why: None }.into());
        };
        let results = answer.get().map_err(|error| fault::of_reply(error.into()))?;
        let reply =
            transfer::read_results(method, at, profile, results).map_err(fault::of_reply)?;
        let objects = transfer::result_objects(method, at, results).map_err(fault::of_reply)?;
        Ok((reply, objects))
    }

    async fn try_send(&self, request: &Request, more: More<'_>) -> Result<Answer, Tried> {
        let (method, profile) = (request.method(), self.link.profile);
        let Slot::Callable(at) = profile.slot(method) else {
            return Err(CallError::NotInProfile { method, profile: profile.name, why: None }.into());
        };
        let target = self.target(method).await?;
        let span = tracing::debug_span!(
            target: TARGET,
            "node",
            otel.name = method.info().wire_name,
            otel.kind = "client",
            rpc.system = "capnp",
            rpc.service = method.info().service.name(),
            rpc.method = method.info().wire_name,
        );
        let sent = Instant::now();
        let answer = wire::call(&target, method.info().interface_id, at.ordinal, |mut params| {
            transfer::write_params(request, at, profile, params.reborrow(), &mut |mut context| {
                if let Some(thread) = self.thread {
                    context.set_thread(thread.clone());
                }
            })?;
            more(at, params)
        })
        .instrument(span)
        .await;
        self.link.metrics.round_trip(method, sent.elapsed());
        Ok(answer?)
    }

    async fn target(&self, method: Method) -> Result<Client, Tried> {
        let (service, link) = (method.info().service, self.link);
        if service.target() != Target::Root {
            let missing =
                || CallError::Internal("a call on an object without the object".to_owned());
            return self.object.cloned().ok_or_else(|| missing().into());
        }
        if let (Service::WalletLoader, Some(thread)) = (service, self.thread) {
            link.objects.make_wallet_loader(link.profile, thread).await.map_err(Fault::from)?;
        }
        let why = Some("this node does not offer the service");
        link.objects.get(service).ok_or_else(|| {
            CallError::NotInProfile { method, profile: link.profile.name, why }.into()
        })
    }
}

/// Why a call has no reply: what may be tried again, and what not.
enum Tried {
    Fault(Fault),
    Error(CallError),
}

impl From<Fault> for Tried {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<CallError> for Tried {
    fn from(error: CallError) -> Self {
        Self::Error(error)
    }
}
