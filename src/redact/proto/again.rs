//! Fields that are there more than once, as readers take them: of a `oneof` the last one counts, and a message in pieces is
//! one message (Protocol Buffers, "Encoding", last one wins).
//!
//! Never: lets a field come back that what came after it has put out, or judges a piece of a message alone.

use std::collections::HashMap;

use super::descriptor::Field;
use super::descriptor::Kind;
use super::descriptor::Message;
use super::wire;
use super::wire::Value;

/// What of one message is there more than once.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// From which of its fields on the message tells one and the same field of each `oneof`.
    since: HashMap<u32, (u32, usize)>,
    /// The messages in pieces by number, put together, and where the last of their pieces stands.
    joined: HashMap<u32, (Vec<u8>, usize)>,
}

impl Again {
    pub(super) fn of(message: &Message, bytes: &[u8]) -> Self {
        let mut again = Self::default();
        if message.has_oneofs {
            again.since = since(message, bytes);
        }
        if message.has_single_messages && may_be_in_pieces(bytes) {
            again.join(message, bytes);
        }
        again
    }

    /// How many bytes were put together.
    pub(super) fn joined_len(&self) -> usize {
        self.joined.values().map(|(whole, _)| whole.len()).sum()
    }

    /// The value of a field that stands at `at`, as readers take it. `None` where they forget it, or have it later.
    pub(super) fn read<'a>(
        &'a self,
        number: u32,
        field: &Field,
        value: Value<'a>,
        at: usize,
    ) -> Option<Value<'a>> {
        if self.is_forgotten(field, at) {
            return None;
        }
        match self.joined.get(&number) {
            Some((whole, last)) if field.kind.is_of(value) => (at == *last).then_some(Value::Bytes(whole)),
            Some(_) | None => Some(value),
        }
    }

    fn is_forgotten(&self, field: &Field, at: usize) -> bool {
        field.oneof.and_then(|oneof| self.since.get(&oneof)).is_some_and(|from| at < from.1)
    }

    fn join(&mut self, message: &Message, bytes: &[u8]) {
        let mut first: HashMap<u32, &[u8]> = HashMap::new();
        for (at, (number, value)) in wire::fields(bytes).flatten().enumerate() {
            let (Some(field), Value::Bytes(piece)) = (message.fields.get(&number), value) else { continue };
            if field.is_repeated || !matches!(field.kind, Kind::Message(_)) || self.is_forgotten(field, at) {
                continue;
            }
            if let Some(before) = first.insert(number, piece) {
                let (whole, last) = self.joined.entry(number).or_insert_with(|| (before.to_vec(), 0));
                whole.extend_from_slice(piece);
                *last = at;
            }
        }
    }
}

/// Is a number there twice, as far as few bits tell? No message is put together where none is.
fn may_be_in_pieces(bytes: &[u8]) -> bool {
    let mut seen = 0_u64;
    wire::fields(bytes).flatten().any(|(number, _)| {
        let bit = 1_u64 << (number % 64);
        let is_again = seen & bit != 0;
        seen |= bit;
        is_again
    })
}

/// From which of its fields on a message tells one and the same field of each `oneof`.
fn since(message: &Message, bytes: &[u8]) -> HashMap<u32, (u32, usize)> {
    let mut since: HashMap<u32, (u32, usize)> = HashMap::new();
    for (at, (number, value)) in wire::fields(bytes).flatten().enumerate() {
        let field = message.fields.get(&number).filter(|field| field.kind.is_of(value));
        if let Some(oneof) = field.and_then(|field| field.oneof) {
            let run = since.entry(oneof).or_insert((number, at));
            if run.0 != number {
                *run = (number, at);
            }
        }
    }
    since
}
