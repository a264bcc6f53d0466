//! The contract's services: every method of every service makes a call.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::{Dialogue, Method, Request, Said, Unary, v1};
use tokio::time::Instant;
use tonic::Status;
use tonic::codegen::{BoxFuture, Service};

use super::edge;
use super::events::{Events, invalid};
use super::frames;
use super::limits::{MAX_REPLY, MAX_REQUEST};
use super::seat::Occupant;
use super::services as server;
use super::status::status;
use super::timeout;
use crate::call::Call;
use crate::error::CallError;
use crate::metrics::Metrics;
use crate::stack::Stack;
use crate::stream::EventStream;
use crate::trace::Parent;

/// How long a client may take to say the first thing in a conversation it opens.
const OPENING: Duration = Duration::from_secs(10);

/// What answers the requests of one caller. There is one for each connection, so that who asks is
/// found out once and not for every call; and another for who shows a token over it.
pub(super) struct Frontend {
    stack: Stack,
    metrics: Arc<Metrics>,
    occupant: Occupant,
}

impl Frontend {
    /// Answers a caller from `stack`.
    pub(super) const fn new(stack: Stack, metrics: Arc<Metrics>, occupant: Occupant) -> Self {
        Self { stack, metrics, occupant }
    }

    /// Takes note of an error of which the layers, not having been asked, do not tell.
    fn early(&self, method: Method, error: CallError) -> CallError {
        edge::told(&self.metrics, method.info().path, error.kind());
        error
    }

    fn call(&self, request: Request, deadline: Option<Instant>, trace: Parent) -> Call {
        let standing = &self.occupant.standing;
        let (caller, grants) = (standing.caller.clone(), Arc::clone(&standing.grants));
        let listener = self.occupant.listener();
        Call { request, caller, grants, deadline, listener, line: 0, trace }
    }

    async fn unary<M: Unary>(
        &self,
        request: tonic::Request<M>,
    ) -> Result<tonic::Response<M::Response>, Status> {
        self.answer(request).await.map(tonic::Response::new).map_err(|e| status(&e, M::METHOD))
    }

    async fn answer<M: Unary>(&self, request: tonic::Request<M>) -> Result<M::Response, CallError> {
        let deadline = timeout::deadline(request.metadata());
        let deadline = deadline.map_err(|error| self.early(M::METHOD, error))?;
        let trace = Parent::of(request.metadata().as_ref());
        let call = self.call(request.into_inner().into_request(), deadline, trace);
        let reply = self.stack.call(call).await?.into_reply()?;
        let reply = M::response(reply)
            .ok_or_else(|| CallError::Internal("the reply is another method's".to_owned()))?;
        fits(prost::Message::encoded_len(&reply)).map(|()| reply)
    }

    async fn server_streaming(
        &self,
        request: tonic::Request<Request>,
    ) -> Result<tonic::Response<Events>, Status> {
        let method = request.get_ref().method();
        let (metadata, _, request) = request.into_parts();
        let events = match timeout::deadline(&metadata) {
            Ok(deadline) => self.open(request, deadline, Parent::of(metadata.as_ref())).await,
            Err(error) => Err(self.early(method, error)),
        };
        let events = events.map_err(|error| status(&error, method))?;
        Ok(frames::answer(Events::new(events, method).until(self.occupant.revoked(method))))
    }

    async fn bidirectional<M: Dialogue>(
        &self,
        method: Method,
        messages: tonic::Request<tonic::Streaming<M>>,
    ) -> Result<tonic::Response<Events>, Status> {
        // Who may not call it need not say anything first.
        let granted = self.occupant.standing.grants.check(method);
        granted.map_err(|error| status(&self.early(method, error), method))?;
        let (metadata, _, mut messages) = messages.into_parts();
        let events = match timeout::deadline(&metadata) {
            Ok(deadline) => {
                let trace = Parent::of(metadata.as_ref());
                self.converse(method, &mut messages, deadline, trace).await
            }
            Err(error) => Err(self.early(method, error)),
        };
        let events = events.map_err(|error| status(&error, method))?;
        let revoked = self.occupant.revoked(method);
        Ok(frames::answer(Events::with_answers(events, method, messages).until(revoked)))
    }

    /// Opens a conversation with the first thing that its client says.
    async fn converse<M: Dialogue>(
        &self,
        method: Method,
        messages: &mut tonic::Streaming<M>,
        deadline: Option<Instant>,
        trace: Parent,
    ) -> Result<EventStream, CallError> {
        let patience = Instant::now() + OPENING;
        let patience = deadline.map_or(patience, |deadline| deadline.min(patience));
        let first = tokio::time::timeout_at(patience, messages.message()).await;
        let why = match first {
            Ok(Ok(Some(message))) => match message.said() {
                Some(Said::Start(request)) => return self.open(request, deadline, trace).await,
                _ => invalid("start", "must be set in the first message"),
            },
            Ok(Ok(None)) => invalid("start", "is required: the stream had no message"),
            Ok(Err(fault)) => invalid("", fault.message()),
            Err(_) => CallError::DeadlineExceeded,
        };
        Err(self.early(method, why))
    }

    async fn open(
        &self,
        request: Request,
        deadline: Option<Instant>,
        trace: Parent,
    ) -> Result<EventStream, CallError> {
        self.stack.call(self.call(request, deadline, trace)).await?.into_stream()
    }
}

impl fmt::Debug for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frontend").field("occupant", &self.occupant).finish_non_exhaustive()
    }
}

/// Refuses a reply that tonic would end without details, for being too long.
pub(super) fn fits(length: usize) -> Result<(), CallError> {
    match length {
        0..=MAX_REPLY => Ok(()),
        _ => {
            Err(CallError::BadReply(format!("it has {length} bytes; {MAX_REPLY} are sent at most")))
        }
    }
}

/// The answer of a tonic service.
pub(super) type HttpAnswer = BoxFuture<http::Response<tonic::body::Body>, Infallible>;

// `impl …Server for Frontend` for every service, and `Contract`, which finds a service by its name.
include!(concat!(env!("OUT_DIR"), "/services.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_is_too_long_has_its_reason() {
        assert_eq!(fits(MAX_REPLY), Ok(()));
        assert_eq!(fits(MAX_REPLY + 1).map_err(|error| error.reason()), Err("NODE_REPLY_INVALID"));
    }
}
