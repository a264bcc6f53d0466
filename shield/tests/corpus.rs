//! Replays what the fuzzers found worth keeping, without a fuzzer.
#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::path::Path;

use bitcoin_grpc_shield::mutate::read;
use bitcoin_grpc_shield::{Tally, Target, end, run};

/// Sends the corpus of a target to all generations in turn; a failure ends it.
fn replay(target: Target) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target.name());
    let inputs = read(&corpus).unwrap();
    assert!(inputs.len() >= 20, "{} inputs in {}", inputs.len(), corpus.display());
    for input in &inputs {
        run(target, input);
    }
    end();
    let sent = Tally::now().sent[target as usize];
    assert!(sent >= inputs.len() as u64, "{sent} requests were sent");
}

#[test]
fn requests() {
    replay(Target::Requests);
}

#[test]
fn messages() {
    replay(Target::Messages);
}

#[test]
fn bytes() {
    replay(Target::Bytes);
}
