//! Transactions that nobody asked for: anyone-can-spend coins on their way to nowhere.
//!
//! `coins` is what can be spent, `build` makes one transaction of it. What is made follows from the seed and from the
//! node alone.

mod build;
mod coins;

use bitcoin::Transaction;

use crate::node::{Broadcast, Node};
use build::Draft;
use coins::{Purse, Spendable};

/// One transaction in so many puts out the one before it.
const REPLACEMENT_ODDS: u32 = 50;

/// Makes transactions, one at a time.
#[derive(Debug)]
pub struct Traffic {
    random: fastrand::Rng,
    purse: Purse,
    /// The last transaction, and the coins it spends.
    last: Option<(Transaction, Vec<Spendable>)>,
}

impl Traffic {
    /// Traffic that this seed decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), purse: Purse::default(), last: None }
    }

    /// Puts one more transaction into the mempool. False if there is nothing to spend, or if the node refused it.
    pub fn step(&mut self, node: &mut Node) -> bool {
        self.purse.refresh(node);
        if self.random.u32(..REPLACEMENT_ODDS) == 0
            && let Some((tx, coins)) = self.last.take()
        {
            return self.replace(node, &tx, coins);
        }
        let wanted = self.purse.inputs(&mut self.random);
        let coins = self.purse.take(wanted, &mut self.random);
        if coins.is_empty() {
            return false;
        }
        let draft = Draft::spend(&coins, self.purse.outputs(&mut self.random), &mut self.random);
        self.submit(node, draft, coins)
    }

    /// Spends the coins of a transaction again, for a higher fee.
    fn replace(&mut self, node: &mut Node, tx: &Transaction, coins: Vec<Spendable>) -> bool {
        if !node.is_in_mempool(&tx.compute_txid()) {
            return false;
        }
        let Some(draft) = Draft::outbid(tx, &coins) else { return false };
        self.purse.forget(tx);
        self.submit(node, draft, coins)
    }

    fn submit(&mut self, node: &mut Node, draft: Draft, coins: Vec<Spendable>) -> bool {
        let tx = draft.into_transaction();
        match node.submit_transaction(tx.clone(), 0) {
            Broadcast::Accepted => {
                self.purse.add(&tx);
                self.last = Some((tx, coins));
                true
            }
            // They may be good for something once the next block is there.
            Broadcast::Rejected(_) => {
                self.purse.park(coins);
                false
            }
            Broadcast::MissingInputs(_) | Broadcast::Confirmed | Broadcast::MaxFeeExceeded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeOptions;

    fn run(seed: u64, steps: u32) -> (Node, u32) {
        let mut node = Node::new(NodeOptions::default());
        node.generate(110).unwrap();
        let mut traffic = Traffic::new(seed);
        let mut accepted = 0;
        for step in 0..steps {
            accepted += u32::from(traffic.step(&mut node));
            if step % 100 == 99 {
                node.generate(1).unwrap();
            }
            if step % 500 == 499 {
                node.reorganise(2).unwrap();
            }
        }
        (node, accepted)
    }

    #[test]
    fn most_of_it_gets_in_and_into_blocks() {
        let (node, accepted) = run(1, 2000);
        assert!(accepted > 1800, "{accepted}");
        let mined: u64 = (111..=node.height())
            .filter_map(|height| node.index().active_at(height))
            .map(|id| node.index().entry(id).transactions() - 1)
            .sum();
        assert!(mined + node.mempool().len() as u64 > 1500, "{mined}");
    }

    #[test]
    fn the_seed_decides() {
        let tip = |seed| run(seed, 700).0.tip().hash();
        assert_eq!(tip(7), tip(7));
        assert_ne!(tip(7), tip(8));
    }
}
