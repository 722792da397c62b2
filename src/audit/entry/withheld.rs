//! What is left of a record that was taken away: its head, and the hash that its leaf was.
//!
//! So every tree that it is a leaf of is grown as before, and every proof of another record holds, while what it said is gone. A hash is
//! no longer made of the head: the seal vouches for its book, and nothing for its time.
//! Never: holds a field of the record. Stands in a log without a `prune` event that counts it.

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::SEQ_AT;
use crate::audit::tree;
use crate::audit::tree::Hash;

/// What stands in place of a version where the record is gone.
pub const WITHHELD: u8 = 2;

/// What is left of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withheld<'a> {
    /// What it was.
    pub kind: Kind,
    /// Another book held it in full.
    pub mirror: bool,
    /// Its number in the log.
    pub seq: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The tenant in whose book it stands; empty for the program's own.
    pub book: &'a str,
    /// The hash of its leaf.
    pub leaf: Hash,
}

impl<'a> Withheld<'a> {
    /// Reads what is left; `None` where it is a record, or nothing.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let entry = Entry::versioned(bytes, WITHHELD).ok()?;
        let leaf = Hash::try_from(entry.fields).ok()?;
        let Entry { kind, mirror, seq, time_ms, book, .. } = entry;
        Some(Self { kind, mirror, seq, time_ms, book, leaf })
    }

    /// The same bytes again.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![WITHHELD, self.kind.code(), u8::from(self.mirror)];
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.time_ms.to_le_bytes());
        super::varint(&mut bytes, self.book.len() as u64);
        bytes.extend_from_slice(self.book.as_bytes());
        bytes.extend_from_slice(&self.leaf);
        bytes
    }
}

/// What is left of a record once it is taken away; `None` where the bytes are none.
#[must_use]
pub fn withhold(record: &[u8]) -> Option<Vec<u8>> {
    let Entry { kind, mirror, seq, time_ms, book, .. } = Entry::read(record).ok()?;
    Some(Withheld { kind, mirror, seq, time_ms, book, leaf: tree::leaf_hash(record) }.write())
}

/// The number of a record, also where it is gone; only of what was read as one.
#[must_use]
pub fn seq(bytes: &[u8]) -> Option<u64> {
    bytes.get(SEQ_AT..).and_then(<[u8]>::first_chunk).map(|seq| u64::from_le_bytes(*seq))
}

/// When it was made, in milliseconds since 1970; the same holds.
#[must_use]
pub fn time_ms(bytes: &[u8]) -> Option<u64> {
    bytes.get(SEQ_AT + 8..).and_then(<[u8]>::first_chunk).map(|time| u64::from_le_bytes(*time))
}

/// The hash of a record's leaf, also where it is gone.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    Withheld::read(bytes).map_or_else(|| tree::leaf_hash(bytes), |withheld| withheld.leaf)
}
