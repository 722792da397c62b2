//! How hidden values are replaced, and how bodies leave.
//!
//! Never: opens a file.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::redact::Encoding;

use super::check::Checker;
use super::raw;

/// Codings that bodies leave in. One twice is no error: the first counts.
pub(super) fn encode(c: &mut Checker<'_>, raw: &raw::Redaction) -> Arc<[Encoding]> {
    let mut codings = Vec::new();
    for (at, name) in raw.encode.iter().enumerate() {
        match Encoding::named(name).filter(|coding| *coding != Encoding::Identity) {
            Some(coding) => codings.push(coding),
            None => {
                let known = Encoding::CODED.map(|coding| format!("`{}`", coding.name())).join(", ");
                let what = "a content coding that bodies can leave in";
                c.bad_value(&format!("redaction.encode.{at}"), what, &format!("use {known}"));
            }
        }
    }
    codings.into()
}

/// Where the files with tenants' keys lie. Only a file's own name may stand for several.
pub(super) fn key_files(c: &mut Checker<'_>, raw: &raw::Redaction) -> Vec<PathBuf> {
    for (at, path) in raw.key_files.iter().enumerate() {
        let folder = Path::new(path).parent().map(Path::to_string_lossy).unwrap_or_default();
        if path.is_empty() || path.ends_with('/') || folder.contains('*') {
            let hint = "write the name of a file, in which a `*` may stand: `keys/*.yaml`";
            c.bad_value(&format!("redaction.key_files.{at}"), "the name of files with keys", hint);
        }
    }
    raw.key_files.iter().map(|path| c.path(path)).collect()
}
