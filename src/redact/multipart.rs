//! Form bodies of parts (`multipart/form-data`, RFC 7578): each part like the member of its name of the document.
//!
//! Never: passes a part that is neither text nor JSON, or a boundary, header or name that parsers read differently.

use std::fmt;

use bytes::Bytes;

use crate::limits;
use crate::redact::content_type::PartType;
use crate::redact::content_type::part_type;
use crate::redact::field::Fate;
use crate::redact::field::Place;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;

/// What stands between two parts (RFC 2046, section 5.1.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    bytes: [u8; 70],
    length: u8,
}

impl Boundary {
    /// The boundary that a content type names. `None` if it is empty, longer than 70 bytes, or has a space or anything
    /// else in it that is not for boundaries.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(byte);
        let mut bytes = [0; 70];
        bytes.get_mut(..text.len()).filter(|_| !text.is_empty())?.copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        text.as_bytes().iter().all(is_sound).then_some(Self { bytes, length })
    }

    /// Two hyphens and the boundary.
    fn delimiter(&self) -> Vec<u8> {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        [b"--", text].concat()
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boundary({})", String::from_utf8_lossy(&self.delimiter()))
    }
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    /// The first delimiter.
    Start,
    /// What stands after a delimiter: a line's end, or the end of all parts.
    Delimited,
    Head,
    /// The content of a part in which nothing is hidden.
    Passes,
    /// The content of a part that is held to its end, with the part's head.
    Held(Place, PartType, Vec<u8>),
    End,
}

#[derive(Debug)]
pub(super) struct Multipart {
    delimiter: Vec<u8>,
    stage: Stage,
    /// What has come and is not yet gone.
    held: Vec<u8>,
    /// So much of it holds no delimiter.
    searched: usize,
    /// How many bytes came before it.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Multipart {
    pub(super) fn new(boundary: &Boundary) -> Self {
        let delimiter = boundary.delimiter();
        Self { delimiter, stage: Stage::Start, held: Vec::new(), searched: 0, before: 0, counts: Vec::new() }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        self.held.extend_from_slice(piece);
        let mut out = Vec::with_capacity(piece.len());
        while self.step(plan, &mut out)? {}
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self) -> Result<Bytes, Malformed> {
        match self.stage {
            Stage::End if matches!(&*self.held, b"" | b"\r\n") => Ok(std::mem::take(&mut self.held).into()),
            Stage::End => Err(self.bad()),
            Stage::Start | Stage::Delimited | Stage::Head | Stage::Passes | Stage::Held(..) => {
                Err(Malformed::Truncated)
            }
        }
    }

    const fn bad(&self) -> Malformed {
        Malformed::NotMultipart { at: self.before }
    }

    /// Goes one step on; `false` where more has to come first.
    fn step(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<bool, Malformed> {
        match &self.stage {
            Stage::Start => {
                let known = self.held.len().min(self.delimiter.len());
                if self.held.get(..known) != self.delimiter.get(..known) {
                    return Err(self.bad());
                }
                if known < self.delimiter.len() {
                    return Ok(false);
                }
                self.take(known);
                self.stage = Stage::Delimited;
                Ok(true)
            }
            Stage::Delimited => match self.held.get(..2) {
                None => Ok(false),
                Some(b"\r\n") => {
                    self.take(2);
                    self.stage = Stage::Head;
                    Ok(true)
                }
                Some(b"--") => {
                    self.take(2);
                    out.extend_from_slice(&self.delimiter);
                    out.extend_from_slice(b"--");
                    self.stage = Stage::End;
                    Ok(true)
                }
                Some(_) => Err(self.bad()),
            },
            Stage::Head => self.head(plan, out),
            Stage::Passes | Stage::Held(..) => self.content(plan, out),
            Stage::End if b"\r\n".starts_with(&self.held) => Ok(false),
            Stage::End => Err(self.bad()),
        }
    }

    /// So many bytes are gone.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.held.split_off(count.min(self.held.len()));
        self.before += self.held.len() as u64;
        self.searched = 0;
        std::mem::replace(&mut self.held, rest)
    }

    fn head(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<bool, Malformed> {
        let end = memchr::memmem::find(&self.held, b"\r\n\r\n");
        if end.unwrap_or(self.held.len()) > limits::PART_HEAD_BYTES_MAX {
            return Err(self.bad());
        }
        let Some(end) = end else { return Ok(false) };
        let bad = self.bad();
        let head = self.take(end + 4);
        let text = std::str::from_utf8(&head).ok().and_then(|head| head.strip_suffix("\r\n\r\n"));
        let (name, kind) = text.and_then(|text| described(plan, text)).ok_or(bad)?;
        // What nobody reads nobody searches.
        let place = Place::of(plan, &name).map_err(|_| bad)?;
        match place.filter(|place| kind != PartType::Opaque || !place.is_only_searched()) {
            None => {
                self.open(&head, out);
                self.stage = Stage::Passes;
            }
            // What is hidden in it nobody can say.
            Some(_) if kind == PartType::Opaque => return Err(bad),
            Some(place) => self.stage = Stage::Held(place, kind, head),
        }
        Ok(true)
    }

    /// The part leaves, so its delimiter and head do.
    fn open(&self, head: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.delimiter);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(head);
    }

    fn content(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<bool, Malformed> {
        let rest = self.held.get(self.searched..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(rest, &self.delimiter) else {
            // The line's end before a delimiter, and all of it but a byte, may be here already.
            let sure = self.held.len().saturating_sub(self.delimiter.len() + 1);
            if matches!(self.stage, Stage::Passes) {
                let part = self.take(sure);
                out.extend_from_slice(&part);
            } else if sure > limits::FIELD_BYTES_MAX {
                return Err(Malformed::FieldTooLong { at: self.before + sure as u64 });
            } else {
                self.searched = sure;
            }
            return Ok(false);
        };
        let found = self.searched + found;
        if found > limits::FIELD_BYTES_MAX + 2 && !matches!(self.stage, Stage::Passes) {
            return Err(Malformed::FieldTooLong { at: self.before + found as u64 });
        }
        let bad = Malformed::NotMultipart { at: self.before + found as u64 };
        let mut content = self.take(found);
        self.take(self.delimiter.len());
        // Some would take a bare line feed for a line's end, and some would not.
        if !content.ends_with(b"\r\n") {
            return Err(bad);
        }
        content.truncate(content.len() - 2);
        match std::mem::replace(&mut self.stage, Stage::Delimited) {
            Stage::Held(place, kind, head) => {
                let text = std::str::from_utf8(&content).map_err(|_| bad)?;
                let fate = match kind {
                    PartType::Text => place.judge(plan, text, &mut self.counts),
                    PartType::Opaque => Err(bad),
                    PartType::Json => place.judge_json(plan, text, &mut self.counts),
                };
                let left = match fate.map_err(|_| bad)? {
                    Fate::Gone => return Ok(true),
                    Fate::Stays => content,
                    Fate::Becomes(text) => text.into_bytes(),
                };
                // A mask must not end its part.
                if memchr::memmem::find(&left, &self.delimiter).is_some() {
                    return Err(bad);
                }
                self.open(&head, out);
                out.extend_from_slice(&left);
            }
            Stage::Start | Stage::Delimited | Stage::Head | Stage::Passes | Stage::End => {
                out.extend_from_slice(&content);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(true)
    }
}

/// The name of a part and what it holds, by its head. `None` where that cannot be told.
fn described(plan: &Plan, head: &str) -> Option<(String, PartType)> {
    let mut disposition = None;
    let mut kind = None;
    for line in head.split("\r\n") {
        if line.contains(['\r', '\n', '\0']) {
            return None;
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        let once = match &*name.to_ascii_lowercase() {
            "content-disposition" => disposition.replace(value),
            "content-type" => kind.replace(value),
            "content-transfer-encoding" => {
                let is_plain =
                    ["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain));
                (!is_plain).then_some(value)
            }
            _ => return None,
        };
        if once.is_some() {
            return None;
        }
    }
    let (name, is_file) = named(disposition?)?;
    let kind = match kind {
        Some(kind) => part_type(plan, kind)?,
        None if is_file => return None,
        None => PartType::Text,
    };
    Some((name, kind))
}

/// The name that a `content-disposition` gives, and whether it is of a file.
fn named(disposition: &str) -> Option<(String, bool)> {
    let (kind, mut rest) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let mut name = None;
    let mut is_file = false;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            // What a backslash or a percent sign stands for depends on who reads it.
            Some(quoted) => quoted.split_once('"')?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (token, after) = after.split_at_checked(end)?;
                let token = token.trim();
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.[]'%*".contains(&byte);
                if !token.bytes().all(is_plain) {
                    return None;
                }
                (token, after)
            }
        };
        let known = match &*key.trim().to_ascii_lowercase() {
            "name" if value.contains(['\\', '%']) || value.starts_with('\'') || value == "_charset_" => {
                return None;
            }
            "name" => name.replace(value),
            "filename" | "filename*" => {
                is_file = true;
                value.contains('\\').then_some(value)
            }
            _ => return None,
        };
        if known.is_some() {
            return None;
        }
        match after.trim_start().strip_prefix(';') {
            Some(more) => rest = more,
            None if after.trim().is_empty() => break,
            None => return None,
        }
    }
    Some((name?.to_owned(), is_file))
}
