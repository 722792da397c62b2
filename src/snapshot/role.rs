//! The files of a snapshot: what each is for, where it lies, what it says.
//!
//! Never: shows the text of a secret.

use std::fmt;
use std::sync::Arc;

use crate::ids::TenantPath;
use crate::policy;

/// What a file of a snapshot is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The Cedar schema.
    Schema,
    /// Cedar policies; those of a tenant's folder are confined to its data.
    Policies {
        /// The tenant whose folder it lies in.
        confined_to: Option<TenantPath>,
    },
    /// The tree of tenants.
    Tenants,
    /// The tree of data classes.
    Classes,
    /// Routes written by hand.
    Routes,
    /// An OpenAPI document.
    OpenApi,
    /// A descriptor set of Protocol Buffers; its text is the bytes in base64.
    Descriptors,
    /// A schema of GraphQL.
    GraphQl,
    /// The public keys of the issuer with this position in [`super::Settings::issuers`].
    Jwks(usize),
    /// The API keys' hashes.
    ApiKeys,
    /// The one secret that masks are made with.
    PseudonymKey,
    /// The keys of one tenant's masks.
    TenantKeys,
    /// The keys that assertions for the app are signed with.
    AssertionKeys,
}

impl Role {
    /// The word for it in a digest.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Policies { .. } => "policies",
            Self::Tenants => "tenants",
            Self::Classes => "classes",
            Self::Routes => "routes",
            Self::OpenApi => "openapi",
            Self::Descriptors => "descriptors",
            Self::GraphQl => "graphql",
            Self::Jwks(_) => "jwks",
            Self::ApiKeys => "api_keys",
            Self::PseudonymKey => "pseudonym_key",
            Self::TenantKeys => "tenant_keys",
            Self::AssertionKeys => "assertion_keys",
        }
    }

    /// What a policy of such a file can reach at most, as its tenant's path: it is a part of what the file means.
    pub(super) fn within(&self) -> &str {
        match self {
            Self::Policies { confined_to } => confined_to.as_ref().map_or("", TenantPath::as_str),
            Self::Schema
            | Self::Tenants
            | Self::Classes
            | Self::Routes
            | Self::OpenApi
            | Self::Descriptors
            | Self::GraphQl
            | Self::Jwks(_)
            | Self::ApiKeys
            | Self::PseudonymKey
            | Self::TenantKeys
            | Self::AssertionKeys => "",
        }
    }

    /// Is what such files say a secret? Then it is never shown, and no digest that is shown knows of it.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        match self {
            Self::PseudonymKey | Self::TenantKeys | Self::AssertionKeys => true,
            Self::Schema
            | Self::Policies { .. }
            | Self::Tenants
            | Self::Classes
            | Self::Routes
            | Self::OpenApi
            | Self::Descriptors
            | Self::GraphQl
            | Self::Jwks(_)
            | Self::ApiKeys => false,
        }
    }
}

/// One file of a snapshot.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// What it is for.
    pub role: Role,
    /// Where it lies, relative to the config's folder: the same on every machine.
    pub name: Arc<str>,
    /// Where it lies, as the operator would name it.
    pub file: Arc<str>,
    /// What it says.
    pub text: Arc<str>,
}

impl SourceFile {
    /// The schema that Palisade ships, as a file: what holds where no other is named.
    #[must_use]
    pub fn shipped_schema() -> Self {
        let file: Arc<str> = "palisade.cedarschema".into();
        Self { role: Role::Schema, name: Arc::clone(&file), file, text: policy::SCHEMA.into() }
    }
}

impl fmt::Debug for SourceFile {
    /// Without the text, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} `{}`, {} bytes", self.role, self.file, self.text.len())
    }
}
