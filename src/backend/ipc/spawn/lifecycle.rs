//! The life of a node that is led by its descriptor: an empty process, then settings, then the chain, and at
//! the end the way back.
//!
//! Each step may be taken once and in its order; out of order it would end the process. Whoever takes them,
//! this program or a caller, goes through here.

use std::time::Duration;

use bitcoin_grpc_contract::{Method, Reply, Violation, v1};
use tokio::sync::watch;
use tokio::time::timeout;

use super::super::link::Caller;
use super::config::Start;
use crate::error::CallError;

/// How long the answer to the order to stop may take. The node only sets a flag and wakes its threads.
const ORDER_LIMIT: Duration = Duration::from_secs(30);

const ONCE: &str = "a spawned node takes Node.BaseInitialize, Node.AppInitMain and Node.AppShutdown once each, in this order";
const OURS: &str = "bitcoin-grpc leads the node that it spawned; start it with `--start manual` to leave that to callers";
const NOT_YET: &str = "the node does not run yet";
const REFUSED: &str =
    "the node refused to start; what it says in its log and its message boxes tells why";
const NOT_LOADED: &str =
    "the node could not load its chain; what it says in its log and its message boxes tells why";

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::backend::ipc) enum Stage {
    /// It knows nothing.
    Empty,
    /// It is being told its settings.
    Initializing,
    /// It has its settings and its directories.
    Initialized,
    /// It loads its chain.
    Loading,
    /// It runs.
    Running,
    /// It will never run, for this reason.
    Failed {
        /// Why.
        why: String,
        /// Whether it has parts that want to be stopped.
        begun: bool,
    },
    /// It stops.
    Stopping,
    /// It has stopped.
    Stopped,
}

/// The life of one node.
pub(in crate::backend::ipc) struct Lifecycle {
    stage: watch::Sender<Stage>,
    start: Start,
    settings: v1::GlobalArgs,
    /// A caller wants the node to stop.
    unwanted: watch::Sender<bool>,
}

impl Lifecycle {
    /// The life of an empty process that is to run with these settings.
    pub(in crate::backend::ipc) fn new(start: Start, settings: v1::GlobalArgs) -> Self {
        let (stage, unwanted) = (watch::channel(Stage::Empty).0, watch::channel(false).0);
        Self { stage, start, settings, unwanted }
    }

    /// Whether callers take the steps.
    pub(in crate::backend::ipc) fn is_manual(&self) -> bool {
        self.start == Start::Manual
    }

    /// Whether it has a chain that can be asked about.
    pub(in crate::backend::ipc) fn is_running(&self) -> bool {
        *self.stage.borrow() == Stage::Running
    }

    /// Completes when the node runs, or never will.
    pub(in crate::backend::ipc) async fn decided(&self) -> Result<(), String> {
        let decided = |stage: &Stage| !stage.is_before_the_end_of_the_start();
        match self.stage.subscribe().wait_for(decided).await.as_deref() {
            Ok(Stage::Running) => Ok(()),
            Ok(Stage::Failed { why, .. }) => Err(why.clone()),
            _ => Err("the node was told to stop".to_owned()),
        }
    }

    /// Completes when a caller wants the node to stop.
    pub(in crate::backend::ipc) async fn unwanted(&self) {
        // The sender lives as long as this.
        let _ = self.unwanted.subscribe().wait_for(|unwanted| *unwanted).await;
    }

    /// Takes both steps.
    pub(in crate::backend::ipc) async fn run(&self, caller: Caller<'_>) -> Result<(), CallError> {
        self.initialize(caller).await?;
        if *self.stage.borrow() == Stage::Initialized {
            self.load(caller).await?;
        }
        Ok(())
    }

    /// A caller's first step. Its settings are those of the command, so it must not bring others.
    pub(in crate::backend::ipc) async fn base_initialize(
        &self,
        caller: Caller<'_>,
        request: &v1::NodeBaseInitializeRequest,
    ) -> Result<Reply, CallError> {
        self.is_theirs(Method::NodeBaseInitialize)?;
        let brings = request.global_args.as_ref().is_some_and(|args| *args != Default::default());
        if brings {
            let description =
                "must be empty: a spawned node's settings are those of --node spawn:COMMAND";
            let violation =
                Violation { field: "global_args".into(), description: description.into() };
            return Err(CallError::Invalid(vec![violation]));
        }
        self.initialize(caller).await.map(Reply::NodeBaseInitialize)
    }

    /// A caller's second step.
    pub(in crate::backend::ipc) async fn app_init_main(
        &self,
        caller: Caller<'_>,
    ) -> Result<Reply, CallError> {
        self.is_theirs(Method::NodeAppInitMain)?;
        self.load(caller).await.map(Reply::NodeAppInitMain)
    }

    /// A caller's last step. It ends the session, whose end takes it.
    pub(in crate::backend::ipc) async fn app_shutdown(&self) -> Result<Reply, CallError> {
        let method = Method::NodeAppShutdown;
        self.is_theirs(method)?;
        if !self.is_running() {
            return Err(CallError::Refused { method, why: NOT_YET });
        }
        if self.unwanted.send_replace(true) {
            return Err(CallError::Refused { method, why: ONCE });
        }
        let over = |stage: &Stage| matches!(stage, Stage::Stopped | Stage::Failed { .. });
        match self.stage.subscribe().wait_for(over).await.as_deref() {
            Ok(Stage::Stopped) => Ok(Reply::NodeAppShutdown(v1::NodeAppShutdownResponse {})),
            _ => Err(CallError::NodeLost),
        }
    }

    fn is_theirs(&self, method: Method) -> Result<(), CallError> {
        match self.start {
            Start::Manual => Ok(()),
            Start::Auto => Err(CallError::Refused { method, why: OURS }),
        }
    }

    /// Goes from one stage to the next, if this is the time for it.
    fn claim(&self, method: Method, from: &Stage, to: Stage) -> Result<(), CallError> {
        let claimed = self.stage.send_if_modified(|stage| {
            let is_time = stage == from;
            if is_time {
                *stage = to;
            }
            is_time
        });
        if claimed { Ok(()) } else { Err(CallError::Refused { method, why: ONCE }) }
    }

    async fn initialize(
        &self,
        caller: Caller<'_>,
    ) -> Result<v1::NodeBaseInitializeResponse, CallError> {
        self.claim(Method::NodeBaseInitialize, &Stage::Empty, Stage::Initializing)?;
        let global_args = Some(self.settings.clone());
        let reply = caller.ask_as(v1::NodeBaseInitializeRequest { global_args }).await;
        let done = reply.as_ref().map(|reply| reply.initialized);
        self.settle(done, Stage::Initialized, REFUSED, false);
        reply
    }

    async fn load(&self, caller: Caller<'_>) -> Result<v1::NodeAppInitMainResponse, CallError> {
        self.claim(Method::NodeAppInitMain, &Stage::Initialized, Stage::Loading)?;
        let reply = caller.ask_as(v1::NodeAppInitMainRequest {}).await;
        let done = reply.as_ref().map(|reply| reply.started);
        self.settle(done, Stage::Running, NOT_LOADED, true);
        // What is not started has no tips, but random numbers in their place.
        reply.map(|mut reply| {
            if !reply.started {
                reply.tip_info = None;
            }
            reply
        })
    }

    fn settle(&self, done: Result<bool, &CallError>, next: Stage, refusal: &str, begun: bool) {
        let stage = match done {
            Ok(true) => next,
            Ok(false) => Stage::Failed { why: refusal.to_owned(), begun },
            Err(error) => Stage::Failed { why: error.to_string(), begun },
        };
        // Meanwhile it may have been told to stop.
        self.stage.send_if_modified(|now| {
            let expected = now.is_before_the_end_of_the_start();
            if expected {
                *now = stage;
            }
            expected
        });
    }

    /// The node is gone.
    pub(in crate::backend::ipc) fn lost(&self) {
        let why = "the node went away".to_owned();
        self.stage.send_replace(Stage::Failed { why, begun: false });
    }

    /// Stops the node: what it has begun is interrupted, its parts are stopped, its chain is written to disk.
    pub(in crate::backend::ipc) async fn stop(&self, caller: Caller<'_>, limit: Duration) {
        let stage = self.stage.borrow().clone();
        let begun = match stage {
            Stage::Empty | Stage::Stopping | Stage::Stopped => false,
            Stage::Failed { begun, .. } => begun,
            // It has nothing yet that could be stopped.
            Stage::Initializing | Stage::Initialized => false,
            Stage::Loading | Stage::Running => true,
        };
        if begun && let Err(error) = self.stop_begun(caller, limit).await {
            tracing::warn!(error, "the node was not stopped in an orderly way");
        }
        self.stage.send_replace(Stage::Stopped);
    }

    async fn stop_begun(&self, caller: Caller<'_>, limit: Duration) -> Result<(), String> {
        let order = caller.ask_as(v1::NodeStartShutdownRequest {});
        let answered = timeout(ORDER_LIMIT, order).await;
        answered.map_err(|_| "it does not answer".to_owned())?.map_err(|e| e.to_string())?;
        // What still loads has to come to its end first.
        let loading = self.stage.subscribe();
        let _ = timeout(limit, { loading }.wait_for(|stage| *stage != Stage::Loading)).await;
        self.stage.send_replace(Stage::Stopping);
        let last = caller.ask_as(v1::NodeAppShutdownRequest {});
        let answered = timeout(limit, last).await;
        answered
            .map_err(|_| format!("not within {} s", limit.as_secs()))?
            .map_err(|e| e.to_string())?;
        Ok(())
    }
}

impl Stage {
    fn is_before_the_end_of_the_start(&self) -> bool {
        matches!(self, Self::Empty | Self::Initializing | Self::Initialized | Self::Loading)
    }
}
