//! Looks at all files of a configuration, for an editor: what `check` finds, and what `lint` finds where there is no error.
//!
//! Never: finds anything else than those two verbs do.

use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;

use crate::cli::Loaded;
use crate::cli::check;
use crate::cli::lint;
use crate::lsp::World;
use crate::problem::Place;
use crate::problem::Problem;
use crate::reload::Unsaved;
use crate::snapshot::Checked;

use super::Event;

/// What is to be looked at.
pub(super) struct Job {
    /// How many edits there had been.
    pub(super) edits: u64,
    /// The configuration's file.
    pub(super) file: Arc<str>,
    /// What is in it.
    pub(super) loaded: Loaded,
    /// What stands in the editor.
    pub(super) unsaved: Unsaved,
    /// The last world that was sound: what it knows of files that have not changed is not found out again.
    pub(super) before: Option<Arc<World>>,
}

/// Looks as long as somebody wants it. `edits` counts on while one looks.
pub(super) fn work(wanted: &Receiver<Job>, tell: &SyncSender<Event>, edits: &AtomicU64) {
    let mut first = true;
    while let Ok(job) = wanted.recv() {
        let (at, file) = (job.edits, Arc::clone(&job.file));
        // Until something is known, whatever is found is worth more than nothing.
        let is_stale = || !first && edits.load(Ordering::Relaxed) != at;
        let found = std::panic::catch_unwind(AssertUnwindSafe(|| look(job, &is_stale)));
        let found = found.unwrap_or_else(|_| Some(failed(file)));
        first &= found.is_none();
        if tell.send(Event::Looked(at, found.map(Box::new))).is_err() {
            return;
        }
    }
}

/// What is told when a library gave up: the server goes on, and says that it knows nothing.
fn failed(file: Arc<str>) -> World {
    let place = Place::file(Arc::clone(&file));
    let problem =
        Problem::error("internal", place, "looking at the files failed").hint("run `palisade check`");
    alone(file, "".into(), vec![problem])
}

/// A world of the configuration's file and no other.
fn alone(file: Arc<str>, text: Arc<str>, problems: Vec<Problem>) -> World {
    let names = names(std::iter::once(&file));
    World { config: Some((file, text)), problems, names, ..World::default() }
}

fn look(job: Job, is_stale: &dyn Fn() -> bool) -> Option<World> {
    if is_stale() {
        return None;
    }
    if let Ok((config, warnings)) = &job.loaded.config
        && config.files.bundle.is_some()
    {
        // The files come from elsewhere, and there is none to edit.
        return Some(alone(job.file, job.loaded.text.into(), warnings.clone()));
    }
    let before = job.before.as_ref().and_then(|world| world.snapshot());
    let found = check::find_with(job.loaded, &job.unsaved, before);
    if is_stale() {
        return None;
    }
    let mut problems = found.problems;
    if let (Some(config), Some(checked)) = (&found.config, &found.checked) {
        let snapshot = checked.snapshot();
        problems.extend(lint::find(config, snapshot, &found.tests, check::now_ms(), &[]).problems);
    }
    let sources = found.checked.as_ref().map(Checked::snapshot).map(|snapshot| snapshot.sources().clone());
    let sources = sources.or(found.sources);
    let files = sources.iter().flat_map(|sources| sources.files()).map(|source| &source.file);
    let files = files.chain(found.tests.iter().map(|test| &test.file)).chain([&job.file]);
    let names = names(files);
    Some(World {
        config: Some((job.file, found.text.into())),
        sources,
        tests: found.tests,
        checked: found.checked,
        model: found.model,
        problems,
        names,
    })
}

/// The names of files by their real paths. Only folders are followed, of which there are few.
fn names<'f>(files: impl Iterator<Item = &'f Arc<str>>) -> HashMap<String, Arc<str>> {
    let mut names = HashMap::new();
    let mut real: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
    let mut seen = HashSet::new();
    for file in files.filter(|file| file.starts_with('/') && seen.insert(Arc::clone(*file))) {
        let path = Path::new(&**file);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
        let known = real.entry(folder.to_owned()).or_insert_with(|| std::fs::canonicalize(folder).ok());
        if let Some(folder) = known {
            names.insert(folder.join(name).to_string_lossy().into_owned(), Arc::clone(file));
        }
    }
    names
}
