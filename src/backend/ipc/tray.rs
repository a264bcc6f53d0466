//! Answers on their way to callers, handed over in groups while many of their calls wait in line.
//!
//! A node answers one call after the other, and each answer that goes out alone costs a write, wakes its
//! client, and is followed by a read of that client's next request. While calls of the same caller wait
//! in line, all that next request would do is join them, so answers can wait for each other: the node is
//! no less busy, and the caller waits no longer on average. Who has few in line is told at once, and
//! with it everybody. The server thread is free at once in any case.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bitcoin_grpc_contract::Reply;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::leases::Leases;
use super::queue::Running;
use crate::error::CallError;

/// Answers of a group at most. More would spare no more than a few system calls in a hundred calls.
const GROUP: usize = 16;

/// How long an answer waits at most, whatever becomes of the calls before and behind it. Real nodes
/// answer a group's calls within one or two milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_millis(5);

/// An answer and its caller.
pub(super) struct Answer {
    pub(super) reply: oneshot::Sender<Result<Reply, CallError>>,
    pub(super) result: Result<Reply, CallError>,
    /// The call has not ended before its caller heard.
    pub(super) running: Running,
}

/// Where answers wait for each other.
pub(super) struct Tray {
    shared: Rc<Shared>,
    _time: AbortOnDropHandle<()>,
}

struct Shared {
    leases: Leases,
    held: RefCell<Held>,
    /// Woken by the first answer of a group.
    begun: Notify,
}

#[derive(Default)]
struct Held {
    answers: Vec<Answer>,
    /// When the first of them was put down.
    since: Option<Instant>,
}

impl Tray {
    /// Must be called inside a `LocalSet`.
    pub(super) fn new(leases: Leases) -> Self {
        let (held, begun) = Default::default();
        let shared = Rc::new(Shared { leases, held, begun });
        let time = AbortOnDropHandle::new(spawn_local(Rc::clone(&shared).keep_time()));
        Self { shared, _time: time }
    }

    /// Hands an answer over, alone or with others, with so many calls of its caller in line. As many answers may
    /// wait for each other as calls are in line: at half of what came in together the node still has work.
    pub(super) fn put(&self, answer: Answer, line: usize) {
        let mut held = self.shared.held.borrow_mut();
        held.answers.push(answer);
        if held.answers.len() >= line.min(GROUP) {
            drop(held);
            self.shared.hand_over();
        } else if held.since.is_none() {
            held.since = Some(Instant::now());
            self.shared.begun.notify_one();
        }
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        self.shared.hand_over();
    }
}

impl Shared {
    fn hand_over(&self) {
        let held = self.held.take();
        for Answer { reply, result, running } in held.answers {
            if let Err(Ok(unheard)) = reply.send(result) {
                // A caller that left meanwhile needs no answer, and no object.
                self.leases.abandon(unheard);
            }
            drop(running);
        }
    }

    /// Hands over what has waited long enough. It looks again when the time of the group is over that
    /// it saw first: setting a clock for each group would cost more than groups spare.
    async fn keep_time(self: Rc<Self>) {
        loop {
            let since = self.held.borrow().since;
            match since.map(|since| since + PATIENCE) {
                None => self.begun.notified().await,
                Some(end) if end <= Instant::now() => self.hand_over(),
                Some(end) => sleep_until(end).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bitcoin_grpc_contract::{Profile, Service, Unary, v1};
    use futures_util::FutureExt;
    use tokio::task::LocalSet;

    use super::*;
    use crate::backend::ipc::leases::LeaseConfig;
    use crate::backend::ipc::queue::{Lane, Queue, Work};
    use crate::call::{Call, Caller};

    type Caught = oneshot::Receiver<Result<Reply, CallError>>;

    const REPLY: Result<Reply, CallError> = Err(CallError::Draining);

    /// A tray, and calls that a server thread has taken and answered.
    struct Bench {
        tray: Tray,
        queue: Arc<Queue>,
        epoch: u64,
    }

    impl Bench {
        fn new() -> Self {
            let queue = Arc::new(Queue::new(100, 1, Arc::default()));
            let profile = Profile::by_name("pr29409-2025-05").unwrap();
            let epoch = queue.open(profile, vec![Service::Chain]);
            Self { tray: Tray::new(Leases::new(LeaseConfig::default())), queue, epoch }
        }

        /// Puts a call of a caller in line.
        fn ask(&self, line: u64) -> Caught {
            let request = v1::ChainGetHeightRequest {}.into_request();
            let call = Call {
                request,
                caller: Caller::Local,
                grants: Default::default(),
                listener: 0,
                line,
                trace: Default::default(),
                deadline: None,
            };
            self.queue.push(call, None, None).unwrap()
        }

        /// Answers a call with so many in line.
        async fn answer(&self, line: usize) -> Caught {
            let caught = self.ask(0);
            let (job, running) = self.queue.next(Lane::Read, self.epoch).await.unwrap();
            let Work::Call(ask) = job.work else { panic!("not a call") };
            self.tray.put(Answer { reply: ask.reply, result: REPLY, running }, line);
            caught
        }
    }

    fn heard(caught: &mut Caught) -> bool {
        caught.try_recv().is_ok()
    }

    async fn local(test: impl Future<Output = ()>) {
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_short_line_an_answer_does_not_wait() {
        local(async {
            let bench = Bench::new();
            for line in [0, 1] {
                assert!(heard(&mut bench.answer(line).await), "{line} in line");
            }
        })
        .await;
    }

    /// Others' calls keep nobody waiting.
    #[tokio::test(start_paused = true)]
    async fn calls_in_line_are_counted_for_each_caller() {
        local(async {
            let bench = Bench::new();
            let asked: Vec<_> = [1, 1, 1, 2, 1].map(|line| bench.ask(line)).into();
            let mut behind = Vec::new();
            for _ in &asked {
                let (_, running) = bench.queue.next(Lane::Read, bench.epoch).await.unwrap();
                behind.push(running.behind());
            }
            assert_eq!(behind, [3, 0, 2, 1, 0]);
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_is_handed_over_when_it_is_whole() {
        local(async {
            let bench = Bench::new();
            for (line, group) in [(2, 2), (10, 10), (1000, GROUP)] {
                let mut caught = Vec::new();
                for _ in 1..group {
                    caught.push(bench.answer(line).await);
                }
                assert!(!caught.iter_mut().any(heard));
                // They have not ended, either: who drains waits for them.
                assert!(bench.queue.drained().now_or_never().is_none());
                caught.push(bench.answer(line).await);
                assert!(caught.iter_mut().all(heard));
                assert!(bench.queue.drained().now_or_never().is_some());
            }
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_became_short_frees_those_that_waited() {
        local(async {
            let bench = Bench::new();
            let mut first = bench.answer(100).await;
            let mut second = bench.answer(0).await;
            assert!(heard(&mut first) && heard(&mut second));
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_patience() {
        local(async {
            let bench = Bench::new();
            for _ in 0..3 {
                let start = Instant::now();
                assert_eq!(bench.answer(100).await.await, Ok(REPLY));
                let waited = start.elapsed();
                let most = PATIENCE + Duration::from_millis(1);
                assert!((PATIENCE..=most).contains(&waited), "{waited:?}");
            }
        })
        .await;
    }

    /// The clock that was set for one group must not cut the next short.
    #[tokio::test(start_paused = true)]
    async fn every_group_has_its_own_time() {
        local(async {
            let bench = Bench::new();
            let mut first = bench.answer(100).await;
            tokio::time::sleep(PATIENCE / 2).await;
            bench.answer(0).await;
            assert!(heard(&mut first));
            let start = Instant::now();
            assert_eq!(bench.answer(100).await.await, Ok(REPLY));
            assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_session_keeps_no_answer_back() {
        local(async {
            let bench = Bench::new();
            let mut caught = bench.answer(100).await;
            drop(bench.tray);
            assert!(heard(&mut caught));
        })
        .await;
    }
}
