//! A client of one connection with one server thread.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use bitcoin_grpc_contract::wire::{chain_capnp, init_capnp::init, mining_capnp};
use bitcoin_grpc_contract::{Inner, Method, Profile, Reply, Request, Service, Slot, transfer, v1};
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::socket::{Deaths, Server, Shared};
use bytes::Bytes;
use capnp::any_pointer;
use capnp::capability::FromClientHook;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use tokio::net::UnixStream;
use tokio::task::LocalSet;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

/// Runs a client against a devnode of a generation with `blocks` blocks; gives its deaths.
pub(crate) fn with_devnode(profile: &str, blocks: u32, test: impl AsyncFnOnce(Client)) -> Deaths {
    let profile = Profile::by_name(profile).expect("a known profile");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("node.sock");
    let mut node = Node::default();
    node.generate(blocks).expect("blocks");
    let shared = Rc::new(Shared::new(node, profile));
    let deaths = shared.deaths.clone();
    LocalSet::new().block_on(&runtime, async move {
        let server = Server::bind(&path, shared).expect("socket");
        let client = async {
            let stream = UnixStream::connect(&path).await.expect("connects");
            test(Client::new(stream, profile).await).await;
        };
        tokio::select! {
            () = server.run() => panic!("the server ended"),
            () = client => {}
        }
    });
    deaths
}

pub(crate) struct Client {
    profile: &'static Profile,
    object: capnp::capability::Client,
    thread: thread::Client,
}

/// Our own thread map: the node must not take one of its threads for one of its own.
struct ThreadMap;

impl thread_map::Server for ThreadMap {}

struct Foreign;

impl thread::Server for Foreign {}

impl Client {
    async fn new(stream: UnixStream, profile: &'static Profile) -> Self {
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

        let mut request = init.construct_request();
        request.get().set_thread_map(capnp_rpc::new_client(ThreadMap));
        let reply = request.send().promise.await.expect("constructed");
        let threads = reply.get().expect("reply").get_thread_map().expect("thread map");
        let mut request = threads.make_thread_request();
        request.get().set_name("test");
        let reply = request.send().promise.await.expect("thread");
        let thread = reply.get().expect("reply").get_result().expect("thread");

        let object = root(&init, profile).await;
        Self { profile, object, thread }
    }

    pub(crate) fn foreign_thread(&self) -> thread::Client {
        capnp_rpc::new_client(Foreign)
    }

    pub(crate) async fn call(&self, request: &Request) -> Result<Reply, capnp::Error> {
        self.call_on(request, Some(self.thread.clone())).await
    }

    pub(crate) async fn call_on(
        &self,
        request: &Request,
        thread: Option<thread::Client>,
    ) -> Result<Reply, capnp::Error> {
        let method: Method = request.method();
        let Slot::Callable(at) = self.profile.slot(method) else { panic!("not in the profile") };
        let mut call = self.object.new_call::<any_pointer::Owned, any_pointer::Owned>(
            method.info().interface_id,
            at.ordinal,
            None,
        );
        let mut context =
            |mut context: bitcoin_grpc_contract::wire::proxy_capnp::context::Builder<'_>| {
                if let Some(thread) = &thread {
                    context.set_thread(thread.clone());
                }
            };
        transfer::write_params(request, at, self.profile, call.get(), &mut context)
            .expect("written");
        let reply = call.send().promise.await?;
        Ok(transfer::read_results(method, at, self.profile, reply.get()?).expect("readable"))
    }

    pub(crate) async fn raw(&self, ordinal: u16) -> Result<(), capnp::Error> {
        let chain = Service::Chain.interface_id();
        let call =
            self.object.new_call::<any_pointer::Owned, any_pointer::Owned>(chain, ordinal, None);
        call.send().promise.await.map(drop)
    }

    pub(crate) async fn tip(&self) -> Bytes {
        let request = Request::MiningGetTip(v1::MiningGetTipRequest {});
        match self.call(&request).await.expect("a tip") {
            Reply::MiningGetTip(reply) => reply.tip.expect("a tip").hash,
            other => panic!("another reply: {other:?}"),
        }
    }
}

/// The Chain of generations that have one, the Mining of the others.
async fn root(init: &init::Client, profile: &Profile) -> capnp::capability::Client {
    let chain = profile.inner(Inner::InitMakeChain);
    let at = chain.or(profile.inner(Inner::InitMakeMining)).expect("an interface");
    let id = Inner::InitConstruct.interface_id();
    let call = init.client.new_call::<any_pointer::Owned, any_pointer::Owned>(id, at.ordinal, None);
    let reply = call.send().promise.await.expect("made");
    let results = reply.get().expect("reply");
    let hook = match chain {
        Some(_) => {
            let results: init::make_chain_results::Reader<'_> = results.get_as().expect("results");
            let client: chain_capnp::chain::Client = results.get_result().expect("chain");
            client.into_client_hook()
        }
        None => {
            let results: init::make_mining_results::Reader<'_> = results.get_as().expect("results");
            let client: mining_capnp::mining::Client = results.get_result().expect("mining");
            client.into_client_hook()
        }
    };
    capnp::capability::Client::new(hook)
}
