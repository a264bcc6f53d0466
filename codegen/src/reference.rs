//! The contract as pages for people: what `proto/` says, with a table of contents and links.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::contract::{Contract, Enumeration, Form, Message, Rpc, Service};
use crate::lock::Lock;
use crate::proto::{Writer, class, enum_value, field_doc, label};
use crate::schema::Schema;

const NOTE: &str = "<!-- Generated from schema/ by codegen; `cargo run -p bitcoin-grpc-codegen` writes it anew. -->\n";

/// Writes the pages, by file name: one for each file of the contract, and their table of contents.
#[must_use]
pub fn files(contract: &Contract, schema: &Schema, lock: &Lock) -> BTreeMap<String, String> {
    let writer = Writer { contract, schema, lock };
    let mut stems: BTreeSet<&str> = contract.messages.values().map(|m| m.file.as_str()).collect();
    stems.extend(contract.services.iter().map(|s| s.file.as_str()));
    let mut files: BTreeMap<_, _> =
        stems.into_iter().map(|stem| (format!("{stem}.md"), page(&writer, stem))).collect();
    files.insert("README.md".to_owned(), contents(contract));
    files
}

/// Every service and its methods.
fn contents(contract: &Contract) -> String {
    let mut out = format!(
        "{NOTE}# API reference\n\nServices of `bitcoin.ipc.v1`. Requests and replies that several share are in [common](common.md).\n"
    );
    for service in &contract.services {
        let _ = write!(
            out,
            "\n## [{0}]({1}.md#{2})\n\n",
            service.name,
            service.file,
            service.name.to_ascii_lowercase()
        );
        for rpc in &service.methods {
            let link = anchor(service, rpc);
            let _ = writeln!(
                out,
                "- [{}]({}.md#{link}): {}",
                rpc.name,
                service.file,
                first_sentence(&rpc.doc)
            );
        }
    }
    out
}

fn page(writer: &Writer<'_>, stem: &str) -> String {
    let contract = writer.contract;
    let mut out = format!("{NOTE}# {stem}\n");
    let mut shown = BTreeSet::new();
    for service in contract.services.iter().filter(|s| s.file == stem) {
        let _ = write!(out, "\n## {}\n\n{}\n", service.name, service.doc);
        for rpc in &service.methods {
            method(&mut out, writer, service, rpc);
            shown.extend([rpc.request.as_str(), rpc.response.as_str()]);
        }
    }
    let others = contract.order.iter().map(|name| &contract.messages[name]);
    let others: Vec<_> =
        others.filter(|m| m.file == stem && !shown.contains(m.name.as_str())).collect();
    if !others.is_empty() {
        out.push_str("\n## Messages\n");
    }
    for message in others {
        let _ = write!(out, "\n### {}\n\n{}\n", message.name, message.doc);
        fields(&mut out, writer, message);
    }
    let enums: Vec<_> = contract.enums.values().filter(|e| e.file == stem).collect();
    if !enums.is_empty() {
        out.push_str("\n## Enumerations\n");
    }
    enums.into_iter().for_each(|enumeration| values(&mut out, enumeration));
    out
}

fn method(out: &mut String, writer: &Writer<'_>, service: &Service, rpc: &Rpc) {
    let _ = write!(out, "\n### {}.{}\n\n{}\n\n", service.name, rpc.name, rpc.doc);
    let _ = writeln!(out, "{}\n", traits(rpc));
    for (title, name) in [("Request", &rpc.request), ("Response", &rpc.response)] {
        if let Some(message) = writer.contract.messages.get(name) {
            let empty = if message.fields.is_empty() { ", without fields" } else { "" };
            let _ = writeln!(out, "{title} `{name}`{empty}");
            fields(out, writer, message);
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
}

/// Access, form and whether it may be repeated, in a line.
fn traits(rpc: &Rpc) -> String {
    let form = match rpc.form {
        Form::Unary => "unary",
        Form::ServerStreaming => "server stream",
        Form::Bidirectional => "bidirectional stream",
    };
    let mut parts = vec![format!("access `{}`", class(rpc.access)), form.to_owned()];
    if rpc.form == Form::Unary && rpc.idempotent {
        parts.push("may be repeated".to_owned());
    }
    if rpc.blocking {
        parts.push("may wait".to_owned());
    }
    format!("*{}*", parts.join(", "))
}

fn fields(out: &mut String, writer: &Writer<'_>, message: &Message) {
    if !message.fields.is_empty() {
        out.push('\n');
    }
    for field in &message.fields {
        let oneof = field.oneof.as_ref().map_or(String::new(), |name| format!(", of `{name}`"));
        let (label, ty) = (label(field), writer.type_name(&field.shape));
        let doc = one_line(&field_doc(field, message.requested));
        let _ = writeln!(out, "- `{}` ({label}`{ty}`{oneof}): {doc}", field.name);
    }
}

fn values(out: &mut String, enumeration: &Enumeration) {
    let _ = write!(out, "\n### {}\n\n{}\n\n", enumeration.name, enumeration.doc);
    for (number, (name, doc)) in enumeration.values.iter().enumerate() {
        let value = enum_value(&enumeration.name, name);
        let _ = writeln!(out, "- `{value}` ({number}): {}", one_line(doc));
    }
}

fn anchor(service: &Service, rpc: &Rpc) -> String {
    // As the usual renderers make it of a heading: the dot goes.
    format!("{}{}", service.name, rpc.name).to_ascii_lowercase()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_sentence(doc: &str) -> String {
    let line = one_line(doc);
    line.find(". ").map_or_else(|| line.clone(), |end| line[..=end].to_owned())
}
