//! Calls and inner services for the tests of layers.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Reply, Request, v1};
use tokio::sync::{mpsc, oneshot};
use tower::Service;

use crate::call::{Call, Caller, Outcome};
use crate::error::CallError;

pub(crate) fn call(request: Request) -> Call {
    Call {
        request,
        caller: Caller::Local,
        grants: Arc::default(),
        deadline: None,
        listener: 0,
        line: 0,
        trace: Default::default(),
    }
}

pub(crate) fn echo_call(text: &str) -> Call {
    call(Request::EchoEcho(v1::EchoEchoRequest { echo: text.to_owned() }))
}

/// A call of a method that waits.
pub(crate) fn waiting_call() -> Call {
    call(Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest::default()))
}

pub(crate) fn reply() -> Outcome {
    Outcome::Reply(Reply::EchoEcho(v1::EchoEchoResponse { echo: "answer".to_owned() }))
}

/// Answers everything at once with [`reply`], and counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo {
    calls: Arc<AtomicUsize>,
}

pub(crate) fn echo() -> Echo {
    Echo::default()
}

impl Echo {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Service<Call> for Echo {
    type Response = Outcome;
    type Error = CallError;
    type Future = Ready<Result<Outcome, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        ready(Ok(reply()))
    }
}

/// Hands every call to the test, which answers it when it likes.
///
/// A clone must be asked for its readiness before it is called, as tower demands; it panics if not.
#[derive(Debug)]
pub(crate) struct Manual {
    calls: mpsc::UnboundedSender<Pending>,
    ready: bool,
}

/// A call that waits for the test's answer. The sender is closed once the caller went away.
pub(crate) type Pending = (Call, oneshot::Sender<Result<Outcome, CallError>>);

pub(crate) fn manual() -> (Manual, mpsc::UnboundedReceiver<Pending>) {
    let (calls, received) = mpsc::unbounded_channel();
    (Manual { calls, ready: false }, received)
}

impl Clone for Manual {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), ready: false }
    }
}

impl Service<Call> for Manual {
    type Response = Outcome;
    type Error = CallError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        let (answer, answered) = oneshot::channel();
        self.calls.send((call, answer)).unwrap();
        Box::pin(async { answered.await.unwrap_or(Err(CallError::NodeLost)) })
    }
}
