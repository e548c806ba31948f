//! What can happen between two passes, and what can go wrong during one.

use entitled::sandbox::{Fault, Faults, Rule};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::catalogs::{FILES, PRODUCTS, Shop, Thing};

/// One thing that happens, and the pass after it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) event: Event,
    pub(super) span: Reach,
    /// While this pass runs; all is well again after it.
    pub(super) faults: Vec<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Full,
    /// Over the orders that the poll brought, as after a hint.
    Quick,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A purchase, paid so many days ago.
    Buy {
        shop: Shop,
        person: usize,
        /// One, but for the till.
        products: Vec<usize>,
        by: By,
        days_ago: i64,
    },
    /// The shop says something else of an order, the till of one line of it.
    Turn {
        order: Index,
        status: &'static str,
    },
    /// The shop knows an order no more.
    Vanish {
        order: Index,
    },
    /// Time passes, in seconds.
    Clock(i64),
    /// Another file enters into force.
    Commit(usize),
    /// A file that sells a protected role is committed, and must not enter.
    BadCommit,
    /// Also with an address that somebody else has already, in another case.
    SignUp {
        person: usize,
    },
    DeleteUser {
        person: usize,
    },
    DeleteThing(Thing),
    RestoreThing(Thing),
    /// By hand, in the console.
    Give {
        person: usize,
        thing: Thing,
    },
    Take {
        person: usize,
        thing: Thing,
    },
    /// The file of the store is removed.
    LoseStore,
    Nothing,
}

/// Who an order says has paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Email,
    UpperEmail,
    Both,
}

/// One fault of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    pub(super) side: Side,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Logto,
    Main,
    Corner,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// This, to so many requests of this method (all where empty); none: to all.
    Befall {
        fault: Fault,
        status: u16,
        next: Option<u32>,
        method: &'static str,
    },
    Latency,
    Ties,
    ExpireTokens,
    ShortTokens,
    Envelope,
}

impl What {
    /// Whether what the shop lists may not be what it has.
    pub(super) fn distorts(self) -> bool {
        let Self::Befall { fault, .. } = self else { return false };
        matches!(fault, Fault::Empty | Fault::RepeatPage | Fault::LoseHalf | Fault::NoId | Fault::UnknownStatus)
    }

    pub(super) fn set(self, faults: &Faults) {
        match self {
            Self::Befall { fault, status, next, method } => {
                let mut rule = Rule { status: Some(status), next, ..Rule::new(fault) };
                if !method.is_empty() {
                    rule = rule.method(method);
                }
                faults.add(if status == 429 { rule.retry_after(0) } else { rule });
            }
            Self::Latency => faults.latency(std::time::Duration::from_millis(2)),
            Self::Ties => faults.ties(),
            Self::ShortTokens => faults.token_lifetime(1),
            Self::Envelope => faults.envelope("orders"),
            Self::ExpireTokens => {}
        }
    }
}

const OF_THE_LIST: [Fault; 5] = [Fault::Empty, Fault::RepeatPage, Fault::LoseHalf, Fault::NoId, Fault::UnknownStatus];

/// What a shop may say, refunds twice as often.
const STATUSES: [&str; 9] =
    ["paid", "refunded", "refunded", "partially_refunded", "disputed", "void", "expired", "pending", "on_hold"];

const METHODS: [&str; 4] = ["", "GET", "POST", "DELETE"];

fn befall(fault: Fault, statuses: &'static [u16], most: u32) -> impl Strategy<Value = What> {
    (select(statuses), 1..=most, select(&METHODS[..])).prop_map(move |(status, next, method)| What::Befall {
        fault,
        status,
        next: Some(next),
        method,
    })
}

/// Without end: only what fails at once, so that nobody waits for tries that cannot succeed.
fn lasting(fault: Fault, status: u16) -> impl Strategy<Value = What> {
    select(&METHODS[..]).prop_map(move |method| What::Befall { fault, status, next: None, method })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let either = prop_oneof![
        3 => befall(Fault::Refuse, &[500, 503, 429], 2),
        2 => befall(Fault::Drop, &[500], 2),
        2 => befall(Fault::Truncate, &[500], 2),
        1 => befall(Fault::Html, &[200], 2),
        1 => lasting(Fault::Html, 200),
        1 => lasting(Fault::HalfJson, 200),
        1 => lasting(Fault::Refuse, 404),
        1 => Just(What::Latency),
        1 => Just(What::ExpireTokens),
        1 => Just(What::ShortTokens),
    ];
    let logto = prop_oneof![
        4 => either,
        2 => befall(Fault::ApplyThenRefuse, &[500, 503], 2),
        2 => befall(Fault::ApplyThenDrop, &[500], 2),
        1 => Just(What::Ties),
    ];
    let shop = prop_oneof![
        befall(Fault::Refuse, &[500, 503, 429], 2),
        befall(Fault::Drop, &[500], 2),
        befall(Fault::Truncate, &[500], 2),
        lasting(Fault::Html, 200),
        lasting(Fault::HalfJson, 200),
        lasting(Fault::Refuse, 404),
        (select(&OF_THE_LIST[..]), select(&[None, Some(1)][..])).prop_map(|(fault, next)| What::Befall {
            fault,
            status: 200,
            next,
            method: ""
        }),
        (select(&OF_THE_LIST[..]), select(&[None, Some(1)][..])).prop_map(|(fault, next)| What::Befall {
            fault,
            status: 200,
            next,
            method: ""
        }),
        Just(What::Envelope),
        Just(What::Latency),
    ];
    prop_oneof![
        4 => logto.prop_map(|what| Trouble { side: Side::Logto, what }),
        3 => (prop_oneof![2 => Just(Side::Main), 1 => Just(Side::Corner)], shop)
            .prop_map(|(side, what)| Trouble { side, what }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let person = 0..super::PEOPLE;
    let account = 0..super::ACCOUNTS;
    let product = 0..PRODUCTS.len();
    let basket = prop_oneof![
        4 => product.clone().prop_map(|product| (Shop::Main, vec![product])),
        3 => product.clone().prop_map(|product| (Shop::Corner, vec![product])),
        3 => proptest::collection::vec(product, 1..4).prop_map(|products| (Shop::Till, products)),
    ];
    let thing = select(&super::catalogs::THINGS[..]);
    let sold = select(&[Thing::Gold, Thing::Beta, Thing::Acme, Thing::Member][..]);
    let by = select(&[By::Id, By::Email, By::UpperEmail, By::Both][..]);
    prop_oneof![
        8 => (basket, account.clone(), by, select(&[0_i64, 0, 1, 29, 40][..])).prop_map(
            |((shop, products), person, by, days_ago)| Event::Buy { shop, person, products, by, days_ago }
        ),
        6 => (any::<Index>(), select(&STATUSES[..])).prop_map(|(order, status)| Event::Turn { order, status }),
        1 => any::<Index>().prop_map(|order| Event::Vanish { order }),
        3 => select(&[300_i64, 7_200, 86_400, 2 * 86_400, 31 * 86_400, 370 * 86_400][..]).prop_map(Event::Clock),
        4 => (0..FILES.len()).prop_map(Event::Commit),
        1 => Just(Event::BadCommit),
        2 => account.clone().prop_map(|person| Event::SignUp { person }),
        1 => account.clone().prop_map(|person| Event::DeleteUser { person }),
        1 => sold.clone().prop_map(Event::DeleteThing),
        1 => sold.prop_map(Event::RestoreThing),
        4 => (account, thing.clone()).prop_map(|(person, thing)| Event::Give { person, thing }),
        2 => (person, thing).prop_map(|(person, thing)| Event::Take { person, thing }),
        1 => Just(Event::LoseStore),
        2 => Just(Event::Nothing),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let faults = prop_oneof![
        6 => Just(Vec::new()),
        4 => proptest::collection::vec(trouble(), 1..3),
    ];
    let span = prop_oneof![3 => Just(Reach::Full), 1 => Just(Reach::Quick)];
    (event(), span, faults).prop_map(|(event, span, faults)| Step { event, span, faults })
}
