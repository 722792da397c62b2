//! The proof that a book has just so many records and this root, for somebody who may see no other book.
//!
//! Never: names another book. Its hashes tell nothing of them.

use crate::audit::heads::Trees;
use crate::audit::heads::head_hash;
use crate::audit::tree;
use crate::audit::tree::Hash;
use crate::audit::tree::Leaves;

/// The head of one book with its place in the tree of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadProof {
    /// How many records the book has.
    pub size: u64,
    /// The root of the book's tree.
    pub root: Hash,
    /// Which head it is, in the order of names, from 0.
    pub index: u64,
    /// How many heads there are.
    pub count: u64,
    /// From the sibling of its leaf up.
    pub path: Vec<Hash>,
}

impl HeadProof {
    /// Is this the head of that book, where the root of all heads is this one?
    #[must_use]
    pub fn holds(&self, book: &str, heads_root: &Hash) -> bool {
        let leaf = head_hash(book, self.size, &self.root);
        tree::is_included(&leaf, self.index, self.count, &self.path, heads_root)
    }
}

impl Trees {
    /// The head of one book with its proof; `None` if no record is in it.
    #[must_use]
    pub fn head_proof(&self, book: &str) -> Option<HeadProof> {
        let index = self.heads().position(|(name, _, _)| name == book)? as u64;
        let leaves: Vec<Hash> = self.heads().map(|(name, size, root)| head_hash(name, size, &root)).collect();
        let count = leaves.len() as u64;
        let path = tree::inclusion(&mut Leaves(leaves), index, count).ok()?;
        let tree = self.book(book)?;
        Some(HeadProof { size: tree.size(), root: tree.root(), index, count, path })
    }
}
