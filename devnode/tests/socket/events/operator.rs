//! The scenarios of `Node`'s handlers.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::peers::{NetAddress, Peer};
use bitcoin_grpc_devnode::rpc;
use serde_json::{Value, json};

use super::{assert_same, lines};
use crate::client::{Object, World, settle, with_world};
use crate::facts::{Act, FactsClient, node_after_wallets, recorded_node_with};

const FEBRUARY_2026: &str = "pr10102-2026-02";

/// Height up to which all recorded chains are the same.
const COMMON_HEIGHT: u64 = 132;

/// The scenario under way.
struct Stage {
    world: Rc<World>,
    client: FactsClient,
    chain: Object,
    node: Object,
    handlers: BTreeMap<String, Object>,
    heard: VecDeque<Value>,
    agreed: usize,
    /// The recorder's wallets made other blocks here, so hashes differ.
    other_blocks: bool,
    /// The header of a block that was made and not submitted.
    header: Option<String>,
}

impl Stage {
    async fn new(world: Rc<World>, other_blocks: bool) -> Self {
        let client = FactsClient::connect(&world).await;
        let (chain, node) = (client.make("Chain").await, client.make("Node").await);
        let handlers = BTreeMap::new();
        let (heard, agreed, header) = (VecDeque::new(), 0, None);
        Self { world, client, chain, node, handlers, heard, agreed, other_blocks, header }
    }

    async fn act_out(&mut self, lines: &[Value]) {
        for (place, line) in lines.iter().enumerate() {
            if let Some(call) = line["call"].as_str() {
                self.subscribe(call).await;
            } else if let Some(action) = line["action"].as_str() {
                assert!(self.heard.is_empty(), "also told: {:?}", self.heard);
                let done = lines[place..].iter().find(|line| line["done"] == action);
                self.act(action, line, done, &lines[place + 1..]).await;
                settle().await;
                self.heard.extend(self.client.take_log());
            } else if line["method"] == "makeThread" && !self.next_is_thread() {
                // Several threads answer JSON-RPC there, one here.
                assert!(line["params"]["name"].as_str().expect("a name").contains("/b-http"));
            } else if line["interface"].is_string() {
                let mut line = line.clone();
                let mut heard = self.heard.pop_front();
                let height = line["params"]["tip"]["blockHeight"].as_u64().unwrap_or_default();
                if self.other_blocks && height > COMMON_HEIGHT {
                    for call in [Some(&mut line), heard.as_mut()].into_iter().flatten() {
                        call["params"]["tip"]["blockHash"].take();
                    }
                }
                assert_same(heard, &line);
                self.agreed += 1;
            }
        }
    }

    fn next_is_thread(&self) -> bool {
        self.heard.front().is_some_and(|heard| heard["method"] == "makeThread")
    }

    async fn subscribe(&mut self, method: &str) {
        let listener = self.client.listener(|heard| {
            let asked = heard.method == "call" && heard.params.get("style").is_some();
            Act::Answer(if asked { json!({ "result": true }) } else { json!({}) })
        });
        let params = json!({ "callback": 0 });
        let reply = self.client.call(&self.node, "Node", method, &params, &[listener]).await;
        let handler = reply.expect("a reply").object.expect("a handler");
        self.handlers.insert(method.to_owned(), handler);
    }

    async fn act(&mut self, action: &str, line: &Value, done: Option<&Value>, next: &[Value]) {
        let none = json!({});
        let params = line.get("params").unwrap_or(&none);
        if let Some(command) = action.strip_prefix("JSON-RPC ") {
            return self.json_rpc(command, params, done);
        }
        match action {
            "a P2P peer connects" => {
                let peer = Peer::inbound_from(NetAddress::ipv4([127, 0, 0, 1]), 5000);
                self.world.shared.change(|node| node.peers_mut().connect(peer));
            }
            "the peer leaves" => {
                self.world.shared.change(|node| node.peers_mut().disconnect(|_| true));
            }
            "disconnect" => {
                let told = next.iter().find(|line| line["interface"].is_string());
                let told = told.and_then(|line| line["interface"].as_str()).expect("a callback");
                let handler = match told {
                    "InitMessageCallback" => "handleInitMessage",
                    "ShowNodeProgressCallback" => "handleShowProgress",
                    other => panic!("{other} is not ended here"),
                };
                let handler = &self.handlers[handler];
                let ended = self.client.call(handler, "Handler", "disconnect", &none, &[]).await;
                ended.expect("answered");
            }
            "initMessage" | "initWarning" | "initError" | "showProgress" => {
                let told = self.client.call(&self.chain, "Chain", action, params, &[]).await;
                told.expect("answered");
            }
            _ => {
                let reply = self.client.call(&self.node, "Node", action, params, &[]).await;
                assert_eq!(reply.expect("a reply").results, done.expect("an end")["results"]);
            }
        }
    }

    fn json_rpc(&mut self, command: &str, params: &Value, done: Option<&Value>) {
        if command.starts_with("stop") {
            return;
        }
        let header = json!([self.header]);
        let params = if command == "submitheader" { &header } else { params };
        let shared = &self.world.shared;
        let result = shared.change(|node| rpc::execute(node, command, &params.to_string()));
        let result = result.unwrap_or_else(|error| panic!("{command} {params}: {error:?}"));
        let result: Value = serde_json::from_str(&result).expect("JSON");
        let recorded = &done.expect("an end")["result"];
        if command == "generateblock" {
            // The recorder wrote this one down in its own words.
            self.header = result["hex"].as_str().map(|hex| hex[..160].to_owned());
            let hash = result["hash"].as_str().expect("a hash");
            let recorded = recorded.as_str().expect("words");
            assert!(self.other_blocks || recorded.contains(hash), "{hash} {recorded}");
        } else if command == "generatetodescriptor" && self.other_blocks {
            assert_eq!(result.as_array().map(Vec::len), recorded.as_array().map(Vec::len));
        } else {
            assert_eq!(result, *recorded, "{command}");
        }
    }
}

fn act_out(profile: &str, file: &str) -> usize {
    let lines: Vec<Value> = lines(&format!("{profile}/{file}"))
        .into_iter()
        .filter(|line| line["scenario"] == "node_handlers")
        .collect();
    let mut agreed = 0;
    with_world(profile, node_after_wallets(profile), async |world| {
        let mut stage = Stage::new(world, file != "events2.jsonl").await;
        stage.act_out(&lines).await;
        agreed = stage.agreed;
    });
    agreed
}

#[test]
fn july_2024() {
    assert_eq!(act_out("pr10102-2024-07", "events2.jsonl"), 73);
}

#[test]
fn february_2026() {
    assert_eq!(act_out(FEBRUARY_2026, "events2.jsonl"), 73);
}

#[test]
fn february_2026_once_more() {
    assert_eq!(act_out(FEBRUARY_2026, "events-second-recording.jsonl"), 41);
}

/// Blocks with a version bit that nobody knows, by a period of signalling and one more: the recorded node warned once, and
/// kept the warning when the blocks went away.
#[test]
fn an_alert_of_unknown_rules() {
    let lines = lines(&format!("{FEBRUARY_2026}/events-second-recording.jsonl"));
    let lines: Vec<_> = lines.iter().filter(|line| line["scenario"] == "alert").collect();
    let warnings: Vec<_> = lines.iter().filter(|line| line["call"] == "Node.getWarnings").collect();
    let told = lines.iter().filter(|line| line["interface"] == "NotifyAlertChangedCallback");
    let told: Vec<_> = told.collect();
    assert_eq!((warnings.len(), told.len()), (2, 2));
    let words =
        ["-blockfilterindex=1", "-mocktime=1700080407", &format!("-blockversion={}", 0x2800_0000)];
    with_world(FEBRUARY_2026, recorded_node_with(FEBRUARY_2026, &words), async |world| {
        let mut stage = Stage::new(Rc::clone(&world), false).await;
        let none = json!({});
        let hear = async |stage: &mut Stage| {
            settle().await;
            let heard = stage.client.take_log();
            let heard = heard.into_iter().filter(|call| call["method"] != "makeThread");
            stage.heard.extend(heard);
        };
        stage.subscribe("handleNotifyAlertChanged").await;
        for _ in 0..16 {
            assert!(stage.heard.len() <= 1);
            world.shared.change(|node| {
                node.set_clock(Clock::Mock(node.now() + 6000));
                rpc::execute(node, "generatetodescriptor", r#"[30, "raw(51)"]"#).expect("blocks");
            });
            hear(&mut stage).await;
        }
        let reply = stage.client.call(&stage.node, "Node", "getWarnings", &none, &[]).await;
        assert_eq!(reply.expect("a reply").results, warnings[0]["results"]);
        world.shared.change(|node| {
            let block = node.block_hash_at(400).expect("a block");
            node.invalidate(&block).expect("invalidated");
        });
        let reply = stage.client.call(&stage.node, "Node", "getWarnings", &none, &[]).await;
        assert_eq!(reply.expect("a reply").results, warnings[1]["results"]);
        let handler = &stage.handlers["handleNotifyAlertChanged"];
        let ended = stage.client.call(handler, "Handler", "disconnect", &none, &[]).await;
        ended.expect("answered");
        hear(&mut stage).await;
        for line in told {
            assert_same(stage.heard.pop_front(), line);
        }
        assert!(stage.heard.is_empty(), "{:?}", stage.heard);
    });
}
