//! The part of the schema that says what an answer must hold.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Name, Number, Percent};

/// What an answer must hold to be believed.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A full read that shrinks by more is refused. Default: `50%`.
    pub max_shrink: Option<Percent>,
    /// A full read with fewer orders is refused. Default: 0.
    pub min_items: Option<Number>,
    /// Whether the answer's own total must be met. Default: `required` where `list.total` is given.
    pub total: Option<TotalCheck>,
    /// Ids of orders that a full read must hold.
    pub canary: Option<Vec<Name>>,
    /// A filter that holds for real orders. All others were made in test mode and are never recorded.
    pub live: Option<String>,
}

/// Whether the answer's own total must be met.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalCheck {
    /// It must.
    Required,
    /// It must where the answer has one.
    WhereTold,
    /// It is not looked at.
    Ignored,
}
