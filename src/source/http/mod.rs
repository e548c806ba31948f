//! The generic source: any JSON over HTTP, described by data.
//!
//! Asks with `GET`, or with a `POST` that asks and changes nothing, at one origin only, and follows no redirect: the
//! credentials go nowhere else.

mod adjustments;
mod ask;
mod details;
mod items;
pub(in crate::source) mod lists;
pub mod mapping;
mod page;
mod paging;
mod parts;
pub(in crate::source) mod paths;
mod probe;
mod read;
mod tree;

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::client::{Caller, call, response, segment};
use super::recording::Recording;
use super::{Lookup, SourceError};
use crate::config::settings::source::{HttpSource, Incremental, List, Method, Overlay, PagedBy, Told};
use crate::model::OrderId;
use ask::Blanks;
use mapping::Mapper;
use page::Page;

pub(super) use items::{left, whole};
pub(super) use read::Reach;

/// One list of a payment API as data. The token and the pace are those of the API.
#[derive(Debug)]
pub struct Http {
    settings: HttpSource,
    caller: Arc<Caller>,
    mapper: Mapper,
}

impl Http {
    /// Whoever asks the API: checks the settings, and asks nobody.
    fn caller(settings: &HttpSource) -> Result<Caller, SourceError> {
        let HttpSource { base_url, recorded, auth, headers, timeout, rate, max_page_bytes, .. } = settings;
        match recorded {
            None => Ok(Caller::new(base_url, auth, headers, *timeout, *rate)?.at_most(*max_page_bytes)),
            Some(folder) => Caller::recorded(Recording::open(folder)?),
        }
    }

    fn of(settings: &HttpSource, caller: &Arc<Caller>) -> Self {
        let mut settings = settings.clone();
        if settings.recorded.is_some() {
            // What was recorded does not change, and holds no answer to a question about some other time.
            settings.incremental = Incremental::Snapshot;
            settings.overlays.iter_mut().for_each(|overlay| overlay.incremental = Incremental::Snapshot);
            // Nor does it hold headers.
            let lists = settings.overlays.iter_mut().map(|overlay| &mut overlay.list).chain([&mut settings.list]);
            lists.for_each(without_headers);
        }
        Self { caller: Arc::clone(caller), mapper: Mapper::new(&settings.map, &settings.status), settings }
    }

    /// See [`Source::reading`](super::Source::reading).
    pub(super) fn reading(&self) -> i64 {
        let HttpSource { base_url, list, incremental, details, overlays, map, status, expect, .. } = &self.settings;
        // Another address is another shop, whatever its name.
        let said = format!("{:?}", (base_url, list, incremental, details, overlays, map, status, &expect.live));
        number(&said)
    }

    pub(super) fn overlays(&self) -> usize {
        self.settings.overlays.len()
    }

    /// Which overlay is which, wherever it stands in the file: the same list, read the same way.
    pub(super) fn overlay_ids(&self) -> Vec<i64> {
        self.settings.overlays.iter().map(|overlay| self.overlay_id(overlay)).collect()
    }

    fn overlay_id(&self, overlay: &Overlay) -> i64 {
        let Overlay { list, id, order_id, rules, ended_at, line, money, .. } = overlay;
        let List { path, query, method, .. } = list;
        let said = format!("{:?}", (&self.settings.base_url, path, query, id, order_id, rules, ended_at));
        // One that tells of no parts goes by what it went by before there were any.
        let parts = if line.is_some() || money.is_some() { format!("{line:?}{money:?}") } else { String::new() };
        let sent = if *method == Method::Get { String::new() } else { format!("{method:?}") };
        // Never one of the small numbers that stood for places in the file.
        number(&format!("{said}{parts}{sent}")) | 1 << 62
    }

    /// See [`Source::polls_answer_hints`](super::Source::polls_answer_hints). A window shows no change of an older
    /// order, and a snapshot is everything there is.
    pub(super) fn polls_answer_hints(&self) -> bool {
        match self.settings.incremental {
            Incremental::Filter { .. } | Incremental::WalkBack => true,
            Incremental::Window { .. } | Incremental::Snapshot => false,
        }
    }

    pub(super) fn recheck_every(&self) -> Option<jiff::SignedDuration> {
        self.settings.get.as_ref()?.recheck_every
    }

    pub(super) fn recheck_pending(&self) -> Option<jiff::SignedDuration> {
        self.settings.get.as_ref()?.recheck_pending
    }

    /// Reads one order again.
    pub(super) async fn get(&self, id: &OrderId, now: Timestamp) -> Result<Lookup, SourceError> {
        let Some(get) = &self.settings.get else { return Ok(Lookup::Unsupported) };
        let query: Vec<_> =
            get.query.iter().map(|(name, value)| (name.clone(), value.replace("{id}", id.as_str()))).collect();
        let url = self.caller.url(&get.path.replace("{id}", &segment(id.as_str())?), &query)?;
        let sent = Blanks { id: Some(id.as_str()), ..Blanks::default() }.fill(&get.method);
        let call = call(&url, sent.as_ref());
        let reply = self.caller.ask(url, sent.as_ref()).await?;
        if reply.status == StatusCode::NOT_FOUND {
            // A page of a proxy is no word about the order.
            reply.json(&call)?;
            return Ok(Lookup::Missing);
        }
        let reply = reply.success(&call)?;
        let mut answer = reply.json(&call)?;
        reply.no_errors(&call, &answer)?;
        if response::is_null(&answer, &get.item) {
            return Ok(Lookup::Missing);
        }
        let raw = response::take(&mut answer, get.item.iter(), Value::is_object)
            .ok_or_else(|| response::no_object_at(&call, get.item.iter(), &answer))?;
        let list = self.detailed(paths::alone(raw)).await?;
        let order = self.mapper.order_in(&list, now).map_err(|odd| SourceError::Item {
            call: call.clone(),
            place: 1,
            id: None,
            odd,
        })?;
        if order.id != *id {
            return Err(SourceError::OtherOrder { call, got: order.id.to_string() });
        }
        if !self.live(&list) {
            return Ok(Lookup::TestMode);
        }
        Ok(Lookup::Found(order))
    }

    /// Whether the one order of a list is a real one.
    fn live(&self, list: &Value) -> bool {
        self.settings.expect.live.as_ref().is_none_or(|when| paths::holds(when, list))
    }
}

/// A list of which no header tells anything.
fn without_headers(list: &mut List) {
    list.total.take_if(|told| matches!(told, Told::Header(_)));
    if let PagedBy::Page { pages, .. } = &mut list.paging.by {
        pages.take_if(|told| matches!(told, Told::Header(_)));
    }
}

/// A number that stands for a text.
fn number(text: &str) -> i64 {
    let hash = Sha256::digest(text.as_bytes());
    i64::from_le_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}
