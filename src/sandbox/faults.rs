//! What can be made to go wrong, on either side: set through [`Faults`] by a test, or by a person at
//! `POST /sandbox/faults`.
//!
//! Decides which fault befalls a request; never carries one out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use serde::{Deserialize, Serialize};

use super::exchange::Call;

/// Everything that is wrong with one simulated server, as `GET /sandbox/faults` shows it. A `POST` of
/// the same shape replaces the keys that it names; `DELETE` puts everything right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Milliseconds between carrying a request out and answering it.
    pub latency_ms: u64,
    /// How long new tokens live, in seconds; absent: 3600.
    pub token_lifetime: Option<u64>,
    /// Logto: all users were made in the same millisecond, so that pages of users and of a role's
    /// holders repeat some rows and lose as many, while `Total-Number` and `search.id` stay right.
    pub ties: bool,
    /// Shop: webhooks are lost on their way.
    pub drop_hooks: bool,
    /// Shop: orders come as `{"<this>": [...], "total": n}` instead of as a bare array.
    pub envelope: Option<String>,
    /// Seconds by which the clock that stands in `Date` is ahead; negative where it is behind.
    pub date_skew_s: i64,
    /// What befalls single requests. The first rule that matches a request is used up by one.
    pub rules: Vec<Rule>,
}

/// One fault, and which requests it befalls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// To so many requests; absent: to all, until cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// Only to this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only where path and query contain this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The status of [`Fault::Refuse`] and [`Fault::ApplyThenRefuse`]; absent: 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds, sent as `Retry-After` with a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// What can befall a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is not carried out and answered with `status`.
    Refuse,
    /// It is not carried out and the connection closes without an answer.
    Drop,
    /// It is not carried out, and never answered while anybody waits for that.
    Silence,
    /// A write is carried out and yet answered with `status`.
    ApplyThenRefuse,
    /// A write is carried out and the connection closes without an answer.
    ApplyThenDrop,
    /// A write is not carried out and yet answered as if it had been.
    Pretend,
    /// The answer announces its whole length and ends in the middle.
    Truncate,
    /// 200 and a page of HTML.
    Html,
    /// 200 and half of the JSON, in a complete answer.
    HalfJson,
    /// Shop: the list of orders is empty.
    Empty,
    /// Shop: every page of the list is the first one.
    RepeatPage,
    /// Shop: the second half of the list is not there.
    LoseHalf,
    /// Shop: the first order of the list has no id.
    NoId,
    /// Shop: the first order of the list has a status that nobody has heard of.
    UnknownStatus,
}

impl Rule {
    /// `fault` befalls every request, until cleared or narrowed.
    pub fn new(fault: Fault) -> Self {
        Self { fault, next: None, method: None, path: None, status: None, retry_after: None }
    }

    /// Requests are not carried out and answered with `status`.
    pub fn refuse(status: u16) -> Self {
        Self { status: Some(status), ..Self::new(Fault::Refuse) }
    }

    /// Only the next `count` requests that match.
    #[must_use]
    pub fn next(self, count: u32) -> Self {
        Self { next: Some(count), ..self }
    }

    /// Only this method.
    #[must_use]
    pub fn method(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }

    /// Only where path and query contain this.
    #[must_use]
    pub fn path(self, part: &str) -> Self {
        Self { path: Some(part.to_owned()), ..self }
    }

    /// Sends `Retry-After` with a refusal, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    fn befalls(&self, call: &Call) -> bool {
        let reach = match self.fault {
            Fault::ApplyThenRefuse | Fault::ApplyThenDrop | Fault::Pretend => is_write(call),
            Fault::Empty | Fault::RepeatPage | Fault::LoseHalf | Fault::NoId | Fault::UnknownStatus => {
                call.path() == "/api/merchant/orders"
            }
            Fault::Refuse | Fault::Drop | Fault::Silence | Fault::Truncate | Fault::Html | Fault::HalfJson => true,
        };
        reach
            && self.next != Some(0)
            && self.method.as_deref().is_none_or(|method| call.method.as_str().eq_ignore_ascii_case(method))
            && self.path.as_deref().is_none_or(|part| call.target.contains(part))
    }
}

/// Whether a request changes anything: not a `GET`, and under `/api`.
pub(super) fn is_write(call: &Call) -> bool {
    call.method != Method::GET && call.path().starts_with("/api/")
}

/// The faults of one simulated server. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Knobs>>);

impl Faults {
    /// What is wrong now, with the counts that are left.
    pub fn knobs(&self) -> Knobs {
        self.lock().clone()
    }

    /// Replaces all of it.
    pub fn set(&self, knobs: Knobs) {
        *self.lock() = knobs;
    }

    /// Puts everything right.
    pub fn clear(&self) {
        self.set(Knobs::default());
    }

    /// Adds a rule after those that are there.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// The next `count` requests are not carried out and answered with `status`.
    pub fn refuse_next(&self, count: u32, status: u16) {
        self.add(Rule::refuse(status).next(count));
    }

    /// The next `count` requests are not carried out and get no answer.
    pub fn drop_next(&self, count: u32) {
        self.add(Rule::new(Fault::Drop).next(count));
    }

    /// The next `count` writes are carried out and answered with 500.
    pub fn apply_then_refuse_next(&self, count: u32) {
        self.add(Rule::new(Fault::ApplyThenRefuse).next(count));
    }

    /// The next `count` writes are carried out and get no answer.
    pub fn apply_then_drop_next(&self, count: u32) {
        self.add(Rule::new(Fault::ApplyThenDrop).next(count));
    }

    /// The next `count` answers end in the middle of their body.
    pub fn truncate_next(&self, count: u32) {
        self.add(Rule::new(Fault::Truncate).next(count));
    }

    /// Every answer comes so much later. The request is carried out before the wait, so that a client
    /// that gives up has changed something all the same.
    pub fn latency(&self, latency: Duration) {
        self.lock().latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    }

    /// The clock in `Date` is ahead by so many seconds.
    pub fn date_skew(&self, seconds: i64) {
        self.lock().date_skew_s = seconds;
    }

    /// How long tokens live from now on, in seconds.
    pub fn token_lifetime(&self, seconds: u64) {
        self.lock().token_lifetime = Some(seconds);
    }

    /// Lets walks over users and holders lose rows; see [`Knobs::ties`].
    pub fn ties(&self) {
        self.lock().ties = true;
    }

    /// Shop: loses every webhook from now on, or none any more.
    pub fn drop_hooks(&self, drop: bool) {
        self.lock().drop_hooks = drop;
    }

    /// Shop: wraps the list of orders; see [`Knobs::envelope`].
    pub fn envelope(&self, key: &str) {
        self.lock().envelope = Some(key.to_owned());
    }

    /// Takes the keys that a JSON object names. The error says what is wrong with it.
    pub(super) fn merge(&self, patch: &[u8]) -> Result<(), serde_json::Error> {
        let patch: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(patch)?;
        let mut knobs = self.lock();
        let mut whole = serde_json::to_value(&*knobs)?;
        let keys = whole.as_object_mut().expect("a struct serializes to an object");
        keys.extend(patch);
        *knobs = serde_json::from_value(whole)?;
        Ok(())
    }

    /// The rule that befalls a request, used up by one.
    pub(super) fn befalling(&self, call: &Call) -> Option<Rule> {
        let mut knobs = self.lock();
        let at = knobs.rules.iter().position(|rule| rule.befalls(call))?;
        let rule = knobs.rules[at].clone();
        if let Some(left) = &mut knobs.rules[at].next {
            *left -= 1;
            if *left == 0 {
                knobs.rules.remove(at);
            }
        }
        Some(rule)
    }

    fn lock(&self) -> MutexGuard<'_, Knobs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
