//! How an order is read out of its JSON: paths, conditions, and what they stand for.

use jiff::tz::TimeZone;
use serde_json_path::JsonPath;

use super::fields::{Fields, inside};
use super::{Check, shapes};
use crate::config::diagnostic::{Origin, Place};
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{LineForm, Lines, Map, StatusRule};
use crate::model::Standing;

// The parser's own words speak of brackets that a filter does not have.
const NOT_UNDERSTOOD: &str = "not understood from here";
const PATH: &str = "a JSONPath such as `$.orders`";

impl Check<'_> {
    pub(super) fn map(&mut self, entry: &Entry) -> Option<Map> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::MAP)?;
        let id = fields.need(self, "id", "id: $.id").and_then(|entry| self.paths(&entry.node));
        let (products, lines) = self.bought(fields);
        if fields.find("user_id").is_none() && fields.find("email").is_none() {
            self.error(entry.at, "nothing says who paid").help("add `user_id: $.user.id`, `email: $.email`, or both");
        }
        let mut optional = |key| fields.node(key).map_or(Some(Vec::new()), |node| self.paths(node));
        let (updated_at, paid_at, ended_at) = (optional("updated_at"), optional("paid_at"), optional("ended_at"));
        let (period_end, quantity) = (optional("period_end"), optional("quantity"));
        let (user_id, email) = (optional("user_id"), optional("email"));
        if let (Some(period_end), Some(Some(lines)), Some(entry)) = (&period_end, &lines, fields.find("lines"))
            && period_end.is_empty()
            && lines.period_end.is_empty()
            && let Some(place) = entry.node.get("status").and_then(subscribed)
        {
            self.error(place, "a line that is `subscribed` needs an end")
                .help("say where it tells until when it is paid: `lines.period_end`, or `map.period_end` of its order");
        }
        let zone = fields.node("zone").map_or(Some(TimeZone::UTC), |node| self.zone(node));
        let none = fields.node("none").map_or(Some(Vec::new()), |node| self.nones(node));
        let refund = self.refund(fields);
        let cancelled = fields.node("cancelled").map_or(Some(None), |node| self.filter(node).map(Some));
        Some(Map {
            id: id?,
            updated_at: updated_at?,
            paid_at: paid_at?,
            ended_at: ended_at?,
            period_end: period_end?,
            cancelled: cancelled?,
            products: products?,
            quantity: quantity?,
            lines: lines?,
            refund: refund?,
            user_id: user_id?,
            email: email?,
            zone: zone?,
            none: none?,
        })
    }

    /// The zone of times that tell none.
    fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let found = self.name(node, "a zone such as `utc` or `Europe/Berlin`")?;
        if found.value.eq_ignore_ascii_case("utc") {
            return Some(TimeZone::UTC);
        }
        let zone = TimeZone::get(&found.value).ok();
        if zone.is_none() {
            self.error(node.place, format!("`{}` is not a zone that this machine knows", found.written))
                .help("write `utc`, or a name such as `Europe/Berlin`, which needs the zones of the system (`tzdata`)");
        }
        zone
    }

    /// Values that stand for none.
    fn nones(&mut self, node: &Node) -> Option<Vec<serde_json::Value>> {
        let nodes = self.list(node, "a list of values that stand for none, such as `[0, \"-\"]`")?;
        let values: Vec<Option<serde_json::Value>> = nodes.iter().map(|node| self.json(node)).collect();
        values.into_iter().collect()
    }

    /// `products`, or `lines` where the API tells lines apart: one of the two.
    fn bought(&mut self, fields: Fields<'_>) -> (Option<Vec<JsonPath>>, Option<Option<Lines>>) {
        let (mut products, mut lines) = (fields.find("products"), fields.find("lines"));
        if let (Some(one), Some(other)) = (products, lines) {
            match (one.at.origin, other.at.origin) {
                // What the file says replaces the preset's other way of saying it.
                (Origin::Preset(_), Origin::File) => products = None,
                (Origin::File, Origin::Preset(_)) => lines = None,
                _ => {
                    self.error(other.at, "an order has `products` or `lines`, not both")
                        .also(one.at, "`products` is here")
                        .help("`lines` tells each line's own quantity and status; `products` is the short form");
                }
            }
        }
        if let (Some(_), Some(quantity)) = (lines, fields.find("quantity"))
            && quantity.at.origin == Origin::File
        {
            self.error(quantity.at, "`quantity` is not allowed beside `lines`").help("put it inside `lines`");
        }
        if products.is_none() && lines.is_none() {
            fields.need(self, "products", "products: $.productId");
            return (None, None);
        }
        let products = products.map_or(Some(Vec::new()), |entry| self.paths(&entry.node));
        (products, lines.map_or(Some(None), |entry| self.lines(entry).map(Some)))
    }

    fn lines(&mut self, entry: &Entry) -> Option<Lines> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LINES)?;
        let (each, form) = match (fields.find("each"), fields.find("entries")) {
            (Some(each), Some(entries)) => {
                self.error(entries.at, "lines stand in a list (`each`) or in a map (`entries`), not both")
                    .also(each.at, "`each` is here");
                return None;
            }
            (None, Some(entries)) => (Some(entries), LineForm::Entries),
            (None, None) => (fields.need(self, "each", "each: $.line_items"), LineForm::Items),
            (each, None) => (each, LineForm::Items),
        };
        let each = each.and_then(|entry| self.paths(&entry.node));
        let product = fields.need(self, "product", "product: $.product_id");
        let product = product.and_then(|entry| self.paths(&entry.node));
        let quantity = fields.node("quantity").map_or(Some(Vec::new()), |node| self.paths(node));
        let status = fields.find("status").map_or(Some(Vec::new()), |entry| self.rules(entry));
        let period_end = fields.node("period_end").map_or(Some(Vec::new()), |node| self.paths(node));
        let id = fields.node("id").map_or(Some(Vec::new()), |node| self.paths(node));
        Some(Lines {
            each: each?,
            form,
            product: product?,
            quantity: quantity?,
            status: status?,
            period_end: period_end?,
            id: id?,
        })
    }

    pub(super) fn status(&mut self, entry: &Entry) -> Option<Vec<StatusRule>> {
        let rules = self.rules(entry)?;
        if matches!(&entry.node.value, Value::List(nodes) if nodes.is_empty()) {
            self.error(entry.at, "no status is mapped, so no order ever counts as paid");
        }
        Some(rules)
    }

    /// A list of `{when, as}`.
    pub(super) fn rules(&mut self, entry: &Entry) -> Option<Vec<StatusRule>> {
        let nodes = self.list(&entry.node, "a list of rules, such as `- {when: \"@.paid == true\", as: paid}`")?;
        let mut rules = Vec::new();
        for node in nodes {
            let Some(fields) = self.fields(node, Some(node.place), &shapes::STATUS) else { continue };
            rules.extend(self.rule(fields));
        }
        Some(rules)
    }

    pub(super) fn rule(&mut self, fields: Fields<'_>) -> Option<StatusRule> {
        let words = Standing::ALL.map(|standing| (standing.word(), standing));
        let when = fields.need(self, "when", "when: \"@.status == 'paid'\"");
        let when = when.and_then(|entry| self.filter(&entry.node));
        let standing = fields.need(self, "as", "as: paid").and_then(|entry| self.word(&entry.node, &words));
        Some(StatusRule { when: when?, standing: standing? })
    }

    pub(super) fn paths(&mut self, node: &Node) -> Option<Vec<JsonPath>> {
        let nodes = self.one_or_more(node, PATH)?;
        let paths: Vec<Option<JsonPath>> = nodes.into_iter().map(|node| self.path(node)).collect();
        paths.into_iter().collect()
    }

    /// Refuses a path or a filter that is not meant to be read.
    fn shallow(&mut self, node: &Node, path: &str) -> Option<()> {
        if nested(path) <= NESTED {
            return Some(());
        }
        self.error(node.place, format!("brackets lie more than {NESTED} deep"))
            .help("split the condition into several lines of the table, or map a simpler field");
        None
    }

    pub(super) fn path(&mut self, node: &Node) -> Option<JsonPath> {
        let found = self.name(node, PATH)?;
        self.shallow(node, &found.value)?;
        JsonPath::parse(&found.value)
            .map_err(|error| {
                let place = blamed(node, &found.written, &found.value, error.position().saturating_sub(1));
                self.error(place, format!("`{}` is not a valid JSONPath", found.written))
                    .label(NOT_UNDERSTOOD)
                    .help("paths are those of RFC 9535, and start at `$`");
            })
            .ok()
    }

    /// The part between `$[?` and `]`.
    pub(super) fn filter(&mut self, node: &Node) -> Option<JsonPath> {
        let found = self.name(node, "a filter such as `@.status == 'paid'`")?;
        self.shallow(node, &found.value)?;
        JsonPath::parse(&format!("$[?{}]", found.value))
            .map_err(|error| {
                let at = error.position().saturating_sub(1 + "$[?".len());
                let place = blamed(node, &found.written, &found.value, at);
                self.error(place, format!("`{}` is not a valid filter", found.written)).label(NOT_UNDERSTOOD).help(
                    "filters are those of RFC 9535: `@` is the order and `==` compares, as in `@.status == 'paid'`",
                );
            })
            .ok()
    }
}

/// The place of the first rule that makes something `subscribed`.
pub(super) fn subscribed(status: &Node) -> Option<Place> {
    let Value::List(rules) = &status.value else { return None };
    rules
        .iter()
        .filter_map(|rule| rule.get("as"))
        .find(|word| word.text() == Some(Standing::Subscribed.word()))
        .map(|word| word.place)
}

/// How deep brackets may lie inside each other in a path: reading it takes twice as long with each level, and room on
/// the stack.
const NESTED: usize = 10;

/// How deep brackets lie inside each other, those in quotes left out.
fn nested(path: &str) -> usize {
    let (mut depth, mut deepest, mut quote, mut escaped) = (0_usize, 0, None, false);
    for character in path.chars() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    deepest
}

/// The character that a parser stopped at, where what it read is what stands in the file.
fn blamed(node: &Node, written: &str, read: &str, position: usize) -> Place {
    let Value::Text(text) = &node.value else { return node.place };
    if written != read {
        return node.place;
    }
    let start = position.min(read.len());
    let Some(rest) = read.get(start..) else { return node.place };
    let one = rest.chars().next().map_or(0, char::len_utf8);
    inside(node.place, text, start..start + one)
}
