//! A client of one connection with one server thread, and the devnode that it talks to.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{context, thread, thread_map};
use bitcoin_grpc_contract::{Inner, Method, Profile, Reply, Request, Service, Slot, transfer};
use bitcoin_grpc_devnode::generation::Generation;
use bitcoin_grpc_devnode::socket::{Deaths, Server, Shared};
use bitcoin_grpc_devnode::{Node, NodeOptions};
use capnp::any_pointer;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use tokio::net::UnixStream;
use tokio::task::{JoinHandle, LocalSet};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// Any capability.
pub(crate) type Object = capnp::capability::Client;

/// A call with parameters that are not typed yet.
pub(crate) type Call = capnp::capability::Request<any_pointer::Owned, any_pointer::Owned>;

/// A served devnode.
pub(crate) struct World {
    pub(crate) profile: &'static Profile,
    pub(crate) shared: Rc<Shared>,
    path: PathBuf,
}

impl World {
    /// A new connection: its bootstrap interface, and the task that speaks to the node.
    pub(crate) async fn connect(&self) -> (init::Client, JoinHandle<()>) {
        let stream = UnixStream::connect(&self.path).await.expect("connects");
        let (reader, writer) = stream.into_split();
        let network = twoparty::VatNetwork::new(
            reader.compat(),
            writer.compat_write(),
            Side::Client,
            capnp::message::ReaderOptions::new(),
        );
        let mut system = RpcSystem::new(Box::new(network), None);
        let init = system.bootstrap(Side::Server);
        // A connection that ends with an error has ended.
        let task = tokio::task::spawn_local(async { system.await.unwrap_or_default() });
        (init, task)
    }
}

impl World {
    /// The bootstrap interface of a new connection that nothing was said on.
    pub(crate) async fn bare_init(&self) -> Object {
        let (init, _) = self.connect().await;
        Object::new(capnp::capability::FromClientHook::into_client_hook(init))
    }
}

/// Lets the node do what it is about to do. It runs on the thread of the test, so turns are enough.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
}

/// A node of the generation that a profile belongs to.
pub(crate) fn node_of(profile: &str, blocks: u32) -> Node {
    let generation = Generation::of_profile(profile).expect("a generation");
    let mut node = Node::new(NodeOptions::for_generation(generation));
    node.generate(blocks).expect("blocks");
    node
}

/// Runs a client against a devnode of a generation with `blocks` blocks; gives its deaths.
pub(crate) fn with_devnode(profile: &str, blocks: u32, test: impl AsyncFnOnce(Client)) -> Deaths {
    with_node(profile, node_of(profile, blocks), test)
}

/// The same with any node.
pub(crate) fn with_node(profile: &str, node: Node, test: impl AsyncFnOnce(Client)) -> Deaths {
    with_world(profile, node, async |world| test(Client::connect(world).await).await)
}

/// Runs something next to a served node; gives the node's deaths.
pub(crate) fn with_world(profile: &str, node: Node, test: impl AsyncFnOnce(Rc<World>)) -> Deaths {
    let profile = Profile::by_name(profile).expect("a known profile");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("node.sock");
    let shared = Rc::new(Shared::new(node, profile));
    let deaths = shared.deaths.clone();
    LocalSet::new().block_on(&runtime, async move {
        let server = Server::bind(&path, Rc::clone(&shared)).expect("socket");
        let world = Rc::new(World { profile, shared: Rc::clone(&shared), path });
        let client = test(world);
        tokio::pin!(client);
        tokio::select! {
            () = server.run() => assert!(shared.node().shutdown_requested(), "the server ended"),
            () = &mut client => return,
        }
        client.await;
    });
    deaths
}

pub(crate) struct Client {
    pub(crate) world: Rc<World>,
    pub(crate) init: Object,
    pub(crate) threads: thread_map::Client,
    pub(crate) thread: thread::Client,
    /// The interface that most tests use, once it was asked for.
    root: OnceCell<Object>,
}

/// Our own thread map: the node must not take one of its threads for one of its own.
struct ThreadMap;

impl thread_map::Server for ThreadMap {}

struct Foreign;

impl thread::Server for Foreign {}

/// A thread that is not the node's.
pub(crate) fn foreign_thread() -> thread::Client {
    capnp_rpc::new_client(Foreign)
}

impl Client {
    /// Another client of the same node.
    pub(crate) async fn connect(world: Rc<World>) -> Self {
        let (init, _) = world.connect().await;
        let mut request = init.construct_request();
        request.get().set_thread_map(capnp_rpc::new_client(ThreadMap));
        let reply = request.send().promise.await.expect("constructed");
        let threads = reply.get().expect("reply").get_thread_map().expect("thread map");
        let thread = make_thread(&threads).await;
        let init = Object::new(capnp::capability::FromClientHook::into_client_hook(init));
        Self { world, init, threads, thread, root: OnceCell::new() }
    }

    /// One more server thread.
    pub(crate) async fn another_thread(&self) -> thread::Client {
        make_thread(&self.threads).await
    }

    /// Makes an interface.
    pub(crate) async fn make(&self, service: Service) -> Result<Object, capnp::Error> {
        self.make_on(service, Some(&self.thread)).await
    }

    pub(crate) async fn make_on(
        &self,
        service: Service,
        thread: Option<&thread::Client>,
    ) -> Result<Object, capnp::Error> {
        let maker = match service {
            Service::Chain => Inner::InitMakeChain,
            Service::Echo => Inner::InitMakeEcho,
            Service::Mining => Inner::InitMakeMining,
            Service::Node => Inner::InitMakeNode,
            Service::Rpc => Inner::InitMakeRpc,
            other => panic!("{other:?} is not made by Init"),
        };
        let at = self.world.profile.inner(maker).expect("in the profile");
        let mut call = new_call(&self.init, maker.interface_id(), at.ordinal);
        // All of them have the same parameters and results.
        let params = call.get().init_as::<init::make_echo_params::Builder<'_>>();
        name_thread(params.init_context(), thread);
        let reply = call.send().promise.await?;
        first_capability(reply.get()?)
    }

    /// The Chain of generations that have one, the Mining of the others.
    async fn root(&self) -> Object {
        if let Some(root) = self.root.get() {
            return root.clone();
        }
        let chain = self.world.profile.inner(Inner::InitMakeChain).is_some();
        let service = if chain { Service::Chain } else { Service::Mining };
        let root = self.make(service).await.expect("made");
        self.root.get_or_init(|| root).clone()
    }

    pub(crate) async fn call(&self, request: &Request) -> Result<Reply, capnp::Error> {
        self.call_on(request, Some(&self.thread)).await
    }

    pub(crate) async fn call_on(
        &self,
        request: &Request,
        thread: Option<&thread::Client>,
    ) -> Result<Reply, capnp::Error> {
        self.ask(&self.root().await, request, thread).await
    }

    /// Calls a method of an object.
    pub(crate) async fn ask(
        &self,
        object: &Object,
        request: &Request,
        thread: Option<&thread::Client>,
    ) -> Result<Reply, capnp::Error> {
        let method: Method = request.method();
        let (call, at) = self.prepare(object, request, thread);
        let reply = call.send().promise.await?;
        let results = reply.get()?;
        Ok(transfer::read_results(method, at, self.world.profile, results).expect("readable"))
    }

    /// Calls a method that returns a template; none if it returns none.
    pub(crate) async fn template(
        &self,
        object: &Object,
        request: &Request,
    ) -> Result<Option<Object>, capnp::Error> {
        let (call, _) = self.prepare(object, request, Some(&self.thread));
        let reply = call.send().promise.await?;
        Ok(first_capability(reply.get()?).ok())
    }

    fn prepare(
        &self,
        object: &Object,
        request: &Request,
        thread: Option<&thread::Client>,
    ) -> (Call, bitcoin_grpc_contract::At) {
        let profile = self.world.profile;
        let method = request.method();
        let Slot::Callable(at) = profile.slot(method) else { panic!("not in the profile") };
        let mut call = new_call(object, method.info().interface_id, at.ordinal);
        let mut context = |context: context::Builder<'_>| name_thread(context, thread);
        transfer::write_params(request, at, profile, call.get(), &mut context).expect("written");
        (call, at)
    }

    /// Calls a method that takes a context and nothing else, by its number.
    pub(crate) async fn bare(
        &self,
        object: &Object,
        interface: u64,
        ordinal: u16,
    ) -> Result<(), capnp::Error> {
        let mut call = new_call(object, interface, ordinal);
        let params = call.get().init_as::<init::make_echo_params::Builder<'_>>();
        name_thread(params.init_context(), Some(&self.thread));
        call.send().promise.await.map(drop)
    }

    pub(crate) async fn raw(&self, ordinal: u16) -> Result<(), capnp::Error> {
        self.bare(&self.root().await, Service::Chain.interface_id(), ordinal).await
    }
}

pub(crate) fn new_call(object: &Object, interface: u64, ordinal: u16) -> Call {
    object.new_call::<any_pointer::Owned, any_pointer::Owned>(interface, ordinal, None)
}

pub(crate) fn name_thread(mut context: context::Builder<'_>, thread: Option<&thread::Client>) {
    if let Some(thread) = thread {
        context.set_thread(thread.clone());
    }
}

/// The capability in results that are one.
pub(crate) fn first_capability(results: any_pointer::Reader<'_>) -> Result<Object, capnp::Error> {
    let results: init::make_echo_results::Reader<'_> = results.get_as()?;
    let client = results.get_result()?;
    Ok(Object::new(capnp::capability::FromClientHook::into_client_hook(client)))
}

pub(crate) async fn make_thread(threads: &thread_map::Client) -> thread::Client {
    let mut request = threads.make_thread_request();
    request.get().set_name("test");
    let reply = request.send().promise.await.expect("thread");
    reply.get().expect("reply").get_result().expect("thread")
}
