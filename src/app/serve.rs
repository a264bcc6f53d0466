//! `bitcoin-grpc serve`.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;

use super::AppError;
use super::listen::Address;
use super::rules::RuleBook;
use super::server::Server;
use super::signals::{Signals, hangups};
use super::watch::{self, report};
use super::worker::{Started, Starter};
use crate::backend::ipc::{IpcConfig, IpcPool, Place, StreamHub};
use crate::config::Config;
use crate::layer::admission::AdmissionLayer;
use crate::layer::streams::StreamsLayer;
use crate::output::say;
use crate::stack::{Layers, compose};

/// Serves the configured node until a signal comes.
pub(super) async fn serve(config: Config) -> Result<(), AppError> {
    let (signals, hangups) = (Signals::catch()?, hangups()?);
    let server = Server::start(&config.server, starter(&config)).await?;
    greet(&server.addresses(), &config);
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
fn starter(config: &Config) -> Starter {
    let layers = layers(config);
    let stop_limit = match &config.node.place {
        Place::Unix(_) => DISCONNECT,
        Place::Spawn(spawn) => DISCONNECT + spawn.stop_limit,
    };
    let node = share(&config.node, config.server.threads.get());
    Arc::new(move || {
        let (pool, state, handle) = IpcPool::start(node.clone());
        let (admission, streams) = (layers.admission.clone(), layers.streams.clone());
        let stop = async move {
            // First of all nothing new may reach the backend.
            admission.close();
            handle.shutdown().await;
        };
        Started {
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
    }
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
