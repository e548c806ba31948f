//! Overlays: further lists whose items force a standing on an order.

use super::fields::Fields;
use super::list::OVERLAP;
use super::{Check, shapes};
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{Incremental, OrderRef, Overlay, StatusRule};
use crate::model::Standing;

impl Check<'_> {
    pub(super) fn overlays(&mut self, entry: &Entry) -> Option<Vec<Overlay>> {
        let nodes = self.list(&entry.node, "a list of overlays, each with `path`, `items`, `paging` and `order_id`")?;
        let overlays: Vec<Option<Overlay>> = nodes.iter().map(|node| self.overlay(node)).collect();
        overlays.into_iter().collect()
    }

    fn overlay(&mut self, node: &Node) -> Option<Overlay> {
        let fields = self.fields(node, Some(node.place), &shapes::OVERLAY)?;
        let list = self.list_of(fields, "refunds");
        let increments = fields.find("incremental");
        let increments = increments.map_or(Some((Incremental::Snapshot, OVERLAP)), |entry| {
            let found = self.incremental(entry)?;
            if found.0 == Incremental::WalkBack {
                self.error(entry.at, "an overlay cannot be walked back")
                    .help("an old refund that changes may stand anywhere: use `snapshot`, `filter` or `window`");
            }
            Some(found)
        });
        let id = fields.node("id").map_or_else(|| Some(vec![own_id()]), |node| self.paths(node));
        let order_id = fields.need(self, "order_id", "order_id: $.order_id").and_then(|entry| self.order_ref(entry));
        let ended_at = fields.node("ended_at").map_or(Some(Vec::new()), |node| self.paths(node));
        let rules = self.forced(fields, node.place);
        let (incremental, overlap) = increments?;
        Some(Overlay {
            list: list?,
            incremental,
            overlap,
            id: id?,
            order_id: order_id?,
            rules: rules?,
            ended_at: ended_at?,
        })
    }

    /// A JSONPath, or `{path, prefix, suffix}` where the id stands inside a text.
    fn order_ref(&mut self, entry: &Entry) -> Option<OrderRef> {
        if !matches!(entry.node.value, Value::Map(_)) {
            let paths = self.paths(&entry.node)?;
            return Some(OrderRef { paths, prefix: String::new(), suffix: String::new() });
        }
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::ORDER_REF)?;
        let paths = fields.need(self, "path", "path: $.name").and_then(|entry| self.paths(&entry.node));
        let mut part = |key, what| match fields.node(key) {
            Some(node) => self.text(node, what).map(|found| found.value),
            None => Some(String::new()),
        };
        let (prefix, suffix) =
            (part("prefix", "what stands before the id"), part("suffix", "what stands after the id"));
        Some(OrderRef { paths: paths?, prefix: prefix?, suffix: suffix? })
    }

    /// `rules`, or the one rule of `when` and `as`.
    fn forced(&mut self, fields: Fields<'_>, place: Place) -> Option<Vec<StatusRule>> {
        let rules = match (fields.find("rules"), fields.find("when").or(fields.find("as"))) {
            (Some(entry), None) => self.rules(entry)?,
            (None, Some(_)) => vec![self.rule(fields)?],
            (Some(_), Some(other)) => {
                self.error(other.at, "an overlay has `rules`, or `when` and `as`, not both");
                return None;
            }
            (None, None) => {
                let help = "add `when: \"@.status == 'succeeded'\"` and `as: refunded`, or several as `rules`";
                self.error(place, "nothing says what this overlay does to an order").help(help);
                return None;
            }
        };
        let good = |standing| {
            use Standing::{Disputed, Paid, PartiallyRefunded, Refunded, Void};
            matches!(standing, Paid | PartiallyRefunded | Refunded | Disputed | Void)
        };
        if let Some(rule) = rules.iter().find(|rule| !good(rule.standing)) {
            self.error(place, format!("an overlay cannot make an order `{}`", rule.standing)).help(
                "it takes away: `refunded`, `partially_refunded`, `disputed` or `void`; `paid` takes nothing away",
            );
        }
        Some(rules)
    }
}

fn own_id() -> serde_json_path::JsonPath {
    serde_json_path::JsonPath::parse("$.id").expect("a constant path parses")
}
