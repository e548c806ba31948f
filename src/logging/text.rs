//! A log line as people read it: the time, the level, the sentence, its cause, and on a line of its own what
//! mends it. Fields are shown where the sentence does not hold them already; JSON has all of them, and the pass
//! that a line belongs to.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::text::{Color, clean};

/// Writes such lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text(pub(super) Color);

/// As wide as what stands before a sentence.
const INDENT: &str = "               ";

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Self(color) = *self;
        let mut said = Said::default();
        event.record(&mut said);
        let level = *event.metadata().level();
        let time = clock::now().strftime("%H:%M:%S").to_string();
        write!(to, "{} {} {}", color.paint("2", &time), color.paint(of(level), &format!("{level:<5}")), said.message)?;
        match said.because {
            Some(because) => write!(to, ": {because}")?,
            None => {
                for (name, value) in said.fields.iter().filter(|(name, value)| !names(&said.message, name, value)) {
                    write!(to, " {}", color.paint("2", &format!("{name}={value}")))?;
                }
            }
        }
        writeln!(to)?;
        match said.hint {
            Some(hint) => writeln!(to, "{INDENT}{} {hint}", color.paint("36", "hint:")),
            None => Ok(()),
        }
    }
}

/// Whether a sentence names a field already: as a whole, in backticks. An order is named beside it all the same:
/// what a sentence quotes of an order may look like its id.
fn names(message: &str, name: &str, value: &str) -> bool {
    name != "order" && !value.is_empty() && message.contains(&format!("`{value}`"))
}

/// The colour of a level.
fn of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        _ => "2",
    }
}

/// What an event holds.
#[derive(Default)]
struct Said {
    message: String,
    because: Option<String>,
    hint: Option<String>,
    fields: Vec<(&'static str, String)>,
}

impl Said {
    fn take(&mut self, field: &Field, value: &str) {
        let value = clean(value).into_owned();
        match field.name() {
            "message" => self.message = value,
            "because" => self.because = Some(value).filter(|text| !text.is_empty()),
            "hint" => self.hint = Some(value).filter(|text| !text.is_empty()),
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A string cannot refuse to be written to.
        let _written = write!(text, "{value:?}");
        self.take(field, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_left_out_only_where_the_sentence_names_it_as_a_whole() {
        for (message, name, value, left_out) in [
            ("`paid-1` at `$.at` is no time", "order", "1", false),
            ("`1` at `$.at` is no time", "order", "1", false),
            ("this order is odd: `x` at `$.at` is no time", "order", "odd", false),
            ("read 15 orders in 2 s", "orders", "5", false),
            ("the shop is slow", "source", "shop", false),
            ("`shop-2` is slow", "source", "shop", false),
            ("nothing was said", "source", "", false),
            ("`shop` is slow", "source", "shop", true),
        ] {
            assert_eq!(names(message, name, value), left_out, "{name}={value}: {message}");
        }
    }
}
