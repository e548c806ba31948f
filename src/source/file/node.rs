//! A file of orders exactly as it is written: every scalar is still the text that stands there, so that `no` and
//! `012` stay what they look like.
//!
//! Never knows what an order is, and hands entry after entry over: all of them as one tree take many times their bytes.
//! YAML readers refuse some of what JSON writers write, such as escaped surrogate
//! pairs, so each has its own reader.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::granit_parser::{self as parser, Event, ScalarStyle};

use crate::source::FileError;
use crate::text::json;

/// Lists and maps inside each other.
const MAX_DEPTH: usize = 32;
/// What aliases may add, in values of up to 64 bytes.
const MAX_ALIASED: usize = 1_000_000;
/// What may be kept for aliases, in the same measure: an anchor within an anchor is kept twice.
const MAX_ANCHORED: usize = 2 * MAX_ALIASED;
/// More than a file of honest orders as large as one may be holds: its brackets and commas are counted before it is
/// read, since each value takes many times its bytes.
const MAX_VALUES: usize = 8_000_000;

/// What stands at a place.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Nothing, `~` or `null`.
    Nothing,
    /// A scalar.
    Text(String),
    /// What JSON calls `true` or `false`.
    Flag(bool),
    List(Vec<Node>),
    /// In the order of the file, a key that is written twice twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// As messages show it.
    pub(super) fn shown(&self) -> Value {
        match self {
            Node::Nothing => Value::Null,
            Node::Text(text) => Value::String(text.clone()),
            Node::Flag(flag) => Value::Bool(*flag),
            Node::List(nodes) => nodes.iter().map(Node::shown).collect(),
            Node::Map(entries) => entries.iter().map(|(key, node)| (key.clone(), node.shown())).collect(),
        }
    }

    /// How many values of up to 64 bytes it holds, and how deep they lie.
    fn size(&self) -> (usize, usize) {
        let sum = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.map(Node::size).fold((1, 1), |(count, depth), (more, deep)| (count + more, depth.max(deep + 1)))
        };
        match self {
            Node::Nothing | Node::Flag(_) => (1, 0),
            Node::Text(text) => (1 + text.len() / 64, 0),
            Node::List(nodes) => sum(&mut nodes.iter()),
            Node::Map(entries) => {
                let (count, depth) = sum(&mut entries.iter().map(|(_, node)| node));
                (count + entries.iter().map(|(key, _)| key.len() / 64).sum::<usize>(), depth)
            }
        }
    }
}

/// The key that the list of entries may stand under, alone.
const ORDERS: &str = "orders";

/// Reads JSON, and hands over every entry of the list that it is, or of the one under `orders`: each before the next one
/// is made. Where it fails in the end, what was handed over means nothing.
pub(super) fn json_entries(bytes: &[u8], each: &mut dyn FnMut(Node)) -> Result<(), FileError> {
    bounded(bytes)?;
    let bytes = json::holdable(bytes);
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let found = Entries { each, within: Within::File }.deserialize(&mut reader).map_err(FileError::Json)?;
    reader.end().map_err(FileError::Json)?;
    if found == Found::List { Ok(()) } else { Err(FileError::NoList) }
}

/// What is looked for in JSON.
struct Entries<'a> {
    each: &'a mut dyn FnMut(Node),
    within: Within,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    File,
    Orders,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    List,
    SomethingElse,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Found, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Found;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Found, A::Error> {
        while let Some(entry) = entries.next_element::<Value>()? {
            (self.each)(of_json(entry));
        }
        Ok(Found::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Found, A::Error> {
        let mut found = None;
        while let Some(key) = fields.next_key::<String>()? {
            let alone = found.is_none() && self.within == Within::File && key == ORDERS;
            found = Some(if alone {
                fields.next_value_seed(Entries { each: &mut *self.each, within: Within::Orders })?
            } else {
                fields.next_value::<IgnoredAny>()?;
                Found::SomethingElse
            });
        }
        Ok(found.unwrap_or(Found::SomethingElse))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }

    fn visit_str<E>(self, _: &str) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::SomethingElse)
    }
}

/// Ids and amounts may be numbers in JSON, as they may be plain scalars in YAML.
fn of_json(value: Value) -> Node {
    match value {
        Value::Null => Node::Nothing,
        Value::Bool(flag) => Node::Flag(flag),
        Value::Number(number) => Node::Text(number.to_string()),
        Value::String(text) => Node::Text(text),
        Value::Array(items) => Node::List(items.into_iter().map(of_json).collect()),
        Value::Object(fields) => Node::Map(fields.into_iter().map(|(key, value)| (key, of_json(value))).collect()),
    }
}

fn bounded(bytes: &[u8]) -> Result<(), FileError> {
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'\n')).count();
    if values > MAX_VALUES { Err(FileError::TooLarge) } else { Ok(()) }
}

/// The same for the first document of a YAML text.
pub(super) fn yaml_entries(bytes: &[u8], each: &mut dyn FnMut(Node)) -> Result<(), FileError> {
    bounded(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        FileError::Yaml { line, column: 1, why: "it is not UTF-8".to_owned() }
    })?;
    let options = parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder::new(each);
    for event in parser::Parser::new_from_str_with_options(text, options) {
        let (event, _) = event.map_err(|error| {
            let marker = error.marker();
            FileError::Yaml { line: marker.line(), column: marker.col() + 1, why: error.info().to_owned() }
        })?;
        builder.take(event)?;
        if builder.root.is_some() {
            break;
        }
    }
    // What could not be handed over before: a list that has an anchor, or that an alias stands for.
    let root = builder.root.unwrap_or(Node::Nothing);
    listed(root).ok_or(FileError::NoList)?.into_iter().for_each(each);
    Ok(())
}

/// The entries: of the list itself, or of the one under `orders`.
fn listed(written: Node) -> Option<Vec<Node>> {
    match written {
        Node::List(entries) => Some(entries),
        Node::Map(fields) => match <[(String, Node); 1]>::try_from(fields) {
            Ok([(key, Node::List(entries))]) if key == ORDERS => Some(entries),
            _ => None,
        },
        Node::Nothing | Node::Text(_) | Node::Flag(_) => None,
    }
}

struct Builder<'a> {
    each: &'a mut dyn FnMut(Node),
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize, usize)>,
    anchored: usize,
    aliased: usize,
    root: Option<Node>,
}

struct Frame {
    anchor: usize,
    node: Node,
    /// Of a map: the key that waits for its value.
    key: Option<String>,
}

impl<'a> Builder<'a> {
    fn new(each: &'a mut dyn FnMut(Node)) -> Self {
        Self { each, frames: Vec::new(), anchors: HashMap::new(), anchored: 0, aliased: 0, root: None }
    }

    /// Whether what is finished next is an entry that nothing else will ask for.
    fn is_at_entries(&self) -> bool {
        let list = match &self.frames[..] {
            [list] => list,
            [Frame { node: Node::Map(before), key: Some(key), .. }, list] if before.is_empty() && key == ORDERS => list,
            _ => return false,
        };
        matches!(list.node, Node::List(_)) && list.anchor == 0
    }

    fn take(&mut self, event: Event<'_>) -> Result<(), FileError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let nothing = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                // A plain key is a text, whatever it looks like.
                let is_key = matches!(self.frames.last(), Some(Frame { node: Node::Map(_), key: None, .. }));
                let node = if nothing && !is_key { Node::Nothing } else { Node::Text(text.into_owned()) };
                self.attach(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => self.open(anchor, Node::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => self.open(anchor, Node::Map(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.frames.pop().expect("the parser closes only what it opened");
                self.attach(frame.node, frame.anchor)?;
            }
            Event::Alias(anchor) => {
                // One that stands inside its own anchor has no end.
                let (node, count, depth) = self.anchors.get(&anchor).ok_or(FileError::TooLarge)?;
                self.aliased += count;
                if self.aliased > MAX_ALIASED || self.frames.len() + depth > MAX_DEPTH {
                    return Err(FileError::TooLarge);
                }
                let node = node.clone();
                self.attach(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, node: Node) -> Result<(), FileError> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(FileError::TooLarge);
        }
        self.frames.push(Frame { anchor, node, key: None });
        Ok(())
    }

    /// Puts a finished node where it belongs: the root, a list, or a map, as a key or as a value.
    fn attach(&mut self, node: Node, anchor: usize) -> Result<(), FileError> {
        if anchor != 0 {
            let (count, depth) = node.size();
            self.anchored += count;
            if self.anchored > MAX_ANCHORED {
                return Err(FileError::TooLarge);
            }
            self.anchors.insert(anchor, (node.clone(), count, depth));
        }
        if self.is_at_entries() {
            (self.each)(node);
            return Ok(());
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut frame.node, frame.key.take()) {
            (Node::List(nodes), _) => nodes.push(node),
            (Node::Map(entries), Some(key)) => entries.push((key, node)),
            (Node::Map(_), None) => {
                let key = match node {
                    Node::Text(text) => text,
                    other => other.shown().to_string(),
                };
                frame.key = Some(key);
            }
            (Node::Nothing | Node::Text(_) | Node::Flag(_), _) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = fn(&[u8], &mut dyn FnMut(Node)) -> Result<(), FileError>;

    fn json(text: &str) -> (usize, bool) {
        counted(json_entries, text)
    }

    fn yaml(text: &str) -> (usize, bool) {
        counted(yaml_entries, text)
    }

    /// How many entries were handed over, and whether it could be read to its end.
    fn counted(read: Read, text: &str) -> (usize, bool) {
        let mut entries = 0;
        let is_read = read(text.as_bytes(), &mut |_| entries += 1).is_ok();
        (entries, is_read)
    }

    #[test]
    fn no_entry_is_a_tree_before_the_one_before_it_is_taken() {
        for text in ["[1, 2, 3, {\"cut\": ", "{\"orders\": [{}, [], \"x\", {\"cut\": "] {
            assert_eq!(json(text), (3, false), "{text}");
        }
        // In brackets a list may turn out to be a key as long as it is on one line, so these are read line by line.
        for text in ["- 1\n- {a: [b]}\n- 3\n- [", "orders:\n- 1\n- &x [2]\n- *x\n- ["] {
            assert_eq!(yaml(text), (3, false), "{text}");
        }
    }

    #[test]
    fn the_entries_are_those_of_the_list_or_of_the_one_under_orders_alone() {
        for (text, entries) in [("[]", 0), ("[[1], {}]", 2), ("{\"orders\": [1, 2]}", 2)] {
            assert_eq!(json(text), (entries, true), "{text}");
            assert_eq!(yaml(text), (entries, true), "{text}");
        }
        for text in ["orders: &all [1, 2]", "&all [1, 2]", "- &a 1\n- *a"] {
            assert_eq!(yaml(text), (2, true), "{text}");
        }
        for text in [
            "null",
            "7",
            "-7",
            "7.5",
            "true",
            "\"orders\"",
            "{}",
            "{\"orders\": {}}",
            "{\"orders\": {\"orders\": []}}",
            "{\"orders\": [], \"more\": 1}",
            "{\"more\": 1, \"orders\": []}",
            "{\"more\": []}",
        ] {
            assert!(!json(text).1, "{text}");
            assert!(!yaml(text).1, "{text}");
        }
        assert!(!json("[1] 2").1 && !json("{\"orders\": [1], \"orders\": [2]}").1);
    }

    #[test]
    fn what_aliases_and_brackets_make_too_large_is_refused_before_it_is_made() {
        let long = format!("- &a \"{}\"\n{}", "x".repeat(60_000), "- *a\n".repeat(2_000));
        assert!(matches!(yaml_entries(long.as_bytes(), &mut |_| {}), Err(FileError::TooLarge)));
        let within: String = (0..30).map(|at| format!("&b{at} [")).collect();
        let within = format!("{within}{}{}", "x, ".repeat(100_000), "]".repeat(30));
        assert!(matches!(yaml_entries(within.as_bytes(), &mut |_| {}), Err(FileError::TooLarge)));
        let many = format!("[{}[]]", "[],".repeat(MAX_VALUES / 2));
        assert!(matches!(json_entries(many.as_bytes(), &mut |_| {}), Err(FileError::TooLarge)));
        assert!(matches!(yaml_entries(many.as_bytes(), &mut |_| {}), Err(FileError::TooLarge)));
    }
}
