//! `Rpc.executeRpc`, and the two methods of `Node` that do the same.

use bitcoin_grpc_contract::{Reply, Request, v1};

use super::{Answer, Fault};
use crate::node::Node;
use crate::rpc;
use crate::settings::Json;

/// Commands that may connect blocks, by how their names begin.
const BLOCK_COMMANDS: [&str; 5] =
    ["generate", "submitblock", "invalidateblock", "reconsiderblock", "preciousblock"];

/// Code of an error that has none of its own (`rpc/protocol.h`, RPC_MISC_ERROR).
const MISC_ERROR: i32 = -1;

/// Whether a request may connect blocks, which waits for slow listeners.
pub(super) fn connects_blocks(request: &Request) -> bool {
    let is_one = |name: &str| BLOCK_COMMANDS.iter().any(|start| name.starts_with(start));
    match request {
        Request::MiningSubmitBlock(_) | Request::BlockTemplateSubmitSolution(_) => true,
        Request::NodeExecuteRpc(q) => is_one(&q.method),
        Request::RpcExecuteRpc(q) => {
            let request: Result<serde_json::Value, _> = serde_json::from_str(&q.request);
            request.is_ok_and(|request| request["method"].as_str().is_some_and(is_one))
        }
        _ => false,
    }
}

/// What a command answers when a listener to what it did failed: the node lives.
pub(super) fn failed(what: &str) -> Reply {
    let error = serde_json::json!({ "code": MISC_ERROR, "message": what });
    let rpc_error = Some(error.to_string());
    Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse { rpc_error, result: String::new() })
}

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
        // Seen on February 2026: half of a surrogate pair in a named parameter.
        Request::NodeExecuteRpc(q) if Json::breaks_off_in_a_member(&q.params) => {
            return Some(Err(Fault::Dies("a parameter with a name and no value".to_owned())));
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
