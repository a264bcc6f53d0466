//! Carries a message over to the wire, as the design says it must arrive.

use std::collections::BTreeMap;

use bitcoin_grpc_codegen::schema::{Content, Type};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as ProtoKind, ReflectMessage, Value};

use crate::generation::{Layout, is_pointer};
use crate::packed;
use crate::plan::{FieldPlan, Kind, Part, Place, Plan};
use crate::tree::Tree;
use crate::world::Peer;

/// A message on the other side.
#[derive(Debug)]
pub struct Crossing {
    /// What stands on the wire.
    pub tree: Tree,
    /// What is read back from there: the message with its defaults spelled out, and without what the
    /// generation has no field for.
    pub seen: DynamicMessage,
    /// Fields that were set and that the generation does not have.
    pub lacking: Vec<String>,
}

/// Carries a message over.
///
/// # Panics
/// When the message is not what the plan is for.
#[must_use]
pub fn cross(peer: &Peer, plan: &Plan, layout: &Layout, message: &DynamicMessage) -> Crossing {
    let mut walk = Walk { peer, lacking: Vec::new(), objects: 0 };
    let (tree, seen) = walk.message(plan, layout, message);
    Crossing { tree, seen, lacking: walk.lacking }
}

struct Walk<'a> {
    peer: &'a Peer,
    lacking: Vec<String>,
    /// Objects met so far; each is the next in the message's table.
    objects: u32,
}

type Fields = BTreeMap<String, Tree>;

impl Walk<'_> {
    fn message(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        message: &DynamicMessage,
    ) -> (Tree, DynamicMessage) {
        let mut fields = layout.blank();
        let mut seen = DynamicMessage::new(plan.descriptor.clone());
        for (name, value) in &plan.constants {
            fields.insert((*name).to_owned(), value.clone());
        }
        for field in &plan.fields {
            match &field.place {
                Some(place) => self.field(field, place, message, &mut fields, &mut seen),
                None if message.has_field(&field.proto) && !field.has_one_value() => {
                    self.lacking.push(field.proto.name().to_owned())
                }
                None => {}
            }
        }
        (Tree::Struct(fields), seen)
    }

    fn field(
        &mut self,
        plan: &FieldPlan,
        place: &Place,
        from: &DynamicMessage,
        fields: &mut Fields,
        seen: &mut DynamicMessage,
    ) {
        let present = !plan.proto.supports_presence() || from.has_field(&plan.proto);
        let value = present.then(|| from.get_field(&plan.proto).into_owned());
        match (plan.part, value) {
            (Part::Whole, Some(value)) => self.present(plan, place, &value, fields, seen),
            (Part::Whole, None) => self.absent(plan, place, fields, seen),
            (part, value) => self.outcome(plan, place, part, value.as_ref(), fields, seen),
        }
    }

    fn present(
        &mut self,
        plan: &FieldPlan,
        place: &Place,
        value: &Value,
        fields: &mut Fields,
        seen: &mut DynamicMessage,
    ) {
        let (tree, value) = self.value(&plan.kind, &place.ty, &plan.proto, value);
        let optional =
            plan.proto.supports_presence() && matches!(tree, Tree::Text(_) | Tree::Data(_));
        fields.insert(place.name.clone(), if optional { tree.exactly() } else { tree });
        if let Some((flag, ty)) = &place.flag {
            fields.insert(flag.clone(), bit(ty, true));
        }
        seen.set_field(&plan.proto, value);
    }

    fn absent(
        &mut self,
        plan: &FieldPlan,
        place: &Place,
        fields: &mut Fields,
        seen: &mut DynamicMessage,
    ) {
        if place.flag.is_some() {
            return;
        }
        let zero = plan.field.notes.nullable && !is_pointer(&place.ty);
        // A number that is not said is zero on the wire; who knows what was asked for takes it away.
        let zero = zero.then(|| Value::default_value(&plan.proto.kind()));
        let default = plan.default().map(|default| default_value(&plan.proto, &default));
        if let Some(value) = default.or(zero) {
            return self.present(plan, place, &value, fields, seen);
        }
        let fills =
            matches!(&plan.kind, Kind::Struct(name) if self.peer.structs[name].drops_defaults());
        if fills {
            let empty = Value::default_value_for_field(&plan.proto);
            return self.present(plan, place, &empty, fields, seen);
        }
        match is_pointer(&place.ty) {
            true => fields.insert(place.name.clone(), Tree::Null.exactly()),
            false => panic!("{}: absence has no form on the wire", plan.proto.full_name()),
        };
    }

    /// A Result or ResultVoid.
    fn outcome(
        &mut self,
        plan: &FieldPlan,
        place: &Place,
        part: Part,
        value: Option<&Value>,
        fields: &mut Fields,
        seen: &mut DynamicMessage,
    ) {
        let half = match part {
            Part::Value => "value",
            _ => "error",
        };
        let Type::Struct { name, args } = &place.ty else { panic!("{} is no Result", place.name) };
        let layout = self.peer.generation.structure(name, args).into_owned();
        let mut result = layout.blank();
        match value {
            Some(value) => {
                let ty = &layout.slot(half).expect("a half of a Result").ty;
                let (tree, value) = self.value(&plan.kind, ty, &plan.proto, value);
                result.insert(half.to_owned(), tree.exactly());
                seen.set_field(&plan.proto, value);
            }
            // A Result without an outcome is not written; a ResultVoid without an error is success.
            None if part != Part::OnlyError => return,
            None => {}
        }
        fields.insert(place.name.clone(), Tree::Struct(result));
    }

    fn value(
        &mut self,
        kind: &Kind,
        ty: &Type,
        proto: &FieldDescriptor,
        value: &Value,
    ) -> (Tree, Value) {
        let same = |tree: Tree| (tree, value.clone());
        let encodings = self.peer.generation.facts.encodings;
        match kind {
            Kind::Bool => same(bit(ty, value.as_bool().expect("a bit"))),
            Kind::Int | Kind::Enum(_) => same(Tree::Int(packed::int(value))),
            Kind::Float => same(Tree::Float(value.as_f64().expect("a number"))),
            Kind::Text(_) => same(Tree::Text(value.as_str().expect("text").to_owned())),
            Kind::Subnet => same(Tree::Data(value.as_str().expect("text").as_bytes().to_vec())),
            Kind::Bytes(Content::Script | Content::PubKey) => {
                same(Tree::Data(packed::script(value.as_bytes().expect("bytes"), &encodings)))
            }
            Kind::Bytes(_) => same(Tree::Data(value.as_bytes().expect("bytes").to_vec())),
            Kind::Packed(content) => same(Tree::Data(packed::pack(
                *content,
                value.as_message().expect("a message"),
                &encodings,
            ))),
            Kind::Bans => same(Tree::Json(packed::bans(value.as_list().expect("a list")))),
            Kind::Relay => self.relay(proto, packed::int(value)),
            Kind::Struct(name) => self.structure(name, ty, value),
            Kind::List(kind) => self.list(kind, ty, proto, value),
            Kind::Pair(halves) => self.pair(halves, ty, value),
            Kind::Nullable(name, kind) => self.nullable(name, kind, ty, value),
            Kind::Key(kind) => {
                let layout = self.pair_layout(ty);
                let ty = &layout.slot("key").expect("a key").ty;
                let (key, value) = self.value(kind, ty, proto, value);
                let mut fields = layout.blank();
                fields.insert("key".to_owned(), key);
                (Tree::Struct(fields), value)
            }
            Kind::Object => {
                self.objects += 1;
                same(Tree::Capability(self.objects - 1))
            }
        }
    }

    /// Only the first two broadcast methods were there before.
    fn relay(&mut self, proto: &FieldDescriptor, method: i128) -> (Tree, Value) {
        if method > 1 {
            self.lacking.push(proto.name().to_owned());
        }
        let to_all = method == 0;
        (Tree::Bool(to_all), Value::EnumNumber(i32::from(!to_all)))
    }

    fn structure(&mut self, name: &str, ty: &Type, value: &Value) -> (Tree, Value) {
        let Type::Struct { name: here, args } = ty else { panic!("{name} is {ty:?} here") };
        let peer = self.peer;
        let layout = peer.generation.structure(here, args);
        let (tree, seen) =
            self.message(&peer.structs[name], &layout, value.as_message().expect("a message"));
        (tree, Value::Message(seen))
    }

    fn list(
        &mut self,
        kind: &Kind,
        ty: &Type,
        proto: &FieldDescriptor,
        value: &Value,
    ) -> (Tree, Value) {
        let Type::List(element) = ty else { panic!("{} is no list", proto.full_name()) };
        let items = value.as_list().expect("a list");
        let (trees, values) =
            items.iter().map(|item| self.value(kind, element, proto, item)).unzip();
        (Tree::List(trees), Value::List(values))
    }

    /// An element without anything in it is an absent one.
    fn nullable(&mut self, name: &str, kind: &Kind, ty: &Type, value: &Value) -> (Tree, Value) {
        let message = value.as_message().expect("an element");
        let proto = message.descriptor().get_field_by_name(name).expect("the element's field");
        let (tree, inner) = self.value(kind, ty, &proto, &message.get_field(&proto));
        let mut seen = DynamicMessage::new(message.descriptor());
        if inner.as_bytes().is_some_and(|bytes| !bytes.is_empty()) {
            seen.set_field(&proto, inner);
        }
        (tree, Value::Message(seen))
    }

    fn pair_layout(&self, ty: &Type) -> Layout {
        let Type::Struct { name, args } = ty else { panic!("{ty:?} is no pair") };
        self.peer.generation.structure(name, args).into_owned()
    }

    fn pair(&mut self, halves: &[(String, Kind); 2], ty: &Type, value: &Value) -> (Tree, Value) {
        let layout = self.pair_layout(ty);
        let message = value.as_message().expect("an entry");
        let mut fields = layout.blank();
        let mut seen = DynamicMessage::new(message.descriptor());
        for (half, (name, kind)) in ["key", "value"].into_iter().zip(halves) {
            let proto = message.descriptor().get_field_by_name(name).expect("a half of the entry");
            if proto.supports_presence() && !message.has_field(&proto) {
                fields.insert(half.to_owned(), Tree::Null.exactly());
                continue;
            }
            let ty = &layout.slot(half).expect("a half of the pair").ty;
            let (tree, value) = self.value(kind, ty, &proto, &message.get_field(&proto));
            fields.insert(half.to_owned(), tree);
            seen.set_field(&proto, value);
        }
        (Tree::Struct(fields), Value::Message(seen))
    }
}

fn bit(ty: &Type, value: bool) -> Tree {
    match ty {
        Type::Bool => Tree::Bool(value),
        _ => Tree::Int(value.into()),
    }
}

fn default_value(proto: &FieldDescriptor, default: &Tree) -> Value {
    match (proto.kind(), default) {
        (ProtoKind::Bool, Tree::Bool(value)) => Value::Bool(*value),
        (ProtoKind::Double, Tree::Float(value)) => Value::F64(*value),
        (kind, Tree::Int(value)) => number(&kind, *value),
        (kind, default) => panic!("{default:?} is no {kind:?}"),
    }
}

/// An integer of protobuf's type.
///
/// # Panics
/// When it does not fit.
#[must_use]
pub fn number(kind: &ProtoKind, value: i128) -> Value {
    let fits = "a number of the type";
    match kind {
        ProtoKind::Int32 => Value::I32(value.try_into().expect(fits)),
        ProtoKind::Int64 => Value::I64(value.try_into().expect(fits)),
        ProtoKind::Uint32 => Value::U32(value.try_into().expect(fits)),
        ProtoKind::Uint64 => Value::U64(value.try_into().expect(fits)),
        ProtoKind::Enum(_) => Value::EnumNumber(value.try_into().expect(fits)),
        other => panic!("{other:?} is no integer"),
    }
}
