//! A snapshot: policies, schema, tenants, classes, routes and keys of one generation, immutable, with a digest.
//!
//! The only way to one is [`Draft::check`], so what is live has been checked whole; a request takes one, once.
//! Never: opens a file, reads a clock (`now` comes in), or publishes half of anything.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::identity::AssertionSettings;
use crate::identity::Issuer;
use crate::identity::Keyring;
use crate::identity::Signer;
use crate::identity::Workloads;
use crate::ids::Digest;
use crate::model::Model;
use crate::model::TenantIx;
use crate::policy;
use crate::policy::Difference;
use crate::policy::Policies;
use crate::problem::Problem;
use crate::tenancy::Places;

mod beside;
mod draft;
mod keys;
mod live;
mod past;
mod role;
mod shards;

pub use beside::Beside;
pub use beside::Origin;
pub use beside::Shadowed;
pub use draft::Checked;
pub use draft::Draft;
pub use keys::Held;
pub use keys::MaskKeys;
pub use live::Live;
pub use live::Reader;
pub use past::Past;
pub use past::Unlike;
pub use role::Role;
pub use role::SourceFile;
pub use shards::Shard;
use shards::Shards;

/// All files of a snapshot, in one order whatever order they were read in.
#[derive(Debug, Clone)]
pub struct Sources {
    files: Vec<SourceFile>,
    unread: Vec<Role>,
}

impl Sources {
    /// Takes files in any order, and the roles of those that could not be read: nothing is checked against a part
    /// that is not whole.
    #[must_use]
    pub fn new(mut files: Vec<SourceFile>, unread: Vec<Role>) -> Self {
        files.sort_by(|a, b| (&a.role, &a.name).cmp(&(&b.role, &b.name)));
        Self { files, unread }
    }

    /// Could each file of this role be read?
    fn is_whole(&self, role: &Role) -> bool {
        !self.unread.contains(role)
    }

    /// Every file.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The Cedar schema, where it could be read.
    fn schema(&self) -> Option<policy::Source> {
        let file = self.files.iter().find(|file| file.role == Role::Schema)?;
        Some(policy::Source { file: Arc::clone(&file.file), text: Arc::clone(&file.text), confined_to: None })
    }

    /// The same files; those that are as they were before have the same memory too.
    fn sharing(mut self, before: &Self) -> Self {
        let mut known = before.files.iter().peekable();
        for file in &mut self.files {
            let key = (&file.role, &file.name);
            while known.next_if(|one| (&one.role, &one.name) < key).is_some() {}
            if let Some(same) = known.next_if(|one| **one == *file) {
                *file = same.clone();
            }
        }
        self
    }

    /// The policies and links of templates.
    #[must_use]
    pub fn policies(&self) -> Vec<policy::Source> {
        let sources = self.files.iter().filter_map(|file| match &file.role {
            Role::Policies { confined_to } => Some(policy::Source {
                file: Arc::clone(&file.file),
                text: Arc::clone(&file.text),
                confined_to: confined_to.clone(),
            }),
            Role::Schema
            | Role::Tenants
            | Role::Classes
            | Role::Routes
            | Role::OpenApi
            | Role::Descriptors
            | Role::GraphQl
            | Role::Jwks(_)
            | Role::ApiKeys
            | Role::PseudonymKey
            | Role::TenantKeys
            | Role::AssertionKeys => None,
        });
        sources.collect()
    }

    /// The text of a file, by the name that a problem's place has.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        let source = self.files.iter().find(|source| &*source.file == file)?;
        (!source.role.is_secret()).then_some(&*source.text)
    }

    /// The same files, but that these bytes of one are others; `None` where there are no such bytes.
    #[must_use]
    pub fn edited(&self, file: &str, bytes: std::ops::Range<usize>, with: &str) -> Option<Self> {
        let mut edited = self.clone();
        let source = edited.files.iter_mut().find(|source| &*source.file == file)?;
        let (before, after) = (source.text.get(..bytes.start)?, source.text.get(bytes.end..)?);
        source.text = [before, with, after].concat().into();
        Some(edited)
    }

    /// A digest that changes whenever any byte of any file does. It knows of secrets, so it is never shown.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of_parts(self.files.iter().flat_map(parts))
    }

    /// The digest that records name: of everything that a decision can depend on, which no secret is among.
    #[must_use]
    pub fn digest(&self, settings: &Settings) -> Digest {
        Digest::of_parts(self.shown(settings))
    }

    /// What that digest is made of: whoever keeps it can make the decisions again.
    pub fn shown<'s>(&'s self, settings: &'s Settings) -> impl Iterator<Item = &'s [u8]> {
        let files = self.files.iter().filter(|source| !source.role.is_secret()).flat_map(parts);
        [DIGEST_OF, settings.text.as_bytes()].into_iter().chain(files)
    }
}

/// What the parts of a digest begin with: they are laid out as here.
const DIGEST_OF: &[u8] = b"palisade snapshot v2";

fn parts(source: &SourceFile) -> [&[u8]; 4] {
    let SourceFile { role, name, text, .. } = source;
    [role.word().as_bytes(), role.within().as_bytes(), name.as_bytes(), text.as_bytes()]
}

/// What happens to a call of no known route.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum UnknownRoute {
    /// It is refused with `no_route`.
    #[default]
    Refuse,
    /// Policies decide on it with the action of its method and the DataKey of the tenant. Its bodies have no data
    /// classes, so nothing in them is hidden.
    Decide,
}

/// What of the configuration takes part in decisions.
#[derive(Debug)]
pub struct Settings {
    /// The trusted issuers, each still without its keys' text.
    pub issuers: Vec<Issuer>,
    /// Whom workloads speak for.
    pub workloads: Workloads,
    /// Header that carries an API key.
    pub api_key_header: HeaderName,
    /// Header in which a caller says what the data is for.
    pub purpose_header: HeaderName,
    /// Where a request names the tenant whose data is meant.
    pub places: Places,
    /// What happens to a call of no known route.
    pub unknown_route: UnknownRoute,
    /// The names of the places where the app runs, the first of them for tenants that name none; `None`: it is not known which
    /// there are. Which one a request goes to decides nothing, so they are no part of the text below.
    pub upstreams: Option<Vec<Box<str>>>,
    /// How the app is told who calls, signed; `None` where it is not.
    pub assertion: Option<AssertionSettings>,
    /// All of it as text, for the digest.
    pub text: Arc<str>,
}

/// Everything that one request is judged by.
pub struct Snapshot {
    generation: u64,
    digest: Digest,
    loaded_at_ms: u64,
    model: Arc<Model>,
    policies: Arc<Policies>,
    keyring: Arc<Keyring>,
    settings: Arc<Settings>,
    warnings: Vec<Problem>,
    /// Those of them that the tenants' file was read with, for who takes the tenants over.
    of_tenants: Arc<[Problem]>,
    sources: Sources,
    mask_keys: Arc<MaskKeys>,
    signer: Option<Arc<Signer>>,
    shards: Shards,
}

impl Snapshot {
    /// Which one it is, from 1; 0 while it is not live.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The digest of everything that a decision can depend on.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// When it was loaded, in milliseconds since 1970.
    #[must_use]
    pub const fn loaded_at_ms(&self) -> u64 {
        self.loaded_at_ms
    }

    /// Tenants, data classes and routes.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The compiled policies.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The keys that credentials are verified with.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Where a request names the tenant whose data is meant.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.settings.places
    }

    /// What of the configuration takes part in decisions.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is worth a look in the files.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The files that it was made from.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The keys that masks are made with.
    #[must_use]
    pub fn mask_keys(&self) -> &MaskKeys {
        &self.mask_keys
    }

    /// Where the app runs for this tenant.
    #[must_use]
    pub fn shard(&self, tenant: TenantIx) -> Shard {
        self.shards.of(&self.model.tenants, tenant)
    }

    /// The keys that assertions for the app are signed with.
    #[must_use]
    pub fn signer(&self) -> Option<&Signer> {
        self.signer.as_deref()
    }

    /// What an edit from `self` to `next` did to the policies.
    #[must_use]
    pub fn changes(&self, next: &Self) -> Changes {
        let mut changes = Changes::default();
        for (id, difference) in self.policies.differences(&next.policies) {
            let of = match difference {
                Difference::Added => &mut changes.added,
                Difference::Removed => &mut changes.removed,
                Difference::Changed => &mut changes.changed,
            };
            of.push(id.to_owned());
        }
        changes
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {} {}", self.generation, self.digest)
    }
}

/// The policies that differ between two snapshots, by id, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Only the later one has them.
    pub added: Vec<String>,
    /// Only the earlier one has them.
    pub removed: Vec<String>,
    /// Both have them, with another effective text.
    pub changed: Vec<String>,
}

#[cfg(test)]
mod tests;
