//! What a Cedar schema declares, with its places and comments, also of one that is only half written.
//!
//! Cedar's own reader says whether a schema is one; this says what stands where, for hover, completion and definitions.
//! Never: fails, or nests deeper than policies may.

use std::ops::Range;
use std::rc::Rc;

use crate::limits;

use super::words::Kind;
use super::words::Word;
use super::words::words;

/// A type, as a schema writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// `String`, `Tenant`, the name of a declared type.
    Named(String),
    /// `Set<…>`.
    Set(Box<Self>),
    /// `{ … }`.
    Record(Vec<Attribute>),
}

impl Type {
    /// As people write it; a record without what is in it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Set(of) => format!("Set<{}>", of.written()),
            Self::Record(_) => "{ … }".to_owned(),
        }
    }
}

/// An attribute of an entity or a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) optional: bool,
    pub(super) of: Type,
    pub(super) says: String,
    pub(super) bytes: Range<usize>,
}

/// Something that is declared. One declaration may declare many names: all but the name is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    /// The comment above it.
    pub(super) says: Rc<str>,
    /// Its name in the text.
    pub(super) bytes: Range<usize>,
    /// What it is within, at most: types of parents, or groups of actions.
    pub(super) within: Rc<[String]>,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Its attributes.
    Entity(Rc<[Attribute]>),
    Action(Rc<Asked>),
    Type(Type),
}

/// What an action is asked of and about, and with which context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) principals: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) context: Option<Type>,
}

/// All that a schema declares, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Vocabulary(pub(super) Vec<Declared>);

impl Vocabulary {
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<Word<'_>> =
            words(text).into_iter().filter(|word| word.kind != Kind::Comment).collect();
        let mut reader = Reader { text, words: &words, at: 0, prefix: Vec::new(), found: Vec::new() };
        while reader.at < words.len() {
            reader.declaration();
        }
        Self(reader.found)
    }

    pub(super) fn entity(&self, name: &str) -> Option<&Declared> {
        self.0.iter().find(|one| one.name == name && matches!(one.what, What::Entity(_)))
    }

    pub(super) fn action(&self, name: &str) -> Option<&Declared> {
        self.actions().find(|one| one.name == name)
    }

    pub(super) fn entities(&self) -> impl Iterator<Item = &Declared> {
        self.0.iter().filter(|one| matches!(one.what, What::Entity(_)))
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Declared> {
        self.0.iter().filter(|one| matches!(one.what, What::Action(_)))
    }

    /// The actions that are this one or, at whatever depth, within it.
    pub(super) fn members(&self, name: &str) -> Vec<&Declared> {
        let mut found: Vec<&Declared> = self.action(name).into_iter().collect();
        let mut at = 0;
        while let Some(group) = found.get(at).map(|one| one.name.clone()) {
            let more: Vec<_> = self.actions().filter(|one| one.within.contains(&group)).collect();
            found.extend(
                more.into_iter()
                    .filter(|one| !found.iter().any(|known| known.name == one.name))
                    .collect::<Vec<_>>(),
            );
            at += 1;
        }
        found
    }

    /// The attributes of a type; none of a plain one.
    pub(super) fn attributes<'v>(&'v self, of: &'v Type) -> &'v [Attribute] {
        let mut of = of;
        // Names of types may name each other, at worst in a circle.
        for _ in 0..limits::POLICY_NESTING_MAX {
            match of {
                Type::Record(attributes) => return attributes,
                Type::Set(_) => return &[],
                Type::Named(name) => {
                    let declared = self
                        .0
                        .iter()
                        .find(|one| one.name == *name && matches!(one.what, What::Entity(_) | What::Type(_)));
                    match declared.map(|one| &one.what) {
                        Some(What::Entity(attributes)) => return attributes,
                        Some(What::Type(aliased)) => of = aliased,
                        Some(What::Action(_)) | None => return &[],
                    }
                }
            }
        }
        &[]
    }
}

/// The names that one declaration declares, with their places.
type Names<'t> = Vec<(&'t str, Range<usize>)>;

struct Reader<'w, 't> {
    text: &'t str,
    words: &'w [Word<'t>],
    at: usize,
    prefix: Vec<String>,
    found: Vec<Declared>,
}

impl<'t> Reader<'_, 't> {
    fn peek(&self) -> Option<Word<'t>> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Word<'t>> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is = self.peek().is_some_and(|word| word.is(sign));
        self.at += usize::from(is);
        is
    }

    fn is_keyword(word: &Word<'_>) -> bool {
        word.is_name() && ["entity", "action", "type", "namespace"].contains(&word.text)
    }

    fn declaration(&mut self) {
        let Some(word) = self.next() else { return };
        match word.text {
            "entity" => self.entity(word.at),
            "action" => self.action(word.at),
            "type" => self.alias(word.at),
            "namespace" => {
                let name = self.path();
                self.prefix.push(name);
                self.take("{");
            }
            "}" => drop(self.prefix.pop()),
            _ => {}
        }
    }

    fn full(&self, name: &str) -> String {
        let parts: Vec<&str> = self.prefix.iter().map(String::as_str).chain([name]).collect();
        parts.join("::")
    }

    /// `A::B`.
    fn path(&mut self) -> String {
        let mut path = String::new();
        while let Some(word) = self.peek().filter(|word| word.is_name() || word.is("::")) {
            // `A` and then a word of its own is no path.
            if word.is_name() && !path.is_empty() && !path.ends_with("::") {
                break;
            }
            path.push_str(word.text);
            self.at += 1;
        }
        path
    }

    /// Names with their places, parted by commas.
    fn names(&mut self) -> Names<'t> {
        let mut names = Vec::new();
        while let Some(word) = self.peek() {
            let name = word.inner().or_else(|| word.is_name().then_some(word.text));
            let Some(name) = name else { break };
            names.push((name, word.bytes()));
            self.at += 1;
            if !self.take(",") {
                break;
            }
        }
        names
    }

    /// One path, or several in brackets. An action's is its text, whatever type stands before it.
    fn list(&mut self) -> Vec<String> {
        let many = self.take("[");
        let mut list = Vec::new();
        loop {
            let path = self.path();
            let text = self.peek().and_then(|word| word.inner()).map(str::to_owned);
            self.at += usize::from(text.is_some());
            let path = text.unwrap_or(path);
            let is_end = path.is_empty();
            if !is_end {
                list.push(path);
            }
            if !many || !self.take(",") || (is_end && self.peek().is_none()) {
                break;
            }
        }
        if many {
            self.take("]");
        }
        list
    }

    fn entity(&mut self, at: usize) {
        let names = self.names();
        let within = if self.take("in") { self.list() } else { Vec::new() };
        self.take("=");
        let attributes = match self.peek().filter(|word| word.is("{")).and_then(|_| self.of(0)) {
            Some(Type::Record(attributes)) => attributes,
            Some(Type::Named(_) | Type::Set(_)) | None => Vec::new(),
        };
        self.end();
        self.declare(at, names, within, &What::Entity(attributes.into()));
    }

    fn action(&mut self, at: usize) {
        let names = self.names();
        let within = if self.take("in") { self.list() } else { Vec::new() };
        let mut asked = Asked::default();
        if self.take("appliesTo") && self.take("{") {
            while let Some(key) = self.peek().filter(Word::is_name) {
                self.at += 1;
                self.take(":");
                match key.text {
                    "principal" => asked.principals = self.list(),
                    "resource" => asked.resources = self.list(),
                    "context" => asked.context = self.of(0),
                    _ => {}
                }
                self.take(",");
            }
            self.take("}");
        }
        self.end();
        self.declare(at, names, within, &What::Action(Rc::new(asked)));
    }

    fn alias(&mut self, at: usize) {
        let Some(name) = self.next().filter(Word::is_name) else { return };
        self.take("=");
        let of = self.of(0);
        self.end();
        if let Some(of) = of {
            self.declare(at, vec![(name.text, name.bytes())], Vec::new(), &What::Type(of));
        }
    }

    /// Notes the names of one declaration.
    fn declare(&mut self, at: usize, names: Names<'t>, within: Vec<String>, what: &What) {
        let (says, within) = (Rc::from(self.above(at)), Rc::from(within));
        for (name, bytes) in names {
            let (name, says, within) = (self.full(name), Rc::clone(&says), Rc::clone(&within));
            self.found.push(Declared { name, says, bytes, within, what: what.clone() });
        }
    }

    /// Up to the end of a declaration, or to where the next one begins.
    fn end(&mut self) {
        while let Some(word) = self.peek() {
            if Self::is_keyword(&word) || word.is("}") {
                return;
            }
            self.at += 1;
            if word.is(";") {
                return;
            }
        }
    }

    fn of(&mut self, depth: usize) -> Option<Type> {
        if depth > limits::POLICY_NESTING_MAX {
            return None;
        }
        if self.take("{") {
            return Some(Type::Record(self.record(depth)));
        }
        let path = self.path();
        if path == "Set" && self.take("<") {
            let of = self.of(depth + 1)?;
            self.take(">");
            return Some(Type::Set(Box::new(of)));
        }
        (!path.is_empty()).then_some(Type::Named(path))
    }

    fn record(&mut self, depth: usize) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        while let Some(word) = self.peek() {
            let name = word.inner().or_else(|| word.is_name().then_some(word.text));
            let Some(name) = name else {
                if self.take("}") {
                    break;
                }
                if word.is(";") {
                    break;
                }
                self.at += 1;
                continue;
            };
            self.at += 1;
            let optional = self.take("?");
            if !self.take(":") {
                // A declaration that follows one without its end.
                if Self::is_keyword(&word) {
                    self.at -= 1;
                    break;
                }
                continue;
            }
            let Some(of) = self.of(depth + 1) else { continue };
            let (name, bytes) = (name.to_owned(), word.bytes());
            let says = self.behind();
            attributes.push(Attribute { name, optional, of, says, bytes });
        }
        attributes
    }

    /// The comment on the line of what was read last.
    fn behind(&self) -> String {
        let end = self.at.checked_sub(1).and_then(|at| self.words.get(at)).map_or(0, Word::end);
        let rest = self.text.get(end..).unwrap_or("").lines().next().unwrap_or("");
        let rest = rest.trim_start_matches([',', ' ', '\t']);
        rest.strip_prefix("//").unwrap_or("").trim().to_owned()
    }

    /// The comments on the lines right above.
    fn above(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or("");
        let lines = before.trim_end_matches([' ', '\t']).lines().rev().map(str::trim);
        let mut comments: Vec<&str> =
            lines.map_while(|line| line.strip_prefix("//")).map(str::trim).collect();
        comments.reverse();
        comments.join(" ")
    }
}

#[cfg(test)]
mod tests;
