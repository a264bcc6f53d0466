//! A thread that does everything for its clients: it reads and writes their connections, runs their
//! calls through the stack and talks to the node. Nothing of a call crosses to another thread,
//! which saves a quarter of the time that a call costs.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

use super::incoming::{Connection, Incoming, Secured, secure};
use crate::backend::NodeState;
use crate::frontend::door::{Door, Visitor};
use crate::frontend::grpc::health::HealthService;
use crate::frontend::grpc::limits::HANDSHAKE;
use crate::frontend::grpc::receive::Room;
use crate::frontend::grpc::reflection::Reflection;
use crate::frontend::grpc::{self, ConnectionLimits, Grpc};
use crate::metrics::Metrics;
use crate::stack::Stack;

/// New connections that may wait for a worker to take them. It takes them at once unless it is busy.
const DEALT: usize = 64;

/// Questions whether it lives that may wait for a worker.
const BEATS: usize = 16;

/// For how long the last answers may take to be written once the backend is gone.
const FLUSH: Duration = Duration::from_secs(1);

/// Starts a backend on the thread and inside the `LocalSet` of a worker, with a stack in front.
pub type Starter = Arc<dyn Fn() -> Started + Send + Sync>;

/// A backend that was started.
pub struct Started {
    /// The layers and the backend.
    pub stack: Stack,
    /// What is known of the node.
    pub state: watch::Receiver<NodeState>,
    /// The backend without layers, for questions of our own.
    pub probe: Stack,
    /// Ends the streams, which would not end by themselves, and lets no more come.
    pub end_streams: Box<dyn FnOnce()>,
    /// Ends the backend cleanly. It is awaited on the worker's thread, where the backend lives.
    pub stop: Pin<Box<dyn Future<Output = ()>>>,
    /// For how long that may take.
    pub stop_limit: Duration,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A connection, and the door that it came in by.
pub(super) type Arrival = (Incoming, Door);

/// A connection and its place among those that may be open.
pub(super) type Dealt = (Arrival, OwnedSemaphorePermit);

/// What all workers need.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) starter: Starter,
    pub(super) health: HealthService,
    pub(super) reflection: Reflection,
    /// For requests that are being received.
    pub(super) room: Room,
    /// How long connections last.
    pub(super) connections: ConnectionLimits,
    /// How long calls may go on once `drain` is true.
    pub(super) drain_limit: Duration,
    /// True once no new calls are to be taken.
    pub(super) drain: watch::Receiver<bool>,
    pub(super) metrics: Arc<Metrics>,
}

/// The other end of a worker.
#[derive(Debug)]
pub(super) struct Worker {
    /// Takes new connections.
    pub(super) clients: mpsc::Sender<Dealt>,
    /// State of its backend.
    pub(super) state: watch::Receiver<NodeState>,
    /// Its backend without layers.
    pub(super) probe: Stack,
    /// Answers as soon as its thread has a turn for it.
    pub(super) pulse: mpsc::Sender<Beat>,
}

/// Where a worker says that it lives.
pub(super) type Beat = oneshot::Sender<()>;

impl Worker {
    /// Resolves when the worker has ended, by whatever cause.
    pub(super) async fn ended(&self) {
        // It keeps its end of the channel to its very end.
        self.clients.closed().await;
    }
}

/// For how long who came in before the doors were closed may take to begin: it was told by the system that it is
/// connected, and its first call may be on the way.
const LAST_GREETING: Duration = Duration::from_millis(500);

/// Starts a worker.
///
/// # Errors
/// When the system gives no thread or no event loop.
pub(super) async fn start(index: usize, shared: Shared) -> io::Result<Worker> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (clients, dealt) = mpsc::channel(DEALT);
    let (pulse, beats) = mpsc::channel(BEATS);
    let (started, backend) = oneshot::channel();
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        LocalSet::new().block_on(&runtime, work(shared, dealt, beats, started));
    })?;
    let backend = backend.await.map_err(|_| io::Error::other("a worker ended as it started"))?;
    let (state, probe) = backend;
    Ok(Worker { clients, state, probe, pulse })
}

async fn work(
    shared: Shared,
    mut dealt: mpsc::Receiver<Dealt>,
    beats: mpsc::Receiver<Beat>,
    started: oneshot::Sender<(watch::Receiver<NodeState>, Stack)>,
) {
    let backend = (shared.starter)();
    let _ = started.send((backend.state, backend.probe));
    tokio::task::spawn_local(beat(beats));
    let (health, reflection) = (shared.health.clone(), shared.reflection.clone());
    let (room, metrics) = (shared.room.clone(), Arc::clone(&shared.metrics));
    let grpc = Grpc::new(backend.stack, health, reflection, room, metrics);
    let mut clients = JoinSet::new();
    take_clients(&shared, &grpc, &mut dealt, &mut clients).await;
    (backend.end_streams)();
    let (stop, limit) = (backend.stop, backend.stop_limit);
    // Its time begins when it is first awaited.
    let stop = async move { timeout(limit, stop).await.is_ok() };
    finish(clients, stop, shared.drain_limit).await;
}

async fn beat(mut beats: mpsc::Receiver<Beat>) {
    while let Some(beat) = beats.recv().await {
        // Who asked may have gone.
        let _ = beat.send(());
    }
}

/// Serves every connection that is dealt, until it is time to drain.
async fn take_clients(
    shared: &Shared,
    grpc: &Grpc,
    dealt: &mut mpsc::Receiver<Dealt>,
    clients: &mut JoinSet<()>,
) {
    let mut drain = shared.drain.clone();
    let mut drained = std::pin::pin!(drain.wait_for(|drain| *drain));
    let serve = |client| {
        let open = Open::new(&shared.metrics);
        serve(client, open, grpc.clone(), shared.connections, shared.drain.clone())
    };
    loop {
        tokio::select! {
            _ = &mut drained => break,
            // Forgets those that have ended.
            Some(_) = clients.join_next() => {}
            client = dealt.recv() => match client {
                Some(client) => drop(clients.spawn_local(serve(client))),
                None => return,
            },
        }
    }
    // Everybody who came in before the doors were closed has been dealt by now.
    while let Ok(client) = dealt.try_recv() {
        clients.spawn_local(serve(client));
    }
}

async fn serve(
    ((client, door), place): Dealt,
    open: Open,
    grpc: Grpc,
    limits: ConnectionLimits,
    mut drain: watch::Receiver<bool>,
) {
    // Who says nothing must not hold up the end, either.
    let too_late = async {
        let _ = drain.wait_for(|drain| *drain).await;
        tokio::time::sleep(LAST_GREETING).await;
    };
    let received = tokio::select! {
        received = timeout(HANDSHAKE, receive(client, door)) => received,
        () = too_late => return,
    };
    match received {
        Ok(Ok((Received::Tcp(stream), visitor))) => {
            grpc::serve(stream, visitor, grpc, limits, drain).await;
        }
        Ok(Ok((Received::Unix(stream), visitor))) => {
            grpc::serve(stream, visitor, grpc, limits, drain).await;
        }
        Ok(Ok((Received::Tls(stream), visitor))) => {
            grpc::serve(*stream, visitor, grpc, limits, drain).await;
        }
        Ok(Err(error)) => {
            open.0.connections_refused.add_one();
            tracing::debug!(%error, "connection refused or lost as it came in");
        }
        Err(_) => {
            open.0.connections_refused.add_one();
            tracing::debug!("connection closed: it did not begin in time");
        }
    }
    drop((place, open));
}

/// A connection that is counted as open until this is dropped.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.connections.add_one();
        metrics.open.up();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.down();
    }
}

/// A connection that has begun to speak HTTP/2.
enum Received {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Secured>),
}

/// Waits until a client has begun to speak HTTP/2, encrypted if the door wants that.
async fn receive(client: Incoming, door: Door) -> io::Result<(Received, Visitor)> {
    let tls = door.rules.borrow().tls.clone();
    let (connection, visitor) = client.here(door)?;
    match (connection, tls) {
        (Connection::Tcp(stream), Some(tls)) => {
            let (stream, proof) = secure(stream, &tls).await?;
            Ok((Received::Tls(Box::new(stream)), Visitor { proof, ..visitor }))
        }
        (connection, _) => {
            connection.preface().await?;
            let received = match connection {
                Connection::Tcp(stream) => Received::Tcp(stream),
                Connection::Unix(stream) => Received::Unix(stream),
            };
            Ok((received, visitor))
        }
    }
}

/// Lets the calls end, then the backend, then what is left of the connections.
async fn finish(mut clients: JoinSet<()>, stop: impl Future<Output = bool>, drain_limit: Duration) {
    let drained = timeout(drain_limit, all_ended(&mut clients)).await.is_ok();
    if !stop.await {
        tracing::warn!("the node's connection did not close in time");
    }
    if !drained {
        // The backend answered what was still under way when it stopped; let clients hear of it.
        let _ = timeout(FLUSH, all_ended(&mut clients)).await;
    }
}

async fn all_ended(clients: &mut JoinSet<()>) {
    while clients.join_next().await.is_some() {}
}
