//! YAML of a `kind: http` source as checked settings, read as little strictly as these tests need.

use std::collections::BTreeMap;

use entitled::config::source::{
    Auth, CursorPath, Expect, GetById, HttpSource, Incremental, ItemsPath, List, Map, Paging, SourceKind,
    SourceSettings, StatusRule, TimeFormat, TotalCheck,
};
use entitled::model::{SourceName, Standing};
use entitled::secret::Secret;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json_path::JsonPath;

/// The settings that `yaml` describes, for a server at `url`.
pub(crate) fn http_source(yaml: &str, url: &str) -> HttpSource {
    let raw: Raw = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let (incremental, overlap) = raw.incremental.checked();
    HttpSource {
        base_url: url.to_owned(),
        auth: raw.auth.map_or(Auth::None, RawAuth::checked),
        headers: raw.headers.into_iter().collect(),
        timeout: raw.timeout.map_or(SignedDuration::from_secs(30), |text| text.parse().unwrap()),
        rate: raw.rate,
        max_pages: raw.max_pages.unwrap_or(10_000),
        list: List {
            path: raw.list.path,
            query: raw.list.query.into_iter().collect(),
            items: raw.list.items.paths().into_iter().map(ItemsPath).collect(),
            total: raw.list.total.map(|text| path(&text)),
            paging: raw.list.paging.checked(),
        },
        incremental,
        overlap,
        get: raw.get.map(|get| GetById {
            path: get.path,
            query: get.query.into_iter().collect(),
            item: get.item.paths(),
        }),
        map: Map {
            id: raw.map.id.paths(),
            updated_at: raw.map.updated_at.paths(),
            paid_at: raw.map.paid_at.paths(),
            ended_at: raw.map.ended_at.paths(),
            products: raw.map.products.paths(),
            user_id: raw.map.user_id.paths(),
            email: raw.map.email.paths(),
        },
        status: raw
            .status
            .into_iter()
            .map(|rule| StatusRule {
                when: path(&format!("$[?{}]", rule.when)),
                standing: Standing::from_word(&rule.standing).expect("a standing"),
            })
            .collect(),
        expect: raw.expect.checked(),
    }
}

/// The same, as a source named `shop`.
pub(crate) fn settings(http: HttpSource) -> SourceSettings {
    SourceSettings {
        name: SourceName::from("shop"),
        line: 1,
        poll: SignedDuration::from_secs(30),
        kind: SourceKind::Http(Box::new(http)),
    }
}

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    auth: Option<RawAuth>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    timeout: Option<String>,
    rate: Option<f64>,
    max_pages: Option<u32>,
    list: RawList,
    #[serde(default)]
    incremental: RawIncremental,
    get: Option<RawGet>,
    map: RawMap,
    #[serde(default)]
    status: Vec<RawRule>,
    #[serde(default)]
    expect: RawExpect,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Paths {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Paths {
    fn paths(self) -> Vec<JsonPath> {
        match self {
            Paths::None => Vec::new(),
            Paths::One(text) => vec![path(&text)],
            Paths::Several(texts) => texts.iter().map(|text| path(text)).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawList {
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    items: Paths,
    total: Option<String>,
    #[serde(default)]
    paging: RawPaging,
}

#[derive(Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum RawPaging {
    #[default]
    None,
    Offset {
        param: String,
        size_param: Option<String>,
        size: u32,
    },
    Page {
        param: String,
        start: u32,
        size_param: Option<String>,
        size: u32,
    },
    Cursor {
        param: String,
        next: String,
        size_param: Option<String>,
        size: u32,
    },
}

impl RawPaging {
    fn checked(self) -> Paging {
        match self {
            RawPaging::None => Paging::None,
            RawPaging::Offset { param, size_param, size } => Paging::Offset { param, size_param, size },
            RawPaging::Page { param, start, size_param, size } => Paging::Page { param, start, size_param, size },
            RawPaging::Cursor { param, next, size_param, size } => {
                let next = if next == "last_id" { CursorPath::LastId } else { CursorPath::Body(path(&next)) };
                Paging::Cursor { param, next, size_param, size }
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum RawIncremental {
    #[default]
    Snapshot,
    Filter {
        param: String,
        format: String,
        overlap: String,
    },
    WalkBack {
        overlap: String,
    },
}

impl RawIncremental {
    fn checked(self) -> (Incremental, SignedDuration) {
        match self {
            RawIncremental::Snapshot => (Incremental::Snapshot, SignedDuration::ZERO),
            RawIncremental::WalkBack { overlap } => (Incremental::WalkBack, overlap.parse().unwrap()),
            RawIncremental::Filter { param, format, overlap } => {
                let format = match format.as_str() {
                    "rfc3339" => TimeFormat::Rfc3339,
                    "unix" => TimeFormat::Unix,
                    "unix_ms" => TimeFormat::UnixMs,
                    "date" => TimeFormat::Date,
                    other => panic!("{other}"),
                };
                (Incremental::Filter { param, format }, overlap.parse().unwrap())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGet {
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    item: Paths,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct RawMap {
    id: Paths,
    updated_at: Paths,
    paid_at: Paths,
    ended_at: Paths,
    products: Paths,
    user_id: Paths,
    email: Paths,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    when: String,
    #[serde(rename = "as")]
    standing: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawExpect {
    max_shrink: Option<String>,
    min_items: u32,
    total: Option<String>,
}

impl RawExpect {
    fn checked(self) -> Expect {
        Expect {
            max_shrink: self.max_shrink.map_or(50.0, |text| text.trim_end_matches('%').parse().unwrap()),
            min_items: self.min_items,
            total: match self.total.as_deref() {
                Some("required") => TotalCheck::Required,
                Some("ignored") | None => TotalCheck::Ignored,
                Some(other) => panic!("{other}"),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum RawAuth {
    Bearer {
        token: String,
    },
    Basic {
        username: String,
        password: String,
    },
    Header {
        name: String,
        value: String,
    },
    #[serde(rename = "oauth2_client_credentials")]
    OAuth2 {
        token_url: String,
        client_id: String,
        client_secret: String,
        resource: Option<String>,
        scope: Option<String>,
        audience: Option<String>,
    },
}

impl RawAuth {
    fn checked(self) -> Auth {
        match self {
            RawAuth::Bearer { token } => Auth::Bearer(Secret::new(token)),
            RawAuth::Basic { username, password } => {
                Auth::Basic { username: Secret::new(username), password: Secret::new(password) }
            }
            RawAuth::Header { name, value } => Auth::Header { name, value: Secret::new(value) },
            RawAuth::OAuth2 { token_url, client_id, client_secret, resource, scope, audience } => Auth::OAuth2 {
                token_url,
                client_id,
                client_secret: Secret::new(client_secret),
                resource,
                scope,
                audience,
            },
        }
    }
}
