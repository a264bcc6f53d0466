//! The contract's services: every method of every service makes a call.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bitcoin_grpc_contract::{Form, Method, Request, Unary, v1};
use futures_util::Stream;
use tonic::Status;
use tonic::codegen::{BoxFuture, Service};

use super::limits::{MAX_REPLY, MAX_REQUEST};
use super::services as server;
use super::status::status;
use super::timeout;
use crate::call::{Call, Caller};
use crate::error::CallError;
use crate::stack::Stack;

/// Events of a streaming method.
pub type EventStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What answers the requests of one client. There is one for each connection, so that who asks is
/// found out once and not for every call.
pub struct Frontend {
    stack: Stack,
    caller: Caller,
}

impl Frontend {
    /// Answers `caller` from `stack`.
    #[must_use]
    pub const fn new(stack: Stack, caller: Caller) -> Self {
        Self { stack, caller }
    }

    async fn unary<M: Unary>(
        &self,
        request: tonic::Request<M>,
    ) -> Result<tonic::Response<M::Response>, Status> {
        self.answer(request).await.map(tonic::Response::new).map_err(|e| status(&e, M::METHOD))
    }

    async fn answer<M: Unary>(&self, request: tonic::Request<M>) -> Result<M::Response, CallError> {
        let deadline = timeout::deadline(request.metadata())?;
        let request = request.into_inner().into_request();
        let call = Call { request, caller: self.caller.clone(), deadline };
        let reply = self.stack.call(call).await?;
        M::response(reply)
            .ok_or_else(|| CallError::Internal("the reply is another method's".to_owned()))
    }

    #[allow(clippy::unused_async, reason = "it will wait once streams are served")]
    async fn server_streaming<T>(
        &self,
        method: Method,
        _request: tonic::Request<Request>,
    ) -> Result<tonic::Response<EventStream<T>>, Status> {
        Err(self.not_served(method))
    }

    #[allow(clippy::unused_async, reason = "it will wait once streams are served")]
    async fn bidirectional<M, T>(
        &self,
        method: Method,
        _requests: tonic::Request<tonic::Streaming<M>>,
    ) -> Result<tonic::Response<EventStream<T>>, Status> {
        Err(self.not_served(method))
    }

    /// Who may not call a method is not told whether it is served.
    fn not_served(&self, method: Method) -> Status {
        let what = match method.info().form {
            Form::ServerStreaming => "events to the client",
            Form::Bidirectional | Form::Unary => "an object of the client's",
        };
        let error = self.stack.permit(method).err();
        status(&error.unwrap_or(CallError::NotServed { method, what }), method)
    }
}

impl fmt::Debug for Frontend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frontend").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// The answer of a tonic service.
pub(super) type HttpAnswer = BoxFuture<http::Response<tonic::body::Body>, Infallible>;

// `impl …Server for Frontend` for every service, and `Contract`, which finds a service by its name.
include!(concat!(env!("OUT_DIR"), "/services.rs"));
