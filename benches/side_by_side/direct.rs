//! A plain Cap'n Proto client of the node, with nothing but what a call needs.

use std::cell::RefCell;
use std::rc::Rc;

use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use bitcoin_grpc_contract::{Inner, Method, Profile, Reply, Request, Service, Slot, transfer};
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use futures_util::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::plan::Outcome;

/// Server threads: as many as the proxy makes for reads by default, which is also what real nodes
/// answer fastest.
const THREADS: usize = 2;

/// A plain client of the node: what a C++ or Rust program does that speaks the protocol itself.
pub(crate) struct DirectNode {
    profile: &'static Profile,
    object: Client,
    threads: Vec<thread::Client>,
    free: Semaphore,
    idle: RefCell<Vec<usize>>,
}

struct ThreadMap;

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        _: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> Result<(), capnp::Error> {
        // The node calls back on it. Here everything runs on one thread.
        results.get().set_result(capnp_rpc::new_client(Thread));
        Ok(())
    }
}

struct Thread;

impl thread::Server for Thread {}

impl DirectNode {
    /// Connects, and gets the object that has a method. It must be called inside a `LocalSet`.
    pub(crate) async fn connect(
        socket: &str,
        profile: &'static Profile,
        method: Method,
    ) -> Outcome<Self> {
        let (reader, writer) = UnixStream::connect(socket).await?.into_split();
        let network = twoparty::VatNetwork::new(
            BufReader::new(reader.compat()),
            BufWriter::new(writer.compat_write()),
            Side::Client,
            capnp::message::ReaderOptions::new(),
        );
        let mut system = RpcSystem::new(Box::new(network), None);
        let init: init::Client = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        let mut request = init.construct_request();
        request.get().set_thread_map(capnp_rpc::new_client(ThreadMap));
        let reply = request.send().promise.await?;
        let map = reply.get()?.get_thread_map()?;
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            let mut request = map.make_thread_request();
            request.get().set_name("direct");
            threads.push(request.send().promise.await?.get()?.get_result()?);
        }
        let object = root(&init, profile, method, &threads[0]).await?;
        let idle = RefCell::new((0..THREADS).collect());
        Ok(Self { profile, object, free: Semaphore::new(THREADS), idle, threads })
    }

    /// The object that has the method.
    pub(crate) fn object(&self) -> &Client {
        &self.object
    }

    /// A server thread.
    pub(crate) fn thread(&self) -> &thread::Client {
        &self.threads[0]
    }

    /// Makes a call once a server thread is free.
    pub(crate) async fn call(&self, request: &Request) -> Outcome<Reply> {
        let _permit = self.free.acquire().await?;
        let thread = self.idle.borrow_mut().pop().ok_or("no idle thread")?;
        let outcome = self.call_on(request, &self.threads[thread]).await;
        self.idle.borrow_mut().push(thread);
        outcome
    }

    async fn call_on(&self, request: &Request, thread: &thread::Client) -> Outcome<Reply> {
        let method = request.method();
        let Slot::Callable(at) = self.profile.slot(method) else {
            return Err("not in the node".into());
        };
        let mut call = self.object.new_call::<any_pointer::Owned, any_pointer::Owned>(
            method.info().interface_id,
            at.ordinal,
            None,
        );
        transfer::write_params(request, at, self.profile, call.get(), &mut |mut context| {
            context.set_thread(thread.clone());
        })?;
        let reply = call.send().promise.await?;
        Ok(transfer::read_results(method, at, self.profile, reply.get()?)?)
    }
}

/// The object that has a method.
async fn root(
    init: &init::Client,
    profile: &Profile,
    method: Method,
    thread: &thread::Client,
) -> Outcome<Client> {
    let maker = match method.info().service {
        Service::Chain => Inner::InitMakeChain,
        Service::Echo => Inner::InitMakeEcho,
        _ => Inner::InitMakeMining,
    };
    let at = profile.inner(maker).ok_or("the node has no such interface")?;
    let mut call = init.client.new_call::<any_pointer::Owned, any_pointer::Owned>(
        maker.interface_id(),
        at.ordinal,
        None,
    );
    // Every Init.makeX takes a context and returns one object, as makeEcho does.
    let params = call.get().init_as::<init::make_echo_params::Builder<'_>>();
    params.init_context().set_thread(thread.clone());
    let reply = call.send().promise.await?;
    let results: init::make_echo_results::Reader<'_> = reply.get()?.get_as()?;
    Ok(results.get_result()?.cast_to())
}
