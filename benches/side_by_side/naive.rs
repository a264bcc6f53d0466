//! The simplest proxy that works: tonic's server and a plain client of the node on one thread, a queue
//! between them, and none of the layers, checks and precautions. What the real one costs beyond it
//! is the price of those.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bitcoin_grpc_contract::{Profile, Reply, Request, Unary};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tonic::Status;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tower::Service;

use crate::call::{self, MethodOf, Work};
use crate::direct::DirectNode;
use crate::party::runtime;
use crate::plan::Outcome;

/// Calls that may wait between the two sides; more than any round has in flight.
const QUEUE: usize = 1024;

/// A call on its way to the node, and where its caller waits.
type Asked = (Request, oneshot::Sender<Reply>);

/// Serves one method until the process is ended.
pub(crate) fn serve(address: &str, socket: &str, profile: &str, method: &str) -> Outcome {
    let address = address.parse()?;
    let profile = Profile::by_name(profile).ok_or("no such generation")?;
    let kind = call::with(method, MethodOf)?;
    LocalSet::new().block_on(&runtime()?, async {
        let node = DirectNode::connect(socket, profile, kind).await?;
        let (calls, asked) = mpsc::channel(QUEUE);
        spawn_local(forward(node, asked));
        call::with(method, Front { address, calls })?.await
    })
}

async fn forward(node: DirectNode, mut asked: mpsc::Receiver<Asked>) {
    let node = std::rc::Rc::new(node);
    while let Some((request, reply)) = asked.recv().await {
        let node = std::rc::Rc::clone(&node);
        spawn_local(async move {
            // A fault shows as a call without an answer, which ends the measurement.
            if let Ok(answer) = node.call(&request).await {
                let _ = reply.send(answer);
            }
        });
    }
}

struct Front {
    address: SocketAddr,
    calls: mpsc::Sender<Asked>,
}

impl Work for Front {
    type Output = BoxFuture<'static, Outcome>;

    fn work<Q: Unary + Clone + Sync>(self, _: Q) -> Self::Output {
        let service = tower::service_fn(move |request| {
            let asker = Asker { calls: self.calls.clone(), _request: std::marker::PhantomData };
            async move {
                let mut grpc = Grpc::new(ProstCodec::<Q::Response, Q>::default());
                Ok::<_, Infallible>(grpc.unary(asker, request).await)
            }
        });
        let server = tonic::transport::Server::builder().tcp_nodelay(true);
        Box::pin(async move { Ok(server.serve(self.address, service).await?) })
    }
}

/// Puts a request in line and waits for its reply.
struct Asker<Q> {
    calls: mpsc::Sender<Asked>,
    _request: std::marker::PhantomData<fn(Q)>,
}

impl<Q: Unary> Service<tonic::Request<Q>> for Asker<Q> {
    type Response = tonic::Response<Q::Response>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let calls = self.calls.clone();
        Box::pin(async move {
            let lost = || Status::unavailable("the node does not answer");
            let (reply, answer) = oneshot::channel();
            let request = request.into_inner().into_request();
            calls.send((request, reply)).await.map_err(|_| lost())?;
            let answer = Q::response(answer.await.map_err(|_| lost())?).ok_or_else(lost)?;
            Ok(tonic::Response::new(answer))
        })
    }
}
