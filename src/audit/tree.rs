//! Merkle trees over records, as RFC 6962 (section 2.1) and RFC 9162 define them: what a leaf and a node hash to, a tree
//! that only grows, and short proofs about it.
//!
//! Never: keeps a leaf, or says that a tree is anybody's: that takes a signature ([`crate::audit::note`]).

mod frontier;
mod memory;
mod proof;
mod stretch;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest;

pub use frontier::Frontier;
pub use memory::Leaves;
pub use proof::Source;
pub use proof::Unproven;
pub use proof::consistency;
pub use proof::inclusion;
pub use proof::is_consistent;
pub use proof::is_included;
pub use proof::root;
pub use stretch::Behind;
pub use stretch::Stretch;

/// A SHA-256 hash: of a leaf, a node or a whole tree.
pub type Hash = [u8; 32];

/// A bundle is this many levels above its leaves: tile level 1 of C2SP tlog-tiles.
pub const BUNDLE_LEVEL: u32 = 8;
/// The leaves of one bundle.
pub const BUNDLE_LEAVES: u64 = 1 << BUNDLE_LEVEL;

/// A leaf whose payload is shorter than this is hashed without asking for memory.
const STACK_BYTES: usize = 512;

fn sha256(bytes: &[u8]) -> Hash {
    // SHA-256 always has 32 bytes; the other branch cannot be reached, and would match nothing.
    Hash::try_from(digest::digest(&digest::SHA256, bytes).as_ref()).unwrap_or_default()
}

/// The hash of a leaf: SHA-256 of a zero byte and the payload.
#[must_use]
pub fn leaf_hash(payload: &[u8]) -> Hash {
    // One call over one piece of memory costs half of what a context costs at this size.
    let mut stack = [0; STACK_BYTES];
    if let Some(place) = stack.get_mut(1..=payload.len()) {
        place.copy_from_slice(payload);
        return sha256(stack.get(..=payload.len()).unwrap_or_default());
    }
    let mut heap = Vec::with_capacity(payload.len() + 1);
    heap.push(0);
    heap.extend_from_slice(payload);
    sha256(&heap)
}

/// The hash of a node: SHA-256 of a byte 1 and the hashes of its children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    let (_, children) = bytes.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    sha256(&bytes)
}

/// The root of the tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(b"")
}
