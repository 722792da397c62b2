//! What operators see while it runs: log lines and metrics. The decision log is something else, see [`crate::audit`].
//!
//! Never: shows a credential, a key, a query string or a value of a body; lets a caller make a metric's label.

mod counts;
pub mod metrics;
mod pending;
mod worker;

pub use metrics::JournalCounters;
pub use metrics::LearningCounters;
pub use metrics::Metrics;
pub use metrics::OriginCounters;
pub use metrics::ShadowCounters;
pub use metrics::ShipCounters;
pub use worker::Label;
pub use worker::WorkerMetrics;

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRefused {
    /// The filter is none; what is wrong with it.
    Filter(String),
    /// Somebody started it before.
    Started,
}

impl std::fmt::Display for LogRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filter(what) => write!(f, "the log level is not understood: {what}"),
            Self::Started => f.write_str("logging has been started already"),
        }
    }
}

impl std::error::Error for LogRefused {}

/// Starts logging to standard error, for the whole process. `filter` is a level, or directives as `RUST_LOG` has them.
///
/// # Errors
/// When the filter is not understood, or logging was started before.
pub fn start_logging(format: LogFormat, filter: &str, colour: bool) -> Result<(), LogRefused> {
    let filter = EnvFilter::try_new(filter).map_err(|error| LogRefused::Filter(error.to_string()))?;
    // A line that cannot be written is lost. To say so the library would print to the same closed stream, and that panics
    // in whichever thread has something to say.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
    started.map_err(|_error| LogRefused::Started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_refused_in_words() {
        let refused = start_logging(LogFormat::Json, "palisade=loud", false);
        assert!(matches!(refused, Err(LogRefused::Filter(_))), "{refused:?}");
    }
}
