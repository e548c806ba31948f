//! What earlier versions of the file still ask for, and what the versions of the last days did: in the numbers of a look.
//!
//! Reads the store; writes nothing. Which of it holds what is the planner's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Snapshot;
use crate::model::{
    Catalog, Email, Grant, KnownNames, Lingering, ProductIx, Prune, Safeguards, Target, TargetEntry, TargetIx, UserIx,
    Verb,
};
use crate::pass::{PassContext, skew};
use crate::planner::Safeguard;
use crate::planner::approval::Lifts;
use crate::planner::input::Earlier;
use crate::report::messages;
use crate::store::{Mapping, StoreError, StoredBuyer};

/// See the module.
#[derive(Debug)]
pub(super) struct Settling {
    lingering: Vec<Lingering>,
    /// What versions of the file gave lately, and when.
    given: Vec<(Grant, Timestamp)>,
    /// What they took lately.
    taken: Vec<Grant>,
    /// Mappings, by product and target key, that came so lately that what is sold by them is a version's doing: one that
    /// gives away what it should not does so by every sale, until somebody sees it.
    young: BTreeSet<(String, String)>,
    /// What a person has settled by letting something through that was held for it: on which target, and when last.
    settled: BTreeMap<(Safeguard, String), Timestamp>,
}

/// What a version did is taken back outside the limits for so long, or for its delay where that is shorter: a longer one
/// must not open more.
const TAKEN_BACK: SignedDuration = SignedDuration::from_hours(24);

impl Settling {
    /// `mappings`: those that the store knows of.
    pub(super) async fn read(context: PassContext<'_>, mappings: Vec<Mapping>) -> Result<Self, StoreError> {
        let own = context.config.safeguards();
        let now = skew::logto_time(context);
        let lingering = own.lingering(&context.store.versions().await?, now);
        // By when this version came, not by now: what it takes back stays free while a freeze or a person holds it up.
        let entered = context.store.entered(&context.origin.digest).await?.map_or(now, |entered| entered.min(now));
        let since = before(entered, own.delay.min(TAKEN_BACK));
        let given = context.store.given_by_file(since, now).await?;
        let taken = context.store.taken_by_file(since, now).await?;
        let settled = match lingering.iter().map(|one| one.left).min() {
            Some(first) => settled(context, first, now).await?,
            None => BTreeMap::new(),
        };
        let young = young(context, mappings, before(now, own.delay.min(TAKEN_BACK) * 2)).await?;
        Ok(Self { given, taken, settled, lingering, young })
    }

    /// Until when the last of the versions counts that ask for something.
    fn until(&self, asks: impl Fn(&Safeguards) -> bool) -> Option<i64> {
        let asking = self.lingering.iter().filter(|one| asks(&one.safeguards));
        asking.map(|one| one.until.as_second()).max()
    }

    /// Until when an earlier version protects somebody with that address whom the file does not.
    fn covers(&self, own: &Safeguards, email: &Email) -> Option<i64> {
        if own.protect.covers(email) { None } else { self.until(|safeguards| safeguards.protect.covers(email)) }
    }

    fn roles(&self, catalog: &Catalog, known: &KnownNames) -> BTreeMap<TargetIx, i64> {
        let named = |(target, entry): (TargetIx, &TargetEntry)| {
            let until = self.until(|safeguards| safeguards.protect.keeps(entry, known))?;
            (!entry.protected).then_some((target, until))
        };
        catalog.indices().filter_map(named).collect()
    }

    /// What somebody has settled after every version that asks for it was left.
    fn settled(&self, catalog: &Catalog, known: &KnownNames) -> BTreeSet<(Safeguard, TargetIx)> {
        let mut found = BTreeSet::new();
        for ((safeguard, key), at) in &self.settled {
            let Some(target) = Target::from_key(key).and_then(|target| catalog.find(&target)) else { continue };
            let entry = catalog.target(target);
            let asks = |one: &&Lingering| match safeguard {
                Safeguard::Role => one.safeguards.protect.keeps(entry, known),
                Safeguard::User | Safeguard::Prune => true,
            };
            if self.lingering.iter().filter(asks).all(|one| one.left <= *at) {
                found.insert((*safeguard, target));
            }
        }
        found
    }

    /// Whether what was given at an instant may be taken back outside the limits. Not past a version that protected the
    /// role after that, nor where no version before it would have taken anything.
    fn is_to_take(&self, entry: &TargetEntry, known: &KnownNames, given: Timestamp) -> bool {
        let kept = self.lingering.iter().any(|one| one.left > given && one.safeguards.protect.keeps(entry, known));
        let restrained = self.lingering.iter().any(|one| one.safeguards.prune < Prune::Owned);
        let allowed = self.lingering.iter().any(|one| one.left <= given && one.safeguards.prune >= Prune::Owned);
        !kept && (!restrained || allowed)
    }
}

fn before(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Mappings that came after `since`. Those of the first file are nobody's change.
async fn young(
    context: PassContext<'_>,
    mut mappings: Vec<Mapping>,
    since: Timestamp,
) -> Result<BTreeSet<(String, String)>, StoreError> {
    mappings.retain(|mapping| mapping.since > since);
    if mappings.is_empty() {
        return Ok(BTreeSet::new());
    }
    let Some(first) = context.store.first_full_pass().await? else { return Ok(BTreeSet::new()) };
    mappings.retain(|mapping| mapping.since > first);
    Ok(mappings.into_iter().map(|mapping| (mapping.product, mapping.target)).collect())
}

/// An approval settles what was loosened on a target: that a role is given, and that what ends is taken. Who is protected
/// is looked at one by one, and so is what nobody bought.
async fn settled(
    context: PassContext<'_>,
    since: Timestamp,
    now: Timestamp,
) -> Result<BTreeMap<(Safeguard, String), Timestamp>, StoreError> {
    let kinds = [(Safeguard::Role, Verb::Grant), (Safeguard::Prune, Verb::Revoke)];
    let words = kinds.map(|(safeguard, _)| Lifts::Settling(safeguard).word());
    let mut settled: BTreeMap<(Safeguard, String), Timestamp> = BTreeMap::new();
    for (action, at) in context.store.let_through(&words, before(since, SignedDuration::from_millis(1)), now).await? {
        let of = |(safeguard, verb): &(Safeguard, Verb)| {
            Lifts::Settling(*safeguard).word() == action.lifts && messages::verb(*verb) == action.verb
        };
        let Some((safeguard, _)) = kinds.into_iter().find(of) else { continue };
        let known = settled.entry((safeguard, action.target)).or_insert(at);
        *known = at.max(*known);
    }
    Ok(settled)
}

impl Snapshot {
    /// What earlier versions of the file ask for beyond this one.
    pub(super) fn earlier(&self, context: PassContext<'_>, buyers: &[StoredBuyer]) -> Earlier {
        let own = context.config.safeguards();
        let settling = &self.settling;
        if settling.lingering.is_empty() {
            return Earlier::default();
        }
        let by_email = buyers.iter().filter_map(|one| {
            let until = settling.covers(&own, one.buyer.email.as_ref()?)?;
            Some((*self.user_ix.get(&one.key)?, until))
        });
        let ids: BTreeSet<_> = settling.lingering.iter().flat_map(|one| &one.safeguards.protect.users).collect();
        let by_id = ids.into_iter().filter(|user| !own.protect.users.contains(user)).filter_map(|user| {
            let until = settling.until(|safeguards| safeguards.protect.users.contains(user))?;
            Some((self.user_index.ix(user)?, until))
        });
        let mut earlier = Earlier {
            prune: settling.lingering.iter().map(|one| (one.safeguards.prune, one.until.as_second())).collect(),
            limits: settling.lingering.iter().map(|one| one.safeguards.limits.clone()).collect(),
            roles: settling.roles(&self.catalog, context.names),
            users: BTreeMap::new(),
            settled: settling.settled(&self.catalog, context.names),
        };
        earlier.protect(by_email.chain(by_id));
        earlier
    }

    /// What takes back what a version of the file did shortly before, as places in this pass.
    pub(super) fn undoes(&self, known: &KnownNames) -> BTreeSet<(Verb, TargetIx, UserIx)> {
        let take = self.settling.given.iter().filter_map(|(grant, at)| {
            let (target, user) = self.cell(grant)?;
            self.settling.is_to_take(self.catalog.target(target), known, *at).then_some((Verb::Revoke, target, user))
        });
        let give = self.settling.taken.iter().filter_map(|grant| {
            let (target, user) = self.cell(grant)?;
            Some((Verb::Grant, target, user))
        });
        take.chain(give).collect()
    }

    /// Whether any version of the file that counts protects addresses.
    pub(crate) fn protects_addresses(&self, own: &Safeguards) -> bool {
        let lingering = self.settling.lingering.iter().map(|one| &one.safeguards);
        lingering.chain([own]).any(|safeguards| !safeguards.protect.emails.is_empty())
    }

    /// Until when an earlier version protects a user with an address that the file does not protect.
    pub(crate) fn once_protected(&self, own: &Safeguards, email: &Email) -> Option<i64> {
        self.settling.covers(own, email)
    }

    /// Mappings that came lately, by what is sold and what it gives.
    pub(crate) fn young(&self) -> BTreeSet<(ProductIx, TargetIx)> {
        let mut young = BTreeSet::new();
        if self.settling.young.is_empty() {
            return young;
        }
        for (product, rule) in (0..).map(ProductIx).zip(&self.catalog.products) {
            let lately = |target: &TargetIx| {
                let target = self.catalog.target(*target).target.key();
                self.settling.young.contains(&(rule.key(), target))
            };
            let targets = rule.entitlements.iter().map(|entitlement| entitlement.target);
            young.extend(targets.filter(lately).map(|target| (product, target)));
        }
        young
    }

    /// The versions of the file before this one that still count.
    pub(crate) fn lingering(&self) -> &[Lingering] {
        &self.settling.lingering
    }
}
