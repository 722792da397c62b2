//! The JSON line of a record.
//!
//! Never: leaves out a field, or says what the record does not.

use crate::audit::entry::Entry;
use crate::audit::entry::Malformed;
use crate::audit::entry::NOT_NUMBERED;
use crate::audit::entry::Value;
use crate::audit::entry::key;
use crate::audit::entry::keys;
use crate::audit::frame::Frames;
use crate::audit::line::Line;
use crate::limits;

/// What is kept free for the end of a line: closing brackets and the names of cut fields, each at most once.
const TAIL_BYTES: usize = 1 << 10;

/// Appends the JSON line of a record to `out`; nothing on an error.
///
/// # Errors
/// Where the bytes are no record.
pub fn line(record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let before = out.len();
    let written = write(record, out);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

/// The JSON lines of the frames of a worker's buffer or a segment, up to the first that is none.
#[must_use]
pub fn lines(frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in Frames::new(frames) {
        if record.is_ok_and(|record| line(record, &mut out).is_err()) {
            break;
        }
    }
    out
}

fn write(record: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let entry = Entry::read(record)?;
    let mut line = Line::open(out);
    head(&entry, &mut line);
    let mut renderer = Renderer { line, open: Vec::new(), passed: 0 };
    for token in entry.tokens() {
        let (code, value) = token?;
        renderer.token(code, value);
    }
    renderer.line.close();
    Ok(())
}

struct Renderer<'v> {
    line: Line<'v>,
    /// What is open, the innermost last: the name that its items go by where it is a list.
    open: Vec<(&'static str, bool)>,
    /// How many objects and lists are open from the item on that there was no room for, and one for the list itself.
    passed: u32,
}

impl Renderer<'_> {
    fn token(&mut self, code: u8, value: Value<'_>) {
        let ends = matches!(value, Value::ObjectEnd | Value::ListEnd(_));
        if self.passed > 0 {
            let opens = matches!(value, Value::Object | Value::List);
            self.passed = self.passed + u32::from(opens) - u32::from(ends);
            if self.passed > 0 {
                return;
            }
            // The end of the list itself.
        }
        let (list_name, in_list) = self.open.last().copied().unwrap_or_default();
        let mut name = list_name;
        if let Some(key) = keys::spelling(code) {
            self.line.key(key);
            name = key.name;
        } else if !ends {
            if in_list
                && self.line.len() + limits::RECORD_ITEM_BYTES_MAX + TAIL_BYTES > limits::RECORD_BYTES_MAX
            {
                self.line.was_cut(list_name);
                self.passed = if matches!(value, Value::Object | Value::List) { 2 } else { 1 };
                return;
            }
            self.line.item();
        }
        self.value(name, value);
    }

    fn value(&mut self, name: &'static str, value: Value<'_>) {
        let line = &mut self.line;
        match value {
            Value::Text(text, cut) => {
                line.text(name, text.as_bytes());
                cut.then(|| line.was_cut(name));
            }
            Value::Bytes(bytes, cut) => {
                line.text(name, bytes);
                cut.then(|| line.was_cut(name));
            }
            Value::Number(number) => line.number(number),
            Value::Id(id) => line.id(id),
            Value::Hex(bytes) => line.hex(bytes),
            Value::Time(time_ms) => line.time(time_ms),
            Value::Ip(ip) => line.ip(ip),
            Value::Object => {
                line.begin(b'{');
                self.open.push((name, false));
            }
            Value::List => {
                line.begin(b'[');
                self.open.push((name, true));
            }
            Value::ObjectEnd => {
                line.end(b'}');
                self.open.pop();
            }
            Value::ListEnd(cut) => {
                line.end(b']');
                cut.then(|| line.was_cut(name));
                self.open.pop();
            }
        }
    }
}

fn head(entry: &Entry<'_>, line: &mut Line<'_>) {
    let mut named = |code, write: &mut dyn FnMut(&mut Line<'_>)| {
        if let Some(key) = keys::spelling(code) {
            line.key(key);
            write(line);
        }
    };
    named(key!("type"), &mut |line| line.word(entry.kind.as_str()));
    if entry.seq != NOT_NUMBERED {
        named(key!("seq"), &mut |line| line.number(entry.seq));
    }
    if entry.mirror {
        named(key!("mirror"), &mut |line| line.flag(true));
    }
    named(key!("time"), &mut |line| line.time(entry.time_ms));
    if !entry.book.is_empty() {
        named(key!("book"), &mut |line| line.text("book", entry.book.as_bytes()));
    }
}
