//! Keys in which nothing was found: bodies say the same few keys over and over.
//!
//! Never: takes a key for another one. All bytes are compared.

use crate::redact::finds;
use crate::redact::plan::Plan;
use crate::redact::walk::Walk;

/// Longest key that is kept.
const BYTES: usize = 48;
/// So many are.
const KEYS: usize = 64;

/// A key's bytes and its length; 0 where none is kept.
type Kept = ([u8; BYTES], usize);

/// Those of one body.
#[derive(Debug)]
pub(super) struct QuietKeys(Box<[Kept; KEYS]>);

impl QuietKeys {
    /// Keeps none, in the same memory.
    pub(super) fn forget(&mut self) {
        self.0.iter_mut().for_each(|(_, length)| *length = 0);
    }
}

impl Walk {
    /// Is nothing found in a key that has no escape?
    pub(super) fn is_quiet_key(&mut self, plan: &Plan, key: &[u8]) -> bool {
        let found = || finds::masked(plan, key, b"", |_| {}).is_some();
        let all = self.quiet.get_or_insert_with(|| QuietKeys(Box::new([([0; BYTES], 0); KEYS])));
        let Some((kept, length)) = all.0.get_mut(place(key)) else { return !found() };
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
}

/// Where a key is kept, if it is: by its ends and its length. Any place would do.
fn place(key: &[u8]) -> usize {
    let word = |eight: Option<&[u8; 8]>| eight.copied().map_or(0, u64::from_le_bytes);
    let ends = word(key.first_chunk()) ^ word(key.last_chunk()).rotate_left(32);
    let mixed = (ends ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 58) as usize % KEYS
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
                prop_assert_eq!(walk.is_quiet_key(&plan, key.as_bytes()), !found, "{}", key);
            }
        }
    }
}
