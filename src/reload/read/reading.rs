//! All files of a snapshot at one moment, and what brought those that are no files.
//!
//! Never: shows its fingerprint, which knows of secrets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::Verified;
use crate::ids::Digest;
use crate::problem::Problem;
use crate::snapshot::Sources;

use super::super::fetch::Fetches;
use super::super::supply::Supply;
use super::super::watch::Identity;

/// All files of a snapshot at one moment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What could be read.
    pub sources: Sources,
    /// What could not.
    pub problems: Vec<Problem>,
    /// Were the files at rest while they were read?
    pub(in crate::reload) settled: bool,
    /// Changes whenever a byte of the files, or what could not be read, does. It knows of secrets: never show it.
    pub(in crate::reload) fingerprint: Digest,
    pub(super) folders: HashMap<PathBuf, Identity>,
    /// The bundle that brought some, and what it came from.
    pub(in crate::reload) bundle: Option<Arc<Verified>>,
    pub(in crate::reload) supply: Option<Arc<Supply>>,
    /// What is fetched beside the files.
    pub(in crate::reload) fetches: Option<Arc<Fetches>>,
}

impl Reading {
    /// Is every file still as it was in the other reading?
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// The same, out of this supply and beside what these fetch.
    pub(in crate::reload) fn of(self, supply: Option<&Arc<Supply>>, fetches: Option<&Arc<Fetches>>) -> Self {
        Self { supply: supply.map(Arc::clone), fetches: fetches.map(Arc::clone), ..self }
    }

    /// These files with what is fetched of the other reading; `None` where that is the same.
    pub(in crate::reload) fn renewed(&self, other: &Self) -> Option<Self> {
        let sources = self.fetches.as_ref()?.renewed(&self.sources, &other.sources)?;
        let fingerprint = fingerprint(&sources, &self.problems, self.bundle.as_deref());
        Some(Self { sources, fingerprint, ..self.clone() })
    }

    /// The folders to watch.
    pub(in crate::reload) fn folders(&self) -> HashMap<PathBuf, Identity> {
        self.folders.clone()
    }
}

/// What changes with every byte of these.
pub(super) fn fingerprint(sources: &Sources, problems: &[Problem], bundle: Option<&Verified>) -> Digest {
    let told = |p: &Problem| format!("{}\0{}\0", p.place.file, p.message).into_bytes();
    let problems: Vec<u8> = problems.iter().flat_map(told).collect();
    let bundle = bundle.map(Verified::digest);
    let bundle = bundle.as_ref().map_or(&[][..], |digest| &digest.as_bytes()[..]);
    Digest::of_parts([&sources.fingerprint().as_bytes()[..], &problems, bundle])
}
