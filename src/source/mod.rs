//! A source yields the orders of one payment API: all pages of a read, or an error.
//!
//! Decides nothing about access, stores nothing, and never takes an answer it could not read completely for
//! "there are no orders". It writes to no payment API.

mod absent;
mod client;
mod error;
mod file;
pub mod http;
mod odd;
mod plausibility;
pub mod probe;
pub mod recording;
mod shrunk;
mod stripe;
mod time;
pub mod webhook;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use crate::clock;
use crate::config::settings::source::{SourceKind, SourceSettings};
use crate::http::Skew;
use crate::model::{Adjustment, ListMark, OrderId, ReadOrder, SourceName};
use crate::planner::input::Clock;
use http::Reach;
use plausibility::{overlays_readable, present};
use probe::{Again, Follows, Trial};
use recording::RecordingError;

pub use absent::{Absent, Told};
pub use error::{FileError, SourceError};
pub use odd::Nameless;
pub use plausibility::believable;
pub use shrunk::Shrunk;
pub use stripe::VERSION as STRIPE_VERSION;

/// One payment API, ready to be read. Cheap to keep, meant to be shared: its token and its pace are one
/// for all calls.
#[derive(Debug)]
pub struct Source {
    name: SourceName,
    kind: Kind,
    /// Logto's clock, which decides what the time is.
    logto: Option<Skew>,
}

#[derive(Debug)]
enum Kind {
    Http(Box<http::lists::Lists>),
    File(file::File),
    Stripe(Box<stripe::Stripe>),
}

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Every order there is.
    Full {
        /// How many the last good full read found; `None` on the first.
        last_count: Option<u64>,
    },
    /// What changed since `watermark`, less the overlap of the source. A source that cannot tell
    /// (`snapshot`, `file`) reads everything instead, and the report's scope says so.
    Since {
        /// The greatest [`ReadReport::watermark`] so far.
        watermark: Timestamp,
        /// As in [`Read::Full`], for a source that reads everything anyway.
        last_count: Option<u64>,
    },
}

/// What a read covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every order there is.
    #[default]
    Full,
    /// What changed since the watermark.
    Changes,
}

/// What came of a read that succeeded. Only then may the cursor advance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// What the read covered, which may be more than was asked for.
    pub scope: Scope,
    /// Pages fetched.
    pub pages: u32,
    /// Distinct orders. Of a full read, the `last_count` of the next one.
    pub orders: u64,
    /// Of the rows of the list, those of which something could not be read.
    pub odd: u64,
    /// Rows without a readable id, of the list and of the overlays.
    pub nameless: Nameless,
    /// What each overlay held that was read whole.
    pub overlays: Vec<OverlayRows>,
    /// Orders that were made in test mode and left out.
    pub test_orders: u64,
    /// How many there are by the API's own word, where it says so.
    pub total_claimed: Option<u64>,
    /// The greatest time of change seen, never before the watermark asked for and never after the start
    /// of the read: one order dated in the future must not hide all that change until then.
    pub watermark: Option<Timestamp>,
    /// What no page had, though the settings say where it stands.
    pub absent: Vec<Absent>,
    /// How far each list but the orders was read, by its name. Their orders are among [`ReadReport::orders`].
    pub lists: BTreeMap<String, ListMark>,
    /// The list moved under the first walk, so that its total did not fit; the second one did.
    pub reread: bool,
}

impl ReadReport {
    /// Distinct orders of the first list alone.
    pub fn of_orders(&self) -> u64 {
        self.orders - self.lists.values().map(|list| list.orders).sum::<u64>()
    }

    /// The marks of the other lists after a read of changes: each only ever advances, and none counted everything.
    pub fn lists_after(&self, before: &BTreeMap<String, ListMark>) -> BTreeMap<String, ListMark> {
        let after = |(name, now): (&String, &ListMark)| {
            let known = before.get(name).copied().unwrap_or(*now);
            (name.clone(), ListMark { watermark: now.watermark.max(known.watermark), orders: known.orders })
        };
        self.lists.iter().map(after).collect()
    }
}

/// What one overlay held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayRows {
    /// Its path.
    pub path: String,
    /// All rows.
    pub rows: u64,
    /// Those that could not be read.
    pub odd: u64,
}

/// What a reading gives next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page of what overlays say of orders, never empty, and before any page of orders. To be kept before
    /// the next step is asked for.
    Adjustments(Vec<Adjustment>),
    /// A page of orders, never empty. To be taken in before the next step is asked for.
    Page(Vec<ReadOrder>),
    /// That was all of it, and it can be believed. Only now may a cursor advance.
    Done(ReadReport),
}

/// A read under way: nothing is fetched but by [`Reading::next`].
#[derive(Debug)]
pub struct Reading<'a>(Under<'a>);

#[derive(Debug)]
enum Under<'a> {
    Http(Box<http::lists::Reading<'a>>),
    File(Box<file::Reading<'a>>),
    Stripe(Box<stripe::Reading<'a>>),
}

impl Reading<'_> {
    /// The next page, or the end. After an error the reading is over: what it gave is true, but not all,
    /// and no cursor may advance.
    pub async fn next(&mut self) -> Result<Step, SourceError> {
        match &mut self.0 {
            Under::Http(reading) => reading.next().await,
            Under::File(reading) => reading.next().await,
            Under::Stripe(reading) => reading.next().await,
        }
    }

    /// What no page so far had, though the settings say where it stands.
    pub fn absent(&self) -> Vec<Absent> {
        match &self.0 {
            Under::Http(reading) => reading.absent(),
            Under::File(_) | Under::Stripe(_) => Vec::new(),
        }
    }

    /// Refuses what the overlays held so far, which come before the list, as [`ReadReport::readable`] does in the end.
    ///
    /// # Errors
    /// [`SourceError::OddOverlay`].
    pub fn overlays_readable(&self) -> Result<(), SourceError> {
        match &self.0 {
            Under::Http(reading) => overlays_readable(&reading.overlay_rows()),
            Under::File(_) | Under::Stripe(_) => Ok(()),
        }
    }
}

/// One order, asked for by its id.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// As it is now.
    Found(ReadOrder),
    /// The API answered, in JSON, that there is none. Not evidence of anything by itself: a wrong path
    /// reads the same.
    Missing,
    /// There is one, made in test mode: it is not to be recorded.
    TestMode,
    /// This source cannot read one order.
    Unsupported,
}

impl Source {
    /// Checks what can be checked offline; asks nobody.
    pub fn new(settings: &SourceSettings) -> Result<Self, SourceError> {
        let kind = match &settings.kind {
            SourceKind::Http(http) | SourceKind::Sandbox(http) => Kind::Http(Box::new(http::lists::Lists::new(http)?)),
            SourceKind::File(path) => Kind::File(file::File::new(path.clone())),
            SourceKind::Stripe(stripe) => Kind::Stripe(Box::new(stripe::Stripe::new(stripe)?)),
        };
        Ok(Self { name: settings.name.clone(), kind, logto: None })
    }

    /// The same, with a clock beside this machine's.
    #[must_use]
    pub fn beside(self, logto: Skew) -> Self {
        Self { logto: Some(logto), ..self }
    }

    /// Takes down every answer from now on, for [`Source::keep_recording`]. `false`: this source cannot be
    /// recorded.
    pub fn record(&mut self) -> bool {
        match &mut self.kind {
            Kind::Http(http) => http.record(),
            _ => return false,
        }
        true
    }

    /// Writes what was taken down to a folder that is empty or not there, every name, address and secret
    /// replaced, and says how many answers that are.
    pub fn keep_recording(&self, folder: &Path) -> Result<usize, RecordingError> {
        match &self.kind {
            Kind::Http(http) => http.keep_recording(folder),
            _ => Ok(0),
        }
    }

    /// A number for the settings that decide how its answers are read. What was read with others is read anew.
    pub fn reading(&self) -> i64 {
        match &self.kind {
            Kind::Http(http) => http.reading(),
            _ => 0,
        }
    }

    /// Which overlay is which, in the order of the file: see [`Adjustment::overlay`](crate::model::Adjustment).
    pub fn overlay_ids(&self) -> Vec<i64> {
        match &self.kind {
            Kind::Http(http) => http.overlay_ids(),
            _ => Vec::new(),
        }
    }

    /// How many overlays it has.
    pub fn overlays(&self) -> usize {
        match &self.kind {
            Kind::Http(http) => http.overlays(),
            _ => 0,
        }
    }

    /// Within how long every order that backs a grant is to be read again by id, if at all.
    pub fn recheck_every(&self) -> Option<jiff::SignedDuration> {
        match &self.kind {
            Kind::Http(http) => http.recheck_every(),
            _ => None,
        }
    }

    /// Within how long every order that waits to be paid is to be read again by id, if at all.
    pub fn recheck_pending(&self) -> Option<jiff::SignedDuration> {
        match &self.kind {
            Kind::Http(http) => http.recheck_pending(),
            _ => None,
        }
    }

    /// Its key in `entitlements.yaml`.
    pub fn name(&self) -> &SourceName {
        &self.name
    }

    /// Begins a read; [`Reading::next`] then gives page after page, and the report at the end.
    ///
    /// An order comes once, or again when a later page of the same read shows a newer state of it, or when
    /// the read had to start over: keeping the last one given is always right.
    pub fn read(&self, plan: Read) -> Reading<'_> {
        self.read_at(plan, clock::now())
    }

    /// The same by another clock than this machine's: a purchase that lies more than a day after `now` cannot be
    /// true.
    pub fn read_at(&self, plan: Read, now: Timestamp) -> Reading<'_> {
        self.read_lists(plan, &BTreeMap::new(), now)
    }

    /// The same where the source has several lists: `plan` is for its orders, and of every other list is read what
    /// changed since its own mark.
    pub fn read_lists(&self, plan: Read, marks: &BTreeMap<String, ListMark>, now: Timestamp) -> Reading<'_> {
        Reading(match &self.kind {
            Kind::Http(http) => Under::Http(Box::new(http.read(plan, marks, Reach::All, now))),
            Kind::File(file) => Under::File(Box::new(file.read(plan, now))),
            Kind::Stripe(stripe) => Under::Stripe(Box::new(stripe.read(plan, now))),
        })
    }

    /// Begins a read of what the overlays say, and of no order. `None`: it has none.
    pub fn read_overlays(&self, plan: Read, marks: &BTreeMap<String, ListMark>, now: Timestamp) -> Option<Reading<'_>> {
        match &self.kind {
            Kind::Http(http) if http.overlays() > 0 => {
                Some(Reading(Under::Http(Box::new(http.read(plan, marks, Reach::OverlaysOnly, now)))))
            }
            _ => None,
        }
    }

    /// Whether a poll finds every change of every order and reads nothing besides, so that it may take the place
    /// of reading many orders by their ids.
    pub fn polls_answer_hints(&self) -> bool {
        match &self.kind {
            Kind::Http(http) => http.polls_answer_hints(),
            Kind::File(_) | Kind::Stripe(_) => true,
        }
    }

    /// How far the API's clock is ahead of this machine's, by its last answer. `None` for a file, and
    /// before anything was asked.
    pub fn skew(&self) -> Option<jiff::SignedDuration> {
        match &self.kind {
            Kind::Http(http) => http.skew(),
            Kind::Stripe(stripe) => stripe.skew(),
            Kind::File(_) => None,
        }
    }

    /// What the time is while this machine says `now`: by Logto, or else by the API that has just answered, where they
    /// say that the clock is off. For what has no time of its own, and happened when it was noticed.
    pub fn noticed(&self, now: Timestamp) -> Timestamp {
        let own = || match &self.kind {
            Kind::Http(http) => http.still_skew(),
            Kind::Stripe(stripe) => stripe.still_skew(),
            Kind::File(_) => None,
        };
        let ahead = self.logto.as_ref().and_then(Skew::still).or_else(own);
        let ahead = ahead.filter(|ahead| Clock::is_off(ahead.as_secs()));
        ahead.and_then(|ahead| now.checked_add(ahead).ok()).unwrap_or(now)
    }

    /// Reads the first pages, two at the most, and looks at them closely: for whoever writes a mapping. Stores nothing.
    pub async fn trial(&self, pages: u32) -> Result<Trial, SourceError> {
        if let Kind::Http(http) = &self.kind {
            return http.trial(pages, clock::now()).await;
        }
        let mut reading = self.read(Read::Full { last_count: None });
        let mut orders = Vec::new();
        let (follows, nameless) = loop {
            match reading.next().await? {
                Step::Adjustments(_) => {}
                Step::Page(page) => {
                    orders = page;
                    // The page of a file is the file.
                    if !matches!(self.kind, Kind::File(_)) {
                        break (Follows::Page, Nameless::default());
                    }
                }
                Step::Done(report) => break (Follows::End, report.nameless),
            }
        };
        let again = match orders.first() {
            Some(order) => Again::of(order, self.get(&order.id).await),
            None => Again::NoOrder,
        };
        Ok(Trial::plain(orders, nameless, follows, again))
    }

    /// Reads one order again.
    pub async fn get(&self, id: &OrderId) -> Result<Lookup, SourceError> {
        self.get_at(id, clock::now()).await
    }

    /// Reads the order that a hint is about, which may name another object than the order: a charge, a refund or a
    /// dispute of Stripe belongs to a payment, and that to an order of another id.
    pub async fn hinted(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        match &self.kind {
            Kind::Stripe(stripe) => stripe.hinted(id, now).await,
            Kind::Http(_) | Kind::File(_) => self.get_at(id, now).await,
        }
    }

    /// The same by another clock than this machine's, as for [`read_at`](Source::read_at).
    pub async fn get_at(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        match &self.kind {
            Kind::Http(http) => http.get(id, now).await,
            Kind::File(file) => file.get(id, now).await,
            Kind::Stripe(stripe) => stripe.get(id, now).await,
        }
    }
}
