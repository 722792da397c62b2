//! From a key's exact bytes to its number: an open hash table that never grows after it is made.
//!
//! The table is fixed by the operator's files, so a hostile body cannot fill it; it can only look up.
//!
//! Never: takes a hash for an answer. All bytes of the key are compared.

#[derive(Debug)]
pub(super) struct Symbols {
    keys: Box<[Box<[u8]>]>,
    /// Number of the key plus one; 0 is empty. A power of two, at least twice as long as `keys`.
    slots: Box<[u32]>,
}

impl Symbols {
    /// A table in which each key has the number of its place in `keys`.
    pub(super) fn new(keys: Box<[Box<[u8]>]>) -> Self {
        let mut slots = vec![0_u32; (keys.len() * 2).next_power_of_two()];
        for (number, key) in (1..).zip(&keys) {
            let mut at = hash(key);
            while let Some(slot) = slot(&mut slots, at) {
                if *slot == 0 {
                    *slot = number;
                    break;
                }
                at += 1;
            }
        }
        Self { keys, slots: slots.into() }
    }

    /// The number of a key.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let mut at = hash(key);
        loop {
            let number = self.slots.get(at & (self.slots.len() - 1))?.checked_sub(1)?;
            if self.keys.get(number as usize).is_some_and(|known| **known == *key) {
                return Some(number);
            }
            at += 1;
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(|key| &**key)
    }
}

fn slot(slots: &mut [u32], at: usize) -> Option<&mut u32> {
    let mask = slots.len() - 1;
    slots.get_mut(at & mask)
}

/// A hash of the length, the first and the last eight bytes: all of them, for nearly all keys there are.
#[inline]
fn hash(key: &[u8]) -> usize {
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
            }
            _ => (key.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (first ^ (key.len() as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ last.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_found_by_its_own_bytes_only() {
        let texts: Vec<String> = (0..500)
            .map(|n| format!("prefix-{n}-suffix-of-a-long-key"))
            .chain(["".into(), "a".into()])
            .collect();
        let symbols = Symbols::new(texts.iter().map(|text| text.as_bytes().into()).collect());
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(symbols.find(text.as_bytes()), Some(number));
            assert_eq!(symbols.find(format!("{text}x").as_bytes()), None);
        }
        assert_eq!(Symbols::new(Box::new([])).find(b"a"), None);
    }
}
