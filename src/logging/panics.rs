//! A fault of the program itself ends what met it and nothing else: it is caught where that began (a pass, a poll, a
//! request), logged with its place, and told like any other trouble.
//!
//! Shows no value that the fault was about: it may be a secret, or a stranger's text.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};

use futures_util::FutureExt as _;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What was begun met a fault of the program.
#[derive(Clone, Debug, thiserror::Error)]
#[error("internal error at {place}")]
pub struct Panicked {
    /// File and line of the source.
    pub place: String,
}

impl Panicked {
    /// What to do about it.
    pub fn hint(&self) -> String {
        format!("report it, with the version that `--version` prints and with this place: {}", self.place)
    }
}

/// From now on a fault is one line of the log.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(|at| format!("{}:{}", at.file(), at.line()));
        let place = place.unwrap_or_else(|| "an unknown place".to_owned());
        tracing::error!(place, "internal error: {}", kind(fault));
        PLACE.with(|last| *last.borrow_mut() = Some(place));
    }));
}

/// The words of a fault up to the first value in them.
fn kind<'a>(fault: &'a PanicHookInfo<'_>) -> &'a str {
    let words = fault.payload_as_str().unwrap_or_default();
    words.split(['`', '"', '\'', '\n', ':']).next().unwrap_or_default().trim()
}

/// Waits for `work`, and for no longer than until it meets a fault.
///
/// # Errors
/// [`Panicked`], where it does.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    // What the work had borrowed is written by one statement each, or lies in the store, which rolls back.
    AssertUnwindSafe(work).catch_unwind().await.map_err(told)
}

/// The same for what does not wait.
///
/// # Errors
/// [`Panicked`], where it meets a fault.
pub fn caught_at_once<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(told)
}

fn told(_what_it_was_about: Box<dyn Any + Send>) -> Panicked {
    let place = PLACE.with(|last| last.borrow_mut().take());
    Panicked { place: place.unwrap_or_else(|| "an unknown place".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_ends_the_work_and_names_its_place_without_its_values() {
        install();
        let secret = "s3cr3t é";
        let met = caught(async { secret[..8].len() }).await.unwrap_err();
        assert!(met.to_string().contains("panics.rs:"), "{met}");
        assert!(!met.to_string().contains("s3cr3t"), "{met}");
        assert_eq!(caught(async { 1 }).await.unwrap(), 1);
        assert!(caught_at_once(|| secret[..8].len()).is_err());
    }
}
