//! How a source says who asks, and what it sends besides: headers and parameters, which are printed and so
//! never carry a secret.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::{Check, shapes};
use crate::config::raw::{Entry, Node, Value};
use crate::config::settings::source::{Auth, ClientAuth};

impl Check<'_> {
    pub(super) fn auth(&mut self, entry: &Entry) -> Option<Auth> {
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
            "query" => {
                let param = fields.need(self, "param", "param: access_token");
                let param = param.and_then(|entry| self.name(&entry.node, "the name of a parameter"));
                let value = fields.need(self, "value", "value: ${API_KEY}");
                let value = value.and_then(|entry| self.secret(entry, "API_KEY", true));
                Some(Auth::Query { param: param?.value, value: value? })
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
                let ways = [("client_secret_basic", ClientAuth::Basic), ("client_secret_post", ClientAuth::Post)];
                let client_auth =
                    fields.node("client_auth").map_or(Some(ClientAuth::Basic), |node| self.word(node, &ways));
                let header = fields.node("header").map_or(Some(None), |node| self.header_name(node).map(Some));
                Some(Auth::OAuth2 {
                    token_url: url?.base(),
                    client_id: client_id?.value,
                    client_secret: secret?,
                    resource,
                    scope,
                    audience,
                    client_auth: client_auth?,
                    header: header?,
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

    pub(super) fn header_name(&mut self, node: &Node) -> Option<String> {
        let found = self.name(node, "the name of a header")?;
        if !is_header_name(&found.value) {
            self.error(node.place, format!("`{}` is not a valid header name", found.written));
            return None;
        }
        Some(found.value)
    }

    /// Headers or query parameters: both are printed, so neither may carry a secret.
    pub(super) fn pairs(&mut self, node: &Node, what: &str) -> Option<Vec<(String, String)>> {
        let entries = self.named(node, &format!("a map from the name of a {what} to its value"))?;
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in entries {
            if what == "header" && !is_header_name(&entry.key) {
                self.error(entry.at, format!("`{}` is not a valid header name", entry.key));
            }
            if carries_secret(&entry.key) {
                let place = if what == "header" { "kind: header, name" } else { "kind: query, param" };
                self.error(entry.at, format!("the {what} `{}` carries a secret", entry.key))
                    .help(format!("give it as `auth: {{{place}: {}, value: ${{API_KEY}}}}`", entry.key))
                    .hide(entry.node.place);
                continue;
            }
            if what == "header" && !seen.insert(entry.key.to_ascii_lowercase()) {
                self.error(entry.at, format!("header `{}` is written twice", entry.key));
            }
            // A parameter may be sent several times, as one that says by what to sort.
            let values = match &entry.node.value {
                Value::List(nodes) if what == "parameter" => nodes.as_slice(),
                _ => std::slice::from_ref(&entry.node),
            };
            for node in values {
                let Some(found) = self.text(node, "text") else { continue };
                if found.value.chars().any(char::is_control) {
                    self.error(found.place, format!("a {what} is one line of text"));
                }
                pairs.push((entry.key.clone(), found.value));
            }
        }
        Some(pairs)
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}

pub(super) fn carries_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('_', "-");
    ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "access-key"]
        .iter()
        .any(|part| name.contains(part))
}
