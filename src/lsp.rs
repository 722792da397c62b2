//! What editors are told of the files of a configuration: problems, meanings, names that fit, places.
//!
//! A [`Session`] is one editor: messages of the Language Server Protocol go in, messages come out. What it knows is a
//! [`World`], the files as they were last checked, made elsewhere by the code of `check` and `lint`; what stands in the
//! editor and is not saved yet comes before that. Nothing here needs a text that is whole: who types has half of one.
//! Never: opens or writes a file, reads a clock, or decides what is a problem.

mod complete;
mod define;
mod describe;
mod frames;
mod hover;
mod lines;
mod names;
mod page;
mod policy;
mod problems;
mod protocol;
mod session;
mod symbols;
mod uri;
mod vocabulary;
mod words;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::cases::TestFile;
use crate::model::Model;
use crate::problem::Problem;
use crate::snapshot::Checked;
use crate::snapshot::Snapshot;
use crate::snapshot::Sources;

pub use frames::Bad;
pub use frames::read as read_message;
pub use frames::write as write_message;
pub use session::Look;
pub use session::Real;
pub use session::Session;
pub use session::State;
pub use uri::of_path as uri_of_path;
pub use uri::to_path as path_of_uri;

/// The files as they were when they were last checked, and what was found.
#[derive(Debug, Default)]
pub struct World {
    /// The configuration: its file and its text.
    pub config: Option<(Arc<str>, Arc<str>)>,
    /// The files of the snapshot, those of the editor as they stand there.
    pub sources: Option<Sources>,
    /// The test files.
    pub tests: Vec<TestFile>,
    /// The snapshot, where everything is sound.
    pub checked: Option<Checked>,
    /// What of the model is sound, where not everything is.
    pub model: Option<Model>,
    /// Every problem, in the order of the files.
    pub problems: Vec<Problem>,
    /// The names of the files by their real paths: an editor may know a file by another one.
    pub names: HashMap<String, Arc<str>>,
}

impl World {
    /// The snapshot, where everything is sound.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.checked.as_ref().map(Checked::snapshot)
    }

    fn any_model(&self) -> Option<&Model> {
        self.snapshot().map(Snapshot::model).or(self.model.as_ref())
    }
}
