//! A client that knows the interfaces from the wire facts alone: any method of any generation, and callbacks of any
//! interface, with values in the JSON of the recordings.

mod listener;
mod values;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use bitcoin_grpc_codegen::facts::MethodFacts;
use bitcoin_grpc_contract::wire::init_capnp::init;
use bitcoin_grpc_contract::wire::proxy_capnp::{thread, thread_map};
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::estimate::{EstimateBucket, FeeHistory};
use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions};
use bitcoin_grpc_testkit::generation::{Generation as Facts, id};
use bitcoin_grpc_testkit::server::caps;
use bitcoin_grpc_testkit::{Tree, World};
use capnp::capability::FromClientHook;
use capnp::private::layout::CapTable;
use serde_json::{Value, json};

pub(crate) use listener::{Act, Heard, Listener, Log};

use crate::client::{Object, World as Served, first_capability, new_call};

/// A client of one connection.
pub(crate) struct FactsClient {
    pub(crate) served: Rc<Served>,
    pub(crate) generation: &'static Facts,
    pub(crate) init: Object,
    /// What the node called, in order.
    pub(crate) log: Log,
    /// What makes threads of the node.
    pub(crate) threads: Object,
    /// None to name no thread.
    pub(crate) thread: Option<thread::Client>,
    pub(crate) callback_thread: Option<thread::Client>,
    /// The task that speaks to the node; the connection closes with it.
    task: tokio::task::JoinHandle<()>,
}

/// An answer: its values, and the object that it is, if it is one.
pub(crate) struct Answered {
    pub(crate) results: Value,
    pub(crate) object: Option<Object>,
}

/// Our thread map: makes a thread for whoever asks, and notes it.
struct ThreadMap(Log);

impl thread_map::Server for ThreadMap {
    async fn make_thread(
        self: Rc<Self>,
        params: thread_map::MakeThreadParams,
        mut results: thread_map::MakeThreadResults,
    ) -> Result<(), capnp::Error> {
        let name = params.get()?.get_name()?.to_str()?.to_owned();
        self.0.borrow_mut().push(json!({
            "interface": "ThreadMap", "method": "makeThread", "params": { "name": name },
        }));
        results.get().set_result(crate::client::foreign_thread());
        Ok(())
    }
}

impl FactsClient {
    /// Connects, gives our thread map and makes a server thread.
    pub(crate) async fn connect(served: &Rc<Served>) -> Self {
        let (init, task) = served.connect().await;
        let log = Log::default();
        let map = capnp_rpc::new_client(ThreadMap(Rc::clone(&log)));
        Self::construct(served, init, task, log, Some(map)).await
    }

    /// The same without a thread map.
    pub(crate) async fn without_thread_map(served: &Rc<Served>) -> Self {
        let (init, task) = served.connect().await;
        Self::construct(served, init, task, Log::default(), None).await
    }

    async fn construct(
        served: &Rc<Served>,
        init: init::Client,
        task: tokio::task::JoinHandle<()>,
        log: Log,
        map: Option<thread_map::Client>,
    ) -> Self {
        let mut request = init.construct_request();
        if let Some(map) = map {
            request.get().set_thread_map(map);
        }
        let reply = request.send().promise.await.expect("constructed");
        let threads = reply.get().expect("reply").get_thread_map().expect("thread map");
        let thread = Some(crate::client::make_thread(&threads).await);
        Self {
            served: Rc::clone(served),
            generation: &World::get().peer(served.profile.name).generation,
            init: Object::new(init.into_client_hook()),
            log,
            threads: Object::new(threads.into_client_hook()),
            thread,
            callback_thread: Some(crate::client::foreign_thread()),
            task,
        }
    }

    /// Our server thread, as an object that can be called.
    pub(crate) fn thread_object(&self) -> Object {
        Object::new(self.thread.clone().expect("a thread").into_client_hook())
    }

    /// Closes the connection, at once and without a word.
    pub(crate) async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
        crate::client::settle().await;
    }

    pub(crate) fn method(&self, interface: &str, method: &str) -> (u64, &'static MethodFacts) {
        let found = &self.generation.facts.interfaces[interface];
        let facts = found.methods.iter().find(|m| m.name == method);
        (id(&found.id), facts.unwrap_or_else(|| panic!("no method {interface}.{method}")))
    }

    /// Makes an interface by a method of Init.
    pub(crate) async fn make(&self, interface: &str) -> Object {
        let maker = format!("make{interface}");
        let made = self.call(&self.init, "Init", &maker, &json!({}), &[]).await;
        made.expect("made").object.expect("an object")
    }

    /// Calls a method. Objects of ours stand in the parameters as their place among `objects`.
    pub(crate) async fn call(
        &self,
        object: &Object,
        interface: &str,
        method: &str,
        params: &Value,
        objects: &[Object],
    ) -> Result<Answered, capnp::Error> {
        let (id, facts) = self.method(interface, method);
        let mut call = new_call(object, id, facts.ordinal);
        let layout = self.generation.list(&facts.params);
        let mut table = CapTable::new();
        objects.iter().for_each(|object| table.push(Some(object.hook.clone())));
        let mut tree = values::fields(self.generation, &layout, params);
        if layout.slot("context").is_some() {
            tree.insert("context".to_owned(), self.context(&mut table));
        }
        caps::write(self.generation, &layout, &Tree::Struct(tree), &table, call.get())?;
        let reply = call.send().promise.await?;
        let layout = self.generation.list(&facts.results);
        let tree = caps::read(self.generation, &layout, reply.get()?)?;
        let object = layout.slot("result").is_some_and(|slot| {
            matches!(slot.ty, bitcoin_grpc_codegen::schema::Type::Interface { .. })
        });
        let object = object.then(|| first_capability(reply.get()?)).and_then(Result::ok);
        Ok(Answered { results: values::show(self.generation, &layout, &tree), object })
    }

    /// Calls a method without parameters on another thread.
    pub(crate) async fn call_on(
        &self,
        thread: &thread::Client,
        object: &Object,
        method: &str,
    ) -> Result<Value, capnp::Error> {
        let (id, facts) = self.method("Chain", method);
        let mut call = new_call(object, id, facts.ordinal);
        let params: init::make_echo_params::Builder<'_> = call.get().init_as();
        params.init_context().set_thread(thread.clone());
        let reply = call.send().promise.await?;
        let layout = self.generation.list(&facts.results);
        Ok(values::show(
            self.generation,
            &layout,
            &caps::read(self.generation, &layout, reply.get()?)?,
        ))
    }

    fn context(&self, table: &mut CapTable) -> Tree {
        let mut named = |thread: Option<&thread::Client>| match thread {
            Some(thread) => {
                table.push(Some(thread.clone().into_client_hook()));
                Tree::Capability(u32::try_from(table.len() - 1).expect("few"))
            }
            None => Tree::Null,
        };
        let thread = named(self.thread.as_ref());
        let callback_thread = named(self.callback_thread.as_ref());
        Tree::of([("thread", thread), ("callbackThread", callback_thread)])
    }

    /// An object of ours that answers every call as told, and writes it into the log.
    pub(crate) fn listener(&self, act: impl Fn(&Heard) -> Act + 'static) -> Object {
        self.named_listener(None, act)
    }

    /// The same with a name in the log.
    pub(crate) fn named_listener(
        &self,
        name: Option<&'static str>,
        act: impl Fn(&Heard) -> Act + 'static,
    ) -> Object {
        Listener::new(self.generation, Rc::clone(&self.log), name, act).client()
    }

    /// An object of ours that answers every call with nothing.
    pub(crate) fn obedient(&self) -> Object {
        self.listener(|_| Act::Answer(json!({})))
    }

    /// Registers a handler of chain notifications.
    pub(crate) async fn handle_notifications(
        &self,
        chain: &Object,
        listener: Option<Object>,
    ) -> Object {
        let params = json!({ "notifications": listener.is_some().then_some(0) });
        let objects: Vec<Object> = listener.into_iter().collect();
        let reply = self.call(chain, "Chain", "handleNotifications", &params, &objects).await;
        reply.expect("a reply").object.expect("a handler")
    }

    /// Takes what the node called since the last time.
    pub(crate) fn take_log(&self) -> Vec<Value> {
        std::mem::take(&mut self.log.borrow_mut())
    }

    /// Takes it as names of methods.
    pub(crate) fn take_names(&self) -> Vec<String> {
        let name = |heard: &Value| heard["method"].as_str().expect("a name").to_owned();
        self.take_log().iter().map(name).collect()
    }
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.results.fmt(f)
    }
}

/// A node of a generation with the chain and the mempool of the recordings.
pub(crate) fn recorded_node(profile: &str) -> Node {
    recorded_node_with(profile, &["-blockfilterindex=1", "-mocktime=1700080407"])
}

/// The same with these words on its command line.
pub(crate) fn recorded_node_with(profile: &str, words: &[&str]) -> Node {
    let node = empty_node(profile, words);
    with_recorded_chain(profile, node)
}

/// The same on the machine's clock, which is far ahead of the chain.
pub(crate) fn recorded_node_of_old(profile: &str, words: &[&str]) -> Node {
    let mut node = empty_node(profile, words);
    node.set_clock(Clock::System);
    with_recorded_chain(profile, node)
}

fn with_recorded_chain(profile: &str, mut node: Node) -> Node {
    let chain = chain_of(profile);
    let (blocks, mempool) = (golden(chain, "blocks.jsonl"), golden(chain, "mempool.jsonl"));
    node.load(&blocks, Some(&mempool)).expect("the recorded chain");
    node.set_fee_history(recorded_history());
    node
}

/// What the recorded nodes' estimators had seen: too little. It is not in the blocks, so it is set.
fn recorded_history() -> FeeHistory {
    FeeHistory {
        usable_target: 9,
        seen: EstimateBucket {
            start: 0.0,
            end: 1e99,
            within_target: 3.820139795242901,
            total_confirmed: 3.820139795242901,
            in_mempool: 0.0,
            left_mempool: 0.0,
        },
        decay: 0.962,
        scale: 1,
    }
}

/// The same after the recorder had made wallets and three blocks.
pub(crate) fn node_after_wallets(profile: &str) -> Node {
    let mut node = empty_node(profile, &["-blockfilterindex=1", "-mocktime=1700082207"]);
    node.load(&golden(chain_of(profile), "blocks.jsonl"), None).expect("the recorded chain");
    let own = |file| golden(profile, file);
    node.load(&own("blocks-wallet.jsonl"), Some(&own("mempool-wallet.jsonl")))
        .expect("more blocks");
    node
}

/// A node that knows genesis only.
pub(crate) fn empty_node(profile: &str, words: &[&str]) -> Node {
    let generation = Generation::of_profile(profile).expect("a generation");
    let settings = Settings::from_command_line(words.iter().copied());
    Node::new(NodeOptions::from_settings(generation, settings))
}

/// The folder with the chain of a generation: most recordings began with the same.
fn chain_of(profile: &str) -> &str {
    match profile {
        "pr10102-2024-07" | "core-32" => profile,
        _ => "pr29409-2025-05",
    }
}

fn golden(folder: &str, file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(folder).join(file)
}

/// A shared cell, for what a callback does.
pub(crate) fn cell<T>(value: T) -> Rc<RefCell<T>> {
    Rc::new(RefCell::new(value))
}
