//! A file of orders exactly as it is written: every scalar is still the text that stands there, so that `no` and
//! `012` stay what they look like.
//!
//! Never knows what an order is. YAML readers refuse some of what JSON writers write, such as escaped surrogate
//! pairs, so each has its own reader.

use std::collections::HashMap;

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

/// Reads JSON.
pub(super) fn from_json(bytes: &[u8]) -> Result<Node, FileError> {
    bounded(bytes)?;
    Ok(of_json(serde_json::from_slice(&json::holdable(bytes)).map_err(FileError::Json)?))
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

/// Reads the first document of a YAML text.
pub(super) fn from_yaml(bytes: &[u8]) -> Result<Node, FileError> {
    bounded(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        FileError::Yaml { line, column: 1, why: "it is not UTF-8".to_owned() }
    })?;
    let options = parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder::default();
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
    Ok(builder.root.unwrap_or(Node::Nothing))
}

#[derive(Default)]
struct Builder {
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

impl Builder {
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

    #[test]
    fn what_aliases_and_brackets_make_too_large_is_refused_before_it_is_made() {
        let long = format!("- &a \"{}\"\n{}", "x".repeat(60_000), "- *a\n".repeat(2_000));
        assert!(matches!(from_yaml(long.as_bytes()), Err(FileError::TooLarge)));
        let within: String = (0..30).map(|at| format!("&b{at} [")).collect();
        let within = format!("{within}{}{}", "x, ".repeat(100_000), "]".repeat(30));
        assert!(matches!(from_yaml(within.as_bytes()), Err(FileError::TooLarge)));
        let many = format!("[{}[]]", "[],".repeat(MAX_VALUES / 2));
        assert!(matches!(from_json(many.as_bytes()), Err(FileError::TooLarge)));
        assert!(matches!(from_yaml(many.as_bytes()), Err(FileError::TooLarge)));
    }
}
