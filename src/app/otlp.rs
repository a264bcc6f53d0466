//! Traces, sent to a collector by OTLP over gRPC.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::logging::OtlpConfig;
use crate::trace::{self, TARGET};

/// Spans that wait to be sent, some 500 bytes each. When they are full, further ones are dropped: traces must not
/// slow calls down.
const QUEUE: usize = 4096;

/// Spans in one message.
const BATCH: usize = 512;

/// How long spans wait for company.
const DELAY: Duration = Duration::from_secs(1);

/// How long the collector may take.
const EXPORT: Duration = Duration::from_secs(5);

/// How long the last spans may take at the end of the program.
const LAST: Duration = Duration::from_secs(3);

/// Sends spans until it is stopped.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts a thread that sends spans. It must be called inside a runtime, which keeps the connection.
    pub(super) fn start(config: &OtlpConfig) -> Result<Self, String> {
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&config.endpoint)
            .with_timeout(EXPORT)
            .build()
            .map_err(|error| error.to_string())?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(DELAY)
            .build();
        let exporter = Watched { exporter, away: AtomicBool::new(false) };
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        // What a caller decided for its trace holds for our part of it.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(sampler)
            .with_resource(Resource::builder().with_service_name(env!("CARGO_PKG_NAME")).build())
            .build();
        trace::switch_on();
        Ok(Self { provider })
    }

    /// Listens to the spans that are meant for it.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync>(
        &self,
    ) -> impl Layer<S> + Send + Sync + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TARGET, Level::DEBUG))
    }

    /// Sends what is left, for a while.
    pub(super) async fn stop(self) {
        // Its thread waits for the collector's answer, which comes in on this one.
        let stopped =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST));
        if let Ok(Err(error)) = stopped.await {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Tells once that the collector takes nothing, and once that it does again. Spans of the time between are lost.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    away: AtomicBool,
}

/// What is told of a collector.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Away,
    Back,
}

impl<E> Watched<E> {
    fn news(&self, outcome: &OTelSdkResult) -> Option<News> {
        let away = outcome.is_err();
        let changed = self.away.swap(away, Ordering::Relaxed) != away;
        changed.then_some(if away { News::Away } else { News::Back })
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        match (self.news(&outcome), &outcome) {
            (Some(News::Away), Err(error)) => {
                tracing::warn!(%error, "the collector takes no traces");
            }
            (Some(_), _) => tracing::info!("the collector takes traces again"),
            (None, _) => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn a_collector_that_is_away_is_told_of_once() {
        let watched = Watched { exporter: (), away: AtomicBool::new(false) };
        let failed = || Err(OTelSdkError::InternalFailure("nobody there".to_owned()));
        let outcomes = [Ok(()), failed(), failed(), Ok(()), Ok(()), failed()];
        let news = outcomes.map(|outcome| watched.news(&outcome));
        let (away, back) = (Some(News::Away), Some(News::Back));
        assert_eq!(news, [None, away, None, back, None, Some(News::Away)]);
    }
}
