//! The small structures that the node packs into Data, after the serialization of Bitcoin Core's
//! types of the same name.

use bitcoin_grpc_codegen::facts::{Encodings, FeeRateForm};
use bitcoin_grpc_codegen::schema::Content;
use prost_reflect::{DynamicMessage, Value};

/// The bytes of a structure.
pub(crate) fn pack(content: Content, message: &DynamicMessage, encodings: &Encodings) -> Vec<u8> {
    let m = Fields(message);
    match content {
        Content::OutPoint => {
            [m.bytes("txid"), (m.int("vout") as u32).to_le_bytes().to_vec()].concat()
        }
        Content::FeeRate => {
            let fee = (m.int("sat_per_kvb") as i64).to_le_bytes();
            match encodings.fee_rate {
                FeeRateForm::PerThousand => fee.to_vec(),
                FeeRateForm::FeeAndSize => [&fee[..], &1000_u32.to_le_bytes()].concat(),
            }
        }
        Content::Locator => {
            let hashes = m.list("block_hashes");
            let head = [&70016_u32.to_le_bytes()[..], &compact(hashes.len() as u64)].concat();
            [head, hashes.concat()].concat()
        }
        Content::TxOut => [
            (m.int("value_sat") as i64).to_le_bytes().to_vec(),
            prefixed(&m.bytes("script_pubkey")),
        ]
        .concat(),
        Content::TxIn => {
            let spent = pack(Content::OutPoint, &m.message("previous_output"), encodings);
            let sequence = (m.int("sequence") as u32).to_le_bytes().to_vec();
            [spent, prefixed(&m.bytes("script_sig")), sequence].concat()
        }
        Content::Coin => coin(&m),
        Content::NetAddress => {
            [vec![m.int("network") as u8], prefixed(&m.bytes("address"))].concat()
        }
        Content::NetService => {
            let port = (m.int("port") as u16).to_be_bytes().to_vec();
            [pack(Content::NetAddress, &m.message("address"), encodings), port].concat()
        }
        Content::PeerAddress => {
            let head =
                [&(m.int("time") as u32).to_le_bytes()[..], &compact(m.int("services") as u64)]
                    .concat();
            [head, pack(Content::NetService, &m.message("service"), encodings)].concat()
        }
        other => panic!("{other:?} is not packed"),
    }
}

/// A script or key, with its length before it where the generation wants it so.
pub(crate) fn script(bytes: &[u8], encodings: &Encodings) -> Vec<u8> {
    if encodings.prefixed_scripts { prefixed(bytes) } else { bytes.to_vec() }
}

/// A ban list, as the node's own file has it.
pub(crate) fn bans(list: &[Value]) -> serde_json::Value {
    let ban = |value: &Value| {
        let message = value.as_message().expect("a ban").clone();
        let m = Fields(&message);
        serde_json::json!({
            "version": 1,
            "ban_created": m.int("created") as i64,
            "banned_until": m.int("until") as i64,
            "address": m.text("subnet"),
        })
    };
    list.iter().map(ban).collect()
}

struct Fields<'a>(&'a DynamicMessage);

impl Fields<'_> {
    fn value(&self, name: &str) -> Value {
        self.0.get_field_by_name(name).expect("a field of the message").into_owned()
    }

    fn int(&self, name: &str) -> i128 {
        int(&self.value(name))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.value(name).as_bytes().expect("bytes").to_vec()
    }

    fn text(&self, name: &str) -> String {
        self.value(name).as_str().expect("text").to_owned()
    }

    fn message(&self, name: &str) -> DynamicMessage {
        self.value(name).as_message().expect("a message").clone()
    }

    fn list(&self, name: &str) -> Vec<Vec<u8>> {
        let list = self.value(name);
        list.as_list()
            .expect("a list")
            .iter()
            .map(|v| v.as_bytes().expect("bytes").to_vec())
            .collect()
    }
}

/// A number of any of protobuf's integer types.
pub(crate) fn int(value: &Value) -> i128 {
    match value {
        Value::I32(v) | Value::EnumNumber(v) => (*v).into(),
        Value::I64(v) => (*v).into(),
        Value::U32(v) => (*v).into(),
        Value::U64(v) => (*v).into(),
        other => panic!("{other:?} is no integer"),
    }
}

/// A compact size: 1, 3, 5 or 9 bytes.
pub(crate) fn compact(n: u64) -> Vec<u8> {
    let bytes = n.to_le_bytes();
    match n {
        0..=252 => vec![bytes[0]],
        253..=0xffff => [&[253], &bytes[..2]].concat(),
        0x1_0000..=0xffff_ffff => [&[254], &bytes[..4]].concat(),
        _ => [&[255], &bytes[..]].concat(),
    }
}

/// Bytes behind their length.
pub(crate) fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [compact(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Seven bits a byte, highest first, each but the last with its top bit set; every continuation
/// counts one more, so that no number has two forms.
fn var_int(n: u64) -> Vec<u8> {
    let mut rest = n;
    let mut bytes = vec![(rest % 128) as u8];
    while rest >= 128 {
        rest = rest / 128 - 1;
        bytes.insert(0, (rest % 128) as u8 | 128);
    }
    bytes
}

/// Height that stands for the mempool.
const IN_MEMPOOL: u64 = 0x7fff_ffff;

fn coin(m: &Fields<'_>) -> Vec<u8> {
    let height = match m.0.has_field_by_name("height") {
        true => m.int("height") as u64,
        false => IN_MEMPOOL,
    };
    let coinbase = u64::from(m.value("coinbase").as_bool().expect("a bit"));
    let output = m.message("output");
    let output = Fields(&output);
    let amount = amount(output.int("value_sat") as u64);
    [var_int(2 * height + coinbase), var_int(amount), compressed(&output.bytes("script_pubkey"))]
        .concat()
}

/// Amounts are round numbers, so zeros at their end are counted rather than written.
fn amount(sat: u64) -> u64 {
    if sat == 0 {
        return 0;
    }
    let zeros = (0..9).take_while(|e| sat.is_multiple_of(10_u64.pow(e + 1))).count() as u32;
    let rest = sat / 10_u64.pow(zeros);
    match zeros {
        9 => 10 * (rest - 1) + 10,
        zeros => 10 * (9 * (rest / 10) + rest % 10 - 1) + u64::from(zeros) + 1,
    }
}

/// A public key that is a point: the generator of the curve, uncompressed.
pub(crate) const POINT: &str = "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\
                                483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";

/// Bytes of hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex"))
        .collect()
}

/// Scripts of the usual kinds, as a kind and what differs; others as they are.
fn compressed(script: &[u8]) -> Vec<u8> {
    let between = |head: &[u8], tail: &[u8], len: usize| {
        let inner = script.strip_prefix(head)?.strip_suffix(tail)?;
        (inner.len() == len).then(|| inner.to_vec())
    };
    if let Some(hash) = between(&[0x76, 0xa9, 20], &[0x88, 0xac], 20) {
        return [vec![0], hash].concat();
    }
    if let Some(hash) = between(&[0xa9, 20], &[0x87], 20) {
        return [vec![1], hash].concat();
    }
    if let Some(key) = between(&[33], &[0xac], 33).filter(|key| matches!(key[0], 2 | 3)) {
        return key;
    }
    // Whether 64 bytes are a point takes more arithmetic than a test should have; one is known.
    if between(&[65], &[0xac], 65).is_some_and(|key| key == hex(POINT)) {
        return [vec![4 + script[65] % 2], script[2..34].to_vec()].concat();
    }
    [var_int(script.len() as u64 + 6), script.to_vec()].concat()
}
