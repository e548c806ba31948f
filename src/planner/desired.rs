//! What follows from orders: purchases + catalog + now -> every claim on every target.
//!
//! Pure: no I/O, no clock, total over its input, and the same for every order of that input.
//! It knows nothing of who holds what; that is `plan`'s half.
//!
//! A claim is the strongest thing that any purchase says about one target in one user's hands:
//! [`Entitled`](State::Entitled) wins over everything (desired state is the union over all orders), then
//! what only keeps ([`Undecided`](State::Undecided), [`Grace`](State::Grace)), then
//! [`Ended`](State::Ended), which is the evidence a revocation needs.

use crate::model::{Catalog, OrderKey, ProductIx, Purchase, Quantity, Rule, Standing, TargetIx, UserIx, Verdict};

/// An instant that never comes.
pub const FOREVER: i64 = i64::MAX;

/// What one user's purchases say about one target. 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The user.
    pub user: UserIx,
    /// The order that says it: of several, the one that says it longest.
    pub order: OrderKey,
    /// Seconds since 1970: the end of an entitlement or of a grace ([`FOREVER`] for none); for an ended
    /// claim the instant of the refund, the void, the dispute or the expiry.
    pub at: i64,
    /// The product of that order.
    pub product: ProductIx,
    /// How strong it is.
    pub state: State,
    /// Where it comes from.
    pub origin: Origin,
}

/// How strong a claim is, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It entitled once and does not any more; how it ended is the evidence.
    Ended(Ending),
    /// It has ended, and what is held is kept until [`Claim::at`]. Grace never grants anew.
    Grace(Ending),
    /// The payment API says something unknown: what is held stays, what is not held is not granted.
    Undecided,
    /// It should exist.
    Entitled,
}

/// How an entitlement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// `valid_for` has passed.
    Expired,
    /// It has passed once, and not yet as often as was bought, which an earlier version of this program waited for.
    Recounted,
    /// The paid period of a subscription has passed, and no renewal is known.
    Lapsed,
    /// The money was given back, in whole or in part.
    Refunded,
    /// The order was cancelled or marked invalid.
    Voided,
    /// The payment is disputed, and the product's policy is to revoke.
    Disputed,
}

/// Whether a sale or a commit causes a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// An order that came after the mapping: a sale, never limited.
    Sale,
    /// The order was known before the mapping was written: limited by `limits.config_grants`.
    Commit,
    /// The same, where the mapping is an old one whose name stands for another id in Logto.
    Resolution,
}

/// Every claim, by target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// In the order of [`Catalog::targets`]; each run sorted by user, one claim a user.
    pub targets: Vec<Vec<Claim>>,
    /// The next instant at which a claim changes by itself, in seconds since 1970.
    pub next_change: Option<i64>,
    /// How many purchases stand `unknown`. They change nothing and are reported.
    pub unknown: usize,
    /// The purchases behind every ended claim, all of them, sorted by user. A grant made for a purchase
    /// that is not among them has lost its order, and the end of another one proves nothing.
    pub ended: Vec<Past>,
}

/// A purchase that entitled once and does not any more. 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// Who bought it.
    pub user: UserIx,
    /// The order it belongs to.
    pub order: OrderKey,
    /// What was bought.
    pub product: ProductIx,
    /// How it ended.
    pub ending: Ending,
}

impl Desired {
    /// The claim of one user on one target.
    pub fn claim(&self, target: TargetIx, user: UserIx) -> Option<&Claim> {
        let run = &self.targets[target.at()];
        run.binary_search_by_key(&user, |claim| claim.user).ok().map(|at| &run[at])
    }

    /// The purchases of one user that ended claims rest on.
    pub fn ended_of(&self, user: UserIx) -> &[Past] {
        let from = self.ended.partition_point(|past| past.user < user);
        let len = self.ended[from..].partition_point(|past| past.user == user);
        &self.ended[from..from + len]
    }
}

/// Sorts `purchases` and reads them once. Time is `O(n log n)`; beside its answer it needs a handful of claims.
pub fn desired(purchases: &mut [Purchase], catalog: &Catalog, now: i64) -> Desired {
    purchases.sort_unstable();
    let mut out = Desired { targets: vec![Vec::new(); catalog.targets.len()], ..Desired::default() };
    let mut claims: Vec<(TargetIx, Claim)> = Vec::new();
    for of_user in purchases.chunk_by(|a, b| a.user == b.user) {
        claims.clear();
        for of_product in of_user.chunk_by(|a, b| a.product == b.product) {
            let rule = catalog.rule(of_product[0].product);
            out.unknown += of_product.iter().filter(|one| one.standing == Standing::Unknown).count();
            let Some(said) = weigh(of_product, rule, now) else { continue };
            for entitlement in &rule.entitlements {
                let origin = match entitlement.new_since {
                    Some(since) if said.seen < since && entitlement.replaces.is_some() => Origin::Resolution,
                    Some(since) if said.seen < since => Origin::Commit,
                    _ => Origin::Sale,
                };
                strengthen(&mut claims, entitlement.target, Claim { origin, ..said.claim });
            }
        }
        let over = |target| claims.iter().any(|(of, claim)| *of == target && matches!(claim.state, State::Ended(_)));
        out.ended.extend(of_user.iter().filter_map(|one| {
            let rule = catalog.rule(one.product);
            let ending = match rule.verdict(one.standing) {
                Verdict::Entitles => Ending::Expired,
                Verdict::Lasts => Ending::Lapsed,
                Verdict::Ends => how(one.standing),
                Verdict::Never | Verdict::Undecided => return None,
            };
            let past = Past { user: one.user, order: one.order, product: one.product, ending };
            rule.entitlements.iter().any(|entitlement| over(entitlement.target)).then_some(past)
        }));
        for (target, claim) in &claims {
            if matches!(claim.state, State::Entitled | State::Grace(_)) && claim.at != FOREVER {
                out.next_change = Some(out.next_change.map_or(claim.at, |next| next.min(claim.at)));
            }
            out.targets[target.at()].push(*claim);
        }
    }
    out
}

/// What the purchases of one product by one user say together.
struct Said {
    claim: Claim,
    /// When the newest purchase that entitles was first seen. One that has ended makes nothing a sale.
    seen: u32,
}

/// What one purchase says for itself, beside those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The purchase.
    pub purchase: Purchase,
    /// How strong, and the time as [`Claim::at`] has it. `None`: it never entitled.
    pub says: Option<(State, i64)>,
}

/// Sorts `purchases`; what each of them says, by user, product and time. [`desired`] weighs the same.
pub fn statements(purchases: &mut [Purchase], catalog: &Catalog, now: i64) -> Vec<Statement> {
    purchases.sort_unstable();
    let alike = purchases.chunk_by(|a, b| (a.user, a.product) == (b.user, b.product));
    alike.flat_map(|alike| state(alike, catalog.rule(alike[0].product), now)).collect()
}

/// `purchases`: of one user and one product, sorted by time.
fn state<'a>(purchases: &'a [Purchase], rule: &'a Rule, now: i64) -> impl Iterator<Item = Statement> + 'a {
    let lasting = |periods: u8| rule.valid_for.map(|each| each.as_secs().saturating_mul(i64::from(periods.max(1))));
    // Purchases extend each other end to end; a gap between two is not given back.
    let extended = move |until: Option<i64>, purchase: &Purchase, periods: u8| {
        let from = until.map_or(purchase.at, |until| until.max(purchase.at));
        lasting(periods).map_or(FOREVER, |lasting| from.saturating_add(lasting))
    };
    let grace = rule.grace.as_secs();
    let (mut paid_until, mut counted_until): (Option<i64>, Option<i64>) = (None, None);
    purchases.iter().map(move |purchase| {
        let says = match rule.verdict(purchase.standing) {
            Verdict::Never => None,
            Verdict::Undecided => Some((State::Undecided, FOREVER)),
            Verdict::Ends => Some(ending(how(purchase.standing), purchase.at, grace, now)),
            Verdict::Lasts if now < purchase.at => Some((State::Entitled, purchase.at)),
            // The payment API calls it active and the period is over: its renewal is on the way. The grace runs
            // from the end of the period all the same, and the later of the two counts.
            Verdict::Lasts if now < purchase.at.saturating_add(i64::from(purchase.slack)) => {
                Some((State::Entitled, purchase.at.saturating_add(i64::from(purchase.slack))))
            }
            Verdict::Lasts => Some(ending(Ending::Lapsed, purchase.at, grace, now)),
            Verdict::Entitles => {
                let periods = match rule.quantity {
                    Quantity::Ignore => 1,
                    Quantity::Periods => purchase.quantity,
                };
                let until = extended(paid_until, purchase, periods);
                // What each unit would have been worth as a period of its own.
                let counted = extended(counted_until, purchase, purchase.quantity);
                (paid_until, counted_until) = (Some(until), Some(counted));
                let over = if now < counted { Ending::Recounted } else { Ending::Expired };
                Some(if now < until { (State::Entitled, until) } else { ending(over, until, grace, now) })
            }
        };
        Statement { purchase: *purchase, says }
    })
}

/// `purchases`: of one user and one product, sorted by time. `None`: they say nothing (never paid).
fn weigh(purchases: &[Purchase], rule: &Rule, now: i64) -> Option<Said> {
    let mut said: Option<Said> = None;
    for Statement { purchase, says } in state(purchases, rule, now) {
        let Some((state, at)) = says else { continue };
        let claim = Claim {
            user: purchase.user,
            order: purchase.order,
            at,
            product: purchase.product,
            state,
            origin: Origin::Sale,
        };
        let seen = if state == State::Entitled { purchase.seen } else { 0 };
        match &mut said {
            Some(before) => {
                before.seen = before.seen.max(seen);
                if stronger(&claim, &before.claim) {
                    before.claim = claim;
                }
            }
            None => said = Some(Said { claim, seen }),
        }
    }
    said
}

/// An entitlement that ended at `end`: kept while the grace runs, then gone.
fn ending(how: Ending, end: i64, grace: i64, now: i64) -> (State, i64) {
    let kept_until = end.saturating_add(grace);
    if now < kept_until { (State::Grace(how), kept_until) } else { (State::Ended(how), end) }
}

/// How a standing that ends an entitlement ended it.
fn how(standing: Standing) -> Ending {
    match standing {
        Standing::Void | Standing::Expired | Standing::Pending => Ending::Voided,
        Standing::Disputed => Ending::Disputed,
        Standing::Refunded
        | Standing::PartiallyRefunded
        | Standing::Paid
        | Standing::Subscribed
        | Standing::Unknown => Ending::Refunded,
    }
}

/// Strength first, then whoever says it longer. Equal claims keep the first, which is the lowest order.
fn stronger(new: &Claim, old: &Claim) -> bool {
    let rank = |claim: &Claim| match claim.state {
        State::Ended(_) => 0,
        State::Grace(_) => 1,
        State::Undecided => 2,
        State::Entitled => 3,
    };
    (rank(new), new.at) > (rank(old), old.at)
}

/// Adds a claim to those of one user, where the stronger of two on one target stays.
fn strengthen(claims: &mut Vec<(TargetIx, Claim)>, target: TargetIx, claim: Claim) {
    match claims.iter_mut().find(|(of, _)| *of == target) {
        Some((_, before)) => {
            // One sale among the reasons makes the grant a sale.
            let both_entitle = before.state == State::Entitled && claim.state == State::Entitled;
            let origin = if both_entitle { before.origin.min(claim.origin) } else { claim.origin };
            let kept_origin = if both_entitle { origin } else { before.origin };
            if stronger(&claim, before) {
                *before = Claim { origin, ..claim };
            } else {
                before.origin = kept_origin;
            }
        }
        None => claims.push((target, claim)),
    }
}
