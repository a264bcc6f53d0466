//! `Rpc.executeRpc`, and the two methods of `Node` that do the same.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::Answer;
use crate::node::Node;
use crate::rpc;

pub(super) fn answer(request: &Request) -> Answer {
    let Request::NodeListRpcCommands(_) = request else { return None };
    let methods = rpc::names().into_iter().map(str::to_owned).collect();
    Some(Ok(Reply::NodeListRpcCommands(v1::NodeListRpcCommandsResponse { methods })))
}

pub(super) fn change(node: &mut Node, request: &Request) -> Answer {
    Some(Ok(match request {
        Request::RpcExecuteRpc(q) => {
            let response = rpc::answer(node, &q.request);
            Reply::RpcExecuteRpc(v1::RpcExecuteRpcResponse { response })
        }
        Request::NodeExecuteRpc(q) => {
            let (rpc_error, result) = match rpc::execute(node, &q.method, &q.params) {
                Ok(result) => (None, result),
                Err(error) => (serde_json::to_string(&error).ok(), String::new()),
            };
            Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse { rpc_error, result })
        }
        _ => return None,
    }))
}
