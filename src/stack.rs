//! The layers in order, and the one place where their type is forgotten.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;
use tower::{ServiceBuilder, ServiceExt};

use crate::backend::NodeState;
use crate::call::{Call, CallService, Outcome};
use crate::error::CallError;
use crate::layer::admission::AdmissionLayer;
use crate::layer::deadline::{DeadlineLayer, Deadlines};
use crate::layer::retry::RetryLayer;
use crate::layer::rights::RightsLayer;
use crate::layer::streams::StreamsLayer;
use crate::layer::telemetry::TelemetryLayer;
use crate::layer::validate::ValidateLayer;
use crate::metrics::Metrics;

/// What the layers are set to.
#[derive(Debug, Clone)]
pub struct Layers {
    /// For how long calls may take.
    pub deadlines: Deadlines,
    /// How many streams may be open. Stacks with copies of it share the budget.
    pub streams: StreamsLayer,
    /// How many calls may be under way and wait. Stacks with copies of it share the budgets.
    pub admission: AdmissionLayer,
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
}

/// Puts the layers in front of a backend of which that is known. The first sees a call first and its answer
/// last.
pub fn compose<B: CallService + Sync>(
    layers: &Layers,
    backend: B,
    state: watch::Receiver<NodeState>,
) -> Stack {
    let service = ServiceBuilder::new()
        // Sees every call and how it ended, also those that the other layers answer.
        .layer(TelemetryLayer::new(Arc::clone(&layers.metrics)))
        // Before anything looks at the request, so that nothing about it leaks to who may not ask.
        .layer(RightsLayer)
        // Before a call can take a place or a queue's seat: a bad request needs neither.
        .layer(ValidateLayer)
        // Outside what bounds the calls, which for a stream is no more than its opening.
        .layer(layers.streams.clone())
        // Outside the queue, so that waiting for a place counts too.
        .layer(DeadlineLayer::new(layers.deadlines))
        // Outside of what bounds the work: who waits for the next node must not keep others from being
        // told that there is none.
        .layer(RetryLayer::new(state, Arc::clone(&layers.metrics)))
        // Right before the backend, whose work it bounds.
        .layer(layers.admission.clone())
        .service(backend);
    Stack::new(service)
}

/// A stack whose type is forgotten, for frontends. Clones share it.
///
/// Forgetting costs one allocation for each call (its future) and one call through a table of
/// functions: about a hundredth of what a call costs altogether. It spares the hundreds of
/// functions of a frontend from being compiled for every kind of stack.
#[derive(Clone)]
pub struct Stack {
    service: Arc<dyn Dispatch>,
}

/// What becomes of a call.
pub type Answer = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

impl Stack {
    /// Forgets the type of a service.
    pub fn new<S: CallService + Sync>(service: S) -> Self {
        Self { service: Arc::new(service) }
    }

    /// Starts a call. Dropping the answer gives the call up.
    #[must_use = "a call does nothing unless its answer is awaited"]
    pub fn call(&self, call: Call) -> Answer {
        self.service.dispatch(call)
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

/// A service that is called through a shared reference: each call gets its own clone, which is
/// asked for its readiness before it is called.
trait Dispatch: Send + Sync {
    fn dispatch(&self, call: Call) -> Answer;
}

impl<S: CallService + Sync> Dispatch for S {
    fn dispatch(&self, call: Call) -> Answer {
        Box::pin(self.clone().oneshot(call))
    }
}
