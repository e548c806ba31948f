//! Several steps that only together tempt to something, and whole histories of such and of single ones.

use entitled::sandbox::Fault;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::catalogs::{FILES, PRODUCTS, Shop};
use super::meanwhile::meanwhile;
use super::steps::{By, Event, Reach, Side, Step, Trouble, event, lasting, step};

/// A commit that takes or gives much, and what comes about while that is done.
fn long() -> impl Strategy<Value = Vec<Step>> {
    let bought = proptest::collection::vec((0..super::SIGNED_UP - 1, 0..PRODUCTS.len()), 2..5);
    (bought, 0..FILES.len(), meanwhile(), step()).prop_map(|(bought, file, meanwhile, after)| {
        let buy = |(person, product)| {
            let event = Event::Buy { shop: Shop::Main, person, products: vec![product], by: By::Email, days_ago: 0 };
            Step::quiet(event, Reach::Full)
        };
        let commit = Step { meanwhile: Some(meanwhile), ..Step::quiet(Event::Commit(file), Reach::Full) };
        bought.into_iter().map(buy).chain([commit, after]).collect()
    })
}

/// Writes fail while much is to be written, and are tried again soon.
fn failing() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![lasting(Fault::Refuse, 404), lasting(Fault::Refuse, 403), lasting(Fault::HalfJson, 200)];
    (step(), fault, event()).prop_map(|(step, what, between)| {
        let faults = vec![Trouble { side: Side::Logto, what: what.of_writes() }];
        vec![
            Step { faults, span: Reach::Quick, ..step },
            Step::quiet(Event::Nothing, Reach::Again),
            Step::quiet(between, Reach::Again),
        ]
    })
}

/// What is held is let through, and the set is another one when the pass comes.
fn approved() -> impl Strategy<Value = Vec<Step>> {
    let tight = select(&[1, 2, 3, 8, 9, 10, 12, 13][..]);
    let bought = proptest::collection::vec((0..super::SIGNED_UP - 1, 0..PRODUCTS.len()), 2..5);
    (bought, tight, any::<Index>(), event(), step()).prop_map(|(bought, file, set, then, after)| {
        let buy = |(person, product)| {
            let event = Event::Buy { shop: Shop::Main, person, products: vec![product], by: By::Email, days_ago: 0 };
            Step::quiet(event, Reach::Full)
        };
        let approve = Event::Approve { set, then: Box::new(then) };
        let rest = [Step::quiet(Event::Commit(file), Reach::Full), Step::quiet(approve, Reach::Full), after];
        bought.into_iter().map(buy).chain(rest).collect()
    })
}

/// What was given by hand, seen, bought and refunded.
fn gift() -> impl Strategy<Value = Vec<Step>> {
    let given = (0..super::SIGNED_UP - 1, select(&super::catalogs::THINGS[..]), 0..PRODUCTS.len());
    let spans = select(&[Reach::Full, Reach::Quick, Reach::Hint][..]);
    (given, spans, step(), select(&["refunded", "void"][..])).prop_map(
        |((person, thing, product), span, between, end)| {
            let buy = Event::Buy { shop: Shop::Main, person, products: vec![product], by: By::Email, days_ago: 0 };
            vec![
                Step::quiet(Event::Give { person, thing }, Reach::Full),
                between,
                Step::quiet(buy, span),
                Step::quiet(Event::TurnLast(end), span),
            ]
        },
    )
}

/// One step after the other, some of which belong together.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = step().prop_map(|step| vec![step]);
    let parts = proptest::collection::vec(
        prop_oneof![24 => one, 2 => gift(), 1 => long(), 1 => failing(), 1 => approved()],
        6..15,
    );
    parts.prop_map(|parts| parts.into_iter().flatten().collect())
}
