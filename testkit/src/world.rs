//! Everything that is known apart from the glue: schema, descriptors, and every generation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bitcoin_grpc_codegen::facts::Profile;
use bitcoin_grpc_codegen::names::pascal;
use bitcoin_grpc_codegen::schema::{Interface, Method as SchemaMethod, Schema};
use bitcoin_grpc_codegen::{Paths, contract};
use bitcoin_grpc_contract::{Method, Slot};
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::generation::{Generation, Layout, id};
use crate::plan::{Plan, Subject};

static WORLD: LazyLock<World> = LazyLock::new(World::load);

/// Schema, descriptors, and every generation.
#[derive(Debug)]
pub struct World {
    /// The newest interfaces, with their annotations.
    pub schema: Schema,
    /// The contract, as clients see it.
    pub pool: DescriptorPool,
    /// Every generation by name.
    pub peers: BTreeMap<String, Peer>,
}

/// A node of one generation.
#[derive(Debug)]
pub struct Peer {
    /// Its facts.
    pub generation: Generation,
    /// Plans of the messages that mirror structs, by the struct's name.
    pub structs: BTreeMap<String, Plan>,
    /// What can be called.
    pub passages: BTreeMap<Method, Passage>,
    /// What the node calls on objects of its client's.
    pub callbacks: Vec<Callback>,
}

/// The way of the values of one method of a callback interface.
#[derive(Debug)]
pub struct Callback {
    /// Interface and method.
    pub name: String,
    /// Number of the method on the wire.
    pub ordinal: u16,
    /// Type id of the interface.
    pub interface_id: u64,
    /// Plan of the event.
    pub event: Plan,
    /// Layout of the parameters.
    pub params: Layout,
    /// Plan of the client's answer, if the node asks for one.
    pub answer: Option<Plan>,
    /// Layout of the results.
    pub results: Layout,
    /// The parameters have a context.
    pub has_context: bool,
}

/// The way of one method's values.
#[derive(Debug)]
pub struct Passage {
    /// Number of the method on the wire.
    pub ordinal: u16,
    /// Type id of the interface that declares it.
    pub interface_id: u64,
    /// Plan of the message that opens a call.
    pub request: Plan,
    /// Layout of the parameters.
    pub params: Layout,
    /// Plan of the response; `None` for a stream.
    pub response: Option<Plan>,
    /// Layout of the results.
    pub results: Layout,
    /// The parameters have a context.
    pub has_context: bool,
}

impl World {
    /// The one world there is.
    #[must_use]
    pub fn get() -> &'static Self {
        &WORLD
    }

    /// The node of a generation.
    ///
    /// # Panics
    /// When there is no generation of that name.
    #[must_use]
    pub fn peer(&self, name: &str) -> &Peer {
        self.peers.get(name).unwrap_or_else(|| panic!("no generation {name}"))
    }

    fn load() -> Self {
        let paths = Paths::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let compiled = std::fs::read(paths.compiled_schema()).expect("the compiled schema");
        let schema = Schema::read(&compiled).expect("a schema");
        let pool = DescriptorPool::decode(
            &include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..],
        );
        let pool = pool.expect("descriptors");
        let profiles = Profile::read_all(&paths.profiles()).expect("profiles");
        let peers = profiles
            .into_iter()
            .map(|facts| (facts.profile.clone(), Peer::new(&schema, &pool, facts)));
        Self { peers: peers.collect(), schema, pool }
    }
}

impl Peer {
    fn new(schema: &Schema, pool: &DescriptorPool, facts: Profile) -> Self {
        let generation = Generation::new(facts);
        let structs = struct_plans(schema, pool, &generation);
        let profile =
            bitcoin_grpc_contract::Profile::by_name(&generation.facts.profile).expect("a profile");
        let callable =
            Method::ALL.into_iter().filter(|m| matches!(profile.slot(*m), Slot::Callable(_)));
        let passages =
            callable.map(|method| (method, passage(schema, pool, &generation, method))).collect();
        let callbacks = callbacks(schema, pool, &generation);
        Self { generation, structs, passages, callbacks }
    }
}

fn struct_plans(
    schema: &Schema,
    pool: &DescriptorPool,
    generation: &Generation,
) -> BTreeMap<String, Plan> {
    let mut plans = BTreeMap::new();
    for structure in schema.structs.values().filter(|s| s.parameters.is_empty()) {
        let Some(descriptor) = message(pool, &contract::message_name(structure)) else { continue };
        let layout = generation
            .has_struct(&structure.name)
            .then(|| generation.structure(&structure.name, &[]));
        let subject = Subject {
            owner: &structure.name,
            newest: &structure.fields,
            layout: layout.as_deref(),
            params: false,
        };
        plans.insert(structure.name.clone(), Plan::new(schema, descriptor, &subject));
    }
    plans
}

fn message(pool: &DescriptorPool, name: &str) -> Option<MessageDescriptor> {
    pool.get_message_by_name(&format!("bitcoin.ipc.v1.{name}"))
}

/// The method of the schema that a method of the contract stands for.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn schema_method(schema: &Schema, method: Method) -> (&Interface, &SchemaMethod) {
    let info = method.info();
    let interface = &schema.interfaces[&info.interface_id];
    let found = interface.methods.iter().find(|m| m.name == info.wire_name);
    (interface, found.unwrap_or_else(|| panic!("no method {}", info.full_name)))
}

fn passage(
    schema: &Schema,
    pool: &DescriptorPool,
    generation: &Generation,
    method: Method,
) -> Passage {
    let (interface, newest) = schema_method(schema, method);
    let facts = generation.facts.method(&interface.name, &newest.name);
    let facts = facts.unwrap_or_else(|| panic!("{}: not in the facts", method.info().full_name));
    let (request, response) = messages(pool, method);
    let owner = format!("{}.{}", interface.name, newest.name);
    let (params, results) = (generation.list(&facts.params), generation.list(&facts.results));
    let subject =
        |newest, layout, params| Subject { owner: &owner, newest, layout: Some(layout), params };
    Passage {
        ordinal: facts.ordinal,
        interface_id: id(&generation.facts.interfaces[&interface.name].id),
        has_context: params.slot("context").is_some(),
        request: Plan::new(schema, request, &subject(&newest.params, &params, true)),
        response: response
            .map(|m| Plan::new(schema, m, &subject(&newest.results, &results, false))),
        params,
        results,
    }
}

/// The methods of all objects that a client passes in the methods of a generation's services.
fn callbacks(schema: &Schema, pool: &DescriptorPool, generation: &Generation) -> Vec<Callback> {
    let mut all = Vec::new();
    let interfaces = schema.interfaces.values().filter(|i| is_callback(&i.name));
    for interface in interfaces.filter(|i| generation.facts.interfaces.contains_key(&i.name)) {
        for newest in interface.methods.iter().filter(|m| m.name != "destroy") {
            all.extend(callback(schema, pool, generation, interface, newest));
        }
    }
    all
}

fn is_callback(name: &str) -> bool {
    name == "ChainNotifications" || name.ends_with("Callback")
}

/// Named after its interface, or after its method where the interface has several.
fn callback(
    schema: &Schema,
    pool: &DescriptorPool,
    generation: &Generation,
    interface: &Interface,
    newest: &SchemaMethod,
) -> Option<Callback> {
    let facts = generation.facts.method(&interface.name, &newest.name)?;
    let stem = match newest.name.as_str() {
        "call" => interface.name.trim_end_matches("Callback").to_owned(),
        name => pascal(name),
    };
    let asks = !newest.results.is_empty();
    let descriptor =
        message(pool, &format!("{stem}{}", if asks { "Invocation" } else { "Event" }))?;
    let owner = format!("{}.{}", interface.name, newest.name);
    let (params, results) = (generation.list(&facts.params), generation.list(&facts.results));
    let subject =
        |newest, layout, params| Subject { owner: &owner, newest, layout: Some(layout), params };
    let answer = asks.then(|| {
        let descriptor = message(pool, &format!("{stem}Answer")).expect("an answer's message");
        Plan::new(schema, descriptor, &subject(&newest.results, &results, true))
    });
    Some(Callback {
        ordinal: facts.ordinal,
        interface_id: id(&generation.facts.interfaces[&interface.name].id),
        event: Plan::new(schema, descriptor, &subject(&newest.params, &params, false)),
        has_context: params.slot("context").is_some(),
        answer,
        params,
        results,
        name: owner,
    })
}

/// The message that opens a call, and the one that answers it if it is no stream.
fn messages(
    pool: &DescriptorPool,
    method: Method,
) -> (MessageDescriptor, Option<MessageDescriptor>) {
    let info = method.info();
    let service = pool.get_service_by_name(&format!("bitcoin.ipc.v1.{}", info.service.name()));
    let rpc = service
        .and_then(|s| s.methods().find(|m| m.name() == info.name))
        .expect("the method's rpc");
    let request = match rpc.is_client_streaming() {
        true => match rpc.input().get_field_by_name("start").expect("an opening").kind() {
            prost_reflect::Kind::Message(opening) => opening,
            other => panic!("{other:?} opens a stream"),
        },
        false => rpc.input(),
    };
    (request, (!rpc.is_server_streaming()).then(|| rpc.output()))
}
