//! How much the embedded node holds, and how fast: 20,000 blocks, 50,000 waiting transactions, a reorganisation of 100
//! blocks, blocks of full weight.
//!
//!     cargo bench -p bitcoin-grpc-devnode --bench scale             the whole
//!     cargo bench -p bitcoin-grpc-devnode --bench scale -- --smoke  a small part of it, to see that it works
//!
//! Prints figures. It fails on wrong results, and when the whole takes more memory than it should; never on time.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark talks, and may fail loudly"
)]

mod coins;
mod measure;

use bitcoin_grpc_devnode::generation::Generation;
use bitcoin_grpc_devnode::miner::TemplateOptions;
use bitcoin_grpc_devnode::{Node, NodeOptions};

use measure::{MIB, memory, timed};

/// Memory that the whole may take at most, in bytes.
const MAX_MEMORY: u64 = 1024 * MIB;

/// Weight that a block may have.
const MAX_WEIGHT: u64 = 4_000_000;

/// How much is made.
struct Size {
    blocks: u32,
    waiting: usize,
    reorg: u32,
}

const WHOLE: Size = Size { blocks: 20_000, waiting: 50_000, reorg: 100 };
const SMOKE: Size = Size { blocks: 300, waiting: 2_000, reorg: 10 };

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let size = if smoke { SMOKE } else { WHOLE };
    for generation in [Generation::Pr29409May2025, Generation::Core32] {
        println!("\n{}", generation.label());
        run(generation, &size);
    }
    assert!(memory() < MAX_MEMORY, "{} MiB is too much", memory() / MIB);
}

fn run(generation: Generation, size: &Size) {
    let mut node = Node::new(NodeOptions::for_generation(generation));
    node.generate(110).expect("mined");
    let coins = coins::fan_out(&mut node, size.waiting);
    let missing = size.blocks - node.height();
    timed(&format!("{missing} blocks mined, with filters"), || {
        node.generate(missing).expect("mined")
    });
    node.take_events();
    let transactions = coins::transactions(coins, size.waiting);
    timed(&format!("{} transactions taken in", transactions.len()), || {
        for tx in transactions {
            assert!(node.submit_transaction(tx, 0).is_accepted());
        }
    });
    assert_eq!(node.mempool().len(), size.waiting);
    node.take_events();
    let options = TemplateOptions::default();
    let template = timed("a block template of them", || node.create_template(&options));
    assert!(template.block.weight().to_wu() <= MAX_WEIGHT);
    let told = timed("all of them in order", || node.mempool_transactions().len());
    assert_eq!(told, size.waiting);
    blocks_and_back(&mut node, size);
    heavy_block(&mut node);
    println!("{:>10} MiB in use", memory() / MIB);
}

/// Mines some of what waits, and takes it back.
fn blocks_and_back(node: &mut Node, size: &Size) {
    let (height, waiting) = (node.height(), node.mempool().len());
    let (_, coins) = (node.tip().hash(), node.coins().len());
    timed("a block of what waits, mined and connected", || node.generate(1).expect("mined"));
    let mined = waiting - node.mempool().len();
    assert!(mined > 0);
    node.generate(size.reorg - 1).expect("mined");
    let tip = timed(&format!("a reorganisation of {} blocks", size.reorg), || {
        node.reorganise(size.reorg).expect("reorganised")
    });
    assert_eq!((node.tip().hash(), node.height()), (tip, height + size.reorg + 1));
    assert_eq!(node.mempool().len(), waiting, "what was mined waits again");
    // The branch has one coinbase more than blocks were there before.
    assert_eq!(node.coins().len(), coins + size.reorg as usize + 1);
    node.take_events();
}

/// A block of all the weight that there may be.
fn heavy_block(node: &mut Node) {
    let filler = coins::filler(node);
    let script = TemplateOptions::default().script_pubkey;
    let hash = timed("a block of full weight, mined and connected", || {
        node.mine_transactions(filler, &script).expect("mined")
    });
    let block = node.find_block(&hash).and_then(|view| view.block().cloned()).expect("stored");
    let weight = block.weight().to_wu();
    assert!((MAX_WEIGHT - 1_000..=MAX_WEIGHT).contains(&weight), "{weight}");
    node.take_events();
}
