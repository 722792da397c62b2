//! Reads the folder of a candidate: its policies alone, for everything else is as it is enforced.
//!
//! Never: makes the reading of what is enforced wait, or fail.

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

use crate::config::Files;
use crate::ids::Digest;
use crate::problem::Problem;
use crate::snapshot::SourceFile;

use super::super::watch::Identity;
use super::ATTEMPT_PAUSE;
use super::ATTEMPTS_MAX;
use super::NOTHING;
use super::Reader;
use super::Reading;
use super::is_policy;

/// The policies of a candidate at one moment.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its policies, each named as it will be once it takes the place of the enforced ones.
    pub files: Vec<SourceFile>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Were the files at rest while they were read?
    pub(in crate::reload) settled: bool,
    /// Changes whenever a byte of it does.
    pub(in crate::reload) fingerprint: Digest,
    folders: HashMap<PathBuf, Identity>,
}

impl Candidate {
    /// Is there one? A folder that is not there, or has no policies yet, is none.
    #[must_use]
    pub fn is_there(&self) -> bool {
        !self.files.is_empty() || self.problems.iter().any(|problem| problem.code != "no-policies")
    }

    /// The folders to watch.
    pub(in crate::reload) fn folders(&self) -> HashMap<PathBuf, Identity> {
        self.folders.clone()
    }
}

/// Reads the folder of a candidate.
#[must_use]
pub fn read_candidate(files: &Files, folder: &Path) -> Candidate {
    let mut other = files.clone();
    other.policies = Some(folder.to_owned());
    // Where a bundle brings the enforced ones, they are named as those of most folders.
    let policies = files.policies.clone().unwrap_or_else(|| files.base.join("policies"));
    let mut attempt = 1;
    loop {
        let mut reader = Reader::of(&other, is_policy, &NOTHING);
        if folder.exists() {
            reader.policies(folder);
            reader.any_policies(0);
        } else {
            reader.watch_parent(folder);
        }
        let settled = reader.is_still_so();
        if settled || attempt == ATTEMPTS_MAX {
            let Reading { sources, problems, settled, fingerprint, folders, .. } = reader.finish(settled);
            let named = |file: &SourceFile| {
                let inner = Path::new(&*file.file).strip_prefix(folder).ok()?;
                let path = policies.join(inner);
                let name = path.strip_prefix(&files.base).unwrap_or(&path).to_string_lossy().into();
                Some(SourceFile { name, ..file.clone() })
            };
            let files = sources.files().iter().filter_map(named).collect();
            return Candidate { files, problems, settled, fingerprint, folders };
        }
        attempt += 1;
        std::thread::sleep(ATTEMPT_PAUSE);
    }
}
