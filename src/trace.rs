//! Where a call stands in a trace that spans programs, as W3C's `traceparent` tells it.
//!
//! Spans of the calls and of the node's round trips are spans of `tracing` with a target of their own,
//! [`TARGET`]. Nobody but the exporter (`src/app/otlp.rs`) listens to it, so without one they cost a comparison.

#[cfg(feature = "otlp")]
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use tracing::Span;

/// Target of the spans that are exported.
pub const TARGET: &str = "bitcoin_grpc::trace";

/// Whether anybody listens.
#[cfg(feature = "otlp")]
static ON: AtomicBool = AtomicBool::new(false);

/// Looks at what callers say of their traces from now on.
#[cfg(feature = "otlp")]
pub(crate) fn switch_on() {
    ON.store(true, Ordering::Relaxed);
}

/// The span of another program of which a call is a part; without one, or if nobody listens, none.
#[derive(Debug, Clone, Default)]
pub struct Parent {
    #[cfg(feature = "otlp")]
    context: Option<opentelemetry::trace::SpanContext>,
}

#[cfg(feature = "otlp")]
impl Parent {
    /// What the headers of a call say. What is malformed says nothing.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        if ON.load(Ordering::Relaxed) { Self::read(headers) } else { Self::default() }
    }

    fn read(headers: &HeaderMap) -> Self {
        use opentelemetry::Context;
        use opentelemetry::propagation::TextMapPropagator;
        use opentelemetry::trace::TraceContextExt;
        use opentelemetry_sdk::propagation::TraceContextPropagator;
        let propagator = TraceContextPropagator::new();
        let context = propagator.extract_with_context(&Context::new(), &Headers(headers));
        let context = context.span().span_context().clone();
        Self { context: Some(context).filter(opentelemetry::trace::SpanContext::is_valid) }
    }

    /// Makes a span a part of it.
    pub fn adopt(&self, span: &Span) {
        use opentelemetry::Context;
        use opentelemetry::trace::TraceContextExt;
        use tracing_opentelemetry::OpenTelemetrySpanExt;
        if let Some(context) = &self.context {
            let context = Context::new().with_remote_span_context(context.clone());
            // Nobody listens to the span, then.
            let _ = span.set_parent(context);
        }
    }
}

#[cfg(feature = "otlp")]
struct Headers<'a>(&'a HeaderMap);

#[cfg(feature = "otlp")]
impl opentelemetry::propagation::Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(not(feature = "otlp"))]
impl Parent {
    /// Nothing, as this program exports no traces.
    #[must_use]
    pub const fn of(_: &HeaderMap) -> Self {
        Self {}
    }

    /// Does nothing.
    pub const fn adopt(&self, _: &Span) {}
}

#[cfg(test)]
#[cfg(feature = "otlp")]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String, bool)> {
        let headers = [(http::HeaderName::from_static("traceparent"), value.parse().unwrap())];
        let context = Parent::read(&headers.into_iter().collect()).context?;
        let sampled = context.is_sampled();
        Some((context.trace_id().to_string(), context.span_id().to_string(), sampled))
    }

    #[test]
    fn a_parent_is_read_as_the_standard_writes_it() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for (flags, sampled) in [("01", true), ("00", false), ("03", true)] {
            let found = read(&format!("00-{trace}-{span}-{flags}"));
            assert_eq!(found, Some((trace.to_owned(), span.to_owned(), sampled)));
        }
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let long = format!("00-{}-b7ad6b7169203331-01", "a".repeat(9000));
        let short = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        let wrong = "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for value in ["", "x", "----", zeros, &long, short, wrong] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
