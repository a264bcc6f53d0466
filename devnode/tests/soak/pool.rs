//! The mempool: every input is there, none twice, and the families are what the graph says.

use std::collections::{BTreeSet, HashMap};

use bitcoin::{Amount, OutPoint, Txid};
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::coins::CoinView;
use bitcoin_grpc_devnode::mempool::MempoolEntry;

/// Who needs whom, worked out from the transactions alone.
#[derive(Default)]
struct Graph {
    parents: HashMap<Txid, BTreeSet<Txid>>,
    children: HashMap<Txid, BTreeSet<Txid>>,
}

/// Checks everything that waits; gives the number.
pub(crate) fn check(node: &Node) -> usize {
    let entries: HashMap<Txid, &MempoolEntry> =
        node.mempool().entries().map(|entry| (entry.tx.compute_txid(), entry)).collect();
    assert_eq!(entries.len(), node.mempool().len());
    let mut spent = HashMap::new();
    let mut graph = Graph::default();
    for (txid, entry) in &entries {
        let mut total = Amount::ZERO;
        for input in &entry.tx.input {
            let outpoint = input.previous_output;
            assert_eq!(spent.insert(outpoint, *txid), None, "{outpoint} is spent twice");
            assert_eq!(node.mempool().spender(&outpoint), Some(*txid));
            total += value(node, &entries, &outpoint);
            if entries.contains_key(&outpoint.txid) {
                graph.parents.entry(*txid).or_default().insert(outpoint.txid);
                graph.children.entry(outpoint.txid).or_default().insert(*txid);
            }
        }
        let paid: Amount = entry.tx.output.iter().map(|output| output.value).sum();
        assert_eq!((total - paid).to_sat() as i64, entry.fee, "the fee of {txid}");
    }
    entries.iter().for_each(|(txid, entry)| check_family(node, &entries, &graph, *txid, entry));
    entries.len()
}

fn value(node: &Node, entries: &HashMap<Txid, &MempoolEntry>, outpoint: &OutPoint) -> Amount {
    let chain = node.coins().coin(outpoint).map(|coin| coin.output.value);
    let waiting = entries.get(&outpoint.txid).map(|entry| {
        entry.tx.output.get(outpoint.vout as usize).expect("an output of a parent").value
    });
    assert!(chain.is_none() || waiting.is_none(), "{outpoint} is there twice");
    chain.or(waiting).expect("an input that is there")
}

fn check_family(
    node: &Node,
    entries: &HashMap<Txid, &MempoolEntry>,
    graph: &Graph,
    txid: Txid,
    entry: &MempoolEntry,
) {
    let ancestors = reach(&graph.parents, txid);
    let family = node.transaction_ancestry(&txid).expect("it waits");
    let vsize = ancestors.iter().map(|txid| entries[txid].tx.vsize() as u64).sum::<u64>();
    let fees = ancestors.iter().map(|txid| entries[txid].fee).sum::<i64>();
    assert_eq!(
        (family.ancestors, family.ancestor_vsize, family.ancestor_fees),
        (ancestors.len() as u64, vsize, fees),
        "ancestors of {txid}"
    );
    assert_eq!(node.mempool().descendants(&txid), reach(&graph.children, txid));
    assert!(node.coins().coin(&OutPoint { txid, vout: 0 }).is_none(), "{txid} is mined already");
    assert!(entry.fee > 0);
}

fn reach(next: &HashMap<Txid, BTreeSet<Txid>>, from: Txid) -> BTreeSet<Txid> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(txid) = open.pop() {
        if found.insert(txid) {
            open.extend(next.get(&txid).into_iter().flatten());
        }
    }
    found
}
