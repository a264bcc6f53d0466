//! Commands of JSON-RPC that clients serve.

use std::rc::Rc;

use bitcoin_grpc_contract::wire::chain_capnp::{
    actor_callback as wire, r_p_c_command as rpc_command,
};
use bitcoin_grpc_contract::wire::variants_capnp as older;
use bitcoin_grpc_contract::{Inner, v1};
use capnp::capability::{Client, FromClientHook};
use serde_json::{Value, json};

use super::Registration;
use crate::rpc;
use crate::socket::callback::{Callback, Caller, NodeThread, Trouble};
use crate::socket::shared::Shared;

/// Codes of errors that have none of their own (`rpc/protocol.h`).
const MISC_ERROR: i32 = -1;
const TYPE_ERROR: i32 = -3;
const METHOD_NOT_FOUND: i32 = -32601;

/// What is wanted of a command, on the wire.
const EXECUTE: i32 = 0;
const GET_HELP: i32 = 1;

/// A command that a client serves.
pub(in crate::socket) struct Command {
    name: String,
    /// Names of arguments in order of position, alternatives separated by bars.
    positional: Vec<String>,
    registration: Rc<Registration>,
}

/// What a client says about its command.
pub(super) struct Offer {
    name: String,
    positional: Vec<String>,
    pub(super) actor: Option<Client>,
}

impl Offer {
    pub(super) fn read(command: rpc_command::Reader<'_>) -> Result<Self, capnp::Error> {
        let mut positional = Vec::new();
        for argument in command.get_arg_names()? {
            if !argument.get_named_only() {
                positional.push(argument.get_name()?.to_string()?);
            }
        }
        let actor = command.has_actor().then(|| command.get_actor()).transpose()?;
        let actor = actor.map(|actor| Client::new(actor.into_client_hook()));
        Ok(Self { name: command.get_name()?.to_string()?, positional, actor })
    }

    pub(super) fn accepted(self, registration: Rc<Registration>) -> Command {
        Command { name: self.name, positional: self.positional, registration }
    }
}

/// A request of JSON-RPC.
#[derive(Clone, Debug, Default)]
pub struct RpcCall {
    /// Id, as JSON.
    pub id: String,
    /// Name of the command.
    pub method: String,
    /// Arguments, as JSON.
    pub params: String,
    /// Path of the HTTP request.
    pub uri: String,
    /// Who asks.
    pub auth_user: String,
    /// From where.
    pub peer_addr: String,
    /// 1 for JSON-RPC 2.0, else 0.
    pub version: i32,
}

/// What a client made of a request.
struct Acted {
    error: Option<String>,
    rpc_error: Option<String>,
    type_error: Option<String>,
    help: Option<String>,
    response: String,
    handled: bool,
}

impl Acted {
    /// Result or error, both as JSON.
    fn outcome(self) -> Result<String, String> {
        let error = |code, message: &str| json!({ "code": code, "message": message }).to_string();
        match (self.error, self.rpc_error, self.type_error) {
            (Some(what), ..) => Err(error(MISC_ERROR, &what)),
            (_, Some(whole), _) => Err(whole),
            (.., Some(what)) => Err(error(TYPE_ERROR, &what)),
            _ if !self.handled => Err(error(METHOD_NOT_FOUND, "Method not found")),
            _ if self.response.is_empty() => Ok("null".to_owned()),
            _ => Ok(self.response),
        }
    }
}

impl Shared {
    /// Runs a command as the JSON-RPC port does: the node's own, else one that a client serves. Gives the result or the
    /// error as JSON. The devnode has no such port; this is for tests.
    ///
    /// # Errors
    /// With the error object of the command.
    pub async fn json_rpc(&self, call: &RpcCall) -> Result<String, String> {
        let caller = Caller::Node(NodeThread::Http);
        match self.serve_command(call, &caller).await {
            Some(outcome) => outcome,
            None => self
                .change(|node| rpc::execute(node, &call.method, &call.params))
                .map_err(|error| serde_json::to_string(&error).unwrap_or_default()),
        }
    }

    /// The same for `Node.executeRpc`.
    pub(in crate::socket) async fn execute_rpc(
        &self,
        q: &v1::NodeExecuteRpcRequest,
        caller: &Caller,
    ) -> Option<v1::NodeExecuteRpcResponse> {
        let call = RpcCall {
            id: "null".to_owned(),
            method: q.method.clone(),
            params: q.params.clone(),
            uri: q.uri.clone(),
            ..RpcCall::default()
        };
        Some(match self.serve_command(&call, caller).await? {
            Ok(result) => v1::NodeExecuteRpcResponse { rpc_error: None, result },
            Err(error) => {
                v1::NodeExecuteRpcResponse { rpc_error: Some(error), result: String::new() }
            }
        })
    }

    /// Lets a client serve a command; none if the node has it itself, or nobody has.
    async fn serve_command(
        &self,
        call: &RpcCall,
        caller: &Caller,
    ) -> Option<Result<String, String>> {
        let params: Value = serde_json::from_str(&call.params).unwrap_or_default();
        let wanted = params[0].as_str().filter(|_| call.method == "help");
        let mode = if wanted.is_some() { GET_HELP } else { EXECUTE };
        let name = wanted.unwrap_or(&call.method).to_owned();
        if rpc::names().contains(&name.as_str()) {
            return None;
        }
        let (registration, positional) = {
            let mut commands = self.commands.borrow_mut();
            commands.retain(|command| command.registration.is_connected());
            let command = commands.iter().find(|command| command.name == name)?;
            (Rc::clone(&command.registration), command.positional.clone())
        };
        let mut call = call.clone();
        call.params = match mode {
            GET_HELP => "null".to_owned(),
            _ => by_position(params, &positional).to_string(),
        };
        call.method = name;
        let acted = registration.callback.act(caller, &call, mode).await;
        Some(match acted {
            Ok(Acted { error: Some(help), .. } | Acted { help: Some(help), .. })
                if mode == GET_HELP =>
            {
                Ok(Value::String(help).to_string())
            }
            Ok(acted) => acted.outcome(),
            Err(trouble) => {
                let cause = trouble.cause();
                registration.callback.connection.note(Err(trouble));
                Err(json!({ "code": MISC_ERROR, "message": cause }).to_string())
            }
        })
    }
}

/// Named arguments in order of position; those without a position are left out.
fn by_position(params: Value, positional: &[String]) -> Value {
    let Value::Object(named) = params else {
        return if params.is_array() { params } else { json!([]) };
    };
    let value = |names: &String| names.split('|').find_map(|name| named.get(name).cloned());
    let mut values: Vec<_> = positional.iter().map(value).collect();
    while values.last().is_some_and(Option::is_none) {
        values.pop();
    }
    values.into_iter().map(Option::unwrap_or_default).collect()
}

impl Callback {
    async fn act(&self, caller: &Caller, call: &RpcCall, mode: i32) -> Result<Acted, Trouble> {
        let params: crate::socket::callback::Params<'_> = &|to, context| {
            let mut params = to.init_as::<wire::call_params::Builder<'_>>();
            context(params.reborrow().init_context());
            params.set_response("null");
            params.set_last_callback(true);
            let mut request = params.init_request();
            request.set_id(call.id.as_str());
            request.set_method(call.method.as_str());
            request.set_params(call.params.as_str());
            request.set_mode(mode);
            request.set_uri(call.uri.as_str());
            request.set_auth_user(call.auth_user.as_str());
            request.set_peer_addr(call.peer_addr.as_str());
            request.set_version(call.version);
            Ok(())
        };
        let helps = self.connection.rules.help_results;
        self.call(caller, Inner::ActorCallbackCall, params, |results| {
            if helps { acted(results.get_as()?) } else { acted_before(results.get_as()?) }
        })
        .await
    }
}

/// A text that is there, also if it is empty.
fn given(
    is_there: bool,
    text: Result<capnp::text::Reader<'_>, capnp::Error>,
) -> Result<Option<String>, capnp::Error> {
    is_there.then(|| Ok(text?.to_string()?)).transpose()
}

fn acted(results: wire::call_results::Reader<'_>) -> Result<Acted, capnp::Error> {
    let help = results.has_help_result().then(|| results.get_help_result()).transpose()?;
    let help = help.map(|help| given(true, help.get_message())).transpose()?.flatten();
    Ok(Acted {
        error: given(results.has_error(), results.get_error())?,
        rpc_error: given(results.has_rpc_error(), results.get_rpc_error())?,
        type_error: given(results.has_type_error(), results.get_type_error())?,
        help,
        response: results.get_response()?.to_string()?,
        handled: results.get_result(),
    })
}

fn acted_before(
    results: older::actor_callback_call_results_pr10102_at202407::Reader<'_>,
) -> Result<Acted, capnp::Error> {
    Ok(Acted {
        error: given(results.has_error(), results.get_error())?,
        rpc_error: given(results.has_rpc_error(), results.get_rpc_error())?,
        type_error: given(results.has_type_error(), results.get_type_error())?,
        help: None,
        response: results.get_response()?.to_string()?,
        handled: results.get_result(),
    })
}
