//! Logs: text for people on a terminal, JSON for machines; to stderr, so that stdout stays data.
//!
//! Other crates speak from `warn` up only: what a TLS or SQL library says at `trace` is not ours to vouch for.

mod panics;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

use crate::secret::redacted;
use crate::text::{Color, clean_json};

pub use panics::{Panicked, caught, caught_at_once};

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

/// What to log: a level for this crate, or directives as `RUST_LOG` has them.
///
/// # Errors
/// What is wrong with `text`, for people.
pub fn filter(text: &str) -> Result<String, String> {
    let directives = if text.contains('=') { text.to_owned() } else { format!("warn,entitled={text}") };
    match EnvFilter::try_new(&directives) {
        Ok(_) => Ok(directives),
        Err(_) => Err("expected error, warn, info, debug, trace, or directives such as `warn,entitled=debug`".into()),
    }
}

/// Starts logging what a [`filter`] says.
pub fn start(directives: &str, format: LogFormat, color: Color) {
    let filter = EnvFilter::new(directives);
    let json = match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || Shown { json });
    // Where a line cannot be written there is nobody to be told so.
    let builder = builder.log_internal_errors(false);
    panics::install();
    // A second start (two tests in one process) finds the first in place, which is fine.
    let _already_started = if json {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(false).event_format(text::Text(color)).try_init()
    };
}

/// Writes to stderr, for people. Where that is full or closed nobody can be told, and the work goes on.
pub fn tell(text: fmt::Arguments<'_>) {
    let _nobody_to_tell = std::io::stderr().lock().write_all(redacted(&text.to_string()).as_bytes());
}

/// Stderr, without any secret, and in JSON without anything that hides; text is clean already, and has colours.
struct Shown {
    json: bool,
}

impl io::Write for Shown {
    /// A line comes whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = redacted(&text);
        let shown = if self.json { clean_json(&text) } else { Cow::Borrowed(&*text) };
        std::io::stderr().lock().write_all(shown.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        std::io::stderr().flush()
    }
}

/// `eprint!` that never ends the program.
macro_rules! note {
    ($($text:tt)*) => { $crate::logging::tell(format_args!($($text)*)) };
}
pub(crate) use note;
