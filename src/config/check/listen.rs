//! Where the daemon listens, behind which proxies, and the token that its API wants.

use super::Check;
use super::fields::Fields;
use crate::config::raw::Node;
use crate::config::settings::Listen;
use crate::config::settings::network::{Network, NoNetwork};
use crate::secret::Secret;

/// The variable that holds the token of the API.
pub(super) const TOKEN: &str = "ENTITLED_API_TOKEN";
/// The variable that holds the token for previews alone.
pub(super) const PREVIEW_TOKEN: &str = "ENTITLED_PREVIEW_TOKEN";

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
            self.error(node.place, format!("`{}` is not an address to listen on", found.written))
                .label(format!("expected an address with a port such as `{DEFAULT}`, or `off`"));
        }
        listen
    }

    pub(super) fn trusted_proxies(&mut self, fields: Fields<'_>) -> Option<Vec<Network>> {
        let Some(node) = fields.node("trusted_proxies") else { return Some(Vec::new()) };
        let nodes = self.list(node, "a list of addresses and networks")?;
        let read: Vec<Option<Network>> = nodes.iter().map(|node| self.network(node)).collect();
        read.into_iter().collect()
    }

    fn network(&mut self, node: &Node) -> Option<Network> {
        let found = self.name(node, "an address or a network")?;
        let fault = match Network::parse(&found.value) {
            Ok(network) => return Some(network),
            Err(fault) => fault,
        };
        match fault {
            NoNetwork::Unreadable => {
                self.error(node.place, format!("`{}` is neither an address nor a network", found.written))
                    .label("expected something like `10.0.0.0/8`, `192.0.2.7` or `2001:db8::/32`");
            }
            NoNetwork::Within(meant) => {
                self.error(node.place, format!("`{}` is an address within a network", found.written))
                    .label(format!("did you mean `{meant}`?"));
            }
            NoNetwork::Everybody => {
                self.error(node.place, format!("`{}` trusts everybody", found.written))
                    .label("any client could then claim any address")
                    .help("name the addresses of your proxies");
            }
        }
        None
    }

    /// A token, where the environment has one.
    pub(super) fn token(&self, variable: &str) -> Option<Secret> {
        let token = self.env.var(variable).filter(|token| !token.trim().is_empty())?;
        crate::secret::hide(&token);
        Some(Secret::new(token.trim().to_owned()))
    }
}
