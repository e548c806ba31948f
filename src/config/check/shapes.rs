//! Every key that `entitlements.yaml` may have, by the map it stands in.
//!
//! The schema describes the same keys; a test holds the two together.

use super::fields::Shape;

const fn shape(name: &'static str, keys: &'static [&'static str]) -> Shape {
    Shape { name, keys, secret: &[] }
}

const fn secretive(name: &'static str, keys: &'static [&'static str], secret: &'static [&'static str]) -> Shape {
    Shape { name, keys, secret }
}

pub(super) static FILE: Shape = shape(
    "File",
    &[
        "version",
        "logto",
        "sources",
        "buyers",
        "schedule",
        "prune",
        "adopt",
        "limits",
        "protect",
        "safeguards",
        "store",
        "listen",
        "trusted_proxies",
        "notify",
        "products",
    ],
);
pub(super) static LOGTO: Shape = secretive(
    "Logto",
    &["endpoint", "app_id", "app_secret", "resource", "rate", "concurrency", "batch", "timeout", "webhook"],
    &["app_secret"],
);
pub(super) static LOGTO_WEBHOOK: Shape = secretive("LogtoWebhook", &["signing_key"], &["signing_key"]);
pub(super) static BUYERS: Shape = shape("Buyers", &["match", "bindings"]);
pub(super) static BINDING: Shape = shape("Binding", &["email", "user"]);
pub(super) static SCHEDULE: Shape = shape("Schedule", &["full_pass", "full_read"]);
pub(super) static LIMITS: Shape = shape("Limits", &["revocations", "config_grants"]);
pub(super) static LIMIT: Shape = shape("Limit", &["per_day", "floor"]);
pub(super) static PROTECT: Shape = shape("Protect", &["emails", "users", "roles"]);
pub(super) static SAFEGUARDS: Shape = shape("Safeguards", &["delay"]);
pub(super) static NOTIFY: Shape = secretive("Notify", &["url", "format", "on"], &["url"]);
pub(super) static PRODUCT: Shape = shape(
    "Product",
    &[
        "name",
        "ids",
        "source",
        "entitlements",
        "valid_for",
        "quantity",
        "grace",
        "on_refund",
        "on_partial_refund",
        "on_dispute",
    ],
);
pub(super) static SOLD_AS: Shape = shape("SoldAs", &["source", "id"]);
pub(super) static ENTITLEMENT: Shape = shape("Entitlement", &["role", "roles", "organization"]);

pub(super) static SOURCE: Shape = shape(
    "Source",
    &[
        "kind",
        "was",
        "url",
        "recorded",
        "path",
        "poll",
        "full_read",
        "slack",
        "auth",
        "headers",
        "timeout",
        "read_timeout",
        "rate",
        "max_pages",
        "max_page_bytes",
        "list",
        "incremental",
        "get",
        "details",
        "overlays",
        "map",
        "status",
        "expect",
        "lists",
        "webhook",
    ],
);
pub(super) static ONE_LIST: Shape =
    shape("OneList", &["list", "incremental", "get", "details", "overlays", "map", "status", "expect"]);
pub(super) static STRIPE: Shape = secretive(
    "Stripe",
    &[
        "kind",
        "was",
        "key",
        "url",
        "account",
        "live",
        "read",
        "user_id",
        "products",
        "window",
        "poll",
        "full_read",
        "slack",
        "overlap",
        "timeout",
        "read_timeout",
        "rate",
        "max_pages",
        "max_page_bytes",
        "expect",
        "webhook",
    ],
    &["key"],
);
pub(super) static LIST: Shape = shape("List", &["path", "query", "method", "body", "items", "total", "paging"]);
pub(super) static TOLD_HEADER: Shape = shape("ToldHeader", &["header"]);
pub(super) static GET: Shape =
    shape("Get", &["path", "query", "method", "body", "item", "recheck_every", "recheck_pending"]);
pub(super) static DETAIL: Shape = shape("Detail", &["when", "path", "id", "item", "into"]);
pub(super) static REFUND: Shape = shape("Refund", &["amount", "of"]);
pub(super) static OVERLAY: Shape = shape(
    "Overlay",
    &[
        "path",
        "query",
        "method",
        "body",
        "items",
        "total",
        "paging",
        "incremental",
        "id",
        "order_id",
        "rules",
        "when",
        "as",
        "ended_at",
        "line",
        "amount",
        "of",
    ],
);
pub(super) static LINE_OF: Shape = shape("LineOf", &["each", "id", "product", "quantity"]);
pub(super) static ORDER_REF: Shape = shape("OrderRefIn", &["path", "prefix", "suffix", "pattern"]);
pub(super) static MAP: Shape = shape(
    "Map",
    &[
        "id",
        "updated_at",
        "paid_at",
        "ended_at",
        "period_end",
        "cancelled",
        "products",
        "quantity",
        "lines",
        "refund",
        "user_id",
        "email",
        "zone",
        "none",
    ],
);
pub(super) static LINES: Shape =
    shape("Lines", &["each", "entries", "product", "quantity", "status", "period_end", "id"]);
pub(super) static STATUS: Shape = shape("Status", &["when", "as"]);
pub(super) static EXPECT: Shape = shape("Expect", &["max_shrink", "min_items", "total", "canary", "live"]);

pub(super) static WEBHOOK: Shape =
    shape("Webhook", &["order_id", "events", "ping", "challenge", "delivery_id", "signature"]);
pub(super) static EVENT: Shape = shape("Event", &["when", "order_id", "list", "poll"]);
pub(super) static DELIVERY_HEADER: Shape = shape("DeliveryHeader", &["header"]);
pub(super) static SIGNATURE: Shape =
    secretive("Signature", &["scheme", "header", "prefix", "secret", "tolerance"], &["secret"]);

pub(super) static AUTH: [Shape; 6] = [
    shape("Auth.none", &["kind"]),
    secretive("Auth.bearer", &["kind", "token"], &["token"]),
    secretive("Auth.basic", &["kind", "username", "password"], &["username", "password"]),
    secretive("Auth.header", &["kind", "name", "value"], &["value"]),
    secretive("Auth.query", &["kind", "param", "value"], &["value"]),
    secretive(
        "Auth.oauth2_client_credentials",
        &["kind", "token_url", "client_id", "client_secret", "resource", "scope", "audience", "client_auth", "header"],
        &["client_secret"],
    ),
];
pub(super) static PAGING: [Shape; 7] = [
    shape("Paging.none", &["kind", "has_more"]),
    shape("Paging.offset", &["kind", "param", "size_param", "size", "has_more"]),
    shape("Paging.page", &["kind", "param", "start", "pages", "size_param", "size", "has_more"]),
    shape("Paging.last_id", &["kind", "param", "size_param", "size", "has_more"]),
    shape("Paging.token", &["kind", "param", "next", "size_param", "size", "has_more"]),
    shape("Paging.next_url", &["kind", "next", "size_param", "size", "has_more"]),
    shape("Paging.link_header", &["kind", "size_param", "size", "has_more"]),
];
pub(super) static INCREMENTAL: [Shape; 4] = [
    shape("Incremental.snapshot", &["kind"]),
    shape("Incremental.filter", &["kind", "param", "format", "overlap"]),
    shape("Incremental.walk_back", &["kind", "overlap"]),
    shape("Incremental.window", &["kind", "param", "format", "window", "overlap"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn keys(schema: &Value) -> BTreeSet<&str> {
        schema["properties"].as_object().map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// The schema's own description of a shape: a definition, or the variant of one that has this `kind`.
    fn described<'s>(schema: &'s Value, name: &str) -> &'s Value {
        match name.split_once('.') {
            None if name == "File" => schema,
            None => &schema["$defs"][name],
            Some((name, kind)) => {
                let variants = schema["$defs"][name]["oneOf"].as_array().expect("a definition with variants");
                let found = variants.iter().find(|variant| variant["properties"]["kind"]["const"] == kind);
                found.unwrap_or_else(|| panic!("the schema has no {name} of kind {kind}"))
            }
        }
    }

    #[test]
    fn the_schema_and_the_check_know_the_same_keys() {
        let schema = crate::config::spec::schema();
        let single = [
            &FILE,
            &LOGTO,
            &LOGTO_WEBHOOK,
            &BUYERS,
            &BINDING,
            &SCHEDULE,
            &LIMITS,
            &LIMIT,
            &PROTECT,
            &SAFEGUARDS,
            &NOTIFY,
            &PRODUCT,
            &SOLD_AS,
            &ENTITLEMENT,
            &SOURCE,
            &ONE_LIST,
            &STRIPE,
            &LIST,
            &TOLD_HEADER,
            &GET,
            &DETAIL,
            &REFUND,
            &OVERLAY,
            &LINE_OF,
            &ORDER_REF,
            &MAP,
            &LINES,
            &STATUS,
            &EXPECT,
            &WEBHOOK,
            &EVENT,
            &DELIVERY_HEADER,
            &SIGNATURE,
        ];
        let shapes: Vec<&Shape> = single.into_iter().chain(&AUTH).chain(&PAGING).chain(&INCREMENTAL).collect();
        for shape in &shapes {
            let described = described(&schema, shape.name);
            assert_eq!(shape.keys.iter().copied().collect::<BTreeSet<_>>(), keys(described), "{}", shape.name);
            assert_eq!(described["additionalProperties"], false, "{} must be closed", shape.name);
        }
        let known: BTreeSet<&str> = shapes.iter().map(|shape| shape.name).collect();
        for (name, definition) in schema["$defs"].as_object().expect("definitions") {
            let variants = definition["oneOf"].as_array().into_iter().flatten();
            for kind in variants.filter_map(|variant| variant["properties"]["kind"]["const"].as_str()) {
                assert!(known.contains(format!("{name}.{kind}").as_str()), "the check does not know {name}.{kind}");
            }
            assert!(definition.get("properties").is_none() || known.contains(name.as_str()), "unknown {name}");
        }
    }
}
