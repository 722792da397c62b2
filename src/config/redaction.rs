//! How hidden values are replaced, and how bodies leave.
//!
//! Never: opens a file.

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
