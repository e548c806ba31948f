//! Plays one history: what happens outside, then the pass, then what the model says to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use entitled::config::settings::Config;
use entitled::config::{Env, Presets, check_text};
use entitled::daemon::Stop;
use entitled::in_force::{EnterError, InForce, Simulators, enter};
use entitled::intake::{Breadth, intake};
use entitled::model::{OrderKey, Prune, SourceName, Target, UserId};
use entitled::plan::{Bound, Doubt, Gap, Hold, Verb};
use entitled::reconcile::{Sight, Span, act, look};
use entitled::render::Origin;
use entitled::sandbox::{Customer, Handles, LogtoSim, Options, Running, SHOP_TOKEN, ShopSim, start};
use entitled::source::presets::PRESETS;
use entitled::store::{self, Store};
use jiff::{SignedDuration, Timestamp};

use super::catalogs::{FILES, PRODUCTS, Rules, THINGS, Thing};
use super::steps::{By, Event, Reach, Side, Step, What};
use super::truth::{Claim, Known, Order, Said, claim};
use super::{PEOPLE, SIGNED_UP};

type Held = BTreeSet<(UserId, Thing)>;
type Verdict = Result<(), String>;

/// Whether the ledger owns a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    Surely,
    Perhaps,
}

struct World {
    running: Running,
    logto: LogtoSim,
    shop: ShopSim,
    folder: tempfile::TempDir,
    store: Option<Store>,
    stores: usize,
    in_force: InForce,
    rules: Rules,
    unread: BTreeSet<SourceName>,
    now: Timestamp,
    people: [Option<UserId>; PEOPLE],
    orders: Vec<Order>,
    /// The most orders that the shop ever had.
    most: usize,
    ours: BTreeMap<(UserId, Thing), Ours>,
    /// Held, and no order has explained it since it was given or the ledger was lost.
    foreign: Held,
    revoked: Vec<(i64, Thing)>,
    /// Since the store was lost, no pass has gone through.
    bereft: bool,
}

/// How far a pass came.
#[derive(Debug)]
enum Came {
    Through,
    Failed(String),
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

struct Token;

impl Env for Token {
    fn var(&self, name: &str) -> Option<String> {
        (name == "SHOP_TOKEN").then(|| SHOP_TOKEN.to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }
}

fn check(yaml: &str) -> Result<Config, String> {
    check_text(yaml, Path::new("entitlements.yaml"), &Token, &Presets::new(PRESETS))
        .map(|(config, _)| config)
        .map_err(|problems| format!("{problems:?}\n{yaml}"))
}

async fn enforce(yaml: &str, running: &Running) -> Result<InForce, EnterError> {
    let config = check(yaml).unwrap();
    let origin = Origin { file: "entitlements.yaml".to_owned(), digest: config.digest.clone(), commit: None };
    let simulators = Simulators { logto: running.logto_url().to_owned(), shop: running.shop_url().to_owned() };
    enter(config, origin, Some(&simulators)).await
}

fn email(person: usize) -> String {
    let domain = if person == SIGNED_UP - 1 { "staff.example.com" } else { "example.com" };
    format!("person-{person}@{domain}")
}

impl World {
    async fn new(crowded: bool) -> Self {
        let running = start(Options::default()).await.unwrap();
        let Handles { logto, shop } = running.handles().unwrap().clone();
        for role in ["gold", "beta", "admin"] {
            logto.add_role(role);
        }
        logto.add_organization("acme");
        for role in ["member", "editor"] {
            logto.add_organization_role(role);
        }
        let mut foreign = Held::new();
        if crowded {
            let role = logto.role("gold").unwrap();
            for user in logto.add_users(120) {
                logto.grant(&user, &role);
                foreign.insert((user, Thing::Gold));
            }
        }
        let people = std::array::from_fn(|person| (person < SIGNED_UP).then(|| logto.add_user(&email(person))));
        let rules = FILES[0];
        let in_force = enforce(&rules.yaml(running.shop_url()), &running).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unread = in_force.source_names();
        let start = Timestamp::now().as_second() + 86_400;
        let mut world = Self {
            running,
            logto,
            shop,
            folder,
            store: None,
            stores: 0,
            in_force,
            rules,
            unread,
            now: Timestamp::from_second(start).unwrap(),
            people,
            orders: Vec::new(),
            most: 0,
            ours: BTreeMap::new(),
            foreign,
            revoked: Vec::new(),
            bereft: true,
        };
        world.fresh_store().await;
        world
    }

    fn at(&self) -> i64 {
        self.now.as_second()
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    async fn fresh_store(&mut self) {
        if let Some(store) = self.store.take() {
            let path: PathBuf = store.path().to_owned();
            store.close().await;
            std::fs::remove_file(&path).unwrap();
        }
        self.stores += 1;
        let path = self.folder.path().join(format!("entitled-{}.db", self.stores));
        self.store = Some(Store::open(&path).await.unwrap());
    }

    /// What Logto holds.
    fn held(&self) -> Held {
        let mut held = Held::new();
        for (thing, name) in [(Thing::Gold, "gold"), (Thing::Beta, "beta")] {
            let holders = self.logto.role(name).map(|role| self.logto.holders(&role)).unwrap_or_default();
            held.extend(holders.into_iter().map(|user| (user, thing)));
        }
        let Some(acme) = self.logto.organization("acme") else { return held };
        let roles = [(Thing::Member, "member"), (Thing::Editor, "editor")];
        for (user, has) in self.logto.members(&acme) {
            for (thing, name) in roles {
                if self.logto.organization_role(name).is_some_and(|role| has.contains(&role)) {
                    held.insert((user.clone(), thing));
                }
            }
            held.insert((user, Thing::Acme));
        }
        held
    }

    /// The target that a thing is now; `None` where it is not there.
    fn target(&self, thing: Thing) -> Option<Target> {
        let organization = || self.logto.organization("acme");
        Some(match thing {
            Thing::Gold => Target::Role { role: self.logto.role("gold")? },
            Thing::Beta => Target::Role { role: self.logto.role("beta")? },
            Thing::Acme => Target::Membership { organization: organization()? },
            Thing::Member => Target::OrganizationRole {
                organization: organization()?,
                role: self.logto.organization_role("member")?,
            },
            Thing::Editor => Target::OrganizationRole {
                organization: organization()?,
                role: self.logto.organization_role("editor")?,
            },
        })
    }

    fn thing(&self, target: &Target) -> Option<Thing> {
        THINGS.into_iter().find(|thing| self.target(*thing).as_ref() == Some(target))
    }

    fn alive(&self) -> impl Iterator<Item = (usize, &UserId)> {
        self.people.iter().enumerate().filter_map(|(person, user)| Some((person, user.as_ref()?)))
    }

    fn is_protected(&self, user: &UserId) -> bool {
        // By the address of the account, whatever address an order gave.
        self.people[SIGNED_UP - 1].as_ref() == Some(user)
    }

    fn user_of(&self, order: &Order) -> Option<&UserId> {
        let by_id = order.claimed.as_ref().filter(|claimed| self.alive().any(|(_, user)| user == *claimed));
        let by_email = || {
            let address = order.email.as_ref()?;
            self.alive().find(|(person, _)| email(*person).eq_ignore_ascii_case(address)).map(|(_, user)| user)
        };
        match by_id {
            Some(claimed) => self.alive().map(|(_, user)| user).find(|user| *user == claimed),
            None => by_email(),
        }
    }

    fn orders_of(&self, user: &UserId) -> Vec<&Order> {
        self.orders.iter().filter(|order| self.user_of(order) == Some(user)).collect()
    }

    fn may_be_entitled(&self, user: &UserId, thing: Thing) -> bool {
        let orders = self.orders_of(user);
        let chain = orders.len() as i64;
        orders.iter().any(|order| order.may_entitle(&self.rules, thing, self.at(), chain))
    }

    /// The shop's own clock says now with its next change.
    fn wind_shop(&self) {
        let order = self.shop.buy_at(&"nothing".into(), Customer::default(), self.now);
        self.shop.remove(&order);
    }

    async fn happen(&mut self, event: &Event) -> Verdict {
        self.now += SignedDuration::from_secs(2);
        match event {
            Event::Buy { person, product, by, days_ago } => self.buy(*person, *product, *by, *days_ago),
            Event::Turn { order, status } => self.turn(order, status),
            Event::Vanish { order } => {
                if !self.orders.is_empty() {
                    let order = order.get(&self.orders).id.clone();
                    self.shop.remove(&order);
                    self.orders.iter_mut().filter(|one| one.id == order).for_each(|one| one.now = None);
                }
            }
            Event::Clock(seconds) => self.now += SignedDuration::from_secs(*seconds),
            Event::Commit(file) => return self.commit(*file).await,
            Event::BadCommit => {
                let good = self.rules.yaml(self.running.shop_url());
                let sold = |role: &str| format!("{good}  prd_bad:\n    entitlements: [{{role: {role}}}]\n");
                if check(&sold("admin")).is_ok() {
                    return Err("a protected role was put up for sale".to_owned());
                }
                match enforce(&sold("nowhere"), &self.running).await {
                    Err(EnterError::Names { .. }) => {}
                    other => return Err(format!("a role that is not there was put up for sale: {other:?}")),
                }
            }
            Event::SignUp { person } => {
                if self.people[*person].is_none() {
                    self.people[*person] = Some(self.logto.add_user(&email(*person)));
                }
            }
            Event::DeleteUser { person } => {
                if let Some(user) = self.people[*person].take() {
                    self.logto.delete_user(&user);
                    self.foreign.retain(|(of, _)| *of != user);
                    self.ours.retain(|(of, _), _| *of != user);
                }
            }
            Event::DeleteThing(thing) => self.delete(*thing),
            Event::RestoreThing(thing) => {
                if self.target(*thing).is_none() {
                    match thing {
                        Thing::Gold => drop(self.logto.add_role("gold")),
                        Thing::Beta => drop(self.logto.add_role("beta")),
                        Thing::Acme => drop(self.logto.add_organization("acme")),
                        Thing::Member if self.logto.organization_role("member").is_none() => {
                            self.logto.add_organization_role("member");
                        }
                        Thing::Member | Thing::Editor => {}
                    }
                }
            }
            Event::Give { person, thing } => self.give(*person, *thing),
            Event::Take { person, thing } => self.take(*person, *thing),
            Event::LoseStore => {
                self.fresh_store().await;
                self.ours.clear();
                self.foreign = self.held();
                self.revoked.clear();
                self.orders.iter_mut().for_each(|order| {
                    order.seen = vec![None];
                    order.murky = false;
                });
                self.bereft = true;
                self.most = 0;
            }
            Event::Nothing => {}
        }
        Ok(())
    }

    fn buy(&mut self, person: usize, product: usize, by: By, days_ago: i64) {
        let user = self.people[person].clone();
        let address = match by {
            By::UpperEmail => email(person).to_uppercase(),
            By::Id | By::Email | By::Both => email(person),
        };
        let claimed = user.filter(|_| matches!(by, By::Id | By::Both));
        let email = (by != By::Id || claimed.is_none()).then_some(address);
        let customer = Customer { user: claimed.clone(), email: email.clone() };
        let paid_at = self.now - SignedDuration::from_hours(24 * days_ago);
        let id = self.shop.buy_at(&PRODUCTS[product].into(), customer, paid_at);
        let paid_at = paid_at.as_second();
        let now = Some(Said { status: "paid", since: paid_at });
        self.orders.push(Order { id, product, claimed, email, paid_at, now, seen: vec![None], murky: false });
    }

    fn turn(&mut self, order: &proptest::sample::Index, status: &'static str) {
        if self.orders.is_empty() {
            return;
        }
        self.wind_shop();
        let at = order.index(self.orders.len());
        let said = Said { status, since: self.at() };
        let order = &mut self.orders[at];
        if order.now.is_none_or(|now| now.status == status) {
            return;
        }
        order.murky |= order.seen.iter().flatten().any(|seen| seen.status == status);
        order.now = Some(said);
        self.shop.set_status(&order.id, status);
    }

    async fn commit(&mut self, file: usize) -> Verdict {
        let rules = FILES[file];
        match enforce(&rules.yaml(self.running.shop_url()), &self.running).await {
            Ok(in_force) => {
                self.unread = in_force.source_names();
                self.in_force = in_force;
                self.rules = rules;
                Ok(())
            }
            Err(EnterError::Names { .. })
                if THINGS.iter().any(|thing| rules.sells(*thing) && self.target(*thing).is_none()) =>
            {
                Ok(())
            }
            Err(error) => Err(format!("a good file did not enter: {error:?}")),
        }
    }

    fn delete(&mut self, thing: Thing) {
        let gone = |of: Thing| of == thing || (thing == Thing::Acme && matches!(of, Thing::Member | Thing::Editor));
        match thing {
            Thing::Gold => self.logto.role("gold").iter().for_each(|role| self.logto.delete_role(role)),
            Thing::Beta => self.logto.role("beta").iter().for_each(|role| self.logto.delete_role(role)),
            Thing::Acme => self.logto.organization("acme").iter().for_each(|acme| self.logto.delete_organization(acme)),
            Thing::Member => {
                self.logto
                    .organization_role("member")
                    .iter()
                    .for_each(|role| self.logto.delete_organization_role(role));
            }
            Thing::Editor => return,
        }
        self.foreign.retain(|(_, of)| !gone(*of));
        self.ours.retain(|(_, of), _| !gone(*of));
    }

    fn give(&mut self, person: usize, thing: Thing) {
        let Some(user) = self.people[person].clone() else { return };
        let before = self.held();
        match self.target(thing) {
            Some(Target::Role { role }) => self.logto.grant(&user, &role),
            Some(Target::Membership { organization }) => self.logto.add_member(&organization, &user),
            Some(Target::OrganizationRole { organization, role }) => {
                self.logto.add_member(&organization, &user);
                self.logto.add_member_role(&organization, &user, &role);
            }
            None => {}
        }
        let given: Vec<_> = self.held().difference(&before).cloned().collect();
        self.foreign.extend(given.into_iter().filter(|one| !self.ours.contains_key(one)));
    }

    fn take(&mut self, person: usize, thing: Thing) {
        let Some(user) = self.people[person].clone() else { return };
        let before = self.held();
        match self.target(thing) {
            Some(Target::Role { role }) => self.logto.revoke(&user, &role),
            Some(Target::Membership { organization }) => self.logto.remove_member(&organization, &user),
            Some(Target::OrganizationRole { organization, role }) => {
                self.logto.remove_member_role(&organization, &user, &role);
            }
            None => {}
        }
        for taken in before.difference(&self.held()) {
            self.foreign.remove(taken);
            // The ledger may not have noticed yet.
            self.ours.entry(taken.clone()).and_modify(|ours| *ours = Ours::Perhaps);
        }
    }

    /// One pass under faults, and all that must hold of it whatever goes wrong.
    async fn pass(&mut self, step: &Step) -> Verdict {
        for trouble in &step.faults {
            let (faults, expire): (_, &dyn Fn()) = match trouble.side {
                Side::Logto => (self.logto.faults(), &|| self.logto.expire_tokens()),
                Side::Shop => (self.shop.faults(), &|| self.shop.expire_tokens()),
            };
            trouble.what.set(faults);
            if matches!(trouble.what, What::ExpireTokens) {
                expire();
            }
        }
        let distorted = step.faults.iter().any(|one| one.side == Side::Shop && one.what.distorts());
        let before = self.held();
        let came = self.turn_of_the_loop(step.span, distorted).await?;
        self.logto.faults().clear();
        self.shop.faults().clear();
        if let Came::Failed(error) = &came
            && step.faults.is_empty()
        {
            return Err(format!("a pass failed although nothing was wrong: {error}"));
        }
        self.judge(&before).await?;
        let clean = matches!(came, Came::Through) && step.faults.is_empty() && step.span == Reach::Full;
        self.learn(clean);
        if matches!(came, Came::Through) {
            self.bereft = false;
        }
        Ok(())
    }

    async fn turn_of_the_loop(&mut self, reach: Reach, distorted: bool) -> Result<Came, String> {
        let touched = self.poll(distorted).await?;
        let span = match reach {
            Reach::Full => Span::Full,
            Reach::Quick => Span::Quick(touched),
        };
        if reach == Reach::Full
            && let Err(error) = self.in_force.refresh().await
        {
            return Ok(Came::Failed(format!("{error:?}")));
        }
        let sight = match self.look(&span).await? {
            Ok(sight) => sight,
            Err(error) => return Ok(Came::Failed(error)),
        };
        let writer = self.in_force.client.writer();
        let report = act(&self.in_force, self.store(), &writer, &sight, &span, self.now, &Stop::never()).await;
        let report = report.map_err(|error| format!("the store failed: {error:?}"))?;
        for line in &report.lines {
            let change = &line.change;
            let unexplained = change.because.is_empty()
                || (self.rules.prune != Prune::Exclusive && (change.order.is_none() || change.product.is_none()));
            if unexplained {
                return Err(format!("a change does not explain itself: {change:?}"));
            }
        }
        Ok(Came::Through)
    }

    /// Looks, and sees that looking wrote nothing.
    async fn look(&self, span: &Span) -> Result<Result<Sight, String>, String> {
        self.logto.clear_requests();
        self.shop.clear_requests();
        let before = self.held();
        let eyes = self.in_force.eyes(self.store(), &self.unread, &|_, _, _| {}, self.now);
        let sight = look(eyes, span).await.map_err(|error| format!("{error:?}"));
        let writes: Vec<_> = self.logto.writes().into_iter().chain(self.shop.writes()).collect();
        if !writes.is_empty() || self.held() != before {
            return Err(format!("a dry look wrote: {writes:?}"));
        }
        Ok(sight)
    }

    async fn poll(&mut self, distorted: bool) -> Result<Vec<OrderKey>, String> {
        let quiet = self.shop.faults().knobs() == entitled::sandbox::Knobs::default();
        let mut touched = Vec::new();
        let mut read = true;
        for source in self.in_force.sources.iter() {
            let full_read = SignedDuration::from_hours(24);
            match intake(source, self.store.as_ref().unwrap(), Breadth::Changes, full_read, self.now).await {
                Ok(taken) => {
                    self.unread.remove(source.name());
                    touched.extend(taken.touched);
                }
                Err(error) => {
                    let shrunk = self.shop.orders().len() * 2 < self.most;
                    if quiet && !shrunk {
                        return Err(format!("a poll failed although nothing was wrong: {error:?}"));
                    }
                    self.unread.insert(source.name().clone());
                    read = false;
                }
            }
        }
        self.most = self.most.max(self.shop.orders().len());
        for order in &mut self.orders {
            let unknown = order.now.map(|now| Said { status: "on_hold", ..now });
            match order.now {
                Some(_) if read && !distorted => {
                    order.seen = vec![order.now];
                }
                Some(_) => {
                    order.say(order.now);
                    if distorted {
                        order.say(unknown);
                    }
                }
                None => {}
            }
        }
        Ok(touched)
    }

    /// The promises that can be seen from outside, of what a pass did.
    async fn judge(&mut self, before: &Held) -> Verdict {
        let (now, rules, after) = (self.at(), self.rules, self.held());
        let exclusive = |thing| rules.prune == Prune::Exclusive && rules.sells(thing);
        for one @ (user, thing) in after.difference(before) {
            if !self.may_be_entitled(user, *thing) {
                return Err(format!("granted and never paid for: {one:?}"));
            }
            self.ours.insert(one.clone(), Ours::Surely);
        }
        let gone: Vec<_> = before.difference(&after).cloned().collect();
        for one @ (user, thing) in &gone {
            let thing = *thing;
            let wrong =
                |why: &str| Err(format!("{why}: {one:?} under {rules:?} at {now}\norders: {:?}", self.orders_of(user)));
            if self.bereft {
                return wrong("taken by the first pass after the store was lost");
            }
            if self.foreign.contains(one) && !exclusive(thing) {
                return wrong("made by hand, and taken");
            }
            if self.is_protected(user) {
                return wrong("taken from a protected user");
            }
            if rules.prune == Prune::Never {
                return wrong("taken under `prune: never`");
            }
            let orders = self.orders_of(user);
            if orders.iter().any(|order| order.surely_entitles(&rules, thing, now)) {
                return wrong("taken although an order entitles");
            }
            if claim(&orders, &rules, thing, now).is_some_and(|claim| claim > Claim::Ended) {
                return wrong("taken although an order keeps it");
            }
            if !exclusive(thing) && !orders.iter().any(|order| order.may_explain_end(&rules, thing, now)) {
                return wrong("taken without a reason");
            }
            let history = self.store().history(user).await.unwrap();
            let target = self.target(thing);
            let told = history.iter().any(|row| {
                row.verb == store::Verb::Revoked
                    && row.grant.as_ref().map(|grant| &grant.target) == target.as_ref()
                    && row.at == self.now
                    && row.note.as_ref().is_some_and(|note| !note.is_empty())
                    && (exclusive(thing) || (row.order.is_some() && row.product.is_some()))
            });
            if !told {
                return wrong("taken without a line in the audit trail");
            }
        }
        for (_, thing) in &gone {
            self.revoked.push((now, *thing));
        }
        let of_the_day = self.revoked.iter().filter(|(at, _)| *at >= now - 86_400).count();
        if !gone.is_empty() && of_the_day > rules.floor {
            return Err(format!(
                "{of_the_day} revocations in a day, and {} are allowed: {:?}",
                rules.floor, self.revoked
            ));
        }
        for one in &gone {
            self.foreign.remove(one);
            self.ours.remove(one);
        }
        Ok(())
    }

    /// What a pass may have made ours.
    fn learn(&mut self, clean: bool) {
        let held = self.held();
        let users: Vec<UserId> = self.alive().map(|(_, user)| user.clone()).collect();
        for user in users {
            for thing in THINGS {
                if !self.may_be_entitled(&user, thing) {
                    continue;
                }
                let one = (user.clone(), thing);
                self.foreign.remove(&one);
                let surely = claim(&self.orders_of(&user), &self.rules, thing, self.at()) == Some(Claim::Entitled);
                let known = self.target(thing).is_some_and(|target| self.in_force.catalog.find(&target).is_some());
                if clean && surely && known && held.contains(&one) {
                    self.ours.insert(one, Ours::Surely);
                } else {
                    self.ours.entry(one).or_insert(Ours::Perhaps);
                }
            }
        }
    }

    /// Nothing is wrong any more: two passes, and all is as it should be.
    async fn settle(&mut self) -> Verdict {
        let step = Step { event: Event::Nothing, span: Reach::Full, faults: Vec::new() };
        for number in 1..=2 {
            self.now += SignedDuration::from_secs(2);
            self.pass(&step).await.map_err(|error| format!("pass {number} after the last step: {error}"))?;
        }
        self.now += SignedDuration::from_secs(2);
        let sight = self.look(&Span::Full).await??;
        if !sight.plan.actions.is_empty() || !sight.plan.adopt.is_empty() || !sight.troubles.is_empty() {
            return Err(format!("two passes later the plan is not empty: {:#?}", sight.view.changes));
        }
        let mut withheld: BTreeMap<(UserId, Thing), Verb> = BTreeMap::new();
        for held in &sight.plan.held {
            let grant = sight.grant(held.action.target, held.action.user);
            let thing = self.thing(&grant.target);
            self.right_hold(&grant.user, thing, held.action.verb, held.hold).map_err(|why| {
                format!("{why}: {:?} of {grant:?} ({thing:?})\norders: {:#?}", held.hold, self.orders_of(&grant.user))
            })?;
            if let Some(thing) = thing {
                withheld.insert((grant.user, thing), held.action.verb);
            }
        }
        self.compare(&withheld)
    }

    /// Whether a hold is right, now that nothing is wrong.
    fn right_hold(&self, user: &UserId, thing: Option<Thing>, verb: Verb, hold: Hold) -> Verdict {
        let orders = self.orders_of(user);
        let held = self.held();
        let vanished = orders.iter().any(|order| order.now.is_none());
        let never = |order: &&&Order| matches!(order.known(), Known::Surely(Some(said)) if ["pending", "expired", "on_hold"].contains(&said.status));
        let right = match (hold, thing) {
            (Hold::Incomplete(Gap::Missing), None) => true,
            (Hold::Protected, _) => self.is_protected(user),
            (Hold::Incomplete(Gap::Source), _) => !self.unread.is_empty(),
            (_, None) => false,
            (Hold::Foreign, Some(thing)) => {
                let stays = |role: &Thing| held.contains(&(user.clone(), *role));
                // Of a role that is gone nobody can say that it would not be lost: the planner stays.
                thing == Thing::Acme
                    && ([Thing::Member, Thing::Editor].iter().any(stays) || self.target(Thing::Member).is_none())
            }
            (Hold::OverLimit(bound, over), Some(thing)) => {
                let since = self.at() - 86_400;
                let counts = |of: Thing| bound == Bound::Total || of == thing;
                let spent = self.revoked.iter().filter(|(at, of)| *at >= since && counts(*of)).count() as u64;
                verb == Verb::Revoke
                    && over.allowed == self.rules.floor as u64
                    && over.spent == spent
                    && over.spent + over.wanted > over.allowed
            }
            // Nobody freezes here; what is taken away by hand again and again is left alone.
            (Hold::Frozen, _) => false,
            (Hold::Flapping, _) => verb == Verb::Grant,
            (Hold::Unverified(Doubt::OrderUnconfirmed), _) => vanished,
            (Hold::Unverified(Doubt::NoEvidence), _) => vanished || orders.iter().any(|order| never(&order)),
            (Hold::Unverified(Doubt::NotAsked) | Hold::FreshLedger | Hold::Incomplete(_), _) => false,
        };
        if right { Ok(()) } else { Err("held without need".to_owned()) }
    }

    fn compare(&self, withheld: &BTreeMap<(UserId, Thing), Verb>) -> Verdict {
        let held = self.held();
        let users: BTreeSet<&UserId> =
            self.alive().map(|(_, user)| user).chain(held.iter().map(|(user, _)| user)).collect();
        for user in users {
            let orders = self.orders_of(user);
            for thing in THINGS {
                let one = (user.clone(), thing);
                let wrong = |why: &str| {
                    Err(format!("{why}: {one:?} under {:?} at {}\norders: {orders:?}", self.rules, self.at()))
                };
                let Some(target) = self.target(thing) else { continue };
                if self.rules.sells(thing) && self.in_force.catalog.find(&target).is_none() {
                    if THINGS.iter().all(|other| !self.rules.sells(*other) || self.target(*other).is_some()) {
                        return wrong("the catalog has lost a target");
                    }
                    continue;
                }
                let Some(claim) = claim(&orders, &self.rules, thing, self.at()) else { continue };
                let (is, verb) = (held.contains(&one), withheld.get(&one));
                match claim {
                    Claim::Entitled if !is && verb != Some(&Verb::Grant) => return wrong("paid for and not held"),
                    Claim::Ended | Claim::Nothing if is && verb != Some(&Verb::Revoke) => {
                        let ours = self.ours.get(&one) == Some(&Ours::Surely);
                        match self.rules.prune {
                            Prune::Owned if ours && !self.is_protected(user) => {
                                return wrong("ours, over, and still held");
                            }
                            Prune::Exclusive if self.rules.sells(thing) => {
                                return wrong("not paid for, and still held");
                            }
                            Prune::Never | Prune::Owned | Prune::Exclusive => {}
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
