//! From a recording to the messages that the contract promises for it.
//!
//! Field names and folding come from the contract's model (which field of the wire each field of a
//! message mirrors); the values are converted here, by what the recordings' README says of them.

use bitcoin_grpc_codegen::contract::{Contract as Model, Origin, ProtoField, Rpc, Shape, Source};
use bitcoin_grpc_codegen::schema::Content;
use bitcoin_grpc_codegen::{Generated, Paths};
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Value as Proto};
use serde_json::Value;

use super::proxy::golden;

pub(crate) struct Contract {
    model: Model,
    pool: DescriptorPool,
}

pub(crate) fn golden_lines(profile: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(golden(&format!("{profile}/calls.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap_or_default();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

/// Null, false and zero are what an absent flag reads as.
fn is_set(flag: &Value) -> bool {
    flag.as_bool().unwrap_or_else(|| flag.as_i64().unwrap_or_default() != 0)
}

impl Contract {
    pub(crate) fn load() -> Self {
        let model = Generated::derive(&Paths::new(env!("CARGO_MANIFEST_DIR"))).unwrap().contract;
        let descriptors = bitcoin_grpc::frontend::grpc::reflection::DESCRIPTORS;
        Self { model, pool: DescriptorPool::decode(descriptors).unwrap() }
    }

    pub(crate) fn rpc(&self, service: &str, wire_name: &str) -> &Rpc {
        let service = self.model.services.iter().find(|s| s.name == service).unwrap();
        service.methods.iter().find(|m| m.wire_name == wire_name).unwrap()
    }

    fn empty(&self, message: &str) -> DynamicMessage {
        let descriptor = self.pool.get_message_by_name(&format!("bitcoin.ipc.v1.{message}"));
        DynamicMessage::new(descriptor.unwrap())
    }

    pub(crate) fn request(&self, rpc: &Rpc, profile: &str, params: &Value) -> DynamicMessage {
        self.message(&rpc.request, profile, params, None)
    }

    /// The response that the recorded results stand for.
    pub(crate) fn response(&self, rpc: &Rpc, profile: &str, record: &Value) -> DynamicMessage {
        let mut results = record["results"].clone();
        // Size and fees of a transaction that does not wait are whatever was in the node's memory.
        if rpc.wire_name == "getTransactionAncestry" && results["ancestors"] == 0 {
            results["ancestorsize"] = 0.into();
            results["ancestorfees"] = 0.into();
        }
        self.message(&rpc.response, profile, &results, Some(&record["params"]))
    }

    /// Whether a reply's bytes are those of the expected message, however they were put together.
    pub(crate) fn same(&self, rpc: &Rpc, expected: &DynamicMessage, reply: &[u8]) -> bool {
        let mut again = self.empty(&rpc.response);
        again.merge(reply).unwrap();
        again.encode_to_vec() == expected.encode_to_vec()
    }

    pub(crate) fn shown(&self, rpc: &Rpc, reply: &[u8]) -> DynamicMessage {
        let mut message = self.empty(&rpc.response);
        message.merge(reply).unwrap();
        message
    }

    /// A message from the fields that it mirrors; `params` are those of the call, for what was asked.
    fn message(
        &self,
        name: &str,
        profile: &str,
        json: &Value,
        params: Option<&Value>,
    ) -> DynamicMessage {
        let mut message = self.empty(name);
        let model = &self.model.messages[name];
        for field in &model.fields {
            if let Some(value) = self.field(field, profile, json, params) {
                message.set_field_by_name(&field.name, value);
            }
        }
        message
    }

    fn field(
        &self,
        field: &ProtoField,
        profile: &str,
        json: &Value,
        params: Option<&Value>,
    ) -> Option<Proto> {
        match &field.source {
            Source::Field { name, flag } => {
                let value = json.get(name).filter(|value| !value.is_null())?;
                if flag.as_ref().is_some_and(|flag| !is_set(&json[flag])) {
                    return None;
                }
                if let (Shape::Struct(inner), Some(params)) = (&field.shape, params)
                    && inner == "FoundBlockResult"
                {
                    return Some(Proto::Message(self.block(profile, value, &params[name])));
                }
                self.value(&field.shape, profile, value)
            }
            Source::ResultError(name) => {
                let error = json[name].get("error").filter(|error| !error.is_null())?;
                Some(Proto::Message(self.message("BilingualString", profile, error, None)))
            }
            Source::ResultValue(_) | Source::Contract => None,
        }
    }

    /// A found block, of which only what was wanted is said.
    fn block(&self, profile: &str, json: &Value, wants: &Value) -> DynamicMessage {
        let mut message = self.empty("FoundBlockResult");
        let found = is_set(&json["found"]);
        message.set_field_by_name("found", Proto::Bool(found));
        let facts = [
            ("hash", "wantHash"),
            ("height", "wantHeight"),
            ("time", "wantTime"),
            ("maxTime", "wantMaxTime"),
            ("mtpTime", "wantMtpTime"),
            ("inActiveChain", "wantInActiveChain"),
            ("locator", "wantLocator"),
            ("data", "wantData"),
        ];
        for field in &self.model.of_struct("FoundBlockResult").unwrap().fields {
            let Source::Field { name, .. } = &field.source else { continue };
            let wanted = facts
                .iter()
                .find(|(fact, _)| fact == name)
                .is_some_and(|(_, want)| is_set(&wants[want]));
            let null_block = name == "data" && bytes(&json[name]).iter().all(|byte| *byte == 0);
            if found && wanted && !null_block {
                let value = self.value(&field.shape, profile, &json[name]);
                message.set_field_by_name(&field.name, value.unwrap());
            }
            if name == "nextBlock" && found && !wants["nextBlock"].is_null() {
                let next = self.block(profile, &json[name], &wants["nextBlock"]);
                message.set_field_by_name(&field.name, Proto::Message(next));
            }
        }
        message
    }

    fn value(&self, shape: &Shape, profile: &str, json: &Value) -> Option<Proto> {
        let integer =
            || json.as_i64().unwrap_or_else(|| i64::from(json.as_bool().unwrap_or_default()));
        Some(match shape {
            Shape::Bool => Proto::Bool(is_set(json)),
            Shape::Int32 => Proto::I32(i32::try_from(integer()).unwrap()),
            Shape::Int64 => Proto::I64(integer()),
            Shape::UInt32 => Proto::U32(u32::try_from(integer()).unwrap()),
            Shape::UInt64 => Proto::U64(json.as_u64().unwrap()),
            Shape::Double => Proto::F64(json.as_f64().unwrap()),
            Shape::Enum(_) => Proto::EnumNumber(i32::try_from(integer()).unwrap()),
            Shape::String(_) | Shape::ObjectName => {
                Proto::String(json.as_str().unwrap().to_owned())
            }
            Shape::Bytes(_) => Proto::Bytes(bytes(json).into()),
            Shape::Typed(content) => Proto::Message(self.typed(*content, profile, &bytes(json))),
            Shape::Struct(name) => {
                let message = &self.model.of_struct(name).unwrap().name;
                Proto::Message(self.message(message, profile, json, None))
            }
            Shape::Entry(name) => {
                assert!(matches!(self.model.messages[name].origin, Origin::Entry(..)));
                Proto::Message(self.message(name, profile, json, None))
            }
            Shape::KeyOnly(key) => return self.value(key, profile, &json["key"]),
            Shape::List(inner) => {
                let items = json.as_array().unwrap().iter();
                Proto::List(items.map(|item| self.value(inner, profile, item).unwrap()).collect())
            }
            Shape::Lease | Shape::Message(_) => return None,
        })
    }

    /// The structures inside Data, by the recordings' README (facts 1 to 3, 49).
    fn typed(&self, content: Content, profile: &str, data: &[u8]) -> DynamicMessage {
        let number = |at: usize| i64::from_le_bytes(data[at..at + 8].try_into().unwrap());
        let size = |at: usize| i32::from_le_bytes(data[at..at + 4].try_into().unwrap());
        match content {
            Content::OutPoint => {
                let mut message = self.empty("OutPoint");
                message.set_field_by_name("txid", Proto::Bytes(data[..32].to_vec().into()));
                message.set_field_by_name(
                    "vout",
                    Proto::U32(u32::from_le_bytes(data[32..36].try_into().unwrap())),
                );
                message
            }
            Content::FeeRate => {
                let mut message = self.empty("FeeRate");
                let rate = match (profile, data.len()) {
                    ("pr29409-2025-05", 8) => number(0),
                    ("pr10102-2026-02", 12) if size(8) > 0 => number(0) * 1000 / i64::from(size(8)),
                    ("pr10102-2026-02", 12) => 0,
                    other => panic!("a feerate of {other:?}"),
                };
                message.set_field_by_name("sat_per_kvb", Proto::I64(rate));
                message
            }
            Content::Locator => {
                let mut message = self.empty("BlockLocator");
                // No recorded locator has more hashes than one byte of compact size can count.
                let hashes = data
                    .get(5..)
                    .unwrap_or_default()
                    .chunks_exact(32)
                    .map(|hash| Proto::Bytes(hash.to_vec().into()));
                message.set_field_by_name("block_hashes", Proto::List(hashes.collect()));
                message
            }
            Content::Coin => self.coin(data),
            other => panic!("no recording has a {other:?}"),
        }
    }

    fn coin(&self, data: &[u8]) -> DynamicMessage {
        let mut rest = data;
        let code = var_int(&mut rest);
        let value = amount(var_int(&mut rest));
        let script = match (var_int(&mut rest), rest) {
            (0, hash) => [&[0x76, 0xa9, 20], hash, &[0x88, 0xac]].concat(),
            (1, hash) => [&[0xa9, 20], hash, &[0x87]].concat(),
            (sign @ (2 | 3), x) => [&[33, sign as u8], x, &[0xac]].concat(),
            (4 | 5, _) => panic!("no recording has a key in its long form"),
            (length, script) => {
                assert_eq!(length - 6, script.len() as u64);
                script.to_vec()
            }
        };
        let mut output = self.empty("TxOut");
        output.set_field_by_name("value_sat", Proto::I64(value));
        output.set_field_by_name("script_pubkey", Proto::Bytes(script.into()));
        let mut coin = self.empty("Coin");
        let height = u32::try_from(code / 2).unwrap();
        if height != 0x7fff_ffff {
            coin.set_field_by_name("height", Proto::U32(height));
        }
        coin.set_field_by_name("coinbase", Proto::Bool(code % 2 == 1));
        coin.set_field_by_name("output", Proto::Message(output));
        coin
    }
}

fn var_int(data: &mut &[u8]) -> u64 {
    let mut number = 0;
    loop {
        let (first, rest) = data.split_first().unwrap();
        *data = rest;
        number = number * 128 + u64::from(first % 128);
        if *first < 128 {
            return number;
        }
        number += 1;
    }
}

fn amount(packed: u64) -> i64 {
    if packed == 0 {
        return 0;
    }
    let (packed, zeros) = ((packed - 1) / 10, (packed - 1) % 10);
    let digits = if zeros < 9 { packed / 9 * 10 + packed % 9 + 1 } else { packed + 1 };
    i64::try_from(digits * 10_u64.pow(u32::try_from(zeros).unwrap())).unwrap()
}
