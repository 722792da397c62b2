//! The words of a YAML or JSON text with the keys that lead to each, also of one that is only half written.
//!
//! By indentation and brackets alone; whether the text is YAML its reader says. Of anchors, tags and complex keys it
//! knows nothing: nothing is offered there. Never: fails.

use std::ops::Range;

use crate::limits;

/// One step on the way to a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the value of a key.
    Key(String),
    /// Into an item of a list.
    Item,
}

impl Step {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Item => None,
        }
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
pub(super) struct Scalar {
    /// What it says, without quotes.
    pub(super) text: String,
    pub(super) role: Role,
    /// The way to it, itself not included.
    pub(super) path: Vec<Step>,
    /// Its quotes included.
    pub(super) bytes: Range<usize>,
}

impl Scalar {
    /// The keys on the way, items left out.
    pub(super) fn keys(&self) -> Vec<&str> {
        self.path.iter().filter_map(Step::key).collect()
    }
}

/// A block that is open: everything deeper than its indentation stands in it.
struct Open {
    indent: usize,
    step: Step,
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open>,
    found: Vec<Scalar>,
}

/// All words of a text, in order.
pub(super) fn scalars(text: &str) -> Vec<Scalar> {
    let mut scan = Scan { text, at: 0, open: Vec::new(), found: Vec::new() };
    while scan.at < text.len() {
        scan.line();
    }
    scan.found
}

/// The word at a byte, as it is when what is being typed there counts as one: its place in the text is that without
/// anything added.
pub(super) fn typed(text: &str, byte: usize) -> Option<Scalar> {
    const MARK: char = '\u{e000}';
    let (before, after) = (text.get(..byte)?, text.get(byte..)?);
    let marked = format!("{before}{MARK}{after}");
    let mut found = scalars(&marked).into_iter().find(|scalar| scalar.text.contains(MARK))?;
    found.text.retain(|c| c != MARK);
    found.bytes.end -= MARK.len_utf8();
    Some(found)
}

impl Scan<'_> {
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

    /// The way to here, or as much of it as shows that it is too long.
    fn way(&self) -> Vec<Step> {
        let most = 2 * limits::DOCUMENT_DEPTH_MAX + 1;
        self.open.iter().take(most).map(|open| open.step.clone()).collect()
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
            self.open.push(Open { indent, step: Step::Item });
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
            let stays = last.indent < indent || (last.indent == indent && dash && last.step != Step::Item);
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
            return self.note(text, Role::Value, &self.way(), bytes);
        }
        self.note(text.clone(), Role::Key, &self.way(), bytes);
        self.open.push(Open { indent, step: Step::Key(text) });
        self.blanks();
        let way = self.way();
        match self.byte() {
            Some(b'|' | b'>') => self.block(indent),
            Some(b'{' | b'[') => self.flow(way, indent),
            Some(b'#' | b'\n' | b'\r') | None => {}
            Some(_) => {
                if let Some((text, bytes)) = self.scalar(false) {
                    self.note(text, Role::Value, &way, bytes);
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

    /// Notes a word, unless it stands deeper than the readers of the files go: each word has its whole way with it.
    fn note(&mut self, text: String, role: Role, path: &[Step], bytes: Range<usize>) {
        if path.len() <= 2 * limits::DOCUMENT_DEPTH_MAX {
            self.found.push(Scalar { text, role, path: path.to_vec(), bytes });
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
    fn flow(&mut self, way: Vec<Step>, indent: usize) {
        let base = way.len();
        let outermost = self.open.is_empty();
        let mut way = way;
        // How long the way was where each bracket opened, and whether it is a list's.
        let mut brackets: Vec<(usize, bool)> = Vec::new();
        while let Some(byte) = self.byte() {
            match byte {
                b'{' | b'[' => {
                    brackets.push((way.len(), byte == b'['));
                    if byte == b'[' {
                        way.push(Step::Item);
                    }
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    if let Some((length, _)) = brackets.pop() {
                        way.truncate(length);
                    }
                    if brackets.is_empty() {
                        return;
                    }
                }
                b',' => {
                    self.at += 1;
                    let (length, list) = brackets.last().copied().unwrap_or((base, false));
                    way.truncate(length + usize::from(list));
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
                _ => self.member(&mut way),
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

    fn member(&mut self, way: &mut Vec<Step>) {
        let Some((text, bytes)) = self.scalar(true) else {
            self.at += 1;
            return;
        };
        self.blanks();
        if self.takes_colon() {
            self.note(text.clone(), Role::Key, way, bytes);
            way.push(Step::Key(text));
        } else {
            self.note(text, Role::Value, way, bytes);
        }
    }

    /// A word, with or without quotes.
    fn scalar(&mut self, in_flow: bool) -> Option<(String, Range<usize>)> {
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

fn unquoted(written: &str) -> String {
    let Some(rest) = written.strip_prefix(['"', '\'']) else { return written.to_owned() };
    let quote = if written.starts_with('"') { '"' } else { '\'' };
    rest.strip_suffix(quote).unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests;
