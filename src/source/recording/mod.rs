//! Answers of a payment API kept in a folder, and given again from there.
//!
//! A `Tape` takes answers down as they come; `Tape::write` writes them to a folder, every name, address and
//! secret replaced (see `redact`). A `Recording` is such a folder, read: it answers what was asked when it
//! was made, and refuses everything else. It never asks anybody.
//!
//! The folder holds `recording.json`, and one JSON file for each request with its answer. Requests are the same
//! when path and parameters are, in whatever order.

#![expect(clippy::disallowed_methods, reason = "an edge: reads and writes the folder of a recording")]

mod error;
mod redact;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::response::{Head, Reply};
use crate::config::settings::source::HttpSource;
use crate::files::{self, Kind};
use crate::secret::Secret;
use crate::text::{json, without_bom};
use error::VERSION;
use redact::Redaction;

pub use error::RecordingError;

/// Where a recorded API is said to be: a name that leads nowhere (RFC 2606).
const ORIGIN: &str = "https://recorded.example.com";
/// What marks a folder as a recording.
const MARK: &str = "recording.json";

/// What a folder says of itself.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Cover {
    version: u32,
    /// The path that every request begins with.
    base: String,
}

/// One request and its answer, as it is kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::source) struct Exchange {
    /// Path and query.
    get: String,
    /// What was sent there by `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<Value>,
    status: u16,
    content_type: String,
    /// Where the header `Link` says that the next page is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// `null` where it was no JSON.
    body: Value,
}

/// An answer that was recorded.
impl From<&Exchange> for Reply {
    fn from(exchange: &Exchange) -> Self {
        let head = Head::recorded(exchange.status, exchange.content_type.clone(), exchange.next.clone());
        Self::new(head, exchange.body.to_string().into_bytes(), Vec::new())
    }
}

/// Answers as they came, not yet fit to be shown to anybody.
#[derive(Default)]
pub(in crate::source) struct Tape(Mutex<Heard>);

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tape")
    }
}

/// All that a tape has heard.
#[derive(Default)]
struct Heard {
    answers: BTreeMap<Asked, Taken>,
    /// What the source was asked with.
    secrets: Vec<Secret>,
}

/// A request, by what makes it the same as another: path, parameters, and what was sent.
type Asked = (String, Vec<(String, String)>, String);

struct Taken {
    place: usize,
    url: Url,
    sent: Option<Value>,
    status: u16,
    content_type: String,
    next: Option<String>,
    body: Vec<u8>,
}

fn asked(url: &Url, sent: Option<&Value>) -> Asked {
    let mut query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    query.sort();
    (url.path().to_owned(), query, sent.map(Value::to_string).unwrap_or_default())
}

impl Tape {
    /// Takes an answer down; of two to the same request, the later one counts.
    pub(in crate::source) fn note(&self, url: &Url, sent: Option<&Value>, reply: &Reply) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = Taken {
            place: heard.answers.len(),
            url: url.clone(),
            sent: sent.cloned(),
            status: reply.status.as_u16(),
            content_type: reply.content_type().to_owned(),
            next: reply.next().map(str::to_owned),
            body: reply.body().to_vec(),
        };
        heard.answers.insert(asked(url, sent), taken);
        let known = |secret: &Secret| heard.secrets.iter().any(|known| known.expose() == secret.expose());
        let new: Vec<Secret> = reply.secrets().iter().filter(|secret| !known(secret)).cloned().collect();
        heard.secrets.extend(new);
    }

    /// Writes what was taken down to a folder that is empty or not there, for the owner alone (0600), and says
    /// how many answers it holds.
    ///
    /// # Errors
    /// [`RecordingError::NotEmpty`], and what the operating system says.
    pub(in crate::source) fn write(&self, folder: &Path, lists: &[&HttpSource]) -> Result<usize, RecordingError> {
        empty(folder)?;
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<&Taken> = heard.answers.values().collect();
        taken.sort_by_key(|taken| taken.place);
        let settings = lists.first().copied().expect("a source has a list");
        let base = settings.base_url.parse::<Url>().map(|url| url.path().trim_end_matches('/').to_owned());
        let base = base.unwrap_or_default();
        let mut redaction = Redaction::new(lists, &base, &heard.secrets);
        for (index, taken) in taken.iter().enumerate() {
            let body = serde_json::from_slice(&json::holdable(&taken.body)).unwrap_or(Value::Null);
            let exchange = Exchange {
                get: redaction.request(&taken.url),
                sent: taken.sent.clone().map(|sent| redaction.sent(sent)),
                status: taken.status,
                content_type: taken.content_type.clone(),
                next: taken.next.as_deref().map(|link| redaction.link(&taken.url, link)),
                body: redaction.answer(&taken.url, taken.sent.as_ref(), body),
            };
            keep(&folder.join(format!("{:04}.json", index + 1)), &exchange)?;
        }
        keep(&folder.join(MARK), &Cover { version: VERSION, base })?;
        Ok(taken.len())
    }
}

/// A folder for the owner alone, with nothing in it.
fn empty(folder: &Path) -> Result<(), RecordingError> {
    let failed = |source| RecordingError::Io { path: folder.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    match std::fs::read_dir(folder).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(RecordingError::NotEmpty { path: folder.to_owned() }),
    }
}

fn keep(path: &Path, value: &impl Serialize) -> Result<(), RecordingError> {
    let text = serde_json::to_string_pretty(value).expect("an exchange is plain data") + "\n";
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| RecordingError::Io { path: path.to_owned(), source })
}

/// A folder that was recorded.
#[derive(Debug)]
pub(in crate::source) struct Recording {
    base: String,
    exchanges: BTreeMap<Asked, Exchange>,
}

impl Recording {
    /// Reads the whole folder.
    pub(in crate::source) fn open(folder: &Path) -> Result<Self, RecordingError> {
        let cover: Cover = read(&folder.join(MARK))?;
        if cover.version > VERSION {
            return Err(RecordingError::Newer { path: folder.to_owned(), version: cover.version });
        }
        let failed = |source| RecordingError::Io { path: folder.to_owned(), source };
        let entries: io::Result<Vec<PathBuf>> =
            std::fs::read_dir(folder).map_err(failed)?.map(|entry| Ok(entry?.path())).collect();
        let mut exchanges = BTreeMap::new();
        for path in entries.map_err(failed)? {
            if path.extension().is_some_and(|end| end == "json") && path.file_name().is_some_and(|name| name != MARK) {
                let exchange: Exchange = read(&path)?;
                if let Ok(url) = format!("{ORIGIN}{}", exchange.get).parse() {
                    exchanges.insert(asked(&url, exchange.sent.as_ref()), exchange);
                }
            }
        }
        Ok(Self { base: cover.base, exchanges })
    }

    /// The address that the recorded API is said to have.
    pub(in crate::source) fn base_url(&self) -> String {
        format!("{ORIGIN}{}", self.base)
    }

    /// What was answered.
    pub(in crate::source) fn answer(&self, url: &Url, sent: Option<&Value>) -> Option<&Exchange> {
        self.exchanges.get(&asked(url, sent))
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, RecordingError> {
    let bytes =
        files::read(path, Kind::Document).map_err(|source| RecordingError::Io { path: path.to_owned(), source })?;
    serde_json::from_slice(without_bom(&bytes))
        .map_err(|source| RecordingError::Broken { path: path.to_owned(), source })
}
