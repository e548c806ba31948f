//! `entitled schema`: the JSON Schema of `entitlements.yaml`, for editors.

use super::{Exit, Failure};
use crate::config;

/// Prints it.
pub(super) fn run() -> Result<Exit, Failure> {
    let schema = serde_json::to_string_pretty(&config::schema()).expect("a schema is plain JSON");
    println!("{schema}");
    Ok(Exit::Done)
}
