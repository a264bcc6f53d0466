//! `Echo`.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::Answer;

pub(super) fn answer(request: &Request) -> Answer {
    match request {
        Request::EchoEcho(request) => {
            Some(Ok(Reply::EchoEcho(v1::EchoEchoResponse { echo: request.echo.clone() })))
        }
        _ => None,
    }
}
