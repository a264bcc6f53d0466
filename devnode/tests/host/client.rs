//! A client with one connection and one server thread, and the hosted devnode that it talks to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use bitcoin_grpc_contract::{Inner, Method, Profile, Reply, Request, Service, Slot, transfer, v1};
use bitcoin_grpc_devnode::fault::{Called, FaultSpec};
use bitcoin_grpc_devnode::host::{Host, HostOptions};
use capnp::any_pointer;
use capnp::capability::FromClientHook;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use tokio::net::UnixStream;
use tokio::task::LocalSet;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// Any capability.
pub(crate) type Object = capnp::capability::Client;

/// How long anything here may take that does not wait on purpose.
const SOON: Duration = Duration::from_secs(20);

/// The generation of most tests.
pub(crate) const PROFILE: &str = "pr29409-2025-05";

/// Blocks of every node here.
pub(crate) const BLOCKS: u32 = 5;

/// Counted as.
pub(crate) const HASH: Called = Called::Method(Method::ChainGetBlockHash);
pub(crate) const HEIGHT: Called = Called::Method(Method::ChainGetHeight);

/// A devnode and the folder with its socket.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) socket: PathBuf,
    _folder: tempfile::TempDir,
}

/// Runs a test against a devnode with faults.
pub(crate) fn with_faults(profile: &str, faults: &[&str], test: impl AsyncFnOnce(&World)) {
    let faults: Vec<FaultSpec> = faults.iter().map(|fault| fault.parse().expect(fault)).collect();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("node.sock");
    let mut options = HostOptions::new(&socket, Profile::by_name(profile).unwrap());
    options.chain.blocks = BLOCKS;
    options.faults = faults;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let host = Host::start(options).await.unwrap();
        let world = World { host, socket, _folder: folder };
        tokio::time::timeout(2 * SOON, test(&world)).await.expect("the test ends in time");
        world.host.stop().await.unwrap();
    });
}

/// A call that has to end soon, one way or the other.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("soon")
}

pub(crate) fn get_height() -> Request {
    Request::ChainGetHeight(v1::ChainGetHeightRequest {})
}

pub(crate) fn get_hash(height: i32) -> Request {
    Request::ChainGetBlockHash(v1::ChainGetBlockHashRequest { height })
}

pub(crate) struct Client {
    profile: &'static Profile,
    init: Object,
    pub(crate) threads: thread_map::Client,
    pub(crate) thread: thread::Client,
}

/// A client with a Chain, of the node at a socket.
pub(crate) async fn connect_chain(socket: &Path) -> (Client, Object) {
    let stream = UnixStream::connect(socket).await.expect("connected");
    let profile = Profile::by_name(PROFILE).unwrap();
    let client = soon(Client::new(stream, profile)).await.expect("let in");
    let chain = client.make(Service::Chain).await.expect("made");
    (client, chain)
}

impl World {
    /// A client with a Chain.
    pub(crate) async fn chain(&self) -> (Client, Object) {
        connect_chain(&self.socket).await
    }

    /// A client, if the node lets it in.
    pub(crate) async fn connect(&self, profile: &str) -> Result<Client, capnp::Error> {
        let stream = UnixStream::connect(&self.socket).await?;
        soon(Client::new(stream, Profile::by_name(profile).unwrap())).await
    }
}

impl Client {
    async fn new(stream: UnixStream, profile: &'static Profile) -> Result<Self, capnp::Error> {
        let (reader, writer) = stream.into_split();
        let network = twoparty::VatNetwork::new(
            reader.compat(),
            writer.compat_write(),
            Side::Client,
            capnp::message::ReaderOptions::new(),
        );
        let mut system = RpcSystem::new(Box::new(network), None);
        let init: init::Client = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        let reply = init.construct_request().send().promise.await?;
        let threads = reply.get()?.get_thread_map()?;
        let thread = make_thread(&threads).await?;
        let init = Object::new(init.into_client_hook());
        Ok(Self { profile, init, threads, thread })
    }

    pub(crate) async fn another_thread(&self) -> thread::Client {
        soon(make_thread(&self.threads)).await.expect("a thread")
    }

    /// Makes an interface.
    pub(crate) async fn make(&self, service: Service) -> Result<Object, capnp::Error> {
        let maker = match service {
            Service::Chain => Inner::InitMakeChain,
            Service::Mining => Inner::InitMakeMining,
            other => panic!("{other:?} is not needed here"),
        };
        let at = self.profile.inner(maker).expect("in the profile");
        let mut call = self.init.new_call::<any_pointer::Owned, any_pointer::Owned>(
            maker.interface_id(),
            at.ordinal,
            None,
        );
        // All of them have the same parameters and results.
        let params = call.get().init_as::<init::make_echo_params::Builder<'_>>();
        params.init_context().set_thread(self.thread.clone());
        let reply = soon(call.send().promise).await?;
        let results: init::make_echo_results::Reader<'_> = reply.get()?.get_as()?;
        Ok(Object::new(results.get_result()?.into_client_hook()))
    }

    /// Calls a method on the client's thread.
    pub(crate) async fn ask(
        &self,
        object: &Object,
        request: &Request,
    ) -> Result<Reply, capnp::Error> {
        self.ask_on(object, request, &self.thread).await
    }

    /// Calls a method on any thread.
    pub(crate) async fn ask_on(
        &self,
        object: &Object,
        request: &Request,
        thread: &thread::Client,
    ) -> Result<Reply, capnp::Error> {
        let method = request.method();
        let Slot::Callable(at) = self.profile.slot(method) else { panic!("not in the profile") };
        let interface = method.info().interface_id;
        let mut call =
            object.new_call::<any_pointer::Owned, any_pointer::Owned>(interface, at.ordinal, None);
        let mut context =
            |mut context: bitcoin_grpc_contract::wire::proxy_capnp::context::Builder<'_>| {
                context.set_thread(thread.clone());
            };
        transfer::write_params(request, at, self.profile, call.get(), &mut context).unwrap();
        let reply = call.send().promise.await?;
        transfer::read_results(method, at, self.profile, reply.get()?)
            .map_err(|error| capnp::Error::failed(error.to_string()))
    }

    /// The height of a Chain.
    pub(crate) async fn height(&self, chain: &Object) -> Result<i32, capnp::Error> {
        match soon(self.ask(chain, &get_height())).await? {
            Reply::ChainGetHeight(reply) => Ok(reply.height.expect("a height")),
            other => panic!("another reply: {other:?}"),
        }
    }

    /// The hash at a height of a Chain.
    pub(crate) async fn hash(&self, chain: &Object, height: i32) -> Result<Vec<u8>, capnp::Error> {
        match soon(self.ask(chain, &get_hash(height))).await? {
            Reply::ChainGetBlockHash(reply) => Ok(reply.block_hash.to_vec()),
            other => panic!("another reply: {other:?}"),
        }
    }
}

async fn make_thread(threads: &thread_map::Client) -> Result<thread::Client, capnp::Error> {
    let mut request = threads.make_thread_request();
    request.get().set_name("test");
    request.send().promise.await?.get()?.get_result()
}
