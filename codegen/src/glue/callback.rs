//! Callbacks in both directions: events and answers as typed values, and the objects that carry them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::read::read_field;
use super::table::{layouts_of, rpcs};
use super::{Glue, capnp_snake, member};
use crate::contract::{Form, Message, Needs, Rpc, Service, Source};
use crate::layout::{Base, WireStruct};
use crate::names::{pascal, pascal_from_snake, snake};
use crate::schema::{Method, Type};

/// A method of a callback interface, and its messages.
pub(super) struct Called<'a> {
    interface: &'a str,
    method: &'a Method,
    pub(super) event: &'a Message,
    answer: Option<&'a Message>,
}

impl Called<'_> {
    pub(super) fn variant(&self) -> String {
        format!("{}{}", self.interface, pascal(&self.method.name))
    }

    fn base(&self, part: Part) -> Base {
        let place = (self.interface.to_owned(), self.method.name.clone());
        match part {
            Part::Params => Base::Params(place.0, place.1),
            Part::Results => Base::Results(place.0, place.1),
        }
    }

    fn is_invocation(&self) -> bool {
        self.answer.is_some()
    }
}

#[derive(Clone, Copy)]
pub(super) enum Part {
    Params,
    Results,
}

pub(super) fn callbacks(glue: &Glue<'_>, checked: &BTreeSet<String>) -> String {
    let called = called(glue);
    let mut out = String::new();
    events(&called, &mut out);
    answers(&called, checked, &mut out);
    crossings(glue, &called, &mut out);
    objects(glue, &mut out);
    envelopes(glue, &called, &mut out);
    dialogues(glue, &called, &mut out);
    out
}

fn streams<'a>(glue: &'a Glue<'_>) -> impl Iterator<Item = (&'a Service, &'a Rpc, &'a str)> {
    rpcs(glue).filter(|(_, rpc)| rpc.needs == Needs::Callback).filter_map(|(service, rpc)| {
        rpc.callback.as_deref().map(|callback| (service, rpc, callback))
    })
}

/// The methods of all callback interfaces that carry something, in the order of their interfaces.
pub(super) fn called<'a>(glue: &'a Glue<'_>) -> Vec<Called<'a>> {
    let interfaces: BTreeSet<&str> = streams(glue).map(|(_, _, callback)| callback).collect();
    let mut called = Vec::new();
    for interface in interfaces.iter().filter_map(|name| glue.schema.interface(name)) {
        for method in interface.methods.iter().filter(|m| m.plumbing.is_none()) {
            let message = |base: Base| {
                let key = layouts_of(glue, &base).into_iter().next()?;
                glue.messages_of(glue.layouts.structs.get(&key)?).into_iter().next()
            };
            let place = || (interface.name.clone(), method.name.clone());
            let Some(event) = message(Base::Params(place().0, place().1)) else { continue };
            let answer = message(Base::Results(place().0, place().1));
            let answer = answer.filter(|_| !method.results.is_empty());
            called.push(Called { interface: &interface.name, method, event, answer });
        }
    }
    called
}

fn events(called: &[Called<'_>], out: &mut String) {
    out.push_str("/// What the node says to an object of ours.\n#[derive(Debug, Clone, PartialEq)]\n#[allow(clippy::large_enum_variant, reason = \"events are moved once or twice; a box would cost more\")]\npub enum Event {\n");
    for c in called {
        let _ = writeln!(
            out,
            "    /// `{}.{}`\n    {}(v1::{}),",
            c.interface,
            c.method.name,
            c.variant(),
            c.event.name
        );
    }
    out.push_str("}\n\nimpl Event {\n    /// The method by which the node says it.\n    #[must_use]\n    pub const fn inner(&self) -> Inner {\n        match self {\n");
    for c in called {
        let _ = writeln!(out, "            Self::{0}(_) => Inner::{0},", c.variant());
    }
    out.push_str("        }\n    }\n\n    /// Appends it as the field of that number of a message.\n    pub fn encode_field(&self, number: u32, out: &mut Vec<u8>) {\n        match self {\n");
    for c in called {
        let _ = writeln!(
            out,
            "            Self::{}(m) => prost::encoding::message::encode(number, m, out),",
            c.variant()
        );
    }
    out.push_str("        }\n    }\n\n    /// Numbers an invocation, and says how long its answer is waited for. Events that want no answer stay as they are.\n    pub fn number(&mut self, id: u64, within: prost_types::Duration) {\n        match self {\n");
    for c in called.iter().filter(|c| c.is_invocation()) {
        let _ = writeln!(
            out,
            "            Self::{}(m) => {{ m.invocation_id = id; m.answer_within = Some(within); }}",
            c.variant()
        );
    }
    out.push_str("            _ => {}\n        }\n    }\n}\n\n");
}

fn answers(called: &[Called<'_>], checked: &BTreeSet<String>, out: &mut String) {
    let answering = || called.iter().filter_map(|c| c.answer.map(|answer| (c, answer)));
    out.push_str("/// What a client answers the node.\n#[derive(Debug, Clone, PartialEq)]\n#[allow(clippy::large_enum_variant, reason = \"answers are moved once or twice; a box would cost more\")]\npub enum CallbackAnswer {\n");
    for (c, answer) in answering() {
        let _ = writeln!(
            out,
            "    /// To `{}.{}`.\n    {}(v1::{}),",
            c.interface,
            c.method.name,
            c.variant(),
            answer.name
        );
    }
    out.push_str("}\n\nimpl CallbackAnswer {\n    /// The method that it answers.\n    #[must_use]\n    pub const fn inner(&self) -> Inner {\n        match self {\n");
    for (c, _) in answering() {
        let _ = writeln!(out, "            Self::{0}(_) => Inner::{0},", c.variant());
    }
    out.push_str("        }\n    }\n\n    /// Number of the invocation that it answers.\n    #[must_use]\n    pub const fn invocation_id(&self) -> u64 {\n        match self {\n");
    for (c, _) in answering() {
        let _ = writeln!(out, "            Self::{}(m) => m.invocation_id,", c.variant());
    }
    out.push_str("        }\n    }\n}\n\npub(crate) fn check_answer(answer: &CallbackAnswer, out: &mut Violations) {\n    let at = &Path::root();\n    match answer {\n");
    for (c, answer) in answering().filter(|(_, answer)| checked.contains(&answer.name)) {
        let _ = writeln!(
            out,
            "        CallbackAnswer::{}(m) => check_{}(m, at, out),",
            c.variant(),
            snake(&answer.name)
        );
    }
    out.push_str("        _ => {}\n    }\n}\n\n");
}

/// The functions that carry events and answers across, one arm for each method and layout.
fn crossings(glue: &Glue<'_>, called: &[Called<'_>], out: &mut String) {
    out.push_str("pub(crate) fn read_event<'a>(inner: Inner, at: At, p: &Profile, params: capnp::any_pointer::Reader<'a>) -> Result<(Event, Option<wire::proxy_capnp::context::Reader<'a>>), GlueError> {\n    match (inner, at.params) {\n");
    for_layouts(glue, called, Part::Params, |c, index, wire, message| {
        let (module, function) = (glue.module(wire), function(glue, wire, message));
        let context = match glue.context_of(wire) {
            true => "if r.has_context() { Some(r.get_context()?) } else { None }",
            false => "None",
        };
        let _ = writeln!(
            out,
            "        (Inner::{0}, {index}) => {{ let r = params.get_as::<{module}::Reader<'a>>()?; Ok((Event::{0}(read_{function}(r, p)?), {context})) }}",
            c.variant()
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\npub(crate) fn write_event(event: &Event, at: At, p: &Profile, params: capnp::any_pointer::Builder<'_>, context: ContextWriter<'_>) -> Result<(), GlueError> {\n    let _ = &context;\n    match (event, at.params) {\n");
    for_layouts(glue, called, Part::Params, |c, index, wire, message| {
        let (module, function) = (glue.module(wire), function(glue, wire, message));
        let context =
            if glue.context_of(wire) { "context(b.reborrow().init_context()); " } else { "" };
        let _ = writeln!(
            out,
            "        (Event::{}(m), {index}) => {{ #[allow(unused_mut)] let mut b = params.init_as::<{module}::Builder<'_>>(); {context}write_{function}(m, b, p) }}",
            c.variant()
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\npub(crate) fn read_answer(inner: Inner, at: At, p: &Profile, results: capnp::any_pointer::Reader<'_>) -> Result<CallbackAnswer, GlueError> {\n    match (inner, at.results) {\n");
    for_layouts(glue, called, Part::Results, |c, index, wire, message| {
        let (module, function) = (glue.module(wire), function(glue, wire, message));
        let _ = writeln!(
            out,
            "        (Inner::{0}, {index}) => Ok(CallbackAnswer::{0}(read_{function}(results.get_as::<{module}::Reader<'_>>()?, p)?)),",
            c.variant()
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\npub(crate) fn write_answer(answer: &CallbackAnswer, at: At, p: &Profile, results: capnp::any_pointer::Builder<'_>) -> Result<(), GlueError> {\n    match (answer, at.results) {\n");
    for_layouts(glue, called, Part::Results, |c, index, wire, message| {
        let (module, function) = (glue.module(wire), function(glue, wire, message));
        let _ = writeln!(
            out,
            "        (CallbackAnswer::{}(m), {index}) => write_{function}(m, results.init_as::<{module}::Builder<'_>>(), p),",
            c.variant()
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
}

pub(super) fn function(glue: &Glue<'_>, wire: &WireStruct, message: &Message) -> String {
    let key = wire.variant.clone().unwrap_or_default();
    glue.function_name(&key, wire, message)
}

pub(super) fn for_layouts<'a>(
    glue: &Glue<'_>,
    called: impl IntoIterator<Item = &'a Called<'a>>,
    part: Part,
    mut emit: impl FnMut(&Called<'_>, usize, &WireStruct, &Message),
) {
    for c in called {
        let message = match part {
            Part::Params => Some(c.event),
            Part::Results => c.answer,
        };
        let Some(message) = message else { continue };
        for (index, key) in layouts_of(glue, &c.base(part)).iter().enumerate() {
            emit(c, index, &glue.layouts.structs[key], message);
        }
    }
}

/// The functions that put our object into parameters and take the node's out of results, and the
/// other way round as a node does.
fn objects(glue: &Glue<'_>, out: &mut String) {
    out.push_str("pub(crate) fn set_callback(method: Method, at: At, params: capnp::any_pointer::Builder<'_>, hook: Box<dyn capnp::private::capability::ClientHook>) -> Result<(), GlueError> {\n    match (method, at.params) {\n");
    for_openings(glue, |variant, index, module, path| {
        let (inside, name) = match path {
            Path::Direct(name) => (String::new(), name),
            Path::Inside(outer, name) => (format!(".get_{outer}()?"), name),
        };
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => {{ params.get_as::<{module}::Builder<'_>>()?{inside}.set_{name}(FromClientHook::new(hook)); Ok(()) }}"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\npub(crate) fn get_callback(method: Method, at: At, params: capnp::any_pointer::Reader<'_>) -> Result<Option<capnp::capability::Client>, GlueError> {\n    match (method, at.params) {\n");
    for_openings(glue, |variant, index, module, path| {
        let (from, name) = match path {
            Path::Direct(name) => ("r".to_owned(), name),
            Path::Inside(outer, name) => (format!("r.get_{outer}()?"), name),
        };
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => {{ let r = params.get_as::<{module}::Reader<'_>>()?; let r = {from}; Ok(if r.has_{name}() {{ Some(r.get_{name}()?.cast_to()) }} else {{ None }}) }}"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\npub(crate) fn read_handler(method: Method, at: At, results: capnp::any_pointer::Reader<'_>) -> Result<Option<wire::handler_capnp::handler::Client>, GlueError> {\n    match (method, at.results) {\n");
    for_handlers(glue, |variant, index, module, name| {
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => {{ let r = results.get_as::<{module}::Reader<'_>>()?; Ok(if r.has_{name}() {{ Some(r.get_{name}()?) }} else {{ None }}) }}"
        );
    });
    out.push_str("        _ => Ok(None),\n    }\n}\n\npub(crate) fn write_handler(method: Method, at: At, results: capnp::any_pointer::Builder<'_>, handler: wire::handler_capnp::handler::Client) -> Result<(), GlueError> {\n    match (method, at.results) {\n");
    for_handlers(glue, |variant, index, module, name| {
        let _ = writeln!(
            out,
            "        (Method::{variant}, {index}) => {{ let mut b = results.init_as::<{module}::Builder<'_>>(); b.set_{name}(handler); Ok(()) }}"
        );
    });
    out.push_str("        _ => Err(GlueError::NoLayout),\n    }\n}\n\n");
}

/// Where the callback object stands in parameters.
enum Path {
    Direct(String),
    Inside(String, String),
}

fn for_openings(glue: &Glue<'_>, mut emit: impl FnMut(&str, usize, &str, Path)) {
    for (service, rpc, callback) in streams(glue) {
        let base = Base::Params(rpc.interface.clone(), rpc.wire_name.clone());
        for (index, key) in layouts_of(glue, &base).iter().enumerate() {
            let wire = &glue.layouts.structs[key];
            if let Some(path) = path(glue, wire, callback) {
                let variant = format!("{}{}", service.name, rpc.name);
                emit(&variant, index, &glue.module(wire), path);
            }
        }
    }
}

fn path(glue: &Glue<'_>, wire: &WireStruct, callback: &str) -> Option<Path> {
    let is_callback = |ty: &Type| matches!(ty, Type::Interface { name } if name == callback);
    wire.fields.iter().find_map(|field| match &field.ty {
        ty if is_callback(ty) => Some(Path::Direct(capnp_snake(&field.name))),
        Type::Struct { name, .. } => {
            let inside = glue.layouts.structs.get(name)?;
            let found = inside.fields.iter().find(|f| is_callback(&f.ty))?;
            Some(Path::Inside(capnp_snake(&field.name), capnp_snake(&found.name)))
        }
        _ => None,
    })
}

fn for_handlers(glue: &Glue<'_>, mut emit: impl FnMut(&str, usize, &str, &str)) {
    for (service, rpc, _) in streams(glue) {
        let base = Base::Results(rpc.interface.clone(), rpc.wire_name.clone());
        for (index, key) in layouts_of(glue, &base).iter().enumerate() {
            let wire = &glue.layouts.structs[key];
            let handler = wire
                .fields
                .iter()
                .find(|f| matches!(&f.ty, Type::Interface { name } if name == "Handler"));
            if let Some(handler) = handler {
                let variant = format!("{}{}", service.name, rpc.name);
                emit(&variant, index, &glue.module(wire), &capnp_snake(&handler.name));
            }
        }
    }
}

/// Where events and results stand in the messages of a stream.
fn envelopes(glue: &Glue<'_>, called: &[Called<'_>], out: &mut String) {
    out.push_str("impl Method {\n    /// Number of the field that holds an event in the messages of this method's stream.\n    #[must_use]\n    pub const fn event_field(self, event: Inner) -> Option<u32> {\n        match (self, event) {\n");
    for (service, rpc, callback) in streams(glue) {
        for c in called.iter().filter(|c| c.interface == callback) {
            if let Some(number) = field_of(glue, rpc, &c.event.name) {
                let _ = writeln!(
                    out,
                    "            (Self::{}{}, Inner::{}) => Some({number}),",
                    service.name,
                    rpc.name,
                    c.variant()
                );
            }
        }
    }
    out.push_str("            _ => None,\n        }\n    }\n\n    /// Type id of the interface of the object that the method passes to the node.\n    #[must_use]\n    pub const fn callback(self) -> Option<u64> {\n        match self {\n");
    for (service, rpc, callback) in streams(glue) {
        let id = glue.schema.interface(callback).map_or(0, |i| i.id);
        let _ = writeln!(out, "            Self::{}{} => Some({id:#x}),", service.name, rpc.name);
    }
    out.push_str("            _ => None,\n        }\n    }\n}\n\npub(crate) fn read_outcome(method: Method, at: At, p: &Profile, results: capnp::any_pointer::Reader<'_>) -> Result<Option<Vec<u8>>, GlueError> {\n    match (method, at.results) {\n");
    for (service, rpc, _) in streams(glue) {
        outcome(glue, service, rpc, out);
    }
    out.push_str("        _ => Ok(None),\n    }\n}\n\n");
}

fn field_of(glue: &Glue<'_>, rpc: &Rpc, message: &str) -> Option<u32> {
    let envelope = glue.contract.messages.get(&rpc.response)?;
    let holds = |shape: &crate::contract::Shape| matches!(shape, crate::contract::Shape::Message(name) if name == message);
    envelope.fields.iter().find(|f| holds(&f.shape)).map(|f| f.number)
}

/// Results that are the last message of a stream.
fn outcome(glue: &Glue<'_>, service: &Service, rpc: &Rpc, out: &mut String) {
    let Some(envelope) = glue.contract.messages.get(&rpc.response) else { return };
    let Some(field) = envelope.fields.iter().find(|f| f.source != Source::Contract) else {
        return;
    };
    let base = Base::Results(rpc.interface.clone(), rpc.wire_name.clone());
    for (index, key) in layouts_of(glue, &base).iter().enumerate() {
        let wire = &glue.layouts.structs[key];
        let module = glue.module(wire);
        let value = read_field(glue, wire, envelope, field);
        let (path, variant) =
            (format!("v1::{}", snake(&rpc.response)), pascal_from_snake(&field.name));
        let _ = writeln!(
            out,
            "        (Method::{}{}, {index}) => {{ let r = results.get_as::<{module}::Reader<'_>>()?; let event = Some({path}::Event::{variant}({value})); Ok(Some(v1::{} {{ event, ..Default::default() }}.encode_to_vec())) }}",
            service.name, rpc.name, rpc.response
        );
    }
}

/// What a client says in a conversation.
fn dialogues(glue: &Glue<'_>, called: &[Called<'_>], out: &mut String) {
    for (service, rpc, callback) in streams(glue).filter(|(_, r, _)| r.form == Form::Bidirectional)
    {
        let Some(c) = called.iter().find(|c| c.interface == callback && c.is_invocation()) else {
            continue;
        };
        let method = format!("{}{}", service.name, rpc.name);
        let oneof = format!("v1::{}::Message", snake(&rpc.request));
        let _ = writeln!(
            out,
            "impl Dialogue for v1::{} {{\n    fn said(self) -> Option<Said> {{\n        match self.{} {{\n            Some({oneof}::Start(m)) => Some(Said::Start(Request::{method}(m))),\n            Some({oneof}::Answer(m)) => Some(Said::Answer(CallbackAnswer::{}(m))),\n            None => None,\n        }}\n    }}\n}}\n",
            rpc.request,
            member("message"),
            c.variant()
        );
    }
}
