//! Which field of a message stands where on the wire, by the rules of the design.
//!
//! Written from `schema/grpc.capnp` and the facts, apart from the generator, so that the two can be
//! held against each other:
//! - a field is named as in the schema, in snake case, or as the annotation `name` says;
//! - `x` with a Bool or number `hasX` beside it is one field with presence;
//! - a field with a default has presence, and absence means the newest generation's default;
//! - `Result` is a oneof of value and error, `ResultVoid` an optional error;
//! - a Pair is a message with the names that `entry` gives it;
//! - a Data that holds a small structure is a message of its own.

use bitcoin_grpc_codegen::names::{pascal, snake};
use bitcoin_grpc_codegen::schema::{Content, Entry, Field, Schema, Type};
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::generation::{Layout, is_pointer, literal};
use crate::tree::Tree;

/// Fields that older generations name otherwise: owner, name, older name.
const OLD_NAMES: [(&str, &str, &str); 4] = [
    ("Chain.broadcastTransaction", "broadcastMethod", "relay"),
    ("Chain.isInMempool", "txid", "tx"),
    ("ChainClient.schedulerMockForward", "deltaSeconds", "time"),
    ("ProxyInfo", "torStreamIsolation", "randomizeCredentials"),
];

/// Parameters that are no more, and the value by which older generations do what newer ones do.
const GONE: [(&str, &str, Tree); 4] = [
    // ISMINE_SPENDABLE, the coins that the wallet can sign for.
    ("Wallet.getDebit", "filter", Tree::Int(2)),
    ("Wallet.getCredit", "filter", Tree::Int(2)),
    ("Wallet.getAddress", "wantIsMine", Tree::Bool(false)),
    ("Node.mapPort", "useUPnP", Tree::Bool(false)),
];

/// Fields of requests that are not for the node: keys of objects, what a subscriber wants of the
/// events, and how an answer finds its invocation.
const OURS: [&str; 7] = [
    "handle",
    "wallet",
    "kinds",
    "include_block_data",
    "include_undo_data",
    "invocation_id",
    "answer_within",
];

/// Where the fields of one message stand.
#[derive(Debug)]
pub struct Plan {
    /// Type of the message.
    pub descriptor: MessageDescriptor,
    /// Fields that stand for one on the wire.
    pub fields: Vec<FieldPlan>,
    /// Fields on the wire that no message has, and what they hold.
    pub constants: Vec<(&'static str, Tree)>,
    /// Field on the wire with the text of an exception in place of a result.
    pub exception: Option<String>,
    /// Fields of the message that are not on the wire: the key of the object, a filter.
    pub keys: Vec<FieldDescriptor>,
}

/// Where one field stands.
#[derive(Debug)]
pub struct FieldPlan {
    /// The field of the message.
    pub proto: FieldDescriptor,
    /// What it holds.
    pub kind: Kind,
    /// Which part of the wire's field it is.
    pub part: Part,
    /// The schema's field, with its annotations.
    pub field: Field,
    /// Where it stands in this generation; `None` if nowhere.
    pub place: Option<Place>,
}

/// Place of a field in one generation.
#[derive(Debug)]
pub struct Place {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: Type,
    /// The field that says whether it is set.
    pub flag: Option<(String, Type)>,
    /// Default.
    pub default: Option<Tree>,
}

/// Part of a field on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The value of a `Result`.
    Value,
    /// The error of a `Result`.
    Error,
    /// The error of a `ResultVoid`.
    OnlyError,
}

/// What a value holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the shapes they stand for")]
pub enum Kind {
    Bool,
    Int,
    Float,
    Text(Content),
    Bytes(Content),
    /// A structure inside Data that is a message.
    Packed(Content),
    /// A structure inside Data that is text.
    Subnet,
    /// A ban list, as JSON text.
    Bans,
    /// One of so many numbers.
    Enum(usize),
    Struct(String),
    List(Box<Kind>),
    /// Names and kinds of the two halves.
    Pair(Box<[(String, Kind); 2]>),
    /// An element that may be absent, and the name of the field that holds it.
    Nullable(String, Box<Kind>),
    /// Only the key of a Pair.
    Key(Box<Kind>),
    /// A bit that stands for the first two broadcast methods.
    Relay,
    /// An object of the node's. A blank lease or name stands for it in a reply.
    Object,
}

/// What a plan is made for.
pub struct Subject<'a> {
    /// `Interface.method`, or a struct.
    pub owner: &'a str,
    /// The newest fields.
    pub newest: &'a [Field],
    /// The generation's layout, if it has one.
    pub layout: Option<&'a Layout>,
    /// The fields are parameters.
    pub params: bool,
}

impl Plan {
    /// Finds the place of every field of a message.
    ///
    /// # Panics
    /// When a field of either side has no rule.
    #[must_use]
    pub fn new(schema: &Schema, descriptor: MessageDescriptor, subject: &Subject<'_>) -> Self {
        let Subject { owner, newest, .. } = *subject;
        let mut fields = Vec::new();
        let mut exception = None;
        for field in newest.iter().filter(|field| !is_flag(field, newest)) {
            if field.notes.exception.as_deref() == Some("std::exception") && !subject.params {
                exception = Some(field.name.clone());
            } else {
                fields.extend(field_plans(schema, &descriptor, subject, field));
            }
        }
        let keys = descriptor
            .fields()
            .filter(|f| !fields.iter().any(|p| p.proto == *f))
            .collect::<Vec<_>>();
        for key in &keys {
            assert!(OURS.contains(&key.name()), "{owner}: nothing fills {}", key.name());
        }
        let constants =
            subject.layout.map(|layout| constants(subject, layout, &fields)).unwrap_or_default();
        Self { descriptor, fields, constants, exception, keys }
    }

    /// Whether an absent message of this plan would lose defaults that the generation does not know.
    #[must_use]
    pub fn drops_defaults(&self) -> bool {
        let dropped = |f: &FieldPlan| {
            f.default().is_some() && f.place.as_ref().is_some_and(|place| place.default.is_none())
        };
        self.fields.iter().any(dropped)
    }
}

impl FieldPlan {
    /// Whether the contract allows one value only, which generations without the field stand for.
    #[must_use]
    pub fn has_one_value(&self) -> bool {
        self.kind == Kind::Bool && self.field.notes.range.is_some_and(|(low, high)| low == high)
    }

    /// The newest default, if it is not what zeros mean anyway.
    #[must_use]
    pub fn default(&self) -> Option<Tree> {
        let default = self.field.default.map(literal);
        default.filter(|d| ![Tree::Bool(false), Tree::Int(0), Tree::Float(0.0)].contains(d))
    }
}

fn field_plans(
    schema: &Schema,
    descriptor: &MessageDescriptor,
    subject: &Subject<'_>,
    field: &Field,
) -> Vec<FieldPlan> {
    let place =
        || subject.layout.and_then(|layout| place(subject.owner, layout, field, subject.newest));
    let name = |fallback: &str| field.notes.rename.clone().unwrap_or_else(|| fallback.to_owned());
    let plan = |name: &str, kind: Kind, part: Part| FieldPlan {
        proto: descriptor.get_field_by_name(name).unwrap_or_else(|| {
            panic!("{}: no field {name} in {}", subject.owner, descriptor.name())
        }),
        kind,
        part,
        field: field.clone(),
        place: place(),
    };
    let bilingual = || Kind::Struct("BilingualStr".to_owned());
    match &field.ty {
        Type::Void => Vec::new(),
        Type::Struct { name, .. } if name == "Context" => Vec::new(),
        Type::Interface { .. } => {
            let name = name(&snake(&field.name));
            let object = descriptor.get_field_by_name(&name).is_some();
            if object { vec![plan(&name, Kind::Object, Part::Whole)] } else { Vec::new() }
        }
        Type::Struct { name: ty, .. } if ty == "ResultVoid" => {
            vec![plan(&name("error"), bilingual(), Part::OnlyError)]
        }
        Type::Struct { name: ty, args } if ty == "Result" => {
            let value = kind(schema, &args[0], &Meaning::of(field, subject.params));
            vec![
                plan(&name(&snake(&field.name)), value, Part::Value),
                plan("error", bilingual(), Part::Error),
            ]
        }
        ty => {
            let relay = place().is_some_and(|place| place.name == "relay");
            let kind = if relay {
                Kind::Relay
            } else {
                kind(schema, ty, &Meaning::of(field, subject.params))
            };
            vec![plan(&name(&snake(&field.name)), kind, Part::Whole)]
        }
    }
}

fn flag_of(field: &str) -> String {
    format!("has{}", pascal(field))
}

fn is_flag(field: &Field, all: &[Field]) -> bool {
    matches!(field.ty, Type::Bool | Type::UInt(_))
        && all.iter().any(|f| flag_of(&f.name) == field.name)
}

fn place(owner: &str, layout: &Layout, field: &Field, newest: &[Field]) -> Option<Place> {
    let older = OLD_NAMES.iter().find(|(o, name, _)| *o == owner && *name == field.name);
    let older = older.and_then(|(_, _, older)| layout.slot(older));
    let slot = older.or_else(|| layout.slot(&field.name))?;
    // A number that says what a struct says now is for who knows what it means.
    if matches!(field.ty, Type::Struct { .. }) && !is_pointer(&slot.ty) {
        return None;
    }
    let flag = flag_of(&field.name);
    let flag = layout.slot(&flag).filter(|_| newest.iter().any(|f| f.name == flag));
    Some(Place {
        name: slot.name.clone(),
        ty: slot.ty.clone(),
        flag: flag.map(|flag| (flag.name.clone(), flag.ty.clone())),
        default: slot.default.map(literal),
    })
}

/// What is to be set in fields of the layout that no message has.
fn constants(
    subject: &Subject<'_>,
    layout: &Layout,
    fields: &[FieldPlan],
) -> Vec<(&'static str, Tree)> {
    let mut constants = Vec::new();
    for slot in &layout.slots {
        let taken = fields.iter().filter_map(|f| f.place.as_ref()).any(|place| {
            place.name == slot.name
                || place.flag.as_ref().is_some_and(|(flag, _)| *flag == slot.name)
        });
        let plumbing = match &slot.ty {
            Type::Void | Type::Interface { .. } => true,
            Type::Struct { name, .. } => name == "Context",
            _ => false,
        };
        let gone =
            GONE.iter().find(|(owner, name, _)| *owner == subject.owner && *name == slot.name);
        match gone {
            Some((_, name, value)) => constants.push((*name, value.clone())),
            None => assert!(
                taken || plumbing || !subject.params,
                "{}: no rule fills the parameter {}",
                subject.owner,
                slot.name
            ),
        }
    }
    constants
}

/// What annotations say of a value, on the way into its type.
struct Meaning<'a> {
    content: Content,
    value_content: Content,
    entry: Option<&'a Entry>,
    inner_entry: Option<&'a Entry>,
    enumeration: Option<&'a str>,
    keys_only: bool,
    nullable: bool,
}

impl<'a> Meaning<'a> {
    fn of(field: &'a Field, request: bool) -> Self {
        let notes = &field.notes;
        Self {
            content: notes.content,
            value_content: notes.value_content,
            entry: notes.entry.as_ref(),
            inner_entry: notes.inner_entry.as_ref(),
            enumeration: notes.enumeration.as_deref(),
            keys_only: notes.keys_only && request,
            nullable: notes.nullable,
        }
    }

    fn key(&self, ty: &Type) -> Meaning<'a> {
        // A text that names something is never the content.
        let content = if *ty == Type::Text { Content::Raw } else { self.content };
        Meaning {
            content,
            value_content: Content::Raw,
            entry: None,
            inner_entry: None,
            enumeration: None,
            keys_only: false,
            nullable: false,
        }
    }

    fn value(&self) -> Meaning<'a> {
        Meaning {
            content: self.value_content,
            value_content: self.value_content,
            entry: self.inner_entry,
            inner_entry: None,
            enumeration: None,
            keys_only: false,
            nullable: false,
        }
    }
}

fn kind(schema: &Schema, ty: &Type, meaning: &Meaning<'_>) -> Kind {
    match ty {
        Type::Bool => Kind::Bool,
        Type::Int(_) | Type::UInt(_) => match meaning.enumeration {
            Some(name) => Kind::Enum(schema.enums[name].values.len()),
            None => Kind::Int,
        },
        Type::Float64 => Kind::Float,
        Type::Text if meaning.content == Content::BanMap => Kind::Bans,
        Type::Text => Kind::Text(meaning.content),
        Type::Data => match meaning.content {
            Content::Subnet => Kind::Subnet,
            content if content >= Content::OutPoint => Kind::Packed(content),
            content => Kind::Bytes(content),
        },
        Type::List(element) if meaning.nullable => {
            let entry = meaning.entry.expect("the name of the element's field");
            Kind::List(Box::new(Kind::Nullable(
                entry.key.clone(),
                Box::new(kind(schema, element, meaning)),
            )))
        }
        Type::List(element) => Kind::List(Box::new(kind(schema, element, meaning))),
        Type::Struct { name, args } if name.starts_with("Pair") => {
            pair(schema, name, args, meaning)
        }
        Type::Struct { name, .. } => Kind::Struct(name.clone()),
        Type::Interface { .. } => Kind::Object,
        Type::Void | Type::Parameter(_) => panic!("no rule for {ty:?}"),
    }
}

fn pair(schema: &Schema, name: &str, args: &[Type], meaning: &Meaning<'_>) -> Kind {
    let key = kind(schema, &args[0], &meaning.key(&args[0]));
    if meaning.keys_only {
        return Kind::Key(Box::new(key));
    }
    let value = match name {
        "Pair" => kind(schema, &args[1], &meaning.value()),
        _ => Kind::Int,
    };
    let entry = meaning.entry.expect("names of the halves");
    Kind::Pair(Box::new([(entry.key.clone(), key), (entry.value.clone(), value)]))
}
