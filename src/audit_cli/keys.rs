//! Keys that an auditor brings: as they are, or in files.
//!
//! Never: takes a key from the log itself for one that was brought.

use std::path::Path;

use crate::audit::note::VerifierKey;
use crate::file;
use crate::limits;

use super::Refused;

/// A C2SP verifier key (`name+id+key`), or a file that holds one.
pub(super) fn key(text: &str) -> Result<VerifierKey, Refused> {
    let path = Path::new(text);
    if !path.exists() {
        return VerifierKey::parse(text).map_err(|why| {
            Refused::usage(format!("`{text}` is neither a file nor a key: {why} (as in the log's `keys/`)"))
        });
    }
    let bad = |why: String| Refused::usage(format!("`{text}`: {why}"));
    let read = file::text(path, limits::NOTE_BYTES_MAX).map_err(|why| bad(why.to_string()))?;
    VerifierKey::parse(read.trim_end()).map_err(|why| bad(why.to_owned()))
}

/// All of them.
pub(super) fn keys(texts: &[String]) -> Result<Vec<VerifierKey>, Refused> {
    texts.iter().map(|text| key(text)).collect()
}
