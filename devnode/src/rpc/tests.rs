//! Requests and replies as recorded from a node of August 2026, and commands of every part.

use super::*;

fn node() -> Node {
    let mut node = Node::default();
    node.generate(3).unwrap();
    node
}

#[test]
fn envelopes_are_those_of_the_node() {
    for (request, reply) in [
        (r#"{"method": "getblockcount"}"#, r#"{"result":3,"error":null}"#),
        (r#"{"method": "getblockcount", "id": "x"}"#, r#"{"result":3,"error":null,"id":"x"}"#),
        (
            r#"{"jsonrpc": "2.0", "id": 1, "method": "getblockcount", "params": []}"#,
            r#"{"jsonrpc":"2.0","result":3,"id":1}"#,
        ),
        (
            r#"{"jsonrpc": "1.1", "id": 5, "method": "getblockcount"}"#,
            r#"{"result":null,"error":{"code":-32600,"message":"JSON-RPC version not supported"},"id":5}"#,
        ),
        (r#"{"jsonrpc": "2.0", "method": "getblockhash", "params": {"height": 1}}"#, "null"),
        ("[]", "[]"),
        (r#"[{"jsonrpc": "2.0", "method": "getblockcount"}]"#, "null"),
        ("{", r#"{"result":null,"error":{"code":-32600,"message":"Missing method"}}"#),
        (
            "5",
            r#"{"result":null,"error":{"code":-32700,"message":"Top-level object parse error"},"id":null}"#,
        ),
        (
            "[1,2",
            r#"[{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null},{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null}]"#,
        ),
        (r#"{"method":"getblockcount"} trailing"#, r#"{"result":3,"error":null}"#),
    ] {
        assert_eq!(answer(&mut node(), request), reply, "{request}");
    }
}

#[test]
fn arguments_are_checked_as_by_the_node() {
    let mut node = node();
    let mut run = |command: &str, params: &str| execute(&mut node, command, params);
    let error = run("getblockhash", r#"["x"]"#).unwrap_err();
    assert_eq!(error.code, -3);
    assert_eq!(
        error.message,
        "Wrong type passed:\n{\n    \"Position 1 (height)\": \"JSON value of type string is not of \
         expected type number\"\n}"
    );
    assert_eq!(run("getblockhash", "[-1]").unwrap_err().message, "Block height out of range");
    assert_eq!(run("getblockhash", "[]").unwrap_err().code, -1);
    assert_eq!(run("getblockhash", r#"{"h":1}"#).unwrap_err().message, "Unknown named parameter h");
    assert_eq!(run("nosuch", "[]").unwrap_err().code, -32601);
    assert_eq!(run("getblockcount", "{").unwrap(), "3");
    let echoed = r#"["a",1,null,{"b":[true]}]"#;
    assert_eq!(run("echo", echoed).unwrap(), echoed);
}
