//! A source over HTTP: the block after a preset was filled in.

use jiff::SignedDuration;

use super::fields::{Fields, is_name};
use super::list::{OVERLAP, PAGE_BYTES};
use super::mapping::subscribed;
use super::{Check, shapes};
use crate::config::raw::{Entry, Node};
use crate::config::settings::source::{Auth, Expect, HttpSource, Incremental, TotalCheck};

/// The list whose ids stay as they are.
const ORDERS: &str = "orders";
/// How long a whole read may take where the file does not say.
const READ_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

impl Check<'_> {
    /// `entry` is the source in the user's file, where a key that is in neither text is missing. The
    /// kind `sandbox` has no address yet. In one piece: key after key of one map.
    pub(super) fn http(&mut self, node: &Node, entry: &Entry, kind: &str) -> Option<HttpSource> {
        let fields = self.fields(node, Some(entry.at), &shapes::SOURCE)?;
        if let Some(path) = fields.find("path") {
            self.error(path.at, format!("`path` is not allowed with `kind: {kind}`")).help("did you mean `list.path`?");
        }
        let recorded = fields.find("recorded");
        let base_url = match recorded {
            None if kind != "sandbox" => self.base_url(fields),
            None => Some(String::new()),
            Some(_) => {
                for entry in ["url", "auth"].iter().filter_map(|key| fields.find(key)) {
                    self.error(entry.at, format!("`{}` is not allowed beside `recorded`", entry.key))
                        .help("a recording sends no requests: remove one of the two")
                        .hide(entry.node.place);
                }
                Some(String::new())
            }
        };
        let recorded = recorded.map(|entry| self.name(&entry.node, "the folder of a recording"));
        let recorded = match recorded {
            None => Some(None),
            Some(found) => found.map(|found| Some(self.folder.join(found.value))),
        };
        let auth = fields.find("auth").map_or(Some(Auth::None), |entry| self.auth(entry));
        let headers = fields.node("headers").map_or(Some(Vec::new()), |node| self.pairs(node, "header"));
        let timeout = fields.node("timeout");
        let timeout = timeout.map_or(Some(SignedDuration::from_secs(30)), |node| self.interval(node));
        let read_timeout = fields.node("read_timeout").map_or(Some(READ_TIMEOUT), |node| self.interval(node));
        let rate = fields.node("rate").and_then(|node| self.rate(node));
        let max_pages = fields.node("max_pages").map_or(Some(10_000), |node| self.whole(node, 1..=10_000_000));
        let max_page_bytes = fields.node("max_page_bytes");
        let max_page_bytes = max_page_bytes.map_or(Some(PAGE_BYTES), |node| self.whole(node, 65_536..=1_073_741_824));
        let lists = self.lists(fields);
        let common = HttpSource {
            base_url: base_url?,
            recorded: recorded?,
            auth: auth?,
            headers: headers?,
            timeout: timeout?,
            read_timeout: read_timeout?,
            rate,
            max_pages: max_pages?,
            max_page_bytes: max_page_bytes?,
            ..lists?
        };
        let of = |list: HttpSource| HttpSource {
            base_url: common.base_url.clone(),
            recorded: common.recorded.clone(),
            auth: common.auth.clone(),
            headers: common.headers.clone(),
            timeout: common.timeout,
            read_timeout: common.read_timeout,
            rate: common.rate,
            max_pages: common.max_pages,
            max_page_bytes: common.max_page_bytes,
            ..list
        };
        let more = common.more.iter().map(|(name, list)| (name.clone(), of(list.clone()))).collect();
        Some(HttpSource { more, ..common })
    }

    /// The one list that the source has, or its `lists`. What they have in common is left open.
    fn lists(&mut self, fields: Fields<'_>) -> Option<HttpSource> {
        let Some(entry) = fields.find("lists") else { return self.one_list(fields) };
        for key in shapes::ONE_LIST.keys {
            if let Some(other) = fields.find(key) {
                self.error(other.at, format!("`{key}` is not allowed beside `lists`"))
                    .also(entry.at, "`lists` is here")
                    .help(format!("say of which list it is: `lists: {{orders: {{{key}: ...}}}}`"));
            }
        }
        let entries = self.named(&entry.node, "a map from the name of a list to what is known of it")?;
        if !entries.iter().any(|entry| entry.key == ORDERS) {
            self.error(entry.at, format!("none of the lists is `{ORDERS}`"))
                .help("the ids of that one stay as they are; those of every other list have its name before them");
            return None;
        }
        let (mut orders, mut more, mut good) = (None, Vec::new(), true);
        for entry in entries {
            if !is_name(&entry.key) {
                self.error(entry.at, format!("`{}` is not a valid name for a list", entry.key))
                    .help("use letters, digits, `-`, `_` and `.`");
            }
            let list = self.fields(&entry.node, Some(entry.at), &shapes::ONE_LIST);
            match list.and_then(|fields| self.one_list(fields)) {
                Some(list) if entry.key == ORDERS => orders = Some(list),
                Some(list) => more.push((entry.key.clone(), list)),
                None => good = false,
            }
        }
        orders.filter(|_| good).map(|orders| HttpSource { more, ..orders })
    }

    /// One list, with all that tells how its orders are read. In one piece: key after key of one map.
    fn one_list(&mut self, fields: Fields<'_>) -> Option<HttpSource> {
        let list =
            fields.need(self, "list", "list:` with `path`, `items` and `paging").and_then(|entry| self.orders(entry));
        let incremental = fields.find("incremental");
        let increments = incremental.map_or(Some((Incremental::Snapshot, OVERLAP)), |entry| {
            self.incremental(entry, list.as_ref().map(|list| &list.method))
        });
        let get = fields.find("get").map(|entry| self.get_by_id(entry));
        let details = fields.find("details").map_or(Some(Vec::new()), |entry| self.details(entry));
        let overlays = fields.find("overlays").map_or(Some(Vec::new()), |entry| self.overlays(entry));
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
        if let (Some(map), Some(entry)) = (&map, status)
            && map.period_end.is_empty()
            && map.lines.as_ref().is_none_or(|lines| lines.period_end.is_empty())
            && let Some(place) = subscribed(&entry.node)
        {
            self.error(place, "`subscribed` needs `map.period_end`")
                .help("say where a subscription tells until when it is paid: here, or as `lines.period_end`");
        }
        let status = status.and_then(|entry| self.status(entry));
        let has_total = fields.node("list").is_some_and(|list| list.get("total").is_some());
        let expect = self.expect(fields, has_total);
        let (incremental, overlap) = increments?;
        Some(HttpSource {
            base_url: String::new(),
            recorded: None,
            auth: Auth::None,
            headers: Vec::new(),
            timeout: SignedDuration::ZERO,
            read_timeout: SignedDuration::ZERO,
            rate: None,
            max_pages: 0,
            max_page_bytes: 0,
            list: list?,
            incremental,
            overlap,
            get: get.flatten(),
            details: details?,
            overlays: overlays?,
            map: map?,
            status: status?,
            expect: expect?,
            more: Vec::new(),
        })
    }

    fn base_url(&mut self, fields: Fields<'_>) -> Option<String> {
        let node = &fields.need(self, "url", "url: https://api.example.com")?.node;
        let found = self.name(node, "the address of the API")?;
        Some(self.address(&found, "https://api.example.com")?.base())
    }

    pub(super) fn expect(&mut self, fields: Fields<'_>, has_total: bool) -> Option<Expect> {
        let default = if has_total { TotalCheck::Required } else { TotalCheck::Ignored };
        let mut expect = Expect { max_shrink: 50.0, min_items: 0, total: default, canary: Vec::new(), live: None };
        let Some(entry) = fields.find("expect") else { return Some(expect) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::EXPECT)?;
        if let Some(node) = fields.node("max_shrink") {
            expect.max_shrink = self.percent(node)?;
        }
        if let Some(node) = fields.node("min_items") {
            expect.min_items = self.whole(node, 0..=u32::MAX)?;
        }
        if let Some(node) = fields.node("total") {
            let words = [
                ("required", TotalCheck::Required),
                ("where_told", TotalCheck::WhereTold),
                ("ignored", TotalCheck::Ignored),
            ];
            expect.total = self.word(node, &words)?;
            if expect.total != TotalCheck::Ignored && !has_total {
                self.error(node.place, "the total cannot be required: nothing says where it is")
                    .help("add `list.total`");
            }
        }
        let canary = self.names(fields.node("canary"), "a list of order ids", "the id of an order");
        expect.canary = canary.iter().map(|found| found.value.trim().into()).collect();
        if let Some(node) = fields.node("live") {
            expect.live = Some(self.filter(node)?);
        }
        Some(expect)
    }
}
