//! What stays the same between the two plans of a pass: the widened catalog, the users, what is ours.
//!
//! Reads the store; asks neither Logto nor a payment API, and writes nothing.

mod foreign;
mod mapped;
mod settling;
mod turned;
mod usage;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::SignedDuration;

use super::observe::Observed;
use super::{PassContext, PassScope};
use crate::model::users::UserIndex;
use crate::model::{
    Catalog, Email, Grant, KnownNames, ProductIx, Protect, Rule, SourceName, Target, TargetIx, UserId, UserIx,
};
use crate::planner::desired::{Desired, State, desired};
use crate::planner::input::{
    Actual, Coverage, Freeze, LedgerTrust, LedgerView, LimitUsage, OwnedGrant, PlanConstraints, Rules,
};
use crate::planner::{Intent, PlanInput, Verify};
use crate::report::FreezeView;
use crate::store::{self, BuyerKey, FreezeScope, LedgerRow, ProductKey, Scope, StoreError, StoredBuyer};
use crate::text::clean;
use foreign::ByHand;
use settling::Settling;
use usage::Usage;

pub use foreign::Noted;
pub(crate) use foreign::{is_taken_over, paid_for};
pub(crate) use turned::owners;

/// The file's catalog, and what only the ledger still knows: targets that no product gives any more, whose
/// grants are still ours, and the products that gave them. `names`: what names stood for last.
pub fn widen(catalog: &Catalog, ledger: &[LedgerRow], protect: &Protect, names: &KnownNames) -> Catalog {
    let known: BTreeSet<&Target> = catalog.targets.iter().map(|entry| &entry.target).collect();
    let gone: BTreeSet<&Target> =
        ledger.iter().map(|row| &row.grant.target).filter(|target| !known.contains(target)).collect();
    let mut wide = catalog.clone();
    wide.add_targets(gone.into_iter().cloned(), protect, names);
    let known: BTreeSet<(&str, Option<&str>)> = catalog
        .products
        .iter()
        .map(|rule| (rule.product.as_str(), rule.source.as_ref().map(SourceName::as_str)))
        .collect();
    let gone: BTreeSet<(&str, &str)> = ledger
        .iter()
        .map(|row| (row.product.as_str(), row.source.as_str()))
        .filter(|(product, source)| !known.contains(&(product, None)) && !known.contains(&(product, Some(source))))
        .collect();
    wide.products.extend(gone.into_iter().map(|(product, source)| Rule::unmapped(product.into(), source.into())));
    wide
}

/// How often somebody else must have undone a grant before it is left alone.
const UNDONE_TWICE: u32 = 2;
/// A revocation that was asked for within this counts for the limits.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// After that long without being undone, a grant is given again.
const RESTLESS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What stays the same between the two plans of a pass.
pub struct Snapshot {
    /// The file's catalog and what only the ledger still knows.
    pub catalog: Catalog,
    /// The users of this pass.
    pub user_index: UserIndex,
    /// Whether the ledger has seen a whole pass.
    age: LedgerTrust,
    ledger_view: LedgerView,
    /// What is ours because of orders of sources that the file does not name, each with that source.
    dropped: BTreeMap<(TargetIx, UserIx), SourceName>,
    /// Whether the store has seen a whole pass by the rules of this program.
    rules: Rules,
    scope: Scope,
    /// The product of each product row of the store.
    pub product_ix: HashMap<ProductKey, ProductIx>,
    user_ix: HashMap<BuyerKey, UserIx>,
    by_hand: ByHand,
    settling: Settling,
    usage: Usage,
    /// See [`PlannedPass`](super::PlannedPass).
    pub(super) new_sources: BTreeSet<SourceName>,
    /// Our writes whose outcome is not known yet.
    open: Vec<(Grant, Intent)>,
    /// What is stopped: by whom, why, and until when.
    pub freezes: Vec<FreezeView>,
}

impl Snapshot {
    /// Puts together what a pass knows before it plans. In one piece: gathers the parts of one value.
    pub async fn new(
        context: PassContext<'_>,
        span: &PassScope,
        mut catalog: Catalog,
        buyers: &[StoredBuyer],
        ledger: &[LedgerRow],
        observed: &Observed,
    ) -> Result<Self, StoreError> {
        let holders = observed.targets.iter().flat_map(|seen| seen.holders.iter().chain(&seen.asked));
        let owners = ledger.iter().map(|row| &row.grant.user);
        let open = context.store.intents().await?;
        // Whoever was put out and held nothing of ours is named there alone.
        let asked = open.iter().map(|(grant, _)| &grant.user);
        let user_index: UserIndex =
            holders.chain(owners).chain(asked).chain(buyers.iter().filter_map(StoredBuyer::user)).cloned().collect();
        let age = match context.store.last_full_pass().await? {
            Some(_) => LedgerTrust::Seasoned,
            None => LedgerTrust::Fresh,
        };
        // A ledger that has seen no full pass has seen no commit either.
        let (mut mappings, mut new_sources) = (Vec::new(), BTreeSet::new());
        if age == LedgerTrust::Seasoned {
            mappings = context.store.mappings().await?;
            new_sources = mapped::new_sources(context).await?;
            if !new_sources.is_empty() {
                mappings.iter_mut().for_each(|mapping| mapping.settled = false);
            }
            mapped::note_new_mappings(context, &mut catalog, &mappings).await?;
        }
        let by_name = products_by_name(&catalog);
        let find = |product: &str, source: &str| find(&by_name, product, source);
        let product_ix = product_ix(context, &catalog).await?;
        let user_ix = buyers.iter().filter_map(|one| Some((one.key, user_index.ix(one.user()?)?))).collect();
        let ledger_view = ledger_view(&catalog, &user_index, ledger, find);
        let dropped = dropped(context, &catalog, &user_index, ledger);
        let rules = context.store.rules().await?.map_or(Rules::NEW, Rules);
        let scope = match span {
            PassScope::Full => Scope::All,
            PassScope::Quick(_) => Scope::Buyers(buyers.iter().map(|buyer| buyer.key).collect()),
        };
        drop(by_name);
        let by_hand = ByHand::read(context, span, user_index.ids(), ledger).await?;
        let settling = Settling::read(context, mappings).await?;
        let freezes = context.store.freezes(context.now).await?.into_iter().map(freeze_view).collect();
        Ok(Self {
            catalog,
            user_index,
            age,
            ledger_view,
            dropped,
            rules,
            scope,
            product_ix,
            user_ix,
            by_hand,
            settling,
            usage: Usage::Unasked,
            new_sources,
            open,
            freezes,
        })
    }

    /// What should be, by the orders that the store has now.
    pub async fn desired(&self, context: PassContext<'_>) -> Result<Desired, StoreError> {
        let product = |key| self.product_ix.get(&key).copied();
        let user = |key| self.user_ix.get(&key).copied();
        let mut purchases = context.store.purchases(&self.catalog, &product, &user, &self.scope).await?;
        let last = self.last_buyers(context).await?;
        if !last.is_empty() {
            purchases.extend(context.store.purchases_for(&self.catalog, &product, &last).await?);
        }
        let mut wanted = desired(&mut purchases, &self.catalog, context.now.as_second());
        self.note_moved(context, &mut wanted, &purchases).await?;
        Ok(wanted)
    }

    /// What is, by what was seen.
    pub fn actual(&self, observed: &Observed) -> Actual {
        Actual { targets: observed.targets.iter().map(|seen| seen.holding(&self.user_index)).collect() }
    }

    /// What the planner looks at.
    pub fn input<'a>(
        &'a self,
        desired: &'a Desired,
        actual: &'a Actual,
        constraints: &'a PlanConstraints,
    ) -> PlanInput<'a> {
        PlanInput { catalog: &self.catalog, desired, actual, ledger: &self.ledger_view, constraints }
    }

    /// Who is expected and was not seen: whatever is ours, and where the walk lost rows whoever is entitled.
    pub fn doubtful(&self, desired: &Desired, observed: &Observed) -> BTreeMap<TargetIx, BTreeSet<UserId>> {
        let mut doubtful: BTreeMap<TargetIx, BTreeSet<UserId>> = BTreeMap::new();
        for (ix, _) in self.catalog.indices() {
            let seen = &observed.targets[ix.at()];
            let lossy = matches!(seen.coverage, Coverage::Partial { .. });
            let readable = lossy || seen.coverage == Coverage::Whole;
            let owned = self.ledger_view.targets[ix.at()].iter().map(|owned| owned.user);
            let entitled = desired.targets[ix.at()].iter().filter(|claim| lossy && claim.state == State::Entitled);
            let unseen: BTreeSet<UserId> = owned
                .chain(entitled.map(|claim| claim.user))
                .chain(self.unseen_foreign(desired, ix, seen))
                .map(|user| self.user_index.id(user))
                .filter(|user| readable && !seen.holders.contains(*user) && !seen.asked.contains(*user))
                .cloned()
                .collect();
            if !unseen.is_empty() {
                doubtful.insert(ix, unseen);
            }
        }
        doubtful
    }

    /// Whom `verify` wants asked for by id, but for those who were already: a quick pass asks for everybody.
    pub fn holders(&self, verify: &Verify, observed: &Observed) -> BTreeMap<TargetIx, BTreeSet<UserId>> {
        let mut holders: BTreeMap<TargetIx, BTreeSet<UserId>> = BTreeMap::new();
        for (target, user) in &verify.holders {
            let user = self.user_index.id(*user);
            if !observed.targets[target.at()].asked.contains(user) {
                holders.entry(*target).or_default().insert(user.clone());
            }
        }
        holders
    }

    /// What is allowed.
    pub async fn constraints(
        &self,
        context: PassContext<'_>,
        buyers: &[StoredBuyer],
    ) -> Result<PlanConstraints, StoreError> {
        let protect = &context.config.protect;
        let by_email = buyers
            .iter()
            .filter(|one| one.buyer.email.as_ref().is_some_and(|email| protect.covers(email)))
            .filter_map(|one| self.user_ix.get(&one.key).copied());
        let by_id = protect.users.iter().filter_map(|user| self.user_index.ix(user));
        let mut protected: Vec<UserIx> = by_email.chain(by_id).collect();
        protected.sort_unstable();
        protected.dedup();
        // A product that any source may sell is blind when one source is.
        let of = |sources: &BTreeSet<SourceName>| -> BTreeSet<ProductIx> {
            let sold_there = |rule: &Rule| match &rule.source {
                Some(source) => sources.contains(source),
                None => !sources.is_empty(),
            };
            let products = (0..).map(ProductIx).zip(&self.catalog.products);
            products.filter(|(_, rule)| sold_there(rule)).map(|(ix, _)| ix).collect()
        };
        let named = |source: &SourceName| context.sources.iter().any(|one| one.name() == source);
        let unclear = context.store.unclear_sources().await?.into_iter().filter(named).collect();
        let open = self.open.iter().filter_map(|(grant, intent)| Some((self.cell(grant)?, *intent))).collect();
        let counted = self.cells(&context.store.revocations_asked_since(context.now - DAY).await?);
        let flapping = context.store.flapping(UNDONE_TWICE, context.now - RESTLESS).await?;
        Ok(PlanConstraints {
            protected,
            blind: of(context.unread),
            unclear: of(&unclear),
            freeze: FreezeView::strongest(&self.freezes).map_or(Freeze::Nothing, |freeze| freeze.stops),
            flapping: self.cells(&flapping),
            open,
            counted,
            released: self.cells(&context.store.released(self.scoped_users()).await?),
            rules: self.rules,
            earlier: self.earlier(context, buyers),
            undoes: self.undoes(context.names),
            ..PlanConstraints::new(context.config.prune, context.config.limits.clone(), self.age)
        })
    }

    /// Whom a quick pass is about; nobody in particular where it is a full one.
    fn scoped_users(&self) -> Option<&[UserId]> {
        match &self.scope {
            Scope::All => None,
            Scope::Buyers(_) => Some(self.user_index.ids()),
        }
    }

    /// The grant at a place in this pass.
    pub(super) fn grant(&self, (target, user): (TargetIx, UserIx)) -> Grant {
        Grant { user: self.user_index.id(user).clone(), target: self.catalog.target(target).target.clone() }
    }

    /// Grants as places in this pass. What it does not speak of is left out.
    fn cells(&self, grants: &[Grant]) -> BTreeSet<(TargetIx, UserIx)> {
        grants.iter().filter_map(|grant| self.cell(grant)).collect()
    }

    fn cell(&self, grant: &Grant) -> Option<(TargetIx, UserIx)> {
        Some((self.catalog.find(&grant.target)?, self.user_index.ix(&grant.user)?))
    }

    /// The addresses that orders gave.
    pub fn emails(&self, buyers: &[StoredBuyer]) -> BTreeMap<UserIx, Email> {
        let email = |one: &StoredBuyer| Some((*self.user_ix.get(&one.key)?, one.buyer.email.clone()?));
        buyers.iter().filter_map(email).collect()
    }
}

/// A freeze, as a plan carries it.
pub(crate) fn freeze_view(freeze: store::Freeze) -> FreezeView {
    let store::Freeze { scope, since, until, reason, who } = freeze;
    let stops = match scope {
        FreezeScope::Revocations => Freeze::Revocations,
        FreezeScope::All => Freeze::Everything,
    };
    FreezeView { stops, since, until, reason: clean(&reason).into_owned(), who: clean(&who).into_owned() }
}

/// Where each product that an order ever named stands in the catalog. What the catalog lacks is left out, and so
/// is what was sold by a source that the file does not name: orders of such a source entitle to nothing.
pub(crate) async fn product_ix(
    context: PassContext<'_>,
    catalog: &Catalog,
) -> Result<HashMap<ProductKey, ProductIx>, StoreError> {
    let by_name = products_by_name(catalog);
    let known = context.store.products().await?;
    Ok(known
        .into_iter()
        .filter(|one| context.names(&one.source))
        .filter_map(|one| Some((one.key, find(&by_name, one.id.as_str(), one.source.as_str())?)))
        .collect())
}

type ByName<'a> = HashMap<(&'a str, Option<&'a str>), ProductIx>;

fn products_by_name(catalog: &Catalog) -> ByName<'_> {
    let ix = |at| ProductIx(u16::try_from(at).expect("`check` refuses more than 65,000 products"));
    catalog
        .products
        .iter()
        .enumerate()
        .map(|(at, rule)| ((rule.product.as_str(), rule.source.as_ref().map(SourceName::as_str)), ix(at)))
        .collect()
}

/// A rule for one source goes before one for any.
fn find(by_name: &ByName<'_>, product: &str, source: &str) -> Option<ProductIx> {
    by_name.get(&(product, Some(source))).or_else(|| by_name.get(&(product, None))).copied()
}

/// What is ours because of orders of sources that the file does not name.
fn dropped(
    context: PassContext<'_>,
    catalog: &Catalog,
    user_index: &UserIndex,
    ledger: &[LedgerRow],
) -> BTreeMap<(TargetIx, UserIx), SourceName> {
    let named: BTreeSet<&SourceName> = context.config.sources.iter().map(|source| &source.name).collect();
    let rows = ledger.iter().filter(|row| !named.contains(&row.source));
    let cell = |row: &LedgerRow| Some((catalog.find(&row.grant.target)?, user_index.ix(&row.grant.user)?));
    rows.filter_map(|row| Some((cell(row)?, row.source.clone()))).collect()
}

fn ledger_view(
    catalog: &Catalog,
    user_index: &UserIndex,
    ledger: &[LedgerRow],
    product: impl Fn(&str, &str) -> Option<ProductIx>,
) -> LedgerView {
    let mut ledger_view = LedgerView {
        targets: vec![Vec::new(); catalog.targets.len()],
        tally: vec![LimitUsage::default(); catalog.targets.len()],
    };
    for row in ledger {
        let place = (catalog.find(&row.grant.target), user_index.ix(&row.grant.user));
        if let ((Some(target), Some(user)), Some(product)) = (place, product(row.product.as_str(), row.source.as_str()))
        {
            ledger_view.targets[target.at()].push(OwnedGrant {
                user,
                order: row.order_key,
                product,
                ownership: row.ownership,
            });
        }
    }
    for run in &mut ledger_view.targets {
        run.sort_unstable_by_key(|owned| owned.user);
    }
    ledger_view
}
