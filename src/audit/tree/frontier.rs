//! A tree that only grows, kept as the roots of its complete subtrees: all that appending and its root need.
//!
//! Never: holds more than 64 hashes, whatever its size.

use super::BUNDLE_LEVEL;
use super::Hash;
use super::empty_root;
use super::node_hash;

/// A tree of `size` leaves by its peaks: the roots of the complete subtrees that it falls into, the largest first. There
/// is one for each bit that is set in `size`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash. Where that completes a bundle, the root of the bundle.
    pub fn append(&mut self, leaf: Hash) -> Option<Hash> {
        let mut bundle = None;
        self.push(leaf, 0, &mut bundle);
        bundle
    }

    /// The roots of the complete subtrees that it falls into, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a complete subtree of `2^level` leaves by its root. Only where its size is a multiple of that; else nothing is
    /// added, and the answer is `false`.
    pub fn append_subtree(&mut self, level: u32, root: Hash) -> bool {
        let fits = level < u64::BITS && self.size.trailing_zeros() >= level;
        if fits {
            self.push(root, level, &mut None);
        }
        fits
    }

    /// Adds a whole bundle by its root. Only where its size is a multiple of [`super::BUNDLE_LEAVES`]; else nothing is
    /// added, and the answer is `false`.
    pub fn append_bundle(&mut self, root: Hash) -> bool {
        self.append_subtree(BUNDLE_LEVEL, root)
    }

    fn push(&mut self, mut hash: Hash, level: u32, bundle: &mut Option<Hash>) {
        let (mut complete, mut at) = (self.size >> level, level);
        // Each complete subtree of the same height is the left half of the next.
        while complete & 1 == 1 {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
            (complete, at) = (complete >> 1, at + 1);
            if at == BUNDLE_LEVEL {
                *bundle = Some(hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1 << level;
    }

    /// The root of the tree as it is now (RFC 6962 section 2.1, `MTH`).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return empty_root() };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Writes it: the size (8 bytes, little end first) and its peaks, 32 bytes each.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend(self.peaks.iter().flatten());
    }

    /// Reads what [`Self::encode`] wrote from the beginning of `bytes`, and moves them on. `None` if they end before it.
    #[must_use]
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<8>()?;
        let size = u64::from_le_bytes(*size);
        let (peaks, rest) = rest.split_at_checked(size.count_ones() as usize * 32)?;
        *bytes = rest;
        let peaks = peaks.chunks_exact(32).filter_map(|peak| Hash::try_from(peak).ok()).collect();
        Some(Self { size, peaks })
    }
}
