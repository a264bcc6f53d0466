//! One call at a time on each thread, in order, within bounds.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::{Method, Reply, Request, v1};

use super::{Bench, Hold, local, now, settle};
use crate::backend::NodeState;
use crate::error::CallError;

fn height(height: i32) -> Reply {
    Reply::ChainGetHeight(v1::ChainGetHeightResponse { height: Some(height) })
}

fn get_height() -> v1::ChainGetHeightRequest {
    v1::ChainGetHeightRequest {}
}

/// Holds back getHeight, and lets everything else be answered.
fn held(hold: &Hold) -> impl Fn(Request) -> Option<super::Answer> + 'static {
    let hold = hold.clone();
    move |request| match request {
        Request::ChainGetHeight(_) => hold.answer(height(1)),
        _ => None,
    }
}

#[test]
fn a_thread_has_one_call_at_a_time() {
    local(async || {
        let slow = |request| match request {
            Request::ChainGetHeight(_) => {
                let answer: super::Answer = Box::pin(async {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Ok(height(1))
                });
                Some(answer)
            }
            _ => None,
        };
        let bench = Bench::start("pr29409-2025-05", slow, |config| {
            config.connections = 2;
            config.read_threads = 3;
        })
        .await;
        let before = bench.node.threads.get();
        let calls: Vec<_> = (0..100).map(|_| bench.send(get_height())).collect();
        for call in calls {
            assert_eq!(call.await, Ok(height(1)));
        }
        assert_eq!(bench.node.collisions.get(), 0);
        assert_eq!(bench.node.threads.get() - before, 3);
    });
}

#[test]
fn a_thread_is_used_again_only_after_its_reply() {
    local(async || {
        let hold = Hold::new();
        let bench =
            Bench::start("pr29409-2025-05", held(&hold), |config| config.read_threads = 1).await;
        let left = bench.send(get_height());
        settle().await;
        drop(left);
        let second = bench.send(get_height());
        settle().await;
        assert_eq!(bench.node.count(Method::ChainGetHeight), 1);
        hold.release();
        assert_eq!(second.await, Ok(height(1)));
        assert_eq!(bench.node.collisions.get(), 0);
    });
}

#[test]
fn a_caller_that_left_in_line_costs_the_node_nothing() {
    local(async || {
        let hold = Hold::new();
        let bench =
            Bench::start("pr29409-2025-05", held(&hold), |config| config.read_threads = 1).await;
        let first = bench.send(get_height());
        settle().await;
        drop(bench.send(get_height()));
        let third = bench.send(get_height());
        hold.release();
        assert_eq!((first.await, third.await), (Ok(height(1)), Ok(height(1))));
        assert_eq!(bench.node.count(Method::ChainGetHeight), 2);
    });
}

#[test]
fn the_line_is_bounded() {
    local(async || {
        let hold = Hold::new();
        let bench = Bench::start("pr29409-2025-05", held(&hold), |config| {
            config.read_threads = 1;
            config.queue = 2;
        })
        .await;
        let mut calls = vec![bench.send(get_height())];
        settle().await;
        calls.extend([bench.send(get_height()), bench.send(get_height())]);
        let refused = bench.send(get_height()).await;
        assert_eq!(refused.map_err(|error| error.reason()), Err("TOO_MANY_CALLS"));
        hold.release();
        for call in calls {
            assert_eq!(call.await, Ok(height(1)));
        }
    });
}

/// Waits whose callers left stay in line while every thread for waits is held. They must not keep
/// reads out.
#[test]
fn the_abandoned_make_room_in_a_full_line() {
    local(async || {
        let hold = Hold::new();
        let waits = hold.clone();
        let script = move |request| match request {
            Request::ChainWaitForNotificationsIfTipChanged(_) => {
                waits.answer(Reply::ChainWaitForNotificationsIfTipChanged(Default::default()))
            }
            Request::ChainGetHeight(_) => Some(Box::pin(async { Ok(height(1)) }) as super::Answer),
            _ => None,
        };
        let bench = Bench::start("pr29409-2025-05", script, |config| {
            config.blocking_threads = 1;
            config.queue = 2;
        })
        .await;
        let wait = || {
            bench.send(v1::ChainWaitForNotificationsIfTipChangedRequest {
                old_tip: vec![7; 32].into(),
            })
        };
        let held = wait();
        settle().await;
        let (first, second) = (wait(), wait());
        settle().await;
        let refused = bench.send(get_height()).await;
        assert_eq!(refused.map_err(|error| error.reason()), Err("TOO_MANY_CALLS"));
        drop((first, second));
        assert_eq!(bench.send(get_height()).await, Ok(height(1)));
        hold.release();
        assert!(held.await.is_ok());
        assert_eq!(bench.node.count(Method::ChainWaitForNotificationsIfTipChanged), 1);
    });
}

#[test]
fn big_reads_leave_room_for_small_ones() {
    local(async || {
        let hold = Hold::new();
        let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (count, peak, gate) = (Rc::clone(&running), Rc::clone(&most), hold.clone());
        let answer = move |request: Request| match request {
            Request::ChainFindBlock(_) => {
                let (count, held) =
                    (Rc::clone(&count), gate.answer(Reply::ChainFindBlock(Default::default()))?);
                count.set(count.get() + 1);
                peak.set(peak.get().max(count.get()));
                let answer: super::Answer = Box::pin(async move {
                    let answer = held.await;
                    count.set(count.get() - 1);
                    answer
                });
                Some(answer)
            }
            _ => None,
        };
        let bench = Bench::start("pr29409-2025-05", answer, |config| config.read_threads = 2).await;
        let big = || v1::ChainFindBlockRequest {
            hash: super::requests::genesis(),
            block: Some(v1::FoundBlockParam { want_data: true, ..Default::default() }),
        };
        let calls: Vec<_> = (0..3).map(|_| bench.send(big())).collect();
        settle().await;
        assert_eq!(bench.ask(get_height()).await.map(|r| r.height), Ok(Some(7)));
        hold.release();
        for call in calls {
            assert!(call.await.is_ok());
        }
        assert_eq!(most.get(), 1);
    });
}

#[test]
fn waits_do_not_keep_reads_waiting() {
    local(async || {
        let hold = Hold::new();
        let gate = hold.clone();
        let answer = move |request: Request| match request {
            Request::ChainWaitForNotificationsIfTipChanged(_) => {
                gate.answer(Reply::ChainWaitForNotificationsIfTipChanged(Default::default()))
            }
            _ => None,
        };
        let bench =
            Bench::start("pr29409-2025-05", answer, |config| config.blocking_threads = 2).await;
        let wait = || v1::ChainWaitForNotificationsIfTipChangedRequest {
            old_tip: super::requests::hash(1),
        };
        let waits: Vec<_> = (0..5).map(|_| bench.send(wait())).collect();
        settle().await;
        assert_eq!(bench.node.count(Method::ChainWaitForNotificationsIfTipChanged), 2);
        assert!(bench.ask(get_height()).await.is_ok());
        hold.release();
        for wait in waits {
            assert!(wait.await.is_ok());
        }
    });
}

#[test]
fn a_thread_that_does_not_answer_is_replaced() {
    local(async || {
        let hold = Hold::new();
        let gate = hold.clone();
        let first = Cell::new(true);
        let answer = move |request: Request| match request {
            Request::ChainGetHeight(_) if first.replace(false) => gate.answer(height(1)),
            _ => None,
        };
        let bench = Bench::start("pr29409-2025-05", answer, |config| {
            config.read_threads = 1;
            config.retire_after = Duration::from_millis(20);
        })
        .await;
        let left = bench.send(get_height());
        settle().await;
        drop(left);
        assert_eq!(bench.ask(get_height()).await.map(|r| r.height), Ok(Some(7)));
        hold.release();
        settle().await;
        assert_eq!(bench.ask(get_height()).await.map(|r| r.height), Ok(Some(7)));
        assert_eq!(bench.node.collisions.get(), 0);
    });
}

#[test]
fn a_wait_that_is_not_answered_goes_on_on_another_thread() {
    local(async || {
        let hold = Hold::new();
        let gate = hold.clone();
        let tip = Some(super::fake::tip(8));
        let news = Reply::MiningWaitTipChanged(v1::MiningWaitTipChangedResponse { tip });
        let told = news.clone();
        // The connection begins with a look at the tip.
        let first = Rc::new(Cell::new(false));
        let taken = Rc::clone(&first);
        let answer = move |request: Request| match request {
            Request::MiningWaitTipChanged(_) if taken.replace(false) => gate.answer(told.clone()),
            Request::MiningWaitTipChanged(_) => now(told.clone()),
            _ => None,
        };
        let bench = Bench::start("core-32", answer, |config| {
            config.blocking_threads = 1;
            config.retire_after = Duration::from_millis(20);
        })
        .await;
        let before = bench.node.count(Method::MiningWaitTipChanged);
        first.set(true);
        let current_tip = super::fake::tip(7).hash;
        let wait = || v1::MiningWaitTipChangedRequest {
            current_tip: current_tip.clone(),
            timeout_ms: Some(20.0),
        };
        // Two, as a group: neither notices.
        let both = (bench.send(wait()), bench.send(wait()));
        assert_eq!(both.0.await, Ok(news.clone()));
        assert_eq!(both.1.await, Ok(news.clone()));
        assert_eq!(bench.node.count(Method::MiningWaitTipChanged) - before, 2);
        hold.release();
        settle().await;
        assert_eq!(bench.send(wait()).await, Ok(news));
        assert_eq!(bench.node.collisions.get(), 0);
    });
}

#[test]
fn a_node_without_a_thread_left_is_stuck_until_one_answers() {
    local(async || {
        let hold = Hold::new();
        let mut bench = Bench::start("pr29409-2025-05", held(&hold), |config| {
            config.read_threads = 1;
            config.replaced_threads = 0;
            config.retire_after = Duration::from_millis(20);
        })
        .await;
        let left = bench.send(get_height());
        settle().await;
        let waiting = bench.send(get_height());
        drop(left);
        bench.reach(|state| matches!(state, NodeState::Stuck(_))).await;
        assert_eq!(waiting.await, Err(CallError::NodeStuck));
        assert_eq!(bench.send(get_height()).await, Err(CallError::NodeStuck));
        hold.release();
        bench.reach(|state| matches!(state, NodeState::Ready(_))).await;
        assert!(bench.ask(get_height()).await.is_ok());
    });
}

#[test]
fn a_call_that_found_its_thread_busy_is_sent_again() {
    local(async || {
        let tries = Rc::new(Cell::new(0));
        let counted = Rc::clone(&tries);
        let answer = move |request: Request| match request {
            Request::EchoEcho(_) if counted.replace(counted.get() + 1) < 2 => {
                let busy: super::Answer = Box::pin(async { Err("thread busy".to_owned()) });
                Some(busy)
            }
            _ => None,
        };
        let bench = Bench::start("pr10102-2026-02", answer, |_| {}).await;
        let answer = bench.ask(v1::EchoEchoRequest { echo: "a".to_owned() }).await;
        assert_eq!(answer.map(|r| r.echo), Ok("a".to_owned()));
        assert_eq!(tries.get(), 3);
    });
}

#[test]
fn methods_without_a_thread_are_answered() {
    local(async || {
        let bench = Bench::start("pr10102-2026-02", |_| None, |_| {}).await;
        let question = v1::NodeIsSettingIgnoredRequest { name: "prune".to_owned() };
        assert_eq!(bench.ask(question).await.map(|r| r.ignored), Ok(false));
    });
}
