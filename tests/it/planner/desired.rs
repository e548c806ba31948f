//! What follows from orders, one rule at a time.

use entitled::model::{
    Buyer, Catalog, Item, Order, OrderId, OrderKey, Policy, ProductIx, Purchase, Quantity, Rule, Standing, TargetIx,
    UserIx, Verdict,
};
use entitled::planner::desired::{Claim, Desired, Ending, FOREVER, Origin, State, desired, statements};
use jiff::Timestamp;

use crate::support::builders::worlds::{DAY, catalog, days, purchase, role, rule};

const TARGET: TargetIx = TargetIx(0);
const BUYER: UserIx = UserIx(0);

/// One product that gives one role.
fn shop(change: impl FnOnce(&mut Rule)) -> Catalog {
    let mut pro = rule("pro", &[0]);
    change(&mut pro);
    catalog(&[role("paid")], vec![pro])
}

fn at(catalog: &Catalog, purchases: &[Purchase], now: i64) -> Desired {
    desired(&mut purchases.to_vec(), catalog, now)
}

fn claim(catalog: &Catalog, purchases: &[Purchase], now: i64) -> Option<Claim> {
    at(catalog, purchases, now).claim(TARGET, BUYER).copied()
}

/// How the purchase of an ended claim ended.
fn past(desired: &Desired, user: u32, product: u16, order: u32) -> Option<Ending> {
    let mut past = desired.ended_of(UserIx(user)).iter();
    past.find(|past| (past.product, past.order) == (ProductIx(product), OrderKey(order))).map(|past| past.ending)
}

fn state(catalog: &Catalog, purchases: &[Purchase], now: i64) -> Option<State> {
    claim(catalog, purchases, now).map(|claim| claim.state)
}

fn paid(order: u32, at: i64) -> Purchase {
    purchase(order, Standing::Paid, at)
}

#[test]
fn a_paid_order_entitles_for_ever_unless_the_product_says_how_long() {
    let said = claim(&shop(|_| {}), &[paid(7, DAY)], 9_000 * DAY).expect("a paid order says something");
    let product = ProductIx(0);
    let expected =
        Claim { user: BUYER, order: OrderKey(7), at: FOREVER, product, state: State::Entitled, origin: Origin::Sale };
    assert_eq!(said, expected);
}

#[test]
fn nothing_is_said_by_what_was_never_paid() {
    for standing in [Standing::Pending, Standing::Expired] {
        let desired = at(&shop(|_| {}), &[purchase(1, standing, 0)], DAY);
        assert_eq!(desired.targets, [vec![]], "{standing}");
        assert_eq!(desired.ended, [], "{standing}");
    }
}

#[test]
fn each_user_has_the_claims_of_their_own_orders_only() {
    let two = catalog(&[role("a"), role("b")], vec![rule("one", &[0]), rule("both", &[0, 1])]);
    let of = |user, product, order| Purchase { user: UserIx(user), product: ProductIx(product), ..paid(order, 0) };
    let desired = at(&two, &[of(5, 1, 1), of(2, 0, 2), of(9, 0, 3)], DAY);
    let users = |target: usize| desired.targets[target].iter().map(|claim| claim.user.0).collect::<Vec<_>>();
    assert_eq!(users(0), [2, 5, 9]);
    assert_eq!(users(1), [5]);
    assert_eq!(desired.claim(TargetIx(1), UserIx(2)), None);
    assert_eq!(desired.claim(TargetIx(0), UserIx(9)).expect("bought").order, OrderKey(3));
}

#[test]
fn any_order_that_still_entitles_wins_whatever_became_of_the_others() {
    let shop = shop(|_| {});
    for ended in [Standing::Refunded, Standing::Void, Standing::Unknown, Standing::Expired, Standing::Pending] {
        // The other order may come before or after.
        for when in [0, 2 * DAY, 9 * DAY] {
            let said = claim(&shop, &[purchase(1, ended, when), paid(2, DAY)], 10 * DAY).expect("paid");
            assert_eq!((said.state, said.order), (State::Entitled, OrderKey(2)), "{ended} at {when}");
        }
    }
}

#[test]
fn the_union_goes_over_products_too() {
    let mut short = rule("short", &[0]);
    short.valid_for = Some(days(1));
    for (short_at, long_at) in [(0, 1), (1, 0)] {
        let mut products = vec![rule("long", &[0]), short.clone()];
        products.swap(0, long_at);
        let both = catalog(&[role("paid")], products);
        let of = |product: usize, order, standing| Purchase {
            product: ProductIx(u16::try_from(product).expect("small")),
            ..purchase(order, standing, 0)
        };
        // An expired month and a product for ever.
        let purchases = [of(short_at, 1, Standing::Paid), of(long_at, 2, Standing::Paid)];
        let said = claim(&both, &purchases, 5 * DAY).expect("paid");
        assert_eq!((said.state, said.order, said.at), (State::Entitled, OrderKey(2), FOREVER));
        // Both ended: the later end is what the revocation rests on, and both are accounted for.
        let purchases = [of(short_at, 1, Standing::Paid), of(long_at, 2, Standing::Refunded)];
        let desired = at(&both, &purchases, 5 * DAY);
        let said = desired.claim(TARGET, BUYER).expect("ended");
        assert_eq!((said.state, said.order, said.at), (State::Ended(Ending::Expired), OrderKey(1), DAY));
        assert_eq!(past(&desired, 0, of(short_at, 1, Standing::Paid).product.0, 1), Some(Ending::Expired));
        assert_eq!(past(&desired, 0, of(long_at, 2, Standing::Paid).product.0, 2), Some(Ending::Refunded));
    }
}

#[test]
fn an_entitlement_ends_with_the_second_in_which_it_was_valid() {
    let shop = shop(|rule| rule.valid_for = Some(days(30)));
    assert_eq!(state(&shop, &[paid(1, DAY)], 31 * DAY - 1), Some(State::Entitled));
    let over = claim(&shop, &[paid(1, DAY)], 31 * DAY).expect("ended");
    assert_eq!((over.state, over.at), (State::Ended(Ending::Expired), 31 * DAY));
}

#[test]
fn purchases_of_one_product_extend_each_other_end_to_end() {
    let shop = shop(|rule| rule.valid_for = Some(days(30)));
    // The second is bought with 20 days left, so both last until day 60 and not until day 40.
    let twice = [paid(2, 10 * DAY), paid(1, 0)];
    let said = claim(&shop, &twice, 59 * DAY).expect("extended");
    assert_eq!((said.state, said.order, said.at), (State::Entitled, OrderKey(2), 60 * DAY));
    assert_eq!(state(&shop, &twice, 60 * DAY), Some(State::Ended(Ending::Expired)));
}

#[test]
fn a_gap_between_two_purchases_is_not_given_back() {
    let shop = shop(|rule| rule.valid_for = Some(days(30)));
    let apart = [paid(1, 0), paid(2, 100 * DAY)];
    assert_eq!(
        state(&shop, &apart, 99 * DAY),
        Some(State::Entitled),
        "a payment that lies ahead is a clock that is off"
    );
    let said = claim(&shop, &apart, 100 * DAY).expect("paid");
    assert_eq!((said.order, said.at), (OrderKey(2), 130 * DAY));
}

#[test]
fn a_refunded_order_within_a_chain_extends_nothing() {
    let shop = shop(|rule| rule.valid_for = Some(days(30)));
    let chain = [paid(1, 0), purchase(2, Standing::Refunded, 12 * DAY), paid(3, 20 * DAY)];
    let said = claim(&shop, &chain, 25 * DAY).expect("paid");
    assert_eq!((said.state, said.order, said.at), (State::Entitled, OrderKey(3), 60 * DAY));
    // The first one refunded: the third stands alone.
    let chain = [purchase(1, Standing::Refunded, 12 * DAY), paid(3, 20 * DAY)];
    assert_eq!(claim(&shop, &chain, 25 * DAY).expect("paid").at, 50 * DAY);
}

#[test]
fn each_of_a_quantity_is_a_period_only_where_the_product_says_so() {
    let several = |quantity| Purchase { quantity, ..paid(1, 0) };
    let seats = shop(|rule| rule.valid_for = Some(days(30)));
    for quantity in [0, 1, 25, 255] {
        assert_eq!(claim(&seats, &[several(quantity)], DAY).expect("paid").at, 30 * DAY, "{quantity} seats");
        // The next purchase begins where this one ends.
        let twice = [several(quantity), paid(2, 10 * DAY)];
        assert_eq!(claim(&seats, &twice, DAY).expect("paid").at, 60 * DAY, "{quantity} seats");
    }
    let shop = shop(|rule| (rule.valid_for, rule.quantity) = (Some(days(30)), Quantity::Periods));
    assert_eq!(claim(&shop, &[several(3)], DAY).expect("paid").at, 90 * DAY);
    assert_eq!(claim(&shop, &[several(255)], DAY).expect("paid").at, 255 * 30 * DAY);
    // Some APIs leave the quantity of a single line at zero.
    assert_eq!(claim(&shop, &[several(0)], DAY).expect("paid").at, 30 * DAY);
}

/// An earlier version counted each unit as a period: what ends only because this one does not is told apart.
#[test]
fn what_units_would_have_prolonged_is_told_from_what_is_over_anyhow() {
    let seats = |grace| shop(|rule| (rule.valid_for, rule.grace) = (Some(days(30)), grace));
    let several = |order, quantity, at| Purchase { quantity, ..paid(order, at) };
    for (purchases, now, expected) in [
        (vec![several(1, 3, 0)], 30, Ending::Recounted),
        (vec![several(1, 3, 0)], 89, Ending::Recounted),
        (vec![several(1, 3, 0)], 90, Ending::Expired),
        (vec![several(1, 1, 0)], 30, Ending::Expired),
        (vec![several(1, 0, 0)], 30, Ending::Expired),
        // The second would have begun when the three periods of the first were over.
        (vec![several(1, 3, 0), several(2, 1, 10 * DAY)], 60, Ending::Recounted),
        (vec![several(1, 3, 0), several(2, 1, 10 * DAY)], 119, Ending::Recounted),
        (vec![several(1, 3, 0), several(2, 1, 10 * DAY)], 120, Ending::Expired),
    ] {
        let said = claim(&seats(days(0)), &purchases, now * DAY).expect("ended");
        assert_eq!(said.state, State::Ended(expected), "{purchases:?} on day {now}");
        let kept = claim(&seats(days(500)), &purchases, now * DAY).expect("kept");
        assert_eq!(kept.state, State::Grace(expected), "{purchases:?} on day {now}");
    }
    let periods = shop(|rule| (rule.valid_for, rule.quantity) = (Some(days(30)), Quantity::Periods));
    assert_eq!(claim(&periods, &[several(1, 3, 0)], 90 * DAY).expect("ended").state, State::Ended(Ending::Expired));
}

#[test]
fn a_validity_beyond_the_end_of_time_is_for_ever() {
    let shop = shop(|rule| rule.valid_for = Some(jiff::SignedDuration::MAX));
    let many = Purchase { quantity: 255, ..paid(1, DAY) };
    let desired = at(&shop, &[many], 2 * DAY);
    assert_eq!(desired.claim(TARGET, BUYER).expect("paid").at, FOREVER);
    assert_eq!(desired.next_change, None);
}

#[test]
fn grace_keeps_after_a_refund_and_ends_with_its_last_second() {
    let shop = shop(|rule| rule.grace = days(3));
    let refunded = [purchase(1, Standing::Refunded, 10 * DAY)];
    let kept = claim(&shop, &refunded, 13 * DAY - 1).expect("in grace");
    assert_eq!((kept.state, kept.at), (State::Grace(Ending::Refunded), 13 * DAY));
    let over = claim(&shop, &refunded, 13 * DAY).expect("ended");
    assert_eq!((over.state, over.at), (State::Ended(Ending::Refunded), 10 * DAY), "the evidence is the refund itself");
}

#[test]
fn grace_keeps_after_an_expiry() {
    let shop = shop(|rule| (rule.valid_for, rule.grace) = (Some(days(30)), days(3)));
    assert_eq!(state(&shop, &[paid(1, 0)], 30 * DAY - 1), Some(State::Entitled));
    let kept = claim(&shop, &[paid(1, 0)], 30 * DAY).expect("in grace");
    assert_eq!((kept.state, kept.at), (State::Grace(Ending::Expired), 33 * DAY));
    assert_eq!(state(&shop, &[paid(1, 0)], 33 * DAY), Some(State::Ended(Ending::Expired)));
}

#[test]
fn the_grace_of_one_product_keeps_where_another_has_ended() {
    for kind in [0, 1] {
        let mut products = vec![rule("a", &[0]), rule("b", &[0])];
        products[kind].grace = days(30);
        let both = catalog(&[role("paid")], products);
        let of = |product, when| Purchase {
            product: ProductIx(product),
            ..purchase(u32::from(product), Standing::Refunded, when)
        };
        // Whichever ended last.
        for purchases in [[of(0, 5 * DAY), of(1, 9 * DAY)], [of(0, 9 * DAY), of(1, 5 * DAY)]] {
            let said = claim(&both, &purchases, 10 * DAY).expect("in grace");
            assert_eq!((said.state, said.product.at()), (State::Grace(Ending::Refunded), kind));
        }
    }
}

#[test]
fn each_way_to_end_is_named() {
    let shop = shop(|rule| (rule.on_partial_refund, rule.on_dispute) = (Policy::Revoke, Policy::Revoke));
    for (standing, ending) in [
        (Standing::Refunded, Ending::Refunded),
        (Standing::PartiallyRefunded, Ending::Refunded),
        (Standing::Void, Ending::Voided),
        (Standing::Disputed, Ending::Disputed),
    ] {
        let desired = at(&shop, &[purchase(1, standing, DAY)], DAY);
        assert_eq!(desired.claim(TARGET, BUYER).expect("ended").state, State::Ended(ending), "{standing}");
        assert_eq!(past(&desired, 0, 0, 1), Some(ending), "{standing}");
    }
}

#[test]
fn undecided_keeps_where_all_else_has_ended() {
    let shop = shop(|rule| rule.grace = days(3));
    let unknown = purchase(1, Standing::Unknown, 0);
    for other in [purchase(2, Standing::Refunded, 0), purchase(2, Standing::Refunded, 9 * DAY)] {
        let desired = at(&shop, &[unknown, other], 10 * DAY);
        assert_eq!(desired.claim(TARGET, BUYER).expect("undecided").state, State::Undecided);
        assert_eq!(desired.unknown, 1);
        assert_eq!(desired.ended, [], "nothing has ended that an unknown order may still entitle to");
        assert_eq!(desired.next_change, None, "no clock decides what nobody knows");
    }
}

#[test]
fn every_unknown_purchase_is_counted_whatever_else_is_said() {
    let two = catalog(&[role("paid")], vec![rule("pro", &[0]), rule("gone", &[])]);
    let unknown = |order| purchase(order, Standing::Unknown, 0);
    let of_gone = Purchase { product: ProductIx(1), ..unknown(4) };
    let of_other = Purchase { user: UserIx(1), ..unknown(5) };
    let desired = at(&two, &[unknown(1), unknown(2), paid(3, 0), of_gone, of_other], DAY);
    assert_eq!(desired.unknown, 4);
    assert_eq!(desired.claim(TARGET, BUYER).expect("paid").state, State::Entitled);
}

#[test]
fn the_policy_of_the_product_decides_what_a_standing_means() {
    let all = [Policy::Keep, Policy::Revoke];
    let by = |policy| if policy == Policy::Keep { Verdict::Entitles } else { Verdict::Ends };
    for on_refund in all {
        for on_partial_refund in all {
            for on_dispute in all {
                let rule = Rule { on_refund, on_partial_refund, on_dispute, ..rule("pro", &[0]) };
                for standing in Standing::ALL {
                    let expected = match standing {
                        Standing::Paid => Verdict::Entitles,
                        Standing::Subscribed => Verdict::Lasts,
                        Standing::Pending | Standing::Expired => Verdict::Never,
                        Standing::Refunded | Standing::Void => by(on_refund),
                        Standing::PartiallyRefunded => by(on_partial_refund),
                        Standing::Disputed => by(on_dispute),
                        Standing::Unknown => Verdict::Undecided,
                    };
                    assert_eq!(rule.verdict(standing), expected, "{standing}");
                }
            }
        }
    }
}

#[test]
fn a_kept_partial_refund_lasts_as_long_as_if_nothing_was_refunded() {
    let keep = shop(|rule| rule.valid_for = Some(days(30)));
    let partial = [purchase(1, Standing::PartiallyRefunded, 0), paid(2, DAY)];
    assert_eq!(claim(&keep, &partial, 2 * DAY).expect("paid").at, 60 * DAY);
    let revoke = shop(|rule| (rule.valid_for, rule.on_partial_refund) = (Some(days(30)), Policy::Revoke));
    assert_eq!(claim(&revoke, &partial, 2 * DAY).expect("paid").at, 31 * DAY);
}

/// An order that stands so, of a period that is known.
fn order(standing: Standing) -> Order {
    Order {
        id: OrderId::from("o1"),
        buyer: Buyer::default(),
        items: vec![],
        standing,
        status: None,
        paid_at: None,
        updated_at: None,
        ended_at: None,
        period_end: Some(Timestamp::UNIX_EPOCH),
        renewal: Default::default(),
    }
}

#[test]
fn a_line_stands_by_itself_unless_the_whole_order_is_gone_or_unknown() {
    let line = |standing| Item { standing, ..Item::one("pro".into()) };
    for whole in Standing::ALL {
        assert_eq!(order(whole).standing_of(&line(None)), whole);
        for own in Standing::ALL {
            let unpaid = matches!(whole, Standing::Pending | Standing::Expired)
                && matches!(own, Standing::Paid | Standing::Subscribed);
            let decided_by_order = unpaid || matches!(whole, Standing::Refunded | Standing::Void | Standing::Unknown);
            let expected = if decided_by_order { whole } else { own };
            assert_eq!(order(whole).standing_of(&line(Some(own))), expected, "{own} in an order that is {whole}");
        }
    }
}

#[test]
fn a_subscription_that_nobody_says_the_end_of_is_unknown() {
    let endless = Order { standing: Standing::Subscribed, period_end: None, ..order(Standing::Paid) };
    let line = |standing| Item { standing, ..Item::one("pro".into()) };
    assert_eq!(endless.standing_of(&line(None)), Standing::Unknown);
    let by_line = Order { period_end: None, ..order(Standing::Paid) };
    assert_eq!(by_line.standing_of(&line(Some(Standing::Subscribed))), Standing::Unknown);
    assert_eq!(by_line.standing_of(&line(None)), Standing::Paid);
}

#[test]
fn a_subscription_entitles_until_its_paid_period_ends_then_for_the_grace() {
    let shop = shop(|rule| (rule.valid_for, rule.grace) = (Some(days(1)), days(3)));
    let subscribed = [purchase(1, Standing::Subscribed, 30 * DAY)];
    let said = |now| claim(&shop, &subscribed, now).map(|claim| (claim.state, claim.at));
    // `valid_for` is for what is bought once.
    assert_eq!(said(5 * DAY), Some((State::Entitled, 30 * DAY)));
    assert_eq!(said(30 * DAY - 1), Some((State::Entitled, 30 * DAY)));
    assert_eq!(said(30 * DAY), Some((State::Grace(Ending::Lapsed), 33 * DAY)));
    assert_eq!(said(33 * DAY), Some((State::Ended(Ending::Lapsed), 30 * DAY)));
    assert_eq!(at(&shop, &subscribed, 5 * DAY).next_change, Some(30 * DAY));
    assert_eq!(at(&shop, &subscribed, 31 * DAY).next_change, Some(33 * DAY));
    let renewed = [purchase(1, Standing::Subscribed, 60 * DAY)];
    assert_eq!(state(&shop, &renewed, 33 * DAY), Some(State::Entitled));
}

#[test]
fn of_a_partly_refunded_order_the_refunded_line_ends_and_the_other_stays() {
    let two = catalog(&[role("a"), role("b")], vec![rule("a", &[0]), rule("b", &[1])]);
    let b = Purchase { product: ProductIx(1), ..purchase(1, Standing::Refunded, DAY) };
    let desired = at(&two, &[paid(1, 0), b], 2 * DAY);
    assert_eq!(desired.claim(TargetIx(0), BUYER).expect("kept").state, State::Entitled);
    assert_eq!(desired.claim(TargetIx(1), BUYER).expect("ended").state, State::Ended(Ending::Refunded));
    assert_eq!(past(&desired, 0, 1, 1), Some(Ending::Refunded));
    assert_eq!(past(&desired, 0, 0, 1), None, "that line has not ended");
}

#[test]
fn a_dispute_that_is_won_restores_the_entitlement() {
    let shop = shop(|rule| rule.on_dispute = Policy::Revoke);
    assert_eq!(
        state(&shop, &[purchase(1, Standing::Disputed, 5 * DAY)], 6 * DAY),
        Some(State::Ended(Ending::Disputed))
    );
    assert_eq!(state(&shop, &[paid(1, 0)], 7 * DAY), Some(State::Entitled));
    // Where the policy is to keep, an open dispute changes nothing.
    let keep = self::shop(|_| {});
    assert_eq!(state(&keep, &[purchase(1, Standing::Disputed, 0)], 6 * DAY), Some(State::Entitled));
}

#[test]
fn the_next_change_is_the_first_end_of_an_entitlement_or_of_a_grace() {
    let shop = shop(|rule| (rule.valid_for, rule.grace) = (Some(days(30)), days(3)));
    let of = |user, when| Purchase { user: UserIx(user), ..paid(user, when) };
    assert_eq!(at(&shop, &[], 0).next_change, None);
    assert_eq!(at(&shop, &[of(1, 8 * DAY), of(2, 5 * DAY), of(3, 6 * DAY)], 9 * DAY).next_change, Some(35 * DAY));
    assert_eq!(at(&shop, &[of(1, 9 * DAY), of(2, 5 * DAY)], 36 * DAY).next_change, Some(38 * DAY), "a grace");
    assert_eq!(at(&shop, &[of(1, 0)], 40 * DAY).next_change, None, "what has ended changes no more");
}

#[test]
fn a_grant_is_a_sale_unless_every_order_behind_it_is_older_than_the_mapping() {
    let shop = shop(|rule| rule.entitlements[0].new_since = Some(1_000));
    let seen = |order, seen| Purchase { seen, ..paid(order, 0) };
    let origin = |purchases: &[Purchase]| claim(&shop, purchases, DAY).expect("paid").origin;
    assert_eq!(origin(&[seen(1, 999)]), Origin::Commit);
    assert_eq!(origin(&[seen(1, 1_000)]), Origin::Sale);
    assert_eq!(origin(&[seen(1, 999), seen(2, 1_001)]), Origin::Sale);
    assert_eq!(origin(&[seen(1, 1_001), seen(2, 999)]), Origin::Sale);
    assert_eq!(origin(&[seen(1, 998), seen(2, 999)]), Origin::Commit);
    // A mapping that is not new any more causes nothing.
    let settled = self::shop(|_| {});
    assert_eq!(claim(&settled, &[seen(1, 0)], DAY).expect("paid").origin, Origin::Sale);
}

#[test]
fn a_purchase_that_has_ended_makes_no_sale_of_what_a_commit_causes() {
    let shop = shop(|rule| rule.entitlements[0].new_since = Some(1_000));
    let old = Purchase { seen: 1, ..paid(1, 0) };
    for (standing, seen) in [(Standing::Refunded, 2_000), (Standing::Unknown, 2_000)] {
        let other = Purchase { seen, ..purchase(2, standing, DAY) };
        let said = claim(&shop, &[old, other], 2 * DAY).expect("paid");
        assert_eq!((said.state, said.origin), (State::Entitled, Origin::Commit), "{standing}");
    }
}

#[test]
fn one_sale_among_the_products_makes_the_grant_a_sale() {
    for new in [0, 1] {
        // The longer claim names the order in either case; its origin alone does not decide.
        for long in [0, 1] {
            let mut products = vec![rule("a", &[0]), rule("b", &[0])];
            products[new].entitlements[0].new_since = Some(1_000);
            products[1 - long].valid_for = Some(days(30));
            let both = catalog(&[role("paid")], products);
            let of = |product: u16| Purchase { product: ProductIx(product), ..paid(u32::from(product), 0) };
            let said = claim(&both, &[of(0), of(1)], DAY).expect("paid");
            assert_eq!((said.origin, said.product.at()), (Origin::Sale, long), "new {new}, long {long}");
        }
    }
}

#[test]
fn an_ended_sale_of_another_product_makes_no_sale_of_what_a_commit_causes() {
    for new in [0, 1] {
        let mut products = vec![rule("a", &[0]), rule("b", &[0])];
        products[new].entitlements[0].new_since = Some(1_000);
        let both = catalog(&[role("paid")], products);
        let of = |product: usize, standing| Purchase {
            product: ProductIx(u16::try_from(product).expect("small")),
            ..purchase(u32::try_from(product).expect("small"), standing, 0)
        };
        let said = claim(&both, &[of(new, Standing::Paid), of(1 - new, Standing::Refunded)], DAY).expect("paid");
        assert_eq!((said.state, said.origin), (State::Entitled, Origin::Commit), "new {new}");
    }
}

#[test]
fn equal_claims_name_the_order_that_was_paid_first() {
    let said = claim(&shop(|_| {}), &[paid(3, 2), paid(9, 1), paid(4, 1)], DAY).expect("paid");
    assert_eq!(said.order, OrderKey(4));
}

#[test]
fn the_purchases_behind_an_ended_claim_are_told_by_user() {
    let two = catalog(&[role("a"), role("b")], vec![rule("a", &[0]), rule("b", &[1])]);
    let of = |user, product, order, standing| Purchase {
        user: UserIx(user),
        product: ProductIx(product),
        ..purchase(order, standing, 0)
    };
    let desired = at(
        &two,
        &[
            of(0, 0, 1, Standing::Refunded),
            of(0, 0, 2, Standing::Pending),
            of(0, 1, 3, Standing::Paid),
            of(1, 0, 4, Standing::Refunded),
            of(2, 0, 5, Standing::Paid),
        ],
        DAY,
    );
    assert_eq!(past(&desired, 0, 0, 1), Some(Ending::Refunded));
    assert_eq!(past(&desired, 1, 0, 4), Some(Ending::Refunded));
    assert_eq!(desired.ended.len(), 2, "neither what was never paid nor what still entitles: {:?}", desired.ended);
    assert_eq!(desired.ended_of(UserIx(0)), &desired.ended[..1]);
    assert_eq!(desired.ended_of(UserIx(1)), &desired.ended[1..]);
    assert_eq!(desired.ended_of(UserIx(2)), []);
}

#[test]
fn each_purchase_speaks_for_itself_and_after_those_before_it() {
    let catalog = catalog(
        &[role("paid")],
        vec![rule("life", &[0]), shop(|rule| rule.valid_for = Some(days(30))).products.remove(0)],
    );
    let month = |order, user, at| Purchase { user: UserIx(user), product: ProductIx(1), ..paid(order, at) };
    let refunded = purchase(4, Standing::Refunded, 5 * DAY);
    let mut purchases =
        [month(3, 1, 0), refunded, month(2, 0, 10 * DAY), month(1, 0, 0), purchase(5, Standing::Pending, DAY)];
    let said = statements(&mut purchases, &catalog, 40 * DAY);
    let said: Vec<_> = said.iter().map(|one| (one.purchase.order.0, one.says)).collect();
    let expired = |days| Some((State::Ended(Ending::Expired), days * DAY));
    let expected = [
        (5, None),
        (4, Some((State::Ended(Ending::Refunded), 5 * DAY))),
        (1, expired(30)),
        // Of the same user and the same product, so it begins when the first has ended.
        (2, Some((State::Entitled, 60 * DAY))),
        (3, expired(30)),
    ];
    assert_eq!(said, expected);
}
