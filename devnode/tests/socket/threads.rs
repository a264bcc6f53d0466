//! Two calls on one thread, none, and pools.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use bitcoin_grpc_contract::{Reply, Request, Service, v1};
use capnp::ErrorKind;

use crate::client::{Client, with_devnode};

fn get_tip() -> Request {
    Request::MiningGetTip(v1::MiningGetTipRequest {})
}

/// A wait that ends after a time.
async fn wait(client: &Client, object: &crate::client::Object, milliseconds: f64) -> Request {
    let reply = client.ask(object, &get_tip(), Some(&client.thread)).await.expect("a tip");
    let Reply::MiningGetTip(reply) = reply else { panic!("another reply: {reply:?}") };
    Request::MiningWaitTipChanged(v1::MiningWaitTipChangedRequest {
        current_tip: reply.tip.expect("a tip").hash,
        timeout_ms: Some(milliseconds),
    })
}

#[test]
fn calls_on_one_thread_are_answered_in_order() {
    with_devnode("core-31", 1, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let wait = wait(&client, &mining, 50.0).await;
        let order = RefCell::new(Vec::new());
        let on = Some(&client.thread);
        let first = async {
            client.ask(&mining, &wait, on).await.expect("a tip");
            order.borrow_mut().push("wait");
        };
        let second = async {
            client.ask(&mining, &get_tip(), on).await.expect("a tip");
            order.borrow_mut().push("tip");
        };
        tokio::join!(first, second);
        assert_eq!(*order.borrow(), ["wait", "tip"]);
    });
}

#[test]
fn a_second_call_on_a_thread_ends_core_30() {
    let deaths = with_devnode("core-30", 1, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let wait = wait(&client, &mining, 500.0).await;
        let on = Some(&client.thread);
        let tip = get_tip();
        let (first, second) =
            tokio::join!(client.ask(&mining, &wait, on), client.ask(&mining, &tip, on));
        assert!(first.is_err() && second.is_err());
    });
    assert_eq!(deaths.count(), 1);
}

#[test]
fn a_third_call_on_a_thread_is_refused_in_february_2026() {
    let deaths = with_devnode("pr10102-2026-02", 1, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let wait = wait(&client, &mining, 100.0).await;
        let on = Some(&client.thread);
        let tip = get_tip();
        let (first, second, third) = tokio::join!(
            client.ask(&mining, &wait, on),
            client.ask(&mining, &tip, on),
            client.ask(&mining, &tip, on)
        );
        assert!(first.is_ok() && second.is_ok());
        let error = third.expect_err("busy");
        assert_eq!(error.kind, ErrorKind::Failed);
        assert!(error.extra.contains("std::exception: thread busy"), "{error}");
        client.ask(&mining, &tip, on).await.expect("free again");
    });
    assert_eq!(deaths.count(), 0);
}

#[test]
fn without_a_thread_each_generation_says_why() {
    for (profile, service, text) in [
        ("pr29409-2025-05", Service::Chain, "invalid thread handle"),
        ("pr10102-2026-02", Service::Node, "invalid thread handle"),
        ("core-31", Service::Mining, "invalid thread handle"),
        ("core-32", Service::Rpc, "no thread specified and no pool configured"),
        ("pr10102-2026-07", Service::Node, "no thread specified and no pool configured"),
    ] {
        with_devnode(profile, 1, async |client: Client| {
            let error = client.make_on(service, None).await.err().expect("no thread");
            assert_eq!(error.kind, ErrorKind::Failed);
            assert!(error.extra.contains(text), "{profile}: {error}");
        });
    }
}

/// A method without a context runs on the event loop and needs no thread.
#[test]
fn a_method_without_a_context_needs_no_thread() {
    with_devnode("pr10102-2026-07", 1, async |client: Client| {
        let node = client.make(Service::Node).await.expect("made");
        let ignored = v1::NodeIsSettingIgnoredRequest { name: "x".to_owned() };
        let reply = client.ask(&node, &Request::NodeIsSettingIgnored(ignored), None).await;
        assert!(matches!(reply, Ok(Reply::NodeIsSettingIgnored(_))), "{reply:?}");
    });
}

#[test]
fn a_pool_runs_calls_without_a_thread() {
    with_devnode("core-32", 1, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let mut request = client.threads.make_pool_request();
        request.get().set_count(2);
        request.send().promise.await.expect("a pool");
        let wait = wait(&client, &mining, 100.0).await;
        let (idle, shared) = (client.world.shared.waiting(), &client.world.shared);
        let begin = Instant::now();
        let ask = || client.ask(&mining, &wait, None);
        let asked = async { tokio::join!(ask(), ask(), ask(), ask()) };
        tokio::pin!(asked);
        let mut at_once = 0;
        let (a, b, c, d) = loop {
            tokio::select! {
                answers = &mut asked => break answers,
                () = tokio::time::sleep(Duration::from_millis(1)) => {
                    at_once = at_once.max(shared.waiting() - idle);
                }
            }
        };
        assert!([a, b, c, d].iter().all(Result::is_ok));
        assert_eq!(at_once, 2);
        assert!(begin.elapsed() >= Duration::from_millis(200), "more than two at once");
        let error = client.threads.make_pool_request().send().promise.await.err();
        let text = "makePool called on connection with existing pool";
        assert!(error.expect("once only").extra.contains(text));
    });
}

#[test]
fn older_generations_have_no_pools() {
    with_devnode("core-31", 1, async |client: Client| {
        let error = client.threads.make_pool_request().send().promise.await.err();
        assert_eq!(error.expect("no pools").kind, ErrorKind::Unimplemented);
    });
}

#[test]
fn a_call_that_nobody_waits_for_keeps_its_thread() {
    with_devnode("core-31", 1, async |client: Client| {
        let mining = client.make(Service::Mining).await.expect("made");
        let wait = wait(&client, &mining, 100.0).await;
        let start = Instant::now();
        tokio::select! {
            _ = client.ask(&mining, &wait, Some(&client.thread)) => panic!("answered"),
            () = crate::client::settle() => {}
        }
        client.ask(&mining, &get_tip(), Some(&client.thread)).await.expect("a tip");
        assert!(start.elapsed() >= Duration::from_millis(100));
    });
}
