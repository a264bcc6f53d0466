//! A node made from facts: it serves any generation over a socket, and knows no more of it than the
//! facts say.
//!
//! Objects appear wherever a result is one; threads and their like answer by themselves. Every other
//! call is handed to the test, as a tree of its parameters, which says what the answer is.

pub mod caps;
mod object;

use std::io;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use capnp_rpc::twoparty::VatNetwork;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side};
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::tree::Tree;
use crate::world::World;
use object::{Object, Shared, client};

/// A call as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// Interface that declares the method.
    pub interface: String,
    /// Name of the method on the wire.
    pub method: String,
    /// Its parameters.
    pub params: Tree,
}

impl Call {
    /// Whether the call names the thread that is to run it.
    #[must_use]
    pub fn names_a_thread(&self) -> bool {
        let thread = self.params.get("context").and_then(|context| context.get("thread"));
        matches!(thread, Some(Tree::Capability(_)))
    }
}

/// What becomes of a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These results. Fields that are left out are blank; objects are made wherever a result is one
    /// and is not said to be [`Tree::Null`].
    Results(Tree),
    /// An error with this text, as for a C++ exception.
    Exception(String),
    /// Nothing, ever.
    Never,
    /// The same, later.
    After(Duration, Box<Answer>),
}

impl Answer {
    /// Results with nothing set.
    #[must_use]
    pub fn blank() -> Self {
        Self::Results(Tree::of([]))
    }
}

/// Decides what becomes of a call.
pub type Handler = dyn Fn(&Call) -> Answer + Send + Sync;

/// A running node. It ends when it is dropped.
#[derive(Debug)]
pub struct FactsServer {
    calls: Arc<Mutex<Vec<Call>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FactsServer {
    /// Serves a generation to everybody who connects.
    ///
    /// # Errors
    /// When the listener or the thread cannot be set up.
    ///
    /// # Panics
    /// When there is no generation of that name.
    pub fn serve(
        listener: UnixListener,
        profile: &str,
        handler: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let calls = Arc::default();
        let peer = World::get().peer(profile);
        let shared = Shared { peer, handler: Arc::new(handler), calls: Arc::clone(&calls) };
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread =
            std::thread::Builder::new().name("facts-server".to_owned()).spawn(move || {
                let local = LocalSet::new();
                local.spawn_local(accept(listener, shared));
                runtime.block_on(local.run_until(async { stopped.await.unwrap_or(()) }));
            })?;
        Ok(Self { calls, stop: Some(stop), thread: Some(thread) })
    }

    /// The calls so far that were handed to the test, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FactsServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: UnixListener, shared: Shared) {
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let (read, write) = stream.into_split();
        let network = VatNetwork::new(
            read.compat(),
            write.compat_write(),
            Side::Server,
            capnp::message::ReaderOptions::default(),
        );
        let init = client(Object { interface: "Init".to_owned(), shared: shared.clone() });
        tokio::task::spawn_local(RpcSystem::new(Box::new(network), Some(init)));
    }
}
