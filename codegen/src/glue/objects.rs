//! Objects of the node's in replies and events: where they stand on the wire, and what stands for
//! them in the message until somebody names or leases them.

use std::fmt::Write;

use super::callback::{self, Called};
use super::table::{Part, for_layouts, rpcs};
use super::{Glue, capnp_snake, member, oneof_path, wire_name};
use crate::contract::{Form, Message, Origin, ProtoField, Shape, Source, message_name};
use crate::layout::WireStruct;
use crate::names::{pascal_from_snake, snake};
use crate::schema::{Target, Type};

pub(super) fn functions(glue: &Glue<'_>) -> String {
    let mut out = String::new();
    for (key, wire) in &glue.layouts.structs {
        for message in glue.messages_of(wire).into_iter().filter(|m| is_answer(glue, m)) {
            let name = glue.function_name(key, wire, message);
            out += &taker(glue, wire, message, &name);
        }
    }
    for message in glue.contract.messages.values().filter(|m| is_answer(glue, m)) {
        out += &places(glue, message);
    }
    out + &dispatch(glue) + &events(glue) + &keys(glue)
}

/// Whether a message is part of a reply or an event and holds an object.
fn is_answer(glue: &Glue<'_>, message: &Message) -> bool {
    let callback = |name: &str| name.ends_with("Callback");
    let answer = match &message.origin {
        Origin::Results(interface, _) => !callback(interface),
        Origin::Params(interface, _) => callback(interface),
        Origin::Struct(_) => true,
        _ => false,
    };
    answer && message.fields.iter().any(|field| holds(glue, &field.shape, &message.name))
}

fn holds(glue: &Glue<'_>, shape: &Shape, within: &str) -> bool {
    match shape {
        Shape::Lease | Shape::ObjectName => true,
        Shape::List(inner) => holds(glue, inner, within),
        Shape::Struct(name) => {
            inner_message(glue, name).is_some_and(|m| m.name != within && is_answer(glue, m))
        }
        _ => false,
    }
}

fn inner_message<'a>(glue: &Glue<'a>, name: &str) -> Option<&'a Message> {
    let structure = glue.schema.structure(name)?;
    glue.contract.messages.get(&message_name(structure))
}

fn of_message<'a>(
    glue: &'a Glue<'_>,
    message: &'a Message,
) -> impl Iterator<Item = &'a ProtoField> {
    message.fields.iter().filter(|field| holds(glue, &field.shape, &message.name))
}

/// Takes the objects out of a wire struct.
fn taker(glue: &Glue<'_>, wire: &WireStruct, message: &Message, name: &str) -> String {
    let mut out = format!(
        "fn objects_{name}(r: {}::Reader<'_>, out: &mut Vec<Option<capnp::capability::Client>>) -> Result<(), GlueError> {{\n",
        glue.module(wire)
    );
    for field in of_message(glue, message) {
        let Some(place) = wire_name(&field.source).and_then(|name| wire.map.get(name)) else {
            continue;
        };
        let accessor = capnp_snake(&place.name);
        let _ = match (&field.source, &place.ty) {
            (Source::ResultValue(_), Type::Struct { args, .. }) => {
                let Some(ty) = args.first() else { continue };
                let body = take(glue, ty, &field.shape, "result", "value");
                writeln!(
                    out,
                    "    {{ let result = r.get_{accessor}()?; if result.has_value() {{ {body} }} }}"
                )
            }
            (_, ty) => writeln!(out, "    {}", take(glue, ty, &field.shape, "r", &accessor)),
        };
    }
    out + "    Ok(())\n}\n\n"
}

fn take(glue: &Glue<'_>, ty: &Type, shape: &Shape, r: &str, accessor: &str) -> String {
    let client = "FromClientHook::cast_to";
    match (shape, ty) {
        (Shape::Lease, _) => format!(
            "if {r}.has_{accessor}() {{ out.push(Some({client}({r}.get_{accessor}()?))); }}"
        ),
        (Shape::ObjectName, _) => format!(
            "out.push(if {r}.has_{accessor}() {{ Some({client}({r}.get_{accessor}()?)) }} else {{ None }});"
        ),
        (Shape::List(_), _) => format!(
            "for object in {r}.get_{accessor}()?.iter() {{ out.push(object.ok().map({client})); }}"
        ),
        (Shape::Struct(_), Type::Struct { name, .. }) => {
            let function = glue.nested_function(name).unwrap_or_else(|| snake(name));
            format!("objects_{function}({r}.get_{accessor}()?, out)?;")
        }
        _ => String::new(),
    }
}

/// Finds what stands for the objects in a message.
fn places(glue: &Glue<'_>, message: &Message) -> String {
    let mut out = format!(
        "fn places_{}<'a>(m: &'a mut v1::{}, out: &mut Vec<ObjectPlace<'a>>) {{\n",
        snake(&message.name),
        message.name
    );
    for field in of_message(glue, message) {
        let body = place(glue, &field.shape);
        let _ = match (&field.oneof, &field.shape) {
            (Some(oneof), _) => writeln!(
                out,
                "    if let Some({}::{}(value)) = &mut m.{} {{ {body} }}",
                oneof_path(&message.name, oneof),
                pascal_from_snake(&field.name),
                member(oneof)
            ),
            (None, Shape::Lease | Shape::Struct(_)) => {
                writeln!(
                    out,
                    "    if let Some(value) = &mut m.{} {{ {body} }}",
                    member(&field.name)
                )
            }
            (None, _) => {
                writeln!(out, "    {{ let value = &mut m.{}; {body} }}", member(&field.name))
            }
        };
    }
    out + "}\n\n"
}

fn place(glue: &Glue<'_>, shape: &Shape) -> String {
    match shape {
        Shape::Lease => "out.push(ObjectPlace::Lease(value));".to_owned(),
        Shape::ObjectName => "out.push(ObjectPlace::Name(value));".to_owned(),
        Shape::List(_) => "out.extend(value.iter_mut().map(ObjectPlace::Name));".to_owned(),
        Shape::Struct(name) => inner_message(glue, name)
            .map(|message| format!("places_{}(value, out);", snake(&message.name)))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn dispatch(glue: &Glue<'_>) -> String {
    let mut out = String::from(
        "pub(crate) fn result_objects(method: Method, at: At, results: capnp::any_pointer::Reader<'_>) -> Result<Vec<Option<capnp::capability::Client>>, GlueError> {\n    let mut out = Vec::new();\n    match (method, at.results) {\n",
    );
    for_layouts(glue, Part::Results, |variant, index, wire, module, function, _| {
        let holds = glue.messages_of(wire).into_iter().any(|message| is_answer(glue, message));
        if holds {
            let _ = writeln!(
                out,
                "        (Method::{variant}, {index}) => objects_{function}(results.get_as::<{module}::Reader<'_>>()?, &mut out)?,"
            );
        }
    });
    out += "        _ => {}\n    }\n    Ok(out)\n}\n\npub(crate) fn object_places(reply: &mut Reply) -> Vec<ObjectPlace<'_>> {\n    let mut out = Vec::new();\n    match reply {\n";
    for (service, rpc) in rpcs(glue).filter(|(_, rpc)| rpc.form == Form::Unary) {
        let message = glue.contract.messages.get(&rpc.response);
        if message.is_some_and(|message| is_answer(glue, message)) {
            let _ = writeln!(
                out,
                "        Reply::{}{}(m) => places_{}(m, &mut out),",
                service.name,
                rpc.name,
                snake(&rpc.response)
            );
        }
    }
    out + "        _ => {}\n    }\n    out\n}\n\n"
}

/// The same for events, whose objects the node passes as parameters.
fn events(glue: &Glue<'_>) -> String {
    let mut out = String::from(
        "pub(crate) fn event_objects(inner: Inner, at: At, params: capnp::any_pointer::Reader<'_>) -> Result<Vec<Option<capnp::capability::Client>>, GlueError> {\n    let mut out = Vec::new();\n    match (inner, at.params) {\n",
    );
    let called = callback::called(glue);
    let with_objects = || called.iter().filter(|c| is_answer(glue, c.event));
    callback::for_layouts(
        glue,
        with_objects(),
        callback::Part::Params,
        |c, index, wire, message| {
            let (module, function) = (glue.module(wire), callback::function(glue, wire, message));
            let _ = writeln!(
                out,
                "        (Inner::{}, {index}) => objects_{function}(params.get_as::<{module}::Reader<'_>>()?, &mut out)?,",
                c.variant()
            );
        },
    );
    out += "        _ => {}\n    }\n    Ok(out)\n}\n\npub(crate) fn event_places(event: &mut Event) -> Vec<ObjectPlace<'_>> {\n    let mut out = Vec::new();\n    match event {\n";
    for c in with_objects() {
        let (variant, function) = (Called::variant(c), snake(&c.event.name));
        let _ = writeln!(out, "        Event::{variant}(m) => places_{function}(m, &mut out),");
    }
    out + "        _ => {}\n    }\n    out\n}\n\n"
}

/// The field by which a request names its object.
fn keys(glue: &Glue<'_>) -> String {
    let mut out = String::from(
        "impl Request {\n    /// The object that the call is for, where the service has many: a lease's handle, or a name.\n    #[must_use]\n    pub fn key(&self) -> Option<&str> {\n        match self {\n",
    );
    for (service, rpc) in rpcs(glue) {
        let field = match service.target {
            Target::Root => continue,
            Target::Leased => "handle",
            Target::Named => "wallet",
        };
        let _ =
            writeln!(out, "            Self::{}{}(m) => Some(&m.{field}),", service.name, rpc.name);
    }
    out + "            _ => None,\n        }\n    }\n}\n\n"
}
