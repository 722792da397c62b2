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
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::Verified;
use crate::config::Files;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::snapshot::Role;
use crate::snapshot::SourceFile;
use crate::snapshot::Sources;

use super::fetch::Fetches;
use super::fetch::Fresh;
use super::supply::Offer;
use super::supply::Supply;
use super::watch::Identity;
use super::watch::identity;

mod beside;
mod bytes;
mod candidate;
mod keys;
mod names;
mod reading;

pub use beside::read_tests;
pub use beside::read_tests_with;
use bytes::Stamp;
pub(super) use bytes::bytes;
use bytes::reason;
use bytes::stamp;
use bytes::text;
pub use candidate::Candidate;
pub use candidate::read_candidate;
use names::is_policy;
use names::is_visible;
pub(super) use names::matches;
pub use reading::Reading;
use reading::fingerprint;

/// How often a reading starts again because files changed under it.
const ATTEMPTS_MAX: usize = 8;
/// How long it waits before it does.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(5);
/// The folder within the policies' whose subfolders belong to tenants.
const TENANTS_FOLDER: &str = "tenants";

/// Texts in place of those of files, by path: what stands in an editor and is not written yet.
pub type Unsaved = BTreeMap<PathBuf, Arc<str>>;
static NOTHING: Unsaved = BTreeMap::new();

/// Reads all files; those that a bundle brings are asked for, and what is fetched is fetched.
#[must_use]
pub fn read(files: &Files) -> Reading {
    let supply = files.bundle.as_ref().map(|bundle| Arc::new(Supply::open(bundle)));
    let fetches = Fetches::open(files);
    if let Some(supply) = &supply {
        supply.ask();
    }
    if let Some(fetches) = &fetches {
        fetches.ask();
    }
    read_supplied(files, supply.as_ref(), fetches.as_ref())
}

/// Reads all files, with what brings them and is fetched for this reading. Nobody is asked now.
pub(super) fn read_like(files: &Files, good: &Reading) -> Reading {
    read_supplied(files, good.supply.as_ref(), good.fetches.as_ref())
}

fn read_supplied(files: &Files, supply: Option<&Arc<Supply>>, fetches: Option<&Arc<Fetches>>) -> Reading {
    let offer = supply.map(|supply| supply.offer());
    read_offered(files, offer.as_ref(), fetches).of(supply, fetches)
}

/// Reads all files, with what this offer brings and what is fetched.
pub(super) fn read_offered(files: &Files, offer: Option<&Offer>, fetches: Option<&Arc<Fetches>>) -> Reading {
    let fresh = fetches.map_or_else(Fresh::default, |fetches| fetches.fresh());
    read_while(files, (offer, &fresh), &NOTHING, || {})
}

/// Reads all files, but where something is not saved yet, that. A bundle is not asked for.
#[must_use]
pub fn read_with(files: &Files, unsaved: &Unsaved) -> Reading {
    read_while(files, (None, &Fresh::default()), unsaved, || {})
}

/// Reads all files while something else happens: once between each reading and the look whether it still holds.
fn read_while(
    files: &Files,
    brought: (Option<&Offer>, &Fresh),
    unsaved: &Unsaved,
    mut meanwhile: impl FnMut(),
) -> Reading {
    let mut attempt = 1;
    loop {
        let reader = Reader::new(files, brought, unsaved);
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
    let jwks = files.jwks.iter().map(|(at, path)| (Role::Jwks(*at), path));
    (files.tenants.as_ref().map(|path| (Role::Tenants, path)).into_iter())
        .chain(files.schema.as_ref().map(|path| (Role::Schema, path)))
        .chain(files.classes.as_ref().map(|path| (Role::Classes, path)))
        .chain(files.routes.iter().map(|path| (Role::Routes, path)))
        .chain(files.openapi.iter().map(|path| (Role::OpenApi, path)))
        .chain(files.descriptors.iter().map(|path| (Role::Descriptors, path)))
        .chain(files.graphql.iter().map(|path| (Role::GraphQl, path)))
        .chain(jwks)
        .chain(files.api_keys.as_ref().map(|path| (Role::ApiKeys, path)))
        .chain(files.pseudonym_key.as_ref().map(|path| (Role::PseudonymKey, path)))
        .chain(files.assertion_keys.as_ref().map(|path| (Role::AssertionKeys, path)))
}

/// The absolute paths of every file that the config names by itself; the names of some may have `*` in them.
pub(super) fn single(files: &Files) -> impl Iterator<Item = PathBuf> {
    named(files).map(|(_, path)| path).chain(&files.key_files).map(|path| absolute(path))
}

struct Reader<'a> {
    files: &'a Files,
    /// Which files of the folder of policies are read.
    takes: fn(&OsStr) -> bool,
    unsaved: &'a Unsaved,
    sources: Vec<SourceFile>,
    problems: Vec<Problem>,
    unread: Vec<Role>,
    stamps: BTreeMap<PathBuf, Stamp>,
    folders: HashMap<PathBuf, Identity>,
    entered: HashSet<Identity>,
    bytes: u64,
    bundle: Option<Arc<Verified>>,
}

impl<'a> Reader<'a> {
    fn of(files: &'a Files, takes: fn(&OsStr) -> bool, unsaved: &'a Unsaved) -> Self {
        Self {
            files,
            takes,
            unsaved,
            sources: Vec::new(),
            problems: Vec::new(),
            unread: Vec::new(),
            stamps: BTreeMap::new(),
            folders: HashMap::new(),
            entered: HashSet::new(),
            bytes: 0,
            bundle: None,
        }
    }

    fn new(files: &'a Files, (offer, fresh): (Option<&Offer>, &Fresh), unsaved: &'a Unsaved) -> Self {
        let mut reader = Self::of(files, is_policy, unsaved);
        for (role, path) in named(files) {
            reader.watch_parent(path);
            let is_key = role == Role::AssertionKeys;
            reader.file(role, path);
            if is_key {
                reader.exposed(path);
            }
        }
        reader.key_files(&files.key_files);
        reader.sources.extend(fresh.sources.iter().cloned());
        let before = reader.problems.len();
        if let Some(offer) = offer {
            reader.problems.extend(offer.problems.iter().cloned());
            reader.bundle.clone_from(&offer.bundle);
            let brought = offer.bundle.iter().flat_map(|bundle| bundle.files());
            reader.sources.extend(brought.cloned());
        }
        if !reader.sources.iter().any(|source| source.role == Role::Schema) && files.schema.is_none() {
            reader.sources.push(SourceFile::shipped_schema());
        }
        if let Some(folder) = &files.policies {
            reader.policies(folder);
        }
        reader.any_policies(before);
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

    fn policies(&mut self, root: &Path) {
        self.watch_parent(root);
        let Ok(real) = fs::canonicalize(root) else {
            self.problem("unreadable", root, format!("there is no folder `{}`", root.display()));
            self.stamps.insert(root.to_owned(), stamp(root));
            return;
        };
        self.folder(root, &real, 0, &None);
    }

    /// Without a policy nothing would be allowed. Far more likely than meant is that a folder is being replaced or a mount
    /// is missing.
    fn any_policies(&mut self, before: usize) {
        let any = self.sources.iter().any(|source| matches!(source.role, Role::Policies { .. }));
        // What a bundle brings is not looked at by everybody: an editor asks no source.
        let looked = self.files.policies.is_some() || self.bundle.is_some();
        if looked && !any && self.problems.len() == before {
            let title = self.bundle.as_ref().map(|bundle| PathBuf::from(bundle.title()));
            let place = self.files.policies.clone().or(title).unwrap_or_default();
            let message = format!("there is no `*.cedar` file in `{}`", place.display());
            self.problem("no-policies", &place, message);
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
        let here = self.unsaved.keys().filter(|path| path.parent() == Some(folder));
        let new = here.filter_map(|path| Some((path.file_name()?.to_owned(), false)));
        // A plain file, neither folder nor link, is where its folder is: there is nothing to ask the system.
        let is_plain = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
        let names = entries.into_iter().map(|entry| (entry.file_name(), is_plain(&entry)));
        let mut names: Vec<_> = names.chain(new).filter(|(name, _)| is_visible(name)).collect();
        names.sort_unstable();
        names.dedup_by(|(later, _), (first, _)| later == first);
        for (name, is_plain) in names {
            let (path, wanted) = (folder.join(&name), (self.takes)(&name));
            if is_plain {
                wanted.then(|| self.file(Role::Policies { confined_to: owner.clone() }, &path));
                continue;
            }
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
        let relative =
            self.files.policies.as_ref().and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path);
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
        let bytes = match self.unsaved.get(path) {
            Some(text) => text.as_bytes().to_vec(),
            None => bytes(path).map_err(|why| ("unreadable", format!("the file cannot be read: {why}")))?,
        };
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > limits::SOURCES_BYTES_MAX {
            return Err((
                "too-large",
                format!("all files together have more than {} bytes", limits::SOURCES_BYTES_MAX),
            ));
        }
        let text = text(role, bytes).ok_or(("not-text", "the file is not UTF-8 text".to_owned()))?;
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
            let folder = self.files.policies.clone().unwrap_or_else(|| self.files.base.clone());
            self.problem(
                "unsettled",
                &folder,
                "the files changed again and again while they were read".to_owned(),
            );
        }
        let sources = Sources::new(self.sources, self.unread);
        let fingerprint = fingerprint(&sources, &self.problems, self.bundle.as_deref());
        Reading {
            sources,
            problems: self.problems,
            settled,
            fingerprint,
            folders: self.folders,
            bundle: self.bundle,
            supply: None,
            fetches: None,
        }
    }
}

#[cfg(test)]
mod tests;
