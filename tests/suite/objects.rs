//! Block templates through gRPC, from a real frontend to the embedded node behind its socket.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin_grpc::app::listen::ListenerConfig;
use bitcoin_grpc::app::serve::DISCONNECT;
use bitcoin_grpc::app::server::{Server, ServerConfig};
use bitcoin_grpc::app::worker::Started;
use bitcoin_grpc::backend::NodeState;
use bitcoin_grpc::backend::ipc::{IpcConfig, IpcPool, LeaseConfig, Leases, Place};
use bitcoin_grpc::frontend::grpc::ConnectionLimits;
use bitcoin_grpc::frontend::grpc::services::block_template_client::BlockTemplateClient;
use bitcoin_grpc::frontend::grpc::services::mining_client::MiningClient;
use bitcoin_grpc::layer::admission::{AdmissionLayer, Limits};
use bitcoin_grpc::layer::deadline::Deadlines;
use bitcoin_grpc::layer::streams::{StreamLimits, StreamsLayer};
use bitcoin_grpc::stack::{Layers, Stack, compose};
use bitcoin_grpc_contract::{Profile, v1};
use bitcoin_grpc_devnode::host::{ChainOptions, Host, HostOptions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::harness::loopback;

/// Longer than anything here takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Workers, so that leases are used over other connections to the node than they were made on.
const WORKERS: usize = 2;

struct Miner {
    node: Host,
    address: String,
    leases: Leases,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Miner {
    async fn start(profile: &str, leases: LeaseConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("node.sock");
        let mut options = HostOptions::new(&socket, Profile::by_name(profile).unwrap());
        options.chain = ChainOptions { blocks: 16, ..ChainOptions::default() };
        let node = Host::start(options).await.unwrap();
        let leases = Leases::new(leases);
        let ipc = IpcConfig {
            place: Place::Unix(socket),
            leases: leases.clone(),
            settle: Duration::ZERO,
            socket_age: Duration::ZERO,
            ..IpcConfig::default()
        };
        let (address, stop, running) = serve(ipc).await;
        Self { node, address, leases, stop, running, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.timeout(LONG).connect().await.unwrap()
    }

    /// Waits until no more leases, and places for leases, are taken than so many.
    async fn settled(&self, left: usize) {
        let settled = async {
            while self.leases.taken() > left {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let settled = tokio::time::timeout(LONG, settled).await;
        settled.unwrap_or_else(|_| panic!("{} are taken, not {left}", self.leases.taken()));
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(LONG, self.running).await.unwrap().unwrap();
        assert_eq!(self.leases.taken(), 0);
        assert_eq!(
            self.node.faults().deaths().count(),
            0,
            "{:?}",
            self.node.faults().deaths().causes()
        );
    }
}

async fn serve(ipc: IpcConfig) -> (String, oneshot::Sender<()>, JoinHandle<()>) {
    let layers = Layers {
        streams: StreamsLayer::new(StreamLimits::default()),
        deadlines: Deadlines::default(),
        admission: AdmissionLayer::new(Limits::default()),
        metrics: Arc::default(),
    };
    let starter = move || {
        let (pool, state, handle) = IpcPool::start(ipc.clone());
        let probe = Stack::new(pool.clone());
        let stack = compose(&layers, pool, state.clone());
        Started {
            stack,
            probe,
            state,
            end_streams: Box::new(|| ()),
            stop: Box::pin(handle.shutdown()),
            stop_limit: DISCONNECT,
        }
    };
    let config = ServerConfig {
        listen: vec![ListenerConfig::new(loopback())],
        threads: NonZeroUsize::new(WORKERS).unwrap(),
        max_connections: 100,
        connections: ConnectionLimits::default(),
        drain: Duration::from_secs(1),
    };
    let server = Server::start(&config, Arc::new(starter), Arc::default()).await.unwrap();
    for mut state in server.states() {
        let ready = state.wait_for(|state| matches!(state, NodeState::Ready(_)));
        tokio::time::timeout(LONG, ready).await.unwrap().unwrap();
    }
    let address = server.addresses()[0].to_string();
    let (stop, stopped) = oneshot::channel();
    let running =
        tokio::spawn(async move { server.run(async { _ = stopped.await }).await.unwrap() });
    (address, stop, running)
}

fn why(status: &Status) -> (Code, String, String) {
    let info = status.get_details_error_info().unwrap();
    let why = info.metadata.get("why").or_else(|| info.metadata.get("limit")).cloned();
    (status.code(), info.reason, why.unwrap_or_default())
}

/// Completes a template with its own coinbase: regtest wants one try in two.
fn solved(block: &[u8], handle: &str) -> v1::BlockTemplateSubmitSolutionRequest {
    let mut block: bitcoin::Block = deserialize(block).unwrap();
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    while block.header.validate_pow(block.header.target()).is_err() {
        block.header.nonce += 1;
    }
    v1::BlockTemplateSubmitSolutionRequest {
        handle: handle.to_owned(),
        version: block.header.version.to_consensus().cast_unsigned(),
        timestamp: block.header.time,
        nonce: block.header.nonce,
        coinbase: serialize(&block.txdata[0]).into(),
    }
}

async fn a_block_is_mined(profile: &str) {
    let miner = Miner::start(profile, LeaseConfig::default()).await;
    // Connections are dealt to the workers in turn.
    let mut mining = MiningClient::new(miner.channel().await);
    let mut templates = BlockTemplateClient::new(miner.channel().await);
    let lease = mining.create_new_block(v1::MiningCreateNewBlockRequest::default()).await.unwrap();
    let lease = lease.into_inner().template.expect("a template");
    let handle = lease.handle.clone();
    assert!(handle.starts_with(&format!("{}.", lease.instance)), "{lease:?}");

    let get = v1::BlockTemplateGetBlockRequest { handle: handle.clone() };
    let block = templates.get_block(get).await.unwrap().into_inner().block;
    let fees = v1::BlockTemplateGetTxFeesRequest { handle: handle.clone() };
    assert!(templates.get_tx_fees(fees).await.unwrap().into_inner().fees_sat.is_empty());
    let path = v1::BlockTemplateGetCoinbaseMerklePathRequest { handle: handle.clone() };
    let path = templates.get_coinbase_merkle_path(path).await.unwrap().into_inner();
    assert!(path.merkle_path.is_empty());

    let wait = v1::BlockTemplateWaitNextRequest { handle: handle.clone(), options: None };
    let mut waiter = BlockTemplateClient::new(miner.channel().await);
    let waiting = tokio::spawn(async move { waiter.wait_next(wait).await });
    tokio::time::sleep(Duration::from_millis(100)).await;

    let solution = solved(&block, &handle);
    let verdict = templates.submit_solution(solution.clone()).await.unwrap().into_inner();
    assert!(verdict.accepted, "{verdict:?}");
    let (height, tip) = miner.node.with(|node| (node.height(), node.tip().hash())).await.unwrap();
    assert_eq!(height, 17);

    let next = waiting.await.unwrap().unwrap().into_inner().template.expect("the next template");
    assert_ne!(next.handle, handle);
    let get = v1::BlockTemplateGetBlockHeaderRequest { handle: next.handle.clone() };
    let header = templates.get_block_header(get).await.unwrap().into_inner().header;
    assert_eq!(header[4..36], *tip.as_byte_array());

    for handle in [handle, next.handle] {
        let destroy = || v1::BlockTemplateDestroyRequest { handle: handle.clone() };
        templates.destroy(destroy()).await.unwrap();
        let again = templates.destroy(destroy()).await.unwrap_err();
        assert_eq!(why(&again), (Code::NotFound, "LEASE_GONE".into(), "destroyed".into()));
    }
    miner.end().await;
}

#[tokio::test]
async fn a_block_is_mined_on_core_32() {
    a_block_is_mined("core-32").await;
}

#[tokio::test]
async fn a_block_is_mined_on_the_branch_of_2026() {
    a_block_is_mined("pr10102-2026-02").await;
}

#[tokio::test]
async fn leases_have_bounds_and_an_end() {
    let instance = Some("east-1".to_owned());
    let bounds =
        LeaseConfig { time_to_live: Duration::from_secs(2), per_caller: 3, total: 3, instance };
    let miner = Miner::start("core-32", bounds).await;
    let mut mining = MiningClient::new(miner.channel().await);
    let create = v1::MiningCreateNewBlockRequest::default;
    let mut handles = Vec::new();
    for _ in 0..3 {
        let lease = mining.create_new_block(create()).await.unwrap().into_inner().template.unwrap();
        assert_eq!((&lease.instance[..], lease.time_to_live.unwrap().seconds), ("east-1", 2));
        handles.push(lease.handle);
    }
    let refused = mining.create_new_block(create()).await.unwrap_err();
    assert_eq!(why(&refused), (Code::ResourceExhausted, "TOO_MANY_LEASES".into(), "3".into()));
    let mut templates = BlockTemplateClient::new(miner.channel().await);
    let header =
        |handle: &str| v1::BlockTemplateGetBlockHeaderRequest { handle: handle.to_owned() };
    let elsewhere = templates.get_block_header(header("west-1.0011")).await.unwrap_err();
    assert_eq!(why(&elsewhere), (Code::NotFound, "LEASE_GONE".into(), "elsewhere".into()));
    // One is used, and stays.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        templates.get_block_header(header(&handles[0])).await.unwrap();
    }
    let expired = templates.get_block_header(header(&handles[1])).await.unwrap_err();
    assert_eq!(why(&expired), (Code::NotFound, "LEASE_GONE".into(), "expired".into()));
    assert_eq!(miner.leases.taken(), 1);
    miner.end().await;
}

#[tokio::test]
async fn a_cancelled_wait_leaves_nothing_and_disturbs_nobody() {
    let miner = Miner::start("core-32", LeaseConfig::default()).await;
    let mut mining = MiningClient::new(miner.channel().await);
    let lease = mining.create_new_block(v1::MiningCreateNewBlockRequest::default()).await.unwrap();
    let handle = lease.into_inner().template.unwrap().handle;
    let wait = || v1::BlockTemplateWaitNextRequest { handle: handle.clone(), options: None };
    let channel = miner.channel().await;
    let going_on = {
        let (mut client, wait) = (BlockTemplateClient::new(channel.clone()), wait());
        tokio::spawn(async move { client.wait_next(wait).await })
    };
    for _ in 0..20 {
        let mut client = BlockTemplateClient::new(channel.clone());
        let mut request = tonic::Request::new(wait());
        request.set_timeout(Duration::from_millis(20));
        let status = client.wait_next(request).await.unwrap_err();
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    }
    // Answered behind them on their connection: by now the server has heard of all, and that they left.
    let header = v1::BlockTemplateGetBlockHeaderRequest { handle: handle.clone() };
    BlockTemplateClient::new(channel).get_block_header(header).await.unwrap();
    miner.settled(2).await;
    miner.node.with(|node| node.generate(1).map(|_| ())).await.unwrap().unwrap();
    let answer = tokio::time::timeout(LONG, going_on).await.unwrap().unwrap().unwrap();
    assert!(answer.into_inner().template.is_some());
    // The first template, and the one of the only wait that went on.
    miner.settled(2).await;
    miner.end().await;
}
