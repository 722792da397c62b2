//! The tree of the log as it is grown anew, held against the roots of bundles that stand beside the log.
//!
//! Where records are damaged or not there, the tree goes on with what the bundle's root attests; so the checkpoints after
//! it can still be checked, and each damage is named by itself.
//! Never: takes a bundle's root for the truth: it counts only as far as a signed head agrees with the tree made of it.

use crate::audit::tree::BUNDLE_LEAVES;
use crate::audit::tree::Frontier;
use crate::audit::tree::Hash;

use super::folder::Bundles;
use super::folder::Unreadable;

/// How a signed head compares with the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agrees {
    /// It is that of the records, damaged bundles replaced by their roots.
    Yes,
    /// It is that of the records alone: the roots beside them are wrong.
    WithRecordsOnly,
    /// It is another one.
    No,
    /// Too little is there to tell.
    Unknown,
}

/// The tree of the log up to some record.
pub(super) struct Trunk {
    bundles: Bundles,
    /// How far it has come: the number of the next record.
    at: u64,
    /// The tree, where every bundle that is not whole stands for itself.
    tree: Frontier,
    /// Are all records of the bundle that is being read in `tree`?
    whole: bool,
    /// Is `tree` right but for the bundle that is being read?
    known: bool,
    /// The roots of bundles alone; `None` once one was not there.
    attested: Option<Frontier>,
    /// The records alone, from where a bundle's root first differed.
    records: Option<Frontier>,
    /// Was any record passed over?
    holes: bool,
}

impl Trunk {
    /// Begins at record `at`; with the tree up to there, where it is known.
    pub(super) fn new(mut bundles: Bundles, at: u64, tree: Option<Frontier>) -> Result<Self, Unreadable> {
        let mut attested = Some(Frontier::new());
        for index in 0..at / BUNDLE_LEAVES {
            let root = bundles.get(index)?;
            attested = attested.zip(root).map(|(mut tree, root)| {
                tree.append_bundle(root);
                tree
            });
            if attested.is_none() {
                break;
            }
        }
        let (whole, holes) = (tree.is_some(), tree.is_none());
        let known = whole || attested.is_some();
        let begun = || attested.clone().unwrap_or_default();
        let tree = tree.unwrap_or_else(begun);
        // At the border of a bundle the roots alone say it all.
        let whole = whole || (known && at.is_multiple_of(BUNDLE_LEAVES));
        Ok(Self { bundles, at, tree, whole, known, attested, records: None, holes })
    }

    /// The number of the next record.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// The root of the tree of the log, if every record up to here is in it.
    pub(super) fn root(&self) -> Option<Hash> {
        (self.whole && self.known).then(|| self.tree.root())
    }

    /// Adds the next record. The answer is the first record of the bundle that ends with it, if that is another than its
    /// root says.
    pub(super) fn append(&mut self, leaf: Hash) -> Result<Option<u64>, Unreadable> {
        let bundle = if self.whole { self.tree.append(leaf) } else { None };
        if let Some(records) = &mut self.records {
            records.append(leaf);
        }
        self.at += 1;
        if self.at.is_multiple_of(BUNDLE_LEAVES) { self.close(bundle) } else { Ok(None) }
    }

    /// Passes over records that are not there, up to this one.
    pub(super) fn skip(&mut self, to: u64) -> Result<(), Unreadable> {
        (self.records, self.holes) = (None, true);
        while self.at < to {
            // Where no roots are left nothing can be told of what comes after either.
            if self.attested.is_none() {
                (self.at, self.known) = (to, false);
                break;
            }
            self.whole = false;
            self.at = to.min((self.at / BUNDLE_LEAVES + 1) * BUNDLE_LEAVES);
            if self.at.is_multiple_of(BUNDLE_LEAVES) {
                self.close(None)?;
            }
        }
        Ok(())
    }

    fn close(&mut self, computed: Option<Hash>) -> Result<Option<u64>, Unreadable> {
        let index = self.at / BUNDLE_LEAVES - 1;
        let told = self.bundles.get(index)?;
        self.attested = self.attested.take().zip(told).map(|(mut tree, root)| {
            tree.append_bundle(root);
            tree
        });
        if computed.is_some() && (computed == told || told.is_none()) {
            return Ok(None);
        }
        let differs = computed.is_some();
        if differs && !self.holes && self.records.is_none() {
            self.records = Some(self.tree.clone());
        }
        // Without the root, a tree with this bundle is not to be had any more; a later one does not help.
        self.known = self.attested.is_some();
        self.tree = self.attested.clone().unwrap_or_default();
        self.whole = true;
        Ok(differs.then_some(index * BUNDLE_LEAVES))
    }

    /// Is this the root of the tree as it is now?
    pub(super) fn agrees(&self, root: &Hash) -> Agrees {
        if self.root().as_ref() == Some(root) {
            return Agrees::Yes;
        }
        if self.records.as_ref().is_some_and(|records| records.root() == *root) {
            return Agrees::WithRecordsOnly;
        }
        if self.whole && self.known { Agrees::No } else { Agrees::Unknown }
    }
}
