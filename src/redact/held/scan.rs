//! The scan of a held document, strings that hold documents included, for the values that a plan hides.
//!
//! Never: tells a value. Places in strings are told, but nothing can be taken out there.

use bytes::Bytes;

use crate::limits;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::automaton::StateIx;
use crate::redact::plan::Document;
use crate::redact::text;
use crate::redact::walk;

use super::Member;
use super::Place;
use super::step;
use super::strict;

/// The scan of one document.
pub(super) struct Scan<'a> {
    plan: &'a Plan,
    json: &'a [u8],
    at: usize,
    pointer: String,
    depth: usize,
    /// In how many strings this document stands.
    level: u8,
    found: Vec<Place>,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(plan: &'a Plan, json: &'a [u8]) -> Self {
        Self { plan, json, at: 0, pointer: String::new(), depth: 0, level: 0, found: Vec::new() }
    }

    /// Reads a document that stands at this state.
    pub(super) fn read(mut self, state: StateIx) -> Vec<Place> {
        self.value(state, None);
        self.found
    }

    /// Reads the document that a string holds which began at `start`, if it is one. Nothing can be taken out of it.
    fn inside(&mut self, text: &str, state: StateIx, set: u16, start: usize) {
        let number = self.plan.act_of(set);
        let reads = self.plan.looks || number != 0 && self.plan.act(number).document != Document::No;
        if !reads || self.level >= limits::JSON_IN_STRINGS_MAX || !walk::may_hold_a_document(text) {
            return;
        }
        let Ok(text) = strict(&Bytes::copy_from_slice(text.as_bytes())) else { return };
        let (pointer, level) = (self.pointer.clone(), self.level + 1);
        let scan = Scan { pointer, level, ..Scan::new(self.plan, &text) };
        let within = |place: Place| Place { value: start..self.at, member: None, ..place };
        self.found.extend(scan.read(state).into_iter().map(within));
    }

    fn peek(&mut self) -> u8 {
        self.at = text::skip_space(self.json, self.at);
        self.json.get(self.at).copied().unwrap_or_default()
    }

    /// Reads one value, which stands at this state and in this member.
    fn value(&mut self, next: StateIx, member: Option<Member>) {
        let first = self.peek();
        let state = self.plan.shape.state(next);
        let (set, inner) = state.of(first);
        let start = self.at;
        let is_hidden = self.plan.hides(set);
        let known = self.found.len();
        self.depth += 1;
        match first {
            _ if self.depth > limits::JSON_DEPTH_MAX + 1 => self.at = self.json.len(),
            b'{' => self.object(inner),
            b'[' => self.array(inner),
            b'"' => {
                let text = self.string();
                self.inside(&text.unwrap_or_default(), next, set, start);
            }
            _ => {
                let rest = self.json.get(self.at..).unwrap_or_default();
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'));
                self.at += end.unwrap_or(rest.len());
            }
        }
        self.depth -= 1;
        if is_hidden {
            self.found.truncate(known);
            let set = self.plan.shape.sets.get(usize::from(set));
            let of_set = |class: &ClassIx| set.is_some_and(|set| set.contains(*class));
            let value = start..self.at;
            let raw = self.json.get(value.clone()).unwrap_or_default();
            // An item that is dropped leaves `null`; a member that is may be set to that.
            let makes = |mask: &Mask| {
                mask.may_have_made(raw) || *mask == Mask::Drop && raw == b"null" && member.is_none()
            };
            let hidden = || self.plan.hidden().filter(|(class, _)| of_set(class));
            let is_echo = hidden().any(|(_, mask)| makes(mask));
            let classes = hidden().map(|(class, _)| class).collect();
            self.found.push(Place { pointer: self.pointer.clone(), classes, value, member, is_echo });
        }
    }

    fn object(&mut self, state: StateIx) {
        let object = self.at;
        self.at += 1;
        let (mut after, mut index) = (self.at, 0);
        while self.peek() == b'"' {
            let (start, known, before) = (self.at, self.found.len(), self.pointer.len());
            let key = self.string();
            self.peek();
            self.at += 1;
            // A key that spells nothing was refused before.
            let key = key.unwrap_or_default();
            let next = self.plan.shape.member(state, key.as_bytes());
            self.pointer.push('/');
            self.pointer.push_str(step(&key));
            self.value(next, Some(Member { object, index, after, start, next: 0 }));
            self.pointer.truncate(before);
            let end = self.at;
            if self.peek() == b',' {
                self.at += 1;
                self.peek();
            }
            let next = if self.json.get(self.at) == Some(&b'"') { self.at } else { end };
            let of_this = |place: &&mut Place| place.value.end == end;
            let own = self.found.get_mut(known).filter(of_this).and_then(|place| place.member.as_mut());
            if let Some(member) = own.filter(|member| member.start == start) {
                member.next = next;
            }
            (after, index) = (end, index + 1);
        }
        self.at += 1;
    }

    fn array(&mut self, state: StateIx) {
        self.at += 1;
        let mut number = 0_usize;
        while !matches!(self.peek(), b']' | 0) {
            let before = self.pointer.len();
            self.pointer.push_str(&format!("/{number}"));
            self.value(state, None);
            self.pointer.truncate(before);
            number += 1;
            if self.peek() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// Reads a string; what it spells.
    fn string(&mut self) -> Option<String> {
        let start = self.at + 1;
        self.at = start;
        while let Some(byte) = self.json.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let raw = self.json.get(start..self.at).unwrap_or_default();
        self.at += 1;
        text::unescape(raw)
    }
}
