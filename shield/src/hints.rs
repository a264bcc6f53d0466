//! What the fields of requests are meant to hold.

use std::collections::HashMap;
use std::sync::LazyLock;

use bitcoin_grpc_codegen::schema::{Content, Notes};
use bitcoin_grpc_contract::{Form, Method};
use bitcoin_grpc_testkit::World;
use bitcoin_grpc_testkit::plan::{Kind, Plan};
use prost_reflect::{FieldDescriptor, Kind as ProtoKind, MessageDescriptor};

/// What is known of a field beyond its type.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hint {
    pub(crate) content: Content,
    pub(crate) range: Option<(i64, i64)>,
    /// It is one of so many numbers.
    pub(crate) values: Option<usize>,
    pub(crate) max_items: Option<u32>,
    pub(crate) required: bool,
}

/// A method and its messages.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) method: Method,
    /// What opens a call.
    pub(crate) opening: MessageDescriptor,
    /// What a client sends; in conversations more than the opening.
    pub(crate) input: MessageDescriptor,
    /// It may wait, or goes on until somebody ends it.
    pub(crate) waits: bool,
}

/// The contract, as one who makes requests wants it.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) rpcs: Vec<Rpc>,
    hints: HashMap<String, Hint>,
}

/// Generations, those first whose interfaces are the newest.
const GENERATIONS: [&str; 4] = ["pr10102-2026-07", "core-32", "pr10102-2026-02", "pr29409-2025-05"];

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

impl Contract {
    pub(crate) fn get() -> &'static Self {
        &CONTRACT
    }

    pub(crate) fn hint(&self, field: &FieldDescriptor) -> Hint {
        self.hints.get(field.full_name()).copied().unwrap_or_default()
    }

    fn load() -> Self {
        let world = World::get();
        let rpcs = Method::ALL.into_iter().map(|method| rpc(world, method)).collect();
        let mut hints = HashMap::new();
        for peer in GENERATIONS.map(|name| world.peer(name)) {
            let requests = peer.passages.values().map(|passage| &passage.request);
            let answers = peer.callbacks.iter().filter_map(|callback| callback.answer.as_ref());
            requests.chain(answers).chain(peer.structs.values()).for_each(|p| plan(&mut hints, p));
        }
        Self { rpcs, hints }
    }
}

fn rpc(world: &World, method: Method) -> Rpc {
    let info = method.info();
    let service =
        world.pool.get_service_by_name(&format!("bitcoin.ipc.v1.{}", info.service.name()));
    let found = service.and_then(|s| s.methods().find(|m| m.name() == info.name)).expect("an rpc");
    let input = found.input();
    let opening = match (info.form, input.get_field_by_name("start")) {
        (Form::Bidirectional, Some(start)) => message(&start),
        _ => input.clone(),
    };
    Rpc { method, opening, input, waits: info.blocking || info.form != Form::Unary }
}

fn message(field: &FieldDescriptor) -> MessageDescriptor {
    match field.kind() {
        ProtoKind::Message(message) => message,
        other => panic!("{}: {other:?} is no message", field.full_name()),
    }
}

fn plan(hints: &mut HashMap<String, Hint>, plan: &Plan) {
    for field in &plan.fields {
        note(hints, &field.proto, &field.kind, &field.field.notes);
    }
}

fn note(hints: &mut HashMap<String, Hint>, proto: &FieldDescriptor, kind: &Kind, notes: &Notes) {
    let mut hint = Hint {
        range: notes.range,
        max_items: notes.max_items,
        required: notes.required,
        ..Hint::default()
    };
    match kind {
        Kind::Bytes(content) | Kind::Text(content) => hint.content = *content,
        Kind::Subnet => hint.content = Content::Subnet,
        Kind::Enum(values) => hint.values = Some(*values),
        Kind::List(inner) | Kind::Key(inner) => return note(hints, proto, inner, notes),
        Kind::Nullable(name, inner) => {
            let field = message(proto).get_field_by_name(name).expect("the element's field");
            note(hints, &field, inner, &Notes::default());
        }
        Kind::Pair(halves) => {
            let entry = message(proto);
            for (name, inner) in halves.iter() {
                let half = entry.get_field_by_name(name).expect("a half of the entry");
                note(hints, &half, inner, &Notes::default());
            }
        }
        _ => {}
    }
    hints.entry(proto.full_name().to_owned()).or_insert(hint);
}
