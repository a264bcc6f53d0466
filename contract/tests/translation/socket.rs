//! The same over a real socket: a plain Cap'n Proto client that uses the glue, and a node that is
//! made from the facts.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, PoisonError};

use bitcoin_grpc_contract::wire::proxy_capnp::context;
use bitcoin_grpc_contract::{Form, Method, transfer};
use bitcoin_grpc_testkit::any::{self, normal};
use bitcoin_grpc_testkit::arbitrary::{requests, responses};
use bitcoin_grpc_testkit::cross::cross;
use bitcoin_grpc_testkit::generation::id;
use bitcoin_grpc_testkit::{Answer, Call, FactsServer, Tree};
use capnp::any_pointer;
use capnp::capability::{Client, FromClientHook, Request, Response};
use capnp::private::capability::PipelineOp::GetPointerField;
use capnp_rpc::twoparty::VatNetwork;
use capnp_rpc::{RpcSystem, rpc_twoparty_capnp::Side};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use prost_reflect::DynamicMessage;
use tokio::task::LocalSet;
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};

use crate::harness::Subject;

/// Values for each method; the properties have looked at many more.
const ROUNDS: usize = 3;

type Prepared = Arc<Mutex<BTreeMap<String, Tree>>>;

fn key(interface: &str, method: &str) -> String {
    format!("{interface}.{method}")
}

/// What the node is to answer, by method.
fn answer(prepared: &Prepared, call: &Call) -> Answer {
    let prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner);
    match prepared.get(&key(&call.interface, &call.method)) {
        Some(tree) => Answer::Results(tree.clone()),
        None => Answer::blank(),
    }
}

/// A connection, the thread its calls run on, and the objects met so far.
struct Connection {
    subjects: Vec<Subject>,
    init: Client,
    thread: Client,
}

impl Connection {
    async fn open(path: &std::path::Path, profile: &str) -> capnp::Result<Self> {
        let stream = tokio::net::UnixStream::connect(path).await?;
        let (read, write) = stream.into_split();
        let options = capnp::message::ReaderOptions::default();
        let network = VatNetwork::new(read.compat(), write.compat_write(), Side::Client, options);
        let mut system = RpcSystem::new(Box::new(network), None);
        let init: Client = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        let subjects = Subject::all(profile);
        let mut connection = Self { subjects, thread: init.clone(), init };
        let threads = connection.object(&connection.init, "Init", "construct").await?;
        connection.thread = connection.object(&threads, "ThreadMap", "makeThread").await?;
        Ok(connection)
    }

    /// The object that a method without parameters of its own returns.
    async fn object(&self, on: &Client, interface: &str, method: &str) -> capnp::Result<Client> {
        let facts = &self.subjects[0].peer.generation.facts;
        let ordinal = facts.method(interface, method).expect("a method of the facts").ordinal;
        let interface_id = id(&facts.interfaces[interface].id);
        let call =
            on.new_call::<any_pointer::Owned, any_pointer::Owned>(interface_id, ordinal, None);
        let response = call.send().promise.await?;
        let object = response.get()?.get_pipelined_cap(&[GetPointerField(0)])?;
        Ok(FromClientHook::new(object))
    }

    /// The object that serves a service's calls.
    async fn service(&self, method: Method) -> capnp::Result<Client> {
        let service = method.info().service;
        let makes =
            |name: &str| self.subjects[0].peer.generation.facts.method("Init", name).is_some();
        match service.name() {
            "BlockTemplate" => {
                let mining = self.object(&self.init, "Init", "makeMining").await?;
                self.object(&mining, "Mining", "createNewBlock").await
            }
            "Wallet" => {
                let created =
                    self.subjects.iter().find(|s| s.method == Method::WalletLoaderCreateWallet);
                let created = created.expect("a generation with wallets");
                let loader = Box::pin(self.service(created.method)).await?;
                let request = DynamicMessage::new(created.passage.request.descriptor.clone());
                let answer = self.call(created, &loader, &request).await?;
                Ok(objects(created, answer.get()?).pop().expect("a wallet"))
            }
            "WalletLoader" if makes("makeNode") => {
                let node = self.object(&self.init, "Init", "makeNode").await?;
                self.object(&node, "Node", "customWalletLoader").await
            }
            name => self.object(&self.init, "Init", &format!("make{name}")).await,
        }
    }

    async fn call(
        &self,
        subject: &Subject,
        on: &Client,
        request: &DynamicMessage,
    ) -> capnp::Result<Response<any_pointer::Owned>> {
        let interface_id = subject.passage.interface_id;
        let mut call: Request<any_pointer::Owned, _> =
            on.new_call(interface_id, subject.at.ordinal, None);
        let request = any::request(subject.method, request);
        let mut context = |mut context: context::Builder<'_>| {
            context.set_thread(self.thread.clone().cast_to());
        };
        transfer::write_params(&request, subject.at, subject.profile, call.get(), &mut context)
            .map_err(|e| capnp::Error::failed(e.to_string()))?;
        call.send().promise.await
    }
}

fn on_local_set(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(LocalSet::new().run_until(test));
}

/// Where a socket may be; its file goes with this, however a test ends.
struct Place(std::path::PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("facts-{}-{name}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Calls every unary method of a generation but those of named objects: so many.
async fn every_method(profile: &str, methods: usize) {
    let place = Place::new(profile);
    let prepared = Prepared::default();
    let answers = Arc::clone(&prepared);
    let listener = UnixListener::bind(&place.0).expect("a socket");
    let server = FactsServer::serve(listener, profile, move |call| answer(&answers, call))
        .expect("a server");
    let connection = Connection::open(&place.0, profile).await.expect("a connection");
    let mut called = 0;
    for subject in Subject::all(profile) {
        if subject.method.info().form == Form::Unary {
            let wallet = Tree::of([("result", Tree::of([("value", Tree::Capability(0))]))]);
            prepare(&prepared, key("WalletLoader", "createWallet"), wallet);
            let object = connection.service(subject.method).await.expect("an object");
            for _ in 0..ROUNDS {
                one_call(&connection, &server, &prepared, &subject, &object).await;
            }
            called += 1;
        }
    }
    assert_eq!(called, methods, "{profile}");
}

/// The objects of a reply, as the glue finds them.
fn objects(subject: &Subject, results: any_pointer::Reader<'_>) -> Vec<Client> {
    let objects = transfer::result_objects(subject.method, subject.at, results).expect("objects");
    objects.into_iter().map(|object| object.expect("no null pointer")).collect()
}

/// The interface of the objects that a method returns.
fn interface_of_objects(method: Method) -> &'static str {
    match method.info().service.name() {
        "Mining" | "BlockTemplate" => "BlockTemplate",
        "Node" => "ExternalSigner",
        _ => "Wallet",
    }
}

fn prepare(prepared: &Prepared, name: String, results: Tree) {
    prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(name, results);
}

async fn one_call(
    connection: &Connection,
    server: &FactsServer,
    prepared: &Prepared,
    subject: &Subject,
    object: &Client,
) {
    let (passage, peer) = (subject.passage, subject.peer);
    let response = passage.response.as_ref().expect("a response");
    let mut runner = TestRunner::default();
    let mut some = |strategy: BoxedStrategy<DynamicMessage>| {
        strategy.new_tree(&mut runner).expect("a message").current()
    };
    // Twice over, so that nothing is asked that the generation lacks.
    let request =
        cross(peer, &passage.request, &passage.params, &some(requests(peer, &passage.request)))
            .seen;
    let expected = cross(peer, &passage.request, &passage.params, &request).tree;
    let reply = cross(peer, response, &passage.results, &some(responses(peer, response)));
    let interface =
        &peer.generation.method_at(passage.interface_id, passage.ordinal).expect("a method").0;
    let name = key(interface, subject.method.info().wire_name);
    let expected_objects = reply.tree.objects();
    prepare(prepared, name, reply.tree);

    let answered = connection.call(subject, object, &request).await.expect("an answer");
    let results = answered.get().expect("results");
    let found = transfer::read_results(subject.method, subject.at, subject.profile, results)
        .expect("a reply");
    let found = any::reply_message(&found, &response.descriptor);
    assert!(found == normal(&reply.seen), "{}: the reply comes back changed", subject.name());
    let objects = objects(subject, results);
    assert_eq!(objects.len(), expected_objects, "{}", subject.name());
    let calls = server.calls();
    for object in objects {
        // Each answers to what every object of its interface has.
        let interface = interface_of_objects(subject.method);
        if let Err(error) = connection.object(&object, interface, "destroy").await {
            // It has no result; what counts is that there is such a method.
            assert!(!error.to_string().contains("no method"), "{}: {error}", subject.name());
        }
    }
    if subject.method.info().wire_name == "destroy" {
        return;
    }
    let call = calls.into_iter().next_back().expect("a call");
    assert_eq!(call.names_a_thread(), passage.has_context, "{}", subject.name());
    let (Tree::Struct(mut expected), mut params) = (expected, call.params) else {
        panic!("no struct")
    };
    if let Tree::Struct(fields) = &mut params {
        fields.remove("context");
        expected.remove("context");
    }
    Tree::Struct(expected).expect(&params).unwrap_or_else(|e| panic!("{}: {e}", subject.name()));
}

#[test]
fn core_32_answers_over_a_socket() {
    on_local_set(every_method("core-32", 22));
}

#[test]
fn the_branch_of_2025_answers_over_a_socket() {
    on_local_set(every_method("pr29409-2025-05", 60));
}

#[test]
fn the_newest_branch_answers_over_a_socket() {
    on_local_set(every_method("pr10102-2026-07", 187));
}
