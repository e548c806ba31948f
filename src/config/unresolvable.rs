//! A text that is valid but for references that stand for nothing: a variable that is not set, a file that is not
//! there. What else it says can be told all the same.
//!
//! Never to be put into force: what takes the place of a reference is no address and no secret of anybody.

use std::cell::RefCell;
use std::path::Path;

use super::check::{Env, Presets, check_text};
use super::settings::Config;
use super::{Process, unmarked};
use crate::files::{self, Kind};

/// What such a text says.
#[derive(Debug)]
pub struct Unresolvable {
    /// All of it, with something else in the place of what is missing.
    pub config: Config,
    /// The references that stand for nothing, as the text has them: `NAME`, `file:PATH`. Sorted, each once.
    pub missing: Vec<String>,
}

/// What may stand in the place of a reference: each is a valid value of some keys.
pub(super) const INSTEAD: [&str; 3] = ["https://missing.invalid", "missing.invalid", "1"];

/// Reads the file at `path`, and yields its text besides. `None` where something else is wrong with it, or nothing is.
pub fn load_unresolvable(path: &Path, presets: &Presets) -> Option<(Unresolvable, String)> {
    let text = files::read_text(path, Kind::Config).map(unmarked).ok()?;
    check_unresolvable(&text, path, presets).map(|found| (found, text))
}

/// The same of a text that was in force once as the file at `path`.
pub fn check_unresolvable(text: &str, path: &Path, presets: &Presets) -> Option<Unresolvable> {
    INSTEAD.iter().find_map(|instead| {
        let env = Lenient { process: Process::beside(path), instead, missing: RefCell::default() };
        let (config, _) = check_text(text, path, &env, presets).ok()?;
        let mut missing = env.missing.into_inner();
        missing.sort();
        missing.dedup();
        (!missing.is_empty()).then_some(Unresolvable { config, missing })
    })
}

/// The process, and something for whatever it does not have.
struct Lenient<'a> {
    process: Process,
    instead: &'a str,
    missing: RefCell<Vec<String>>,
}

impl Env for Lenient<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.process.var(name)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.process.file(path)
    }

    fn stand_in(&self, reference: &str) -> Option<String> {
        // What is there and cannot be read is no file that may still come.
        let file = reference.strip_prefix("file:").map(|path| self.process.folder.join(path));
        if file.is_some_and(|file| file.symlink_metadata().is_ok()) {
            return None;
        }
        self.missing.borrow_mut().push(reference.to_owned());
        Some(self.instead.to_owned())
    }
}
