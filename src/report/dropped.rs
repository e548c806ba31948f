//! Sources that the file no longer has, and what rests on their orders.

use serde::{Deserialize, Serialize};

use crate::model::SourceName;
use crate::text::{clean, human};

/// A source that the file no longer has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dropped {
    /// Its name.
    pub source: String,
    /// How many grants of the ledger rest on orders of it.
    pub grants: u64,
    /// The same in words.
    pub sentence: String,
    /// What keeps them, if that is what is meant.
    pub hint: String,
}

impl Dropped {
    /// `twin`: a source of the file that is read where this one was.
    pub fn new(source: &SourceName, grants: u64, twin: Option<&SourceName>) -> Self {
        let rest = if grants == 1 { "rests" } else { "rest" };
        let number = human::count(grants, "grant");
        let sentence = format!("{number} {rest} on orders of `{source}`, which the file no longer has");
        let hint = match twin {
            Some(twin) => {
                format!("`{twin}` is read where `{source}` was; if it is the same, write `was: {source}` there")
            }
            None => format!("if it goes by another name now, write `was: {source}` at the source that it has become"),
        };
        let clean = |text: &str| clean(text).into_owned();
        Self { source: clean(source.as_str()), grants, sentence: clean(&sentence), hint: clean(&hint) }
    }
}
