//! From a key's bytes, as they are and folded, to its number: open hash tables that never grow after they are made.
//!
//! Most tables are fixed by the operator's files; those of GraphQL's documents hold what a caller calls things, so where a
//! key is kept cannot be foretold.
//!
//! Never: takes a hash for an answer. All bytes of the key are compared.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;

use crate::redact::fold::Ends;
use crate::redact::fold::Filter;
use crate::redact::fold::fold;

/// The keys of a shape.
#[derive(Debug, Clone, Default)]
pub(super) struct Symbols {
    exact: Table,
    folded: Table,
    filter: Filter,
}

impl Symbols {
    /// The numbers of `exact` are their places; those of `folded`, which are folded keys, go on from there.
    pub(super) fn new(exact: Box<[Box<[u8]>]>, folded: Box<[Box<[u8]>]>) -> Self {
        let mut filter = Filter::default();
        for key in folded.iter().filter_map(|key| str::from_utf8(key).ok()) {
            filter.add(key);
        }
        Self { exact: Table::new(exact), folded: Table::new(folded), filter }
    }

    /// The number of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        self.exact.find(key)
    }

    /// The number of a key of at most [`SHORT`] bytes, which are these, the rest zeros.
    #[inline(always)]
    pub(super) fn find_short(&self, key: u128) -> Option<u32> {
        self.exact.find_short(key)
    }

    /// May it be any of the keys, as it is or folded, by its ends? Each key folds to one of those that are folded.
    #[inline]
    pub(super) fn may_hold(&self, key: &[u8]) -> bool {
        self.filter.may_hold(key)
    }

    /// How a key may begin and end that [`Self::may_hold`] says yes to.
    #[inline]
    pub(super) fn ends(&self) -> &Ends {
        &self.filter.ends
    }

    /// The number of what a key folds to.
    pub(super) fn find_folded(&self, key: &[u8]) -> Option<u32> {
        if !self.filter.may_sum_to(key) {
            return None;
        }
        self.find_folds(key)
    }

    #[inline(never)]
    fn find_folds(&self, key: &[u8]) -> Option<u32> {
        let number = self.folded.find(fold(str::from_utf8(key).ok()?).as_bytes())?;
        Some(number + u32::try_from(self.exact.keys.len()).ok()?)
    }

    /// Does any of the keys stand in a text, in whatever case and with whatever separators?
    pub(super) fn stands_in(&self, text: &str) -> bool {
        let folded = fold(text);
        let mut keys = self.folded.keys.iter().filter_map(|key| str::from_utf8(key).ok());
        // A key that is nothing but separators stands as it is.
        keys.any(|key| folded.contains(key) || text.contains(key))
    }

    /// The keys as they are written, in the order of their numbers.
    pub(super) fn exact(&self) -> impl Iterator<Item = &[u8]> {
        self.exact.keys.iter().map(|key| &**key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.exact.keys.iter().chain(&self.folded.keys).map(|key| &**key)
    }
}

/// Most keys have no more bytes.
pub(super) const SHORT: usize = size_of::<u128>();

/// A key of at most [`SHORT`] bytes, and its number plus one; 0 is empty.
type Short = (u128, u32);

#[derive(Debug, Clone, Default)]
struct Table {
    seed: RandomState,
    keys: Box<[Box<[u8]>]>,
    /// Number of the key plus one; 0 is empty. A power of two, at least twice as long as `keys`.
    slots: Box<[u32]>,
    /// Those that are short once more, with their bytes. As long as `slots`.
    short: Box<[Short]>,
    factors: (u64, u64),
}

impl Table {
    /// A table in which each key has the number of its place in `keys`.
    fn new(keys: Box<[Box<[u8]>]>) -> Self {
        let seed = RandomState::default();
        let mut slots = vec![0_u32; (keys.len() * 2).next_power_of_two()];
        for (number, key) in (1..).zip(&keys) {
            let mut at = hash(&seed, key);
            while let Some(slot) = slot(&mut slots, at) {
                if *slot == 0 {
                    *slot = number;
                    break;
                }
                at += 1;
            }
        }
        // Any two that nobody can foretell.
        let factors = (seed.hash_one(0), seed.hash_one(1));
        let mut table =
            Self { seed, keys, short: vec![(0, 0); slots.len()].into(), slots: slots.into(), factors };
        let short = (1..).zip(&table.keys).filter_map(|(number, key)| Some((short(key)?, number)));
        for (key, number) in short.collect::<Vec<Short>>() {
            let mut at = table.place_of(key);
            while let Some(slot) = slot(&mut table.short, at) {
                if slot.1 == 0 {
                    *slot = (key, number);
                    break;
                }
                at = at.wrapping_add(1);
            }
        }
        table
    }

    /// The number of a short key.
    #[inline(always)]
    fn find_short(&self, key: u128) -> Option<u32> {
        let mut at = self.place_of(key);
        loop {
            let (known, number) = self.short.get(at & self.short.len().wrapping_sub(1))?;
            if *known == key || *number == 0 {
                return number.checked_sub(1);
            }
            at = at.wrapping_add(1);
        }
    }

    /// Where a short key is looked for first: both halves of a product, of which nobody knows the factors.
    #[inline(always)]
    fn place_of(&self, key: u128) -> usize {
        let product = u128::from(key as u64 ^ self.factors.0)
            .wrapping_mul(u128::from((key >> 64) as u64 ^ self.factors.1));
        (product ^ product >> 64) as usize
    }

    /// The number of a key.
    fn find(&self, key: &[u8]) -> Option<u32> {
        let mut at = hash(&self.seed, key);
        loop {
            let number = self.slots.get(at & self.slots.len().wrapping_sub(1))?.checked_sub(1)?;
            if self.keys.get(number as usize).is_some_and(|known| **known == *key) {
                return Some(number);
            }
            at += 1;
        }
    }
}

/// A key's bytes and behind them zeros, if it is short and holds no zero itself.
fn short(key: &[u8]) -> Option<u128> {
    let mut bytes = [0; SHORT];
    if key.contains(&0) {
        return None;
    }
    bytes.get_mut(..key.len())?.copy_from_slice(key);
    Some(u128::from_le_bytes(bytes))
}

fn slot<T>(slots: &mut [T], at: usize) -> Option<&mut T> {
    let mask = slots.len() - 1;
    slots.get_mut(at & mask)
}

/// A hash that nobody can foretell, of half a word, so that what is counted on from it stays one.
fn hash(seed: &RandomState, key: &[u8]) -> usize {
    (seed.hash_one(key) >> 32) as usize
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
        let table = Table::new(texts.iter().map(|text| text.as_bytes().into()).collect());
        for (number, text) in (0..).zip(&texts) {
            assert_eq!(table.find(text.as_bytes()), Some(number));
            assert_eq!(table.find(format!("{text}x").as_bytes()), None);
        }
        assert_eq!(Symbols::default().find(b"a"), None);
        let symbols = Symbols::new([b"SSN".as_slice().into()].into(), [b"ssn".as_slice().into()].into());
        assert_eq!([symbols.find(b"SSN"), symbols.find(b"ssn")], [Some(0), None]);
        assert_eq!([symbols.find_folded(b"s_sN"), symbols.find_folded(b"sns")], [Some(1), None]);
    }
}
