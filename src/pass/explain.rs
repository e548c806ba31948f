//! Gathers why one user holds what they hold: their orders, Logto, the ledger, and the plan of a pass.
//!
//! Plans with the same planner as a pass, after a quick look at this one user. A quick look cannot know what else
//! counts against the limits of the day, so if a limit might apply, it makes a full one. Never writes to Logto; what it
//! keeps in the store is what every look keeps. `report::text::explanation` renders what it returns.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::observe::{Observed, ObservedTarget};
use super::snapshot::{Snapshot, widen};
use super::{Looked, PassContext, PassDraft, PassError, PassScope, buyers, directory, observe_and_plan};
use crate::model::{Email, OrderKey, ProductIx, TargetIx, UserId, UserIx, Verb};
use crate::planner::desired::{desired, statements};
use crate::planner::input::{Actual, Coverage, Holding, Presence};
use crate::planner::{Action, Hold, Plan};
use crate::report::{Explanation, Facts, Idle, Mine, Names, Paid, Waiting, explain};
use crate::store::{BuyerKey, LedgerRow, Scope, StoreError, StoredBuyer, StoredOrder};
use crate::text::clean;

/// About whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// A Logto user.
    User(UserId),
    /// Whoever has this address in an order, or else in Logto.
    Email(Email),
}

impl Whom {
    /// A user id, or an address: what has an `@` in it. `None` for an address that is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') { Email::parse(text).map(Self::Email) } else { Some(Self::User(text.into())) }
    }
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// Logto or the store could not be asked.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// No order, no row of the ledger and no account has that name.
    #[error("neither an order nor Logto knows `{0}`")]
    Nobody(String),
    /// The orders with that address belong to several users.
    #[error("the orders of `{email}` belong to more than one user")]
    Several {
        /// The address.
        email: String,
        /// Those users.
        users: Vec<UserId>,
    },
}

impl From<StoreError> for WhyError {
    fn from(error: StoreError) -> Self {
        Self::Pass(error.into())
    }
}

impl From<crate::logto::LogtoError> for WhyError {
    fn from(error: crate::logto::LogtoError) -> Self {
        Self::Pass(error.into())
    }
}

impl WhyError {
    /// What would mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            WhyError::Pass(error) => error.hint(),
            WhyError::Nobody(_) => {
                Some("give the id of a user, as the Logto console shows it, or the address of an order".to_owned())
            }
            WhyError::Several { users, .. } => {
                let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
                Some(format!("give the id of the user: {}", users.join(", ")))
            }
        }
    }
}

/// Looks, plans, and explains one user.
pub async fn why(context: PassContext<'_>, whom: &Whom) -> Result<Explanation, WhyError> {
    let (user, emails) = match whom {
        Whom::User(user) => (Some(user.clone()), Vec::new()),
        Whom::Email(email) => (who(context, email).await?, vec![email.clone()]),
    };
    let users: Vec<UserId> = user.iter().cloned().collect();
    let named: BTreeSet<BuyerKey> = match &user {
        Some(user) => {
            let bound = context.config.buyers.bindings.iter().filter(|(_, of)| of == user).map(|(email, _)| email);
            let theirs = context.reader.emails_of(&users).await?.into_values();
            let emails: Vec<Email> = bound.cloned().chain(theirs).chain(emails).collect();
            context.store.buyers_named(&users, &emails).await?
        }
        None => context.store.buyers_named(&[], &emails).await?,
    }
    .into_iter()
    .collect();
    let keys: Vec<BuyerKey> = named.iter().copied().collect();
    let span = PassScope::Quick(context.store.orders_of_buyers(&keys).await?);
    let also = users.iter().cloned().collect();
    let mut seen = Box::pin(observe_and_plan(context, &span, &also)).await?;
    let mut buyers = seen.buyers.clone();
    buyers.retain(|one| match one.user() {
        Some(of) => user.as_ref() == Some(of),
        None => named.contains(&one.key),
    });
    if user.as_ref().is_some_and(|user| is_limited(&seen, user)) {
        seen = Box::pin(observe_and_plan(context, &PassScope::Full, &also)).await?;
    }
    let account = match &user {
        Some(user) => match context.reader.users_by_id(std::slice::from_ref(user)).await?.contains(user) {
            true => Presence::Held,
            false => Presence::Absent,
        },
        None => Presence::Unknown,
    };
    let ledger = context.store.ledger(Some(&user.iter().cloned().collect::<Vec<_>>())).await?;
    if buyers.is_empty() && ledger.is_empty() && account != Presence::Held {
        let text = match whom {
            Whom::User(user) => user.to_string(),
            Whom::Email(email) => email.to_string(),
        };
        return Err(WhyError::Nobody(text));
    }
    told(context, seen, user, account, &buyers, &ledger).await
}

/// The same while nobody can be asked: what the orders that the store has say, and what is ours. What Logto has, and
/// what a pass would do, is not known.
pub async fn why_remembered(context: PassContext<'_>, whom: &Whom) -> Result<Explanation, WhyError> {
    let (asked, emails) = match whom {
        Whom::User(user) => (Some(user.clone()), Vec::new()),
        Whom::Email(email) => (None, vec![email.clone()]),
    };
    let named = async |users: &[UserId]| -> Result<Vec<StoredBuyer>, StoreError> {
        let keys = context.store.buyers_named(users, &emails).await?;
        context.store.buyers(&Scope::Buyers(keys)).await
    };
    let mut buyers = named(asked.as_slice()).await?;
    let user = match whom {
        Whom::User(_) => asked,
        Whom::Email(email) => only(email, buyers.iter().filter_map(StoredBuyer::user).cloned().collect())?,
    };
    let users: Vec<UserId> = user.iter().cloned().collect();
    if let Whom::Email(_) = whom {
        buyers = named(&users).await?;
    }
    buyers.retain(|one| one.user().is_none_or(|of| user.as_ref() == Some(of)));
    let ledger = context.store.ledger(Some(&users)).await?;
    if buyers.is_empty() && ledger.is_empty() {
        let text = user.map_or_else(|| emails.iter().map(Email::to_string).collect(), |user| user.to_string());
        return Err(WhyError::Nobody(text));
    }
    let keys: Vec<BuyerKey> = buyers.iter().map(|one| one.key).collect();
    let span = PassScope::Quick(context.store.orders_of_buyers(&keys).await?);
    let catalog = widen(context.catalog, &ledger, &context.config.protect, context.names);
    let unread = ObservedTarget { coverage: Coverage::Unread, ..ObservedTarget::default() };
    let observed = Observed { targets: vec![unread; catalog.targets.len()], troubles: Vec::new() };
    let snapshot = Snapshot::new(context, &span, catalog, &buyers, &ledger, &observed).await?;
    // Somebody whose orders are all nobody's by now is known by them alone.
    let user = user.filter(|user| snapshot.user_index.ix(user).is_some());
    let (wanted, actual) = (snapshot.desired(context).await?, snapshot.actual(&observed));
    let draft = PassDraft {
        snapshot,
        plan: Plan::default(),
        looked: Looked::At { users: user.iter().cloned().collect(), buyers: keys.into_iter().collect() },
        wanted,
        actual,
        observed,
        buyers: buyers.clone(),
        approvals: Vec::new(),
        calls_before: 0,
    };
    told(context, draft, user, Presence::Unknown, &buyers, &ledger).await
}

/// The user whose orders have this address; without such orders, the one whose account has it. `None`: the
/// orders are nobody's yet, or of somebody who is not known.
async fn who(context: PassContext<'_>, email: &Email) -> Result<Option<UserId>, WhyError> {
    let emails = std::slice::from_ref(email);
    let keys = context.store.buyers_named(&[], emails).await?;
    let span = PassScope::Quick(context.store.orders_of_buyers(&keys).await?);
    let buyers = buyers(context, &span, &BTreeSet::new()).await?;
    let theirs: Vec<&StoredBuyer> = buyers.iter().filter(|one| keys.contains(&one.key)).collect();
    // Also where the orders had it once, and have another one now.
    if theirs.is_empty() {
        let found = context.reader.users_by_email(emails).await?.into_iter().flat_map(|(_, users)| users);
        return only(email, found.collect());
    }
    only(email, theirs.into_iter().filter_map(StoredBuyer::user).cloned().collect())
}

/// The one user among those; `None` where there is none.
fn only(email: &Email, users: BTreeSet<UserId>) -> Result<Option<UserId>, WhyError> {
    match users.len() {
        0 | 1 => Ok(users.into_iter().next()),
        _ => Err(WhyError::Several { email: email.to_string(), users: users.into_iter().collect() }),
    }
}

/// Whether what would become of this user depends on what would become of others.
fn is_limited(seen: &PassDraft, user: &UserId) -> bool {
    let Some(user) = seen.snapshot.user_index.ix(user) else { return false };
    let counts =
        |action: &Action| action.user == user && (action.verb == Verb::Revoke || action.why.cause.is_limited());
    let held = seen.plan.held.iter().filter(|held| !matches!(held.hold, Hold::Protected | Hold::Frozen));
    seen.plan.actions.iter().chain(held.map(|held| &held.action)).any(counts)
}

/// The answer, from what a pass saw. In one piece: gathers the parts of one document.
async fn told(
    context: PassContext<'_>,
    seen: PassDraft,
    user: Option<UserId>,
    account: Presence,
    buyers: &[StoredBuyer],
    ledger: &[LedgerRow],
) -> Result<Explanation, WhyError> {
    let snapshot = &seen.snapshot;
    let now = context.now.as_second();
    let theirs: BTreeSet<BuyerKey> =
        buyers.iter().filter(|one| one.user() == user.as_ref()).map(|one| one.key).collect();
    let scope = Scope::Buyers(theirs.iter().copied().collect());
    // One user, whatever the number: those who are nobody yet get one of their own.
    let product = |key| snapshot.product_ix.get(&key).copied();
    let stand_in = |key| theirs.contains(&key).then_some(UserIx(0));
    let mut purchases = context.store.purchases(&snapshot.catalog, &product, &stand_in, &scope).await?;
    // What is nobody's any more and was theirs last is theirs.
    let me = user.as_ref().and_then(|user| snapshot.user_index.ix(user));
    let mut last = snapshot.last_buyers(context).await?;
    last.retain(|_, of| Some(*of) == me);
    last.values_mut().for_each(|of| *of = UserIx(0));
    purchases.extend(context.store.purchases_for(&snapshot.catalog, &product, &last).await?);
    let statements = statements(&mut purchases, &snapshot.catalog, now);

    let keys: Vec<BuyerKey> = buyers.iter().map(|one| one.key).collect();
    let mut keys = context.store.orders_of_buyers(&keys).await?;
    keys.extend(last.keys());
    let orders = context.store.stored_orders(&keys).await?;
    let bindings = directory::deciding_bindings(&context.config.buyers);
    let waiting = buyers.iter().filter_map(|one| {
        let of: Vec<&StoredOrder> = orders.iter().filter(|order| order.order.buyer == one.buyer).collect();
        let bound = one.buyer.email.as_ref().and_then(|email| bindings.get(email).copied());
        Waiting::new(&one.buyer, one.resolution.as_ref()?, bound, of.len() as u64, &of.first()?.order.id)
    });
    let waiting: Vec<Waiting> = waiting.collect();
    let (desired, actual, plan, names) = match &user {
        Some(_) => {
            let names = seen.names(context, None).await?;
            (seen.wanted, seen.actual, seen.plan, names)
        }
        None => {
            let nobody = Actual { targets: vec![Holding::default(); snapshot.catalog.targets.len()] };
            let names = Names { freezes: snapshot.freezes.clone(), ..Names::default() };
            (desired(&mut purchases, &snapshot.catalog, now), nobody, Plan::default(), names)
        }
    };
    let mut ours = BTreeMap::new();
    for row in ledger {
        ours.extend(snapshot.catalog.find(&row.grant.target).map(|ix| (ix, mine(row))));
    }
    let released: BTreeSet<TargetIx> = context
        .store
        .released(None)
        .await?
        .iter()
        .filter(|grant| Some(&grant.user) == user.as_ref())
        .filter_map(|grant| snapshot.catalog.find(&grant.target))
        .collect();
    let users: Vec<UserId> = user.iter().cloned().collect();
    let foreign: BTreeMap<TargetIx, Timestamp> = context
        .store
        .foreign(Some(&users))
        .await?
        .into_iter()
        .filter_map(|one| Some((snapshot.catalog.find(&one.grant.target)?, one.first_seen)))
        .collect();
    let (orders_now, gone): (Vec<StoredOrder>, Vec<StoredOrder>) =
        orders.iter().cloned().partition(|order| context.names(&order.source));
    let dropped = idle(&gone, |_, _| false);
    let idle = idle(&orders_now, |order, product| {
        let rules = (0..).map(ProductIx).zip(&snapshot.catalog.products);
        let named = |(_, rule): &(ProductIx, &crate::model::Rule)| {
            rule.product.as_str() == product && rule.source.as_ref().is_none_or(|source| *source == order.source)
        };
        rules.filter(named).any(|(_, rule)| !rule.entitlements.is_empty())
    });
    let paid: BTreeMap<OrderKey, Paid> = orders.iter().map(|one| (one.key, paid(one))).collect();
    let emails = buyers.iter().filter_map(|one| one.buyer.email.as_ref()).map(Email::to_string).collect();
    let subject = user.as_ref().map_or(Some(UserIx(0)), |user| snapshot.user_index.ix(user));
    Ok(explain(Facts {
        config: context.origin,
        catalog: &snapshot.catalog,
        desired: &desired,
        actual: &actual,
        plan: &plan,
        names: &names,
        subject: subject.expect("whoever is asked about was looked for in Logto, and so has a rank"),
        user,
        account,
        statements: &statements,
        orders: &paid,
        ours: &ours,
        released: &released,
        foreign: &foreign,
        adopt: context.config.adopt,
        waiting,
        emails,
        idle,
        dropped,
        now: context.now,
    }))
}

/// The orders that name a product which gives nothing.
fn idle(orders: &[StoredOrder], gives: impl Fn(&StoredOrder, &str) -> bool) -> BTreeSet<Idle> {
    let clean = |text: &str| clean(text).into_owned();
    let of = |order: &StoredOrder| -> Vec<Idle> {
        let items = order.order.items.iter().filter(|item| !gives(order, item.product.as_str()));
        let one = |product: &str| Idle {
            order: clean(order.order.id.as_str()),
            source: clean(order.source.as_str()),
            product: clean(product),
        };
        items.map(|item| one(item.product.as_str())).collect()
    };
    orders.iter().flat_map(of).collect()
}

fn paid(order: &StoredOrder) -> Paid {
    Paid {
        order: order.order.id.to_string(),
        source: order.source.to_string(),
        paid_at: order.order.paid_at,
        odd: order.odd.iter().filter(|odd| odd.makes_unknown()).map(ToString::to_string).collect(),
    }
}

/// What the ledger has of a grant, as people read it.
pub(crate) fn mine(row: &LedgerRow) -> Mine {
    let clean = |text: &str| clean(text).into_owned();
    Mine {
        ownership: row.ownership,
        since: row.since,
        run: clean(row.run.as_str()),
        order: clean(row.order.as_str()),
        source: clean(row.source.as_str()),
        product: clean(row.product.as_str()),
        line: row.line,
        commit: clean(&row.commit),
        undone: row.undone,
    }
}
