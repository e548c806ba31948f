//! The webhook that tells this program of changes in Logto.
//!
//! The key that a webhook signs with is a secret: it is handed out as one, and never logged.

use serde::{Deserialize, Serialize};

use super::error::LogtoError;
use super::transport::{Query, Reply};
use super::write::Writer;
use crate::secret::Secret;

/// The name under which it stands in the console.
const NAME: &str = "entitled";

/// What is listened to. No event tells of a role given to a user or taken, so full passes look for those.
pub const EVENTS: [&str; 10] = [
    "User.Created",
    "User.Data.Updated",
    "User.Deleted",
    "Role.Created",
    "Role.Data.Updated",
    "Role.Deleted",
    "Organization.Created",
    "Organization.Data.Updated",
    "Organization.Deleted",
    "Organization.Membership.Updated",
];

/// A webhook that is set up.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its id.
    pub id: String,
    /// What it signs with.
    pub key: Secret,
    /// Whether it was there before.
    pub was: Was,
}

/// Whether a webhook was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// It is new.
    Absent,
    /// It was there, and listens to the right events now.
    There,
}

/// No `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    signing_key: String,
    config: Config,
}

#[derive(Deserialize, Serialize)]
struct Config {
    url: String,
}

#[derive(Serialize)]
struct Wanted<'a> {
    name: &'a str,
    events: &'a [&'a str],
    config: Config,
}

#[derive(Serialize)]
struct Changed<'a> {
    events: &'a [&'a str],
    enabled: bool,
}

impl Writer {
    /// Sets up a webhook to `url`, or brings the one up to date that goes there already. Two calls.
    ///
    /// `GET /api/hooks`, `POST /api/hooks`, `PATCH /api/hooks/{id}`
    pub async fn set_up_hook(&self, url: &str) -> Result<Hook, LogtoError> {
        let query: Query = vec![("page", "1".to_owned()), ("page_size", "100".to_owned())];
        let path = "/api/hooks";
        let answer = self.reader.access().find(path, &query).await?;
        let answer = answer.ok_or_else(|| LogtoError::WrongPath { path: path.to_owned(), status: 404 })?;
        let rows: Vec<Row> = answer.json()?;
        match rows.into_iter().find(|row| row.config.url == url) {
            Some(row) => {
                let change = Changed { events: &EVENTS, enabled: true };
                match self.access.patch(&format!("{path}/{}", row.id), &change).await? {
                    Reply::Answer(_) => Ok(Hook { id: row.id, key: Secret::new(row.signing_key), was: Was::There }),
                    Reply::Refusal(refusal) => Err(refusal.into()),
                }
            }
            None => {
                let wanted = Wanted { name: NAME, events: &EVENTS, config: Config { url: url.to_owned() } };
                match self.access.post(path, &wanted).await? {
                    Reply::Answer(answer) => {
                        let row: Row = answer.json()?;
                        Ok(Hook { id: row.id, key: Secret::new(row.signing_key), was: Was::Absent })
                    }
                    Reply::Refusal(refusal) => Err(refusal.into()),
                }
            }
        }
    }
}
