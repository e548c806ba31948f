//! A read of Stripe: everything, by its lists; or what changed, by its events.
//!
//! Never advances the watermark past an event whose object was not read again, and never reads an increment
//! where Stripe may have forgotten a part of it.

#![expect(clippy::disallowed_methods, reason = "an edge: a watermark never lies after the start of the read")]

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::again::{broken_subscription, told, unreadable};
use super::events::{Affected, TYPES, affected};
use super::list::{Broken, Walk};
use super::map::{Paid, counts, names_product, timely};
use super::wire::{Dispute, Event, Intent, Ref, Refund, Session, Subscription};
use super::{
    DISPUTES, EVENTS, INTENTS, REFUNDS, SESSIONS, SUBSCRIPTIONS, Stripe, WITH_INTENT, WITH_SESSION, WITH_SUBSCRIPTION,
    broken_intent, broken_session, caught,
};
use crate::config::settings::source::StripePart;
use crate::model::{Odd, OrderId, ReadOrder};
use crate::source::odd::Nameless;
use crate::source::{Read, ReadReport, Scope, SourceError, Step, believable, present};

/// Events are kept for 30 days (<https://docs.stripe.com/api/events>). An increment that would reach back
/// further than this is a full read instead.
const EVENTS_LAST: SignedDuration = SignedDuration::from_hours(29 * 24);
/// The watermark of an account where nothing has happened for long. The distance to now is room for a
/// clock that goes wrong.
const QUIET: SignedDuration = SignedDuration::from_hours(1);
/// A Checkout Session lives for 24 hours at most, so the payment of one that is in the window may belong to
/// a session that is that much older.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(48);
/// An intent that came to be during the read may belong to a session that was listed before it had one.
const YOUNG: SignedDuration = SignedDuration::from_mins(10);
/// Orders that an increment gives at once.
const BATCH: usize = 20;

/// The events that were dealt with up to the watermark of the last increment, so that the overlap costs
/// nothing where it brings nothing new.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<(Option<Timestamp>, BTreeSet<String>)>);

impl Recent {
    /// Empty unless the reader has stored everything up to where the last increment ended: a reader that
    /// throws away what it was given (a dry run) comes back with an older watermark.
    fn known(&self, watermark: Timestamp) -> BTreeSet<String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0.is_some_and(|end| watermark >= end) { held.1.clone() } else { BTreeSet::new() }
    }

    fn set(&self, end: Option<Timestamp>, events: BTreeSet<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (end, events);
    }
}

/// What a full read learns on its way for what comes later.
#[derive(Debug, Default)]
struct Known {
    /// By Payment Intent.
    disputes: HashMap<Box<str>, Vec<Dispute>>,
    /// By Payment Intent: how much, and when last.
    refunds: HashMap<Box<str>, (i64, i64)>,
    /// Payment Intents with a refund that cannot be read, and why.
    unclear: HashMap<Box<str>, Odd>,
    /// Payment Intents that name a product and belong to a Checkout Session.
    of_sessions: HashSet<Box<str>>,
    /// By subscription: who its Checkout Session was for.
    referred: HashMap<Box<str>, String>,
}

#[derive(Debug)]
enum Stage {
    Start,
    List(StripePart, Walk),
    Again(VecDeque<Affected>),
    End,
}

/// A read under way.
#[derive(Debug)]
pub(in crate::source) struct Reading<'a> {
    stripe: &'a Stripe,
    last_count: Option<u64>,
    /// `None` for a full read.
    since: Option<Timestamp>,
    started: Timestamp,
    deadline: Instant,
    stage: Stage,
    parts: VecDeque<StripePart>,
    known: Known,
    events: BTreeSet<String>,
    /// The orders of an increment; of a full read, those that must be among them.
    given: BTreeSet<OrderId>,
    newest_event: Option<Timestamp>,
    pages: u32,
    orders: u64,
    odd: u64,
    nameless: Nameless,
    /// The time by which purchases are judged.
    now: Timestamp,
}

impl Stripe {
    /// Everything, or what changed. Where the events would not reach back far enough, everything.
    pub(in crate::source) fn read(&self, plan: Read, now: Timestamp) -> Reading<'_> {
        let started = Timestamp::now();
        let (since, last_count) = match plan {
            Read::Full { last_count } => (None, last_count),
            Read::Since { watermark, last_count } => {
                let from = watermark.checked_sub(self.settings.overlap).unwrap_or(Timestamp::MIN);
                let forgotten = started.duration_since(from) > EVENTS_LAST;
                if forgotten {
                    tracing::info!("Stripe keeps its events for 30 days, so all of it is read");
                }
                ((!forgotten).then_some(watermark), last_count)
            }
        };
        let mut parts = self.settings.read.clone();
        // Sessions first: they say which intents and subscriptions are theirs.
        parts.sort_unstable();
        Reading {
            stripe: self,
            last_count,
            since,
            started,
            deadline: Instant::now()
                .checked_add(self.settings.read_timeout.unsigned_abs())
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(1 << 32)),
            stage: Stage::Start,
            parts: parts.into(),
            known: Known::default(),
            events: BTreeSet::new(),
            given: BTreeSet::new(),
            newest_event: None,
            pages: 0,
            orders: 0,
            odd: 0,
            nameless: Nameless::default(),
            now,
        }
    }
}

impl Reading<'_> {
    pub(in crate::source) async fn next(&mut self) -> Result<Step, SourceError> {
        match tokio::time::timeout_at(self.deadline, self.go_on()).await {
            Ok(step) => step,
            Err(_) => Err(SourceError::TooSlow { limit: self.stripe.settings.read_timeout, pages: self.pages }),
        }
    }

    async fn go_on(&mut self) -> Result<Step, SourceError> {
        loop {
            let orders = match std::mem::replace(&mut self.stage, Stage::End) {
                Stage::Start => {
                    self.stage = match self.since {
                        Some(since) => self.changes(since).await?,
                        None => self.facts().await?,
                    };
                    continue;
                }
                Stage::List(part, walk) => self.listed(part, walk).await?,
                Stage::Again(queue) => self.again(queue).await?,
                Stage::End => return self.done().map(Step::Done),
            };
            if !orders.is_empty() {
                let orders: Vec<ReadOrder> = orders.into_iter().map(|order| timely(order, self.now)).collect();
                self.orders += orders.len() as u64;
                self.odd += orders.iter().filter(|order| !order.odd.is_empty()).count() as u64;
                let canary = &self.stripe.settings.expect.canary;
                self.given.extend(orders.iter().map(|order| order.id.clone()).filter(|id| canary.contains(id)));
                return Ok(Step::Page(orders));
            }
        }
    }

    fn done(&self) -> Result<ReadReport, SourceError> {
        let (scope, watermark) = match self.since {
            Some(since) => (Scope::Changes, self.newest_event.map(|at| at.min(self.started)).max(Some(since))),
            None => {
                let expect = &self.stripe.settings.expect;
                believable(self.last_count, self.orders, expect)?;
                present(&expect.canary, |id| self.given.contains(id))?;
                let quiet = self.started.checked_sub(QUIET).unwrap_or(self.started);
                (Scope::Full, Some(self.newest_event.map_or(quiet, |at| at.clamp(quiet, self.started))))
            }
        };
        self.stripe.recent.set(watermark, self.events.clone());
        let (pages, orders) = (self.pages, self.orders);
        let (odd, nameless) = (self.odd + self.nameless.rows, self.nameless.clone());
        Ok(ReadReport { scope, pages, orders, odd, nameless, watermark, ..ReadReport::default() })
    }

    /// What a full read must know before the first order: where the events stand, by Stripe's own clock, and
    /// whose money went back or is contested.
    async fn facts(&mut self) -> Result<Stage, SourceError> {
        let newest = Walk::new(EVENTS, &[]).page::<Event>(self.stripe, 1).await?;
        let newest = newest.first().and_then(|row| row.as_ref().ok());
        self.newest_event = newest.and_then(|event| Timestamp::from_second(event.created).ok());
        let mut walk = Walk::new(DISPUTES, &[]);
        while let Some(page) = walk.next::<Dispute>(self.stripe).await? {
            for row in page {
                let dispute = match row {
                    Ok(dispute) => dispute,
                    Err(broken) => {
                        // Whatever it says, nobody knows how that payment stands.
                        match broken.reference("payment_intent").map(Box::<str>::from) {
                            Some(intent) => self.known.disputes.entry(intent).or_default().push(unreadable(&broken)),
                            None => self.passed_over(&broken),
                        }
                        continue;
                    }
                };
                let Some(intent) = dispute.payment_intent.as_ref().map(Ref::id) else { continue };
                self.known.disputes.entry(intent.into()).or_default().push(dispute);
            }
        }
        self.pages += walk.pages();
        if self.stripe.reads(StripePart::Subscriptions) {
            let mut walk = Walk::new(REFUNDS, &[]);
            while let Some(page) = walk.next::<Refund>(self.stripe).await? {
                for row in page {
                    let refund = match row {
                        Ok(refund) if counts(&refund) => refund,
                        Ok(_) => continue,
                        Err(broken) => {
                            match (broken.reference("payment_intent"), &broken.error) {
                                (Some(intent), SourceError::Item { odd, .. }) => {
                                    self.known.unclear.insert(intent.into(), odd.clone());
                                }
                                _ => self.passed_over(&broken),
                            }
                            continue;
                        }
                    };
                    let Some(intent) = refund.payment_intent.as_ref().map(Ref::id) else { continue };
                    let sum = self.known.refunds.entry(intent.into()).or_default();
                    *sum = (sum.0 + refund.amount, sum.1.max(refund.created));
                }
            }
            self.pages += walk.pages();
        }
        Ok(self.part())
    }

    /// The next list of a full read.
    fn part(&mut self) -> Stage {
        let Some(part) = self.parts.pop_front() else { return Stage::End };
        let since = |margin: SignedDuration| {
            let age = self.stripe.settings.window?.checked_add(margin)?;
            Some(self.started.checked_sub(age).ok()?.as_second())
        };
        let walk = match part {
            StripePart::Checkout => Walk::new(SESSIONS, &[]).with(&WITH_SESSION).since(since(SESSION_LIFE)),
            StripePart::Payments => Walk::new(INTENTS, &[]).with(&WITH_INTENT).since(since(SignedDuration::ZERO)),
            // Without `all`, the list hides those that have ended.
            StripePart::Subscriptions => Walk::new(SUBSCRIPTIONS, &[("status", "all")]).with(&WITH_SUBSCRIPTION),
        };
        Stage::List(part, walk)
    }

    /// The orders of one page of a list.
    async fn listed(&mut self, part: StripePart, mut walk: Walk) -> Result<Vec<ReadOrder>, SourceError> {
        let mut orders = Vec::new();
        let more = match part {
            StripePart::Checkout => match walk.next::<Session>(self.stripe).await? {
                Some(page) => {
                    for row in page {
                        orders.extend(match row {
                            Ok(session) => self.session(session).await?,
                            Err(broken) => self.broken(broken, broken_session)?,
                        });
                    }
                    true
                }
                None => false,
            },
            StripePart::Payments => match walk.next::<Intent>(self.stripe).await? {
                Some(page) => {
                    for row in page {
                        orders.extend(match row {
                            Ok(intent) => self.intent(&intent).await?,
                            Err(broken)
                                if broken.id.as_deref().is_some_and(|id| self.known.of_sessions.contains(id)) =>
                            {
                                None
                            }
                            Err(broken) => self.broken(broken, broken_intent)?,
                        });
                    }
                    true
                }
                None => false,
            },
            StripePart::Subscriptions => match walk.next::<Subscription>(self.stripe).await? {
                Some(page) => {
                    for row in page {
                        orders.extend(match row {
                            Ok(found) => Some(caught(&found.id, self.subscription(&found).await)?),
                            Err(broken) => self.broken(broken, broken_subscription)?,
                        });
                    }
                    true
                }
                None => false,
            },
        };
        if more {
            self.stage = Stage::List(part, walk);
        } else {
            self.pages += walk.pages();
            self.stage = self.part();
        }
        Ok(orders)
    }

    /// What is left of an object that cannot be read: an odd order, nothing, or one row more without an id.
    fn broken(
        &mut self,
        broken: Broken,
        order: impl Fn(Broken) -> Result<Option<ReadOrder>, SourceError>,
    ) -> Result<Option<ReadOrder>, SourceError> {
        if broken.id.is_none() {
            self.passed_over(&broken);
            return Ok(None);
        }
        order(broken)
    }

    fn passed_over(&mut self, broken: &Broken) {
        if let SourceError::Item { call, place, odd, .. } = &broken.error {
            self.nameless.note(call, *place, odd);
        }
    }

    async fn session(&mut self, session: Session) -> Result<Option<ReadOrder>, SourceError> {
        if session.mode == "subscription"
            && let (Some(subscription), Some(user)) = (&session.subscription, self.stripe.rules.referred(&session))
        {
            self.known.referred.insert(subscription.id().into(), user.to_owned());
        }
        if session.mode != "payment" {
            return Ok(None);
        }
        let intent = session.payment_intent.as_ref();
        if let Some(intent) = intent
            && intent.object().is_some_and(|intent| names_product(intent.metadata.as_ref()))
        {
            self.known.of_sessions.insert(intent.id().into());
        }
        let disputes = intent.and_then(|intent| self.known.disputes.get(intent.id())).map(Vec::as_slice);
        self.stripe.order_of_session(session, disputes).await.map(Some)
    }

    async fn intent(&self, intent: &Intent) -> Result<Option<ReadOrder>, SourceError> {
        if !names_product(intent.metadata.as_ref()) || self.known.of_sessions.contains(&*intent.id) {
            return Ok(None);
        }
        let young = self.started.checked_sub(YOUNG).map_or(0, Timestamp::as_second);
        if intent.created >= young
            && self.stripe.reads(StripePart::Checkout)
            && let Some(order) = self.stripe.session_of(&intent.id).await?
        {
            return Ok(Some(order));
        }
        let disputes = self.known.disputes.get(&*intent.id).map(Vec::as_slice);
        self.stripe.order_of_intent(intent, disputes).await
    }

    async fn subscription(&self, subscription: &Subscription) -> Result<ReadOrder, SourceError> {
        let mut referred = self.known.referred.get(&*subscription.id).cloned();
        if referred.is_none() && self.stripe.settings.window.is_some() {
            // Its session may be older than the window.
            referred = self.stripe.referred(subscription).await?;
        }
        let mut paid = Paid::default();
        for (intent, amount) in self.stripe.payments(subscription).await? {
            if let Some(odd) = self.known.unclear.get(&*intent) {
                return Ok(super::map::unreadable(&subscription.id, odd.clone()));
            }
            paid.amount += amount;
            if let Some((sum, last)) = self.known.refunds.get(&*intent) {
                paid.given_back += sum;
                paid.refunded_at = paid.refunded_at.max(Some(*last));
            }
            paid.disputes.extend(self.known.disputes.get(&*intent).into_iter().flatten().cloned());
        }
        self.stripe.order_of_subscription(subscription, referred.as_deref(), &paid).await
    }

    /// Every event since the watermark, less the overlap, as the objects to be read again.
    async fn changes(&mut self, since: Timestamp) -> Result<Stage, SourceError> {
        let floor = since.checked_sub(self.stripe.settings.overlap).unwrap_or(Timestamp::MIN);
        let types = TYPES.map(|kind| ("types[]", kind));
        let mut walk = Walk::new(EVENTS, &types).since(Some(floor.as_second()));
        let done = self.stripe.recent.known(since);
        let mut objects = BTreeSet::new();
        while let Some(page) = walk.next::<Event>(self.stripe).await? {
            for row in page {
                let event = match row {
                    Ok(event) => event,
                    Err(broken) => {
                        // Which object it is about may be told all the same.
                        match told(&broken) {
                            Some(object) => _ = objects.insert(object),
                            None => self.passed_over(&broken),
                        }
                        continue;
                    }
                };
                self.newest_event = self.newest_event.max(Timestamp::from_second(event.created).ok());
                if !done.contains(&event.id) {
                    objects.extend(affected(&event));
                }
                self.events.insert(event.id);
            }
        }
        self.pages += walk.pages();
        Ok(Stage::Again(objects.into_iter().collect()))
    }

    /// The next few objects, each as it is now.
    async fn again(&mut self, mut queue: VecDeque<Affected>) -> Result<Vec<ReadOrder>, SourceError> {
        let mut orders = Vec::new();
        while orders.len() < BATCH
            && let Some(object) = queue.pop_front()
        {
            let found = match self.stripe.affected(&object).await {
                Err(SourceError::Item { call, place, odd, .. }) => {
                    self.nameless.note(&call, place, &odd);
                    None
                }
                found => found?,
            };
            if found.is_none() {
                tracing::debug!(?object, "an event names an object that is not an order");
            }
            orders.extend(found.filter(|order| self.given.insert(order.id.clone())));
        }
        self.stage = if queue.is_empty() { Stage::End } else { Stage::Again(queue) };
        Ok(orders)
    }
}
