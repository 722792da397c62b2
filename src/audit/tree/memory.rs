//! A tree whose leaves are all at hand.
//!
//! Never: used for a log; it holds 32 bytes for each leaf.

use super::BUNDLE_LEAVES;
use super::Frontier;
use super::Hash;
use super::Source;

/// The leaves of a small tree, as a source of proofs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves(pub Vec<Hash>);

impl Leaves {
    /// The root of all of them.
    #[must_use]
    pub fn root(&self) -> Hash {
        root(&self.0)
    }

    fn part(&self, bundle: u64) -> &[Hash] {
        let place = |n: u64| usize::try_from(n.saturating_mul(BUNDLE_LEAVES)).unwrap_or(usize::MAX);
        let rest = self.0.get(place(bundle)..).unwrap_or_default();
        rest.get(..place(1)).unwrap_or(rest)
    }
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.append(*leaf);
    }
    tree.root()
}

impl Source for Leaves {
    type Error = std::convert::Infallible;

    fn bundle(&mut self, index: u64) -> Result<Hash, Self::Error> {
        Ok(root(self.part(index)))
    }

    fn leaves(&mut self, bundle: u64) -> Result<Vec<Hash>, Self::Error> {
        Ok(self.part(bundle).to_vec())
    }
}
