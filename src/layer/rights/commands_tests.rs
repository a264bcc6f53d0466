use bitcoin_grpc_contract::v1;

use super::*;

fn these(names: &[&str]) -> Names {
    Names::These(names.iter().map(|name| (*name).to_owned()).collect())
}

/// May run `getblockcount`, and `getbalance` on one wallet.
fn restricted() -> Grants {
    let mut grants = Grants::default();
    grants.add_commands(CommandGrant { commands: these(&["getblockcount"]), wallets: these(&[]) });
    grants.add_commands(CommandGrant {
        commands: these(&["getbalance"]),
        wallets: these(&["my savings"]),
    });
    grants
}

fn all() -> Grants {
    let mut grants = Grants::default();
    grants.add_commands(CommandGrant::all());
    grants
}

fn alice() -> Caller {
    Caller::Known("alice".into())
}

fn rpc(grants: &Grants, request: &str, uri: &str) -> Result<String, CallError> {
    let request = v1::RpcExecuteRpcRequest {
        request: request.to_owned(),
        uri: uri.to_owned(),
        user: "root".to_owned(),
    };
    let mut request = Request::RpcExecuteRpc(request);
    admit(grants, &alice(), &mut request)?;
    let Request::RpcExecuteRpc(request) = request else { panic!() };
    Ok(request.user)
}

fn node(grants: &Grants, command: &str, uri: &str) -> Result<(), CallError> {
    let request = v1::NodeExecuteRpcRequest {
        method: command.to_owned(),
        params: "[]".to_owned(),
        uri: uri.to_owned(),
    };
    admit(grants, &alice(), &mut Request::NodeExecuteRpc(request))
}

fn denied(command: &str) -> CallError {
    CallError::CommandDenied { command: command.to_owned() }
}

fn field(error: CallError) -> String {
    let CallError::Invalid(violations) = error else { panic!("{error:?}") };
    violations[0].field.clone()
}

#[test]
fn the_user_is_who_calls_whatever_the_client_says() {
    for grants in [all(), restricted()] {
        assert_eq!(rpc(&grants, r#"{"method": "getblockcount"}"#, "").unwrap(), "alice");
    }
}

#[test]
fn commands_are_granted_by_name() {
    let grants = restricted();
    for command in ["getblockcount", "stop", "getblockcoun", "getblockcount ", "GetBlockCount", ""]
    {
        let expected = if command == "getblockcount" { Ok(()) } else { Err(denied(command)) };
        assert_eq!(node(&grants, command, ""), expected, "{command}");
        let request = serde_json::json!({"method": command, "params": []}).to_string();
        assert_eq!(rpc(&grants, &request, "").map(drop), expected, "{command}");
    }
    assert_eq!(node(&all(), "stop", ""), Ok(()));
}

#[test]
fn a_batch_is_refused_even_to_who_may_do_everything() {
    for request in ["[]", " \t\r\n[{\"method\": \"getblockcount\"}]"] {
        for grants in [all(), restricted()] {
            assert_eq!(field(rpc(&grants, request, "").unwrap_err()), "request");
        }
    }
}

/// Every way that comes to mind to have the proxy read one command and the node another.
#[test]
fn a_command_cannot_be_hidden() {
    let grants = restricted();
    assert_eq!(rpc(&grants, r#"{"m\u0065thod": "st\u006fp"}"#, ""), Err(denied("stop")));
    for request in [
        r#"{"method": "getblockcount", "method": "stop"}"#,
        r#"{"method": "getblockcount", "m\u0065thod": "stop"}"#,
        r#"{"method": "getblockcount"} {"method": "stop"}"#,
        r#"{"method": ["stop"]}"#,
        r#"{"params": []}"#,
        "\u{feff}{\"method\": \"stop\"}",
        "\"stop\"",
        "{",
        "",
    ] {
        assert_eq!(field(rpc(&grants, request, "").unwrap_err()), "request", "{request}");
    }
    // Deep nesting is skipped without recursion.
    let deep = format!(
        r#"{{"params": {}{}, "method": "stop"}}"#,
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    assert!(rpc(&grants, &deep, "").is_err());
    let long = format!(r#"{{"method": "getblockcount", "id": "{}"}}"#, "x".repeat(MAX_REQUEST));
    assert_eq!(field(rpc(&grants, &long, "").unwrap_err()), "request");
}

#[test]
fn wallets_are_granted_by_their_decoded_name_and_only_with_their_commands() {
    let grants = restricted();
    assert_eq!(node(&grants, "getbalance", ""), Ok(()));
    assert_eq!(node(&grants, "getbalance", "/"), Ok(()));
    assert_eq!(node(&grants, "getbalance", "/wallet/my%20savings"), Ok(()));
    assert_eq!(node(&grants, "getbalance", "/wallet/my savings"), Ok(()));
    for (command, wallet, name) in [
        ("getbalance", "other", "other"),
        ("getblockcount", "my%20savings", "my savings"),
        ("getbalance", "", ""),
    ] {
        let refused = node(&grants, command, &format!("/wallet/{wallet}"));
        assert_eq!(refused, Err(CallError::CommandWalletDenied { wallet: name.to_owned() }));
    }
    for uri in
        ["/wallet", "wallet/x", "//", "/wallet/%", "/wallet/%2", "/wallet/%zz", "/wallet/%ff"]
    {
        assert_eq!(field(node(&grants, "getbalance", uri).unwrap_err()), "uri", "{uri}");
    }
}

#[test]
fn other_requests_pass() {
    let mut request = Request::ChainGetHeight(v1::ChainGetHeightRequest::default());
    assert_eq!(admit(&Grants::default(), &alice(), &mut request), Ok(()));
}
