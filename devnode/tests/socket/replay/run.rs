//! Replays the calls of a run one after the other.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::{Inner, Method, Service, Slot};
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::rpc;
use serde_json::{Value, json};

use super::differences;
use super::methods::types;
use crate::client::{Client, Object, first_capability, new_call};

/// Longer than a busy machine takes to carry a call across.
const LONG: Duration = Duration::from_secs(60);

/// What became of a call.
enum Outcome {
    Results(Value),
    Template(Option<Object>),
    Failed(capnp::Error),
}

/// A replay under way.
pub(crate) struct Replay {
    client: Client,
    roots: BTreeMap<&'static str, Object>,
    /// Templates by the number of the call that returned them.
    templates: BTreeMap<u64, Object>,
    latest_template: Option<Object>,
    /// A time that the recorder set while the next call was waiting.
    clock_during_call: Option<i64>,
    agreed: usize,
    wrong: Vec<String>,
}

impl Replay {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            roots: BTreeMap::new(),
            templates: BTreeMap::new(),
            latest_template: None,
            clock_during_call: None,
            agreed: 0,
            wrong: Vec::new(),
        }
    }

    /// The devnode.
    pub(crate) fn shared(&self) -> Rc<bitcoin_grpc_devnode::socket::Shared> {
        Rc::clone(&self.client.world.shared)
    }

    /// Makes a template for calls whose recording does not say which one they mean.
    pub(crate) async fn keep_a_template(&mut self) {
        let record = json!({
            "seq": 0, "interface": "Mining", "method": "createNewBlock",
            "params": {}, "results": { "result": {} },
        });
        self.line(&record).await;
    }

    /// Replays one line.
    pub(crate) async fn line(&mut self, record: &Value) {
        match record["interface"].as_str().expect("an interface") {
            "JSON-RPC" => self.json_rpc(record),
            "Init" => {}
            interface => {
                let outcome = self.call(interface, record).await;
                self.judge(interface, record, outcome).await;
            }
        }
    }

    /// Says how many calls agreed, and fails if any did not.
    pub(crate) fn finish(self, at_least: usize) {
        assert!(self.wrong.is_empty(), "{} agreed\n{}", self.agreed, self.wrong.join("\n"));
        assert!(self.agreed >= at_least, "only {} agreed", self.agreed);
    }

    async fn call(&mut self, interface: &str, record: &Value) -> Outcome {
        let method = record["method"].as_str().expect("a method");
        let object = self.object(interface, record).await;
        let (id, ordinal) = self.place(interface, method);
        let types = types(interface, method);
        let mut call = new_call(&object, id, ordinal);
        (types.write)(call.get(), &record["params"], &self.client.thread);
        let waiting = self.shared().waiting();
        let sent = call.send();
        if let Some(time) = self.clock_during_call.take() {
            self.until_waiting(waiting + 1).await;
            self.shared().change(|node| node.set_clock(Clock::Mock(time)));
        }
        match sent.promise.await {
            Err(error) => Outcome::Failed(error),
            Ok(reply) => {
                let results = reply.get().expect("results");
                match method {
                    "createNewBlock" | "waitNext" => {
                        Outcome::Template(first_capability(results).ok())
                    }
                    _ => Outcome::Results((types.read)(results)),
                }
            }
        }
    }

    /// Waits until so many wait for the node. A clock that is set before a call reads it never reaches that call's end.
    async fn until_waiting(&self, wanted: usize) {
        let waiting = async {
            while self.shared().waiting() < wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.expect("a call that waits");
    }

    /// The object that a call goes to.
    async fn object(&mut self, interface: &str, record: &Value) -> Object {
        if interface == "BlockTemplate" {
            let named = record["target"].as_u64().and_then(|seq| self.templates.get(&seq));
            return named.or(self.latest_template.as_ref()).expect("a template").clone();
        }
        let (name, service) = match interface {
            "Echo" => ("Echo", Service::Echo),
            "Mining" => ("Mining", Service::Mining),
            "Node" => ("Node", Service::Node),
            "Rpc" => ("Rpc", Service::Rpc),
            other => panic!("{other} is not replayed"),
        };
        if !self.roots.contains_key(name) {
            let made = self.client.make(service).await.expect("made");
            self.roots.insert(name, made);
        }
        self.roots[name].clone()
    }

    fn place(&self, interface: &str, method: &str) -> (u64, u16) {
        let profile = self.client.world.profile;
        let own = |of: &Method| {
            of.info().wire_name == method
                && of.info().full_name.starts_with(&format!("{interface}."))
        };
        if let Some(method) = Method::ALL.iter().copied().find(own) {
            let Slot::Callable(at) = profile.slot(method) else { panic!("not in the profile") };
            return (method.info().interface_id, at.ordinal);
        }
        let inner = match (interface, method) {
            ("BlockTemplate", "submitSolutionOld7") => Inner::BlockTemplateSubmitSolutionOld7,
            ("Echo", "destroy") => Inner::EchoDestroy,
            ("Node", "customWalletLoader") => Inner::NodeCustomWalletLoader,
            _ => panic!("{interface}.{method} is unknown"),
        };
        (inner.interface_id(), profile.inner(inner).expect("in the profile").ordinal)
    }

    async fn judge(&mut self, interface: &str, record: &Value, outcome: Outcome) {
        let seq = record["seq"].as_u64().expect("a number");
        let problem = match outcome {
            Outcome::Failed(error) => {
                let problem = differs_in_error(record, &error);
                if error.kind == capnp::ErrorKind::Disconnected {
                    self.reconnect().await;
                }
                problem
            }
            Outcome::Template(template) => {
                let recorded = !record["results"]["result"].is_null();
                let same = record.get("error").is_none() && recorded == template.is_some();
                if let Some(template) = template {
                    self.templates.insert(seq, template.clone());
                    self.latest_template = Some(template);
                }
                (!same).then(|| "the template".to_owned())
            }
            Outcome::Results(ours) => differs_in_results(record, &ours),
        };
        match problem {
            None => self.agreed += 1,
            Some(_) if differences::of(record).is_some() => {}
            Some(problem) => {
                let params = &record["params"];
                let method = &record["method"];
                self.wrong.push(format!("seq {seq} {interface}.{method} {params}\n  {problem}"));
            }
        }
    }

    /// A node that died is started again, as the recorded one was.
    async fn reconnect(&mut self) {
        self.client = Client::connect(Rc::clone(&self.client.world)).await;
        self.roots.clear();
    }

    /// Does what the recorder did through the JSON-RPC port.
    fn json_rpc(&mut self, record: &Value) {
        let (method, params) = (record["method"].as_str().expect("a method"), &record["params"]);
        let during = record["note"].as_str().is_some_and(|note| note.starts_with("while"));
        if method == "setmocktime" && during {
            self.clock_during_call = params[0].as_i64();
            return;
        }
        let shared = self.shared();
        if let Some(time) = record["mocktime"].as_i64() {
            shared.change(|node| node.set_clock(Clock::Mock(time)));
        }
        let result = shared.change(|node| rpc::execute(node, method, &params.to_string()));
        let result: Value = serde_json::from_str(&result.expect("a result")).expect("JSON");
        let same = match method {
            // Recorded without its array.
            "generatetodescriptor" => result[0] == record["results"],
            "getpeerinfo" => differences::same_peers(&result, &record["results"]),
            _ => record.get("results").is_none_or(|recorded| *recorded == result),
        };
        if same {
            self.agreed += 1;
        } else {
            self.wrong.push(format!("{method} {params}: {result}\n  {}", record["results"]));
        }
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

fn differs_in_results(record: &Value, ours: &Value) -> Option<String> {
    let recorded = record.get("results").cloned().unwrap_or_else(|| json!({}));
    let same = record.get("error").is_none() && same(ours, &recorded);
    (!same).then(|| format!("ours     {ours}\n  recorded {recorded} {}", record["error"]))
}

/// Whether two values are the same, numbers as numbers.
pub(crate) fn same(ours: &Value, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        // The result of a failed command is an empty text here and none there.
        (Value::String(text), Value::Null) => text.is_empty(),
        _ => ours == recorded,
    }
}
