//! Orders that say something else now than when they caused a grant, and orders that are nobody's any more.
//!
//! No history of orders is kept: all of it follows from the row of the ledger and the order as it is now. Reads
//! the store, and asks Logto only whether somebody is still there.

use std::collections::{BTreeMap, BTreeSet};

use super::Snapshot;
use crate::model::{OrderKey, ProductId, ProductIx, Purchase, Resolution, Standing, TargetIx, UserId, UserIx, Verdict};
use crate::pass::{PassContext, PassError, PassScope};
use crate::planner::desired::{Claim, Desired, Origin, State};
use crate::planner::input::{Mover, Turn};
use crate::store::{BuyerKey, LineNow, OrderNow, ProductKey, Scope, StoreError};

/// A grant of ours on a target that nothing entitles to, with the order and the product that caused it.
struct Open {
    cell: (TargetIx, UserIx),
    order: OrderKey,
    product: ProductIx,
}

impl Snapshot {
    /// Orders that are nobody's now and that something is held for: whoever got it last counts as their buyer
    /// until they end. A payer who edits an address, or is forgotten by the shop, loses nothing by that.
    pub async fn last_buyers(&self, context: PassContext<'_>) -> Result<BTreeMap<OrderKey, UserIx>, StoreError> {
        let last = context.store.last_buyers(self.scoped_users()).await?;
        Ok(last.into_iter().filter_map(|(order, user)| Some((order, self.user_index.ix(&user)?))).collect())
    }

    /// Of what nothing entitles to: whose order says something else now.
    pub async fn turned(
        &self,
        context: PassContext<'_>,
        desired: &Desired,
    ) -> Result<BTreeMap<(TargetIx, UserIx), Turn>, StoreError> {
        let mut turned: BTreeMap<(TargetIx, UserIx), Turn> =
            self.dropped.keys().map(|cell| (*cell, Turn::Dropped)).collect();
        let open = self.open(desired);
        let now = self.now(context, &open).await?;
        let adopted = self.adopted_by_commit();
        for Open { cell, order, product } in open {
            let (Some(now), false) = (now.get(&order), turned.contains_key(&cell)) else { continue };
            let product = &self.catalog.rule(product).product;
            let gives = |line: &LineNow| self.gives(line.key, cell.0);
            let owner = self.user_index.id(cell.1);
            let turn = turn(now, product, owner, gives).or_else(|| {
                // It was there before the binding that said whose that order is, and that is gone.
                let unbound = now.user.is_none() && now.was.as_ref() == Some(owner) && adopted.contains(&cell);
                unbound.then_some(Turn::Moved(Mover::Commit))
            });
            // Nobody knows what it gives now: what it gave before stays until the name is mended.
            let is_nameless = |line: &LineNow| {
                let product = self.product_ix.get(&line.key);
                product.is_some_and(|product| self.catalog.nameless.contains(product))
            };
            let turn = turn.map(|turn| match turn {
                Turn::Exchanged | Turn::Moved(_) if now.lines.iter().any(is_nameless) => Turn::Unknown,
                turn => turn,
            });
            turned.extend(turn.map(|turn| (cell, turn)));
        }
        Ok(turned)
    }

    /// Whoever is said to have an order now and is gone from Logto is nobody again, so that their orders end
    /// nothing of anybody else's. Asked after the orders were read again, which may be what moved them.
    pub async fn lose_sight_of_owners(&self, context: PassContext<'_>, desired: &Desired) -> Result<(), PassError> {
        let open = self.open(desired);
        let now = self.now(context, &open).await?;
        let moved = |open: &Open| {
            let user = now.get(&open.order)?.user.as_ref()?;
            (user != self.user_index.id(open.cell.1)).then(|| user.clone())
        };
        let owners: BTreeSet<UserId> = open.iter().filter_map(moved).collect();
        if owners.is_empty() {
            return Ok(());
        }
        let owners: Vec<UserId> = owners.into_iter().collect();
        let there = context.reader.users_by_id(&owners).await?;
        let gone: Vec<UserId> = owners.into_iter().filter(|user| !there.contains(user)).collect();
        let buyers: Vec<BuyerKey> = context.store.buyers_of_users(&gone).await?;
        let nobody: Vec<_> = buyers.into_iter().map(|buyer| (buyer, Resolution::NoAccount)).collect();
        Ok(context.store.resolve_buyers(&nobody, context.now).await?)
    }

    /// Whether this knows of all users.
    pub fn is_of_all(&self) -> bool {
        self.scope == Scope::All
    }

    /// Counts what a commit gave by saying that a buyer is somebody else as that commit's doing, but for what the
    /// same user has bought besides.
    pub(super) async fn note_moved(
        &self,
        context: PassContext<'_>,
        desired: &mut Desired,
        purchases: &[Purchase],
    ) -> Result<(), StoreError> {
        let bought: Vec<OrderKey> = purchases.iter().map(|purchase| purchase.order).collect();
        let among = (!self.is_of_all()).then_some(&*bought);
        let moved = context.store.moved_lines(among).await?.into_iter();
        let moved: BTreeSet<(OrderKey, ProductIx)> =
            moved.filter_map(|(order, product)| Some((order, *self.product_ix.get(&product)?))).collect();
        if moved.is_empty() {
            return Ok(());
        }
        let buys = |purchase: &&Purchase| {
            let verdict = self.catalog.rule(purchase.product).verdict(purchase.standing);
            !moved.contains(&(purchase.order, purchase.product))
                && matches!(verdict, Verdict::Entitles | Verdict::Lasts)
        };
        let sold: BTreeSet<(UserIx, ProductIx)> =
            purchases.iter().filter(buys).map(|purchase| (purchase.user, purchase.product)).collect();
        for (target, claims) in (0..).map(TargetIx).zip(&mut desired.targets) {
            let is_moved =
                |claim: &&mut Claim| claim.state == State::Entitled && moved.contains(&(claim.order, claim.product));
            for claim in claims.iter_mut().filter(is_moved) {
                let gives = |product: ProductIx| {
                    self.catalog.rule(product).entitlements.iter().any(|given| given.target == target)
                };
                let mine = sold.range((claim.user, ProductIx(0))..=(claim.user, ProductIx(u16::MAX)));
                if !mine.map(|(_, product)| *product).any(gives) {
                    claim.origin = Origin::Commit;
                }
            }
        }
        Ok(())
    }

    /// Whether the file maps a product of the store to a target.
    fn gives(&self, product: ProductKey, target: TargetIx) -> bool {
        let rule = self.product_ix.get(&product).map(|product| self.catalog.rule(*product));
        rule.is_some_and(|rule| rule.entitlements.iter().any(|given| given.target == target))
    }

    fn open(&self, desired: &Desired) -> Vec<Open> {
        let of = |(target, owned): (TargetIx, &crate::planner::input::OwnedGrant)| {
            let open = is_open(desired, target, owned.user);
            open.then_some(Open { cell: (target, owned.user), order: owned.order?, product: owned.product })
        };
        let rows = (0..)
            .map(TargetIx)
            .zip(&self.ledger_view.targets)
            .flat_map(|(ix, run)| run.iter().map(move |row| (ix, row)));
        rows.filter_map(of).collect()
    }

    /// The orders of `open` as they are now. One that is nobody's is its last buyer's.
    async fn now(&self, context: PassContext<'_>, open: &[Open]) -> Result<BTreeMap<OrderKey, OrderNow>, StoreError> {
        if open.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: BTreeSet<OrderKey> = open.iter().map(|open| open.order).collect();
        let mut now = context.store.orders_now(&keys.into_iter().collect::<Vec<_>>()).await?;
        for (order, user) in self.last_buyers(context).await? {
            if let Some(now) = now.get_mut(&order) {
                now.user.get_or_insert_with(|| self.user_index.id(user).clone());
            }
        }
        Ok(now)
    }
}

fn is_open(desired: &Desired, target: TargetIx, user: UserIx) -> bool {
    desired.claim(target, user).is_none_or(|claim| matches!(claim.state, State::Ended(_)))
}

/// What an order says now that gave something to `owner` for `product`. `None`: what it said then, or nothing that
/// anybody could go by. `gives`: whether a line of it would give the same.
fn turn(now: &OrderNow, product: &ProductId, owner: &UserId, gives: impl Fn(&LineNow) -> bool) -> Option<Turn> {
    let mine = || now.lines.iter().filter(|line| line.product == *product);
    let unknown = now.standing == Standing::Unknown || mine().any(|line| line.standing == Standing::Unknown);
    if unknown {
        return Some(Turn::Unknown);
    }
    // Without a product nobody can say what was bought.
    if now.lines.is_empty() {
        return None;
    }
    match &now.user {
        Some(user) if user != owner => {
            Some(Turn::Moved(if now.was.as_ref() == Some(owner) { Mover::Commit } else { Mover::Shop }))
        }
        Some(_) | None if mine().next().is_some() => None,
        Some(_) | None => Some(if now.lines.iter().any(gives) { Turn::Alike } else { Turn::Exchanged }),
    }
}

/// Whom a quick pass looks at beside the buyers of its orders: whoever got something for one of them.
pub(crate) async fn owners(context: PassContext<'_>, span: &PassScope) -> Result<Vec<UserId>, StoreError> {
    match span {
        PassScope::Full => Ok(Vec::new()),
        PassScope::Quick(orders) => context.store.owners_by(orders).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order that can stand behind a grant of Pro to ann, and what it proves.
    #[test]
    fn what_an_order_that_changed_proves() {
        use Standing::{Expired, Paid, Pending, Refunded, Subscribed, Unknown, Void};
        let (pro, lite) = (("pro", Paid), ("lite", Paid));
        let moved = |mover| Some(Turn::Moved(mover));
        type Row<'a> = (Standing, &'a [(&'a str, Standing)], Option<&'a str>, Option<&'a str>, Option<Turn>);
        let table: &[Row<'_>] = &[
            // The same: whatever became of it says its standing.
            (Paid, &[pro], Some("ann"), None, None),
            (Refunded, &[("pro", Refunded)], Some("ann"), None, None),
            (Pending, &[("pro", Pending)], Some("ann"), None, None),
            (Paid, &[lite, pro], Some("ann"), None, None),
            // Other products, whether the file knows them or not.
            (Paid, &[lite], Some("ann"), None, Some(Turn::Exchanged)),
            (Paid, &[("mug", Paid), lite], Some("ann"), None, Some(Turn::Exchanged)),
            (Subscribed, &[("lite", Subscribed)], Some("ann"), None, Some(Turn::Exchanged)),
            (Refunded, &[("lite", Refunded)], Some("ann"), None, Some(Turn::Exchanged)),
            (Void, &[("lite", Void)], Some("ann"), None, Some(Turn::Exchanged)),
            (Expired, &[("lite", Expired)], Some("ann"), None, Some(Turn::Exchanged)),
            (Paid, &[("lite", Unknown)], Some("ann"), None, Some(Turn::Exchanged)),
            // Another product that gives the same.
            (Pending, &[("max", Pending)], Some("ann"), None, Some(Turn::Alike)),
            (Refunded, &[lite, ("max", Refunded)], Some("ann"), None, Some(Turn::Alike)),
            (Paid, &[("max", Paid)], Some("ben"), None, moved(Mover::Shop)),
            (Paid, &[("max", Paid), pro], Some("ann"), None, None),
            // No product at all, or one that nobody can judge.
            (Paid, &[], Some("ann"), None, None),
            (Paid, &[], Some("ben"), None, None),
            (Unknown, &[("lite", Unknown)], Some("ann"), None, Some(Turn::Unknown)),
            (Unknown, &[("pro", Unknown)], Some("ben"), None, Some(Turn::Unknown)),
            (Paid, &[("pro", Unknown)], Some("ben"), None, Some(Turn::Unknown)),
            // Another user, by the shop or by a commit.
            (Paid, &[pro], Some("ben"), None, moved(Mover::Shop)),
            (Refunded, &[("pro", Refunded)], Some("ben"), None, moved(Mover::Shop)),
            (Paid, &[lite], Some("ben"), None, moved(Mover::Shop)),
            (Paid, &[pro], Some("ben"), Some("ann"), moved(Mover::Commit)),
            (Paid, &[pro], Some("ben"), Some("cat"), moved(Mover::Shop)),
            (Paid, &[pro], Some("ann"), Some("ben"), None),
            // Nobody.
            (Paid, &[pro], None, None, None),
            (Paid, &[pro], None, Some("ann"), None),
            (Paid, &[lite], None, None, Some(Turn::Exchanged)),
        ];
        let line = |(product, standing): &(&str, Standing)| LineNow {
            key: ProductKey(1),
            product: ProductId::from(*product),
            standing: *standing,
        };
        for (standing, items, user, was, expected) in table {
            let now = OrderNow {
                standing: *standing,
                buyer: BuyerKey(1),
                user: user.map(UserId::from),
                was: was.map(UserId::from),
                lines: items.iter().map(line).collect(),
            };
            let gives = |line: &LineNow| line.product != "lite".into() && line.product != "mug".into();
            assert_eq!(turn(&now, &"pro".into(), &"ann".into(), gives), *expected, "{now:?}");
        }
    }
}
