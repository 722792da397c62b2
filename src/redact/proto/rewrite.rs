//! A message as it may be seen, field by field.
//!
//! Never: goes deeper than [`limits::PROTOBUF_DEPTH_MAX`], or keeps a field that the descriptors do not know.

use std::sync::Arc;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::malformed::Malformed;
use crate::redact::places::Places;
use crate::redact::plan::Plan;
use crate::redact::walk::Owns;

use super::Tally;
use super::descriptor::Field;
use super::descriptor::Kind;
use super::descriptor::Message;
use super::descriptor::Messages;
use super::descriptor::Unknown;
use super::rows::Row;
use super::value::is_nothing;
use super::value::masked_number;
use super::value::masked_text;
use super::value::rule_of;
use super::value::told;
use super::value::unpacked;
use super::wire;
use super::wire::Value;

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Here<'h> {
    pub(super) places: &'h Places,
    /// The name by which JSON would have it.
    pub(super) key: &'h str,
    depth: usize,
}

pub(super) struct Rewrite<'a> {
    pub(super) plan: &'a Plan,
    messages: &'a Messages,
    /// Whose rows may stay, where there are any.
    pub(super) owner: Option<&'a Arc<dyn Owns>>,
    /// Where the message begins that is the document.
    pub(super) at: u64,
    pub(super) tally: &'a mut Tally,
    pub(super) row: Option<Row>,
    /// Does what is read go nowhere?
    pub(super) is_hidden: bool,
}

impl<'a> Rewrite<'a> {
    pub(super) const fn new(
        plan: &'a Plan,
        messages: &'a Messages,
        owner: Option<&'a Arc<dyn Owns>>,
        at: u64,
        tally: &'a mut Tally,
    ) -> Self {
        Self { plan, messages, owner, at, tally, row: None, is_hidden: false }
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

    fn message(
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
        if message.is_any() {
            return self.any(here, bytes, out);
        }
        for field in wire::fields(bytes) {
            let (number, value) = field.ok_or(self.bad())?;
            match message.fields.get(&number) {
                Some(field) => {
                    let places = inside(self.plan, message, field, here.places);
                    let key = if message.is_transparent() { here.key } else { &field.json_name };
                    self.field(number, field, value, Here { places: &places, key, ..here }, out)?;
                }
                None => self.unknown()?,
            }
        }
        Ok(())
    }

    /// A field that the descriptors do not know, or of another wire type than its own, which readers take for such a one.
    const fn unknown(&self) -> Result<(), Malformed> {
        match self.messages.unknown {
            Unknown::Drop => Ok(()),
            Unknown::Refuse => Err(Malformed::UnknownField { at: self.at }),
        }
    }

    /// One field, or one of its values.
    fn field(
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
        let Some((rule, set)) = hidden else { return self.seen(number, kind, value, here, out) };
        self.count(set);
        // Of a list that goes nothing is left; what goes alone, and is no item, moves no other.
        let is_gone = is_nothing(rule_of(plan, rule)) && (array.is_some() || !field.is_repeated);
        let left = match (kind, value) {
            (Kind::Message(of), Value::Bytes(bytes)) => {
                let deeper = here.deeper();
                self.unseen(|this, nowhere| this.message(of, deeper, bytes, nowhere))?;
                Some(Value::Bytes(&[]))
            }
            (_, Value::Bytes(bytes)) if !is_gone => {
                let left = masked_text(plan, rule, kind, bytes);
                wire::put(number, Value::Bytes(left.as_bytes()), out);
                None
            }
            _ => Some(masked_number(plan, rule, kind, value)),
        };
        if let Some(left) = left.filter(|_| !is_gone) {
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
            let value = match hidden {
                Some((rule, set)) => {
                    self.count(set);
                    masked_number(plan, rule, kind, value)
                }
                None => value,
            };
            wire::put_value(value, out);
        }
        wire::close(before, out);
        Ok(())
    }

    /// The key and the value of the entries of a map.
    fn entry_of(&self, field: &Field) -> Option<(&'a Field, &'a Field)> {
        let Kind::Message(at) = field.kind else { return None };
        let message = self.messages.descriptors.messages.get(at).filter(|message| message.is_map_entry)?;
        Some((message.fields.get(&1)?, message.fields.get(&2)?))
    }

    /// One entry of a map: its value is like the member of its key.
    fn entry(
        &mut self,
        number: u32,
        (key_field, value_field): (&Field, &Field),
        value: Value<'_>,
        here: Here<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let plan = self.plan;
        let Value::Bytes(bytes) = value else { return self.unknown() };
        self.disown(here.places.is_owner(plan));
        let map = here.places.hidden(plan);
        if let Some((_, set)) = map {
            self.count(set);
            if self.row.is_none() {
                return Ok(());
            }
        }
        let (mut key, mut held) = (None, None);
        for field in wire::fields(bytes) {
            // Of two keys or values readers take the last, or both together.
            let once = match field.ok_or(self.bad())? {
                (1, found) if key_field.kind.is_of(found) => key.replace(found).is_none(),
                (2, found) if value_field.kind.is_of(found) => held.replace(found).is_none(),
                _ => self.unknown().map(|()| true)?,
            };
            if !once {
                return Err(self.bad());
            }
        }
        let name = told(key_field.kind, key).ok_or(self.bad())?;
        let places = here.places.members(plan, &[&name]).described(plan);
        let inner = Here { places: &places, key: &name, ..here };
        if let (Some(_), Some(held)) = (map, held) {
            return self.unseen(|this, nowhere| this.field(2, value_field, held, inner, nowhere));
        }
        let before = wire::open(number, bytes.len(), out);
        match (key, self.key(&name)) {
            (Some(_), Some(masked)) => wire::put(1, Value::Bytes(masked.as_bytes()), out),
            (Some(key), None) => wire::put(1, key, out),
            (None, _) => {}
        }
        let keyed = out.len();
        if let Some(held) = held {
            self.field(2, value_field, held, inner, out)?;
        }
        let hidden = places.hidden(plan).or(places.hidden_whole(plan));
        // A value that is gone takes its key with it.
        if map.is_some() || out.len() == keyed && hidden.is_some() {
            wire::undo(before, out);
        } else {
            wire::close(before, out);
        }
        Ok(())
    }

    /// What a message of any type holds, by its type.
    fn any(&mut self, here: Here<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let (plan, bad) = (self.plan, self.bad());
        let (mut url, mut held) = (None, None);
        for field in wire::fields(bytes) {
            let once = match field.ok_or(bad)? {
                (1, Value::Bytes(found)) => url.replace(found).is_none(),
                (2, Value::Bytes(found)) => held.replace(found).is_none(),
                _ => self.unknown().map(|()| true)?,
            };
            if !once {
                return Err(bad);
            }
        }
        let Some(url) = url else { return if held.is_some() { self.unknown() } else { Ok(()) } };
        let url = std::str::from_utf8(url).map_err(|_| bad)?;
        let name = url.rsplit('/').next().unwrap_or_default();
        let of = self.messages.descriptors.find(name);
        // Where what no class names is hidden, the name of a type that nobody knows is, too.
        if of.is_some() || plan.shape.rest == DEAD {
            wire::put(1, Value::Bytes(self.key(url).as_deref().unwrap_or(url).as_bytes()), out);
        }
        match (held, of) {
            (Some(held), Some(of)) => {
                let by_type = Places::document(plan).members(plan, &[&type_key(name)]);
                let places = here.places.clone().or(&by_type);
                let inner = Here { places: &places, ..here.deeper() };
                if let Some((_, set)) = by_type.hidden(plan) {
                    self.count(set);
                    return self.unseen(|this, nowhere| this.message(of, inner, held, nowhere));
                }
                let before = wire::open(2, held.len(), out);
                self.message(of, inner, held, out)?;
                wire::close(before, out);
                Ok(())
            }
            // Of a type that is not known no field is.
            (Some(_), None) => self.unknown(),
            (None, _) => Ok(()),
        }
    }
}

impl Here<'_> {
    const fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// Where the fields of a message stand that stands here.
fn inside(plan: &Plan, message: &Message, field: &Field, places: &Places) -> Places {
    let members = places.members(plan, &[&*field.name, &*field.json_name]);
    let members = if message.is_transparent() { members.or(places) } else { members };
    members.described(plan)
}

/// The key that leads from the document to a type, for messages that say their type themselves.
pub(super) fn type_key(name: &str) -> String {
    format!("type.googleapis.com/{name}")
}
