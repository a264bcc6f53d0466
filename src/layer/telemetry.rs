//! What happened to every call: method, caller, outcome and time. Never what was in it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bitcoin_grpc_contract::Method;
use futures_util::Stream;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use crate::call::{Call, Outcome};
use crate::error::CallError;
use crate::stream::Item;

/// Reports every call to `tracing`.
///
/// Calls are spans and events of level debug, so at the usual level they cost two readings of the
/// clock and two comparisons. Faults of the node or of this program are warnings.
#[derive(Debug, Clone, Copy, Default)]
pub struct TelemetryLayer;

impl<S> Layer<S> for TelemetryLayer {
    type Service = Telemetry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Telemetry { inner }
    }
}

/// The service of [`TelemetryLayer`].
#[derive(Debug, Clone)]
pub struct Telemetry<S> {
    inner: S,
}

impl<S: Service<Call, Response = Outcome, Error = CallError>> Service<Call> for Telemetry<S> {
    type Response = Outcome;
    type Error = CallError;
    type Future = Observed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let method = call.method();
        let span =
            tracing::debug_span!("call", method = method.info().full_name, caller = ?call.caller);
        let started = Instant::now();
        let inner = span.in_scope(|| self.inner.call(call));
        Observed { inner, watch: Some(Watch { method, started, span, ended: false }) }
    }
}

pin_project! {
    /// A call under observation.
    #[derive(Debug)]
    pub struct Observed<F> {
        #[pin]
        inner: F,
        // Moves into the stream, if the call comes to one.
        watch: Option<Watch>,
    }
}

impl<F: Future<Output = Result<Outcome, CallError>>> Future for Observed<F> {
    type Output = Result<Outcome, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.watch.as_ref().map(|watch| watch.span.clone().entered());
        let outcome = std::task::ready!(this.inner.poll(cx));
        drop(entered);
        Poll::Ready(match (outcome, this.watch.take()) {
            (Ok(Outcome::Stream(events)), Some(watch)) => {
                Ok(Outcome::Stream(events.wrapped(|events| Watched { events, watch })))
            }
            (outcome, Some(mut watch)) => {
                watch.report(outcome.as_ref().err());
                outcome
            }
            (outcome, None) => outcome,
        })
    }
}

/// What is remembered of a call until it ends.
#[derive(Debug)]
struct Watch {
    method: Method,
    started: Instant,
    span: Span,
    /// Its end has been reported.
    ended: bool,
}

impl Watch {
    /// Reports the end, with the error if there was one.
    fn report(&mut self, error: Option<&CallError>) {
        let _entered = self.span.clone().entered();
        self.ended = true;
        let (method, elapsed) = (self.method.info().full_name, self.started.elapsed());
        match error {
            None => tracing::debug!(method, ?elapsed, outcome = "OK", "call ended"),
            Some(error) if concerns_operator(error) => {
                tracing::warn!(method, ?elapsed, outcome = error.reason(), "call failed");
            }
            Some(error) => {
                tracing::debug!(method, ?elapsed, outcome = error.reason(), "call refused")
            }
        }
    }
}

/// A stream under observation.
struct Watched<S> {
    events: S,
    watch: Watch,
}

impl<S: Stream<Item = Item> + Unpin> Stream for Watched<S> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let item = std::task::ready!(Pin::new(&mut self.events).poll_next(cx));
        match &item {
            Some(Ok(_)) => {}
            Some(Err(error)) => self.watch.report(Some(error)),
            None if !self.watch.ended => self.watch.report(None),
            None => {}
        }
        Poll::Ready(item)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            let (method, elapsed) = (self.method.info().full_name, self.started.elapsed());
            let _entered = self.span.enter();
            tracing::debug!(method, ?elapsed, outcome = "CANCELLED", "call given up by its caller");
        }
    }
}

/// Whether an error says something about the node or this program rather than about the call.
fn concerns_operator(error: &CallError) -> bool {
    match error {
        CallError::StreamEnded { why, .. } => concerns_operator(why),
        CallError::NodeLost | CallError::NodeStuck | CallError::BadReply(_) | CallError::Internal(_) => true,
        CallError::Invalid(_)
        | CallError::Denied { .. }
        | CallError::CommandDenied { .. }
        | CallError::CommandWalletDenied { .. }
        | CallError::NotInProfile { .. }
        | CallError::FieldNotInProfile { .. }
        | CallError::Refused { .. }
        | CallError::Busy { .. }
        | CallError::DeadlineExceeded
        // The loss and the return of the node are reported once each, not once for every call.
        | CallError::NoNode(_)
        | CallError::Draining
        | CallError::AboveTip { .. }
        | CallError::LeaseGone(_)
        | CallError::WalletNotLoaded(_)
        | CallError::TooManyLeases { .. }
        | CallError::SubscriberTooSlow
        | CallError::TooManyStreams { .. }
        | CallError::NotificationsUnsafe { .. }
        | CallError::NotificationsOff
        | CallError::NodeException(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tower::ServiceExt;
    use tracing::Level;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::layer::testing::{echo, echo_call, manual};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn at(&self, level: Level) -> tracing::subscriber::DefaultGuard {
            let subscriber =
                tracing_subscriber::fmt().with_max_level(level).with_writer(self.clone());
            tracing::subscriber::set_default(subscriber.with_ansi(false).finish())
        }
    }

    impl Write for Log {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    async fn failing(error: CallError) {
        let (inner, mut calls) = manual();
        let answer = TelemetryLayer.layer(inner).oneshot(echo_call("a secret"));
        let answer_it = async {
            let (_, sender) = calls.recv().await.unwrap();
            sender.send(Err(error)).unwrap();
        };
        let (answer, ()) = tokio::join!(answer, answer_it);
        answer.unwrap_err();
    }

    #[tokio::test]
    async fn says_method_caller_and_outcome_but_not_the_content() {
        let log = Log::default();
        let _guard = log.at(Level::DEBUG);
        TelemetryLayer.layer(echo()).oneshot(echo_call("a secret")).await.unwrap();
        let text = log.text();
        for word in ["Echo.Echo", "Local", "outcome=\"OK\"", "elapsed="] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn is_silent_about_ordinary_calls_at_the_usual_level() {
        let log = Log::default();
        let _guard = log.at(Level::INFO);
        TelemetryLayer.layer(echo()).oneshot(echo_call("")).await.unwrap();
        failing(CallError::DeadlineExceeded).await;
        assert_eq!(log.text(), "");
    }

    #[tokio::test]
    async fn warns_of_faults_of_the_node() {
        let log = Log::default();
        let _guard = log.at(Level::INFO);
        failing(CallError::NodeLost).await;
        let text = log.text();
        assert!(text.contains("WARN") && text.contains("NODE_LOST"), "{text}");
    }

    #[tokio::test]
    async fn tells_of_callers_that_went_away() {
        let log = Log::default();
        let _guard = log.at(Level::DEBUG);
        let (inner, _calls) = manual();
        let mut call = Box::pin(TelemetryLayer.layer(inner).oneshot(echo_call("")));
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        assert!(log.text().contains("CANCELLED"), "{}", log.text());
    }
}
