//! The log: to standard error, for people or for machines. And traces, which begin where the log does.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::trace::TARGET;

/// Form and level of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Its form.
    pub form: LogForm,
    /// What is logged, as a filter of tracing-subscriber.
    pub level: String,
    /// Where traces go, if they go anywhere.
    pub otlp: Option<OtlpConfig>,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogForm {
    /// One line for each event, to be read by people.
    #[default]
    Human,
    /// One JSON object for each event.
    Json,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpConfig {
    /// The collector: `http://HOST:PORT`.
    pub endpoint: String,
    /// The part of the traces that begin here which is sent, from 0 to 1.
    pub sample: f64,
}

/// What is to be ended with the program.
#[derive(Debug, Default)]
pub struct Logging {
    #[cfg(feature = "otlp")]
    traces: Option<super::otlp::Traces>,
}

impl Logging {
    /// Sends the last traces.
    pub async fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}

/// Starts logging, inside a runtime. If a program around this one has set up its own logging, that stays.
///
/// # Errors
/// When traces cannot be sent to where they should.
pub fn start(config: &LogConfig) -> Result<Logging, String> {
    #[cfg(feature = "otlp")]
    {
        let traces = config.otlp.as_ref().map(super::otlp::Traces::start).transpose()?;
        let subscriber = tracing_subscriber::registry().with(log(config));
        match &traces {
            Some(traces) => set(subscriber.with(traces.layer())),
            // A layer that may be missing would take an interest in every span, and have it made for nobody.
            None => set(subscriber),
        }
        Ok(Logging { traces })
    }
    #[cfg(not(feature = "otlp"))]
    {
        set(tracing_subscriber::registry().with(log(config)));
        Ok(Logging::default())
    }
}

fn set(subscriber: impl Subscriber + Send + Sync) {
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn log<S>(config: &LogConfig) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let layer = tracing_subscriber::fmt::layer()
        // Colours are for eyes, not for files.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match config.form {
        LogForm::Human => layer.boxed(),
        LogForm::Json => layer.json().boxed(),
    };
    // Spans of traces repeat what the lines say. The hint leaves it to the other filter what is not looked at at all.
    let others =
        filter_fn(|about| about.target() != TARGET).with_max_level_hint(LevelFilter::TRACE);
    layer.with_filter(EnvFilter::new(&config.level).and(others))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn without_a_collector_nobody_has_spans_made() {
        let config = LogConfig { form: LogForm::Human, level: "warn".to_owned(), otlp: None };
        start(&config).unwrap();
        assert!(tracing::enabled!(Level::WARN), "the log is there");
        assert!(tracing::debug_span!(target: TARGET, "call").is_disabled());
        assert!(!tracing::enabled!(target: "h2", Level::TRACE));
    }
}
