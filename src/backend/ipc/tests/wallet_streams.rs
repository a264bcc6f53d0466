//! Streams of wallets: one registration for each wallet and kind, gone with the wallet.

use std::time::Duration;

use bitcoin_grpc_contract::{Event, Method, Request, v1};
use bytes::Bytes;
use futures_util::StreamExt;
use prost::Message;
use tokio::time::timeout;

use super::streams::{end, open, registered};
use super::{Bench, LONG, local, settle};
use crate::backend::ipc::{IpcConfig, Notifications, Place, StreamHub};
use crate::error::CallError;
use crate::stream::EventStream;

const FEBRUARY: &str = "pr10102-2026-02";

/// Every generation with wallets.
const GENERATIONS: [&str; 3] = ["pr10102-2024-07", FEBRUARY, "pr10102-2026-07"];

async fn bench(profile: &str, wallets: &[&str]) -> Bench {
    let always = |config: &mut IpcConfig| config.notifications = Notifications::Always;
    let bench = Bench::start(profile, |_| None, always).await;
    *bench.node.wallets.borrow_mut() = wallets.iter().map(|&name| name.to_owned()).collect();
    bench
}

fn transactions(wallet: &str) -> Request {
    let wallet = wallet.to_owned();
    Request::WalletHandleTransactionChanged(v1::WalletHandleTransactionChangedRequest { wallet })
}

fn unloading(wallet: &str) -> Request {
    let wallet = wallet.to_owned();
    Request::WalletHandleUnload(v1::WalletHandleUnloadRequest { wallet })
}

fn loading() -> Request {
    Request::WalletLoaderHandleLoadWallet(Default::default())
}

fn changed(byte: u8) -> Event {
    let txid = Bytes::from(vec![byte; 32]);
    Event::TransactionChangedCallbackCall(v1::TransactionChangedEvent { txid, change: 1 })
}

/// Every stream of a wallet, and an event of it.
fn all(wallet: &str) -> [(Request, Event); 6] {
    let wallet = || wallet.to_owned();
    let destination = Some(v1::TxDestination::default());
    let entry = v1::AddressBookChangedEvent { destination, ..Default::default() };
    [
        (unloading(&wallet()), Event::UnloadWalletCallbackCall(Default::default())),
        (
            Request::WalletHandleShowProgress(v1::WalletHandleShowProgressRequest {
                wallet: wallet(),
            }),
            Event::ShowWalletProgressCallbackCall(v1::ShowWalletProgressEvent {
                title: "rescan".to_owned(),
                progress_percent: 7,
            }),
        ),
        (
            Request::WalletHandleStatusChanged(v1::WalletHandleStatusChangedRequest {
                wallet: wallet(),
            }),
            Event::StatusChangedCallbackCall(Default::default()),
        ),
        (
            Request::WalletHandleAddressBookChanged(v1::WalletHandleAddressBookChangedRequest {
                wallet: wallet(),
            }),
            Event::AddressBookChangedCallbackCall(entry),
        ),
        (transactions(&wallet()), changed(1)),
        (
            Request::WalletHandleCanGetAddressesChanged(
                v1::WalletHandleCanGetAddressesChangedRequest { wallet: wallet() },
            ),
            Event::CanGetAddressesChangedCallbackCall(Default::default()),
        ),
    ]
}

/// The id of the transaction in the next message, and the message's number.
async fn next_change(events: &mut EventStream) -> (u64, Bytes) {
    let message = timeout(LONG, events.next()).await.expect("in time").expect("more").unwrap();
    let decoded = v1::WalletHandleTransactionChangedResponse::decode(message.event).unwrap();
    let Some(v1::wallet_handle_transaction_changed_response::Event::TransactionChanged(change)) =
        decoded.event
    else {
        return (message.sequence, Bytes::new());
    };
    (message.sequence, change.txid)
}

/// Names of the wallets that the next messages say were loaded.
async fn loaded(events: &mut EventStream) -> String {
    let message = timeout(LONG, events.next()).await.expect("in time").expect("more").unwrap();
    let decoded = v1::WalletLoaderHandleLoadWalletResponse::decode(message.event).unwrap();
    match decoded.event {
        Some(v1::wallet_loader_handle_load_wallet_response::Event::LoadWallet(e)) => e.wallet_name,
        other => format!("{other:?}"),
    }
}

async fn nothing_held(bench: &Bench) {
    let gone = async {
        while bench.node.held.get() > 0 {
            settle().await;
        }
    };
    timeout(LONG, gone).await.unwrap_or_else(|_| panic!("{} are held", bench.node.held.get()));
    assert_eq!(bench.node.too_late.get(), 0);
}

#[test]
fn each_kind_of_each_generation_reaches_its_subscriber_as_the_node_said_it() {
    local(async || {
        for profile in GENERATIONS {
            let bench = bench(profile, &["w"]).await;
            for (request, event) in all("w") {
                let method = request.method();
                let mut events = open(&bench, request).await.unwrap();
                assert_eq!(events.next().await.unwrap().unwrap().sequence, 1);
                bench.node.tell(method, &event).await;
                let message = events.next().await.unwrap().unwrap();
                let mut expected = Vec::new();
                event.encode_field(method.event_field(event.inner()).unwrap(), &mut expected);
                assert_eq!(message.event, expected, "{}", method.info().full_name);
                assert_eq!(message.sequence, 2);
                drop(events);
                registered(&bench, 0).await;
            }
            nothing_held(&bench).await;
            bench.handle.shutdown().await;
        }
    });
}

#[test]
fn subscribers_of_a_wallet_share_a_registration_and_other_wallets_have_their_own() {
    local(async || {
        let bench = bench(FEBRUARY, &["a", "b"]).await;
        let mut first = open(&bench, transactions("a")).await.unwrap();
        let mut second = open(&bench, transactions("a")).await.unwrap();
        let mut other = open(&bench, transactions("b")).await.unwrap();
        assert_eq!(bench.node.count(Method::WalletHandleTransactionChanged), 2);
        let objects: Vec<_> = bench.node.registered.borrow().iter().map(|r| r.2.clone()).collect();
        bench.node.tell_one(&objects[0], &changed(1)).await;
        bench.node.tell_one(&objects[1], &changed(2)).await;
        for (events, byte) in [(&mut first, 1), (&mut second, 1), (&mut other, 2)] {
            assert_eq!(next_change(events).await.0, 1);
            assert_eq!(next_change(events).await, (2, Bytes::from(vec![byte; 32])));
        }
        // None of them keeps the wallet from being unloaded.
        nothing_held(&bench).await;
        assert_eq!(bench.node.registered.borrow().len(), 2);
        drop((first, second));
        registered(&bench, 1).await;
        bench.handle.shutdown().await;
        assert_eq!(end(&mut other).await, Some(CallError::Draining.after(2)));
        assert_eq!((bench.node.registered.borrow().len(), bench.node.held.get()), (0, 0));
        assert_eq!(bench.node.collisions.get(), 0);
    });
}

#[test]
fn a_wallet_that_is_unloaded_ends_its_streams_and_no_other() {
    local(async || {
        let bench = bench(FEBRUARY, &["a", "b"]).await;
        let mut other = open(&bench, transactions("b")).await.unwrap();
        let mut changes = open(&bench, transactions("a")).await.unwrap();
        let mut unloads = open(&bench, unloading("a")).await.unwrap();
        registered(&bench, 3).await;
        bench.node.wallets.borrow_mut().retain(|name| name != "a");
        let since = std::time::Instant::now();
        let unload = Event::UnloadWalletCallbackCall(Default::default());
        bench.node.tell(Method::WalletHandleUnload, &unload).await;
        // The event itself is the last of its stream.
        assert_eq!(unloads.by_ref().count().await, 2);
        assert_eq!(end(&mut unloads).await, None);
        let gone = CallError::WalletNotLoaded("a".to_owned());
        assert_eq!(end(&mut changes).await, Some(gone.clone().after(1)));
        registered(&bench, 1).await;
        assert_eq!(bench.node.registered.borrow()[0].1, Method::WalletHandleTransactionChanged);
        assert!(since.elapsed() < Duration::from_secs(10));
        assert_eq!(open(&bench, transactions("a")).await.unwrap_err(), gone);
        bench.node.tell(Method::WalletHandleTransactionChanged, &changed(2)).await;
        assert_eq!(next_change(&mut other).await.0, 1);
        assert_eq!(next_change(&mut other).await, (2, Bytes::from(vec![2; 32])));
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_wallet_is_held_until_nobody_listens_for_its_unloading() {
    local(async || {
        let bench = bench(FEBRUARY, &["a"]).await;
        let unloads = open(&bench, unloading("a")).await.unwrap();
        // Longer than wallets are kept otherwise.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(bench.node.held.get(), 1);
        bench.node.wallets.borrow_mut().clear();
        let unload = Event::UnloadWalletCallbackCall(Default::default());
        bench.node.tell(Method::WalletHandleUnload, &unload).await;
        // That its client reads nothing makes no difference.
        nothing_held(&bench).await;
        assert_eq!(bench.node.registered.borrow().len(), 0);
        drop(unloads);
        bench.handle.shutdown().await;
    });
}

#[test]
fn who_wants_to_hear_of_an_unloading_that_has_begun_is_told_so() {
    local(async || {
        let bench = bench(FEBRUARY, &["a"]).await;
        // The wallet is at hand when it leaves the list.
        drop(open(&bench, transactions("a")).await.unwrap());
        bench.node.wallets.borrow_mut().clear();
        let refused = open(&bench, unloading("a")).await.unwrap_err();
        assert_eq!(refused, CallError::WalletNotLoaded("a".to_owned()));
        assert_eq!(bench.node.count(Method::WalletHandleUnload), 1);
        registered(&bench, 0).await;
        nothing_held(&bench).await;
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_wallet_that_lets_go_of_our_object_is_gone_and_may_come_back() {
    local(async || {
        let bench = bench(FEBRUARY, &["a"]).await;
        let mut changes = open(&bench, transactions("a")).await.unwrap();
        bench.node.release(Method::WalletHandleTransactionChanged).await;
        let gone = CallError::WalletNotLoaded("a".to_owned());
        assert_eq!(end(&mut changes).await, Some(gone.after(1)));
        registered(&bench, 0).await;
        let mut changes = open(&bench, transactions("a")).await.unwrap();
        bench.node.tell(Method::WalletHandleTransactionChanged, &changed(3)).await;
        assert_eq!(next_change(&mut changes).await.0, 1);
        assert_eq!(next_change(&mut changes).await, (2, Bytes::from(vec![3; 32])));
        bench.handle.shutdown().await;
    });
}

#[test]
fn wallets_that_are_loaded_are_told_by_name_in_order_and_let_go() {
    local(async || {
        for profile in GENERATIONS {
            let bench = bench(profile, &[]).await;
            let mut events = open(&bench, loading()).await.unwrap();
            assert!(loaded(&mut events).await.contains("Started"));
            for name in ["savings", "", "ünïcode"] {
                bench.node.load(name).await;
            }
            for name in ["savings", "", "ünïcode"] {
                assert_eq!(loaded(&mut events).await, name, "{profile}");
            }
            // They are at hand for who asks at once.
            assert_eq!(bench.node.held.get(), 3);
            assert!(open(&bench, transactions("savings")).await.is_ok());
            assert_eq!(bench.node.count(Method::WalletLoaderGetWallets), 0);
            nothing_held(&bench).await;
            bench.handle.shutdown().await;
            assert_eq!(bench.node.collisions.get(), 0);
        }
    });
}

#[test]
fn wallets_that_are_loaded_as_everything_ends_are_let_go_too() {
    local(async || {
        let bench = bench(FEBRUARY, &[]).await;
        let mut events = open(&bench, loading()).await.unwrap();
        for _ in 0..10 {
            bench.node.load("w").await;
        }
        bench.handle.shutdown().await;
        assert_eq!(end(&mut events).await.unwrap().reason(), "DRAINING");
        assert_eq!((bench.node.held.get(), bench.node.too_late.get()), (0, 0));
    });
}

#[test]
fn registrations_of_wallets_are_bounded() {
    local(async || {
        let names: Vec<_> = (0..23).map(|number| format!("w{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let bench = bench(FEBRUARY, &names).await;
        let mut streams = Vec::new();
        let mut refused = Vec::new();
        for (request, _) in names.iter().flat_map(|name| all(name)) {
            match open(&bench, request).await {
                Ok(stream) => streams.push(stream),
                Err(error) => refused.push(error),
            }
        }
        assert_eq!((streams.len(), refused.len()), (128, 23 * 6 - 128));
        assert!(refused.iter().all(|error| *error == CallError::TooManyStreams { limit: 128 }));
        // Who subscribes to what is registered already needs no place.
        assert!(open(&bench, transactions("w0")).await.is_ok());
        drop(streams.pop());
        registered(&bench, 127).await;
        assert!(open(&bench, unloading("w22")).await.is_ok());
        drop(streams);
        registered(&bench, 0).await;
        bench.handle.shutdown().await;
    });
}

#[test]
fn streams_of_an_unknown_wallet_leave_nothing() {
    local(async || {
        let bench = bench(FEBRUARY, &["a"]).await;
        for _ in 0..200 {
            let refused = open(&bench, transactions("nobody")).await.unwrap_err();
            assert_eq!(refused, CallError::WalletNotLoaded("nobody".to_owned()));
        }
        assert_eq!(bench.node.count(Method::WalletHandleTransactionChanged), 0);
        assert!(open(&bench, transactions("a")).await.is_ok());
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_node_that_does_not_survive_us_is_given_no_object_of_a_wallet() {
    local(async || {
        let bench = Bench::start(FEBRUARY, |_| None, |_| {}).await;
        bench.node.wallets.borrow_mut().push("a".to_owned());
        for request in [transactions("a"), loading()] {
            let refused = open(&bench, request).await.unwrap_err();
            assert_eq!(refused.reason(), "NOTIFICATIONS_UNSAFE");
        }
        assert_eq!(bench.node.handlers.get(), 0);
        bench.handle.shutdown().await;
    });
}

#[test]
fn pools_that_share_their_streams_register_once() {
    local(async || {
        let shared = StreamHub::shared();
        let bench = Bench::start("pr10102-2026-07", |_| None, |c| c.streams = shared.clone()).await;
        let config = IpcConfig {
            place: Place::Unix(bench.node.socket.clone()),
            settle: Duration::ZERO,
            socket_age: Duration::ZERO,
            streams: shared,
            ..IpcConfig::default()
        };
        let (pool, mut states, handle) = crate::backend::ipc::IpcPool::start(config);
        let ready = |state: &crate::backend::NodeState| {
            matches!(state, crate::backend::NodeState::Ready(_))
        };
        timeout(LONG, states.wait_for(ready)).await.unwrap().unwrap();
        let method = Method::NodeHandleNotifyBlockTip;
        let tips = || Request::NodeHandleNotifyBlockTip(Default::default());
        let mut first = open(&bench, tips()).await.unwrap();
        let second = super::Bench { pool, ..bench };
        let mut other = open(&second, tips()).await.unwrap();
        assert_eq!(second.node.count(method), 1);
        let event = Event::NotifyBlockTipCallbackCall(Default::default());
        second.node.tell(method, &event).await;
        for events in [&mut first, &mut other] {
            assert_eq!(events.next().await.unwrap().unwrap().sequence, 1);
            assert_eq!(events.next().await.unwrap().unwrap().sequence, 2);
        }
        handle.shutdown().await;
        assert!(events_go_on(&second, method, &event, &mut first).await);
        second.handle.shutdown().await;
        assert_eq!(end(&mut other).await.unwrap().reason(), "DRAINING");
    });
}

async fn events_go_on(
    bench: &Bench,
    method: Method,
    event: &Event,
    events: &mut EventStream,
) -> bool {
    bench.node.tell(method, event).await;
    timeout(LONG, events.next()).await.is_ok_and(|message| message.is_some_and(|m| m.is_ok()))
}
