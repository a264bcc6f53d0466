//! How much may be under way and how much may wait. Beyond that a caller is told at once to come
//! back, before the queue grows so long that everybody's deadline passes in it.
//!
//! Methods that wait for an event have a budget of their own, so that waiting callers cannot keep
//! readers out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt};

use crate::call::{Call, CallService, Outcome};
use crate::error::CallError;
use crate::metrics::exposition::AdmissionLook;

/// After what time a refused caller should try again. A full queue of
/// [`Limits::QUEUE`] short calls is worked off in about this time.
pub const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Bounds of the two budgets, in calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Short calls under way.
    pub in_flight: usize,
    /// Short calls that wait for a place.
    pub queue: usize,
    /// Waiting methods under way.
    pub in_flight_blocking: usize,
    /// Waiting methods that wait for a place.
    pub queue_blocking: usize,
}

impl Limits {
    /// Enough to keep every server thread of a node busy many times over.
    pub const IN_FLIGHT: usize = 256;
    /// About a tenth of a second's work of one node.
    pub const QUEUE: usize = 1024;
    /// Each holds a server thread of the node for as long as it waits.
    pub const IN_FLIGHT_BLOCKING: usize = 64;
    /// Waiting in order to wait is of little use.
    pub const QUEUE_BLOCKING: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight: Self::IN_FLIGHT,
            queue: Self::QUEUE,
            in_flight_blocking: Self::IN_FLIGHT_BLOCKING,
            queue_blocking: Self::QUEUE_BLOCKING,
        }
    }
}

/// Admits calls. Copies share one set of budgets.
#[derive(Debug, Clone)]
pub struct AdmissionLayer {
    short: Budget,
    blocking: Budget,
}

impl AdmissionLayer {
    /// Keeps these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            short: Budget::new(limits.in_flight, limits.queue),
            blocking: Budget::new(limits.in_flight_blocking, limits.queue_blocking),
        }
    }

    /// Short and waiting calls under way and in line, now.
    #[must_use]
    pub fn look(&self) -> Vec<AdmissionLook> {
        vec![self.short.look("short"), self.blocking.look("blocking")]
    }

    /// Sends everybody away who waits or comes from now on. Calls under way go on.
    pub fn close(&self) {
        self.short.places.close();
        self.blocking.places.close();
    }
}

/// One budget: places for calls under way, and seats for those that wait for a place.
#[derive(Debug, Clone)]
struct Budget {
    places: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    limits: (usize, usize),
}

impl Budget {
    fn new(in_flight: usize, queue: usize) -> Self {
        let semaphore =
            |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { places: semaphore(in_flight), seats: semaphore(queue), limits: (in_flight, queue) }
    }

    fn look(&self, kind: &'static str) -> AdmissionLook {
        let in_flight = self.limits.0.saturating_sub(self.places.available_permits());
        let queued = self.limits.1.saturating_sub(self.seats.available_permits());
        AdmissionLook { kind, in_flight, queued }
    }

    fn seat(&self) -> Result<OwnedSemaphorePermit, CallError> {
        if self.places.is_closed() {
            return Err(CallError::Draining);
        }
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        seat.map_err(|_| CallError::Busy { retry_after: RETRY_AFTER })
    }

    /// Waits for a place, first come first served.
    async fn place(self, deadline: Option<Instant>) -> Result<OwnedSemaphorePermit, CallError> {
        let place = self.places.acquire_owned().await.map_err(|_| CallError::Draining)?;
        // Both may have become true in the same moment; nobody waits for this answer any more.
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(CallError::DeadlineExceeded);
        }
        Ok(place)
    }
}

impl<S> Layer<S> for AdmissionLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission { inner, short: self.short.clone(), blocking: self.blocking.clone() }
    }
}

/// The service of [`AdmissionLayer`]. It is always ready: it queues or refuses, and asks a clone of
/// the inner service for its readiness only once the call has its place.
#[derive(Debug, Clone)]
pub struct Admission<S> {
    inner: S,
    short: Budget,
    blocking: Budget,
}

impl<S: CallService> Service<Call> for Admission<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Admitted<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let blocking = call.method().info().blocking;
        let budget = if blocking { &self.blocking } else { &self.short };
        let way = match Arc::clone(&budget.places).try_acquire_owned() {
            Ok(place) => Way::Running { call: self.inner.clone().oneshot(call), place },
            Err(_) => queue(budget, self.inner.clone(), call),
        };
        Admitted { way }
    }
}

/// The slow path: the only one that allocates.
fn queue<S: CallService>(budget: &Budget, inner: S, call: Call) -> Way<S> {
    let seat = match budget.seat() {
        Ok(seat) => seat,
        Err(error) => return Way::Refused { error: Some(error) },
    };
    let place = budget.clone().place(call.deadline);
    Way::Queued {
        call: Box::pin(async move {
            let place = place.await?;
            drop(seat);
            let answer = inner.oneshot(call).await;
            drop(place);
            answer
        }),
    }
}

type Queued = Pin<Box<dyn Future<Output = Result<Outcome, CallError>> + Send>>;

pin_project! {
    /// A call on its way through admission. Dropping it gives back its place or its seat.
    pub struct Admitted<S: Service<Call>> {
        #[pin]
        way: Way<S>,
    }
}

pin_project! {
    #[project = WayProjection]
    enum Way<S: Service<Call>> {
        // It has its place.
        Running { #[pin] call: Oneshot<S, Call>, place: OwnedSemaphorePermit },
        // It waits for one.
        Queued { call: Queued },
        // There was no room to wait; `None` once this was told.
        Refused { error: Option<CallError> },
    }
}

impl<S: CallService> Future for Admitted<S> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Running { call, .. } => call.poll(cx),
            WayProjection::Queued { call } => call.as_mut().poll(cx),
            WayProjection::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;
    use tokio::task::JoinHandle;
    use tokio::time::advance;

    use super::*;
    use crate::layer::testing::{Manual, Pending, echo_call, manual, reply, waiting_call};

    const BUSY: Result<Outcome, CallError> = Err(CallError::Busy { retry_after: RETRY_AFTER });

    struct Bench {
        layer: AdmissionLayer,
        service: Admission<Manual>,
        calls: UnboundedReceiver<Pending>,
    }

    fn bench(in_flight: usize, queue: usize) -> Bench {
        let (inner, calls) = manual();
        let limits =
            Limits { in_flight, queue, in_flight_blocking: in_flight, queue_blocking: queue };
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
}
