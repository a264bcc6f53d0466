//! What crosses the stack: one value for every call, whatever protocol it came in by.

use std::sync::Arc;

use bitcoin_grpc_contract::{Method, Reply, Request};
use tokio::time::Instant;

use crate::error::CallError;

/// A call on its way from a frontend to a backend.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked, which names the method as well.
    pub request: Request,
    /// Who asks.
    pub caller: Caller,
    /// When the caller stops waiting. The deadline layer sets it where the caller did not.
    pub deadline: Option<Instant>,
}

impl Call {
    /// The method that is called.
    #[must_use]
    pub fn method(&self) -> Method {
        self.request.method()
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A process on this machine: over loopback or a unix socket.
    Local,
    /// Somebody beyond this machine, with the address it comes from.
    Remote(Arc<str>),
}

/// A service that answers calls: a backend, or the stack in front of one.
///
/// It is a name for a bound, so that layers read as what they are.
pub trait CallService:
    tower::Service<Call, Response = Reply, Error = CallError, Future: Send> + Clone + Send + 'static
{
}

impl<S> CallService for S where
    S: tower::Service<Call, Response = Reply, Error = CallError, Future: Send>
        + Clone
        + Send
        + 'static
{
}
