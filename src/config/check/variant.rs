//! A map whose `kind` says which keys it has: `auth`, `paging`, `incremental`.

use super::Check;
use super::fields::{Fields, Shape, list};
use crate::config::raw::{Entry, Node, Value};

impl Check<'_> {
    /// The map under the variant that its `kind` names.
    pub(super) fn variant<'n>(
        &mut self,
        node: &'n Node,
        entry: &Entry,
        shapes: &'static [Shape],
    ) -> Option<(&'static str, Fields<'n>)> {
        let kinds: Vec<(&'static str, &'static Shape)> = shapes
            .iter()
            .map(|shape| (shape.name.split_once('.').map_or(shape.name, |(_, kind)| kind), shape))
            .collect();
        let names: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
        let secretive = shapes.iter().any(|shape| !shape.secret.is_empty());
        let Value::Map(entries) = &node.value else {
            let problem = self.wrong_type(node, &format!("a map whose `kind` is one of {}", list(&names)));
            if secretive {
                problem.hide(node.place);
            }
            return None;
        };
        let found = match node.get("kind") {
            Some(kind) => {
                let words: Vec<_> = kinds.iter().map(|(kind, shape)| (*kind, (*kind, *shape))).collect();
                self.word(kind, &words)
            }
            None => {
                self.missing("kind", Some(entry.at)).help(format!("one of {}", list(&names)));
                None
            }
        };
        let Some((kind, shape)) = found else {
            // Without a kind nothing tells which of these values is secret.
            if secretive {
                for entry in entries.iter().filter(|entry| entry.key != "kind") {
                    self.problems.last_mut().expect("the kind was just reported").hide(entry.node.place);
                }
            }
            return None;
        };
        Some((kind, self.fields(node, Some(entry.at), shape)?))
    }
}
