//! From a path to the service that answers it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tonic::body::Body;

use super::contract::{Contract, Frontend, HttpAnswer};
use super::edge::{self, Completed};
use super::health::{self, HealthService};
use super::receive::{Held, Received, Room};
use super::reflection::Reflection;
use crate::call::Caller;
use crate::stack::Stack;

/// Everything that a gRPC client can reach. Clones share it.
#[derive(Clone)]
pub struct Grpc {
    stack: Stack,
    health: HealthService,
    reflection: Reflection,
    room: Room,
}

impl Grpc {
    /// Serves calls from `stack`, and health and reflection beside. Requests are received as long
    /// as there is `room`.
    #[must_use]
    pub const fn new(
        stack: Stack,
        health: HealthService,
        reflection: Reflection,
        room: Room,
    ) -> Self {
        Self { stack, health, reflection, room }
    }

    /// The same for one client.
    pub(super) fn for_client(&self, caller: Caller) -> Client {
        let frontend = Frontend::new(self.stack.clone(), caller);
        Client { contract: Contract::new(Arc::new(frontend)), grpc: self.clone() }
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

/// The services as one client sees them.
pub(super) struct Client {
    contract: Contract,
    grpc: Grpc,
}

impl Client {
    fn answer(&self, request: Request<Received<Incoming>>) -> ClientAnswer {
        // Shares the path's bytes with the request, which its service consumes.
        let path = request.uri().path_and_query().cloned();
        let name = path.as_ref().map_or("", |path| edge::service_name(path.path()));
        match self.contract.call(name, request) {
            Ok(answer) => ClientAnswer::Contract { answer: Completed::new(answer, path) },
            Err(request) => self.beside(request),
        }
    }

    fn beside(&self, request: Request<Received<Incoming>>) -> ClientAnswer {
        let path = request.uri().path();
        let answer = match edge::service_name(path) {
            health::NAME => self.grpc.health.call(request),
            name => match self.grpc.reflection.find(name) {
                Some(reflection) => reflection.call(request),
                None => return ClientAnswer::at_once(edge::unknown_method(path)),
            },
        };
        ClientAnswer::Beside { answer }
    }
}

impl hyper::service::Service<Request<Incoming>> for Client {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let held = Held::new(&self.grpc.room);
        let answer = match edge::not_grpc(&request) {
            Some(code) => ClientAnswer::at_once(edge::http_status(code)),
            None => self.answer(request.map(|body| Received::new(body, &held))),
        };
        Answering { answer, _held: held }
    }
}

pin_project! {
    /// A request that is being answered.
    pub(super) struct Answering {
        #[pin]
        answer: ClientAnswer,
        _held: Arc<Held>,
    }
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx)
    }
}

pin_project! {
    /// The answer to one request.
    #[project = ClientAnswerProjection]
    pub(super) enum ClientAnswer {
        /// From a service of the contract.
        Contract { #[pin] answer: Completed },
        /// From health or reflection.
        Beside { answer: HttpAnswer },
        /// Known without any service.
        AtOnce { #[pin] answer: Ready<Result<Response<Body>, Infallible>> },
    }
}

impl ClientAnswer {
    fn at_once(response: Response<Body>) -> Self {
        Self::AtOnce { answer: ready(Ok(response)) }
    }
}

impl Future for ClientAnswer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            ClientAnswerProjection::Contract { answer } => answer.poll(cx),
            ClientAnswerProjection::Beside { answer } => answer.as_mut().poll(cx),
            ClientAnswerProjection::AtOnce { answer } => answer.poll(cx),
        }
    }
}
