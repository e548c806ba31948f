//! Orders from a YAML or JSON file, in the shape of the documented OpenBitum payload.
//!
//! Reads the file whole, each time, and takes nothing from a file in which one entry is wrong.
//!
//! The shape: a list, or `{orders: [...]}`, of entries with `id` (or `orderId`), `productId` or
//! `products`, `user: {id, email}`, `status`, `paidAt`, `updatedAt`, `amount`, `currency`
//! (<https://docs.openbitum.pw/integrations/webhook>), and `periodEnd` for a `status` of `subscribed`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{FileError, Lookup, ReadReport, Scope, SourceError, Step, time};
use crate::model::{Buyer, Email, Item, Order, OrderId, ProductId, Standing, UserId};

/// A file of orders.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// All orders, as one page. What a person took out of the file is out of it: there is no guard against
    /// shrinking, since a file that parses is whole.
    pub(super) fn read(&self) -> Reading<'_> {
        Reading { file: self, report: None }
    }

    pub(super) async fn get(&self, id: &OrderId) -> Result<Lookup, SourceError> {
        let found = self.orders().await?.into_iter().find(|order| order.id == *id);
        Ok(found.map_or(Lookup::Missing, Lookup::Found))
    }

    async fn orders(&self) -> Result<Vec<Order>, SourceError> {
        let read = async {
            let bytes = tokio::fs::read(&self.path).await.map_err(FileError::Open)?;
            orders(&self.path, &bytes)
        };
        read.await.map_err(|source| SourceError::File { path: self.path.clone(), source })
    }
}

/// A read of the file: its page, then its end.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    file: &'a File,
    report: Option<ReadReport>,
}

impl Reading<'_> {
    pub(super) async fn next(&mut self) -> Result<Step, SourceError> {
        if let Some(report) = self.report {
            return Ok(Step::Done(report));
        }
        let orders = self.file.orders().await?;
        let report = ReadReport {
            scope: Scope::Full,
            pages: 1,
            orders: orders.len() as u64,
            test_orders: 0,
            total_claimed: None,
            watermark: orders.iter().filter_map(|order| order.updated_at).max(),
            reread: false,
        };
        self.report = Some(report);
        Ok(if orders.is_empty() { Step::Done(report) } else { Step::Page(orders) })
    }
}

/// The orders of a file's content. JSON if its name ends so, YAML otherwise: YAML readers refuse some of
/// what JSON writers write, such as escaped surrogate pairs.
fn orders(path: &Path, bytes: &[u8]) -> Result<Vec<Order>, FileError> {
    if bytes.trim_ascii().is_empty() {
        return Err(FileError::Empty);
    }
    let entries = if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
        from_json(bytes)?
    } else {
        from_yaml(bytes)?
    };
    let mut places: HashMap<OrderId, usize> = HashMap::with_capacity(entries.len());
    let mut orders = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let place = index + 1;
        let id = entry.id.0.clone();
        let fail = |why: String| FileError::Entry { place, id: Some(id.clone()).filter(|id| !id.is_empty()), why };
        let order = entry.order().map_err(fail)?;
        if let Some(earlier) = places.insert(order.id.clone(), place) {
            return Err(fail(format!("entry {earlier} has the same id")));
        }
        orders.push(order);
    }
    Ok(orders)
}

fn from_yaml(bytes: &[u8]) -> Result<Vec<Entry>, FileError> {
    let mut options = serde_yaml::Options::default();
    // The defaults bound a configuration; a million orders are a few dozen nodes each.
    if let Some(budget) = &mut options.budget {
        budget.max_events = 100_000_000;
        budget.max_nodes = 50_000_000;
    }
    let list: List =
        serde_yaml::from_slice_with_options(bytes, options).map_err(|error| FileError::Yaml(Box::new(error)))?;
    Ok(list.0)
}

fn from_json(bytes: &[u8]) -> Result<Vec<Entry>, FileError> {
    let list: ValueList = serde_json::from_slice(bytes).map_err(FileError::Json)?;
    let entry = |(index, mut value): (usize, Value)| {
        numbers_as_text(&mut value);
        let id = ["id", "orderId"].iter().find_map(|key| value.get(key)?.as_str().map(str::to_owned));
        Entry::deserialize(value).map_err(|source| FileError::Shape { place: index + 1, id, source })
    };
    list.0.into_iter().enumerate().map(entry).collect()
}

/// Ids and amounts may be numbers in JSON, as they may be plain scalars in YAML.
fn numbers_as_text(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(numbers_as_text),
        Value::Object(fields) => fields.values_mut().for_each(numbers_as_text),
        _ => {}
    }
}

/// An entry exactly as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    #[serde(alias = "orderId")]
    id: Text,
    product_id: Option<Text>,
    products: Option<Vec<Text>>,
    user: Option<User>,
    status: Text,
    paid_at: Option<Text>,
    updated_at: Option<Text>,
    period_end: Option<Text>,
    // In the documented payload, and of no use here. Named, so that a misspelt key is still an error.
    #[serde(rename = "event")]
    _event: Option<IgnoredAny>,
    #[serde(rename = "createdAt")]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "amount")]
    _amount: Option<IgnoredAny>,
    #[serde(rename = "currency")]
    _currency: Option<IgnoredAny>,
    #[serde(rename = "txHash")]
    _tx_hash: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    id: Option<Text>,
    email: Option<Text>,
}

/// A scalar as it is written, trimmed.
#[derive(Clone)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Text(String::deserialize(deserializer)?.trim().to_owned()))
    }
}

impl Entry {
    fn order(self) -> Result<Order, String> {
        if self.id.0.is_empty() {
            return Err("`id` is empty".to_owned());
        }
        let products = match (self.product_id, self.products) {
            (Some(one), None) => vec![one],
            (None, Some(several)) if !several.is_empty() => several,
            (None, _) => return Err("it has no `productId` and no `products`".to_owned()),
            (Some(_), Some(_)) => return Err("it has both `productId` and `products`".to_owned()),
        };
        if products.iter().any(|product| product.0.is_empty()) {
            return Err("a product id is empty".to_owned());
        }
        let user = self.user.unwrap_or(User { id: None, email: None });
        let email = match user.email.filter(|text| !text.0.is_empty()) {
            None => None,
            Some(text) => Some(Email::parse(&text.0).ok_or_else(|| format!("`{}` is no email address", text.0))?),
        };
        Ok(Order {
            id: OrderId::from(self.id.0),
            buyer: Buyer { user: user.id.filter(|id| !id.0.is_empty()).map(|id| UserId::from(id.0)), email },
            items: products.into_iter().map(|product| Item::one(ProductId::from(product.0))).collect(),
            standing: standing(&self.status.0),
            status: Some(self.status.0),
            paid_at: moment("paidAt", self.paid_at)?,
            updated_at: moment("updatedAt", self.updated_at)?,
            ended_at: None,
            period_end: moment("periodEnd", self.period_end)?,
        })
    }
}

fn moment(key: &str, text: Option<Text>) -> Result<Option<Timestamp>, String> {
    match text.filter(|text| !text.0.is_empty()) {
        None => Ok(None),
        Some(text) => time::parse(&text.0).map(Some).ok_or_else(|| format!("`{}` at `{key}` is no time", text.0)),
    }
}

/// OpenBitum's words, and ours. Any other word is `unknown`.
fn standing(word: &str) -> Standing {
    match word {
        "created" | "paid_partial" => Standing::Pending,
        _ => Standing::from_word(word).unwrap_or(Standing::Unknown),
    }
}

/// A list of entries, bare or under `orders`.
struct Listed<T>(Vec<T>);
type List = Listed<Entry>;
type ValueList = Listed<Value>;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = Listed<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of orders, or a map with the key `orders`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    entries.push(entry);
                }
                Ok(Listed(entries))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "orders" if entries.is_none() => entries = Some(map.next_value()?),
                        "orders" => return Err(A::Error::duplicate_field("orders")),
                        other => return Err(A::Error::unknown_field(other, &["orders"])),
                    }
                }
                entries.map(Listed).ok_or_else(|| A::Error::missing_field("orders"))
            }
        }

        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}
