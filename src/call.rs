//! What crosses the stack: one value for every call, whatever protocol it came in by.

use std::sync::Arc;

use bitcoin_grpc_contract::{Method, Reply, Request};
use tokio::time::Instant;

use crate::error::CallError;
use crate::layer::rights::Grants;
use crate::stream::EventStream;
use crate::trace::Parent;

/// A call on its way from a frontend to a backend.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked, which names the method as well.
    pub request: Request,
    /// Who asks.
    pub caller: Caller,
    /// What the caller may do.
    pub grants: Arc<Grants>,
    /// When the caller stops waiting. The deadline layer sets it where the caller did not.
    pub deadline: Option<Instant>,
    /// The listener that it came in at, by its place among them.
    pub listener: u16,
    /// The line in which it waits wherever there is one. Admission gives each caller its own.
    pub line: u64,
    /// The trace that the caller says it is a part of.
    pub trace: Parent,
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
    /// A process on this machine that has no identity: over loopback or a unix socket.
    Local,
    /// Somebody beyond this machine without an identity, with the address it comes from.
    Remote(Arc<str>),
    /// Somebody who has proved an identity, by its name.
    Known(Arc<str>),
}

impl Caller {
    /// The name of the identity, or what those are called who have none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Local | Self::Remote(_) => "anonymous",
            Self::Known(name) => name,
        }
    }

    /// Where somebody without an identity comes from: `local`, or an address.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        match self {
            Self::Local => Some("local"),
            Self::Remote(address) => Some(address),
            Self::Known(_) => None,
        }
    }
}

/// What a call comes to.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are replies; a box would cost an allocation each"
)]
pub enum Outcome {
    /// One reply.
    Reply(Reply),
    /// Events, until one side ends it.
    Stream(EventStream),
}

impl Outcome {
    /// The reply of a unary method.
    ///
    /// # Errors
    /// When it is a stream, which is a fault of this program.
    pub fn into_reply(self) -> Result<Reply, CallError> {
        match self {
            Self::Reply(reply) => Ok(reply),
            Self::Stream(_) => Err(CallError::Internal("a stream in place of a reply".to_owned())),
        }
    }

    /// The events of a streaming method.
    ///
    /// # Errors
    /// When it is a reply, which is a fault of this program.
    pub fn into_stream(self) -> Result<EventStream, CallError> {
        match self {
            Self::Stream(events) => Ok(events),
            Self::Reply(_) => Err(CallError::Internal("a reply in place of a stream".to_owned())),
        }
    }
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl PartialEq for Outcome {
    /// No stream is equal to another.
    fn eq(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Reply(a), Self::Reply(b)) if a == b)
    }
}

/// A service that answers calls: a backend, or the stack in front of one.
///
/// It is a name for a bound, so that layers read as what they are.
pub trait CallService:
    tower::Service<Call, Response = Outcome, Error = CallError, Future: Send> + Clone + Send + 'static
{
}

impl<S> CallService for S where
    S: tower::Service<Call, Response = Outcome, Error = CallError, Future: Send>
        + Clone
        + Send
        + 'static
{
}
