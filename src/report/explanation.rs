//! Why one user holds what they hold: order -> product -> line -> commit -> action, target by target.
//!
//! Pure, and decides nothing: what an order says comes from `desired`, what is done from the plan. This puts
//! the two beside what Logto and the ledger have, and words to it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::naming::Names;
use super::origin::Origin;
use super::plan::{Change, FreezeView, HeldChange, Waiting};
use super::{messages, naming};
use crate::model::{Adopt, Catalog, OrderKey, Ownership, Standing, TargetIx, UserId, UserIx};
use crate::planner::Plan;
use crate::planner::desired::{Desired, Ending, FOREVER, State, Statement};
use crate::planner::input::{Actual, Presence};
use crate::text::{clean, human};

/// Why one user holds what they hold: what `why --output json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The shape of this document: [`Explanation::VERSION`].
    pub version: u32,
    /// The configuration that it was made under.
    pub config: Origin,
    /// When it was made; countdowns run from here.
    pub at: Timestamp,
    /// The Logto user. Absent: nobody, or nobody in particular; `waiting` says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Whether Logto knows that user.
    pub account: Presence,
    /// The addresses that the orders gave, sorted.
    pub emails: Vec<String>,
    /// What is stopped: by whom, why, and until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    /// Buyers by that name who are nobody yet, or two.
    pub waiting: Vec<Waiting>,
    /// Orders that name a product which gives nothing, each with that product.
    pub idle: Vec<Idle>,
    /// Orders of sources that the file no longer has: they give nothing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<Idle>,
    /// One for each managed target, by name.
    pub targets: Vec<TargetWhy>,
}

/// An order for something that the file maps to nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Idle {
    /// The order.
    pub order: String,
    /// Its source.
    pub source: String,
    /// The product.
    pub product: String,
}

/// One user on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetWhy {
    /// As the file names it.
    pub target: String,
    /// By ids.
    pub target_key: String,
    /// What all orders together say.
    pub desired: Wanted,
    /// Until when, where that ends by itself; of what has ended, since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Every order that names a product which gives it, by product and time.
    pub orders: Vec<OrderWhy>,
    /// Whether Logto has it now.
    pub held: Presence,
    /// Whose it is.
    pub owner: Owner,
    /// What the ledger has, where it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ours: Option<Mine>,
    /// When a pass first saw it, where it is not ours.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_seen: Option<Timestamp>,
    /// What a pass would do about it.
    pub outcome: Outcome,
}

/// What all orders together say of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// It should exist.
    Entitled,
    /// It has ended and is kept for a while.
    Grace,
    /// Nobody can say: what is there stays.
    Undecided,
    /// It has ended.
    Ended,
    /// No order says anything.
    Nothing,
}

/// Whose a grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Ours: we made it.
    Granted,
    /// Ours: it was there when an order first explained it.
    Adopted,
    /// Somebody has given it up.
    Released,
    /// It is there, and not ours.
    Foreign,
    /// Nobody's: it is not there.
    Nobody,
}

impl From<Ownership> for Owner {
    fn from(ownership: Ownership) -> Self {
        match ownership {
            Ownership::Granted => Owner::Granted,
            Ownership::Adopted => Owner::Adopted,
        }
    }
}

/// What the ledger has of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mine {
    /// How it came to be ours.
    pub ownership: Ownership,
    /// Since when.
    pub since: Timestamp,
    /// The run that wrote it down, or `by-hand`.
    pub run: String,
    /// The order that explained it then.
    pub order: String,
    /// The source of that order.
    pub source: String,
    /// The product of that order.
    pub product: String,
    /// The line of the file as it was then.
    pub line: u32,
    /// The commit of that file, or its digest.
    pub commit: String,
    /// How often somebody else has taken it away.
    pub undone: u32,
}

/// What one order says of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderWhy {
    /// The order.
    pub order: String,
    /// Its source.
    pub source: String,
    /// The product that gives the target.
    pub product: String,
    /// The name of that product.
    pub product_name: String,
    /// The line of the file that says so.
    pub line: u32,
    /// Where it stands.
    pub standing: String,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// What follows.
    pub says: Wanted,
    /// Until when, where that ends by itself; of what has ended, since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The same in words, with the countdown.
    pub sentence: String,
}

/// What a pass would do about one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Outcome {
    /// It would do this.
    Does(Change),
    /// It would want to, and withhold it.
    Holds(HeldChange),
    /// It would close the row of the ledger: nobody holds it, and nothing wants it.
    Forgets {
        /// The same in words.
        sentence: String,
    },
    /// Nothing.
    Rests {
        /// Why not.
        sentence: String,
    },
}

/// An order, as far as an explanation names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The order.
    pub order: String,
    /// Its source.
    pub source: String,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// Why it stands `unknown`, where something of it could not be read.
    pub odd: Vec<String>,
}

/// Everything that an explanation is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The configuration.
    pub config: &'a Origin,
    /// What products entitle to.
    pub catalog: &'a Catalog,
    /// What should be.
    pub desired: &'a Desired,
    /// What is.
    pub actual: &'a Actual,
    /// What a pass would do.
    pub plan: &'a Plan,
    /// The names in that plan.
    pub names: &'a Names,
    /// The user in `desired`, `actual` and `plan`.
    pub subject: UserIx,
    /// The user in Logto; `None` while nobody is.
    pub user: Option<UserId>,
    /// Whether Logto knows that user.
    pub account: Presence,
    /// What each of their purchases says.
    pub statements: &'a [Statement],
    /// The orders of those.
    pub orders: &'a BTreeMap<OrderKey, Paid>,
    /// What is theirs and ours.
    pub ours: &'a BTreeMap<TargetIx, Mine>,
    /// What was released.
    pub released: &'a BTreeSet<TargetIx>,
    /// What is not ours, and when a pass first saw it.
    pub foreign: &'a BTreeMap<TargetIx, Timestamp>,
    /// Whether an order makes anything ours that is held already.
    pub adopt: Adopt,
    /// Buyers by that name who are nobody yet, or two.
    pub waiting: Vec<Waiting>,
    /// The addresses that the orders gave.
    pub emails: BTreeSet<String>,
    /// Orders that name a product which gives nothing.
    pub idle: BTreeSet<Idle>,
    /// Orders of sources that the file no longer has.
    pub dropped: BTreeSet<Idle>,
    /// The time of the look.
    pub now: Timestamp,
}

impl Explanation {
    /// The shape of this document.
    pub const VERSION: u32 = 1;
}

impl TargetWhy {
    /// Whether it has anything to do with the user: held, ours, or spoken of by an order.
    pub fn concerns(&self) -> bool {
        let silent = self.orders.is_empty()
            && self.desired == Wanted::Nothing
            && self.held == Presence::Absent
            && self.owner == Owner::Nobody
            && matches!(self.outcome, Outcome::Rests { .. });
        !silent
    }
}

/// Puts an explanation together.
pub fn explain(facts: Facts<'_>) -> Explanation {
    let held = naming::held(facts.plan, facts.catalog, facts.names, facts.config);
    let mut targets: Vec<TargetWhy> = facts.catalog.indices().map(|(ix, _)| target(&facts, ix, &held)).collect();
    targets.sort_by(|a, b| (&a.target, &a.target_key).cmp(&(&b.target, &b.target_key)));
    let Facts { config, names, user, account, mut waiting, emails, idle, dropped, now, .. } = facts;
    waiting.sort();
    Explanation {
        version: Explanation::VERSION,
        config: Origin { file: tidy(&config.file), ..config.clone() },
        at: now,
        user: user.map(|user| UserId::from(tidy(user.as_str()))),
        account,
        emails: emails.into_iter().map(|email| tidy(&email)).collect(),
        freeze: FreezeView::strongest(&names.freezes).cloned(),
        waiting,
        idle: idle.into_iter().collect(),
        dropped: dropped.into_iter().collect(),
        targets,
    }
}

fn tidy(text: &str) -> String {
    clean(text).into_owned()
}

fn target(facts: &Facts<'_>, ix: TargetIx, held: &[HeldChange]) -> TargetWhy {
    let entry = facts.catalog.target(ix);
    let (target, target_key) = (tidy(&entry.name), tidy(&entry.target.key()));
    let claim = facts.desired.claim(ix, facts.subject);
    let (desired, until) = claim.map_or((Wanted::Nothing, None), |claim| wanted(claim.state, claim.at));
    let presence = match facts.user {
        Some(_) => facts.actual.targets[ix.at()].presence(facts.subject),
        None => Presence::Absent,
    };
    let ours = facts.ours.get(&ix).cloned();
    let owner = match (&ours, presence) {
        (Some(mine), _) => mine.ownership.into(),
        (None, _) if facts.released.contains(&ix) => Owner::Released,
        (None, Presence::Held) => Owner::Foreign,
        (None, Presence::Absent | Presence::Unknown) => Owner::Nobody,
    };
    let outcome = outcome(facts, ix, &target_key, held, desired, presence, owner);
    let first_seen = facts.foreign.get(&ix).copied().filter(|_| owner == Owner::Foreign);
    let orders = orders(facts, ix);
    TargetWhy { target, target_key, desired, until, orders, held: presence, owner, ours, first_seen, outcome }
}

fn wanted(state: State, at: i64) -> (Wanted, Option<Timestamp>) {
    let until = (at != FOREVER).then(|| Timestamp::from_second(at).ok()).flatten();
    match state {
        State::Entitled => (Wanted::Entitled, until),
        State::Grace(_) => (Wanted::Grace, until),
        State::Undecided => (Wanted::Undecided, None),
        State::Ended(_) => (Wanted::Ended, until),
    }
}

/// What each order says of one target, by product and time.
fn orders(facts: &Facts<'_>, ix: TargetIx) -> Vec<OrderWhy> {
    let now = facts.now.as_second();
    let one = |statement: &Statement| {
        let rule = facts.catalog.rule(statement.purchase.product);
        let given = rule.entitlements.iter().find(|entitlement| entitlement.target == ix)?;
        let paid = facts.orders.get(&statement.purchase.order)?;
        let (says, until) = statement.says.map_or((Wanted::Nothing, None), |(state, at)| wanted(state, at));
        Some(OrderWhy {
            order: tidy(&paid.order),
            source: tidy(&paid.source),
            product: tidy(rule.product.as_str()),
            product_name: tidy(&rule.name),
            line: given.line,
            standing: statement.purchase.standing.word().to_owned(),
            paid_at: paid.paid_at,
            says,
            until,
            sentence: sentence(statement, paid, now),
        })
    };
    facts.statements.iter().filter_map(one).collect()
}

/// What one purchase says, with the countdown.
fn sentence(statement: &Statement, paid: &Paid, now: i64) -> String {
    let left = |at: i64| human::span(at.saturating_sub(now));
    match statement.says {
        None if statement.purchase.standing == Standing::Pending => "not paid yet".to_owned(),
        None => "was never paid".to_owned(),
        Some((State::Entitled, FOREVER)) => "entitles for ever".to_owned(),
        Some((State::Entitled, at))
            if statement.purchase.standing == Standing::Subscribed && at > statement.purchase.at =>
        {
            format!(
                "entitles; the paid period ended on {}, and its renewal may be late by another {} (`slack`)",
                human::day(statement.purchase.at),
                left(at)
            )
        }
        Some((State::Entitled, at)) if statement.purchase.standing == Standing::Subscribed => {
            format!("entitles; the paid period ends in {} ({})", left(at), human::day(at))
        }
        Some((State::Entitled, at)) => format!("entitles; expires in {} ({})", left(at), human::day(at)),
        Some((State::Undecided, _)) if !paid.odd.is_empty() => {
            format!("of unknown standing: {}; it changes nothing either way", tidy(&paid.odd.join("; ")))
        }
        Some((State::Undecided, _)) => "of unknown standing: changes nothing either way".to_owned(),
        Some((State::Grace(how), at)) => {
            format!("{}; kept for another {} ({})", messages::ended(how), left(at), human::day(at))
        }
        Some((State::Ended(Ending::Expired | Ending::Recounted | Ending::Lapsed), at)) => {
            format!("entitled until {}", human::day(at))
        }
        Some((State::Ended(how), at)) => format!("{} on {}", messages::ended(how), human::day(at)),
    }
}

fn outcome(
    facts: &Facts<'_>,
    ix: TargetIx,
    key: &str,
    held: &[HeldChange],
    desired: Wanted,
    presence: Presence,
    owner: Owner,
) -> Outcome {
    let here = |target: TargetIx, user: UserIx| (target, user) == (ix, facts.subject);
    let rests = |sentence: &str| Outcome::Rests { sentence: sentence.to_owned() };
    if facts.user.is_some() {
        let plan = facts.plan;
        let planned =
            plan.actions.iter().chain(&plan.adopt).chain(&plan.release).find(|action| here(action.target, action.user));
        if let Some(action) = planned {
            return Outcome::Does(naming::change(action, facts.catalog, facts.names));
        }
        let me = |one: &&HeldChange| facts.user.as_ref() == Some(&one.change.user) && one.change.target_key == key;
        if let Some(held) = held.iter().find(me) {
            return Outcome::Holds(held.clone());
        }
        if plan.forget.iter().any(|(target, user)| here(*target, *user)) {
            let sentence = "its row in the ledger is closed: nobody holds it, and no order pays for it".to_owned();
            return Outcome::Forgets { sentence };
        }
    }
    match (desired, presence, owner) {
        (Wanted::Entitled, ..) if facts.user.is_none() => rests("waits until the buyer is one user of Logto"),
        (_, Presence::Unknown, _) => rests("whether Logto holds it is unknown, and so is what a pass would do"),
        (Wanted::Entitled, _, Owner::Released) => rests("nothing to do: it is held, and somebody has released it"),
        (Wanted::Entitled, Presence::Held, Owner::Foreign) => {
            rests(&messages::paid_foreign(facts.foreign.get(&ix).copied(), facts.adopt))
        }
        (Wanted::Entitled, ..) => rests("nothing to do: it is paid for and held"),
        (Wanted::Grace, Presence::Held, _) => rests("nothing to do yet: it is kept until the grace is over"),
        (Wanted::Undecided, Presence::Held, _) => rests("nothing to do: it is kept while its order stands unknown"),
        (Wanted::Grace | Wanted::Undecided, ..) => rests("nothing to do: only what is paid for is given"),
        (Wanted::Ended | Wanted::Nothing, Presence::Held, Owner::Granted | Owner::Adopted) => {
            rests("left alone: `prune: never` takes nothing away")
        }
        (Wanted::Ended | Wanted::Nothing, Presence::Held, _) => {
            rests("left alone: it is not ours, and no order pays for it")
        }
        (Wanted::Ended | Wanted::Nothing, ..) => rests("nothing to do: not held, and no order pays for it"),
    }
}
