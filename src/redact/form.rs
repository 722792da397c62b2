//! Form bodies (`application/x-www-form-urlencoded`): each field like the member of that name of the document.
//!
//! Never: passes what parsers would take apart differently, or more than [`limits::FIELD_BYTES_MAX`] of a field that may
//! have to be hidden.

use bytes::Bytes;

use crate::limits;
use crate::redact::field::Fate;
use crate::redact::field::Place;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;

/// A name may take three bytes for each of its own.
const NAME_BYTES_MAX: usize = limits::JSON_KEY_BYTES_MAX * 3;

/// How far the current field has come.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Name,
    /// Its value may pass as it comes.
    Passes,
    /// Its value is held to its end.
    Held(Place),
}

#[derive(Debug, Default)]
pub(super) struct Form {
    stage: Stage,
    /// The name, as sent.
    name: Vec<u8>,
    /// The value, as sent, as far as it is held.
    value: Vec<u8>,
    /// Has a field been kept?
    kept: bool,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Form {
    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        // Some take `;` for `&`. What may stand in neither reading is no form.
        if let Some(at) = piece.iter().position(|byte| matches!(byte, ..0x20 | 0x7f | b';')) {
            return Err(Malformed::NotForm { at: self.before + at as u64 });
        }
        let mut out = Vec::with_capacity(piece.len());
        let mut rest: &[u8] = piece;
        while !rest.is_empty() {
            let end = match self.stage {
                Stage::Name => memchr::memchr2(b'&', b'=', rest),
                Stage::Passes | Stage::Held(_) => memchr::memchr(b'&', rest),
            };
            let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, &[]));
            let at = self.before + (piece.len() - after.len()) as u64;
            self.part(part, at, &mut out)?;
            rest = after;
            if let Some((delimiter, after)) = after.split_first() {
                if *delimiter == b'=' {
                    self.named(plan, at, &mut out)?;
                } else {
                    self.end(plan, at, &mut out)?;
                }
                rest = after;
            }
        }
        self.before += piece.len() as u64;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        let mut out = Vec::new();
        self.end(plan, self.before, &mut out)?;
        Ok(out.into())
    }

    fn part(&mut self, part: &[u8], at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let (held, max) = match self.stage {
            Stage::Name => (&mut self.name, NAME_BYTES_MAX),
            Stage::Held(_) => (&mut self.value, limits::FIELD_BYTES_MAX),
            Stage::Passes => {
                out.extend_from_slice(part);
                return Ok(());
            }
        };
        held.extend_from_slice(part);
        if held.len() > max { Err(Malformed::FieldTooLong { at }) } else { Ok(()) }
    }

    /// A name has ended in `=`.
    fn named(&mut self, plan: &Plan, at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.stage = match self.place(plan, at)? {
            Some(place) => Stage::Held(place),
            None => {
                self.keep(out);
                out.push(b'=');
                Stage::Passes
            }
        };
        Ok(())
    }

    /// The field has ended, which may be an empty one.
    fn end(&mut self, plan: &Plan, at: u64, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let place = match std::mem::take(&mut self.stage) {
            Stage::Passes => None,
            Stage::Held(place) => Some((place, true)),
            Stage::Name => {
                let place = self.place(plan, at)?;
                if place.is_none() {
                    self.keep(out);
                }
                place.map(|place| (place, false))
            }
        };
        if let Some((place, has_value)) = place {
            let bad = Malformed::NotForm { at };
            let text = decode(&self.value).ok_or(bad)?;
            match place.judge(plan, &text, &mut self.counts).map_err(|_| bad)? {
                Fate::Gone => {}
                Fate::Stays => {
                    self.keep(out);
                    if has_value {
                        out.push(b'=');
                        out.extend_from_slice(&self.value);
                    }
                }
                Fate::Becomes(text) => {
                    self.keep(out);
                    out.push(b'=');
                    encode(&text, out);
                }
            }
        }
        self.name.clear();
        self.value.clear();
        Ok(())
    }

    fn place(&self, plan: &Plan, at: u64) -> Result<Option<Place>, Malformed> {
        let bad = Malformed::NotForm { at };
        let name = decode(&self.name).ok_or(bad)?;
        // This field would name another charset for all the others.
        if name == "_charset_" {
            return Err(bad);
        }
        Place::of(plan, &name).map_err(|_| bad)
    }

    /// The field leaves: its name, after a delimiter if another field stands before it.
    fn keep(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.kept, true) {
            out.push(b'&');
        }
        out.extend_from_slice(&self.name);
    }
}

/// What a name or value spells; nothing if it is no UTF-8, or an escape is not whole.
fn decode(raw: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        text.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
                u8::try_from(high? << 4 | low?).ok()?
            }
            _ => *byte,
        });
    }
    String::from_utf8(text).ok()
}

/// Writes a text as the value of a field (WHATWG URL, section 5.2).
fn encode(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b' ' => out.push(b'+'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_' => out.push(byte),
            _ => {
                out.push(b'%');
                for digit in [byte >> 4, byte & 15] {
                    out.extend(HEX.get(usize::from(digit)));
                }
            }
        }
    }
}
