//! The bytes of one file, why there are none, and whether it is still the same.
//!
//! Never: reads without bound, or from what is not a file.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::file;
use crate::limits;
use crate::snapshot::Role;

/// What tells whether a file or folder is still the one that was read.
pub(super) type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

pub(super) fn stamp(path: &Path) -> Stamp {
    let m = fs::metadata(path).ok()?;
    Some((m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()))
}

pub(in crate::reload) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let most = usize::try_from(limits::SOURCE_FILE_BYTES_MAX).unwrap_or(usize::MAX);
    file::bytes(path, most).map_err(|error| reason(&error))
}

/// The text of a file of this role; of descriptors, which are none, their bytes in base64. `None` if it is no text.
pub(super) fn text(role: &Role, bytes: Vec<u8>) -> Option<String> {
    match role {
        Role::Descriptors => Some(STANDARD.encode(bytes)),
        Role::Schema
        | Role::Policies { .. }
        | Role::Tenants
        | Role::Classes
        | Role::Routes
        | Role::OpenApi
        | Role::GraphQl
        | Role::Jwks(_)
        | Role::ApiKeys
        | Role::PseudonymKey
        | Role::TenantKeys
        | Role::AssertionKeys => String::from_utf8(bytes).ok(),
    }
}

pub(super) fn reason(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "it does not exist".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}
