//! How long anything may be that comes from a shop. What is longer is not kept, and its order stands `unknown`: an
//! address of 17,000 bytes is nobody's, and nobody who has to be asked about it would take it.

use super::{Odd, OddPart, Oddity};
use crate::model::{Email, Item, Order, OrderId, UserId};

/// Of an address, in bytes: RFC 5321, 4.5.3.1.3, without the angle brackets.
const EMAIL: usize = 254;
/// Of an id, in bytes.
const ID: usize = 256;
/// Of a word for a standing, of which nothing but what is shown depends.
const WORD: usize = 256;
/// Of what is shown of something longer.
const SHOWN: usize = 40;

/// How many bytes a part may have.
pub(super) fn of(part: OddPart) -> usize {
    if part == OddPart::Buyer { EMAIL } else { ID }
}

/// The order with what is within the bounds; the rest is noted in `odd`.
pub(super) fn keep(mut order: Order, odd: &mut Vec<Odd>) -> Order {
    let mut note = |part, path: &str, value: &str| {
        // As one line: it is shown beside what is read of the rest.
        let line = begin(value, SHOWN).replace(char::is_control, " ");
        let (value, path) = (format!("{line}…"), path.to_owned());
        odd.push(Odd { part, what: Oddity::TooLong, path, value });
    };
    if order.id.as_str().len() > ID {
        note(OddPart::Row, "the id of an order", order.id.as_str());
        order.id = OrderId::from(begin(order.id.as_str(), ID));
    }
    // An id of a user is no longer than an address.
    if let Some(user) = order.buyer.user.take_if(|user: &mut UserId| user.as_str().len() > EMAIL) {
        note(OddPart::Buyer, "the id of a user", user.as_str());
    }
    if let Some(email) = order.buyer.email.take_if(|email: &mut Email| email.as_str().len() > EMAIL) {
        note(OddPart::Buyer, "an address", email.as_str());
    }
    let long = |item: &Item| item.product.as_str().len() > ID;
    if let Some(item) = order.items.iter().find(|item| long(item)) {
        note(OddPart::Products, "the id of a product", item.product.as_str());
        order.items.retain(|item| !long(item));
    }
    if let Some(word) = order.status.as_mut().filter(|word| word.len() > WORD) {
        *word = begin(word, WORD).to_owned();
    }
    order
}

/// The first `bytes` bytes, or a little less: no letter is cut in two.
fn begin(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::super::ReadOrder;
    use super::*;
    use crate::model::{Buyer, ProductId, Standing};

    fn order(id: &str, product: &str, user: &str, email: &str) -> Order {
        Order {
            id: id.into(),
            buyer: Buyer { user: Some(user.into()), email: Email::parse(email) },
            items: vec![Item::one(ProductId::from(product)), Item::one("pro".into())],
            standing: Standing::Paid,
            status: Some("é".repeat(400)),
            paid_at: None,
            updated_at: None,
            ended_at: None,
            period_end: None,
            renewal: crate::model::Renewal::default(),
        }
    }

    #[test]
    fn what_is_as_long_as_it_may_be_is_kept_and_one_byte_more_makes_the_order_unknown() {
        let email = |bytes: usize| format!("{}@example.com", "a".repeat(bytes - 12));
        let (id, user) = ("i".repeat(ID), "u".repeat(EMAIL));
        let kept = ReadOrder::new(order(&id, &id, &user, &email(EMAIL)), Vec::new());
        assert_eq!((kept.order.standing, kept.odd.len(), kept.order.items.len()), (Standing::Paid, 0, 2));
        assert_eq!(kept.order.status.as_ref().unwrap().len(), WORD);
        for (number, part) in [OddPart::Row, OddPart::Products, OddPart::Buyer, OddPart::Buyer].into_iter().enumerate()
        {
            let mut texts = [id.clone(), id.clone(), user.clone(), email(EMAIL)];
            texts[number] = if number == 3 { email(EMAIL + 1) } else { texts[number].clone() + "x" };
            let [id, product, user, email] = &texts;
            let read = ReadOrder::from(order(id, product, user, email));
            assert_eq!((read.order.standing, read.odd.len()), (Standing::Unknown, 1), "{number}");
            assert_eq!((read.odd[0].part, read.odd[0].what), (part, Oddity::TooLong));
            assert!(read.odd[0].value.len() <= SHOWN + '…'.len_utf8(), "{}", read.odd[0]);
            let Order { id, buyer, items, .. } = &read.order;
            assert!(id.as_str().len() <= ID && items.iter().all(|item| item.product.as_str().len() <= ID));
            assert_eq!(buyer.user.is_some(), number != 2);
            assert_eq!(buyer.email.is_some(), number != 3);
            // Read again it is as odd as before, and no more.
            assert_eq!(ReadOrder::new(read.order.clone(), read.odd.clone()), read);
        }
    }

    #[test]
    fn what_is_shown_of_something_too_long_is_one_line_without_commands() {
        let long = format!("a\n\u{1b}[2J\u{85}b{}", "x".repeat(300));
        let read = ReadOrder::from(order(&long, &long, &long, "a@example.com"));
        assert_eq!(read.odd.len(), 3);
        assert!(read.odd.iter().all(|odd| !odd.value.contains(char::is_control)), "{:?}", read.odd);
    }

    #[test]
    fn no_letter_is_cut_in_two() {
        let read = ReadOrder::from(order(&"é".repeat(200), "pro", "u", "a@example.com"));
        assert_eq!(read.order.id.as_str(), "é".repeat(128));
    }
}
