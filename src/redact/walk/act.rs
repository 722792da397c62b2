//! What is done with a value: it is replaced, read as the document that it holds, or says whose a row is.
//!
//! Never: lets out a byte of a value before what is done with it is known.

use std::ops::Range;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::mask::Made;
use crate::redact::mask::Scalar;
use crate::redact::plan::Act;
use crate::redact::plan::Counts;
use crate::redact::plan::Document;
use crate::redact::plan::Plan;
use crate::redact::plan::Rule;
use crate::redact::text;
use crate::redact::walk::Kind;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Walk;
use crate::redact::walk::document::Read;
use crate::redact::walk::document::begins_a_document;
use crate::redact::walk::document::may_begin_a_document;

/// What is kept of a value that has to be looked at.
#[derive(Debug)]
pub(super) struct Captured {
    what: What,
    /// Does it say whose the row is?
    is_owner: bool,
    is_text: bool,
    is_long: bool,
    raw: Vec<u8>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy)]
enum What {
    Stays,
    /// It stays, but for what is found in it.
    Searched,
    /// It counts rows, of which some were taken out.
    Counted,
    /// It is masked by the act of this number.
    Masked(u16),
    /// The document in it is read as if it stood at this state. It may be none, unless the route says that it is one.
    Read {
        from: StateIx,
        is_declared: bool,
        /// What is neither object nor array is hidden itself.
        hides_rest: bool,
    },
}

impl Walk {
    /// Begins what is done with the value at `at`, by the number of its act.
    #[inline(never)]
    pub(super) fn act(
        &mut self,
        plan: &Plan,
        number: u16,
        set: u16,
        bytes: &[u8],
        at: usize,
    ) -> Result<(), Malformed> {
        let first = bytes.get(at).copied().unwrap_or_default();
        let act = if number == 0 { &Act::default() } else { plan.act(number) };
        let is_hidden = self.hidden_at != NOWHERE;
        let reads = act.document != Document::No && first == b'"';
        self.begin_inner_row(act, first);
        if !is_hidden {
            self.begin_row(act, bytes, at)?;
            match act.mask.as_ref().filter(|_| !reads) {
                Some(rule) => self.hide(number, rule, plan, set, bytes, at)?,
                None => self.keep_member(bytes, at)?,
            }
        }
        if act.owner {
            self.begin_owner(first);
        }
        if act.counts != Counts::No && act.mask.is_none() && !is_hidden {
            self.begin_count(act.counts, first, bytes, at)?;
        }
        if reads && !is_hidden {
            self.read(bytes, at + 1, true, act.document == Document::OfTheRest);
        }
        Ok(())
    }

    /// Looks whether a string, of which the first byte would stand at `from`, may hold a document that nothing says it
    /// does. Where the piece ends before that byte, the next one is asked.
    pub(super) fn look(&mut self, plan: &Plan, bytes: &[u8], from: usize) {
        if !plan.looks || self.hidden_at != NOWHERE || self.next == DEAD && !plan.finds {
            return;
        }
        match bytes.get(from) {
            Some(b'{' | b'[' | b'\\' | b' ' | 0xef) => self.read(bytes, from, false, false),
            Some(_) => {}
            None => self.look_later = true,
        }
    }

    /// Keeps back the text of a string, to read the document in it. Its quote leaves.
    fn read(&mut self, bytes: &[u8], from: usize, is_declared: bool, hides_rest: bool) {
        self.watch();
        self.hidden_at = self.around.len();
        self.output.hide(bytes, from);
        self.capture_as(What::Read { from: self.next, is_declared, hides_rest }, true);
    }

    /// Keeps back the text of a string, of which the first byte stands at `from`, to search it. Its quote leaves.
    pub(super) fn keep_back(&mut self, bytes: &[u8], from: usize) {
        if self.hidden_at == NOWHERE {
            self.watch();
            self.hidden_at = self.around.len();
            self.output.hide(bytes, from);
            self.capture_as(What::Searched, true);
        }
    }

    /// Writes the text of a string that was kept back, but for what is found in it.
    fn searched(&mut self, plan: &Plan, bytes: &[u8], raw: &[u8], is_long: bool) {
        let found = if plan.finds { self.found_in(plan, bytes, raw, is_long) } else { None };
        let out = self.output.replacement(bytes);
        out.extend_from_slice(found.as_deref().unwrap_or(raw));
        out.push(b'"');
    }

    pub(super) const fn watch(&mut self) {
        self.watched_at = self.around.len();
    }

    fn capture_as(&mut self, what: What, is_text: bool) {
        // What says whose a row is may be masked as well.
        match &mut self.captured {
            Some(captured) => captured.what = what,
            None => {
                self.captured =
                    Some(Captured { what, is_owner: false, is_text, is_long: false, raw: Vec::new() });
            }
        }
    }

    /// What says whose the row is begins.
    fn begin_owner(&mut self, first: u8) {
        let Some(row) = &mut self.row else { return };
        if !matches!(first, b'"' | b'-' | b'0'..=b'9') {
            row.is_foreign = true;
            return;
        }
        self.watch();
        if self.captured.is_none() {
            self.capture_as(What::Stays, first == b'"');
        }
        if let Some(captured) = &mut self.captured {
            captured.is_owner = true;
        }
    }

    /// A number of rows begins, from which those are taken that have been taken out.
    fn begin_count(&mut self, counts: Counts, first: u8, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        self.counted = counts;
        if self.foreign == 0 || self.owner.is_none() {
            return Ok(());
        }
        if counts == Counts::All {
            return Err(Malformed::ForeignRow { at: self.position(at) });
        }
        self.watch();
        self.hidden_at = self.around.len();
        self.output.hide(bytes, at);
        match first {
            b'"' | b'0'..=b'9' => self.capture_as(What::Counted, first == b'"'),
            _ => self.output.replacement(bytes).extend(b"null"),
        }
        Ok(())
    }

    fn hide(
        &mut self,
        number: u16,
        rule: &Rule,
        plan: &Plan,
        set: u16,
        bytes: &[u8],
        at: usize,
    ) -> Result<(), Malformed> {
        self.watch();
        self.hidden_at = self.around.len();
        self.count(plan, set);
        if *rule == Rule::Drop && self.output.is_holding() {
            return self.output.drop_held(bytes, at).map_err(|why| self.too_much(why, at));
        }
        self.keep_member(bytes, at)?;
        self.output.hide(bytes, at);
        let first = bytes.get(at).copied().unwrap_or_default();
        match rule {
            Rule::Drop => self.output.replacement(bytes).extend(b"null"),
            Rule::Text(text) => self.output.replacement(bytes).extend_from_slice(text),
            Rule::Typed => self.output.replacement(bytes).extend_from_slice(mask::typed(first)),
            Rule::Made(made) if made.looks_at(first) => self.capture_as(What::Masked(number), first == b'"'),
            Rule::Made(_) => self.output.replacement(bytes).extend(mask::quoted(mask::REDACTED)),
        }
        Ok(())
    }

    /// Hides a text, a number or a literal that is whole, where nothing else is done with it and nothing has to be read for
    /// it. Is it so?
    #[inline(always)]
    pub(super) fn hide_at_once(
        &mut self,
        plan: &Plan,
        (act, set): (u16, u16),
        bytes: &[u8],
        range: Range<usize>,
        first: u8,
    ) -> Result<bool, Malformed> {
        if self.hidden_at != NOWHERE || self.row.is_some() || self.top.rows() {
            return Ok(false);
        }
        let Some(rule) = plan.act(act).hides_only() else { return Ok(false) };
        let with = match rule {
            Rule::Text(text) => text,
            Rule::Typed => mask::typed(first),
            Rule::Made(made) => return self.make_at_once(plan, (made, set), bytes, range, first),
            Rule::Drop => return Ok(false),
        };
        self.keep_member(bytes, range.start)?;
        self.count(plan, set);
        self.output.replace(bytes, range).extend_from_slice(with);
        Ok(true)
    }

    /// The same where what hides the value is made of it, if no escape stands in it.
    #[inline(never)]
    fn make_at_once(
        &mut self,
        plan: &Plan,
        (made, set): (&Made, u16),
        bytes: &[u8],
        range: Range<usize>,
        first: u8,
    ) -> Result<bool, Malformed> {
        let raw = bytes.get(range.clone()).unwrap_or_default();
        let inside = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        let text = str::from_utf8(inside.unwrap_or(raw)).ok();
        let is_plain = |text: &&str| {
            text.len() <= limits::MASKED_VALUE_BYTES_MAX && memchr::memchr(b'\\', text.as_bytes()).is_none()
        };
        let Some(text) = text.filter(is_plain) else { return Ok(false) };
        self.keep_member(bytes, range.start)?;
        self.count(plan, set);
        let out = self.output.replace(bytes, range);
        let value = if inside.is_some() { Scalar::Text(text) } else { Scalar::Number(text) };
        if made.looks_at(first) {
            made.write(plan.key.as_ref(), value, out);
        } else {
            out.extend(mask::quoted(mask::REDACTED));
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn count(&mut self, plan: &Plan, set: u16) {
        match &mut self.row {
            None if let Some(count) = self.counts.get_mut(usize::from(set)) => *count += 1,
            Some(_) | None => self.count_first(plan, set),
        }
    }

    #[cold]
    fn count_first(&mut self, plan: &Plan, set: u16) {
        let counts = match &mut self.row {
            Some(row) => &mut row.counts,
            None => &mut self.counts,
        };
        if counts.is_empty() {
            counts.resize(plan.shape.sets.len(), 0);
        }
        if let Some(count) = counts.get_mut(usize::from(set)) {
            *count += 1;
        }
    }

    /// A value that was watched ends before `at`.
    #[cold]
    pub(super) fn ended(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        let depth = self.around.len();
        if let Some(captured) = self.captured.take() {
            self.replace(plan, captured, bytes, at)?;
        }
        if self.hidden_at == depth {
            self.hidden_at = NOWHERE;
            self.output.resume(at);
        }
        if let Some(row) = &mut self.row {
            row.end_inner(depth);
            if row.depth == depth {
                self.end_row(plan, bytes, at)?;
            }
        }
        // Only rows can go on around what has ended, or a value that is hidden with what it holds.
        self.watched_at = match &self.row {
            Some(row) if self.hidden_at == NOWHERE => row.innermost(),
            Some(row) => self.hidden_at.max(row.innermost()),
            None => self.hidden_at,
        };
        Ok(())
    }

    /// Writes what replaces a value that was looked at. One that is too long, or no text, is hidden whole.
    fn replace(&mut self, plan: &Plan, captured: Captured, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        let Captured { what, is_owner, is_text, is_long, raw } = captured;
        let text = if is_text { text::unescape(&raw) } else { str::from_utf8(&raw).ok().map(str::to_owned) };
        let text = text.filter(|_| !is_long);
        if is_owner && let Some(row) = &mut self.row {
            row.owner(text.as_deref(), self.owner.as_deref());
        }
        let redacted = || mask::quoted(mask::REDACTED);
        match what {
            What::Stays => {}
            What::Counted => {
                let count = text.and_then(|text| text.parse::<u64>().ok()?.checked_sub(self.foreign));
                let out = self.output.replacement(bytes);
                out.extend(match count.map(|count| count.to_string()) {
                    None => b"null".to_vec(),
                    Some(count) if is_text => mask::quoted(&count),
                    Some(count) => count.into(),
                });
            }
            What::Searched => self.searched(plan, bytes, &raw, is_long),
            What::Masked(number) => {
                let out = self.output.replacement(bytes);
                match (&plan.act(number).mask, text) {
                    (Some(Rule::Made(made)), Some(text)) => {
                        let value = if is_text { Scalar::Text(&*text) } else { Scalar::Number(&*text) };
                        made.write(plan.key.as_ref(), value, out);
                    }
                    _ => out.extend(redacted()),
                }
            }
            What::Read { from, is_declared, hides_rest } => {
                let read = match text {
                    Some(text) if hides_rest && !begins_a_document(&text) => None,
                    Some(text) => self.document(plan, from, is_declared, text, at)?,
                    // No text, and so no document to those who tell.
                    None if !is_declared && !is_long && !may_begin_a_document(&raw) => Some(Read::Same),
                    None => None,
                };
                let quoted = match read {
                    Some(Read::Same) => {
                        self.searched(plan, bytes, &raw, is_long);
                        return Ok(());
                    }
                    Some(Read::Other(text)) => mask::quoted(&text),
                    None => redacted(),
                };
                // The opening quote has left.
                self.output.replacement(bytes).extend(quoted.into_iter().skip(1));
            }
        }
        Ok(())
    }
}

impl Captured {
    pub(super) fn add(&mut self, part: &[u8]) {
        self.is_long |= self.raw.len() + part.len() > limits::MASKED_VALUE_BYTES_MAX;
        if self.is_long {
            self.raw = Vec::new();
        } else {
            self.raw.extend_from_slice(part);
        }
    }
}

impl Kind {
    /// Is a value here all there is?
    pub(super) const fn is_body(self) -> bool {
        matches!(self, Self::Body)
    }
}
