//! Finds the files with tenants' keys, which the config may name by a pattern.
//!
//! Never: leaves a pattern without a file: far more likely than meant is that a mount is missing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::problem::Place;
use crate::problem::Problem;
use crate::snapshot::Role;

use super::Reader;
use super::is_visible;
use super::matches;
use super::reason;
use super::stamp;

impl Reader<'_> {
    /// Reads each file that one of these names, once.
    pub(super) fn key_files(&mut self, patterns: &[PathBuf]) {
        let mut found = BTreeSet::new();
        for pattern in patterns {
            self.watch_parent(pattern);
            if is_pattern(pattern) {
                found.extend(self.matching(pattern));
            } else {
                found.insert(pattern.clone());
            }
        }
        for path in found {
            self.file(Role::TenantKeys, &path);
            self.exposed(&path);
        }
    }

    /// The files that a pattern names.
    fn matching(&mut self, pattern: &Path) -> Vec<PathBuf> {
        let Some(folder) = pattern.parent() else { return Vec::new() };
        // The folder of a bare name is the one that we stand in.
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        self.stamps.insert(here.to_owned(), stamp(here));
        let names = fs::read_dir(here).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>()
        });
        let why = match names {
            Ok(names) => {
                let paths = names.iter().filter(|name| is_visible(name)).map(|name| folder.join(name));
                let fitting: Vec<PathBuf> = paths.filter(|path| matches(pattern, path)).collect();
                if !fitting.is_empty() {
                    return fitting;
                }
                format!("no file has a name like `{}`", pattern.display())
            }
            Err(error) => format!("the folder of `{}` cannot be read: {}", pattern.display(), reason(&error)),
        };
        self.problem("no-key-files", pattern, why);
        self.unread.push(Role::TenantKeys);
        Vec::new()
    }

    /// Says so where everybody on the machine may read a secret. A group may: so do pods share their volumes.
    pub(super) fn exposed(&mut self, path: &Path) {
        if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0) {
            let message = "everybody on this machine may read the secrets in this file";
            let problem = Problem::warning("exposed-secret", Place::file(path.to_string_lossy()), message);
            self.problems.push(problem.hint("`chmod 600`; as a volume of a pod, `defaultMode: 0440`"));
        }
    }
}

fn is_pattern(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().contains(&b'*'))
}
