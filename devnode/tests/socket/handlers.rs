//! Handlers of chain notifications: order, threads, ends, and what nodes die of.

use std::rc::Rc;
use std::time::Duration;

use bitcoin::ScriptBuf;
use bitcoin_grpc_devnode::socket::Deaths;
use serde_json::json;
use tokio::sync::Notify;

use crate::client::{World, node_of, settle, with_world};
use crate::facts::{Act, FactsClient, recorded_node};

const MAY_2025: &str = "pr29409-2025-05";
const JULY_2024: &str = "pr10102-2024-07";
const FEBRUARY_2026: &str = "pr10102-2026-02";
const JULY_2026: &str = "pr10102-2026-07";
const ALL: [&str; 4] = [JULY_2024, MAY_2025, FEBRUARY_2026, JULY_2026];

/// Events of a new block.
const BLOCK: [&str; 2] = ["blockConnected", "updatedBlockTip"];

fn with_chain(profile: &str, test: impl AsyncFnOnce(Rc<World>)) -> Deaths {
    with_world(profile, node_of(profile, 1), test)
}

fn mine(world: &World) {
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    world.shared.change(|node| node.mine_one(&anyone)).expect("a block");
}

async fn mine_and_hear(client: &FactsClient) -> Vec<String> {
    mine(&client.served);
    settle().await;
    client.take_names()
}

#[test]
fn the_scheduler_asks_for_a_thread_once_and_names_both_ends() {
    for profile in ALL {
        with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let _handler = client.handle_notifications(&chain, Some(client.obedient())).await;
            mine(&world);
            settle().await;
            let log = client.take_log();
            let methods: Vec<_> = log.iter().map(|heard| heard["method"].clone()).collect();
            assert_eq!(methods, ["makeThread", "blockConnected", "updatedBlockTip"], "{profile}");
            let pid = std::process::id();
            let name = format!("bitcoin-node-{pid}/b-scheduler-{}", pid + 1);
            assert_eq!(log[0]["params"]["name"], name);
            assert_eq!(log[1]["context_has"], json!({ "thread": true, "callbackThread": true }));
            assert_eq!(mine_and_hear(&client).await, BLOCK);
        });
    }
}

#[test]
fn a_client_without_a_thread_map_hears_all_the_same() {
    with_chain(MAY_2025, async |world| {
        let client = FactsClient::without_thread_map(&world).await;
        let chain = client.make("Chain").await;
        let _handler = client.handle_notifications(&chain, Some(client.obedient())).await;
        assert_eq!(mine_and_hear(&client).await, BLOCK);
    });
}

#[test]
fn disconnect_ends_it_and_may_be_said_twice() {
    for profile in ALL {
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let handler = client.handle_notifications(&chain, Some(client.obedient())).await;
            mine_and_hear(&client).await;
            for (method, told) in
                [("disconnect", &["destroy"][..]), ("disconnect", &[]), ("destroy", &[])]
            {
                client.call(&handler, "Handler", method, &json!({}), &[]).await.expect("answered");
                assert_eq!(client.take_names(), told, "{profile} {method}");
                assert!(mine_and_hear(&client).await.is_empty());
            }
            drop(handler);
            settle().await;
            client.close().await;
            mine(&world);
        });
        assert_eq!(deaths.count(), 0, "{profile} {:?}", deaths.causes());
    }
}

#[test]
fn destroy_alone_ends_it_too() {
    with_chain(MAY_2025, async |world| {
        let client = FactsClient::connect(&world).await;
        let chain = client.make("Chain").await;
        let handler = client.handle_notifications(&chain, Some(client.obedient())).await;
        client.call(&handler, "Handler", "destroy", &json!({}), &[]).await.expect("answered");
        assert_eq!(client.take_names(), ["destroy"]);
        assert!(mine_and_hear(&client).await.is_empty());
    });
}

#[test]
fn dropping_a_handler_ends_it_on_newer_nodes_only() {
    for (profile, ends) in
        [(JULY_2024, false), (MAY_2025, false), (FEBRUARY_2026, true), (JULY_2026, true)]
    {
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let handler = client.handle_notifications(&chain, Some(client.obedient())).await;
            mine_and_hear(&client).await;
            drop(handler);
            settle().await;
            let log = client.take_log();
            if ends {
                let name = log[0]["params"]["name"].as_str().expect("a thread");
                assert!(name.contains("/b-capnp-loop-"), "{name}");
                assert_eq!(log[1]["method"], "destroy");
                assert!(mine_and_hear(&client).await.is_empty());
            } else {
                assert!(log.is_empty());
                assert_eq!(mine_and_hear(&client).await, BLOCK);
            }
            client.close().await;
            mine(&world);
            settle().await;
        });
        assert_eq!(deaths.count(), 0, "{profile} {:?}", deaths.causes());
    }
}

#[test]
fn handlers_hear_in_the_order_in_which_they_came() {
    with_chain(FEBRUARY_2026, async |world| {
        let client = FactsClient::connect(&world).await;
        let chain = client.make("Chain").await;
        let named = |name| client.named_listener(Some(name), |_| Act::Answer(json!({})));
        let first = client.handle_notifications(&chain, Some(named("first"))).await;
        let _second = client.handle_notifications(&chain, Some(named("second"))).await;
        mine(&world);
        settle().await;
        let heard: Vec<_> = client
            .take_log()
            .iter()
            .map(|heard| format!("{} {}", heard["method"], heard["handler"]).replace('"', ""))
            .collect();
        let expected = [
            "makeThread null",
            "blockConnected first",
            "blockConnected second",
            "updatedBlockTip first",
            "updatedBlockTip second",
        ];
        assert_eq!(heard, expected);
        client.call(&first, "Handler", "disconnect", &json!({}), &[]).await.expect("answered");
        client.take_log();
        assert_eq!(mine_and_hear(&client).await, BLOCK);
    });
}

#[test]
fn a_slow_listener_holds_up_all_others_and_then_the_chain() {
    with_chain(MAY_2025, async |world| {
        let (slow, quick) =
            (FactsClient::connect(&world).await, FactsClient::connect(&world).await);
        let (slow_chain, chain) = (slow.make("Chain").await, quick.make("Chain").await);
        let go_on = Rc::new(Notify::new());
        let gate = Rc::clone(&go_on);
        let listener = slow.listener(move |_| {
            let gate = Rc::clone(&gate);
            Act::Later(Box::pin(async move {
                gate.notified().await;
                json!({})
            }))
        });
        let _slow = slow.handle_notifications(&slow_chain, Some(listener)).await;
        let _quick = quick.handle_notifications(&chain, Some(quick.obedient())).await;
        (0..6).for_each(|_| mine(&world));
        settle().await;
        assert_eq!(slow.take_names(), ["makeThread", "blockConnected"]);
        assert!(quick.take_names().is_empty());
        assert_eq!(world.shared.pending_notifications(), 12);
        // What a program on another thread reads.
        let counters = world.shared.faults.clone();
        assert_eq!((counters.pending_notifications(), counters.held_blocks()), (12, 0));

        // Eleven are too many for a block, too; and this is what waits for all that was told.
        go_on.notify_one();
        settle().await;
        assert_eq!(world.shared.pending_notifications(), 11);
        let shared = Rc::clone(&world.shared);
        let block = tokio::task::spawn_local(async move { shared.before_block().await });
        let waits = json!({ "oldTip": "00".repeat(32) });
        let told = quick.call(&chain, "Chain", "waitForNotificationsIfTipChanged", &waits, &[]);
        let answers = async {
            for _ in 0..11 {
                assert!(!block.is_finished());
                go_on.notify_one();
                settle().await;
                assert_eq!(counters.held_blocks(), 1);
            }
        };
        let (told, ()) = tokio::join!(told, answers);
        told.expect("answered");
        block.await.expect("goes on");
        assert_eq!(quick.take_names().len(), 13);
        assert_eq!(world.shared.pending_notifications(), 0);
        assert_eq!((counters.pending_notifications(), counters.held_blocks()), (0, 1));
        assert!(counters.stalled() > Duration::ZERO);
    });
}

#[test]
fn a_callback_may_call_the_node_on_the_thread_that_waits_for_it() {
    with_chain(MAY_2025, async |world| {
        let client = Rc::new(FactsClient::connect(&world).await);
        let chain = client.make("Chain").await;
        let (calls, heights) = (Rc::clone(&client), crate::facts::cell(Vec::new()));
        let (asked, found) = (chain.clone(), Rc::clone(&heights));
        let listener = client.listener(move |heard| {
            let (client, chain) = (Rc::clone(&calls), asked.clone());
            let (found, waiting) = (Rc::clone(&found), heard.callback_thread.clone());
            Act::Later(Box::pin(async move {
                let on = [client.thread.clone(), waiting].map(|thread| thread.expect("a thread"));
                for thread in on {
                    let height = client.call_on(&thread, &chain, "getHeight").await;
                    found.borrow_mut().push(height.expect("a height")["result"].clone());
                }
                json!({})
            }))
        });
        let _handler = client.handle_notifications(&chain, Some(listener)).await;
        mine(&world);
        settle().await;
        assert_eq!(*heights.borrow(), [2, 2, 2, 2]);
    });
}

#[test]
fn the_mempool_is_told_in_order_and_then_ended() {
    for profile in ALL {
        with_world(profile, recorded_node(profile), async |world| {
            let mut client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let params = json!({ "notifications": 0 });
            for callback_thread in [true, false] {
                if !callback_thread {
                    client.callback_thread = None;
                }
                let listener = client.obedient();
                let method = "requestMempoolTransactions";
                client.call(&chain, "Chain", method, &params, &[listener]).await.expect("all");
                let log = client.take_log();
                let expected = json!({ "thread": callback_thread, "callbackThread": true });
                assert!(log.iter().all(|heard| heard["context_has"] == expected), "{profile}");
                let names: Vec<_> = log.iter().map(|heard| heard["method"].clone()).collect();
                assert_eq!(names.len(), 8);
                assert!(names[..7].iter().all(|name| name == "transactionAddedToMempool"));
                assert_eq!(names[7], "destroy");
            }
        });
    }
}

/// Everything that older nodes die of, and whether newer ones do.
#[test]
fn a_callback_that_fails_ends_older_nodes() {
    for profile in ALL {
        for unimplemented in [false, true] {
            let act = move || if unimplemented { Act::Unimplemented } else { Act::Raise };
            let deaths = with_chain(profile, async |world| {
                let client = FactsClient::connect(&world).await;
                let chain = client.make("Chain").await;
                let listener = client.listener(move |_| act());
                let _handler = client.handle_notifications(&chain, Some(listener)).await;
                mine(&world);
                settle().await;
            });
            let dies = profile != JULY_2026;
            assert_eq!(deaths.count(), u64::from(dies), "{profile} {:?}", deaths.causes());
            let deaths = with_world(profile, recorded_node(profile), async |world| {
                let client = FactsClient::connect(&world).await;
                let chain = client.make("Chain").await;
                let listener = client.listener(move |_| act());
                let params = json!({ "notifications": 0 });
                let method = "requestMempoolTransactions";
                let told = client.call(&chain, "Chain", method, &params, &[listener]).await;
                told.expect_err("no answer");
            });
            assert_eq!(deaths.count(), u64::from(dies), "{profile} {:?}", deaths.causes());
        }
    }
}

#[test]
fn a_null_callback_ends_a_node_when_it_is_called() {
    for profile in ALL {
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let _handler = client.handle_notifications(&chain, None).await;
            assert_eq!(world.shared.deaths.count(), 0);
            mine(&world);
            settle().await;
        });
        assert_eq!(deaths.count(), 1, "{profile}");
        assert!(deaths.causes()[0].contains("null"), "{:?}", deaths.causes());
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let method = "requestMempoolTransactions";
            let told = client.call(&chain, "Chain", method, &json!({}), &[]).await;
            assert_eq!(told.expect_err("dead").kind, capnp::ErrorKind::Disconnected);
        });
        assert_eq!(deaths.count(), 1, "{profile}");
    }
}

#[test]
fn a_client_that_leaves_with_a_handler_ends_february_2026_only() {
    for profile in ALL {
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let _handler = client.handle_notifications(&chain, Some(client.obedient())).await;
            mine_and_hear(&client).await;
            client.close().await;
            mine(&world);
            settle().await;
        });
        let dies = profile == FEBRUARY_2026;
        assert_eq!(deaths.count(), u64::from(dies), "{profile} {:?}", deaths.causes());
    }
}

#[test]
fn a_client_that_leaves_inside_a_callback_ends_older_nodes() {
    for profile in ALL {
        for during_a_call in [false, true] {
            let node = recorded_node(profile);
            let deaths = with_world(profile, node, async |world| {
                let client = FactsClient::connect(&world).await;
                let chain = client.make("Chain").await;
                let listener = client.listener(|_| Act::Later(Box::pin(std::future::pending())));
                let _handler = match during_a_call {
                    false => Some(client.handle_notifications(&chain, Some(listener)).await),
                    true => {
                        let params = json!({ "notifications": 0 });
                        let method = "requestMempoolTransactions";
                        let listener = [listener];
                        let call = client.call(&chain, "Chain", method, &params, &listener);
                        tokio::select! {
                            _ = call => panic!("answered"),
                            () = settle() => None,
                        }
                    }
                };
                mine(&world);
                settle().await;
                client.close().await;
            });
            let dies = profile != JULY_2026;
            assert_eq!(deaths.count(), u64::from(dies), "{profile} {:?}", deaths.causes());
        }
    }
}

#[test]
fn a_client_decides_on_a_setting() {
    for profile in [MAY_2025, FEBRUARY_2026, JULY_2026] {
        let deaths = with_chain(profile, async |world| {
            let client = FactsClient::connect(&world).await;
            let chain = client.make("Chain").await;
            let params = json!({ "name": "golden", "update": 0 });
            let update = async |answer: serde_json::Value| {
                let present = crate::facts::cell(serde_json::Value::Null);
                let seen = Rc::clone(&present);
                let listener = client.listener(move |heard| {
                    if heard.method == "call" {
                        *seen.borrow_mut() = heard.params["value"].clone();
                        return Act::Answer(answer.clone());
                    }
                    Act::Answer(json!({}))
                });
                let method = "updateRwSetting";
                let reply = client.call(&chain, "Chain", method, &params, &[listener]).await;
                assert_eq!(client.take_names(), ["call", "destroy"]);
                let updated = reply.expect("a reply").results["result"].clone();
                (present.take(), updated)
            };
            let set = json!({ "value": "{\"x\":[1,2]}", "result": 0, "hasResult": true });
            assert_eq!(update(set).await, (json!("null"), json!(true)));
            let declined = json!({ "value": "7", "hasResult": false });
            assert_eq!(update(declined).await, (json!("{\"x\":[1,2]}"), json!(false)));
            let erased = json!({ "hasResult": true });
            assert_eq!(update(erased).await, (json!("7"), json!(true)));
            let name = json!({ "name": "golden" });
            let found = client.call(&chain, "Chain", "getRwSetting", &name, &[]).await;
            assert_eq!(found.expect("a reply").results["result"], "null");
        });
        assert_eq!(deaths.count(), 0, "{:?}", deaths.causes());
    }
}
