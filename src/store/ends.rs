//! What ends a grant of ours, as the trail keeps it.
//!
//! Plain data, and its form on the way into a query.

use super::codec::list;
use crate::model::{Grant, OrderId, ProductId, SourceName};

/// A grant of ours that ends, and what ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Who held what.
    pub grant: Grant,
    /// The same in one sentence.
    pub because: String,
    /// The order that has ended, or gives it no more.
    pub order: Option<(SourceName, OrderId)>,
    /// The product of that order.
    pub product: Option<ProductId>,
    /// The line that maps that product to the target, where one still does.
    pub line: Option<u32>,
    /// The version of the file by which it ends.
    pub commit: String,
    /// Who is behind it, where it is a version of the file.
    pub author: Option<Author>,
}

/// How a version of the file is behind a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// It says so.
    File,
    /// It takes back what one before it did shortly before, which counts for no limit.
    Undo,
}

impl Author {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Undo => "undo",
        }
    }
}

/// Grants that end as [`remove`](super::ledger::remove) takes them, each with what ends it.
pub(super) fn rows(ends: &[End]) -> String {
    let row = |end: &End| {
        let End { grant, because, order, product, line, commit, author } = end;
        let (source, order) = order.as_ref().map(|(source, id)| (source.as_str(), id.as_str())).unzip();
        let product = product.as_ref().map(ProductId::as_str);
        let author = author.map(Author::word);
        let user = grant.user.as_str();
        serde_json::json!([user, grant.target.key(), because, source, order, product, line, commit, author])
    };
    list(&ends.iter().map(row).collect::<Vec<_>>())
}
