//! A node that lives on a thread of its own, behind its socket, and mines by itself.
//!
//! `options` is how it is set up, `life` the thread, `pace` what happens on the chain and when. Programs and tests hold a
//! [`Host`]; dropping it ends the node.

mod life;
mod options;
mod pace;

use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use crate::blockfile::BlockFileError;
use crate::fault::Faults;
use crate::node::Node;
use crate::reject::Reject;
use crate::socket::ServeError;
use crate::store::StoreError;

pub use options::{ChainOptions, HostOptions};
pub use pace::{Pace, Progress};

use life::{Life, Order};

/// Orders that may wait for the node's thread. Whoever gives more waits.
const ORDERS: usize = 64;

/// Why a node does not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The system gives no thread or no runtime.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The socket cannot be made.
    #[error(transparent)]
    Socket(#[from] ServeError),
    /// A file with blocks cannot be imported.
    #[error("cannot import {path}: {source}")]
    Import {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BlockFileError,
    },
    /// The data directory cannot be used.
    #[error("the data directory: {0}")]
    Store(#[from] StoreError),
    /// The first blocks cannot be mined.
    #[error("cannot mine the first blocks: {0}")]
    Mining(Reject),
    /// The node's thread has ended.
    #[error("the embedded node has ended")]
    Ended,
}

/// A node on its own thread.
#[derive(Debug)]
pub struct Host {
    orders: mpsc::Sender<Order>,
    /// Told when the node's thread ends.
    ended: watch::Receiver<bool>,
    thread: Option<JoinHandle<Result<(), HostError>>>,
    socket: PathBuf,
    faults: Faults,
    progress: Progress,
}

impl Host {
    /// Starts a node, and waits until its socket is there.
    ///
    /// # Errors
    /// When anything that the options ask for cannot be had.
    pub async fn start(options: HostOptions) -> Result<Self, HostError> {
        let (orders, received) = mpsc::channel(ORDERS);
        let (ready, started) = oneshot::channel();
        let (end, ended) = watch::channel(false);
        let (socket, progress) = (options.socket.clone(), Progress::default());
        let faults = Faults::with_seed(options.pace.seed);
        for fault in &options.faults {
            faults.plan(fault.clone());
        }
        let life =
            Life { options, orders: received, faults: faults.clone(), progress: progress.clone() };
        let body = move || {
            let outcome = life.run(ready);
            end.send_replace(true);
            outcome
        };
        let thread = std::thread::Builder::new().name("devnode".to_owned()).spawn(body)?;
        match started.await {
            Ok(()) => Ok(Self { orders, ended, thread: Some(thread), socket, faults, progress }),
            Err(_) => Err(join(thread).err().unwrap_or(HostError::Ended)),
        }
    }

    /// The path of its socket.
    #[must_use]
    pub fn socket(&self) -> &PathBuf {
        &self.socket
    }

    /// What goes wrong with it, and what came in at its socket, over all its lives.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What happened on the chain by itself so far.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// From now on nothing happens on the chain by itself any more.
    pub fn rest(&self) {
        self.progress.rest();
    }

    /// Does something with the node, on its thread, between two of its calls.
    ///
    /// # Errors
    /// When the node has ended.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node) -> T + Send + 'static,
    ) -> Result<T, HostError> {
        let (answer, answered) = oneshot::channel();
        // Whoever asked may have left.
        let work = Box::new(move |node: &mut Node| drop(answer.send(work(node))));
        self.orders.send(Order::Work(work)).await.map_err(|_| HostError::Ended)?;
        answered.await.map_err(|_| HostError::Ended)
    }

    /// Resolves when the node has ended by itself, or because a client told it to.
    pub async fn ended(&self) {
        // An error means that its thread is gone without a word.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Ends the node and waits for it.
    ///
    /// # Errors
    /// With what the node ended of.
    pub async fn stop(mut self) -> Result<(), HostError> {
        // It may have ended already.
        let _ = self.orders.send(Order::Stop).await;
        self.ended().await;
        self.thread.take().map_or(Ok(()), join)
    }
}

fn join(thread: JoinHandle<Result<(), HostError>>) -> Result<(), HostError> {
    thread.join().unwrap_or(Err(HostError::Ended))
}
