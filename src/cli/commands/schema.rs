//! `entitled schema`: the JSON Schema of `entitlements.yaml`, for editors.

use crate::cli::{Exit, Failure, say};
use crate::config;

/// Prints it.
pub(crate) fn run() -> Result<Exit, Failure> {
    let schema = serde_json::to_string_pretty(&config::schema()).expect("a schema is plain JSON");
    say(&format!("{schema}\n"))?;
    Ok(Exit::Done)
}
