//! Whether the program lives, and whether it can serve: the questions of whoever starts programs and sends
//! them traffic.

use std::time::Duration;

use bitcoin_grpc_contract::{Method, Reply, Request, Slot, v1};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::worker::Beat;
use crate::backend::{NodeInfo, NodeState};
use crate::call::{Call, Caller};
use crate::stack::Stack;

/// How long a worker may take for a sign of life. A turn of its loop takes milliseconds at most.
const BEAT: Duration = Duration::from_secs(5);

/// How long the node may take to tell its tip. It does so within milliseconds unless it is stopped or
/// swamped.
const ANSWER: Duration = Duration::from_secs(2);

/// How long an answer counts, so that those who ask often do not load the node.
const FRESH: Duration = Duration::from_millis(500);

/// What one worker can be asked.
#[derive(Debug, Clone)]
pub(super) struct WorkerSigns {
    pub(super) state: watch::Receiver<NodeState>,
    pub(super) probe: Stack,
    pub(super) pulse: mpsc::Sender<Beat>,
}

/// What a server can be asked while it runs.
#[derive(Debug)]
pub struct VitalSigns {
    workers: Vec<WorkerSigns>,
    draining: watch::Receiver<bool>,
    last: Mutex<Option<(Instant, Answer)>>,
}

/// Why not, or all is well, in words.
pub type Answer = Result<String, String>;

impl VitalSigns {
    pub(super) const fn new(workers: Vec<WorkerSigns>, draining: watch::Receiver<bool>) -> Self {
        Self { workers, draining, last: Mutex::const_new(None) }
    }

    /// Whether the program was told to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// What the workers know of the node, without asking it.
    #[must_use]
    pub fn states(&self) -> Vec<NodeState> {
        self.workers.iter().map(|worker| worker.state.borrow().clone()).collect()
    }

    /// Whether every thread of the program has turns.
    ///
    /// # Errors
    /// With the worker that has none.
    pub async fn alive(&self) -> Answer {
        for (index, worker) in self.workers.iter().enumerate() {
            let (beat, heard) = oneshot::channel();
            let asked = async {
                let told = worker.pulse.send(beat).await;
                told.is_ok() && heard.await.is_ok()
            };
            // A worker that has ended while the program drains has done what it should.
            if !timeout(BEAT, asked).await.is_ok_and(|well| well || self.is_draining()) {
                return Err(format!("worker {index} does not answer"));
            }
        }
        Ok("alive".to_owned())
    }

    /// Whether calls can be answered: every worker's node is ready, and tells its tip now.
    ///
    /// # Errors
    /// With the reason.
    pub async fn ready(&self) -> Answer {
        // Whoever comes meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        if self.is_draining() {
            return Err("draining".to_owned());
        }
        if let Some((when, answer)) = &*last
            && when.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = self.ask().await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }

    async fn ask(&self) -> Answer {
        let mut height = None;
        for worker in &self.workers {
            let node = node(&worker.state.borrow())?;
            height = tip(&worker.probe, &node).await?.or(height);
        }
        Ok(height.map_or_else(|| "ready".to_owned(), |height| format!("ready, tip at {height}")))
    }
}

fn node(state: &NodeState) -> Result<NodeInfo, String> {
    let why = match state {
        NodeState::Ready(node) => return Ok(node.clone()),
        NodeState::Connecting { .. } => "no node is connected",
        NodeState::Held => "the node waits to be started",
        NodeState::Loading => "the node is loading",
        NodeState::Stuck(_) => "every server thread of the node is stuck",
        NodeState::Ended { .. } => "the node has ended",
        NodeState::Stopped => "disconnected from the node",
    };
    Err(why.to_owned())
}

/// The tip's height as the node tells it now; `None` if it has no method for that.
async fn tip(probe: &Stack, node: &NodeInfo) -> Result<Option<i32>, String> {
    let Some(request) = question(node) else { return Ok(None) };
    let deadline = Some(Instant::now() + ANSWER);
    let call = Call {
        request,
        caller: Caller::Local,
        grants: Default::default(),
        deadline,
        listener: 0,
        line: 0,
        trace: Default::default(),
    };
    let reply = timeout(ANSWER, probe.call(call)).await;
    let reply = reply.map_err(|_| "the node does not answer".to_owned())?;
    match reply.and_then(crate::call::Outcome::into_reply) {
        Ok(reply) => height(reply).map(Some).ok_or_else(|| "the node has no tip".to_owned()),
        // What the node says is for its operator's log; who asks here may be anybody.
        Err(error) => Err(format!("the tip cannot be read: {}", error.reason())),
    }
}

/// How this node is asked for its tip.
fn question(node: &NodeInfo) -> Option<Request> {
    let questions = [
        Request::ChainGetHeight(v1::ChainGetHeightRequest::default()),
        Request::MiningGetTip(v1::MiningGetTipRequest::default()),
    ];
    let can = |method: Method| {
        node.services.contains(&method.info().service)
            && matches!(node.profile.slot(method), Slot::Callable(_))
    };
    questions.into_iter().find(|question| can(question.method()))
}

fn height(reply: Reply) -> Option<i32> {
    match reply {
        Reply::ChainGetHeight(reply) => reply.height,
        Reply::MiningGetTip(reply) => reply.tip.map(|tip| tip.height),
        _ => None,
    }
}
