//! Everything in the contract says what it is: reflection and generated clients show it.

use std::collections::BTreeSet;

use bitcoin_grpc_codegen::build;
use bitcoin_grpc_codegen::contract::Shape;
use bitcoin_grpc_codegen::schema::Content;
use prost::Message;
use prost_types::field_descriptor_proto::Type;
use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::{GENERATED, paths};

/// Numbers of the parts of a file, a message, a service and an enum in `descriptor.proto`, by which
/// comments name their places.
mod part {
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const ENUM: i32 = 5;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const FIELD: i32 = 2;
    pub(super) const RPC: i32 = 2;
    pub(super) const VALUE: i32 = 2;
}

struct Comments<'a> {
    locations: &'a [Location],
    missing: Vec<String>,
}

impl Comments<'_> {
    fn want(&mut self, path: &[i32], name: &str) {
        let location = self.locations.iter().find(|l| l.path == path);
        let comment = location.map_or("", Location::leading_comments);
        if comment.trim().is_empty() {
            self.missing.push(name.to_owned());
        }
    }

    fn message(&mut self, path: &[i32], message: &DescriptorProto) {
        self.want(path, message.name());
        for (index, field) in (0..).zip(&message.field) {
            let name = format!("{}.{}", message.name(), field.name());
            self.want(&[path, &[part::FIELD, index]].concat(), &name);
        }
    }
}

fn missing(file: &FileDescriptorProto) -> Vec<String> {
    let locations = &file.source_code_info.as_ref().expect("source info").location;
    let mut comments = Comments { locations, missing: Vec::new() };
    for (index, message) in (0..).zip(&file.message_type) {
        assert!(message.nested_type.is_empty() && message.enum_type.is_empty());
        comments.message(&[part::MESSAGE, index], message);
    }
    for (index, service) in (0..).zip(&file.service) {
        comments.want(&[part::SERVICE, index], service.name());
        for (rpc_index, rpc) in (0..).zip(&service.method) {
            let name = format!("{}.{}", service.name(), rpc.name());
            comments.want(&[part::SERVICE, index, part::RPC, rpc_index], &name);
        }
    }
    for (index, enumeration) in (0..).zip(&file.enum_type) {
        comments.want(&[part::ENUM, index], enumeration.name());
        for (value_index, value) in (0..).zip(&enumeration.value) {
            comments.want(&[part::ENUM, index, part::VALUE, value_index], value.name());
        }
    }
    comments.missing
}

#[test]
fn everything_has_a_comment() {
    let bytes = build::descriptors(&paths()).expect("a contract");
    let set = FileDescriptorSet::decode(&bytes[..]).expect("descriptors");
    let own = set.file.iter().filter(|file| file.package() == "bitcoin.ipc.v1");
    let files: Vec<_> = own.collect();
    assert!(files.len() >= 6, "only {} files", files.len());
    let missing: Vec<_> = files.into_iter().flat_map(missing).collect();
    assert!(missing.is_empty(), "{} without a comment:\n{}", missing.len(), missing.join("\n"));
}

/// Whether a field holds hashes, by the schema.
fn is_hash(shape: &Shape) -> bool {
    match shape {
        Shape::Bytes(content) => {
            matches!(content, Content::BlockHash | Content::Txid | Content::Wtxid)
        }
        Shape::List(inner) | Shape::KeyOnly(inner) => is_hash(inner),
        _ => false,
    }
}

/// The fields of bytes whose comments tell the byte order.
fn marked(file: &FileDescriptorProto) -> Vec<String> {
    let locations = &file.source_code_info.as_ref().expect("source info").location;
    let mut marked = Vec::new();
    for (index, message) in (0..).zip(&file.message_type) {
        for (at, field) in (0..).zip(&message.field) {
            let path = [part::MESSAGE, index, part::FIELD, at];
            let location = locations.iter().find(|location| location.path == path);
            let comment = location.map_or("", Location::leading_comments);
            let words: Vec<_> = comment.split_whitespace().collect();
            let tells = words.join(" ").to_lowercase().contains("internal byte order");
            if tells && field.r#type() == Type::Bytes {
                marked.push(format!("{}.{}", message.name(), field.name()));
            }
        }
    }
    marked
}

/// `bitcoin-grpc call` shows those fields as hashes.
#[test]
fn hashes_and_they_alone_tell_their_byte_order() {
    let bytes = build::descriptors(&paths()).expect("a contract");
    let set = FileDescriptorSet::decode(&bytes[..]).expect("descriptors");
    let own = set.file.iter().filter(|file| file.package() == "bitcoin.ipc.v1");
    let told: BTreeSet<String> = own.flat_map(marked).collect();
    let fields = GENERATED.contract.messages.iter().flat_map(|(name, message)| {
        let hashes = message.fields.iter().filter(|field| is_hash(&field.shape));
        hashes.map(move |field| format!("{name}.{}", field.name))
    });
    let mut meant: BTreeSet<String> = fields.collect();
    assert!(meant.len() > 30, "{meant:?}");
    // Hashes, too, that name neither a block nor a transaction.
    meant.insert("BlockTemplateGetCoinbaseMerklePathResponse.merkle_path".to_owned());
    assert_eq!(told, meant);
}
