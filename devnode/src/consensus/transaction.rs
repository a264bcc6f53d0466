//! Checks on one transaction.

use std::collections::HashSet;

use bitcoin::Transaction;

use super::{COINBASE_MATURITY, MAX_BLOCK_WEIGHT, MAX_MONEY, WITNESS_SCALE};
use crate::coins::{Coin, CoinView};
use crate::feerate::format_money;
use crate::reject::{Reject, RejectKind};

/// Checks that need nothing but the transaction.
pub fn check_transaction(tx: &Transaction) -> Result<(), Reject> {
    let bad = |reason: &str| Err(Reject::bare(RejectKind::Consensus, reason));
    if tx.input.is_empty() {
        return bad("bad-txns-vin-empty");
    }
    if tx.output.is_empty() {
        return bad("bad-txns-vout-empty");
    }
    if tx.base_size() as u64 * WITNESS_SCALE > MAX_BLOCK_WEIGHT {
        return bad("bad-txns-oversize");
    }
    check_amounts(tx)?;
    let mut seen = HashSet::new();
    if !tx.input.iter().all(|input| seen.insert(input.previous_output)) {
        return bad("bad-txns-inputs-duplicate");
    }
    if tx.is_coinbase() {
        let length = tx.input[0].script_sig.len();
        if !(2..=100).contains(&length) {
            return bad("bad-cb-length");
        }
    } else if tx.input.iter().any(|input| input.previous_output.is_null()) {
        return bad("bad-txns-prevout-null");
    }
    Ok(())
}

fn check_amounts(tx: &Transaction) -> Result<(), Reject> {
    let mut total = 0_u64;
    for output in &tx.output {
        let sat = output.value.to_sat();
        if sat > i64::MAX as u64 {
            return Err(Reject::bare(RejectKind::Consensus, "bad-txns-vout-negative"));
        }
        if sat > MAX_MONEY {
            return Err(Reject::bare(RejectKind::Consensus, "bad-txns-vout-toolarge"));
        }
        total += sat;
        if total > MAX_MONEY {
            return Err(Reject::bare(RejectKind::Consensus, "bad-txns-txouttotal-toolarge"));
        }
    }
    Ok(())
}

/// Checks the inputs of a transaction that is to be mined at `height`, and gives its fee in satoshi.
pub fn check_inputs(tx: &Transaction, coins: &impl CoinView, height: u32) -> Result<i64, Reject> {
    let mut total_in = 0_u64;
    for input in &tx.input {
        let Some(coin) = coins.coin(&input.previous_output) else {
            return Err(Reject::new(
                RejectKind::MissingInputs,
                "bad-txns-inputs-missingorspent",
                "CheckTxInputs: inputs missing/spent",
            ));
        };
        check_maturity(&coin, height)?;
        total_in = total_in.saturating_add(coin.output.value.to_sat());
        if total_in > MAX_MONEY {
            return Err(Reject::bare(RejectKind::Consensus, "bad-txns-inputvalues-outofrange"));
        }
    }
    let total_out: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
    if total_in < total_out {
        let (have, want) = (format_money(total_in as i64), format_money(total_out as i64));
        let debug = format!("value in ({have}) < value out ({want})");
        return Err(Reject::new(RejectKind::Consensus, "bad-txns-in-belowout", debug));
    }
    Ok((total_in - total_out) as i64)
}

fn check_maturity(coin: &Coin, height: u32) -> Result<(), Reject> {
    let depth = height.saturating_sub(coin.height);
    if coin.coinbase && depth < COINBASE_MATURITY {
        let debug = format!("tried to spend coinbase at depth {depth}");
        return Err(Reject::new(RejectKind::Policy, "bad-txns-premature-spend-of-coinbase", debug));
    }
    Ok(())
}
