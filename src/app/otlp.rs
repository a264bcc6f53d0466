//! Traces, sent to a collector by OTLP over gRPC.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
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
        let exporter = SpanExporter::builder()
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
