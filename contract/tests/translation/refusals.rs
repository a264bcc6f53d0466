//! Every rule that the schema gives a request's field is kept: a request that the contract allows is
//! spoilt in one field, and the check must refuse it and name that field.
//!
//! What to spoil comes from the kit's plans, which read the schema's annotations by themselves.

use std::collections::BTreeMap;

use bitcoin_grpc_codegen::schema::{Content, Notes};
use bitcoin_grpc_contract::Violation;
use bitcoin_grpc_testkit::any;
use bitcoin_grpc_testkit::arbitrary::requests;
use bitcoin_grpc_testkit::cross::number;
use bitcoin_grpc_testkit::plan::{FieldPlan, Kind, Plan};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as ProtoKind, Value};

use crate::harness::Subject;

/// The generation that has every method.
const NEWEST: &str = "pr10102-2026-07";

/// Structs in structs that are looked into.
const DEPTH: usize = 2;

/// A value that is not allowed.
struct Spoilt {
    /// The rule it breaks.
    rule: &'static str,
    /// Where the fault is, below the field that holds the value.
    below: String,
    value: Value,
}

fn spoilt(rule: &'static str, value: Value) -> Spoilt {
    Spoilt { rule, below: String::new(), value }
}

fn bytes(length: usize) -> Value {
    Value::Bytes(vec![1; length].into())
}

/// A transaction with one input and one output, 60 bytes long.
fn transaction() -> Vec<u8> {
    let input = [&[1][..], &[7; 36], &[0], &[0xff; 4]].concat();
    let output = [&[1][..], &[0; 8], &[0]].concat();
    [&[2, 0, 0, 0][..], &input, &output, &[0; 4]].concat()
}

fn without_inputs() -> Vec<u8> {
    [&[2, 0, 0, 0][..], &[0, 1, 0, 0], &[0; 4]].concat()
}

/// Whole, but with a byte more; cut; and what never was one.
fn damaged(whole: &[u8], more: Vec<u8>) -> Vec<Value> {
    let long = [whole, &[0]].concat();
    let short = whole[..whole.len() - 1].to_vec();
    let all = [Vec::new(), vec![0xff; 90], long, short, more];
    all.into_iter().map(|bytes| Value::Bytes(bytes.into())).collect()
}

fn of_content(content: Content) -> Vec<Spoilt> {
    let all = |rule, values: Vec<Value>| values.into_iter().map(|v| spoilt(rule, v)).collect();
    match content {
        Content::BlockHash | Content::Txid | Content::Wtxid => {
            all("hash", [0, 1, 31, 33, 64].map(bytes).to_vec())
        }
        Content::Header => all("header", [0, 79, 81].map(bytes).to_vec()),
        Content::Hash160 => all("hash160", [0, 19, 21].map(bytes).to_vec()),
        Content::Transaction => all("transaction", damaged(&transaction(), without_inputs())),
        Content::Block => {
            let block = |tx: &[u8]| [&[0; 80][..], &[1], tx].concat();
            all("block", damaged(&block(&transaction()), block(&without_inputs())))
        }
        Content::Json => {
            let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
            let (high, low) = (r#"{"a":"\ud800"}"#, r#"["\udc00"]"#);
            let texts = ["", "{", "[1,", "nonsense", "1 2", &deep, high, low];
            all("json", texts.map(|text| Value::String(text.to_owned())).to_vec())
        }
        Content::Subnet => {
            let texts = ["", "nonsense", "1.2.3.4/33", "1.2.3"];
            all("subnet", texts.map(|text| Value::String(text.to_owned())).to_vec())
        }
        _ => Vec::new(),
    }
}

/// Structures that are messages of their own.
fn of_structure(content: Content, proto: &FieldDescriptor) -> Vec<Spoilt> {
    let ProtoKind::Message(descriptor) = proto.kind() else { panic!("{}", proto.full_name()) };
    let with = |field: &str, value: Value, rule, below: &str| {
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_name(field, value);
        Spoilt { rule, below: below.to_owned(), value: Value::Message(message) }
    };
    match content {
        Content::OutPoint => {
            [0, 31, 33].map(|n| with("txid", bytes(n), "outpoint", ".txid")).into()
        }
        Content::Locator => {
            let hashes = |hashes: Vec<Value>| Value::List(hashes);
            vec![
                with("block_hashes", hashes(vec![bytes(31)]), "locator", ".block_hashes[0]"),
                with("block_hashes", hashes(vec![bytes(32); 102]), "locator", ".block_hashes"),
            ]
        }
        Content::NetAddress => {
            let mut none = with("network", Value::U32(3), "address", ".network");
            let mut long = with("network", Value::U32(1), "address", ".address");
            for spoilt in [&mut none, &mut long] {
                let message = spoilt.value.as_message_mut().expect("a message");
                message.set_field_by_name("address", bytes(5));
            }
            vec![none, long]
        }
        _ => Vec::new(),
    }
}

fn of_numbers(kind: &Kind, notes: &Notes, proto: &FieldDescriptor) -> Vec<Spoilt> {
    let fits = |value: i128| match proto.kind() {
        ProtoKind::Uint32 => u32::try_from(value).is_ok(),
        ProtoKind::Uint64 => u64::try_from(value).is_ok(),
        ProtoKind::Int64 => i64::try_from(value).is_ok(),
        _ => i32::try_from(value).is_ok(),
    };
    let outside = |(low, high): (i64, i64)| {
        let beyond = [i128::from(low) - 1, i128::from(high) + 1];
        beyond.into_iter().filter(|value| fits(*value)).map(|v| number(&proto.kind(), v)).collect()
    };
    let values: Vec<Value> = match (kind, notes.range) {
        (Kind::Enum(values), _) => {
            let values = *values as i128;
            [values, -1]
                .into_iter()
                .filter(|v| fits(*v))
                .map(|v| number(&proto.kind(), v))
                .collect()
        }
        (Kind::Int, Some(range)) => outside(range),
        (Kind::Bool, Some((low, high))) if low == high => vec![Value::Bool(low == 0)],
        (Kind::Float, Some((low, _))) => vec![Value::F64(f64::NAN), Value::F64(low as f64 - 1.0)],
        _ => Vec::new(),
    };
    let rule = if matches!(kind, Kind::Enum(_)) { "enumeration" } else { "range" };
    values.into_iter().map(|value| spoilt(rule, value)).collect()
}

fn of_length(kind: &Kind, notes: &Notes) -> Vec<Spoilt> {
    let beyond = notes.max_bytes.map(|most| most as usize + 1);
    let (low, high) = notes.range.unwrap_or((0, i64::MAX));
    let outside = [low - 1, high.saturating_add(1)].map(|n| usize::try_from(n).ok());
    let bounded = outside.into_iter().flatten().filter(|n| *n < 10_000_000);
    let lengths = beyond.into_iter().chain(bounded);
    lengths
        .map(|length| match kind {
            Kind::Text(_) => spoilt("length", Value::String("a".repeat(length))),
            _ => spoilt("length", bytes(length)),
        })
        .collect()
}

/// What a field must not hold.
fn spoil(
    subject: &Subject,
    kind: &Kind,
    notes: &Notes,
    proto: &FieldDescriptor,
    depth: usize,
) -> Vec<Spoilt> {
    match kind {
        Kind::Bool | Kind::Int | Kind::Float | Kind::Enum(_) => of_numbers(kind, notes, proto),
        Kind::Text(content) | Kind::Bytes(content) => {
            let mut all = of_content(*content);
            all.extend(of_length(kind, notes));
            all
        }
        Kind::Subnet => of_content(Content::Subnet),
        Kind::Packed(content) => of_structure(*content, proto),
        Kind::Key(inner) => spoil(subject, inner, notes, proto, depth),
        Kind::List(inner) => {
            let items = spoil(subject, inner, notes, proto, depth).into_iter();
            let item = |item: Spoilt| Spoilt {
                below: format!("[0]{}", item.below),
                value: Value::List(vec![item.value]),
                ..item
            };
            items.map(item).collect()
        }
        Kind::Struct(name) if depth < DEPTH => {
            let plan = &subject.peer.structs[name];
            let mut all = Vec::new();
            for (path, rule, message) in messages(subject, plan, &empty(plan), depth + 1) {
                all.push(Spoilt {
                    rule,
                    below: format!(".{path}"),
                    value: Value::Message(message),
                });
            }
            all
        }
        // Streams and responses have the rest.
        _ => Vec::new(),
    }
}

fn empty(plan: &Plan) -> DynamicMessage {
    DynamicMessage::new(plan.descriptor.clone())
}

/// A message, spoilt in every way that one field can be: the fault's path, the rule and the message.
fn messages(
    subject: &Subject,
    plan: &Plan,
    whole: &DynamicMessage,
    depth: usize,
) -> Vec<(String, &'static str, DynamicMessage)> {
    let mut all = Vec::new();
    for FieldPlan { proto, kind, field, .. } in &plan.fields {
        for Spoilt { rule, below, value } in spoil(subject, kind, &field.notes, proto, depth) {
            let mut message = whole.clone();
            message.set_field(proto, value);
            all.push((format!("{}{below}", proto.name()), rule, message));
        }
        if field.notes.required {
            let mut message = whole.clone();
            message.clear_field(proto);
            all.push((proto.name().to_owned(), "required", message));
        }
    }
    all
}

#[test]
fn a_request_that_breaks_one_rule_is_refused_for_it() {
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for subject in Subject::all(NEWEST) {
        let plan = &subject.passage.request;
        let mut runner = TestRunner::deterministic();
        let whole =
            requests(subject.peer, plan).new_tree(&mut runner).expect("a request").current();
        assert_eq!(any::request(subject.method, &whole).check(), Ok(()), "{}", subject.name());
        for (path, rule, message) in messages(&subject, plan, &whole, 0) {
            *met.entry(rule).or_default() += 1;
            let found = any::request(subject.method, &message).check();
            let faults = found.err().unwrap_or_default();
            if !faults.iter().any(|Violation { field, .. }| *field == path) {
                wrong.push(format!("{}: {path}, {rule}: {faults:?}", subject.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are not refused\n{}", wrong.len(), wrong.join("\n"));
    let rules = [
        ("address", 4),
        ("block", 10),
        ("enumeration", 28),
        ("hash", 125),
        ("hash160", 105),
        ("json", 40),
        ("length", 135),
        ("locator", 2),
        ("outpoint", 36),
        ("range", 43),
        ("required", 22),
        ("subnet", 4),
        ("transaction", 40),
    ];
    // How often each rule was broken: a rule that the schema loses must not go unnoticed.
    assert_eq!(met.into_iter().collect::<Vec<_>>(), rules);
}
