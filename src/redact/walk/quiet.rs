//! Keys in which nothing was found: bodies say the same few keys over and over.
//!
//! Never: takes a key for another one. All bytes are compared.

use crate::redact::detect::Hint;
use crate::redact::detect::of_words;
use crate::redact::finds;
use crate::redact::plan::Plan;
use crate::redact::walk::Walk;

/// Longest key that is kept.
const BYTES: usize = 48;
/// So many are.
const KEYS: usize = 128;

/// A key's bytes and its length; 0 where none is kept.
type Kept = ([u8; BYTES], usize);

/// What keys say of the texts below them is kept for so many short ones.
const SAID: usize = 64;

/// Those of one body.
#[derive(Debug)]
pub(super) struct QuietKeys {
    keys: Box<[Kept; KEYS]>,
    /// A key of at most sixteen bytes, the rest zeros, and what it says; 0 is none.
    said: Box<[(u128, Hint); SAID]>,
}

impl QuietKeys {
    fn new() -> Self {
        Self { keys: Box::new([([0; BYTES], 0); KEYS]), said: Box::new([(0, Hint::NONE); SAID]) }
    }

    /// Keeps none, in the same memory.
    pub(super) fn forget(&mut self) {
        self.keys.iter_mut().for_each(|(_, length)| *length = 0);
        *self.said = [(0, Hint::NONE); SAID];
    }
}

/// So many bytes of a key are compared at once.
const LONG: usize = 16;

impl Walk {
    /// Is it known of the key that begins here, and has so many bytes, that nothing is found in it?
    #[inline]
    pub(super) fn is_known_quiet(&self, window: &[u8; BYTES], length: usize) -> bool {
        let Some(all) = &self.quiet else { return false };
        let Some(last) = length.checked_sub(LONG).filter(|last| *last <= BYTES - LONG) else { return false };
        let part = |bytes: &[u8; BYTES], at: usize| {
            bytes.get(at..).and_then(|rest| rest.first_chunk::<LONG>()).copied()
        };
        let Some((kept, of)) = all.keys.get(place_of_ends(part(window, 0), part(window, last), length))
        else {
            return false;
        };
        let is_same = |at| part(window, at) == part(kept, at);
        *of == length && is_same(0) && is_same(last) && is_same(LONG.min(last))
    }

    /// Is nothing found in a key that has no escape? It may be known already that nothing is.
    pub(super) fn is_quiet_key(&mut self, plan: &Plan, key: &[u8], is_nothing: bool) -> bool {
        let found = || !is_nothing && finds::masked(plan, key, b"", |_| {}).is_some();
        let all = self.quiet.get_or_insert_with(QuietKeys::new);
        let Some((kept, length)) = all.keys.get_mut(place(key)) else { return !found() };
        if kept.get(..*length) == Some(key) && !key.is_empty() {
            return true;
        }
        if found() {
            return false;
        }
        if let Some(own) = kept.get_mut(..key.len()) {
            own.copy_from_slice(key);
            *length = key.len();
        }
        true
    }

    /// What a key says that is short: these bytes, the rest zeros.
    #[inline]
    pub(super) fn said(&self, short: u128) -> Option<Hint> {
        let (key, says) = self.quiet.as_ref()?.said.get(place_of(short))?;
        (*key == short).then_some(*says)
    }

    /// Keeps what a short key says.
    #[inline(never)]
    pub(super) fn keep_said(&mut self, short: u128) -> Hint {
        let bytes = short.to_le_bytes();
        let says = of_words(bytes.split(|byte| *byte == 0).next().unwrap_or_default());
        let all = self.quiet.get_or_insert_with(QuietKeys::new);
        if let Some(own) = all.said.get_mut(place_of(short)) {
            *own = (short, says);
        }
        says
    }

    /// What a short key says.
    #[inline]
    pub(super) fn says(&mut self, short: u128) -> Hint {
        match self.said(short) {
            Some(says) => says,
            None => self.keep_said(short),
        }
    }
}

/// Where it is kept what a short key says.
#[inline(always)]
fn place_of(short: u128) -> usize {
    let halves = (short >> 64) as u64 ^ short as u64;
    (halves.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % SAID
}

/// Where a key is kept, if it is: by its ends and its length. Any place would do.
fn place(key: &[u8]) -> usize {
    let mut padded = [0; BYTES];
    match padded.get_mut(..key.len()) {
        Some(own) => own.copy_from_slice(key),
        None => return KEYS,
    }
    let part = |at: usize| padded.get(at..).and_then(|rest| rest.first_chunk()).copied();
    place_of_ends(part(0), part(key.len().saturating_sub(LONG)), key.len())
}

#[inline(always)]
fn place_of_ends(first: Option<[u8; LONG]>, last: Option<[u8; LONG]>, length: usize) -> usize {
    let both = u128::from_le_bytes(first.unwrap_or_default())
        ^ u128::from_le_bytes(last.unwrap_or_default()).rotate_left(40);
    let mixed = ((both >> 64) as u64 ^ both as u64 ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 57) as usize % KEYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::ClassIx;
    use crate::redact::Mode;
    use crate::redact::ShapeBuilder;
    use crate::redact::detect::Kind;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn plan() -> Plan {
        let mut shape = ShapeBuilder::new();
        shape.mode(Mode::Guarded);
        Kind::ALL.into_iter().for_each(|kind| shape.detect(kind, ClassIx(0)));
        Plan::new(&Arc::new(shape.build().unwrap()), [(ClassIx(0), crate::redact::Mask::default())], None)
    }

    proptest! {
        #[test]
        fn a_key_is_quiet_whatever_came_before_it(
            keys in prop::collection::vec("[ab]{1,3}|[a-c]{47,50}|(ada|bob)@example.(org|com)|078-05-1120|4111111111111111", 1..60)
        ) {
            let plan = plan();
            let mut walk = Walk::new(&plan);
            for key in &keys {
                let found = finds::masked(&plan, key.as_bytes(), b"", |_| {}).is_some();
                prop_assert_eq!(walk.is_quiet_key(&plan, key.as_bytes(), false), !found, "{}", key);
            }
        }

        #[test]
        fn a_key_of_which_it_is_known_is_quiet(
            keys in prop::collection::vec("a{15} 411111111111111[12] b{0,15}|[ab]{14,18}|[a-c]{46,49}", 1..60)
        ) {
            let plan = plan();
            let mut walk = Walk::new(&plan);
            for key in &keys {
                let found = finds::masked(&plan, key.as_bytes(), b"", |_| {}).is_some();
                let window = [key.as_bytes(), &[b'b'; BYTES]].concat();
                let is_known = |walk: &Walk| walk.is_known_quiet(window.first_chunk().unwrap(), key.len());
                prop_assert!(!found || !is_known(&walk), "{}", key);
                walk.is_quiet_key(&plan, key.as_bytes(), false);
                prop_assert_eq!(is_known(&walk), !found && (LONG..=BYTES).contains(&key.len()), "{}", key);
            }
        }
    }
}
