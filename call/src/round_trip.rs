//! What is shown can be typed: every message of the contract, with everything in it, there and back.

use bitcoin_grpc_codegen::{Paths, build};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use crate::hashes::Hashes;
use crate::json::Reader;
use crate::show::Writer;

/// Messages of each type that are tried.
const TRIES: u64 = 20;

fn pool() -> DescriptorPool {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let bytes = build::descriptors(&Paths::new(root)).unwrap();
    DescriptorPool::decode(bytes.as_slice()).unwrap()
}

/// Numbers that look like chance and are the same in every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

struct Maker<'a> {
    chance: Chance,
    hashes: &'a Hashes,
}

impl Maker<'_> {
    fn message(&mut self, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            let is_message = field.kind().as_message().is_some();
            let may_be_absent = !self.hashes.has(&field);
            if (may_be_absent && self.chance.below(4) == 0) || (is_message && depth > 4) {
                continue;
            }
            let value = if field.is_list() {
                (0..self.chance.below(4)).map(|_| self.value(&field, depth)).collect()
            } else {
                vec![self.value(&field, depth)]
            };
            match (field.is_list(), value) {
                (true, items) => message.set_field(&field, Value::List(items)),
                (false, mut one) => message.set_field(&field, one.remove(0)),
            }
        }
        message
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any number")]
    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let number = self.chance.next();
        match field.kind() {
            Kind::Bool => Value::Bool(number.is_multiple_of(2)),
            Kind::Int32 => Value::I32(number as i32),
            Kind::Int64 => Value::I64(number as i64),
            Kind::Uint32 => Value::U32(number as u32),
            Kind::Uint64 => Value::U64(number),
            Kind::Double => match number % 5 {
                0 => Value::F64(f64::INFINITY),
                1 => Value::F64(1e99),
                // serde_json may read the last bit of other fractions differently.
                _ => Value::F64(f64::from(number as i32) / 4.0),
            },
            Kind::String => {
                let texts =
                    ["", "text", "{\"a\": [1]}", "ä \u{1f980} \"\\\n\u{1}", "[", "@x", "-1"];
                Value::String(texts[self.chance.below(texts.len())].to_owned())
            }
            Kind::Bytes => {
                let length = if self.hashes.has(field) { 32 } else { self.chance.below(40) };
                let bytes: Vec<u8> = (0..length).map(|_| self.chance.next() as u8).collect();
                Value::Bytes(bytes.into())
            }
            Kind::Enum(of) => Value::EnumNumber(
                of.values().nth(self.chance.below(of.values().len())).unwrap().number(),
            ),
            Kind::Message(of) if of.full_name().starts_with("google.protobuf.") => {
                let mut message = DynamicMessage::new(of);
                message.set_field_by_name("seconds", Value::I64((number % 4_000_000_000) as i64));
                message.set_field_by_name("nanos", Value::I32((number % 1_000_000_000) as i32));
                Value::Message(message)
            }
            Kind::Message(of) => Value::Message(self.message(&of, depth + 1)),
            other => panic!("the contract has no {other:?}"),
        }
    }
}

#[test]
fn every_message_comes_back_as_it_was() {
    let pool = pool();
    let hashes = Hashes::of(&pool);
    let (writer, reader) = (Writer { hashes: &hashes }, Reader { hashes: &hashes });
    let messages: Vec<_> =
        pool.all_messages().filter(|message| message.package_name() == "bitcoin.ipc.v1").collect();
    assert!(messages.len() > 300, "only {} messages", messages.len());
    for (seed, of) in (0..TRIES).flat_map(|seed| messages.iter().map(move |of| (seed, of))) {
        let message = Maker { chance: Chance(seed), hashes: &hashes }.message(of, 0);
        let line = writer.line(&message).unwrap();
        assert!(!line.contains('\n'), "{line}");
        let back = reader.request(of, &line).unwrap_or_else(|wrong| panic!("{line}: {wrong}"));
        // On the wire a zero is as good as nothing.
        assert_eq!(back.encode_to_vec(), message.encode_to_vec(), "{} {seed}: {line}", of.name());
    }
}
