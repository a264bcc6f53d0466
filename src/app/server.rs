//! Listeners and workers together: the thread that calls [`Server::run`] takes connections in and
//! deals them to the workers in turn.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, select_all};
use listenfd::ListenFd;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::listen::{Address, Listener, ListenerConfig, Socket};
use super::rules::RuleBook;
use super::vital::{VitalSigns, WorkerSigns};
use super::worker::{self, Arrival, Shared, Starter, Worker};
use crate::backend::NodeState;
use crate::config::Faults;
use crate::frontend::grpc::ConnectionLimits;
use crate::frontend::grpc::health::Health;
use crate::frontend::grpc::limits::MAX_RECEIVED;
use crate::frontend::grpc::receive::Room;
use crate::frontend::grpc::reflection::Reflection;
use crate::layer::rights::Entrance;
use crate::metrics::Metrics;

/// Pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How many clients of one listener are still taken in when it closes, at most: about as many as the system keeps waiting.
const LAST_CLIENTS: usize = 1024;

/// What the server is set to.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens, and for whom.
    pub listen: Vec<ListenerConfig>,
    /// Workers; each has a thread and a connection to the node of its own.
    pub threads: NonZeroUsize,
    /// Connections of clients that may be open. Further ones wait until one closes.
    pub max_connections: usize,
    /// How long they last.
    pub connections: ConnectionLimits,
    /// How long calls may go on after the server was told to stop.
    pub drain: Duration,
}

impl ServerConfig {
    /// One thread serves what a node can answer; see the measurements in the documentation.
    pub const THREADS: NonZeroUsize = NonZeroUsize::MIN;
    /// Below the usual limit of 1024 file descriptors, with room for the node's connections.
    pub const MAX_CONNECTIONS: usize = 900;
    /// Shorter than the 30 s after which orchestrators usually end a program by force.
    pub const DRAIN: Duration = Duration::from_secs(10);
}

/// Why a server does not start or ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: Address,
        /// Why not.
        error: io::Error,
    },
    /// A listener's policy, tokens or certificates are not usable.
    #[error("cannot serve {address}:\n{faults}")]
    Rules {
        /// The listener.
        address: Address,
        /// What is wrong.
        faults: Faults,
    },
    /// A socket that was passed on can be reached from other machines.
    #[error(
        "{address} can be reached from other machines; it needs TLS and client certificates or tokens, or --insecure-listen"
    )]
    Exposed {
        /// The socket.
        address: Address,
    },
    /// A worker does not start.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
    /// A worker ended without being told to.
    #[error("a worker ended by itself, which is a fault of bitcoin-grpc")]
    WorkerEnded,
    /// The built-in descriptors do not decode.
    #[error("the built-in descriptors are damaged: {0}")]
    Descriptors(#[from] tonic_reflection::server::Error),
}

/// A server that listens and has its workers, and takes clients once it runs.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    workers: Vec<Worker>,
    health: Health,
    drain: watch::Sender<bool>,
    book: Arc<RuleBook>,
    places: Arc<Semaphore>,
}

impl Server {
    /// Binds the addresses and starts the workers, each with a backend of its own.
    ///
    /// # Errors
    /// When an address cannot be listened on or a worker does not start.
    pub async fn start(
        config: &ServerConfig,
        starter: Starter,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServerError> {
        let (listeners, book) = open(&config.listen).await?;
        let health = Health::new().await;
        let (drain, draining) = watch::channel(false);
        let shared = Shared {
            starter,
            health: health.service(),
            reflection: Reflection::new()?,
            room: Room::new(MAX_RECEIVED),
            connections: config.connections,
            drain_limit: config.drain,
            drain: draining,
            metrics,
        };
        let workers = start_workers(config.threads, &shared).await.map_err(ServerError::Worker)?;
        let places = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { listeners, workers, health, drain, book: Arc::new(book), places })
    }

    /// Where it listens, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.listeners.iter().map(|listener| listener.address().clone()).collect()
    }

    /// The rules of its listeners, to read them anew.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleBook> {
        Arc::clone(&self.book)
    }

    /// State of the node as each worker sees it.
    #[must_use]
    pub fn states(&self) -> Vec<watch::Receiver<NodeState>> {
        self.workers.iter().map(|worker| worker.state.clone()).collect()
    }

    /// What can be asked of it while it runs.
    #[must_use]
    pub fn vital_signs(&self) -> VitalSigns {
        let sign = |worker: &Worker| WorkerSigns {
            state: worker.state.clone(),
            probe: worker.probe.clone(),
            pulse: worker.pulse.clone(),
        };
        VitalSigns::new(self.workers.iter().map(sign).collect(), self.drain.subscribe())
    }

    /// Serves until `stop` resolves, then lets calls end and stops.
    ///
    /// # Errors
    /// When a worker ends by itself.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let following = tokio::spawn(self.health.clone().follow(self.states()));
        let outcome = tokio::select! {
            () = stop => Ok(()),
            () = accept_all(&self.listeners, &self.workers, &self.places) => Ok(()),
            () = any_ended(&self.workers) => Err(ServerError::WorkerEnded),
        };
        following.abort();
        take_last(&self.listeners, &self.workers, &self.places).await;
        self.stop().await;
        outcome
    }

    /// Closes the doors, says so, and waits for the workers.
    async fn stop(self) {
        drop(self.listeners);
        self.health.close().await;
        self.drain.send_replace(true);
        for worker in &self.workers {
            worker.ended().await;
        }
    }
}

/// Opens every listener, with its rules. Nobody is taken in yet.
async fn open(configs: &[ListenerConfig]) -> Result<(Vec<Listener>, RuleBook), ServerError> {
    let (mut listeners, mut book) = (Vec::with_capacity(configs.len()), RuleBook::default());
    let mut passed = ListenFd::from_env();
    for config in configs {
        let rules = config.rules.load();
        let address = || config.address.clone();
        let rules = rules.map_err(|faults| ServerError::Rules { address: address(), faults })?;
        let failed = |error| ServerError::Listen { address: address(), error };
        let socket = Socket::bind(config, &mut passed).await.map_err(failed)?;
        let door = |entrance| book.door(&config.rules, rules, entrance);
        let listener = Listener::new(socket, door).map_err(failed)?;
        let exposed = listener.door.entrance == Entrance::Remote;
        if exposed && !config.rules.insecure && !config.rules.guards() {
            return Err(ServerError::Exposed { address: listener.address().clone() });
        }
        listeners.push(listener);
    }
    Ok((listeners, book))
}

async fn start_workers(count: NonZeroUsize, shared: &Shared) -> io::Result<Vec<Worker>> {
    let mut workers = Vec::with_capacity(count.get());
    for index in 0..count.get() {
        workers.push(worker::start(index, shared.clone()).await?);
    }
    Ok(workers)
}

async fn any_ended(workers: &[Worker]) {
    select_all(workers.iter().map(|worker| Box::pin(worker.ended()))).await;
}

/// Takes clients in on every listener, for ever, and deals them to the workers in turn.
async fn accept_all(listeners: &[Listener], workers: &[Worker], places: &Arc<Semaphore>) {
    let mut next = workers.iter().cycle();
    while let (Some(worker), Some((client, place))) = (next.next(), accept(listeners, places).await)
    {
        // A worker that ended ends the server, which the caller sees to.
        let _ = worker.clients.send((client, place)).await;
    }
}

/// Takes in who is connected already, as far as the system knows: closing the doors would cut their first calls off, and
/// they could not tell that nobody had read them.
async fn take_last(listeners: &[Listener], workers: &[Worker], places: &Arc<Semaphore>) {
    // Lets the event loop learn of them.
    tokio::task::yield_now().await;
    let mut next = workers.iter().cycle();
    for listener in listeners {
        for _ in 0..LAST_CLIENTS {
            let (Ok(place), Some(worker)) = (Arc::clone(places).try_acquire_owned(), next.next())
            else {
                return;
            };
            match listener.accept().now_or_never() {
                Some(Ok(client)) => drop(worker.clients.send((client, place)).await),
                Some(Err(_)) | None => break,
            }
        }
    }
}

/// The next client; `None` if there never will be one.
async fn accept(
    listeners: &[Listener],
    places: &Arc<Semaphore>,
) -> Option<(Arrival, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        if listeners.is_empty() {
            return None;
        }
        match select_all(listeners.iter().map(|listener| Box::pin(listener.accept()))).await.0 {
            Ok(client) => return Some((client, place)),
            Err(error) => {
                tracing::warn!(%error, "cannot take a client in");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}
