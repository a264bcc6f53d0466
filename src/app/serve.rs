//! `bitcoin-grpc serve`.

use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::listen::Address;
use super::server::Server;
use super::signals::Signals;
use super::watch::report;
use super::worker::{Started, Starter};
use crate::backend::ipc::{IpcConfig, IpcPool, StreamHub};
use crate::config::Config;
use crate::layer::admission::AdmissionLayer;
use crate::layer::streams::StreamsLayer;
use crate::output::say;
use crate::stack::{Layers, compose};

/// Serves the configured node until a signal comes.
pub(super) async fn serve(config: Config) -> Result<(), AppError> {
    let signals = Signals::catch()?;
    let server = Server::start(&config.server, starter(&config)).await?;
    greet(&server.addresses(), &config);
    let reporting = tokio::spawn(report(server.states(), config.node.socket.clone()));
    let outcome = server.run(signals.first()).await;
    reporting.abort();
    Ok(outcome?)
}

fn greet(addresses: &[Address], config: &Config) {
    for address in addresses {
        say(format_args!("listening on {address}"));
        if !address.is_local() {
            tracing::warn!(%address, "everybody who reaches this address can use the node, unencrypted");
        }
    }
    say(format_args!("connecting to the node at unix:{}", config.node.socket.display()));
}

/// Starts a pool behind the layers, on a worker.
fn starter(config: &Config) -> Starter {
    let layers = layers(config);
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
            stack: compose(&layers, pool),
            state,
            end_streams: Box::new(move || streams.close()),
            stop: Box::pin(stop),
        }
    })
}

/// For how long the backend waits for the node's answers to calls that outlasted the drain, or whose
/// clients went away. Real reads take milliseconds; what waits for an event is not worth waiting for.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// The layers that a configuration describes.
#[must_use]
pub fn layers(config: &Config) -> Layers {
    Layers {
        rights: config.rights,
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
