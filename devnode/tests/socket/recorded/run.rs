//! Replays the calls of a run one after the other.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::rpc;
use serde_json::{Value, json};

use super::differences::{self, Excuses};
use super::peer::recorded_peer;
use super::{compare, during};
use crate::client::{Object, World, foreign_thread, make_thread, settle};
use crate::facts::{Act, Answered, FactsClient};

/// How long a call may take; none of them waits for long.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a call is watched that the recorder gave up on.
const NO_ANSWER: Duration = Duration::from_millis(300);

/// When a node has died that answered first.
const LATER: Duration = Duration::from_millis(200);

/// Interfaces whose calls are replayed.
const INTERFACES: [&str; 11] = [
    "Init",
    "ThreadMap",
    "Thread",
    "Chain",
    "Node",
    "Mining",
    "BlockTemplate",
    "Echo",
    "Handler",
    "Rpc",
    "JSON-RPC",
];

/// What became of the calls of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// Calls that agree in everything.
    pub(super) agree: usize,
    /// Calls that differ where they may, as they may.
    pub(super) excused: usize,
    /// Calls that were not made.
    pub(super) left_out: usize,
}

/// A replay under way.
pub(super) struct Replay<'a> {
    label: &'static str,
    world: Rc<World>,
    client: FactsClient,
    /// Objects by the call that returned them, with the name of their interface.
    made: BTreeMap<u64, (String, Object)>,
    roots: BTreeMap<String, Object>,
    latest_template: Option<Object>,
    /// The node as the run began, for a new start after a death.
    fresh: &'a dyn Fn() -> Node,
    /// A time that the recorder set while the next call was waiting.
    clock_during_call: Option<i64>,
    excuses: Excuses,
    counts: Counts,
    wrong: Vec<String>,
}

fn is_call(record: &Value) -> bool {
    let interface = record["interface"].as_str().unwrap_or_default();
    record["callback"] != true && record["summary"] != true && INTERFACES.contains(&interface)
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
            excuses: Excuses::default(),
            counts: Counts { agree: 0, excused: 0, left_out: 0 },
            wrong: Vec::new(),
        }
    }

    /// Replays all calls of a run.
    pub(super) async fn run(&mut self, records: &[Value]) {
        for (place, record) in records.iter().enumerate().filter(|(_, record)| is_call(record)) {
            if let Some(time) = during::unrecorded_clock(self.label, record) {
                self.world.shared.change(|node| node.set_clock(Clock::Mock(time)));
            }
            let mut callbacks: Vec<_> = records[place + 1..]
                .iter()
                .take_while(|record| record["callback"] == true)
                .cloned()
                .collect();
            let next = records.get(place + 1 + callbacks.len()).unwrap_or(&Value::Null);
            // A thread is for the callback that follows, which belongs to another call here.
            if callbacks.last().is_some_and(|last| last["method"] == "makeThread") {
                callbacks.pop();
            }
            if differences::left_out(self.label, record).is_some() {
                self.counts.left_out += 1;
            } else if during::is_part_of(record, next) {
                // Done while the next call waits.
            } else if record["interface"] == "JSON-RPC" {
                self.json_rpc(record);
            } else if during::client_leaves(record) {
                self.leave(record).await;
            } else {
                self.call(record, callbacks, next["interface"] == "(node)").await;
            }
        }
    }

    /// Says how many calls agreed, and fails if any did not.
    pub(super) fn finish(self, counts: &Counts) {
        assert!(self.wrong.is_empty(), "{:?}\n{}", self.counts, self.wrong.join("\n"));
        assert_eq!(self.counts, *counts);
    }

    async fn object(&mut self, record: &Value) -> Object {
        let interface = record["interface"].as_str().expect("an interface");
        let made = record["target"].as_u64().and_then(|seq| self.made.get(&seq));
        if let Some((_, made)) = made.filter(|(name, _)| name == interface) {
            return made.clone();
        }
        match interface {
            "Init" => self.init(record).await,
            "ThreadMap" => self.client.threads.clone(),
            "Thread" => self.client.thread_object(),
            "BlockTemplate" => {
                if self.latest_template.is_none() {
                    self.latest_template = Some(self.template().await);
                }
                self.latest_template.clone().expect("a template")
            }
            "Handler" => {
                let mut handlers = self.made.values().filter(|(name, _)| name == "Handler");
                handlers.next_back().expect("a handler").1.clone()
            }
            _ => {
                if !self.roots.contains_key(interface) {
                    let made = self.client.make(interface).await;
                    self.roots.insert(interface.to_owned(), made);
                }
                self.roots[interface].clone()
            }
        }
    }

    /// Our bootstrap interface, or that of a connection which was not constructed.
    async fn init(&self, record: &Value) -> Object {
        match record["note"] == BEFORE_CONSTRUCT {
            true => self.world.bare_init().await,
            false => self.client.init.clone(),
        }
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
        let method = record["method"].as_str().expect("a method");
        let (callbacks, others): (Vec<_>, Vec<_>) =
            callbacks.into_iter().partition(|line| line["interface"] != "JSON-RPC");
        assert!(others.is_empty(), "another player: {others:?}");
        let deaths = self.world.shared.deaths.count();
        let reply = self.ask(record, &object, &callbacks).await;
        if during::client_leaves_later(record) {
            let other = FactsClient::connect(&self.world).await;
            std::mem::replace(&mut self.client, other).close().await;
        }
        if method == "rpcRunLater" && (dies_later || !callbacks.is_empty()) {
            let seconds = record["params"]["seconds"].as_u64().unwrap_or_default();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        settle().await;
        if dies_later {
            tokio::time::sleep(LATER).await;
        }
        let died = self.world.shared.deaths.count() > deaths;
        let no_answer = reply.as_ref().is_err_and(|error| error.extra == NOTHING);
        let outcome = self.outcome(record, reply);
        let dies = dies_later || outcome["error"]["kind"] == "disconnected";
        let mut problem = self.judge(record, outcome);
        if record["note"] == "negative seconds" {
            // The recorder did not note whether a function that is due already is run. Ours is, on a thread of the node.
            tokio::time::sleep(LATER).await;
            let names: Vec<_> = self.client.take_names();
            assert_eq!(names.last().map(String::as_str), Some("call"), "{names:?}");
        }
        problem = problem.or_else(|| self.callbacks_differ(&callbacks));
        problem = problem.or_else(|| {
            (died != dies).then(|| format!("death: {died} {:?}", self.world.shared.deaths.causes()))
        });
        self.count(record, problem);
        if died {
            self.start_again().await;
        } else if no_answer {
            self.connect_again().await;
        }
    }

    /// Closes the connection while a call waits.
    async fn leave(&mut self, record: &Value) {
        let object = self.object(record).await;
        let method = record["method"].as_str().expect("a method");
        let (params, objects) = self.params(&record["params"], VecDeque::new());
        let call = self.client.call(&object, "Mining", method, &params, &objects);
        let answered = tokio::time::timeout(NO_ANSWER, call).await;
        let other = FactsClient::connect(&self.world).await;
        std::mem::replace(&mut self.client, other).close().await;
        self.connect_again().await;
        let deaths = self.world.shared.deaths.count();
        let problem = match (answered, deaths) {
            (Err(_), 0) => None,
            other => Some(format!("{other:?}")),
        };
        self.count(record, problem);
    }

    /// Makes a call, and what was done while it waited.
    async fn ask(
        &mut self,
        record: &Value,
        object: &Object,
        callbacks: &[Value],
    ) -> Result<Answered, capnp::Error> {
        let interface = record["interface"].as_str().expect("an interface");
        let method = record["method"].as_str().expect("a method");
        let (params, objects) = self.params(&record["params"], answers(callbacks));
        let threads = (self.client.thread.clone(), self.client.callback_thread.clone());
        self.name_threads(record).await;
        let call = self.client.call(object, interface, method, &params, &objects);
        let given_up = record["error"]["kind"] == "timeout";
        let patience = if given_up { NO_ANSWER } else { PATIENCE };
        let deed = during::Deed::of(record, self.clock_during_call.take());
        let deed = deed.map(|deed| deed.done(&self.client, object, &self.world));
        let deed = async {
            if let Some(deed) = deed {
                deed.await;
            }
        };
        let (reply, ()) = tokio::join!(tokio::time::timeout(patience, call), deed);
        (self.client.thread, self.client.callback_thread) = threads;
        reply.unwrap_or_else(|_| Err(capnp::Error::failed(NOTHING.to_owned())))
    }

    /// What came of a call. Objects are kept for the calls on them.
    fn outcome(&mut self, record: &Value, reply: Result<Answered, capnp::Error>) -> Value {
        match reply {
            Err(error) if error.extra == NOTHING => {
                json!({ "error": { "kind": "timeout", "text": "" } })
            }
            Err(error) => compare::ours(Err(&error)),
            Ok(answered) => {
                if let Some(object) = answered.object {
                    let method = &record["method"];
                    if *method == "createNewBlock" || *method == "waitNext" {
                        self.latest_template = Some(object.clone());
                    }
                    let seq = record["seq"].as_u64().expect("a number");
                    self.made.insert(seq, (interface_of(record), object));
                }
                compare::ours(Ok(answered.results))
            }
        }
    }

    /// Holds an outcome against the recorded one.
    fn judge(&mut self, record: &Value, mut ours: Value) -> Option<String> {
        let mut recorded = compare::recorded(record);
        compare::parse_texts(&mut ours, &mut recorded);
        let found = compare::differences(&ours, &recorded);
        self.excuses.judge(record, found)
    }

    fn count(&mut self, record: &Value, problem: Option<String>) {
        let excused = self.excuses.taken();
        match problem {
            None if excused => self.counts.excused += 1,
            None => self.counts.agree += 1,
            Some(problem) => {
                let (seq, interface, method) =
                    (&record["seq"], &record["interface"], &record["method"]);
                let (params, note) = (&record["params"], &record["note"]);
                self.wrong
                    .push(format!("seq {seq} {interface}.{method} {params} {note}\n  {problem}"));
            }
        }
    }

    /// Connects the peer that the recorder played, when it is asked for.
    fn connect_peer(&self, record: &Value) {
        let shared = &self.world.shared;
        let wanted = ["one inbound peer", "the peer"].iter().any(|note| record["note"] == *note);
        if wanted && shared.node().peers().list().is_empty() {
            shared.change(|node| {
                let peer = recorded_peer(self.label, node.now());
                node.peers_mut().connect(peer)
            });
        }
    }

    /// Names the threads that the recorder named.
    async fn name_threads(&mut self, record: &Value) {
        let named = &record["context"];
        if named["callbackThread"] == false {
            self.client.callback_thread = None;
        }
        let note = record["note"].as_str().unwrap_or_default();
        if named["thread"] == false || note == BEFORE_CONSTRUCT {
            self.client.thread = None;
        } else if note.contains("own Thread") {
            self.client.thread = Some(foreign_thread());
        } else if note.contains("thread of another connection") {
            let (init, _) = self.world.connect().await;
            let reply = init.construct_request().send().promise.await.expect("constructed");
            let threads = reply.get().expect("a reply").get_thread_map().expect("threads");
            self.client.thread = Some(make_thread(&threads).await);
        }
    }

    /// The recorder started a node that died again, from the same data.
    async fn start_again(&mut self) {
        let fresh = (self.fresh)();
        self.world.shared.change(|node| *node = fresh);
        self.connect_again().await;
    }

    /// A call that is not answered keeps its thread, and may take what is meant for others.
    async fn connect_again(&mut self) {
        let other = FactsClient::connect(&self.world).await;
        std::mem::replace(&mut self.client, other).close().await;
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
        (!compare::same(&ours, &recorded))
            .then(|| format!("called   {ours}\n  recorded {recorded}"))
    }

    /// Does what the recorder did through the JSON-RPC port.
    fn json_rpc(&mut self, record: &Value) {
        let (method, params) = (record["method"].as_str().expect("a method"), &record["params"]);
        if method == "setmocktime" && record["note"].as_str().is_some_and(during::is_while) {
            self.clock_during_call = params[0].as_i64();
            return;
        }
        let shared = Rc::clone(&self.world.shared);
        if let Some(time) = record["mocktime"].as_i64() {
            shared.change(|node| node.set_clock(Clock::Mock(time)));
        }
        let result = shared.change(|node| rpc::execute(node, method, &params.to_string()));
        let mut result: Value = serde_json::from_str(&result.expect("a result")).expect("JSON");
        if method == "generatetodescriptor" && record["results"].is_string() {
            // Recorded without its array.
            assert_eq!(result.as_array().map(Vec::len), Some(1));
            result = result[0].take();
        }
        let problem = match record.get("results") {
            Some(recorded) => {
                let recorded = json!({ "results": recorded });
                let found = compare::differences(&json!({ "results": result }), &recorded);
                self.excuses.judge(record, found)
            }
            None => None,
        };
        self.count(record, problem);
    }
}

/// A call on a connection that was not constructed, and so has no threads.
const BEFORE_CONSTRUCT: &str = "before construct";

/// Says that there was no answer.
const NOTHING: &str = "the devnode did not answer";

/// The interface of the object that a call returns.
fn interface_of(record: &Value) -> String {
    match record["method"].as_str().expect("a method") {
        "createNewBlock" | "waitNext" => "BlockTemplate".to_owned(),
        method if method.starts_with("handle") => "Handler".to_owned(),
        method => method.trim_start_matches("make").to_owned(),
    }
}

/// What the recorder answered when the node called.
fn answers(callbacks: &[Value]) -> VecDeque<Value> {
    let answers = callbacks.iter().filter(|line| line["method"] != "makeThread");
    let answer = |line: &Value| match line.get("client_raised") {
        Some(_) => Value::Null,
        None => line.get("results").cloned().unwrap_or_else(|| json!({})),
    };
    answers.map(answer).collect()
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
