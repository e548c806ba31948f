//! How pages follow each other. Pure: from what a page held to where the next one is.
//!
//! Takes a list for ended only on proof. A page shorter than asked for is none: servers clamp the size
//! without a word (Polar), so without a fitting total the next page is asked for, and is empty at the end.
//! No page is asked for twice, and none at another origin.

use std::collections::HashSet;

use reqwest::Url;
use serde_json::Value;

use crate::config::settings::source::{PagedBy, Paging};
use crate::source::SourceError;
use crate::source::client::response::{begins, listed};

/// Where a walk over the pages stands.
#[derive(Debug)]
pub(super) struct Pager<'a> {
    paging: &'a Paging,
    at: Position,
    /// Every mark and link that was followed.
    followed: HashSet<String>,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq)]
enum Position {
    First,
    Number(u64),
    Mark(Value),
    Link(Url),
}

/// What a page held.
#[derive(Debug, Default)]
pub(super) struct PageFacts<'a> {
    /// Items on it.
    pub(super) received: usize,
    /// Items on all pages up to it, repeated ones included.
    pub(super) walked: u64,
    /// How many there are in all, where the API says so.
    pub(super) total: Option<u64>,
    /// The id of its last item.
    pub(super) last_id: Option<&'a str>,
    /// What stands where the mark of the next page or the link to it should: in the body, or of the header
    /// `Link` what leads to the next page.
    pub(super) next: Option<Value>,
    /// What stands where the answer should say whether there is more.
    pub(super) more: Option<bool>,
    /// How many pages there are, where the API says so.
    pub(super) pages: Option<u64>,
}

/// What follows a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Page,
    End,
}

impl<'a> Pager<'a> {
    pub(super) fn new(paging: &'a Paging) -> Self {
        Self { paging, at: Position::First, followed: HashSet::new() }
    }

    /// The link to the page, where the API gave one.
    pub(super) fn link(&self) -> Option<&Url> {
        match &self.at {
            Position::Link(url) => Some(url),
            _ => None,
        }
    }

    /// The parameters of the page.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        let param = match &self.paging.by {
            PagedBy::OneAnswer | PagedBy::NextUrl { .. } | PagedBy::LinkHeader => &None,
            PagedBy::Offset { param }
            | PagedBy::Page { param, .. }
            | PagedBy::LastId { param }
            | PagedBy::Token { param, .. } => param,
        };
        let place = param.clone().zip(self.cursor().map(|cursor| written(&cursor)));
        let size = self.paging.size_param.clone().map(|param| (param, self.paging.size.to_string()));
        place.into_iter().chain(size).collect()
    }

    /// Where the page is, as JSON. `None`: nothing says where the first page is.
    pub(super) fn cursor(&self) -> Option<Value> {
        match (&self.paging.by, &self.at) {
            (PagedBy::OneAnswer | PagedBy::NextUrl { .. } | PagedBy::LinkHeader, _) => None,
            (PagedBy::Offset { .. }, _) => Some(self.number(0).into()),
            (PagedBy::Page { start, .. }, _) => Some(self.number(*start).into()),
            (PagedBy::LastId { .. } | PagedBy::Token { .. }, Position::Mark(mark)) => Some(mark.clone()),
            (PagedBy::LastId { .. } | PagedBy::Token { .. }, _) => None,
        }
    }

    /// The number of the page, where the first one has this.
    fn number(&self, first: u32) -> u64 {
        match self.at {
            Position::Number(number) => number,
            _ => u64::from(first),
        }
    }

    /// Items asked for on a page; where one answer holds all, as many as there are.
    pub(super) fn size(&self) -> usize {
        match self.paging.by {
            PagedBy::OneAnswer => usize::MAX,
            _ => self.paging.size as usize,
        }
    }

    /// Steps to the page after the one that held this and was read at `here`. `own` is the origin that links
    /// must not leave.
    pub(super) fn advance(
        &mut self,
        page: &PageFacts<'_>,
        call: &str,
        here: &Url,
        own: &Url,
    ) -> Result<Next, SourceError> {
        let told = !self.paging.has_more.is_empty();
        match (&self.paging.by, page.more) {
            (PagedBy::OneAnswer, Some(true)) => return Err(SourceError::MoreToCome { call: call.to_owned() }),
            (PagedBy::OneAnswer, _) => return Ok(Next::End),
            (_, None) if told => {
                let path = listed(self.paging.has_more.iter());
                return Err(SourceError::NoHasMore { call: call.to_owned(), path: path.trim_matches('`').to_owned() });
            }
            (_, Some(false)) if told => return Ok(Next::End),
            (_, _) => {}
        }
        let short = page.received < self.size();
        let ended = page.received == 0 || (short && page.total.is_some_and(|total| page.walked >= total));
        let next = match &self.paging.by {
            PagedBy::OneAnswer => return Ok(Next::End),
            // A number of pages is the API's own word, however short one of them is.
            PagedBy::Page { start, .. } if page.pages.is_some() => {
                let (at, pages) = (self.number(*start), page.pages.unwrap_or_default());
                if page.received == 0 || at + 1 >= u64::from(*start) + pages {
                    return Ok(Next::End);
                }
                Some(Position::Number(at + 1))
            }
            PagedBy::Token { .. } => told_next(page.next.as_ref(), call)?.map(Position::Mark),
            PagedBy::NextUrl { .. } | PagedBy::LinkHeader => match told_next(page.next.as_ref(), call)? {
                Some(text) => Some(Position::Link(link(&written(&text), call, here, own)?)),
                None => None,
            },
            _ if ended && !told => return Ok(Next::End),
            PagedBy::LastId { .. } => page.last_id.map(|id| Position::Mark(id.into())),
            PagedBy::Offset { .. } => Some(Position::Number(page.walked)),
            PagedBy::Page { start, .. } => Some(Position::Number(self.number(*start) + 1)),
        };
        let Some(next) = next else {
            return if told { Err(SourceError::NoNext { call: call.to_owned() }) } else { Ok(Next::End) };
        };
        let again = match &next {
            Position::Mark(mark) => !self.followed.insert(written(mark)),
            Position::Link(url) => url == here || !self.followed.insert(url.to_string()),
            Position::First | Position::Number(_) => next == self.at,
        };
        if again {
            return Err(SourceError::PageRepeats { call: call.to_owned() });
        }
        self.at = next;
        Ok(Next::Page)
    }
}

/// What an answer says of the next page: nothing, or a mark or link as it stands there.
fn told_next(found: Option<&Value>, call: &str) -> Result<Option<Value>, SourceError> {
    match found {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(mark @ (Value::String(_) | Value::Number(_))) => Ok(Some(mark.clone())),
        Some(other) => {
            let cursor = begins(other.to_string().as_bytes(), &[]);
            Err(SourceError::Cursor { call: call.to_owned(), cursor })
        }
    }
}

/// A mark as it stands in a URL.
fn written(mark: &Value) -> String {
    mark.as_str().map_or_else(|| mark.to_string(), str::to_owned)
}

/// A link, which must stay at our origin: the credentials go with it.
fn link(text: &str, call: &str, here: &Url, own: &Url) -> Result<Url, SourceError> {
    match here.join(text) {
        Ok(url) if url.origin() == own.origin() && url.username().is_empty() && url.password().is_none() => Ok(url),
        Ok(url) => Err(SourceError::ForeignLink {
            call: call.to_owned(),
            link: url.origin().ascii_serialization(),
            own: own.origin().ascii_serialization(),
        }),
        Err(_) => {
            let cursor = begins(text.as_bytes(), &[]);
            Err(SourceError::Cursor { call: call.to_owned(), cursor })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Url {
        "https://shop.example.com/api".parse().unwrap()
    }

    fn offset(size: u32) -> Paging {
        let by = PagedBy::Offset { param: Some("offset".into()) };
        Paging { by, size_param: Some("limit".into()), size, has_more: Vec::new() }
    }

    fn step(pager: &mut Pager<'_>, received: usize, walked: u64, total: Option<u64>) -> Next {
        let facts = PageFacts { received, walked, total, ..PageFacts::default() };
        pager.advance(&facts, "GET /", &own(), &own()).unwrap()
    }

    #[test]
    fn a_short_page_ends_the_list_only_with_a_fitting_total() {
        let paging = offset(200);
        let mut clamped = Pager::new(&paging);
        assert_eq!(step(&mut clamped, 100, 100, None), Next::Page);
        assert_eq!(clamped.params(), [("offset".into(), "100".into()), ("limit".into(), "200".into())]);
        assert_eq!(step(&mut clamped, 100, 200, Some(250)), Next::Page);
        assert_eq!(step(&mut clamped, 50, 250, Some(250)), Next::End);
    }

    #[test]
    fn a_full_page_never_ends_the_list_whatever_the_total_says() {
        let paging = offset(100);
        let mut pager = Pager::new(&paging);
        assert_eq!(step(&mut pager, 100, 100, Some(100)), Next::Page);
        assert_eq!(step(&mut pager, 0, 100, Some(0)), Next::End);
    }

    #[test]
    fn pages_count_from_their_start() {
        let by = PagedBy::Page { param: Some("page".into()), start: 1, pages: None };
        let paging = Paging { by, size_param: None, size: 2, has_more: Vec::new() };
        let mut pager = Pager::new(&paging);
        assert_eq!(pager.params(), [("page".into(), "1".into())]);
        step(&mut pager, 2, 2, None);
        step(&mut pager, 2, 4, None);
        assert_eq!(pager.params(), [("page".into(), "3".into())]);
    }

    #[test]
    fn a_number_of_pages_ends_the_list_and_nothing_else_does() {
        for start in [0, 1] {
            let pages = Some(crate::config::settings::source::Told::Header("x-pages".into()));
            let by = PagedBy::Page { param: Some("page".into()), start, pages };
            let paging = Paging { by, size_param: None, size: 2, has_more: Vec::new() };
            let mut pager = Pager::new(&paging);
            let mut step = |received, pages| {
                let facts = PageFacts { received, walked: 2, pages, ..PageFacts::default() };
                pager.advance(&facts, "GET /", &own(), &own()).unwrap()
            };
            assert_eq!(step(1, Some(3)), Next::Page, "a short page is not the last");
            assert_eq!(step(2, Some(3)), Next::Page);
            assert_eq!(step(2, Some(3)), Next::End, "a full page is");
            assert_eq!(pager.params(), [("page".into(), (u64::from(start) + 2).to_string())]);
        }
    }

    #[test]
    fn one_answer_that_says_that_there_is_more_is_refused() {
        let paging = Paging { by: PagedBy::OneAnswer, size_param: None, size: u32::MAX, has_more: Vec::new() };
        let step = |more| {
            let facts = PageFacts { received: 2, walked: 2, more, ..PageFacts::default() };
            Pager::new(&paging).advance(&facts, "GET /", &own(), &own())
        };
        assert_eq!(step(Some(false)).unwrap(), Next::End);
        assert_eq!(step(None).unwrap(), Next::End);
        assert!(matches!(step(Some(true)), Err(SourceError::MoreToCome { .. })));
    }

    #[test]
    fn a_link_may_change_anything_but_the_origin() {
        let here: Url = "https://shop.example.com/api/orders?page=1".parse().unwrap();
        let ok = |text: &str| link(text, "GET /", &here, &own());
        for (text, path) in [
            ("https://shop.example.com/x?page=2", "/x"),
            ("/x?page=2", "/x"),
            ("?page=2", "/api/orders"),
            ("more?page=2", "/api/more"),
        ] {
            assert_eq!(ok(text).unwrap().path(), path, "{text}");
        }
        for foreign in [
            "https://evil.example/x",
            "http://shop.example.com/x",
            "https://shop.example.com:8443/x",
            "//evil.example/x",
            "https://shop.example.com@evil.example/x",
            "https://user@shop.example.com/x",
        ] {
            assert!(matches!(ok(foreign), Err(SourceError::ForeignLink { .. })), "{foreign}");
        }
    }

    #[test]
    fn a_mark_that_was_followed_before_repeats() {
        let next = serde_json_path::JsonPath::parse("$.next").unwrap();
        let by = PagedBy::Token { param: Some("after".into()), next };
        let paging = Paging { by, size_param: None, size: 2, has_more: Vec::new() };
        let mut pager = Pager::new(&paging);
        let page = |next: Option<Value>| PageFacts { received: 2, walked: 2, next, ..PageFacts::default() };
        let mut step = |next: Option<Value>| pager.advance(&page(next), "GET /", &own(), &own());
        assert_eq!(step(Some("/c2==".into())).unwrap(), Next::Page);
        assert_eq!(step(Some("c3".into())).unwrap(), Next::Page);
        assert!(matches!(step(Some("/c2==".into())), Err(SourceError::PageRepeats { .. })), "two pages in turn");
        assert_eq!(step(Some(Value::Null)).unwrap(), Next::End);
        assert!(step(Some(serde_json::json!({"a": 1}))).is_err());
        assert_eq!(pager.params(), [("after".into(), "c3".into())]);
    }

    #[test]
    fn where_the_answer_says_whether_there_is_more_nothing_else_does() {
        let has_more = serde_json_path::JsonPath::parse("$.has_more").unwrap();
        let by = PagedBy::LastId { param: Some("after".into()) };
        let paging = Paging { by, size_param: None, size: 100, has_more: vec![has_more] };
        let step = |received, last_id, more| {
            let facts = PageFacts { received, walked: 2, last_id, more, ..PageFacts::default() };
            Pager::new(&paging).advance(&facts, "GET /", &own(), &own())
        };
        assert_eq!(step(2, Some("b"), Some(true)).unwrap(), Next::Page, "a short page is not the last");
        assert_eq!(step(100, Some("b"), Some(false)).unwrap(), Next::End, "a full page may be");
        assert!(matches!(step(2, Some("b"), None), Err(SourceError::NoHasMore { .. })));
        assert!(matches!(step(0, None, Some(true)), Err(SourceError::NoNext { .. })));
    }
}
