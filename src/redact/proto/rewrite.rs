//! A message as it may be seen, field by field.
//!
//! Never: goes deeper than [`limits::PROTOBUF_DEPTH_MAX`], or keeps a field that the descriptors do not know.

use std::sync::Arc;

use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::places::Places;
use crate::redact::plan::Plan;
use crate::redact::walk::Owns;

use super::Tally;
use super::again::Again;
use super::descriptor::Field;
use super::descriptor::Kind;
use super::descriptor::Message;
use super::descriptor::Messages;
use super::descriptor::Special;
use super::descriptor::Unknown;
use super::rows::Row;
use super::value;
use super::value::is_nothing;
use super::value::masked_number;
use super::value::masked_text;
use super::value::rule_of;
use super::value::unpacked;
use super::wire;
use super::wire::Value;

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Here<'h> {
    pub(super) places: &'h Places,
    /// The name by which JSON would have it.
    pub(super) key: &'h str,
    pub(super) depth: usize,
}

pub(super) struct Rewrite<'a> {
    pub(super) plan: &'a Plan,
    pub(super) messages: &'a Messages,
    /// Whose rows may stay, where there are any.
    pub(super) owner: Option<&'a Arc<dyn Owns>>,
    /// Where the message begins that is the document.
    pub(super) at: u64,
    pub(super) tally: &'a mut Tally,
    pub(super) row: Option<Row>,
    /// How many rows are taken out of the message, once that is known; and does it count any?
    pub(super) taken: u64,
    pub(super) is_counted: bool,
    /// Does what is read go nowhere?
    pub(super) is_hidden: bool,
    /// How many bytes of messages that stand in pieces were put together.
    pub(super) joined: usize,
}

impl<'a> Rewrite<'a> {
    pub(super) const fn new(
        plan: &'a Plan,
        messages: &'a Messages,
        owner: Option<&'a Arc<dyn Owns>>,
        at: u64,
        tally: &'a mut Tally,
    ) -> Self {
        Self {
            plan,
            messages,
            owner,
            at,
            tally,
            row: None,
            taken: 0,
            is_counted: false,
            is_hidden: false,
            joined: 0,
        }
    }

    const fn bounded(&self, out: &[u8]) -> Result<(), Malformed> {
        let is_long = out.len() > limits::PROTOBUF_REWRITTEN_MAX;
        if is_long { Err(Malformed::MessageTooLong { at: self.at }) } else { Ok(()) }
    }

    pub(super) const fn bad(&self) -> Malformed {
        Malformed::NotProtobuf { at: self.at }
    }

    /// The message that is the document, which may be one of many. `None` where it is a row that goes.
    pub(super) fn root(&mut self, bytes: &[u8], is_item: bool) -> Result<Option<Vec<u8>>, Malformed> {
        let plan = self.plan;
        let places = Places::document(plan);
        let here = Here { places: &places, key: "", depth: 0 };
        let root = self.messages.root;
        let mut out = Vec::with_capacity(bytes.len());
        let stays = self.in_row(&places, is_item, |this| match places.hidden(plan) {
            Some((_, set)) => {
                this.count(set);
                this.unseen(|this, nowhere| this.message(root, here, bytes, nowhere))
            }
            None => this.message(root, here, bytes, &mut out),
        })?;
        Ok(stays.then_some(out))
    }

    pub(super) fn message(
        &mut self,
        at: usize,
        here: Here<'_>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let message = self.messages.descriptors.messages.get(at).ok_or(self.bad())?;
        if here.depth >= limits::PROTOBUF_DEPTH_MAX || here.places.len() > limits::READINGS_MAX {
            return Err(self.bad());
        }
        if message.special == Special::Any {
            return self.any(here, bytes, out);
        }
        let again = Again::of(message, bytes);
        self.joined += again.joined_len();
        if self.joined > limits::PROTOBUF_JOINED_MAX {
            return Err(self.bad());
        }
        for (at, field) in wire::fields(bytes).enumerate() {
            let (number, value) = field.ok_or(self.bad())?;
            match message.fields.get(&number) {
                Some(field) => {
                    let Some(value) = again.read(number, field, value, at) else { continue };
                    let places = inside(self.plan, message, field, here.places);
                    let key =
                        if message.special == Special::Transparent { here.key } else { &field.json_name };
                    self.field(number, field, value, Here { places: &places, key, ..here }, out)?;
                    self.bounded(out)?;
                }
                None => self.unknown()?,
            }
        }
        Ok(())
    }

    /// A field that the descriptors do not know, or of another wire type than its own, which readers take for such a one.
    pub(super) const fn unknown(&self) -> Result<(), Malformed> {
        match self.messages.unknown {
            Unknown::Drop => Ok(()),
            Unknown::Refuse => Err(Malformed::UnknownField { at: self.at }),
        }
    }

    /// One field, or one of its values.
    pub(super) fn field(
        &mut self,
        number: u32,
        field: &Field,
        value: Value<'_>,
        here: Here<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        if let Some(entry) = self.entry_of(field) {
            return self.entry(number, entry, value, here, out);
        }
        let before = out.len();
        let stays = if field.is_repeated {
            let items = here.places.items(self.plan);
            let array = here.places.hidden_array(self.plan);
            self.disown(here.places.is_owner_array(self.plan));
            let here = Here { places: &items, ..here };
            self.in_row(&items, true, |this| this.value(number, field, value, (here, array), out))?
        } else {
            self.in_row(here.places, false, |this| this.value(number, field, value, (here, None), out))?
        };
        if !stays {
            out.truncate(before);
        }
        Ok(())
    }

    /// One value, of a list that is hidden by this act or by none.
    fn value(
        &mut self,
        number: u32,
        field: &Field,
        value: Value<'_>,
        (here, array): (Here<'_>, Option<(u16, u16)>),
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let (plan, kind) = (self.plan, field.kind);
        if let (true, Value::Bytes(packed)) = (field.is_repeated && kind.is_number(), value) {
            return self.packed(number, kind, packed, (here, array), out);
        }
        if !kind.is_of(value) {
            return self.unknown();
        }
        self.note_owner(here.places, kind, value);
        let hidden = array.or_else(|| match kind {
            Kind::Message(_) => here.places.hidden(plan),
            Kind::Text | Kind::Bytes => here.places.hidden_whole(plan),
            Kind::Varint(_) | Kind::Fixed32 { .. } | Kind::Fixed64 { .. } => here.places.hidden_text(plan),
        });
        if let (Kind::Text, Value::Bytes(text)) = (kind, value) {
            std::str::from_utf8(text).map_err(|_| self.bad())?;
        }
        let Some((rule, set)) = hidden else {
            if self.is_number_of_rows(here.places)? {
                let left = value::less(kind, value, self.taken).or(field.is_repeated.then_some(kind.zero()));
                left.into_iter().for_each(|left| wire::put(number, left.value(), out));
                return Ok(());
            }
            return self.seen(number, kind, value, here, out);
        };
        self.count(set);
        if let (Kind::Message(of), Value::Bytes(bytes)) = (kind, value) {
            let deeper = here.deeper();
            self.unseen(|this, nowhere| this.message(of, deeper, bytes, nowhere))?;
        }
        // Of a list that goes nothing is left; what goes alone, and is no item, moves no other.
        if is_nothing(rule_of(plan, rule)) && (array.is_some() || !field.is_repeated) {
            return Ok(());
        }
        let text;
        let left = match (kind, value) {
            (Kind::Message(_), _) => Value::Bytes(&[]),
            (_, Value::Bytes(bytes)) => {
                text = masked_text(plan, rule, kind, bytes);
                Value::Bytes(text.as_bytes())
            }
            _ => masked_number(plan, rule, kind, value),
        };
        // Writers leave out what is 0: one that stands there would tell that it was another number.
        let is_told = matches!(kind, Kind::Message(_)) || !field.is_zero_absent() || !left.is_zero();
        if is_told {
            wire::put(number, left, out);
        }
        Ok(())
    }

    /// A value that is not hidden as such.
    fn seen(
        &mut self,
        number: u32,
        kind: Kind,
        value: Value<'_>,
        here: Here<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        match (kind, value) {
            (Kind::Message(of), Value::Bytes(bytes)) => {
                let before = wire::open(number, bytes.len(), out);
                self.message(of, here.deeper(), bytes, out)?;
                wire::close(before, out);
            }
            (Kind::Text | Kind::Bytes, Value::Bytes(bytes)) => {
                let left = self.searched(bytes, here)?;
                wire::put(number, Value::Bytes(left.as_deref().unwrap_or(bytes)), out);
            }
            _ => wire::put(number, value, out),
        }
        Ok(())
    }

    /// Packed numbers as they may be seen.
    fn packed(
        &mut self,
        number: u32,
        kind: Kind,
        packed: &[u8],
        (here, array): (Here<'_>, Option<(u16, u16)>),
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let plan = self.plan;
        let hidden = array.or_else(|| here.places.hidden_text(plan));
        if let Some((_, set)) = array.filter(|(rule, _)| is_nothing(rule_of(plan, *rule))) {
            self.count(set);
            return Ok(());
        }
        let before = wire::open(number, packed.len(), out);
        let mut rest = packed;
        while !rest.is_empty() {
            let (value, after) = unpacked(kind, rest).ok_or(self.bad())?;
            rest = after;
            self.note_owner(here.places, kind, value);
            match hidden {
                Some((rule, set)) => {
                    self.count(set);
                    wire::put_value(masked_number(plan, rule, kind, value), out);
                }
                None if self.is_number_of_rows(here.places)? => {
                    let left = value::less(kind, value, self.taken).unwrap_or(kind.zero());
                    wire::put_value(left.value(), out);
                }
                None => wire::put_value(value, out),
            }
        }
        wire::close(before, out);
        Ok(())
    }
}

impl Here<'_> {
    pub(super) const fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// Where the fields of a message stand that stands here.
fn inside(plan: &Plan, message: &Message, field: &Field, places: &Places) -> Places {
    let members = places.members(plan, &[&*field.name, &*field.json_name]);
    let members = if message.special == Special::Transparent { members.or(places) } else { members };
    members.described(plan)
}
