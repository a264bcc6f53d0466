//! The chain: most work, whole, and the coins that follow from it.

use std::collections::HashMap;

use bitcoin::{OutPoint, TxOut};
use bitcoin_grpc_devnode::Node;

/// An unspent output: itself, its height, whether a coinbase made it.
type Coins = HashMap<OutPoint, (TxOut, u32, bool)>;

/// Checks chain and coins; gives the number of coins.
pub(crate) fn check(node: &Node) -> usize {
    check_chain(node);
    let coins = replay(node);
    assert_eq!(coins.len(), node.coins().len(), "coins");
    for (outpoint, coin) in node.coins().iter() {
        let (output, height, coinbase) = coins.get(outpoint).expect("a coin of the replay");
        assert_eq!((output, *height, *coinbase), (&coin.output, coin.height, coin.coinbase));
    }
    coins.len()
}

fn check_chain(node: &Node) {
    let index = node.index();
    let mut below = None;
    for (height, id) in index.active_blocks().iter().enumerate() {
        let entry = index.entry(*id);
        assert_eq!((entry.height as usize, entry.parent), (height, below));
        assert!(!entry.failed && entry.block().is_some());
        below = Some(*id);
    }
    let most =
        index.ids().filter(|id| !index.entry(*id).failed).map(|id| index.entry(id).work).max();
    assert_eq!(Some(index.entry(index.tip()).work), most);
}

/// The coins after every block of the active chain, worked out anew.
fn replay(node: &Node) -> Coins {
    let mut coins = Coins::new();
    // Nobody can spend what genesis made.
    for id in &node.index().active_blocks()[1..] {
        let entry = node.index().entry(*id);
        for (place, tx) in entry.block().expect("stored").txdata.iter().enumerate() {
            for input in tx.input.iter().filter(|_| place > 0) {
                coins.remove(&input.previous_output).expect("an input that is there");
            }
            let txid = tx.compute_txid();
            for (vout, output) in (0..).zip(&tx.output) {
                if !output.script_pubkey.is_op_return() {
                    let coin = (output.clone(), entry.height, place == 0);
                    assert!(coins.insert(OutPoint { txid, vout }, coin).is_none());
                }
            }
        }
    }
    coins
}
