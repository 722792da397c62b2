//! Server-sent events (`text/event-stream`, HTML living standard, section 9.2): the data of each event is a document.
//!
//! An event is held from its first `data` line to its end, since its lines are one text; from its first line where all of it
//! may have to go, or what it says beside its data.
//!
//! Never: passes data that is not JSON, or a line that is neither data, a known field nor a comment.

use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::finds;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::places;
use crate::redact::plan::Counts;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::walk::Owns;
use crate::redact::walk::Walk;

/// What some streams of JSON end with. It says nothing but that.
const DONE: &[u8] = b"[DONE]";

#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line so far.
    line: Vec<u8>,
    /// What is held of the event, with the ends of its lines.
    held: Vec<u8>,
    /// Was the last byte a carriage return? Then a line feed belongs to it.
    after_return: bool,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
    /// How many rows were another owner's.
    pub(super) foreign: u64,
    /// Which number of rows has left.
    counted: Counts,
    owner: Option<Arc<dyn Owns>>,
}

/// What a line is.
enum Line<'a> {
    Data(&'a [u8]),
    Comment,
    /// The name and the value of another field.
    Field(&'a [u8], &'a [u8]),
    Unknown,
}

/// What the data of an event becomes.
enum Seen {
    Same,
    Other(Vec<u8>),
    /// All of it was another owner's row.
    Gone,
}

impl Events {
    /// The events of which only this owner's rows stay.
    pub(super) fn of_owner(owner: Option<Arc<dyn Owns>>) -> Self {
        Self { owner, ..Self::default() }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        let mut out = Vec::with_capacity(piece.len());
        let mut rest: &[u8] = piece;
        if self.after_return && !rest.is_empty() {
            self.after_return = false;
            if let Some(after) = rest.strip_prefix(b"\n") {
                self.pass(b"\n", &mut out);
                rest = after;
            }
        }
        while !rest.is_empty() {
            let at = self.before + (piece.len() - rest.len()) as u64;
            let (part, ending, after) = split_line(rest);
            self.line.extend_from_slice(part);
            if self.held.len() + self.line.len() > limits::EVENT_BYTES_MAX {
                return Err(Malformed::EventTooLong { at });
            }
            rest = after;
            self.after_return = ending == b"\r" && rest.is_empty();
            if !ending.is_empty() {
                self.line_end(plan, ending, at, &mut out)?;
            }
        }
        self.before += piece.len() as u64;
        Ok(out.into())
    }

    /// The body has ended; what may still leave. An event that has not ended is read as if it had.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        let mut out = Vec::new();
        if !self.line.is_empty() {
            self.line_end(plan, b"", self.before, &mut out)?;
        }
        self.event(plan, self.before, &mut out)?;
        Ok(out.into())
    }

    /// Part of a line's end, or of a line that is no data, goes where the line went.
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() { out } else { &mut self.held }.extend_from_slice(bytes);
    }

    fn line_end(&mut self, plan: &Plan, ending: &[u8], at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.event(plan, at, out)?;
            out.extend_from_slice(ending);
            return Ok(());
        }
        // What an event says beside its data goes with it where all of it may go.
        let is_watched = plan.has_rows() || plan.looks;
        match kind(&line) {
            Line::Unknown => return Err(Malformed::NotEvents { at }),
            // Whatever stands in a comment is nobody's; that there is one keeps a connection open.
            Line::Comment if is_watched => self.pass(b":", out),
            Line::Data(_) => self.held.extend_from_slice(&line),
            Line::Field(..) if is_watched => self.held.extend_from_slice(&line),
            Line::Field(..) | Line::Comment => self.pass(&line, out),
        }
        self.pass(ending, out);
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// The event has ended: its data leaves as it may be seen.
    fn event(&mut self, plan: &Plan, at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let held = std::mem::take(&mut self.held);
        let mut data: Vec<u8> = Vec::new();
        let mut is_first = true;
        for (line, _) in lines(&held) {
            if let Line::Data(text) = kind(line) {
                if !std::mem::take(&mut is_first) {
                    data.push(b'\n');
                }
                data.extend_from_slice(text);
            }
        }
        let seen = if data.trim_ascii().is_empty() || data == DONE {
            Seen::Same
        } else {
            self.walked(plan, &Bytes::from(data), at)?
        };
        let mut seen = match seen {
            Seen::Gone => return Ok(()),
            Seen::Same => None,
            Seen::Other(text) => Some(text),
        };
        let is_same = seen.is_none();
        for (line, ending) in lines(&held) {
            match kind(line) {
                Line::Data(_) if !is_same => {
                    let Some(text) = seen.take() else { continue };
                    for (number, part) in text.split(|byte| *byte == b'\n').enumerate() {
                        out.extend_from_slice(if number > 0 { b"\ndata: " } else { b"data: " });
                        out.extend_from_slice(part);
                    }
                    out.extend_from_slice(ending);
                }
                Line::Field(name, value) if self.is_hidden(plan, name, value) => {}
                Line::Data(_) | Line::Field(..) | Line::Comment | Line::Unknown => {
                    out.extend_from_slice(line);
                    out.extend_from_slice(ending);
                }
            }
        }
        Ok(())
    }

    /// Does a field of an event go? It has no place in the document, so an `id` is what no class names, and any value may
    /// be found by its form.
    fn is_hidden(&mut self, plan: &Plan, name: &[u8], value: &[u8]) -> bool {
        let rest = plan.shape.rest;
        if name == b"id" && rest != DEAD {
            let set = plan.shape.state(rest).scalar;
            if plan.hides(set) {
                places::count(&mut self.counts, plan, set);
                return true;
            }
        }
        if !plan.finds {
            return false;
        }
        let mut sets = Vec::new();
        let is_found =
            finds::masked_text(plan, &String::from_utf8_lossy(value), |set| sets.push(set)).is_some();
        for set in sets {
            places::count(&mut self.counts, plan, set);
        }
        is_found
    }

    /// What is no JSON is hidden whole, by a text that a client may parse.
    fn walked(&mut self, plan: &Plan, data: &Bytes, at: u64) -> Result<Seen, Malformed> {
        let mut walk = Walk::of_owner(plan, self.owner.as_ref()).goes_on((self.foreign, self.counted));
        let walked = walk.feed(plan, data).and_then(|out| Ok([out, walk.finish(plan)?].concat()));
        (self.foreign, self.counted) = walk.so_far();
        match walked {
            Err(Malformed::ForeignRow { .. }) => Err(Malformed::ForeignRow { at }),
            Err(_) => Ok(Seen::Other(mask::quoted(mask::REDACTED))),
            Ok(_) if walk.is_gone => Ok(Seen::Gone),
            Ok(out) => {
                add_counts(&mut self.counts, &walk.counts);
                Ok(if *out == **data { Seen::Same } else { Seen::Other(out) })
            }
        }
    }
}

/// A line's kind, by the name of its field.
fn kind(line: &[u8]) -> Line<'_> {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
    let value = value.strip_prefix(b":").unwrap_or(value);
    match name {
        b"data" => Line::Data(value.strip_prefix(b" ").unwrap_or(value)),
        b"" => Line::Comment,
        b"event" | b"id" | b"retry" => Line::Field(name, value),
        _ => Line::Unknown,
    }
}

/// The first line, what ends it, and the rest.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let length = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
    let (ending, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    (line, ending, rest)
}

/// The lines, each with what ends it.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (line, ending, after) = split_line(rest);
        rest = after;
        (!line.is_empty() || !ending.is_empty()).then_some((line, ending))
    })
}
