//! Overlays: further lists whose items force a standing on an order.

use super::fields::Fields;
use super::list::OVERLAP;
use super::{Check, shapes};
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{Incremental, LineOf, MoneyOf, OrderRef, Overlay, StatusRule};
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
            let found = self.incremental(entry, list.as_ref().map(|list| &list.method))?;
            if found.0 == Incremental::WalkBack {
                self.error(entry.at, "an overlay cannot be walked back")
                    .help("an old refund that changes may stand anywhere: use `snapshot`, `filter` or `window`");
            }
            Some(found)
        });
        let id = fields.node("id").map_or_else(|| Some(vec![own_id()]), |node| self.paths(node));
        let order_id = fields.need(self, "order_id", "order_id: $.order_id").and_then(|entry| self.order_ref(entry));
        let ended_at = fields.node("ended_at").map_or(Some(Vec::new()), |node| self.paths(node));
        let line = match fields.find("line") {
            Some(entry) => self.line_of(entry).map(Some),
            None => Some(None),
        };
        let money = self.money_of(fields);
        if let (Some(Some(_)), Some(Some(_)), Some(entry)) = (&line, &money, fields.find("amount")) {
            self.error(entry.at, "an overlay tells `line` or `amount`, not both");
        }
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
            line: line?,
            money: money?,
        })
    }

    /// Which lines an item is about.
    fn line_of(&mut self, entry: &Entry) -> Option<LineOf> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LINE_OF)?;
        if fields.find("id").is_none() && fields.find("product").is_none() {
            self.error(entry.at, "nothing says which line of the order an item is about")
                .help("add `id: $.line_item_id`, `product: $.product_id`, or both");
            return None;
        }
        let mut paths = |key| fields.node(key).map_or(Some(Vec::new()), |node| self.paths(node));
        let (each, id, product, quantity) = (paths("each"), paths("id"), paths("product"), paths("quantity"));
        Some(LineOf { each: each?, id: id?, product: product?, quantity: quantity? })
    }

    /// `amount` and `of`, which mean nothing without each other.
    fn money_of(&mut self, fields: Fields<'_>) -> Option<Option<MoneyOf>> {
        match (fields.find("amount"), fields.find("of")) {
            (None, None) => Some(None),
            (Some(amount), Some(of)) => {
                let (amount, of) = (self.paths(&amount.node), self.paths(&of.node));
                Some(Some(MoneyOf { amount: amount?, of: of? }))
            }
            (Some(one), None) => {
                self.error(one.at, "`amount` needs `of`: where an item says how much the order was")
                    .help("without it nothing tells whether all of it was given back; then leave out both");
                None
            }
            (None, Some(one)) => {
                self.error(one.at, "`of` needs `amount`: where an item says how much of that is given back");
                None
            }
        }
    }

    /// A JSONPath, or `{path, prefix, suffix}` where the id stands inside a text.
    fn order_ref(&mut self, entry: &Entry) -> Option<OrderRef> {
        if !matches!(entry.node.value, Value::Map(_)) {
            let paths = self.paths(&entry.node)?;
            return Some(OrderRef { paths, prefix: String::new(), suffix: String::new(), pattern: None });
        }
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::ORDER_REF)?;
        let paths = fields.need(self, "path", "path: $.name").and_then(|entry| self.paths(&entry.node));
        let mut part = |key, what| match fields.node(key) {
            Some(node) => self.text(node, what).map(|found| found.value),
            None => Some(String::new()),
        };
        let (prefix, suffix) =
            (part("prefix", "what stands before the id"), part("suffix", "what stands after the id"));
        let pattern = fields.node("pattern").map_or(Some(None), |node| self.pattern(node).map(Some));
        Some(OrderRef { paths: paths?, prefix: prefix?, suffix: suffix?, pattern: pattern? })
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
