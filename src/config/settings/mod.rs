//! The checked configuration: every value valid by itself, every reference resolved, nothing optional
//! that the rest of the crate would have to default.

mod expect;
pub(crate) mod list;
pub mod network;
pub(crate) mod place;
pub mod source;
pub(crate) mod stripe;

use std::net::SocketAddr;

use jiff::SignedDuration;

use super::blob::Blob;
use super::settings::source::SourceSettings;
use crate::model::{
    Adopt, Email, Limits, Occasion, Policy, ProductId, Protect, Prune, Quantity, Safeguards, SourceName, UserId,
};
use crate::secret::Secret;
use network::Network;

/// `entitlements.yaml` after all checks.
#[derive(Clone, Debug)]
pub struct Config {
    /// How to reach Logto.
    pub logto: Logto,
    /// The payment APIs, in the order of the file.
    pub sources: Vec<SourceSettings>,
    /// How a buyer becomes a user.
    pub buyers: Buyers,
    /// When full passes run.
    pub schedule: Schedule,
    /// Whether anything is ever taken away.
    pub prune: Prune,
    /// Whether what is held already becomes ours.
    pub adopt: Adopt,
    /// How much at once.
    pub limits: Limits,
    /// Who and what is never touched.
    pub protect: Protect,
    /// The roles of `protect`, with their places.
    pub protected_roles: Vec<ProtectedRole>,
    /// For how long the safeguards of this version outlast it.
    pub safeguards_delay: SignedDuration,
    /// Where the store lies, from where the process started: the folder of the file is already in it.
    pub store: std::path::PathBuf,
    /// Where `run` listens.
    pub listen: Listen,
    /// The proxies whose word on who asks is taken.
    pub trusted_proxies: Vec<Network>,
    /// What a caller of the API must show: `ENTITLED_API_TOKEN`, where it is set.
    pub api_token: Option<Secret>,
    /// What a caller must show who may ask for previews and nothing else: `ENTITLED_PREVIEW_TOKEN`, where it is set.
    pub preview_token: Option<Secret>,
    /// What the public variables stand for that it refers to.
    pub public: std::collections::BTreeMap<String, String>,
    /// Who is told of a change of state.
    pub notify: Vec<Notify>,
    /// Product -> entitlements, in the order of the file, names not yet resolved.
    pub products: Vec<Product>,
    /// SHA-256 of the file's bytes, in hex.
    pub digest: String,
    /// What git calls those bytes.
    pub blob: Blob,
    /// The file as it is written, its references not resolved.
    pub text: std::sync::Arc<str>,
}

/// A role of `protect.roles`, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedRole {
    /// Its name or id.
    pub name: String,
    /// The line that says so, from 1.
    pub line: u32,
    /// The column of the name, from 1.
    pub column: u32,
}

impl Config {
    /// How careful it is.
    pub fn safeguards(&self) -> Safeguards {
        let Self { prune, limits, protect, safeguards_delay, .. } = self;
        Safeguards { prune: *prune, limits: limits.clone(), protect: protect.clone(), delay: *safeguards_delay }
    }

    /// Whether the token is too short for anybody who may guess for long.
    pub fn has_weak_token(&self) -> bool {
        weak(self.api_token.as_ref())
    }

    /// The same of the token for previews.
    pub fn has_weak_preview_token(&self) -> bool {
        weak(self.preview_token.as_ref())
    }
}

fn weak(token: Option<&Secret>) -> bool {
    token.is_some_and(|token| token.expose().chars().count() < TOKEN_LENGTH)
}

/// The least characters of a token of the API.
pub const TOKEN_LENGTH: usize = 16;

/// Where the daemon's own HTTP server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// Here; port 0 takes a free one.
    At(SocketAddr),
}

/// A receiver that is notified of changes of state.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Where to. It is as good as a password to whoever takes notices there.
    pub url: Secret,
    /// The host of that, for messages.
    pub host: String,
    /// In which language.
    pub format: NotifyFormat,
    /// Of which states.
    pub on: Vec<Occasion>,
}

impl PartialEq for Notify {
    fn eq(&self, other: &Self) -> bool {
        (self.url.expose(), self.format, &self.on) == (other.url.expose(), other.format, &other.on)
    }
}

/// The language of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyFormat {
    /// The whole notice.
    Json,
    /// `{"text": ...}`, as Slack and what speaks its language take it.
    Slack,
}

/// How to reach Logto.
#[derive(Clone, Debug)]
pub struct Logto {
    /// Where it is.
    pub endpoint: LogtoEndpoint,
    /// The machine-to-machine application.
    pub app_id: String,
    /// Its secret.
    pub app_secret: Secret,
    /// The resource indicator of the Management API.
    pub resource: String,
    /// Calls per second, where they are capped.
    pub rate: Option<f64>,
    /// Calls in flight at once: 1 to 32.
    pub concurrency: usize,
    /// Users per write: 1 to 1,000.
    pub batch: usize,
    /// How long one call may take.
    pub timeout: SignedDuration,
    /// The key that Logto signs its webhooks with, where the file gives it.
    pub signing_key: Option<Secret>,
}

/// Where Logto is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogtoEndpoint {
    /// The built-in simulator, started in this process.
    Sandbox,
    /// An origin, with neither a path nor a trailing slash: `https://logto.example.com`.
    Url(String),
}

/// How a buyer becomes a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buyers {
    /// Tried in this order; the first that answers decides.
    pub matching: Vec<Matching>,
    /// Email -> user, from the file.
    pub bindings: Vec<(Email, UserId)>,
}

/// One way of finding the user of a buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matching {
    /// The user id in the order.
    UserId,
    /// `buyers.bindings`.
    Binding,
    /// The email in the order against the primary email in Logto.
    Email,
}

/// When full passes run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Between two full passes.
    pub full_pass: SignedDuration,
    /// Between two full reads of a source, which find what its cursor missed.
    pub full_read: SignedDuration,
}

/// A product in a payment API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoldAs {
    /// Its id there.
    pub id: ProductId,
    /// The only source in which the id means it, or any.
    pub source: Option<SourceName>,
}

/// One product of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The key in the file, which is the product id unless `ids` gives others.
    pub key: String,
    /// The ids in the payment APIs.
    pub ids: Vec<SoldAs>,
    /// The only source in which it counts, or any.
    pub source: Option<SourceName>,
    /// For people; the key where the file gives none.
    pub name: String,
    /// The line of the key, from 1.
    pub line: u32,
    /// What it gives, in the order of the file.
    pub entitlements: Vec<Wanted>,
    /// How long a purchase lasts.
    pub valid_for: Option<SignedDuration>,
    /// What buying several of it at once means for how long it lasts.
    pub quantity: Quantity,
    /// How much longer it is kept.
    pub grace: SignedDuration,
    /// See [`Rule`](crate::model::Rule).
    pub on_refund: Policy,
    /// See [`Rule`](crate::model::Rule).
    pub on_partial_refund: Policy,
    /// See [`Rule`](crate::model::Rule).
    pub on_dispute: Policy,
}

/// An entitlement as the file names it: by name or by id, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is wanted.
    pub what: WantedTarget,
    /// The line that says so, from 1.
    pub line: u32,
    /// The column of the name, from 1.
    pub column: u32,
}

/// See [`Wanted`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WantedTarget {
    /// A tenant-level role.
    Role(String),
    /// Membership of an organization. `organization: acme` with `roles:` yields this and one
    /// [`OrganizationRole`](Self::OrganizationRole) for each of them.
    Membership(String),
    /// A role inside an organization.
    OrganizationRole {
        /// Name or id of the organization.
        organization: String,
        /// Name or id of the organization role.
        role: String,
    },
}
