//! From a path to the service that answers it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tonic::body::Body;

use super::contract::HttpAnswer;
use super::edge::{self, Completed};
use super::health::{self, HealthService};
use super::receive::{Held, Received, Room};
use super::reflection::Reflection;
use super::seat::{Seat, Seats};
use super::status::RequestFault;
use super::turnstile::Turnstile;
use crate::frontend::door::Visitor;
use crate::layer::rights::Beside;
use crate::metrics::Metrics;
use crate::stack::Stack;

/// Everything that a gRPC client can reach. Clones share it.
#[derive(Clone)]
pub struct Grpc {
    stack: Stack,
    health: HealthService,
    reflection: Reflection,
    room: Room,
    metrics: Arc<Metrics>,
    turnstile: Rc<Turnstile>,
}

impl Grpc {
    /// Serves calls from `stack`, and health and reflection beside. Requests are received as long
    /// as there is `room`. What never becomes a call is counted here.
    #[must_use]
    pub fn new(
        stack: Stack,
        health: HealthService,
        reflection: Reflection,
        room: Room,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { stack, health, reflection, room, metrics, turnstile: Rc::default() }
    }

    /// The same for one client, whose calls are counted.
    pub(super) fn for_client(&self, visitor: Visitor, calls: Rc<Cell<u64>>) -> Client {
        let seats =
            RefCell::new(Seats::new(visitor, self.stack.clone(), Arc::clone(&self.metrics)));
        Client { seats, calls, grpc: self.clone() }
    }
}

impl Grpc {
    /// What the requests of all connections enter by.
    pub(super) fn turnstile(&self) -> Rc<Turnstile> {
        Rc::clone(&self.turnstile)
    }

    /// The service of that name, if it is one beside the contract's.
    fn beside(&self, name: &str) -> Option<Beside> {
        match name {
            health::NAME => Some(Beside::Health),
            name => self.reflection.find(name).map(|_| Beside::Reflection),
        }
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc").finish_non_exhaustive()
    }
}

/// The services as one client sees them.
pub(super) struct Client {
    seats: RefCell<Seats>,
    calls: Rc<Cell<u64>>,
    grpc: Grpc,
}

impl Client {
    fn answer(&self, request: Request<Received<Incoming>>) -> ClientAnswer {
        let seat = match self.seats.borrow_mut().find(request.headers()) {
            Ok(seat) => seat,
            Err(_) => return self.refused(RequestFault::BadCredential, request.uri().path()),
        };
        // Shares the path's bytes with the request, which its service consumes.
        let path = request.uri().path_and_query().cloned();
        let text = path.as_ref().map_or("", PathAndQuery::path);
        let name = edge::service_name(text);
        if !seat.admits(text, self.grpc.beside(name)) {
            return self.refused(RequestFault::NoIdentity, text);
        }
        match seat.contract.call(name, request) {
            Ok(answer) => ClientAnswer::Contract {
                answer: {
                    let metrics = Arc::clone(&self.grpc.metrics);
                    Completed::new(answer, path, metrics)
                },
            },
            Err(request) => self.beside(&seat, name, request),
        }
    }

    /// The answer to who may not ask.
    fn refused(&self, fault: RequestFault, path: &str) -> ClientAnswer {
        edge::told(&self.grpc.metrics, path, fault.kind());
        let message = match fault {
            RequestFault::BadCredential => "the credential is not taken",
            RequestFault::NoIdentity => "an identity is needed",
            _ => "the service is not granted",
        };
        ClientAnswer::at_once(edge::trailers_only(fault.status(path, message)))
    }

    fn beside(
        &self,
        seat: &Seat,
        name: &str,
        request: Request<Received<Incoming>>,
    ) -> ClientAnswer {
        match self.grpc.beside(name) {
            Some(service) if !seat.holds(service) => {
                self.refused(RequestFault::NotGranted, request.uri().path())
            }
            Some(Beside::Health) => ClientAnswer::Beside { answer: self.grpc.health.call(request) },
            _ => match self.grpc.reflection.find(name) {
                Some(reflection) => ClientAnswer::Beside { answer: reflection.call(request) },
                None => ClientAnswer::at_once(edge::unknown_method(
                    &self.grpc.metrics,
                    request.uri().path(),
                )),
            },
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Client {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.calls.set(self.calls.get().wrapping_add(1));
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
