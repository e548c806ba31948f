//! What lists of refunds, disputes and adjustments say of orders whose own row does not change. Pure.
//!
//! # The flow
//! Some payment APIs never touch an order again: a refunded transaction of Paddle "remains unchanged", and
//! the refund is an adjustment of its own. So a source may have **overlays**, further lists whose items
//! point at an order; what one item says is an [`Adjustment`].
//! 1. A read walks every overlay before the list of orders, and whoever follows a hint or looks at an order before
//!    a revocation walks them too. One that cannot be read ends the whole read: it is never taken for "no refunds".
//! 2. Each page of marks is kept in the store under the id of its item, and the orders of those marks that
//!    are new or different are noted there as open. A mark is replaced by a later state of the same item
//!    and by nothing else: an item that is no longer listed still counts.
//! 3. Whatever is recorded from then on, a page of the list or an order read again by id, has its marks put
//!    on it by the store ([`apply_overrides`]), in the transaction that writes it, and its note is closed.
//! 4. Orders that are still open when the list has ended did not come along: they are read by id, or taken
//!    from the store where the API has no such call, and recorded with their marks.
//! 5. Only then does the cursor advance. A process that dies in between finds the notes still open.
//!
//! # Guarantees
//! - An overlay only takes away: [`apply_overrides`] picks the graver standing, and never makes an order entitle that
//!   did not.
//! - A won dispute gives back what the order itself says. Without a call for one order, that is known at the
//!   next read that lists it, at the latest the full one.
//! - A list that comes up empty takes back no refund.

use jiff::Timestamp;

use super::{Order, OrderId, Standing};

/// What one item of an overlay says of an order, by its state now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// A number that stands for the overlay and how it is read, wherever it stands in the file.
    pub overlay: i64,
    /// The item's own id.
    pub item: String,
    /// The order it is about.
    pub order: OrderId,
    /// What it makes of it; nothing where no rule fits, or the first that does says `paid`.
    pub overrides: Option<Override>,
}

/// A standing that an overlay forces on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// Never one that entitles without any policy.
    pub standing: Standing,
    /// Since when, where the item tells.
    pub ended_at: Option<Timestamp>,
}

/// Puts marks on an order: of all that is said, the gravest holds, and of two alike the later end.
pub fn apply_overrides(order: &mut Order, adjustments: &[Override]) {
    let Some(adjustment) =
        adjustments.iter().max_by_key(|adjustment| (severity(adjustment.standing), adjustment.ended_at))
    else {
        return;
    };
    let (own, overrides) = (severity(order.standing), severity(adjustment.standing));
    // What never entitled does not begin to because some of it was given back.
    let applies = if own == Severity::None { overrides >= Severity::Gone } else { overrides > own };
    if !applies {
        return;
    }
    order.standing = adjustment.standing;
    order.ended_at = adjustment.ended_at;
    if adjustment.standing == Standing::Disputed {
        // A dispute is about the payment, and so about every line; a partial refund is about some, and which
        // is what the lines say.
        for item in order.items.iter_mut().filter(|item| item.standing.is_some_and(|own| severity(own) < overrides)) {
            item.standing = Some(Standing::Disputed);
        }
    }
}

/// How much of an order is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// It does not entitle, and nothing is known to have ended.
    None,
    Whole,
    Reduced,
    Contested,
    Gone,
}

fn severity(standing: Standing) -> Severity {
    match standing {
        Standing::Pending | Standing::Expired | Standing::Unknown => Severity::None,
        Standing::Paid | Standing::Subscribed => Severity::Whole,
        Standing::PartiallyRefunded => Severity::Reduced,
        Standing::Disputed => Severity::Contested,
        Standing::Refunded | Standing::Void => Severity::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Buyer, Item};

    fn overrides(own: Standing, adjustments: &[Standing]) -> Standing {
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
            renewal: Default::default(),
        };
        let adjustments: Vec<Override> =
            adjustments.iter().map(|standing| Override { standing: *standing, ended_at: None }).collect();
        apply_overrides(&mut order, &adjustments);
        order.standing
    }

    #[test]
    fn the_gravest_of_all_that_is_said_holds() {
        use Standing::{Disputed, Paid, PartiallyRefunded, Refunded, Void};
        assert_eq!(overrides(Paid, &[]), Paid);
        assert_eq!(overrides(Paid, &[PartiallyRefunded]), PartiallyRefunded);
        assert_eq!(overrides(Paid, &[PartiallyRefunded, Disputed]), Disputed);
        assert_eq!(overrides(Paid, &[Refunded, Disputed]), Refunded);
        assert_eq!(overrides(Disputed, &[PartiallyRefunded]), Disputed);
        assert_eq!(overrides(Refunded, &[PartiallyRefunded, Disputed, Void]), Refunded, "its own word stays");
    }

    #[test]
    fn nothing_that_an_overlay_says_makes_an_order_entitle() {
        use Standing::{Disputed, Expired, PartiallyRefunded, Pending, Refunded, Unknown};
        for own in [Pending, Expired, Unknown] {
            assert_eq!(overrides(own, &[PartiallyRefunded, Disputed]), own);
            assert_eq!(overrides(own, &[Refunded]), Refunded);
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
            renewal: Default::default(),
        };
        apply_overrides(&mut order, &[Override { standing: Standing::Disputed, ended_at: None }]);
        let standings: Vec<Standing> = order.items.iter().map(|item| order.standing_of(item)).collect();
        assert_eq!(standings, [Standing::Disputed, Standing::Refunded, Standing::Disputed]);
    }
}
