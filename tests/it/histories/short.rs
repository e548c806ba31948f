//! Short histories that are always tried, one for each kind of thing that can happen: what a random one seldom
//! puts together.

use proptest::prelude::{Strategy as _, any};
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::catalogs::{MUG, PRODUCTS, Shop, THINGS, Thing};
use super::drive;
use super::steps::{By, Change, Event, Oddity, Reach, Step, To};

/// The one order that there is.
pub(super) fn the_only() -> Index {
    any::<Index>().new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

pub(super) fn buy(shop: Shop, person: usize, product: usize) -> Event {
    Event::Buy { shop, person, products: vec![product], by: By::Email, days_ago: 0 }
}

/// Plays events without a fault, the first one in a full pass and each other one in `span`.
fn play(events: Vec<Event>, span: Reach) {
    let step = |(number, event): (usize, Event)| {
        let span = if number == 0 { Reach::Full } else { span };
        Step::quiet(event, span)
    };
    play_steps(events.into_iter().enumerate().map(step).collect());
}

pub(super) fn play_steps(steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(why) = runtime.block_on(drive::play(false, &steps)) {
        panic!("{why}\n{steps:#?}");
    }
}

/// A target that a commit takes out of the file still counts against the limit of the day.
#[test]
fn what_left_the_file_counts_against_the_limit() {
    play(vec![buy(Shop::Main, 0, 2), buy(Shop::Main, 1, 0), Event::Commit(2), Event::Commit(9)], Reach::Full);
}

/// Whatever was given by hand and seen before it was bought outlives the refund: a role, a membership, a role in
/// an organization. Whatever the clock of the machine said when it was seen.
#[test]
fn what_is_given_bought_and_refunded_stays() {
    for thing in THINGS {
        for product in 0..PRODUCTS.len() {
            // How a pass looks matters to what is sold and not to what it gives.
            let spans = [Reach::Full, Reach::Quick, Reach::Hint];
            for span in spans.into_iter().take(if product == 0 { 3 } else { 1 }) {
                let refund = Event::Turn { order: the_only(), status: "refunded" };
                play(vec![Event::Give { person: 0, thing }, buy(Shop::Main, 0, product), refund, Event::Nothing], span);
            }
        }
    }
}

/// The same, whatever the clock of the machine says when it is seen, bought or refunded.
#[test]
fn a_wrong_clock_makes_no_gift_a_purchase() {
    for seconds in [40 * 86_400, 7_200, -7_200, -40 * 86_400] {
        // Each of the three moments, and all of them.
        for wrong in [1, 2, 4, 7] {
            let jump = |at: usize| if wrong & (1 << at) == 0 { Event::RightClock } else { Event::Jump(seconds) };
            let given = Event::Give { person: 0, thing: Thing::Gold };
            let refund = Event::Turn { order: the_only(), status: "refunded" };
            let mend = || Event::RightClock;
            play(
                vec![
                    Event::Nothing,
                    jump(0),
                    given,
                    mend(),
                    Event::Clock(300),
                    jump(1),
                    buy(Shop::Main, 0, 0),
                    mend(),
                    jump(2),
                    refund,
                ],
                Reach::Full,
            );
        }
    }
}

/// An order that is for something else, or somebody else's, or nobody's, and is refunded then.
#[test]
fn what_an_order_comes_to_say() {
    let tos = [To::Nobody, To::Unknown, To::Account(1), To::User(1), To::Account(6), To::Account(0)];
    let changes = (0..=MUG)
        .map(|product| Event::Exchange { order: the_only(), product })
        .chain(tos.map(|to| Event::Readdress { order: the_only(), to }))
        .chain([Oddity::Epoch, Oddity::Ahead].map(|how| Event::Odd { order: the_only(), how }));
    for (number, change) in changes.enumerate() {
        let shop = if number % 3 == 2 { Shop::Till } else { Shop::Main };
        let span = [Reach::Full, Reach::Quick, Reach::Hint][number / 2 % 3];
        let refund = Event::Turn { order: the_only(), status: "refunded" };
        play(vec![buy(shop, 0, 0), change, Event::SignUp { person: 6 }, refund], span);
    }
}

/// Whose an address is, said, corrected, and said no more.
#[test]
fn what_a_binding_says() {
    for span in [Reach::Full, Reach::Quick] {
        for to in [Some(1), Some(6), None] {
            let bind = |to| Event::Bind { address: 0, to };
            for end in ["refunded", "paid"] {
                let turn = Event::Turn { order: the_only(), status: end };
                play(vec![buy(Shop::Main, 0, 0), bind(Some(2)), bind(to), Event::Nothing, turn], span);
            }
        }
    }
}

/// A source under other names, with what was known of it or without.
#[test]
fn what_becomes_of_a_source() {
    let rename = |was| Change::Rename { was };
    let all: [&[Change]; 6] = [
        &[rename(true)],
        &[rename(false)],
        &[rename(false), Change::Join],
        &[rename(false), rename(true)],
        &[Change::Drop, Change::Return],
        &[Change::Drop],
    ];
    for (changes, shop) in all.into_iter().zip([Shop::Main, Shop::Corner, Shop::Till].into_iter().cycle()) {
        for product in [1, 2] {
            let commits = changes.iter().map(|change| Event::Source { shop, change: *change });
            let edit = Event::Readdress { order: the_only(), to: To::Unknown };
            let refund = Event::Turn { order: the_only(), status: "refunded" };
            // Whoever got it last is known by what is ours: that goes along.
            let before = if product == 1 { Event::Nothing } else { edit };
            let events = [buy(shop, 0, product), before].into_iter().chain(commits);
            play(events.clone().collect(), Reach::Full);
            play(events.chain([refund]).collect(), Reach::Full);
        }
    }
}

/// A clock that is set forward and back over the end of what was bought.
#[test]
fn what_a_clock_would_end() {
    for (product, status) in [(1, "paid"), (1, "refunded"), (3, "paid")] {
        for seconds in [40 * 86_400, 400 * 86_400, -40 * 86_400] {
            let turn = Event::Turn { order: the_only(), status };
            play(vec![buy(Shop::Main, 0, product), turn, Event::Jump(seconds), Event::RightClock], Reach::Full);
        }
    }
}

/// What another list told of an order holds when a hint has that order read alone.
#[test]
fn what_is_told_elsewhere_holds_for_a_hint() {
    for status in ["refunded", "void"] {
        let turn = Event::Turn { order: the_only(), status };
        let changes =
            [Event::Exchange { order: the_only(), product: 1 }, Event::Exchange { order: the_only(), product: 2 }];
        play([buy(Shop::Corner, 0, 0), turn].into_iter().chain(changes).collect(), Reach::Hint);
    }
}

/// The same where a poll has heard of the end and all was taken: a hint that comes later gives nothing back.
#[test]
fn what_a_poll_took_no_hint_gives_back() {
    for status in ["refunded", "void"] {
        for hinted in [
            Event::Exchange { order: the_only(), product: 2 },
            Event::Readdress { order: the_only(), to: To::User(0) },
            Event::Readdress { order: the_only(), to: To::Account(1) },
        ] {
            let turn = Event::Turn { order: the_only(), status };
            let taken = [buy(Shop::Corner, 0, 0), turn].map(|event| Step::quiet(event, Reach::Full));
            play_steps(taken.into_iter().chain([Step::quiet(hinted, Reach::Hint)]).collect());
        }
    }
}

/// A binding that gives what somebody else had counts against the limit of what commits give.
#[test]
fn what_a_binding_gives_is_a_commits() {
    let bind = Event::Bind { address: 0, to: Some(2) };
    play(vec![Event::Commit(10), Event::Nothing, buy(Shop::Main, 0, 0), bind, Event::Nothing], Reach::Full);
}
