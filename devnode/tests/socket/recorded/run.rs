//! Replays the calls of a run one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::clock::Clock;
use serde_json::{Value, json};

use super::differences;
use crate::client::{Object, World, foreign_thread, settle};
use crate::facts::{Act, FactsClient};

/// How long a call may take; none of them waits for long.
const PATIENCE: Duration = Duration::from_secs(4);

/// When a node has died that answered first.
const LATER: Duration = Duration::from_millis(200);

/// A replay under way.
pub(super) struct Replay<'a> {
    label: &'static str,
    world: Rc<World>,
    client: FactsClient,
    /// Objects by the call that returned them.
    made: BTreeMap<u64, Object>,
    roots: BTreeMap<String, Object>,
    latest_template: Option<Object>,
    /// The node as the run began, for a new start after a death.
    fresh: &'a dyn Fn() -> Node,
    /// A time that the recorder set while the next call was waiting.
    clock_during_call: Option<i64>,
    agreed: usize,
    left_out: usize,
    wrong: Vec<String>,
}

/// Whether a call waits for a clock, or goes to an interface that is not replayed here.
fn is_call(record: &Value) -> bool {
    let replayed = ["Chain", "Node", "Mining", "BlockTemplate", "Echo", "Handler", "JSON-RPC"];
    let interface = record["interface"].as_str().unwrap_or_default();
    record["callback"] != true && record["summary"] != true && replayed.contains(&interface)
}

impl<'a> Replay<'a> {
    pub(super) async fn new(
        label: &'static str,
        world: Rc<World>,
        fresh: &'a dyn Fn() -> Node,
    ) -> Self {
        let client = FactsClient::connect(&world).await;
        Self {
            label,
            world,
            client,
            made: BTreeMap::new(),
            roots: BTreeMap::new(),
            latest_template: None,
            fresh,
            clock_during_call: None,
            agreed: 0,
            left_out: 0,
            wrong: Vec::new(),
        }
    }

    /// Replays all calls of a run.
    pub(super) async fn run(&mut self, records: &[Value]) {
        for (place, record) in records.iter().enumerate().filter(|(_, record)| is_call(record)) {
            let after = records[place + 1..].iter();
            let mut callbacks: Vec<_> =
                after.take_while(|record| record["callback"] == true).cloned().collect();
            // A thread is for the callback that follows, which belongs to another call here.
            if callbacks.last().is_some_and(|last| last["method"] == "makeThread") {
                callbacks.pop();
            }
            let next = &records.get(place + 1).unwrap_or(&Value::Null)["interface"];
            let dies_later = *next == "(node)";
            match differences::of(self.label, record) {
                Some(_) => self.left_out += 1,
                None if record["interface"] == "JSON-RPC" => self.json_rpc(record),
                None => self.call(record, callbacks, dies_later).await,
            }
        }
    }

    /// Says how many calls agreed, and fails if any did not.
    pub(super) fn finish(self, agreed: usize, left_out: usize) {
        assert!(self.wrong.is_empty(), "{} agreed\n{}", self.agreed, self.wrong.join("\n"));
        assert_eq!((self.agreed, self.left_out), (agreed, left_out));
    }

    async fn object(&mut self, record: &Value) -> Object {
        let interface = record["interface"].as_str().expect("an interface");
        if let Some(made) = record["target"].as_u64().and_then(|seq| self.made.get(&seq)) {
            return made.clone();
        }
        if interface == "BlockTemplate" {
            if self.latest_template.is_none() {
                self.latest_template = Some(self.template().await);
            }
            return self.latest_template.clone().expect("a template");
        }
        if interface == "Handler" {
            return self.made.last_key_value().expect("a handler").1.clone();
        }
        if !self.roots.contains_key(interface) {
            let made = self.client.make(interface).await;
            self.roots.insert(interface.to_owned(), made);
        }
        self.roots[interface].clone()
    }

    /// A template for calls whose recording does not say which one they mean.
    async fn template(&self) -> Object {
        let mining = self.client.make("Mining").await;
        let options = json!({
            "useMempool": true,
            "blockReservedWeight": 8000,
            "coinbaseOutputMaxAdditionalSigops": 400,
        });
        let params = json!({ "options": options });
        let made = self.client.call(&mining, "Mining", "createNewBlock", &params, &[]).await;
        made.expect("a template").object.expect("a template")
    }

    async fn call(&mut self, record: &Value, callbacks: Vec<Value>, dies_later: bool) {
        self.connect_peer(record);
        let object = self.object(record).await;
        let interface = record["interface"].as_str().expect("an interface");
        let method = record["method"].as_str().expect("a method");
        let (callbacks, others): (Vec<_>, Vec<_>) =
            callbacks.into_iter().partition(|line| line["interface"] != "JSON-RPC");
        assert!(others.is_empty(), "another player: {others:?}");
        let answers = callbacks.iter().filter(|line| line["method"] != "makeThread");
        let answer = |line: &Value| match line.get("client_raised") {
            Some(_) => Value::Null,
            None => line.get("results").cloned().unwrap_or_else(|| json!({})),
        };
        let answers: VecDeque<Value> = answers.map(answer).collect();
        let (params, objects) = self.params(&record["params"], answers);
        let (thread, callback_thread) =
            (self.client.thread.clone(), self.client.callback_thread.clone());
        self.name_threads(record);
        let deaths = self.world.shared.deaths.count();
        let call = self.client.call(&object, interface, method, &params, &objects);
        let (shared, time) = (Rc::clone(&self.world.shared), self.clock_during_call.take());
        let move_clock = async {
            if let Some(time) = time {
                tokio::time::sleep(Duration::from_millis(20)).await;
                shared.change(|node| node.set_clock(Clock::Mock(time)));
            }
        };
        let (reply, ()) = tokio::join!(tokio::time::timeout(PATIENCE, call), move_clock);
        let reply = reply.unwrap_or_else(|_| {
            Err(capnp::Error::overloaded("the devnode did not answer".to_owned()))
        });
        (self.client.thread, self.client.callback_thread) = (thread, callback_thread);
        if method == "rpcRunLater" && !callbacks.is_empty() {
            let seconds = record["params"]["seconds"].as_u64().unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        settle().await;
        if dies_later {
            tokio::time::sleep(LATER).await;
        }
        let died = self.world.shared.deaths.count() > deaths;
        let problem = match reply {
            Ok(answered) => {
                if let Some(object) = answered.object {
                    let seq = record["seq"].as_u64().expect("a number");
                    if method == "createNewBlock" || method == "waitNext" {
                        self.latest_template = Some(object.clone());
                    }
                    self.made.insert(seq, object);
                }
                differs_in_results(record, answered.results)
            }
            Err(error) => differs_in_error(record, &error),
        };
        if method == "rpcRunLater" && callbacks.is_empty() {
            self.client.take_log();
        }
        let problem = problem.or_else(|| self.callbacks_differ(&callbacks));
        let problem = problem.or_else(|| {
            let dies = dies_later || record["error"]["kind"] == "disconnected";
            (died != dies).then(|| format!("death: {died} {:?}", self.world.shared.deaths.causes()))
        });
        match problem {
            None => self.agreed += 1,
            Some(problem) => {
                let seq = &record["seq"];
                self.wrong.push(format!(
                    "seq {seq} {interface}.{method} {} {}\n  {problem}",
                    record["params"], record["note"]
                ));
            }
        }
        if died {
            self.start_again().await;
        }
    }

    /// Connects the peer that the recorder played, when it is asked for.
    fn connect_peer(&self, record: &Value) {
        let shared = &self.world.shared;
        let wanted = ["one inbound peer", "the peer"].iter().any(|note| record["note"] == *note);
        if wanted && shared.node().peers().list().is_empty() {
            shared.change(|node| {
                let peer = crate::replay::recorded_peer(node.now());
                node.peers_mut().connect(peer)
            });
        }
    }

    /// Names the threads that the recorder named.
    fn name_threads(&mut self, record: &Value) {
        let named = &record["context"];
        if named["callbackThread"] == false {
            self.client.callback_thread = None;
        }
        let note = record["note"].as_str().unwrap_or_default();
        if named["thread"] == false {
            self.client.thread = None;
        } else if note.contains("own Thread") || note.contains("thread of another connection") {
            self.client.thread = Some(foreign_thread());
        }
    }

    /// The recorder started a node that died again, from the same data.
    async fn start_again(&mut self) {
        let fresh = (self.fresh)();
        self.world.shared.change(|node| *node = fresh);
        self.client = FactsClient::connect(&self.world).await;
        self.roots.clear();
        self.made.clear();
        self.latest_template = None;
    }

    /// Parameters with our objects in the places of the recorder's.
    fn params(&self, recorded: &Value, answers: VecDeque<Value>) -> (Value, Vec<Object>) {
        let answers = Rc::new(RefCell::new(answers));
        let act = move |_: &_| match answers.borrow_mut().pop_front() {
            Some(Value::Null) => Act::Raise,
            Some(answer) => Act::Answer(answer),
            None => Act::Answer(json!({})),
        };
        let listener = self.client.listener(act);
        let mut params = recorded.clone();
        let mut objects = Vec::new();
        fill_in(&mut params, &mut || {
            objects.push(listener.clone());
            json!(objects.len() - 1)
        });
        (params, objects)
    }

    fn callbacks_differ(&self, recorded: &[Value]) -> Option<String> {
        let plain = |line: &Value| {
            let name = match &line["interface"] {
                interface if interface == "ThreadMap" => Value::Null,
                _ => line["params"].clone(),
            };
            json!([line["interface"], line["method"], name, line["context_has"]])
        };
        let ours: Value = self.client.take_log().iter().map(plain).collect();
        let recorded: Value = recorded.iter().map(plain).collect();
        (!crate::replay::same(&ours, &recorded))
            .then(|| format!("called   {ours}\n  recorded {recorded}"))
    }

    /// Does what the recorder did through the JSON-RPC port.
    fn json_rpc(&mut self, record: &Value) {
        let (method, params) = (record["method"].as_str().expect("a method"), &record["params"]);
        let during = record["note"].as_str().is_some_and(|note| note.starts_with("while"));
        if method == "setmocktime" && during {
            self.clock_during_call = params[0].as_i64();
            return;
        }
        let shared = &self.world.shared;
        let result = shared
            .change(|node| bitcoin_grpc_devnode::rpc::execute(node, method, &params.to_string()));
        let result: Value = serde_json::from_str(&result.expect("a result")).expect("JSON");
        match record.get("results").is_none_or(|recorded| *recorded == result) {
            true => self.agreed += 1,
            false => self.wrong.push(format!("{record}\n  {result}")),
        }
    }
}

/// Puts a number in the place of every object.
fn fill_in(value: &mut Value, next: &mut dyn FnMut() -> Value) {
    if value.get("$cap").is_some() {
        *value = next();
        return;
    }
    // The recorder stumbled over a parameter called `write`, which it had set.
    if value.get("$py").is_some() {
        *value = json!(true);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| fill_in(value, next)),
        Value::Array(items) => items.iter_mut().for_each(|value| fill_in(value, next)),
        _ => {}
    }
}

fn differs_in_error(record: &Value, error: &capnp::Error) -> Option<String> {
    let recorded = &record["error"];
    let same = match recorded["kind"].as_str() {
        Some("failed") => {
            let text = recorded["text"].as_str().unwrap_or_default();
            let text = text.strip_prefix("remote exception: ").unwrap_or(text);
            error.kind == capnp::ErrorKind::Failed && error.extra.contains(text)
        }
        Some("disconnected") => error.kind == capnp::ErrorKind::Disconnected,
        _ => false,
    };
    (!same).then(|| format!("ours     {error}\n  recorded {recorded} {}", record["results"]))
}

/// What a node leaves uninitialised is left out, as the recorder noted.
fn differs_in_results(record: &Value, mut ours: Value) -> Option<String> {
    let mut recorded = record.get("results").cloned().unwrap_or_else(|| json!({}));
    if record["method"] == "getTransactionAncestry" && recorded["ancestors"] == 0 {
        for results in [&mut ours, &mut recorded] {
            results["ancestorsize"].take();
            results["ancestorfees"].take();
        }
    }
    if recorded["result"].get("$cap").is_some() {
        recorded["result"] = json!("$cap");
    }
    let same = record.get("error").is_none() && crate::replay::same(&ours, &recorded);
    (!same).then(|| format!("ours     {ours}\n  recorded {recorded} {}", record["error"]))
}
