//! The load generators: one process, one thread, one connection, some calls in flight.

use std::time::{Duration, Instant};

use bitcoin_grpc_contract::wire::chain_capnp::chain;
use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::mining_capnp::mining;
use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use bitcoin_grpc_contract::{Inner, Profile, Request, Service, Slot, transfer, v1};
use bytes::Bytes;
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook};
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use futures_util::future::join_all;
use futures_util::io::{BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::task::LocalSet;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
use tonic::transport::Endpoint;

use crate::measure::{Sample, cpu_time};
use crate::plan::Outcome;
use crate::report::say;

/// Server threads of the direct client: as many as the proxy makes for reads by default, which is
/// also what real nodes answer fastest.
const THREADS: usize = 2;

struct Options {
    method: String,
    profile: &'static Profile,
    concurrency: usize,
    duration: Duration,
}

fn options(words: &[&str]) -> Outcome<Options> {
    let [method, profile, concurrency, milliseconds] = words else {
        return Err("four words".into());
    };
    Ok(Options {
        method: (*method).to_owned(),
        profile: Profile::by_name(profile).ok_or("no such generation")?,
        concurrency: concurrency.parse()?,
        duration: Duration::from_millis(milliseconds.parse()?),
    })
}

/// The call that is measured, by name.
fn request(method: &str) -> Outcome<Request> {
    Ok(match method {
        "Chain.IsInMempool" => {
            let txid = Bytes::from_static(&[7; 32]);
            Request::ChainIsInMempool(v1::ChainIsInMempoolRequest { txid })
        }
        "Mining.GetTip" => Request::MiningGetTip(v1::MiningGetTipRequest {}),
        "Echo.Echo" => Request::EchoEcho(v1::EchoEchoRequest {
            echo: "32 characters, as long as a txid.".to_owned(),
        }),
        other => return Err(format!("no measurement of {other}").into()),
    })
}

fn run(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// Calls in a loop until the time is up; gives the latencies.
async fn repeat(until: Instant, mut call: impl AsyncFnMut() -> Outcome) -> Outcome<Vec<u32>> {
    let mut nanos = Vec::new();
    while Instant::now() < until {
        let start = Instant::now();
        call().await?;
        nanos.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(nanos)
}

fn finish(all: Vec<Outcome<Vec<u32>>>, start: Instant, cpu: Duration) -> Outcome {
    let took = start.elapsed();
    let cpu = cpu_time(std::process::id())?.saturating_sub(cpu);
    let nanos = all.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
    let sample = Sample::from(nanos, took, cpu)?;
    say(&serde_json::to_string(&sample)?);
    Ok(())
}

pub(crate) fn grpc(address: &str, words: &[&str]) -> Outcome {
    let options = options(words)?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    run(async move {
        let channel = endpoint.connect().await?;
        let request = request(&options.method)?;
        let cpu = cpu_time(std::process::id())?;
        let start = Instant::now();
        let workers = (0..options.concurrency).map(|_| {
            let (channel, request) = (channel.clone(), request.clone());
            repeat(start + options.duration, async move || {
                let mut grpc = tonic::client::Grpc::new(channel.clone());
                grpc.ready().await?;
                unary(&mut grpc, request.clone()).await
            })
        });
        finish(join_all(workers).await, start, cpu)
    })
}

async fn unary(
    grpc: &mut tonic::client::Grpc<tonic::transport::Channel>,
    request: Request,
) -> Outcome {
    async fn send<Q: bitcoin_grpc_contract::Unary>(
        grpc: &mut tonic::client::Grpc<tonic::transport::Channel>,
        message: Q,
    ) -> Outcome {
        let path = http::uri::PathAndQuery::from_static(Q::METHOD.info().path);
        let codec = tonic_prost::ProstCodec::<Q, Q::Response>::default();
        grpc.unary(tonic::Request::new(message), path, codec).await?;
        Ok(())
    }
    match request {
        Request::ChainIsInMempool(message) => send(grpc, message).await,
        Request::MiningGetTip(message) => send(grpc, message).await,
        Request::EchoEcho(message) => send(grpc, message).await,
        other => Err(format!("no measurement of {:?}", other.method()).into()),
    }
}

pub(crate) fn direct(socket: &str, words: &[&str]) -> Outcome {
    let options = options(words)?;
    let socket = socket.to_owned();
    run(async move {
        let node = DirectNode::connect(&socket, options.profile, &options.method).await?;
        let request = request(&options.method)?;
        let cpu = cpu_time(std::process::id())?;
        let start = Instant::now();
        let (node, request) = (&node, &request);
        let workers = (0..options.concurrency)
            .map(|_| repeat(start + options.duration, async move || node.call(request).await));
        finish(join_all(workers).await, start, cpu)
    })
}

/// A plain client of the node: what a C++ or Rust program does that speaks the protocol itself.
struct DirectNode {
    profile: &'static Profile,
    object: Client,
    threads: Vec<thread::Client>,
    free: tokio::sync::Semaphore,
    idle: std::cell::RefCell<Vec<usize>>,
}

struct ThreadMap;

impl thread_map::Server for ThreadMap {}

impl DirectNode {
    async fn connect(socket: &str, profile: &'static Profile, method: &str) -> Outcome<Self> {
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
        Ok(Self {
            profile,
            object,
            free: tokio::sync::Semaphore::new(THREADS),
            idle: std::cell::RefCell::new((0..THREADS).collect()),
            threads,
        })
    }

    async fn call(&self, request: &Request) -> Outcome {
        let _permit = self.free.acquire().await?;
        let thread = self.idle.borrow_mut().pop().ok_or("no idle thread")?;
        let outcome = self.call_on(request, &self.threads[thread]).await;
        self.idle.borrow_mut().push(thread);
        outcome
    }

    async fn call_on(&self, request: &Request, thread: &thread::Client) -> Outcome {
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
        transfer::read_results(method, at, self.profile, reply.get()?)?;
        Ok(())
    }
}

async fn root(
    init: &init::Client,
    profile: &Profile,
    method: &str,
    thread: &thread::Client,
) -> Outcome<Client> {
    let (inner, _service) = match method.split('.').next() {
        Some("Chain") => (Inner::InitMakeChain, Service::Chain),
        _ => (Inner::InitMakeMining, Service::Mining),
    };
    let at = profile.inner(inner).ok_or("the node has no such interface")?;
    let mut call = init.client.new_call::<any_pointer::Owned, any_pointer::Owned>(
        inner.interface_id(),
        at.ordinal,
        None,
    );
    // The parameters of every Init.makeX are one context.
    let params = call.get().init_as::<init::make_chain_params::Builder<'_>>();
    params.init_context().set_thread(thread.clone());
    let reply = call.send().promise.await?;
    let hook = match inner {
        Inner::InitMakeChain => {
            let results: init::make_chain_results::Reader<'_> = reply.get()?.get_as()?;
            let client: chain::Client = results.get_result()?;
            client.into_client_hook()
        }
        _ => {
            let results: init::make_mining_results::Reader<'_> = reply.get()?.get_as()?;
            let client: mining::Client = results.get_result()?;
            client.into_client_hook()
        }
    };
    Ok(Client::new(hook))
}
