//! The contract as `.proto` text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::builtin::{content_doc, message_of, oneof_doc};
use crate::contract::{
    Contract, Enumeration, Form, Limits, Message, ProtoField, Rpc, Service, Shape, message_name,
};
use crate::lock::Lock;
use crate::names::{shouty, snake};
use crate::schema::{Access, Content, Schema};

/// Comments are wrapped at this width.
const WIDTH: usize = 100;

/// Options of every file. Java would otherwise put all of a file's classes inside one.
const OPTIONS: &str = "\noption java_multiple_files = true;\n";

/// Writes the files of the contract, by file name.
#[must_use]
pub fn files(contract: &Contract, schema: &Schema, lock: &Lock) -> BTreeMap<String, String> {
    let mut stems: BTreeSet<&str> = contract.messages.values().map(|m| m.file.as_str()).collect();
    stems.extend(contract.services.iter().map(|s| s.file.as_str()));
    let writer = Writer { contract, schema, lock };
    stems.into_iter().map(|stem| (format!("{stem}.proto"), writer.file(stem))).collect()
}

pub(crate) struct Writer<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) schema: &'a Schema,
    pub(crate) lock: &'a Lock,
}

impl Writer<'_> {
    fn file(&self, stem: &str) -> String {
        let mut body = String::new();
        for service in self.contract.services.iter().filter(|s| s.file == stem) {
            self.service(&mut body, service);
        }
        for name in &self.contract.order {
            let message = &self.contract.messages[name];
            if message.file == stem {
                self.message(&mut body, message);
            }
        }
        for enumeration in self.contract.enums.values().filter(|e| e.file == stem) {
            enumeration_text(&mut body, enumeration);
        }
        let mut head = String::new();
        let doc = self.schema.file_docs.get(&format!("{stem}.capnp")).map_or("", String::as_str);
        comment(&mut head, "", doc);
        if !doc.is_empty() {
            head.push_str("//\n");
        }
        head.push_str("// Generated from schema/ by codegen; `cargo run -p bitcoin-grpc-codegen` writes it anew.\n\n");
        head.push_str("syntax = \"proto3\";\n\npackage bitcoin.ipc.v1;\n");
        let imports = self.imports(stem);
        if !imports.is_empty() {
            head.push('\n');
        }
        for import in imports {
            let _ = writeln!(head, "import \"{import}\";");
        }
        head.push_str(OPTIONS);
        head + &body
    }

    fn imports(&self, stem: &str) -> BTreeSet<String> {
        let mut imports = BTreeSet::new();
        for message in self.contract.messages.values().filter(|m| m.file == stem) {
            for field in &message.fields {
                let ty = self.type_name(&field.shape);
                if let Some(google) = ty.strip_prefix("google.protobuf.") {
                    imports
                        .insert(format!("google/protobuf/{}.proto", google.to_ascii_lowercase()));
                } else if let Some(file) = self.home_of(&ty).filter(|file| *file != stem) {
                    imports.insert(format!("bitcoin/ipc/v1/{file}.proto"));
                }
            }
        }
        imports
    }

    fn home_of(&self, ty: &str) -> Option<&str> {
        let message = self.contract.messages.get(ty).map(|m| m.file.as_str());
        message.or_else(|| self.contract.enums.get(ty).map(|e| e.file.as_str()))
    }

    fn service(&self, out: &mut String, service: &Service) {
        out.push('\n');
        comment(out, "", &service.doc);
        let _ = writeln!(out, "service {} {{", service.name);
        for (index, rpc) in service.methods.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            comment(out, "  ", &rpc_doc(rpc));
            let (from, to) = match rpc.form {
                Form::Unary => ("", ""),
                Form::ServerStreaming => ("", "stream "),
                Form::Bidirectional => ("stream ", "stream "),
            };
            let _ = write!(
                out,
                "  rpc {}({from}{}) returns ({to}{})",
                rpc.name, rpc.request, rpc.response
            );
            match rpc.form == Form::Unary && rpc.idempotent {
                true if rpc.access == Access::Read => {
                    out.push_str(" {\n    option idempotency_level = NO_SIDE_EFFECTS;\n  }\n");
                }
                true => out.push_str(" {\n    option idempotency_level = IDEMPOTENT;\n  }\n"),
                false => out.push_str(";\n"),
            }
        }
        out.push_str("}\n");
    }

    fn message(&self, out: &mut String, message: &Message) {
        out.push('\n');
        comment(out, "", &message.doc);
        let names = message.fields.iter().map(|f| f.name.as_str()).collect();
        let reserved = self.lock.reserved(&message.name, &names);
        if message.fields.is_empty() && reserved.is_empty() {
            let _ = writeln!(out, "message {} {{}}", message.name);
            return;
        }
        let _ = writeln!(out, "message {} {{", message.name);
        for (name, number) in &reserved {
            let _ = writeln!(out, "  reserved {number};\n  reserved \"{name}\";");
        }
        let mut open: Option<&str> = None;
        for (index, field) in message.fields.iter().enumerate() {
            if open.is_some() && open != field.oneof.as_deref() {
                out.push_str("  }\n");
            }
            if let Some(oneof) = field.oneof.as_deref().filter(|o| open != Some(*o)) {
                if index > 0 {
                    out.push('\n');
                }
                comment(out, "  ", oneof_doc(oneof));
                let _ = writeln!(out, "  oneof {oneof} {{");
            } else if index > 0 {
                out.push('\n');
            }
            open = field.oneof.as_deref();
            self.field(out, field, message.requested);
        }
        if open.is_some() {
            out.push_str("  }\n");
        }
        out.push_str("}\n");
    }

    fn field(&self, out: &mut String, field: &ProtoField, requested: bool) {
        let indent = if field.oneof.is_some() { "    " } else { "  " };
        comment(out, indent, &field_doc(field, requested));
        let label = label(field);
        let ty = self.type_name(&field.shape);
        let _ = writeln!(out, "{indent}{label}{ty} {} = {};", field.name, field.number);
    }

    pub(crate) fn type_name(&self, shape: &Shape) -> String {
        match shape {
            Shape::Bool => "bool".to_owned(),
            Shape::Int32 => "int32".to_owned(),
            Shape::Int64 => "int64".to_owned(),
            Shape::UInt32 => "uint32".to_owned(),
            Shape::UInt64 => "uint64".to_owned(),
            Shape::Double => "double".to_owned(),
            Shape::String(_) | Shape::ObjectName => "string".to_owned(),
            Shape::Bytes(_) => "bytes".to_owned(),
            Shape::Typed(content) => message_of(*content).unwrap_or("string").to_owned(),
            Shape::Enum(name) | Shape::Entry(name) => name.clone(),
            Shape::Message(name) => name.trim_start_matches('.').to_owned(),
            Shape::Struct(name) => {
                self.schema.structure(name).map(message_name).unwrap_or_default()
            }
            Shape::List(inner) | Shape::KeyOnly(inner) => self.type_name(inner),
            Shape::Lease => "Lease".to_owned(),
        }
    }
}

/// What stands before a field's type.
pub(crate) const fn label(field: &ProtoField) -> &'static str {
    match (&field.shape, field.optional) {
        (Shape::List(_), _) => "repeated ",
        (_, true) => "optional ",
        _ => "",
    }
}

fn enumeration_text(out: &mut String, enumeration: &Enumeration) {
    out.push('\n');
    comment(out, "", &enumeration.doc);
    let _ = writeln!(out, "enum {} {{", enumeration.name);
    for (number, (name, doc)) in enumeration.values.iter().enumerate() {
        comment(out, "  ", doc);
        let _ = writeln!(out, "  {} = {number};", enum_value(&enumeration.name, name));
    }
    out.push_str("}\n");
}

/// `MempoolRemovalReason`, `sizeLimit` → `MEMPOOL_REMOVAL_REASON_SIZE_LIMIT`.
pub(crate) fn enum_value(enumeration: &str, value: &str) -> String {
    format!("{}_{}", snake(enumeration).to_ascii_uppercase(), shouty(value))
}

/// The name of a class of access.
pub(crate) const fn class(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Submit => "submit",
        Access::Wallet => "wallet",
        Access::Control => "control",
        Access::Lifecycle => "lifecycle",
    }
}

fn rpc_doc(rpc: &Rpc) -> String {
    let class = class(rpc.access);
    let blocking = if rpc.blocking { " May wait; give it a deadline." } else { "" };
    format!("{}\n\nAccess: {class}.{blocking}", rpc.doc)
}

pub(crate) fn field_doc(field: &ProtoField, requested: bool) -> String {
    let mut doc = field.doc.clone();
    let content = match innermost(&field.shape) {
        Shape::Bytes(content) | Shape::String(content) => content_doc(*content),
        _ => "",
    };
    // The schema's own words win where they already say it.
    let said = [
        ("byte order", "byte order"),
        ("JSON", "JSON"),
        ("bytes", "20 bytes"),
        ("80 bytes", "80 bytes"),
        ("serialization", "serialization"),
    ];
    if !content.is_empty()
        && !said.iter().any(|(word, rule)| content.contains(rule) && doc.contains(word))
    {
        push_sentence(&mut doc, content);
    }
    if requested {
        let limits = limits_doc(&field.limits, &field.shape, &doc);
        push_sentence(&mut doc, &limits);
    }
    doc
}

fn innermost(shape: &Shape) -> &Shape {
    match shape {
        Shape::List(inner) | Shape::KeyOnly(inner) => innermost(inner),
        other => other,
    }
}

/// The bounds that the schema's own words do not name already.
fn limits_doc(limits: &Limits, shape: &Shape, said: &str) -> String {
    let mut parts = Vec::new();
    let says_most = said.contains("t most");
    if limits.required {
        parts.push("Required.".to_owned());
    }
    if let Some((min, max)) = limits.range.filter(|(_, max)| !said.contains(&max.to_string())) {
        let unit = if matches!(innermost(shape), Shape::Bytes(_) | Shape::String(_)) {
            " bytes"
        } else {
            ""
        };
        parts.push(match (min, max) {
            (i64::MIN, max) => format!("At most {max}{unit}."),
            (min, i64::MAX) => format!("At least {min}{unit}."),
            (min, max) if min == max => format!("Exactly {min}{unit}."),
            (min, max) => format!("From {min} to {max}{unit}."),
        });
    }
    if let Some(items) = limits.max_items.filter(|_| !says_most) {
        parts.push(format!("At most {items} items."));
    }
    if let Some(bytes) = limits.max_bytes.filter(|_| !says_most) {
        let content =
            matches!(innermost(shape), Shape::Bytes(Content::Transaction | Content::Block));
        if !content {
            parts.push(format!("At most {bytes} bytes."));
        }
    }
    parts.join(" ")
}

fn push_sentence(doc: &mut String, sentence: &str) {
    if !sentence.is_empty() {
        if !doc.is_empty() {
            doc.push(' ');
        }
        doc.push_str(sentence);
    }
}

/// Writes a comment, wrapped, keeping paragraphs apart.
fn comment(out: &mut String, indent: &str, text: &str) {
    for (index, paragraph) in text.split("\n\n").filter(|p| !p.trim().is_empty()).enumerate() {
        if index > 0 {
            let _ = writeln!(out, "{indent}//");
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent.len() + 4 + line.len() + word.len() > WIDTH {
                let _ = writeln!(out, "{indent}// {line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let _ = writeln!(out, "{indent}// {line}");
    }
}
