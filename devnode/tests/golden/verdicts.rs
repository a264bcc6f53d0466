//! What is said about bad blocks. The codes and texts are those that a node of August 2026 gave in its recording.

use bitcoin::block::Version;
use bitcoin::hashes::Hash;
use bitcoin::{Amount, Block, BlockHash, ScriptBuf, TxMerkleNode, Witness};
use bitcoin_grpc_devnode::consensus::BlockChecks;
use bitcoin_grpc_devnode::events::Event;
use bitcoin_grpc_devnode::miner::{TemplateOptions, solve};
use bitcoin_grpc_devnode::node::BlockVerdict;
use bitcoin_grpc_devnode::{Generation, Node};

use crate::harness::newest_node;

/// Puts a fault into a block.
type Spoil = fn(&mut Block);

/// A block on the tip with a fault, its merkle root and work in order.
fn spoilt(node: &Node, spoil: impl FnOnce(&mut Block)) -> Block {
    let mut block = node.create_template(&TemplateOptions::default()).block;
    spoil(&mut block);
    block.header.merkle_root = block.compute_merkle_root().unwrap_or_else(TxMerkleNode::all_zeros);
    assert!(solve(&mut block.header));
    block
}

fn said(verdict: &BlockVerdict) -> (String, String) {
    (verdict.reason().to_owned(), verdict.debug().to_owned())
}

#[test]
fn every_fault_has_its_name() {
    let faults: [(&str, &str, Spoil); 9] = [
        ("unexpected-witness", "CheckWitnessMalleation : unexpected witness data found", |block| {
            block.txdata[0].output.pop();
        }),
        (
            "bad-witness-nonce-size",
            "CheckWitnessMalleation : invalid witness reserved value size",
            |block| {
                block.txdata[0].input[0].witness = Witness::new();
            },
        ),
        (
            "bad-witness-merkle-match",
            "CheckWitnessMalleation : witness merkle commitment mismatch",
            |block| {
                block.txdata[0].input[0].witness = Witness::from_slice(&[[1; 32]]);
            },
        ),
        (
            "bad-cb-amount",
            "coinbase pays too much (actual=5000188201 vs limit=5000188200)",
            |block| {
                block.txdata[0].output[0].value += Amount::from_sat(1);
            },
        ),
        ("time-too-new", "block timestamp too far in the future", |block| {
            block.header.time += 7201
        }),
        ("time-too-old", "block's timestamp is too early", |block| block.header.time -= 3000),
        ("bad-version(0x00000001)", "rejected nVersion=0x00000001 block", |block| {
            block.header.version = Version::ONE;
        }),
        ("bad-cb-height", "block height mismatch in coinbase", |block| {
            block.txdata[0].input[0].script_sig = ScriptBuf::from_bytes(vec![2, 0x86, 0]);
        }),
        ("bad-cb-missing", "first tx is not coinbase", |block| {
            block.txdata.remove(0);
        }),
    ];
    for (reason, debug, spoil) in faults {
        let mut node = newest_node();
        let block = spoilt(&node, spoil);
        assert_eq!(said(&node.submit_block(block)), (reason.to_owned(), debug.to_owned()));
        assert_eq!(node.height(), 132);
    }
}

/// Not recorded; as Core says it (`validation.cpp`, CheckBlock).
#[test]
fn a_block_has_one_coinbase() {
    let mut node = newest_node();
    let block = spoilt(&node, |block| {
        let mut second = block.txdata[0].clone();
        second.output[0].value = Amount::ZERO;
        block.txdata.push(second);
    });
    let verdict = node.submit_block(block);
    let expected = ("bad-cb-multiple".to_owned(), "more than one coinbase".to_owned());
    assert_eq!(said(&verdict), expected);
}

#[test]
fn blocks_without_work_root_or_transactions() {
    let mut node = newest_node();
    let good = spoilt(&node, |_| {});
    let mut lazy = good.clone();
    while solve_misses(&lazy) {
        lazy.header.nonce += 1;
    }
    assert_eq!(node.submit_block(lazy).reason(), "high-hash");
    let mut rootless = good.clone();
    rootless.header.merkle_root = TxMerkleNode::all_zeros();
    assert!(solve(&mut rootless.header));
    assert_eq!(node.submit_block(rootless).debug(), "hashMerkleRoot mismatch");
    let mut empty = good.clone();
    empty.txdata.clear();
    assert_eq!(node.submit_block(empty).reason(), "bad-txnmrklroot");
    let mut doubled = spoilt(&node, |block| block.txdata.truncate(3));
    doubled.txdata.push(doubled.txdata[2].clone());
    assert_eq!(node.submit_block(doubled).reason(), "bad-txns-duplicate");
    let mut orphan = good.clone();
    orphan.header.prev_blockhash = BlockHash::all_zeros();
    assert!(solve(&mut orphan.header));
    assert_eq!(node.submit_block(orphan).reason(), "prev-blk-not-found");
    assert_eq!(node.submit_block(good.clone()), BlockVerdict::Connected);
    assert_eq!(node.submit_block(good).reason(), "duplicate");
}

/// Whether the block's hash meets the target, so that it is not yet a block without work.
fn solve_misses(block: &Block) -> bool {
    block.header.target().is_met_by(block.block_hash())
}

#[test]
fn a_block_found_invalid_is_remembered_a_malleated_one_is_not() {
    let mut node = newest_node();
    let greedy = spoilt(&node, |block| block.txdata[0].output[0].value += Amount::from_sat(5));
    let verdict = node.submit_block(greedy.clone());
    assert!(verdict.is_processed() && !verdict.is_connected());
    let hash = greedy.block_hash();
    let again = said(&node.submit_block(greedy));
    assert_eq!(
        again,
        ("duplicate-invalid".to_owned(), format!("block {hash} was previously marked invalid"))
    );

    let good = spoilt(&node, |_| {});
    let mut stripped = good.clone();
    stripped.txdata[0].input[0].witness = Witness::new();
    assert_eq!(stripped.block_hash(), good.block_hash());
    assert_eq!(node.submit_block(stripped).reason(), "bad-witness-nonce-size");
    assert_eq!(node.submit_block(good), BlockVerdict::Connected);
}

#[test]
fn checks_may_be_waived() {
    let node = newest_node();
    let template = node.create_template(&TemplateOptions::default()).block;
    let checks = |work, merkle_root| node.check_block(&template, BlockChecks { work, merkle_root });
    assert_eq!(checks(false, false), Ok(()));
    assert_eq!(checks(false, true).unwrap_err().reason, "bad-txnmrklroot");
    let old = node.find_block(&node.block_hash_at(100).unwrap()).unwrap().block().unwrap();
    let refused = node.check_block(old, BlockChecks::ALL).unwrap_err();
    assert_eq!(refused.to_string(), "inconclusive-not-best-prevblk");
}

/// A branch that turns out bad is left again, and nobody is told of a new tip.
#[test]
fn a_reorganisation_that_fails_ends_where_it_began() {
    let (mut node, mut rival) = (Node::default(), Node::default());
    node.generate(103).unwrap();
    rival.generate(101).unwrap();
    rival.generate_to(1, &ScriptBuf::from_bytes(vec![0x52])).unwrap();
    let good = rival.find_block(&rival.tip().hash()).unwrap().block().unwrap().as_ref().clone();
    let bad = spoilt(&rival, |block| block.txdata[0].output[0].value += Amount::from_sat(1));
    rival.generate(1).unwrap();
    let late = spoilt(&rival, |block| block.header.prev_blockhash = bad.block_hash());
    node.set_clock(bitcoin_grpc_devnode::clock::Clock::Mock(rival.now()));
    node.take_events();
    let tip = node.tip().hash();
    assert_eq!(node.submit_block(good).reason(), "inconclusive");
    assert_eq!(node.submit_block(bad).reason(), "inconclusive");
    assert!(!node.submit_block(late).is_connected());
    assert_eq!(node.tip().hash(), tip);
    let told: Vec<String> = node.take_events().iter().filter_map(short).collect();
    assert_eq!(told, ["-103", "-102", "+102", "-102", "+102", "+103"]);
}

/// What happened to the chain.
fn short(event: &Event) -> Option<String> {
    match event {
        Event::BlockConnected(news) => Some(format!("+{}", news.height)),
        Event::BlockDisconnected(news) => Some(format!("-{}", news.height)),
        Event::TipUpdated(news) => Some(format!("tip {}", news.height)),
        _ => None,
    }
}

#[test]
fn a_weaker_branch_is_inconclusive() {
    let mut node = newest_node();
    let mut rival =
        Node::new(bitcoin_grpc_devnode::NodeOptions::for_generation(Generation::Core32));
    rival.generate_to(1, &ScriptBuf::from_bytes(vec![0x52])).unwrap();
    let block = rival.tip().block().unwrap().as_ref().clone();
    assert_eq!(node.submit_block(block.clone()), BlockVerdict::Inconclusive);
    assert_eq!(node.submit_block(block), BlockVerdict::Duplicate);
}
