//! Progress of long reads on a terminal, and nothing elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Reads shorter than this show no bar: a screen that flickers tells nothing.
const WORTH_A_BAR: u64 = 500;

/// One bar for each target that takes a while.
#[derive(Debug, Default)]
pub(super) struct Bars {
    all: MultiProgress,
    of: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    /// Takes a report: so many of `total` holders of `target` are read. On a stream that is no terminal,
    /// indicatif draws nothing.
    pub(super) fn report(&self, target: &str, done: u64, total: u64) {
        if total < WORTH_A_BAR {
            return;
        }
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = of.entry(target.to_owned()).or_insert_with(|| self.all.add(bar(target, total)));
        bar.set_position(done);
        if done >= total {
            bar.finish_and_clear();
        }
    }
}

fn bar(target: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("reading {msg} {wide_bar} {human_pos}/{human_len} {eta}")
        .expect("the template is a constant that a test draws");
    let bar = ProgressBar::new(total).with_style(style).with_message(target.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
