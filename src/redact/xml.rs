//! XML bodies (XML 1.0, fifth edition): each element like the member of its local name, each attribute like one of the
//! element, as it is called and with `@` before it.
//!
//! The root element may stand for the document or for its only member, an element in another for a member or for an
//! item of a wrapped list: what is hidden in one reading is hidden.
//!
//! Never: passes a document type, a processing instruction, an entity that is not XML's own, or a comment.

mod hidden;
mod names;
mod rows;
mod scan;
mod tag;
mod text;

use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::places;
use crate::redact::places::Places;
use crate::redact::plan::Plan;
use crate::redact::walk::Owns;
use hidden::Hidden;
use rows::Guard;
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
    /// Are its child elements rows?
    is_list: bool,
}

impl Open {
    /// An element that does not leave, or not by itself.
    fn unseen(name: Box<str>, places: Places, is_list: bool) -> Self {
        Self { name, places, hides_text: false, is_list }
    }
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
    /// Where rows are looked at: whose may stay.
    guard: Option<Guard>,
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

impl Xml {
    /// The document of which only those rows stay that are this owner's.
    pub(super) fn new(owner: Option<Arc<dyn Owns>>) -> Self {
        Self {
            stage: Stage::Start,
            has_root: false,
            in_text: false,
            open: Vec::new(),
            hidden: None,
            guard: owner.map(Guard::new),
            part: Vec::new(),
            held: String::new(),
            at: 0,
            searched: 0,
            quote: None,
            before: 0,
            counts: Vec::new(),
        }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        // Neither what is found by its form nor documents in texts are looked for here.
        if plan.finds || plan.shape.reads_strings() {
            return Err(Malformed::Unsearchable);
        }
        self.characters(piece)?;
        let mut out = self.begin_piece();
        out.reserve(piece.len());
        while self.step(plan, &mut out)? {}
        self.end_piece(&mut out)?;
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
        self.flush(&mut out);
        if self.has_root && self.open.is_empty() { Ok(out.into()) } else { Err(Malformed::Truncated) }
    }

    const fn bad(&self) -> Malformed {
        Malformed::NotXml { at: self.before }
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
            Stage::Data => self.data(out),
            Stage::Markup if self.rest().starts_with('<') => self.markup(plan, out),
            Stage::Markup => self.text(out),
        }
    }

    /// The inside of a CDATA section; has it ended?
    fn data(&mut self, out: &mut String) -> Result<bool, Malformed> {
        let end = self.rest().find("]]>");
        let data = self.take(end.unwrap_or_else(|| text::before_brackets(self.rest())));
        self.kept(&data, &data, out)?;
        if end.is_some() {
            let close = self.take(3);
            self.kept(&close, "", out)?;
            self.stage = Stage::Markup;
        }
        Ok(end.is_some())
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
        self.kept(raw, &text, out)
    }

    /// What stands in an element leaves as it is written, or is held for what it spells.
    fn kept(&mut self, raw: &str, text: &str, out: &mut String) -> Result<(), Malformed> {
        self.row_text(text)?;
        let hides_text = !text.is_empty() && self.open.last().is_some_and(|open| open.hides_text);
        match &mut self.hidden {
            None if hides_text => {
                // The space before a text tells nothing, and what is left must not depend on where a piece ends.
                let shown = raw.len() - raw.trim_start_matches(tag::is_space).len();
                let space = raw.get(..shown).filter(|_| !self.in_text).unwrap_or_default();
                self.in_text |= shown < raw.len();
                self.put(space, out);
            }
            None => self.put(raw, out),
            Some(hidden) => hidden.add(text),
        }
        Ok(())
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
            self.kept(&open, "", out)?;
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

    fn enter(
        &mut self,
        plan: &Plan,
        start: &tag::Start<'_>,
        raw: &str,
        out: &mut String,
    ) -> Result<(), Malformed> {
        let name: Box<str> = start.name.into();
        let depth = self.open.len();
        if let Some(hidden) = &mut self.hidden {
            hidden.has_elements = true;
        }
        // Within what is hidden only a row's owner is still looked for.
        if self.hidden.is_some() && !self.is_in_row() {
            if !start.is_empty {
                self.open.push(Open::unseen(name, Places::default(), false));
            }
            return Ok(());
        }
        let around = self.open.last().map(|open| &open.places);
        let places = names::of_element(plan, around, start.name);
        let places = places.ok_or(Malformed::TooDeep { at: self.before })?;
        let is_list = self.begin_element(plan, &places, start, out);
        if self.hidden.is_none() {
            self.begin_hidden(plan, &places, start)?;
            if self.hidden.is_none() {
                return self.shown(plan, Open { name, places, hides_text: false, is_list }, start, raw, out);
            }
        }
        if !start.is_empty {
            self.open.push(Open::unseen(name, places, is_list));
            return Ok(());
        }
        if let Some(hidden) = self.hidden.take_if(|hidden| hidden.depth == depth) {
            self.flush(out);
            hidden.leave(plan, out);
        }
        self.end_element(plan, depth, out)
    }

    /// An element begins of which not all leaves, if it is one.
    fn begin_hidden(
        &mut self,
        plan: &Plan,
        places: &Places,
        start: &tag::Start<'_>,
    ) -> Result<(), Malformed> {
        let depth = self.open.len();
        if let Some((rule, set)) = places.hidden(plan) {
            places::count(self.counts_here(), plan, set);
            self.hidden = Some(Hidden::new(plan, start, depth, rule));
        } else if let Some(taken) = self.taken_of(plan, places)? {
            self.hidden = Some(Hidden::counted(start, depth, taken));
        }
        Ok(())
    }

    /// An element begins that leaves, less what is hidden of its attributes.
    fn shown(
        &mut self,
        plan: &Plan,
        open: Open,
        start: &tag::Start<'_>,
        raw: &str,
        out: &mut String,
    ) -> Result<(), Malformed> {
        match self.attributes(plan, &open.places, start)? {
            None => self.put(raw, out),
            Some(tag) => self.put(&tag, out),
        }
        if start.is_empty {
            return self.end_element(plan, self.open.len(), out);
        }
        let hides_text = open.places.hidden_text(plan).is_some();
        self.open.push(Open { hides_text, ..open });
        Ok(())
    }

    fn close(&mut self, plan: &Plan, name: &str, raw: &str, out: &mut String) -> Result<(), Malformed> {
        if self.open.pop().is_none_or(|open| *open.name != *name) {
            return Err(self.bad());
        }
        let depth = self.open.len();
        match self.hidden.take_if(|hidden| hidden.depth == depth) {
            Some(hidden) => {
                self.flush(out);
                hidden.leave(plan, out);
            }
            None => self.kept(raw, "", out)?,
        }
        self.end_element(plan, depth, out)
    }
}
