//! Every call ends in time, whether the backend answers or not.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

use super::early::Early;
use crate::call::{Call, Outcome};
use crate::error::CallError;

/// For how long calls may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For callers that name none.
    pub usual: Duration,
    /// For callers that name none and call a method that waits for an event.
    pub blocking: Duration,
    /// The longest that a caller can have, whatever it names.
    pub max: Duration,
}

impl Deadlines {
    /// Real nodes answer reads within milliseconds; even a scan of the whole chain's filters ends
    /// well within this.
    pub const USUAL: Duration = Duration::from_secs(30);
    /// A block comes every ten minutes on average; who waits for one should not have to ask again
    /// for each.
    pub const BLOCKING: Duration = Duration::from_secs(15 * 60);
    /// Bounds how long a forgotten caller can hold a place.
    pub const MAX: Duration = Duration::from_secs(60 * 60);

    /// When a call that arrives `now` has to end.
    fn of(&self, call: &Call, now: Instant) -> Instant {
        let own = if call.method().info().blocking { self.blocking } else { self.usual };
        call.deadline.unwrap_or(now + own).min(now + self.max)
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { usual: Self::USUAL, blocking: Self::BLOCKING, max: Self::MAX }
    }
}

/// Sets and keeps the deadline of every call.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeadlineLayer {
    deadlines: Deadlines,
}

impl DeadlineLayer {
    /// Keeps these deadlines.
    #[must_use]
    pub const fn new(deadlines: Deadlines) -> Self {
        Self { deadlines }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, deadlines: self.deadlines }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    inner: S,
    deadlines: Deadlines,
}

impl<S: Service<Call, Response = Outcome, Error = CallError>> Service<Call> for Deadline<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Early<UntilDeadline<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let now = Instant::now();
        let deadline = self.deadlines.of(&call, now);
        if deadline <= now {
            return Early::refused(CallError::DeadlineExceeded);
        }
        call.deadline = Some(deadline);
        Early::passed(UntilDeadline { inner: self.inner.call(call), sleep: sleep_until(deadline) })
    }
}

pin_project! {
    /// The call, or the passing of its deadline, whichever is first.
    #[derive(Debug)]
    pub struct UntilDeadline<F> {
        #[pin]
        inner: F,
        // Costs nothing until it is polled, which an answer at once avoids.
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future<Output = Result<Outcome, CallError>>> Future for UntilDeadline<F> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(cx) {
            return Poll::Ready(answer);
        }
        this.sleep.poll(cx).map(|()| Err(CallError::DeadlineExceeded))
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;
    use crate::layer::testing::{Manual, Pending, echo, echo_call, manual, reply, waiting_call};
    use tokio::sync::mpsc::UnboundedReceiver;

    const SECOND: Duration = Duration::from_secs(1);
    const DEADLINES: Deadlines =
        Deadlines { usual: SECOND, blocking: Duration::from_secs(5), max: Duration::from_secs(9) };

    fn layered() -> (Deadline<Manual>, UnboundedReceiver<Pending>) {
        let (inner, calls) = manual();
        (DeadlineLayer::new(DEADLINES).layer(inner), calls)
    }

    /// How long a call that nobody answers takes to end.
    async fn time_to_end(call: Call) -> Duration {
        let (service, _calls) = layered();
        let start = Instant::now();
        assert_eq!(service.oneshot(call).await, Err(CallError::DeadlineExceeded));
        start.elapsed()
    }

    fn after(mut call: Call, time: Duration) -> Call {
        call.deadline = Some(Instant::now() + time);
        call
    }

    fn about(time: Duration, wanted: Duration) {
        assert!(time >= wanted && time <= wanted + Duration::from_millis(2), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_backend_does_not_hold_the_caller() {
        about(time_to_end(echo_call("")).await, DEADLINES.usual);
        about(time_to_end(waiting_call()).await, DEADLINES.blocking);
        about(time_to_end(after(echo_call(""), SECOND * 3)).await, SECOND * 3);
        about(time_to_end(after(waiting_call(), SECOND)).await, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gets_more_than_the_maximum() {
        about(time_to_end(after(echo_call(""), SECOND * 999)).await, DEADLINES.max);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_passed_is_answered_without_the_backend() {
        let (service, mut calls) = layered();
        let late = service.oneshot(after(echo_call(""), Duration::ZERO)).await;
        assert_eq!(late, Err(CallError::DeadlineExceeded));
        assert!(calls.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_passes_and_the_backend_knows_the_deadline() {
        let (service, mut calls) = layered();
        let start = Instant::now();
        let answer = tokio::spawn(service.oneshot(echo_call("")));
        let (call, sender) = calls.recv().await.unwrap();
        assert_eq!(call.deadline, Some(start + DEADLINES.usual));
        tokio::time::advance(SECOND / 2).await;
        sender.send(Ok(reply())).unwrap();
        assert_eq!(answer.await.unwrap(), Ok(reply()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_is_dropped_when_its_deadline_passes() {
        let (service, mut calls) = layered();
        let answer = tokio::spawn(service.oneshot(echo_call("")));
        let (_, mut sender) = calls.recv().await.unwrap();
        sender.closed().await;
        assert_eq!(answer.await.unwrap(), Err(CallError::DeadlineExceeded));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_at_once_needs_no_timer() {
        let service = DeadlineLayer::new(DEADLINES).layer(echo());
        assert_eq!(service.oneshot(echo_call("")).await, Ok(reply()));
    }
}
