//! Wallets by name: found, let go of, and kept from what would end them.

use std::time::Duration;

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin_grpc_contract::{Method, Reply, Request, v1};
use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::fake::Answer;
use super::requests::{hash, transaction};
use super::{Bench, LONG, local, now};
use crate::error::CallError;

const FEBRUARY: &str = "pr10102-2026-02";

async fn bench(answer: impl Fn(Request) -> Option<Answer> + 'static, wallets: &[&str]) -> Bench {
    let bench = Bench::start(FEBRUARY, answer, |_| {}).await;
    *bench.node.wallets.borrow_mut() = wallets.iter().map(|&name| name.to_owned()).collect();
    bench
}

fn balance(wallet: &str) -> v1::WalletGetBalanceRequest {
    v1::WalletGetBalanceRequest { wallet: wallet.to_owned() }
}

/// A wallet with a balance, and one transaction of one output, whose id is that of [`transaction`].
fn wallet(request: Request) -> Option<Answer> {
    match request {
        Request::WalletGetBalance(_) => {
            now(Reply::WalletGetBalance(v1::WalletGetBalanceResponse { balance_sat: 7 }))
        }
        Request::WalletGetTx(q) => {
            let tx = (q.txid == known()).then(transaction);
            now(Reply::WalletGetTx(v1::WalletGetTxResponse { tx }))
        }
        Request::WalletAbandonTransaction(_) => {
            now(Reply::WalletAbandonTransaction(Default::default()))
        }
        Request::WalletGetCoins(_) => now(Reply::WalletGetCoins(Default::default())),
        Request::WalletGetCredit(_) => now(Reply::WalletGetCredit(Default::default())),
        Request::WalletCommitTransaction(_) => {
            now(Reply::WalletCommitTransaction(Default::default()))
        }
        Request::WalletPrivateKeysDisabled(_) => {
            now(Reply::WalletPrivateKeysDisabled(v1::WalletPrivateKeysDisabledResponse {
                private_keys_disabled: true,
            }))
        }
        _ => None,
    }
}

fn known() -> Bytes {
    let tx: bitcoin::Transaction = deserialize(&transaction()).unwrap();
    Bytes::copy_from_slice(bitcoin::hashes::Hash::as_byte_array(&tx.compute_txid()))
}

/// Spends what a transaction has in its first output.
fn spending(txid: &Bytes) -> Bytes {
    let mut tx: bitcoin::Transaction = deserialize(&transaction()).unwrap();
    tx.input[0].previous_output.txid = deserialize(txid).unwrap();
    Bytes::from(serialize(&tx))
}

/// Waits until nothing is held.
async fn nothing_held(bench: &Bench) {
    let gone = async {
        while bench.node.held.get() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, gone).await.unwrap_or_else(|_| panic!("{} are held", bench.node.held.get()));
    assert_eq!(bench.node.too_late.get(), 0);
}

#[test]
fn a_wallet_is_found_by_its_name_and_let_go() {
    local(async || {
        let bench = bench(wallet, &["", "savings"]).await;
        for name in ["savings", "", "savings"] {
            assert_eq!(bench.ask(balance(name)).await.unwrap().balance_sat, 7);
        }
        // They were looked up once, as they were kept for a moment.
        assert_eq!(bench.node.count(Method::WalletLoaderGetWallets), 1);
        assert_eq!(bench.node.held.get(), 2);
        nothing_held(&bench).await;
        assert_eq!(bench.ask(balance("savings")).await.unwrap().balance_sat, 7);
        assert_eq!(bench.node.count(Method::WalletLoaderGetWallets), 2);
        bench.handle.shutdown().await;
        assert_eq!((bench.node.held.get(), bench.node.too_late.get()), (0, 0));
    });
}

#[test]
fn a_wallet_in_steady_use_is_let_go_all_the_same() {
    local(async || {
        let bench = bench(wallet, &["busy"]).await;
        let began = tokio::time::Instant::now();
        let mut refused = None;
        while refused.is_none() && began.elapsed() < LONG {
            refused = bench.ask(balance("busy")).await.err();
            // Unloaded a moment after the first call.
            bench.node.wallets.borrow_mut().clear();
        }
        assert_eq!(refused, Some(CallError::WalletNotLoaded("busy".to_owned())));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        nothing_held(&bench).await;
    });
}

#[test]
fn wallets_that_are_returned_are_named_and_let_go() {
    local(async || {
        let bench = bench(wallet, &["a", "b"]).await;
        let names = bench.ask(v1::WalletLoaderGetWalletsRequest {}).await.unwrap().wallet_names;
        assert_eq!(names, ["a", "b"]);
        nothing_held(&bench).await;
        let load = v1::WalletLoaderLoadWalletRequest { name: "x".to_owned() };
        let loaded = bench.ask(load).await.unwrap().outcome;
        let expected = v1::wallet_loader_load_wallet_response::Outcome::WalletName("loaded".into());
        assert_eq!(loaded, Some(expected));
        nothing_held(&bench).await;
    });
}

#[test]
fn what_ends_a_wallet_is_not_sent() {
    local(async || {
        let bench = bench(wallet, &["w"]).await;
        let w = || "w".to_owned();
        let reason = |error: CallError| error.reason();
        const REFUSED: Result<(), &str> = Err("REFUSED_FOR_SAFETY");

        let abandon = async |txid| {
            let request = v1::WalletAbandonTransactionRequest { wallet: w(), txid };
            bench.ask(request).await.map(|_| ()).map_err(reason)
        };
        assert_eq!(abandon(hash(9)).await, REFUSED);
        assert_eq!(bench.node.count(Method::WalletAbandonTransaction), 0);
        assert_eq!(abandon(known()).await, Ok(()));

        let coins = async |txid, vout| {
            let outpoints = vec![v1::OutPoint { txid, vout }];
            let request = v1::WalletGetCoinsRequest { wallet: w(), outpoints };
            bench.ask(request).await.map(|_| ()).map_err(reason)
        };
        assert_eq!(coins(known(), 1).await, REFUSED);
        assert_eq!(bench.node.count(Method::WalletGetCoins), 0);
        assert_eq!(coins(known(), 0).await, Ok(()));
        assert_eq!(coins(hash(9), 9).await, Ok(()));

        let credit = async |value_sat| {
            let txout = Some(v1::TxOut { value_sat, script_pubkey: Bytes::from_static(&[0x51]) });
            let request = v1::WalletGetCreditRequest { wallet: w(), txout };
            bench.ask(request).await.map(|_| ()).map_err(reason)
        };
        assert_eq!(credit(-1).await, Err("INVALID_FIELD"));
        assert_eq!(credit(2_100_000_000_000_001).await, Err("INVALID_FIELD"));
        assert_eq!(bench.node.count(Method::WalletGetCredit), 0);
        assert_eq!(credit(2_100_000_000_000_000).await, Ok(()));

        let commit = async |tx| {
            let request =
                v1::WalletCommitTransactionRequest { wallet: w(), tx, ..Default::default() };
            bench.ask(request).await.map(|_| ()).map_err(reason)
        };
        assert_eq!(commit(transaction()).await, REFUSED);
        assert_eq!(commit(spending(&hash(9))).await, REFUSED);
        assert_eq!(bench.node.count(Method::WalletCommitTransaction), 0);
        assert_eq!(commit(spending(&known())).await, Ok(()));

        let encrypt = v1::WalletEncryptWalletRequest { wallet: w(), passphrase: hash(1) };
        assert_eq!(bench.ask(encrypt).await.map(|_| ()).map_err(reason), REFUSED);
        assert_eq!(bench.node.count(Method::WalletEncryptWallet), 0);
        nothing_held(&bench).await;
    });
}

/// The transaction of [`transaction`] with a pay-to-anchor output beside.
fn anchored() -> bitcoin::Transaction {
    let mut tx: bitcoin::Transaction = deserialize(&transaction()).unwrap();
    let script_pubkey = bitcoin::ScriptBuf::from_bytes(vec![0x51, 0x02, 0x4e, 0x73]);
    tx.output.push(bitcoin::TxOut { value: bitcoin::Amount::ZERO, script_pubkey });
    tx
}

/// What RPC tells of a wallet: how many transactions it has, and of the last that it is `txid`.
fn told(q: &v1::NodeExecuteRpcRequest, transactions: usize, txid: &str, labels: &str) -> String {
    let params: serde_json::Value = serde_json::from_str(&q.params).unwrap();
    match q.method.as_str() {
        "listtransactions" => {
            assert_eq!(q.uri, "/wallet/a%20b");
            let (count, skip) = (params[1].as_u64().unwrap(), params[2].as_u64().unwrap());
            let end = transactions.min((skip + count) as usize);
            let entry = |i| match i == transactions - 1 {
                true => serde_json::json!({ "txid": txid }),
                // A payment to several has as many entries.
                false => serde_json::json!({ "txid": format!("{:064x}", i % 150) }),
            };
            serde_json::Value::from((skip as usize..end).map(entry).collect::<Vec<_>>()).to_string()
        }
        "getaddressinfo" => format!("{{\"labels\":{labels}}}"),
        _ => "7".to_owned(),
    }
}

#[test]
fn a_wallet_with_a_pay_to_anchor_output_is_not_asked_to_tell_it() {
    local(async || {
        let harmless = deserialize::<bitcoin::Transaction>(&transaction()).unwrap();
        for (tx, count, labels, txs, addresses) in [
            (harmless.clone(), 1_500, "[]", Ok(()), Ok(())),
            (harmless.clone(), 10_000, "[]", Err("REFUSED_FOR_SAFETY"), Ok(())),
            (anchored(), 1_500, "[\"x\"]", Err("REFUSED_FOR_SAFETY"), Err("REFUSED_FOR_SAFETY")),
            (harmless, 1, "7", Ok(()), Err("REFUSED_FOR_SAFETY")),
        ] {
            let txid = tx.compute_txid();
            let wanted = Bytes::copy_from_slice(bitcoin::hashes::Hash::as_byte_array(&txid));
            let answer = move |request: Request| match request {
                Request::NodeExecuteRpc(q) => {
                    let result = told(&q, count, &txid.to_string(), labels);
                    now(Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse {
                        rpc_error: None,
                        result,
                    }))
                }
                Request::WalletGetTx(q) => {
                    let tx = (q.txid == wanted).then(|| Bytes::from(serialize(&tx)));
                    now(Reply::WalletGetTx(v1::WalletGetTxResponse { tx }))
                }
                Request::WalletGetWalletTxs(_) => {
                    now(Reply::WalletGetWalletTxs(Default::default()))
                }
                Request::WalletGetAddresses(_) => {
                    now(Reply::WalletGetAddresses(Default::default()))
                }
                _ => None,
            };
            let bench = bench(answer, &["a b"]).await;
            let reason = |error: CallError| error.reason();
            let wallet = || "a b".to_owned();
            let told = bench.ask(v1::WalletGetWalletTxsRequest { wallet: wallet() }).await;
            assert_eq!(told.map(|_| ()).map_err(reason), txs, "{count} {labels}");
            let told = bench.ask(v1::WalletGetAddressesRequest { wallet: wallet() }).await;
            assert_eq!(told.map(|_| ()).map_err(reason), addresses, "{count} {labels}");
            for (method, sent) in
                [(Method::WalletGetWalletTxs, txs), (Method::WalletGetAddresses, addresses)]
            {
                assert_eq!(bench.node.count(method), usize::from(sent.is_ok()), "{method:?}");
            }
        }
    });
}

#[test]
fn a_wallet_of_which_rpc_tells_nothing_is_not_asked_either() {
    local(async || {
        let answer = |request: Request| match request {
            Request::NodeExecuteRpc(q) if q.uri.starts_with("/wallet/") => {
                let rpc_error =
                    Some("{\"code\":-32601,\"message\":\"Method not found\"}".to_owned());
                let result = String::new();
                now(Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse { rpc_error, result }))
            }
            _ => None,
        };
        let bench = bench(answer, &["w"]).await;
        let wallet = || "w".to_owned();
        let told = bench.ask(v1::WalletGetWalletTxsRequest { wallet: wallet() }).await;
        assert_eq!(told.unwrap_err().reason(), "REFUSED_FOR_SAFETY");
        let told = bench.ask(v1::WalletGetAddressesRequest { wallet: wallet() }).await;
        assert_eq!(told.unwrap_err().reason(), "REFUSED_FOR_SAFETY");
    });
}
