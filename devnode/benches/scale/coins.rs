//! Coins that anyone can spend, and transactions of them.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use bitcoin_grpc_devnode::Node;

use crate::MAX_WEIGHT;

/// Weight of the rest of a block, roughly.
const HEADER_AND_COINBASE: u64 = 900;

/// Weight that may stay free.
const SPARE: u64 = 300;

/// Outputs of one transaction of the fan-out.
const FAN: usize = 2_000;

/// Transactions of one chain; below every limit.
const CHAIN: usize = 5;

/// The script that anyone can spend: OP_TRUE.
const OP_TRUE: u8 = 0x51;

/// A coin that anyone can spend.
#[derive(Clone, Copy)]
pub(crate) struct Coin {
    outpoint: OutPoint,
    sat: u64,
}

/// Makes at least so many coins out of the first coinbases.
pub(crate) fn fan_out(node: &mut Node, count: usize) -> Vec<Coin> {
    let script = anyone();
    let mut coins = Vec::new();
    for height in 1.. {
        if coins.len() >= count {
            break;
        }
        let block = node.index().active_at(height).expect("a block");
        let block = node.index().entry(block).block().expect("stored").clone();
        let coinbase = &block.txdata[0];
        let coin = Coin {
            outpoint: OutPoint { txid: coinbase.compute_txid(), vout: 0 },
            sat: coinbase.output[0].value.to_sat(),
        };
        let tx = spend(&[coin], FAN, 0);
        coins.extend(outputs(&tx));
        node.mine_transactions(vec![tx], &script).expect("mined");
    }
    coins
}

/// So many transactions: chains of a few, and of every chain the later ones pay more.
pub(crate) fn transactions(coins: Vec<Coin>, count: usize) -> Vec<Transaction> {
    let mut transactions = Vec::with_capacity(count);
    for (number, coin) in coins.into_iter().enumerate() {
        let mut coin = coin;
        for step in 0..CHAIN {
            if transactions.len() == count {
                return transactions;
            }
            let fee = 1_000 + (number as u64 * 7919) % 5_000 + 500 * step as u64;
            let tx = spend(&[coin], 2, fee);
            coin = outputs(&tx)[0];
            transactions.push(tx);
        }
    }
    transactions
}

/// Transactions that nearly fill a block, most of it witnesses.
pub(crate) fn filler(node: &Node) -> Vec<Transaction> {
    let (outpoint, coin) = node
        .coins()
        .iter()
        .filter(|(outpoint, coin)| {
            !coin.coinbase
                && coin.output.script_pubkey == anyone()
                && node.mempool().spender(outpoint).is_none()
        })
        .min_by_key(|(outpoint, _)| **outpoint)
        .expect("a coin");
    let coin = Coin { outpoint: *outpoint, sat: coin.output.value.to_sat() };
    let mut first = spend(&[coin], 1, 0);
    // A witness program of a version without rules: anyone can spend it, with any witness (BIP 141).
    let program = [&[0x60, 32], [7; 32].as_slice()].concat();
    first.output[0].script_pubkey = ScriptBuf::from_bytes(program);
    let mut second = spend(&outputs(&first), 1, 0);
    second.input[0].witness = Witness::from_slice(&vec![vec![7u8; 100_000]; 39]);
    let taken = HEADER_AND_COINBASE + (first.weight() + second.weight()).to_wu();
    let rest = MAX_WEIGHT - taken - SPARE;
    second.input[0].witness.push(vec![7u8; rest as usize]);
    vec![first, second]
}

fn anyone() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![OP_TRUE])
}

fn outputs(tx: &Transaction) -> Vec<Coin> {
    let txid = tx.compute_txid();
    let coin = |(vout, output): (u32, &TxOut)| Coin {
        outpoint: OutPoint { txid, vout },
        sat: output.value.to_sat(),
    };
    (0..).zip(&tx.output).map(coin).collect()
}

fn spend(coins: &[Coin], count: usize, fee: u64) -> Transaction {
    let total: u64 = coins.iter().map(|coin| coin.sat).sum();
    let value = Amount::from_sat((total - fee) / count as u64);
    let input = |coin: &Coin| TxIn {
        previous_output: coin.outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: coins.iter().map(input).collect(),
        output: vec![TxOut { value, script_pubkey: anyone() }; count],
    }
}
