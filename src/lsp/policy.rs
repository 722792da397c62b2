//! The policies of a Cedar text by their words, also of one that is only half written: what stands at a place, and of
//! which types something is.
//!
//! Never: fails, or judges; Cedar does.

use std::ops::Range;

use crate::limits;

use super::vocabulary::Attribute;
use super::vocabulary::Type;
use super::vocabulary::Vocabulary;
use super::vocabulary::What;
use super::words::Kind;
use super::words::Word;
use super::words::words;

/// What stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    /// A policy, by its id.
    Policy(String),
    /// `Type::"id"`.
    Entity(String, String),
    /// A type.
    Type(String),
    /// An attribute: of which types it is, and its name.
    Attribute(Vec<Type>, String),
    /// `principal`, `resource`, `context`: of these types here.
    Variable(String, Vec<Type>),
    /// The name of an annotation.
    Annotation(String),
    /// The name of a pathway.
    Pathway(String),
    /// A name of a section of the same test file.
    Local(&'static str, String),
}

/// One policy, its comments left out.
#[derive(Debug, Clone)]
pub(super) struct Policy<'t> {
    pub(super) words: Vec<Word<'t>>,
    /// Where `permit` or `forbid` stands among them.
    pub(super) effect: Option<usize>,
}

/// Which part of a policy a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Before `permit` or `forbid`.
    Head,
    /// Between the brackets: of the principal, the action, the resource.
    Scope,
    /// In a condition.
    Condition,
}

/// All policies of a text.
pub(super) fn policies(text: &str) -> Vec<Policy<'_>> {
    let mut found = Vec::new();
    let mut now = Policy { words: Vec::new(), effect: None };
    let comments = |word: &Word<'_>| word.kind != Kind::Comment;
    for word in words(text).into_iter().filter(comments) {
        // A policy ends with `;`; where that is missing, the next one's head shows that it is over.
        let is_effect = word.is_name() && ["permit", "forbid"].contains(&word.text);
        if now.effect.is_some() && (word.is("@") || is_effect) {
            found.push(std::mem::replace(&mut now, Policy { words: Vec::new(), effect: None }));
        }
        if is_effect {
            now.effect = Some(now.words.len());
        }
        now.words.push(word);
        if word.is(";") {
            found.push(std::mem::replace(&mut now, Policy { words: Vec::new(), effect: None }));
        }
    }
    if !now.words.is_empty() {
        found.push(now);
    }
    found
}

impl<'t> Policy<'t> {
    pub(super) fn bytes(&self) -> Range<usize> {
        let at = self.words.first().map_or(0, |word| word.at);
        at..self.words.last().map_or(at, Word::end)
    }

    fn get(&self, at: usize) -> Option<&Word<'t>> {
        self.words.get(at)
    }

    /// The word so many before one.
    fn before(&self, at: usize, many: usize) -> Option<&Word<'t>> {
        self.words.get(at.checked_sub(many)?)
    }

    fn is(&self, at: Option<usize>, sign: &str) -> bool {
        at.and_then(|at| self.words.get(at)).is_some_and(|word| word.is(sign))
    }

    /// The text of an annotation.
    pub(super) fn annotation(&self, name: &str) -> Option<Word<'t>> {
        let head = self.words.get(..self.effect.unwrap_or(self.words.len()))?;
        let found = head.windows(4).find_map(|words| match words {
            [sign, key, open, value] if sign.is("@") && key.is(name) && open.is("(") => Some(value),
            _ => None,
        });
        found.copied().filter(|word| word.kind == Kind::Text)
    }

    pub(super) fn id(&self) -> Option<&'t str> {
        self.annotation("id")?.inner()
    }

    /// Where the brackets of the scope open and close among the words; the end where the second is missing.
    fn scope(&self) -> Option<(usize, usize)> {
        let open = self.effect? + 1;
        self.is(Some(open), "(").then_some(())?;
        let mut depth = 0_usize;
        for (at, word) in self.words.iter().enumerate().skip(open) {
            depth += usize::from(word.is("("));
            depth -= usize::from(word.is(")"));
            if depth == 0 {
                return Some((open, at));
            }
        }
        Some((open, self.words.len()))
    }

    /// In which part a byte is, and for the scope behind which of its variables.
    pub(super) fn part(&self, byte: usize) -> (Part, Option<&'t str>) {
        let Some((open, close)) = self.scope() else { return (Part::Head, None) };
        let begins = self.get(open).map_or(0, Word::end);
        let ends = self.get(close).map_or(usize::MAX, |word| word.at);
        if byte < begins {
            return (Part::Head, None);
        }
        if byte > ends {
            return (Part::Condition, None);
        }
        let inside = self.words.get(open..close).unwrap_or_default();
        let variables = inside.iter().filter(|word| word.end() <= byte && is_variable(word));
        (Part::Scope, variables.map(|word| word.text).next_back())
    }

    /// The words of one variable in the scope: `action in [ … ]`.
    fn scope_of(&self, variable: &str) -> &[Word<'t>] {
        let Some((open, close)) = self.scope() else { return &[] };
        let inside = self.words.get(open..close).unwrap_or_default();
        let Some(from) = inside.iter().position(|word| word.is(variable)) else { return &[] };
        let rest = inside.get(from + 1..).unwrap_or_default();
        let to = rest.iter().position(is_variable).unwrap_or(rest.len());
        rest.get(..to).unwrap_or_default()
    }

    /// The types that a variable may be of in this policy: as the actions of the scope have it, and the scope itself.
    pub(super) fn types_of(&self, variable: &str, known: &Vocabulary) -> Vec<Type> {
        let scope = self.scope_of(variable);
        let said = scope.windows(2).find_map(|words| match words {
            [is, of] if (is.is("is") || is.is("==")) && of.is_name() => Some(of.text),
            _ => None,
        });
        if let Some(said) = said.filter(|said| known.entity(said).is_some()) {
            return vec![Type::Named(said.to_owned())];
        }
        let named = self.scope_of("action").iter().filter_map(Word::inner);
        let mut actions: Vec<_> = named.flat_map(|name| known.members(name)).collect();
        if actions.is_empty() {
            actions = known.actions().collect();
        }
        let mut types: Vec<Type> = Vec::new();
        for action in actions {
            let What::Action(asked) = &action.what else { continue };
            let named = |names: &[String]| names.iter().cloned().map(Type::Named).collect::<Vec<_>>();
            let more = match variable {
                "principal" => named(&asked.principals),
                "resource" => named(&asked.resources),
                "context" => asked.context.iter().cloned().collect(),
                _ => Vec::new(),
            };
            types.extend(more.into_iter().filter(|of| !types.contains(of)).collect::<Vec<_>>());
        }
        types
    }

    /// The types of what ends with the word at `end`: `principal.tenant`, `Tenant::"acme"`, `principal has tenant`.
    pub(super) fn types_at(&self, end: usize, known: &Vocabulary) -> Vec<Type> {
        // From the last link back to what the chain begins with. Longer ones no policy may have.
        let (mut links, mut at) = (Vec::new(), end);
        while links.len() <= limits::POLICY_CHAIN_MAX
            && self.before(at, 1).is_some_and(|word| word.is(".") || word.is("has"))
            && let Some(link) = self.get(at).filter(|word| word.is_name())
            && let Some(before) = at.checked_sub(2)
        {
            links.push(link.text);
            at = before;
        }
        let Some(first) = self.get(at) else { return Vec::new() };
        let mut types = if first.kind == Kind::Text {
            self.entity(at).map(|(of, _, _)| vec![Type::Named(of)]).unwrap_or_default()
        } else if is_variable(first) {
            self.types_of(first.text, known)
        } else {
            Vec::new()
        };
        for link in links.iter().rev() {
            types =
                types.iter().filter_map(|of| attribute(known, of, link)).map(|one| one.of.clone()).collect();
        }
        types
    }

    /// The entity whose id is the word at `at`: its type, its id, its bytes.
    pub(super) fn entity(&self, at: usize) -> Option<(String, String, Range<usize>)> {
        let word = self.get(at)?;
        let (of, from) = self.path_before(at)?;
        Some((of, word.inner()?.to_owned(), from..word.end()))
    }

    /// The path that ends with the `::` right before a word: `A::B` of `A::B::"c"`.
    fn path_before(&self, at: usize) -> Option<(String, usize)> {
        let (mut path, mut at) = (Vec::new(), at);
        while self.is(at.checked_sub(1), "::") {
            at = at.checked_sub(2)?;
            let name = self.get(at).filter(|word| word.is_name())?;
            path.push(name);
        }
        let from = path.last()?.at;
        let names: Vec<&str> = path.iter().rev().map(|word| word.text).collect();
        Some((names.join("::"), from))
    }

    /// What stands at a byte, and where.
    pub(super) fn thing(&self, byte: usize, known: &Vocabulary) -> Option<(Thing, Range<usize>)> {
        let at = self.words.iter().position(|word| word.touches(byte) && word.kind != Kind::Sign)?;
        let word = self.get(at)?;
        if word.kind == Kind::Text {
            if let Some((of, id, bytes)) = self.entity(at) {
                return Some((Thing::Entity(of, id), bytes));
            }
            let is_id = self.annotation("id").is_some_and(|id| id.at == word.at);
            return is_id.then(|| (Thing::Policy(word.inner().unwrap_or("").to_owned()), word.bytes()));
        }
        if !word.is_name() {
            return None;
        }
        let behind = |sign: &str| self.is(at.checked_sub(1), sign);
        let name = || word.text.to_owned();
        let thing = if behind("@") {
            match self.id().filter(|_| word.text == "id") {
                Some(id) => Thing::Policy(id.to_owned()),
                None => Thing::Annotation(name()),
            }
        } else if Some(at) == self.effect {
            Thing::Policy(self.id()?.to_owned())
        } else if behind(".") || behind("has") {
            let of = at.checked_sub(2).map_or_else(Vec::new, |end| self.types_at(end, known));
            Thing::Attribute(of, name())
        } else if is_variable(word) {
            Thing::Variable(name(), self.types_of(word.text, known))
        } else {
            let (before, _) = self.path_before(at).unwrap_or_default();
            let full = if before.is_empty() { name() } else { format!("{before}::{}", word.text) };
            known.entity(&full)?;
            Thing::Type(full)
        };
        Some((thing, word.bytes()))
    }
}

fn is_variable(word: &Word<'_>) -> bool {
    word.is_name() && ["principal", "action", "resource", "context"].contains(&word.text)
}

/// An attribute of a type.
pub(super) fn attribute<'v>(known: &'v Vocabulary, of: &'v Type, name: &str) -> Option<&'v Attribute> {
    known.attributes(of).iter().find(|one| one.name == name)
}

/// The policy that a byte stands in, or right behind.
pub(super) fn policy_at<'t>(all: Vec<Policy<'t>>, byte: usize) -> Option<Policy<'t>> {
    all.into_iter().rfind(|one| one.bytes().start <= byte)
}
