//! The words of a YAML or JSON text with the keys that lead to each, also of one that is only half written.
//!
//! By indentation and brackets alone; whether the text is YAML its reader says. Of anchors, tags and complex keys it
//! knows nothing: nothing is offered there. Never: fails.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::limits;

/// One step on the way to a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'t> {
    /// Into the value of a key.
    Key(Cow<'t, str>),
    /// Into an item of a list.
    Item,
}

impl Step<'_> {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Item => None,
        }
    }
}

/// The way to a word: its last step, and the way to that. All words below a step share it, so that a word costs the same
/// however deep it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Way<'t>(Option<Rc<Leg<'t>>>);

#[derive(Debug, PartialEq, Eq)]
struct Leg<'t> {
    before: Way<'t>,
    step: Step<'t>,
    length: usize,
}

impl<'t> Way<'t> {
    fn length(&self) -> usize {
        self.0.as_ref().map_or(0, |leg| leg.length)
    }

    /// Is it longer than the readers of the files go?
    fn is_too_long(&self) -> bool {
        self.length() > 2 * limits::DOCUMENT_DEPTH_MAX
    }

    /// One step further; where it is too long already, it stays so: whoever frees a way goes along it.
    fn then(&self, step: Step<'t>) -> Self {
        if self.is_too_long() {
            return self.clone();
        }
        Self(Some(Rc::new(Leg { before: self.clone(), step, length: self.length() + 1 })))
    }

    /// Its steps, the outermost first.
    pub(super) fn steps(&self) -> Vec<&Step<'t>> {
        let legs = std::iter::successors(self.0.as_deref(), |leg| leg.before.0.as_deref());
        let mut steps: Vec<_> = legs.map(|leg| &leg.step).collect();
        steps.reverse();
        steps
    }
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The key of a map.
    Key,
    /// A value, or what is on its way to become a key.
    Value,
}

/// A key or a plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar<'t> {
    /// What it says, without quotes.
    pub(super) text: Cow<'t, str>,
    pub(super) role: Role,
    /// The way to it, itself not included.
    pub(super) way: Way<'t>,
    /// Its quotes included.
    pub(super) bytes: Range<usize>,
}

impl<'t> Scalar<'t> {
    /// The keys on the way, items left out.
    pub(super) fn keys(&self) -> Vec<&str> {
        self.way.steps().into_iter().filter_map(Step::key).collect()
    }

    /// The same word of a text that nobody has to keep.
    fn owned(self) -> Scalar<'static> {
        let own = |way: Way<'static>, step: &Step<'_>| {
            way.then(match step {
                Step::Key(key) => Step::Key(Cow::Owned(key.to_string())),
                Step::Item => Step::Item,
            })
        };
        Scalar {
            text: Cow::Owned(self.text.into_owned()),
            role: self.role,
            way: self.way.steps().into_iter().fold(Way::default(), own),
            bytes: self.bytes,
        }
    }
}

/// A block that is open: everything deeper than its indentation stands in it.
struct Open<'t> {
    indent: usize,
    is_item: bool,
    /// The way into it.
    way: Way<'t>,
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open<'t>>,
    found: Vec<Scalar<'t>>,
}

/// All words of a text, in order; of one with more than its reader takes, the first ones.
pub(super) fn scalars(text: &str) -> Vec<Scalar<'_>> {
    let mut scan = Scan { text, at: 0, open: Vec::new(), found: Vec::new() };
    while scan.at < text.len() && scan.has_room() {
        scan.line();
    }
    scan.found
}

/// The word at a byte, as it is when what is being typed there counts as one: its place in the text is that without
/// anything added.
pub(super) fn typed(text: &str, byte: usize) -> Option<Scalar<'static>> {
    const MARK: char = '\u{e000}';
    let (before, after) = (text.get(..byte)?, text.get(byte..)?);
    let marked = format!("{before}{MARK}{after}");
    let mut found = scalars(&marked).into_iter().find(|scalar| scalar.text.contains(MARK))?.owned();
    found.text.to_mut().retain(|c| c != MARK);
    found.bytes.end -= MARK.len_utf8();
    Some(found)
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is: fn(u8) -> bool) {
        while self.byte().is_some_and(is) {
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        self.skip(|byte| byte == b' ' || byte == b'\t');
    }

    fn end_line(&mut self) {
        self.skip(|byte| byte != b'\n');
        self.at += usize::from(self.byte().is_some());
    }

    /// Is the line over, but for a comment?
    fn is_over(&self) -> bool {
        matches!(self.byte(), None | Some(b'\n' | b'\r' | b'#'))
    }

    fn has_room(&self) -> bool {
        self.found.len() < limits::DOCUMENT_NODES_MAX
    }

    /// The way to here.
    fn way(&self) -> Way<'t> {
        self.open.last().map_or_else(Way::default, |open| open.way.clone())
    }

    fn enter(&mut self, indent: usize, step: Step<'t>) {
        let open = Open { indent, is_item: step == Step::Item, way: self.way().then(step) };
        self.open.push(open);
    }

    fn line(&mut self) {
        let start = self.at;
        self.blanks();
        if self.is_over() || self.rest().starts_with(b"---") {
            return self.end_line();
        }
        let mut indent = self.at - start;
        self.close(indent, self.is_dash());
        while self.is_dash() {
            self.enter(indent, Step::Item);
            self.at += 1;
            self.blanks();
            indent = self.at - start;
        }
        self.content(indent);
        self.end_line();
    }

    fn is_dash(&self) -> bool {
        self.rest().starts_with(b"-")
            && matches!(self.rest().get(1), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Leaves the blocks that a line with this indentation does not stand in. A list may stand as deep as its key.
    fn close(&mut self, indent: usize, dash: bool) {
        while let Some(last) = self.open.last() {
            let stays = last.indent < indent || (last.indent == indent && dash && !last.is_item);
            if stays {
                return;
            }
            self.open.pop();
        }
    }

    fn content(&mut self, indent: usize) {
        if self.is_over() {
            return;
        }
        if self.opens() {
            let way = self.way();
            return self.flow(way, indent);
        }
        let Some((text, bytes)) = self.scalar(false) else { return };
        self.blanks();
        if !self.takes_colon() {
            return self.note(text, Role::Value, self.way(), bytes);
        }
        self.note(text, Role::Key, self.way(), bytes);
        self.enter(indent, Step::Key(Cow::Borrowed(text)));
        self.blanks();
        let way = self.way();
        match self.byte() {
            Some(b'|' | b'>') => self.block(indent),
            Some(b'{' | b'[') => self.flow(way, indent),
            Some(b'#' | b'\n' | b'\r') | None => {}
            Some(_) => {
                if let Some((text, bytes)) = self.scalar(false) {
                    self.note(text, Role::Value, way, bytes);
                }
            }
        }
    }

    fn opens(&self) -> bool {
        matches!(self.byte(), Some(b'{' | b'['))
    }

    fn takes_colon(&mut self) -> bool {
        let is = self.byte() == Some(b':');
        self.at += usize::from(is);
        is
    }

    /// Notes a word, unless it stands deeper than the readers of the files go.
    fn note(&mut self, text: &'t str, role: Role, way: Way<'t>, bytes: Range<usize>) {
        if !way.is_too_long() && self.has_room() {
            self.found.push(Scalar { text: Cow::Borrowed(text), role, way, bytes });
        }
    }

    /// A text over several lines: they are all deeper than its key.
    fn block(&mut self, indent: usize) {
        self.end_line();
        while self.at < self.text.len() {
            let start = self.at;
            self.skip(|byte| byte == b' ');
            if !matches!(self.byte(), Some(b'\n' | b'\r')) && self.at - start <= indent {
                self.at = start;
                break;
            }
            self.end_line();
        }
        // The caller ends the line that it is on; this one is to be read.
        self.at = self.at.saturating_sub(1);
    }

    /// `{…}` or `[…]`, over any lines that are deeper than the block that it stands in: a bracket that is still missing
    /// does not swallow the rest of the file.
    fn flow(&mut self, base: Way<'t>, indent: usize) {
        let outermost = self.open.is_empty();
        let mut way = base.clone();
        // The way to each bracket that is open, and that to its members.
        let mut brackets: Vec<(Way<'t>, Way<'t>)> = Vec::new();
        while let Some(byte) = self.byte() {
            match byte {
                b'{' | b'[' => {
                    let members = if byte == b'[' { way.then(Step::Item) } else { way.clone() };
                    brackets.push((way, members.clone()));
                    way = members;
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    if let Some((before, _)) = brackets.pop() {
                        way = before;
                    }
                    if brackets.is_empty() {
                        return;
                    }
                }
                b',' => {
                    self.at += 1;
                    way.clone_from(brackets.last().map_or(&base, |(_, members)| members));
                }
                b'\n' => {
                    self.at += 1;
                    if !outermost && !self.is_deeper(indent) {
                        self.at -= 1;
                        return;
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => self.skip(|byte| byte != b'\n'),
                _ => way = self.member(way),
            }
        }
    }

    fn is_deeper(&self, indent: usize) -> bool {
        let blanks = self.rest().iter().take_while(|byte| **byte == b' ').count();
        match self.rest().get(blanks) {
            None => false,
            Some(b'\n' | b'\r') => true,
            Some(byte) => blanks > indent || (blanks == indent && matches!(byte, b'}' | b']')),
        }
    }

    /// A key or a value; the way to what follows it.
    fn member(&mut self, way: Way<'t>) -> Way<'t> {
        let Some((text, bytes)) = self.scalar(true) else {
            self.at += 1;
            return way;
        };
        self.blanks();
        let is_key = self.takes_colon();
        self.note(text, if is_key { Role::Key } else { Role::Value }, way.clone(), bytes);
        if is_key { way.then(Step::Key(Cow::Borrowed(text))) } else { way }
    }

    /// A word, with or without quotes.
    fn scalar(&mut self, in_flow: bool) -> Option<(&'t str, Range<usize>)> {
        let from = self.at;
        let quote = self.byte()?;
        if quote == b'"' || quote == b'\'' {
            self.at += 1;
            while let Some(byte) = self.byte().filter(|byte| *byte != b'\n') {
                self.at += 1;
                match byte {
                    b'\\' if quote == b'"' => self.at += 1,
                    _ if byte == quote => break,
                    _ => {}
                }
            }
            self.at = self.at.min(self.text.len());
        } else {
            while let Some(byte) = self.byte() {
                let next = self.rest().get(1).copied();
                let ends = match byte {
                    b'\n' | b'\r' => true,
                    b':' => {
                        matches!(next, None | Some(b' ' | b'\t' | b'\n' | b'\r'))
                            || (in_flow && matches!(next, Some(b',' | b'}' | b']')))
                    }
                    b' ' | b'\t' => next == Some(b'#'),
                    b',' | b'{' | b'}' | b'[' | b']' => in_flow,
                    _ => false,
                };
                if ends {
                    break;
                }
                self.at += 1;
            }
        }
        let written = self.text.get(from..self.at)?.trim_end();
        let bytes = from..from + written.len();
        (!written.is_empty()).then(|| (unquoted(written), bytes))
    }
}

fn unquoted(written: &str) -> &str {
    let Some(rest) = written.strip_prefix(['"', '\'']) else { return written };
    let quote = if written.starts_with('"') { '"' } else { '\'' };
    rest.strip_suffix(quote).unwrap_or(rest)
}

#[cfg(test)]
mod tests;
