//! Makes up messages: whatever the contract allows, edges more often than chance would have it.

mod content;

use bitcoin_grpc_codegen::schema::{Content, Type};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as ProtoKind, Value};

use crate::cross::number;
use crate::plan::{FieldPlan, Kind, Plan};
use crate::world::Peer;
use content::{ban, block, exactly, json, packed, subnet, text, transaction};

/// Most items of a list, unless its schema allows fewer.
const MAX_ITEMS: usize = 4;
/// Most nested messages of one kind.
const MAX_DEPTH: u8 = 5;
/// Blocks whose data one request may want; a reply with more would be too large.
const MAX_BLOCKS: usize = 2;
/// Longest text or Data that is made up, unless its schema asks for more.
const MAX_LENGTH: usize = 40;

/// Ways to broadcast a transaction.
const BROADCAST_METHODS: usize = 3;

/// Fields of a message and their values.
type Members = Vec<(FieldDescriptor, Value)>;

/// Requests that the contract allows.
///
/// # Panics
/// When it allows none.
pub fn requests(peer: &'static Peer, plan: &'static Plan) -> BoxedStrategy<DynamicMessage> {
    let messages = Making { peer, request: true, depth: 0 }.message(plan);
    let messages = messages.expect("a request that the contract allows");
    messages
        .prop_map(|mut message| {
            forget_blocks(&mut message, &mut 0);
            message
        })
        .boxed()
}

/// Wants no more blocks than one reply may hold.
fn forget_blocks(message: &mut DynamicMessage, wanted: &mut usize) {
    if message.get_field_by_name("want_data").is_some_and(|want| *want == Value::Bool(true)) {
        *wanted += 1;
        message.set_field_by_name("want_data", Value::Bool(*wanted <= MAX_BLOCKS));
    }
    let inner = message.fields_mut().filter_map(|(_, value)| value.as_message_mut());
    inner.for_each(|inner| forget_blocks(inner, wanted));
}

/// Responses that a node can give.
///
/// # Panics
/// When the response's type allows no message.
pub fn responses(peer: &'static Peer, plan: &'static Plan) -> BoxedStrategy<DynamicMessage> {
    Making { peer, request: false, depth: 0 }.message(plan).expect("a response")
}

#[derive(Clone, Copy)]
struct Making {
    peer: &'static Peer,
    request: bool,
    depth: u8,
}

impl Making {
    /// `None` where the contract allows no such message.
    fn message(self, plan: &'static Plan) -> Option<BoxedStrategy<DynamicMessage>> {
        let mut members = Vec::new();
        for field in plan.fields.iter().filter(|f| oneof(&f.proto).is_none()) {
            match self.member(field) {
                Some(member) => members.push(member),
                None if field.proto.supports_presence() && !field.field.notes.required => {}
                None => return None,
            }
        }
        for oneof in plan.descriptor.oneofs().filter(|o| !o.is_synthetic()) {
            let fields =
                plan.fields.iter().filter(|f| f.proto.containing_oneof().as_ref() == Some(&oneof));
            let options =
                fields.filter_map(|f| self.value(f).map(|value| one(f.proto.clone(), value)));
            members.push(Union::new(options.chain([Just(Vec::new()).boxed()])).boxed());
        }
        members.extend(
            // A filter is nothing that a node could see, and stays empty.
            plan.keys
                .iter()
                .filter(|key| key.kind() == ProtoKind::String)
                .map(|key| one(key.clone(), text(12).prop_map(Value::String).boxed())),
        );
        let descriptor = plan.descriptor.clone();
        Some(members.prop_map(move |members| built(&descriptor, members)).boxed())
    }

    fn member(self, plan: &'static FieldPlan) -> Option<BoxedStrategy<Members>> {
        let value = one(plan.proto.clone(), self.value(plan)?);
        let sure = !plan.proto.supports_presence() || plan.field.notes.required && self.request;
        Some(if sure { value } else { prop_oneof![Just(Vec::new()), value].boxed() })
    }

    fn value(self, plan: &'static FieldPlan) -> Option<BoxedStrategy<Value>> {
        let types = [Some(&plan.field.ty), plan.place.as_ref().map(|place| &place.ty)];
        let types = match (&plan.field.ty, &plan.kind) {
            // The kind of a Result's part is that of its value.
            (Type::Struct { name, args }, _) if name.starts_with("Result") => [args.first(), None],
            _ => types,
        };
        self.of_kind(&plan.kind, types, &plan.proto, plan)
    }

    fn of_kind(
        self,
        kind: &'static Kind,
        types: [Option<&'static Type>; 2],
        proto: &FieldDescriptor,
        plan: &'static FieldPlan,
    ) -> Option<BoxedStrategy<Value>> {
        let notes = &plan.field.notes;
        let lengths = || (self.request.then_some(notes.range).flatten(), notes.max_bytes);
        Some(match kind {
            Kind::Bool => self.bit(plan),
            Kind::Int => self.int(proto, types, plan, None)?,
            Kind::Relay => self.int(proto, [None, None], plan, Some(BROADCAST_METHODS))?,
            Kind::Enum(values) => self.int(proto, types, plan, Some(*values))?,
            Kind::Float => self.float(plan),
            Kind::Text(Content::Json) => json().prop_map(Value::String).boxed(),
            Kind::Text(_) => text(12).prop_map(Value::String).boxed(),
            Kind::Bytes(content) => {
                self.bytes(*content, lengths()).prop_map(|b| Value::Bytes(b.into())).boxed()
            }
            Kind::Packed(content) => packed(*content, proto).prop_map(Value::Message).boxed(),
            Kind::Subnet => subnet().prop_map(Value::String).boxed(),
            Kind::Bans => vec(ban(proto), 0..3).prop_map(Value::List).boxed(),
            Kind::Struct(_) if self.depth >= MAX_DEPTH => return None,
            Kind::Struct(name) => {
                let plan = self.peer.structs.get(name).expect("a plan of the struct");
                Self { depth: self.depth + 1, ..self }
                    .message(plan)?
                    .prop_map(Value::Message)
                    .boxed()
            }
            Kind::List(inner) => {
                let item = self.of_kind(inner, types.map(|ty| ty.and_then(element)), proto, plan);
                items(item, notes.max_items)
            }
            Kind::Pair(halves) => self.pair(halves, types, proto, plan)?,
            Kind::Nullable(name, kind) => {
                let ProtoKind::Message(descriptor) = proto.kind() else { return None };
                let field = descriptor.get_field_by_name(name).expect("the element's field");
                let value = one(field.clone(), self.of_kind(kind, types, &field, plan)?);
                prop_oneof![Just(Vec::new()), value]
                    .prop_map(move |members| Value::Message(built(&descriptor, vec![members])))
                    .boxed()
            }
            Kind::Key(kind) => {
                self.of_kind(kind, types.map(|ty| ty.and_then(|t| argument(t, 0))), proto, plan)?
            }
            Kind::Object => self.object(proto)?,
        })
    }

    fn pair(
        self,
        halves: &'static [(String, Kind); 2],
        types: [Option<&'static Type>; 2],
        proto: &FieldDescriptor,
        plan: &'static FieldPlan,
    ) -> Option<BoxedStrategy<Value>> {
        let ProtoKind::Message(descriptor) = proto.kind() else { return None };
        let mut members = Vec::new();
        for (index, (name, kind)) in halves.iter().enumerate() {
            let half = descriptor.get_field_by_name(name).expect("a half of the entry");
            let value = self.of_kind(
                kind,
                types.map(|ty| ty.and_then(|t| argument(t, index))),
                &half,
                plan,
            )?;
            let value = one(half.clone(), value);
            let sure = index == 0 || !half.supports_presence();
            members.push(if sure { value } else { prop_oneof![Just(Vec::new()), value].boxed() });
        }
        Some(members.prop_map(move |members| Value::Message(built(&descriptor, members))).boxed())
    }

    /// Who reads a reply leaves the places of objects blank.
    fn object(self, proto: &FieldDescriptor) -> Option<BoxedStrategy<Value>> {
        let blank = match proto.kind() {
            ProtoKind::Message(lease) => Value::Message(DynamicMessage::new(lease)),
            _ => Value::String(String::new()),
        };
        (!self.request).then(|| Just(blank).boxed())
    }

    fn bit(self, plan: &FieldPlan) -> BoxedStrategy<Value> {
        match plan.field.notes.range {
            Some((low, high)) if self.request => {
                select(vec![low != 0, high != 0]).prop_map(Value::Bool).boxed()
            }
            _ => any::<bool>().prop_map(Value::Bool).boxed(),
        }
    }

    fn int(
        self,
        proto: &FieldDescriptor,
        types: [Option<&'static Type>; 2],
        plan: &FieldPlan,
        values: Option<usize>,
    ) -> Option<BoxedStrategy<Value>> {
        let kind = proto.kind();
        let (mut low, mut high) = proto_range(&kind);
        let mut narrow = |(l, h): (i128, i128)| (low, high) = (low.max(l), high.min(h));
        types.into_iter().flatten().filter_map(wire_range).for_each(&mut narrow);
        if let Some((l, h)) = plan.field.notes.range.filter(|_| self.request) {
            narrow((l.into(), h.into()));
        }
        if let Some(values) = values {
            narrow((0, values as i128 - 1));
        }
        if low > high {
            return None;
        }
        let edges: Vec<i128> =
            [low, high, 0, 1, -1].into_iter().filter(|v| (low..=high).contains(v)).collect();
        Some(
            prop_oneof![select(edges), low..=high]
                .prop_map(move |value| number(&kind, value))
                .boxed(),
        )
    }

    /// Any number but those that are not numbers; -0 is 0 to protobuf.
    fn float(self, plan: &FieldPlan) -> BoxedStrategy<Value> {
        let low =
            plan.field.notes.range.filter(|_| self.request).map_or(f64::MIN, |(low, _)| low as f64);
        prop_oneof![
            select(vec![low, 0.0, 1.0, f64::MAX, f64::INFINITY, f64::MIN_POSITIVE]),
            (low.max(-1e18)..=1e18).prop_map(|v| if v == 0.0 { 0.0 } else { v }),
        ]
        .prop_map(Value::F64)
        .boxed()
    }

    fn bytes(
        self,
        content: Content,
        (range, max): (Option<(i64, i64)>, Option<u32>),
    ) -> BoxedStrategy<Vec<u8>> {
        let sure = match content {
            Content::BlockHash | Content::Txid | Content::Wtxid => exactly(32),
            Content::Header => exactly(80),
            Content::Hash160 => exactly(20),
            Content::PubKey => prop_oneof![exactly(0), exactly(33), exactly(65)].boxed(),
            Content::Transaction => transaction(),
            Content::Block => block(),
            _ => {
                let (low, high) = range.map_or((0, MAX_LENGTH), |(l, h)| (l as usize, h as usize));
                let high =
                    high.min(low.max(MAX_LENGTH)).min(max.map_or(usize::MAX, |m| m as usize));
                vec(any::<u8>(), low..=high).boxed()
            }
        };
        match self.request {
            true => sure,
            // A node leaves out what it does not know.
            false => prop_oneof![9 => sure, 1 => exactly(0)].boxed(),
        }
    }
}

fn oneof(field: &FieldDescriptor) -> Option<prost_reflect::OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

fn one(field: FieldDescriptor, value: BoxedStrategy<Value>) -> BoxedStrategy<Members> {
    value.prop_map(move |value| vec![(field.clone(), value)]).boxed()
}

fn built(descriptor: &prost_reflect::MessageDescriptor, members: Vec<Members>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (field, value) in members.into_iter().flatten() {
        message.set_field(&field, value);
    }
    message
}

fn items(item: Option<BoxedStrategy<Value>>, max: Option<u32>) -> BoxedStrategy<Value> {
    let most = MAX_ITEMS.min(max.map_or(MAX_ITEMS, |max| max as usize));
    match item {
        Some(item) => vec(item, 0..=most).prop_map(Value::List).boxed(),
        None => Just(Value::List(Vec::new())).boxed(),
    }
}

fn element(ty: &'static Type) -> Option<&'static Type> {
    match ty {
        Type::List(element) => Some(element),
        _ => None,
    }
}

fn argument(ty: &'static Type, index: usize) -> Option<&'static Type> {
    match ty {
        Type::Struct { args, .. } => args.get(index),
        _ => None,
    }
}

fn proto_range(kind: &ProtoKind) -> (i128, i128) {
    match kind {
        ProtoKind::Int64 => (i64::MIN.into(), i64::MAX.into()),
        ProtoKind::Uint32 => (0, u32::MAX.into()),
        ProtoKind::Uint64 => (0, u64::MAX.into()),
        _ => (i32::MIN.into(), i32::MAX.into()),
    }
}

fn wire_range(ty: &Type) -> Option<(i128, i128)> {
    match ty {
        Type::Int(bits) => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
        Type::UInt(bits) => Some((0, (1 << bits) - 1)),
        Type::Bool => Some((0, i128::MAX)),
        _ => None,
    }
}
