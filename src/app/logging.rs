//! The log: to standard error, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

/// Form and level of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// Its form.
    pub form: LogForm,
    /// What is logged, as a filter of tracing-subscriber.
    pub level: String,
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

/// Starts logging. If a program around this one has set up its own logging, that stays.
pub fn start(config: &LogConfig) {
    let subscriber = Subscriber::builder()
        .with_env_filter(EnvFilter::new(&config.level))
        .with_writer(std::io::stderr)
        // Colours are for people who look on, not for files.
        .with_ansi(std::io::stderr().is_terminal());
    let _ = match config.form {
        LogForm::Human => tracing::subscriber::set_global_default(subscriber.finish()),
        LogForm::Json => tracing::subscriber::set_global_default(subscriber.json().finish()),
    };
}
