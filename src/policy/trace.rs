//! Why one policy applies to a question or does not: each part of its scope and condition, with the value it took.
//!
//! Parts are told in the author's words and by their place in the file, so that a person can find what failed and a
//! test run can count what was never tried. A part is the same in every trace of a policy: its span is its name.
//! INVARIANT: a trace ends as the evaluation of the request does (`tests::tracing`).
//! Never: decides. It names no type of Cedar's evaluator either: `src/policy/engine/parts.rs` walks the policy.

use std::sync::Arc;

use crate::limits;
use crate::problem::Place;

use super::PolicyIx;

/// A piece of a policy file, in bytes: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// What a part of a policy was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be evaluated; Cedar says why.
    Error(Box<str>),
    /// What stands before it had settled the matter.
    Unseen,
}

/// How a part is made, or what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKind {
    /// The scope's word about the principal.
    Principal,
    /// The scope's word about the action.
    Action,
    /// The scope's word about the resource.
    Resource,
    /// What the loader added so that tenants are apart.
    Guard,
    /// Operands joined by `&&`, in order.
    All,
    /// Operands joined by `||`, in order.
    Any,
    /// `!` and what it negates.
    Not,
    /// A clause `unless { … }` and what stands in it.
    Unless,
    /// `if`, `then`, `else`, in this order.
    If,
    /// One test, not made of others.
    Test,
}

/// Something that a test looks at, and what it found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What is looked at, in Cedar's words: `principal.tenant.status`.
    pub text: String,
    /// What stood there, as Cedar writes it; `None` where there is no such thing.
    pub value: Option<String>,
    /// Where the test asks what it is `in`: all of the wanted kind that it is in, sorted, at most
    /// [`limits::TRACE_WITHIN_MAX`].
    pub within: Vec<String>,
}

/// One part of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How it is made.
    pub kind: PartKind,
    /// Where it stands in the policy's file; nothing for what does not stand there.
    pub span: Option<Span>,
    /// What it was found to be.
    pub value: Seen,
    /// What it looks at, where it was looked at and is not made of others.
    pub reads: Vec<Read>,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// The whole text of the file, for what stands there word for word.
    pub(super) file_text: Option<Arc<str>>,
    /// The words of what does not.
    pub(super) words: Box<str>,
}

impl Part {
    /// Its text in Cedar's words, in one line, at most [`limits::TRACE_TEXT_CHARS_MAX`] characters.
    #[must_use]
    pub fn text(&self) -> String {
        let written = || self.file_text.as_deref()?.get(self.span?.start..self.span?.end);
        one_line(if self.words.is_empty() { written().unwrap_or("") } else { &self.words })
    }

    /// Itself and all that it is made of, itself first.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        let mut open = vec![self];
        std::iter::from_fn(move || {
            let part = open.pop()?;
            open.extend(part.parts.iter().rev());
            Some(part)
        })
    }

    /// The smallest parts that made this one other than true.
    fn failing<'p>(&'p self, found: &mut Vec<&'p Part>) {
        match self.kind {
            PartKind::All => {
                let last = self.parts.iter().find(|part| part.value != Seen::True);
                last.into_iter().for_each(|part| part.failing(found));
            }
            PartKind::Any => {
                let erred = self.parts.iter().find(|part| matches!(part.value, Seen::Error(_)));
                match erred {
                    Some(part) => part.failing(found),
                    None => self.parts.iter().for_each(|part| part.failing(found)),
                }
            }
            PartKind::If => match self.parts.as_slice() {
                [test, _, _] if matches!(test.value, Seen::Error(_)) => test.failing(found),
                [test, then, _] if test.value == Seen::True => then.failing(found),
                [_, _, otherwise] => otherwise.failing(found),
                _ => found.push(self),
            },
            // What is negated held; the negation as a whole is what failed.
            PartKind::Not | PartKind::Unless => match self.parts.first() {
                Some(inner) if matches!(inner.value, Seen::Error(_)) => inner.failing(found),
                Some(_) | None => found.push(self),
            },
            PartKind::Principal
            | PartKind::Action
            | PartKind::Resource
            | PartKind::Guard
            | PartKind::Test => found.push(self),
        }
    }

    /// All that it and its parts looked at, each once.
    #[must_use]
    pub fn all_reads(&self) -> Vec<&Read> {
        let mut reads: Vec<&Read> = Vec::new();
        for read in self.all().flat_map(|part| &part.reads) {
            if !reads.contains(&read) {
                reads.push(read);
            }
        }
        reads
    }
}

/// How a policy fell out for one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It applies: a permit permits, a forbid forbids.
    Applies,
    /// Its scope or its condition does not hold.
    Stopped,
    /// It could not be evaluated, which denies.
    Errs,
}

/// One policy put to one question, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Which policy.
    pub policy: PolicyIx,
    /// How it fell out.
    pub fate: Fate,
    /// Principal, action, resource: each by itself, whatever the others are.
    pub scope: Vec<Part>,
    /// The guard, then the author's condition; all must hold, and one is looked at where those before it hold. There
    /// are at most [`limits::TRACE_PARTS_MAX`] parts; where there would be more, a part is told whole.
    pub conditions: Vec<Part>,
    /// Where the policy stands.
    pub(super) place: Place,
    /// The file of its text: for a link the template's.
    pub(super) file: Arc<str>,
}

impl Trace {
    /// Where a part of it stands: the policy's own place for what stands nowhere.
    #[must_use]
    pub fn place(&self, part: &Part) -> Place {
        match (&part.file_text, part.span) {
            (Some(text), Some(span)) => {
                Place::span(Arc::clone(&self.file), text, span.start, span.end.saturating_sub(span.start))
            }
            (None, _) | (_, None) => self.place.clone(),
        }
    }

    /// All parts of scope and condition, each before what it is made of.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.scope.iter().chain(&self.conditions).flat_map(Part::all)
    }

    /// What of the author's condition made it apply, where it does: each part that holds, and of an `unless` the
    /// smallest parts that did not.
    #[must_use]
    pub fn holding(&self) -> Vec<&Part> {
        let mut found = Vec::new();
        let own = self.conditions.iter().filter(|part| part.kind != PartKind::Guard);
        for part in own.filter(|_| self.fate == Fate::Applies) {
            match part.parts.first().filter(|_| part.kind == PartKind::Unless) {
                Some(inner) => inner.failing(&mut found),
                None => found.push(part),
            }
        }
        found
    }

    /// The smallest parts that kept it from applying; none where it applies.
    #[must_use]
    pub fn failing(&self) -> Vec<&Part> {
        let not_so = |part: &&Part| part.value != Seen::True;
        let mut found: Vec<&Part> = self.scope.iter().filter(not_so).collect();
        if found.is_empty() {
            let first = self.conditions.iter().find(not_so);
            first.into_iter().for_each(|part| part.failing(&mut found));
        }
        found
    }
}

/// A text without line breaks and comments, cut where it is long.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    let mut chars = text.trim().chars().peekable();
    let mut left = limits::TRACE_TEXT_CHARS_MAX;
    while let Some(c) = chars.next() {
        if left == 0 {
            out.push('…');
            break;
        }
        if !quoted && c == '/' && chars.peek() == Some(&'/') {
            chars.by_ref().find(|c| *c == '\n');
            continue;
        }
        if !quoted && c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
                left -= 1;
            }
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        out.push(if c.is_control() { ' ' } else { c });
        left -= 1;
    }
    out
}
