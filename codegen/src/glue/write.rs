//! Functions from a message to its wire struct.

use std::fmt::Write;

use super::read::{codec_name, nested_call};
use super::{Glue, capnp_snake, member, oneof_path, wire_name};
use crate::contract::{Message, Origin, ProtoField, Shape, Source, has_no_presence};
use crate::layout::{Adapter, Base, Place, WireStruct};
use crate::names::pascal_from_snake;
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
        "pub(crate) fn write_{name}(m: &v1::{}, mut b: {module}::Builder<'_>, p: &Profile) -> Result<(), GlueError> {{\n    let _ = (m, p, b.reborrow());\n",
        message.name
    );
    for (name, value) in &wire.constants {
        let bool_field = wire.fields.iter().any(|f| f.name == *name && f.ty == Type::Bool);
        let value = if bool_field { (*value != 0).to_string() } else { value.to_string() };
        let _ = writeln!(out, "    b.set_{}({value});", capnp_snake(name));
    }
    let mut oneofs: Vec<&str> = Vec::new();
    for field in &message.fields {
        match field.oneof.as_deref() {
            Some(oneof) if oneofs.contains(&oneof) => {}
            Some(oneof) => {
                oneofs.push(oneof);
                out += &write_oneof(glue, wire, message, oneof);
            }
            None => out += &write_field(glue, wire, message, field),
        }
    }
    out += "    Ok(())\n}\n\n";
    out
}

fn write_field(
    glue: &Glue<'_>,
    wire: &WireStruct,
    message: &Message,
    field: &ProtoField,
) -> String {
    let (name, flag) = match &field.source {
        Source::Field { name, flag } => (name, flag),
        Source::ResultError(name) => return write_error(glue, wire, field, name),
        _ => return String::new(),
    };
    let Some(place) = wire.map.get(name) else { return missing(message, field) };
    let rust = member(&field.name);
    let set = |value: &str| statement(glue, place, &field.shape, value, "b");
    let borrowed = matches!(
        field.shape,
        Shape::Bool
            | Shape::Int32
            | Shape::Int64
            | Shape::UInt32
            | Shape::UInt64
            | Shape::Double
            | Shape::Enum(_)
    );
    let flag = flag.as_ref().and_then(|flag| wire.map.get(flag)).map(|flag| match flag.ty {
        Type::Bool => format!("b.set_{}(true); ", capnp_snake(&flag.name)),
        _ => format!("b.set_{}(1); ", capnp_snake(&flag.name)),
    });
    let flag = flag.unwrap_or_default();
    if let Some(default) = dropped_default(glue, wire, name).filter(|_| field.optional) {
        let Some(statement) = set("value") else { return String::new() };
        return format!("    {{ let value = m.{rust}.unwrap_or({default}); {flag}{statement} }}\n");
    }
    if place.adapter == Adapter::RoleNumber {
        return format!(
            "    if let Some(value) = &m.{rust} {{ {} }}\n",
            set("value").unwrap_or_default()
        );
    }
    let by_option = field.optional
        || (!has_no_presence(&field.shape) && !matches!(field.shape, Shape::List(_)));
    match by_option {
        true => {
            let Some(statement) = set("value") else { return String::new() };
            let reference = if borrowed { "" } else { "&" };
            let fills =
                matches!(&place.ty, Type::Struct { name, .. } if drops_defaults(glue, name));
            match fills {
                // An absent message would read as all zeros in a generation without defaults.
                true => format!(
                    "    {{ let absent = Default::default(); let value = m.{rust}.as_ref().unwrap_or(&absent); {flag}{statement} }}\n"
                ),
                false => format!(
                    "    if let Some(value) = {reference}m.{rust} {{ {flag}{statement} }}\n"
                ),
            }
        }
        false => {
            let value = if borrowed { format!("m.{rust}") } else { format!("(&m.{rust})") };
            set(&value).map(|s| format!("    {s}\n")).unwrap_or_default()
        }
    }
}

/// A field with only one legal value asks for what generations without the field do anyway.
fn has_one_value(field: &ProtoField) -> bool {
    field.limits.range.is_some_and(|(min, max)| min == max)
        && !matches!(field.shape, Shape::Bytes(_) | Shape::String(_))
}

/// A field that this generation has not: nothing to do, unless the caller asks for it.
fn missing(message: &Message, field: &ProtoField) -> String {
    if !message.requested
        || matches!(message.origin, Origin::Results(..))
        || matches!(field.shape, Shape::Lease | Shape::ObjectName)
        || has_one_value(field)
    {
        return String::new();
    }
    let rust = member(&field.name);
    let asked = match (&field.shape, field.optional) {
        (Shape::List(_), _) => format!("!m.{rust}.is_empty()"),
        (_, true) => format!("m.{rust}.is_some()"),
        (Shape::Bool, _) => format!("m.{rust}"),
        (Shape::Double, _) => format!("m.{rust} != 0.0"),
        (Shape::Int32 | Shape::Int64 | Shape::UInt32 | Shape::UInt64 | Shape::Enum(_), _) => {
            format!("m.{rust} != 0")
        }
        (Shape::String(_) | Shape::Bytes(_), _) => format!("!m.{rust}.is_empty()"),
        _ => format!("m.{rust}.is_some()"),
    };
    format!("    if {asked} {{ return Err(GlueError::FieldUnavailable(\"{}\")); }}\n", field.name)
}

fn write_error(glue: &Glue<'_>, wire: &WireStruct, field: &ProtoField, name: &str) -> String {
    let Some(place) = wire.map.get(name) else { return String::new() };
    let accessor = capnp_snake(&place.name);
    let call = nested_write(glue, "BilingualStr", "value", "result.init_error()");
    format!(
        "    {{ let result = b.reborrow().init_{accessor}(); if let Some(value) = &m.{} {{ {call} }} }}\n",
        member(&field.name)
    )
}

fn write_oneof(glue: &Glue<'_>, wire: &WireStruct, message: &Message, oneof: &str) -> String {
    let path = oneof_path(&message.name, oneof);
    let mut arms = String::new();
    for field in message.fields.iter().filter(|f| f.oneof.as_deref() == Some(oneof)) {
        let Some(place) = wire_name(&field.source).and_then(|n| wire.map.get(n)) else { continue };
        let accessor = capnp_snake(&place.name);
        let statement = match &field.source {
            Source::ResultValue(_) => {
                let Type::Struct { args, .. } = &place.ty else { continue };
                let half =
                    args.first().and_then(|ty| pair_half(glue, ty, &field.shape, "value", "value"));
                half.map(|half| format!("let mut pair = b.reborrow().init_{accessor}(); {half}"))
            }
            Source::ResultError(_) => {
                let call = nested_write(glue, "BilingualStr", "value", "result.init_error()");
                Some(format!("let result = b.reborrow().init_{accessor}(); {call}"))
            }
            _ => statement(glue, place, &field.shape, "value", "b"),
        };
        let variant = pascal_from_snake(&field.name);
        match statement {
            Some(statement) => {
                let _ =
                    writeln!(arms, "        Some({path}::{variant}(value)) => {{ {statement} }}");
            }
            None => {
                let _ = writeln!(arms, "        Some({path}::{variant}(_)) => {{}}");
            }
        }
    }
    format!("    match &m.{} {{\n{arms}        _ => {{}}\n    }}\n", member(oneof))
}

/// A default that the newest layout has and this one has not, as Rust writes it.
fn dropped_default(glue: &Glue<'_>, wire: &WireStruct, field: &str) -> Option<String> {
    wire.variant.as_ref()?;
    let here = wire.fields.iter().find(|f| f.name == field)?;
    let fields = match &wire.base {
        Base::Struct(name) => &glue.schema.structure(name)?.fields,
        Base::Params(interface, method) => {
            &glue.schema.interface(interface)?.methods.iter().find(|m| m.name == *method)?.params
        }
        Base::Results(..) => return None,
    };
    let newest = fields.iter().find(|f| f.name == field)?.default?;
    here.default.is_none().then(|| match newest {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(f64::MAX) => "f64::MAX".to_owned(),
        Scalar::Float(value) => format!("{value:?}"),
    })
}

fn drops_defaults(glue: &Glue<'_>, wire_name: &str) -> bool {
    let wire = glue.layouts.structs.get(wire_name);
    wire.is_some_and(|wire| {
        wire.fields.iter().any(|f| dropped_default(glue, wire, &f.name).is_some())
    })
}

/// The statement that puts `value` (a reference, or a scalar) where it belongs.
fn statement(
    glue: &Glue<'_>,
    place: &Place,
    shape: &Shape,
    value: &str,
    b: &str,
) -> Option<String> {
    let accessor = capnp_snake(&place.name);
    match place.adapter {
        Adapter::Same => {}
        Adapter::RelayFlag => {
            return Some(format!("{b}.set_{accessor}(adapt::relay_of_method({value})?);"));
        }
        Adapter::RoleNumber => {
            return Some(format!("{b}.set_{accessor}(adapt::number_of_role({value}));"));
        }
    }
    Some(match (shape, &place.ty) {
        (Shape::List(inner), Type::Text) if **inner == Shape::Typed(Content::BanMap) => {
            format!("{b}.set_{accessor}(codec::ban_map_to_wire({value})?.as_str());")
        }
        (Shape::List(inner), Type::List(element)) => {
            let body = fill_list(glue, element, inner)?;
            format!(
                "if !{value}.is_empty() {{ let mut list = {b}.reborrow().init_{accessor}(length({value}.len())?); for (i, value) in {value}.iter().enumerate() {{ let i = i as u32; {body} }} }}"
            )
        }
        (Shape::Struct(_), Type::Struct { name, .. }) => {
            nested_write(glue, name, value, &format!("{b}.reborrow().init_{accessor}()"))
        }
        _ => format!("{b}.set_{accessor}({});", scalar(&place.ty, shape, value)?),
    })
}

/// An expression for values that are set in one go.
fn scalar(ty: &Type, shape: &Shape, value: &str) -> Option<String> {
    Some(match (shape, ty) {
        (Shape::Bool, Type::Bool) | (Shape::Double, _) => value.to_owned(),
        (Shape::Bool, _) => format!("number(u8::from({value}))?"),
        (Shape::Int32 | Shape::Int64 | Shape::UInt32 | Shape::UInt64 | Shape::Enum(_), _) => {
            format!("number({value})?")
        }
        (Shape::String(_), _) => format!("{value}.as_str()"),
        (Shape::Bytes(Content::Script), _) => format!("&codec::script_to_wire({value}, p)[..]"),
        (Shape::Bytes(Content::PubKey), _) => format!("&codec::script_to_wire({value}, p)[..]"),
        (Shape::Bytes(_), _) => format!("&{value}[..]"),
        (Shape::Typed(content), _) => {
            format!("&codec::{}_to_wire({value}, p)?[..]", codec_name(*content))
        }
        _ => return None,
    })
}

fn is_copied(shape: &Shape) -> bool {
    matches!(
        shape,
        Shape::Bool
            | Shape::Int32
            | Shape::Int64
            | Shape::UInt32
            | Shape::UInt64
            | Shape::Double
            | Shape::Enum(_)
    )
}

/// The body of a loop over `value` that fills element `i` of `list`.
fn fill_list(glue: &Glue<'_>, element: &Type, shape: &Shape) -> Option<String> {
    Some(match (shape, element) {
        (Shape::Struct(_), Type::Struct { name, .. }) => {
            nested_write(glue, name, "value", "list.reborrow().get(i)")
        }
        (Shape::Entry(name), _) => match &glue.contract.messages.get(name)?.origin {
            Origin::Nullable(inner) => {
                let field = member(&glue.contract.messages.get(name)?.fields.first()?.name);
                let set = scalar(element, inner, "value")?;
                format!("if let Some(value) = &value.{field} {{ list.set(i, {set}); }}")
            }
            _ => {
                let body = fill_pair(glue, name, element, "value")?;
                format!("let mut pair = list.reborrow().get(i); {body}")
            }
        },
        (Shape::KeyOnly(inner), Type::Struct { args, .. }) => {
            let half = pair_half(glue, args.first()?, inner, "key", "value")?;
            format!("let mut pair = list.reborrow().get(i); {half}")
        }
        _ => {
            let value = if is_copied(shape) { "*value" } else { "value" };
            format!("list.set(i, {});", scalar(element, shape, value)?)
        }
    })
}

fn fill_pair(glue: &Glue<'_>, name: &str, ty: &Type, value: &str) -> Option<String> {
    let message = glue.contract.messages.get(name)?;
    let (Origin::Entry(key, value_shape), Type::Struct { name: generic, args }) =
        (&message.origin, ty)
    else {
        return None;
    };
    let [key_field, value_field] = message.fields.as_slice() else { return None };
    let value_type = match generic.as_str() {
        "PairInt64" => Type::Int(64),
        "PairUInt64" => Type::UInt(64),
        _ => args.get(1)?.clone(),
    };
    let mut out = String::new();
    for (ty, shape, half, field) in
        [(args.first()?, key, "key", key_field), (&value_type, value_shape, "value", value_field)]
    {
        let rust = member(&field.name);
        let optional = !has_no_presence(shape) && !matches!(**shape, Shape::List(_));
        let access = match (is_copied(shape), optional) {
            (true, _) => format!("{value}.{rust}"),
            (_, true) => "half".to_owned(),
            _ => format!("(&{value}.{rust})"),
        };
        let statement = pair_half(glue, ty, shape, half, &access)?;
        match optional {
            true => {
                let _ = write!(out, "if let Some(half) = &{value}.{rust} {{ {statement} }} ");
            }
            false => {
                let _ = write!(out, "{statement} ");
            }
        }
    }
    Some(out)
}

fn pair_half(glue: &Glue<'_>, ty: &Type, shape: &Shape, half: &str, value: &str) -> Option<String> {
    Some(match (shape, ty) {
        (Shape::Struct(_), Type::Struct { name, .. }) => {
            nested_write(glue, name, value, &format!("pair.reborrow().init_{half}()"))
        }
        (Shape::List(inner), Type::List(element)) => {
            let body = fill_list(glue, element, inner)?;
            format!(
                "{{ let mut list = pair.reborrow().initn_{half}(length({value}.len())?); for (i, value) in {value}.iter().enumerate() {{ let i = i as u32; {body} }} }}"
            )
        }
        (Shape::Int64 | Shape::UInt64, _) => format!("pair.set_{half}({value});"),
        _ => format!("pair.set_{half}({})?;", scalar(ty, shape, value)?),
    })
}

fn nested_write(glue: &Glue<'_>, wire: &str, value: &str, builder: &str) -> String {
    let call = nested_call(glue, wire, &format!("{value}, {builder}"), "write");
    format!("{call};")
}
