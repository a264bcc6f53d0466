use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::*;
use crate::call::Caller;
use crate::layer::rights::Grants;
use crate::layer::testing::{Manual, Pending, echo_call, manual, reply, waiting_call};

const BUSY: Result<Outcome, CallError> = Err(CallError::Busy { retry_after: RETRY_AFTER });
const OWN_BUSY: Result<Outcome, CallError> =
    Err(CallError::Limited { limit: Limit::OwnCalls, retry_after: RETRY_AFTER });

struct Bench {
    layer: AdmissionLayer,
    service: Admission<Manual>,
    calls: UnboundedReceiver<Pending>,
}

fn bench(in_flight: usize, queue: usize) -> Bench {
    let (inner, calls) = manual();
    let limits = Limits {
        in_flight,
        queue,
        in_flight_blocking: in_flight,
        queue_blocking: queue,
        ..Limits::default()
    };
    let layer = AdmissionLayer::new(limits);
    Bench { service: layer.layer(inner), layer, calls }
}

impl Bench {
    async fn send(&self, call: Call) -> JoinHandle<Result<Outcome, CallError>> {
        let task = tokio::spawn(self.service.clone().oneshot(call));
        tokio::task::yield_now().await;
        task
    }

    fn arrived(&mut self) -> Option<Pending> {
        self.calls.try_recv().ok()
    }
}

#[tokio::test(start_paused = true)]
async fn one_runs_one_waits_the_third_is_refused() {
    let mut bench = bench(1, 1);
    let first = bench.send(echo_call("1")).await;
    let second = bench.send(echo_call("2")).await;
    let third = bench.send(echo_call("3")).await;
    assert_eq!(third.await.unwrap(), BUSY);
    let (_, answer) = bench.arrived().unwrap();
    assert!(bench.arrived().is_none());
    answer.send(Ok(reply())).unwrap();
    assert_eq!(first.await.unwrap(), Ok(reply()));
    let (call, answer) = bench.calls.recv().await.unwrap();
    assert_eq!(call.request, echo_call("2").request);
    answer.send(Ok(reply())).unwrap();
    assert_eq!(second.await.unwrap(), Ok(reply()));
}

#[tokio::test(start_paused = true)]
async fn waiting_methods_do_not_take_the_places_of_short_ones() {
    let mut bench = bench(1, 1);
    let _running = bench.send(waiting_call()).await;
    let _queued = bench.send(waiting_call()).await;
    assert_eq!(bench.send(waiting_call()).await.await.unwrap(), BUSY);
    bench.arrived().unwrap();
    let _short = bench.send(echo_call("")).await;
    assert!(bench.arrived().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_leaves_the_queue() {
    let mut bench = bench(1, 1);
    let _running = bench.send(echo_call("1")).await;
    let queued = bench.send(echo_call("2")).await;
    queued.abort();
    let _ = queued.await;
    let next = bench.send(echo_call("3")).await;
    assert!(!next.is_finished(), "the seat was not given back");
    let (_, answer) = bench.arrived().unwrap();
    answer.send(Ok(reply())).unwrap();
    let (call, _) = bench.calls.recv().await.unwrap();
    assert_eq!(call.request, echo_call("3").request);
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_gives_back_its_place() {
    let mut bench = bench(1, 0);
    let running = bench.send(echo_call("1")).await;
    running.abort();
    let _ = running.await;
    bench.arrived().unwrap();
    let _next = bench.send(echo_call("2")).await;
    assert!(bench.arrived().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_in_the_queue_is_shed() {
    let mut bench = bench(1, 1);
    let _running = bench.send(echo_call("1")).await;
    let mut late = echo_call("2");
    late.deadline = Some(Instant::now() + Duration::from_secs(1));
    let late = bench.send(late).await;
    advance(Duration::from_secs(2)).await;
    let (_, answer) = bench.arrived().unwrap();
    answer.send(Ok(reply())).unwrap();
    assert_eq!(late.await.unwrap(), Err(CallError::DeadlineExceeded));
    assert!(bench.arrived().is_none());
}

#[tokio::test(start_paused = true)]
async fn places_are_shared_by_all_services_of_a_layer() {
    let bench = bench(1, 0);
    let (inner, _calls) = manual();
    let other = bench.layer.layer(inner);
    let _running = bench.send(echo_call("1")).await;
    assert_eq!(other.oneshot(echo_call("2")).await, BUSY);
}

#[tokio::test(start_paused = true)]
async fn after_closing_the_queue_is_sent_away_and_calls_under_way_end() {
    let mut bench = bench(1, 1);
    let running = bench.send(echo_call("1")).await;
    let queued = bench.send(echo_call("2")).await;
    bench.layer.close();
    assert_eq!(queued.await.unwrap(), Err(CallError::Draining));
    assert_eq!(bench.send(echo_call("3")).await.await.unwrap(), Err(CallError::Draining));
    let (_, answer) = bench.arrived().unwrap();
    answer.send(Ok(reply())).unwrap();
    assert_eq!(running.await.unwrap(), Ok(reply()));
}

fn of(name: &str, call: Call) -> Call {
    Call { caller: Caller::Known(name.into()), ..call }
}

fn with(limits: Limits) -> Bench {
    let (inner, calls) = manual();
    let layer = AdmissionLayer::new(limits);
    Bench { service: layer.layer(inner), layer, calls }
}

#[tokio::test(start_paused = true)]
async fn who_calls_little_is_next_whatever_others_have_in_line() {
    let mut bench = bench(1, 100);
    let mut answers = Vec::new();
    for _ in 0..50 {
        answers.push(bench.send(of("heavy", echo_call("heavy"))).await);
    }
    answers.push(bench.send(of("light", echo_call("light"))).await);
    let mut order = Vec::new();
    for _ in 0..4 {
        let (call, answer) = bench.calls.recv().await.unwrap();
        order.push(call.caller.name().to_owned());
        answer.send(Ok(reply())).unwrap();
    }
    assert_eq!(order, ["heavy", "heavy", "light", "heavy"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_has_more_than_its_own_places_and_seats() {
    let own = OwnLimits { in_flight: Some(2), queue: Some(1), ..OwnLimits::default() };
    let mut bench = with(Limits { own, ..Limits::default() });
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(bench.send(of("heavy", echo_call(""))).await);
    }
    assert_eq!(bench.send(of("heavy", echo_call(""))).await.await.unwrap(), OWN_BUSY);
    let first = bench.arrived().unwrap();
    bench.arrived().unwrap();
    assert!(bench.arrived().is_none());
    let _other = bench.send(of("light", echo_call(""))).await;
    assert_eq!(bench.arrived().unwrap().0.caller.name(), "light");
    first.1.send(Ok(reply())).unwrap();
    assert_eq!(bench.calls.recv().await.unwrap().0.caller.name(), "heavy");
}

#[tokio::test(start_paused = true)]
async fn who_may_have_no_more_places_holds_up_nobody_behind() {
    let own = OwnLimits { in_flight: Some(1), ..OwnLimits::default() };
    let mut bench = with(Limits { in_flight: 2, own, ..Limits::default() });
    let mut answers = Vec::new();
    for name in ["a", "b", "a", "c"] {
        answers.push(bench.send(of(name, echo_call(""))).await);
    }
    let (call, _runs_on) = bench.arrived().unwrap();
    assert_eq!(call.caller.name(), "a");
    bench.arrived().unwrap().1.send(Ok(reply())).unwrap();
    assert_eq!(bench.calls.recv().await.unwrap().0.caller.name(), "c");
}

#[tokio::test(start_paused = true)]
async fn what_grants_say_of_a_caller_counts_more_than_what_holds_for_all() {
    let own = OwnLimits { in_flight: Some(1), queue: Some(0), ..OwnLimits::default() };
    let bench = with(Limits { own, ..Limits::default() });
    let mut grants = Grants::default();
    grants.add_limits(OwnLimits { in_flight: Some(2), ..OwnLimits::default() });
    let grants = Arc::new(grants);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let call = Call { grants: Arc::clone(&grants), ..of("granted", echo_call("")) };
        answers.push(bench.send(call).await);
        answers.push(bench.send(of("usual", echo_call(""))).await);
    }
    let waits: Vec<_> = answers.iter().map(|answer| !answer.is_finished()).collect();
    assert_eq!(waits, [true, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn rates_are_kept_for_each_and_for_all() {
    let own = OwnLimits { rate: Some(2), ..OwnLimits::default() };
    let bench = with(Limits { rate: Some(3), own, ..Limits::default() });
    let mut refused = Vec::new();
    let mut answers = Vec::new();
    for name in ["a", "a", "a", "b", "b"] {
        let answer = bench.send(of(name, echo_call(""))).await;
        if answer.is_finished() {
            refused.push(answer.await.unwrap().unwrap_err());
        } else {
            answers.push(answer);
        }
    }
    let limited = |limit, milliseconds| CallError::Limited {
        limit,
        retry_after: Duration::from_millis(milliseconds),
    };
    // A third of a second is not a whole number of nanoseconds.
    let third = Duration::from_nanos(1_000_000_000 / 3 * 4 - 1_000_000_000);
    let all = CallError::Limited { limit: Limit::Rate, retry_after: third };
    assert_eq!(refused, [limited(Limit::OwnRate, 500), all]);
    advance(Duration::from_millis(600)).await;
    answers.push(bench.send(of("a", echo_call(""))).await);
    assert!(!answers.last().unwrap().is_finished());
}

type Task = JoinHandle<Result<Outcome, CallError>>;

#[tokio::test(start_paused = true)]
async fn who_has_nothing_in_line_takes_the_last_seat_of_who_has_most() {
    let mut bench = bench(1, 8);
    let mut heavy: Vec<Task> = Vec::new();
    heavy.push(bench.send(of("a", echo_call("runs"))).await);
    for (name, calls) in [("a", 5), ("b", 3)] {
        for _ in 0..calls {
            heavy.push(bench.send(of(name, echo_call(""))).await);
        }
    }
    assert!(heavy.iter().all(|task| !task.is_finished()), "all seats are taken, and no more");
    let light = bench.send(of("light", echo_call(""))).await;
    tokio::task::yield_now().await;
    // The last call of the longest line; the first of these runs.
    let shed = heavy.remove(5);
    assert_eq!(shed.await.unwrap(), OWN_BUSY);
    assert!(!light.is_finished() && heavy.iter().all(|task| !task.is_finished()));
    let mut order = Vec::new();
    for _ in 0..9 {
        let (call, answer) = bench.calls.recv().await.unwrap();
        order.push(call.caller.name().to_owned());
        answer.send(Ok(reply())).unwrap();
    }
    assert_eq!(order.join(" "), "a a b light a b a b a");
}

#[tokio::test(start_paused = true)]
async fn seats_go_nowhere_if_nobody_has_more_than_one() {
    let bench = bench(1, 3);
    let mut waiting = Vec::new();
    for name in ["runs", "a", "b", "c"] {
        waiting.push(bench.send(of(name, echo_call(""))).await);
    }
    assert_eq!(bench.send(of("d", echo_call(""))).await.await.unwrap(), BUSY);
    assert!(waiting.iter().all(|task| !task.is_finished()));
}

/// Callers come in an order that chance decides, to a line that is full most of the time. Who is refused has its even
/// part already; who is sent away had more than that, and more than whoever took the seat; no seat is made or lost.
#[tokio::test(start_paused = true)]
async fn nobody_is_refused_who_has_less_than_an_even_part_of_the_seats() {
    const SEATS: usize = 12;
    let mut seed = 3_u64;
    let mut random = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut bench = bench(1, SEATS);
    let mut lines: HashMap<u64, Vec<Task>> = HashMap::new();
    let _runs = bench.send(of("runs", echo_call(""))).await;
    let mut running = bench.arrived().unwrap().1;
    let (mut shed, mut refused) = (0, 0);
    for _ in 0..5000 {
        if random(4) == 0 {
            if lines.values().all(Vec::is_empty) {
                continue;
            }
            running.send(Ok(reply())).unwrap();
            let next = tokio::time::timeout(RETRY_AFTER, bench.calls.recv()).await;
            let Ok(Some((call, answer))) = next else { break };
            running = answer;
            drop(lines.get_mut(&call.caller.name().parse().unwrap()).unwrap().remove(0));
            continue;
        }
        lines.retain(|_, line| !line.is_empty());
        let before: HashMap<u64, usize> = lines.iter().map(|(n, line)| (*n, line.len())).collect();
        let (caller, all) = (random(9), before.values().sum::<usize>());
        let own = before.get(&caller).copied().unwrap_or(0);
        let even = SEATS / (before.len() + usize::from(own == 0));
        let task = bench.send(of(&caller.to_string(), echo_call(""))).await;
        tokio::task::yield_now().await;
        if task.is_finished() {
            assert!(all == SEATS && own >= even || own >= most(SEATS), "{caller} of {before:?}");
            refused += 1;
            continue;
        }
        for (other, line) in &mut lines {
            if line.last().is_some_and(JoinHandle::is_finished) {
                assert!(all == SEATS && own < even, "{caller} of {before:?}");
                assert!(line.len() > even && line.len() > own + 1, "{other} of {before:?}");
                assert_eq!(line.pop().unwrap().await.unwrap(), OWN_BUSY, "{other}");
                shed += 1;
            }
        }
        lines.entry(caller).or_default().push(task);
        assert_eq!(lines.values().map(Vec::len).sum::<usize>(), SEATS.min(all + 1));
    }
    assert!(shed > 100 && refused > 100, "{shed} {refused}");
}

/// Calls of several callers, some of which give up while they wait or run, in an order that chance decides: never more
/// than the limits under way, nobody waits for ever, and in the end all places and seats are free.
#[test]
fn whatever_happens_limits_are_kept_and_everything_is_given_back() {
    for seed in 0..20 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        // Seats for all, and so few that callers send each other away.
        let seats = if seed % 2 == 0 { 2000 } else { 6 };
        runtime.unwrap().block_on(rush(seed, seats));
    }
}

async fn rush(mut seed: u64, seats: usize) {
    const TOTAL: usize = 5;
    const OWN: usize = 3;
    let mut random = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let own = OwnLimits { in_flight: Some(OWN), queue: Some(seats), ..OwnLimits::default() };
    let limits = Limits { in_flight: TOTAL, queue: seats, own, ..Limits::default() };
    let layer = AdmissionLayer::new(limits);
    let seen = Arc::new(Seen::default());
    let service = layer.layer(Slow(Arc::clone(&seen)));
    let mut tasks = Vec::new();
    for _ in 0..400 {
        let call = of(&random(4).to_string(), echo_call(""));
        let (service, patience) = (service.clone(), random(6));
        tasks.push(tokio::spawn(async move {
            match patience {
                0 => drop(
                    tokio::time::timeout(Duration::from_micros(200), service.oneshot(call)).await,
                ),
                _ => match service.oneshot(call).await {
                    Ok(_) => {}
                    refused => assert!(seats < 400 && (refused == BUSY || refused == OWN_BUSY)),
                },
            }
        }));
        if random(8) == 0 {
            tokio::task::yield_now().await;
        }
    }
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(60), task)
            .await
            .expect("somebody waits for ever")
            .unwrap();
    }
    assert!(seen.most.load(Ordering::SeqCst) <= TOTAL);
    assert!(seen.most_of_one.load(Ordering::SeqCst) <= OWN);
    assert!(seen.most.load(Ordering::SeqCst) > 1, "it was no rush");
    for look in layer.look() {
        assert_eq!((look.in_flight, look.queued), (0, 0));
    }
}

/// What was under way at most.
#[derive(Debug, Default)]
struct Seen {
    now: [AtomicUsize; 5],
    most: AtomicUsize,
    most_of_one: AtomicUsize,
}

struct Under(Arc<Seen>, usize);

impl Drop for Under {
    fn drop(&mut self) {
        self.0.now[self.1].fetch_sub(1, Ordering::SeqCst);
        self.0.now[4].fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Clone)]
struct Slow(Arc<Seen>);

impl Service<Call> for Slow {
    type Response = Outcome;
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let caller: usize = call.caller.name().parse().unwrap();
        let own = self.0.now[caller].fetch_add(1, Ordering::SeqCst) + 1;
        let all = self.0.now[4].fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_of_one.fetch_max(own, Ordering::SeqCst);
        self.0.most.fetch_max(all, Ordering::SeqCst);
        let under = Under(Arc::clone(&self.0), caller);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_micros(50)).await;
            drop(under);
            Ok(reply())
        })
    }
}
