//! What happened to every call: method, caller, outcome and time. Never what was in it. It is counted, and said
//! in one line.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bitcoin_grpc_contract::Method;
use futures_util::Stream;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Level, Span};

use crate::call::{Call, Caller, Outcome};
use crate::error::{CallError, Code};
use crate::metrics::Metrics;
use crate::stream::Item;
use crate::trace::TARGET;

/// Counts every call and reports it to `tracing`.
///
/// Calls are spans and events of level debug, so at the usual level they cost two readings of the
/// clock, two comparisons and the additions of a count. Faults of the node or of this program are warnings.
#[derive(Debug, Clone, Default)]
pub struct TelemetryLayer {
    metrics: Arc<Metrics>,
}

impl TelemetryLayer {
    /// Counts there.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = Telemetry<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Telemetry { inner, metrics: Arc::clone(&self.metrics) }
    }
}

/// The service of [`TelemetryLayer`].
#[derive(Debug, Clone)]
pub struct Telemetry<S> {
    inner: S,
    metrics: Arc<Metrics>,
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
        let span = span(&call);
        let (caller, metrics) = (call.caller.clone(), Arc::clone(&self.metrics));
        let started = Instant::now();
        let inner = span.in_scope(|| self.inner.call(call));
        let watch = Watch { method, caller, metrics, started, span, ended: false };
        Observed { inner, watch: Some(watch) }
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

/// The span of a call, for who listens to traces.
fn span(call: &Call) -> Span {
    let info = call.method().info();
    let span = tracing::debug_span!(
        target: TARGET,
        "call",
        otel.name = info.path.trim_start_matches('/'),
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "grpc",
        rpc.service = info.service.name(),
        rpc.method = info.name,
        rpc.grpc.status_code = Empty,
        error.r#type = Empty,
    );
    if !span.is_disabled() {
        call.trace.adopt(&span);
    }
    span
}

/// What is remembered of a call until it ends.
#[derive(Debug)]
struct Watch {
    method: Method,
    caller: Caller,
    metrics: Arc<Metrics>,
    started: Instant,
    span: Span,
    /// Its end has been reported.
    ended: bool,
}

impl Watch {
    /// Reports the end, with the error if there was one.
    fn report(&mut self, error: Option<&CallError>) {
        self.ended = true;
        let elapsed = self.started.elapsed();
        match error {
            None => self.metrics.calls.ended(self.method, Code::Ok, elapsed),
            Some(error) => self.metrics.calls.failed(self.method, error.kind(), elapsed),
        }
        match error {
            None => self.say(Level::DEBUG, Code::Ok, None, elapsed),
            Some(error) => {
                let level = if concerns_operator(error) { Level::WARN } else { Level::DEBUG };
                self.say(level, error.code(), Some(error.reason()), elapsed);
            }
        }
    }

    /// The one line about the call.
    fn say(&self, level: Level, code: Code, reason: Option<&'static str>, elapsed: Duration) {
        macro_rules! line {
            ($level:ident) => {{
                let info = self.method.info();
                let (service, method) = (info.service.name(), info.name);
                let (code, caller) = (code.name(), self.caller.name());
                let origin = self.caller.origin();
                let milliseconds = elapsed.as_secs_f64() * 1000.0;
                tracing::$level!(parent: &self.span, service, method, code, reason, milliseconds, caller, origin, "call ended");
            }};
        }
        self.span.record("rpc.grpc.status_code", code as i64);
        if let Some(reason) = reason {
            self.span.record("error.type", reason).record("otel.status_code", "ERROR");
        }
        if level == Level::WARN {
            line!(warn)
        } else if tracing::enabled!(Level::DEBUG) {
            line!(debug)
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
            Some(Ok(message)) => {
                self.watch.metrics.calls.message(self.watch.method, message.time);
            }
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
            let elapsed = self.started.elapsed();
            self.metrics.calls.ended(self.method, Code::Cancelled, elapsed);
            self.say(Level::DEBUG, Code::Cancelled, None, elapsed);
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
        | CallError::Limited { .. }
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
        let answer = TelemetryLayer::default().layer(inner).oneshot(echo_call("a secret"));
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
        TelemetryLayer::default().layer(echo()).oneshot(echo_call("a secret")).await.unwrap();
        let text = log.text();
        for word in [
            "service=\"Echo\"",
            "method=\"Echo\"",
            "code=\"OK\"",
            "caller=\"anonymous\"",
            "origin=\"local\"",
            "milliseconds=",
        ] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn is_silent_about_ordinary_calls_at_the_usual_level() {
        let log = Log::default();
        let _guard = log.at(Level::INFO);
        TelemetryLayer::default().layer(echo()).oneshot(echo_call("")).await.unwrap();
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
        let mut call = Box::pin(TelemetryLayer::default().layer(inner).oneshot(echo_call("")));
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        assert!(log.text().contains("CANCELLED"), "{}", log.text());
    }
}
