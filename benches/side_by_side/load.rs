//! The load generators: one process, one thread, one connection, some calls in flight.

use std::time::{Duration, Instant};

use bitcoin_grpc_contract::{Profile, Unary};
use futures_util::future::join_all;
use tokio::task::LocalSet;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};

use crate::call::{self, Work};
use crate::direct::DirectNode;
use crate::measure::{Sample, cpu_time};
use crate::plan::Outcome;
use crate::report::say;

/// What a generator is told: the method, how many calls in flight, and for how long.
struct Options<'a> {
    method: &'a str,
    concurrency: usize,
    duration: Duration,
}

fn options<'a>(words: &[&'a str]) -> Outcome<Options<'a>> {
    let [method, concurrency, milliseconds] = words else {
        return Err("three words".into());
    };
    let duration = Duration::from_millis(milliseconds.parse()?);
    Ok(Options { method, concurrency: concurrency.parse()?, duration })
}

fn run(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// What is measured of all calls.
struct Clock {
    start: Instant,
    until: Instant,
    cpu: Duration,
}

impl Clock {
    fn start(duration: Duration) -> Outcome<Self> {
        let start = Instant::now();
        Ok(Self { start, until: start + duration, cpu: cpu_time(std::process::id())? })
    }

    /// Calls in a loop until the time is up; gives the latencies.
    async fn repeat(&self, mut call: impl AsyncFnMut() -> Outcome) -> Outcome<Vec<u32>> {
        let mut nanos = Vec::new();
        while Instant::now() < self.until {
            let start = Instant::now();
            call().await?;
            nanos.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
        }
        Ok(nanos)
    }

    /// Tells what was measured, as one line of JSON.
    fn finish(&self, all: Vec<Outcome<Vec<u32>>>) -> Outcome {
        let took = self.start.elapsed();
        let cpu = cpu_time(std::process::id())?.saturating_sub(self.cpu);
        let nanos = all.into_iter().collect::<Outcome<Vec<_>>>()?.concat();
        say(&serde_json::to_string(&Sample::from(nanos, took, cpu)?)?);
        Ok(())
    }
}

/// Calls a gRPC server.
pub(crate) fn grpc(address: &str, words: &[&str]) -> Outcome {
    let options = options(words)?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    call::with(options.method, Client { endpoint, options: &options })?
}

struct Client<'a> {
    endpoint: Endpoint,
    options: &'a Options<'a>,
}

impl Work for Client<'_> {
    type Output = Outcome;

    fn work<Q: Unary + Clone>(self, request: Q) -> Outcome {
        run(async move {
            let channel = self.endpoint.connect().await?;
            let clock = Clock::start(self.options.duration)?;
            let workers = (0..self.options.concurrency)
                .map(|_| clock.repeat(async || unary(channel.clone(), request.clone()).await));
            clock.finish(join_all(workers).await)
        })
    }
}

async fn unary<Q: Unary>(channel: Channel, request: Q) -> Outcome {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await?;
    let path = http::uri::PathAndQuery::from_static(Q::METHOD.info().path);
    let codec = tonic_prost::ProstCodec::<Q, Q::Response>::default();
    grpc.unary(tonic::Request::new(request), path, codec).await?;
    Ok(())
}

/// Calls the node.
pub(crate) fn direct(socket: &str, profile: &str, words: &[&str]) -> Outcome {
    let options = options(words)?;
    let profile = Profile::by_name(profile).ok_or("no such generation")?;
    call::with(options.method, Direct { socket, profile, options: &options })?
}

struct Direct<'a> {
    socket: &'a str,
    profile: &'static Profile,
    options: &'a Options<'a>,
}

impl Work for Direct<'_> {
    type Output = Outcome;

    fn work<Q: Unary + Clone>(self, request: Q) -> Outcome {
        run(async move {
            let node = DirectNode::connect(self.socket, self.profile, Q::METHOD).await?;
            let request = request.into_request();
            let clock = Clock::start(self.options.duration)?;
            let workers = (0..self.options.concurrency)
                .map(|_| clock.repeat(async || node.call(&request).await.map(drop)));
            clock.finish(join_all(workers).await)
        })
    }
}
