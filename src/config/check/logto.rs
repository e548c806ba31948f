//! The `logto` block.

use jiff::SignedDuration;

use super::fields::{Fields, Resolved};
use super::value::{Address, BadAddress};
use super::{Check, shapes};
use crate::config::raw::{Entry, Node};
use crate::config::settings::{Logto, LogtoEndpoint};
use crate::secret::Secret;

/// 200 calls in 10 seconds are Logto Cloud's limit; a tenth is left for others.
const CLOUD_RATE: f64 = 18.0;

impl Check<'_> {
    pub(super) fn logto(&mut self, entry: &Entry) -> Option<Logto> {
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LOGTO)?;
        let endpoint = fields.need(self, "endpoint", "endpoint: https://logto.example.com` or `endpoint: sandbox");
        let endpoint = endpoint.and_then(|entry| self.endpoint(&entry.node));
        // Where the endpoint is wrong, the rest is checked as for a real one.
        let sandbox = matches!(endpoint, Some((LogtoEndpoint::Sandbox, _)));
        let (app_id, app_secret) = self.application(fields, sandbox);
        let cloud = endpoint.as_ref().and_then(|(_, host)| host.as_deref()).filter(|host| host.ends_with(".logto.app"));
        let resource = match fields.node("resource") {
            Some(node) => self.name(node, "the resource indicator of the Management API").map(|found| found.value),
            None => Some(
                cloud.map_or_else(|| "https://default.logto.app/api".to_owned(), |host| format!("https://{host}/api")),
            ),
        };
        let rate = match fields.node("rate") {
            Some(node) => self.rate(node),
            None => cloud.map(|_| CLOUD_RATE),
        };
        let concurrency = fields.node("concurrency").map_or(Some(4), |node| self.whole(node, 1..=32));
        let batch = fields.node("batch").map_or(Some(100), |node| self.whole(node, 1..=1_000));
        let timeout = fields.node("timeout");
        let timeout = timeout.map_or(Some(SignedDuration::from_secs(30)), |node| self.interval(node));
        let signing_key = self.signing_key(fields);
        Some(Logto {
            endpoint: endpoint?.0,
            app_id: app_id?,
            app_secret: app_secret?,
            resource: resource?,
            rate,
            concurrency: concurrency?.try_into().expect("at most 32"),
            batch: batch?.try_into().expect("at most 1,000"),
            timeout: timeout?,
            signing_key: signing_key?,
        })
    }

    /// `Some(None)` where the file does not give it: then `entitled hooks logto` may have stored it.
    fn signing_key(&mut self, fields: Fields<'_>) -> Option<Option<Secret>> {
        let Some(entry) = fields.find("webhook") else { return Some(None) };
        let fields = self.fields(&entry.node, Some(entry.at), &shapes::LOGTO_WEBHOOK)?;
        let key = fields.need(self, "signing_key", "signing_key: ${LOGTO_SIGNING_KEY}")?;
        self.secret(key, "LOGTO_SIGNING_KEY", true).map(Some)
    }

    /// The sandbox has an application of its own: what the file says is for the real one, and its
    /// variables need not be set yet. A secret that is written out is refused all the same.
    fn application(&mut self, fields: Fields<'_>, sandbox: bool) -> (Option<String>, Option<Secret>) {
        const SECRET: &str = "LOGTO_M2M_APP_SECRET";
        if sandbox {
            if let Some(entry) = fields.find("app_secret") {
                self.secret(entry, SECRET, false);
            }
            return (Some("sandbox-app".to_owned()), Some(Secret::new("sandbox-secret".to_owned())));
        }
        let app_id = fields.need(self, "app_id", "app_id: ${LOGTO_M2M_APP_ID}");
        let app_id = app_id.and_then(|entry| self.name(&entry.node, "the id of a machine-to-machine application"));
        let app_secret = fields.need(self, "app_secret", "app_secret: ${LOGTO_M2M_APP_SECRET}");
        let app_secret = app_secret.and_then(|entry| self.secret(entry, SECRET, true));
        (app_id.map(|found| found.value), app_secret)
    }

    fn endpoint(&mut self, node: &Node) -> Option<(LogtoEndpoint, Option<String>)> {
        let found = self.name(node, "the address of Logto, or `sandbox`")?;
        if found.value == "sandbox" {
            return Some((LogtoEndpoint::Sandbox, None));
        }
        let address = self.address(&found, "https://logto.example.com")?;
        if address.has_path() {
            self.error(found.place, "the endpoint of Logto has no path")
                .help("leave out everything after the host and the port");
            return None;
        }
        let host = address.host().to_owned();
        Some((LogtoEndpoint::Url(address.base()), Some(host)))
    }

    /// An address without credentials and query. One that can be read on the way is warned about.
    pub(super) fn address(&mut self, found: &Resolved, example: &str) -> Option<Address> {
        match Address::parse(&found.value) {
            Ok(address) => {
                if address.in_the_clear() {
                    self.error(found.place, "secrets are sent to this address in the clear")
                        .warn()
                        .label("not `https`, and not this machine");
                }
                Some(address)
            }
            Err(BadAddress::Form) => {
                let problem = self.error(found.place, format!("`{}` is not the address of a server", found.written));
                problem.label(format!("expected an address such as `{example}`"));
                if found.written.contains('@') {
                    problem.message = "this is not the address of a server".to_owned();
                    problem.hide(found.place);
                }
                None
            }
            Err(BadAddress::Credentials) => {
                self.error(found.place, "an address must not hold a user name or a password")
                    .help("they would be printed wherever the address is; a source takes them as `auth`")
                    .hide(found.place);
                None
            }
            Err(BadAddress::Query) => {
                self.error(found.place, "an address must not hold a query or a fragment")
                    .help("parameters belong in `query`")
                    .hide(found.place);
                None
            }
        }
    }
}
