//! Entries of maps, and messages of any type: what stands in them has its name beside it.
//!
//! Never: takes a key or a type that is there twice.

use crate::redact::automaton::DEAD;
use crate::redact::malformed::Malformed;
use crate::redact::places::Places;

use super::descriptor::Field;
use super::descriptor::Kind;
use super::descriptor::Special;
use super::rewrite::Here;
use super::rewrite::Rewrite;
use super::value::told;
use super::wire;
use super::wire::Value;

impl<'a> Rewrite<'a> {
    /// The key and the value of the entries of a map.
    pub(super) fn entry_of(&self, field: &Field) -> Option<(&'a Field, &'a Field)> {
        let Kind::Message(at) = field.kind else { return None };
        let message = self
            .messages
            .descriptors
            .messages
            .get(at)
            .filter(|message| message.special == Special::MapEntry)?;
        Some((message.fields.get(&1)?, message.fields.get(&2)?))
    }

    /// One entry of a map: its value is like the member of its key.
    pub(super) fn entry(
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
    pub(super) fn any(&mut self, here: Here<'_>, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
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

/// The key that leads from the document to a type, for messages that say their type themselves.
pub(super) fn type_key(name: &str) -> String {
    format!("type.googleapis.com/{name}")
}
