//! Messages in the form that `call` has for them, written a second time. Which fields are hashes comes from
//! the schema's annotations, where `call` goes by the comments that a server shows.

use std::collections::HashSet;

use bitcoin_grpc::frontend::grpc::reflection::DESCRIPTORS;
use bitcoin_grpc_codegen::contract::Shape;
use bitcoin_grpc_codegen::schema::Content;
use bitcoin_grpc_codegen::{Generated, Paths};
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage, Value};
use serde_json::{Map, Value as Json, json};

pub(super) struct Plain {
    pub(super) pool: DescriptorPool,
    hashes: HashSet<(String, String)>,
}

impl Plain {
    pub(super) fn load() -> Self {
        let contract = Generated::derive(&Paths::new(env!("CARGO_MANIFEST_DIR"))).unwrap().contract;
        let fields = contract.messages.iter().flat_map(|(name, message)| {
            let hashes = message.fields.iter().filter(|field| is_hash(&field.shape));
            hashes.map(move |field| (name.clone(), field.name.clone()))
        });
        Self { hashes: fields.collect(), pool: DescriptorPool::decode(DESCRIPTORS).unwrap() }
    }

    /// The names of the fields that hold hashes.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.hashes.iter().map(|(message, field)| (message.as_str(), field.as_str()))
    }

    pub(super) fn json(&self, message: &DynamicMessage) -> Json {
        let descriptor = message.descriptor();
        let mut fields = Map::new();
        for field in descriptor.fields() {
            if field.supports_presence() && !message.has_field(&field) {
                continue;
            }
            let place = (descriptor.name().to_owned(), field.name().to_owned());
            let value = self.value(&message.get_field(&field), self.hashes.contains(&place));
            let name = |number: i64| {
                let kind = field.kind();
                let values = kind.as_enum().unwrap();
                json!(values.get_value(i32::try_from(number).unwrap()).unwrap().name())
            };
            let value = match (field.kind().as_enum(), value) {
                (Some(_), Json::Array(items)) => {
                    items.iter().map(|item| name(item.as_i64().unwrap())).collect()
                }
                (Some(_), number) => name(number.as_i64().unwrap()),
                (None, value) => value,
            };
            fields.insert(field.name().to_owned(), value);
        }
        Json::Object(fields)
    }

    fn value(&self, value: &Value, is_hash: bool) -> Json {
        match value {
            Value::Bool(flag) => json!(flag),
            Value::I32(number) | Value::EnumNumber(number) => json!(number),
            Value::I64(number) => json!(number),
            Value::U32(number) => json!(number),
            Value::U64(number) => json!(number),
            Value::F64(number) => json!(number),
            Value::String(text) => json!(text),
            Value::Bytes(bytes) => {
                let mut bytes = bytes.to_vec();
                if is_hash {
                    bytes.reverse();
                }
                json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            Value::Message(inner) => self.inner(inner),
            Value::List(items) => items.iter().map(|item| self.value(item, is_hash)).collect(),
            other => panic!("the contract has no {other:?}"),
        }
    }

    fn inner(&self, message: &DynamicMessage) -> Json {
        let number = |name: &str| message.get_field_by_name(name).unwrap().as_i64();
        match message.descriptor().full_name() {
            // Only whole seconds come up here.
            "google.protobuf.Duration" => json!(format!("{}s", number("seconds").unwrap())),
            _ => self.json(message),
        }
    }
}

fn is_hash(shape: &Shape) -> bool {
    match shape {
        Shape::Bytes(content) => {
            matches!(content, Content::BlockHash | Content::Txid | Content::Wtxid)
        }
        Shape::List(inner) | Shape::KeyOnly(inner) => is_hash(inner),
        _ => false,
    }
}
