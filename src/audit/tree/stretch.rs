//! The proof that some leaves stand in a tree one after the other, none left out: the roots of what stands before them and of
//! what stands behind them.
//!
//! What is before them falls into complete subtrees, as the tree of so many leaves alone does (its peaks). What is behind
//! them does as well: from each place on the largest complete subtree that begins there and ends within the tree. So the
//! tree's root follows from the leaves and at most two hashes a level.
//! Never: says which leaves they are. Whoever checks brings them.

use super::Frontier;
use super::Hash;

/// A stretch of leaves within a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The place of the first of them.
    pub from: u64,
    /// The place behind the last.
    pub to: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The roots of the complete subtrees before them, the largest first.
    pub before: Vec<Hash>,
    /// The roots of those behind them, in their order.
    pub behind: Vec<Hash>,
}

/// The level of the largest complete subtree that begins at a place and ends within a tree.
const fn level(at: u64, size: u64) -> u32 {
    let fits = (size - at).ilog2();
    let begins = at.trailing_zeros();
    if begins < fits { begins } else { fits }
}

impl Stretch {
    /// The root of the tree, where these are its leaves; `None` where there are more or fewer of them or of the hashes.
    #[must_use]
    pub fn root(&self, leaves: impl IntoIterator<Item = Hash>) -> Option<Hash> {
        let mut bytes = self.from.to_le_bytes().to_vec();
        bytes.extend(self.before.iter().flatten());
        let mut rest = &*bytes;
        let mut tree = Frontier::decode(&mut rest).filter(|_| rest.is_empty())?;
        for leaf in leaves {
            tree.append(leaf);
        }
        if tree.size() != self.to || self.to > self.size {
            return None;
        }
        for root in &self.behind {
            if tree.size() == self.size {
                return None;
            }
            tree.append_subtree(level(tree.size(), self.size), *root);
        }
        (tree.size() == self.size).then(|| tree.root())
    }
}

/// Gathers what stands behind a stretch, leaf by leaf.
#[derive(Debug, Clone)]
pub struct Behind {
    at: u64,
    size: u64,
    tree: Frontier,
    roots: Vec<Hash>,
}

impl Behind {
    /// From this place on, in a tree of so many leaves.
    #[must_use]
    pub const fn new(from: u64, size: u64) -> Self {
        Self { at: from, size, tree: Frontier::new(), roots: Vec::new() }
    }

    /// Adds the next leaf; one that is behind the tree is none of it.
    pub fn append(&mut self, leaf: Hash) {
        if self.at >= self.size {
            return;
        }
        self.tree.append(leaf);
        let level = level(self.at, self.size);
        if self.tree.size() == 1 << level {
            self.roots.push(self.tree.root());
            self.at += 1 << level;
            self.tree = Frontier::new();
        }
    }

    /// The roots, where every leaf was there.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Hash>> {
        (self.at == self.size).then_some(self.roots)
    }
}
