//! Logs: text for people on a terminal, JSON for machines; to stderr, so that stdout stays data.
//!
//! Other crates speak from `warn` up only: what a TLS or SQL library says at `trace` is not ours to vouch for.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::render::Color;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Starts logging. `filter`: a level for this crate, or directives as `RUST_LOG` has them.
pub fn start(filter: &str, format: LogFormat, color: Color) {
    let directives = if filter.contains('=') { filter.to_owned() } else { format!("warn,entitled={filter}") };
    let filter = EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new("warn,entitled=info"));
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start (two tests in one process) finds the first in place, which is fine.
    let _already_started = if json {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_target(false).with_ansi(color == Color::Ansi).try_init()
    };
}
