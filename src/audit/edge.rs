//! The leaves of a bundle that is cut in two where the oldest records of a log are taken away: without them nothing could be proven of the
//! records of the same bundle that stay.
//!
//! Never: holds more than the leaves of one bundle, or anything of a record but the hash of its leaf.

use crate::audit::entry;
use crate::audit::frame;
use crate::audit::frame::Frames;
use crate::audit::tree::BUNDLE_LEAVES;
use crate::audit::tree::Hash;

/// The folder of such files in a log's directory. A new log has none.
pub const FOLDER: &str = "edges";

/// The leaves before a record, back to where its bundle begins.
#[derive(Debug, Clone)]
pub struct Edge {
    boundary: u64,
    leaves: Vec<Option<Hash>>,
}

impl Edge {
    /// Of the first record that stays; none of its leaves is known yet.
    #[must_use]
    pub fn before(boundary: u64) -> Self {
        let leaves = boundary % BUNDLE_LEAVES;
        Self { boundary, leaves: (0..leaves).map(|_| None).collect() }
    }

    /// The number of the first record whose leaf is wanted.
    #[must_use]
    pub const fn begins(&self) -> u64 {
        self.boundary - self.leaves.len() as u64
    }

    /// The place of its file in a log's directory.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{FOLDER}/{:020}.leaves", self.boundary)
    }

    /// Takes note of a record's leaf.
    pub fn leaf(&mut self, seq: u64, leaf: Hash) {
        let at = seq.checked_sub(self.begins()).and_then(|at| usize::try_from(at).ok());
        if let Some(place) = at.and_then(|at| self.leaves.get_mut(at)) {
            *place = Some(leaf);
        }
    }

    /// Takes note of what another file of the kind holds, by its name in the folder.
    pub fn file(&mut self, name: &str, bytes: &[u8]) {
        let boundary = name.strip_suffix(".leaves").and_then(|name| name.parse().ok());
        for (seq, leaf) in boundary.into_iter().flat_map(|boundary| leaves(boundary, bytes)) {
            self.leaf(seq, leaf);
        }
    }

    /// Takes note of what a segment holds, plain.
    pub fn segment(&mut self, bytes: &[u8]) {
        for record in Frames::new(bytes.get(frame::SEGMENT_HEAD_BYTES..).unwrap_or_default()).flatten() {
            if let Some(seq) = entry::seq(record).filter(|seq| (self.begins()..self.boundary).contains(seq)) {
                self.leaf(seq, entry::leaf(record));
            }
        }
    }

    /// The bytes of its file; `None` where there is nothing to keep, or a leaf is not known.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let leaves: Option<Vec<Hash>> = self.leaves.iter().copied().collect();
        leaves.filter(|leaves| !leaves.is_empty()).map(|leaves| leaves.concat())
    }
}

/// The leaves of such a file with their numbers; none where it does not have those before this record.
#[must_use]
pub fn leaves(boundary: u64, bytes: &[u8]) -> Vec<(u64, Hash)> {
    let count = boundary % BUNDLE_LEAVES;
    let (hashes, []) = bytes.as_chunks::<32>() else { return Vec::new() };
    if hashes.len() as u64 != count {
        return Vec::new();
    }
    (boundary - count..boundary).zip(hashes.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaves_of_a_cut_bundle_come_back_from_their_file_and_from_one_of_an_earlier_cut() {
        let leaf = |seq: u64| [u8::try_from(seq % 251).unwrap(); 32];
        let mut first = Edge::before(300);
        assert_eq!((first.begins(), first.bytes()), (256, None));
        (0..400).for_each(|seq| first.leaf(seq, leaf(seq)));
        let bytes = first.bytes().unwrap();
        assert_eq!(first.name(), "edges/00000000000000000300.leaves");
        assert_eq!(leaves(300, &bytes), (256..300).map(|seq| (seq, leaf(seq))).collect::<Vec<_>>());
        assert_eq!(leaves(301, &bytes), []);
        let mut second = Edge::before(310);
        second.file("00000000000000000300.leaves", &bytes);
        (300..309).for_each(|seq| second.leaf(seq, leaf(seq)));
        assert_eq!(second.bytes(), None, "309 is not known");
        second.leaf(309, leaf(309));
        assert_eq!(leaves(310, &second.bytes().unwrap()).len(), 54);
        assert_eq!(Edge::before(512).bytes(), None);
    }
}
