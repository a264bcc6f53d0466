//! Makes requests out of bytes: as the contract wants them, with a mistake here and there.
//!
//! Every choice is a byte of the fuzzer's, so that what it learns about bytes it learns about requests. When they run out
//! the rest is what zeros stand for.

mod data;
mod text;

use arbitrary::Unstructured;
use bitcoin_grpc_contract::Method;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

use crate::facts::Facts;
use crate::hints::{Contract, Hint, Rpc};

/// Deepest nesting of messages: more than the contract allows.
const DEPTH: u8 = 40;

/// Bytes below which a decision is for the mistake; of 256.
const MISTAKES: u8 = 20;

/// Messages whose first byte is below this have no mistakes; of 256.
const TAME: u8 = 110;

/// Most fields and items of one request, so that it is made in no time.
const MOST: usize = 2_000;

/// Methods that take a real node a second or more, in which it could answer thousands of others; while a client that says
/// nothing decides on a setting, five.
const SLOW: [Method; 8] = [
    Method::ChainUpdateRwSetting,
    Method::WalletLoaderCreateWallet,
    Method::WalletLoaderLoadWallet,
    Method::WalletLoaderMigrateWallet,
    Method::WalletLoaderRestoreWallet,
    Method::WalletEncryptWallet,
    Method::WalletUnlock,
    Method::WalletChangeWalletPassphrase,
];

/// Of 256 times that a slow method is picked, how many times it is made.
const OFTEN: u8 = 8;

/// How often a method is picked anew in place of a slow one.
const PICKS: usize = 4;

/// Makes requests.
pub(crate) struct Maker<'a, 'd> {
    contract: &'static Contract,
    facts: &'a Facts,
    bytes: &'a mut Unstructured<'d>,
    /// Mistakes are made.
    wild: bool,
    /// Values that may still be made.
    left: usize,
}

impl<'a, 'd> Maker<'a, 'd> {
    pub(crate) fn new(facts: &'a Facts, bytes: &'a mut Unstructured<'d>) -> Self {
        Self { contract: Contract::get(), facts, bytes, wild: false, left: 0 }
    }

    /// A method.
    pub(crate) fn rpc_of(&mut self) -> &'static Rpc {
        for _ in 0..PICKS {
            let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
            let rpc = &self.contract.rpcs[number % self.contract.rpcs.len()];
            if !SLOW.contains(&rpc.method) || self.byte() < OFTEN {
                return rpc;
            }
        }
        &self.contract.rpcs[0]
    }

    /// A message of this type.
    pub(crate) fn made(&mut self, descriptor: &MessageDescriptor) -> DynamicMessage {
        self.wild = self.byte() >= TAME;
        self.left = MOST;
        self.message(descriptor, 0)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes.arbitrary().unwrap_or_default()
    }

    pub(crate) fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[usize::from(self.byte()) % all.len()]
    }

    /// Whether a mistake is made here.
    pub(crate) fn errs(&mut self) -> bool {
        self.wild && (1..=MISTAKES).contains(&self.byte())
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        let there = length.min(self.bytes.len());
        let mut taken = self.bytes.bytes(there).map(<[u8]>::to_vec).unwrap_or_default();
        taken.resize(length, 0);
        taken
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: u8) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if descriptor.name() == "NetAddress" && !self.errs() {
            self.address(&mut message);
            return message;
        }
        for field in descriptor.fields().filter(|field| oneof(field).is_none()) {
            if self.wanted(&field)
                && let Some(value) = self.field(&field, depth)
            {
                message.set_field(&field, value);
            }
        }
        for oneof in descriptor.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let options: Vec<_> = oneof.fields().collect();
            let field = self.pick(&options);
            if !self.errs()
                && let Some(value) = self.field(field, depth)
            {
                message.set_field(field, value);
            }
        }
        message
    }

    /// Whether a field is set at all.
    fn wanted(&mut self, field: &FieldDescriptor) -> bool {
        // A wait without an end holds a thread of the node for a second.
        let sure = !field.supports_presence()
            || self.contract.hint(field).required
            || ["options", "timeout_ms"].contains(&field.name());
        if sure { !self.errs() } else { self.byte() % 8 < 5 }
    }

    fn field(&mut self, field: &FieldDescriptor, depth: u8) -> Option<Value> {
        let hint = self.contract.hint(field);
        if field.is_map() || self.left == 0 {
            return None;
        }
        if !field.is_list() {
            return self.value(field, hint, depth);
        }
        let many = self.errs() && self.byte() < 8;
        let length = match (many, hint.max_items) {
            (true, Some(most)) => most as usize + 1,
            (true, None) => 200,
            (false, _) => usize::from(self.byte() % 4),
        };
        let items = (0..length.min(MOST)).map_while(|_| self.value(field, hint, depth));
        Some(Value::List(items.collect()))
    }

    fn value(&mut self, field: &FieldDescriptor, hint: Hint, depth: u8) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        Some(match field.kind() {
            Kind::Bool => Value::Bool(self.bit(hint)),
            Kind::Double => Value::F64(self.double(field, hint)),
            Kind::Float => Value::F32(self.double(field, hint) as f32),
            Kind::String => Value::String(self.text(field, hint)),
            Kind::Bytes => Value::Bytes(self.data(field, hint).into()),
            Kind::Message(_) if depth >= DEPTH => return None,
            Kind::Message(inner) => Value::Message(self.message(&inner, depth + 1)),
            Kind::Enum(values) => {
                let known: Vec<_> = values.values().map(|value| value.number()).collect();
                Value::EnumNumber(if self.errs() { self.odd() as i32 } else { *self.pick(&known) })
            }
            kind => number(&kind, self.integer(field, hint)),
        })
    }

    fn bit(&mut self, hint: Hint) -> bool {
        match hint.range {
            Some((low, high)) if low == high && !self.errs() => low != 0,
            _ => self.byte() & 1 != 0,
        }
    }

    fn integer(&mut self, field: &FieldDescriptor, hint: Hint) -> i64 {
        let (low, high) = hint.range.unwrap_or((0, i64::MAX));
        if self.errs() {
            return match self.byte() % 4 {
                0 => low.wrapping_sub(1),
                1 => high.wrapping_add(1),
                _ => self.odd(),
            };
        }
        if let Some(values) = hint.values {
            return i64::from(self.byte()) % values.max(1) as i64;
        }
        if field.name().contains("height") {
            let tip = i64::from(self.facts.tip);
            return *self.pick(&[0, 1, tip, tip - 1, 5, tip + 1, 16, 101]);
        }
        match self.byte() {
            0 => high,
            1 => low,
            2 => self.odd().clamp(low, high),
            small => low.saturating_add(i64::from(small) - 3).min(high),
        }
    }

    /// A number at the edge of something.
    fn odd(&mut self) -> i64 {
        const EDGES: [i64; 14] = [
            -1,
            0,
            i64::MIN,
            i64::MAX,
            i32::MIN as i64,
            i32::MAX as i64,
            u32::MAX as i64,
            1 << 32,
            1 << 53,
            -(1 << 31) - 1,
            2_100_000_000_000_000,
            2_100_000_000_000_001,
            65_536,
            255,
        ];
        match self.byte() {
            0..=200 => *self.pick(&EDGES),
            _ => self.bytes.arbitrary().unwrap_or_default(),
        }
    }

    fn double(&mut self, field: &FieldDescriptor, hint: Hint) -> f64 {
        const ODD: [f64; 10] = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1.0,
            -0.0,
            -f64::MIN_POSITIVE,
            1e300,
            9.3e18,
            f64::MAX,
            f64::MIN,
        ];
        if self.errs() {
            return match self.byte() % 4 {
                0 => f64::from_bits(self.bytes.arbitrary().unwrap_or_default()),
                _ => *self.pick(&ODD),
            };
        }
        let (low, _) = hint.range.unwrap_or_default();
        // Waits are short, as each holds a thread of the node.
        let step = if field.name().contains("timeout") { 0.02 } else { 1.0 };
        low as f64 + f64::from(self.byte()) * step
    }
}

fn oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// A number as the field's type has it.
fn number(kind: &Kind, value: i64) -> Value {
    match kind {
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(value),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(value as u64),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(value as u32),
        _ => Value::I32(value as i32),
    }
}
