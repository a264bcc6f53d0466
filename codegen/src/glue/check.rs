//! Functions that hold a request against what the schema says of its fields.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Glue, member, oneof_path};
use crate::builtin::message_of;
use crate::contract::{Form, Message, ProtoField, Shape, message_name};
use crate::names::{pascal_from_snake, snake};
use crate::schema::Content;

pub(super) fn functions(glue: &Glue<'_>) -> String {
    let checked = checked(glue);
    let mut out = String::new();
    for name in &checked {
        out += &function(glue, &glue.contract.messages[name], &checked);
    }
    out + &dispatch(glue, &checked)
}

/// Names of the messages with something to check, found by growing the set until it is stable.
pub(super) fn checked(glue: &Glue<'_>) -> BTreeSet<String> {
    let mut checked = BTreeSet::new();
    loop {
        let before = checked.len();
        for message in glue.contract.messages.values().filter(|m| m.requested) {
            // A message that holds itself is looked into for its depth alone.
            let nests = message.fields.iter().any(|f| holds(glue, &f.shape, &message.name));
            if nests || message.fields.iter().any(|f| !body(glue, f, &checked).is_empty()) {
                checked.insert(message.name.clone());
            }
        }
        if checked.len() == before {
            return checked;
        }
    }
}

fn holds(glue: &Glue<'_>, shape: &Shape, name: &str) -> bool {
    matches!(shape, Shape::Struct(inner)
        if glue.schema.structure(inner).is_some_and(|s| message_name(s) == name))
}

fn function(glue: &Glue<'_>, message: &Message, checked: &BTreeSet<String>) -> String {
    let mut out = format!(
        "fn check_{}(m: &v1::{}, at: &Path<'_>, out: &mut Violations) {{\n    if !at.enter(out) {{ return; }}\n",
        snake(&message.name),
        message.name
    );
    for field in &message.fields {
        let body = body(glue, field, checked);
        if body.is_empty() {
            continue;
        }
        let rust = member(&field.name);
        let step = format!("let at = &at.field(\"{}\");", field.name);
        if let Some(oneof) = &field.oneof {
            let variant =
                format!("{}::{}", oneof_path(&message.name, oneof), pascal_from_snake(&field.name));
            let _ = writeln!(
                out,
                "    if let Some({variant}(value)) = &m.{} {{ {step} {body} }}",
                member(oneof)
            );
        } else if is_optional(field) {
            let _ = writeln!(
                out,
                "    {{ {step} match &m.{rust} {{ Some(value) => {{ {body} }} None => {{ {} }} }} }}",
                absent(field)
            );
        } else {
            let _ = writeln!(out, "    {{ {step} let value = &m.{rust}; {body} }}");
        }
    }
    out += "}\n\n";
    out
}

fn is_optional(field: &ProtoField) -> bool {
    field.optional || (is_message(&field.shape) && !matches!(field.shape, Shape::List(_)))
}

fn absent(field: &ProtoField) -> &'static str {
    if field.limits.required { "out.push(at, \"is required\");" } else { "" }
}

fn is_message(shape: &Shape) -> bool {
    match shape {
        Shape::Struct(_) | Shape::Entry(_) | Shape::Message(_) => true,
        Shape::Typed(content) => message_of(*content).is_some(),
        Shape::KeyOnly(inner) => is_message(inner),
        _ => false,
    }
}

/// Statements that check `value`, a reference to what the field holds; empty if there is nothing to.
fn body(glue: &Glue<'_>, field: &ProtoField, checked: &BTreeSet<String>) -> String {
    let limits = &field.limits;
    let mut out = String::new();
    match &field.shape {
        Shape::List(inner) => {
            if let Some(max) = limits.max_items {
                let _ = write!(out, "check::items(value.len(), {max}, at, out); ");
            }
            let element = element(glue, inner, field, checked);
            if !element.is_empty() {
                let _ = write!(
                    out,
                    "for (i, value) in value.iter().enumerate() {{ let at = &at.index(i); {element} }}"
                );
            }
        }
        shape => out += &element(glue, shape, field, checked),
    }
    if out.is_empty() && limits.required {
        out = "let _ = value;".to_owned();
    }
    out
}

fn element(
    glue: &Glue<'_>,
    shape: &Shape,
    field: &ProtoField,
    checked: &BTreeSet<String>,
) -> String {
    let limits = &field.limits;
    let mut out = String::new();
    if let Some(max) = limits.max_bytes
        && matches!(shape, Shape::Bytes(_) | Shape::String(_) | Shape::ObjectName)
    {
        let _ = write!(out, "check::length(value.len(), 0, {max}, at, out); ");
    }
    if let Some((min, max)) = limits.range {
        let _ = match shape {
            Shape::Bytes(_) | Shape::String(_) => {
                write!(out, "check::length(value.len(), {min}, {max}, at, out); ")
            }
            Shape::Double => {
                write!(out, "check::range_f64(*value, {min}_i64, {max}_i64, at, out); ")
            }
            _ => write!(out, "check::range(i128::from(*value), {min}, {max}, at, out); "),
        };
    }
    out + &match shape {
        Shape::Bytes(content) | Shape::String(content) => content_check(*content).to_owned(),
        Shape::Enum(name) => {
            let values = glue.contract.enums.get(name).map_or(0, |e| e.values.len());
            format!("check::enumeration(*value, {values}, \"{name}\", at, out);")
        }
        Shape::Typed(Content::Subnet) => "check::subnet(value, at, out);".to_owned(),
        Shape::Typed(content) => match message_of(*content) {
            Some("NetAddress") => "check::net_address(value, at, out);".to_owned(),
            Some(name) => nested(name, checked),
            None => String::new(),
        },
        Shape::Struct(name) => match glue.schema.structure(name) {
            Some(structure) => nested(&message_name(structure), checked),
            None => String::new(),
        },
        Shape::Entry(name) | Shape::Message(name) => nested(name, checked),
        Shape::KeyOnly(inner) => element(glue, inner, field, checked),
        _ => String::new(),
    }
}

fn nested(name: &str, checked: &BTreeSet<String>) -> String {
    match checked.contains(name) {
        true => format!("check_{}(value, at, out);", snake(name)),
        false => String::new(),
    }
}

fn content_check(content: Content) -> &'static str {
    match content {
        Content::BlockHash | Content::Txid | Content::Wtxid => "check::hash(value, at, out);",
        Content::Transaction => "check::transaction(value, at, out);",
        Content::Block => "check::block(value, at, out);",
        Content::Header => "check::length(value.len(), 80, 80, at, out);",
        Content::Hash160 => "check::length(value.len(), 20, 20, at, out);",
        Content::Json => "check::json(value, at, out);",
        _ => "",
    }
}

fn dispatch(glue: &Glue<'_>, checked: &BTreeSet<String>) -> String {
    let mut out = String::from(
        "pub(crate) fn check_request(request: &Request, out: &mut Violations) {\n    let at = &Path::root();\n    match request {\n",
    );
    for service in &glue.contract.services {
        for rpc in &service.methods {
            let message = match rpc.form {
                Form::Bidirectional => format!("{}Start", rpc.request.trim_end_matches("Request")),
                _ => rpc.request.clone(),
            };
            if checked.contains(&message) {
                let _ = writeln!(
                    out,
                    "        Request::{}{}(m) => check_{}(m, at, out),",
                    service.name,
                    rpc.name,
                    snake(&message)
                );
            }
        }
    }
    out += "        _ => {}\n    }\n}\n\n";
    out
}
