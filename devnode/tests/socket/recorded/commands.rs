//! Commands of JSON-RPC that a client serves, and functions that it wants to be called later, as recorded in May 2025.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_devnode::socket::RpcCall;
use serde_json::{Value, json};

use crate::client::{World, settle, with_world};
use crate::events::lines;
use crate::facts::{Act, FactsClient, recorded_node, recorded_node_with};

const MAY_2025: &str = "pr29409-2025-05";

/// Help of all commands at once is not served.
const NOT_SERVED: &str = "dump_all_command_conversions";

/// What the recorder saw at the JSON-RPC port is what the devnode gives.
async fn compare(world: &World, record: &Value, called: Option<&Value>) {
    let request = called.map_or(&Value::Null, |called| &called["params"]["request"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let call = RpcCall {
        id: text(&request["id"]),
        method: text(&record["method"]),
        params: record["params"].to_string(),
        uri: text(&request["uri"]),
        auth_user: text(&request["authUser"]),
        peer_addr: text(&request["peerAddr"]),
        version: i32::from(request["version"] == 1),
    };
    let saw = &record["client_saw"];
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    match world.shared.json_rpc(&call).await {
        // The recorded node's clock had been set.
        Ok(_) if record["method"] == "uptime" => assert!(saw["result"].is_number()),
        Ok(result) => assert_eq!(json(&result), saw["result"], "{record}"),
        Err(error) => {
            let recorded = saw["error"].as_str().unwrap_or_else(|| panic!("{record} {error}"));
            assert_eq!(json(&error), json(recorded), "{record}");
        }
    }
}

#[test]
fn commands_that_a_client_serves() {
    let records: Vec<Value> = lines(&format!("{MAY_2025}/calls.jsonl"))
        .into_iter()
        .filter(|record| record["run"] == "handleRpc")
        .filter(|record| !record.to_string().contains(NOT_SERVED))
        .collect();
    let node = recorded_node_with(MAY_2025, &["-server=0", "-mocktime=1700080407"]);
    let deaths = with_world(MAY_2025, node, async |world| {
        let client = FactsClient::connect(&world).await;
        let chain = client.make("Chain").await;
        let answer = Rc::new(RefCell::new(Value::Null));
        let (mut handlers, mut pending, mut held) = (Vec::new(), None, None);
        let mut compared = 0;
        for record in &records {
            match record["interface"].as_str().expect("an interface") {
                "Chain" => {
                    let next = Rc::clone(&answer);
                    let listener = client.listener(move |_| Act::Answer(next.borrow().clone()));
                    let mut params = record["params"].clone();
                    params["command"]["actor"] = json!(0);
                    let listener = [listener];
                    let made = client.call(&chain, "Chain", "handleRpc", &params, &listener);
                    let handler = made.await.expect("accepted").object.expect("a handler");
                    handlers.push((record["seq"].clone(), handler));
                }
                "Handler" => {
                    let handler = handlers.iter().find(|(seq, _)| *seq == record["target"]);
                    let method = record["method"].as_str().expect("a method");
                    let (_, handler) = handler.expect("a handler");
                    let ended = client.call(handler, "Handler", method, &json!({}), &[]).await;
                    ended.expect("answered");
                    assert!(client.take_log().is_empty(), "there is nothing to end");
                }
                // The answer of a command may be recorded before or after what its caller saw.
                "ActorCallback" => {
                    *answer.borrow_mut() = record["results"].clone();
                    match held.take() {
                        None => pending = Some(record),
                        Some(asked) => {
                            compare(&world, asked, Some(record)).await;
                            compared += heard(&client, Some(record));
                        }
                    }
                }
                "JSON-RPC" if record["callback"] != true => held = Some(record),
                "JSON-RPC" => {
                    let called = pending.take();
                    compare(&world, record, called).await;
                    compared += heard(&client, called);
                }
                _ => {}
            }
        }
        assert_eq!(compared, 15);
    });
    assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
}

/// The client was called as recorded, or not at all.
fn heard(client: &FactsClient, recorded: Option<&Value>) -> usize {
    let log = client.take_log();
    let calls: Vec<_> = log.iter().filter(|call| call["method"] == "call").collect();
    assert_eq!(calls.len(), usize::from(recorded.is_some()));
    for (call, recorded) in calls.iter().zip(recorded) {
        assert_eq!(call["params"], recorded["params"]);
    }
    1
}

#[test]
fn once_the_server_runs_no_command_is_taken() {
    let deaths = with_world(MAY_2025, recorded_node(MAY_2025), async |world| {
        let client = FactsClient::connect(&world).await;
        let chain = client.make("Chain").await;
        let params = json!({ "command": { "name": "late", "actor": 0 } });
        let late = client.call(&chain, "Chain", "handleRpc", &params, &[client.obedient()]).await;
        assert_eq!(late.expect_err("dead").kind, capnp::ErrorKind::Disconnected);
    });
    assert_eq!(deaths.count(), 1);
}

/// A real node decides at its start whether the server runs; the setting can be changed later, by who may.
#[test]
fn a_setting_that_is_changed_later_does_not_stop_the_server() {
    let profile = "pr10102-2026-02";
    let deaths = with_world(profile, recorded_node(profile), async |world| {
        let client = FactsClient::connect(&world).await;
        let (chain, node) = (client.make("Chain").await, client.make("Node").await);
        let off = json!({ "name": "server", "value": "false" });
        client.call(&node, "Node", "forceSetting", &off, &[]).await.expect("answered");
        let name = json!({ "name": "server" });
        let server = client.call(&chain, "Chain", "getSetting", &name, &[]).await;
        assert_eq!(server.expect("answered").results["result"], "false");
        let params = json!({ "command": { "name": "late", "actor": 0 } });
        let late = client.call(&chain, "Chain", "handleRpc", &params, &[client.obedient()]).await;
        assert_eq!(late.expect_err("dead").kind, capnp::ErrorKind::Disconnected);
    });
    assert_eq!(deaths.count(), 1);
}

#[test]
fn node_execute_rpc_runs_commands_of_clients_too() {
    let profile = "pr10102-2026-02";
    let node = recorded_node_with(profile, &["-server=0", "-mocktime=1700080407"]);
    with_world(profile, node, async |world| {
        let client = FactsClient::connect(&world).await;
        let (chain, node) = (client.make("Chain").await, client.make("Node").await);
        let answer = json!({ "response": "{\"got\":1}", "result": true });
        let listener = client.listener(move |_| Act::Answer(answer.clone()));
        let params = json!({ "command": { "name": "mine", "actor": 0 } });
        let handler = client.call(&chain, "Chain", "handleRpc", &params, &[listener]).await;
        let _handler = handler.expect("accepted").object;
        let params = json!({ "command": "mine", "params": "[5]", "uri": "/wallet/x" });
        let run = client.call(&node, "Node", "executeRpc", &params, &[]).await;
        assert_eq!(run.expect("a reply").results["result"], "{\"got\":1}");
        let log = client.take_log();
        let request = &log.last().expect("a call")["params"]["request"];
        assert_eq!(request["params"], "[5]");
        assert_eq!((&request["uri"], &request["id"]), (&json!("/wallet/x"), &json!("null")));
    });
}

/// A function that fails when its time has come, or whose client has left, ends the node.
#[test]
fn a_function_to_be_run_later_can_end_a_node() {
    for leaves in [false, true] {
        let deaths = with_world(MAY_2025, recorded_node(MAY_2025), async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let params = json!({ "name": "n", "fn": 0, "seconds": 1 });
            let listener = [client.listener(|_| Act::Raise)];
            let later = client.call(&chain, "Chain", "rpcRunLater", &params, &listener).await;
            later.expect("answered");
            if leaves {
                client.close().await;
            }
            assert_eq!(world.shared.deaths.count(), 0);
            tokio::time::sleep(Duration::from_millis(1100)).await;
            settle().await;
        });
        assert_eq!(deaths.count(), 1, "leaves: {leaves}");
    }
}
