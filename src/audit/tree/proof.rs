//! Proofs: that a leaf is in a tree, and that a tree is the beginning of a larger one.
//!
//! They are built from the roots of bundles and the leaves of at most two of them, so that a proof about millions of
//! records reads a few kilobytes of them. Checking one needs nothing but its hashes.
//! Never: believes a source; a proof from wrong hashes is one that does not hold.

use super::BUNDLE_LEAVES;
use super::Frontier;
use super::Hash;
use super::node_hash;

/// Where the hashes of a tree are to be had.
pub trait Source {
    /// Why one is not to be had.
    type Error;

    /// The root of a complete bundle.
    ///
    /// # Errors
    /// When it cannot be had.
    fn bundle(&mut self, index: u64) -> Result<Hash, Self::Error>;

    /// The hashes of the leaves of a bundle, complete or the last one of the tree.
    ///
    /// # Errors
    /// When they cannot be had.
    fn leaves(&mut self, bundle: u64) -> Result<Vec<Hash>, Self::Error>;
}

/// Why there is no proof.
#[derive(Debug, PartialEq, Eq)]
pub enum Unproven<E> {
    /// What is asked for is not within the tree.
    Outside,
    /// The source has fewer leaves in this bundle than the tree.
    Short(u64),
    /// The source failed.
    Source(E),
}

/// The root of the leaves from `from` up to `to`, which are a subtree of RFC 6962's: `from` is a multiple of the power of
/// two that their number does not exceed.
fn range<S: Source>(source: &mut S, from: u64, to: u64) -> Result<Hash, Unproven<S::Error>> {
    let mut tree = Frontier::new();
    let mut at = from;
    if from.is_multiple_of(BUNDLE_LEAVES) {
        while to - at >= BUNDLE_LEAVES {
            tree.append_bundle(source.bundle(at / BUNDLE_LEAVES).map_err(Unproven::Source)?);
            at += BUNDLE_LEAVES;
        }
    }
    if at < to {
        let bundle = at / BUNDLE_LEAVES;
        let leaves = source.leaves(bundle).map_err(Unproven::Source)?;
        let first = bundle * BUNDLE_LEAVES;
        let place = |n: u64| usize::try_from(n - first).unwrap_or(usize::MAX);
        let leaves = leaves.get(place(at)..place(to)).ok_or(Unproven::Short(bundle))?;
        for leaf in leaves {
            tree.append(*leaf);
        }
    }
    Ok(tree.root())
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// When the source fails.
pub fn root<S: Source>(source: &mut S, size: u64) -> Result<Hash, Unproven<S::Error>> {
    range(source, 0, size)
}

/// The largest power of two that is smaller than `n`, for `n` of 2 or more.
const fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves (RFC 6962 section 2.1.1): the sibling of the
/// leaf first, that below the root last.
///
/// # Errors
/// When the leaf is not in the tree, or the source fails.
pub fn inclusion<S: Source>(source: &mut S, index: u64, size: u64) -> Result<Vec<Hash>, Unproven<S::Error>> {
    if index >= size {
        return Err(Unproven::Outside);
    }
    let (mut from, mut to, mut path) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            path.push(range(source, middle, to)?);
            to = middle;
        } else {
            path.push(range(source, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof between the trees of the first `old` and the first `new` leaves (RFC 6962 section 2.1.2). It is
/// empty where both are one, and where the old one is empty.
///
/// # Errors
/// When `old` is larger than `new`, or the source fails.
pub fn consistency<S: Source>(source: &mut S, old: u64, new: u64) -> Result<Vec<Hash>, Unproven<S::Error>> {
    if old > new {
        return Err(Unproven::Outside);
    }
    let (mut from, mut to, mut path) = (0, new, Vec::new());
    if old == 0 || old == new {
        return Ok(path);
    }
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            path.push(range(source, middle, to)?);
            to = middle;
        } else {
            path.push(range(source, from, middle)?);
            from = middle;
        }
    }
    // Whoever checks has the old root already where the old tree is whole here.
    if from > 0 {
        path.push(range(source, from, to)?);
    }
    path.reverse();
    Ok(path)
}

/// Does this path prove that the leaf is in the tree? (RFC 9162 section 2.1.3.2)
#[must_use]
pub fn is_included(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Does this path prove that the old tree is the beginning of the new one? (RFC 9162 section 2.1.4.2) An empty tree is the
/// beginning of every tree.
#[must_use]
pub fn is_consistent(old: u64, new: u64, path: &[Hash], old_root: &Hash, new_root: &Hash) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return path.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return path.is_empty() && *old_root == super::empty_root();
    }
    // The old tree's root stands for itself where the old tree is one complete subtree of the new.
    let (first, path) = match path.split_first() {
        _ if old.is_power_of_two() => (old_root, path),
        Some((first, rest)) => (first, rest),
        None => return false,
    };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}
