//! A snapshot as it was kept with the decision log: to make past decisions again.
//!
//! Never: serves. It has no secrets, so that no mask can be made with it, and nothing makes a live snapshot of one.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::policy;
use crate::problem::Problem;
use crate::tenancy::Places;

use super::DIGEST_OF;
use super::Draft;
use super::Role;
use super::Settings;
use super::Snapshot;
use super::SourceFile;
use super::Sources;
use super::UnknownRoute;
use super::draft::Secrets;

/// A snapshot that decided once.
#[derive(Debug)]
pub struct Past(Snapshot);

/// Why the parts of a digest make no snapshot here.
#[derive(Debug)]
pub enum Unlike {
    /// They are laid out as another version of Palisade did it, or not at all.
    Parts,
    /// This version finds problems in them; the first, as a rule, is enough to know why.
    Invalid(Vec<Problem>),
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts => f.write_str("another version of Palisade kept it, which is not understood here"),
            Self::Invalid(problems) => match problems.first() {
                Some(problem) => {
                    write!(
                        f,
                        "this version of Palisade refuses it: `{}`: {}",
                        problem.place.file, problem.message
                    )
                }
                None => f.write_str("this version of Palisade refuses it"),
            },
        }
    }
}

impl std::error::Error for Unlike {}

impl Past {
    /// Makes the snapshot again of what [`Sources::shown`] gave.
    ///
    /// # Errors
    /// Where the parts are not laid out so, or do not make a snapshot.
    pub fn of(parts: &[Vec<u8>]) -> Result<Self, Unlike> {
        let [first, settings, files @ ..] = parts else { return Err(Unlike::Parts) };
        if first != DIGEST_OF {
            return Err(Unlike::Parts);
        }
        let settings = settings_of(text(settings)?)?;
        let (files, rest) = files.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(Unlike::Parts);
        }
        let mut issuers = 0_usize;
        let files = files.iter().map(|file| source(file, &mut issuers)).collect::<Result<_, _>>()?;
        let sources = Sources::new(files, Vec::new());
        let draft = Draft { sources, settings: Arc::new(settings), problems: Vec::new() };
        draft.checked(None, &policy::Alone, Secrets::Absent, 0).map(Self).map_err(Unlike::Invalid)
    }

    /// To ask it what it would have decided.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.0
    }

    /// Its digest, which is that of the snapshot that decided.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0.digest
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unlike> {
    std::str::from_utf8(bytes).map_err(|_| Unlike::Parts)
}

fn source(parts: &[Vec<u8>; 4], issuers: &mut usize) -> Result<SourceFile, Unlike> {
    let [word, within, name, says] = parts;
    let within = text(within)?;
    let role = match text(word)? {
        "schema" => Role::Schema,
        "policies" => {
            let tenant = (!within.is_empty()).then(|| TenantPath::parse(within));
            Role::Policies { confined_to: tenant.transpose().map_err(|_| Unlike::Parts)? }
        }
        "tenants" => Role::Tenants,
        "classes" => Role::Classes,
        "routes" => Role::Routes,
        "openapi" => Role::OpenApi,
        "descriptors" => Role::Descriptors,
        "graphql" => Role::GraphQl,
        // They stand in the order of their issuers.
        "jwks" => {
            *issuers += 1;
            Role::Jwks(*issuers - 1)
        }
        "api_keys" => Role::ApiKeys,
        _ => return Err(Unlike::Parts),
    };
    let name: Arc<str> = text(name)?.into();
    Ok(SourceFile { role, file: Arc::clone(&name), name, text: text(says)?.into() })
}

/// What of the settings a decision depends on that is asked again: who called and which tenant was meant is on record,
/// so the issuers, their keys and the places where tenants are named are not read.
fn settings_of(says: &str) -> Result<Settings, Unlike> {
    type Said = (serde::de::IgnoredAny, serde::de::IgnoredAny, Option<UnknownRoute>);
    let (_, _, unknown_route): Said = serde_json::from_str(says).map_err(|_| Unlike::Parts)?;
    Ok(Settings {
        issuers: Vec::new(),
        workloads: crate::identity::Workloads::default(),
        api_key_header: HeaderName::from_static("x-api-key"),
        purpose_header: HeaderName::from_static("x-purpose"),
        places: Places::default(),
        unknown_route: unknown_route.unwrap_or_default(),
        upstreams: None,
        assertion: None,
        text: says.into(),
    })
}
