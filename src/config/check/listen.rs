//! Where the daemon listens, and the token that its API wants.

use super::Check;
use super::fields::Fields;
use crate::config::settings::Listen;
use crate::secret::Secret;

/// The variable that holds the token of the API.
const TOKEN: &str = "ENTITLED_API_TOKEN";

/// Where it listens unless told otherwise: on this machine only.
const DEFAULT: &str = "127.0.0.1:8787";

impl Listen {
    /// `off`, or an address with a port. `localhost` stands for 127.0.0.1.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "off" {
            return Some(Listen::Off);
        }
        let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        named.as_deref().unwrap_or(text).parse().ok().map(Listen::At)
    }
}

impl Check<'_> {
    pub(super) fn listen(&mut self, fields: Fields<'_>) -> Option<Listen> {
        let Some(node) = fields.node("listen") else { return Listen::parse(DEFAULT) };
        let found = self.name(node, "an address to listen on, or `off`")?;
        let listen = Listen::parse(&found.value);
        if listen.is_none() {
            self.error(node.place, format!("`{}` is no address to listen on", found.written))
                .label(format!("expected an address with a port such as `{DEFAULT}`, or `off`"));
        }
        listen
    }

    /// The token of the API, where the environment has one.
    pub(super) fn api_token(&self) -> Option<Secret> {
        let token = self.env.var(TOKEN).filter(|token| !token.trim().is_empty())?;
        crate::secret::hide(&token);
        Some(Secret::new(token.trim().to_owned()))
    }
}
