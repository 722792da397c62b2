//! The trees of a log: one of all its records, and one for each book (the tenant whose records it holds); and the small
//! tree over the books' heads, whose root a `sealed` record commits to.
//!
//! The head of a book is its name, its size and its root. With a head, its proof and the `sealed` record, the reader of one
//! book knows that they have all of it, and sees nothing of any other.
//! Never: signs, or names a file.

mod file;
mod proof;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::audit::tree;
use crate::audit::tree::Frontier;
use crate::audit::tree::Hash;

pub use file::Sealed;
pub use proof::HeadProof;

/// The tree of each book that has a record.
///
/// A record finds its book by a hash, which costs a third of what an ordered map of many names does; they are put in order
/// where that is asked for, at a seal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books(HashMap<Box<str>, Frontier, foldhash::fast::RandomState>);

impl Books {
    /// Adds a record to the tree of its book, by its leaf hash.
    pub fn append(&mut self, book: &str, leaf: Hash) {
        if let Some(tree) = self.0.get_mut(book) {
            tree.append(leaf);
        } else {
            let mut tree = Frontier::new();
            tree.append(leaf);
            self.0.insert(book.into(), tree);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tree of one book; `None` if no record is in it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Frontier> {
        self.0.get(name)
    }

    /// Each with its tree, sorted by the bytes of their names.
    pub(super) fn sorted(&self) -> Vec<(&str, &Frontier)> {
        let mut books: Vec<(&str, &Frontier)> = self.0.iter().map(|(name, tree)| (&**name, tree)).collect();
        books.sort_unstable_by_key(|(name, _)| *name);
        books
    }

    /// The head of each: its name, its size and its root, sorted by the bytes of their names.
    pub fn heads(&self) -> impl Iterator<Item = (&str, u64, Hash)> {
        self.sorted().into_iter().map(|(name, tree)| (name, tree.size(), tree.root()))
    }

    /// The root of the tree over the heads: what a `sealed` record commits to as `heads_root`.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut heads = Frontier::new();
        for (name, size, root) in self.heads() {
            heads.append(head_hash(name, size, &root));
        }
        heads.root()
    }
}

/// The trees of one log, as they are after its newest record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    log: Frontier,
    books: Books,
}

impl Trees {
    /// The trees of a log without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record to the log's tree and to that of its book. The root of a bundle of the log's tree, where it is
    /// the last record of one.
    pub fn append(&mut self, book: &str, payload: &[u8]) -> Option<Hash> {
        self.append_leaf(book, tree::leaf_hash(payload))
    }

    /// The same, for a record whose leaf hash is known.
    pub fn append_leaf(&mut self, book: &str, leaf: Hash) -> Option<Hash> {
        self.books.append(book, leaf);
        self.log.append(leaf)
    }

    /// How many records the log has, which is the number of the next.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.log.size()
    }

    /// The root of the log's tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.log.root()
    }

    /// The log's tree.
    #[must_use]
    pub const fn log(&self) -> &Frontier {
        &self.log
    }

    /// How many books there are.
    #[must_use]
    pub fn books(&self) -> usize {
        self.books.len()
    }

    /// The tree of one book; `None` if no record is in it.
    #[must_use]
    pub fn book(&self, name: &str) -> Option<&Frontier> {
        self.books.get(name)
    }

    /// The trees of the books.
    #[must_use]
    pub const fn all_books(&self) -> &Books {
        &self.books
    }

    /// The log's tree and those of the books.
    #[must_use]
    pub fn into_parts(self) -> (Frontier, Books) {
        (self.log, self.books)
    }

    /// Each book with its size and root, sorted by the bytes of its name.
    pub fn heads(&self) -> impl Iterator<Item = (&str, u64, Hash)> {
        self.books.heads()
    }

    /// The root of the tree over the heads: what a `sealed` record commits to as `heads_root`.
    #[must_use]
    pub fn heads_root(&self) -> Hash {
        self.books.root()
    }
}

/// The leaf of a head: SHA-256 of a zero byte, the length of the name as a varint, the name, the size (8 bytes, little end
/// first) and the root.
#[must_use]
pub fn head_hash(name: &str, size: u64, root: &Hash) -> Hash {
    let mut bytes = Vec::with_capacity(name.len() + 50);
    varint(name.len() as u64, &mut bytes);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(root);
    tree::leaf_hash(&bytes)
}

/// Seven bits a byte, the low ones first; the highest bit says that more follow.
fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}
