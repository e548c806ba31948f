//! Plays one history: what happens outside, then the pass, then what the model says to it.

use std::collections::{BTreeMap, BTreeSet};

use entitled::model::{self, Buyer, Email, OrderId, Prune, SourceName, Standing, Target, UserId};
use entitled::pass::ingest::{ReadScope, Refreshed, ingest, refresh_order};
use entitled::pass::{PassScope, PlannedPass, plan_pass_about};
use entitled::planner::{Action, Hold, Verb};
use entitled::report::run::{ActionOutcome, RunReport};
use entitled::sandbox::{APP_SECRET, Faults, Knobs, SHOP_TOKEN, ShopSim};
use jiff::{SignedDuration, Timestamp};

use super::accounts::Payer;
use super::catalogs::{Shop, Thing, product_id};
use super::steps::{Reach, Side, Step, What};
use super::truth::{Order, Said};
use super::world::{Held, Verdict, World};

/// How far a pass came.
#[derive(Debug)]
pub(super) enum Came {
    Through(Withheld),
    Failed(String),
}

/// What a pass withheld.
#[derive(Debug, Default)]
pub(super) struct Withheld {
    pub(super) cells: BTreeMap<(UserId, Thing), (Verb, Hold)>,
    pub(super) targets: BTreeSet<Target>,
    /// Whether it could read everything, and was not stopped.
    pub(super) whole: bool,
    /// Of whom a write failed.
    pub(super) failed: BTreeSet<UserId>,
}

pub(super) async fn play(crowded: bool, steps: &[Step]) -> Verdict {
    let mut world = World::new(crowded).await;
    for (number, step) in steps.iter().enumerate() {
        let told = |error: String| format!("step {number}: {step:?}\n{error}");
        world.happen(&step.event).await.map_err(told)?;
        world.pass(step).await.map_err(told)?;
    }
    world.settle().await
}

impl World {
    fn faults(&self, side: Side) -> &Faults {
        match side {
            Side::Logto => self.logto.faults(),
            Side::Main => self.shops[0].faults(),
            Side::Corner => self.shops[1].faults(),
        }
    }

    /// One pass under faults, and all that must hold of it whatever goes wrong.
    pub(super) async fn pass(&mut self, step: &Step) -> Verdict {
        for trouble in &step.faults {
            trouble.what.set(self.faults(trouble.side));
            self.pretended += trouble.what.pretends();
            if matches!(trouble.what, What::ExpireTokens) {
                match trouble.side {
                    Side::Logto => self.logto.expire_tokens(),
                    Side::Main => self.shops[0].expire_tokens(),
                    Side::Corner => self.shops[1].expire_tokens(),
                }
            }
        }
        // Whoever starts looks at everything first.
        let span = if std::mem::take(&mut self.restarted) { Reach::Full } else { step.span };
        let mut before = self.held();
        (self.begun, self.frozen) = (self.now, self.is_frozen());
        self.overtaken.clear();
        let again = self.again.clone();
        let came = self.turn_of_the_loop(span, step, &mut before).await?;
        [Side::Logto, Side::Main, Side::Corner].into_iter().for_each(|side| self.faults(side).clear());
        self.set_clocks();
        if let Came::Failed(error) = &came
            && step.faults.is_empty()
        {
            return Err(format!("a pass failed although nothing was wrong: {error}"));
        }
        self.judge(&before).await?;
        let whole = matches!(&came, Came::Through(withheld) if withheld.whole);
        let clean = whole && step.faults.is_empty() && span == Reach::Full;
        if let Came::Through(withheld) = &came {
            self.judge_holds(withheld)?;
        }
        self.learn(clean, &came);
        if let Came::Through(withheld) = &came {
            self.note(span, withheld);
            self.bereft = false;
            self.has_heard();
            if span == Reach::Again && step.faults.is_empty() && whole {
                self.is_made_good(&again, withheld).await?;
            }
        }
        if let Some(rules) = self.next.take() {
            self.enter(rules).await?;
        }
        Ok(())
    }

    /// What failed is whole once it is tried again and nothing is wrong any more, without a look at anybody else.
    async fn is_made_good(&mut self, again: &BTreeSet<UserId>, withheld: &Withheld) -> Verdict {
        let planned = self.plan_pass(&PassScope::Quick(Vec::new()), again).await??;
        // What is gone from Logto is nobody's to give, until a full pass asks for the names anew.
        let there = |action: &Action| self.thing(&planned.grant(action.target, action.user).target).is_some();
        if planned.plan.actions.iter().any(there) {
            return Err(format!("tried again, and still to be done: {:#?}", planned.view.changes));
        }
        let verbs = withheld.cells.iter().map(|(one, (verb, _))| (one.clone(), *verb)).collect();
        if self.rules.prune == Prune::Exclusive {
            return Ok(());
        }
        self.compare(&verbs, |user| again.contains(user))
    }

    async fn turn_of_the_loop(&mut self, reach: Reach, step: &Step, before: &mut Held) -> Result<Came, String> {
        let distorted = step.distorted();
        self.active.carry_over(self.store(), self.now).await.unwrap();
        match (reach, self.hint.clone()) {
            (Reach::Again, _) => {}
            (Reach::Hint, Some((shop, id))) if shop != Shop::Till => self.follow(shop, &id, distorted).await?,
            _ => self.poll(distorted).await?,
        }
        let span = match reach {
            Reach::Full => PassScope::Full,
            Reach::Quick | Reach::Hint | Reach::Again => PassScope::Quick(self.touched.clone()),
        };
        if reach == Reach::Full {
            if let Err(error) = self.active.refresh().await {
                return Ok(Came::Failed(format!("{error:?}")));
            }
            self.store().note_names(&self.active.names).await.unwrap();
        }
        let also = if reach == Reach::Again { self.again.clone() } else { BTreeSet::new() };
        let planned = match self.plan_pass(&span, &also).await? {
            Ok(planned) => planned,
            Err(error) => return Ok(Came::Failed(error)),
        };
        self.touched.clear();
        self.note_undone(&planned);
        let report = self.carry_out(&planned, &span, step, before).await?;
        self.offer(&planned);
        let withheld = self.withheld(&planned, &report);
        let here = |user: &UserId| reach == Reach::Full || planned.user_index.ix(user).is_some();
        self.again.retain(|user| !here(user));
        self.again.extend(withheld.failed.iter().cloned());
        for line in &report.lines {
            let change = &line.change;
            let unexplained = change.because.is_empty()
                || (self.rules.prune != Prune::Exclusive && (change.order.is_none() || change.product.is_none()));
            if unexplained {
                return Err(format!("a change does not explain itself: {change:?}"));
            }
        }
        Ok(Came::Through(withheld))
    }

    pub(super) fn withheld(&self, planned: &PlannedPass, report: &RunReport) -> Withheld {
        let failed = report.lines.iter().filter(|line| matches!(line.came, ActionOutcome::Failed(_)));
        let mut withheld = Withheld {
            whole: planned.troubles.is_empty() && report.stopped == 0,
            failed: failed.map(|line| line.change.user.clone()).collect(),
            ..Withheld::default()
        };
        for held in &planned.plan.held {
            let grant = planned.grant(held.action.target, held.action.user);
            if let Some(thing) = self.thing(&grant.target) {
                withheld.cells.insert((grant.user, thing), (held.action.verb, held.hold));
            }
            withheld.targets.insert(grant.target);
        }
        withheld
    }

    /// Looks, and sees that looking wrote nothing, told no secret, and left nothing without a reason.
    pub(super) async fn plan_pass(
        &self,
        span: &PassScope,
        also: &BTreeSet<UserId>,
    ) -> Result<Result<PlannedPass, String>, String> {
        self.logto.clear_requests();
        self.shops.iter().for_each(|shop| shop.clear_requests());
        let (held, ledger) = (self.held(), self.store().ledger(None).await.unwrap());
        let context = self.active.context(self.store(), &self.unread, &|_, _, _| {}, self.now);
        let planned = plan_pass_about(context, span, also).await.map_err(|error| format!("{error:?}"));
        let writes: Vec<_> =
            self.logto.writes().into_iter().chain(self.shops.iter().flat_map(|shop| shop.writes())).collect();
        if !writes.is_empty() || self.held() != held || self.store().ledger(None).await.unwrap() != ledger {
            return Err(format!("a dry look wrote: {writes:?}"));
        }
        let said = match &planned {
            Ok(planned) => format!("{:?} {:?}", planned.view, planned.troubles),
            Err(error) => error.clone(),
        };
        if [SHOP_TOKEN, APP_SECRET].iter().any(|secret| said.contains(secret)) {
            return Err(format!("a secret is told: {said}"));
        }
        let held = planned.iter().flat_map(|planned| &planned.view.held);
        if let Some(mute) = held.into_iter().find(|one| one.reason.is_empty() || one.lift.is_empty()) {
            return Err(format!("a hold says nothing: {mute:?}"));
        }
        Ok(planned)
    }

    pub(super) async fn poll(&mut self, distorted: [bool; 2]) -> Verdict {
        let quiet = self.shops.iter().all(Self::is_quiet);
        let mut read = BTreeSet::new();
        for source in self.active.sources.iter() {
            let full_read = SignedDuration::from_hours(24);
            match ingest(source, self.store(), ReadScope::Changes, full_read, self.now).await {
                Ok(taken) => {
                    self.unread.remove(source.name());
                    self.touched.extend(taken.touched);
                    read.insert(source.name().to_string());
                }
                Err(error) => {
                    let mut shops = self.shops.iter().zip(self.most);
                    if quiet && !shops.any(|(shop, most)| shop.orders().len() * 2 < most) {
                        return Err(format!("a poll failed although nothing was wrong: {error:?}"));
                    }
                    self.unread.insert(source.name().clone());
                }
            }
        }
        for (most, shop) in self.most.iter_mut().zip(&self.shops) {
            *most = (*most).max(shop.orders().len());
        }
        if !self.rules.gone[Shop::Till as usize] {
            let lines: Vec<&Order> = self.orders.iter().filter(|order| order.shop == Shop::Till).collect();
            let baskets: Vec<model::Order> = lines.chunk_by(|a, b| a.id == b.id).map(basket).collect();
            let taken = self.store().record_orders(&self.source(Shop::Till).into(), &baskets, self.now).await.unwrap();
            self.touched.extend(taken.touched);
            read.insert(self.source(Shop::Till).to_owned());
        }
        self.learn_of_orders(&read, distorted, |_| true);
        Ok(())
    }

    fn is_quiet(shop: &ShopSim) -> bool {
        Knobs { date_skew_s: 0, ..shop.faults().knobs() } == Knobs::default()
    }

    /// Reads the one order that has just changed, as after a webhook about it.
    async fn follow(&mut self, shop: Shop, id: &OrderId, distorted: [bool; 2]) -> Verdict {
        let name: SourceName = self.source(shop).into();
        let Some(source) = self.active.sources.iter().find(|source| *source.name() == name) else { return Ok(()) };
        let quiet = self.shop(shop).is_some_and(Self::is_quiet);
        let read = match refresh_order(source, self.store(), id, self.now).await {
            Ok(Refreshed::Read(touched)) => {
                self.touched.extend(touched);
                BTreeSet::from([name.to_string()])
            }
            Ok(Refreshed::Unsupported) => BTreeSet::new(),
            Err(error) if quiet => return Err(format!("a hint failed although nothing was wrong: {error:?}")),
            Err(_) => BTreeSet::new(),
        };
        self.learn_of_orders(&read, distorted, |order| order.shop == shop && order.id == *id);
        Ok(())
    }

    /// What the store may have of each order, now that so many sources were read whole.
    fn learn_of_orders(&mut self, read: &BTreeSet<String>, distorted: [bool; 2], of: impl Fn(&Order) -> bool) {
        let now = self.at();
        // By a clock that is behind, a payment of just now cannot be true.
        let behind = self.astray < -80_000;
        let names = self.sources.clone();
        for order in self.orders.iter_mut().filter(|order| of(order)) {
            let Some(said) = order.now else { continue };
            if self.rules.gone[order.shop as usize] {
                continue;
            }
            let read = read.contains(&names[order.shop as usize].name);
            let behind = behind && order.shop != Shop::Till;
            order.stored.murky |= behind && said.status != "paid";
            let both = order.shop == Shop::Corner && order.odd.is_some();
            let distorted = behind || both || distorted.get(order.shop as usize).is_some_and(|distorted| *distorted);
            if read && !distorted {
                order.stored.seen = vec![order.now];
                if !order.payer.is_nobody() || order.stored.payers.is_empty() {
                    order.stored.payers = vec![order.payer.clone()];
                }
                if order.is_paid_for() {
                    order.stored.entitled_by.get_or_insert(now);
                }
            } else {
                // Nobody yet, where it was not heard.
                if order.stored.payers.is_empty() {
                    order.stored.payers.push(Payer::default());
                }
                let heard = order.payer.clone();
                if !heard.is_nobody() && !order.stored.payers.contains(&heard) {
                    order.stored.payers.push(heard);
                }
                order.say(order.now);
                if distorted {
                    order.say(Some(Said { status: "on_hold", ..said }));
                }
                // What became of it may not have been heard, or may count although something else is odd.
                if distorted && order.shop == Shop::Corner {
                    order.say(Some(Said { status: "paid", ..said }));
                    if let Some(status) = order.odd {
                        order.say(Some(Said { status, ..said }));
                    }
                }
            }
        }
    }
}

/// An order of the till, whose lines stand for themselves.
fn basket(lines: &[&Order]) -> model::Order {
    let second = |at| Timestamp::from_second(at).unwrap();
    let said = |line: &&Order| line.now.expect("the till keeps what it has");
    let stands = |line: &&Order| Standing::from_word(said(line).status).unwrap_or(Standing::Unknown);
    let first = lines[0];
    let all = |standing| lines.iter().all(|line| stands(line) == standing);
    let standing = [Standing::Paid, Standing::Refunded].into_iter().find(|one| all(*one));
    let items = lines.iter().map(|line| {
        let product = product_id(said(line).product).into();
        model::Item { standing: Some(stands(line)), ..model::Item::one(product) }
    });
    model::Order {
        id: first.id.clone(),
        buyer: Buyer { user: first.payer.claimed.clone(), email: first.payer.email.as_deref().and_then(Email::parse) },
        items: items.collect(),
        standing: standing.unwrap_or(Standing::PartiallyRefunded),
        status: None,
        paid_at: Some(second(first.paid_at)),
        updated_at: lines.iter().map(|line| second(said(line).since)).max(),
        ended_at: None,
        period_end: None,
        renewal: Default::default(),
    }
}
