//! The manifest of a bundle: what it is, and the digest and purpose of every file in it.
//!
//! Its exact bytes are what is signed, so they are kept as they came and never written anew.
//! Never: names a file that could lie outside of the archive, or one that brings a key or a secret.

use std::collections::HashSet;

use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::snapshot::Role;
use crate::snapshot::SourceFile;

use super::BadBundle;
use super::tar;

/// The format that this version reads and writes.
const FORMAT: u32 = 1;

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What it is for: an app, a fleet. A sidecar takes bundles of one name only.
    pub name: String,
    /// Grows with every published bundle of a name: 1 to [`limits::BUNDLE_VERSION_MAX`].
    pub version: u64,
    /// When it was made, in milliseconds since 1970; written to the second.
    pub created_ms: u64,
}

impl Header {
    /// Is everything of it as it may be?
    ///
    /// # Errors
    /// Says what is not.
    pub fn check(&self) -> Result<(), BadBundle> {
        let plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
        let named = tar::is_plain(&self.name) && self.name.chars().all(plain) && self.name.len() <= 128;
        if !named {
            let why = format!("`{}` is not the name of a bundle", self.name);
            return Err(BadBundle::Manifest(format!(
                "{why}: write lower-case letters, digits, `-`, `_`, `.` and `/`"
            )));
        }
        if !(1..=limits::BUNDLE_VERSION_MAX).contains(&self.version) {
            let most = limits::BUNDLE_VERSION_MAX;
            return Err(BadBundle::Manifest(format!("`{}` is not a version: 1 to {most}", self.version)));
        }
        Ok(())
    }
}

/// A manifest that has been read and holds together; whether anybody vouches for it is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the bundle says of itself.
    pub header: Header,
    /// Its files, in the order of the archive.
    pub files: Vec<Entry>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive: that relative to the config's folder where it was built.
    pub path: String,
    /// What it is for; never a key or a secret.
    pub role: Role,
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// The manifest as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    palisade_bundle: u32,
    name: String,
    version: u64,
    created: String,
    files: Vec<WrittenFile>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    path: String,
    role: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    size: u64,
    sha256: String,
}

/// What a file may be for.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Schema,
    Policies,
    Tenants,
    Classes,
    Routes,
    OpenApi,
    Descriptors,
    #[serde(rename = "graphql")]
    GraphQl,
}

/// The word of a role, and the tenant that its folder belongs to; `None` for what no bundle brings.
fn word(role: &Role) -> Option<(Word, Option<String>)> {
    match role {
        Role::Schema => Some((Word::Schema, None)),
        Role::Policies { confined_to } => {
            Some((Word::Policies, confined_to.as_ref().map(ToString::to_string)))
        }
        Role::Tenants => Some((Word::Tenants, None)),
        Role::Classes => Some((Word::Classes, None)),
        Role::Routes => Some((Word::Routes, None)),
        Role::OpenApi => Some((Word::OpenApi, None)),
        Role::Descriptors => Some((Word::Descriptors, None)),
        Role::GraphQl => Some((Word::GraphQl, None)),
        // Who may call, and what proves it, is each sidecar's own: a bundle must not be able to let its maker in.
        Role::Jwks(_) | Role::ApiKeys | Role::PseudonymKey | Role::TenantKeys | Role::AssertionKeys => None,
    }
}

/// The word for a role in a manifest; `None` for what no bundle brings.
#[must_use]
pub fn role_name(role: &Role) -> Option<&'static str> {
    Some(match word(role)?.0 {
        Word::Schema => "schema",
        Word::Policies => "policies",
        Word::Tenants => "tenants",
        Word::Classes => "classes",
        Word::Routes => "routes",
        Word::OpenApi => "open_api",
        Word::Descriptors => "descriptors",
        Word::GraphQl => "graphql",
    })
}

/// Does a bundle bring files like this one?
pub(super) fn brings(file: &SourceFile) -> bool {
    word(&file.role).is_some()
}

impl Manifest {
    /// The manifest of some files, and its bytes.
    pub(super) fn of(header: &Header, files: &[&SourceFile]) -> Result<Vec<u8>, BadBundle> {
        header.check()?;
        let created = i64::try_from(header.created_ms / 1_000).ok();
        let created = created.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let written = files.iter().filter_map(|file| {
            let (role, tenant) = word(&file.role)?;
            let (path, size) = (file.name.to_string(), file.text.len() as u64);
            Some(WrittenFile {
                path,
                role,
                tenant,
                size,
                sha256: Digest::of(file.text.as_bytes()).to_string(),
            })
        });
        let written = Written {
            palisade_bundle: FORMAT,
            name: header.name.clone(),
            version: header.version,
            created: created
                .ok_or_else(|| BadBundle::Manifest("it was made at no known time".to_owned()))?
                .to_string(),
            files: written.collect(),
        };
        let mut bytes =
            serde_json::to_vec_pretty(&written).map_err(|error| BadBundle::Manifest(error.to_string()))?;
        bytes.push(b'\n');
        // What is written here must be what can be read.
        Self::read(&bytes)?;
        Ok(bytes)
    }

    /// Reads a manifest.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadBundle> {
        let bad = |why: String| BadBundle::Manifest(why);
        let written: Written = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if written.palisade_bundle != FORMAT {
            let format = written.palisade_bundle;
            return Err(bad(format!("it has format {format}; this version reads format {FORMAT}")));
        }
        let created: jiff::Timestamp =
            written.created.parse().map_err(|_| bad(format!("`{}` is not a time", written.created)))?;
        let created_ms =
            u64::try_from(created.as_millisecond()).map_err(|_| bad("it is too old".to_owned()))?;
        let header = Header { name: written.name, version: written.version, created_ms };
        header.check()?;
        if written.files.len() > limits::SOURCE_FILES_MAX {
            return Err(bad(format!("it has more than {} files", limits::SOURCE_FILES_MAX)));
        }
        let (mut paths, mut bytes) = (HashSet::new(), 0_u64);
        let mut files = Vec::with_capacity(written.files.len());
        for file in written.files {
            let entry = entry(file).map_err(bad)?;
            bytes = bytes.saturating_add(entry.size);
            let single = matches!(entry.role, Role::Schema | Role::Tenants | Role::Classes);
            if single && files.iter().any(|other: &Entry| other.role == entry.role) {
                return Err(bad(format!("`{}` has a purpose that only one file can have", entry.path)));
            }
            if !paths.insert(entry.path.clone()) {
                return Err(bad(format!("`{}` stands in it twice", entry.path)));
            }
            files.push(entry);
        }
        if bytes > limits::SOURCES_BYTES_MAX {
            return Err(bad(format!("its files have more than {} bytes", limits::SOURCES_BYTES_MAX)));
        }
        Ok(Self { header, files })
    }
}

fn entry(file: WrittenFile) -> Result<Entry, String> {
    let WrittenFile { path, role, tenant, size, sha256 } = file;
    if !tar::is_plain(&path) || matches!(&*path, super::MANIFEST | super::SIGNATURE) {
        return Err(format!("`{path}` is not a path that a bundle may hold"));
    }
    if tar::header(&path, size).is_none() {
        return Err(format!("`{path}` is too long: at most 100 bytes from some slash on, and 155 before it"));
    }
    if size > limits::SOURCE_FILE_BYTES_MAX {
        return Err(format!("`{path}` has more than {} bytes", limits::SOURCE_FILE_BYTES_MAX));
    }
    if sha256.len() != 64 || !sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("`{path}` has no SHA-256"));
    }
    if tenant.is_some() && role != Word::Policies {
        return Err(format!("`{path}` is of a tenant, and only policies can be"));
    }
    let confined_to = tenant.map(|tenant| TenantPath::parse(&tenant)).transpose();
    let confined_to = confined_to.map_err(|why| format!("`{path}` is of no tenant: {why}"))?;
    let role = match role {
        Word::Schema => Role::Schema,
        Word::Policies => Role::Policies { confined_to },
        Word::Tenants => Role::Tenants,
        Word::Classes => Role::Classes,
        Word::Routes => Role::Routes,
        Word::OpenApi => Role::OpenApi,
        Word::Descriptors => Role::Descriptors,
        Word::GraphQl => Role::GraphQl,
    };
    Ok(Entry { path, role, size, sha256 })
}
