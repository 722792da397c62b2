//! A YAML or JSON text as a tree in which each value knows its place, and a reader that collects problems.
//!
//! Depth, size and aliases are bounded here, so that whoever walks a tree need not bound them again.
//! Never: guesses. A duplicate key is an error; `no` and `on` are texts (YAML 1.2), not truths.

mod read;

use std::sync::Arc;

use serde_saphyr::MessageFormatter as _;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::options::NonFiniteFloatPolicy;

use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::problem::nearest;

/// A place in the one file that a [`Reader`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    line: u32,
    column: u32,
    length: u32,
}

impl At {
    fn new(location: serde_saphyr::Location) -> Self {
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            line: number(location.line()),
            column: number(location.column()),
            length: number(location.span().len()),
        }
    }

    /// The place `chars` characters further on in the same line.
    fn after(self, chars: usize) -> Self {
        let chars = u32::try_from(chars).unwrap_or(u32::MAX);
        Self { column: self.column.saturating_add(chars), length: self.length.saturating_sub(chars), ..self }
    }

    pub(crate) fn line(self) -> u32 {
        self.line
    }
}

/// A key of a map.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) at: At,
}

impl Key {
    /// The place of the character of the key that comes after `bytes` bytes. An escape in the key shifts it.
    pub(crate) fn at_byte(&self, bytes: usize) -> At {
        let chars = self.text.get(..bytes).map_or(0, |before| before.chars().count());
        let quote = usize::try_from(self.at.length).unwrap_or(0) > self.text.chars().count();
        self.at.after(chars + usize::from(quote))
    }
}

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// What stands at a [`Node`].
#[derive(Debug)]
pub(crate) enum Value {
    Map(Vec<(Key, Node)>),
    List(Vec<Node>),
    Text(String),
    Whole(u64),
    /// A number that is negative, fractional or huge; without its value where JSON has no word for it.
    Number(Option<serde_json::Number>),
    Bool(bool),
    Null,
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Map(_) => "a map",
            Self::List(_) => "a list",
            Self::Text(_) => "a text",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Bool(_) => "`true` or `false`",
            Self::Null => "nothing",
        }
    }
}

impl Node {
    /// The same value as JSON. The depth of a tree is bounded by its reader.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect()
            }
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Text(text) => text.as_str().into(),
            Value::Whole(number) => (*number).into(),
            Value::Number(number) => number.clone().map_or(serde_json::Value::Null, Into::into),
            Value::Bool(flag) => (*flag).into(),
            Value::Null => serde_json::Value::Null,
        }
    }

    /// The value of a key; `None` also where this is no map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(found, _)| found.text == key).map(|(_, node)| node)
    }

    /// The entries of a map; none where this is no map.
    pub(crate) fn entries(&self) -> &[(Key, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none where this is no list.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Is this the word `null`, and not just nothing?
    pub(crate) fn is_written_null(&self) -> bool {
        matches!(self.value, Value::Null) && self.at.length == 4
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}

/// Reads one file and collects what is wrong with it.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Arc<str>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.into(), problems: Vec::new() }
    }

    /// The text as a tree; `None`, and a problem, where it is no well-formed YAML or JSON.
    pub(crate) fn parse(&mut self, text: &str) -> Option<Node> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > limits::SOURCE_FILE_BYTES_MAX {
            let message = format!("the file is larger than {} bytes", limits::SOURCE_FILE_BYTES_MAX);
            self.problems.push(Problem::error("too-large", Place::file(Arc::clone(&self.file)), message));
            return None;
        }
        match serde_saphyr::from_str_with_options::<Node>(text, options()) {
            Ok(node) => Some(node),
            Err(error) => {
                let error = error.without_snippet();
                let at = error.location().map(At::new);
                let place = at.map_or_else(|| Place::file(Arc::clone(&self.file)), |at| self.place(at));
                let message = serde_saphyr::UserMessageFormatter.format_message(error).into_owned();
                self.problems.push(Problem::error("syntax", place, lower_first(message)));
                None
            }
        }
    }

    pub(crate) fn place(&self, at: At) -> Place {
        Place { file: Arc::clone(&self.file), line: at.line, column: at.column, length: at.length }
    }

    pub(crate) fn error(&mut self, code: &'static str, at: At, message: impl Into<String>) {
        self.add(at, |place| Problem::error(code, place, message));
    }

    pub(crate) fn add(&mut self, at: At, problem: impl FnOnce(Place) -> Problem) {
        let place = self.place(at);
        self.push(problem(place));
    }

    /// Past [`limits::PROBLEMS_MAX`] only one error more is kept: a reader drowns, but must not take it for a success.
    fn push(&mut self, problem: Problem) {
        if self.problems.len() < limits::PROBLEMS_MAX
            || (problem.severity == Severity::Error && !self.has_errors())
        {
            self.problems.push(problem);
        }
    }

    /// An unknown name, with its nearest known one as a hint.
    pub(crate) fn unknown<'a>(
        &mut self,
        code: &'static str,
        at: At,
        what: &str,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let problem =
            Problem::error(code, self.place(at), format!("`{}` is not {what}", word.escape_debug()));
        self.push(match nearest(word, known) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        });
    }

    /// The entries of a map in which only `known` keys may stand.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> &'n [(Key, Node)] {
        let entries = self.map(node, what);
        for (key, _) in entries {
            if !known.contains(&key.text.as_str()) {
                self.unknown(
                    "unknown-key",
                    key.at,
                    &format!("a key of {what}"),
                    &key.text,
                    known.iter().copied(),
                );
            }
        }
        entries
    }

    /// The entries of a map; a map that is not there has none.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Key, Node)] {
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            other @ (Value::List(_)
            | Value::Text(_)
            | Value::Whole(_)
            | Value::Number(_)
            | Value::Bool(_)) => {
                self.error(
                    "wrong-type",
                    node.at,
                    format!("{what} must be a map, and this is {}", other.kind()),
                );
                &[]
            }
        }
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.error(
            "wrong-type",
            node.at,
            format!("{what} must be a list, and this is {}", node.value.kind()),
        );
        &[]
    }

    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        let message = format!("{what} must be a text, and this is {}", node.value.kind());
        let quotable = matches!(node.value, Value::Whole(_) | Value::Number(_) | Value::Bool(_));
        self.add(node.at, |place| {
            let problem = Problem::error("wrong-type", place, message);
            if quotable { problem.hint("write it in quotes") } else { problem }
        });
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, node: &Node, what: &str) -> bool {
        if let Value::Bool(flag) = node.value {
            return flag;
        }
        let message = format!("{what} must be `true` or `false`, and this is {}", node.value.kind());
        self.error("wrong-type", node.at, message);
        false
    }

    /// A text, or a list of texts.
    pub(crate) fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n str, At)> {
        let items = if let Value::List(items) = &node.value { items } else { std::slice::from_ref(node) };
        items.iter().filter_map(|item| Some((self.text(item, what)?, item.at))).collect()
    }

    pub(crate) fn whole(&mut self, node: &Node, what: &str, max: u8) -> Option<u8> {
        if let Value::Whole(number) = node.value
            && let Ok(number) = u8::try_from(number)
            && number <= max
        {
            return Some(number);
        }
        self.error("out-of-range", node.at, format!("{what} must be a whole number from 0 to {max}"));
        None
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The problems, in the order of the file.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by(|a, b| a.place.cmp(&b.place));
        self.problems
    }
}

fn lower_first(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first.is_uppercase() && chars.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        Some(_) | None => text,
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::DOCUMENT_DEPTH_MAX,
            flow_nesting_limit: limits::DOCUMENT_DEPTH_MAX,
            max_nodes: limits::DOCUMENT_NODES_MAX,
            max_events: 2 * limits::DOCUMENT_NODES_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: limits::DOCUMENT_ALIASED_NODES_MAX },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        emit_comments: false,
        with_snippet: false,
    }
}
