//! How pages follow each other. Pure: from what a page held to where the next one is.
//!
//! Takes a list for ended only on proof. A page shorter than asked for is none: servers clamp the size
//! without a word (Polar), so without a fitting total the next page is asked for, and is empty at the end.

use reqwest::Url;
use serde_json::Value;

use super::SourceError;
use crate::config::source::{CursorPath, Paging};

/// Where a walk over the pages stands.
#[derive(Debug)]
pub(super) struct Pager<'a> {
    paging: &'a Paging,
    at: Position,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq)]
enum Position {
    First,
    Number(u64),
    Cursor(String),
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
    /// What stands where the next cursor should.
    pub(super) cursor: Option<Value>,
}

/// What follows a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Page,
    End,
}

impl<'a> Pager<'a> {
    pub(super) fn new(paging: &'a Paging) -> Self {
        Self { paging, at: Position::First }
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
        let number = |first: u64| match self.at {
            Position::Number(number) => number,
            _ => first,
        };
        let (place, size_param) = match self.paging {
            Paging::None => (None, &None),
            Paging::Offset { param, size_param, .. } => (Some((param, number(0).to_string())), size_param),
            Paging::Page { param, start, size_param, .. } => {
                (Some((param, number(u64::from(*start)).to_string())), size_param)
            }
            Paging::Cursor { param, size_param, .. } => match &self.at {
                Position::Cursor(cursor) => (Some((param, cursor.clone())), size_param),
                _ => (None, size_param),
            },
        };
        let size = size_param.as_ref().map(|param| (param.clone(), self.size().to_string()));
        place.map(|(param, value)| (param.clone(), value)).into_iter().chain(size).collect()
    }

    /// Items asked for on a page; with [`Paging::None`], as many as there are.
    pub(super) fn size(&self) -> usize {
        match self.paging {
            Paging::None => usize::MAX,
            Paging::Offset { size, .. } | Paging::Page { size, .. } | Paging::Cursor { size, .. } => *size as usize,
        }
    }

    /// Steps to the page after the one that held this. `own` is the origin that links must not leave.
    pub(super) fn advance(&mut self, page: &PageFacts<'_>, call: &str, own: &Url) -> Result<Next, SourceError> {
        let short = page.received < self.size();
        let ended = page.received == 0 || (short && page.total.is_some_and(|total| page.walked >= total));
        let next = match self.paging {
            Paging::None => return Ok(Next::End),
            Paging::Cursor { next: CursorPath::Body(_), .. } => match cursor(page.cursor.as_ref(), call, own)? {
                None => return Ok(Next::End),
                Some(next) => next,
            },
            _ if ended => return Ok(Next::End),
            Paging::Cursor { next: CursorPath::LastId, .. } => match page.last_id {
                None => return Ok(Next::End),
                Some(id) => Position::Cursor(id.to_owned()),
            },
            Paging::Offset { .. } => Position::Number(page.walked),
            Paging::Page { start, .. } => Position::Number(match self.at {
                Position::Number(number) => number + 1,
                _ => u64::from(*start) + 1,
            }),
        };
        if next == self.at {
            return Err(SourceError::PageRepeats { call: call.to_owned() });
        }
        self.at = next;
        Ok(Next::Page)
    }
}

/// What a body says of the next page: nothing, a cursor, or a link, which must stay at our origin.
fn cursor(found: Option<&Value>, call: &str, own: &Url) -> Result<Option<Position>, SourceError> {
    let text = match found {
        None | Some(Value::Null | Value::Bool(false)) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => {
            let cursor = super::answer::begins(other.to_string().as_bytes(), &[]);
            return Err(SourceError::Cursor { call: call.to_owned(), cursor });
        }
    };
    if !text.contains("://") && !text.starts_with('/') {
        return Ok(Some(Position::Cursor(text)));
    }
    match own.join(&text) {
        Ok(url) if url.origin() == own.origin() && url.username().is_empty() && url.password().is_none() => {
            Ok(Some(Position::Link(url)))
        }
        Ok(url) => Err(SourceError::ForeignLink {
            call: call.to_owned(),
            link: url.origin().ascii_serialization(),
            own: own.origin().ascii_serialization(),
        }),
        Err(_) => Ok(Some(Position::Cursor(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Url {
        "https://shop.example.com/api".parse().unwrap()
    }

    fn offset(size: u32) -> Paging {
        Paging::Offset { param: "offset".into(), size_param: Some("limit".into()), size }
    }

    fn step(pager: &mut Pager<'_>, received: usize, walked: u64, total: Option<u64>) -> Next {
        pager.advance(&PageFacts { received, walked, total, ..PageFacts::default() }, "GET /", &own()).unwrap()
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
        let paging = Paging::Page { param: "page".into(), start: 1, size_param: None, size: 2 };
        let mut pager = Pager::new(&paging);
        assert_eq!(pager.params(), [("page".into(), "1".into())]);
        step(&mut pager, 2, 2, None);
        step(&mut pager, 2, 4, None);
        assert_eq!(pager.params(), [("page".into(), "3".into())]);
    }

    #[test]
    fn a_link_may_change_anything_but_the_origin() {
        let ok = |text: &str| cursor(Some(&Value::from(text)), "GET /", &own());
        assert!(matches!(ok("https://shop.example.com/x?page=2"), Ok(Some(Position::Link(_)))));
        assert!(matches!(ok("/x?page=2"), Ok(Some(Position::Link(_)))));
        assert_eq!(ok("b64+cursor==").unwrap(), Some(Position::Cursor("b64+cursor==".into())));
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
    fn the_same_cursor_twice_repeats() {
        let paging = Paging::Cursor {
            param: "after".into(),
            next: CursorPath::Body(serde_json_path::JsonPath::parse("$.next").unwrap()),
            size_param: None,
            size: 2,
        };
        let mut pager = Pager::new(&paging);
        let page = |cursor: Option<Value>| PageFacts { received: 2, walked: 2, cursor, ..PageFacts::default() };
        assert_eq!(pager.advance(&page(Some("c2".into())), "GET /", &own()).unwrap(), Next::Page);
        assert_eq!(pager.params(), [("after".into(), "c2".into())]);
        assert!(matches!(
            pager.advance(&page(Some("c2".into())), "GET /", &own()),
            Err(SourceError::PageRepeats { .. })
        ));
        assert_eq!(pager.advance(&page(Some(Value::Null)), "GET /", &own()).unwrap(), Next::End);
        assert!(pager.advance(&page(Some(serde_json::json!({"a": 1}))), "GET /", &own()).is_err());
    }
}
