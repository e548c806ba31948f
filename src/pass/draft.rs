//! What a pass knows once it has looked and planned, and how that is put into words.
//!
//! Reads the store and asks Logto; writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::approved::Approved;
use super::observe::Observed;
use super::snapshot::{Noted, Snapshot};
use super::{Looked, PassContext, PassError};
use super::{day, skew};
use crate::logto::LogtoError;
use crate::model::users::UserIndex;
use crate::model::{Catalog, Email, Grant, OrderKey, ProductIx, RunId, SourceName, TargetIx, UserId, UserIx};
use crate::planner::desired::{Claim, Desired, State};
use crate::planner::input::{Actual, PlanConstraints};
use crate::planner::{Action, Cause, Hold, Plan, Verb, Whose};
use crate::report::{Dropped, Names, OrderName, PlanDocument, Settling, Waiting, view};
use crate::source::Source;
use crate::store::{ApprovedAction, Author, BuyerKey, KnownSource, Store, StoreError, StoredBuyer};

/// What a pass saw and wants.
#[derive(Debug)]
pub struct PlannedPass {
    /// The plan, in numbers.
    pub plan: Plan,
    /// The plan, in words.
    pub view: PlanDocument,
    /// The catalog with the products and targets that only the ledger knows.
    pub catalog: Catalog,
    /// The users of whom this pass knows something.
    pub user_index: UserIndex,
    /// Whom it was about.
    pub looked: Looked,
    /// Who should hold each target of the catalog.
    pub entitled: Vec<Vec<UserIx>>,
    /// Buyers who wait for a person to say which account is theirs.
    pub ambiguous: BTreeSet<BuyerKey>,
    /// The orders that the plan speaks of.
    pub orders: BTreeMap<OrderKey, OrderName>,
    /// Targets that could not be read, and why.
    pub troubles: Vec<(String, LogtoError)>,
    /// The next instant at which an entitlement or a grace ends by itself.
    pub next_change: Option<Timestamp>,
    /// What the next pass must know of grants that are not ours.
    pub noted: Noted,
    /// What somebody let through that is part of the plan now.
    pub approvals: Vec<ApprovedAction>,
    /// Sources that no full pass has read where they are read now, or that the last one went without, on a ledger that
    /// has seen one: what is theirs came by a commit.
    pub(super) new_sources: BTreeSet<SourceName>,
    /// When it looked.
    pub(super) at: Timestamp,
    /// The same by Logto's clock where ours is ahead of it: a grant must not seem younger than it is.
    pub(super) seen_at: Timestamp,
    /// The same by Logto's clock whichever is ahead: from then on, what a version loosens waits.
    pub(super) settles_from: Timestamp,
    /// Mappings that came lately.
    pub(super) young: BTreeSet<(ProductIx, TargetIx)>,
    /// Calls to Logto before the pass began.
    pub(super) calls_before: u64,
}

impl PlannedPass {
    /// The grant that an index into the catalog and one into the users name.
    pub fn grant(&self, target: TargetIx, user: UserIx) -> Grant {
        Grant { user: self.user_index.id(user).clone(), target: self.catalog.target(target).target.clone() }
    }

    /// How a version of the file is behind a change.
    pub(super) fn author(&self, action: &Action) -> Option<Author> {
        if self.plan.undone.contains(&(action.verb, action.target, action.user)) {
            return Some(Author::Undo);
        }
        let sold = action.why.product.is_some_and(|product| self.young.contains(&(product, action.target)));
        (action.why.is_by_file(action.verb) || (action.verb == Verb::Grant && action.why.cause == Cause::Sale && sold))
            .then_some(Author::File)
    }

    /// Leaves of the plan only what was sold: what takes something away, or what a commit gives, counts for limits
    /// that another plan may be using up just now. Returns how many changes are not part of it any more.
    pub fn keep_sales(&mut self) -> usize {
        let is_sale = |action: &Action| action.verb == Verb::Grant && !action.why.cause.is_limited();
        let actions = &self.plan.actions;
        // A role needs the membership that goes before it.
        let partly: BTreeSet<UserIx> =
            actions.iter().filter(|one| one.verb == Verb::Grant && !is_sale(one)).map(|one| one.user).collect();
        let keep: Vec<bool> = actions.iter().map(|one| is_sale(one) && !partly.contains(&one.user)).collect();
        let before = keep.len();
        let mut kept = keep.iter();
        self.plan.actions.retain(|_| kept.next().is_some_and(|keep| *keep));
        let mut kept = keep.iter();
        self.view.changes.retain(|_| kept.next().is_some_and(|keep| *keep));
        before - self.plan.actions.len()
    }

    /// Leaves of the plan only what is to be done for these users. Returns how many changes are not part of it any more.
    pub fn keep_users(&mut self, users: &BTreeSet<UserId>) -> usize {
        let (index, view) = (&self.user_index, &mut self.view);
        let deeds = |view: &PlanDocument| view.changes.len() + view.adoptions.len() + view.releases.len();
        let before = deeds(view);
        for actions in [&mut self.plan.actions, &mut self.plan.adopt, &mut self.plan.release] {
            actions.retain(|action| users.contains(index.id(action.user)));
        }
        for changes in [&mut view.changes, &mut view.adoptions, &mut view.releases] {
            changes.retain(|change| users.contains(&change.user));
        }
        view.users.retain(|block| users.contains(&block.user));
        let of = |verb: &str| view.changes.iter().filter(|change| change.action == verb).count() as u64;
        (view.summary.grants, view.summary.revocations) = (of("grant"), of("revoke"));
        view.summary.adoptions = view.adoptions.len() as u64;
        view.summary.releases = view.releases.len() as u64;
        before - deeds(view)
    }
}

/// A plan, and what it was made from.
pub(crate) struct PassDraft {
    pub(crate) snapshot: Snapshot,
    pub(crate) plan: Plan,
    pub(crate) looked: Looked,
    pub(crate) wanted: Desired,
    pub(crate) actual: Actual,
    pub(crate) observed: Observed,
    pub(crate) buyers: Vec<StoredBuyer>,
    pub(crate) approvals: Vec<ApprovedAction>,
    pub(crate) calls_before: u64,
}

impl PassDraft {
    /// The plan in words. `undoes`: the run that it takes back, where it is such a plan.
    pub(crate) async fn planned(
        self,
        context: PassContext<'_>,
        waiting: Vec<(BuyerKey, Waiting)>,
        undoes: Option<RunId>,
    ) -> Result<PlannedPass, PassError> {
        let names = self.names(context, undoes).await?;
        let Self { snapshot, plan, looked, wanted, actual, observed, approvals, calls_before, .. } = self;
        let ambiguous = waiting.iter().filter(|(_, one)| one.is_held()).map(|(buyer, _)| *buyer).collect();
        let waiting = waiting.into_iter().map(|(_, one)| one).collect();
        let view = view(&plan, &snapshot.catalog, &actual, &names, waiting, wanted.unknown, context.origin.clone());
        let noted = snapshot.noted(&wanted, &actual, &observed, &plan);
        let (next_change, young) = (next_change(&plan, &wanted), snapshot.young());
        Ok(PlannedPass {
            plan,
            view,
            noted,
            user_index: snapshot.user_index,
            looked,
            entitled: entitled(&wanted),
            ambiguous,
            orders: names.orders,
            troubles: observed.troubles,
            next_change: next_change.and_then(|at| Timestamp::from_second(at).ok()),
            catalog: snapshot.catalog,
            approvals,
            new_sources: snapshot.new_sources,
            at: context.now,
            seen_at: skew::by_logto(context),
            settles_from: skew::logto_time(context),
            young,
            calls_before,
        })
    }

    /// What rests on orders of sources that the file no longer has, also where other orders entitle to it. A quick
    /// look, which knows of some users only, does not count.
    async fn dropped(&self, context: PassContext<'_>) -> Result<Vec<Dropped>, StoreError> {
        if !self.snapshot.is_of_all() {
            return Ok(Vec::new());
        }
        let named = |source: &SourceName| {
            context.config.sources.iter().any(|one| one.name == *source || one.was.contains(source))
        };
        let mut rests = context.store.owned_by_source().await?;
        rests.retain(|(source, _)| !named(source));
        if rests.is_empty() {
            return Ok(Vec::new());
        }
        let known = context.store.sources().await?;
        let one = |(source, grants): (SourceName, u64)| {
            let known = known.iter().find(|known| known.name == source);
            Dropped::new(&source, grants, known.and_then(|known| twin(context, known)))
        };
        Ok(rests.into_iter().map(one).collect())
    }

    /// What turns the numbers of the plan back into names.
    pub(crate) async fn names(&self, context: PassContext<'_>, undoes: Option<RunId>) -> Result<Names, PassError> {
        Ok(Names {
            users: self.snapshot.user_index.ids().to_vec(),
            emails: self.snapshot.emails(&self.buyers),
            orders: order_names(context.store, &self.plan).await?,
            freezes: self.snapshot.freezes.clone(),
            dropped: self.dropped(context).await?,
            unread: context.unread.iter().cloned().collect(),
            settling: Settling::of(&context.config.safeguards(), self.snapshot.lingering()),
            lifts_at: day::lifts_at(context, &self.plan, &self.snapshot).await?,
            undoes,
        })
    }
}

fn entitled(wanted: &Desired) -> Vec<Vec<UserIx>> {
    let of = |claims: &Vec<Claim>| {
        claims.iter().filter(|claim| claim.state == State::Entitled).map(|claim| claim.user).collect()
    };
    wanted.targets.iter().map(of).collect()
}

/// When something ends by itself next: an entitlement, a grace, or what an earlier version of the file forbids.
fn next_change(plan: &Plan, wanted: &Desired) -> Option<i64> {
    let settles = plan.held.iter().filter_map(|held| match held.hold {
        Hold::Settling(_, until) => Some(until + 1),
        _ => None,
    });
    settles.chain(wanted.next_change).min()
}

/// The source of the file that is read where this one was.
fn twin<'a>(context: PassContext<'a>, known: &KnownSource) -> Option<&'a SourceName> {
    let addresses = context.config.sources.iter().map(|source| (&source.name, source.address()));
    let mut there = addresses.filter(|(_, address)| known.address.as_ref() == Some(address));
    let by_address = there.next().map(|(name, _)| name);
    // A source whose settings are not numbered has the number 0.
    let alike = |source: &&Source| known.reading.is_some_and(|reading| reading != 0 && reading == source.reading());
    by_address.or_else(|| context.sources.iter().find(alike).map(Source::name))
}

/// Plans, and plans again with what only a plan tells: whether the limits are asked at all, whom `protect` covers by
/// an address that no order has, and what somebody has let through. That comes with the plan.
pub(crate) async fn gated(
    context: PassContext<'_>,
    snapshot: &mut Snapshot,
    undoes: Option<&RunId>,
    constraints: &mut PlanConstraints,
    planner: impl Fn(&Snapshot, &PlanConstraints) -> Plan,
) -> Result<(Plan, Approved), PassError> {
    let mut planned = planner(snapshot, constraints);
    if snapshot.read_usage(context, &planned).await? {
        planned = planner(snapshot, constraints);
    }
    let shielded = shielded(context, snapshot, &planned).await?;
    if !shielded.is_empty() {
        // Before anything is let through or verified: without them the rest may fit into the limits.
        constraints.protect(shielded.iter().filter(|(_, until)| until.is_none()).map(|(user, _)| *user));
        constraints.earlier.protect(shielded.into_iter().filter_map(|(user, until)| Some((user, until?))));
        planned = planner(snapshot, constraints);
    }
    let approved = Approved::read(context, snapshot, undoes, constraints).await?;
    if !approved.is_empty() {
        planned = planner(snapshot, constraints);
    }
    Ok((planned, approved))
}

/// Those from whom something would be taken and who have a protected address in Logto: who bought with
/// another one, or bought nothing at all, is known to no order by it. With until when, where only an earlier version of
/// the file protects it.
async fn shielded(
    context: PassContext<'_>,
    snapshot: &Snapshot,
    plan: &Plan,
) -> Result<Vec<(UserIx, Option<i64>)>, PassError> {
    let own = context.config.safeguards();
    if !snapshot.protects_addresses(&own) {
        return Ok(Vec::new());
    }
    let wanted = plan.actions.iter().chain(plan.held.iter().map(|held| &held.action));
    let losers: BTreeSet<UserIx> =
        wanted.filter(|action| action.verb == Verb::Revoke).map(|action| action.user).collect();
    let losers: Vec<UserId> = losers.into_iter().map(|user| snapshot.user_index.id(user).clone()).collect();
    let emails = context.reader.emails_of(&losers).await?;
    let shield = |(user, email): (&UserId, &Email)| {
        let until = snapshot.once_protected(&own, email);
        let user = snapshot.user_index.ix(user)?;
        (until.is_some() || own.protect.covers(email)).then_some((user, until))
    };
    Ok(emails.iter().filter_map(shield).collect())
}

async fn order_names(store: &Store, plan: &Plan) -> Result<BTreeMap<OrderKey, OrderName>, PassError> {
    let held = plan.held.iter().map(|held| &held.action);
    let clocks = plan.held.iter().filter_map(|held| match held.hold {
        Hold::ClockDoubtful(off) => match off.whose {
            Whose::SourceOf(order) => Some(order),
            Whose::Logto => None,
        },
        _ => None,
    });
    let keys: BTreeSet<OrderKey> = plan
        .actions
        .iter()
        .chain(&plan.adopt)
        .chain(&plan.release)
        .chain(&plan.follows)
        .chain(held)
        .filter_map(|action| action.why.order)
        .chain(clocks)
        .collect();
    let keys: Vec<OrderKey> = keys.into_iter().collect();
    let orders = store.stored_orders(&keys).await?;
    Ok(orders.into_iter().map(|one| (one.key, OrderName { source: one.source, id: one.order.id })).collect())
}
