//! Server-sent events (`text/event-stream`, HTML living standard, section 9.2): the data of each event is a document.
//!
//! An event is held from its first `data` line to its end, since its lines are one text.
//!
//! Never: passes data that is not JSON, or a line that is neither data, a known field nor a comment.

use bytes::Bytes;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
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
}

/// What a line is.
enum Line<'a> {
    Data(&'a [u8]),
    Other,
    Unknown,
}

impl Events {
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
        self.event(plan, &mut out);
        Ok(out.into())
    }

    /// Part of a line's end, or of a line that is no data, goes where the line went.
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() { out } else { &mut self.held }.extend_from_slice(bytes);
    }

    fn line_end(&mut self, plan: &Plan, ending: &[u8], at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.event(plan, out);
            out.extend_from_slice(ending);
            return Ok(());
        }
        match kind(&line) {
            Line::Unknown => return Err(Malformed::NotEvents { at }),
            Line::Data(_) => self.held.extend_from_slice(&line),
            Line::Other => self.pass(&line, out),
        }
        self.pass(ending, out);
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// The event has ended: its data leaves as it may be seen.
    fn event(&mut self, plan: &Plan, out: &mut Vec<u8>) {
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
        if data.trim_ascii().is_empty() || data == DONE {
            out.extend_from_slice(&held);
            return;
        }
        let data = Bytes::from(data);
        // What is no JSON is hidden whole, by a text that a client may parse.
        let seen = self.walked(plan, &data).unwrap_or_else(|_| mask::quoted(mask::REDACTED));
        if seen == data {
            out.extend_from_slice(&held);
            return;
        }
        let mut seen = Some(seen);
        for (line, ending) in lines(&held) {
            match (kind(line), seen.take()) {
                (Line::Data(_), Some(text)) => {
                    for (number, part) in text.split(|byte| *byte == b'\n').enumerate() {
                        out.extend_from_slice(if number > 0 { b"\ndata: " } else { b"data: " });
                        out.extend_from_slice(part);
                    }
                    out.extend_from_slice(ending);
                }
                (Line::Data(_), None) => {}
                (Line::Other | Line::Unknown, text) => {
                    seen = text;
                    out.extend_from_slice(line);
                    out.extend_from_slice(ending);
                }
            }
        }
    }

    fn walked(&mut self, plan: &Plan, data: &Bytes) -> Result<Vec<u8>, Malformed> {
        let mut walk = Walk::new(plan);
        let mut out = walk.feed(plan, data)?.to_vec();
        out.extend_from_slice(&walk.finish(plan)?);
        add_counts(&mut self.counts, &walk.counts);
        Ok(out)
    }
}

/// A line's kind, by the name of its field.
fn kind(line: &[u8]) -> Line<'_> {
    let colon = memchr::memchr(b':', line).unwrap_or(line.len());
    let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
    match name {
        b"data" => {
            let value = value.strip_prefix(b":").unwrap_or(value);
            Line::Data(value.strip_prefix(b" ").unwrap_or(value))
        }
        b"" | b"event" | b"id" | b"retry" => Line::Other,
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
