//! One source: reachable, credentials, one page and what its mapping finds, one order by id, clock.
//!
//! Reads one page, more only where something on it is odd, and one order; stores nothing.

use std::collections::BTreeMap;

use super::clock;
use crate::config::settings::source::SourceSettings;
use crate::model::{ReadOrder, Standing};
use crate::pass::active::{Simulators, set_up};
use crate::report::checkup::Check;
use crate::source::{Lookup, Read, Reading, Source, SourceError, Step};
use crate::text::{error_chain, human};

const REACHABLE: &str = "reachable";
const CREDENTIALS: &str = "credentials";
const PAGE: &str = "page";
const PAGING: &str = "paging";
const GET: &str = "order by id";
/// So many pages are read on.
const PAGES: u32 = 100;

/// How far a read got before it failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Nothing,
    Api,
    List,
}

pub(super) async fn examine(settings: &SourceSettings, simulators: Option<&Simulators>) -> Vec<Check> {
    let section = &format!("source {}", settings.name);
    let source = match set_up(settings, simulators) {
        Ok(source) => source,
        Err(error) => return vec![Check::wrong(section, REACHABLE, error_chain(&error), error.hint())],
    };
    let mut reading = source.read(Read::Full { last_count: None });
    let first = loop {
        match reading.next().await {
            // What overlays say comes first, and must be readable too.
            Ok(Step::Adjustments(_)) => {}
            Ok(Step::Page(orders)) => break Ok(Some(orders)),
            // Nothing but rows without an id, perhaps.
            Ok(Step::Done(report)) => break report.readable().map(|()| None),
            Err(error) => break Err(error),
        }
    };
    // Of the first page: what is read on below is another matter.
    let absent = reading.absent();
    let mut checks = steps(section, first.as_ref().err());
    match &first {
        Ok(Some(orders)) => {
            checks.push(match whole(&mut reading, orders).await {
                Ok(()) => mapped(section, orders),
                Err(error) => Check::wrong(section, PAGE, error_chain(&error), error.hint()),
            });
            checks.extend(absent.iter().map(|absent| {
                let mend = "compare the path with an answer: `entitled source test NAME` shows two pages".to_owned();
                Check::note(section, PAGING, absent.to_string(), Some(mend))
            }));
            checks.push(by_id(section, &source, orders).await);
        }
        Ok(None) => {
            let mend = "if there should be some, check what the credentials may read, and `list.query`".to_owned();
            checks.push(Check::note(section, PAGE, "the list has no orders", Some(mend)));
            checks.push(Check::not_tried(section, GET, "there is no order to ask for"));
        }
        Err(_) => checks.push(Check::not_tried(section, GET, "the above first")),
    }
    if let Some(skew) = source.skew() {
        checks.push(clock(section, Some(skew)));
    }
    checks
}

/// Whether so much is odd that no pass takes the source for whole: of its overlays, and of the list where something on
/// its first page is.
async fn whole(reading: &mut Reading<'_>, first: &[ReadOrder]) -> Result<(), SourceError> {
    reading.overlays_readable()?;
    if first.iter().all(|order| order.odd.is_empty()) {
        return Ok(());
    }
    for _ in 0..PAGES {
        match reading.next().await {
            Ok(Step::Done(report)) => return report.readable(),
            Ok(Step::Page(_) | Step::Adjustments(_)) => {}
            // What comes after the first page is no matter of this check.
            Err(_) => break,
        }
    }
    Ok(())
}

/// The steps up to a page, each well until the one that failed.
fn steps(section: &str, failed: Option<&SourceError>) -> Vec<Check> {
    let reached = failed.map(|error| match error {
        SourceError::Unreachable { .. } | SourceError::Redirect { .. } | SourceError::Settings { .. } => {
            Reached::Nothing
        }
        SourceError::Denied { .. } => Reached::Api,
        _ => Reached::List,
    });
    let step = |at: Reached, name: &str, found: &str| match failed.zip(reached) {
        Some((error, reached)) if reached == at => Check::wrong(section, name, error_chain(error), error.hint()),
        Some((_, reached)) if reached < at => Check::not_tried(section, name, "the above first"),
        _ => Check::ok(section, name, found),
    };
    let mut checks = vec![step(Reached::Nothing, REACHABLE, "it answers"), step(Reached::Api, CREDENTIALS, "taken")];
    if failed.is_some() {
        checks.push(step(Reached::List, PAGE, "read"));
    }
    checks
}

fn mapped(section: &str, orders: &[ReadOrder]) -> Check {
    let mut standings: BTreeMap<Standing, u64> = BTreeMap::new();
    for order in orders {
        *standings.entry(order.standing).or_default() += 1;
    }
    let unknown = standings.get(&Standing::Unknown).copied().unwrap_or_default();
    let figures: Vec<String> = standings.iter().map(|(standing, count)| format!("{count} {standing}")).collect();
    let found = format!("{}: {}", human::count(orders.len() as u64, "order"), figures.join(", "));
    let mut odd = orders.iter().filter(|order| !order.odd.is_empty());
    if let Some(first) = odd.next() {
        let others = match odd.count() {
            0 => String::new(),
            more => format!(", and {} more", human::count(more as u64, "odd order")),
        };
        let why: Vec<String> = first.odd.iter().map(ToString::to_string).collect();
        let found = format!("{found}; `{}` is odd: {}{others}", first.id, why.join("; "));
        let mend = "check the mapping: `entitled source test NAME` names every odd order of the page".to_owned();
        return Check::note(section, PAGE, found, Some(mend));
    }
    if unknown == 0 {
        return Check::ok(section, PAGE, found);
    }
    let mend = "an `unknown` order changes nothing, either way: give its status a line under `status`".to_owned();
    if unknown < orders.len() as u64 {
        Check::note(section, PAGE, found, Some(mend))
    } else {
        Check::wrong(section, PAGE, found, Some(mend))
    }
}

async fn by_id(section: &str, source: &Source, orders: &[ReadOrder]) -> Check {
    let Some(order) = orders.first() else { return Check::not_tried(section, GET, "there is no order to ask for") };
    let held = "until it can, what a refund would take away is held as `Unverified`".to_owned();
    match source.get(&order.id).await {
        Ok(Lookup::Found(_)) => Check::ok(section, GET, format!("`{}` is read again", order.id)),
        Ok(Lookup::TestMode) => Check::wrong(
            section,
            GET,
            format!("`{}` is live on the list, but in test mode when read by its id", order.id),
            Some(format!("check `expect.live`: {held}")),
        ),
        Ok(Lookup::Missing) => Check::wrong(
            section,
            GET,
            format!("`{}` is on the list, but not found by its id", order.id),
            Some(format!("check `get.path`: {held}")),
        ),
        Ok(Lookup::Unsupported) => {
            Check::note(section, GET, "this source cannot read a single order again", Some("`get` says how".to_owned()))
        }
        Err(error) => Check::wrong(section, GET, error_chain(&error), error.hint().or(Some(held))),
    }
}
