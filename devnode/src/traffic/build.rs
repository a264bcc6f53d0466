//! One transaction.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::coins::{MIN_SAT, Spendable};

/// The script that anyone can spend: OP_TRUE.
const OP_TRUE: u8 = 0x51;

/// Bounds of the fee rates, in satoshi per virtual byte. The lowest one is relayed by every generation.
const FEERATES: std::ops::RangeInclusive<u64> = 2..=40;

/// How anyone can spend a coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// The script is OP_TRUE itself.
    Bare,
    /// The script is the hash of OP_TRUE, which the witness has to show.
    Witness,
}

impl Guard {
    pub(super) fn script(self) -> ScriptBuf {
        let anyone = ScriptBuf::from_bytes(vec![OP_TRUE]);
        match self {
            Self::Bare => anyone,
            Self::Witness => anyone.to_p2wsh(),
        }
    }

    fn witness(self) -> Witness {
        match self {
            Self::Bare => Witness::new(),
            Self::Witness => Witness::from_slice(&[[OP_TRUE]]),
        }
    }
}

/// A transaction whose fee is settled.
pub(super) struct Draft(Transaction);

impl Draft {
    /// Spends coins into at most so many new ones, at a fee rate by chance.
    pub(super) fn spend(coins: &[Spendable], outputs: usize, random: &mut fastrand::Rng) -> Self {
        let input = coins.iter().map(input).collect();
        let total: u64 = coins.iter().map(|coin| coin.sat).sum();
        // Never more coins than are worth spending.
        let outputs = u64::try_from(outputs).unwrap_or(1).min(total / (2 * MIN_SAT)).max(1);
        let output = (0..outputs).map(|_| output(random)).collect();
        let mut tx =
            Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
        let fee = tx.vsize() as u64 * random.u64(FEERATES);
        share(&mut tx, total.saturating_sub(fee));
        Self(tx)
    }

    /// The same transaction for three times the fee; none if its coins do not pay for that.
    pub(super) fn outbid(tx: &Transaction, coins: &[Spendable]) -> Option<Self> {
        let total: u64 = coins.iter().map(|coin| coin.sat).sum();
        let spent: u64 = tx.output.iter().map(|output| output.value.to_sat()).sum();
        let left = total.checked_sub(total.checked_sub(spent)?.checked_mul(3)?)?;
        let mut tx = tx.clone();
        share(&mut tx, left);
        tx.output.iter().all(|output| output.value.to_sat() > 0).then_some(Self(tx))
    }

    pub(super) fn into_transaction(self) -> Transaction {
        self.0
    }
}

fn input(coin: &Spendable) -> TxIn {
    TxIn {
        previous_output: coin.outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: coin.guard.witness(),
    }
}

fn output(random: &mut fastrand::Rng) -> TxOut {
    let guard = if random.bool() { Guard::Bare } else { Guard::Witness };
    TxOut { value: Amount::ZERO, script_pubkey: guard.script() }
}

/// Divides an amount among the outputs; what does not divide goes to the first.
fn share(tx: &mut Transaction, sat: u64) {
    let count = tx.output.len() as u64;
    for output in &mut tx.output {
        output.value = Amount::from_sat(sat / count);
    }
    if let Some(first) = tx.output.first_mut() {
        first.value += Amount::from_sat(sat % count);
    }
}
