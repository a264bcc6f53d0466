//! Answers of the devnode in the form of a recording.

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin_grpc_devnode::blocks::BlockView;
use bitcoin_grpc_devnode::estimate::{EstimateBucket, FeeEstimate};
use bitcoin_grpc_devnode::wire::{encode_locator, null_block};
use bitcoin_grpc_devnode::{FeeRate, Generation, Node};
use serde_json::{Value, json};

use crate::params::{flag, hex};

/// Whether an answer equals the recorded one. Numbers are compared as numbers, and flags may be recorded as 0 and 1.
pub(crate) fn same(ours: &Value, recorded: &Value) -> bool {
    match (ours, recorded) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64() == b.as_f64(),
        },
        (Value::Bool(a), Value::Number(b)) => b.as_u64() == Some(u64::from(*a)),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => ours == recorded,
    }
}

pub(crate) fn feerate(node: &Node, rate: FeeRate) -> Value {
    json!(hex(&rate.to_wire(node.rules().fee_rate_with_size)))
}

/// A found block, only what was asked for.
pub(crate) fn found_block(view: Option<BlockView<'_>>, want: &Value) -> Value {
    let wants = |name: &str| view.filter(|_| flag(&want[name]));
    let next = &want["nextBlock"];
    json!({
        "hash": wants("wantHash").map(|view| hex(view.hash().as_byte_array())),
        "height": wants("wantHeight").map_or(0, BlockView::height),
        "time": wants("wantTime").map_or(0, BlockView::time),
        "maxTime": wants("wantMaxTime").map_or(0, BlockView::max_time),
        "mtpTime": wants("wantMtpTime").map_or(0, BlockView::median_time),
        "inActiveChain": wants("wantInActiveChain").is_some_and(BlockView::in_active_chain),
        "locator": wants("wantLocator").map(|view| hex(&encode_locator(&view.locator()))),
        "nextBlock": (!next.is_null()).then(|| found_block(view.and_then(BlockView::next), next)),
        "data": wants("wantData").map(|view| hex(&block_bytes(view))),
        "found": view.is_some(),
    })
}

fn block_bytes(view: BlockView<'_>) -> Vec<u8> {
    view.block().map_or_else(null_block, |block| serialize(block.as_ref()))
}

pub(crate) fn estimate(node: &Node, estimate: FeeEstimate, want_calc: bool) -> Value {
    let mut calc = json!({
        "est": {
            "pass": bucket(estimate.pass),
            "fail": bucket(estimate.fail),
            "decay": estimate.decay,
            "scale": estimate.scale,
        },
        "reason": estimate.reason,
        "desiredTarget": estimate.desired_target,
        "returnedTarget": estimate.returned_target,
    });
    if node.generation() == Generation::Pr10102February2026 {
        calc["bestHeight"] = json!(estimate.best_height);
    }
    let calc = if want_calc { calc } else { Value::Null };
    json!({ "calc": calc, "result": feerate(node, estimate.feerate) })
}

fn bucket(bucket: EstimateBucket) -> Value {
    json!({
        "start": bucket.start,
        "end": bucket.end,
        "withinTarget": bucket.within_target,
        "totalConfirmed": bucket.total_confirmed,
        "inMempool": bucket.in_mempool,
        "leftMempool": bucket.left_mempool,
    })
}
