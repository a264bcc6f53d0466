//! What is asked another way, and what is refused.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bitcoin_grpc_contract::{Method, Reply, Request, v1};
use bytes::Bytes;

use super::requests::{hash, transaction};
use super::{Bench, local, now};
use crate::error::CallError;

const MAY: &str = "pr29409-2025-05";
const FEBRUARY: &str = "pr10102-2026-02";

#[test]
fn a_block_hash_is_asked_for_without_a_risk() {
    local(async || {
        let bench = Bench::start(MAY, |_| None, |_| {}).await;
        let ask = async |height| {
            bench.ask(v1::ChainGetBlockHashRequest { height }).await.map(|r| r.block_hash)
        };
        assert_eq!(ask(3).await, Ok(hash(3)));
        assert_eq!(ask(0).await, Ok(hash(0)));
        assert_eq!(ask(8).await, Err(CallError::AboveTip { height: 8 }));
        assert_eq!(ask(i32::MAX).await, Err(CallError::AboveTip { height: i32::MAX }));
        assert_eq!(ask(-1).await.map_err(|error| error.reason()), Err("INVALID_FIELD"));
        assert_eq!(bench.node.count(Method::ChainGetBlockHash), 0);
    });
}

#[test]
fn a_block_of_another_height_is_above_the_tip() {
    local(async || {
        let answer = |request: Request| match request {
            Request::ChainFindFirstBlockWithTimeAndHeight(_) => {
                let block = v1::FoundBlockResult {
                    hash: Some(hash(9)),
                    height: Some(9),
                    found: true,
                    ..Default::default()
                };
                now(Reply::ChainFindFirstBlockWithTimeAndHeight(
                    v1::ChainFindFirstBlockWithTimeAndHeightResponse {
                        block: Some(block),
                        found: true,
                    },
                ))
            }
            _ => None,
        };
        let bench = Bench::start(MAY, answer, |_| {}).await;
        let answer = bench.ask(v1::ChainGetBlockHashRequest { height: 3 }).await;
        assert_eq!(answer, Err(CallError::AboveTip { height: 3 }));
    });
}

#[test]
fn memory_of_the_node_is_not_shown() {
    local(async || {
        let answer = |request: Request| match request {
            Request::ChainGetTransactionAncestry(_) => {
                now(Reply::ChainGetTransactionAncestry(v1::ChainGetTransactionAncestryResponse {
                    ancestor_vsize: 0xdead_beef,
                    ancestor_fees_sat: 7,
                    ..Default::default()
                }))
            }
            _ => None,
        };
        let bench = Bench::start(MAY, answer, |_| {}).await;
        let answer = bench.ask(v1::ChainGetTransactionAncestryRequest { txid: hash(1) }).await;
        assert_eq!(answer, Ok(v1::ChainGetTransactionAncestryResponse::default()));
    });
}

#[test]
fn a_transaction_asked_for_twice_is_sent_once() {
    local(async || {
        let asked: Rc<RefCell<Vec<usize>>> = Rc::default();
        let seen = Rc::clone(&asked);
        let answer = move |request: Request| match request {
            Request::MiningGetTransactionsByTxId(q) => {
                seen.borrow_mut().push(q.txids.len());
                let known =
                    |id: &Bytes| v1::MempoolTransaction { tx: (id[0] != 9).then(|| id.slice(..3)) };
                let transactions = q.txids.iter().map(known).collect();
                now(Reply::MiningGetTransactionsByTxId(v1::MiningGetTransactionsByTxIdResponse {
                    transactions,
                }))
            }
            _ => None,
        };
        let bench = Bench::start("core-32", answer, |_| {}).await;
        let ask = async |txids| bench.ask(v1::MiningGetTransactionsByTxIdRequest { txids }).await;
        let answer =
            ask(vec![hash(1), hash(9), hash(1), hash(2)]).await.expect("an answer").transactions;
        let first: Vec<_> = answer.iter().map(|t| t.tx.as_ref().map(|tx| tx[0])).collect();
        assert_eq!(first, [Some(1), None, Some(1), Some(2)]);
        let many =
            (0..1200_u16).map(|n| Bytes::from([n.to_le_bytes().repeat(16)].concat())).collect();
        assert_eq!(ask(many).await.expect("an answer").transactions.len(), 1200);
        assert_eq!(*asked.borrow(), [3, 500, 500, 200]);
    });
}

#[test]
fn a_long_wait_is_made_of_short_ones() {
    local(async || {
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        let answer = move |request: Request| match request {
            Request::MiningWaitTipChanged(q) if q.timeout_ms != Some(0.0) => {
                assert!(q.timeout_ms.is_some_and(|timeout| timeout <= 1_000.0));
                counted.set(counted.get() + 1);
                let height = if counted.get() < 3 { 7 } else { 8 };
                now(Reply::MiningWaitTipChanged(v1::MiningWaitTipChangedResponse {
                    tip: Some(super::fake::tip(height)),
                }))
            }
            _ => None,
        };
        let bench = Bench::start(MAY, answer, |_| {}).await;
        let wait =
            |timeout_ms| v1::MiningWaitTipChangedRequest { current_tip: hash(7), timeout_ms };
        let tip = bench.ask(wait(None)).await.expect("an answer").tip.expect("a tip");
        assert_eq!((tip.height, turns.get()), (8, 3));
        turns.set(0);
        let tip = bench.ask(wait(Some(1_500.0))).await.expect("an answer").tip.expect("a tip");
        assert_eq!((tip.height, turns.get()), (7, 2));
    });
}

#[test]
fn what_ends_a_running_node_is_refused() {
    local(async || {
        let bench = Bench::start(FEBRUARY, |_| None, |_| {}).await;
        let refused = |error: CallError| error.reason();
        assert_eq!(
            bench.ask(v1::NodeAppInitMainRequest {}).await.map_err(refused),
            Err("REFUSED_FOR_SAFETY")
        );
        assert_eq!(
            bench.ask(v1::NodeAppShutdownRequest {}).await.map_err(refused),
            Err("REFUSED_FOR_SAFETY")
        );
        let initialize = v1::NodeBaseInitializeRequest::default();
        assert_eq!(bench.ask(initialize).await.map_err(refused), Err("REFUSED_FOR_SAFETY"));
        let private = v1::ChainBroadcastTransactionRequest {
            tx: transaction(),
            max_tx_fee_sat: 0,
            broadcast_method: 2,
        };
        assert_eq!(bench.ask(private).await.map_err(refused), Err("REFUSED_FOR_SAFETY"));
        for method in [
            Method::NodeAppInitMain,
            Method::NodeAppShutdown,
            Method::NodeBaseInitialize,
            Method::ChainBroadcastTransaction,
        ] {
            assert_eq!(bench.node.count(method), 0, "{method:?}");
        }
    });
}

#[test]
fn what_the_node_lacks_is_said() {
    local(async || {
        let bench = Bench::start("core-32", |_| None, |_| {}).await;
        let reason = |error: CallError| error.reason();
        assert_eq!(
            bench.ask(v1::ChainGetHeightRequest {}).await.map_err(reason),
            Err("METHOD_NOT_IN_NODE")
        );
        let handle = || "no.lease".to_owned();
        let block = v1::BlockTemplateGetBlockRequest { handle: handle() };
        assert_eq!(bench.ask(block).await.map_err(reason), Err("LEASE_GONE"));
        assert_eq!(
            bench.ask(v1::MiningInterruptRequest {}).await.map_err(reason),
            Err("REFUSED_FOR_SAFETY")
        );
        let older = Bench::start("core-30", |_| None, |_| {}).await;
        let coinbase = v1::BlockTemplateGetCoinbaseTxRequest { handle: handle() };
        assert_eq!(older.ask(coinbase).await.map_err(reason), Err("METHOD_NOT_IN_NODE"));
    });
}

#[test]
fn an_exception_is_the_nodes_refusal() {
    local(async || {
        let bench = Bench::start("core-32", |_| None, |_| {}).await;
        let answer = bench.ask(v1::MiningIsTestChainRequest {}).await;
        assert_eq!(
            answer,
            Err(CallError::NodeException("no answer to Mining.IsTestChain".to_owned()))
        );
    });
}
