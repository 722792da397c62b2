//! All that an answer is made from: the texts as they are now, and the world as it last was sound.
//!
//! Never: shows the text of a secret.

use std::sync::Arc;

use crate::model::Model;
use crate::policy::Policies;
use crate::policy::SCHEMA;
use crate::snapshot::Role;
use crate::snapshot::Snapshot;

use super::World;
use super::lines::Lines;
use super::protocol::Location;
use super::uri;
use super::vocabulary::Vocabulary;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Policies,
    Links,
    Schema,
    Tenants,
    Classes,
    Routes,
    OpenApi,
    ApiKeys,
    Tests,
    /// The configuration, and whatever else an editor may show us.
    Other,
}

impl Kind {
    fn of(role: &Role, file: &str) -> Option<Self> {
        Some(match role {
            Role::Schema => Self::Schema,
            Role::Policies { .. } => Self::by_name(file),
            Role::Tenants => Self::Tenants,
            Role::Classes => Self::Classes,
            Role::Routes => Self::Routes,
            Role::OpenApi => Self::OpenApi,
            Role::ApiKeys => Self::ApiKeys,
            Role::GraphQl => Self::Other,
            Role::Descriptors
            | Role::Jwks(_)
            | Role::PseudonymKey
            | Role::TenantKeys
            | Role::AssertionKeys => return None,
        })
    }

    /// What a file is that the world does not know yet.
    pub(super) fn by_name(file: &str) -> Self {
        if file.ends_with(".cedar") {
            Self::Policies
        } else if file.ends_with(".links.yaml") {
            Self::Links
        } else if file.ends_with(".cedarschema") {
            Self::Schema
        } else if file.ends_with(crate::cases::ENDING) {
            Self::Tests
        } else {
            Self::Other
        }
    }
}

/// A file with its text as it is now.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) file: Arc<str>,
    pub(super) kind: Kind,
    pub(super) text: Arc<str>,
}

impl Page {
    pub(super) fn location(&self, bytes: &std::ops::Range<usize>) -> Location {
        Location { uri: uri::of_path(&self.file), range: Lines::of(&self.text).range(bytes) }
    }
}

/// What stands in a document, or why that is not known.
pub(super) type Typed = Result<Arc<str>, String>;

/// Everything that is known for one answer.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) pages: Vec<Page>,
    /// The last snapshot that was sound.
    snapshot: Option<&'a Snapshot>,
    /// Is it that of the files as they are?
    pub(super) is_sound: bool,
    pub(super) model: Option<&'a Model>,
    pub(super) known: Vocabulary,
}

impl<'a> Desk<'a> {
    /// `now` is the world as it was last looked at, `sound` as it last was without an error; `unsaved` gives the text of
    /// a file that is open in the editor.
    pub(super) fn new(
        now: &'a World,
        sound: Option<&'a World>,
        unsaved: &dyn Fn(&str) -> Option<Typed>,
    ) -> Self {
        let mut pages = Vec::new();
        let mut add = |file: &Arc<str>, kind, text: &Arc<str>| {
            // Of a document whose text is not known nothing is known, as it was saved neither.
            if let Ok(text) = unsaved(file).unwrap_or_else(|| Ok(Arc::clone(text))) {
                pages.push(Page { file: Arc::clone(file), kind, text });
            }
        };
        for source in now.sources.iter().flat_map(|sources| sources.files()) {
            if let Some(kind) = Kind::of(&source.role, &source.file) {
                add(&source.file, kind, &source.text);
            }
        }
        now.tests.iter().for_each(|test| add(&test.file, Kind::Tests, &test.text));
        if let Some((file, text)) = &now.config {
            add(file, Kind::Other, text);
        }
        let schema = pages.iter().find(|page| page.kind == Kind::Schema).map(|page| Arc::clone(&page.text));
        let known = Vocabulary::of(schema.as_deref().unwrap_or(SCHEMA));
        let snapshot = now.snapshot().or_else(|| sound?.snapshot());
        let model = now.any_model().or_else(|| sound?.any_model());
        Self { pages, snapshot, is_sound: now.checked.is_some(), model, known }
    }

    /// A file by its name; one that the world does not know has what is typed in it.
    pub(super) fn page(&self, file: &str, typed: Option<Arc<str>>) -> Option<Page> {
        let known = self.pages.iter().find(|page| &*page.file == file).cloned();
        known.or_else(|| Some(Page { file: file.into(), kind: Kind::by_name(file), text: typed? }))
    }

    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Page> {
        self.pages.iter().filter(move |page| page.kind == kind)
    }

    pub(super) fn policies(&self) -> Option<&'a Policies> {
        self.snapshot.map(Snapshot::policies)
    }
}
