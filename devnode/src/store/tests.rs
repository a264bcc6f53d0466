use std::path::Path;

use super::*;
use crate::traffic::Traffic;
use crate::{Node, NodeOptions};

/// A node that keeps what it knows in a folder.
fn open(folder: &Path) -> Result<(Node, DataDir), StoreError> {
    let data = DataDir::open(folder)?;
    let mut node = Node::new(NodeOptions::default());
    node.keep_in(&data)?;
    Ok((node, data))
}

/// Everything that has to come back: the branches with their marks, the tip, the coins.
fn known(node: &Node) -> impl PartialEq + std::fmt::Debug + use<> {
    let entries = node.index().ids().map(|id| {
        let entry = node.index().entry(id);
        (entry.hash, entry.height, entry.failed, entry.has_data(), node.index().is_active(id))
    });
    let mut coins: Vec<_> =
        node.coins().iter().map(|(outpoint, coin)| (*outpoint, coin.clone())).collect();
    coins.sort_by_key(|(outpoint, _)| *outpoint);
    (node.tip().hash(), entries.collect::<Vec<_>>(), coins)
}

fn waiting(node: &Node) -> Vec<(bitcoin::Txid, i64, i64)> {
    node.mempool().entries().map(|entry| (entry.txid, entry.fee, entry.time)).collect()
}

/// A chain with transactions, a branch, an invalid mark, a preference, a lone header and pruned blocks.
fn live(node: &mut Node) {
    let mut traffic = Traffic::new(3);
    let mut transactions = |node: &mut Node| {
        let accepted = (0..40).filter(|_| traffic.step(node)).count();
        assert!(accepted > 30, "{accepted}");
    };
    node.generate(110).unwrap();
    transactions(node);
    node.generate(2).unwrap();
    node.reorganise(2).unwrap();
    let stale = node.index().leaves().into_iter().find(|id| !node.index().is_active(*id)).unwrap();
    let stale = node.index().entry(stale).hash;
    let tip = node.tip().hash();
    node.invalidate(&tip).unwrap();
    node.prefer(&stale).unwrap();
    let other = Node::new(NodeOptions::default()).generate(1).unwrap();
    node.reconsider(&other[0]).ok();
    node.prune_below(20);
    transactions(node);
}

#[test]
fn everything_comes_back_after_a_clean_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, data) = open(folder.path()).unwrap();
    live(&mut node);
    assert!(!node.mempool().is_empty());
    node.close_in(&data).unwrap();
    drop(data);
    let (again, _data) = open(folder.path()).unwrap();
    assert_eq!(known(&again), known(&node));
    assert_eq!(waiting(&again), waiting(&node));
}

/// A block that is refused for good leaves its header and its mark, however long it was.
#[test]
fn refused_blocks_stay_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, data) = open(folder.path()).unwrap();
    node.generate(3).unwrap();
    let script = crate::miner::TemplateOptions::default().script_pubkey;
    let mut block = node.build_block(Vec::new(), &script).unwrap();
    let coinbase = &mut block.txdata[0];
    coinbase.lock_time = bitcoin::absolute::LockTime::from_consensus(1_000);
    coinbase.input[0].sequence = bitcoin::Sequence::ZERO;
    block.header.merkle_root = block.compute_merkle_root().unwrap();
    assert!(crate::miner::solve(&mut block.header));
    let verdict = node.submit_block(block.clone());
    assert_eq!(verdict.reason(), "bad-txns-nonfinal");
    let hash = block.block_hash();
    assert!(node.find_block(&hash).unwrap().entry().failed);
    drop(data);
    let (mut again, _data) = open(folder.path()).unwrap();
    assert_eq!(known(&again), known(&node));
    assert_eq!(again.submit_block(block).reason(), node_reason(&mut node, hash));
}

/// What a node says of a header that it knows to be invalid.
fn node_reason(node: &mut Node, hash: bitcoin::BlockHash) -> String {
    let header = node.find_block(&hash).unwrap().entry().header;
    node.submit_header(header).unwrap_err().reason
}

#[test]
fn it_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    for height in [5, 10, 15] {
        let (mut node, data) = open(folder.path()).unwrap();
        assert_eq!(node.height() + 5, height);
        node.generate(5).unwrap();
        node.close_in(&data).unwrap();
    }
}

/// A process that is killed leaves the journal as it is, and no mempool.
#[test]
fn without_a_clean_end_only_what_waits_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, data) = open(folder.path()).unwrap();
    live(&mut node);
    drop(data);
    let (again, _data) = open(folder.path()).unwrap();
    assert_eq!(known(&again), known(&node));
    assert!(again.mempool().is_empty());
}

/// Wherever the file ends, the whole records in it come back, and more can be added.
#[test]
fn a_torn_record_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, data) = open(folder.path()).unwrap();
    let mut ends = Vec::new();
    let journal = folder.path().join(JOURNAL);
    for _ in 0..3 {
        node.generate(1).unwrap();
        ends.push(std::fs::metadata(&journal).unwrap().len());
    }
    drop((node, data));
    let whole = std::fs::read(&journal).unwrap();
    assert_eq!(whole.len() as u64, ends[2]);
    for end in 0..=whole.len() {
        std::fs::write(&journal, &whole[..end]).unwrap();
        let (mut node, data) = open(folder.path()).unwrap();
        let blocks = ends.iter().filter(|block| **block <= end as u64).count();
        assert_eq!(node.height() as usize, blocks, "cut at {end}");
        node.generate(1).unwrap();
        let tip = node.tip().hash();
        drop((node, data));
        assert_eq!(open(folder.path()).unwrap().0.tip().hash(), tip);
    }
}

#[test]
fn damage_in_the_middle_is_told_and_nothing_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, data) = open(folder.path()).unwrap();
    node.generate(3).unwrap();
    drop((node, data));
    let journal = folder.path().join(JOURNAL);
    let whole = std::fs::read(&journal).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    std::fs::write(&journal, &damaged).unwrap();
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is damaged at byte 8"), "{error}");
    assert_eq!(std::fs::read(&journal).unwrap(), damaged);
    std::fs::write(&journal, b"something else").unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::Foreign(_))));
}

#[test]
fn two_do_not_share_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::InUse(_))));
    drop(first);
    open(folder.path()).unwrap();
}

/// Real nodes read the file, so its form is fixed: one transaction, byte by byte.
#[test]
fn what_waits_is_written_as_nodes_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(MEMPOOL);
    let tx = bitcoin::constants::genesis_block(bitcoin::Network::Regtest).txdata[0].clone();
    mempool::write(&path, [(&tx, 7)].into_iter()).unwrap();
    let mut expected = vec![1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    expected.extend(bitcoin::consensus::encode::serialize(&tx));
    expected.extend([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend([0, 0]);
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    assert_eq!(mempool::read(&path).unwrap(), [(tx, 7)]);
    std::fs::write(&path, &expected[..60]).unwrap();
    assert_eq!(mempool::read(&path).unwrap(), []);
}
