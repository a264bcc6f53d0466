//! What texts and bytes hold: hashes, scripts, transactions, addresses.

use bitcoin_grpc_codegen::schema::Content;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as ProtoKind, Value};

use super::{Members, built, one};
use crate::packed::{POINT, compact, hex, prefixed};

/// All the satoshi that there will ever be.
const MAX_MONEY: i64 = 2_100_000_000_000_000;

pub(super) fn exactly(length: usize) -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), length).boxed()
}

pub(super) fn text(longest: usize) -> BoxedStrategy<String> {
    vec(any::<char>(), 0..=longest).prop_map(String::from_iter).boxed()
}

pub(super) fn json() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        text(8).prop_map(serde_json::Value::from),
    ];
    prop_oneof![leaf.clone(), vec(leaf, 0..3).prop_map(serde_json::Value::from)]
        .prop_map(|v| v.to_string())
        .boxed()
}

pub(super) fn subnet() -> BoxedStrategy<String> {
    prop_oneof![
        (any::<std::net::Ipv4Addr>(), 0..=32)
            .prop_map(|(address, prefix)| format!("{address}/{prefix}")),
        (any::<std::net::Ipv6Addr>(), 0..=128)
            .prop_map(|(address, prefix)| format!("{address}/{prefix}")),
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        "[a-z2-7]{56}\\.onion",
    ]
    .boxed()
}

/// A transaction that parses: one to three inputs, with a witness on the first or none at all.
pub(super) fn transaction() -> BoxedStrategy<Vec<u8>> {
    let script = || vec(any::<u8>(), 0..30).prop_map(|script| prefixed(&script));
    let input = (exactly(36), script(), any::<u32>());
    let input = input.prop_map(|(spent, script, sequence)| {
        [spent, script, sequence.to_le_bytes().to_vec()].concat()
    });
    let output = (0..=MAX_MONEY, script());
    let output = output.prop_map(|(value, script)| [value.to_le_bytes().to_vec(), script].concat());
    let witness = proptest::option::of(vec(any::<u8>(), 1..30));
    (any::<u32>(), vec(input, 1..=3), vec(output, 0..=3), witness, any::<u32>())
        .prop_map(|(version, inputs, outputs, witness, lock_time)| {
            let marker: &[u8] = if witness.is_some() { &[0, 1] } else { &[] };
            let stacks = witness.map(|item| {
                let rest = vec![0; inputs.len() - 1];
                [vec![1], prefixed(&item), rest].concat()
            });
            [
                version.to_le_bytes().to_vec(),
                marker.to_vec(),
                counted(&inputs),
                counted(&outputs),
                stacks.unwrap_or_default(),
                lock_time.to_le_bytes().to_vec(),
            ]
            .concat()
        })
        .boxed()
}

pub(super) fn block() -> BoxedStrategy<Vec<u8>> {
    (exactly(80), vec(transaction(), 1..=2))
        .prop_map(|(head, txs)| [head, counted(&txs)].concat())
        .boxed()
}

fn counted(parts: &[Vec<u8>]) -> Vec<u8> {
    [compact(parts.len() as u64), parts.concat()].concat()
}

pub(super) fn packed(content: Content, proto: &FieldDescriptor) -> BoxedStrategy<DynamicMessage> {
    let ProtoKind::Message(descriptor) = proto.kind() else {
        panic!("{} is no message", proto.full_name())
    };
    let field = |name: &str| descriptor.get_field_by_name(name).expect("a field of the structure");
    let hash = || exactly(32).prop_map(|hash| Value::Bytes(hash.into())).boxed();
    let set = |name: &str, value: BoxedStrategy<Value>| one(field(name), value);
    let nested = |name: &str, content| {
        set(name, packed(content, &field(name)).prop_map(Value::Message).boxed())
    };
    let members = match content {
        Content::OutPoint => {
            vec![set("txid", hash()), set("vout", any::<u32>().prop_map(Value::U32).boxed())]
        }
        Content::FeeRate => vec![set("sat_per_kvb", any::<i64>().prop_map(Value::I64).boxed())],
        Content::Locator => {
            vec![set("block_hashes", vec(hash(), 0..=101).prop_map(Value::List).boxed())]
        }
        Content::TxOut => vec![
            set("value_sat", (0..=MAX_MONEY).prop_map(Value::I64).boxed()),
            set("script_pubkey", script_value()),
        ],
        Content::TxIn => vec![
            nested("previous_output", Content::OutPoint),
            set("script_sig", script_value()),
            set("sequence", any::<u32>().prop_map(Value::U32).boxed()),
        ],
        Content::Coin => vec![
            prop_oneof![
                Just(Vec::new()),
                set("height", (0..0x7fff_ffff_u32).prop_map(Value::U32).boxed())
            ]
            .boxed(),
            set("coinbase", any::<bool>().prop_map(Value::Bool).boxed()),
            nested("output", Content::TxOut),
        ],
        Content::NetAddress => vec![address(&field("network"), &field("address"))],
        Content::NetService => vec![
            nested("address", Content::NetAddress),
            set("port", (0..=65_535_u32).prop_map(Value::U32).boxed()),
        ],
        Content::PeerAddress => vec![
            set("time", any::<u32>().prop_map(Value::U32).boxed()),
            set("services", any::<u64>().prop_map(Value::U64).boxed()),
            nested("service", Content::NetService),
        ],
        other => panic!("{other:?} is not packed"),
    };
    members.prop_map(move |members| built(&descriptor, members)).boxed()
}

/// Scripts of the kinds that coins compress, and others.
fn script_value() -> BoxedStrategy<Value> {
    let framed = |head: &'static [u8], inner: BoxedStrategy<Vec<u8>>, tail: &'static [u8]| {
        inner.prop_map(move |inner| [head, &inner[..], tail].concat()).boxed()
    };
    let key = |first: u8| exactly(32).prop_map(move |x| [vec![first], x].concat()).boxed();
    prop_oneof![
        vec(any::<u8>(), 0..300),
        framed(&[0x76, 0xa9, 20], exactly(20), &[0x88, 0xac]),
        framed(&[0xa9, 20], exactly(20), &[0x87]),
        framed(&[33], key(2), &[0xac]),
        framed(&[33], key(3), &[0xac]),
        framed(&[65], Just(hex(POINT)).boxed(), &[0xac]),
        framed(&[65, 4], exactly(64), &[0xac]),
    ]
    .prop_map(|script| Value::Bytes(script.into()))
    .boxed()
}

fn address(network: &FieldDescriptor, address: &FieldDescriptor) -> BoxedStrategy<Members> {
    let (network, address) = (network.clone(), address.clone());
    select(vec![(1_u32, 4_usize), (2, 16), (4, 32), (5, 32), (6, 16)])
        .prop_flat_map(|(network, length)| (Just(network), exactly(length)))
        .prop_map(move |(number, bytes)| {
            vec![
                (network.clone(), Value::U32(number)),
                (address.clone(), Value::Bytes(bytes.into())),
            ]
        })
        .boxed()
}

pub(super) fn ban(proto: &FieldDescriptor) -> BoxedStrategy<Value> {
    let ProtoKind::Message(descriptor) = proto.kind() else {
        panic!("{} is no message", proto.full_name())
    };
    let field = |name: &str| descriptor.get_field_by_name(name).expect("a field of a ban");
    let time = || any::<i64>().prop_map(Value::I64).boxed();
    let members = vec![
        one(field("subnet"), subnet().prop_map(Value::String).boxed()),
        one(field("created"), time()),
        one(field("until"), time()),
    ];
    members.prop_map(move |members| Value::Message(built(&descriptor, members))).boxed()
}
