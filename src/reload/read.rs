//! Reads all files of a snapshot as they are at one moment.
//!
//! A file that changes while it is read, or a folder that is swapped meanwhile, makes the reading start again, so that
//! old and new files are not mixed. Editors' backups and hidden files are passed over; links are followed, as long as
//! a link in the folder of policies stays in that folder (a ConfigMap's do).
//! Never: reads without bound, or leaves out a file without saying so.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::cases;
use crate::cases::TestFile;
use crate::config::Files;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::snapshot::Role;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

use super::watch::Identity;
use super::watch::identity;

mod candidate;

pub use candidate::Candidate;
pub use candidate::read_candidate;

/// The schema that Palisade ships.
const SCHEMA: &str = include_str!("../../schemas/palisade.cedarschema");
/// How often a reading starts again because files changed under it.
const ATTEMPTS_MAX: usize = 8;
/// How long it waits before it does.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(5);
/// The folder within the policies' whose subfolders belong to tenants.
const TENANTS_FOLDER: &str = "tenants";

/// All files of a snapshot at one moment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What could be read.
    pub sources: Sources,
    /// What could not.
    pub problems: Vec<Problem>,
    /// Were the files at rest while they were read?
    pub(super) settled: bool,
    /// Changes whenever a byte of the files, or what could not be read, does. It knows of secrets: never show it.
    pub(super) fingerprint: Digest,
    folders: HashMap<PathBuf, Identity>,
}

impl Reading {
    /// Is every file still as it was in the other reading?
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// The folders to watch.
    pub(super) fn folders(&self) -> HashMap<PathBuf, Identity> {
        self.folders.clone()
    }
}

/// Reads all files.
#[must_use]
pub fn read(files: &Files) -> Reading {
    read_while(files, || {})
}

/// Reads the test files beside the policies, or those of these files and folders instead. They take no part in any
/// snapshot, so serving never reads them.
#[must_use]
pub fn read_tests(files: &Files, instead: &[PathBuf]) -> (Vec<TestFile>, Vec<Problem>) {
    let mut reader = Reader::of(files, is_test);
    let beside = std::slice::from_ref(&files.policies);
    for path in if instead.is_empty() { beside } else { instead } {
        match fs::canonicalize(path) {
            Ok(real) if real.is_dir() => reader.folder(path, &real, 0, &None),
            Ok(_) => reader.file(Role::Policies { confined_to: None }, path),
            // The folder of policies is told by who reads the policies.
            Err(_) if instead.is_empty() => {}
            Err(error) => reader.problem("unreadable", path, reason(&error)),
        }
    }
    let found = reader.sources.into_iter().map(|source| TestFile { file: source.file, text: source.text });
    (found.collect(), reader.problems)
}

/// Reads all files while something else happens: once between each reading and the look whether it still holds.
fn read_while(files: &Files, mut meanwhile: impl FnMut()) -> Reading {
    let mut attempt = 1;
    loop {
        let reader = Reader::new(files);
        meanwhile();
        let settled = reader.is_still_so();
        if settled || attempt == ATTEMPTS_MAX {
            return reader.finish(settled);
        }
        attempt += 1;
        std::thread::sleep(ATTEMPT_PAUSE);
    }
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Every file that the config names by itself.
fn named(files: &Files) -> impl Iterator<Item = (Role, &PathBuf)> {
    let jwks = files.jwks.iter().enumerate().map(|(at, path)| (Role::Jwks(at), path));
    [(Role::Tenants, &files.tenants)]
        .into_iter()
        .chain(files.schema.as_ref().map(|path| (Role::Schema, path)))
        .chain(files.classes.as_ref().map(|path| (Role::Classes, path)))
        .chain(files.routes.iter().map(|path| (Role::Routes, path)))
        .chain(files.openapi.iter().map(|path| (Role::OpenApi, path)))
        .chain(jwks)
        .chain(files.api_keys.as_ref().map(|path| (Role::ApiKeys, path)))
        .chain(files.pseudonym_key.as_ref().map(|path| (Role::PseudonymKey, path)))
}

/// The absolute paths of every file that the config names by itself.
pub(super) fn single(files: &Files) -> impl Iterator<Item = PathBuf> {
    named(files).map(|(_, path)| absolute(path))
}

/// What tells whether a file or folder is still the one that was read.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

fn stamp(path: &Path) -> Stamp {
    let m = fs::metadata(path).ok()?;
    Some((m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
}

struct Reader<'a> {
    files: &'a Files,
    /// Which files of the folder of policies are read.
    takes: fn(&OsStr) -> bool,
    sources: Vec<SourceFile>,
    problems: Vec<Problem>,
    unread: Vec<Role>,
    stamps: BTreeMap<PathBuf, Stamp>,
    folders: HashMap<PathBuf, Identity>,
    entered: HashSet<Identity>,
    bytes: u64,
}

impl<'a> Reader<'a> {
    fn of(files: &'a Files, takes: fn(&OsStr) -> bool) -> Self {
        Self {
            files,
            takes,
            sources: Vec::new(),
            problems: Vec::new(),
            unread: Vec::new(),
            stamps: BTreeMap::new(),
            folders: HashMap::new(),
            entered: HashSet::new(),
            bytes: 0,
        }
    }

    fn new(files: &'a Files) -> Self {
        let mut reader = Self::of(files, is_policy);
        for (role, path) in named(files) {
            reader.watch_parent(path);
            reader.file(role, path);
        }
        if files.schema.is_none() {
            let (file, text) = ("palisade.cedarschema", SCHEMA);
            reader.sources.push(SourceFile {
                role: Role::Schema,
                name: file.into(),
                file: file.into(),
                text: text.into(),
            });
        }
        reader.policies();
        reader
    }

    fn watch_parent(&mut self, path: &Path) {
        if let Some(parent) = absolute(path).parent() {
            self.watch(parent);
        }
    }

    fn watch(&mut self, folder: &Path) {
        if let Ok(metadata) = fs::metadata(folder) {
            self.folders.insert(folder.to_owned(), identity(&metadata));
        }
    }

    fn problem(&mut self, code: &'static str, path: &Path, message: String) {
        let place = Place::file(path.to_string_lossy());
        self.problems.push(Problem::error(code, place, message));
    }

    fn policies(&mut self) {
        let root = self.files.policies.clone();
        self.watch_parent(&root);
        let Ok(real) = fs::canonicalize(&root) else {
            self.problem("unreadable", &root, format!("there is no folder `{}`", root.display()));
            self.stamps.insert(root.clone(), stamp(&root));
            return;
        };
        let before = self.problems.len();
        self.folder(&root, &real, 0, &None);
        let any = self.sources.iter().any(|source| matches!(source.role, Role::Policies { .. }));
        if !any && self.problems.len() == before {
            // Nothing would be allowed. Far more likely than meant is that a folder is being replaced or a mount is missing.
            let message = format!("there is no `*.cedar` file in `{}`", root.display());
            self.problem("no-policies", &root, message);
        }
    }

    fn folder(&mut self, folder: &Path, root: &Path, depth: usize, owner: &Option<TenantPath>) {
        self.stamps.insert(folder.to_owned(), stamp(folder));
        self.watch(&absolute(folder));
        if depth > limits::SOURCE_FOLDER_DEPTH_MAX {
            return self.problem("too-deep", folder, "the folders are too deep".to_owned());
        }
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                return self.problem(
                    "unreadable",
                    folder,
                    format!("the folder cannot be read: {}", reason(&error)),
                );
            }
        };
        let mut names: Vec<_> =
            entries.into_iter().map(|entry| entry.file_name()).filter(|name| is_visible(name)).collect();
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            let wanted = (self.takes)(&name);
            let metadata = fs::metadata(&path);
            let is_folder = metadata.as_ref().is_ok_and(fs::Metadata::is_dir);
            if !wanted && !is_folder {
                continue;
            }
            if !fs::canonicalize(&path).is_ok_and(|real| real.starts_with(root)) && metadata.is_ok() {
                self.problem("outside", &path, "the link leads out of the folder of policies".to_owned());
            } else if is_folder {
                self.subfolder(&path, root, depth, owner);
            } else {
                self.file(Role::Policies { confined_to: owner.clone() }, &path);
            }
        }
    }

    fn subfolder(&mut self, path: &Path, root: &Path, depth: usize, owner: &Option<TenantPath>) {
        let Ok(metadata) = fs::metadata(path) else { return };
        // A folder that is reached twice would give every policy twice, or never end.
        if !self.entered.insert(identity(&metadata)) {
            return self.problem("twice", path, "this folder is also reached by another way".to_owned());
        }
        let relative = path.strip_prefix(&self.files.policies).unwrap_or(path);
        let owner =
            match relative.strip_prefix(TENANTS_FOLDER).ok().filter(|rest| !rest.as_os_str().is_empty()) {
                None => owner.clone(),
                Some(rest) => match TenantPath::parse(&rest.to_string_lossy()) {
                    Ok(tenant) => Some(tenant),
                    Err(why) => {
                        let message = format!("`{}` is not the path of a tenant: {why}", rest.display());
                        return self.problem("bad-folder", path, message);
                    }
                },
            };
        self.folder(path, root, depth + 1, &owner);
    }

    fn file(&mut self, role: Role, path: &Path) {
        if let Err((code, message)) = self.source(&role, path) {
            self.problem(code, path, message);
            self.unread.push(role);
        }
    }

    fn source(&mut self, role: &Role, path: &Path) -> Result<(), (&'static str, String)> {
        self.stamps.insert(path.to_owned(), stamp(path));
        if self.sources.len() >= limits::SOURCE_FILES_MAX {
            return Err(("too-many", format!("there are more than {} files", limits::SOURCE_FILES_MAX)));
        }
        let bytes = bytes(path).map_err(|why| ("unreadable", format!("the file cannot be read: {why}")))?;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > limits::SOURCES_BYTES_MAX {
            return Err((
                "too-large",
                format!("all files together have more than {} bytes", limits::SOURCES_BYTES_MAX),
            ));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| ("not-text", "the file is not UTF-8 text".to_owned()))?;
        if text.trim().is_empty() {
            // An editor that empties a file before it fills it must not open a gap in the policies.
            return Err(("empty-file", "the file is empty".to_owned()));
        }
        let name = path.strip_prefix(&self.files.base).unwrap_or(path).to_string_lossy().into();
        let file = path.to_string_lossy().into();
        self.sources.push(SourceFile { role: role.clone(), name, file, text: text.into() });
        Ok(())
    }

    /// Is everything that was read still the same file with the same times?
    fn is_still_so(&self) -> bool {
        self.stamps.iter().all(|(path, before)| stamp(path) == *before)
    }

    fn finish(mut self, settled: bool) -> Reading {
        if !settled {
            let folder = self.files.policies.clone();
            self.problem(
                "unsettled",
                &folder,
                "the files changed again and again while they were read".to_owned(),
            );
        }
        let sources = Sources::new(self.sources, self.unread);
        let problems: Vec<u8> = self
            .problems
            .iter()
            .flat_map(|p| format!("{}\0{}\0", p.place.file, p.message).into_bytes())
            .collect();
        let fingerprint = Digest::of_parts([&sources.fingerprint().as_bytes()[..], &problems]);
        Reading { sources, problems: self.problems, settled, fingerprint, folders: self.folders }
    }
}

/// A policy file, or links of templates.
fn is_policy(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".cedar") || name.ends_with(b".links.yaml")
}

fn is_test(name: &OsStr) -> bool {
    let ends = |ending: &str| name.as_encoded_bytes().ends_with(ending.as_bytes());
    ends(cases::ENDING) || ends(cases::CEDAR_ENDING)
}

/// Neither hidden (`.x`, `..data`, `.#x`), nor an editor's backup (`x~`, `#x#`).
fn is_visible(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.starts_with(b".") && !name.starts_with(b"#") && !name.ends_with(b"~")
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| reason(&error))?;
    // A pipe would block and a device never end.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| reason(&error))?;
    file.take(limits::SOURCE_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits::SOURCE_FILE_BYTES_MAX {
        return Err(format!("it has more than {} bytes", limits::SOURCE_FILE_BYTES_MAX));
    }
    Ok(bytes)
}

fn reason(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "it does not exist".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests;
