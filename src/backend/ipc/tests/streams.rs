//! Streams: what the node sees of our objects, and what subscribers see of the node.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bitcoin_grpc_contract::v1::chain_handle_notifications_response::Event as Field;
use bitcoin_grpc_contract::{CallbackAnswer, Event, Inner, Method, Request, v1};
use bytes::Bytes;
use futures_util::StreamExt;
use prost::Message;
use tokio::time::timeout;
use tower::Service;

use super::{Bench, Hold, LONG, local, now, settle};
use crate::backend::NodeState;
use crate::backend::ipc::{IpcConfig, Notifications};
use crate::call::{Call, Caller};
use crate::error::CallError;
use crate::stream::EventStream;

/// The generation whose nodes do not survive us, and one that does.
const FRAGILE: &str = "pr10102-2026-02";
const STURDY: &str = "pr10102-2026-07";

async fn bench(profile: &str) -> Bench {
    Bench::start(profile, |_| None, always).await
}

fn always(config: &mut IpcConfig) {
    config.notifications = Notifications::Always;
}

pub(super) async fn open(bench: &Bench, request: Request) -> Result<EventStream, CallError> {
    let call = Call {
        request,
        caller: Caller::Local,
        grants: Default::default(),
        deadline: None,
        listener: 0,
        line: 0,
        trace: Default::default(),
    };
    timeout(LONG, bench.pool.clone().call(call)).await.expect("in time")?.into_stream()
}

fn notifications() -> Request {
    Request::ChainHandleNotifications(v1::ChainHandleNotificationsRequest::default())
}

fn blocks(include_block_data: bool) -> Request {
    let kinds = vec![v1::ChainNotificationKind::BlockConnected.into()];
    Request::ChainHandleNotifications(v1::ChainHandleNotificationsRequest {
        kinds,
        include_block_data,
        ..Default::default()
    })
}

fn added(tx: &'static [u8]) -> Event {
    let tx = Bytes::from_static(tx);
    Event::ChainNotificationsTransactionAddedToMempool(v1::TransactionAddedToMempoolEvent { tx })
}

fn connected(data: &'static [u8]) -> Event {
    let block = v1::BlockInfo { data: Some(Bytes::from_static(data)), ..Default::default() };
    Event::ChainNotificationsBlockConnected(v1::BlockConnectedEvent {
        block: Some(block),
        ..Default::default()
    })
}

/// The next message's number and event.
async fn next(events: &mut EventStream) -> (u64, Field) {
    let message = timeout(LONG, events.next()).await.expect("in time").expect("more").unwrap();
    let decoded = v1::ChainHandleNotificationsResponse::decode(message.event).unwrap();
    (message.sequence, decoded.event.expect("an event"))
}

/// How a stream ends, after its messages.
pub(super) async fn end(events: &mut EventStream) -> Option<CallError> {
    loop {
        match timeout(LONG, events.next()).await.expect("in time") {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                assert!(events.next().await.is_none(), "a stream went on after its error");
                return Some(error);
            }
            None => return None,
        }
    }
}

pub(super) async fn registered(bench: &Bench, number: usize) {
    let all = async {
        while bench.node.registered.borrow().len() != number {
            settle().await;
        }
    };
    timeout(LONG, all).await.expect("the registrations in time");
}

#[test]
fn many_subscribers_share_one_registration_and_one_encoding() {
    local(async || {
        let bench = bench(STURDY).await;
        let mut streams = Vec::new();
        for _ in 0..5 {
            streams.push(open(&bench, notifications()).await.unwrap());
        }
        assert_eq!(bench.node.count(Method::ChainHandleNotifications), 1);
        let method = Method::ChainHandleNotifications;
        for tx in [b"one".as_slice(), b"two"] {
            bench.node.tell(method, &added(tx)).await;
        }
        let mut shared = Vec::new();
        for stream in &mut streams {
            let (number, started) = next(stream).await;
            let Field::Started(started) = started else { panic!("{started:?}") };
            assert_eq!((number, started.tip_height), (1, 7));
            let message = stream.next().await.unwrap().unwrap();
            assert_eq!(message.sequence, 2);
            shared.push(message.event);
            let (number, second) = next(stream).await;
            let tx = Bytes::from_static(b"two");
            let expected = v1::TransactionAddedToMempoolEvent { tx };
            assert_eq!((number, second), (3, Field::TransactionAddedToMempool(expected)));
        }
        assert!(shared.iter().all(|event| event.as_ptr() == shared[0].as_ptr()), "encoded twice");
        bench.handle.shutdown().await;
    });
}

#[test]
fn the_last_subscriber_that_leaves_ends_the_registration_and_the_next_begins_anew() {
    local(async || {
        let bench = bench(STURDY).await;
        let (first, second) =
            (open(&bench, notifications()).await, open(&bench, blocks(false)).await);
        drop(first);
        settle().await;
        assert_eq!(bench.node.registered.borrow().len(), 1);
        drop(second);
        registered(&bench, 0).await;
        let _third = open(&bench, notifications()).await.unwrap();
        registered(&bench, 1).await;
        assert_eq!(bench.node.count(Method::ChainHandleNotifications), 2);
        assert_eq!(bench.node.collisions.get(), 0);
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_hundred_cycles_leave_nothing_on_the_node() {
    local(async || {
        let bench = bench(STURDY).await;
        let threads = bench.node.threads.get();
        for _ in 0..100 {
            drop(open(&bench, notifications()).await.unwrap());
        }
        registered(&bench, 0).await;
        assert!(bench.node.threads.get() <= threads + 1, "a thread for each");
        assert_eq!(bench.node.collisions.get(), 0);
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_filter_chooses_kinds_and_forms() {
    local(async || {
        let bench = bench(STURDY).await;
        let mut whole = open(&bench, blocks(true)).await.unwrap();
        let mut slim = open(&bench, blocks(false)).await.unwrap();
        bench.node.tell(Method::ChainHandleNotifications, &added(b"no")).await;
        bench.node.tell(Method::ChainHandleNotifications, &connected(b"block")).await;
        for (stream, data) in [(&mut whole, Some(Bytes::from_static(b"block"))), (&mut slim, None)]
        {
            assert_eq!(next(stream).await.0, 1);
            let (number, event) = next(stream).await;
            let Field::BlockConnected(event) = event else { panic!("{event:?}") };
            assert_eq!((number, event.block.unwrap().data), (2, data));
        }
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_slow_subscriber_is_lost_and_the_others_see_everything() {
    local(async || {
        let bench = bench(STURDY).await;
        let mut slow = open(&bench, notifications()).await.unwrap();
        let mut fast = open(&bench, notifications()).await.unwrap();
        next(&mut slow).await;
        next(&mut fast).await;
        // More than a ring holds.
        for number in 0..16_400_u64 {
            bench.node.tell(Method::ChainHandleNotifications, &added(b"tx")).await;
            assert_eq!(next(&mut fast).await.0, number + 2);
        }
        assert_eq!(end(&mut slow).await, Some(CallError::SubscriberTooSlow.after(1)));
        bench.handle.shutdown().await;
    });
}

#[test]
fn whatever_the_node_calls_is_answered_with_success() {
    local(async || {
        let bench = bench(STURDY).await;
        let mut events = open(&bench, notifications()).await.unwrap();
        let object = bench.node.registered.borrow()[0].2.clone();
        let interface = Inner::ChainNotificationsDestroy.interface_id();
        for (interface, ordinal) in [(interface, 0), (interface, 999), (0x1234, 0)] {
            bench.node.call_object(&object, interface, ordinal, |_| {}).await.unwrap();
        }
        next(&mut events).await;
        // A chain state's role that is no role: it cannot be read, and the node must not notice.
        let at = bench.node.profile.inner(Inner::ChainNotificationsBlockConnected).unwrap();
        let nonsense = |mut params: capnp::any_pointer::Builder<'_>| {
            // A text where a struct belongs.
            params.set_as("no struct").unwrap();
        };
        bench.node.call_object(&object, interface, at.ordinal, nonsense).await.unwrap();
        let ended = end(&mut events).await.unwrap();
        assert_eq!(ended.reason(), "NODE_REPLY_INVALID", "{ended:?}");
        registered(&bench, 0).await;
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_node_that_does_not_survive_us_is_left_alone_unless_asked() {
    local(async || {
        for (wanted, reason) in [
            (Notifications::Auto, "NOTIFICATIONS_UNSAFE"),
            (Notifications::Never, "NOTIFICATIONS_OFF"),
        ] {
            let bench =
                Bench::start(FRAGILE, |_| None, |config| config.notifications = wanted).await;
            let refused = open(&bench, notifications()).await.unwrap_err();
            assert_eq!(refused.reason(), reason);
            assert_eq!(bench.node.count(Method::ChainHandleNotifications), 0);
            bench.handle.shutdown().await;
        }
        let bench = Bench::start(STURDY, |_| None, |_| {}).await;
        assert!(open(&bench, notifications()).await.is_ok());
        bench.handle.shutdown().await;
    });
}

#[test]
fn ending_the_pool_takes_every_object_back_before_the_connection_closes() {
    local(async || {
        let bench = bench(FRAGILE).await;
        let mut chain = open(&bench, notifications()).await.unwrap();
        let tips = Request::NodeHandleNotifyBlockTip(Default::default());
        let mut tips = open(&bench, tips).await.unwrap();
        registered(&bench, 2).await;
        bench.handle.shutdown().await;
        assert_eq!(bench.node.registered.borrow().len(), 0);
        assert_eq!(end(&mut chain).await, Some(CallError::Draining.after(1)));
        assert_eq!(end(&mut tips).await, Some(CallError::Draining.after(1)));
    });
}

#[test]
fn a_fragile_node_that_shuts_down_is_given_no_object_to_stumble_over() {
    local(async || {
        let mut bench = bench(FRAGILE).await;
        let tips = Request::NodeHandleNotifyBlockTip(Default::default());
        let mut tips = open(&bench, tips).await.unwrap();
        registered(&bench, 1).await;
        let since = std::time::Instant::now();
        bench.node.client_thread("bitcoin-node-1/b-shutoff-2").await.unwrap();
        assert_eq!(bench.node.registered.borrow().len(), 0, "the node goes on with an object");
        assert!(since.elapsed() < Duration::from_secs(10));
        bench.reach(|state| matches!(state, NodeState::Connecting { .. })).await;
        let ended = end(&mut tips).await.unwrap();
        assert_eq!(ended.reason(), "NODE_UNAVAILABLE", "{ended:?}");
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_fragile_nodes_first_word_of_its_end_takes_the_objects_back() {
    local(async || {
        let ending = Rc::new(tokio::sync::Notify::new());
        let end = Rc::clone(&ending);
        // The node answers a wait with its tip at once while it starts, and later when it ends.
        let loaded = Rc::new(std::cell::Cell::new(false));
        let up = Rc::clone(&loaded);
        let answer = move |request| match request {
            Request::MiningWaitTipChanged(_) if up.get() => {
                let end = Rc::clone(&end);
                let interrupted = v1::MiningWaitTipChangedResponse { tip: None };
                let interrupted = bitcoin_grpc_contract::Reply::MiningWaitTipChanged(interrupted);
                let answer = async move {
                    end.notified().await;
                    Ok(interrupted)
                };
                Some(Box::pin(answer) as super::Answer)
            }
            _ => None,
        };
        let bench = Bench::start(FRAGILE, answer, always).await;
        loaded.set(true);
        let tips = Request::NodeHandleNotifyBlockTip(Default::default());
        let mut tips = open(&bench, tips).await.unwrap();
        settle().await;
        assert_eq!(bench.node.registered.borrow().len(), 1);
        ending.notify_one();
        registered(&bench, 0).await;
        assert_eq!(end_of(&mut tips).await, "NODE_UNAVAILABLE");
        bench.handle.shutdown().await;
    });
}

async fn end_of(events: &mut EventStream) -> String {
    end(events).await.map(|error| error.reason().to_owned()).unwrap_or_default()
}

#[test]
fn a_lost_node_ends_streams_with_their_position_and_its_return_lets_new_ones_come() {
    local(async || {
        let mut bench = bench(STURDY).await;
        let mut events = open(&bench, notifications()).await.unwrap();
        bench.node.tell(Method::ChainHandleNotifications, &added(b"tx")).await;
        next(&mut events).await;
        next(&mut events).await;
        bench.node.crash();
        assert_eq!(end(&mut events).await, Some(CallError::NodeLost.after(2)));
        bench.node.registered.borrow_mut().clear();
        bench.reach(|state| matches!(state, NodeState::Connecting { .. })).await;
        bench.reach(|state| matches!(state, NodeState::Ready(_))).await;
        settle().await;
        assert_eq!(bench.node.registered.borrow().len(), 0, "registered for nobody");
        let mut events = open(&bench, notifications()).await.unwrap();
        assert_eq!(next(&mut events).await.0, 1);
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_registration_that_the_node_refuses_is_the_callers_error() {
    local(async || {
        // Nodes without a wallet have no such service, and none of its streams.
        let bench = Bench::start("core-32", |_| None, always).await;
        let refused = open(&bench, notifications()).await.unwrap_err();
        assert_eq!(refused.reason(), "METHOD_NOT_IN_NODE");
        bench.handle.shutdown().await;
    });
}

fn message_box() -> Event {
    Event::MessageBoxCallbackCall(v1::MessageBoxInvocation::default())
}

#[test]
fn a_question_gets_the_clients_answer_or_its_default() {
    local(async || {
        let bench = bench(STURDY).await;
        let request = Request::NodeHandleMessageBox(Default::default());
        let mut events = open(&bench, request).await.unwrap();
        let answers = events.answers().expect("a way for answers");
        assert_eq!(events.next().await.unwrap().unwrap().sequence, 1);
        let node = Rc::clone(&bench.node);
        let (said, ()) = tokio::join!(
            async move { node.tell(Method::NodeHandleMessageBox, &message_box()).await },
            async {
                let asked = events.next().await.unwrap().unwrap();
                let asked = v1::NodeHandleMessageBoxResponse::decode(asked.event).unwrap();
                let asked = match asked.event {
                    Some(v1::node_handle_message_box_response::Event::MessageBox(asked)) => asked,
                    other => panic!("{other:?}"),
                };
                assert_eq!(asked.answer_within.map(|within| within.seconds), Some(60));
                let answer =
                    v1::MessageBoxAnswer { invocation_id: asked.invocation_id, confirmed: true };
                answers.give(CallbackAnswer::MessageBoxCallbackCall(answer));
            }
        );
        let confirmed = |confirmed| {
            let answer = v1::MessageBoxAnswer { invocation_id: 0, confirmed };
            vec![Some(CallbackAnswer::MessageBoxCallbackCall(answer))]
        };
        assert_eq!(said, confirmed(true));
        // A client that leaves in the middle of a question.
        let node = Rc::clone(&bench.node);
        let asking = async move { node.tell(Method::NodeHandleMessageBox, &message_box()).await };
        let (said, ()) = tokio::join!(timeout(LONG, asking), async {
            settle().await;
            drop((events, answers));
        });
        assert_eq!(said.unwrap(), confirmed(false));
        registered(&bench, 0).await;
        bench.handle.shutdown().await;
    });
}

/// A setting's update that the node asks about once, with this value.
fn asks_about(bench: &Bench, value: &str) -> Arc<std::sync::Mutex<Option<CallbackAnswer>>> {
    let heard = Arc::<std::sync::Mutex<_>>::default();
    let (value, hears) = (value.to_owned(), Arc::clone(&heard));
    *bench.node.lent.borrow_mut() = Some(Rc::new(move |node, object| {
        let (value, hears) = (value.clone(), Arc::clone(&hears));
        Box::pin(async move {
            let asked = v1::SettingsUpdateInvocation { value, ..Default::default() };
            let event = Event::SettingsUpdateCallbackCall(asked);
            let said = node.tell_one(&object, &event).await;
            let wrote = matches!(&said, Some(CallbackAnswer::SettingsUpdateCallbackCall(a)) if a.action.is_some());
            *hears.lock().unwrap() = said;
            wrote
        })
    }));
    heard
}

fn setting_answer(id: u64, value: &str, action: Option<i32>) -> CallbackAnswer {
    CallbackAnswer::SettingsUpdateCallbackCall(v1::SettingsUpdateAnswer {
        invocation_id: id,
        value: value.to_owned(),
        action,
    })
}

fn update() -> Request {
    Request::ChainUpdateRwSetting(v1::ChainUpdateRwSettingStart { name: "a".to_owned() })
}

/// The node's event loop would wait for the settings, and the client's answer for the event loop.
#[test]
fn nothing_runs_on_the_event_loop_while_a_client_decides_on_a_setting() {
    local(async || {
        let bench = bench(STURDY).await;
        let _heard = asks_about(&bench, "\"old\"");
        let mut events = open(&bench, update()).await.unwrap();
        let answers = events.answers().unwrap();
        events.next().await.unwrap().unwrap();
        events.next().await.unwrap().unwrap();
        let method = Method::NodeGetPersistentSetting;
        let asked = v1::NodeGetPersistentSettingRequest { name: "a".to_owned() };
        let mut asked = bench.send(asked);
        settle().await;
        assert!(futures_util::poll!(&mut asked).is_pending());
        assert_eq!(bench.node.count(method), 0);
        answers.give(setting_answer(1, "\"new\"", Some(0)));
        let _ = asked.await;
        assert_eq!(bench.node.count(method), 1);
        bench.handle.shutdown().await;
    });
}

/// A wallet that is loaded has the node write a setting down, which its own process decides on.
#[test]
fn nothing_runs_on_the_event_loop_while_a_wallet_is_loaded() {
    local(async || {
        let hold = Hold::new();
        let held = hold.clone();
        let answer = move |request| match request {
            Request::NodeExecuteRpc(q) if q.method == "loadwallet" => held.answer(
                bitcoin_grpc_contract::Reply::NodeExecuteRpc(v1::NodeExecuteRpcResponse::default()),
            ),
            _ => None,
        };
        let bench = Bench::start(FRAGILE, answer, always).await;
        let load = |method: &str| v1::NodeExecuteRpcRequest {
            method: method.to_owned(),
            params: "[]".to_owned(),
            uri: String::new(),
        };
        let mut loading = bench.send(load("loadwallet"));
        settle().await;
        let asked = v1::NodeIsSettingIgnoredRequest { name: "a".to_owned() };
        let mut asked = bench.send(asked);
        settle().await;
        assert!(futures_util::poll!(&mut loading).is_pending());
        assert!(futures_util::poll!(&mut asked).is_pending());
        assert_eq!(bench.node.count(Method::NodeIsSettingIgnored), 0);
        hold.release();
        let _ = loading.await;
        let _ = asked.await;
        assert_eq!(bench.node.count(Method::NodeIsSettingIgnored), 1);
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_setting_is_updated_as_the_client_says_and_the_stream_ends_with_the_outcome() {
    local(async || {
        let bench = bench(STURDY).await;
        let heard = asks_about(&bench, "\"old\"");
        let mut events = open(&bench, update()).await.unwrap();
        let answers = events.answers().unwrap();
        events.next().await.unwrap().unwrap();
        let asked = events.next().await.unwrap().unwrap();
        assert_eq!(asked.sequence, 2);
        answers.give(setting_answer(1, "\"new\"", Some(0)));
        let last = events.next().await.unwrap().unwrap();
        let last = v1::ChainUpdateRwSettingResponse::decode(last.event).unwrap();
        let updated = v1::chain_update_rw_setting_response::Event::Updated(true);
        assert_eq!(last.event, Some(updated));
        assert!(events.next().await.is_none());
        assert_eq!(*heard.lock().unwrap(), Some(setting_answer(0, "\"new\"", Some(0))));
        bench.handle.shutdown().await;
    });
}

#[test]
fn a_value_that_the_node_could_not_read_is_not_passed_on() {
    local(async || {
        let bench = bench(STURDY).await;
        let heard = asks_about(&bench, "\"old\"");
        let mut events = open(&bench, update()).await.unwrap();
        let answers = events.answers().unwrap();
        events.next().await.unwrap().unwrap();
        events.next().await.unwrap().unwrap();
        answers.give(setting_answer(1, "{\"a\":1}", Some(0)));
        assert_eq!(end(&mut events).await.unwrap().reason(), "INVALID_FIELD");
        settle().await;
        assert_eq!(*heard.lock().unwrap(), Some(setting_answer(0, "\"old\"", None)));
        bench.handle.shutdown().await;
    });
}

#[test]
fn who_asks_for_the_mempool_while_it_is_told_shares_the_run() {
    local(async || {
        let bench = bench(STURDY).await;
        let go = Rc::new(tokio::sync::Notify::new());
        let gate = Rc::clone(&go);
        *bench.node.lent.borrow_mut() = Some(Rc::new(move |node, object| {
            let gate = Rc::clone(&gate);
            Box::pin(async move {
                node.tell_one(&object, &added(b"one")).await;
                gate.notified().await;
                node.tell_one(&object, &added(b"two")).await;
                true
            })
        }));
        let request = || Request::ChainRequestMempoolTransactions(Default::default());
        let first = open(&bench, request()).await.unwrap();
        settle().await;
        let second = open(&bench, request()).await.unwrap();
        settle().await;
        go.notify_one();
        for stream in [first, second] {
            let sequences: Vec<_> = stream.map(|message| message.unwrap().sequence).collect().await;
            assert_eq!(sequences, [1, 2, 3]);
        }
        assert_eq!(bench.node.count(Method::ChainRequestMempoolTransactions), 1);
        go.notify_one();
        let third = open(&bench, request()).await.unwrap();
        assert_eq!(third.count().await, 3);
        assert_eq!(bench.node.count(Method::ChainRequestMempoolTransactions), 2);
        bench.handle.shutdown().await;
    });
}

#[test]
fn an_rpc_command_is_refused_while_the_rpc_server_may_run() {
    local(async || {
        for (setting, refused) in
            [("null", true), ("\"1\"", true), ("true", true), ("\"0\"", false), ("false", false)]
        {
            let answer = move |request| match request {
                Request::ChainGetSetting(_) => now(bitcoin_grpc_contract::Reply::ChainGetSetting(
                    v1::ChainGetSettingResponse { value: setting.to_owned() },
                )),
                _ => None,
            };
            let bench = Bench::start(FRAGILE, answer, always).await;
            let command = v1::RpcCommand { name: "hello".to_owned(), ..Default::default() };
            let start = v1::ChainHandleRpcStart { command: Some(command) };
            let opened = open(&bench, Request::ChainHandleRpc(start)).await;
            assert_eq!(opened.is_err(), refused, "server={setting}");
            let registrations = bench.node.count(Method::ChainHandleRpc);
            assert_eq!(registrations, usize::from(!refused));
            drop(opened);
            bench.handle.shutdown().await;
        }
    });
}
