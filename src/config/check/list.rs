//! How orders are listed and read again: paths, pages, increments.

use jiff::SignedDuration;
use serde_json_path::JsonPath;

use super::fields::Fields;
use super::{Check, shapes};
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{
    Blank, GetById, Incremental, ItemsPath, List, Method, PagedBy, Paging, TimeFormat, Told,
};

/// How much of one page is read where the file does not say: 8 MiB.
pub(super) const PAGE_BYTES: u32 = 8 * 1024 * 1024;

/// How far before the watermark an increment starts where the file does not say.
pub(super) const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

impl Check<'_> {
    pub(super) fn orders(&mut self, entry: &Entry) -> Option<List> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LIST)?;
        self.list_of(fields, "orders")
    }

    /// The keys that every list has, of orders or of what overlays them.
    pub(super) fn list_of(&mut self, fields: Fields<'_>, what: &str) -> Option<List> {
        let path = fields.need(self, "path", &format!("path: /{what}")).and_then(|entry| self.url_path(&entry.node));
        let query = fields.node("query").map_or(Some(Vec::new()), |node| self.pairs(node, "parameter"));
        let items = fields.need(self, "items", &format!("items: $.{what}")).and_then(|entry| self.paths(&entry.node));
        let total = fields.find("total").map(|entry| self.told(entry));
        let method = self.method(fields);
        let paging = fields.need(self, "paging", "paging: {kind: none}");
        let paging = paging.and_then(|entry| self.paging(entry, method.as_ref()));
        Some(List {
            path: path?,
            query: query?,
            method: method?,
            items: items?.into_iter().map(ItemsPath).collect(),
            total: match total {
                Some(told) => Some(told?),
                None => None,
            },
            paging: paging?,
        })
    }

    /// Where an answer tells a number: paths, or `{header: NAME}`.
    fn told(&mut self, entry: &Entry) -> Option<Told> {
        if !matches!(entry.node.value, Value::Map(_)) {
            return self.paths(&entry.node).map(Told::Body);
        }
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::TOLD_HEADER)?;
        let header = fields.need(self, "header", "header: X-Total-Count")?;
        self.header_name(&header.node).map(|name| Told::Header(name.to_lowercase()))
    }

    pub(super) fn url_path(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "a path such as `/orders`")?;
        if !found.value.starts_with('/') || found.value.starts_with("//") {
            self.error(node.place, format!("`{}` is not a path below the address of the source", found.written))
                .help("a path starts with one slash");
            return None;
        }
        if found.value.contains(['?', '#']) {
            self.error(node.place, "a path has no query").help("parameters belong in `query`").hide(node.place);
            return None;
        }
        Some(found.value)
    }

    fn paging(&mut self, entry: &Entry, method: Option<&Method>) -> Option<Paging> {
        let (kind, fields) = self.variant(&entry.node, entry, &shapes::PAGING)?;
        let has_more = fields.node("has_more").map_or(Some(Vec::new()), |node| self.paths(node));
        if kind == "none" {
            return Some(Paging { by: PagedBy::OneAnswer, size_param: None, size: u32::MAX, has_more: has_more? });
        }
        let by = match kind {
            "offset" => self.place_for(fields, kind, method, Blank::Cursor).map(|param| PagedBy::Offset { param }),
            "page" => {
                let param = self.place_for(fields, kind, method, Blank::Cursor);
                let start = fields.node("start").map_or(Some(1), |node| self.whole(node, 0..=1));
                let pages = match fields.find("pages") {
                    Some(entry) => self.told(entry).map(Some),
                    None => Some(None),
                };
                param.zip(start).zip(pages).map(|((param, start), pages)| PagedBy::Page { param, start, pages })
            }
            "last_id" => self.place_for(fields, "after", method, Blank::Cursor).map(|param| PagedBy::LastId { param }),
            "token" => {
                let param = self.place_for(fields, "page_token", method, Blank::Cursor);
                let next = fields.need(self, "next", "next: $.next").and_then(|entry| self.path(&entry.node));
                param.zip(next).map(|(param, next)| PagedBy::Token { param, next })
            }
            "next_url" | "link_header" if matches!(method, Some(Method::Post(_))) => {
                self.error(entry.at, format!("`{kind}` follows links, and a link is not sent anything"))
                    .help("with `method: POST` pages go by `token`, `offset`, `page`, `last_id` or `none`");
                None
            }
            "next_url" => {
                let next = fields.need(self, "next", "next: $.next").and_then(|entry| self.path(&entry.node));
                next.map(|next| PagedBy::NextUrl { next })
            }
            _ => Some(PagedBy::LinkHeader),
        };
        let size_param = match fields.node("size_param") {
            Some(node) => self.name(node, "the name of a parameter").map(|found| Some(found.value)),
            None => Some(None),
        };
        // Where the API says itself what follows, the size is a wish and not part of the arithmetic.
        let told = fields.find("has_more").is_some()
            || (kind == "page" && fields.find("pages").is_some())
            || matches!(kind, "token" | "next_url" | "link_header");
        let size = match fields.node("size") {
            Some(node) => self.whole(node, 1..=100_000),
            None if told => Some(100),
            None => {
                fields.need(self, "size", "size: 100");
                None
            }
        };
        Some(Paging { by: by?, size_param: size_param?, size: size?, has_more: has_more? })
    }

    /// `method`: that of the list, or nothing where it is wrong.
    pub(super) fn incremental(
        &mut self,
        entry: &Entry,
        method: Option<&Method>,
    ) -> Option<(Incremental, SignedDuration)> {
        let (kind, fields) = self.variant(&entry.node, entry, &shapes::INCREMENTAL)?;
        if kind == "snapshot" {
            return Some((Incremental::Snapshot, OVERLAP));
        }
        let overlap = fields.node("overlap").map_or(Some(OVERLAP), |node| self.duration(node));
        if kind == "walk_back" {
            return Some((Incremental::WalkBack, overlap?));
        }
        let example = if kind == "window" { "created_after" } else { "updated_after" };
        let param = self.place_for(fields, example, method, Blank::Since);
        let formats = [
            ("rfc3339", TimeFormat::Rfc3339),
            ("unix", TimeFormat::Unix),
            ("unix_ms", TimeFormat::UnixMs),
            ("date", TimeFormat::Date),
        ];
        let format = fields.need(self, "format", "format: rfc3339");
        let format = format.and_then(|entry| self.word(&entry.node, &formats));
        if kind == "window" {
            let window = fields.need(self, "window", "window: 35d").and_then(|entry| self.interval(&entry.node));
            return Some((Incremental::Window { param: param?, format: format?, window: window? }, overlap?));
        }
        Some((Incremental::Filter { param: param?, format: format? }, overlap?))
    }

    pub(super) fn get_by_id(&mut self, entry: &Entry) -> Option<GetById> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::GET)?;
        let path = fields.need(self, "path", "path: \"/orders/{id}\"");
        let path = path.and_then(|entry| Some((self.url_path(&entry.node)?, entry.node.place)));
        let method = self.method(fields);
        let query = fields.node("query").map_or(Some(Vec::new()), |node| self.pairs(node, "parameter"));
        let asked_for = |query: &Vec<(String, String)>| query.iter().any(|(_, value)| value.contains("{id}"));
        match (&path, &method) {
            (Some((path, _)), _) if path.contains("{id}") || query.as_ref().is_some_and(asked_for) => {}
            (Some((_, place)), Some(Method::Get)) => {
                self.error(*place, "`{id}` is missing in this path")
                    .help("it stands where the id of the order goes, in the path or in `query`");
            }
            (Some(_), Some(method)) if !method.has(Blank::Id) => self.lacks(Blank::Id, Some(entry.at)),
            _ => {}
        }
        let whole = || JsonPath::parse("$").expect("the root is a path");
        let item = fields.node("item").map_or_else(|| Some(vec![whole()]), |node| self.paths(node));
        let recheck_every = fields.node("recheck_every").map(|node| self.interval(node));
        let recheck_pending = fields.node("recheck_pending").map(|node| self.interval(node));
        Some(GetById {
            path: path?.0,
            query: query?,
            method: method?,
            item: item?,
            recheck_every: recheck_every.flatten(),
            recheck_pending: recheck_pending.flatten(),
        })
    }
}
