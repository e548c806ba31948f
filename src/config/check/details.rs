//! Details: what an order only names by an id, and how much of its money was given back.

use regex::{Regex, RegexBuilder};
use serde_json_path::JsonPath;

use super::fields::Fields;
use super::{Check, shapes};
use crate::config::raw::{Entry, Node};
use crate::config::settings::source::{Detail, MoneyOf};

/// A pattern that wants more than this is a mistake.
const PATTERN_BYTES: usize = 1 << 20;

impl Check<'_> {
    pub(super) fn details(&mut self, entry: &Entry) -> Option<Vec<Detail>> {
        let nodes = self.list(&entry.node, "a list of details, each with `when`, `path`, `id` and `into`")?;
        let details: Vec<Option<Detail>> = nodes.iter().map(|node| self.detail(node)).collect();
        details.into_iter().collect()
    }

    fn detail(&mut self, node: &Node) -> Option<Detail> {
        let fields = self.fields(node, Some(node.place), &shapes::DETAIL)?;
        let when = fields.need(self, "when", "when: \"@.status == 'refunded'\"");
        let when = when.and_then(|entry| self.filter(&entry.node));
        let path = fields.need(self, "path", "path: \"/refunds/{id}\"");
        let path = path.and_then(|entry| Some((self.url_path(&entry.node)?, entry.node.place)));
        if let Some((path, place)) = &path
            && !path.contains("{id}")
        {
            self.error(*place, "`{id}` is missing in this path").help("it stands where the id goes");
        }
        let id = fields.need(self, "id", "id: $.refund_id").and_then(|entry| self.paths(&entry.node));
        let whole = || JsonPath::parse("$").expect("the root is a path");
        let item = fields.node("item").map_or_else(|| Some(vec![whole()]), |node| self.paths(node));
        let into = fields.need(self, "into", "into: refund");
        let into = into.and_then(|entry| self.name(&entry.node, "a key of the order"));
        Some(Detail { when: when?, path: path?.0, id: id?, item: item?, into: into?.value })
    }

    /// What an id inside a text looks like.
    pub(super) fn pattern(&mut self, node: &Node) -> Option<Regex> {
        let found = self.name(node, "a regular expression such as `ord_[a-z0-9]+`")?;
        let pattern = RegexBuilder::new(&found.value).size_limit(PATTERN_BYTES).build();
        pattern
            .map_err(|error| {
                // The last line of what the parser says is the reason; the others show the text once more.
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.error(node.place, format!("`{}` is not a valid regular expression", found.written)).label(why);
            })
            .ok()
    }

    /// `map.refund`.
    pub(super) fn refund(&mut self, fields: Fields<'_>) -> Option<Option<MoneyOf>> {
        let Some(entry) = fields.find("refund") else { return Some(None) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::REFUND)?;
        let amount = fields.need(self, "amount", "amount: $.refunded_amount");
        let amount = amount.and_then(|entry| self.paths(&entry.node));
        let of = fields.need(self, "of", "of: $.total").and_then(|entry| self.paths(&entry.node));
        Some(Some(MoneyOf { amount: amount?, of: of? }))
    }
}
