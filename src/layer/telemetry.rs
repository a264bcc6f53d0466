//! What happened to every call: method, caller, outcome and time. Never what was in it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bitcoin_grpc_contract::{Method, Reply};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use crate::call::Call;
use crate::error::CallError;

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

impl<S: Service<Call, Response = Reply, Error = CallError>> Service<Call> for Telemetry<S> {
    type Response = Reply;
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
        Observed { inner, watch: Watch { method, started, span, ended: false } }
    }
}

pin_project! {
    /// A call under observation.
    #[derive(Debug)]
    pub struct Observed<F> {
        #[pin]
        inner: F,
        watch: Watch,
    }
}

impl<F: Future<Output = Result<Reply, CallError>>> Future for Observed<F> {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.watch.span.enter();
        let answer = std::task::ready!(this.inner.poll(cx));
        this.watch.ended = true;
        this.watch.report(&answer);
        Poll::Ready(answer)
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
    fn report(&self, answer: &Result<Reply, CallError>) {
        let (method, elapsed) = (self.method.info().full_name, self.started.elapsed());
        match answer {
            Ok(_) => tracing::debug!(method, ?elapsed, outcome = "OK", "call ended"),
            Err(error) if concerns_operator(error) => {
                tracing::warn!(method, ?elapsed, outcome = error.reason(), "call failed");
            }
            Err(error) => {
                tracing::debug!(method, ?elapsed, outcome = error.reason(), "call refused")
            }
        }
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
const fn concerns_operator(error: &CallError) -> bool {
    match error {
        CallError::NodeLost | CallError::NodeStuck | CallError::BadReply(_) | CallError::Internal(_) => true,
        CallError::Invalid(_)
        | CallError::Denied { .. }
        | CallError::NotInProfile { .. }
        | CallError::FieldNotInProfile { .. }
        | CallError::NotServed { .. }
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
