//! What each product gives today, by what its buyers hold: for a first file that changes nothing.
//!
//! Asks Logto who buyers are and who holds what; writes nothing there.

use std::collections::{BTreeMap, BTreeSet};

use super::snapshot::product_ix;
use super::{PassContext, PassError, PassScope, buyers, observe};
use crate::model::users::UserIndex;
use crate::model::{ProductIx, TargetIx, UserId, UserIx};
use crate::planner::desired::{State, statements};
use crate::report::first_file::{Held, Sold};
use crate::store::{Scope, StoredBuyer};

/// For each product of the catalog that somebody has bought: how many are entitled by it, and what of all targets of the
/// catalog they hold.
pub async fn sold(context: PassContext<'_>) -> Result<Vec<Sold>, PassError> {
    let catalog = context.catalog;
    let buyers = buyers(context, &PassScope::Full, &BTreeSet::new()).await?;
    let observed = observe::walk(context.reader, catalog, context.progress).await?;
    let user_index: UserIndex = buyers.iter().filter_map(StoredBuyer::user).cloned().collect();
    let ranks: BTreeMap<_, UserIx> =
        buyers.iter().filter_map(|one| Some((one.key, user_index.ix(one.user()?)?))).collect();
    let products = product_ix(context, catalog).await?;
    let (product, user) = (|key| products.get(&key).copied(), |key| ranks.get(&key).copied());
    let mut purchases = context.store.purchases(catalog, &product, &user, &Scope::All).await?;
    let bought: BTreeMap<ProductIx, u64> = purchases.iter().fold(BTreeMap::new(), |mut bought, one| {
        *bought.entry(one.product).or_default() += 1;
        bought
    });
    let mut entitled: BTreeMap<ProductIx, BTreeSet<&UserId>> = BTreeMap::new();
    for one in statements(&mut purchases, catalog, context.now.as_second()) {
        if matches!(one.says, Some((State::Entitled, _))) {
            entitled.entry(one.purchase.product).or_default().insert(user_index.id(one.purchase.user));
        }
    }
    let everybody: BTreeSet<&UserId> = entitled.values().flatten().copied().collect();
    let nobody = BTreeSet::new();
    let one = |(at, rule): (ProductIx, &crate::model::Rule)| {
        let buyers = entitled.get(&at).unwrap_or(&nobody);
        let held = catalog.indices().filter_map(|(ix, entry)| {
            let ix: TargetIx = ix;
            let holders = &observed.targets[ix.at()].holders;
            let among = buyers.iter().filter(|user| holders.contains(**user)).count() as u64;
            let others = holders.iter().filter(|user| !everybody.contains(user)).count() as u64;
            (among > 0).then(|| Held { target: entry.target.clone(), name: entry.name.clone(), among, others })
        });
        Sold {
            product: rule.product.to_string(),
            orders: bought.get(&at).copied().unwrap_or_default(),
            buyers: buyers.len() as u64,
            held: held.collect(),
        }
    };
    Ok((0..).map(ProductIx).zip(&catalog.products).map(one).collect())
}
