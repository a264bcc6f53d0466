//! What the requests of a recording mean.

use bitcoin::consensus::encode::deserialize_partial;
use bitcoin::hashes::Hash;
use bitcoin::hex::FromHex;
use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use bitcoin_grpc_devnode::FeeRate;
use bitcoin_grpc_devnode::wire::decode_outpoint;
use serde_json::Value;

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    Vec::from_hex(value.as_str().unwrap_or_default()).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash; null means zeros.
pub(crate) fn block_hash(value: &Value) -> BlockHash {
    if value.is_null() {
        BlockHash::all_zeros()
    } else {
        BlockHash::from_slice(&bytes(value)[..32]).unwrap()
    }
}

pub(crate) fn txid(value: &Value) -> Txid {
    if value.is_null() { Txid::all_zeros() } else { Txid::from_slice(&bytes(value)[..32]).unwrap() }
}

pub(crate) fn transaction(value: &Value) -> Transaction {
    deserialize_partial(&bytes(value)).unwrap().0
}

pub(crate) fn outpoint(value: &Value) -> OutPoint {
    if value.is_null() { OutPoint::null() } else { decode_outpoint(&bytes(value)).unwrap() }
}

pub(crate) fn outpoints(value: &Value) -> Vec<OutPoint> {
    value.as_array().unwrap().iter().map(outpoint).collect()
}

/// A fee rate of 8 bytes, or of 12 with a size behind.
pub(crate) fn feerate(value: &Value) -> FeeRate {
    let bytes = bytes(value);
    let Some(fee) = bytes.first_chunk() else { return FeeRate::ZERO };
    match bytes.get(8..12) {
        Some(size) => {
            let size = i32::from_le_bytes(size.try_into().unwrap());
            FeeRate::from_fee(i64::from_le_bytes(*fee), u64::try_from(size).unwrap_or(0))
        }
        None => FeeRate::from_sat_per_kvb(i64::from_le_bytes(*fee)),
    }
}

pub(crate) fn int32(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap()).unwrap()
}

pub(crate) fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}
