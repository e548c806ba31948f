//! What a recording shows of an answer: all that the mapping reads, and of everything else the shape alone.
//! Pure.
//!
//! Kept: ids, products, times, the words of statuses, whatever a path or a condition of the source reads, and
//! every number, truth value and `null`, since conditions compare them. Replaced: every other text, by the same
//! stand-in wherever it stands, so that what was equal is equal still. An email address is replaced wherever it
//! stands, kept or not, and compared without case.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use regex::Regex;
use reqwest::Url;
use serde_json::{Map as JsonMap, Value, json};
use serde_json_path::JsonPath;

use super::ORIGIN;
use crate::config::settings::source::{
    HttpSource, LineForm, Lines, List, OrderRef, Overlay, PagedBy, StatusRule, Told,
};
use crate::secret::Secret;
use crate::source::http::paths::{entry, status_words};

/// Keys whose number says something of a person.
const PERSONAL: [&str; 10] =
    ["phone", "zip", "postal", "card", "last4", "iban", "latitude", "longitude", "birth", "ip"];

/// The stand-ins of one recording.
pub(super) struct Redaction<'s> {
    lists: &'s [&'s HttpSource],
    base: &'s str,
    secrets: &'s [Secret],
    origin: String,
    /// Texts that stand in the paths and conditions of the source.
    literals: BTreeSet<String>,
    emails: HashMap<String, usize>,
    texts: HashMap<String, usize>,
}

impl<'s> Redaction<'s> {
    pub(super) fn new(lists: &'s [&'s HttpSource], base: &'s str, secrets: &'s [Secret]) -> Self {
        let address = lists.first().map(|list| list.base_url.as_str()).unwrap_or_default();
        let origin = address.parse::<Url>().map(|url| url.origin().ascii_serialization());
        Self {
            lists,
            base,
            secrets,
            origin: origin.unwrap_or_default(),
            literals: lists.iter().flat_map(|list| literals(list)).collect(),
            emails: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    /// Path and query of a request, with what a person or a secret stands for replaced in them.
    pub(super) fn request(&mut self, url: &Url) -> String {
        let mut made = url.clone();
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if !query.is_empty() {
            let query: Vec<(String, String)> =
                query.into_iter().map(|(key, value)| (key, self.unnamed(&value))).collect();
            made.query_pairs_mut().clear().extend_pairs(query);
        }
        match made.query() {
            Some(query) => format!("{}?{query}", made.path()),
            None => made.path().to_owned(),
        }
    }

    /// A link to another page, as the recorded API would give it.
    pub(super) fn link(&mut self, here: &Url, link: &str) -> String {
        match here.join(link) {
            Ok(url) if url.origin() == here.origin() => format!("{ORIGIN}{}", self.request(&url)),
            _ => self.unnamed(link),
        }
    }

    /// What was sent, likewise.
    pub(super) fn sent(&mut self, sent: Value) -> Value {
        match sent {
            Value::String(text) => self.unnamed(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.sent(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(key, value)| (key, self.sent(value))).collect())
            }
            other => other,
        }
    }

    /// A whole answer to what was asked there, and sent.
    pub(super) fn answer(&mut self, url: &Url, sent: Option<&Value>, mut body: Value) -> Value {
        let mut kept = Kept::default();
        for list in self.lists {
            self.keep(list, &mut kept, url.path(), sent, &body);
        }
        self.walk(&mut body, &mut String::new(), "", url, &kept);
        body
    }

    /// The places of an answer that a list reads, as JSON pointers.
    fn keep(&self, list: &HttpSource, kept: &mut Kept, path: &str, sent: Option<&Value>, body: &Value) {
        let HttpSource { list, overlays, details, get, map, status, expect, .. } = list;
        let at = path.strip_prefix(self.base).unwrap_or(path);
        let order = |kept: &mut Kept, order: &Value, under: &str| {
            let paths = [
                &map.id,
                &map.updated_at,
                &map.paid_at,
                &map.ended_at,
                &map.period_end,
                &map.products,
                &map.quantity,
                &map.user_id,
                &map.email,
            ];
            kept.add(order, under, paths.into_iter().flatten());
            let refund = map.refund.iter().flat_map(|refund| refund.amount.iter().chain(&refund.of));
            kept.add(order, under, refund.chain(details.iter().flat_map(|detail| &detail.id)));
            kept.add(order, under, status_words(status).iter());
            if let Some(live) = &expect.live {
                let rule = StatusRule { when: live.clone(), standing: crate::model::Standing::Paid };
                kept.add(order, under, status_words(&[rule]).iter());
            }
            if let Some(lines) = &map.lines {
                for each in &lines.each {
                    for (line, place) in nodes(each, order) {
                        kept.add_line(line, &format!("{under}{place}"), lines);
                    }
                }
            }
        };
        let mut is_told = at == list.path;
        if is_told {
            kept.add_list(body, list, |kept, item, under| order(kept, item, under));
        }
        // With GraphQL everything is at one path, and each answer has the places of its own question alone.
        for overlay in overlays.iter().filter(|overlay| overlay.list.path == at) {
            if !is_told || sent.is_some() {
                kept.add_list(body, &overlay.list, |kept, item, under| kept.add_mark(item, under, overlay));
                is_told = true;
            }
        }
        for detail in details.iter().filter(|detail| is_of(&detail.path, at)) {
            // It is read as a part of its order, under a key that it does not have here.
            let mut inside = Kept::default();
            let within = format!("/{}", detail.into);
            for (item, place) in detail.item.iter().flat_map(|path| nodes(path, body)) {
                order(&mut inside, &json!({&detail.into: item}), "");
                let own = |found: String| Some(format!("{place}{}", found.strip_prefix(&within)?));
                kept.places.extend(inside.places.drain().filter_map(own));
            }
            is_told = true;
        }
        if let Some(get) = get.as_ref().filter(|get| is_of(&get.path, at) && (!is_told || sent.is_some())) {
            for (item, place) in get.item.iter().flat_map(|path| nodes(path, body)) {
                order(kept, item, &place);
            }
        }
    }

    fn walk(&mut self, value: &mut Value, at: &mut String, key: &str, here: &Url, kept: &Kept) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(_) => {
                let key = key.to_lowercase();
                if !kept.places.contains(at.as_str())
                    && PERSONAL.iter().any(|word| key.split('_').any(|part| part == *word))
                {
                    *value = Value::from(0);
                }
            }
            Value::String(text) => *text = self.text(text, at, here, kept),
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = at.len();
                    at.push_str(&format!("/{index}"));
                    self.walk(item, at, key, here, kept);
                    at.truncate(length);
                }
            }
            Value::Object(fields) => {
                let mut named = JsonMap::new();
                for (key, mut value) in std::mem::take(fields) {
                    let length = at.len();
                    at.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                    self.walk(&mut value, at, &key, here, kept);
                    at.truncate(length);
                    named.insert(self.unnamed(&key), value);
                }
                *fields = named;
            }
        }
    }

    fn text(&mut self, text: &str, at: &str, here: &Url, kept: &Kept) -> String {
        if kept.links.contains(at) {
            return self.link(here, text);
        }
        let unnamed = self.unnamed(text);
        let harmless = text.trim().is_empty() || self.literals.contains(text) || is_time(text) || is_one_email(text);
        if harmless || kept.places.contains(at) {
            return unnamed;
        }
        let next = self.texts.len() + 1;
        let number = *self.texts.entry(text.to_owned()).or_insert(next);
        match text.starts_with("http://") || text.starts_with("https://") {
            true => format!("https://example.com/{number}"),
            false => format!("text-{number}"),
        }
    }

    /// A text with every secret, every email address and the origin of the API replaced.
    fn unnamed(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|secret| secret.expose().len() >= 4) {
            text = text.replace(secret.expose(), "[secret]");
        }
        if !self.origin.is_empty() {
            text = text.replace(&self.origin, ORIGIN);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, email, after)) = next_email(rest) {
            let next = self.emails.len() + 1;
            let number = *self.emails.entry(email.to_ascii_lowercase()).or_insert(next);
            out.push_str(before);
            out.push_str(&format!("buyer-{number}@example.com"));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// Whether this is a path with `{id}` replaced by some id.
fn is_of(path: &str, at: &str) -> bool {
    let (before, after) = path.split_once("{id}").unwrap_or((path, ""));
    at.starts_with(before) && at.ends_with(after)
}

/// Places that are kept.
#[derive(Default)]
struct Kept {
    places: HashSet<String>,
    /// Of those, links to the next page.
    links: HashSet<String>,
}

impl Kept {
    /// What these paths lead to in `value`, which stands at `under`. Of a list, its items.
    fn add<'p>(&mut self, value: &Value, under: &str, paths: impl Iterator<Item = &'p JsonPath>) {
        for path in paths {
            for (node, place) in nodes(path, value) {
                if !node.is_object() {
                    self.places.insert(format!("{under}{place}"));
                }
            }
        }
    }

    /// What is read of a line, or of each entry of a map of lines.
    fn add_line(&mut self, line: &Value, under: &str, lines: &Lines) {
        let words = status_words(&lines.status);
        let own = [&lines.product, &lines.quantity, &lines.period_end, &lines.id].into_iter().flatten().chain(&words);
        let Some(entries) = line.as_object().filter(|_| lines.form == LineForm::Entries) else {
            return self.add(line, under, own);
        };
        let own: Vec<&JsonPath> = own.collect();
        for (key, value) in entries {
            let mut of_entry = Self::default();
            of_entry.add(&entry(key, value), "", own.iter().copied());
            let place = format!("{under}/{}", key.replace('~', "~0").replace('/', "~1"));
            let values = of_entry.places.iter().filter_map(|at| at.strip_prefix("/value"));
            self.places.extend(values.map(|rest| format!("{place}{rest}")));
        }
    }

    fn add_list(&mut self, body: &Value, list: &List, mut item: impl FnMut(&mut Self, &Value, &str)) {
        self.add(body, "", list.total.iter().flat_map(Told::paths).chain(&list.paging.has_more));
        match &list.paging.by {
            PagedBy::Token { next, .. } => self.add(body, "", std::iter::once(next)),
            PagedBy::Page { pages, .. } => self.add(body, "", pages.iter().flat_map(Told::paths)),
            PagedBy::NextUrl { next } => self.links.extend(nodes(next, body).into_iter().map(|(_, place)| place)),
            _ => {}
        }
        let found = list.items.iter().map(|path| nodes(&path.0, body)).find(|found| !found.is_empty());
        for (node, place) in found.unwrap_or_default() {
            item(self, node, &place);
        }
    }

    fn add_mark(&mut self, item: &Value, under: &str, overlay: &Overlay) {
        self.add(item, under, overlay.id.iter().chain(&overlay.ended_at));
        self.add(item, under, status_words(&overlay.rules).iter());
        if let Some(money) = &overlay.money {
            self.add(item, under, money.amount.iter().chain(&money.of));
        }
        if let Some(line) = &overlay.line {
            let own = || line.id.iter().chain(&line.product).chain(&line.quantity);
            if line.each.is_empty() {
                self.add(item, under, own());
            }
            for (node, place) in line.each.iter().flat_map(|each| nodes(each, item)) {
                self.add(node, &format!("{under}{place}"), own());
            }
        }
        let OrderRef { paths, prefix, suffix, pattern } = &overlay.order_id;
        let named = |node: &Value| match node.as_str() {
            // A text that is built otherwise names no order, and may name a person.
            Some(text) => {
                let fits = |pattern: &Regex| pattern.is_match(text);
                text.starts_with(prefix.as_str())
                    && text.ends_with(suffix.as_str())
                    && pattern.as_ref().is_none_or(fits)
            }
            None => true,
        };
        for path in paths {
            let found = nodes(path, item).into_iter().filter(|(node, _)| named(node));
            self.places.extend(found.map(|(_, place)| format!("{under}{place}")));
        }
    }
}

/// What a path leads to and where, with a list taken apart.
fn nodes<'v>(path: &JsonPath, value: &'v Value) -> Vec<(&'v Value, String)> {
    let mut found = Vec::new();
    for located in path.query_located(value).into_iter() {
        let place = located.location().to_json_pointer();
        match located.node() {
            Value::Array(items) => {
                found.extend(items.iter().enumerate().map(|(index, item)| (item, format!("{place}/{index}"))));
            }
            node => found.push((node, place)),
        }
    }
    found
}

/// Every text in quotes in the paths and conditions of a source.
fn literals(settings: &HttpSource) -> BTreeSet<String> {
    let map = &settings.map;
    let mut paths: Vec<&JsonPath> =
        [&map.user_id, &map.email, &map.products, &map.paid_at].into_iter().flatten().collect();
    paths.extend(settings.status.iter().map(|rule| &rule.when));
    paths.extend(settings.expect.live.iter());
    if let Some(lines) = &map.lines {
        paths.extend(lines.each.iter().chain(&lines.product).chain(lines.status.iter().map(|rule| &rule.when)));
    }
    for overlay in &settings.overlays {
        paths.extend(overlay.rules.iter().map(|rule| &rule.when).chain(&overlay.order_id.paths));
    }
    let mut found = BTreeSet::new();
    for path in paths {
        let text = path.to_string();
        for quote in ['\'', '"'] {
            found.extend(text.split(quote).skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

fn is_time(text: &str) -> bool {
    text.len() >= 10
        && text.contains('-')
        && (text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok())
}

fn is_one_email(text: &str) -> bool {
    matches!(next_email(text), Some(("", _, "")))
}

/// The first email address in a text, with what stands before and after it.
fn next_email(text: &str) -> Option<(&str, &str, &str)> {
    let local = |c: char| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
    let domain = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        let start =
            text[..at].char_indices().rev().take_while(|(_, c)| local(*c)).last().map_or(at, |(start, _)| start);
        let end = text[at + 1..].char_indices().find(|(_, c)| !domain(*c)).map_or(text.len(), |(end, _)| at + 1 + end);
        if start < at && end > at + 1 {
            return Some((&text[..start], &text[start..end], &text[end..]));
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_middle_of_a_text() {
        assert_eq!(
            next_email("to Ann.B+x@Shop.example.com, please"),
            Some(("to ", "Ann.B+x@Shop.example.com", ", please"))
        );
        assert_eq!(next_email("@ at @"), None);
        assert!(is_one_email("a@b") && !is_one_email("a@b c"));
    }

    #[test]
    fn only_what_is_a_time_is_one() {
        for time in ["2026-05-01T10:00:00Z", "2026-05-01T10:00:00-05:00", "2026-05-01", "2026-05-01 10:00:00"] {
            assert!(is_time(time), "{time}");
        }
        for other in ["90210", "555-1234-567", "Ann-Marie Smith", "1-2-3"] {
            assert!(!is_time(other), "{other}");
        }
    }
}
