//! A YAML text as a tree in which every key and value knows its place.
//!
//! The config is read in two steps, because one pass of typed reading stops at its first error: here only the form is
//! read; what the keys mean is checked by `walk`, which reports everything at once.
//! Never: looks at what a key means, or resolves a scalar's type.

use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::Event;
use serde_saphyr::granit_parser::Parser;
use serde_saphyr::granit_parser::ScalarStyle;
use serde_saphyr::granit_parser::Span;

use crate::problem::Place;
use crate::problem::Problem;

/// Most nodes of one config, aliases unfolded: a hundred times what a large one has.
const NODES_MAX: usize = 100_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A scalar; `plain` when it had no quotes, so that `null`, `true` and numbers may be read from it.
    /// `written` is what stood there before variables were put in: messages show that, never what a variable holds.
    Scalar { text: String, plain: bool, written: Option<String> },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping's entry.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) text: String,
}

impl Node {
    pub(super) const fn map(place: Place) -> Self {
        Self { place, value: Value::Map(Vec::new()) }
    }

    pub(super) const fn null(place: Place) -> Self {
        Self { place, value: Value::Scalar { text: String::new(), plain: true, written: None } }
    }

    /// Is this the absent value: empty, `~` or `null` without quotes?
    pub(super) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain, .. } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// A scalar as it is written in the file.
    pub(super) fn written(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, written, .. } => Some(written.as_deref().unwrap_or(text)),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What stands under `key`, a name or a position in a list.
    pub(super) fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Scalar { .. } => None,
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            Value::Map(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node),
        }
    }

    /// What stands at a dotted path.
    pub(super) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').filter(|key| !key.is_empty()).try_fold(self, |node, key| node.child(key))
    }

    /// Puts `new` at a path, making mappings on the way; false where a scalar or a missing list item is in the way.
    pub(super) fn put(&mut self, path: &[&str], new: Self) -> bool {
        let Some((key, rest)) = path.split_first() else {
            *self = new;
            return true;
        };
        if self.is_null() {
            self.value = Value::Map(Vec::new());
        }
        match &mut self.value {
            Value::Scalar { .. } => false,
            Value::List(items) => {
                let item = key.parse::<usize>().ok().and_then(|at| items.get_mut(at));
                item.is_some_and(|item| item.put(rest, new))
            }
            Value::Map(entries) => {
                if let Some((_, node)) = entries.iter_mut().find(|(name, _)| name.text == **key) {
                    return node.put(rest, new);
                }
                let mut node = Self::map(new.place.clone());
                let name = Key { place: new.place.clone(), text: (*key).to_owned() };
                let put = node.put(rest, new);
                entries.push((name, node));
                put
            }
        }
    }
}

/// Reads a text; an empty one is an empty mapping.
pub(super) fn read(file: &Arc<str>, text: &str) -> Result<Node, Vec<Problem>> {
    let mut reader = Reader {
        file,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
        problems: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reader.take(event, span),
            Err(error) => {
                let at = *error.marker();
                let place = Place { length: 1, ..place(file, Span::empty(at)) };
                reader.problems.push(Problem::error(
                    "yaml",
                    place,
                    format!("this is not YAML: {}", error.info()),
                ));
                break;
            }
        }
        if reader.nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values");
            reader.problems.push(Problem::error("too-large", Place::file(Arc::clone(file)), message));
            break;
        }
    }
    if reader.problems.is_empty() {
        Ok(reader.root.unwrap_or_else(|| Node::map(Place::file(Arc::clone(file)))))
    } else {
        Err(reader.problems)
    }
}

fn place(file: &Arc<str>, span: Span) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place {
        file: Arc::clone(file),
        line: number(span.start.line()),
        column: number(span.start.col() + 1),
        length: number(length),
    }
}

/// A collection that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Key>,
}

struct Reader<'a> {
    file: &'a Arc<str>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = Value::Scalar { text: text.into_owned(), plain, written: None };
                self.add(Node { place: place(self.file, span), value }, anchor);
            }
            Event::SequenceStart(_, anchor, _) => self.start(Value::List(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => self.start(Value::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.add(open.node, open.anchor);
                }
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.add(Node { place: place(self.file, span), ..node }, 0),
                None => self.problem("yaml", span, "an alias cannot stand inside of what it names"),
            },
            Event::DocumentStart(..) => {
                if self.root.is_some() {
                    self.problem("yaml", span, "one file holds one document");
                }
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::Comment(..) => {}
            Event::UnresolvedAlias(_) | _ => self.problem("yaml", span, "this part of YAML is not read here"),
        }
    }

    fn problem(&mut self, code: &'static str, span: Span, message: &str) {
        self.problems.push(Problem::error(code, place(self.file, span), message));
    }

    fn start(&mut self, value: Value, anchor: usize, span: Span) {
        let place = Place { length: 1, ..place(self.file, span) };
        self.open.push(Open { node: Node { place, value }, anchor, key: None });
    }

    fn add(&mut self, node: Node, anchor: usize) {
        self.nodes += size(&node, NODES_MAX);
        if anchor != 0 && self.nodes <= NODES_MAX {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some(key)) => entries.push((key, node)),
            (Value::Map(entries), None) => {
                let Value::Scalar { text, .. } = node.value else {
                    self.problems.push(Problem::error("yaml", node.place, "a key must be a plain word"));
                    open.key = Some(Key { place: open.node.place.clone(), text: String::new() });
                    return;
                };
                if let Some((first, _)) = entries.iter().find(|(name, _)| name.text == text) {
                    let message =
                        format!("the key `{text}` stands here twice; first in line {}", first.place.line);
                    self.problems.push(Problem::error("duplicate-key", node.place.clone(), message));
                }
                open.key = Some(Key { place: node.place, text });
            }
            (Value::Scalar { .. }, _) => {}
        }
    }
}

/// The nodes of a tree, counted up to `most`: an alias of an alias must not unfold without end.
fn size(node: &Node, most: usize) -> usize {
    match &node.value {
        Value::Scalar { .. } => 1,
        Value::List(items) => items.iter().fold(1, |n, item| if n > most { n } else { n + size(item, most) }),
        Value::Map(entries) => {
            entries.iter().fold(1, |n, (_, item)| if n > most { n } else { n + size(item, most) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, Vec<Problem>> {
        read(&Arc::from("p.yaml"), text)
    }

    #[test]
    fn a_value_knows_its_line_and_column() {
        let root = tree("a:\n  b: [x, 'yy']\n").unwrap();
        let node = root.at("a.b.1").unwrap();
        assert_eq!((node.place.line, node.place.column, node.place.length), (2, 10, 4));
    }

    #[test]
    fn broken_yaml_a_key_twice_and_two_documents_are_problems() {
        for (text, code, line) in
            [("a: [", "yaml", 1), ("a: 1\na: 2\n", "duplicate-key", 2), ("a: 1\n---\nb: 2\n", "yaml", 2)]
        {
            let problems = tree(text).unwrap_err();
            assert_eq!(problems[0].code, code, "{text}");
            assert!(problems[0].place.line >= line, "{text}: {problems:?}");
        }
    }

    #[test]
    fn aliases_unfold_but_not_without_end() {
        let root = tree("a: &x {k: v}\nb: *x\n").unwrap();
        assert!(root.at("b.k").is_some());
        let mut text = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for n in 1..12 {
            let p = n - 1;
            text += &format!("a{n}: &a{n} [*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p},*a{p}]\n");
        }
        assert_eq!(tree(&text).unwrap_err()[0].code, "too-large");
    }

    #[test]
    fn a_deep_text_is_refused_and_does_not_overflow() {
        assert!(tree(&"[".repeat(100_000)).is_err());
        assert!(tree(&"{a: ".repeat(100_000)).is_err());
    }
}
