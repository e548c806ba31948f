//! Short histories of what comes about while a pass is under way, and of what becomes of it when it fails, when
//! somebody lets its holds through, and when the store or a name is another one at the next.

use entitled::sandbox::Fault;
use entitled::store::FreezeScope;

use super::catalogs::{Shop, Thing};
use super::meanwhile::{Comes, Meanwhile};
use super::short::{buy, play_steps, the_only};
use super::steps::{Change, Event, Reach, Side, Step, To, Trouble, What};

/// Gives everything, takes it back, and takes half of what is left beyond the limit of a day.
const EVERYTHING: Event = Event::Commit(5);
const PLAIN: Event = Event::Commit(0);
const HALF: Event = Event::Commit(1);

fn full(event: Event) -> Step {
    Step::quiet(event, Reach::Full)
}

/// Three who have bought the same.
fn bought() -> Vec<Step> {
    (0..3).map(|person| full(buy(Shop::Main, person, 0))).collect()
}

/// A commit that gives much and one that takes it back, and something that comes about in the midst of one of them.
fn long(giving: Option<Meanwhile>, taking: Option<Meanwhile>, then: &[Event]) {
    let give = Step { meanwhile: giving, ..full(EVERYTHING) };
    let take = Step { meanwhile: taking, ..full(PLAIN) };
    play_steps(bought().into_iter().chain([give, take]).chain(then.iter().cloned().map(full)).collect());
}

fn in_the_midst(what: Comes, then: &[Event]) {
    for after in [0, 2] {
        let meanwhile = Some(Meanwhile { after, what });
        long(meanwhile, None, then);
        long(None, meanwhile, then);
    }
}

/// Nothing is begun any more once somebody has said so, and afterwards all comes right.
#[test]
fn a_freeze_stops_a_pass_under_way() {
    in_the_midst(Comes::Freeze(FreezeScope::Revocations), &[Event::Nothing, Event::Unfreeze]);
    in_the_midst(Comes::Freeze(FreezeScope::All), &[Event::Nothing, Event::Clock(2 * 86_400)]);
}

#[test]
fn a_file_that_is_put_back_stops_a_pass_under_way() {
    in_the_midst(Comes::Revert, &[]);
}

#[test]
fn another_file_and_the_end_stop_a_pass_under_way() {
    in_the_midst(Comes::File(9), &[Event::Nothing]);
    in_the_midst(Comes::End, &[Event::Restart { broken: true }]);
}

/// Whoever buys meanwhile is given it before the pass goes on, which takes nothing from them any more.
#[test]
fn a_sale_does_not_wait_for_a_pass_under_way() {
    for person in [0, 5] {
        in_the_midst(Comes::Sale { person, product: 2 }, &[Event::SignUp { person }, Event::TurnLast("refunded")]);
    }
}

/// Writes that fail are tried again about those users alone, and then it is whole.
#[test]
fn what_could_not_be_written_is_made_good_soon() {
    for (fault, status) in [(Fault::Refuse, 404), (Fault::Refuse, 403), (Fault::Html, 200), (Fault::HalfJson, 200)] {
        for (method, change) in [("POST", EVERYTHING), ("DELETE", PLAIN)] {
            let what = What::Befall { fault, status, next: None, method };
            let faults = vec![Trouble { side: Side::Logto, what }];
            let fails = |event| Step { faults: faults.clone(), ..full(event) };
            let again = || Step::quiet(Event::Nothing, Reach::Again);
            let before = if method == "POST" { PLAIN } else { EVERYTHING };
            let steps = [full(before), fails(change), again(), fails(buy(Shop::Main, 1, 2)), again()];
            play_steps(bought().into_iter().chain(steps).collect());
        }
    }
}

/// What was let through goes through, whatever has joined the set or left it by the time of the pass; and once.
#[test]
fn what_was_let_through_goes_through_whatever_becomes_of_the_rest() {
    let leaves = buy(Shop::Main, 0, 3);
    let joins = Event::Commit(9);
    let moves = Event::Readdress { order: the_only(), to: To::Account(4) };
    let vanishes = Event::Vanish { order: the_only() };
    let stops = Event::Freeze(FreezeScope::Revocations);
    for then in [Event::Nothing, leaves, joins, moves, vanishes, stops] {
        let approve = Event::Approve { set: the_only(), then: Box::new(then) };
        let rest = [Event::CopyStore, Event::Unfreeze, PLAIN, HALF, Event::PutCopyBack, Event::Nothing];
        let year = full(buy(Shop::Main, 3, 3));
        let steps = [year, full(HALF), full(approve)].into_iter().chain(rest.map(full));
        play_steps(bought().into_iter().chain(steps).collect());
    }
}

/// A name that is gone and back between two passes stands for something else, which nobody holds yet.
#[test]
fn a_name_that_is_made_anew_is_given_anew() {
    let mut ends = [Event::TurnLast("refunded"), PLAIN, Event::Restart { broken: true }].into_iter().cycle();
    for thing in [Thing::Gold, Thing::Beta, Thing::Acme, Thing::Member] {
        for span in [Reach::Full, Reach::Quick] {
            let steps = [EVERYTHING, Event::Remake(thing), Event::Nothing].into_iter().chain(ends.next());
            let steps = steps.map(|event| Step::quiet(event, span));
            let buys = (0..2).map(|person| full(buy(Shop::Main, person, 0)));
            play_steps(buys.chain(steps).collect());
        }
    }
}

/// A copy of the store that is older than what has happened since.
#[test]
fn an_older_store_takes_nothing_that_it_does_not_know() {
    let refund = || Event::TurnLast("refunded");
    let bind = |to| Event::Bind { address: 0, to };
    let since: [Vec<Event>; 8] = [
        vec![buy(Shop::Main, 1, 0)],
        vec![refund()],
        vec![buy(Shop::Corner, 0, 2), refund()],
        vec![EVERYTHING],
        vec![EVERYTHING, PLAIN, Event::Give { person: 0, thing: Thing::Acme }],
        vec![bind(Some(2)), Event::Nothing],
        vec![Event::Remake(Thing::Gold)],
        vec![Event::Source { shop: Shop::Till, change: Change::Drop }],
    ];
    for since in since {
        for then in [refund(), Event::Restart { broken: true }] {
            let steps = [buy(Shop::Main, 0, 0), Event::CopyStore].into_iter().chain(since.clone());
            let steps = steps.chain([Event::PutCopyBack, then, Event::Nothing]);
            play_steps(steps.map(full).collect());
        }
    }
}

/// Started on a broken file: what was in force stays so, to the letter.
#[test]
fn a_start_on_a_broken_file_goes_on_with_the_last_valid_one() {
    let broken = || Event::Restart { broken: true };
    let whole = || Event::Restart { broken: false };
    let around = [
        (EVERYTHING, Event::TurnLast("refunded")),
        (HALF, PLAIN),
        (Event::DeleteThing(Thing::Beta), Event::RestoreThing(Thing::Beta)),
        (Event::Bind { address: 0, to: Some(2) }, Event::Bind { address: 0, to: None }),
        (Event::LoseStore, buy(Shop::Main, 2, 1)),
        (Event::BadCommit, whole()),
    ];
    for ((before, after), span) in around.into_iter().zip([Reach::Full, Reach::Quick].into_iter().cycle()) {
        let steps = [buy(Shop::Main, 0, 0), buy(Shop::Main, 1, 3), before, broken(), after, whole()];
        play_steps(steps.into_iter().map(|event| Step::quiet(event, span)).collect());
    }
}
