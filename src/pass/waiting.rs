//! Buyers who have paid and cannot be given anything yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::snapshot::Snapshot;
use super::{PassContext, PassError, directory};
use crate::model::{OrderId, OrderKey, Resolution, UserIx};
use crate::planner::desired::{State, desired};
use crate::report::Waiting;
use crate::store::{BuyerKey, Scope, StoredBuyer};

/// Buyers who are nobody yet, or two, and have paid for something.
pub(super) async fn waiting(
    context: PassContext<'_>,
    snapshot: &Snapshot,
    buyers: &[StoredBuyer],
) -> Result<Vec<(BuyerKey, Waiting)>, PassError> {
    let open: Vec<&StoredBuyer> = buyers.iter().filter(|one| one.user().is_none()).collect();
    // The same core answers what they would hold: each of them stands in as a user of their own.
    let stand_in: HashMap<BuyerKey, UserIx> =
        open.iter().zip(0..).map(|(one, number)| (one.key, UserIx(number))).collect();
    let product = |key| snapshot.product_ix.get(&key).copied();
    let user = |key| stand_in.get(&key).copied();
    let scope = Scope::Buyers(open.iter().map(|one| one.key).collect());
    let mut purchases = context.store.purchases(&snapshot.catalog, &product, &user, &scope).await?;
    // What nobody is named for is still their last buyer's: nobody waits for it.
    let last = snapshot.last_buyers(context).await?;
    let nobodys = |user: UserIx| open[user.at()].resolution == Some(Resolution::NoIdentity);
    purchases.retain(|purchase| !(nobodys(purchase.user) && last.contains_key(&purchase.order)));
    let wanted = desired(&mut purchases, &snapshot.catalog, context.now.as_second());
    let mut orders: BTreeMap<UserIx, BTreeSet<OrderKey>> = BTreeMap::new();
    for claim in wanted.targets.iter().flatten().filter(|claim| claim.state == State::Entitled) {
        orders.entry(claim.user).or_default().insert(claim.order);
    }
    let firsts: Vec<OrderKey> = orders.values().map(|orders| *orders.first().expect("made with one")).collect();
    let firsts = context.store.stored_orders(&firsts).await?;
    let names: BTreeMap<OrderKey, OrderId> = firsts.into_iter().map(|one| (one.key, one.order.id)).collect();
    let bindings = directory::deciding_bindings(&context.config.buyers);
    let waiting = orders.iter().filter_map(|(user, orders)| {
        let one = open[user.at()];
        let first = names.get(orders.first()?)?;
        let bound = one.buyer.email.as_ref().and_then(|email| bindings.get(email).copied());
        Some((one.key, Waiting::new(&one.buyer, one.resolution.as_ref()?, bound, orders.len() as u64, first)?))
    });
    Ok(waiting.collect())
}
