//! The scenarios of chain notifications.

use std::collections::VecDeque;
use std::rc::Rc;

use bitcoin::ScriptBuf;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin_grpc_devnode::clock::Clock;
use serde_json::{Value, json};

use super::{assert_same, lines};
use crate::client::{Object, World, settle, with_world};
use crate::facts::{Act, FactsClient, recorded_node};

/// One scenario under way.
struct Stage {
    world: Rc<World>,
    scenario: String,
    client: Option<FactsClient>,
    other: Option<FactsClient>,
    chain: Object,
    handlers: Vec<Object>,
    lines: VecDeque<Value>,
    heard: VecDeque<Value>,
    /// Number of calls of the node that agreed.
    agreed: usize,
}

/// Whether a line is something that somebody does.
fn is_deed(line: &Value) -> bool {
    line["action"].is_string() || line["call"].is_string()
}

impl Stage {
    async fn new(world: Rc<World>, scenario: &str, lines: VecDeque<Value>) -> Self {
        let client = FactsClient::connect(&world).await;
        let chain = client.make("Chain").await;
        Self {
            world,
            scenario: scenario.to_owned(),
            client: Some(client),
            other: None,
            chain,
            handlers: Vec::new(),
            lines,
            heard: VecDeque::new(),
            agreed: 0,
        }
    }

    /// Acts everything out. What is recorded as told before a deed ended may be told by the next one.
    async fn act_out(&mut self) {
        while let Some(line) = self.lines.pop_front() {
            if is_deed(&line) {
                self.assert_nothing_else();
                self.act(&line).await;
                self.listen().await;
            } else if line["interface"].is_string() {
                self.hear(&line).await;
            } else if let Some(end) = line.get("node_exit") {
                let (dies, deaths) = (end.is_string(), &self.world.shared.deaths);
                assert_eq!(deaths.count() > 0, dies, "{line} {:?}", deaths.causes());
            }
        }
        self.assert_nothing_else();
    }

    fn assert_nothing_else(&mut self) {
        // A slow listener hears later there; a listener without methods was not recorded.
        if self.scenario == "unimplemented_notifications" {
            self.heard.clear();
        }
        let early = self.scenario == "slow_notifications";
        assert!(early || self.heard.is_empty(), "{}: also told {:?}", self.scenario, self.heard);
    }

    async fn hear(&mut self, line: &Value) {
        // Calls to the client during one of its own are recorded before that.
        let deed = self.heard.is_empty().then(|| self.lines.iter().position(is_deed)).flatten();
        if let Some(deed) = deed.and_then(|place| self.lines.remove(place)) {
            self.act(&deed).await;
            self.listen().await;
        }
        assert_same(self.heard.pop_front(), line);
        self.agreed += 1;
    }

    async fn listen(&mut self) {
        settle().await;
        let clients = [&self.client, &self.other];
        for client in clients.into_iter().flatten() {
            self.heard.extend(client.take_log());
        }
        // Of two connections one hears an event after the other.
        if self.other.is_some() {
            let method = |heard: &Value| heard["method"] == "updatedBlockTip";
            self.heard.make_contiguous().sort_by_key(method);
        }
    }

    async fn act(&mut self, line: &Value) {
        let deed = line["action"].as_str().or(line["call"].as_str()).expect("a deed").to_owned();
        match deed.as_str() {
            "handleNotifications" => self.subscribe(line).await,
            "handleNotifications (null)" => {
                let client = self.client.as_ref().expect("a client");
                self.handlers.push(client.handle_notifications(&self.chain, None).await);
            }
            "calling Handler.disconnect"
            | "Handler.disconnect (second)"
            | "Handler.disconnect of the first"
            | "Handler.disconnect before the stop" => self.call_handler("disconnect").await,
            "Handler.destroy" => self.call_handler("destroy").await,
            "Handler reference dropped" => self.handlers.clear(),
            "client closes its socket" => {
                if let Some(client) = self.client.take() {
                    client.close().await;
                }
            }
            "second client closes its socket" => {
                self.other.take().expect("another client").close().await;
            }
            "stop" | "JSON-RPC stop, the client still connected" => {
                self.world.shared.change(|node| node.request_shutdown());
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
            }
            "Chain.waitForNotificationsIfTipChanged (zero hash)" => {
                let client = self.client.as_ref().expect("a client");
                let (method, params) =
                    ("waitForNotificationsIfTipChanged", json!({ "oldTip": "00".repeat(32) }));
                client.call(&self.chain, "Chain", method, &params, &[]).await.expect("answered");
            }
            "requestMempoolTransactions is waiting in its first callback" => {
                let client = self.client.as_ref().expect("a client");
                let listener = [client.listener(|_| Act::Later(Box::pin(std::future::pending())))];
                let (method, params) =
                    ("requestMempoolTransactions", json!({ "notifications": 0 }));
                tokio::select! {
                    _ = client.call(&self.chain, "Chain", method, &params, &listener) => {}
                    () = settle() => {}
                }
                client.take_log();
            }
            "getHeight on a new connection" => {
                let client = FactsClient::connect(&self.world).await;
                let chain = client.make("Chain").await;
                let reply = client.call(&chain, "Chain", "getHeight", &json!({}), &[]).await;
                assert_eq!(reply.expect("a reply").results, line["results"]);
            }
            _ => self.change(&deed, line),
        }
    }

    async fn subscribe(&mut self, line: &Value) {
        let client = self.client.as_mut().expect("a client");
        if line["context"]["callbackThread"] == false {
            client.callback_thread = None;
        }
        let scenario = self.scenario.clone();
        let names = ["first", "second", "other connection"];
        let name = scenario.starts_with("two_handlers").then(|| names[self.handlers.len().min(2)]);
        let act = move |_: &_| match scenario.as_str() {
            "raising_notifications" => Act::Raise,
            "unimplemented_notifications" => Act::Unimplemented,
            _ => Act::Answer(json!({})),
        };
        let handler = if self.handlers.len() < 2 {
            let listener = client.named_listener(name, act);
            client.handle_notifications(&self.chain, Some(listener)).await
        } else {
            let other = FactsClient::connect(&self.world).await;
            let chain = other.make("Chain").await;
            let listener = other.named_listener(name, act);
            let handler = other.handle_notifications(&chain, Some(listener)).await;
            self.other = Some(other);
            handler
        };
        self.handlers.push(handler);
    }

    async fn call_handler(&mut self, method: &str) {
        let (client, handler) = (self.client.as_ref().expect("a client"), &self.handlers[0]);
        client.call(handler, "Handler", method, &json!({}), &[]).await.expect("answered");
    }

    /// What was done through JSON-RPC, or by a method that only some generations have.
    fn change(&self, deed: &str, line: &Value) {
        let anyone = ScriptBuf::from_bytes(vec![0x51]);
        let word = deed.split(' ').next().expect("a word");
        let tx = || deserialize_hex(line["hex"].as_str().expect("hex")).expect("a transaction");
        let block = || line["block"].as_str().expect("a hash").parse().expect("a hash");
        self.world.shared.change(|node| {
            if let Some(time) = line["mocktime"].as_i64() {
                node.set_clock(Clock::Mock(time));
            }
            match word {
                "sendrawtransaction" => assert!(node.submit_transaction(tx(), 0).is_accepted()),
                "generatetodescriptor" => {
                    node.mine_one(&anyone).expect("a block");
                }
                "generateblock" => {
                    node.mine_transactions(vec![tx()], &anyone).expect("a block");
                }
                "invalidateblock" => node.invalidate(&block()).expect("a block"),
                "reconsiderblock" => node.reconsider(&block()).expect("a block"),
                "Chain.removeTxFromMempool" => {
                    let txid = line["txid"].as_str().expect("an id").parse().expect("an id");
                    assert!(node.remove_transaction(&txid));
                }
                "gettxoutsetinfo" => node.flush(),
                "done:" | "calling" | "JSON-RPC" | "Handler.disconnect" => {}
                _ => panic!("nobody knows how to do {deed}"),
            }
        });
    }
}

/// Acts out every scenario of a recording but those that are named; gives the number of calls that agreed.
fn act_out(profile: &str, file: &str, without: &[&str]) -> usize {
    let lines = lines(&format!("{profile}/{file}"));
    let mut scenarios: Vec<&str> =
        lines.iter().filter_map(|line| line["scenario"].as_str()).collect();
    scenarios.dedup();
    let mut agreed = 0;
    for scenario in scenarios.into_iter().filter(|scenario| !without.contains(scenario)) {
        let own = lines.iter().filter(|line| line["scenario"] == scenario).cloned().collect();
        with_world(profile, recorded_node(profile), async |world| {
            let mut stage = Stage::new(world, scenario, own).await;
            stage.act_out().await;
            agreed += stage.agreed;
        });
    }
    agreed
}

#[test]
fn may_2025() {
    assert_eq!(act_out("pr29409-2025-05", "events.jsonl", &[]), 73);
}

#[test]
fn july_2024() {
    assert_eq!(act_out("pr10102-2024-07", "events.jsonl", &[]), 37);
}

#[test]
fn february_2026() {
    assert_eq!(act_out("pr10102-2026-02", "events.jsonl", &[]), 53);
}

#[test]
fn february_2026_once_more() {
    let of_the_operator = ["node_handlers", "shutdown", "alert"];
    assert_eq!(act_out("pr10102-2026-02", "events-second-recording.jsonl", &of_the_operator), 68);
}
