//! The recorded chain, loaded and made anew.

use bitcoin::ScriptBuf;
use bitcoin_grpc_devnode::clock::Clock;
use bitcoin_grpc_devnode::import::{RecordedData, read_blocks, read_mempool};
use bitcoin_grpc_devnode::{Generation, Node, NodeOptions};

use crate::harness::{base_node, chain_info, golden};

const GENERATIONS: [Generation; 2] = [Generation::Pr29409May2025, Generation::Pr10102February2026];

#[test]
fn tip_and_branches_are_the_recorded_ones() {
    for generation in GENERATIONS {
        let (node, info) = (base_node(generation), chain_info(generation));
        assert_eq!(node.tip().hash().to_string(), info["tip"]["hash"].as_str().unwrap());
        assert_eq!(u64::from(node.height()), info["tip"]["height"].as_u64().unwrap());
        let leaves: Vec<(u64, String)> = node
            .index()
            .leaves()
            .into_iter()
            .map(|id| node.index().entry(id))
            .map(|entry| (u64::from(entry.height), entry.hash.to_string()))
            .collect();
        let recorded: Vec<(u64, String)> = info["getchaintips"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tip| (tip["height"].as_u64().unwrap(), tip["hash"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(leaves, recorded);
        assert_eq!(node.mempool().len(), 7);
        assert!(!node.is_initial_block_download());
        assert_eq!(node.now(), info["mocktime"].as_i64().unwrap());
        let work = &info["getblockchaininfo"]["chainwork"];
        let entry = node.tip().entry();
        assert_eq!(format!("{:x}", entry.work), work.as_str().unwrap());
        assert_eq!(
            u64::from(entry.median_time),
            info["getblockchaininfo"]["mediantime"].as_u64().unwrap()
        );
    }
}

#[test]
fn the_miner_makes_the_recorded_blocks() {
    let file = std::fs::File::open(golden("pr29409-2025-05/blocks.jsonl")).unwrap();
    let recorded = read_blocks(std::io::BufReader::new(file)).unwrap();
    let mut node = Node::default();
    let mut made = 0;
    for block in recorded.iter().filter(|block| block.in_active_chain && block.height > 0) {
        let RecordedData::Block(block) = &block.data else { continue };
        node.set_clock(Clock::Mock(i64::from(block.header.time)));
        let script = block.txdata[0].output[0].script_pubkey.clone();
        let loose = block
            .txdata
            .iter()
            .skip(1)
            .all(|tx| node.submit_transaction(tx.clone(), 0).is_accepted());
        assert!(loose, "transactions of block {}", node.height() + 1);
        let hash = node.mine_one(&script).unwrap();
        if hash == block.block_hash() {
            made += 1;
        } else {
            panic!("block {} differs: {:?} {:?}", node.height(), node.tip().block(), block);
        }
    }
    assert_eq!(made, 132);
}

#[test]
fn blocks_of_a_fresh_node_are_those_of_the_recording() {
    let mut node = Node::default();
    let hashes = node.generate(16).unwrap();
    let recorded = base_node(Generation::Pr29409May2025);
    for (height, hash) in (1..).zip(&hashes) {
        assert_eq!(recorded.block_hash_at(height).unwrap(), *hash);
    }
}

#[test]
fn signalling_starts_stops_and_leaves_its_trace() {
    let mut node = Node::default();
    node.generate_to(433, &ScriptBuf::from_bytes(vec![0x51])).unwrap();
    let version = |height| {
        node.find_block(&node.block_hash_at(height).unwrap()).unwrap().entry().header.version
    };
    for (height, expected) in [
        (143, 0x2000_0000),
        (144, 0x3000_0000),
        (431, 0x3000_0000),
        (432, 0x2000_0000),
        (433, 0x2000_0000),
    ] {
        assert_eq!(version(height).to_consensus(), expected, "height {height}");
    }
}

#[test]
fn a_mempool_needs_its_chain() {
    let file = std::fs::File::open(golden("pr29409-2025-05/mempool.jsonl")).unwrap();
    let transactions = read_mempool(std::io::BufReader::new(file)).unwrap();
    let mut node = Node::new(NodeOptions::default());
    assert!(node.import_mempool(transactions).is_err());
}

#[test]
fn pruned_blocks_keep_their_headers() {
    let mut node = Node::default();
    node.generate(10).unwrap();
    assert_eq!((node.have_pruned(), node.prune_height()), (false, None));
    node.prune_below(5);
    assert_eq!((node.have_pruned(), node.prune_height()), (true, Some(4)));
    let on_disk: Vec<bool> =
        [0, 4, 5, 10, 11].map(|height| node.have_block_on_disk(height)).to_vec();
    assert_eq!(on_disk, [false, false, true, true, false]);
    let tip = node.tip().hash();
    assert_eq!(node.has_blocks(&tip, 5, None), Ok(true));
    assert_eq!(node.has_blocks(&tip, 4, None), Ok(false));
    assert_eq!(node.has_blocks(&tip, 0, Some(4)), Ok(false));
    assert!(node.has_blocks(&tip, 0, Some(-1)).is_err());
    let old = node.find_block(&node.block_hash_at(3).unwrap()).unwrap();
    assert!(old.block().is_none() && old.in_active_chain());
    assert_eq!(node.generate(1).unwrap().len(), 1);
}

#[test]
fn near_the_tip_progress_goes_by_height() {
    let mut node = Node::new(NodeOptions::for_generation(Generation::Pr10102February2026));
    let hashes = node.generate(50).unwrap();
    let now = node.now();
    node.set_clock(Clock::Mock(now + 600));
    assert!((node.guess_verification_progress(&hashes[49]) - 1.0).abs() < f64::EPSILON);
    let expected = 48.0 / (48.0 + 3.0 * 600.0 * 0.001);
    assert!((node.guess_verification_progress(&hashes[46]) - expected).abs() < 1e-12);
    node.set_clock(Clock::Mock(now + 100_000));
    let expected = 51.0 / (51.0 + 100.0);
    assert!((node.guess_verification_progress(&hashes[49]) - expected).abs() < 1e-12);
}

#[test]
fn initial_download_ends_once() {
    let mut node = Node::default();
    assert!(node.is_initial_block_download());
    node.generate(1).unwrap();
    assert!(!node.is_initial_block_download());
    node.set_clock(Clock::Mock(2_000_000_000));
    assert!(!node.is_initial_block_download());
}
