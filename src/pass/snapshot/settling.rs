//! What earlier versions of the file still ask for, and what the versions of the last days did: in the numbers of a look.
//!
//! Reads the store; writes nothing. Which of it holds what is the planner's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Snapshot;
use crate::model::{
    Catalog, Email, Grant, Lingering, Ownership, Safeguards, TargetEntry, TargetIx, UserId, UserIx, Verb,
};
use crate::pass::{PassContext, skew};
use crate::planner::Safeguard;
use crate::planner::approval::Lifts;
use crate::planner::input::Earlier;
use crate::store::{Cause, LedgerRow, StoreError, StoredBuyer};

/// See the module.
#[derive(Debug)]
pub(super) struct Settling {
    lingering: Vec<Lingering>,
    /// What versions of the file did within the longest delay, turned round.
    undoes: Vec<(Verb, Grant)>,
    /// What a person has settled by letting something through that was held for it, and when last.
    settled: BTreeMap<Loosened, Timestamp>,
}

/// One safeguard that a version of the file has given up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loosened {
    /// The role with this target key.
    Role(String),
    User(UserId),
    Prune,
}

impl Settling {
    pub(super) async fn read(context: PassContext<'_>, ledger: &[LedgerRow]) -> Result<Self, StoreError> {
        let own = context.config.safeguards();
        let now = skew::by_logto(context);
        let lingering = own.lingering(&context.store.versions().await?, now);
        let since = now.checked_sub(own.longest(&lingering)).unwrap_or(Timestamp::MIN);
        let given =
            |row: &&LedgerRow| row.cause == Cause::Commit && row.ownership == Ownership::Granted && row.since > since;
        let given = ledger.iter().filter(given).map(|row| (Verb::Revoke, row.grant.clone()));
        let taken = context.store.taken_by_file(since).await?.into_iter().map(|grant| (Verb::Grant, grant));
        let settled = match lingering.is_empty() {
            true => BTreeMap::new(),
            false => settled(context, since).await?,
        };
        Ok(Self { undoes: given.chain(taken).collect(), settled, lingering })
    }

    /// Until when the last of the versions counts that ask for something which nobody has settled since.
    fn until(&self, what: &Loosened, asks: impl Fn(&Safeguards) -> bool) -> Option<i64> {
        self.open(what).filter(|one| asks(&one.safeguards)).map(|one| one.until.as_second()).max()
    }

    fn open<'a>(&'a self, what: &Loosened) -> impl Iterator<Item = &'a Lingering> + use<'a> {
        let settled = self.settled.get(what).copied();
        self.lingering.iter().filter(move |one| settled.is_none_or(|settled| settled < one.left))
    }

    /// Until when an earlier version protects a user with that address whom the file does not.
    fn covers(&self, own: &Safeguards, user: &UserId, email: &Email) -> Option<i64> {
        if own.protect.covers(email) {
            return None;
        }
        self.until(&Loosened::User(user.clone()), |safeguards| safeguards.protect.covers(email))
    }

    fn roles(&self, catalog: &Catalog) -> BTreeMap<TargetIx, i64> {
        let named = |(target, entry): (TargetIx, &TargetEntry)| {
            let role = Loosened::Role(entry.target.key());
            let asks = |safeguards: &Safeguards| safeguards.protect.roles.iter().any(|role| entry.is_role(role));
            let until = self.until(&role, asks)?;
            (!entry.protected).then_some((target, until))
        };
        catalog.indices().filter_map(named).collect()
    }
}

/// An approval settles what was loosened, for all that it holds.
async fn settled(context: PassContext<'_>, since: Timestamp) -> Result<BTreeMap<Loosened, Timestamp>, StoreError> {
    let [role, user, prune] =
        [Safeguard::Role, Safeguard::User, Safeguard::Prune].map(|one| Lifts::Settling(one).word());
    let mut settled: BTreeMap<Loosened, Timestamp> = BTreeMap::new();
    for (action, at) in context.store.let_through(&[role, user, prune], since).await? {
        let what = match action.lifts {
            lifts if lifts == role => Loosened::Role(action.target),
            lifts if lifts == user => Loosened::User(UserId::from(action.user)),
            _ => Loosened::Prune,
        };
        let known = settled.entry(what).or_insert(at);
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
            let user = self.user_ix.get(&one.key)?;
            let until = settling.covers(&own, self.user_index.id(*user), one.buyer.email.as_ref()?)?;
            Some((*user, until))
        });
        let ids: BTreeSet<_> = settling.lingering.iter().flat_map(|one| &one.safeguards.protect.users).collect();
        let by_id = ids.into_iter().filter(|user| !own.protect.users.contains(user)).filter_map(|user| {
            let named = |safeguards: &Safeguards| safeguards.protect.users.contains(user);
            Some((self.user_index.ix(user)?, settling.until(&Loosened::User(user.clone()), named)?))
        });
        let mut users: BTreeMap<UserIx, i64> = BTreeMap::new();
        for (user, until) in by_email.chain(by_id) {
            let known = users.entry(user).or_insert(until);
            *known = until.max(*known);
        }
        let prune = settling.open(&Loosened::Prune).map(|one| (one.safeguards.prune, one.until.as_second()));
        Earlier {
            prune: prune.collect(),
            limits: settling.lingering.iter().map(|one| one.safeguards.limits.clone()).collect(),
            roles: settling.roles(&self.catalog),
            users,
        }
    }

    /// What takes back what a version of the file did shortly before, as places in this pass.
    pub(super) fn undoes(&self) -> BTreeSet<(Verb, TargetIx, UserIx)> {
        let place = |(verb, grant): &(Verb, Grant)| {
            let (target, user) = self.cell(grant)?;
            Some((*verb, target, user))
        };
        self.settling.undoes.iter().filter_map(place).collect()
    }

    /// Whether any version of the file that counts protects addresses.
    pub(crate) fn protects_addresses(&self, own: &Safeguards) -> bool {
        let lingering = self.settling.lingering.iter().map(|one| &one.safeguards);
        lingering.chain([own]).any(|safeguards| !safeguards.protect.emails.is_empty())
    }

    /// Until when an earlier version protects a user with an address that the file does not protect.
    pub(crate) fn once_protected(&self, own: &Safeguards, user: &UserId, email: &Email) -> Option<i64> {
        self.settling.covers(own, user, email)
    }

    /// The versions of the file before this one that still count.
    pub(crate) fn lingering(&self) -> &[Lingering] {
        &self.settling.lingering
    }
}
