//! A source over HTTP: the block after a preset was filled in.

use jiff::SignedDuration;
use serde_json_path::JsonPath;

use super::fields::{Fields, inside};
use super::{Check, shapes};
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Value};
use crate::config::source::{
    Auth, CursorPath, Expect, GetById, HttpSource, Incremental, ItemsPath, List, Map, Paging, StatusRule, TimeFormat,
    TotalCheck,
};
use crate::model::Standing;

/// How far before the watermark an increment starts where the file does not say.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);
// The parser's own words speak of brackets that a filter does not have.
const NOT_UNDERSTOOD: &str = "not understood from here";
const PATH: &str = "a JSONPath such as `$.orders`";

impl Check<'_> {
    /// `entry` is the source in the user's file, where a key that is in neither text is missing. The
    /// kind `sandbox` has no address yet.
    pub(super) fn http(&mut self, node: &Node, entry: &Entry, kind: &str) -> Option<HttpSource> {
        let fields = self.fields(node, Some(entry.at), &shapes::SOURCE)?;
        if let Some(path) = fields.find("path") {
            self.error(path.at, format!("`path` means nothing with `kind: {kind}`")).help("did you mean `list.path`?");
        }
        let base_url = if kind == "sandbox" { Some(String::new()) } else { self.base_url(fields) };
        let auth = fields.find("auth").map_or(Some(Auth::None), |entry| self.auth(entry));
        let headers = fields.node("headers").map_or(Some(Vec::new()), |node| self.pairs(node, "header"));
        let timeout = fields.node("timeout");
        let timeout = timeout.map_or(Some(SignedDuration::from_secs(30)), |node| self.interval(node));
        let rate = fields.node("rate").and_then(|node| self.rate(node));
        let max_pages = fields.node("max_pages").map_or(Some(10_000), |node| self.whole(node, 1..=10_000_000));
        let list =
            fields.need(self, "list", "list:` with `path`, `items` and `paging").and_then(|entry| self.orders(entry));
        let incremental = fields.find("incremental");
        let increments = incremental.map_or(Some((Incremental::Snapshot, OVERLAP)), |entry| self.incremental(entry));
        let get = fields.find("get").map(|entry| self.get_by_id(entry));
        let map = fields.need(self, "map", "map:` with at least `id`, `products` and `email` or `user_id");
        let map = map.and_then(|entry| self.map(entry));
        if let (Some((Incremental::Filter { .. } | Incremental::WalkBack, _)), Some(map), Some(entry)) =
            (&increments, &map, incremental)
            && map.updated_at.is_empty()
        {
            self.error(entry.at, "reading only what changed needs `map.updated_at`")
                .help("say where an order tells when it last changed, or use `kind: snapshot`");
        }
        let status = fields.need(self, "status", "status: [{when: \"@.status == 'paid'\", as: paid}]");
        let status = status.and_then(|entry| self.status(entry));
        let has_total = fields.node("list").is_some_and(|list| list.get("total").is_some());
        let expect = self.expect(fields, has_total);
        let (incremental, overlap) = increments?;
        Some(HttpSource {
            base_url: base_url?,
            auth: auth?,
            headers: headers?,
            timeout: timeout?,
            rate,
            max_pages: max_pages?,
            list: list?,
            incremental,
            overlap,
            get: get.flatten(),
            map: map?,
            status: status?,
            expect: expect?,
        })
    }

    fn base_url(&mut self, fields: Fields<'_>) -> Option<String> {
        let node = &fields.need(self, "url", "url: https://api.example.com")?.node;
        let found = self.name(node, "the address of the API")?;
        Some(self.address(&found, "https://api.example.com")?.base())
    }

    fn auth(&mut self, entry: &Entry) -> Option<Auth> {
        let (kind, fields) = self.variant(&entry.node, entry, &shapes::AUTH)?;
        match kind {
            "bearer" => {
                let token = fields.need(self, "token", "token: ${TOKEN}")?;
                self.secret(token, "TOKEN", true).map(Auth::Bearer)
            }
            "basic" => self.basic(fields),
            "header" => {
                let name = fields.need(self, "name", "name: X-Api-Key");
                let name = name.and_then(|entry| self.header_name(&entry.node));
                let value = fields.need(self, "value", "value: ${API_KEY}");
                let value = value.and_then(|entry| self.secret(entry, "API_KEY", true));
                Some(Auth::Header { name: name?, value: value? })
            }
            "oauth2_client_credentials" => {
                let url = fields.need(self, "token_url", "token_url: https://auth.example.com/oidc/token");
                let url = url.and_then(|entry| self.name(&entry.node, "the address that gives tokens"));
                let url = url.and_then(|found| self.address(&found, "https://auth.example.com/oidc/token"));
                let client_id = fields.need(self, "client_id", "client_id: ${CLIENT_ID}");
                let client_id = client_id.and_then(|entry| self.name(&entry.node, "the id of a client"));
                let secret = fields.need(self, "client_secret", "client_secret: ${CLIENT_SECRET}");
                let secret = secret.and_then(|entry| self.secret(entry, "CLIENT_SECRET", true));
                let mut optional =
                    |key| fields.node(key).and_then(|node| self.name(node, "text")).map(|found| found.value);
                let (resource, scope, audience) = (optional("resource"), optional("scope"), optional("audience"));
                Some(Auth::OAuth2 {
                    token_url: url?.base(),
                    client_id: client_id?.value,
                    client_secret: secret?,
                    resource,
                    scope,
                    audience,
                })
            }
            _ => Some(Auth::None),
        }
    }

    /// With an empty password the user name is the secret; else it may be written out.
    fn basic(&mut self, fields: Fields<'_>) -> Option<Auth> {
        let username = fields.need(self, "username", "username: ${API_USER}");
        let password = fields.need(self, "password", "password: ${API_PASSWORD}");
        let blank = |entry: &Entry| matches!(entry.node.text(), Some(text) if text.is_empty());
        let key_is_name = password.is_some_and(blank);
        let password = password.and_then(|entry| {
            if blank(entry) { Some(Default::default()) } else { self.secret(entry, "API_PASSWORD", true) }
        });
        let username = username.and_then(|entry| {
            if key_is_name {
                return self.secret(entry, "API_KEY", true);
            }
            self.name(&entry.node, "a user name").map(|found| crate::secret::Secret::new(found.value))
        });
        Some(Auth::Basic { username: username?, password: password? })
    }

    fn header_name(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "the name of a header")?;
        if !is_header_name(&found.value) {
            self.error(node.place, format!("`{}` is no name of a header", found.written));
            return None;
        }
        Some(found.value)
    }

    /// Headers or query parameters: both are printed, so neither may carry a secret.
    fn pairs(&mut self, node: &Node, what: &str) -> Option<Vec<(String, String)>> {
        let entries = self.named(node, &format!("a map from the name of a {what} to its value"))?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        for entry in entries {
            if what == "header" && !is_header_name(&entry.key) {
                self.error(entry.at, format!("`{}` is no name of a header", entry.key));
            }
            if carries_secret(&entry.key) {
                self.error(entry.at, format!("the {what} `{}` carries a secret", entry.key))
                    .help(format!("give it as `auth: {{kind: header, name: {}, value: ${{API_KEY}}}}`", entry.key))
                    .hide(entry.node.place);
                continue;
            }
            if what == "header" && pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case(&entry.key)) {
                self.error(entry.at, format!("header `{}` is written twice", entry.key));
            }
            let Some(found) = self.text(&entry.node, "text") else { continue };
            if found.value.chars().any(char::is_control) {
                self.error(found.place, format!("a {what} is one line of text"));
            }
            pairs.push((entry.key.clone(), found.value));
        }
        Some(pairs)
    }

    fn orders(&mut self, entry: &Entry) -> Option<List> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LIST)?;
        let path = fields.need(self, "path", "path: /orders").and_then(|entry| self.url_path(&entry.node));
        let query = fields.node("query").map_or(Some(Vec::new()), |node| self.pairs(node, "parameter"));
        let items = fields.need(self, "items", "items: $.orders").and_then(|entry| self.paths(&entry.node));
        let total = fields.node("total").map(|node| self.path(node));
        let paging = fields.need(self, "paging", "paging: {kind: none}").and_then(|entry| self.paging(entry));
        Some(List {
            path: path?,
            query: query?,
            items: items?.into_iter().map(ItemsPath).collect(),
            total: match total {
                Some(path) => Some(path?),
                None => None,
            },
            paging: paging?,
        })
    }

    fn url_path(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "a path such as `/orders`")?;
        if !found.value.starts_with('/') || found.value.starts_with("//") {
            self.error(node.place, format!("`{}` is no path under the address of the source", found.written))
                .help("a path starts with one slash");
            return None;
        }
        if found.value.contains(['?', '#']) {
            self.error(node.place, "a path has no query").help("parameters belong in `query`").hide(node.place);
            return None;
        }
        Some(found.value)
    }

    fn paging(&mut self, entry: &Entry) -> Option<Paging> {
        let (kind, fields) = self.variant(&entry.node, entry, &shapes::PAGING)?;
        if kind == "none" {
            return Some(Paging::None);
        }
        let param = fields.need(self, "param", &format!("param: {kind}"));
        let param = param.and_then(|entry| self.name(&entry.node, "the name of a parameter")).map(|found| found.value);
        let size_param = fields.node("size_param").and_then(|node| self.name(node, "the name of a parameter"));
        let size_param = size_param.map(|found| found.value);
        let next = if kind == "cursor" {
            fields.need(self, "next", "next: $.next` or `next: last_id").and_then(|entry| match entry.node.text() {
                Some("last_id") => Some(CursorPath::LastId),
                _ => self.path(&entry.node).map(CursorPath::Body),
            })
        } else {
            None
        };
        // Where a cursor says itself when it ends, the size is a wish and not part of the arithmetic.
        let size = match (fields.node("size"), &next) {
            (None, Some(CursorPath::Body(_))) => Some(100),
            (Some(node), _) => self.whole(node, 1..=100_000),
            (None, _) => {
                fields.need(self, "size", "size: 100");
                None
            }
        };
        Some(match kind {
            "offset" => Paging::Offset { param: param?, size_param, size: size? },
            "page" => {
                let start = fields.node("start").map_or(Some(1), |node| self.whole(node, 0..=1));
                Paging::Page { param: param?, start: start?, size_param, size: size? }
            }
            _ => Paging::Cursor { param: param?, next: next?, size_param, size: size? },
        })
    }

    fn incremental(&mut self, entry: &Entry) -> Option<(Incremental, SignedDuration)> {
        let (kind, fields) = self.variant(&entry.node, entry, &shapes::INCREMENTAL)?;
        if kind == "snapshot" {
            return Some((Incremental::Snapshot, OVERLAP));
        }
        let overlap = fields.node("overlap").map_or(Some(OVERLAP), |node| self.duration(node));
        if kind == "walk_back" {
            return Some((Incremental::WalkBack, overlap?));
        }
        let param = fields.need(self, "param", "param: updated_after");
        let param = param.and_then(|entry| self.name(&entry.node, "the name of a parameter"));
        let formats = [
            ("rfc3339", TimeFormat::Rfc3339),
            ("unix", TimeFormat::Unix),
            ("unix_ms", TimeFormat::UnixMs),
            ("date", TimeFormat::Date),
        ];
        let format = fields.need(self, "format", "format: rfc3339");
        let format = format.and_then(|entry| self.word(&entry.node, &formats));
        Some((Incremental::Filter { param: param?.value, format: format? }, overlap?))
    }

    fn get_by_id(&mut self, entry: &Entry) -> Option<GetById> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::GET)?;
        let path = fields.need(self, "path", "path: \"/orders/{id}\"");
        let path = path.and_then(|entry| Some((self.url_path(&entry.node)?, entry.node.place)));
        if let Some((path, place)) = &path
            && !path.contains("{id}")
        {
            self.error(*place, "`{id}` is missing in this path").help("it stands where the id of the order goes");
        }
        let query = fields.node("query").map_or(Some(Vec::new()), |node| self.pairs(node, "parameter"));
        let whole = || JsonPath::parse("$").expect("the root is a path");
        let item = fields.node("item").map_or_else(|| Some(vec![whole()]), |node| self.paths(node));
        Some(GetById { path: path?.0, query: query?, item: item? })
    }

    fn map(&mut self, entry: &Entry) -> Option<Map> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::MAP)?;
        let id = fields.need(self, "id", "id: $.id").and_then(|entry| self.paths(&entry.node));
        let products = fields.need(self, "products", "products: $.productId").and_then(|entry| self.paths(&entry.node));
        if fields.find("user_id").is_none() && fields.find("email").is_none() {
            self.error(entry.at, "nothing says who paid").help("add `user_id: $.user.id`, `email: $.email`, or both");
        }
        let mut optional = |key| fields.node(key).map_or(Some(Vec::new()), |node| self.paths(node));
        let (updated_at, paid_at, ended_at) = (optional("updated_at"), optional("paid_at"), optional("ended_at"));
        let (user_id, email) = (optional("user_id"), optional("email"));
        Some(Map {
            id: id?,
            updated_at: updated_at?,
            paid_at: paid_at?,
            ended_at: ended_at?,
            products: products?,
            user_id: user_id?,
            email: email?,
        })
    }

    fn status(&mut self, entry: &Entry) -> Option<Vec<StatusRule>> {
        let nodes = self.list(&entry.node, "a list of rules, such as `- {when: \"@.paid == true\", as: paid}`")?;
        let words = Standing::ALL.map(|standing| (standing.word(), standing));
        let mut rules = Vec::new();
        for node in nodes {
            let Some(fields) = self.fields(node, Some(node.place), &shapes::STATUS) else { continue };
            let when = fields.need(self, "when", "when: \"@.status == 'paid'\"");
            let when = when.and_then(|entry| self.filter(&entry.node));
            let standing = fields.need(self, "as", "as: paid").and_then(|entry| self.word(&entry.node, &words));
            if let (Some(when), Some(standing)) = (when, standing) {
                rules.push(StatusRule { when, standing });
            }
        }
        if nodes.is_empty() {
            self.error(entry.at, "no status is mapped, so no order ever counts as paid");
        }
        Some(rules)
    }

    fn expect(&mut self, fields: Fields<'_>, has_total: bool) -> Option<Expect> {
        let default = if has_total { TotalCheck::Required } else { TotalCheck::Ignored };
        let mut expect = Expect { max_shrink: 50.0, min_items: 0, total: default };
        let Some(entry) = fields.find("expect") else { return Some(expect) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::EXPECT)?;
        if let Some(node) = fields.node("max_shrink") {
            expect.max_shrink = self.percent(node)?;
        }
        if let Some(node) = fields.node("min_items") {
            expect.min_items = self.whole(node, 0..=u32::MAX)?;
        }
        if let Some(node) = fields.node("total") {
            expect.total = self.word(node, &[("required", TotalCheck::Required), ("ignored", TotalCheck::Ignored)])?;
            if expect.total == TotalCheck::Required && !has_total {
                self.error(node.place, "the total cannot be required: nothing says where it is")
                    .help("add `list.total`");
            }
        }
        Some(expect)
    }

    fn paths(&mut self, node: &Node) -> Option<Vec<JsonPath>> {
        let nodes = self.one_or_more(node, PATH)?;
        let paths: Vec<Option<JsonPath>> = nodes.into_iter().map(|node| self.path(node)).collect();
        paths.into_iter().collect()
    }

    fn path(&mut self, node: &Node) -> Option<JsonPath> {
        let found = self.name(node, PATH)?;
        JsonPath::parse(&found.value)
            .map_err(|error| {
                let place = blamed(node, &found.written, &found.value, error.position().saturating_sub(1));
                self.error(place, format!("`{}` is no JSONPath", found.written))
                    .label(NOT_UNDERSTOOD)
                    .help("paths are those of RFC 9535, and start at `$`");
            })
            .ok()
    }

    /// The part between `$[?` and `]`.
    fn filter(&mut self, node: &Node) -> Option<JsonPath> {
        let found = self.name(node, "a filter such as `@.status == 'paid'`")?;
        JsonPath::parse(&format!("$[?{}]", found.value))
            .map_err(|error| {
                let at = error.position().saturating_sub(1 + "$[?".len());
                let place = blamed(node, &found.written, &found.value, at);
                self.error(place, format!("`{}` is no filter", found.written)).label(NOT_UNDERSTOOD).help(
                    "filters are those of RFC 9535: `@` is the order and `==` compares, as in `@.status == 'paid'`",
                );
            })
            .ok()
    }
}

/// The character that a parser stopped at, where what it read is what stands in the file.
fn blamed(node: &Node, written: &str, read: &str, position: usize) -> Place {
    let Value::Text(text) = &node.value else { return node.place };
    if written != read {
        return node.place;
    }
    let start = position.min(read.len());
    let Some(rest) = read.get(start..) else { return node.place };
    let one = rest.chars().next().map_or(0, char::len_utf8);
    inside(node.place, text, start..start + one)
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}

fn carries_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', "-");
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "access-key"]
        .iter()
        .any(|part| name.contains(part))
}
