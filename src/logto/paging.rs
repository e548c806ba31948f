//! Lists read page by page, and how complete the result is.
//!
//! Never follows a `Link` header (Logto's omit the `/api` of the path), and never takes a list for complete only
//! because its pages ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::error::LogtoError;
use super::transport::{Answer, Query, ReadAccess};
use crate::model::{OrganizationRoleId, UserId};

/// The most that Logto puts on one page, and the most ids that one question holds.
pub(super) const PAGE: usize = 100;

/// How often a list that must be whole is read.
const WHOLE_TRIES: u32 = 3;

/// Told after each page how many rows are read, and how many there are.
pub type Progress<'a> = Option<&'a (dyn Fn(u64, u64) + Sync)>;

/// What came of asking for something that may not exist. A role or an organization that is gone is not
/// one that nobody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It exists.
    Here(T),
    /// Logto knows no such thing.
    Missing,
}

impl<T> Found<T> {
    /// `None` where it is missing.
    pub fn here(self) -> Option<T> {
        match self {
            Found::Here(value) => Some(value),
            Found::Missing => None,
        }
    }

    /// Applies `f` to what is here.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Found::Here(value) => Found::Here(f(value)),
            Found::Missing => Found::Missing,
        }
    }
}

impl<T> From<Option<T>> for Found<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Found::Missing, Found::Here)
    }
}

/// The holders of a role, as a walk saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Sorted, each once.
    pub ids: Vec<UserId>,
    /// `Total-Number` of the first page.
    pub total: u64,
    /// `Total-Number` of the last page, which is asked for after all others.
    pub total_at_end: u64,
}

impl Walk {
    /// Whether as many different holders were seen as there are, at the start and at the end. Else the
    /// list holds some who hold it, and nothing follows for the others.
    pub fn whole(&self) -> bool {
        whole(self.ids.len(), self.total, self.total_at_end)
    }
}

/// The members of an organization, as a walk saw them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberWalk {
    /// Sorted by user, each once, with the organization roles (sorted) that the member holds there.
    pub members: Vec<(UserId, Vec<OrganizationRoleId>)>,
    /// See [`Walk::total`].
    pub total: u64,
    /// See [`Walk::total_at_end`].
    pub total_at_end: u64,
}

impl MemberWalk {
    /// See [`Walk::whole`].
    pub fn whole(&self) -> bool {
        whole(self.members.len(), self.total, self.total_at_end)
    }
}

fn whole(seen: usize, total: u64, total_at_end: u64) -> bool {
    seen as u64 == total && total == total_at_end
}

/// Every row of a list, in the order of the pages, repeats included.
pub(super) struct Rows<T> {
    pub(super) rows: Vec<T>,
    pub(super) total: u64,
    pub(super) total_at_end: u64,
}

/// Reads the list at `path`: page 1 for the number of pages, then those between several at once, and the
/// last one after all others, so that its `Total-Number` tells whether the list changed meanwhile. A page that is
/// not full is the last, whatever `Total-Number` says: a figure that is too large costs a few calls and no more.
/// `None` where the list itself does not exist.
pub(super) async fn rows<T: DeserializeOwned>(
    access: &ReadAccess,
    path: &str,
    query: &Query,
    progress: Progress<'_>,
) -> Result<Option<Rows<T>>, LogtoError> {
    let told = |done: usize, total: u64| {
        tracing::trace!(path, done, total, "a page of logto's");
        if let Some(progress) = progress {
            progress((done as u64).min(total), total);
        }
    };
    let Some(first) = page(access, path, query, 1).await? else { return Ok(None) };
    let total = first.total()?;
    let mut rows: Vec<T> = first.json()?;
    told(rows.len(), total);
    let last = total.div_ceil(PAGE as u64);
    if last < 2 || rows.len() < PAGE {
        return Ok(Some(Rows { rows, total, total_at_end: total }));
    }

    let shared = Arc::new((path.to_owned(), query.clone()));
    let mut waiting = 2..last;
    let mut under_way = JoinSet::new();
    let mut pages = BTreeMap::new();
    loop {
        while under_way.len() < access.core().concurrency
            && let Some(number) = waiting.next()
        {
            let (access, shared) = (access.clone(), shared.clone());
            under_way.spawn(async move { (number, page(&access, &shared.0, &shared.1, number).await) });
        }
        let Some(ended) = under_way.join_next().await else { break };
        let (number, answer) = ended.expect("a page is neither aborted nor does it panic");
        let Some(answer) = answer? else { return Ok(None) };
        let page = answer.json::<Vec<T>>()?;
        if page.len() < PAGE {
            waiting = last..last;
        }
        pages.insert(number, page);
        told(rows.len() + pages.values().map(Vec::len).sum::<usize>(), total);
    }
    let ended = pages.values().any(|page| page.len() < PAGE);
    rows.extend(pages.into_values().flatten());
    if ended {
        return Ok(Some(Rows { rows, total, total_at_end: total }));
    }
    let Some(end) = page(access, path, query, last).await? else { return Ok(None) };
    let total_at_end = end.total()?;
    rows.extend(end.json::<Vec<T>>()?);
    told(rows.len(), total);
    Ok(Some(Rows { rows, total, total_at_end }))
}

/// Every entry of a list of things with an id, each once; read again while it is not whole.
pub(super) async fn every<T: DeserializeOwned, K: Ord>(
    access: &ReadAccess,
    path: &str,
    query: &Query,
    id: impl Fn(&T) -> K,
) -> Result<Vec<T>, LogtoError> {
    let mut tries = 1;
    loop {
        let read = rows::<T>(access, path, query, None).await?;
        let Some(Rows { rows, total, total_at_end }) = read else {
            return Err(LogtoError::WrongPath { path: path.to_owned(), status: 404 });
        };
        let distinct: BTreeMap<K, T> = rows.into_iter().map(|row| (id(&row), row)).collect();
        if whole(distinct.len(), total, total_at_end) {
            return Ok(distinct.into_values().collect());
        }
        if tries == WHOLE_TRIES {
            return Err(LogtoError::Unsteady { path: path.to_owned(), seen: distinct.len() as u64, total });
        }
        tries += 1;
    }
}

async fn page(access: &ReadAccess, path: &str, query: &Query, number: u64) -> Result<Option<Answer>, LogtoError> {
    let mut query = query.clone();
    query.push(("page", number.to_string()));
    query.push(("page_size", PAGE.to_string()));
    access.find(path, &query).await
}
