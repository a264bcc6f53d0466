//! Keeps a connection to the node, for as long as the pool lives.
//!
//! Each round connects, finds out the generation, waits until the chain is loaded, lets calls in,
//! and watches for the end. Whatever ends it, nothing is sent a second time: the calls in flight
//! fail, as nobody knows whether the node carried them out.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Request, Slot, v1};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::config::IpcConfig;
use super::queue::Queue;
use super::ready::{self, Tip};
use super::session::{Session, SessionError};
use super::streams::Hub;
use super::worker::Crew;
use crate::backend::{NodeInfo, NodeState};
use crate::call::{Call, Caller};
use crate::error::{CallError, LeaseEnd};

/// First pause between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Longest pause. A node that comes back is found this late at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pause after a node began to shut down. On older generations a new connection would keep it from
/// exiting.
const ENDING_PAUSE: Duration = Duration::from_secs(3);

/// How often a node that an idle connection keeps from exiting is asked whether it shuts down.
const SHUTDOWN_POLL: Duration = Duration::from_secs(1);

/// What a round ended with.
enum End {
    /// The pool is to stop.
    Stop,
    /// The connection cannot be used any more.
    Failed(SessionError),
}

/// Runs the rounds.
pub(super) struct Supervisor {
    pub(super) config: IpcConfig,
    pub(super) queue: Arc<Queue>,
    /// The streams, if this pool serves them.
    pub(super) hub: Option<Arc<Hub>>,
    pub(super) state: watch::Sender<NodeState>,
    pub(super) stop: oneshot::Receiver<()>,
}

impl Supervisor {
    /// Runs until the pool is to stop.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        let mut last_error = None;
        loop {
            self.state.send_replace(NodeState::Connecting { last_error: last_error.clone() });
            let mut was_ready = false;
            let error = match self.round(&mut was_ready).await {
                End::Stop => break,
                End::Failed(error) => error,
            };
            tracing::debug!(%error, "no node");
            let why = error.to_string();
            self.queue.clear(&CallError::NoNode(why.clone()));
            last_error = Some(why);
            self.state.send_replace(NodeState::Connecting { last_error: last_error.clone() });
            pause = if was_ready { FIRST_PAUSE } else { pause };
            let length =
                if matches!(error, SessionError::Ending) { ENDING_PAUSE } else { jittered(pause) };
            pause = (pause * 2).min(LONGEST_PAUSE);
            tokio::select! {
                _ = &mut self.stop => break,
                () = sleep(length) => {}
            }
        }
        self.queue.clear(&CallError::Draining);
        self.state.send_replace(NodeState::Stopped);
    }

    async fn round(&mut self, was_ready: &mut bool) -> End {
        let session = tokio::select! {
            biased;
            _ = &mut self.stop => return End::Stop,
            session = Session::establish(&self.config) => match session {
                Ok(session) => session,
                Err(error) => return End::Failed(error),
            },
        };
        tracing::info!(
            profile = session.profile.name,
            title = session.profile.title,
            "connected to a node"
        );
        let end = self.use_session(&session, was_ready).await;
        let why = match &end {
            End::Stop => CallError::Draining,
            End::Failed(error) => CallError::NoNode(error.to_string()),
        };
        self.queue.clear(&why);
        let lease_end = match &end {
            End::Stop => LeaseEnd::Draining,
            End::Failed(_) => LeaseEnd::NodeGone,
        };
        session.let_go(&lease_end).await;
        let lost = matches!(end, End::Failed(SessionError::Lost));
        let ending = matches!(end, End::Failed(SessionError::Ending));
        // Who has a stream has lost its node; who has a call in line never had one.
        session.close_streams(if lost { &CallError::NodeLost } else { &why }, ending).await;
        session.close().await;
        end
    }

    async fn use_session(&mut self, session: &Session, was_ready: &mut bool) -> End {
        self.state.send_replace(NodeState::Loading);
        self.queue.close(CallError::NoNode("the node is still loading".to_owned()));
        let tip = tokio::select! {
            biased;
            _ = &mut self.stop => return End::Stop,
            () = session.lost() => return End::Failed(SessionError::Lost),
            () = session.signs.ending() => return End::Failed(SessionError::Ending),
            tip = prepare(session, &self.config) => match tip {
                Ok(tip) => tip,
                Err(error) => return End::Failed(error),
            },
        };
        *was_ready = true;
        let info =
            NodeInfo { profile: session.profile, services: session.services(), tip: Some(tip) };
        tracing::debug!(height = tip.0, services = ?info.services, "the node is ready");
        self.serve(session, info).await
    }

    async fn serve(&mut self, session: &Session, info: NodeInfo) -> End {
        let epoch = self.queue.open(info.profile, info.services.clone());
        let crew = session.work(&self.queue, epoch, &self.config);
        if let Some(hub) = &self.hub {
            session.open_streams(hub);
        }
        self.state.send_replace(NodeState::Ready(info.clone()));
        let mut poll = ShutdownPoll::new(&info);
        loop {
            tokio::select! {
                biased;
                _ = &mut self.stop => {
                    self.drain(session, &crew).await;
                    return End::Stop;
                }
                () = session.lost() => return End::Failed(SessionError::Lost),
                () = session.signs.ending() => return End::Failed(SessionError::Ending),
                () = crew.changed() => self.tell_stuck(&crew, &info),
                () = poll.next(&self.queue) => {}
            }
        }
    }

    /// Tells whether reads are answered. While they are not, no call is taken.
    fn tell_stuck(&self, crew: &Crew, info: &NodeInfo) {
        let was_stuck = matches!(*self.state.borrow(), NodeState::Stuck(_));
        if crew.is_stuck() && !was_stuck {
            tracing::error!("every server thread for reads is held by a call that does not end");
            self.queue.refuse(&CallError::NodeStuck);
            self.state.send_replace(NodeState::Stuck(info.clone()));
        } else if was_stuck && !crew.is_stuck() {
            self.queue.open(info.profile, info.services.clone());
            self.state.send_replace(NodeState::Ready(info.clone()));
        }
    }

    /// Lets the calls in line and in flight end, within a limit.
    async fn drain(&self, session: &Session, crew: &Crew) {
        self.queue.close(CallError::Draining);
        tokio::select! {
            drained = timeout(self.config.drain_limit, self.queue.drained()) => if drained.is_err() {
                tracing::warn!("calls are still in flight; ending without them");
                crew.cut_off();
            },
            () = session.lost() => {}
        }
    }
}

async fn prepare(session: &Session, config: &IpcConfig) -> Result<Tip, SessionError> {
    let tip = ready::wait(session.first(), config).await?;
    session.complete().await?;
    Ok(tip)
}

/// A length of time near the given one, so that many proxies do not knock at once.
fn jittered(length: Duration) -> Duration {
    // A new `RandomState` is seeded at random; nothing here needs better.
    let random = RandomState::new().build_hasher().finish() % 1000;
    length.mul_f64(0.75 + random as f64 / 2000.0)
}

/// Asks the node now and then whether it shuts down, where it cannot exit while we are connected.
struct ShutdownPoll {
    question: Option<Request>,
}

impl ShutdownPoll {
    fn new(info: &NodeInfo) -> Self {
        let questions = [
            Request::ChainShutdownRequested(v1::ChainShutdownRequestedRequest::default()),
            Request::NodeShutdownRequested(v1::NodeShutdownRequestedRequest::default()),
        ];
        let can = |method: Method| {
            info.services.contains(&method.info().service)
                && matches!(info.profile.slot(method), Slot::Callable(_))
        };
        let question = questions
            .into_iter()
            .find(|q| can(q.method()))
            .filter(|_| info.profile.exceptions_kill);
        Self { question }
    }

    async fn next(&mut self, queue: &Queue) {
        let Some(question) = &self.question else { return std::future::pending().await };
        sleep(SHUTDOWN_POLL).await;
        let call = Call { request: question.clone(), caller: Caller::Local, deadline: None };
        // Its reply is looked at where all replies are; a full queue shows that the node lives.
        if let Ok(reply) = queue.push(call, None, None) {
            let _ = reply.await;
        }
    }
}
