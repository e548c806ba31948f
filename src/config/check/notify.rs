//! The `notify` block: who is told of a change of state.

use super::fields::Fields;
use super::value::{Address, BadAddress};
use super::{Check, shapes};
use crate::config::raw::{Entry, Node};
use crate::config::settings::{Notify, NotifyFormat};
use crate::model::{Occasion, State};

/// `Pending` comes and goes with every sale.
const MOST: [Occasion; 4] =
    [Occasion::State(State::InSync), Occasion::State(State::Held), Occasion::State(State::Degraded), Occasion::Frozen];

impl Check<'_> {
    pub(super) fn notify(&mut self, fields: Fields<'_>) -> Vec<Notify> {
        let Some(nodes) = fields.node("notify").and_then(|node| self.list(node, "a list of receivers")) else {
            return Vec::new();
        };
        nodes.iter().filter_map(|node| self.receiver(node)).collect()
    }

    fn receiver(&mut self, node: &Node) -> Option<Notify> {
        let fields = self.fields(node, Some(node.place), &shapes::NOTIFY)?;
        let url = fields.need(self, "url", "url: ${NOTIFY_URL}");
        let url = url.and_then(|entry| self.hidden_address(entry));
        let format = match fields.node("format") {
            None => Some(NotifyFormat::Json),
            Some(node) => self.word(node, &[("json", NotifyFormat::Json), ("slack", NotifyFormat::Slack)]),
        };
        let on = match fields.node("on") {
            None => Some(MOST.to_vec()),
            Some(node) => self.occasions(node),
        };
        let (url, host) = url?;
        Some(Notify { url, host, format: format?, on: on? })
    }

    fn occasions(&mut self, node: &Node) -> Option<Vec<Occasion>> {
        let words = Occasion::ALL.map(|occasion| (occasion.word(), occasion));
        let nodes = self.one_or_more(node, "a list of states")?;
        nodes.into_iter().map(|node| self.word(node, &words)).collect()
    }

    /// A secret that is an address, and its host. The address itself is never shown, also where it is wrong.
    fn hidden_address(&mut self, entry: &Entry) -> Option<(crate::secret::Secret, String)> {
        let secret = self.secret(entry, "NOTIFY_URL", true)?;
        let place = entry.node.place;
        // Receivers have what makes them secret in the path or in the query.
        let bare = secret.expose().split(['?', '#']).next().unwrap_or_default();
        match Address::parse(bare) {
            Ok(address) => {
                if address.in_the_clear() {
                    self.error(place, "notices are sent to this address in the clear")
                        .warn()
                        .label("not `https`, and not this machine");
                }
                // What is secret of it may be named without its host, as by a server that refuses it.
                let behind = secret.expose().split_once("://").and_then(|(_, rest)| rest.split_once('/'));
                crate::secret::hide(behind.map_or("", |(_, path)| path));
                let host = address.host().to_owned();
                Some((secret, host))
            }
            Err(BadAddress::Form | BadAddress::Credentials | BadAddress::Query) => {
                self.error(place, "this does not resolve to the address of a server")
                    .label("expected an address such as `https://hooks.example.com/...`");
                None
            }
        }
    }
}
