//! The compiled schema (a Cap'n Proto `CodeGeneratorRequest`) as plain Rust values.

use std::collections::BTreeMap;

use capnp::message::ReaderOptions;
use capnp::schema_capnp::{
    annotation, brand, code_generator_request, field, method, node, type_, value,
};

use crate::Error;

/// Everything the generator knows of `schema/*.capnp`.
#[derive(Debug, Default)]
pub struct Schema {
    /// Interfaces by id.
    pub interfaces: BTreeMap<u64, Interface>,
    /// Structs by id; method parameter lists are not among them.
    pub structs: BTreeMap<u64, Struct>,
    /// Enums whose numbers the node uses in integer fields, by name.
    pub enums: BTreeMap<String, WireEnum>,
    /// File ids by file name.
    pub files: BTreeMap<String, u64>,
    /// Comment at the head of each file, by file name.
    pub file_docs: BTreeMap<String, String>,
}

/// One interface of the node.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Name in the schema.
    pub name: String,
    /// Type id on the wire.
    pub id: u64,
    /// File that declares it.
    pub file: String,
    /// Its comment.
    pub doc: String,
    /// Ids of the interfaces it inherits from.
    pub extends: Vec<u64>,
    /// How a call finds its object, if the interface is a service.
    pub service: Option<Target>,
    /// Access class of the methods that name none.
    pub access: Option<Access>,
    /// Methods by ordinal.
    pub methods: Vec<Method>,
}

/// How a call of a service finds its object on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One object per node, made by `Init` or by another root.
    Root,
    /// An object handed out as a lease.
    Leased,
    /// An object with a natural key.
    Named,
}

/// The right that a caller of a method needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named and explained in schema/grpc.capnp")]
pub enum Access {
    Read,
    Submit,
    Wallet,
    Control,
    Lifecycle,
}

/// One method of an interface.
#[derive(Debug, Clone)]
pub struct Method {
    /// Name in the schema, camelCase.
    pub name: String,
    /// Number on the wire in the newest generation.
    pub ordinal: u16,
    /// Its comment.
    pub doc: String,
    /// Parameters, in order.
    pub params: Vec<Field>,
    /// Results, in order.
    pub results: Vec<Field>,
    /// Access class, if it differs from the interface's.
    pub access: Option<Access>,
    /// Reason why the contract leaves it out.
    pub plumbing: Option<String>,
    /// It may wait for an event.
    pub blocking: bool,
    /// A reading method with an effect.
    pub effect: bool,
    /// A method outside class `read` that may be repeated.
    pub idempotent: bool,
    /// Condition under which its reply never changes.
    pub cacheable: Option<String>,
    /// Better name in the contract.
    pub rename: Option<String>,
}

/// One struct.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Name in the schema.
    pub name: String,
    /// Type id.
    pub id: u64,
    /// File that declares it.
    pub file: String,
    /// Its comment.
    pub doc: String,
    /// Names of its type parameters.
    pub parameters: Vec<String>,
    /// Size of the data section in words.
    pub data_words: u16,
    /// Number of pointers.
    pub pointers: u16,
    /// Fields by ordinal.
    pub fields: Vec<Field>,
    /// Exactly one field is set.
    pub oneof: bool,
    /// Better name in the contract.
    pub rename: Option<String>,
}

/// A field of a struct, a parameter or a result.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name in the schema, camelCase.
    pub name: String,
    /// Position.
    pub ordinal: u16,
    /// Slot offset in units of the field's own size.
    pub offset: u32,
    /// Wire type.
    pub ty: Type,
    /// Default that is not zero, as the facts write it.
    pub default: Option<Scalar>,
    /// Its comment.
    pub doc: String,
    /// What the schema says of it for the contract.
    pub notes: Notes,
}

/// Annotations of a field.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "named and explained in schema/grpc.capnp")]
pub struct Notes {
    pub rename: Option<String>,
    pub content: Content,
    pub value_content: Content,
    pub enumeration: Option<String>,
    pub range: Option<(i64, i64)>,
    pub max_items: Option<u32>,
    pub max_bytes: Option<u32>,
    pub required: bool,
    pub keys_only: bool,
    pub nullable: bool,
    pub entry: Option<Entry>,
    pub inner_entry: Option<Entry>,
    pub exception: Option<String>,
}

/// Names for the message that a Pair becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named and explained in schema/grpc.capnp")]
pub struct Entry {
    pub name: String,
    pub key: String,
    pub value: String,
}

/// A default value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the kinds of scalar")]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
}

/// A wire type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the types of Cap'n Proto")]
pub enum Type {
    Void,
    Bool,
    Int(u8),
    UInt(u8),
    Float64,
    Text,
    Data,
    List(Box<Type>),
    Struct { name: String, args: Vec<Type> },
    Interface { name: String },
    Parameter(String),
}

macro_rules! contents {
    ($($variant:ident = $number:literal),* $(,)?) => {
        /// What the bytes of a Data hold; see `Content` in `schema/grpc.capnp`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "named and explained in schema/grpc.capnp")]
        pub enum Content { #[default] $($variant),* }

        impl Content {
            fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

contents! {
    Raw = 0, BlockHash = 1, Txid = 2, Wtxid = 3, Transaction = 4, Block = 5, Header = 6, Script = 7,
    PubKey = 8, Hash160 = 9, Secret = 10, Json = 11, OutPoint = 12, FeeRate = 13, Locator = 14,
    Coin = 15, TxOut = 16, TxIn = 17, NetAddress = 18, NetService = 19, PeerAddress = 20,
    Subnet = 21, BanMap = 22,
}

/// An enum whose numbers travel in integer fields.
#[derive(Debug, Clone)]
pub struct WireEnum {
    /// Name in the schema.
    pub name: String,
    /// File that declares it.
    pub file: String,
    /// Its comment.
    pub doc: String,
    /// Names (camelCase) and comments, by number from zero.
    pub values: Vec<(String, String)>,
}

/// Annotation ids of `schema/grpc.capnp`.
mod id {
    pub(super) const DOC: u64 = 0xbd4d_a3b9_bb0a_d5b9;
    pub(super) const ACCESS: u64 = 0xa0d1_a5d4_aa4d_22c1;
    pub(super) const SERVICE: u64 = 0xe2a5_ef0c_6e3b_4c71;
    pub(super) const PLUMBING: u64 = 0x8ce3_5d2b_4b1c_2f6a;
    pub(super) const BLOCKING: u64 = 0xd3f1_c80d_5e0a_4b92;
    pub(super) const EFFECT: u64 = 0xb7c9_ae2f_6d18_4e05;
    pub(super) const IDEMPOTENT: u64 = 0xf5a8_d3e1_7b62_49c3;
    pub(super) const CACHEABLE: u64 = 0x9a6e_40c2_d8b7_1f35;
    pub(super) const NAME: u64 = 0xc6f0_7d3e_2a91_4b58;
    pub(super) const CONTENT: u64 = 0xad83_b5f9_1c6e_2047;
    pub(super) const VALUE_CONTENT: u64 = 0x92b4_e6d0_3f7a_15c8;
    pub(super) const ENUMERATION: u64 = 0xe93c_5a7f_10d2_b864;
    pub(super) const RANGE: u64 = 0xdb1e_94a6_c53f_7208;
    pub(super) const MAX_ITEMS: u64 = 0xf26d_3b8c_9e5a_0174;
    pub(super) const MAX_BYTES: u64 = 0x8f7b_2c4d_1ea9_6053;
    pub(super) const REQUIRED: u64 = 0xa84f_6e1d_2c0b_9375;
    pub(super) const KEYS_ONLY: u64 = 0xcc95_d02e_7f48_b1a6;
    pub(super) const NULLABLE: u64 = 0x87d1_e4b6_209f_c35a;
    pub(super) const ENTRY: u64 = 0xd604_a1b8_f3c2_7e59;
    pub(super) const INNER_ENTRY: u64 = 0xb35c_9ef2_806d_4a17;
    pub(super) const EXCEPTION: u64 = 0x97e2_d6b5_a01f_8c43;
    pub(super) const ONEOF: u64 = 0xe1b7_0f5c_6d32_a894;
    pub(super) const WIRE_ENUM: u64 = 0x85d9_c3a2_e46f_0b71;
}

/// Files that are no part of the node's interface: the annotations, and what the generator makes.
const OWN_FILES: [&str; 2] = ["grpc.capnp", "variants.capnp"];

impl Schema {
    /// Reads a serialized `CodeGeneratorRequest`.
    ///
    /// # Errors
    /// When the bytes are no such message, or use something the generator has no rule for.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let message = capnp::serialize::read_message(bytes, ReaderOptions::new())?;
        let request = message.get_root::<code_generator_request::Reader<'_>>()?;
        Reader::new(request)?.schema()
    }

    /// The interface of that name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.values().find(|i| i.name == name)
    }

    /// The struct of that name.
    #[must_use]
    pub fn structure(&self, name: &str) -> Option<&Struct> {
        self.structs.values().find(|s| s.name == name)
    }

    /// Services, in the order of their files' names and then their own.
    pub fn services(&self) -> impl Iterator<Item = &Interface> {
        let mut services: Vec<_> =
            self.interfaces.values().filter(|i| i.service.is_some()).collect();
        services.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
        services.into_iter()
    }

    /// The methods of an interface, inherited ones first, each with the interface that declares it.
    #[must_use]
    pub fn all_methods<'a>(&'a self, interface: &'a Interface) -> Vec<(&'a Interface, &'a Method)> {
        let inherited = interface.extends.iter().filter_map(|id| self.interfaces.get(id));
        let mut methods: Vec<_> = inherited.flat_map(|parent| self.all_methods(parent)).collect();
        methods.extend(interface.methods.iter().map(|method| (interface, method)));
        methods
    }
}

struct Reader<'a> {
    nodes: BTreeMap<u64, node::Reader<'a>>,
    docs: BTreeMap<u64, (String, Vec<String>)>,
    files: BTreeMap<u64, String>,
}

impl<'a> Reader<'a> {
    fn new(request: code_generator_request::Reader<'a>) -> Result<Self, Error> {
        let mut nodes = BTreeMap::new();
        for node in request.get_nodes()? {
            nodes.insert(node.get_id(), node);
        }
        let mut docs = BTreeMap::new();
        for info in request.get_source_info()? {
            let mut members = Vec::new();
            for member in info.get_members()? {
                members.push(member.get_doc_comment()?.to_string()?);
            }
            docs.insert(info.get_id(), (info.get_doc_comment()?.to_string()?, members));
        }
        let mut files = BTreeMap::new();
        for file in request.get_requested_files()? {
            files.insert(file.get_id(), file.get_filename()?.to_string()?);
        }
        Ok(Self { nodes, docs, files })
    }

    fn schema(&self) -> Result<Schema, Error> {
        let mut schema = Schema::default();
        for (id, file) in &self.files {
            schema.file_docs.insert(file.clone(), self.doc(*id));
            schema.files.insert(file.clone(), *id);
        }
        for node in self.nodes.values() {
            let file = self.file_of(node);
            if OWN_FILES.contains(&file.as_str()) || !self.files.contains_key(&node.get_scope_id())
            {
                continue;
            }
            match node.which()? {
                node::Interface(interface) => {
                    let interface = self.interface(node, file, interface)?;
                    schema.interfaces.insert(interface.id, interface);
                }
                node::Struct(body) => {
                    let structure = self.structure(node, file, body)?;
                    schema.structs.insert(structure.id, structure);
                }
                node::Enum(body) => {
                    let wire_enum = self.wire_enum(node, file, body)?;
                    schema.enums.insert(wire_enum.name.clone(), wire_enum);
                }
                _ => {}
            }
        }
        Ok(schema)
    }

    fn file_of(&self, node: &node::Reader<'_>) -> String {
        self.files.get(&node.get_scope_id()).cloned().unwrap_or_default()
    }

    fn doc(&self, id: u64) -> String {
        self.docs.get(&id).map(|(doc, _)| doc.trim().to_owned()).unwrap_or_default()
    }

    fn member_doc(&self, id: u64, index: usize) -> String {
        let members = self.docs.get(&id).map(|(_, members)| members);
        members.and_then(|m| m.get(index)).map(|doc| doc.trim().to_owned()).unwrap_or_default()
    }

    fn interface(
        &self,
        node: &node::Reader<'a>,
        file: String,
        body: node::interface::Reader<'a>,
    ) -> Result<Interface, Error> {
        let mut interface = Interface {
            name: short_name(node)?,
            id: node.get_id(),
            file,
            doc: self.doc(node.get_id()),
            extends: body.get_superclasses()?.iter().map(|s| s.get_id()).collect(),
            service: None,
            access: None,
            methods: Vec::new(),
        };
        for note in node.get_annotations()? {
            match note.get_id() {
                id::SERVICE => interface.service = Some(target(&text(note)?)?),
                id::ACCESS => interface.access = Some(access(number(note)?)?),
                other => return Err(Error::annotation(other, &interface.name)),
            }
        }
        for (index, method) in body.get_methods()?.iter().enumerate() {
            let doc = self.member_doc(interface.id, index);
            interface.methods.push(self.method(method, index, doc)?);
        }
        Ok(interface)
    }

    fn method(&self, m: method::Reader<'a>, index: usize, doc: String) -> Result<Method, Error> {
        let mut method = Method {
            name: m.get_name()?.to_string()?,
            ordinal: u16::try_from(index).map_err(|_| Error::schema("too many methods"))?,
            doc,
            params: self.fields(m.get_param_struct_type())?,
            results: self.fields(m.get_result_struct_type())?,
            access: None,
            plumbing: None,
            blocking: false,
            effect: false,
            idempotent: false,
            cacheable: None,
            rename: None,
        };
        for note in m.get_annotations()? {
            match note.get_id() {
                id::ACCESS => method.access = Some(access(number(note)?)?),
                id::PLUMBING => method.plumbing = Some(text(note)?),
                id::BLOCKING => method.blocking = true,
                id::EFFECT => method.effect = true,
                id::IDEMPOTENT => method.idempotent = true,
                id::CACHEABLE => method.cacheable = Some(text(note)?),
                id::NAME => method.rename = Some(text(note)?),
                other => return Err(Error::annotation(other, &method.name)),
            }
        }
        Ok(method)
    }

    fn structure(
        &self,
        node: &node::Reader<'a>,
        file: String,
        body: node::struct_::Reader<'a>,
    ) -> Result<Struct, Error> {
        let mut parameters = Vec::new();
        for parameter in node.get_parameters()? {
            parameters.push(parameter.get_name()?.to_string()?);
        }
        let mut structure = Struct {
            name: short_name(node)?,
            id: node.get_id(),
            file,
            doc: self.doc(node.get_id()),
            parameters,
            data_words: body.get_data_word_count(),
            pointers: body.get_pointer_count(),
            fields: self.fields(node.get_id())?,
            oneof: false,
            rename: None,
        };
        for note in node.get_annotations()? {
            match note.get_id() {
                id::ONEOF => structure.oneof = true,
                id::NAME => structure.rename = Some(text(note)?),
                other => return Err(Error::annotation(other, &structure.name)),
            }
        }
        Ok(structure)
    }

    fn wire_enum(
        &self,
        node: &node::Reader<'a>,
        file: String,
        body: node::enum_::Reader<'a>,
    ) -> Result<WireEnum, Error> {
        let name = short_name(node)?;
        if !node.get_annotations()?.iter().all(|note| note.get_id() == id::WIRE_ENUM) {
            return Err(Error::schema(format!("enum {name} has an annotation without a rule")));
        }
        let mut values = Vec::new();
        for (index, enumerant) in body.get_enumerants()?.iter().enumerate() {
            let doc = self.member_doc(node.get_id(), index);
            values.push((enumerant.get_name()?.to_string()?, doc));
        }
        Ok(WireEnum { name, file, doc: self.doc(node.get_id()), values })
    }

    fn fields(&self, struct_id: u64) -> Result<Vec<Field>, Error> {
        let node = self.nodes.get(&struct_id).ok_or_else(|| Error::schema("missing struct"))?;
        let node::Struct(body) = node.which()? else {
            return Err(Error::schema("not a struct"));
        };
        let mut fields = Vec::new();
        for (index, field) in body.get_fields()?.iter().enumerate() {
            fields.push(self.field(field, self.member_doc(struct_id, index))?);
        }
        fields.sort_by_key(|field| field.ordinal);
        Ok(fields)
    }

    fn field(&self, field: field::Reader<'a>, doc: String) -> Result<Field, Error> {
        let name = field.get_name()?.to_string()?;
        let field::Slot(slot) = field.which()? else {
            return Err(Error::schema(format!("group field {name} has no rule")));
        };
        let ordinal = match field.get_ordinal().which()? {
            field::ordinal::Explicit(ordinal) => ordinal,
            field::ordinal::Implicit(()) => field.get_code_order(),
        };
        let default = match slot.get_had_explicit_default() {
            true => scalar(slot.get_default_value()?)?,
            false => None,
        };
        let mut field_doc = doc;
        let mut notes = Notes::default();
        for note in field.get_annotations()? {
            if note.get_id() == id::DOC {
                field_doc = text(note)?;
            } else {
                field_note(&mut notes, note, &name)?;
            }
        }
        Ok(Field {
            ty: self.ty(slot.get_type()?)?,
            offset: slot.get_offset(),
            name,
            ordinal,
            default,
            doc: field_doc,
            notes,
        })
    }

    fn ty(&self, ty: type_::Reader<'a>) -> Result<Type, Error> {
        Ok(match ty.which()? {
            type_::Void(()) => Type::Void,
            type_::Bool(()) => Type::Bool,
            type_::Int8(()) => Type::Int(8),
            type_::Int16(()) => Type::Int(16),
            type_::Int32(()) => Type::Int(32),
            type_::Int64(()) => Type::Int(64),
            type_::Uint8(()) => Type::UInt(8),
            type_::Uint16(()) => Type::UInt(16),
            type_::Uint32(()) => Type::UInt(32),
            type_::Uint64(()) => Type::UInt(64),
            type_::Float64(()) => Type::Float64,
            type_::Text(()) => Type::Text,
            type_::Data(()) => Type::Data,
            type_::List(list) => Type::List(Box::new(self.ty(list.get_element_type()?)?)),
            type_::Struct(s) => Type::Struct {
                name: self.name_of(s.get_type_id())?,
                args: self.brand(s.get_brand()?)?,
            },
            type_::Interface(i) => Type::Interface { name: self.name_of(i.get_type_id())? },
            type_::AnyPointer(pointer) => self.parameter(pointer)?,
            _ => return Err(Error::schema("a type without a rule")),
        })
    }

    fn parameter(&self, pointer: type_::any_pointer::Reader<'a>) -> Result<Type, Error> {
        let type_::any_pointer::Parameter(parameter) = pointer.which()? else {
            return Err(Error::schema("a bare AnyPointer has no rule"));
        };
        let scope = self.nodes.get(&parameter.get_scope_id());
        let scope = scope.ok_or_else(|| Error::schema("parameter of an unknown scope"))?;
        let names = scope.get_parameters()?;
        let name = names.get(u32::from(parameter.get_parameter_index())).get_name()?.to_string()?;
        Ok(Type::Parameter(name))
    }

    fn brand(&self, brand: brand::Reader<'a>) -> Result<Vec<Type>, Error> {
        let mut args = Vec::new();
        for scope in brand.get_scopes()? {
            if let brand::scope::Bind(bindings) = scope.which()? {
                for binding in bindings? {
                    match binding.which()? {
                        brand::binding::Type(ty) => args.push(self.ty(ty?)?),
                        brand::binding::Unbound(()) => {
                            return Err(Error::schema("unbound type parameter"));
                        }
                    }
                }
            }
        }
        Ok(args)
    }

    fn name_of(&self, id: u64) -> Result<String, Error> {
        short_name(self.nodes.get(&id).ok_or_else(|| Error::schema("reference to nowhere"))?)
    }
}

fn field_note(notes: &mut Notes, note: annotation::Reader<'_>, field: &str) -> Result<(), Error> {
    match note.get_id() {
        id::NAME => notes.rename = Some(text(note)?),
        id::CONTENT => notes.content = content(note)?,
        id::VALUE_CONTENT => notes.value_content = content(note)?,
        id::ENUMERATION => notes.enumeration = Some(text(note)?),
        id::RANGE => notes.range = Some(range(note)?),
        id::MAX_ITEMS => notes.max_items = Some(number32(note)?),
        id::MAX_BYTES => notes.max_bytes = Some(number32(note)?),
        id::REQUIRED => notes.required = true,
        id::KEYS_ONLY => notes.keys_only = true,
        id::NULLABLE => notes.nullable = true,
        id::ENTRY => notes.entry = Some(entry(note)?),
        id::INNER_ENTRY => notes.inner_entry = Some(entry(note)?),
        id::EXCEPTION => notes.exception = Some(text(note)?),
        other => return Err(Error::annotation(other, field)),
    }
    Ok(())
}

fn short_name(node: &node::Reader<'_>) -> Result<String, Error> {
    let display = node.get_display_name()?.to_str()?;
    let prefix = node.get_display_name_prefix_length() as usize;
    Ok(display.get(prefix..).unwrap_or(display).to_owned())
}

fn text(note: annotation::Reader<'_>) -> Result<String, Error> {
    match note.get_value()?.which()? {
        value::Text(text) => Ok(text?.to_string()?),
        _ => Err(Error::schema("annotation without its text")),
    }
}

fn number(note: annotation::Reader<'_>) -> Result<u16, Error> {
    match note.get_value()?.which()? {
        value::Enum(number) => Ok(number),
        _ => Err(Error::schema("annotation without its enumerant")),
    }
}

fn number32(note: annotation::Reader<'_>) -> Result<u32, Error> {
    match note.get_value()?.which()? {
        value::Uint32(number) => Ok(number),
        _ => Err(Error::schema("annotation without its number")),
    }
}

fn content(note: annotation::Reader<'_>) -> Result<Content, Error> {
    Content::from_number(number(note)?).ok_or_else(|| Error::schema("unknown content"))
}

fn target(text: &str) -> Result<Target, Error> {
    match text {
        "root" => Ok(Target::Root),
        "leased" => Ok(Target::Leased),
        "named" => Ok(Target::Named),
        other => Err(Error::schema(format!("unknown kind of service {other}"))),
    }
}

fn access(number: u16) -> Result<Access, Error> {
    let all = [Access::Read, Access::Submit, Access::Wallet, Access::Control, Access::Lifecycle];
    all.get(usize::from(number)).copied().ok_or_else(|| Error::schema("unknown access class"))
}

/// `Range` is declared in our own annotation file: two words, each default masked by XOR.
fn range(note: annotation::Reader<'_>) -> Result<(i64, i64), Error> {
    let value::Struct(pointer) = note.get_value()?.which()? else {
        return Err(Error::schema("annotation without its range"));
    };
    let range: crate::grpc_capnp::bounds::Reader<'_> = pointer.get_as()?;
    Ok((range.get_min(), range.get_max()))
}

fn entry(note: annotation::Reader<'_>) -> Result<Entry, Error> {
    let value::Struct(pointer) = note.get_value()?.which()? else {
        return Err(Error::schema("annotation without its entry"));
    };
    let entry: crate::grpc_capnp::entry_names::Reader<'_> = pointer.get_as()?;
    Ok(Entry {
        name: entry.get_name()?.to_string()?,
        key: entry.get_key()?.to_string()?,
        value: entry.get_value()?.to_string()?,
    })
}

fn scalar(value: value::Reader<'_>) -> Result<Option<Scalar>, Error> {
    let scalar = match value.which()? {
        value::Bool(value) => Scalar::Bool(value),
        value::Int8(value) => Scalar::Int(value.into()),
        value::Int16(value) => Scalar::Int(value.into()),
        value::Int32(value) => Scalar::Int(value.into()),
        value::Int64(value) => Scalar::Int(value),
        value::Uint8(value) => Scalar::Int(value.into()),
        value::Uint16(value) => Scalar::Int(value.into()),
        value::Uint32(value) => Scalar::Int(value.into()),
        value::Uint64(value) => {
            Scalar::Int(i64::try_from(value).map_err(|_| Error::schema("default too large"))?)
        }
        value::Float64(value) => Scalar::Float(value),
        _ => return Err(Error::schema("a default without a rule")),
    };
    // An explicit zero is no default of its own: it is what an absent field reads as.
    Ok(Some(scalar))
}
