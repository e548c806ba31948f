//! The `webhook` block of a source: how a hint is known to come from the payment API, and which order it is
//! about.
//!
//! A preset's block is a form with the blanks still open: it counts once the user's file has a `webhook` key
//! of its own, which fills in the secret. Until then nothing is listened to, and nothing is missing.

use jiff::SignedDuration;

use super::fields::Fields;
use super::{Check, shapes};
use crate::config::diagnostic::Origin;
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{About, DeliveryId, EventRule, Scheme, Signature, Webhook};
use crate::secret::Secret;

/// How far a signed time may lie from now where the file does not say: what Stripe and Standard Webhooks take.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// What the simulated shop signs with. It is no secret: the shop is on this machine, and sells nothing.
const SANDBOX_SECRET: &str = "sandbox-webhook-secret";

/// How each scheme is written in the file; `none` stands for no signature.
const SCHEMES: [(&str, Option<Scheme>); 6] = [
    ("hmac_hex", Some(Scheme::HmacHex)),
    ("hmac_base64", Some(Scheme::HmacBase64)),
    ("stripe", Some(Scheme::Stripe)),
    ("paddle", Some(Scheme::Paddle)),
    ("standard_webhooks", Some(Scheme::StandardWebhooks)),
    ("none", None),
];

impl Check<'_> {
    /// `Some(None)` where the source gives no hints.
    pub(super) fn webhook(&mut self, node: &Node) -> Option<Option<Webhook>> {
        let Some(entry) = find(node) else { return Some(None) };
        match entry.at.origin {
            Origin::Preset(_) => Some(None),
            Origin::File => {
                let hooked = self.hooked(entry, None)?;
                self.of_lists(node, entry, &hooked);
                Some(Some(hooked))
            }
        }
    }

    /// That of the simulated shop, whose secret is known.
    pub(super) fn sandbox_webhook(&mut self, preset: &Node) -> Option<Webhook> {
        self.hooked(find(preset)?, Some(Secret::new(SANDBOX_SECRET.to_owned())))
    }

    fn hooked(&mut self, entry: &Entry, known: Option<Secret>) -> Option<Webhook> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::WEBHOOK)?;
        let events = fields.find("events").map_or(Some(Vec::new()), |entry| self.events(entry));
        let order_id = match (fields.find("order_id"), fields.find("events")) {
            (Some(entry), _) => self.paths(&entry.node),
            (None, Some(_)) => Some(Vec::new()),
            (None, None) => fields.need(self, "order_id", "order_id: $.orderId").map(|_| Vec::new()),
        };
        let ping = fields.node("ping").map_or(Some(None), |node| self.filter(node).map(Some));
        let challenge = fields.node("challenge").map_or(Some(Vec::new()), |node| self.paths(node));
        let delivery_id = fields.find("delivery_id").map(|entry| self.delivery_id(entry));
        let signature = fields.need(self, "signature", "signature: {scheme: hmac_hex, header: X-Signature, ...}");
        let signature = signature.and_then(|entry| self.signature(entry, known));
        let delivery_id = match delivery_id {
            Some(found) => Some(found?),
            None => None,
        };
        Some(Webhook {
            events: events?,
            order_id: order_id?,
            ping: ping?,
            challenge: challenge?,
            delivery_id,
            signature: signature?,
        })
    }

    /// Reports events about lists that the source does not have.
    fn of_lists(&mut self, source: &Node, entry: &Entry, webhook: &Webhook) {
        for name in webhook.events.iter().filter_map(|event| event.list.as_deref()) {
            if source.get("lists").is_none_or(|lists| lists.get(name).is_none()) {
                self.error(entry.at, format!("an event is about the list `{name}`, which is not under `lists`"));
            }
        }
    }

    fn events(&mut self, entry: &Entry) -> Option<Vec<EventRule>> {
        let example = "a list of events, such as `- {when: \"@.type == 'order.paid'\", order_id: $.data.id}`";
        let nodes = self.list(&entry.node, example)?;
        let events: Vec<Option<EventRule>> = nodes.iter().map(|node| self.event(node)).collect();
        events.into_iter().collect()
    }

    fn event(&mut self, node: &Node) -> Option<EventRule> {
        let fields = self.fields(node, Some(node.place), &shapes::EVENT)?;
        let when = fields.need(self, "when", "when: \"@.type == 'order.paid'\"");
        let when = when.and_then(|entry| self.filter(&entry.node));
        let poll = fields.find("poll").map(|entry| self.word(&entry.node, &[("true", true), ("false", false)]));
        let about = match (fields.find("order_id"), poll) {
            (Some(entry), None | Some(Some(false))) => self.paths(&entry.node).map(About::Orders),
            (None, Some(Some(true))) => Some(About::Source),
            (_, Some(None)) => None,
            (Some(entry), Some(Some(true))) => {
                self.error(entry.at, "an event has `order_id` or `poll: true`, not both");
                None
            }
            (None, None | Some(Some(false))) => {
                self.error(node.place, "nothing says what this event is about")
                    .help("add `order_id: $.data.id`, or `poll: true` where it names no order");
                None
            }
        };
        let list = fields.node("list").map_or(Some(None), |node| self.name(node, "the name of a list").map(Some));
        let list = list?.map(|found| found.value).filter(|name| name != "orders");
        Some(EventRule { when: when?, about: about?, list })
    }

    fn delivery_id(&mut self, entry: &Entry) -> Option<DeliveryId> {
        if !matches!(entry.node.value, Value::Map(_)) {
            return self.paths(&entry.node).map(DeliveryId::Body);
        }
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::DELIVERY_HEADER)?;
        let header = fields.need(self, "header", "header: X-Delivery-Id")?;
        self.header_name(&header.node).map(|name| DeliveryId::Header(name.to_lowercase()))
    }

    fn signature(&mut self, entry: &Entry, known: Option<Secret>) -> Option<Signature> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::SIGNATURE)?;
        let scheme = fields.need(self, "scheme", "scheme: hmac_hex").and_then(|entry| self.word(&entry.node, &SCHEMES));
        let Some(scheme) = scheme? else {
            self.pointless(fields, "none", &["header", "prefix", "secret", "tolerance"]);
            return Some(Signature::None);
        };
        let usual = match scheme {
            Scheme::HmacHex | Scheme::HmacBase64 => {
                self.pointless(fields, "hmac_hex` and `hmac_base64", &["tolerance"]);
                None
            }
            Scheme::Stripe => Some("stripe-signature"),
            Scheme::Paddle => Some("paddle-signature"),
            Scheme::StandardWebhooks => Some("webhook-signature"),
        };
        if usual.is_some() {
            let word = SCHEMES.iter().find(|(_, one)| *one == Some(scheme)).map_or("", |(word, _)| word);
            self.pointless(fields, word, &["header", "prefix"]);
        }
        let header = match usual {
            Some(header) => Some(header.to_owned()),
            None => {
                let entry = fields.need(self, "header", "header: X-Signature");
                entry.and_then(|entry| self.header_name(&entry.node)).map(|name| name.to_lowercase())
            }
        };
        let prefix = fields.node("prefix").map_or(Some(String::new()), |node| {
            self.text(node, "the text before the signature").map(|found| found.value)
        });
        let secret = match known {
            Some(secret) => Some(secret),
            None => {
                let secret = fields.need(self, "secret", "secret: ${WEBHOOK_SECRET}");
                secret.and_then(|entry| self.secret(entry, "WEBHOOK_SECRET", true))
            }
        };
        let tolerance = fields.node("tolerance").map_or(Some(TOLERANCE), |node| self.interval(node));
        Some(Signature::Signed { scheme, header: header?, prefix: prefix?, secret: secret?, tolerance: tolerance? })
    }

    /// Reports keys that mean nothing with a scheme.
    fn pointless(&mut self, fields: Fields<'_>, scheme: &str, keys: &[&str]) {
        for entry in keys.iter().filter_map(|key| fields.find(key)) {
            let place = entry.node.place;
            let problem = self.error(entry.at, format!("`{}` is not allowed with `scheme: {scheme}`", entry.key));
            if entry.key == "secret" {
                problem.hide(place);
            }
        }
    }
}

fn find(node: &Node) -> Option<&Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == "webhook"),
        Value::Nothing | Value::Text(_) | Value::List(_) => None,
    }
}
