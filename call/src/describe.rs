//! Services, methods and fields with their comments, for people.

use std::collections::HashSet;

use prost_reflect::{
    EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    ServiceDescriptor,
};

use crate::catalogue::Catalogue;
use crate::hashes::Hashes;
use crate::scalar::{kind_name, names};

/// What is told of hashes where comments speak of the contract's bytes.
const HASHES: &str =
    "Hashes are typed and shown as bitcoin-cli shows them, whatever byte order a comment tells.";

/// The services, each with the first sentence of its comment.
pub(crate) fn services(catalogue: &Catalogue) -> String {
    table(catalogue.services().map(|service| {
        let about = comment(&service.parent_file(), service.path());
        (catalogue.name(&service), sentence(&about))
    }))
}

/// The methods of a service, each with the first sentence of its comment.
pub(crate) fn methods(name: &str, service: &ServiceDescriptor) -> String {
    table(service.methods().map(|method| {
        let about = comment(&method.parent_file(), method.path());
        (format!("{name}.{}", method.name()), sentence(&about))
    }))
}

/// What a method does, takes and gives.
pub(crate) fn method(name: &str, method: &MethodDescriptor, hashes: &Hashes) -> String {
    let mut types = Types { hashes, known: HashSet::new(), any_hash: false };
    let about = comment(&method.parent_file(), method.path());
    let stream = |is: bool| if is { ", a stream" } else { "" };
    let takes = types.fields(&method.input());
    let gives = types.fields(&method.output());
    let mut out = format!(
        "{name}.{}\n\n{}\n\nTakes{}:\n{takes}\nGives{}:\n{gives}",
        method.name(),
        paragraphs(&about),
        stream(method.is_client_streaming()),
        stream(method.is_server_streaming()),
    );
    for message in [method.input(), method.output()] {
        types.inner(&message, &mut out);
    }
    if types.any_hash {
        out += &format!("\n{HASHES}\n");
    }
    out
}

/// The types within a method's messages, each told once.
struct Types<'a> {
    hashes: &'a Hashes,
    known: HashSet<String>,
    any_hash: bool,
}

impl Types<'_> {
    fn fields(&mut self, of: &MessageDescriptor) -> String {
        let rows: Vec<_> =
            of.fields().map(|field| (field.name().to_owned(), self.about(&field))).collect();
        let rows = table(rows.into_iter());
        if rows.is_empty() { "  nothing\n".to_owned() } else { rows }
    }

    fn about(&mut self, field: &FieldDescriptor) -> String {
        let many = if field.is_list() { "list of: " } else { "" };
        let is_hash = self.hashes.has(field);
        self.any_hash |= is_hash;
        let kind = if is_hash { "hash".to_owned() } else { kind_name(&field.kind()) };
        format!("({many}{kind}) {}", words(&comment(&field.parent_file(), field.path())))
    }

    fn inner(&mut self, of: &MessageDescriptor, out: &mut String) {
        for field in of.fields() {
            match field.kind() {
                Kind::Message(inner)
                    if !is_well_known(&inner) && self.is_new(inner.full_name()) =>
                {
                    let fields = self.fields(&inner);
                    *out += &format!("\n{}:\n{fields}", inner.name());
                    self.inner(&inner, out);
                }
                Kind::Enum(inner) if self.is_new(inner.full_name()) => {
                    *out += &format!("\n{}:\n{}", inner.name(), values(&inner));
                }
                _ => {}
            }
        }
    }

    fn is_new(&mut self, name: &str) -> bool {
        self.known.insert(name.to_owned())
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}

fn values(of: &EnumDescriptor) -> String {
    let file = of.parent_file();
    table(
        of.values()
            .zip(names(of))
            .map(|(value, name)| (name, words(&comment(&file, value.path())))),
    )
}

fn table(rows: impl Iterator<Item = (String, String)>) -> String {
    let rows: Vec<_> = rows.collect();
    let wide = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter()
        .map(|(name, about)| format!("  {name:<wide$}  {about}").trim_end().to_owned() + "\n")
        .collect()
}

fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let proto = file.file_descriptor_proto();
    let mut locations = proto.source_code_info.iter().flat_map(|info| &info.location);
    let location = locations.find(|location| location.path == path);
    location.map(|location| location.leading_comments().to_owned()).unwrap_or_default()
}

/// Without line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without line breaks but those between paragraphs.
fn paragraphs(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty()).map(|lines| lines.join(" "));
    paragraphs.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn sentence(text: &str) -> String {
    let all = words(text);
    all.split_once(". ").map_or_else(|| all.clone(), |(first, _)| format!("{first}."))
}
