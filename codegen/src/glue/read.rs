//! Functions from a wire struct to its message.

use std::fmt::Write;

use super::{Glue, capnp_snake, member, oneof_path, wire_name};
use crate::builtin::message_of;
use crate::contract::{Message, Origin, ProtoField, Shape, Source, has_no_presence};
use crate::layout::{Adapter, Base, Place, WireStruct};
use crate::names::{pascal_from_snake, snake};
use crate::schema::{Content, Scalar, Type};

pub(super) fn function(
    glue: &Glue<'_>,
    wire: &WireStruct,
    message: &Message,
    name: &str,
) -> String {
    if glue.is_generic(wire) {
        return String::new();
    }
    let module = glue.module(wire);
    let mut out = format!(
        "pub(crate) fn read_{name}(r: {module}::Reader<'_>, p: &Profile) -> Result<v1::{}, GlueError> {{\n    let _ = (r, p);\n",
        message.name
    );
    let mut oneofs: Vec<&str> = Vec::new();
    let mut members = String::new();
    for field in &message.fields {
        if let Some(oneof) = field.oneof.as_deref() {
            if !oneofs.contains(&oneof) {
                oneofs.push(oneof);
                let _ = writeln!(
                    members,
                    "        {}: {},",
                    member(oneof),
                    read_oneof(glue, wire, message, oneof)
                );
            }
        } else {
            let _ = writeln!(
                members,
                "        {}: {},",
                member(&field.name),
                read_field(glue, wire, message, field)
            );
        }
    }
    exceptions(glue, wire, &mut out);
    let _ = write!(out, "    Ok(v1::{} {{\n{members}    }})\n}}\n\n", message.name);
    out
}

/// A C++ exception in place of a result is a fault of the call, not a part of its reply.
fn exceptions(glue: &Glue<'_>, wire: &WireStruct, out: &mut String) {
    let Base::Results(interface, method) = &wire.base else { return };
    let Some(method) =
        glue.schema.interface(interface).and_then(|i| i.methods.iter().find(|m| m.name == *method))
    else {
        return;
    };
    if glue.schema.interface(interface).is_some_and(|i| i.name.ends_with("Callback")) {
        return;
    }
    for field in
        method.results.iter().filter(|f| f.notes.exception.as_deref() == Some("std::exception"))
    {
        if let Some(place) = wire.map.get(&field.name) {
            let name = capnp_snake(&place.name);
            let _ = writeln!(
                out,
                "    if r.has_{name}() {{\n        return Err(GlueError::Exception(text(r.get_{name}()?)?));\n    }}"
            );
        }
    }
}

pub(super) fn read_field(
    glue: &Glue<'_>,
    wire: &WireStruct,
    message: &Message,
    field: &ProtoField,
) -> String {
    let Source::Field { name, flag } = &field.source else {
        return read_result(glue, wire, field);
    };
    let Some(place) = wire.map.get(name) else { return "Default::default()".to_owned() };
    let value = place_value(glue, place, &field.shape);
    let Some(mut value) = value else { return "Default::default()".to_owned() };
    // prost boxes a message that holds itself.
    if matches!((&wire.base, &field.shape), (Base::Struct(own), Shape::Struct(inner)) if own == inner)
    {
        value = format!("Box::new({value})");
    }
    let accessor = capnp_snake(&place.name);
    if let Some(flag) = flag.as_ref().and_then(|flag| wire.map.get(flag)) {
        let set = flag_test(flag);
        return format!("if {set} {{ Some({value}) }} else {{ None }}");
    }
    let is_pointer =
        matches!(place.ty, Type::Text | Type::Data | Type::List(_) | Type::Struct { .. });
    if field.optional {
        return match is_pointer {
            true => format!("if r.has_{accessor}() {{ Some({value}) }} else {{ None }}"),
            false => match unset(wire, &place.name).filter(|_| !message.requested) {
                Some(unset) => {
                    format!("if r.get_{accessor}() == {unset} {{ None }} else {{ Some({value}) }}")
                }
                None => format!("Some({value})"),
            },
        };
    }
    if !has_no_presence(&field.shape) && !matches!(field.shape, Shape::List(_)) {
        return match place.adapter {
            Adapter::RoleNumber => format!("Some({value})"),
            _ => format!("if r.has_{accessor}() {{ Some({value}) }} else {{ None }}"),
        };
    }
    value
}

/// The value by which the node itself says that a number is not set: its default.
fn unset(wire: &WireStruct, name: &str) -> Option<String> {
    match wire.fields.iter().find(|f| f.name == name)?.default? {
        Scalar::Int(value) => Some(value.to_string()),
        _ => None,
    }
}

fn flag_test(flag: &Place) -> String {
    let accessor = capnp_snake(&flag.name);
    match flag.ty {
        Type::Bool => format!("r.get_{accessor}()"),
        _ => format!("r.get_{accessor}() != 0"),
    }
}

fn read_result(glue: &Glue<'_>, wire: &WireStruct, field: &ProtoField) -> String {
    let (Source::ResultError(_), Some(place)) =
        (&field.source, wire_name(&field.source).and_then(|n| wire.map.get(n)))
    else {
        return "Default::default()".to_owned();
    };
    let accessor = capnp_snake(&place.name);
    let error = nested_call(glue, "BilingualStr", "result.get_error()?", "read");
    format!(
        "{{ let result = r.get_{accessor}()?; if result.has_error() {{ Some({error}) }} else {{ None }} }}"
    )
}

fn read_oneof(glue: &Glue<'_>, wire: &WireStruct, message: &Message, oneof: &str) -> String {
    let path = oneof_path(&message.name, oneof);
    let mut out = String::new();
    for field in message.fields.iter().filter(|f| f.oneof.as_deref() == Some(oneof)) {
        let Some(place) = wire_name(&field.source).and_then(|n| wire.map.get(n)) else { continue };
        let accessor = capnp_snake(&place.name);
        let variant = format!("{path}::{}", pascal_from_snake(&field.name));
        let (test, value) = match &field.source {
            Source::ResultValue(_) => {
                let Type::Struct { args, .. } = &place.ty else { continue };
                let Some(value) = args.first().and_then(|ty| {
                    value(glue, ty, &field.shape, &format!("r.get_{accessor}()?.get_value()?"))
                }) else {
                    continue;
                };
                (format!("r.get_{accessor}()?.has_value()"), value)
            }
            Source::ResultError(_) => (
                format!("r.get_{accessor}()?.has_error()"),
                nested_call(
                    glue,
                    "BilingualStr",
                    &format!("r.get_{accessor}()?.get_error()?"),
                    "read",
                ),
            ),
            _ => {
                let Some(value) = place_value(glue, place, &field.shape) else { continue };
                (format!("r.has_{accessor}()"), value)
            }
        };
        let _ = write!(out, "if {test} {{ Some({variant}({value})) }} else ");
    }
    out + "{ None }"
}

fn place_value(glue: &Glue<'_>, place: &Place, shape: &Shape) -> Option<String> {
    let accessor = capnp_snake(&place.name);
    match place.adapter {
        Adapter::Same => {}
        Adapter::RelayFlag => return Some(format!("adapt::method_of_relay(r.get_{accessor}())")),
        Adapter::RoleNumber => return Some(format!("adapt::role_of_number(r.get_{accessor}())?")),
    }
    let get = match place.ty {
        Type::Text | Type::Data | Type::List(_) | Type::Struct { .. } => {
            format!("r.get_{accessor}()?")
        }
        _ => format!("r.get_{accessor}()"),
    };
    value(glue, &place.ty, shape, &get)
}

/// The expression that turns `from`, a value of wire type `ty`, into a value of the contract.
fn value(glue: &Glue<'_>, ty: &Type, shape: &Shape, from: &str) -> Option<String> {
    Some(match (shape, ty) {
        // Somebody else names the object or leases it; that there is one is said here.
        (Shape::Lease, Type::Interface { .. }) => "v1::Lease::default()".to_owned(),
        (Shape::ObjectName, Type::Interface { .. }) => "String::new()".to_owned(),
        (Shape::List(inner), Type::List(element))
            if **inner == Shape::ObjectName && matches!(**element, Type::Interface { .. }) =>
        {
            format!("vec![String::new(); {from}.len() as usize]")
        }
        (Shape::Bool, Type::Bool) | (Shape::Double, _) => from.to_owned(),
        (Shape::Bool, _) => format!("{from} != 0"),
        (Shape::Int32 | Shape::Int64 | Shape::UInt32 | Shape::UInt64 | Shape::Enum(_), _) => {
            format!("number({from})?")
        }
        (Shape::String(_), _) => format!("text({from})?"),
        (Shape::Bytes(Content::Script), _) => format!("codec::script_from_wire({from}, p)?"),
        (Shape::Bytes(Content::PubKey), _) => format!("codec::pub_key_from_wire({from}, p)?"),
        (Shape::Bytes(_), _) => format!("bytes({from})"),
        (Shape::List(inner), Type::Text) if **inner == Shape::Typed(Content::BanMap) => {
            format!("codec::ban_map_from_wire({from})?")
        }
        (Shape::Typed(content), _) => {
            format!("codec::{}_from_wire({from}, p)?", codec_name(*content))
        }
        (Shape::Struct(_), Type::Struct { name, .. }) => nested_call(glue, name, from, "read"),
        (Shape::Entry(name), _) => entry(glue, name, ty, from)?,
        (Shape::KeyOnly(inner), Type::Struct { args, .. }) => {
            let key = args.first()?;
            let key = value(glue, key, inner, "pair.get_key()?")?;
            format!("{{ let pair = {from}; {key} }}")
        }
        (Shape::List(inner), Type::List(element)) => {
            let item = match **element {
                Type::Text | Type::Data | Type::List(_) => "item?",
                _ => "item",
            };
            let item = value(glue, element, inner, item)?;
            format!(
                "{{ let list = {from}; let mut out = Vec::with_capacity(list.len() as usize); for item in list.iter() {{ out.push({item}); }} out }}"
            )
        }
        _ => return None,
    })
}

fn entry(glue: &Glue<'_>, name: &str, ty: &Type, from: &str) -> Option<String> {
    let message = glue.contract.messages.get(name)?;
    match (&message.origin, ty) {
        (Origin::Nullable(shape), _) => {
            let field = member(&message.fields.first()?.name);
            let value = value(glue, ty, shape, "item")?;
            Some(format!(
                "{{ let item = {from}; v1::{name} {{ {field}: if item.is_empty() {{ None }} else {{ Some({value}) }} }} }}"
            ))
        }
        (Origin::Entry(key, value_shape), Type::Struct { name: generic, args }) => {
            let [key_field, value_field] = message.fields.as_slice() else { return None };
            let key = half(glue, args.first()?, key, "key", false)?;
            let scalar = generic != "Pair";
            let value_type = match generic.as_str() {
                "PairInt64" => Type::Int(64),
                "PairUInt64" => Type::UInt(64),
                _ => args.get(1)?.clone(),
            };
            let value = half(glue, &value_type, value_shape, "value", scalar)?;
            Some(format!(
                "{{ let pair = {from}; v1::{name} {{ {}: {key}, {}: {value} }} }}",
                member(&key_field.name),
                member(&value_field.name)
            ))
        }
        _ => None,
    }
}

fn half(glue: &Glue<'_>, ty: &Type, shape: &Shape, name: &str, scalar: bool) -> Option<String> {
    let get = if scalar { format!("pair.get_{name}()") } else { format!("pair.get_{name}()?") };
    let value = value(glue, ty, shape, &get)?;
    Some(match has_no_presence(shape) || matches!(shape, Shape::List(_)) {
        true => value,
        false => format!("if pair.has_{name}() {{ Some({value}) }} else {{ None }}"),
    })
}

pub(super) fn nested_call(glue: &Glue<'_>, wire: &str, value: &str, verb: &str) -> String {
    let function = glue.nested_function(wire).unwrap_or_else(|| snake(wire));
    format!("{verb}_{function}({value}, p)?")
}

pub(super) fn codec_name(content: Content) -> String {
    message_of(content).map_or_else(|| "subnet".to_owned(), snake)
}
