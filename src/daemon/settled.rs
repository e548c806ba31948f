//! Where the store is, where the daemon listens and which proxies it trusts there: settled when it starts.
//!
//! A commit that names another store would begin with an empty ledger, so a person has to restart the daemon for it.
//! Until then everything that reports says which settings are not followed, nobody else begins to write to the new
//! store, and every command that reads the changed file is led to the store in use.

use std::path::PathBuf;

use super::Daemon;
use super::reload::aside;
use crate::config;
use crate::config::settings::network::Network;
use crate::config::settings::{Config, Listen};
use crate::report::status::Unheeded;
use crate::secret::Secret;
use crate::store::lease::{self, Lease};

/// What was said when the daemon began; `None` for what a command line says, whatever the file does.
#[derive(Clone, Debug)]
pub struct Settled {
    /// `store` of the file.
    pub store: Option<PathBuf>,
    /// `listen` of the file.
    pub listen: Option<Listen>,
    /// `trusted_proxies` of the file.
    pub trusted: Vec<Network>,
    /// `ENTITLED_API_TOKEN`.
    pub token: Option<Secret>,
    /// `ENTITLED_PREVIEW_TOKEN`.
    pub preview: Option<Secret>,
}

impl Settled {
    /// As a file has it that nothing outranks.
    pub fn of(config: &Config) -> Self {
        Self {
            store: Some(config.store.clone()),
            listen: Some(config.listen),
            trusted: config.trusted_proxies.clone(),
            token: config.api_token.clone(),
            preview: config.preview_token.clone(),
        }
    }

    /// What of it a configuration says otherwise, but for the store.
    fn door(&self, config: &Config) -> Vec<Unheeded> {
        let mut unheeded = Vec::new();
        if let Some(listen) = self.listen.filter(|listen| *listen != config.listen) {
            let stays = match listen {
                Listen::At(address) => format!("it listens on `{address}`"),
                Listen::Off => "it listens nowhere".to_owned(),
            };
            let says = match config.listen {
                Listen::At(address) => address.to_string(),
                Listen::Off => "off".to_owned(),
            };
            unheeded.push(Unheeded::new("listen", Some(&says), &stays));
        }
        if self.trusted != config.trusted_proxies {
            let stays = "it trusts the proxies that it started with";
            unheeded.push(Unheeded::new("trusted_proxies", None, stays));
        }
        let tokens = [
            ("ENTITLED_API_TOKEN", &self.token, &config.api_token),
            ("ENTITLED_PREVIEW_TOKEN", &self.preview, &config.preview_token),
        ];
        for (name, settled, says) in tokens {
            if settled.as_ref().map(Secret::expose) != says.as_ref().map(Secret::expose) {
                let stays =
                    if settled.is_some() { "it accepts the token that it started with" } else { "it has no token" };
                unheeded.push(Unheeded::new(name, None, stays));
            }
        }
        unheeded
    }
}

/// What is done about a store that the file names and the daemon does not use.
#[derive(Debug)]
pub(super) struct Detour {
    /// Where the file says that the store is.
    path: PathBuf,
    /// `None` where nothing can be written there, or somebody else writes.
    _sign: Option<Lease>,
}

impl Daemon {
    /// Compares what is settled with what the file says by now, be it broken, and says what is not followed.
    pub(super) async fn see_what_is_settled(&mut self) {
        let mut unheeded = Vec::new();
        if let Some(settled) = &self.settled.store {
            let (file, settled) = (self.file.clone(), settled.clone());
            let elsewhere = move || Some(config::store_of(&file)).filter(|says| !lease::is_same(says, &settled));
            match aside(elsewhere).await {
                None => self.detour = None,
                Some(says) => {
                    let stays = format!("it works on `{}`", self.store.path().display());
                    unheeded.push(Unheeded::new("store", Some(&says.display().to_string()), &stays));
                    self.point_away(says).await;
                }
            }
        }
        unheeded.extend(self.settled.door(&self.active.config));
        self.publisher.unheeded(unheeded);
    }

    async fn point_away(&mut self, says: PathBuf) {
        if self.detour.as_ref().is_some_and(|detour| detour.path == says) {
            return;
        }
        // Given back first: both may be the same by now.
        self.detour = None;
        // A dry run keeps nobody from writing.
        if self.store.lease().is_none() {
            return;
        }
        let (path, own) = (says.clone(), self.store.path().to_owned());
        let sign = match aside(move || lease::point(&path, &own)).await {
            Ok(Ok(sign)) => Some(sign),
            Ok(Err(holder)) => {
                tracing::warn!(holder, "somebody else writes to the store that the file names");
                None
            }
            Err(error) => {
                tracing::warn!(because = %error.source, "{error}, so commands are not led to the store in use");
                None
            }
        };
        self.detour = Some(Detour { path: says, _sign: sign });
    }
}
