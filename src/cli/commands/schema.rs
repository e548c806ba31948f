//! `entitled schema`: the JSON Schema of `entitlements.yaml`, for editors.

use crate::cli::{Exit, Failure, print};
use crate::config;

/// Prints it.
pub(crate) fn run() -> Result<Exit, Failure> {
    let schema = serde_json::to_string_pretty(&config::schema()).expect("a schema is plain JSON");
    print(&format!("{schema}\n"))?;
    Ok(Exit::Done)
}
