//! Which files of the folder of policies are looked at, by their names.
//!
//! Never: opens one.

use std::ffi::OsStr;

use crate::cases;

/// A policy file, or links of templates.
pub(super) fn is_policy(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".cedar") || name.ends_with(b".links.yaml")
}

pub(super) fn is_test(name: &OsStr) -> bool {
    let ends = |ending: &str| name.as_encoded_bytes().ends_with(ending.as_bytes());
    ends(cases::ENDING) || ends(cases::CEDAR_ENDING)
}

/// Neither hidden (`.x`, `..data`, `.#x`), nor an editor's backup (`x~`, `#x#`).
pub(super) fn is_visible(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.starts_with(b".") && !name.starts_with(b"#") && !name.ends_with(b"~")
}
