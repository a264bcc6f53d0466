//! How a world begins.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bitcoin_grpc::app::listen::{Address, ListenerConfig};
use bitcoin_grpc::app::rules::RulesConfig;
use bitcoin_grpc::app::serve::DISCONNECT;
use bitcoin_grpc::app::server::{Server, ServerConfig};
use bitcoin_grpc::app::worker::{Started, Starter};
use bitcoin_grpc::backend::NodeState;
use bitcoin_grpc::backend::ipc::{IpcConfig, IpcPool, Leases, Notifications, Place};
use bitcoin_grpc::frontend::grpc::ConnectionLimits;
use bitcoin_grpc::layer::admission::{AdmissionLayer, Limits};
use bitcoin_grpc::layer::deadline::Deadlines;
use bitcoin_grpc::layer::streams::{StreamLimits, StreamsLayer};
use bitcoin_grpc::stack::{Layers, Stack, compose};
use bitcoin_grpc_contract::Profile;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::host::{Host, HostOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{GONE, PATIENCE, World, reply};
use crate::facts::Facts;
use crate::json::COMMANDS;
use crate::{Subject, tally};

/// Generations of the embedded nodes, one after the other: mostly those that die of exceptions and have a Node.
const GENERATIONS: [&str; 9] = [
    "pr10102-2026-02",
    "pr29409-2025-05",
    "pr10102-2026-02",
    "pr10102-2024-07",
    "core-32",
    "pr10102-2026-02",
    "pr10102-2026-07",
    "core-31",
    "core-30",
];

/// Blocks of an embedded node: some coinbases can be spent.
const BLOCKS: u32 = 110;

/// Threads of the node for calls that wait: more than usual, so that waits do not keep everything else out.
const BLOCKING_THREADS: usize = 48;

impl World {
    pub(crate) fn start(subject: &Subject) -> Self {
        tally::count_panics();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let folder = tempfile::Builder::new().prefix("shield-").tempdir().expect("a folder");
        let (socket, policy) = (folder.path().join("s"), folder.path().join("policy.toml"));
        std::fs::write(&policy, policy_text()).expect("a policy");
        let rules = RulesConfig { policy: Some(policy), ..RulesConfig::default() };
        let grants = Arc::clone(rules.load().expect("rules").policy.identity("shield"));
        let leases = Leases::new(Default::default());
        let layers = Layers {
            deadlines: Deadlines::default(),
            streams: StreamsLayer::new(StreamLimits::default()),
            admission: AdmissionLayer::new(Limits::default()),
            metrics: Arc::default(),
        };
        let (stop, stopped) = oneshot::channel();
        let started = runtime.block_on(async {
            // A Rust program is not ended by a write to a peer that is gone; libFuzzer, which has its own beginning, is.
            drop(signal(SignalKind::pipe()).expect("a signal's handler"));
            let (place, host) = node(subject, folder.path()).await;
            let config = node_config(place, &leases, &layers);
            let stack = Arc::new(OnceLock::new());
            let starter = starter(config, layers.clone(), Arc::clone(&stack));
            let config = server_config(&socket, rules);
            let metrics = Arc::clone(&layers.metrics);
            let server = Server::start(&config, starter, metrics).await.expect("a server");
            let mut state = server.states().remove(0);
            let running = tokio::spawn(server.run(async move { drop(stopped.await) }));
            let ready = state.wait_for(|state| matches!(state, NodeState::Ready(_)));
            let ready = timeout(PATIENCE, ready).await.expect("the node is ready in time");
            let exceptions_kill = match &*ready.expect("a state") {
                NodeState::Ready(node) => node.profile.exceptions_kill,
                _ => false,
            };
            let stack: Stack = stack.get().expect("a stack").clone();
            let facts = Facts::ask(async |request| reply(&stack, &grants, request).await).await;
            (host, stack, facts, exceptions_kill, running)
        });
        let (host, stack, facts, exceptions_kill, running) = started;
        Self {
            runtime,
            host,
            stack,
            grants,
            streams: layers.streams,
            leases,
            metrics: layers.metrics,
            socket,
            line: None,
            facts,
            exceptions_kill,
            stop,
            running,
            sent: 0,
            recent: Default::default(),
            _folder: folder,
        }
    }
}

/// Everything but what ends the node or goes on for ever by right.
fn policy_text() -> String {
    format!(
        "[identities]\nshield = {{}}\n\n[[grants]]\nto = [\"shield\", \"anonymous-unix\"]\n\
         classes = [\"read\", \"submit\", \"wallet\", \"control\"]\n\
         methods = [\"Node.InitLogging\", \"Node.InitParameterInteraction\", \"Node.BaseInitialize\", \
         \"Node.AppInitMain\", \"Node.AppShutdown\"]\n\
         services = [\"grpc.health\", \"grpc.reflection\"]\n\
         rpc-commands = {COMMANDS:?}\nrpc-wallets = [\"*\"]\n"
    )
}

/// Where the node is, and the node if it is embedded.
async fn node(subject: &Subject, folder: &Path) -> (PathBuf, Option<Host>) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let generation = match subject {
        Subject::Real(socket) => return (socket.clone(), None),
        Subject::Embedded(Some(generation)) => generation,
        Subject::Embedded(None) => {
            GENERATIONS[NEXT.fetch_add(1, Ordering::Relaxed) % GENERATIONS.len()]
        }
    };
    let profile = Profile::by_name(generation).expect("a generation");
    let mut options = HostOptions::new(folder.join("node.sock"), profile);
    options.chain.blocks = BLOCKS;
    // Waits for the next template end by this clock.
    options.node.clock = Clock::System;
    let host = Host::start(options).await.expect("a node");
    (host.socket().clone(), Some(host))
}

fn node_config(socket: PathBuf, leases: &Leases, layers: &Layers) -> IpcConfig {
    IpcConfig {
        place: Place::Unix(socket),
        notifications: Notifications::Always,
        blocking_threads: BLOCKING_THREADS,
        // Embedded nodes are loaded when they listen, and real ones were asked before.
        settle: Duration::ZERO,
        socket_age: Duration::ZERO,
        leases: leases.clone(),
        metrics: Arc::clone(&layers.metrics.node),
        ..IpcConfig::default()
    }
}

fn server_config(socket: &Path, rules: RulesConfig) -> ServerConfig {
    let address = Address::Unix(socket.to_owned());
    ServerConfig {
        listen: vec![ListenerConfig { rules, ..ListenerConfig::new(address) }],
        threads: NonZeroUsize::MIN,
        max_connections: ServerConfig::MAX_CONNECTIONS,
        connections: ConnectionLimits::default(),
        drain: GONE / 4,
    }
}

/// Starts the backend as `serve` does, and hands its stack out.
fn starter(config: IpcConfig, layers: Layers, place: Arc<OnceLock<Stack>>) -> Starter {
    Arc::new(move || {
        let (pool, state, handle) = IpcPool::start(config.clone());
        let stack = compose(&layers, pool.clone(), state.clone());
        let stack = place.get_or_init(|| stack).clone();
        let (admission, streams) = (layers.admission.clone(), layers.streams.clone());
        let stop = async move {
            admission.close();
            handle.shutdown().await;
        };
        Started {
            stack,
            probe: Stack::new(pool),
            state,
            end_streams: Box::new(move || streams.close()),
            stop: Box::pin(stop),
            stop_limit: DISCONNECT,
        }
    })
}
