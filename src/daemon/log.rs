//! What a pass did, for the log: one line for each change, with what a search would go by, and the figures.

use crate::report::run::{ActionOutcome, RunReport};
use crate::report::{self, Change, messages};
use crate::text::Color;

/// More changes that went well than these are only told at debug: a first pass may make a hundred thousand.
const SHOWN: usize = 200;

/// The run and the kind of pass are fields of the span around it.
pub(super) fn pass(report: &RunReport) {
    let mut well = 0;
    for line in &report.lines {
        let Change { action, user, target, order, source, product, because, .. } = &line.change;
        let (order, source, product) = (order.as_deref(), source.as_deref(), product.as_deref());
        let deed = messages::describe(&line.change, user.as_str());
        macro_rules! told {
            ($level:ident, $($what:tt)*) => {
                tracing::$level!(action, %user, on = target, order, source, product, because, $($what)*)
            };
        }
        match &line.came {
            ActionOutcome::Done | ActionOutcome::AlreadySo => {
                well += 1;
                let so = if line.came == ActionOutcome::Done { "" } else { " (already so)" };
                if well <= SHOWN {
                    told!(info, "{deed}{so}");
                } else {
                    told!(debug, "{deed}{so}");
                }
            }
            ActionOutcome::Gone(what) => told!(warn, "{deed}: {what}"),
            ActionOutcome::Failed(error) => told!(warn, error, "{deed} failed"),
        }
    }
    let figures = report::report(report, Color::Plain);
    let figures = figures.lines().next_back().unwrap_or_default();
    if report.is_quiet() {
        tracing::debug!("{figures}");
    } else {
        tracing::info!("{figures}");
    }
}
