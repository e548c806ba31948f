//! What an order only names by an id, asked for by that id and put into the order, before anything is made of it.
//!
//! Some vendors tell no more of a refund than that there is one: how much it gave back stands elsewhere. An answer that
//! there is none leaves the order as it is; any other trouble ends the read, as a missing page would.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value;

use super::Http;
use super::paths::{alone, first, holds, text};
use super::read::Row;
use crate::model::Odd;
use crate::source::SourceError;
use crate::source::client::{call, response, segment};

/// A row of a page.
pub(super) enum Begun {
    Whole(Box<Result<Row, Odd>>),
    Wanting(Value),
}

impl Http {
    /// What can be made of a row by itself; one that has to be asked about is kept as it came.
    pub(super) fn begun(&self, raw: Value, now: Timestamp) -> Begun {
        let list = alone(raw);
        match self.wants_details(&list) {
            true => Begun::Wanting(list),
            false => Begun::Whole(Box::new(self.row(&list, now))),
        }
    }

    /// The rows of a page, in their order, with all that some of them only name.
    pub(super) async fn whole_rows(
        &self,
        begun: Vec<Begun>,
        now: Timestamp,
    ) -> Result<Vec<Result<Row, Odd>>, SourceError> {
        let mut rows = Vec::with_capacity(begun.len());
        for row in begun {
            rows.push(match row {
                Begun::Whole(row) => *row,
                Begun::Wanting(list) => self.row(&self.detailed(list).await?, now),
            });
        }
        Ok(rows)
    }

    /// Whether the one order of a list is not whole yet.
    fn wants_details(&self, list: &Value) -> bool {
        self.settings.details.iter().any(|detail| holds(&detail.when, list))
    }

    /// The one order of a list, with all that it only names.
    pub(super) async fn detailed(&self, mut list: Value) -> Result<Value, SourceError> {
        for detail in &self.settings.details {
            if !holds(&detail.when, &list) {
                continue;
            }
            // What names nothing is judged by what is there.
            let Some(id) = first(&list[0], &detail.id, text) else { continue };
            let url = self.caller.url(&detail.path.replace("{id}", &segment(&id)?), &[])?;
            let call = call(&url, None);
            let reply = self.caller.fetch(url).await?;
            if reply.status == StatusCode::NOT_FOUND {
                // A page of a proxy is no word about it.
                reply.json(&call)?;
                continue;
            }
            let mut answer = reply.success(&call)?.json(&call)?;
            let found = response::take(&mut answer, detail.item.iter(), Value::is_object)
                .ok_or_else(|| response::no_object_at(&call, detail.item.iter(), &answer))?;
            if let Some(order) = list[0].as_object_mut() {
                order.insert(detail.into.clone(), found);
            }
        }
        Ok(list)
    }
}
