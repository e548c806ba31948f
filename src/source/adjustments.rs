//! What lists of refunds, disputes and adjustments say of orders whose own row does not change. Pure.
//!
//! # The flow
//! Some payment APIs never touch an order again: a refunded transaction of Paddle "remains unchanged", and
//! the refund is an adjustment of its own. So a source may have **overlays**, further lists whose items
//! point at an order; what one item says is a [`Mark`](crate::model::Mark).
//! 1. A read walks every overlay before the list of orders. One that cannot be read ends the whole read:
//!    it is never taken for "no refunds".
//! 2. Each page of marks is kept in the store under the id of its item, and the orders of those marks that
//!    are new or different are noted there as open. A mark is replaced by a later state of the same item
//!    and by nothing else: an item that is no longer listed still counts.
//! 3. Whatever is recorded from then on, a page of the list or an order read again by id, has its marks put
//!    on it first ([`force`]), and its note is closed.
//! 4. Orders that are still open when the list has ended did not come along: they are read by id, or taken
//!    from the store where the API has no such call, and recorded with their marks.
//! 5. Only then does the cursor advance. A process that dies in between finds the notes still open.
//!
//! # Guarantees
//! - An overlay only takes away: [`force`] picks the graver standing, and never makes an order entitle that
//!   did not.
//! - A won dispute gives back what the order itself says. Without a call for one order, that is known at the
//!   next read that lists it, at the latest the full one.
//! - A list that comes up empty takes back no refund.

use crate::model::{Forced, Order, Standing};

/// Puts marks on an order: of all that is said, the gravest holds, and of two alike the later end.
pub fn force(order: &mut Order, marks: &[Forced]) {
    let Some(mark) = marks.iter().max_by_key(|mark| (gravity(mark.standing), mark.ended_at)) else { return };
    let (own, forced) = (gravity(order.standing), gravity(mark.standing));
    // What never entitled does not begin to because some of it was given back.
    let applies = if own == Gravity::None { forced >= Gravity::Gone } else { forced > own };
    if !applies {
        return;
    }
    order.standing = mark.standing;
    order.ended_at = mark.ended_at;
    if mark.standing == Standing::Disputed {
        // A dispute is about the payment, and so about every line; a partial refund is about some, and which
        // is what the lines say.
        for item in order.items.iter_mut().filter(|item| item.standing.is_some_and(|own| gravity(own) < forced)) {
            item.standing = Some(Standing::Disputed);
        }
    }
}

/// How much of an order is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gravity {
    /// It does not entitle, and nothing is known to have ended.
    None,
    Whole,
    Reduced,
    Contested,
    Gone,
}

fn gravity(standing: Standing) -> Gravity {
    match standing {
        Standing::Pending | Standing::Expired | Standing::Unknown => Gravity::None,
        Standing::Paid | Standing::Subscribed => Gravity::Whole,
        Standing::PartiallyRefunded => Gravity::Reduced,
        Standing::Disputed => Gravity::Contested,
        Standing::Refunded | Standing::Void => Gravity::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Buyer, Item};

    fn forced(own: Standing, marks: &[Standing]) -> Standing {
        let mut order = Order {
            id: "o".into(),
            buyer: Buyer { user: None, email: None },
            items: Vec::new(),
            standing: own,
            status: None,
            paid_at: None,
            updated_at: None,
            ended_at: None,
            period_end: None,
        };
        let marks: Vec<Forced> = marks.iter().map(|standing| Forced { standing: *standing, ended_at: None }).collect();
        force(&mut order, &marks);
        order.standing
    }

    #[test]
    fn the_gravest_of_all_that_is_said_holds() {
        use Standing::{Disputed, Paid, PartiallyRefunded, Refunded, Void};
        assert_eq!(forced(Paid, &[]), Paid);
        assert_eq!(forced(Paid, &[PartiallyRefunded]), PartiallyRefunded);
        assert_eq!(forced(Paid, &[PartiallyRefunded, Disputed]), Disputed);
        assert_eq!(forced(Paid, &[Refunded, Disputed]), Refunded);
        assert_eq!(forced(Disputed, &[PartiallyRefunded]), Disputed);
        assert_eq!(forced(Refunded, &[PartiallyRefunded, Disputed, Void]), Refunded, "its own word stays");
    }

    #[test]
    fn nothing_that_an_overlay_says_makes_an_order_entitle() {
        use Standing::{Disputed, Expired, PartiallyRefunded, Pending, Refunded, Unknown};
        for own in [Pending, Expired, Unknown] {
            assert_eq!(forced(own, &[PartiallyRefunded, Disputed]), own);
            assert_eq!(forced(own, &[Refunded]), Refunded);
        }
    }

    #[test]
    fn a_dispute_is_about_every_line_that_still_entitles() {
        let mut order = Order {
            id: "o".into(),
            buyer: Buyer { user: None, email: None },
            items: vec![
                Item { standing: Some(Standing::Paid), ..Item::one("a".into()) },
                Item { standing: Some(Standing::Refunded), ..Item::one("b".into()) },
                Item::one("c".into()),
            ],
            standing: Standing::Paid,
            status: None,
            paid_at: None,
            updated_at: None,
            ended_at: None,
            period_end: None,
        };
        force(&mut order, &[Forced { standing: Standing::Disputed, ended_at: None }]);
        let standings: Vec<Standing> = order.items.iter().map(|item| order.standing_of(item)).collect();
        assert_eq!(standings, [Standing::Disputed, Standing::Refunded, Standing::Disputed]);
    }
}
