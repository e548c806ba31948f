//! Gathers who holds one target, whose each grant is, and which order is behind it.
//!
//! Walks that target alone, and asks by id about those who should hold it and were not seen. Never writes to
//! Logto; what it keeps in the store is who buyers are.

use std::collections::{BTreeMap, BTreeSet};

use super::explain::mine;
use super::snapshot::{is_taken_over, paid_for, product_ix, widen};
use super::{PassContext, PassError, PassScope, buyers, observe};
use crate::logto::name_forgotten;
use crate::model::users::UserIndex;
use crate::model::{Adopt, Catalog, OrderKey, Target, TargetIx, UserId, UserIx};
use crate::planner::desired::{State, desired};
use crate::planner::input::Coverage;
use crate::report::{Holder, Holders, Owner, messages};
use crate::store::{BuyerKey, ForeignGrant, LedgerRow, Scope, StoredBuyer};
use crate::text::clean;

/// Who holds `target` now. `None` where neither the file nor the ledger has that target. In one piece: gathers the
/// parts of one document.
pub async fn who_has(context: PassContext<'_>, target: &Target) -> Result<Option<Holders>, PassError> {
    let mut ledger = context.store.ledger(None).await?;
    ledger.retain(|row| row.grant.target == *target);
    let mut catalog = widen(context.catalog, &ledger, &context.config.protect, context.names);
    let forgotten = catalog.targets.iter_mut().filter(|entry| context.catalog.find(&entry.target).is_none());
    name_forgotten(context.reader, forgotten, &context.config.protect, context.names).await?;
    let Some(ix) = catalog.find(target) else { return Ok(None) };
    let entry = catalog.target(ix);
    let alone = Catalog { targets: vec![entry.clone()], ..Catalog::default() };
    let mut observed = observe::walk(context.reader, &alone, context.progress).await?;
    if let Some((_, error)) = observed.troubles.pop() {
        return Err(error.into());
    }
    let ours: BTreeMap<&UserId, &LedgerRow> = ledger.iter().map(|row| (&row.grant.user, row)).collect();
    let seen = &observed.targets[0].holders;
    let unseen: BTreeSet<UserId> =
        ours.keys().filter(|user| !seen.contains(**user)).map(|user| (*user).clone()).collect();
    if !unseen.is_empty() {
        observe::confirm(context.reader, &alone, &mut observed, [(TargetIx(0), unseen)].into()).await?;
    }
    let seen = &observed.targets[0];

    let buyers = buyers(context, &PassScope::Full, &BTreeSet::new()).await?;
    let mut emails: BTreeMap<&UserId, BTreeSet<String>> = BTreeMap::new();
    for (user, email) in buyers.iter().filter_map(|one| Some((one.user()?, one.buyer.email.as_ref()?))) {
        emails.entry(user).or_default().insert(clean(email.as_str()).into_owned());
    }
    let released: BTreeSet<UserId> = context
        .store
        .released(None)
        .await?
        .into_iter()
        .filter(|grant| grant.target == *target)
        .map(|grant| grant.user)
        .collect();
    let unknown: Vec<&UserId> = seen.holders.iter().filter(|user| !ours.contains_key(user)).collect();
    let explained = explained(context, &catalog, ix, &buyers, &unknown).await?;
    let holder = |user: &UserId| {
        let ours = ours.get(user).map(|row| mine(row));
        let owner = match &ours {
            Some(ours) => ours.ownership.into(),
            None if released.contains(user) => Owner::Released,
            None => Owner::Foreign,
        };
        Holder {
            user: UserId::from(clean(user.as_str()).as_ref()),
            emails: emails.get(user).into_iter().flatten().cloned().collect(),
            owner,
            ours,
            explained_by: explained.get(user).filter(|one| owner == Owner::Foreign && one.1).map(|one| one.0.clone()),
            paid_by: explained.get(user).filter(|one| owner == Owner::Foreign && !one.1).map(|one| one.0.clone()),
        }
    };
    let missing = ours.keys().filter(|user| seen.asked.contains(**user) && !seen.holders.contains(**user));
    Ok(Some(Holders {
        version: Holders::VERSION,
        config: context.origin.clone(),
        at: context.now,
        target: clean(&entry.name).into_owned(),
        target_key: clean(&entry.target.key()).into_owned(),
        coverage: messages::coverage(seen.coverage),
        missing: missing.map(|user| holder(user)).collect(),
        holders: seen.holders.iter().map(holder).collect(),
    }))
}

/// Who held `target` by the last word of the passes, while nobody can be asked: what is ours by the ledger, and what
/// others had given. `None` where neither the file nor the ledger has that target.
pub async fn who_held(context: PassContext<'_>, target: &Target) -> Result<Option<Holders>, PassError> {
    let mut ledger = context.store.ledger(None).await?;
    ledger.retain(|row| row.grant.target == *target);
    let catalog = widen(context.catalog, &ledger, &context.config.protect, context.names);
    let Some(ix) = catalog.find(target) else { return Ok(None) };
    let buyers = context.store.buyers(&Scope::All).await?;
    let emails = |user: &UserId| -> Vec<String> {
        let theirs = buyers.iter().filter(|one| one.user() == Some(user));
        let emails = theirs.filter_map(|one| one.buyer.email.as_ref());
        emails.map(|email| clean(email.as_str()).into_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let holder = |user: &UserId, owner: Owner, row: Option<&LedgerRow>| Holder {
        user: UserId::from(clean(user.as_str()).as_ref()),
        emails: emails(user),
        owner,
        ours: row.map(mine),
        explained_by: None,
        paid_by: None,
    };
    let released = context.store.released(None).await?;
    let foreign = context.store.foreign(None).await?;
    let mut holders: Vec<Holder> =
        ledger.iter().map(|row| holder(&row.grant.user, row.ownership.into(), Some(row))).collect();
    for one in foreign.iter().filter(|one| one.grant.target == *target) {
        let owner = if released.contains(&one.grant) { Owner::Released } else { Owner::Foreign };
        if ledger.iter().all(|row| row.grant != one.grant) {
            holders.push(holder(&one.grant.user, owner, None));
        }
    }
    holders.sort_by(|a, b| a.user.cmp(&b.user));
    let entry = catalog.target(ix);
    Ok(Some(Holders {
        version: Holders::VERSION,
        config: context.origin.clone(),
        at: context.now,
        target: clean(&entry.name).into_owned(),
        target_key: clean(&entry.target.key()).into_owned(),
        coverage: messages::coverage(Coverage::Unread),
        missing: Vec::new(),
        holders,
    }))
}

/// Of users whose grant is not ours, the order that entitles to it now, and whether a pass adopts it for that.
async fn explained(
    context: PassContext<'_>,
    catalog: &Catalog,
    target: TargetIx,
    buyers: &[StoredBuyer],
    users: &[&UserId],
) -> Result<BTreeMap<UserId, (String, bool)>, PassError> {
    let user_index: UserIndex = users.iter().map(|user| (*user).clone()).collect();
    let ranks: BTreeMap<BuyerKey, UserIx> =
        buyers.iter().filter_map(|one| Some((one.key, user_index.ix(one.user()?)?))).collect();
    let products = product_ix(context, catalog).await?;
    let (product, user) = (|key| products.get(&key).copied(), |key| ranks.get(&key).copied());
    let scope = Scope::Buyers(ranks.keys().copied().collect());
    let mut purchases = context.store.purchases(catalog, &product, &user, &scope).await?;
    let wanted = desired(&mut purchases, catalog, context.now.as_second());
    let claims = wanted.targets[target.at()].iter().filter(|claim| claim.state == State::Entitled);
    let by_order: Vec<(OrderKey, &UserId)> = claims.map(|claim| (claim.order, user_index.id(claim.user))).collect();
    let keys: Vec<OrderKey> = by_order.iter().map(|(order, _)| *order).collect();
    let orders = context.store.stored_orders(&keys).await?;
    let names: BTreeMap<OrderKey, String> = orders
        .iter()
        .map(|one| (one.key, format!("{} of {}", clean(one.order.id.as_str()), clean(one.source.as_str()))))
        .collect();
    let paid = paid_for(context, catalog, &mut purchases).await?;
    let seen: BTreeMap<UserId, ForeignGrant> = context
        .store
        .foreign(None)
        .await?
        .into_iter()
        .filter(|one| one.grant.target == catalog.target(target).target)
        .map(|one| (one.grant.user.clone(), one))
        .collect();
    let adopts = |user: &UserId| {
        let Some(ix) = user_index.ix(user) else { return false };
        let is_ours = seen.get(user).is_none_or(|grant| is_taken_over(grant, (target, ix), &wanted, &paid));
        context.config.adopt == Adopt::Explained && is_ours
    };
    let one = |(order, user): (OrderKey, &UserId)| Some((user.clone(), (names.get(&order)?.clone(), adopts(user))));
    Ok(by_order.into_iter().filter_map(one).collect())
}
