//! What can happen between two passes, and what can go wrong during one.

use entitled::sandbox::{Fault, Faults, Rule};
use entitled::store::FreezeScope;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::catalogs::{FILES, MUG, PRODUCTS, Shop, Thing};
use super::meanwhile::{Meanwhile, meanwhile};

/// One thing that happens, and the pass after it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) event: Event,
    pub(super) span: Reach,
    /// While this pass runs; all is well again after it.
    pub(super) faults: Vec<Trouble>,
    /// What comes about in the midst of it.
    pub(super) meanwhile: Option<Meanwhile>,
}

impl Step {
    /// Nothing goes wrong, and nothing comes about meanwhile.
    pub(super) fn quiet(event: Event, span: Reach) -> Self {
        Self { event, span, faults: Vec::new(), meanwhile: None }
    }

    /// Whether what the shops list may not be what they have.
    pub(super) fn distorted(&self) -> [bool; 2] {
        let distorts = |side| self.faults.iter().any(|one| one.side == side && one.what.distorts());
        [distorts(Side::Main), distorts(Side::Corner)]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Full,
    /// Over the orders that the poll brought.
    Quick,
    /// Over the order that has just changed, read by itself: nothing is polled.
    Hint,
    /// Over those of whom a write failed, tried again soon: nothing is polled.
    Again,
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
    /// The same of the order that was made last.
    TurnLast(&'static str),
    /// The shop says that it is for something else.
    Exchange {
        order: Index,
        product: usize,
    },
    /// The shop says that somebody else has paid.
    Readdress {
        order: Index,
        to: To,
    },
    /// The shop says something of an order that cannot be true; or what it is, after that.
    Odd {
        order: Index,
        how: Oddity,
    },
    /// The shop knows an order no more.
    Vanish {
        order: Index,
    },
    /// Time passes, in seconds.
    Clock(i64),
    /// The clock of the machine is set forward or back, in seconds, and no other one.
    Jump(i64),
    /// It is right again.
    RightClock,
    /// Another file enters into force.
    Commit(usize),
    /// A commit says whose an address is: that of this account is that of another one, or only its own.
    Bind {
        address: usize,
        to: Option<usize>,
    },
    /// A commit changes what the file says of a source.
    Source {
        shop: Shop,
        change: Change,
    },
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
    /// Deleted and made anew between two passes: the name stands for another id.
    Remake(Thing),
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
    /// A copy of the store is kept.
    CopyStore,
    /// The copy takes the place of the store.
    PutCopyBack,
    /// Under the daemon, which has it open, the store is deleted or the copy is put in its place.
    Displace(Deed, Then),
    /// The daemon is started again, where its file may be broken by now.
    Restart {
        broken: bool,
    },
    Freeze(FreezeScope),
    Unfreeze,
    /// One of the sets that were held is let through, and something else happens before the pass.
    Approve {
        set: Index,
        then: Box<Event>,
    },
    Nothing,
}

/// What becomes of a store that is open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Delete,
    /// As a deletion, where there is no copy.
    Swap,
}

/// What is done about it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// The file is put back.
    Back,
    /// The daemon is started again, on what lies there.
    Start,
}

/// Whom a shop names instead.
#[derive(Clone, Copy, Debug)]
pub(super) enum To {
    /// It has forgotten who it was.
    Nobody,
    /// An address that nobody has.
    Unknown,
    /// The address of an account, whether it is open or not.
    Account(usize),
    /// The id of a user.
    User(usize),
}

/// When it cannot have been paid.
#[derive(Clone, Copy, Debug)]
pub(super) enum Oddity {
    Epoch,
    Ahead,
}

/// What a commit does to a source.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Another name, with the old ones as `was` or without.
    Rename {
        was: bool,
    },
    /// `was` is written down for names that were given up.
    Join,
    Drop,
    Return,
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

    /// How many writes are said to be made and are not.
    pub(super) fn pretends(self) -> u32 {
        match self {
            Self::Befall { fault: Fault::Pretend, next, .. } => next.unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    /// The same, of writes alone.
    pub(super) fn of_writes(self) -> Self {
        match self {
            Self::Befall { fault, status, next, method } => {
                Self::Befall { fault, status, next, method: if method == "DELETE" { method } else { "POST" } }
            }
            Self::Latency | Self::Ties | Self::ExpireTokens | Self::ShortTokens | Self::Envelope => self,
        }
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

/// All of them further than two clocks may differ.
const JUMPS: [i64; 8] = [400, 7_200, 2 * 86_400, 40 * 86_400, 400 * 86_400, -400, -7_200, -40 * 86_400];

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
pub(super) fn lasting(fault: Fault, status: u16) -> impl Strategy<Value = What> {
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
        // Of what is taken: a grant that was not made is told from one that somebody took by nobody.
        1 => (1..=2_u32).prop_map(|next| What::Befall {
            fault: Fault::Pretend,
            status: 204,
            next: Some(next),
            method: "DELETE"
        }),
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

pub(super) fn event() -> impl Strategy<Value = Event> {
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
    let to = prop_oneof![
        2 => Just(To::Nobody),
        2 => Just(To::Unknown),
        4 => account.clone().prop_map(To::Account),
        2 => account.clone().prop_map(To::User),
    ];
    let change = prop_oneof![
        2 => any::<bool>().prop_map(|was| Change::Rename { was }),
        1 => Just(Change::Join),
        1 => Just(Change::Drop),
        2 => Just(Change::Return),
    ];
    let by = select(&[By::Id, By::Email, By::UpperEmail, By::Both][..]);
    prop_oneof![
        8 => (basket, account.clone(), by, select(&[0_i64, 0, 1, 29, 40][..])).prop_map(
            |((shop, products), person, by, days_ago)| Event::Buy { shop, person, products, by, days_ago }
        ),
        6 => (any::<Index>(), select(&STATUSES[..])).prop_map(|(order, status)| Event::Turn { order, status }),
        3 => (any::<Index>(), 0..=MUG).prop_map(|(order, product)| Event::Exchange { order, product }),
        3 => (any::<Index>(), to).prop_map(|(order, to)| Event::Readdress { order, to }),
        2 => (any::<Index>(), select(&[Oddity::Epoch, Oddity::Ahead][..])).prop_map(|(order, how)| Event::Odd { order, how }),
        2 => select(&JUMPS[..]).prop_map(Event::Jump),
        2 => Just(Event::RightClock),
        2 => (0..super::PEOPLE * 2, proptest::option::weighted(0.8, account.clone()))
            .prop_map(|(address, to)| Event::Bind { address, to }),
        3 => (select(&super::catalogs::SHOPS[..]), change).prop_map(|(shop, change)| Event::Source { shop, change }),
        1 => any::<Index>().prop_map(|order| Event::Vanish { order }),
        3 => select(&[300_i64, 7_200, 86_400, 2 * 86_400, 31 * 86_400, 370 * 86_400][..]).prop_map(Event::Clock),
        4 => (0..FILES.len()).prop_map(Event::Commit),
        1 => Just(Event::BadCommit),
        2 => account.clone().prop_map(|person| Event::SignUp { person }),
        1 => account.clone().prop_map(|person| Event::DeleteUser { person }),
        1 => sold.clone().prop_map(Event::DeleteThing),
        1 => sold.clone().prop_map(Event::RestoreThing),
        1 => sold.prop_map(Event::Remake),
        4 => (account, thing.clone()).prop_map(|(person, thing)| Event::Give { person, thing }),
        2 => (person, thing).prop_map(|(person, thing)| Event::Take { person, thing }),
        1 => Just(Event::LoseStore),
        1 => Just(Event::CopyStore),
        1 => Just(Event::PutCopyBack),
        1 => (select(&[Deed::Delete, Deed::Swap][..]), select(&[Then::Back, Then::Start][..]))
            .prop_map(|(deed, then)| Event::Displace(deed, then)),
        1 => any::<bool>().prop_map(|broken| Event::Restart { broken }),
        1 => select(&[FreezeScope::Revocations, FreezeScope::All][..]).prop_map(Event::Freeze),
        1 => Just(Event::Unfreeze),
        2 => Just(Event::Nothing),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let faults = prop_oneof![
        6 => Just(Vec::new()),
        4 => proptest::collection::vec(trouble(), 1..3),
    ];
    let span =
        prop_oneof![10 => Just(Reach::Full), 4 => Just(Reach::Quick), 4 => Just(Reach::Hint), 1 => Just(Reach::Again)];
    (event(), span, faults, proptest::option::weighted(0.2, meanwhile()))
        .prop_map(|(event, span, faults, meanwhile)| Step { event, span, faults, meanwhile })
}
