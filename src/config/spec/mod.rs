//! The JSON Schema of `entitlements.yaml`, which editors read through `# yaml-language-server: $schema=`.
//!
//! Describes the file and never reads it: these types mirror the YAML for the schema's sake, and a test
//! holds their keys against those that [`check`](super::check) knows.

mod expect;
pub mod list;
pub mod source;
pub mod stripe;
pub mod webhook;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// The schema, JSON Schema 2020-12.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".to_owned(), "entitlements.yaml".into());
    schema.to_value()
}

macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident = $schema:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Serialize)]
        pub struct $name(String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

scalars! {
    /// A text that may look like a number or a truth value to YAML.
    Name = {
        "description": "A name. It is taken as written: `no`, `012` and `1.10` are names too.",
        "type": ["string", "number", "boolean"]
    };
    /// See `check::value::duration`.
    Duration = {
        "description": "A duration: `30s`, `10m`, `24h`, `365d`, `2w`, or a sum such as `1h30m`.",
        "type": ["string", "integer"],
        "pattern": "^\\s*(0|([0-9]+ *(ms|s|m|h|d|w) *)+)\\s*$|\\$\\{",
        "examples": ["30s", "10m", "24h", "365d"]
    };
    /// See `check::value::percent`.
    Percent = {
        "description": "A percentage from `0%` to `100%`.",
        "type": "string",
        "pattern": "^[0-9]+(\\.[0-9]+)? *%$|\\$\\{",
        "examples": ["10%"]
    };
    /// A number, or a reference to one.
    Number = {
        "description": "A number, or a reference to one.",
        "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "\\$\\{"}]
    };
    /// A reference to a secret.
    Secret = {
        "description": "A reference to a secret: `${NAME}` or `${file:PATH}`. A secret in plain text is refused.",
        "type": "string",
        "pattern": "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}|\\$\\{file:[^}]+\\}|^$",
        "examples": ["${LOGTO_M2M_APP_SECRET}", "${file:/run/secrets/logto}"]
    };
    /// The version of the format.
    Version = {"description": "The version of this format.", "const": 1};
}

/// A JSONPath (RFC 9535), or several that are tried in order.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum Paths {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// Products, and what a Logto user who paid for them may do.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The version of this format: 1.
    pub version: Version,
    /// How to reach Logto.
    pub logto: Logto,
    /// The payment APIs, each under a name of your choice.
    pub sources: BTreeMap<String, source::AnySource>,
    /// How a buyer becomes a Logto user.
    pub buyers: Option<Buyers>,
    /// When everything is checked again.
    pub schedule: Option<Schedule>,
    /// Whether anything is ever taken away. It has no default.
    pub prune: Prune,
    /// Whether what Logto holds already becomes ours where an order explains it. Default: `explained`.
    pub adopt: Option<Adopt>,
    /// How much may happen at once. What exceeds it is held until approved.
    pub limits: Option<Limits>,
    /// Who and what is never touched.
    pub protect: Option<Protect>,
    /// How long what this file loosens waits before it counts, and how long taking a change back counts for no limit.
    pub safeguards: Option<Safeguards>,
    /// The database file, relative to this file. Default: `entitled.db`.
    pub store: Option<String>,
    /// Where `entitled run` listens for webhooks and shows itself: an address, or `off`. Beyond this machine
    /// only with `ENTITLED_API_TOKEN` set. Default: `127.0.0.1:8787`.
    pub listen: Option<String>,
    /// Trusted proxies in front of `run`, as addresses and networks such as `[10.0.0.0/8, 192.0.2.7]`. For what they
    /// pass on, the client is the right-most address in `X-Forwarded-For` or `Forwarded` that is none of them.
    /// Default: none.
    pub trusted_proxies: Option<Vec<String>>,
    /// Who is notified of a change of state: once per change, never once per pass.
    pub notify: Option<Vec<Notify>>,
    /// What each product gives, under its id in the payment API, or under any name with `ids`.
    pub products: BTreeMap<String, Product>,
}

/// How to reach Logto.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Logto {
    /// The origin of the tenant: the address of Logto without a path, or `sandbox` for the built-in simulator.
    pub endpoint: String,
    /// The id of a machine-to-machine application that may call the Management API. Required, except with `sandbox`.
    pub app_id: Option<Name>,
    /// Its secret. Required, except with `sandbox`.
    pub app_secret: Option<Secret>,
    /// The resource indicator of the Management API. Default: `https://default.logto.app/api`, and on
    /// Logto Cloud `https://<tenant>.logto.app/api`.
    pub resource: Option<String>,
    /// Calls per second. Default: 18 on Logto Cloud, which allows 200 in 10 s, otherwise no cap.
    pub rate: Option<Number>,
    /// Calls in flight at once, 1 to 32. Default: 4.
    pub concurrency: Option<Number>,
    /// Users per write, 1 to 1,000. Default: 100.
    pub batch: Option<Number>,
    /// How long one call may take. Default: `30s`.
    pub timeout: Option<Duration>,
    /// Its webhooks, which only make things faster.
    pub webhook: Option<LogtoWebhook>,
}

/// The webhooks of Logto.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogtoWebhook {
    /// The key that Logto shows for a webhook that was set up by hand. `entitled hooks logto` needs none here.
    pub signing_key: Secret,
}

/// How a buyer becomes a Logto user.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Buyers {
    /// Tried in this order; the first that answers decides. Default: `[user_id, binding, email]`.
    pub r#match: Option<Vec<Matching>>,
    /// Who paid with another address than that of their account.
    pub bindings: Option<Vec<Binding>>,
}

/// One way of finding the user of a buyer.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// The Logto user id in the order.
    UserId,
    /// The list `bindings`.
    Binding,
    /// The email in the order against the primary email in Logto.
    Email,
}

/// A buyer's email and the user it stands for.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The email in the order.
    pub email: String,
    /// The id of the Logto user.
    pub user: Name,
}

/// When everything is checked again.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Time between two checks of every target. Default: `10m`.
    pub full_pass: Option<Duration>,
    /// Time between two reads of every order, which find what a cursor missed. Default: `24h`.
    pub full_read: Option<Duration>,
}

/// Whether anything is ever taken away.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Prune {
    /// Only grant.
    Never,
    /// Also revoke what entitled granted or adopted, once no order pays for it.
    Owned,
    /// Make each managed target hold exactly the buyers. Whoever `protect` names is exempt, and counted as kept.
    Exclusive,
}

/// Whether what Logto holds already becomes ours where an order explains it.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adopt {
    /// What no pass had seen when the order was paid.
    Explained,
    /// Nothing except what `entitled adopt` names.
    Never,
}

/// How much may happen at once.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Revocations, per target and in total: held above the larger of `floor` and `per_day` of the grants that were
    /// owned when the 24 hours began. Default: `{per_day: 10%, floor: 5}`.
    pub revocations: Option<Limit>,
    /// Grants that a change of this file causes, where the order was known before and the mapping is new: held as
    /// revocations are. Default: `{per_day: 20%, floor: 50}`.
    pub config_grants: Option<Limit>,
}

/// The larger of the two, in any 24 hours.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Percent of the owned grants.
    pub per_day: Option<Percent>,
    /// Always allowed.
    pub floor: Option<Number>,
}

/// Who and what is never touched.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Protect {
    /// Addresses from whom nothing is ever taken; `*` stands for any run of characters.
    pub emails: Option<Vec<String>>,
    /// Ids of Logto users from whom nothing is ever taken.
    pub users: Option<Vec<Name>>,
    /// Roles that are neither granted nor taken, by name or id. No product may give one.
    pub roles: Option<Vec<Name>>,
}

/// `limits`, `protect` and `prune` outlast the version of the file that sets them.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Safeguards {
    /// For how long: raising a limit, protecting less or pruning more counts only after it. `0s` to `30d`. Default:
    /// `24h`.
    pub delay: Option<Duration>,
}

/// A receiver that is notified of changes of state.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The address that notices are posted to. Whoever knows it can post there, so it is a secret.
    pub url: Secret,
    /// The language of a notice. Default: `json`.
    pub format: Option<NotifyFormat>,
    /// Of which states. Default: all but `Pending`, which comes and goes with every sale.
    pub on: Option<Vec<State>>,
}

/// The language of a notice.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotifyFormat {
    /// The whole notice.
    Json,
    /// `{"text": ...}`, as Slack takes it.
    Slack,
}

/// What is told: a state, in one word, or a freeze.
#[derive(JsonSchema, Serialize)]
pub enum State {
    /// Logto holds what was paid for.
    InSync,
    /// Changes are planned that are not made yet.
    Pending,
    /// Some changes wait for a person.
    Held,
    /// Something does not work.
    Degraded,
    /// A person has stopped revocations or every write, or that has ended.
    Frozen,
}

/// What a product gives, and what ends it.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name for people. Default: the key.
    pub name: Option<Name>,
    /// Its ids in the payment API, where the key is not the id: `X`, or `{source: shop, id: X}` for one shop's own.
    pub ids: Option<Vec<ProductRef>>,
    /// The only source in which it counts. Absent: any.
    pub source: Option<Name>,
    /// What it gives: a list of `role: NAME`, `roles: [NAME, ...]`, or `organization: NAME` with or without `roles:`.
    pub entitlements: Vec<Entitlement>,
    /// How long a purchase lasts, from the time of payment; two purchases extend each other end to end. Where no payment
    /// time is ever told, it counts from the last change that was known when the order was first seen to be paid. Not
    /// for subscriptions, which say themselves until when they are paid. Absent: for ever.
    pub valid_for: Option<Duration>,
    /// What buying several at once means for `valid_for`: `ignore`, nothing, as with seats; `periods`, each is one more,
    /// end to end. Default: `ignore`.
    pub quantity: Option<Quantity>,
    /// How much longer it is kept after a refund or an expiry. It keeps, and never grants. Default: `0s`.
    pub grace: Option<Duration>,
    /// What a full refund does. Default: `revoke`.
    pub on_refund: Option<Policy>,
    /// What a partial refund does. Default: `keep`.
    pub on_partial_refund: Option<Policy>,
    /// What a dispute does. Default: `keep`.
    pub on_dispute: Option<Policy>,
}

/// What buying several of a product at once means for how long it lasts.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Nothing.
    Ignore,
    /// Each is one more `valid_for`, end to end.
    Periods,
}

/// An id of a product.
#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
pub enum ProductRef {
    /// In any source, or in that of the product.
    Anywhere(Name),
    /// In one source.
    In(SoldAs),
}

/// A product in one source.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SoldAs {
    /// The source.
    pub source: Name,
    /// The id there.
    pub id: Name,
}

/// What a change of an order does to what was bought.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The buyer keeps it.
    Keep,
    /// It is taken back.
    Revoke,
}

/// `role`, `roles`, or `organization` with the `roles` in it.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entitlement {
    /// One role, by name or by id.
    pub role: Option<Name>,
    /// Several roles; with `organization`, roles inside it.
    pub roles: Option<Vec<Name>>,
    /// Membership of an organization, by name or by id.
    pub organization: Option<Name>,
}
