//! The public contract as a model: services, methods and messages, and where each field comes from.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::builtin;
use crate::layout::nonzero;
use crate::names::{contract, pascal, snake};
use crate::schema::{
    Access, Content, Entry, Field, Interface, Method, Schema, Struct, Target, Type,
};

/// The whole contract.
#[derive(Debug)]
pub struct Contract {
    /// Services in the order of their files.
    pub services: Vec<Service>,
    /// Messages by name.
    pub messages: BTreeMap<String, Message>,
    /// Order in which messages were met, which is the order they are written in.
    pub order: Vec<String>,
    /// Enums by their name in the contract.
    pub enums: BTreeMap<String, Enumeration>,
}

/// One service.
#[derive(Debug)]
pub struct Service {
    /// Its name, that of the interface.
    pub name: String,
    /// Stem of the file it is written to, `chain`.
    pub file: String,
    /// Its comment.
    pub doc: String,
    /// How calls find their object.
    pub target: Target,
    /// Its methods.
    pub methods: Vec<Rpc>,
}

/// One method of a service.
#[derive(Debug)]
pub struct Rpc {
    /// Name in the contract, `GetBlockHash`.
    pub name: String,
    /// Interface that declares it on the wire (a base interface, if inherited).
    pub interface: String,
    /// Name on the wire.
    pub wire_name: String,
    /// Its comment.
    pub doc: String,
    /// Class of right it needs.
    pub access: Access,
    /// May wait for an event.
    pub blocking: bool,
    /// May be repeated with the effect of once.
    pub idempotent: bool,
    /// Condition under which the reply never changes.
    pub cacheable: Option<String>,
    /// Streaming form.
    pub form: Form,
    /// What it passes that gRPC has no word for, which decides what serves it.
    pub needs: Needs,
    /// Name of the request message.
    pub request: String,
    /// Name of the response message.
    pub response: String,
    /// Interface of the callback object that it passes, if it passes one.
    pub callback: Option<String>,
}

/// Streaming form of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "gRPC's own words")]
pub enum Form {
    Unary,
    ServerStreaming,
    Bidirectional,
}

/// What a method passes besides values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Values only, on a root object.
    Nothing,
    /// A callback object of the client's.
    Callback,
    /// Returns an object of the node's.
    ReturnsObject,
    /// Is called on an object that is no root.
    Object,
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// Its name.
    pub name: String,
    /// Stem of its file.
    pub file: String,
    /// Its comment.
    pub doc: String,
    /// Its fields.
    pub fields: Vec<ProtoField>,
    /// What it mirrors.
    pub origin: Origin,
    /// It is sent by clients, so it is checked.
    pub requested: bool,
}

/// What a message mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A struct of the schema.
    Struct(String),
    /// Parameters of a method (interface, method).
    Params(String, String),
    /// Results of a method (interface, method).
    Results(String, String),
    /// A Pair, with the shapes of its halves.
    Entry(Box<Shape>, Box<Shape>),
    /// A list element that may be null.
    Nullable(Box<Shape>),
    /// Written by hand in `builtin.rs`, or an envelope of streams.
    Contract,
}

/// One field of a message.
#[derive(Debug, Clone)]
pub struct ProtoField {
    /// Name, snake_case.
    pub name: String,
    /// Comment.
    pub doc: String,
    /// Type.
    pub shape: Shape,
    /// `optional` in proto3's sense (never on messages and lists, which have presence anyway).
    pub optional: bool,
    /// Name of the oneof it belongs to.
    pub oneof: Option<String>,
    /// The field of the schema it mirrors.
    pub source: Source,
    /// Its number, once locked.
    pub number: u32,
    /// Checks on requests.
    pub limits: Limits,
}

/// Bounds that a request's field must keep.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "named and explained in schema/grpc.capnp")]
pub struct Limits {
    pub range: Option<(i64, i64)>,
    pub max_items: Option<u32>,
    pub max_bytes: Option<u32>,
    pub required: bool,
}

/// Where a field's value stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the field of that name; with a flag beside it that says whether it is set.
    Field {
        /// Name of the field.
        name: String,
        /// Name of its flag.
        flag: Option<String>,
    },
    /// `value` of a `Result` in that field.
    ResultValue(String),
    /// `error` of a `Result` or `ResultVoid` in that field.
    ResultError(String),
    /// Not on the wire as such: keys of objects, envelopes.
    Contract,
}

/// Type of a field in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the types of protobuf, and ours")]
pub enum Shape {
    Bool,
    Int32,
    Int64,
    UInt32,
    UInt64,
    Double,
    /// Text; JSON text among it.
    String(Content),
    /// Data that stays bytes.
    Bytes(Content),
    /// Data that becomes a message of `builtin.rs`, or a string for a subnet.
    Typed(Content),
    /// An enum of the schema.
    Enum(String),
    /// A struct of the schema, by its schema name.
    Struct(String),
    /// A Pair or a nullable element, by message name; in a request with `true`, only the key.
    Entry(String),
    /// The key half of a Pair, where the value is the node's to fill.
    KeyOnly(Box<Shape>),
    List(Box<Shape>),
    /// A lease on an object.
    Lease,
    /// The name of a wallet or signer.
    ObjectName,
    /// Another message of the contract, by name.
    Message(String),
}

/// An enum of the contract.
#[derive(Debug)]
pub struct Enumeration {
    /// Name.
    pub name: String,
    /// Stem of its file.
    pub file: String,
    /// Comment.
    pub doc: String,
    /// Names and comments by number.
    pub values: Vec<(String, String)>,
}

impl Contract {
    /// Derives the contract from the schema.
    ///
    /// # Errors
    /// When the schema has something without a rule, or two things would get one name.
    pub fn build(schema: &Schema) -> Result<Self, Error> {
        let mut builder = Builder {
            schema,
            messages: BTreeMap::new(),
            order: Vec::new(),
            pending: BTreeSet::new(),
        };
        for message in builtin::messages() {
            builder.insert(message)?;
        }
        let mut services = Vec::new();
        for interface in schema.services() {
            services.push(builder.service(interface)?);
        }
        builder.mark_requested(&services);
        let enums = schema.enums.values().map(|e| Enumeration {
            name: e.name.clone(),
            file: stem(&e.file),
            doc: e.doc.clone(),
            values: e.values.clone(),
        });
        let enums = enums.chain([builtin::notification_kinds()]);
        Ok(Self {
            services,
            enums: enums.map(|e| (e.name.clone(), e)).collect(),
            messages: builder.messages,
            order: builder.order,
        })
    }

    /// The message that mirrors a struct of the schema.
    #[must_use]
    pub fn of_struct(&self, name: &str) -> Option<&Message> {
        self.messages.values().find(|m| m.origin == Origin::Struct(name.to_owned()))
    }
}

/// `chain.capnp` → `chain`; infrastructure files share `common`.
fn stem(file: &str) -> String {
    match file.rsplit('/').next().and_then(|f| f.strip_suffix(".capnp")) {
        Some("proxy" | "handler" | "init") | None => "common".to_owned(),
        Some(stem) => stem.to_owned(),
    }
}

/// The name of a struct's message.
#[must_use]
pub fn message_name(structure: &Struct) -> String {
    structure.rename.clone().unwrap_or_else(|| contract(&structure.name))
}

struct Builder<'a> {
    schema: &'a Schema,
    messages: BTreeMap<String, Message>,
    order: Vec<String>,
    pending: BTreeSet<String>,
}

impl<'a> Builder<'a> {
    fn insert(&mut self, message: Message) -> Result<(), Error> {
        if let Some(existing) = self.messages.get(&message.name) {
            if existing.origin != message.origin {
                return Err(Error::schema(format!("two messages want the name {}", message.name)));
            }
            return Ok(());
        }
        self.order.push(message.name.clone());
        self.messages.insert(message.name.clone(), message);
        Ok(())
    }

    fn service(&mut self, interface: &Interface) -> Result<Service, Error> {
        let target = interface.service.ok_or_else(|| Error::schema("not a service"))?;
        let mut methods = Vec::new();
        for (declared_by, method) in self.schema.all_methods(interface) {
            if method.plumbing.is_none() {
                methods.push(self.rpc(interface, declared_by, method, target)?);
            }
        }
        let (name, doc) = (interface.name.clone(), interface.doc.clone());
        Ok(Service { name, file: stem(&interface.file), doc, target, methods })
    }

    fn rpc(
        &mut self,
        service: &Interface,
        declared_by: &Interface,
        method: &Method,
        target: Target,
    ) -> Result<Rpc, Error> {
        let name = method.rename.clone().unwrap_or_else(|| contract(&method.name));
        let access = method.access.or(declared_by.access).or(service.access);
        let access = access.ok_or_else(|| {
            Error::schema(format!("{}.{} has no access class", service.name, method.name))
        })?;
        let callback = method.params.iter().find_map(|p| self.callback_of(&p.ty));
        let returns_object = method.results.iter().any(|r| self.object_in(&r.ty, 0));
        let (form, needs) = match callback {
            Some(callback) if self.answers(callback) => (Form::Bidirectional, Needs::Callback),
            Some(_) => (Form::ServerStreaming, Needs::Callback),
            None if target != Target::Root => (Form::Unary, Needs::Object),
            None if returns_object => (Form::Unary, Needs::ReturnsObject),
            None => (Form::Unary, Needs::Nothing),
        };
        let (request, response) =
            (format!("{}{name}Request", service.name), format!("{}{name}Response", service.name));
        let file = stem(&service.file);
        self.messages_of_rpc(
            service,
            declared_by,
            method,
            form,
            callback,
            &file,
            &request,
            &response,
            target,
        )?;
        Ok(Rpc {
            name,
            interface: declared_by.name.clone(),
            wire_name: method.name.clone(),
            doc: method.doc.clone(),
            access,
            blocking: method.blocking,
            idempotent: method.idempotent || (access == Access::Read && !method.effect),
            cacheable: method.cacheable.clone(),
            form,
            needs,
            request,
            response,
            callback: callback.map(|callback| callback.name.clone()),
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one caller; each is a different fact of one method"
    )]
    fn messages_of_rpc(
        &mut self,
        service: &Interface,
        declared_by: &Interface,
        method: &Method,
        form: Form,
        callback: Option<&Interface>,
        file: &str,
        request: &str,
        response: &str,
        target: Target,
    ) -> Result<(), Error> {
        let place = (declared_by.name.clone(), method.name.clone());
        let rpc = format!(
            "{}.{}",
            service.name,
            method.rename.clone().unwrap_or_else(|| contract(&method.name))
        );
        let mut params = builtin::key_of(target);
        params.extend(self.fields(&method.params, true, file)?);
        let start = Message {
            name: request.to_owned(),
            file: file.to_owned(),
            doc: format!("Request of {rpc}."),
            fields: params,
            origin: Origin::Params(place.0.clone(), place.1.clone()),
            requested: true,
        };
        let results = self.fields(&method.results, false, file)?;
        match (form, callback) {
            (Form::Unary, _) | (_, None) => {
                self.insert(start)?;
                self.insert(Message {
                    name: response.to_owned(),
                    file: file.to_owned(),
                    doc: format!("Response of {rpc}."),
                    fields: results,
                    origin: Origin::Results(place.0, place.1),
                    requested: false,
                })
            }
            (Form::ServerStreaming, Some(callback)) => {
                let mut start = start;
                start.fields.extend(builtin::stream_options(&callback.name, &rpc));
                self.insert(start)?;
                let events = self.events(callback, file, false)?;
                self.insert(builtin::envelope(response, file, &rpc, events, results))
            }
            (Form::Bidirectional, Some(callback)) => {
                let start_name = format!("{}Start", request.trim_end_matches("Request"));
                let answer = self.answer(callback, file)?;
                self.insert(Message {
                    name: start_name.clone(),
                    doc: format!("Opens a stream of {rpc}."),
                    ..start
                })?;
                self.insert(builtin::conversation(request, file, &rpc, &start_name, &answer))?;
                let events = self.events(callback, file, true)?;
                self.insert(builtin::envelope(response, file, &rpc, events, results))
            }
        }
    }

    /// The events of a callback interface as fields of a oneof, their messages written first.
    fn events(
        &mut self,
        callback: &Interface,
        file: &str,
        invocation: bool,
    ) -> Result<Vec<ProtoField>, Error> {
        let mut events = Vec::new();
        for method in callback.methods.iter().filter(|m| m.plumbing.is_none()) {
            let base = callback.name.trim_end_matches("Callback").to_owned();
            let name = method.rename.clone().unwrap_or_else(|| match method.name.as_str() {
                "call" => base.clone(),
                other => contract(other),
            });
            let message = format!("{name}{}", if invocation { "Invocation" } else { "Event" });
            let mut fields = Vec::new();
            if invocation {
                fields.extend(builtin::invocation_fields());
            }
            fields.extend(self.fields(&method.params, false, file)?);
            let doc = match method.name.as_str() {
                "call" if method.doc.is_empty() => callback.doc.clone(),
                _ => method.doc.clone(),
            };
            let origin = Origin::Params(callback.name.clone(), method.name.clone());
            let home = stem(&callback.file);
            self.insert(Message {
                name: message.clone(),
                file: home,
                doc: doc.clone(),
                fields,
                origin,
                requested: false,
            })?;
            events.push(builtin::field(&snake(&name), &doc, Shape::Message(message)));
        }
        Ok(events)
    }

    /// The message with which a client answers an invocation of a callback.
    fn answer(&mut self, callback: &Interface, file: &str) -> Result<String, Error> {
        let method =
            callback.methods.iter().find(|m| m.plumbing.is_none() && !m.results.is_empty());
        let method = method.ok_or_else(|| Error::schema("a callback without answers"))?;
        let name = format!("{}Answer", callback.name.trim_end_matches("Callback"));
        let mut fields = builtin::answer_fields();
        fields.extend(self.fields(&method.results, true, file)?);
        self.insert(Message {
            name: name.clone(),
            file: stem(&callback.file),
            doc: format!("A client's answer to an invocation. {}", method.doc),
            fields,
            origin: Origin::Results(callback.name.clone(), method.name.clone()),
            requested: true,
        })?;
        Ok(name)
    }

    /// Fields of a struct, of parameters or of results, folded as the contract shows them.
    fn fields(
        &mut self,
        fields: &[Field],
        request: bool,
        file: &str,
    ) -> Result<Vec<ProtoField>, Error> {
        let flags: BTreeSet<&str> = fields
            .iter()
            .filter(|f| flag_target(f).is_some_and(|t| fields.iter().any(|x| x.name == t)))
            .map(|f| f.name.as_str())
            .collect();
        let mut out = Vec::new();
        for field in fields {
            if is_plumbing(&field.ty)
                || flags.contains(field.name.as_str())
                || self
                    .callback_of(&field.ty)
                    .is_some_and(|_| matches!(field.ty, Type::Interface { .. }))
            {
                continue;
            }
            if field.notes.exception.as_deref() == Some("std::exception") && !request {
                continue;
            }
            let flag =
                flags.iter().find(|f| flag_name(&field.name) == **f).map(|f| (*f).to_owned());
            self.field(field, flag, request, file, &mut out)?;
        }
        let mut seen = BTreeSet::new();
        for field in &out {
            if !seen.insert(field.name.clone()) {
                return Err(Error::schema(format!(
                    "two fields want the name {} in {file}",
                    field.name
                )));
            }
        }
        Ok(out)
    }

    fn field(
        &mut self,
        field: &Field,
        flag: Option<String>,
        request: bool,
        file: &str,
        out: &mut Vec<ProtoField>,
    ) -> Result<(), Error> {
        let name = field.notes.rename.clone().unwrap_or_else(|| snake(&field.name));
        let mut proto = builtin::field(&name, &field.doc, Shape::Bool);
        proto.limits = Limits {
            range: field.notes.range,
            max_items: field.notes.max_items,
            max_bytes: field.notes.max_bytes,
            required: field.notes.required,
        };
        match &field.ty {
            Type::Struct { name: generic, .. } if generic == "ResultVoid" => {
                let error_name = field.notes.rename.clone().unwrap_or_else(|| "error".to_owned());
                self.structure("BilingualStr")?;
                out.push(ProtoField {
                    name: error_name,
                    shape: Shape::Struct("BilingualStr".to_owned()),
                    source: Source::ResultError(field.name.clone()),
                    ..proto
                });
            }
            Type::Struct { name: generic, args } if generic == "Result" => {
                let inner = args.first().ok_or_else(|| Error::schema("Result without a type"))?;
                self.structure("BilingualStr")?;
                let shape = self.shape(inner, field, request, file)?;
                let value = ProtoField {
                    shape,
                    oneof: Some("outcome".to_owned()),
                    source: Source::ResultValue(field.name.clone()),
                    ..proto
                };
                let mut error = builtin::field(
                    "error",
                    "Why there is no result, in the node's words.",
                    Shape::Struct("BilingualStr".to_owned()),
                );
                error.oneof = Some("outcome".to_owned());
                error.source = Source::ResultError(field.name.clone());
                out.extend([value, error]);
            }
            ty => {
                let shape = self.shape(ty, field, request, file)?;
                let folds = flag.is_some()
                    || nonzero(field.default).is_some() && request
                    || field.notes.nullable;
                let exception = field.notes.exception.is_some();
                proto.optional = (folds || exception) && has_no_presence(&shape);
                proto.shape = shape;
                proto.source = Source::Field { name: field.name.clone(), flag };
                out.push(proto);
            }
        }
        Ok(())
    }

    fn shape(
        &mut self,
        ty: &Type,
        field: &Field,
        request: bool,
        file: &str,
    ) -> Result<Shape, Error> {
        let notes = &field.notes;
        if let (Some(name), Type::Int(_) | Type::UInt(_)) = (&notes.enumeration, ty) {
            if !self.schema.enums.contains_key(name) {
                return Err(Error::schema(format!("{}: no enum {name}", field.name)));
            }
            return Ok(Shape::Enum(name.clone()));
        }
        Ok(match ty {
            Type::List(element) if notes.nullable => {
                let shape = self.shape(element, field, request, file)?;
                let entry = entry_of(notes.entry.as_ref(), field)?;
                self.nullable(&entry, shape.clone(), field, file)?;
                Shape::List(Box::new(Shape::Entry(entry.name)))
            }
            Type::List(element) => {
                Shape::List(Box::new(self.shape(element, field, request, file)?))
            }
            Type::Struct { name, args } if name.starts_with("Pair") => {
                let entry = entry_of(notes.entry.as_ref(), field)?;
                self.pair(
                    &entry,
                    name,
                    args,
                    field,
                    request,
                    file,
                    (notes.content, notes.value_content),
                )?
            }
            Type::Struct { name, .. } => {
                self.structure(name)?;
                Shape::Struct(name.clone())
            }
            Type::Interface { name } if name == "BlockTemplate" => Shape::Lease,
            Type::Interface { .. } => Shape::ObjectName,
            Type::Void | Type::Parameter(_) => {
                return Err(Error::schema(format!("{}: a type without a rule", field.name)));
            }
            scalar => scalar_shape(scalar, notes.content),
        })
    }

    #[allow(clippy::too_many_arguments, reason = "recursion over one Pair carries its context")]
    fn pair(
        &mut self,
        entry: &Entry,
        generic: &str,
        args: &[Type],
        field: &Field,
        request: bool,
        file: &str,
        (key_content, value_content): (Content, Content),
    ) -> Result<Shape, Error> {
        let key_type = args.first().ok_or_else(|| Error::schema("Pair without a key"))?;
        let value_type = match (generic, args.get(1)) {
            ("PairInt64", _) => Type::Int(64),
            ("PairUInt64", _) => Type::UInt(64),
            (_, Some(ty)) => ty.clone(),
            _ => return Err(Error::schema("Pair without a value")),
        };
        // The key of a Pair of texts is a name, whatever its value holds.
        let key_content = if *key_type == Type::Text { Content::Raw } else { key_content };
        let key = self.half(key_type, field, request, file, key_content, false)?;
        let value = self.half(&value_type, field, request, file, value_content, true)?;
        if field.notes.keys_only && request {
            return Ok(Shape::KeyOnly(Box::new(key)));
        }
        let fields = [(&entry.key, &key, "key"), (&entry.value, &value, "value")].map(
            |(name, shape, half)| {
                let mut half_field =
                    builtin::field(name, &builtin::half_doc(name, shape), shape.clone());
                half_field.source = Source::Field { name: half.to_owned(), flag: None };
                half_field
            },
        );
        self.insert(Message {
            name: entry.name.clone(),
            file: file.to_owned(),
            doc: format!("One {} with its {}.", words(&entry.key), words(&entry.value)),
            fields: fields.to_vec(),
            origin: Origin::Entry(Box::new(key), Box::new(value)),
            requested: false,
        })?;
        Ok(Shape::Entry(entry.name.clone()))
    }

    fn half(
        &mut self,
        ty: &Type,
        field: &Field,
        request: bool,
        file: &str,
        content: Content,
        value: bool,
    ) -> Result<Shape, Error> {
        let mut inner = field.clone();
        inner.notes.content = content;
        inner.notes.nullable = false;
        inner.notes.keys_only = false;
        if value {
            inner.notes.entry = inner.notes.inner_entry.take();
            // The value of a nested Pair keeps the content that the annotation names for values.
            inner.notes.content = match ty {
                Type::List(_) => field.notes.value_content,
                _ => content,
            };
        }
        self.shape(ty, &inner, request, file)
    }

    fn nullable(
        &mut self,
        entry: &Entry,
        shape: Shape,
        field: &Field,
        file: &str,
    ) -> Result<(), Error> {
        let mut element = builtin::field(&entry.key, &field.doc, shape.clone());
        element.optional = has_no_presence(&shape);
        self.insert(Message {
            name: entry.name.clone(),
            file: file.to_owned(),
            doc: format!("One {}, or nothing where the node has none.", words(&entry.key)),
            fields: vec![element],
            origin: Origin::Nullable(Box::new(shape)),
            requested: false,
        })
    }

    fn structure(&mut self, name: &str) -> Result<(), Error> {
        if !self.pending.insert(name.to_owned()) {
            return Ok(());
        }
        let structure = self
            .schema
            .structure(name)
            .ok_or_else(|| Error::schema(format!("no struct {name}")))?;
        let file = stem(&structure.file);
        let mut fields = self.fields(&structure.fields, false, &file)?;
        for (proto, field) in fields.iter_mut().filter_map(|proto| {
            let Source::Field { name, .. } = &proto.source else { return None };
            structure.fields.iter().find(|f| f.name == *name).map(|f| (proto, f))
        }) {
            proto.optional |= nonzero(field.default).is_some() && has_no_presence(&proto.shape);
            if structure.oneof {
                proto.oneof = Some(snake(&structure.name));
                proto.optional = false;
            }
        }
        let origin = Origin::Struct(name.to_owned());
        self.insert(Message {
            name: message_name(structure),
            file,
            doc: structure.doc.clone(),
            fields,
            origin,
            requested: false,
        })
    }

    /// The callback interface that a parameter passes: itself, or inside a struct.
    fn callback_of(&self, ty: &Type) -> Option<&'a Interface> {
        match ty {
            Type::Interface { name } => {
                let interface = self.schema.interface(name)?;
                let callback = name.ends_with("Callback") || name.ends_with("Notifications");
                callback.then_some(interface)
            }
            Type::Struct { name, .. } => {
                let structure = self.schema.structure(name)?;
                structure.fields.iter().find_map(|f| match f.ty {
                    Type::Interface { .. } => self.callback_of(&f.ty),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    fn answers(&self, callback: &Interface) -> bool {
        callback.methods.iter().any(|m| m.plumbing.is_none() && !m.results.is_empty())
    }

    fn object_in(&self, ty: &Type, depth: u8) -> bool {
        match ty {
            Type::Interface { .. } => true,
            Type::List(element) => self.object_in(element, depth),
            Type::Struct { name, args } if depth < 4 => {
                args.iter().any(|arg| self.object_in(arg, depth + 1))
                    || self.schema.structure(name).is_some_and(|s| {
                        s.fields
                            .iter()
                            .any(|f| f.ty != *ty && matches!(f.ty, Type::Interface { .. }))
                    })
            }
            _ => false,
        }
    }

    /// Marks every message that a request can hold.
    fn mark_requested(&mut self, _services: &[Service]) {
        let mut queue: Vec<String> =
            self.messages.values().filter(|m| m.requested).map(|m| m.name.clone()).collect();
        while let Some(name) = queue.pop() {
            let Some(message) = self.messages.get_mut(&name) else { continue };
            message.requested = true;
            let shapes: Vec<Shape> = message.fields.iter().map(|f| f.shape.clone()).collect();
            for shape in shapes {
                if let Some(inner) = self.message_in(&shape)
                    && self.messages.get(&inner).is_some_and(|m| !m.requested)
                {
                    queue.push(inner);
                }
            }
        }
    }

    fn message_in(&self, shape: &Shape) -> Option<String> {
        match shape {
            Shape::Struct(name) => self.schema.structure(name).map(message_name),
            Shape::Entry(name) | Shape::Message(name) => Some(name.clone()),
            Shape::List(inner) | Shape::KeyOnly(inner) => self.message_in(inner),
            Shape::Typed(content) => builtin::message_of(*content).map(str::to_owned),
            _ => None,
        }
    }
}

fn scalar_shape(ty: &Type, content: Content) -> Shape {
    match ty {
        Type::Bool => Shape::Bool,
        Type::Int(64) => Shape::Int64,
        Type::Int(_) => Shape::Int32,
        Type::UInt(64) => Shape::UInt64,
        Type::UInt(_) => Shape::UInt32,
        Type::Float64 => Shape::Double,
        Type::Text if content == Content::BanMap => Shape::List(Box::new(Shape::Typed(content))),
        Type::Text => Shape::String(content),
        _ if content >= Content::OutPoint => Shape::Typed(content),
        _ => Shape::Bytes(content),
    }
}

/// Parameters that no caller ever sees: the context, and a scheduler that is always void.
#[must_use]
pub fn is_plumbing(ty: &Type) -> bool {
    match ty {
        Type::Void => true,
        Type::Struct { name, .. } => name == "Context",
        Type::Interface { name } => name == "Handler" || name == "WalletLoader",
        _ => false,
    }
}

/// `hasResult` is the flag of `result`.
fn flag_name(field: &str) -> String {
    format!("has{}", pascal(field))
}

fn flag_target(field: &Field) -> Option<String> {
    let rest = field.name.strip_prefix("has")?;
    if !matches!(field.ty, Type::Bool | Type::UInt(32)) {
        return None;
    }
    let mut chars = rest.chars();
    let first = chars.next()?;
    first.is_ascii_uppercase().then(|| first.to_ascii_lowercase().to_string() + chars.as_str())
}

/// Whether proto3 needs `optional` to tell absence from the zero value.
#[must_use]
pub fn has_no_presence(shape: &Shape) -> bool {
    match shape {
        Shape::Typed(content) => builtin::message_of(*content).is_none(),
        Shape::List(_) | Shape::Struct(_) | Shape::Entry(_) | Shape::Lease | Shape::Message(_) => {
            false
        }
        Shape::KeyOnly(inner) => has_no_presence(inner),
        _ => true,
    }
}

fn entry_of(entry: Option<&Entry>, field: &Field) -> Result<Entry, Error> {
    entry.cloned().ok_or_else(|| Error::schema(format!("{}: a Pair without names", field.name)))
}

fn words(snake: &str) -> String {
    snake.replace('_', " ")
}
