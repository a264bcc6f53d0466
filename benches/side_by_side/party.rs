//! The processes that are measured: the embedded node and the bare echo server. (The proxy is the
//! real binary.)

use std::rc::Rc;

use bitcoin_grpc::frontend::grpc::services::echo_server::{Echo, EchoServer};
use bitcoin_grpc_contract::{Profile, v1};
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::socket::{Server, Shared};
use tokio::task::LocalSet;
use tonic::{Request, Response, Status};

use crate::plan::Outcome;

/// Generation that the embedded node speaks: one with `Chain` and `Mining`.
const GENERATION: &str = "pr29409-2025-05";

/// An event loop on one thread, as every party has.
pub(crate) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Serves the embedded node until the process is ended.
pub(crate) fn node(socket: &str) -> Outcome {
    let profile = Profile::by_name(GENERATION).ok_or("no such generation")?;
    let mut node = Node::default();
    node.generate(100).map_err(|reject| reject.to_string())?;
    let shared = Rc::new(Shared::new(node, profile));
    LocalSet::new().block_on(&runtime()?, async {
        Server::bind(socket, shared)?.run().await;
        Ok(())
    })
}

struct Bare;

#[tonic::async_trait]
impl Echo for Bare {
    async fn echo(
        &self,
        request: Request<v1::EchoEchoRequest>,
    ) -> Result<Response<v1::EchoEchoResponse>, Status> {
        Ok(Response::new(v1::EchoEchoResponse { echo: request.into_inner().echo }))
    }
}

/// Serves Echo until the process is ended.
pub(crate) fn echo(address: &str) -> Outcome {
    let address = address.parse()?;
    runtime()?.block_on(async {
        let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
        server.add_service(EchoServer::new(Bare)).serve(address).await?;
        Ok(())
    })
}
