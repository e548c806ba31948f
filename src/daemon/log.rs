//! What a pass did, for the log: one line for each change, with the ids that somebody would search for, and the
//! figures.

use crate::report::run::{ActionOutcome, ActionResult, RunReport};
use crate::report::{self, Change, PlanDocument, messages};
use crate::text::{Color, human};

/// More changes that went well than these are only told at debug: a first pass may make a hundred thousand.
const SHOWN: usize = 200;

/// What of a pass was told already.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Changes that went well.
    well: usize,
    /// Changes that failed, and the first of them in words.
    failed: usize,
    first: Option<String>,
}

/// Changes as they come; those that failed are told together, with the [`figures`]. The run and the kind of pass are
/// fields of the span around it.
pub(super) fn changes(lines: &[ActionResult], told: &mut Told) {
    for line in lines {
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
                told.well += 1;
                let so = if line.came == ActionOutcome::Done { "" } else { " (already so)" };
                if told.well <= SHOWN {
                    told!(info, "{deed}{so}");
                } else {
                    told!(debug, "{deed}{so}");
                }
            }
            ActionOutcome::Gone(what) => {
                told!(debug, "{deed}: {what}");
                told.fail(|| format!("{deed}: {what}"));
            }
            ActionOutcome::Failed(error) => {
                told!(debug, error, "{deed} failed");
                told.fail(|| format!("{deed}: {error}"));
            }
        }
    }
}

impl Told {
    fn fail(&mut self, words: impl FnOnce() -> String) {
        self.failed += 1;
        self.first.get_or_insert_with(words);
    }
}

/// What failed, in one line, and how the pass went.
pub(super) fn figures(report: &RunReport, told: &Told) {
    if let Some(first) = &told.first {
        let changes = human::count(told.failed as u64, "change");
        match told.failed {
            1 => tracing::warn!(failed = 1, "a change failed and is tried again soon: {first}"),
            failed => tracing::warn!(failed, "{changes} failed and are tried again soon; the first: {first}"),
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

/// What a plan leaves out, and what it holds.
pub(super) fn planned(view: &PlanDocument) {
    for dropped in &view.dropped {
        tracing::warn!(source = dropped.source, hint = dropped.hint, "{}", dropped.sentence);
    }
    for held in &view.held {
        tracing::warn!(
            user = %held.change.user, on = held.change.target, hold = held.hold, hint = held.lift,
            "{} held: {}", held.change.action, held.reason
        );
    }
}
