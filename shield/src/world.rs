//! A proxy in this process and the node behind it.

mod start;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc::app::server::ServerError;
use bitcoin_grpc::backend::ipc::Leases;
use bitcoin_grpc::call::{Call, Caller, Outcome};
use bitcoin_grpc::error::CallError;
use bitcoin_grpc::layer::rights::Grants;
use bitcoin_grpc::layer::streams::StreamsLayer;
use bitcoin_grpc::metrics::Metrics;
use bitcoin_grpc::stack::Stack;
use bitcoin_grpc_contract::{Reply, Request, v1};
use bitcoin_grpc_devnode::host::Host;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::facts::Facts;
use crate::line::Line;
use crate::{Target, tally};

/// Longest that a call which does not wait may take, on a machine with better things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For how long calls that wait are given a chance, now and then.
const LINGER: Duration = Duration::from_millis(20);

/// For how long what is over may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// Pause before something is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// Inputs that are kept, to be written down if something goes wrong.
const RECENT: usize = 32;

/// A proxy and its node.
pub(crate) struct World {
    runtime: Runtime,
    host: Option<Host>,
    stack: Stack,
    grants: Arc<Grants>,
    streams: StreamsLayer,
    leases: Leases,
    metrics: Arc<Metrics>,
    /// Where the proxy listens.
    pub(crate) socket: PathBuf,
    line: Option<Line>,
    pub(crate) facts: Facts,
    exceptions_kill: bool,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServerError>>,
    sent: u64,
    recent: VecDeque<(Target, Vec<u8>)>,
    _folder: tempfile::TempDir,
}

impl World {
    /// Whether the node dies of exceptions.
    pub(crate) const fn exceptions_kill(&self) -> bool {
        self.exceptions_kill
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Runs something inside the world.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Takes note of an input before it is sent.
    pub(crate) fn begin(&mut self, target: Target, data: &[u8]) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((target, data.to_vec()));
    }

    /// Takes note of what was sent.
    pub(crate) fn count(&mut self, target: Target, requests: usize) {
        self.sent += requests as u64;
        tally::sent(target, requests as u64);
    }

    /// Sends a request through the layers to the node.
    pub(crate) async fn ask(&self, request: Request) -> Result<Outcome, CallError> {
        ask(&self.stack, &self.grants, request).await
    }

    /// Asks something that must be answered, by the stack.
    pub(crate) async fn healthy(&self) {
        let question =
            || Request::MiningIsInitialBlockDownload(v1::MiningIsInitialBlockDownloadRequest {});
        let end = Instant::now() + PATIENCE;
        loop {
            match timeout(PATIENCE, self.ask(question())).await {
                Ok(Ok(_)) => return,
                // It has its turn when there is room.
                Ok(Err(CallError::Busy { .. } | CallError::Limited { .. }))
                    if Instant::now() < end =>
                {
                    sleep(PAUSE).await;
                }
                other => {
                    self.check();
                    self.fail(&format!("the node does not answer: {other:?}"));
                }
            }
        }
    }

    /// The connection of a client; it is made where there is none.
    pub(crate) fn connected(&mut self) -> Line {
        match self.line.take() {
            Some(line) if line.is_open() => line,
            _ => self.runtime.block_on(Line::open(&self.socket)),
        }
    }

    /// Keeps the connection of a client for the next time.
    pub(crate) fn keep(&mut self, line: Line) {
        self.line = Some(line);
    }

    /// Makes sure that nothing has died.
    pub(crate) fn check(&self) {
        if let Some(host) = &self.host {
            let deaths = host.faults().deaths();
            if deaths.count() > 0 {
                let causes = deaths.causes().join("\n  ");
                self.fail(&format!("{} deaths:\n  {causes}", deaths.count()));
            }
        }
        if tally::panics() > 0 {
            self.fail("something panicked");
        }
        if self.metrics.node.lost.get() > 0 {
            self.fail("the connection to the node was lost");
        }
    }

    /// Writes down the last inputs, and ends.
    pub(crate) fn fail(&self, why: &str) -> ! {
        let folder = std::env::temp_dir().join(format!("shield-{}", std::process::id()));
        let written = std::fs::create_dir_all(&folder).and_then(|()| {
            let mut recent = self.recent.iter().enumerate();
            recent.try_for_each(|(number, (target, data))| {
                std::fs::write(folder.join(format!("{number:02}-{}", target.name())), data)
            })
        });
        eprintln!("shield: the last inputs are in {}: {written:?}", folder.display());
        panic!("shield: {why}");
    }

    /// Ends the world in order. Nothing may be left of what was sent.
    pub(crate) fn end(mut self) {
        self.check();
        drop(self.line.take());
        let Self { runtime, host, streams, leases, stop, running, .. } = self;
        runtime.block_on(async {
            let streams_gone = async {
                while streams.open() > 0 {
                    sleep(PAUSE).await;
                }
            };
            let gone = timeout(GONE, streams_gone).await;
            assert!(gone.is_ok(), "{} streams are still open", streams.open());
            let _ = stop.send(());
            let ended = timeout(GONE, running).await.expect("the server ends in time");
            ended.expect("the server does not panic").expect("the server ends well");
            assert_eq!(leases.held(), 0, "leases are held after the end");
            if let Some(host) = host {
                tally::reached(host.faults().all_calls().values().sum());
                assert_eq!(host.faults().deaths().count(), 0, "deaths at the end");
                let stopped = timeout(GONE, host.stop()).await.expect("the node ends in time");
                stopped.expect("the node ends well");
            }
        });
    }
}

async fn ask(stack: &Stack, grants: &Arc<Grants>, request: Request) -> Result<Outcome, CallError> {
    let call = Call {
        request,
        caller: Caller::Known("shield".into()),
        grants: Arc::clone(grants),
        deadline: None,
        listener: 0,
        line: 0,
        trace: Default::default(),
    };
    stack.call(call).await
}

async fn reply(stack: &Stack, grants: &Arc<Grants>, request: Request) -> Option<Reply> {
    ask(stack, grants, request).await.ok()?.into_reply().ok()
}

/// Polls `waiting` for as long as `main` runs, and sometimes a little longer. Gives how many did not end.
pub(crate) async fn beside<T>(
    main: impl Future<Output = ()>,
    mut waiting: FuturesUnordered<impl Future<Output = T>>,
    linger: bool,
    took: &RefCell<Vec<T>>,
) -> usize {
    let mut main = pin!(main);
    loop {
        tokio::select! {
            biased;
            Some(answer) = waiting.next(), if !waiting.is_empty() => took.borrow_mut().push(answer),
            () = &mut main => break,
        }
    }
    if linger {
        let all = async {
            while let Some(answer) = waiting.next().await {
                took.borrow_mut().push(answer);
            }
        };
        // Some wait for longer.
        let _ = timeout(LINGER, all).await;
    }
    waiting.len()
}
