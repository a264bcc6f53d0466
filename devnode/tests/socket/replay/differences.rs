//! Where the devnode deliberately answers otherwise than the recorded nodes, and why.

use serde_json::Value;

/// JSON-RPC commands whose answers differ.
const COMMANDS: &[(&str, &str)] = &[
    ("getmempoolinfo", "the memory that a real mempool uses is not modelled"),
    ("getwalletinfo", "there is no wallet, and so no such command"),
    ("help", "help texts are the devnode's own"),
    ("listwallets", "there is no wallet, and so no such command"),
    ("uptime", "it runs by the machine's clock"),
    ("waitfornewblock", "commands that wait are not served"),
];

/// Methods whose answers differ.
const METHODS: &[(&str, &str)] = &[
    ("customWalletLoader", "the recorded node has a wallet; one without dies"),
    ("getMempoolDynamicUsage", "the memory that a real mempool uses is not modelled"),
    ("listRpcCommands", "only commands that are there are listed"),
];

/// Calls of August 2026 by their number: nodes ignore what follows a value, and take a missing one for zeros. The
/// devnode refuses both, so that a client which sends such is found out.
const TOLERATED: [u64; 7] = [281, 282, 292, 296, 297, 301, 304];

/// What fields of `getpeerinfo` the devnode does not have: they count what it never relays.
const PEER_FIELDS: [&str; 2] = ["inv_to_send", "last_inv_sequence"];

/// The reason why a call may be answered otherwise, if there is one.
pub(crate) fn of(record: &Value) -> Option<&'static str> {
    let method = record["method"].as_str()?;
    if record["run"] == "edge" && TOLERATED.iter().any(|seq| record["seq"] == *seq) {
        return Some("values of another length are refused");
    }
    let methods = METHODS.iter().find(|(name, _)| *name == method);
    if let Some((_, reason)) = methods {
        return Some(reason);
    }
    let params = &record["params"];
    let (command, arguments) = match method {
        "executeRpc" if params["command"].is_string() => {
            (params["command"].as_str()?.to_owned(), params["params"].as_str()?.to_owned())
        }
        "executeRpc" => {
            let request: Value = serde_json::from_str(params["request"].as_str()?).ok()?;
            (request["method"].as_str()?.to_owned(), request["params"].to_string())
        }
        _ => return None,
    };
    // Too few arguments are answered with the help text.
    if (command.as_str(), arguments.as_str()) == ("getblockhash", "[]") {
        return Some("help texts are the devnode's own");
    }
    COMMANDS.iter().find(|(name, _)| *name == command).map(|(_, reason)| *reason)
}

/// Compares lists of peers without the fields that the devnode does not have.
pub(crate) fn same_peers(ours: &Value, recorded: &Value) -> bool {
    let mut recorded = recorded.clone();
    for peer in recorded.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        peer.retain(|name, _| !PEER_FIELDS.contains(&name.as_str()));
    }
    super::run::same(ours, &recorded)
}
