//! XML bodies (XML 1.0, fifth edition): each element like the member of its local name, each attribute like one of the
//! element, as it is called and with `@` before it.
//!
//! The root element may stand for the document or for its only member, an element in another for a member or for an
//! item of a wrapped list: what is hidden in one reading is hidden.
//!
//! Never: passes a document type, a processing instruction, an entity that is not XML's own, or a comment.

mod hidden;
mod names;
mod tag;
mod text;

use bytes::Bytes;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::places;
use crate::redact::places::Places;
use crate::redact::plan::Plan;
use hidden::Hidden;
use tag::Tag;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first byte, which may begin a declaration.
    Start,
    Markup,
    Comment,
    Data,
}

/// An element that has begun and whose content leaves.
#[derive(Debug)]
struct Open {
    name: Box<str>,
    places: Places,
    /// Does text go that stands in it?
    hides_text: bool,
}

#[derive(Debug)]
pub(super) struct Xml {
    stage: Stage,
    /// Has the root element begun?
    has_root: bool,
    /// Has a text begun that does not leave?
    in_text: bool,
    open: Vec<Open>,
    hidden: Option<Hidden>,
    /// The bytes of a character that is not whole.
    part: Vec<u8>,
    /// What has come, and so much of it is gone.
    held: String,
    at: usize,
    /// So much of the tag that comes has no end, and whether that is within quotes.
    searched: usize,
    quote: Option<u8>,
    /// How many bytes are gone.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Default for Xml {
    fn default() -> Self {
        Self {
            stage: Stage::Start,
            has_root: false,
            in_text: false,
            open: Vec::new(),
            hidden: None,
            part: Vec::new(),
            held: String::new(),
            at: 0,
            searched: 0,
            quote: None,
            before: 0,
            counts: Vec::new(),
        }
    }
}

impl Xml {
    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        // Neither what is found by its form nor documents in texts are looked for here.
        if plan.finds || plan.shape.reads_strings() {
            return Err(Malformed::Unsearchable);
        }
        self.characters(piece)?;
        let mut out = String::with_capacity(piece.len());
        while self.step(plan, &mut out)? {}
        self.held.drain(..self.at);
        self.at = 0;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self) -> Result<Bytes, Malformed> {
        if !self.part.is_empty() || self.stage == Stage::Comment || self.stage == Stage::Data {
            return Err(Malformed::Truncated);
        }
        let rest = self.take(self.rest().len());
        if rest.contains('<') {
            return Err(Malformed::Truncated);
        }
        let mut out = String::new();
        self.characters_of(&rest, &mut out)?;
        if self.has_root && self.open.is_empty() { Ok(out.into()) } else { Err(Malformed::Truncated) }
    }

    const fn bad(&self) -> Malformed {
        Malformed::NotXml { at: self.before }
    }

    /// Takes bytes for characters, all of which may stand in XML.
    fn characters(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        let bad = self.bad();
        let mut bytes = std::mem::take(&mut self.part);
        let joined = if bytes.is_empty() {
            piece
        } else {
            bytes.extend_from_slice(piece);
            &bytes
        };
        let (text, rest) = match std::str::from_utf8(joined) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_none() => {
                let (text, rest) = joined.split_at_checked(error.valid_up_to()).ok_or(bad)?;
                (std::str::from_utf8(text).map_err(|_| bad)?, rest)
            }
            Err(_) => return Err(bad),
        };
        if !text.chars().all(text::is_character) {
            return Err(bad);
        }
        self.held.push_str(text);
        self.part = rest.to_vec();
        Ok(())
    }

    /// What has come and is not yet gone.
    fn rest(&self) -> &str {
        self.held.get(self.at..).unwrap_or_default()
    }

    /// So many bytes are gone.
    fn take(&mut self, count: usize) -> String {
        let taken = self.rest().get(..count).unwrap_or_default().to_owned();
        self.at += taken.len();
        self.before += taken.len() as u64;
        (self.searched, self.quote) = (0, None);
        taken
    }

    /// Goes one step on; `false` where more has to come first.
    fn step(&mut self, plan: &Plan, out: &mut String) -> Result<bool, Malformed> {
        match self.stage {
            Stage::Start => self.start(out),
            Stage::Comment => self.comment(),
            Stage::Data => Ok(self.data(out)),
            Stage::Markup if self.rest().starts_with('<') => self.markup(plan, out),
            Stage::Markup => self.text(out),
        }
    }

    /// The declaration, if there is one.
    fn start(&mut self, out: &mut String) -> Result<bool, Malformed> {
        const OPEN: &str = "<?xml";
        let (bad, rest) = (self.bad(), self.rest());
        if rest.is_empty() {
            return Ok(false);
        }
        if self.before == 0 && rest.starts_with('\u{feff}') {
            self.take('\u{feff}'.len_utf8());
            return Ok(true);
        }
        if rest == "<" {
            return Ok(false);
        }
        if !rest.starts_with("<?") {
            self.stage = Stage::Markup;
            return Ok(true);
        }
        let end = rest.find("?>");
        if end.unwrap_or(rest.len()) > limits::XML_DECLARATION_BYTES_MAX {
            return Err(bad);
        }
        let Some(end) = end else {
            let may_be = rest.starts_with(OPEN) || OPEN.starts_with(rest);
            return if may_be { Ok(false) } else { Err(bad) };
        };
        let declaration = self.take(end + 2);
        if !tag::is_declaration(&declaration) {
            return Err(bad);
        }
        out.push_str(&declaration);
        self.stage = Stage::Markup;
        Ok(true)
    }

    /// The inside of a comment, none of which leaves.
    fn comment(&mut self) -> Result<bool, Malformed> {
        let (bad, rest) = (self.bad(), self.rest());
        let Some(end) = rest.find("--") else {
            let sure = rest.len() - usize::from(rest.ends_with('-'));
            self.take(sure);
            return Ok(false);
        };
        match rest.as_bytes().get(end + 2) {
            None => Ok(false),
            Some(b'>') => {
                self.take(end + 3);
                self.stage = Stage::Markup;
                Ok(true)
            }
            Some(_) => Err(bad),
        }
    }

    /// The inside of a CDATA section; has it ended?
    fn data(&mut self, out: &mut String) -> bool {
        let end = self.rest().find("]]>");
        let data = self.take(end.unwrap_or_else(|| text::before_brackets(self.rest())));
        self.kept(&data, &data, out);
        if end.is_some() {
            let close = self.take(3);
            self.kept(&close, "", out);
            self.stage = Stage::Markup;
        }
        end.is_some()
    }

    /// Text up to the next markup.
    fn text(&mut self, out: &mut String) -> Result<bool, Malformed> {
        let rest = self.rest();
        let end = memchr::memchr(b'<', rest.as_bytes());
        let to = end.unwrap_or_else(|| text::sure(rest));
        if end.is_none() && rest.len() - to > text::REFERENCE_BYTES_MAX {
            return Err(self.bad());
        }
        let text = self.take(to);
        self.characters_of(&text, out)?;
        Ok(end.is_some())
    }

    fn characters_of(&mut self, raw: &str, out: &mut String) -> Result<(), Malformed> {
        if self.open.is_empty() && !raw.chars().all(tag::is_space) {
            return Err(self.bad());
        }
        let text = text::decode(raw).ok_or(self.bad())?;
        self.kept(raw, &text, out);
        Ok(())
    }

    /// What stands in an element leaves as it is written, or is held for what it spells.
    fn kept(&mut self, raw: &str, text: &str, out: &mut String) {
        let hides_text = !text.is_empty() && self.open.last().is_some_and(|open| open.hides_text);
        match &mut self.hidden {
            None if hides_text => {
                // The space before a text tells nothing, and what is left must not depend on where a piece ends.
                let shown = raw.len() - raw.trim_start_matches(tag::is_space).len();
                out.push_str(raw.get(..shown).filter(|_| !self.in_text).unwrap_or_default());
                self.in_text |= shown < raw.len();
            }
            None => out.push_str(raw),
            Some(hidden) => hidden.add(text),
        }
    }

    /// What begins with `<`.
    fn markup(&mut self, plan: &Plan, out: &mut String) -> Result<bool, Malformed> {
        const COMMENT: &str = "<!--";
        const DATA: &str = "<![CDATA[";
        self.in_text = false;
        let rest = self.rest();
        if rest.starts_with(COMMENT) {
            self.take(COMMENT.len());
            self.stage = Stage::Comment;
            return Ok(true);
        }
        if rest.starts_with(DATA) && !self.open.is_empty() {
            let open = self.take(DATA.len());
            self.kept(&open, "", out);
            self.stage = Stage::Data;
            return Ok(true);
        }
        if COMMENT.starts_with(rest) || DATA.starts_with(rest) {
            return Ok(false);
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            return Err(self.bad());
        }
        let Some(end) = self.tag_end()? else { return Ok(false) };
        let bad = self.bad();
        let tag = self.take(end + 1);
        match Tag::parse(&tag).ok_or(bad)? {
            Tag::End(name) => self.close(plan, name, &tag, out)?,
            Tag::Start(start) => {
                if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
                    return Err(bad);
                }
                if self.open.len() >= limits::JSON_DEPTH_MAX {
                    return Err(Malformed::TooDeep { at: self.before });
                }
                self.enter(plan, &start, &tag, out)?;
            }
        }
        Ok(true)
    }

    /// Where the tag ends that stands first.
    fn tag_end(&mut self) -> Result<Option<usize>, Malformed> {
        let (bad, at) = (self.bad(), self.before);
        let rest = self.held.as_bytes().get(self.at..).unwrap_or_default();
        let (mut quote, mut end) = (self.quote, None);
        for (at, byte) in rest.iter().copied().enumerate().skip(self.searched) {
            match (quote, byte) {
                (None, b'>') => {
                    end = Some(at);
                    break;
                }
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), byte) if byte == open => quote = None,
                (_, b'<') if at > 0 => return Err(bad),
                (None | Some(_), _) => {}
            }
        }
        (self.searched, self.quote) = (rest.len(), quote);
        if end.unwrap_or(self.searched) > limits::XML_TAG_BYTES_MAX {
            return Err(Malformed::TagTooLong { at });
        }
        Ok(end)
    }

    fn enter(
        &mut self,
        plan: &Plan,
        start: &tag::Start<'_>,
        raw: &str,
        out: &mut String,
    ) -> Result<(), Malformed> {
        let name: Box<str> = start.name.into();
        if let Some(hidden) = &mut self.hidden {
            hidden.has_elements = true;
            if !start.is_empty {
                self.open.push(Open { name, places: Places::default(), hides_text: false });
            }
            return Ok(());
        }
        let around = self.open.last().map(|open| &open.places);
        let places = names::of_element(plan, around, start.name);
        let places = places.ok_or(Malformed::TooDeep { at: self.before })?;
        if let Some((rule, set)) = places.hidden(plan) {
            places::count(&mut self.counts, plan, set);
            let hidden = Hidden::new(plan, start, self.open.len(), rule);
            if start.is_empty {
                hidden.leave(plan, out);
            } else {
                self.hidden = Some(hidden);
                self.open.push(Open { name, places: Places::default(), hides_text: false });
            }
            return Ok(());
        }
        match names::attributes(plan, &places, start, &mut self.counts) {
            None => out.push_str(raw),
            Some(tag) => out.push_str(&tag),
        }
        if !start.is_empty {
            let hides_text = places.hidden_text(plan).is_some();
            self.open.push(Open { name, places, hides_text });
        }
        Ok(())
    }

    fn close(&mut self, plan: &Plan, name: &str, raw: &str, out: &mut String) -> Result<(), Malformed> {
        if self.open.pop().is_none_or(|open| *open.name != *name) {
            return Err(self.bad());
        }
        match self.hidden.take_if(|hidden| hidden.depth == self.open.len()) {
            Some(hidden) => hidden.leave(plan, out),
            None => self.kept(raw, "", out),
        }
        Ok(())
    }
}
