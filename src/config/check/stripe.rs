//! A source of the kind `stripe`.

use jiff::SignedDuration;

use super::fields::{Fields, list};
use super::list::PAGE_BYTES;
use super::{Check, shapes};
use crate::config::raw::{Entry, Node};
use crate::config::settings::source::{Expect, StripeMode, StripePart, StripeProducts, StripeSource};
use crate::secret::Secret;

/// Where Stripe is (<https://docs.stripe.com/api>).
const ADDRESS: &str = "https://api.stripe.com";
/// Below the 25 requests a second that a sandbox allows for each endpoint, and far below the 100 of live
/// mode (<https://docs.stripe.com/rate-limits>).
const RATE: f64 = 20.0;
/// How far before the watermark an increment starts where the file does not say.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// How long a whole read may take where the file does not say: a page of a hundred sessions with their
/// payments takes Stripe seconds.
const READ_TIMEOUT: SignedDuration = SignedDuration::from_hours(1);
/// Events are kept for 30 days (<https://docs.stripe.com/api/events>); an overlap that reaches further
/// back would make every increment a full read.
const LONGEST_OVERLAP: SignedDuration = SignedDuration::from_hours(7 * 24);
const PARTS: [(&str, StripePart); 3] = [
    ("checkout", StripePart::Checkout),
    ("payments", StripePart::Payments),
    ("subscriptions", StripePart::Subscriptions),
];

const PRODUCTS: [(&str, StripeProducts); 3] =
    [("product", StripeProducts::Product), ("price", StripeProducts::Price), ("lookup_key", StripeProducts::LookupKey)];
const MODES: [(&str, StripeMode); 2] = [("true", StripeMode::Live), ("false", StripeMode::Test)];

impl Check<'_> {
    pub(super) fn stripe(&mut self, entry: &Entry) -> Option<StripeSource> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::STRIPE)?;
        let key = fields.need(self, "key", "key: ${STRIPE_KEY}");
        let key = key.and_then(|entry| self.stripe_key(entry));
        let url = fields.node("url");
        let url = url.map_or_else(|| Some(ADDRESS.to_owned()), |node| self.stripe_address(node));
        let account = fields.node("account").map(|node| self.account(node));
        let mode = fields.node("live").map(|node| self.word(node, &MODES));
        let read = fields.node("read");
        let read = read.map_or_else(|| Some(PARTS.map(|(_, part)| part).to_vec()), |node| self.parts(node));
        let user_id = fields.node("user_id");
        let user_id = user_id.map_or_else(
            || Some("logto_user_id".to_owned()),
            |node| self.name(node, "a key of metadata").map(|found| found.value),
        );
        let products = fields.node("products");
        let products = products.map_or(Some(StripeProducts::Product), |node| self.word(node, &PRODUCTS));
        let window = fields.node("window").map(|node| self.interval(node));
        let overlap = fields.node("overlap").map_or(Some(OVERLAP), |node| self.overlap(node));
        let timeout = fields.node("timeout");
        let timeout = timeout.map_or(Some(SignedDuration::from_secs(30)), |node| self.interval(node));
        let read_timeout = fields.node("read_timeout").map_or(Some(READ_TIMEOUT), |node| self.interval(node));
        let rate = fields.node("rate").map_or(Some(RATE), |node| self.rate(node));
        let max_pages = fields.node("max_pages").map_or(Some(10_000), |node| self.whole(node, 1..=10_000_000));
        let max_page_bytes = fields.node("max_page_bytes");
        let max_page_bytes = max_page_bytes.map_or(Some(PAGE_BYTES), |node| self.whole(node, 65_536..=1_073_741_824));
        let expect = self.stripe_expect(fields);
        let key = key?;
        let mode = match mode {
            Some(said) => Some(said?),
            None => mode_of(&key),
        };
        Some(StripeSource {
            base_url: url?,
            key,
            account: optional(account)?,
            mode,
            read: read?,
            user_id: user_id?,
            products: products?,
            window: optional(window)?,
            overlap: overlap?,
            timeout: timeout?,
            read_timeout: read_timeout?,
            rate: rate?,
            max_pages: max_pages?,
            max_page_bytes: max_page_bytes?,
            expect: expect?,
        })
    }

    /// A key that may read. One for browsers cannot, and fails only at the first call.
    fn stripe_key(&mut self, entry: &Entry) -> Option<Secret> {
        let key = self.secret(entry, "STRIPE_KEY", true)?;
        if key.expose().starts_with("pk_") {
            self.error(entry.node.place, "a publishable key of Stripe reads nothing")
                .label("resolves to a key that starts with `pk_`")
                .help("create a restricted key (`rk_...`) with the permissions that `docs/sources.md` names");
            return None;
        }
        Some(key)
    }

    fn stripe_address(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "the address of the API")?;
        let address = self.address(&found, ADDRESS)?;
        if address.has_path() {
            self.error(found.place, "the address of Stripe has no path").help("leave out everything after the host");
            return None;
        }
        Some(address.base())
    }

    fn account(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "the id of a connected account")?;
        let rest = found.value.strip_prefix("acct_").unwrap_or_default();
        if rest.is_empty() || !rest.chars().all(|char| char.is_ascii_alphanumeric() || char == '_') {
            self.error(node.place, format!("`{}` is not the id of a connected account", found.written))
                .help("it starts with `acct_`");
            return None;
        }
        Some(found.value)
    }

    fn parts(&mut self, node: &Node) -> Option<Vec<StripePart>> {
        let names = PARTS.map(|(name, _)| name);
        let nodes = self.list(node, &format!("a list of {}", list(&names)))?;
        if nodes.is_empty() {
            self.error(node.place, "nothing is read").help(format!("name one or more of {}", list(&names)));
            return None;
        }
        let mut parts = Vec::new();
        for node in nodes {
            let Some(part) = self.word(node, &PARTS) else { continue };
            if parts.contains(&part) {
                self.error(node.place, "this is named twice");
            }
            parts.push(part);
        }
        (parts.len() == nodes.len()).then_some(parts)
    }

    fn overlap(&mut self, node: &Node) -> Option<SignedDuration> {
        let overlap = self.duration(node)?;
        if overlap > LONGEST_OVERLAP {
            self.error(node.place, "an overlap is at most 7 days")
                .help("Stripe keeps its events for 30 days; `schedule.full_read` finds what they missed");
            return None;
        }
        Some(overlap)
    }

    fn stripe_expect(&mut self, fields: Fields<'_>) -> Option<Expect> {
        let node = fields.node("expect");
        if let Some(total) = node.and_then(|node| node.get("total")) {
            self.error(total.place, "Stripe does not say how many objects there are").help("leave out `total`");
            return None;
        }
        if let Some(live) = node.and_then(|node| node.get("live")) {
            self.error(live.place, "the mode of an object of Stripe is known").help("set `live` of the source");
            return None;
        }
        self.expect(fields, false)
    }
}

/// `None` where what the file says is wrong, `Some(None)` where it says nothing.
fn optional<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    match found {
        Some(found) => found.map(Some),
        None => Some(None),
    }
}

/// By the prefix of a secret or restricted key (<https://docs.stripe.com/keys>).
fn mode_of(key: &Secret) -> Option<StripeMode> {
    let mode = key.expose().split('_').nth(1)?;
    match mode {
        "live" => Some(StripeMode::Live),
        "test" => Some(StripeMode::Test),
        _ => None,
    }
}
