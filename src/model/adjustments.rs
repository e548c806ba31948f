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

use serde::{Deserialize, Serialize};

use super::{Item, Order, OrderId, ProductId, Standing};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Never one that entitles without any policy.
    pub standing: Standing,
    /// Since when, where the item tells.
    pub ended_at: Option<Timestamp>,
    /// Of how much of the order.
    pub part: Part,
}

/// How much of an order an item of an overlay is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// These lines, and no other one.
    Lines(Vec<LineRef>),
    /// So much of the money. Only what all such items say together tells whether anything is left.
    Money {
        /// What is given back.
        amount: Money,
        /// What the order was.
        of: Money,
    },
}

/// A line of an order, as a refund names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRef {
    /// Its own id, where the API tells.
    pub id: Option<String>,
    /// Its product, where it does not.
    pub product: Option<ProductId>,
    /// How many of it. `None`: all.
    pub quantity: Option<u32>,
}

/// An amount in millionths, without its sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money(pub u64);

impl Money {
    /// Reads `49.00`, `-49` or `4900`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let fraction = format!("{fraction:0<6}");
        let millionths: u64 = fraction.get(..6)?.parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(millionths).map(Self)
    }
}

/// Puts marks on an order: of all that is said of it, the gravest holds, and of two alike the later end. What is said of
/// a line holds for that line.
pub fn apply_overrides(order: &mut Order, adjustments: &[Override]) {
    let about = |adjustment: &&Override| matches!(adjustment.part, Part::Whole);
    let whole = adjustments.iter().filter(about).map(|said| (said.standing, said.ended_at)).chain(summed(adjustments));
    if let Some((standing, ended_at)) = whole.max_by_key(|(standing, ended_at)| (severity(*standing), *ended_at)) {
        override_order(order, standing, ended_at);
    }
    override_lines(order, adjustments);
}

fn override_order(order: &mut Order, standing: Standing, ended_at: Option<Timestamp>) {
    if !is_graver(standing, order.standing) {
        return;
    }
    order.standing = standing;
    order.ended_at = ended_at;
    if standing == Standing::Disputed {
        // A dispute is about the payment, and so about every line; a partial refund is about some, and which
        // is what the lines say.
        let disputed = severity(standing);
        for item in order.items.iter_mut().filter(|item| item.standing.is_some_and(|own| severity(own) < disputed)) {
            item.standing = Some(Standing::Disputed);
        }
    }
}

/// What items that tell amounts say together: what the gravest of them says where nothing is left, and else that some of
/// it was given back.
fn summed(adjustments: &[Override]) -> Option<(Standing, Option<Timestamp>)> {
    let (mut amount, mut of, mut standing, mut ended_at) = (0_u64, 0_u64, None::<Standing>, None);
    for said in adjustments {
        let Part::Money { amount: Money(part), of: Money(whole) } = said.part else { continue };
        (amount, of) = (amount.saturating_add(part), of.max(whole));
        standing = standing.into_iter().chain([said.standing]).max_by_key(|standing| severity(*standing));
        ended_at = ended_at.max(said.ended_at);
    }
    let standing = standing?;
    let left = amount < of;
    Some((if left && severity(standing) == Severity::Gone { Standing::PartiallyRefunded } else { standing }, ended_at))
}

/// What is said of single lines. What names no line of the order is about some of it, and nobody knows which.
fn override_lines(order: &mut Order, adjustments: &[Override]) {
    let mut taken: Vec<u64> = vec![0; order.items.len()];
    let mut lost = None;
    for said in adjustments {
        let Part::Lines(lines) = &said.part else { continue };
        for line in lines {
            let is_it = |item: &Item| match (&line.id, &item.id) {
                (Some(named), Some(own)) => named == own,
                _ => line.product.as_ref() == Some(&item.product),
            };
            let Some(at) = order.items.iter().position(is_it) else {
                lost = lost.max(Some(said.ended_at));
                continue;
            };
            let item = &order.items[at];
            let before = item.standing.unwrap_or(order.standing);
            taken[at] += u64::from(line.quantity.unwrap_or(item.quantity));
            // Of three seats one was given back: some of the line is left.
            let some_left = taken[at] < u64::from(item.quantity) && severity(said.standing) == Severity::Gone;
            let standing = if some_left { Standing::PartiallyRefunded } else { said.standing };
            if is_graver(standing, before) {
                order.items[at].standing = Some(standing);
                order.ended_at = order.ended_at.max(said.ended_at);
            }
        }
    }
    if let Some(ended_at) = lost {
        override_order(order, Standing::PartiallyRefunded, ended_at);
    }
}

/// Whether what is said counts more than an own standing. What never entitled does not begin to because some of it was
/// given back.
fn is_graver(said: Standing, own: Standing) -> bool {
    let (said, own) = (severity(said), severity(own));
    if own == Severity::None { said >= Severity::Gone } else { said > own }
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
    use crate::model::Buyer;

    fn order(standing: Standing, items: Vec<Item>) -> Order {
        Order {
            id: "o".into(),
            buyer: Buyer { user: None, email: None },
            items,
            standing,
            status: None,
            paid_at: None,
            updated_at: None,
            ended_at: None,
            period_end: None,
            renewal: Default::default(),
        }
    }

    fn overrides(own: Standing, adjustments: &[Standing]) -> Standing {
        let mut order = order(own, Vec::new());
        let adjustments: Vec<Override> = adjustments
            .iter()
            .map(|standing| Override { standing: *standing, ended_at: None, part: Part::Whole })
            .collect();
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
        let items = vec![
            Item { standing: Some(Standing::Paid), ..Item::one("a".into()) },
            Item { standing: Some(Standing::Refunded), ..Item::one("b".into()) },
            Item::one("c".into()),
        ];
        let mut order = order(Standing::Paid, items);
        apply_overrides(&mut order, &[Override { standing: Standing::Disputed, ended_at: None, part: Part::Whole }]);
        let standings: Vec<Standing> = order.items.iter().map(|item| order.standing_of(item)).collect();
        assert_eq!(standings, [Standing::Disputed, Standing::Refunded, Standing::Disputed]);
    }

    /// Three lines of an order that stands paid, one of three of a kind.
    fn lines() -> Order {
        let line =
            |id: &str, product: &str, quantity| Item { id: Some(id.to_owned()), quantity, ..Item::one(product.into()) };
        order(Standing::Paid, vec![line("1", "a", 1), line("2", "b", 3), line("3", "a", 1)])
    }

    fn of(standing: Standing, lines: &[(Option<&str>, Option<&str>, Option<u32>)]) -> Override {
        let line = |(id, product, quantity): &(Option<&str>, Option<&str>, Option<u32>)| LineRef {
            id: id.map(str::to_owned),
            product: product.map(ProductId::from),
            quantity: *quantity,
        };
        Override { standing, ended_at: None, part: Part::Lines(lines.iter().map(line).collect()) }
    }

    fn standings(said: &[Override]) -> Vec<Standing> {
        let mut order = lines();
        apply_overrides(&mut order, said);
        order.items.iter().map(|item| order.standing_of(item)).collect()
    }

    #[test]
    fn what_is_said_of_a_line_holds_for_that_line_alone() {
        use Standing::{Disputed, Paid, PartiallyRefunded, Refunded};
        let gone = |lines: &[_]| of(Refunded, lines);
        for (said, expected) in [
            (vec![gone(&[(Some("3"), Some("a"), None)])], [Paid, Paid, Refunded]),
            (vec![gone(&[(None, Some("a"), None)])], [Refunded, Paid, Paid]),
            (vec![gone(&[(Some("1"), None, None), (Some("2"), None, Some(3))])], [Refunded, Refunded, Paid]),
            // Some of the three, in one refund or in several.
            (vec![gone(&[(Some("2"), None, Some(1))])], [Paid, PartiallyRefunded, Paid]),
            (vec![gone(&[(Some("2"), None, Some(1))]), gone(&[(Some("2"), None, Some(2))])], [Paid, Refunded, Paid]),
            (vec![of(PartiallyRefunded, &[(Some("2"), None, None)])], [Paid, PartiallyRefunded, Paid]),
            (vec![of(Disputed, &[(Some("2"), None, Some(1))])], [Paid, Disputed, Paid]),
            // A line that the order does not have: some of it was given back, and nobody knows which.
            (vec![gone(&[(Some("9"), None, None)])], [PartiallyRefunded; 3]),
            // The whole order is gone anyhow.
            (vec![gone(&[(Some("1"), None, None)]), of_all(Refunded)], [Refunded; 3]),
        ] {
            assert_eq!(standings(&said), expected, "{said:?}");
        }
    }

    fn of_all(standing: Standing) -> Override {
        Override { standing, ended_at: None, part: Part::Whole }
    }

    #[test]
    fn no_line_begins_to_entitle_because_some_of_it_was_given_back() {
        let mut order = Order { standing: Standing::Pending, ..lines() };
        apply_overrides(&mut order, &[of(Standing::PartiallyRefunded, &[(Some("1"), None, None)])]);
        assert_eq!(order, Order { standing: Standing::Pending, ..lines() });
    }

    #[test]
    fn of_amounts_only_their_sum_tells_whether_anything_is_left() {
        use Standing::{Paid, PartiallyRefunded, Refunded};
        let part = |amount: &str, of: &str| Override {
            standing: Refunded,
            ended_at: None,
            part: Part::Money { amount: Money::parse(amount).unwrap(), of: Money::parse(of).unwrap() },
        };
        for (said, expected) in [
            (vec![], Paid),
            (vec![part("4.90", "49.00")], PartiallyRefunded),
            (vec![part("4.90", "49.00"), part("-44.1", "49")], Refunded),
            (vec![part("48.999999", "49")], PartiallyRefunded),
            (vec![part("4900", "4900")], Refunded),
            (vec![part("0", "0")], Refunded),
            (vec![part("0.00000001", "0.00000002"), part("1", "1")], Refunded),
            (vec![part("4.90", "49.00"), of_all(Standing::Disputed)], Standing::Disputed),
        ] {
            assert_eq!(standings(&said), [expected; 3], "{said:?}");
        }
        for text in ["", "-", "1,000.00", "1e3", "a", "1.2.3", ".5", "99999999999999999999"] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
    }
}
