//! Outputs that stand in the repository, so that a change of them is seen in review.

use std::path::Path;

/// Differences between what was found and what stands in files. `UPDATE_CASES=1` rewrites the files.
#[derive(Default)]
pub(crate) struct Golden {
    wrong: Vec<String>,
}

impl Golden {
    /// Compares `found` with the file at `path`, under `tests/it`.
    pub(crate) fn compare(&mut self, path: &str, found: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(path);
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&file, found).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if found != expected {
            let diff = similar::TextDiff::from_lines(&expected, found).unified_diff().to_string();
            self.wrong.push(format!("== {path}\n{diff}"));
        }
    }

    /// Fails if anything differed.
    pub(crate) fn settle(self) {
        assert!(self.wrong.is_empty(), "{}\n`UPDATE_CASES=1 cargo test` rewrites these files", self.wrong.join("\n"));
    }
}
