//! What an editor has open: what stands in each document, and the name that its file has in the configuration.
//!
//! Bounded in number and length. Of an edit that was too large, or not understood, it is known that nothing is known.
//! Never: keeps a text that an edit has replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::limits;
use crate::lsp::page::Typed;
use crate::lsp::protocol::at;
use crate::lsp::protocol::text_at_first;
use crate::lsp::uri;

use super::Look;
use super::Session;
use super::State;

/// A document that is open in the editor.
#[derive(Debug, Clone)]
pub(super) struct Open {
    /// Its name, as the editor says it.
    pub(super) uri: String,
    /// The editor's count of its edits.
    pub(super) version: Option<i64>,
    pub(super) text: Typed,
    /// Its real path, where the file exists.
    real: Option<String>,
    /// The name that its file has in the configuration, once one has been found. It is not forgotten by a look that came
    /// to no files: what stands here would be taken for another file, and the next look be about other texts.
    name: Option<Arc<str>>,
}

impl Session {
    /// The folders that the editor works in, and then those of what it has open.
    pub fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let parents = self.open.keys().filter_map(|path| PathBuf::from(path).parent().map(PathBuf::from));
        self.roots.iter().map(PathBuf::from).chain(parents)
    }

    /// What stands in the editor, by the names that the files have in the configuration.
    #[must_use]
    pub fn unsaved(&self) -> BTreeMap<PathBuf, Arc<str>> {
        let texts = self.open.iter().filter_map(|(path, open)| {
            let text = open.text.as_ref().ok()?;
            Some((PathBuf::from(&*self.file(path, open)), Arc::clone(text)))
        });
        texts.collect()
    }

    /// The name that a document's file has in the configuration.
    pub(super) fn file(&self, path: &str, open: &Open) -> Arc<str> {
        open.name.clone().unwrap_or_else(|| path.into())
    }

    /// What stands in a file, where it is open in the editor.
    pub(super) fn typed(&self, file: &str) -> Option<Typed> {
        let known = self.open.iter().find(|(path, open)| &*self.file(path, open) == file);
        known.map(|(_, open)| open.text.clone())
    }

    /// Learns the names of the files that were found: is a document known by another one than before?
    pub(super) fn learn_names(&mut self) -> bool {
        let mut is_other = false;
        for (path, open) in &mut self.open {
            let Some(name) = open.real.as_ref().and_then(|real| self.now.names.get(real)) else { continue };
            is_other |= **name != *open.name.as_deref().unwrap_or(path);
            open.name = Some(Arc::clone(name));
        }
        is_other
    }

    /// A document was opened, or edited.
    pub(super) fn set(&mut self, document: &Json, text: Option<&str>, look: Look) {
        let Some(uri) = at(document, "/uri").as_str() else { return };
        let most = limits::SOURCE_FILE_BYTES_MAX;
        let typed = match text {
            Some(text) if u64::try_from(text.len()).is_ok_and(|bytes| bytes <= most) => Ok(text.into()),
            Some(_) => Err(format!("it has more than {most} bytes")),
            None => Err("its last edit was not sent as a whole text".to_owned()),
        };
        let path = uri::to_path(uri);
        let before = path.as_ref().and_then(|path| self.open.get(path));
        let was_known = before.is_none_or(|open| open.text.is_ok());
        if let (Some(path), Err(why), true) = (path, &typed, was_known) {
            self.say(2, &format!("`{path}`: {}", not_looked_at(why)));
        }
        self.put(uri, at(document, "/version").as_i64(), typed, look);
    }

    fn put(&mut self, uri: &str, version: Option<i64>, text: Typed, look: Look) {
        let Some(path) = uri::to_path(uri) else { return };
        let before = self.open.get(&path);
        let most = limits::EDITOR_DOCUMENTS_MAX;
        if before.is_none() && self.open.len() >= most {
            return self.say(
                2,
                &format!("more than {most} documents are open: `{path}` is looked at as it was saved"),
            );
        }
        let earlier = before.and_then(|open| open.name.clone());
        let real = (self.real)(&path);
        let name = real.as_ref().and_then(|real| self.now.names.get(real)).cloned().or(earlier);
        self.open.insert(path, Open { uri: uri.to_owned(), version, text, real, name });
        self.edited(look);
    }

    /// A message of so many bytes was too large and has been passed over; this is how it began. What it may have changed
    /// is not known any more.
    pub fn passed_over(&mut self, bytes: u64, start: &[u8]) {
        let why = format!("a message of {bytes} bytes is too large, it was passed over");
        self.say(2, &why);
        if self.state != State::Running {
            return;
        }
        let uris = match (text_at_first(start, "method").as_deref(), text_at_first(start, "uri")) {
            (Some("textDocument/didOpen" | "textDocument/didChange"), Some(uri)) => vec![uri],
            (Some("textDocument/didOpen" | "textDocument/didChange") | None, _) => {
                self.open.values().map(|open| open.uri.clone()).collect()
            }
            (Some(_), _) => Vec::new(),
        };
        for uri in uris {
            self.put(&uri, None, Err(why.clone()), Look::Now);
        }
    }
}

/// What is told of a document of which nothing is known.
pub(super) fn not_looked_at(why: &str) -> String {
    format!(
        "{why}: nothing is said of what stands here, and the other files are looked at with this one as it was saved"
    )
}
