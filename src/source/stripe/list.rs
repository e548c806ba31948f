//! One list of Stripe, page by page (<https://docs.stripe.com/api/pagination>).
//!
//! Never ends well before Stripe says that no more follow, and never goes round in circles.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::Identified;
use super::{Stripe, query};
use crate::source::SourceError;
use crate::source::client::{call, response};

/// The most that Stripe gives at once.
const PAGE: u32 = 100;

/// An object of a list.
pub(super) type Row<T> = Result<T, Broken>;

/// An object that is not of the documented shape.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) id: Option<String>,
    pub(super) raw: Value,
    /// Always a [`SourceError::Item`].
    pub(super) error: SourceError,
}

impl Broken {
    /// The id of the object that a property names, or in whose place it stands.
    pub(super) fn reference(&self, property: &str) -> Option<&str> {
        let value = self.raw.get(property)?;
        value.as_str().or_else(|| value.get("id")?.as_str())
    }
}

/// A walk under way, newest object first.
#[derive(Debug)]
pub(super) struct Walk {
    path: String,
    query: Vec<(String, String)>,
    after: Option<String>,
    seen: HashSet<Box<str>>,
    pages: u32,
    ended: bool,
}

impl Walk {
    pub(super) fn new(path: impl Into<String>, parameters: &[(&str, &str)]) -> Self {
        Self { path: path.into(), query: query(parameters), after: None, seen: HashSet::new(), pages: 0, ended: false }
    }

    /// With these of its properties in place of their ids.
    pub(super) fn with(mut self, expanded: &[&str]) -> Self {
        self.query.extend(expanded.iter().map(|what| ("expand[]".to_owned(), format!("data.{what}"))));
        self
    }

    /// Only objects that are not older than this.
    pub(super) fn since(mut self, seconds: Option<i64>) -> Self {
        self.query.extend(seconds.map(|seconds| ("created[gte]".to_owned(), seconds.to_string())));
        self
    }

    /// Pages fetched so far.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// What is new on the next page; `None` after the last one. An object that an earlier page held is left
    /// out: whatever it has become since, an event tells.
    pub(super) async fn next<T: DeserializeOwned + Identified>(
        &mut self,
        stripe: &Stripe,
    ) -> Result<Option<Vec<Row<T>>>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        if self.pages >= stripe.settings.max_pages {
            return Err(SourceError::TooManyPages { max: stripe.settings.max_pages });
        }
        let fresh = self.page(stripe, PAGE).await?;
        Ok(Some(fresh))
    }

    /// The next so many objects.
    pub(super) async fn page<T: DeserializeOwned + Identified>(
        &mut self,
        stripe: &Stripe,
        size: u32,
    ) -> Result<Vec<Row<T>>, SourceError> {
        let mut query = self.query.clone();
        query.push(("limit".to_owned(), size.to_string()));
        query.extend(self.after.clone().map(|after| ("starting_after".to_owned(), after)));
        let url = stripe.caller.url(&self.path, &query)?;
        let call = call(&url, None);
        let mut answer = stripe.fetch(url).await?.success(&call)?.json(&call)?;
        let has_more = answer.get("has_more").and_then(Value::as_bool);
        let (Some(Value::Array(items)), Some(has_more)) = (answer.get_mut("data").map(Value::take), has_more) else {
            return Err(response::lacks(&call, "list", "`$.data` with `$.has_more`".to_owned(), &answer));
        };
        self.pages += 1;
        self.ended = !has_more;
        let full = !items.is_empty();
        let mut fresh = Vec::with_capacity(items.len());
        for (index, raw) in items.into_iter().enumerate() {
            let id = raw.get("id").and_then(Value::as_str).map(str::to_owned);
            let row = match stripe.parse(&call, index + 1, &raw) {
                Ok(item) => Ok(item),
                Err(error @ SourceError::Item { .. }) => Err(Broken { id: id.clone(), raw, error }),
                Err(error) => return Err(error),
            };
            // The list goes on behind the last object that says which it is.
            self.after = id.clone().or(self.after.take());
            if id.is_none_or(|id| self.seen.insert(id.into())) {
                fresh.push(row);
            }
        }
        if !full && has_more {
            return Err(SourceError::EmptyPage { call });
        }
        // A cursor that Stripe does not know would begin the list anew.
        if full && fresh.is_empty() {
            return Err(SourceError::PageRepeats { call });
        }
        Ok(fresh)
    }

    /// Everything that is left, where one object that cannot be read makes all of them useless.
    pub(super) async fn all<T: DeserializeOwned + Identified>(
        &mut self,
        stripe: &Stripe,
    ) -> Result<Vec<T>, SourceError> {
        let mut all = Vec::new();
        while let Some(page) = self.next(stripe).await? {
            for row in page {
                all.push(row.map_err(|broken: Broken| broken.error)?);
            }
        }
        Ok(all)
    }
}
