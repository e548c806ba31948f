//! What is sent by `POST`: JSON with blanks, which asks and changes nothing.

use serde_json::{Map, Number, Value as Json};

use super::Check;
use super::auth::carries_secret;
use super::fields::Fields;
use crate::config::diagnostic::Place;
use crate::config::raw::{Entry, Node, Text, Value};
use crate::config::settings::source::{Blank, Method};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Get,
    Post,
}

impl Check<'_> {
    /// `method` and `body`, which belong together.
    pub(super) fn method(&mut self, fields: Fields<'_>) -> Option<Method> {
        let word = match fields.node("method") {
            Some(node) => self.word(node, &[("GET", Word::Get), ("POST", Word::Post)])?,
            None => Word::Get,
        };
        match (word, fields.find("body")) {
            (Word::Get, None) => Some(Method::Get),
            (Word::Get, Some(body)) => {
                self.error(body.at, "`body` is sent by `POST` only").help("add `method: POST` beside it");
                None
            }
            (Word::Post, None) => {
                fields.need(self, "body", "body: {query: \"...\", variables: {after: \"{cursor}\"}}");
                None
            }
            (Word::Post, Some(body)) => {
                let Value::Map(entries) = &body.node.value else {
                    self.wrong_type(&body.node, "a map, which is sent as JSON");
                    return None;
                };
                self.asks_only(entries)?;
                self.json(&body.node).map(Method::Post)
            }
        }
    }

    /// Refuses a body of GraphQL that would change something.
    fn asks_only(&mut self, entries: &[Entry]) -> Option<()> {
        let Some(query) = entries.iter().find(|entry| entry.key == "query") else { return Some(()) };
        let text = query.node.text().unwrap_or_default();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let Some(word) = ["mutation", "subscription"].into_iter().find(|word| first.starts_with(word)) else {
            return Some(());
        };
        self.error(query.node.place, format!("a source asks, and this is a `{word}`"))
            .help("nothing is ever written to a payment API: send a `query`");
        None
    }

    /// A part of the file as JSON: what stands in quotes is a text, everything else what it looks like.
    pub(super) fn json(&mut self, node: &Node) -> Option<Json> {
        match &node.value {
            Value::Nothing => Some(Json::Null),
            Value::List(nodes) => {
                let items: Vec<Option<Json>> = nodes.iter().map(|node| self.json(node)).collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            Value::Map(entries) => {
                let mut fields = Map::new();
                let mut good = true;
                for entry in entries {
                    let is_text = matches!(&entry.node.value, Value::Text(text) if Blank::of(&text.text).is_empty());
                    if is_text && carries_secret(&entry.key) {
                        self.error(entry.at, format!("`{}` in what is sent carries a secret", entry.key))
                            .help("say under `auth` who asks")
                            .hide(entry.node.place);
                        good = false;
                        continue;
                    }
                    match self.json(&entry.node) {
                        Some(value) => _ = fields.insert(entry.key.clone(), value),
                        None => good = false,
                    }
                }
                good.then_some(Json::Object(fields))
            }
            Value::Text(text) => {
                let found = self.text(node, "text")?;
                Some(scalar(text, found.value))
            }
        }
    }

    /// Where something goes that differs from request to request: the parameter, or nothing where its blank stands in
    /// what is sent. `method`: nothing where that is wrong already.
    pub(super) fn place_for(
        &mut self,
        fields: Fields<'_>,
        example: &str,
        method: Option<&Method>,
        blank: Blank,
    ) -> Option<Option<String>> {
        let stands = method.is_some_and(|method| method.has(blank));
        let Some(entry) = fields.find("param") else {
            return match method {
                None => Some(None),
                Some(_) if stands => Some(None),
                Some(Method::Get) => {
                    fields.need(self, "param", &format!("param: {example}"));
                    None
                }
                Some(Method::Post(_)) => {
                    self.lacks(blank, fields.at);
                    None
                }
            };
        };
        if stands {
            let written = blank.written();
            self.error(entry.at, format!("`param` is not allowed beside `{written}` in `body`"))
                .help("one of them is enough");
            return None;
        }
        self.name(&entry.node, "the name of a parameter").map(|found| Some(found.value))
    }

    /// Says that a blank is missing in what is sent.
    pub(super) fn lacks(&mut self, blank: Blank, at: Option<Place>) {
        let written = blank.written();
        let Some(at) = at else { return };
        let problem = self.error(at, format!("`{written}` is missing in `body`"));
        problem.help(format!(
            "put `\"{written}\"` into `body` as a value of its own, such as a variable of the query: in a text with other \
             braces it is not filled in"
        ));
    }
}

/// A scalar as JSON has it.
fn scalar(written: &Text, value: String) -> Json {
    if written.quoted {
        return value.into();
    }
    match value.as_str() {
        "true" => true.into(),
        "false" => false.into(),
        number => match serde_json::from_str::<Number>(number) {
            Ok(number) => Json::Number(number),
            Err(_) => value.into(),
        },
    }
}
