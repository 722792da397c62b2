//! One record as a row: what is asked about by its column, and what remains as bytes that are alike from record to record.
//!
//! The rest is: a byte of flags, then stretches of the record's own bytes, each after its length, and between two of them the number of
//! the column that the value between them went to. Its highest bit says that the column only repeats what stands in the bytes.
//! Never: loses a bit of a record. What does not fit its column stays in the rest, whatever it is.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;

use crate::audit::entry;
use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Malformed;
use crate::audit::entry::Value;
use crate::ids::DecisionId;

use super::places;
use super::places::COUNTS;
use super::places::Form;
use super::places::LISTS;
use super::places::NUMBERS;
use super::places::Places;
use super::places::Slot;
use super::places::TEXTS;

/// The steps of `context.now`, in milliseconds.
const NOW_STEP_MS: u64 = 100;

/// The flag of a rest that begins with the record's time, for the column cannot hold it.
const HAS_TIME: u8 = 1;

/// The flag of a rest that is the whole record: what could not be taken apart so that it comes together again.
const WHOLE: u8 = 2;

/// In the number of a column: it only repeats what stands in the rest.
const REPEATED: u8 = 0x80;

/// The largest time that the column holds, in milliseconds since 1970: it counts microseconds.
const TIME_MS_MAX: u64 = i64::MAX as u64 / 1_000;

/// A record as a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// What it is.
    pub kind: Kind,
    /// Another book holds it in full.
    pub mirror: bool,
    /// Its number in the log.
    pub seq: u64,
    /// When it was made, in microseconds since 1970.
    pub time_us: i64,
    /// The tenant in whose book it stands; empty for the program's own.
    pub book: Cow<'a, str>,
    /// Its texts, in the order of [`TEXTS`].
    pub texts: [Option<Cow<'a, str>>; TEXTS.len()],
    /// Its numbers, in the order of [`NUMBERS`].
    pub numbers: [Option<u64>; NUMBERS.len()],
    /// Its lists, in the order of [`LISTS`].
    pub lists: [Option<Vec<Cow<'a, str>>>; LISTS.len()],
    /// Its lists of numbers, in the order of [`COUNTS`].
    pub counts: [Option<Vec<u64>>; COUNTS.len()],
    /// What remains.
    pub rest: Vec<u8>,
}

/// The columns do not make a record: they were not written by this program, or were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRecord;

impl std::fmt::Display for NoRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the row is of no record")
    }
}

impl std::error::Error for NoRecord {}

impl<'a> Row<'a> {
    /// Takes a record apart.
    ///
    /// # Errors
    /// Where the bytes are no record.
    pub fn of(record: &'a [u8]) -> Result<Self, Malformed> {
        let entry = Entry::read(record)?;
        let fits = entry.time_ms <= TIME_MS_MAX;
        let row = Self {
            kind: entry.kind,
            mirror: entry.mirror,
            seq: entry.seq,
            time_us: i64::try_from(entry.time_ms.min(TIME_MS_MAX) * 1_000).unwrap_or(i64::MAX),
            book: Cow::Borrowed(entry.book),
            texts: [const { None }; TEXTS.len()],
            numbers: [None; NUMBERS.len()],
            lists: [const { None }; LISTS.len()],
            counts: [const { None }; COUNTS.len()],
            rest: vec![if fits { 0 } else { HAS_TIME }],
        };
        let mut taking = Taking { row, bytes: Vec::new(), time_ms: entry.time_ms };
        if !fits {
            taking.row.rest.extend_from_slice(&entry.time_ms.to_le_bytes());
        }
        let (places, mut open) = (Places::get(), Vec::from([places::ROOT]));
        for token in entry.tokens() {
            let (key, value) = token?;
            if matches!(value, Value::ObjectEnd | Value::ListEnd(_)) {
                open.pop();
                entry::append(&mut taking.bytes, key, &value);
                continue;
            }
            let state = places.next(open.last().copied().unwrap_or(places::NOWHERE), key);
            if matches!(value, Value::Object | Value::List) {
                open.push(state);
                places.opens(state).iter().for_each(|list| taking.open(*list));
                entry::append(&mut taking.bytes, key, &value);
            } else {
                taking.value(key, value, places.slot(state));
            }
        }
        taking.stretch();
        Ok(taking.row)
    }

    /// Takes a record apart, and sees that it comes together again; where it does not, the rest holds all of it.
    ///
    /// # Errors
    /// Where the bytes are no record.
    pub fn checked(record: &'a [u8], again: &mut Vec<u8>) -> Result<Self, Malformed> {
        let mut row = Self::of(record)?;
        again.clear();
        if row.record(again).is_err() || again != record {
            row.rest = [&[WHOLE], record].concat();
        }
        Ok(row)
    }

    /// The record that the row was made of, appended to `out`; nothing on an error.
    ///
    /// # Errors
    /// Where the columns are of no record.
    pub fn record(&self, out: &mut Vec<u8>) -> Result<(), NoRecord> {
        let before = out.len();
        let made = self.made(out);
        if made.is_none() {
            out.truncate(before);
        }
        made.ok_or(NoRecord)
    }

    fn made(&self, out: &mut Vec<u8>) -> Option<()> {
        let (flags, mut rest) = self.rest.split_first()?;
        if *flags == WHOLE {
            out.extend_from_slice(rest);
            return Some(());
        }
        let mut time_ms = u64::try_from(self.time_us).ok()? / 1_000;
        if *flags == HAS_TIME {
            let (time, after) = rest.split_first_chunk()?;
            (time_ms, rest) = (u64::from_le_bytes(*time), after);
        }
        entry::append_head(out, &Entry::head(self.kind, self.mirror, (self.seq, time_ms), &self.book));
        let mut next = [0_usize; LISTS.len() + COUNTS.len()];
        loop {
            let length = usize::try_from(varint(&mut rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            out.extend_from_slice(bytes);
            let Some((code, after)) = after.split_first() else { return Some(()) };
            rest = after;
            let slot = Slot::from_code(code & !REPEATED)?;
            let at = match slot {
                Slot::List(at) => next.get_mut(at),
                Slot::Count(at) => next.get_mut(LISTS.len() + at),
                Slot::Text(_) | Slot::Number(_) | Slot::Now => None,
            };
            let item = at.map(|next| std::mem::replace(next, *next + 1)).unwrap_or_default();
            if code & REPEATED == 0 {
                self.put(slot, item, time_ms, out)?;
            }
        }
    }

    /// Appends the value that went to a column.
    fn put(&self, slot: Slot, item: usize, time_ms: u64, out: &mut Vec<u8>) -> Option<()> {
        match slot {
            Slot::Text(at) => {
                let (text, (_, form)) = (self.texts.get(at)?.as_deref()?, TEXTS.get(at)?);
                put_text(text, *form, out)?;
            }
            Slot::Number(at) => entry::append_value(out, &Value::Number((*self.numbers.get(at)?)?)),
            Slot::List(at) => {
                let text = self.lists.get(at)?.as_ref()?.get(item)?;
                entry::append_value(out, &Value::Text(text, false));
            }
            Slot::Count(at) => {
                let number = *self.counts.get(at)?.as_ref()?.get(item)?;
                entry::append_value(out, &Value::Number(number));
            }
            Slot::Now => entry::append_value(out, &Value::Time(time_ms - time_ms % NOW_STEP_MS)),
        }
        Some(())
    }
}

/// A record that is being taken apart.
struct Taking<'a> {
    row: Row<'a>,
    /// Its bytes since the last value that went to a column.
    bytes: Vec<u8>,
    time_ms: u64,
}

impl<'a> Taking<'a> {
    fn open(&mut self, list: Slot) {
        match list {
            Slot::List(at) => drop(self.row.lists.get_mut(at).map(|list| list.get_or_insert_default())),
            Slot::Count(at) => drop(self.row.counts.get_mut(at).map(|list| list.get_or_insert_default())),
            Slot::Text(_) | Slot::Number(_) | Slot::Now => {}
        }
    }

    /// Ends a stretch of bytes.
    fn stretch(&mut self) {
        entry::varint(&mut self.row.rest, self.bytes.len() as u64);
        self.row.rest.append(&mut self.bytes);
    }

    fn value(&mut self, key: u8, value: Value<'a>, slot: Option<Slot>) {
        let Some(slot) = slot else { return entry::append(&mut self.bytes, key, &value) };
        let went = match slot {
            Slot::Text(at) => self.text(at, value),
            Slot::Number(at) => match (self.row.numbers.get_mut(at), value) {
                (Some(place @ None), Value::Number(number)) => {
                    *place = Some(number);
                    Some(true)
                }
                _ => None,
            },
            Slot::List(at) => self.row.lists.get_mut(at).and_then(Option::as_mut).map(|list| {
                list.push(said(value));
                matches!(value, Value::Text(_, false))
            }),
            Slot::Count(at) => self.row.counts.get_mut(at).and_then(Option::as_mut).map(|list| {
                let number = if let Value::Number(number) = value { Some(number) } else { None };
                list.push(number.unwrap_or_default());
                number.is_some()
            }),
            Slot::Now => {
                let derived = Value::Time(self.time_ms - self.time_ms % NOW_STEP_MS);
                (value == derived).then_some(true)
            }
        };
        match went {
            Some(true) => {
                if key != 0 {
                    self.bytes.push(key);
                }
                self.stretch();
                self.row.rest.push(slot.code());
            }
            Some(false) => {
                self.stretch();
                self.row.rest.push(slot.code() | REPEATED);
                entry::append(&mut self.bytes, key, &value);
            }
            None => entry::append(&mut self.bytes, key, &value),
        }
    }

    /// Puts a text into its column: whole, or only to be seen there. `None` where another is there already.
    fn text(&mut self, at: usize, value: Value<'a>) -> Option<bool> {
        let place = self.row.texts.get_mut(at).filter(|place| place.is_none())?;
        let (_, form) = TEXTS.get(at)?;
        let text = said(value);
        let mut again = Vec::new();
        let fits = match (form, value) {
            (Form::Text, Value::Text(_, false)) => true,
            (Form::Text, _) => false,
            (Form::Id | Form::Hex(_) | Form::Ip, value) => {
                let mut bytes = Vec::new();
                entry::append_value(&mut bytes, &value);
                put_text(&text, *form, &mut again).is_some() && again == bytes
            }
        };
        *place = Some(text);
        Some(fits)
    }
}

/// A value as text for people.
fn said(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text, _) => Cow::Borrowed(text),
        Value::Bytes(bytes, _) => String::from_utf8_lossy(bytes),
        Value::Number(number) | Value::Time(number) => number.to_string().into(),
        Value::Id(id) => id.to_string().into(),
        Value::Hex(bytes) => hex(bytes).into(),
        Value::Ip(ip) => ip.to_string().into(),
        Value::Object | Value::ObjectEnd | Value::List | Value::ListEnd(_) => Cow::Borrowed(""),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(nibble(high)? << 4 | nibble(low)?)).collect()
}

/// Appends the value that a column's text stands for.
fn put_text(text: &str, form: Form, out: &mut Vec<u8>) -> Option<()> {
    match form {
        Form::Text => entry::append_value(out, &Value::Text(text, false)),
        Form::Id => {
            let bytes = unhex(&text.replace('-', ""))?;
            entry::append_value(out, &Value::Id(DecisionId::from_bytes(*bytes.first_chunk::<16>()?)));
        }
        Form::Hex(length) => {
            let bytes = unhex(text).filter(|bytes| bytes.len() == length)?;
            entry::append_value(out, &Value::Hex(&bytes));
        }
        Form::Ip => entry::append_value(out, &Value::Ip(IpAddr::from_str(text).ok()?)),
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}
