//! `bitcoin-grpc serve`.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio_util::task::AbortOnDropHandle;

use super::AppError;
use super::admin::{Admin, Looker, View};
use super::listen::Address;
use super::rules::RuleBook;
use super::server::{Server, ServerError};
use super::signals::{Signals, hangups};
use super::vital::VitalSigns;
use super::watch::{self, report};
use super::worker::{Started, Starter};
use crate::backend::NodeState;
use crate::backend::ipc::{IpcConfig, IpcPool, Leases, Place, StreamHub};
use crate::config::Config;
use crate::layer::admission::AdmissionLayer;
use crate::layer::streams::StreamsLayer;
use crate::metrics::exposition::Look;
use crate::output::say;
use crate::stack::{Layers, Stack, compose};

/// Serves the configured node until a signal comes.
pub(super) async fn serve(config: Config) -> Result<(), AppError> {
    introduced(config, |_| {}).await
}

/// The same; `introduce` hears the addresses, in the configuration's order, as soon as they are known.
pub(super) async fn introduced(
    config: Config,
    introduce: impl FnOnce(&[Address]),
) -> Result<(), AppError> {
    let (signals, hangups) = (Signals::catch()?, hangups()?);
    let layers = layers(&config);
    let starter = starter(&config, layers.clone());
    let server = Server::start(&config.server, starter, Arc::clone(&layers.metrics)).await?;
    let admin = open_admin(&config, &server, &layers).await?;
    let addresses = server.addresses();
    introduce(&addresses);
    greet(&addresses, &config);
    let reporting = tokio::spawn(report(server.states(), config.node.place.clone()));
    let reloading = tokio::spawn(reload(hangups, server.rules()));
    let gone = watch::gone(server.states());
    let (end, ended) = tokio::sync::oneshot::channel();
    let stop = async {
        tokio::select! {
            () = signals.first() => {}
            why = gone => drop(end.send(why)),
        }
    };
    let outcome = server.run(stop).await;
    reporting.abort();
    reloading.abort();
    drop(admin);
    outcome?;
    // Without a signal there was no node left to serve.
    ended.await.map_or(Ok(()), |why| Err(AppError::NodeGone(why)))
}

fn greet(addresses: &[Address], config: &Config) {
    for address in addresses {
        say(format_args!("listening on {address}"));
    }
    for listener in &config.server.listen {
        if !listener.address.is_local() && !listener.rules.guards() {
            let address = &listener.address;
            tracing::warn!(%address, "everybody who reaches this address can use the node");
        }
    }
    match &config.node.place {
        Place::Unix(_) => say(format_args!("connecting to the node at {}", config.node.place)),
        Place::Spawn(spawn) => say(format_args!("starting the node: {}", spawn.command)),
    }
}

/// Reads policies, tokens and certificates anew whenever the signal comes. What is wrong with them is
/// logged, and the old ones stay.
async fn reload(mut hangups: Signal, book: Arc<RuleBook>) {
    while hangups.recv().await.is_some() {
        let book = Arc::clone(&book);
        match tokio::task::spawn_blocking(move || book.reload()).await {
            Ok(Ok(())) => tracing::info!("policies, tokens and certificates were read anew"),
            Ok(Err(faults)) => {
                tracing::error!(%faults, "policies, tokens and certificates stay as they were");
            }
            Err(error) => tracing::error!(%error, "reading policies anew failed"),
        }
    }
}

/// Starts a pool behind the layers, on a worker.
fn starter(config: &Config, layers: Layers) -> Starter {
    let stop_limit = match &config.node.place {
        Place::Unix(_) => DISCONNECT,
        Place::Spawn(spawn) => DISCONNECT + spawn.stop_limit,
    };
    let metrics = Arc::clone(&layers.metrics.node);
    let node = IpcConfig { metrics, ..share(&config.node, config.server.threads.get()) };
    Arc::new(move || {
        let (pool, state, handle) = IpcPool::start(node.clone());
        let (admission, streams) = (layers.admission.clone(), layers.streams.clone());
        let stop = async move {
            // First of all nothing new may reach the backend.
            admission.close();
            handle.shutdown().await;
        };
        Started {
            probe: Stack::new(pool.clone()),
            stack: compose(&layers, pool, state.clone()),
            state,
            end_streams: Box::new(move || streams.close()),
            stop: Box::pin(stop),
            stop_limit,
        }
    })
}

/// For how long the backend waits for the node's answers to calls that outlasted the drain, or whose
/// clients went away. Real reads take milliseconds; what waits for an event is not worth waiting for.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// For how long the backend may take to disconnect: longer than it waits for the node's last answers.
pub const DISCONNECT: Duration = Duration::from_secs(5);

/// The layers that a configuration describes.
#[must_use]
pub fn layers(config: &Config) -> Layers {
    Layers {
        deadlines: config.deadlines,
        streams: StreamsLayer::new(config.streams),
        admission: AdmissionLayer::new(config.limits),
        metrics: Arc::default(),
    }
}

/// Opens the admin listener, if one is wanted. It ends when what this returns is dropped: after the last call.
async fn open_admin(
    config: &Config,
    server: &Server,
    layers: &Layers,
) -> Result<Option<AbortOnDropHandle<()>>, ServerError> {
    let Some(listener) = &config.admin else { return Ok(None) };
    let failed = |error| ServerError::Listen { address: listener.address.clone(), error };
    let admin = Admin::open(listener).await.map_err(failed)?;
    say(format_args!("admin on {}", admin.address()));
    if !admin.address().is_local() {
        let address = admin.address();
        tracing::warn!(%address, "everybody who reaches this address can read the metrics");
    }
    let signs = Arc::new(server.vital_signs());
    let metrics = Arc::clone(&layers.metrics);
    let look = looker(Arc::clone(&signs), layers.clone(), config.node.leases.clone());
    let view = View { signs, metrics, look };
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(admin.serve(view)))))
}

/// Looks at what is no count.
#[must_use]
pub fn looker(signs: Arc<VitalSigns>, layers: Layers, leases: Leases) -> Looker {
    Arc::new(move || {
        let states = signs.states();
        let node = states.iter().find_map(|state| match state {
            NodeState::Ready(node) | NodeState::Stuck(node) => Some(node),
            _ => None,
        });
        Look {
            admission: layers.admission.look(),
            identities: layers.admission.identities(),
            streams: layers.streams.open(),
            leases: leases.held(),
            ready: states.iter().all(|state| matches!(state, NodeState::Ready(_))),
            profile: node.map(|node| node.profile),
            draining: signs.is_draining(),
            process: super::process::look(),
        }
    })
}

/// One worker's share of the node: what is configured is meant for all workers together, because
/// only the total counts for the node.
fn share(node: &IpcConfig, workers: usize) -> IpcConfig {
    IpcConfig {
        read_threads: node.read_threads.div_ceil(workers),
        blocking_threads: node.blocking_threads.div_ceil(workers),
        big_reads: node.big_reads.div_ceil(workers),
        queue: node.queue.div_ceil(workers),
        streams: StreamHub::shared(),
        drain_limit: LAST_ANSWERS,
        ..node.clone()
    }
}
