//! The mempool in motion, on top of the recorded one.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use bitcoin_grpc_devnode::events::Event;
use bitcoin_grpc_devnode::mempool::RemovalReason;
use bitcoin_grpc_devnode::node::Broadcast;
use bitcoin_grpc_devnode::settings::Settings;
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions};

use crate::harness::newest_node;

const COIN: u64 = 100_000_000;

fn anyone() -> ScriptBuf {
    ScriptBuf::from_bytes(vec![0x51])
}

/// A transaction that spends whole outputs and leaves a fee in satoshi; its outputs have equal shares.
fn spend(node: &Node, inputs: &[OutPoint], fee: u64, outputs: u64) -> Transaction {
    let coins = node.find_coins(inputs);
    let total: u64 = coins.values().flatten().map(|coin| coin.output.value.to_sat()).sum();
    let share = Amount::from_sat((total - fee) / outputs);
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs
            .iter()
            .map(|outpoint| TxIn {
                previous_output: *outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            })
            .collect(),
        output: (0..outputs).map(|_| TxOut { value: share, script_pubkey: anyone() }).collect(),
    }
}

fn output(tx: &Transaction, vout: u32) -> OutPoint {
    OutPoint { txid: tx.compute_txid(), vout }
}

/// A node with one mature coin of 50 BTC, and its name.
fn rich(generation: Generation, words: &[&str]) -> (Node, OutPoint) {
    let settings = Settings::from_command_line(words.iter().copied());
    let mut node = Node::new(NodeOptions::from_settings(generation, settings));
    node.generate(101).unwrap();
    let first = node.find_block(&node.block_hash_at(1).unwrap()).unwrap();
    let coin = output(&first.block().unwrap().txdata[0], 0);
    node.take_events();
    (node, coin)
}

fn send(node: &mut Node, tx: &Transaction) -> Broadcast {
    node.submit_transaction(tx.clone(), 0)
}

/// What happened, in short.
fn story(node: &mut Node) -> Vec<String> {
    let name = |txid: Txid| txid.to_string()[..4].to_owned();
    let told = |event| match event {
        Event::TransactionAdded(tx) => Some(format!("+{}", name(tx.compute_txid()))),
        Event::TransactionRemoved(tx, reason) => {
            Some(format!("-{} {reason:?}", name(tx.compute_txid())))
        }
        Event::BlockConnected(news) => Some(format!("block {}", news.height)),
        Event::BlockDisconnected(news) => Some(format!("undo {}", news.height)),
        Event::TipUpdated(news) => Some(format!("tip {}", news.height)),
        _ => None,
    };
    node.take_events().into_iter().filter_map(told).collect()
}

fn short(tx: &Transaction) -> String {
    tx.compute_txid().to_string()[..4].to_owned()
}

#[test]
fn a_reorganisation_brings_transactions_back_and_drops_rivals() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let parent = spend(&node, &[coin], 1_000, 2);
    assert!(send(&mut node, &parent).is_accepted());
    node.mine_one(&anyone()).unwrap();
    let child = spend(&node, &[output(&parent, 0)], 1_000, 2);
    assert!(send(&mut node, &child).is_accepted());
    node.take_events();
    let mined = node.tip().hash();
    node.invalidate(&mined).unwrap();
    assert_eq!(story(&mut node), ["undo 102".to_owned(), format!("+{}", short(&parent))]);
    assert!(node.is_in_mempool(&child.compute_txid()));
    assert_eq!(node.transaction_ancestry(&child.compute_txid()).unwrap().ancestors, 2);

    let rival = spend(&node, &[coin], 5_000, 3);
    node.mine_transactions(vec![rival], &anyone()).unwrap();
    let dropped = [format!("-{} Conflict", short(&parent)), format!("-{} Conflict", short(&child))];
    let mut told = story(&mut node);
    told[..2].sort();
    let mut expected = dropped.to_vec();
    expected.sort();
    expected.extend(["block 102".to_owned(), "tip 102".to_owned()]);
    assert_eq!(told, expected);
}

#[test]
fn the_better_branch_is_told_after_the_returned_transactions() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let mut rival = Node::default();
    rival.generate(101).unwrap();
    let tx = spend(&node, &[coin], 1_000, 2);
    assert!(send(&mut node, &tx).is_accepted());
    node.generate(1).unwrap();
    rival.generate_to(2, &ScriptBuf::from_bytes(vec![0x52])).unwrap();
    node.set_clock(bitcoin_grpc_devnode::clock::Clock::Mock(rival.now()));
    node.take_events();
    for height in [102, 103] {
        let hash = rival.block_hash_at(height).unwrap();
        let block = rival.find_block(&hash).unwrap().block().unwrap().as_ref().clone();
        node.submit_block(block);
    }
    let back = format!("+{}", short(&tx));
    assert_eq!(story(&mut node), ["undo 102", back.as_str(), "block 102", "block 103", "tip 103"]);
}

#[test]
fn coinbases_that_a_reorganisation_made_young_leave_with_their_children() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    node.generate(1).unwrap();
    let third = node.find_block(&node.block_hash_at(3).unwrap()).unwrap();
    let young = output(&third.block().unwrap().txdata[0], 0);
    let tx = spend(&node, &[young], 1_000, 2);
    let child = spend(&node, &[coin], 1_000, 2);
    assert!(send(&mut node, &tx).is_accepted() && send(&mut node, &child).is_accepted());
    node.take_events();
    let tip = node.tip().hash();
    node.invalidate(&tip).unwrap();
    assert_eq!(story(&mut node), ["undo 102".to_owned(), format!("-{} Reorg", short(&tx))]);
    assert_eq!(RemovalReason::Reorg.number(), 2);
}

#[test]
fn replacements_must_pay() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let old = spend(&node, &[coin], 1_000, 1);
    assert!(send(&mut node, &old).is_rejected_as("tx-size-small"));
    let old = spend(&node, &[coin], 1_000, 2);
    let child = spend(&node, &[coin], 1_000, 2);
    assert!(send(&mut node, &old).is_accepted());
    let grandchild = spend(&node, &[output(&child, 0)], 9_000, 2);
    assert!(send(&mut node, &grandchild).is_accepted());
    let cheap = spend(&node, &[coin], 1_001, 3);
    assert!(send(&mut node, &cheap).is_rejected_as("insufficient fee, rejecting replacement"));
    let short_of_children = spend(&node, &[coin], 9_998, 2);
    assert!(
        send(&mut node, &short_of_children)
            .error()
            .contains("less fees than conflicting txs; 0.00009998 < 0.0001")
    );
    let short_of_relay = spend(&node, &[coin], 10_002, 2);
    assert!(
        send(&mut node, &short_of_relay)
            .error()
            .contains("not enough additional fees to relay; 0.00000")
    );
    let good = spend(&node, &[coin], 20_000, 2);
    node.take_events();
    assert!(send(&mut node, &good).is_accepted());
    let told = story(&mut node);
    assert_eq!(told.len(), 3);
    assert!(told[..2].iter().all(|line| line.ends_with("Replaced")));
    assert_eq!(told[2], format!("+{}", short(&good)));
}

/// Confirmed outputs, all of one transaction.
fn confirmed(node: &mut Node, coin: OutPoint, count: u32) -> Vec<OutPoint> {
    let split = spend(node, &[coin], 1_000, u64::from(count));
    assert!(send(node, &split).is_accepted());
    node.generate(1).unwrap();
    (0..count).map(|vout| output(&split, vout)).collect()
}

/// The parent's block is the older one.
#[test]
fn parents_come_back_before_their_children() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let mut rival = Node::default();
    rival.generate(101).unwrap();
    let parent = spend(&node, &[coin], 1_000, 2);
    let child = spend_of(&parent);
    for tx in [&parent, &child] {
        assert!(send(&mut node, tx).is_accepted());
        node.generate(1).unwrap();
    }
    rival.generate_to(3, &ScriptBuf::from_bytes(vec![0x52])).unwrap();
    node.set_clock(bitcoin_grpc_devnode::clock::Clock::Mock(rival.now()));
    for height in [102, 103, 104] {
        let hash = rival.block_hash_at(height).unwrap();
        let block = rival.find_block(&hash).unwrap().block().unwrap().as_ref().clone();
        node.submit_block(block);
    }
    assert_eq!(node.tip().hash(), rival.tip().hash());
    let waits = [&parent, &child].map(|tx| node.is_in_mempool(&tx.compute_txid()));
    assert_eq!(waits, [true, true]);
}

/// Spends the first output of a transaction that need not be known.
fn spend_of(parent: &Transaction) -> Transaction {
    let mut tx = parent.clone();
    tx.input[0].previous_output = output(parent, 0);
    for output in &mut tx.output {
        output.value = parent.output[0].value / 2 - Amount::from_sat(1_000);
    }
    tx
}

/// Core gives up at the eleventh block that an operator takes back (`validation.cpp`, InvalidateBlock).
#[test]
fn transactions_of_ten_blocks_come_back() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let coins = confirmed(&mut node, coin, 11);
    let mut mined = Vec::new();
    for coin in coins {
        let tx = spend(&node, &[coin], 1_000, 2);
        assert!(send(&mut node, &tx).is_accepted());
        node.generate(1).unwrap();
        mined.push((tx.compute_txid(), node.tip().hash()));
    }
    node.invalidate(&mined[0].1).unwrap();
    let waits = mined.iter().map(|(txid, _)| node.is_in_mempool(txid));
    assert_eq!(waits.collect::<Vec<_>>(), [vec![false], vec![true; 10]].concat());
}

/// The first rule of BIP 125 as Core has it (`policy/rbf.cpp`, PaysMoreThanConflicts).
#[test]
fn replacements_must_pay_more_for_each_byte() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let old = spend(&node, &[coin], 10_000, 2);
    assert!(send(&mut node, &old).is_accepted());
    let large = spend(&node, &[coin], 15_000, 40);
    let error = send(&mut node, &large).error().to_owned();
    assert!(error.contains("; new feerate 0.00") && error.contains(" <= old feerate"), "{error}");
    let mut same = old.clone();
    same.input[0].sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
    let error = send(&mut node, &same).error().to_owned();
    assert!(error.contains("; new feerate 0.00") && error.contains(" <= old feerate"), "{error}");
}

/// The second (HasNoNewUnconfirmed), which clusters made superfluous.
#[test]
fn replacements_bring_no_waiting_parents() {
    for (generation, refused) in
        [(Generation::Pr29409May2025, true), (Generation::Pr10102February2026, false)]
    {
        let (mut node, coin) = rich(generation, &[]);
        let coins = confirmed(&mut node, coin, 2);
        let (old, other) =
            (spend(&node, &coins[..1], 1_000, 2), spend(&node, &coins[1..], 1_000, 2));
        assert!(send(&mut node, &old).is_accepted() && send(&mut node, &other).is_accepted());
        let rival = spend(&node, &[coins[0], output(&other, 0)], 50_000, 2);
        let verdict = send(&mut node, &rival);
        assert_eq!(verdict.is_accepted(), !refused, "{}", verdict.error());
        if refused {
            let why = format!("replacement {} adds unconfirmed input, idx 1", rival.compute_txid());
            assert_eq!(verdict.error(), format!("replacement-adds-unconfirmed, {why}"));
        }
    }
}

/// The fifth (GetEntriesForConflicts): a hundred may leave, their descendants counted.
#[test]
fn replacements_put_out_a_hundred_at_most() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let coins = confirmed(&mut node, coin, 5);
    for (place, family) in [24, 24, 24, 24, 0].into_iter().enumerate() {
        let parent = spend(&node, &coins[place..=place], 1_000, 25);
        assert!(send(&mut node, &parent).is_accepted());
        for vout in 0..family {
            let child = spend(&node, &[output(&parent, vout)], 1_000, 2);
            assert!(send(&mut node, &child).is_accepted());
        }
    }
    let rival = spend(&node, &coins, 500_000, 2);
    let error = send(&mut node, &rival).error().to_owned();
    assert!(error.starts_with("too many potential replacements"), "{error}");
    assert!(error.ends_with("too many potential replacements (101 > 100)"), "{error}");
    let rival = spend(&node, &coins[..4], 500_000, 2);
    assert!(send(&mut node, &rival).is_accepted());
}

#[test]
fn the_oldest_generation_replaces_only_what_allows_it() {
    let (mut node, coin) = rich(Generation::Pr10102July2024, &[]);
    let firm = spend(&node, &[coin], 1_000, 2);
    assert!(send(&mut node, &firm).is_accepted());
    let rival = spend(&node, &[coin], 50_000, 2);
    assert_eq!(send(&mut node, &rival).error(), "txn-mempool-conflict");
}

/// Sends a chain of transactions and gives the first refusal with the number of those that came in.
fn fill_chain(node: &mut Node, coin: OutPoint) -> (usize, String) {
    let mut tip = coin;
    for count in 0..100 {
        let mut tx = spend(node, &[tip], 1_000, 2);
        let change = tx.output[1].value - Amount::from_sat(600);
        tx.output[0].value += change;
        tx.output[1].value -= change;
        let limit = node.check_chain_limits(&tx);
        let result = send(node, &tx);
        if !result.is_accepted() {
            return (count, format!("{} / {}", result.error(), limit.unwrap_or_default()));
        }
        assert_eq!(limit, None);
        tip = output(&tx, 0);
    }
    unreachable!("no limit");
}

#[test]
fn chains_end_where_the_generation_says() {
    let (mut node, coin) = rich(Generation::Pr29409May2025, &[]);
    let (count, error) = fill_chain(&mut node, coin);
    assert_eq!(count, 25);
    assert!(
        error.starts_with("too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]"),
        "{error}"
    );
    assert!(error.ends_with("possibly too many unconfirmed ancestors [limit: 25]"), "{error}");

    let (mut node, coin) = rich(Generation::Pr10102February2026, &["-limitclustercount=30"]);
    let (count, error) = fill_chain(&mut node, coin);
    assert_eq!(
        (count, error.as_str()),
        (30, "too-large-cluster / too many unconfirmed transactions in cluster")
    );
}

#[test]
fn one_more_child_is_allowed_if_it_is_small() {
    let (mut node, coin) = rich(Generation::default(), &["-limitdescendantcount=2"]);
    let parent = spend(&node, &[coin], 1_000, 4);
    assert!(send(&mut node, &parent).is_accepted());
    let children: Vec<Transaction> = (0..3).map(|vout| spend_later(&parent, vout)).collect();
    assert!(send(&mut node, &children[0]).is_accepted());
    let limit = node.check_chain_limits(&children[1]).unwrap();
    assert_eq!(
        limit,
        format!("possibly too many descendants for tx {} [limit: 2]", parent.compute_txid())
    );
    assert!(send(&mut node, &children[1]).is_accepted());
    let error = format!(
        "too-long-mempool-chain, too many descendants for tx {} [limit: 2]",
        parent.compute_txid()
    );
    assert_eq!(send(&mut node, &children[2]).error(), error);
}

/// A child of a transaction that is to be sent later.
fn spend_later(parent: &Transaction, vout: u32) -> Transaction {
    let mut tx = parent.clone();
    tx.input[0].previous_output = output(parent, vout);
    let share = (parent.output[vout as usize].value.to_sat() - 1_000) / 4;
    tx.output.iter_mut().for_each(|output| output.value = Amount::from_sat(share));
    tx
}

#[test]
fn locks_and_ages_are_respected() {
    let (mut node, coin) = rich(Generation::default(), &[]);
    let mut late = spend(&node, &[coin], 1_000, 2);
    late.lock_time = LockTime::from_consensus(102);
    late.input[0].sequence = Sequence::ZERO;
    assert_eq!(send(&mut node, &late).error(), "non-final");
    let third = node.find_block(&node.block_hash_at(3).unwrap()).unwrap();
    let young = output(&third.block().unwrap().txdata[0], 0);
    let early = spend(&node, &[young], 1_000, 2);
    let error = "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99";
    assert_eq!(send(&mut node, &early).error(), error);
    let mut aged = spend(&node, &[coin], 1_000, 2);
    aged.input[0].sequence = Sequence::from_height(102);
    assert_eq!(send(&mut node, &aged).error(), "non-BIP68-final");
    aged.input[0].sequence = Sequence::from_height(101);
    assert!(send(&mut node, &aged).is_accepted());
}

#[test]
fn newer_nodes_tell_the_mempool_as_it_would_be_mined() {
    let node = newest_node();
    assert_eq!(node.mempool_transactions().len(), 7);
    let order: Vec<u64> =
        node.mempool_transactions().iter().map(|entry| entry.fee.unsigned_abs()).collect();
    assert_eq!(order, [100_000, 50_000, 200, 30_000, 4_000, 2_500, 1_500]);
    let total: u64 = order.iter().sum();
    let template = node.create_template(&bitcoin_grpc_devnode::miner::TemplateOptions::default());
    assert_eq!(template.coinbase.reward, 50 * COIN + total);
}

/// Whether a transaction was refused with an error that begins like this.
trait RejectedAs {
    fn is_rejected_as(&self, start: &str) -> bool;
}

impl RejectedAs for Broadcast {
    fn is_rejected_as(&self, start: &str) -> bool {
        matches!(self, Broadcast::Rejected(error) if error.starts_with(start))
    }
}
