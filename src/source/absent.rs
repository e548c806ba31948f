//! What no page of a list has of all that it should tell beside the orders: absent is not `null`.

use std::fmt;

use serde::Serialize;

/// A place where no page has anything, not even `null`: the API does not tell, or the path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// What should stand there.
    pub what: Told,
    /// Where it was looked for.
    pub path: String,
}

/// What a page tells beside its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Where the next page is.
    Next,
    /// How many pages there are.
    Pages,
    /// How many orders there are.
    Total,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, path } = self;
        write!(f, "nothing stands at {path}, not even `null`: ")?;
        f.write_str(match what {
            Told::Next => "if there are more orders than these, the `next` of `list.paging` leads nowhere",
            Told::Pages => "`pages` of `list.paging` leads nowhere, and only an empty page is the last",
            Told::Total => "`list.total` leads nowhere, and nothing tells whether these are all orders",
        })
    }
}
