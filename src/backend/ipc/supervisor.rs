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

use super::config::{IpcConfig, Place};
use super::connector::Connector;
use super::queue::Queue;
use super::ready::Tip;
use super::session::{Session, SessionError};
use super::spawn::{Child, Next, Nursery, describe};
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

/// Why calls are not taken while a node's start waits for a caller.
const HELD: &str = "the node waits for Node.BaseInitialize and Node.AppInitMain";

/// Why calls are not taken while a node loads.
const LOADING: &str = "the node is still loading";

/// What a round ended with.
enum End {
    /// The pool is to stop.
    Stop,
    /// The connection cannot be used any more.
    Failed(SessionError),
}

/// Where nodes come from.
enum Source {
    /// Somebody else starts them.
    Found(Connector),
    /// They are started here.
    Made(Nursery),
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
        let source = match &self.config.place {
            Place::Unix(path) => Source::Found(Connector::Unix(path.clone())),
            Place::Spawn(config) => Source::Made(Nursery::new(config)),
        };
        let mut pause = FIRST_PAUSE;
        let mut last_error = None;
        loop {
            self.state.send_replace(NodeState::Connecting { last_error: last_error.clone() });
            let mut was_ready = false;
            let (end, next) = match &source {
                Source::Found(connector) => {
                    (self.round(connector, &mut was_ready).await, Next::Another)
                }
                Source::Made(nursery) => self.life(nursery, &mut was_ready).await,
            };
            let error = match (end, next) {
                (End::Stop, _) => break,
                (_, Next::OtherWay) => continue,
                (End::Failed(_), Next::Nothing(why)) => {
                    self.give_up(why).await;
                    break;
                }
                (End::Failed(error), Next::Another) => error,
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

    /// There will be no node any more; all that is left is to say so.
    async fn give_up(&mut self, why: String) {
        let error = CallError::NoNode(why.clone());
        self.queue.clear(&error);
        if let Some(hub) = &self.hub {
            hub.clear(&error);
        }
        self.state.send_replace(NodeState::Ended { why });
        let _ = (&mut self.stop).await;
    }

    /// Starts a node, uses it, and sees it to its end.
    async fn life(&mut self, nursery: &Nursery, was_ready: &mut bool) -> (End, Next) {
        let (child, connector) = match nursery.start() {
            Ok(started) => started,
            Err(error) => {
                let next = nursery.after(&error.to_string(), false);
                return (End::Failed(error), next);
            }
        };
        let end = tokio::select! {
            biased;
            _ = &mut self.stop => End::Stop,
            listens = child.listens() => match listens {
                Ok(()) => self.round(&connector, was_ready).await,
                Err(why) => End::Failed(SessionError::Absent(why)),
            },
        };
        drop(connector);
        Self::see_off(nursery, &child, end).await
    }

    /// Waits for a node's end.
    async fn see_off(nursery: &Nursery, child: &Child, end: End) -> (End, Next) {
        let status = child.end(nursery.config.stop_limit).await;
        let error = match end {
            End::Stop => return (End::Stop, Next::Another),
            End::Failed(error) => error,
        };
        match error {
            SessionError::NotLed(_) => (End::Failed(error), nursery.cannot_be_led()),
            SessionError::Ending | SessionError::Lost | SessionError::Unwanted => {
                let error = SessionError::Exited(describe(status));
                let well = status.is_some_and(|status| status.success());
                let next = nursery.after(&error.to_string(), well);
                (End::Failed(error), next)
            }
            error => {
                let next = nursery.after(&error.to_string(), false);
                (End::Failed(error), next)
            }
        }
    }

    async fn round(&mut self, connector: &Connector, was_ready: &mut bool) -> End {
        let session = tokio::select! {
            biased;
            _ = &mut self.stop => return End::Stop,
            session = Session::establish(&self.config, connector) => match session {
                Ok(session) => session,
                Err(error) => {
                    self.config.metrics.failed.add_one();
                    return End::Failed(error);
                }
            },
        };
        self.config.metrics.connected.add_one();
        if let (Place::Spawn(spawn), true) = (&self.config.place, connector.is_led())
            && let Err(error) = session.lead(spawn)
        {
            session.close().await;
            return End::Failed(error);
        }
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
        if let Place::Spawn(spawn) = &self.config.place {
            session.stop_node(spawn.stop_limit).await;
        }
        session.close().await;
        if !matches!(end, End::Stop) {
            self.config.metrics.lost.add_one();
        }
        end
    }

    async fn use_session(&mut self, session: &Session, was_ready: &mut bool) -> End {
        self.queue.close(CallError::NoNode(LOADING.to_owned()));
        let crew = session.work(&self.queue, self.queue.epoch(), &self.config);
        let starting = prepare(session, &self.config, &self.queue, self.hub.as_ref(), &self.state);
        let tip = tokio::select! {
            biased;
            _ = &mut self.stop => return End::Stop,
            () = session.lost() => return End::Failed(SessionError::Lost),
            () = session.signs.ending() => return End::Failed(SessionError::Ending),
            tip = starting => match tip {
                Ok(tip) => tip,
                Err(error) => return End::Failed(error),
            },
        };
        *was_ready = true;
        let info =
            NodeInfo { profile: session.profile, services: session.services(), tip: Some(tip) };
        tracing::debug!(height = tip.0, services = ?info.services, "the node is ready");
        self.serve(session, &crew, info).await
    }

    async fn serve(&mut self, session: &Session, crew: &Crew, info: NodeInfo) -> End {
        self.queue.open(info.profile, info.services.clone());
        self.state.send_replace(NodeState::Ready(info.clone()));
        let mut poll = ShutdownPoll::new(&info, session.life().is_some());
        loop {
            tokio::select! {
                biased;
                _ = &mut self.stop => {
                    self.drain(session, crew).await;
                    return End::Stop;
                }
                () = session.lost() => return End::Failed(SessionError::Lost),
                () = session.signs.ending() => return End::Failed(SessionError::Ending),
                () = unwanted(session) => return End::Failed(SessionError::Unwanted),
                () = crew.changed() => self.tell_stuck(crew, &info),
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

/// Takes the node to where it can be asked about its chain, or waits until it is there.
async fn prepare(
    session: &Session,
    config: &IpcConfig,
    queue: &Arc<Queue>,
    hub: Option<&Arc<Hub>>,
    state: &watch::Sender<NodeState>,
) -> Result<Tip, SessionError> {
    state.send_replace(NodeState::Loading);
    if let Some(life) = session.life() {
        let why = if life.is_manual() { HELD } else { LOADING };
        queue.open_early(session.profile, CallError::NoNode(why.to_owned()));
        open_streams(session, hub, config).await;
        match life.is_manual() {
            true => drop(state.send_replace(NodeState::Held)),
            false => session.begin().await?,
        }
        life.decided().await.map_err(SessionError::Unstarted)?;
        state.send_replace(NodeState::Loading);
    }
    let tip = session.ready(config).await?;
    session.complete().await?;
    if session.life().is_none() {
        open_streams(session, hub, config).await;
    }
    Ok(tip)
}

/// Opens streams from now on, if they are this pool's to open.
async fn open_streams(session: &Session, hub: Option<&Arc<Hub>>, config: &IpcConfig) {
    if let Some(hub) = hub {
        session.open_streams(hub, config.retire_after).await;
    }
}

/// Completes when a caller has the node stopped.
async fn unwanted(session: &Session) {
    match session.life() {
        Some(life) => life.unwanted().await,
        None => std::future::pending().await,
    }
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
    fn new(info: &NodeInfo, led: bool) -> Self {
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
            // A node that is led does not stop by itself when it is told to, either.
            .filter(|_| info.profile.exceptions_kill || led);
        Self { question }
    }

    async fn next(&mut self, queue: &Queue) {
        let Some(question) = &self.question else { return std::future::pending().await };
        sleep(SHUTDOWN_POLL).await;
        let call = Call {
            request: question.clone(),
            caller: Caller::Local,
            grants: Default::default(),
            deadline: None,
            listener: 0,
            line: 0,
            trace: Default::default(),
        };
        // Its reply is looked at where all replies are; a full queue shows that the node lives.
        if let Ok(reply) = queue.push(call, None, None) {
            let _ = reply.await;
        }
    }
}
