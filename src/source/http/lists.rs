//! The lists of one payment API, read as one source with one token and one pace.
//!
//! The ids of the list `orders` are what the API calls them. Those of every other list have its name before them, so that
//! two lists that number alike are never one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::read::{self, Reach};
use super::{Caller, Http};
use crate::config::settings::source::HttpSource;
use crate::model::{ListMark, OrderId};
use crate::source::probe::Trial;
use crate::source::recording::RecordingError;
use crate::source::{Lookup, Read, ReadReport, Scope, SourceError, Step};

/// An order of a list that is not `orders`, by the id that it has in the source.
pub(in crate::source) fn outward(list: &str, id: &str) -> OrderId {
    OrderId::from(format!("{list}:{id}"))
}

/// All lists of one payment API.
#[derive(Debug)]
pub(in crate::source) struct Lists {
    orders: Http,
    more: Vec<(String, Http)>,
}

impl Lists {
    /// Checks the settings; asks nobody.
    pub(in crate::source) fn new(settings: &HttpSource) -> Result<Self, SourceError> {
        let caller = Arc::new(Http::caller(settings)?);
        let more = settings.more.iter().map(|(name, list)| (name.clone(), Http::of(list, &caller))).collect();
        Ok(Self { orders: Http::of(settings, &caller), more })
    }

    fn all(&self) -> impl Iterator<Item = (Option<&str>, &Http)> {
        let more = self.more.iter().map(|(name, http)| (Some(name.as_str()), http));
        std::iter::once((None, &self.orders)).chain(more)
    }

    fn caller(&self) -> &Caller {
        &self.orders.caller
    }

    pub(in crate::source) fn record(&self) {
        self.caller().record();
    }

    pub(in crate::source) fn keep_recording(&self, folder: &Path) -> Result<usize, RecordingError> {
        let lists: Vec<&HttpSource> = self.all().map(|(_, http)| &http.settings).collect();
        self.caller().tape().map_or(Ok(0), |tape| tape.write(folder, &lists))
    }

    pub(in crate::source) fn skew(&self) -> Option<SignedDuration> {
        self.caller().skew()
    }

    pub(in crate::source) fn still_skew(&self) -> Option<SignedDuration> {
        self.caller().still_skew()
    }

    /// See [`Source::reading`](crate::source::Source::reading).
    pub(in crate::source) fn reading(&self) -> i64 {
        if self.more.is_empty() {
            return self.orders.reading();
        }
        let all: Vec<_> = self.all().map(|(name, http)| (name, http.reading())).collect();
        super::number(&format!("{all:?}"))
    }

    pub(in crate::source) fn overlays(&self) -> usize {
        self.all().map(|(_, http)| http.overlays()).sum()
    }

    pub(in crate::source) fn overlay_ids(&self) -> Vec<i64> {
        self.all().flat_map(|(name, http)| http.overlay_ids().into_iter().map(move |id| overlay_of(name, id))).collect()
    }

    pub(in crate::source) fn polls_answer_hints(&self) -> bool {
        self.all().all(|(_, http)| http.polls_answer_hints())
    }

    /// The shortest that any list asks for.
    pub(in crate::source) fn recheck_every(&self) -> Option<SignedDuration> {
        self.all().filter_map(|(_, http)| http.recheck_every()).min()
    }

    /// The same for orders that wait to be paid.
    pub(in crate::source) fn recheck_pending(&self) -> Option<SignedDuration> {
        self.all().filter_map(|(_, http)| http.recheck_pending()).min()
    }

    /// Reads one order again, in the list that it is of.
    pub(in crate::source) async fn get(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        let named = |(name, http)| Some((name, http, id.as_str().strip_prefix(name)?.strip_prefix(':')?));
        let found = self.more.iter().map(|(name, http)| (name.as_str(), http)).find_map(named);
        let Some((name, http, own)) = found else { return self.orders.get(id, now).await };
        Ok(match http.get(&own.into(), now).await? {
            Lookup::Found(mut order) => {
                order.order.id = outward(name, order.order.id.as_str());
                Lookup::Found(order)
            }
            other => other,
        })
    }

    /// Every page of `plan`; of a list that is not `orders`, what changed since its own mark in `marks`.
    pub(in crate::source) fn read(
        &self,
        plan: Read,
        marks: &BTreeMap<String, ListMark>,
        reach: Reach,
        now: Timestamp,
    ) -> Reading<'_> {
        let own = |name: Option<&str>| match (name.map(|name| marks.get(name)), plan) {
            (None, plan) => plan,
            (Some(Some(ListMark { watermark: Some(watermark), orders })), Read::Since { .. }) => {
                Read::Since { watermark: *watermark, last_count: Some(*orders) }
            }
            (Some(mark), _) => Read::Full { last_count: mark.map(|mark| mark.orders) },
        };
        let parts = self.all().map(|(name, http)| (name, http.read(own(name), reach, now))).collect();
        Reading { parts, at: At::Overlays(0), reports: Vec::new() }
    }

    /// Looks closely at the first pages of each list.
    pub(in crate::source) async fn trial(&self, pages: u32, now: Timestamp) -> Result<Trial, SourceError> {
        let mut trial = self.orders.trial(pages, now).await?;
        for (name, http) in &self.more {
            trial.lists.insert(name.clone(), http.trial(pages, now).await?);
        }
        Ok(trial)
    }
}

/// An overlay of a list, which may stand at another one too.
fn overlay_of(list: Option<&str>, id: i64) -> i64 {
    list.map_or(id, |list| super::number(&format!("{list}:{id}")) | 1 << 62)
}

/// A read of all lists under way: first what all overlays say, then list after list.
#[derive(Debug)]
pub(in crate::source) struct Reading<'a> {
    parts: Vec<(Option<&'a str>, read::Reading<'a>)>,
    at: At,
    reports: Vec<ReadReport>,
}

/// Which list is being read.
#[derive(Clone, Copy, Debug)]
enum At {
    Overlays(usize),
    Orders(usize),
}

impl Reading<'_> {
    pub(in crate::source) async fn next(&mut self) -> Result<Step, SourceError> {
        loop {
            match self.at {
                At::Overlays(at) => match self.parts.get_mut(at) {
                    None => self.at = At::Orders(0),
                    Some((name, part)) => match part.overlay().await? {
                        Some(step) => return Ok(of_list(*name, step)),
                        None => self.at = At::Overlays(at + 1),
                    },
                },
                At::Orders(at) => match self.parts.get_mut(at) {
                    None => return Ok(Step::Done(self.report())),
                    Some((name, part)) => match part.next().await? {
                        Step::Done(report) => {
                            self.reports.push(report);
                            self.at = At::Orders(at + 1);
                        }
                        step => return Ok(of_list(*name, step)),
                    },
                },
            }
        }
    }

    /// What the overlays that were read whole held.
    pub(in crate::source) fn overlay_rows(&self) -> Vec<crate::source::OverlayRows> {
        self.parts.iter().flat_map(|(_, part)| part.overlay_rows().iter().cloned()).collect()
    }

    /// See [`Reading::absent`](crate::source::Reading::absent).
    pub(in crate::source) fn absent(&self) -> Vec<crate::source::Absent> {
        self.parts.iter().flat_map(|(_, part)| part.absent()).collect()
    }

    /// What all lists make together.
    fn report(&self) -> ReadReport {
        let mut reports = self.reports.iter().zip(&self.parts);
        let Some((first, _)) = reports.next() else { return ReadReport::default() };
        let mut all = first.clone();
        for (one, (name, _)) in reports {
            if one.scope == Scope::Changes {
                all.scope = Scope::Changes;
            }
            all.pages += one.pages;
            all.orders += one.orders;
            all.odd += one.odd;
            all.nameless.add(&one.nameless);
            all.overlays.extend(one.overlays.iter().cloned());
            all.test_orders += one.test_orders;
            all.total_claimed = all.total_claimed.zip(one.total_claimed).map(|(sum, more)| sum + more);
            all.absent.extend(one.absent.iter().cloned());
            all.reread |= one.reread;
            let mark = ListMark { watermark: one.watermark, orders: one.orders };
            all.lists.extend(name.map(|name| (name.to_owned(), mark)));
        }
        all
    }
}

/// A step with the ids that orders have in the source.
fn of_list(list: Option<&str>, step: Step) -> Step {
    let Some(list) = list else { return step };
    match step {
        Step::Page(mut orders) => {
            orders.iter_mut().for_each(|read| read.order.id = outward(list, read.order.id.as_str()));
            Step::Page(orders)
        }
        Step::Adjustments(mut adjustments) => {
            for adjustment in &mut adjustments {
                adjustment.order = outward(list, adjustment.order.as_str());
                adjustment.overlay = overlay_of(Some(list), adjustment.overlay);
            }
            Step::Adjustments(adjustments)
        }
        Step::Done(report) => Step::Done(report),
    }
}
