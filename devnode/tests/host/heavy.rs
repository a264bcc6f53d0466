//! The largest block there can be, asked for at the socket.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use bitcoin_grpc_contract::{Reply, Request, v1};
use bitcoin_grpc_devnode::Node;
use bitcoin_grpc_devnode::miner::TemplateOptions;
use bytes::Bytes;

use crate::client::{PROFILE, soon, with_faults};

/// Weight that a block may have.
const MAX_WEIGHT: u64 = 4_000_000;

fn spend(outpoint: OutPoint, sat: u64, script: &ScriptBuf) -> Transaction {
    let input = TxIn {
        previous_output: outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let output = TxOut { value: Amount::from_sat(sat), script_pubkey: script.clone() };
    let version = Version::TWO;
    Transaction { version, lock_time: LockTime::ZERO, input: vec![input], output: vec![output] }
}

/// Mines a block of exactly the largest weight; gives its bytes and its hash.
fn mine(node: &mut Node) -> (Vec<u8>, [u8; 32]) {
    node.generate(101).unwrap();
    let script = TemplateOptions::default().script_pubkey;
    let first = node.index().active_at(1).unwrap();
    let coinbase = &node.index().entry(first).block().unwrap().txdata[0];
    let coin = OutPoint { txid: coinbase.compute_txid(), vout: 0 };
    let sat = coinbase.output[0].value.to_sat();
    // A witness program of a version without rules: anyone can spend it, with any witness (BIP 141).
    let program = ScriptBuf::from_bytes([&[0x60, 32], [7; 32].as_slice()].concat());
    let parent = spend(coin, sat, &program);
    let mut child = spend(OutPoint { txid: parent.compute_txid(), vout: 0 }, sat, &script);
    let block =
        |child: &Transaction| node.build_block(vec![parent.clone(), child.clone()], &script);
    // Filled but for what the length of the last witness element takes.
    child.input[0].witness.push(vec![7; 3_000_000]);
    let missing = MAX_WEIGHT - block(&child).unwrap().weight().to_wu();
    child.input[0].witness.push(vec![7; missing as usize - 5]);
    let block = block(&child).unwrap();
    assert_eq!(block.weight().to_wu(), MAX_WEIGHT);
    let bytes = bitcoin::consensus::encode::serialize(&block);
    let hash = *bitcoin::hashes::Hash::as_byte_array(&block.block_hash());
    assert!(node.submit_block(block).is_connected());
    (bytes, hash)
}

#[test]
fn a_block_of_full_weight_is_served() {
    with_faults(PROFILE, &[], async |world| {
        let (bytes, hash) = world.host.with(mine).await.unwrap();
        let (client, chain) = world.chain().await;
        let request = Request::ChainFindBlock(v1::ChainFindBlockRequest {
            hash: Bytes::copy_from_slice(&hash),
            block: Some(v1::FoundBlockParam { want_data: true, ..Default::default() }),
        });
        let Reply::ChainFindBlock(reply) = soon(client.ask(&chain, &request)).await.unwrap() else {
            panic!("another reply")
        };
        let found = reply.block.expect("found");
        assert!(bytes.len() > 3_900_000);
        assert!(found.data.expect("its bytes") == bytes);
    });
}
