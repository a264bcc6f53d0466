//! A read whose connection is lost under it is asked once more, of whatever node is there next.
//!
//! Only what has no effect, and may be asked twice by its schema, is. Everything else is sent once: nobody
//! knows whether the node carried it out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bitcoin_grpc_contract::{Access, Form, Method, Needs, Target};
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt};

use crate::backend::NodeState;
use crate::call::{Call, Outcome};
use crate::error::CallError;
use crate::metrics::Metrics;

/// How long the next node is waited for. A connection that broke is made anew in a fraction of a second, and a node
/// that was started again takes some; who waits for longer is told the truth instead.
const NEXT_NODE: Duration = Duration::from_secs(5);

/// How long after a call the backend may notice that its connection is lost: both learn of it at once. A node can
/// also say that something else is lost, and stay.
const NOTICED: Duration = Duration::from_secs(1);

/// Asks reads once more.
#[derive(Debug, Clone)]
pub struct RetryLayer {
    state: watch::Receiver<NodeState>,
    metrics: Arc<Metrics>,
}

impl RetryLayer {
    /// Follows the backend's state, to know when to ask again.
    #[must_use]
    pub const fn new(state: watch::Receiver<NodeState>, metrics: Arc<Metrics>) -> Self {
        Self { state, metrics }
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry { inner, state: self.state.clone(), metrics: Arc::clone(&self.metrics) }
    }
}

/// The service of [`RetryLayer`].
#[derive(Debug, Clone)]
pub struct Retry<S> {
    inner: S,
    state: watch::Receiver<NodeState>,
    metrics: Arc<Metrics>,
}

/// Whether a call may be sent a second time.
fn may_repeat(method: Method) -> bool {
    let info = method.info();
    info.idempotent
        && info.access == Access::Read
        && info.form == Form::Unary
        && info.needs == Needs::Nothing
        // An object is gone with its connection.
        && info.service.target() == Target::Root
}

impl<S> Service<Call> for Retry<S>
where
    S: Service<Call, Response = Outcome, Error = CallError, Future: Send> + Clone + Send + 'static,
{
    type Response = Outcome;
    type Error = CallError;
    type Future = Tried<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let again = may_repeat(call.method()).then(|| {
            let mut state = self.state.clone();
            // What changes from here on counts.
            state.mark_unchanged();
            let metrics = Arc::clone(&self.metrics);
            Again { call: call.clone(), inner: self.inner.clone(), state, metrics }
        });
        Tried { way: Way::First { answer: self.inner.call(call), again } }
    }
}

/// Waits until there is a node again; false if there will be none.
async fn is_back(mut state: watch::Receiver<NodeState>) -> bool {
    // The backend may say only after the call has failed that the node is gone.
    if !matches!(timeout(NOTICED, state.changed()).await, Ok(Ok(()))) {
        return false;
    }
    let decided = |state: &NodeState| {
        matches!(state, NodeState::Ready(_) | NodeState::Ended { .. } | NodeState::Stopped)
    };
    matches!(state.wait_for(decided).await.as_deref(), Ok(NodeState::Ready(_)))
}

/// What it takes to ask once more.
struct Again<S> {
    call: Call,
    inner: S,
    state: watch::Receiver<NodeState>,
    metrics: Arc<Metrics>,
}

impl<S> Again<S>
where
    S: Service<Call, Response = Outcome, Error = CallError, Future: Send> + Clone + Send + 'static,
{
    /// Waits for the next node, for a while and no longer than the caller does, and asks it.
    async fn ask(self) -> Result<Outcome, CallError> {
        let Self { call, inner, state, metrics } = self;
        if !timeout(NEXT_NODE, is_back(state)).await.unwrap_or(false) {
            return Err(CallError::NodeLost);
        }
        metrics.calls.repeated();
        tracing::debug!(method = call.method().info().full_name, "asked once more");
        inner.oneshot(call).await
    }
}

pin_project! {
    /// The first answer, or the second.
    pub struct Tried<S>
    where
        S: Service<Call>,
    {
        #[pin]
        way: Way<S>,
    }
}

pin_project! {
    #[project = WayProjection]
    enum Way<S>
    where
        S: Service<Call>,
    {
        First { #[pin] answer: S::Future, again: Option<Again<S>> },
        Second { answer: Answer },
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

impl<S> Future for Tried<S>
where
    S: Service<Call, Response = Outcome, Error = CallError, Future: Send> + Clone + Send + 'static,
{
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut way = self.project().way;
        let answer = match way.as_mut().project() {
            WayProjection::Second { answer } => return answer.as_mut().poll(cx),
            WayProjection::First { answer, again } => {
                let answer = std::task::ready!(answer.poll(cx));
                match (&answer, again.take()) {
                    (Err(CallError::NodeLost), Some(again)) => Box::pin(again.ask()) as Answer,
                    _ => return Poll::Ready(answer),
                }
            }
        };
        way.set(Way::Second { answer });
        match way.project() {
            WayProjection::Second { answer } => answer.as_mut().poll(cx),
            WayProjection::First { .. } => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use bitcoin_grpc_contract::{PROFILES, Request, v1};
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::backend::NodeInfo;
    use crate::layer::testing::{Manual, Pending, call, echo_call, manual, reply};

    fn ready() -> NodeState {
        NodeState::Ready(NodeInfo { profile: &PROFILES[0], services: Vec::new(), tip: None })
    }

    fn away() -> NodeState {
        NodeState::Connecting { last_error: None }
    }

    type Calls = UnboundedReceiver<Pending>;

    fn layered() -> (Retry<Manual>, Calls, watch::Sender<NodeState>) {
        let (inner, calls) = manual();
        let (state, states) = watch::channel(ready());
        (RetryLayer::new(states, Arc::default()).layer(inner), calls, state)
    }

    fn send(stack: &Retry<Manual>, call: Call) -> JoinHandle<Result<Outcome, CallError>> {
        tokio::spawn(stack.clone().oneshot(call))
    }

    async fn lose(calls: &mut Calls) {
        calls.recv().await.unwrap().1.send(Err(CallError::NodeLost)).unwrap();
    }

    #[tokio::test]
    async fn a_lost_read_is_asked_once_more_of_the_next_node() {
        let (stack, mut calls, state) = layered();
        let asked = send(&stack, echo_call("x"));
        lose(&mut calls).await;
        tokio::task::yield_now().await;
        assert!(calls.try_recv().is_err(), "the node is not known to be gone yet");
        state.send_replace(away());
        tokio::task::yield_now().await;
        assert!(calls.try_recv().is_err(), "there is no node yet");
        state.send_replace(ready());
        let (again, answer) = calls.recv().await.unwrap();
        assert_eq!(again.request, echo_call("x").request);
        answer.send(Ok(reply())).unwrap();
        assert_eq!(asked.await.unwrap(), Ok(reply()));
    }

    #[tokio::test]
    async fn a_node_that_is_back_already_is_asked_at_once_but_no_third_one() {
        let (stack, mut calls, state) = layered();
        let asked = send(&stack, echo_call("x"));
        let (_, answer) = calls.recv().await.unwrap();
        state.send_replace(away());
        state.send_replace(ready());
        answer.send(Err(CallError::NodeLost)).unwrap();
        lose(&mut calls).await;
        assert_eq!(asked.await.unwrap(), Err(CallError::NodeLost));
    }

    #[tokio::test]
    async fn without_another_node_the_loss_is_told() {
        for end in [NodeState::Stopped, NodeState::Ended { why: String::new() }] {
            let (stack, mut calls, state) = layered();
            let asked = send(&stack, echo_call("x"));
            lose(&mut calls).await;
            state.send_replace(end);
            assert_eq!(asked.await.unwrap(), Err(CallError::NodeLost));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_stays_away_is_not_waited_for_until_the_deadline() {
        let (stack, mut calls, state) = layered();
        let asked = send(&stack, echo_call("x"));
        lose(&mut calls).await;
        state.send_replace(away());
        assert_eq!(asked.await.unwrap(), Err(CallError::NodeLost));
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_not_lost_is_not_waited_for() {
        let (stack, mut calls, _state) = layered();
        let asked = send(&stack, echo_call("x"));
        lose(&mut calls).await;
        let begun = tokio::time::Instant::now();
        assert_eq!(asked.await.unwrap(), Err(CallError::NodeLost));
        assert!(begun.elapsed() < NEXT_NODE, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn what_may_have_an_effect_is_sent_once() {
        let requests = [
            Request::ChainBroadcastTransaction(v1::ChainBroadcastTransactionRequest::default()),
            Request::NodeSetNetworkActive(v1::NodeSetNetworkActiveRequest::default()),
            Request::BlockTemplateGetBlock(v1::BlockTemplateGetBlockRequest::default()),
            Request::WalletGetBalance(v1::WalletGetBalanceRequest::default()),
            Request::MiningCreateNewBlock(v1::MiningCreateNewBlockRequest::default()),
        ];
        for request in requests {
            let (stack, mut calls, _state) = layered();
            let asked = send(&stack, call(request));
            lose(&mut calls).await;
            assert_eq!(asked.await.unwrap(), Err(CallError::NodeLost));
            assert!(calls.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn other_errors_are_answers() {
        let (stack, mut calls, _state) = layered();
        let asked = send(&stack, echo_call("x"));
        let error = CallError::NodeException("no".to_owned());
        calls.recv().await.unwrap().1.send(Err(error.clone())).unwrap();
        assert_eq!(asked.await.unwrap(), Err(error));
    }
}
