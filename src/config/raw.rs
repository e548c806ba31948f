//! The YAML exactly as written: a tree in which every key and value knows its place and every scalar is
//! still the text that stands in the file, so that `no`, `012` and `1.10` stay what they look like.
//!
//! Never gives a scalar a type, and never knows a key of `entitlements.yaml`.

use std::collections::HashMap;

use serde_yaml::granit_parser::{self as parser, Event, ScalarStyle};

use super::diagnostic::{Diagnostic, Origin, Place, position};
use super::marks::{BREAKS, marked_lines, marks};

/// Larger texts are refused, wherever they come from: 65,000 products fit in it.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Lists and maps inside each other.
const MAX_DEPTH: usize = 32;
/// What aliases may add to the tree, in values of up to 64 bytes.
const MAX_ALIASED: usize = 100_000;
/// What may be kept for aliases, in the same measure: an anchor within an anchor is kept twice.
const MAX_ANCHORED: usize = 10 * MAX_ALIASED;
/// Lists, maps, keys and scalars: 65,000 products with seven each.
const MAX_VALUES: usize = 1_000_000;
/// The longest scalar, in bytes. Nothing that anybody means comes near it.
const MAX_SCALAR: usize = 64 * 1024;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Where. An alias stands where its anchor does, since that is what has to be mended.
    pub place: Place,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or an unquoted `null`.
    Nothing,
    /// A scalar.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, without its duplicate keys.
    Map(Vec<Entry>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text, after YAML's own escapes.
    pub text: String,
    /// Whether it stands in quotes or in a block.
    pub quoted: bool,
    /// The byte at which the text stands letter by letter, where it does.
    pub verbatim: Option<usize>,
}

/// One key of a map and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub at: Place,
    /// The value.
    pub node: Node,
}

impl Value {
    /// How a message calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nothing => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

impl Node {
    /// The value under `key`, where this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The scalar as written, where this is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    /// How many values of up to 64 bytes it holds, and how deep they lie.
    fn size(&self) -> (usize, usize) {
        let sum = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.map(Node::size).fold((1, 1), |(count, depth), (more, deep)| (count + more, depth.max(deep + 1)))
        };
        match &self.value {
            Value::Nothing => (1, 0),
            Value::Text(text) => (1 + text.text.len() / 64, 0),
            Value::List(nodes) => sum(&mut nodes.iter()),
            Value::Map(entries) => {
                let (count, depth) = sum(&mut entries.iter().map(|entry| &entry.node));
                (count + entries.iter().map(|entry| entry.key.len() / 64).sum::<usize>(), depth)
            }
        }
    }
}

/// Reads one YAML document. `None` for a text without a value. `problems` gains what leaves the rest
/// readable: duplicate keys, keys that are no text, tags, a second document.
///
/// # Errors
/// The first place at which the text is no YAML, or grows beyond all bounds through aliases or nesting.
pub fn parse(text: &str, origin: Origin, problems: &mut Vec<Diagnostic>) -> Result<Option<Node>, Box<Diagnostic>> {
    let bom = marks(text);
    let mut builder = Builder {
        text,
        bom,
        marked: marked_lines(text),
        origin,
        problems,
        frames: Vec::new(),
        anchors: HashMap::new(),
        anchored: 0,
        aliased: 0,
        values: 0,
        root: None,
    };
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        return Err(builder.fatal(&message, builder.point(0, 1, 1)));
    }
    let options = parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    for event in parser::Parser::new_from_str_with_options(&text[bom..], options) {
        match event {
            Ok((event, span)) => {
                let place = builder.place(&span);
                if builder.take(event, place)? == Flow::Shutdown {
                    break;
                }
            }
            Err(error) => return Err(Box::new(builder.syntax(&error))),
        }
    }
    Ok(builder.root)
}

#[derive(PartialEq, Eq)]
enum Flow {
    Go,
    Shutdown,
}

struct Builder<'t, 'p> {
    text: &'t str,
    bom: usize,
    /// See [`marked_lines`].
    marked: Vec<(u32, u32)>,
    origin: Origin,
    problems: &'p mut Vec<Diagnostic>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Node, usize, usize)>,
    anchored: usize,
    aliased: usize,
    values: usize,
    root: Option<Node>,
}

struct Frame {
    place: Place,
    anchor: usize,
    shape: Shape,
}

enum Shape {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, Place>, key: Option<Key> },
}

/// A key that waits for its value. Without a text the value is dropped: the key was refused.
struct Key {
    text: Option<String>,
    at: Place,
}

impl Builder<'_, '_> {
    /// One event of the parser. In one piece: a table of events.
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<Flow, Box<Diagnostic>> {
        if let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) {
            let message = format!("tag `{}` is not allowed here", tag.original());
            self.problem(message, place).help("tags are not used in this file; put the text in quotes");
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.fatal("the file holds more than a million keys and values", place));
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                self.problem("a second document starts here".to_owned(), place)
                    .help("keep one document, without `---` lines");
                return Ok(Flow::Shutdown);
            }
            Event::Scalar(text, style, anchor, tag) => {
                if text.len() > MAX_SCALAR {
                    let mut error = self.fatal("this text is longer than 64 KiB", place);
                    // Whatever it is, it helps nobody to see it, and it may be a key in PEM.
                    error.hide(place);
                    return Err(error);
                }
                let quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let value = if !quoted && matches!(&*text, "" | "~" | "null") {
                    Value::Nothing
                } else {
                    let verbatim = self.verbatim(&text, place);
                    Value::Text(Text { text: text.into_owned(), quoted, verbatim })
                };
                self.attach(Node { value, place }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => self.open(place, anchor, Shape::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => {
                self.open(place, anchor, Shape::Map { entries: Vec::new(), seen: HashMap::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.frames.pop().expect("the parser closes only what it opened");
                let value = match frame.shape {
                    Shape::List(nodes) => Value::List(nodes),
                    Shape::Map { entries, .. } => Value::Map(entries),
                };
                // A block ends where the next token starts; what it holds ends before that.
                let end = place.end.clamp(frame.place.start, self.text.len());
                let end = frame.place.start + self.text[frame.place.start..end].trim_end().len();
                self.attach(Node { value, place: Place { end, ..frame.place } }, frame.anchor)?;
            }
            Event::Alias(anchor) => {
                let Some((node, count, depth)) = self.anchors.get(&anchor) else {
                    return Err(self.fatal("this alias is inside its own anchor", place));
                };
                // Counted before anything is copied.
                self.aliased += count;
                if self.aliased > MAX_ALIASED || self.frames.len() + depth > MAX_DEPTH {
                    return Err(self.fatal("aliases make this file too large", place));
                }
                let node = node.clone();
                self.attach(node, 0)?;
            }
            _ => {}
        }
        Ok(Flow::Go)
    }

    fn open(&mut self, place: Place, anchor: usize, shape: Shape) -> Result<(), Box<Diagnostic>> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(self.fatal("lists and maps are nested too deeply", place));
        }
        self.frames.push(Frame { place, anchor, shape });
        Ok(())
    }

    /// Puts a finished node where it belongs: the root, a list, or a map, as a key or as a value.
    fn attach(&mut self, mut node: Node, anchor: usize) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            let (count, depth) = node.size();
            self.anchored += count;
            if self.anchored > MAX_ANCHORED {
                return Err(self.fatal("anchors cover too much of this file", node.place));
            }
            self.anchors.insert(anchor, (node.clone(), count, depth));
        }
        let Some(frame) = self.frames.last_mut() else {
            // A document without a value yields an empty scalar.
            if !(matches!(node.value, Value::Nothing) && node.place.start == node.place.end) {
                self.root = Some(node);
            }
            return Ok(());
        };
        match &mut frame.shape {
            Shape::List(nodes) => nodes.push(node),
            Shape::Map { key: key @ None, .. } => {
                let at = node.place;
                let written = match node.value {
                    Value::Text(text) => Some(text.text),
                    Value::Nothing if at.start < at.end => Some(self.text[at.start..at.end].to_owned()),
                    _ => None,
                };
                let refused = written.is_none();
                *key = Some(Key { text: written, at });
                if refused {
                    self.problem("a key must be plain text".to_owned(), at);
                }
            }
            Shape::Map { entries, seen, key } => {
                let key = key.take().expect("the arm above takes a map without a key");
                let Some(text) = key.text else { return Ok(()) };
                if node.place.start == node.place.end {
                    node.place = key.at;
                }
                if let Some(first) = seen.get(&text).copied() {
                    let message = format!("key `{text}` is written twice");
                    self.problem(message, key.at).label("again here").also(first, "first here");
                    return Ok(());
                }
                seen.insert(text.clone(), key.at);
                entries.push(Entry { key: text, at: key.at, node });
            }
        }
        Ok(())
    }

    fn problem(&mut self, message: String, place: Place) -> &mut Diagnostic {
        let mut problem = Diagnostic::error(message);
        problem.at(place);
        self.problems.push(problem);
        self.problems.last_mut().expect("it was just pushed")
    }

    fn fatal(&self, message: &str, place: Place) -> Box<Diagnostic> {
        let mut error = Diagnostic::error(message);
        error.at(place);
        Box::new(error)
    }

    fn syntax(&self, error: &parser::ScanError) -> Diagnostic {
        let marker = error.marker();
        let start = self.bom + marker.byte_offset().unwrap_or_default();
        let start = self.before(start);
        let (line, column) = position(self.text, start);
        let place = self.point(start, line, column);
        let mut diagnostic = Diagnostic::error("this is not YAML");
        diagnostic.at(place).label(error.info());
        let printed = self.line_at(start);
        if printed.1.contains('\t') && printed.1.trim_start_matches(' ').starts_with('\t') {
            diagnostic.help("indent with spaces: YAML allows no tab there");
        } else {
            diagnostic.help("the mistake may stand on a line above, such as a bracket or a quote that is not closed");
        }
        // A line that is no `key: value` may be part of a secret that was never closed.
        if !printed.1.contains(':') && !printed.1.trim_start().starts_with(['-', '#']) {
            diagnostic.hide(Place { start: printed.0, end: printed.0 + printed.1.len(), ..place });
        }
        diagnostic
    }

    /// The parser often notices on an empty place below the mistake; the last character before it is
    /// where a person has to look.
    fn before(&self, start: usize) -> usize {
        let start = self.text.floor_char_boundary(start);
        if self.text[start..].trim().is_empty() { self.text[..start].trim_end().len().max(self.bom) } else { start }
    }

    fn line_at(&self, start: usize) -> (usize, &str) {
        let from = self.text[..start].rfind(BREAKS).map_or(0, |at| at + 1);
        let to = self.text[start..].find(BREAKS).map_or(self.text.len(), |at| start + at);
        (from, &self.text[from..to])
    }

    fn point(&self, start: usize, line: usize, column: usize) -> Place {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place { origin: self.origin, line: small(line), column: small(column), start, end: start }
    }

    fn place(&self, span: &parser::Span) -> Place {
        let bytes = span.byte_range().unwrap_or_default();
        let line = span.start.line();
        // Of the marks at the start of a line the parser counts those within quotes, and no others.
        let marked = self.marked.binary_search_by(|(of, _)| (*of as usize).cmp(&line));
        let column =
            marked.map_or(span.start.col(), |at| span.start.index().saturating_sub(self.marked[at].1 as usize));
        let start = self.point(self.bom + bytes.start, line, column + 1);
        Place { end: self.bom + bytes.end, ..start }
    }

    fn verbatim(&self, text: &str, place: Place) -> Option<usize> {
        let written = self.text.get(place.start..place.end)?;
        let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
        let inner = quote.and_then(|quote| written[1..].strip_suffix(quote));
        if written == text {
            Some(place.start)
        } else if inner == Some(text) {
            Some(place.start + 1)
        } else {
            None
        }
    }
}
