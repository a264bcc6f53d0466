use std::sync::Arc;

use bitcoin::block::Header;
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{Block, CompactTarget, Network, TxMerkleNode};

use super::*;

/// A block without sense but with a place in the tree.
fn child(index: &BlockIndex, parent: BlockId, tag: u32) -> Block {
    let header = Header {
        version: bitcoin::block::Version::TWO,
        prev_blockhash: index.entry(parent).hash,
        merkle_root: TxMerkleNode::all_zeros(),
        time: index.entry(parent).header.time + 600,
        bits: CompactTarget::from_consensus(0x207f_ffff),
        nonce: tag,
    };
    Block { header, txdata: genesis_block(Network::Regtest).txdata }
}

fn add(index: &mut BlockIndex, parent: BlockId, tag: u32) -> BlockId {
    let block = child(index, parent, tag);
    let id = index.insert_header(block.header, parent);
    index.attach(id, Arc::new(block));
    id
}

fn chain(index: &mut BlockIndex, mut from: BlockId, length: u32, tag: u32) -> Vec<BlockId> {
    (0..length)
        .map(|_| {
            from = add(index, from, tag);
            from
        })
        .collect()
}

fn follow(index: &mut BlockIndex) {
    let way = index.path_to(index.best_candidate());
    way.disconnect.iter().for_each(|_| index.pop_tip());
    way.connect.iter().for_each(|id| index.push_tip(*id));
}

fn fresh() -> BlockIndex {
    BlockIndex::new(genesis_block(Network::Regtest))
}

#[test]
fn first_seen_wins_ties() {
    let mut index = fresh();
    let first = add(&mut index, BlockId(0), 1);
    let second = add(&mut index, BlockId(0), 2);
    follow(&mut index);
    assert_eq!(index.tip(), first);
    let third = add(&mut index, second, 2);
    let way = index.path_to(index.best_candidate());
    assert_eq!(
        way,
        Reorganisation { fork: BlockId(0), disconnect: vec![first], connect: vec![second, third] }
    );
}

#[test]
fn invalid_blocks_give_way_and_come_back() {
    let mut index = fresh();
    let long = chain(&mut index, BlockId(0), 3, 1);
    let short = chain(&mut index, BlockId(0), 2, 2);
    follow(&mut index);
    assert_eq!(index.tip(), long[2]);
    index.mark_failed(long[1]);
    assert_eq!(index.best_candidate(), short[1]);
    assert_eq!(index.best_header(), short[1]);
    index.clear_failed(long[2]);
    assert_eq!(index.best_candidate(), long[2]);
}

#[test]
fn a_block_waits_for_its_parent() {
    let mut index = fresh();
    let parent = child(&index, BlockId(0), 1);
    let parent_id = index.insert_header(parent.header, BlockId(0));
    let above = add(&mut index, parent_id, 1);
    assert_eq!(index.best_candidate(), BlockId(0));
    assert_eq!(index.best_header(), above);
    index.attach(parent_id, Arc::new(parent));
    assert_eq!(index.best_candidate(), above);
    assert_eq!(index.entry(above).chain_tx_count, 3);
}

#[test]
fn locators_double_after_ten() {
    let mut index = fresh();
    chain(&mut index, BlockId(0), 132, 1);
    follow(&mut index);
    let locator = index.locator(index.tip());
    assert_eq!(locator.len(), 18);
    assert_eq!(locator.last(), Some(&index.entry(BlockId(0)).hash));
    let heights: Vec<u32> = locator
        .iter()
        .filter_map(|hash| index.find(hash))
        .map(|id| index.entry(id).height)
        .collect();
    assert_eq!(heights[8..], [124, 123, 122, 121, 119, 115, 107, 91, 59, 0]);
}

#[test]
fn the_first_block_is_found_by_the_highest_time_so_far() {
    let mut index = fresh();
    let ids = chain(&mut index, BlockId(0), 20, 1);
    follow(&mut index);
    let time = i64::from(index.entry(ids[9]).header.time);
    assert_eq!(index.first_at_least(time, -5), Some(ids[9]));
    assert_eq!(index.first_at_least(time + 1, 0), Some(ids[10]));
    assert_eq!(index.first_at_least(0, 21), None);
}
